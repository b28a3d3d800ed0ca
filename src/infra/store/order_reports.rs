//! Orders by state and day, and how many need what.

use crate::domain::orders::OrderRef;
use crate::domain::orders::PendingTask;
use crate::domain::orders::Status;
use crate::domain::values::Amount;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::catalog::gwei;
use crate::infra::store::orders::moment;
use crate::infra::store::orders::parse_ref;
use crate::infra::store::orders::parse_status;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Which orders the seller asks for.
pub struct Filter {
    /// Empty: wherever they stand.
    pub states: Vec<Status>,
    /// Placed on this day or later.
    pub since: Option<Timestamp>,
    /// Placed before the beginning of this day.
    pub before: Option<Timestamp>,
}

/// A line of the seller's list.
pub struct OrderSummary {
    /// Where the list goes on below it.
    pub(super) id: i64,
    pub order_ref: OrderRef,
    pub status: Status,
    pub placed_at: Timestamp,
    pub until: Timestamp,
    pub amount: Amount,
    pub received: Amount,
    /// By the seller's node; `None`: no node follows it.
    pub seen: Option<Amount>,
    pub settled: Option<Amount>,
    pub currency: String,
    pub n_pieces: i64,
}

/// A line of the seller's books: nothing of the buyer, but the transaction.
pub struct Entry {
    id: i64,
    pub order_ref: OrderRef,
    pub day: Timestamp,
    pub status: Status,
    pub items: Vec<Item>,
    pub sending: Option<(String, Amount)>,
    pub discount: Option<Rebate>,
    pub total: Amount,
    /// What was asked for: the total, and what tells this payment from others.
    pub amount: Amount,
    /// By the seller's word or as their node saw it settle, whichever is more.
    pub received: Amount,
    pub currency: String,
    pub transaction: Option<String>,
}

pub struct Item {
    pub name: String,
    pub option_name: String,
    pub quantity: i64,
    pub price: Amount,
}

pub struct Rebate {
    pub code: String,
    /// `None`: an amount was taken off.
    pub percent: Option<i64>,
    pub less: Amount,
}

// In all three the first select reads the index alone, whatever is asked for, and only the orders that are shown are
// looked up: an order's number grows with its day, so that it serves as the place in the list.
const TO_GIVE_BACK: &str = "\
    select o.order_ref, max(i.received, coalesce(i.seen, 0)) as came, i.currency \
    from orders o indexed by orders_by_status join invoices i on i.order_id = o.id \
    where o.status = 'cancelled' and 0 < max(i.received, coalesce(i.seen, 0)) order by o.placed_at, o.id limit ?";
const LIST: &str = "\
    select o.id, o.order_ref, o.status, o.placed_at, i.until, i.amount, i.received, i.seen, i.settled, i.currency, \
        (select sum(l.quantity) from order_lines l where l.order_id = o.id) as pieces \
    from (select id from orders indexed by orders_by_status \
        where status in (select value from json_each(?1)) and ?2 <= placed_at and placed_at < ?3 and id < ?4 \
        order by id desc limit ?5) as chosen \
    join orders o on o.id = chosen.id join invoices i on i.order_id = o.id order by o.id desc";
const BOOK: &str = "\
    select o.id, o.order_ref, o.status, o.placed_at, o.sending_name, o.sending_price, o.discount_code, \
        o.discount_percent, o.discount_less, o.transaction_id, i.total, i.amount, \
        max(i.received, coalesce(i.settled, 0)) as received, i.currency, \
        (select json_group_array(json_array(l.name, l.option_name, l.quantity, l.price) order by l.position) \
         from order_lines l where l.order_id = o.id) as items \
    from (select id from orders indexed by orders_by_status \
        where status in (select value from json_each(?1)) and ?2 <= placed_at and placed_at < ?3 and id < ?4 \
        order by id desc limit ?5) as chosen \
    join orders o on o.id = chosen.id join invoices i on i.order_id = o.id order by o.id desc";
