//! The desk's list of orders, page by page, with every filter along an index.

use crate::domain::orders::OrderRef;
use crate::domain::orders::PendingTask;
use crate::domain::orders::RefPart;
use crate::domain::orders::Status;
use crate::domain::values::Currency;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::order_reports::OrderSummary;
use crate::infra::store::order_reports::parse_summary;
use crate::infra::store::order_reports::states_json;
use sqlx::Row;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Which orders the seller wants to see, and in which order.
pub struct Wanted {
    /// Empty: wherever they stand.
    pub states: Vec<Status>,
    /// Only those whose buyers wait for an answer.
    pub is_unanswered: bool,
    pub currency: Option<Currency>,
    /// Placed on this day or later.
    pub since: Option<Timestamp>,
    /// Placed before the beginning of this day.
    pub before: Option<Timestamp>,
    pub part: Option<RefPart>,
    pub sort: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Newest,
    Oldest,
    /// The largest first, currency by currency.
    Amount,
}

/// A place in the list: that of an order, whether or not it is still there. So the pages stay what they are while orders
/// come in and are erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Empty, and 0 for the amount, where the list does not go by amounts.
    currency: String,
    amount: i64,
    placed_at: i64,
    id: i64,
}

/// A line of the list.
pub struct Listed {
    pub order: OrderSummary,
    pub is_unanswered: bool,
    /// `2 x Green Tea; 1 x Wool Socks, Red`.
    pub items: String,
}

pub struct Page {
    pub orders: Vec<Listed>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<Place>,
}

/// What makes a [`Place`], along which index, what every walk asks for, and how many it gives: in one row, since each row by
/// itself costs more than to find it.
macro_rules! walk {
    ($place:literal, $index:literal, $condition:literal, $order:literal) => {
        concat!(
            "select json_group_array(json_array(currency, amount, placed_at, id)) from (select ",
            $place,
            ", placed_at, id from orders indexed by ",
            $index,
            " where status = ?1 and ?2 <= placed_at and placed_at < ?3 and ",
            $condition,
            " and (?4 = '' or instr(order_ref, ?4)) order by ",
            $order,
            " limit ?5)"
        )
    };
}

// One state at a time: so each walk goes along its index, and ends with the page.
const NEWEST: &str = walk!(
    "'' as currency, 0 as amount",
    "orders_by_status",
    "(placed_at, id) < (?6, ?7)",
    "placed_at desc, id desc"
);
const OLDEST: &str = walk!(
    "'' as currency, 0 as amount",
    "orders_by_status",
    "(?6, ?7) < (placed_at, id)",
    "placed_at, id"
);
const NEWEST_OF_CURRENCY: &str = walk!(
    "'' as currency, 0 as amount",
    "orders_by_currency",
    "(placed_at, id) < (?6, ?7) and list_currency = ?8",
    "placed_at desc, id desc"
);
const OLDEST_OF_CURRENCY: &str = walk!(
    "'' as currency, 0 as amount",
    "orders_by_currency",
    "(?6, ?7) < (placed_at, id) and list_currency = ?8",
    "placed_at, id"
);
const BY_AMOUNT: &str = walk!(
    "list_currency as currency, list_amount as amount",
    "orders_by_amount",
    "(list_amount, placed_at, id) < (?9, ?6, ?7) and list_currency = ?8",
    "list_amount desc, placed_at desc, id desc"
);
/// The few that hold a part of a reference are found first, in an index of references alone.
const BY_PART: &str = "\
    select json_group_array(id), count(*) from (select id from orders where instr(order_ref, ?) limit ?)";
/// Those of a few that are wanted. `?1`: which; `?2`: whether those that wait for an answer are meant instead.
const OF_FEW: &str = "\
    select json_group_array(json_array(o.list_currency, o.list_amount, o.placed_at, o.id)) \
    from (select value as id from json_each(?1) where not ?2 union all select order_id from unanswered where ?2) few \
    cross join orders o on o.id = few.id \
    where o.status in (select value from json_each(?3)) and ?4 <= o.placed_at and o.placed_at < ?5 \
        and (?6 = '' or instr(o.order_ref, ?6)) and (?7 = '' or o.list_currency = ?7)";
