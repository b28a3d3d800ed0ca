//! Orders by state and day, and how many need what.

use sqlx::FromRow;

use crate::domain::orders::{OrderRef, PendingTask, Status};
use crate::domain::values::{Amount, Currency, Timestamp};
use crate::infra::store::columns::states_json;
use crate::infra::store::{Connection, StoreError};

/// Which orders the seller asks for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Empty: all.
    pub states: Vec<Status>,
    /// Of paid orders: those whose buyers have got everything on the order's page, or those who have not; `None`: all.
    pub is_delivered: Option<bool>,
    /// Placed on this day or later.
    pub since: Option<Timestamp>,
    /// Placed before the beginning of this day.
    pub before: Option<Timestamp>,
    pub currency: Option<Currency>,
}

/// A line of the seller's list.
#[derive(FromRow)]
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
    pub n_items: i64,
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
    /// As the seller said or as their node saw it settle, whichever is more.
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

#[derive(FromRow)]
struct EntryRow {
    id: i64,
    order_ref: OrderRef,
    status: Status,
    placed_at: Timestamp,
    shipping_name: Option<String>,
    shipping_price: Option<Amount>,
    discount_code: Option<String>,
    discount_percent: Option<i64>,
    discount_amount: Option<Amount>,
    transaction_id: Option<String>,
    total: Amount,
    amount: Amount,
    received: Amount,
    currency: String,
    items: String,
}

/// The orders that a [`Filter`] asks for.
macro_rules! wanted {
    ($how:literal) => {
        concat!(
            " from orders ",
            $how,
            r#"
        where status in (select value from json_each($1)) and $2 <= placed_at and placed_at < $3
            and ($4 is null or list_currency = $4)
            and ($5 is null or status not in ('confirmed', 'overpaid') or is_delivered = $5)
        "#
        )
    };
}

/// The same on one page: an order's number grows with its day, so that it serves as the place in the list.
macro_rules! chosen {
    ($how:literal) => {
        concat!(
            " from (select id",
            wanted!($how),
            r#" and id < $6 order by id desc limit $7
        ) as chosen
        join orders o on o.id = chosen.id
        join invoices i on i.order_id = o.id
        order by o.id desc
        "#
        )
    };
}

macro_rules! summary {
    () => {
        r#"
        select o.id, o.order_ref, o.status, o.placed_at, i.until, i.amount, i.received, i.seen, i.settled, i.currency,
            (select sum(l.quantity) from order_lines l where l.order_id = o.id) as n_items
        "#
    };
}

/// A few, found by the index.
const LIST: &str = concat!(summary!(), chosen!("indexed by orders_by_status"));
/// All of them, part by part: each order is read once, from the newest, where the index would be read once for each part.
const WALK: &str = concat!(summary!(), chosen!("not indexed"));
const BOOK: &str = concat!(
    r#"
    select o.id, o.order_ref, o.status, o.placed_at, o.shipping_name, o.shipping_price, o.discount_code,
        o.discount_percent, o.discount_amount, o.transaction_id, i.total, i.amount,
        max(i.received, coalesce(i.settled, 0)) as received, i.currency,
        (select json_group_array(json_array(l.name, l.option_name, l.quantity, l.price) order by l.position)
            from order_lines l where l.order_id = o.id) as items
    "#,
    chosen!("not indexed")
);
const COUNT: &str = concat!("select count(*)", wanted!("indexed by orders_by_status"));
const TO_GIVE_BACK: &str = r#"
    select o.order_ref, max(i.received, coalesce(i.seen, 0)) as amount, i.currency
    from orders o indexed by orders_by_status join invoices i on i.order_id = o.id
    where o.status = $1 and 0 < max(i.received, coalesce(i.seen, 0))
    order by o.placed_at, o.id limit $2
    "#;
const UNANSWERED: &str = r#"
    select o.order_ref from unanswered u cross join orders o on o.id = u.order_id
    where o.notification_hold = 0 order by u.message_id limit $1
    "#;
const COUNT_UNANSWERED: &str = r#"
    select count(*) from unanswered u cross join orders o on o.id = u.order_id where o.notification_hold = 0
    "#;
const COUNTS: &str = r#"
    select
        (select count(*) from orders where status in (select value from json_each($1))) as to_pay,
        (select count(*) from orders where status in (select value from json_each($2)))
            - (select count(*) from orders indexed by orders_delivered
                where is_delivered = 1 and status in (select value from json_each($2))) as to_send,
        (select count(*) from orders where status in (select value from json_each($3))) as to_decide,
        (select count(*) from unanswered cross join orders o on o.id = unanswered.order_id where o.notification_hold = 0) as to_answer
    "#;

const COUNT_STATES: &str = "select status, count(*) from orders group by status";

/// How many orders wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Counts {
    pub to_pay: i64,
    pub to_send: i64,
    /// Buyers who wrote last.
    pub to_answer: i64,
    /// Money that came too late.
    pub to_decide: i64,
}

/// The newest of the orders that are asked for, `most` at most.
pub async fn list(
    db: &mut Connection,
    filter: &Filter,
    most: i64,
) -> Result<Vec<OrderSummary>, StoreError> {
    list_by(LIST, db, filter, None, most).await
}

/// All of them, the newest first: `most` at most, below the last one that was listed before.
pub async fn list_next(
    db: &mut Connection,
    filter: &Filter,
    below: Option<&OrderSummary>,
    most: i64,
) -> Result<Vec<OrderSummary>, StoreError> {
    list_by(WALK, db, filter, below, most).await
}

