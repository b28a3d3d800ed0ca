//! The list of orders in a shop with a hundred thousand of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::Connection;

use super::*;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::order_reports::{Counts, count_today};
use crate::infra::store::test_shop::{
    assert_scans_only, older_shop, query_plan, with_file, with_shop,
};

/// A hundred thousand orders of eleven states and three currencies in a thousand days; most are sent. Every tenth
/// buyer has written.
const MANY: &str = r#"
    with recursive n(n) as (select 1 union all select n + 1 from n where n < 100000)
    insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, list_currency, list_amount)
    select n, substr(hex(randomblob(3)), 1, 5) || printf('%05X', n),
        randomblob(32), randomblob(32),
        case when n % 100 < 89 then 'shipped' else json_extract('["awaiting","reported","partial","unconfirmed","confirmed","overpaid","late","expired","shipped","refunded","cancelled"]', '$[' || (n % 100 - 89) || ']') end,
        1700006400 + n / 100 * 86400, json_extract('["BTC","ETH","XMR"]', '$[' || (n % 3) || ']'), 1 + n * 7919 % 100003 from n;
    insert into invoices (order_id, currency, address, amount, total, until)
    select id, list_currency, 'x', list_amount, list_amount, 253402300000 from orders;
    insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price)
    select id, 0, 1, 0, 0, 'Green Tea', '', 1, 1000000000 from orders;
    insert into messages (order_id, kind, day, sealed) select id, 'question', placed_at, x'00' from orders where id % 10 = 0;
    insert into messages (order_id, kind, day, sealed) select id, 'answer', placed_at, x'00' from orders where id % 10 = 0 and id % 1000 <> 0
    "#;

#[test]
fn every_list_is_found_by_an_index() {
    with_shop(async |db| {
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
            let steps = query_plan(&db, query).await;
            assert!(steps.iter().all(|step| !step.contains("B-TREE FOR ORDER BY")), "{steps:#?}");
            let may_scan = [
                "json_each",
                "s VIRTUAL",
                "few",
                "found",
                "unanswered",
                "subquery",
                "COVERING INDEX",
            ];
            assert_scans_only(&steps, &may_scan);
        }
    });
}

/// Units: thousands of SQLite's own steps. 100 of them take about a millisecond: see `benches/desk_pages.rs`.
const MAX_STEPS: u32 = 800;

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
async fn read_all(db: &Db, wanted: &OrderQuery, most: usize) -> Vec<String> {
    let (mut refs, mut after): (Vec<String>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page =
            list(&mut db.reader().await.unwrap(), wanted, after.as_ref(), most).await.unwrap();
        refs.extend(page.orders.iter().map(|listed| listed.order.order_ref.to_string()));
        let Some(next) = page.next else { return refs };
        after = Some(Cursor::parse(&next.to_string()).unwrap());
    }
}

#[test]
fn a_hundred_thousand_orders_are_listed_in_few_steps_whatever_is_asked() {
    with_shop(async |db| {
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
                                let (states, currency) = (states.clone(), currency.clone());
                                let filter =
                                    Filter { states, currency, since, before, is_delivered: None };
                                let part = part.clone();
                                let wanted = OrderQuery { filter, is_unanswered, part, sort };
                                steps.store(0, Ordering::Relaxed);
                                list(&mut db.reader().await.unwrap(), &wanted, None, 50)
                                    .await
                                    .unwrap();
                                let taken = steps.load(Ordering::Relaxed);
                                if slowest.0 < taken {
                                    let part = wanted.part().unwrap_or_default();
                                    let filter = &wanted.filter;
                                    let words =
                                        format!("{sort:?} {filter:?} {part} {is_unanswered}");
                                    slowest = (taken, words);
                                }
                            }
                        }
                    }
                }
            }
        }
        steps.store(0, Ordering::Relaxed);
        count_today(&mut db.reader().await.unwrap()).await.unwrap();
        slowest = slowest.max((steps.load(Ordering::Relaxed), "the counts of today".to_owned()));
        assert!(slowest.0 <= MAX_STEPS, "{slowest:?}");
    });
}

