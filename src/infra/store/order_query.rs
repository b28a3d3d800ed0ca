//! The desk's list of orders, page by page, with every filter along an index.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::{OrderRef, PendingTask, RefPart, Status};
use crate::domain::values::Currency;
use crate::infra::store::columns::states_json;
use crate::infra::store::order_reports::{Filter, OrderSummary};
use crate::infra::store::{Connection, StoreError};

#[cfg(test)]
mod tests;

/// Which orders the seller wants to see, and in which order. By default all.
#[derive(Default)]
pub struct OrderQuery {
    pub filter: Filter,
    /// Only those whose buyers wait for an answer.
    pub is_unanswered: bool,
    pub part: Option<RefPart>,
    pub sort: Sort,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Newest,
    Oldest,
    /// The largest first, currency by currency.
    Amount,
}

/// A place in the list: that of an order, whether or not it is still there. So the pages stay what they are while orders
/// come in and are erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Empty, and 0 for the amount, where the list does not go by amounts.
    currency: String,
    amount: i64,
    placed_at: i64,
    id: i64,
}

/// A line of the list.
#[derive(FromRow)]
pub struct ListedOrder {
    #[sqlx(flatten)]
    pub order: OrderSummary,
    pub is_unanswered: bool,
    /// `2 x Green Tea; 1 x Wool Socks, Red`.
    pub items: String,
}

pub struct Page {
    pub orders: Vec<ListedOrder>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<Cursor>,
}

/// The cursors of the orders in one state, in one row, since each row by itself costs more than to find it.
///
/// `$1` state, `$2` and `$3` from which moment and before which one, `$4` part of the reference, `$5` how many,
/// `$6` to `$9` moment, id, currency and amount of the order after which they begin, `$10` whether they are delivered, null: all.
macro_rules! cursors {
    ($cursor:literal, $index:literal, $condition:literal, $order:literal) => {
        concat!(
            "select json_group_array(json_array(currency, amount, placed_at, id)) from (select ",
            $cursor,
            ", placed_at, id from orders indexed by ",
            $index,
            " where status = $1 and $2 <= placed_at and placed_at < $3 and ",
            $condition,
            " and ($4 is null or instr(order_ref, $4)) and ($10 is null or is_delivered = $10) order by ",
            $order,
            " limit $5)"
        )
    };
}

// One state at a time: so each goes along its index, and ends with the page.
const NEWEST: &str = cursors!(
    "'' as currency, 0 as amount",
    "orders_by_status",
    "(placed_at, id) < ($6, $7)",
    "placed_at desc, id desc"
);
const OLDEST: &str = cursors!(
    "'' as currency, 0 as amount",
    "orders_by_status",
    "($6, $7) < (placed_at, id)",
    "placed_at, id"
);
const NEWEST_OF_CURRENCY: &str = cursors!(
    "'' as currency, 0 as amount",
    "orders_by_currency",
    "(placed_at, id) < ($6, $7) and list_currency = $8",
    "placed_at desc, id desc"
);
const OLDEST_OF_CURRENCY: &str = cursors!(
    "'' as currency, 0 as amount",
    "orders_by_currency",
    "($6, $7) < (placed_at, id) and list_currency = $8",
    "placed_at, id"
);
const BY_AMOUNT: &str = cursors!(
    "list_currency as currency, list_amount as amount",
    "orders_by_amount",
    "(list_amount, placed_at, id) < ($9, $6, $7) and list_currency = $8",
    "list_amount desc, placed_at desc, id desc"
);
/// The few that hold a part of a reference are found first, in an index of references alone.
const BY_PART: &str = r#"
    select json_group_array(id), count(*)
    from (select id from orders where instr(order_ref, $1) limit $2)
    "#;
/// Those of a few that are wanted. `$1`: which; `$2`: whether those that wait for an answer are meant instead.
const OF_FEW: &str = r#"
    select json_group_array(json_array(o.list_currency, o.list_amount, o.placed_at, o.id))
    from (
        select value as id from json_each($1) where not $2
        union all select order_id from unanswered cross join orders q on q.id = unanswered.order_id where $2 and q.notification_hold = 0
    ) few
    cross join orders o on o.id = few.id
    where o.status in (select value from json_each($3)) and $4 <= o.placed_at and o.placed_at < $5
        and ($6 is null or instr(o.order_ref, $6)) and ($7 is null or o.list_currency = $7)
        and ($8 is null or o.status not in ('confirmed', 'overpaid') or o.is_delivered = $8)
    "#;