async fn list_by(
    query: &'static str,
    db: &mut Connection,
    filter: &Filter,
    below: Option<&OrderSummary>,
    most: i64,
) -> Result<Vec<OrderSummary>, StoreError> {
    Ok(sqlx::query_as(query)
        .bind(filter.states_json())
        .bind(filter.first())
        .bind(filter.end())
        .bind(filter.currency.as_ref())
        .bind(filter.is_delivered)
        .bind(below.map_or(i64::MAX, |order| order.id))
        .bind(most)
        .fetch_all(db)
        .await?)
}

/// The same orders as the books want them.
pub async fn list_entries(
    db: &mut Connection,
    filter: &Filter,
    below: Option<&Entry>,
    most: i64,
) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<EntryRow> = sqlx::query_as(BOOK)
        .bind(filter.states_json())
        .bind(filter.first())
        .bind(filter.end())
        .bind(filter.currency.as_ref())
        .bind(filter.is_delivered)
        .bind(below.map_or(i64::MAX, |entry| entry.id))
        .bind(most)
        .fetch_all(db)
        .await?;
    rows.into_iter().map(EntryRow::entry).collect()
}

pub async fn count(db: &mut Connection, filter: &Filter) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT)
        .bind(filter.states_json())
        .bind(filter.first())
        .bind(filter.end())
        .bind(filter.currency.as_ref())
        .bind(filter.is_delivered)
        .fetch_one(db)
        .await?)
}

/// How many orders are in each state that any is in.
pub async fn count_states(db: &mut Connection) -> Result<Vec<(Status, i64)>, StoreError> {
    Ok(sqlx::query_as(COUNT_STATES).fetch_all(db).await?)
}

/// How many orders are to be paid, to be sent, to be answered and to be decided: however many are done.
pub async fn count_today(db: &mut Connection) -> Result<Counts, StoreError> {
    Ok(sqlx::query_as(COUNTS)
        .bind(states_json(&PendingTask::ToPay.states()))
        .bind(states_json(&PendingTask::ToShip.states()))
        .bind(states_json(&PendingTask::ToDecide.states()))
        .fetch_one(db)
        .await?)
}

/// Money of an order that will not be sent.
#[derive(FromRow)]
pub struct ToGiveBack {
    pub order_ref: OrderRef,
    pub amount: Amount,
    pub currency: String,
}

/// Cancelled orders for which something came and of which nobody has said that it went back, the oldest first.
pub async fn list_to_give_back(
    db: &mut Connection,
    most: i64,
) -> Result<Vec<ToGiveBack>, StoreError> {
    Ok(sqlx::query_as(TO_GIVE_BACK).bind(Status::Cancelled).bind(most).fetch_all(db).await?)
}

/// At most so many of the orders whose buyers wait for an answer, who has waited longest first.
pub async fn list_unanswered(db: &mut Connection, most: i64) -> Result<Vec<OrderRef>, StoreError> {
    Ok(sqlx::query_scalar(UNANSWERED).bind(most).fetch_all(db).await?)
}

pub async fn count_unanswered(db: &mut Connection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(COUNT_UNANSWERED).fetch_one(db).await?)
}

impl Filter {
    pub(super) fn states(&self) -> &[Status] {
        if self.states.is_empty() { &Status::ALL } else { &self.states }
    }

    pub(super) fn states_json(&self) -> String {
        states_json(self.states())
    }

    pub(super) fn first(&self) -> i64 {
        self.since.map_or(0, Timestamp::get)
    }

    pub(super) fn end(&self) -> i64 {
        self.before.map_or(i64::MAX, Timestamp::get)
    }
}

impl EntryRow {
    fn entry(self) -> Result<Entry, StoreError> {
        let items: Vec<(String, String, i64, i64)> =
            serde_json::from_str(&self.items).map_err(|_| StoreError::Row("items"))?;
        let item = |(name, option_name, quantity, price)| {
            let price = Amount::new(price).map_err(|_| StoreError::Row("price"))?;
            Ok(Item { name, option_name, quantity, price })
        };
        let discount = self.discount_code.zip(self.discount_amount);
        Ok(Entry {
            id: self.id,
            order_ref: self.order_ref,
            day: self.placed_at,
            status: self.status,
            items: items.into_iter().map(item).collect::<Result<_, StoreError>>()?,
            sending: self.shipping_name.zip(self.shipping_price),
            discount: discount.map(|(code, less)| Rebate {
                code,
                percent: self.discount_percent,
                less,
            }),
            total: self.total,
            amount: self.amount,
            received: self.received,
            currency: self.currency,
            transaction: self.transaction_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    #[test]
    fn every_list_is_found_by_an_index() {
        with_shop(async |db| {
            for query in [LIST, COUNT, UNANSWERED, COUNTS, TO_GIVE_BACK] {
                let steps = query_plan(&db, query).await;
                let is_by_index = steps.iter().any(|step| {
                    step.contains("INDEX orders_by_status (status=?")
                        || step.contains("COVERING INDEX unanswered_by_message")
                });
                assert!(is_by_index, "{steps:#?}");
                let may_scan =
                    ["chosen", "json_each", "CONSTANT ROW", "unanswered", "COVERING INDEX"];
                assert_scans_only(&steps, &may_scan);
            }
            // No part of a long list is sorted, and each begins where the last one ended.
            for query in [WALK, BOOK] {
                let steps = query_plan(&db, query).await;
                let walk = "SEARCH orders USING INTEGER PRIMARY KEY (rowid<?)";
                assert!(steps.iter().any(|step| step == walk), "{steps:#?}");
                assert_scans_only(&steps, &["chosen", "json_each"]);
            }
        });
    }
}