const LISTED: &str = "\
    select o.id, o.order_ref, o.status, o.placed_at, i.until, i.amount, i.received, i.seen, i.settled, i.currency, \
        (select sum(l.quantity) from order_lines l where l.order_id = o.id) as pieces, \
        (select group_concat(l.quantity || ' x ' || l.name || iif(l.option_name = '', '', ', ' || l.option_name), '; ' order by l.position) \
         from order_lines l where l.order_id = o.id) as items, \
        exists (select 1 from unanswered u where u.order_id = o.id) as is_unanswered \
    from (select value as id from json_each(?)) chosen \
    cross join orders o on o.id = chosen.id join invoices i on i.order_id = o.id";
/// Each currency that orders were placed in, from place to place in the index.
const CURRENCIES: &str = "\
    with recursive found (status, currency) as ( \
        select s.value, (select min(list_currency) from orders where status = s.value) from json_each(?) s \
        union all \
        select status, (select min(o.list_currency) from orders o where o.status = found.status and found.currency < o.list_currency) \
        from found where currency is not null) \
    select distinct currency from found where currency <> '' order by currency";

/// Units: orders that are few. More of them hold one letter, so that a walk soon has a page full of them; two letters are
/// held by one order in a hundred.
const FEW: i64 = 2_000;

/// A page of the orders that are wanted, `most` at most, after a place where another page ended.
pub async fn list(
    db: &Db,
    wanted: &Wanted,
    after: Option<&Place>,
    most: usize,
) -> Result<Page, StoreError> {
    let mut places = match find_few(db, wanted).await? {
        Some(few) => few,
        None => walk(db, wanted, after, most).await?,
    };
    places.retain(|place| {
        after.is_none_or(|after| wanted.sort.compare(after, place) == Ordering::Less)
    });
    places.sort_by(|one, other| wanted.sort.compare(one, other));
    let next = if most < places.len() { places.get(most - 1).cloned() } else { None };
    places.truncate(most);
    Ok(Page { orders: list_at(db, &places).await?, next })
}

/// The orders that are to be sent, the oldest first.
pub async fn list_to_send(db: &Db, most: usize) -> Result<Vec<OrderRef>, StoreError> {
    let wanted = Wanted {
        states: PendingTask::ToSend.states(),
        is_unanswered: false,
        currency: None,
        since: None,
        before: None,
        part: None,
        sort: Sort::Oldest,
    };
    let page = list(db, &wanted, None, most).await?;
    Ok(page.orders.into_iter().map(|listed| listed.order.order_ref).collect())
}

/// The currencies that orders were placed in.
pub async fn list_currencies(db: &Db) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(CURRENCIES).bind(states_json(&Status::ALL)).fetch_all(&db.read).await?)
}

/// Where only few orders come into question, all of them that are wanted.
async fn find_few(db: &Db, wanted: &Wanted) -> Result<Option<Vec<Place>>, StoreError> {
    let mut ids = "[]".to_owned();
    if !wanted.is_unanswered {
        let Some(part) = &wanted.part else { return Ok(None) };
        let (found, n_found): (String, i64) =
            sqlx::query_as(BY_PART).bind(part.as_str()).bind(FEW + 1).fetch_one(&db.read).await?;
        if FEW < n_found {
            return Ok(None);
        }
        ids = found;
    }
    let found = sqlx::query_scalar(OF_FEW)
        .bind(ids)
        .bind(wanted.is_unanswered)
        .bind(states_json(wanted.states()))
        .bind(wanted.first())
        .bind(wanted.end())
        .bind(wanted.part())
        .bind(wanted.currency.as_ref().map_or("", Currency::as_str))
        .fetch_one(&db.read)
        .await?;
    Ok(Some(parse_places(found)?))
}