const LISTED: &str = r#"
    select o.id, o.order_ref, o.status, o.placed_at, i.until, i.amount, i.received, i.seen, i.settled, i.currency,
        (select sum(l.quantity) from order_lines l where l.order_id = o.id) as n_items,
        coalesce((
            select group_concat(
                l.quantity || ' x ' || l.name || case when l.option_name = '' then '' else ', ' || l.option_name end,
                '; ' order by l.position)
            from order_lines l where l.order_id = o.id), '') as items,
        o.notification_hold = 0 and exists (select 1 from unanswered u where u.order_id = o.id) as is_unanswered
    from (select value as id from json_each($1)) chosen
    cross join orders o on o.id = chosen.id
    join invoices i on i.order_id = o.id
    "#;
/// Each currency that orders were placed in, from one to the next in the index.
const CURRENCIES: &str = r#"
    with recursive found (status, currency) as (
        select s.value, (select min(list_currency) from orders where status = s.value) from json_each($1) s
        union all
        select status, (
            select min(o.list_currency) from orders o
            where o.status = found.status and found.currency < o.list_currency)
        from found where currency is not null)
    select distinct currency from found where currency <> '' order by currency
    "#;

/// Units: orders that are few. More of them hold one letter, so that a page is soon full of them; two letters are
/// held by one order in a hundred.
const FEW: i64 = 2_000;

/// A page of the orders that are wanted, `most` at most, after the place where another page ended.
pub async fn list(
    db: &mut Connection,
    query: &OrderQuery,
    after: Option<&Cursor>,
    most: usize,
) -> Result<Page, StoreError> {
    let mut cursors = match find_few(db, query).await? {
        Some(few) => few,
        None => find_by_state(db, query, after, most).await?,
    };
    cursors.retain(|cursor| {
        after.is_none_or(|after| query.sort.compare(after, cursor) == Ordering::Less)
    });
    cursors.sort_by(|one, other| query.sort.compare(one, other));
    let next = if most < cursors.len() { cursors.get(most - 1).cloned() } else { None };
    cursors.truncate(most);
    Ok(Page { orders: list_at(db, &cursors).await?, next })
}

/// The orders that are to be sent, the oldest first.
pub async fn list_to_send(db: &mut Connection, most: usize) -> Result<Vec<OrderRef>, StoreError> {
    let filter = Filter {
        states: PendingTask::ToShip.states(),
        is_delivered: PendingTask::ToShip.is_delivered(),
        ..Filter::default()
    };
    let query = OrderQuery { filter, sort: Sort::Oldest, ..OrderQuery::default() };
    let page = list(db, &query, None, most).await?;
    Ok(page.orders.into_iter().map(|listed| listed.order.order_ref).collect())
}

/// The currencies that orders were placed in.
pub async fn list_currencies(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(CURRENCIES).bind(states_json(&Status::ALL)).fetch_all(db).await?)
}

/// Where only few orders come into question, all of them that are wanted.
async fn find_few(
    db: &mut Connection,
    query: &OrderQuery,
) -> Result<Option<Vec<Cursor>>, StoreError> {
    let mut ids = "[]".to_owned();
    if !query.is_unanswered {
        let Some(part) = &query.part else { return Ok(None) };
        let (found, n_found): (String, i64) =
            sqlx::query_as(BY_PART).bind(part.as_str()).bind(FEW + 1).fetch_one(&mut *db).await?;
        if FEW < n_found {
            return Ok(None);
        }
        ids = found;
    }
    let found = sqlx::query_scalar(OF_FEW)
        .bind(ids)
        .bind(query.is_unanswered)
        .bind(query.filter.states_json())
        .bind(query.filter.first())
        .bind(query.filter.end())
        .bind(query.part())
        .bind(query.filter.currency.as_ref())
        .bind(query.filter.is_delivered)
        .fetch_one(db)
        .await?;
    Ok(Some(parse_cursors(found)?))
}

/// As many as a page needs of each state; with amounts, of each currency in turn until the page is full.
async fn find_by_state(
    db: &mut Connection,
    query: &OrderQuery,
    after: Option<&Cursor>,
    most: usize,
) -> Result<Vec<Cursor>, StoreError> {
    let currencies = match (&query.filter.currency, query.sort) {
        (Some(currency), _) => vec![Some(currency.as_str().to_owned())],
        (None, Sort::Amount) => list_currencies(db).await?.into_iter().map(Some).collect(),
        (None, _) => vec![None],
    };
    let mut cursors = Vec::new();
    for currency in &currencies {
        for status in query.filter.states() {
            let of_state = (*status, currency.as_deref());
            cursors.extend(find_in_state(db, query, of_state, after, most).await?);
        }
        if most < cursors.len() {
            break;
        }
    }
    Ok(cursors)
}