const COUNT: &str = "\
    select count(*) from orders indexed by orders_by_status \
    where status in (select value from json_each(?1)) and ?2 <= placed_at and placed_at < ?3";
const UNANSWERED: &str = "\
    select o.order_ref from unanswered u join orders o on o.id = u.order_id order by u.asked";
const COUNTS: &str = "\
    select (select count(*) from orders where status in (select value from json_each(?1))) as to_pay, \
        (select count(*) from orders where status in (select value from json_each(?2))) as to_send, \
        (select count(*) from orders where status in (select value from json_each(?3))) as to_decide, \
        (select count(*) from unanswered) as to_answer";

/// What waits, at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub to_pay: i64,
    pub to_send: i64,
    /// Buyers who wrote last.
    pub to_answer: i64,
    /// Money that came too late.
    pub to_decide: i64,
}

/// The orders that are asked for, the newest first, `most` at most, below one that was listed before.
pub async fn list(
    db: &Db,
    filter: &Filter,
    below: Option<&OrderSummary>,
    most: i64,
) -> Result<Vec<OrderSummary>, StoreError> {
    let rows = sqlx::query(LIST)
        .bind(filter.states_json())
        .bind(filter.first())
        .bind(filter.end())
        .bind(below.map_or(i64::MAX, |order| order.id))
        .bind(most)
        .fetch_all(&db.read)
        .await?;
    rows.iter().map(parse_summary).collect()
}

/// The same orders as the books want them.
pub async fn list_entries(
    db: &Db,
    filter: &Filter,
    below: Option<&Entry>,
    most: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows = sqlx::query(BOOK)
        .bind(filter.states_json())
        .bind(filter.first())
        .bind(filter.end())
        .bind(below.map_or(i64::MAX, |entry| entry.id))
        .bind(most)
        .fetch_all(&db.read)
        .await?;
    rows.iter().map(parse_entry).collect()
}

pub async fn count(db: &Db, filter: &Filter) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT)
        .bind(filter.states_json())
        .bind(filter.first())
        .bind(filter.end())
        .fetch_one(&db.read)
        .await?)
}

/// How many orders are to be paid, to be sent, to be answered and to be decided: however many are done.
pub async fn count_today(db: &Db) -> Result<Counts, StoreError> {
    let [pay, send, decide] =
        [PendingTask::ToPay, PendingTask::ToSend, PendingTask::ToDecide].map(PendingTask::states);
    let row = sqlx::query(COUNTS)
        .bind(states_json(&pay))
        .bind(states_json(&send))
        .bind(states_json(&decide))
        .fetch_one(&db.read)
        .await?;
    Ok(Counts {
        to_pay: row.try_get("to_pay")?,
        to_send: row.try_get("to_send")?,
        to_answer: row.try_get("to_answer")?,
        to_decide: row.try_get("to_decide")?,
    })
}

/// Money of an order that will not be sent.
pub struct ToGiveBack {
    pub order_ref: OrderRef,
    pub amount: Amount,
    pub currency: String,
}

/// Cancelled orders for which something came and of which nobody has said that it went back, the oldest first.
pub async fn list_to_give_back(db: &Db, most: i64) -> Result<Vec<ToGiveBack>, StoreError> {
    let rows = sqlx::query(TO_GIVE_BACK).bind(most).fetch_all(&db.read).await?;
    let parse = |row: &SqliteRow| {
        let (amount, currency) = (gwei(row, "came")?, row.try_get("currency")?);
        Ok(ToGiveBack { order_ref: parse_ref(row)?, amount, currency })
    };
    rows.iter().map(parse).collect()
}

/// The orders whose buyers wait for an answer, who has waited longest first.
pub async fn list_unanswered(db: &Db) -> Result<Vec<OrderRef>, StoreError> {
    let rows = sqlx::query(UNANSWERED).fetch_all(&db.read).await?;
    rows.iter().map(parse_ref).collect()
}