/// As many as a page needs of each state; with amounts, of each currency in turn until the page is full.
async fn walk(
    db: &Db,
    wanted: &Wanted,
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Place>, StoreError> {
    let currencies = match (&wanted.currency, wanted.sort) {
        (Some(currency), _) => vec![currency.as_str().to_owned()],
        (None, Sort::Amount) => list_currencies(db).await?,
        (None, _) => vec![String::new()],
    };
    let mut places = Vec::new();
    for currency in currencies {
        for status in wanted.states() {
            places.extend(walk_state(db, wanted, *status, &currency, after, most).await?);
        }
        if most < places.len() {
            break;
        }
    }
    Ok(places)
}

async fn walk_state(
    db: &Db,
    wanted: &Wanted,
    status: Status,
    currency: &str,
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Place>, StoreError> {
    let mut amount = i64::MAX;
    let statement = match wanted.sort {
        Sort::Newest if currency.is_empty() => NEWEST,
        Sort::Newest => NEWEST_OF_CURRENCY,
        Sort::Oldest if currency.is_empty() => OLDEST,
        Sort::Oldest => OLDEST_OF_CURRENCY,
        Sort::Amount => BY_AMOUNT,
    };
    let (mut placed_at, mut id) = match wanted.sort {
        Sort::Newest => (wanted.end(), 0),
        Sort::Oldest => (wanted.first(), 0),
        Sort::Amount => (i64::MAX, i64::MAX),
    };
    if let Some(after) = after {
        if wanted.sort != Sort::Amount {
            (placed_at, id) = (after.placed_at, after.id);
        } else if after.currency == currency {
            (amount, placed_at, id) = (after.amount, after.placed_at, after.id);
        } else if currency < after.currency.as_str() {
            return Ok(Vec::new());
        }
    }
    // SQLite begins the walk at the bound on the day alone: so that is as near as the place.
    let (first, end) = match wanted.sort {
        Sort::Newest => (wanted.first(), placed_at.saturating_add(1)),
        Sort::Oldest => (placed_at, wanted.end()),
        Sort::Amount => (wanted.first(), wanted.end()),
    };
    let found = sqlx::query_scalar(statement)
        .bind(status.as_str())
        .bind(first)
        .bind(end)
        .bind(wanted.part())
        .bind(i64::try_from(most + 1).unwrap_or(i64::MAX))
        .bind(placed_at)
        .bind(id)
        .bind(currency)
        .bind(amount)
        .fetch_one(&db.read)
        .await?;
    parse_places(found)
}

/// What stands at these places, in their order; what was erased meanwhile is left out.
async fn list_at(db: &Db, places: &[Place]) -> Result<Vec<Listed>, StoreError> {
    let ids: Vec<i64> = places.iter().map(|place| place.id).collect();
    let rows =
        sqlx::query(LISTED).bind(serde_json::json!(ids).to_string()).fetch_all(&db.read).await?;
    let mut found: HashMap<i64, Listed> = HashMap::new();
    for row in &rows {
        let order = parse_summary(row)?;
        let listed = Listed {
            is_unanswered: row.try_get("is_unanswered")?,
            items: row.try_get::<Option<String>, _>("items")?.unwrap_or_default(),
            order,
        };
        found.insert(listed.order.id, listed);
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

impl Wanted {
    fn states(&self) -> &[Status] {
        if self.states.is_empty() { &Status::ALL } else { &self.states }
    }

    fn part(&self) -> &str {
        self.part.as_ref().map_or("", RefPart::as_str)
    }

    fn first(&self) -> i64 {
        self.since.map_or(0, Timestamp::get)
    }

    fn end(&self) -> i64 {
        self.before.map_or(i64::MAX, Timestamp::get)
    }
}

impl Sort {
    fn compare(self, one: &Place, other: &Place) -> Ordering {
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

impl Place {
    /// Reads what [`Place`]'s `Display` wrote, from an address.
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

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}-{}", self.currency, self.amount, self.placed_at, self.id)
    }
}

fn parse_places(found: String) -> Result<Vec<Place>, StoreError> {
    let places: Vec<(String, i64, i64, i64)> =
        serde_json::from_str(&found).map_err(|_| StoreError::Row("places"))?;
    let place = |(currency, amount, placed_at, id)| Place { currency, amount, placed_at, id };
    Ok(places.into_iter().map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::order_reports::Counts;
    use crate::infra::store::order_reports::count_today;
    use sqlx::Connection;
    use sqlx::sqlite::SqliteConnectOptions;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;

    /// A hundred thousand orders of eleven states and three currencies in a thousand days; most are sent. Every tenth
    /// buyer has written.
    const MANY: &str = "\
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 100000) \
        insert into orders (id, order_ref, form_token, lookup_name, status, placed_at, list_currency, list_amount) \
        select n, substr(hex(randomblob(3)), 1, 5) || printf('%05X', n), \
            randomblob(32), randomblob(32), \
            case when n % 100 < 89 then 'shipped' else json_extract('[\"awaiting\",\"reported\",\"partial\",\"unconfirmed\",\"confirmed\",\"overpaid\",\"late\",\"expired\",\"shipped\",\"refunded\",\"cancelled\"]', '$[' || (n % 100 - 89) || ']') end, \
            1700006400 + n / 100 * 86400, json_extract('[\"BTC\",\"ETH\",\"XMR\"]', '$[' || (n % 3) || ']'), 1 + n * 7919 % 100003 from n; \
        insert into invoices (order_id, currency, address, amount, total, until) \
        select id, list_currency, 'x', list_amount, list_amount, 253402300000 from orders; \
        insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
        select id, 0, 1, 0, 0, 'Green Tea', '', 1, 1000000000 from orders; \
        insert into words (order_id, kind, day, sealed) select id, 'question', placed_at, x'00' from orders where id % 10 = 0; \
        insert into words (order_id, kind, day, sealed) select id, 'answer', placed_at, x'00' from orders where id % 10 = 0 and id % 1000 <> 0";

    fn wanted() -> Wanted {
        Wanted {
            states: Vec::new(),
            is_unanswered: false,
            currency: None,
            since: None,
            before: None,
            part: None,
            sort: Sort::Newest,
        }
    }

    fn run<T>(test: impl AsyncFnOnce(Db) -> T) -> T {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            let done = test(db.clone()).await;
            db.close().await;
            done
        })
    }

    #[test]
    fn every_list_is_found_by_an_index() {
        run(async |db| {
            for query in [
                NEWEST,
                OLDEST,
                NEWEST_OF_CURRENCY,
                OLDEST_OF_CURRENCY,
                BY_AMOUNT,
                BY_PART,
                OF_FEW,
                LISTED,
                CURRENCIES,
            ] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
                assert!(
                    steps.iter().all(|step| !step.contains("B-TREE FOR ORDER BY")),
                    "{steps:#?}"
                );
                for step in steps.iter().filter(|step| step.starts_with("SCAN")) {
                    let is_small =
                        ["json_each", "s VIRTUAL", "few", "found", "unanswered", "subquery"]
                            .iter()
                            .any(|small| step.contains(small));
                    assert!(is_small || step.contains("COVERING INDEX"), "{steps:#?}");
                }
            }
        });
    }

    /// Units: thousands of SQLite's own steps. 100 of them take about a millisecond: see `benches/desk_pages.rs`.
    const MOST_STEPS: u32 = 800;

    /// Counts what is read from now on. Not the time: that is the host's, and others use it too.
    async fn count_steps(db: &Db) -> Arc<AtomicU32> {
        let steps = Arc::new(AtomicU32::new(0));
        let mut readers = Vec::new();
        for _ in 0..crate::infra::store::N_READERS {
            let mut reader = db.read.acquire().await.unwrap();
            let counted = steps.clone();
            reader.lock_handle().await.unwrap().set_progress_handler(1_000, move || {
                counted.fetch_add(1, Ordering::Relaxed);
                true
            });
            readers.push(reader);
        }
        steps
    }

    /// All pages, one after the other.
    async fn read_all(db: &Db, wanted: &Wanted, most: usize) -> Vec<String> {
        let (mut refs, mut after): (Vec<String>, Option<Place>) = (Vec::new(), None);
        loop {
            let page = list(db, wanted, after.as_ref(), most).await.unwrap();
            refs.extend(page.orders.iter().map(|listed| listed.order.order_ref.to_string()));
            let Some(next) = page.next else { return refs };
            after = Some(Place::parse(&next.to_string()).unwrap());
        }
    }

    #[test]
    fn a_hundred_thousand_orders_are_listed_in_few_steps_whatever_is_asked() {
        run(async |db| {
            sqlx::raw_sql(MANY).execute(&db.write).await.unwrap();
            let steps = count_steps(&db).await;
            let day = |text: &str| Timestamp::parse_day(text).ok();
            let part = |text: &str| RefPart::parse(text).ok();
            let [sent, rare] = [vec![Status::Shipped], vec![Status::Late]];
            let to_pay = crate::domain::orders::PendingTask::ToPay.states();
            let btc = Currency::parse("BTC").ok();
            let name: String = sqlx::query_scalar("select order_ref from orders where id = 77777")
                .fetch_one(&db.read)
                .await
                .unwrap();
            let mut slowest = (0, String::new());
            for sort in [Sort::Newest, Sort::Oldest, Sort::Amount] {
                for states in [Vec::new(), sent.clone(), rare.clone(), to_pay.clone()] {
                    for currency in [None, btc.clone()] {
                        for (since, before) in [
                            (None, None),
                            (day("2024-02-01"), None),
                            (None, day("2024-02-01")),
                            (day("2024-02-01"), day("2024-02-02")),
                            (day("2033-01-01"), None),
                        ] {
                            for part in
                                [None, part("7"), part("ZZ"), part(&name[3..7]), part("ZZZZZZZ")]
                            {
                                for is_unanswered in [false, true] {
                                    let wanted = Wanted {
                                        states: states.clone(),
                                        is_unanswered,
                                        currency: currency.clone(),
                                        since,
                                        before,
                                        part: part.clone(),
                                        sort,
                                    };
                                    steps.store(0, Ordering::Relaxed);
                                    list(&db, &wanted, None, 50).await.unwrap();
                                    let taken = steps.load(Ordering::Relaxed);
                                    if slowest.0 < taken {
                                        let part = wanted.part();
                                        let words = format!(
                                            "{sort:?} {states:?} {currency:?} {since:?} {before:?} {part} {is_unanswered}"
                                        );
                                        slowest = (taken, words);
                                    }
                                }
                            }
                        }
                    }
                }
            }
            steps.store(0, Ordering::Relaxed);
            count_today(&db).await.unwrap();
            slowest =
                slowest.max((steps.load(Ordering::Relaxed), "the counts of today".to_owned()));
            assert!(slowest.0 <= MOST_STEPS, "{slowest:?}");
        });
    }

    #[test]
    fn each_order_is_on_one_page_in_every_order_while_others_come_and_go() {
        run(async |db| {
            sqlx::raw_sql(MANY).execute(&db.write).await.unwrap();
            sqlx::query("delete from orders where id % 400 <> 0").execute(&db.write).await.unwrap();
            for sort in [Sort::Newest, Sort::Oldest, Sort::Amount] {
                for currency in [None, Currency::parse("ETH").ok()] {
                    let wanted = Wanted { sort, currency, ..wanted() };
                    let whole = list(&db, &wanted, None, 10_000).await.unwrap();
                    assert!(whole.next.is_none() && 80 < whole.orders.len());
                    let whole: Vec<String> = whole
                        .orders
                        .iter()
                        .map(|listed| listed.order.order_ref.to_string())
                        .collect();
                    assert_eq!(read_all(&db, &wanted, 7).await, whole, "{sort:?}");
                }
            }
            // While the first page is looked at, its last order is erased and a new one comes.
            let first = list(&db, &wanted(), None, 50).await.unwrap();
            let after = first.next.unwrap();
            let second = list(&db, &wanted(), Some(&after), 50).await.unwrap();
            let refs = |page: &Page| -> Vec<String> {
                page.orders.iter().map(|listed| listed.order.order_ref.to_string()).collect()
            };
            sqlx::query("delete from orders where id = ?")
                .bind(after.id)
                .execute(&db.write)
                .await
                .unwrap();
            sqlx::raw_sql(
                "insert into orders (id, order_ref, form_token, lookup_name, status, placed_at, list_currency, list_amount) \
                 select 100001, 'NEW0000001', randomblob(32), randomblob(32), 'awaiting', max(placed_at), 'BTC', 5 from orders; \
                 insert into invoices (order_id, currency, address, amount, total, until) values (100001, 'BTC', 'x', 5, 5, 253402300000)",
            )
            .execute(&db.write)
            .await
            .unwrap();
            let again = list(&db, &wanted(), Some(&after), 50).await.unwrap();
            assert_eq!(refs(&again), refs(&second));
            assert!(
                refs(&list(&db, &wanted(), None, 50).await.unwrap())
                    .contains(&"NEW0000001".to_owned())
            );
        });
    }

    #[test]
    fn the_orders_of_an_older_shop_are_listed_and_its_questions_wait() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("shop.sqlite");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            let mut migrator = sqlx::migrate!();
            migrator.migrations =
                migrator.iter().filter(|migration| migration.version <= 5).cloned().collect();
            migrator.run(&mut connection).await.unwrap();
            sqlx::raw_sql(
                "insert into orders (id, order_ref, form_token, lookup_name, status, placed_at) \
                 select value, printf('%010d', value), randomblob(32), randomblob(32), 'confirmed', 1700006400 from json_each('[1, 2, 3]'); \
                 insert into invoices (order_id, currency, address, amount, total, until) select id, 'BTC', 'x', 70 + id, 70, 1700006400 from orders; \
                 insert into words (order_id, kind, day) values (1, 'question', 0), (1, 'answer', 0), (2, 'answer', 0), (2, 'question', 0)",
            )
            .execute(&mut connection)
            .await
            .unwrap();
            connection.close().await.unwrap();
            let db = Db::open_or_make(&file).await.unwrap();
            let by_amount = Wanted { currency: Currency::parse("BTC").ok(), sort: Sort::Amount, ..wanted() };
            assert_eq!(read_all(&db, &by_amount, 2).await, ["0000000003", "0000000002", "0000000001"]);
            let unanswered = Wanted { is_unanswered: true, ..wanted() };
            assert_eq!(read_all(&db, &unanswered, 2).await, ["0000000002"]);
            db.close().await;
        });
    }

    #[test]
    fn who_waits_for_an_answer_is_known_at_every_moment() {
        run(async |db| {
            sqlx::raw_sql(MANY).execute(&db.write).await.unwrap();
            let unanswered = Wanted { is_unanswered: true, ..wanted() };
            let expected =
                Counts { to_pay: 4_000, to_send: 2_000, to_answer: 100, to_decide: 1_000 };
            assert_eq!(count_today(&db).await.unwrap(), expected);
            let page = list(&db, &unanswered, None, 500).await.unwrap();
            assert_eq!(page.orders.len(), 100);
            assert!(page.orders.iter().all(|listed| listed.is_unanswered));
            let say = async |kind: &'static str, id: i64| {
                sqlx::query(
                    "insert into words (order_id, kind, day, sealed) values (?, ?, 0, x'00')",
                )
                .bind(id)
                .bind(kind)
                .execute(&db.write)
                .await
                .unwrap();
                count_today(&db).await.unwrap().to_answer
            };
            assert_eq!(say("answer", 1000).await, 99);
            assert_eq!(say("question", 1000).await, 100);
            assert_eq!(say("question", 1000).await, 100);
            assert_eq!(say("step", 1000).await, 100);
            sqlx::query("delete from words where order_id = 1000")
                .execute(&db.write)
                .await
                .unwrap();
            sqlx::query("delete from orders where id = 2000").execute(&db.write).await.unwrap();
            assert_eq!(count_today(&db).await.unwrap().to_answer, 98);
        });
    }
}