async fn find_in_state(
    db: &mut Connection,
    query: &OrderQuery,
    (status, currency): (Status, Option<&str>),
    after: Option<&Cursor>,
    most: usize,
) -> Result<Vec<Cursor>, StoreError> {
    let mut amount = i64::MAX;
    let (statement, mut placed_at, mut id) = match (query.sort, currency) {
        (Sort::Newest, None) => (NEWEST, query.filter.end(), 0),
        (Sort::Newest, Some(_)) => (NEWEST_OF_CURRENCY, query.filter.end(), 0),
        (Sort::Oldest, None) => (OLDEST, query.filter.first(), 0),
        (Sort::Oldest, Some(_)) => (OLDEST_OF_CURRENCY, query.filter.first(), 0),
        (Sort::Amount, _) => (BY_AMOUNT, i64::MAX, i64::MAX),
    };
    if let Some(after) = after {
        if query.sort != Sort::Amount {
            (placed_at, id) = (after.placed_at, after.id);
        } else if currency == Some(after.currency.as_str()) {
            (amount, placed_at, id) = (after.amount, after.placed_at, after.id);
        } else if currency < Some(after.currency.as_str()) {
            return Ok(Vec::new());
        }
    }
    // SQLite begins at the bound on the day alone: so that is as near as the cursor.
    let (first, end) = match query.sort {
        Sort::Newest => (query.filter.first(), placed_at.saturating_add(1)),
        Sort::Oldest => (placed_at, query.filter.end()),
        Sort::Amount => (query.filter.first(), query.filter.end()),
    };
    let found = sqlx::query_scalar(statement)
        .bind(status)
        .bind(first)
        .bind(end)
        .bind(query.part())
        .bind(i64::try_from(most + 1).unwrap_or(i64::MAX))
        .bind(placed_at)
        .bind(id)
        .bind(currency)
        .bind(amount)
        .bind(query.filter.is_delivered.filter(|_| status.pending_task() == PendingTask::ToShip))
        .fetch_one(db)
        .await?;
    parse_cursors(found)
}

/// The orders at these places, in their order; what was erased meanwhile is left out.
async fn list_at(db: &mut Connection, cursors: &[Cursor]) -> Result<Vec<ListedOrder>, StoreError> {
    let ids: Vec<i64> = cursors.iter().map(|cursor| cursor.id).collect();
    let rows: Vec<ListedOrder> =
        sqlx::query_as(LISTED).bind(json!(ids).to_string()).fetch_all(db).await?;
    let mut found: HashMap<i64, ListedOrder> =
        rows.into_iter().map(|listed| (listed.order.id, listed)).collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

impl OrderQuery {
    pub(super) fn part(&self) -> Option<&str> {
        self.part.as_ref().map(RefPart::as_str)
    }
}

impl Sort {
    fn compare(self, one: &Cursor, other: &Cursor) -> Ordering {
        let by_day = (one.placed_at, one.id).cmp(&(other.placed_at, other.id));
        match self {
            Self::Oldest => by_day,
            Self::Newest => by_day.reverse(),
            Self::Amount => one
                .currency
                .cmp(&other.currency)
                .then(other.amount.cmp(&one.amount))
                .then(by_day.reverse()),
        }
    }
}

impl Cursor {
    /// Reads what [`Cursor`]'s `Display` wrote, from an address.
    pub fn parse(text: &str) -> Option<Self> {
        let [currency, amount, placed_at, id] = text.split('-').collect::<Vec<_>>()[..] else {
            return None;
        };
        let number = |text: &str| text.parse::<i64>().ok().filter(|n| 0 <= *n);
        let currency = match currency {
            "" => String::new(),
            name => Currency::parse(name).ok()?.as_str().to_owned(),
        };
        let (amount, placed_at, id) = (number(amount)?, number(placed_at)?, number(id)?);
        Some(Self { currency, amount, placed_at, id })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}-{}", self.currency, self.amount, self.placed_at, self.id)
    }
}

fn parse_cursors(found: String) -> Result<Vec<Cursor>, StoreError> {
    let rows: Vec<(String, i64, i64, i64)> =
        serde_json::from_str(&found).map_err(|_| StoreError::Row("cursors"))?;
    let cursor = |(currency, amount, placed_at, id)| Cursor { currency, amount, placed_at, id };
    Ok(rows.into_iter().map(cursor).collect())
}