impl Filter {
    fn states_json(&self) -> String {
        let states = if self.states.is_empty() { &Status::ALL[..] } else { &self.states };
        states_json(states)
    }

    fn first(&self) -> i64 {
        self.since.map_or(0, Timestamp::get)
    }

    fn end(&self) -> i64 {
        self.before.map_or(i64::MAX, Timestamp::get)
    }
}

pub(super) fn states_json(states: &[Status]) -> String {
    let words: Vec<&str> = states.iter().map(|status| status.as_str()).collect();
    serde_json::json!(words).to_string()
}

pub(super) fn parse_summary(row: &SqliteRow) -> Result<OrderSummary, StoreError> {
    Ok(OrderSummary {
        id: row.try_get("id")?,
        order_ref: parse_ref(row)?,
        status: parse_status(row)?,
        placed_at: moment(row, "placed_at")?,
        until: moment(row, "until")?,
        amount: gwei(row, "amount")?,
        received: gwei(row, "received")?,
        seen: sum(row, "seen")?,
        settled: sum(row, "settled")?,
        currency: row.try_get("currency")?,
        n_pieces: row.try_get("pieces")?,
    })
}

fn sum(row: &SqliteRow, column: &'static str) -> Result<Option<Amount>, StoreError> {
    let sum: Option<i64> = row.try_get(column)?;
    sum.map(|n| Amount::new(n).map_err(|_| StoreError::Row(column))).transpose()
}

fn parse_entry(row: &SqliteRow) -> Result<Entry, StoreError> {
    let sending: Option<String> = row.try_get("sending_name")?;
    let discount: Option<String> = row.try_get("discount_code")?;
    let items: Vec<(String, String, i64, i64)> =
        serde_json::from_str(row.try_get("items")?).map_err(|_| StoreError::Row("items"))?;
    let parse_item = |(name, option_name, quantity, price)| {
        let price = Amount::new(price).map_err(|_| StoreError::Row("price"))?;
        Ok(Item { name, option_name, quantity, price })
    };
    Ok(Entry {
        id: row.try_get("id")?,
        order_ref: parse_ref(row)?,
        day: moment(row, "placed_at")?,
        status: parse_status(row)?,
        items: items.into_iter().map(parse_item).collect::<Result<_, StoreError>>()?,
        sending: sending
            .map(|name| Ok::<_, StoreError>((name, gwei(row, "sending_price")?)))
            .transpose()?,
        discount: discount
            .map(|code| {
                let percent = row.try_get("discount_percent")?;
                Ok::<_, StoreError>(Rebate { code, percent, less: gwei(row, "discount_less")? })
            })
            .transpose()?,
        total: gwei(row, "total")?,
        amount: gwei(row, "amount")?,
        received: gwei(row, "received")?,
        currency: row.try_get("currency")?,
        transaction: row.try_get("transaction_id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_found_by_an_index() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            for query in [LIST, BOOK, COUNT, UNANSWERED, COUNTS, TO_GIVE_BACK] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .bind("[]")
                        .bind(0)
                        .bind(0)
                        .bind(0)
                        .bind(0)
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
                let is_by_index = steps.iter().any(|step| {
                    step.contains("COVERING INDEX orders_by_status")
                        || step.contains("INDEX orders_by_status (status=?)")
                        || step.contains("COVERING INDEX unanswered_by_asked")
                });
                assert!(is_by_index, "{steps:#?}");
                // What is read from end to end is what was chosen before.
                for step in steps.iter().filter(|step| step.starts_with("SCAN")) {
                    let is_small =
                        ["SCAN chosen", "SCAN json_each", "SCAN CONSTANT ROW", "SCAN unanswered"]
                            .iter()
                            .any(|small| step.starts_with(small));
                    assert!(is_small || step.contains("COVERING INDEX"), "{steps:#?}");
                }
            }
            db.close().await;
        });
    }
}