#[test]
fn each_order_is_on_one_page_in_every_order_while_others_come_and_go() {
    with_shop(async |db| {
        sqlx::raw_sql(MANY).execute(&db.write).await.unwrap();
        sqlx::query("delete from orders where id % 400 <> 0").execute(&db.write).await.unwrap();
        for sort in [Sort::Newest, Sort::Oldest, Sort::Amount] {
            for currency in [None, Currency::parse("ETH").ok()] {
                let filter = Filter { currency, ..Filter::default() };
                let wanted = OrderQuery { filter, sort, ..OrderQuery::default() };
                let whole =
                    list(&mut db.reader().await.unwrap(), &wanted, None, 10_000).await.unwrap();
                assert!(whole.next.is_none() && 80 < whole.orders.len());
                let whole: Vec<String> =
                    whole.orders.iter().map(|listed| listed.order.order_ref.to_string()).collect();
                assert_eq!(read_all(&db, &wanted, 7).await, whole, "{sort:?}");
            }
        }
        // While the first page is looked at, its last order is erased and a new one comes.
        let first =
            list(&mut db.reader().await.unwrap(), &OrderQuery::default(), None, 50).await.unwrap();
        let after = first.next.unwrap();
        let second =
            list(&mut db.reader().await.unwrap(), &OrderQuery::default(), Some(&after), 50)
                .await
                .unwrap();
        let refs = |page: &Page| -> Vec<String> {
            page.orders.iter().map(|listed| listed.order.order_ref.to_string()).collect()
        };
        sqlx::query("delete from orders where id = ?")
            .bind(after.id)
            .execute(&db.write)
            .await
            .unwrap();
        sqlx::raw_sql(
            r#"
                insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, list_currency, list_amount)
                select 100001, 'NEW0000001', randomblob(32), randomblob(32), 'awaiting', max(placed_at), 'BTC', 5 from orders;
                insert into invoices (order_id, currency, address, amount, total, until) values (100001, 'BTC', 'x', 5, 5, 253402300000)
                "#,
        )
        .execute(&db.write)
        .await
        .unwrap();
        let again = list(&mut db.reader().await.unwrap(), &OrderQuery::default(), Some(&after), 50)
            .await
            .unwrap();
        assert_eq!(refs(&again), refs(&second));
        assert!(
            refs(
                &list(&mut db.reader().await.unwrap(), &OrderQuery::default(), None, 50)
                    .await
                    .unwrap()
            )
            .contains(&"NEW0000001".to_owned())
        );
    });
}

#[test]
fn the_orders_of_an_older_shop_are_listed_and_its_questions_wait() {
    with_file(async |file| {
        let mut connection = older_shop(file, 5).await;
        sqlx::raw_sql(
            r#"
                insert into orders (id, order_ref, form_token, lookup_name, status, placed_at)
                select value, printf('%010d', value), randomblob(32), randomblob(32), 'confirmed', 1700006400 from json_each('[1, 2, 3]');
                insert into invoices (order_id, currency, address, amount, total, until) select id, 'BTC', 'x', 70 + id, 70, 1700006400 from orders;
                insert into words (order_id, kind, day) values (1, 'question', 0), (1, 'answer', 0), (2, 'answer', 0), (2, 'question', 0)
                "#,
        )
        .execute(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        let db = Db::open_or_make(file).await.unwrap();
        let filter = Filter { currency: Currency::parse("BTC").ok(), ..Filter::default() };
        let by_amount = OrderQuery { filter, sort: Sort::Amount, ..OrderQuery::default() };
        assert_eq!(read_all(&db, &by_amount, 2).await, ["0000000003", "0000000002", "0000000001"]);
        let unanswered = OrderQuery { is_unanswered: true, ..OrderQuery::default() };
        assert_eq!(read_all(&db, &unanswered, 2).await, ["0000000002"]);
        db.close().await;
    });
}

#[test]
fn who_waits_for_an_answer_is_known_at_every_moment() {
    with_shop(async |db| {
        sqlx::raw_sql(MANY).execute(&db.write).await.unwrap();
        let unanswered = OrderQuery { is_unanswered: true, ..OrderQuery::default() };
        let expected = Counts { to_pay: 4_000, to_send: 2_000, to_answer: 100, to_decide: 1_000 };
        assert_eq!(count_today(&mut db.reader().await.unwrap()).await.unwrap(), expected);
        let page = list(&mut db.reader().await.unwrap(), &unanswered, None, 500).await.unwrap();
        assert_eq!(page.orders.len(), 100);
        assert!(page.orders.iter().all(|listed| listed.is_unanswered));
        let say = async |kind: &'static str, id: i64| {
            sqlx::query(
                "insert into messages (order_id, kind, day, sealed) values (?, ?, 0, x'00')",
            )
            .bind(id)
            .bind(kind)
            .execute(&db.write)
            .await
            .unwrap();
            count_today(&mut db.reader().await.unwrap()).await.unwrap().to_answer
        };
        assert_eq!(say("answer", 1000).await, 99);
        assert_eq!(say("question", 1000).await, 100);
        assert_eq!(say("question", 1000).await, 100);
        assert_eq!(say("step", 1000).await, 100);
        sqlx::query("delete from messages where order_id = 1000").execute(&db.write).await.unwrap();
        sqlx::query("delete from orders where id = 2000").execute(&db.write).await.unwrap();
        assert_eq!(count_today(&mut db.reader().await.unwrap()).await.unwrap().to_answer, 98);
    });
}
