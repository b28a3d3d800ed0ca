//! Random sequences of orders and payments, and orders of codes.

use proptest::prelude::*;
use sqlx::Connection as _;

use super::*;
use crate::infra::store::test_shop::{older_shop, query_plan, with_file, with_shop};
use crate::infra::store::{Db, orders};

/// Tea with 5 items, and mugs whose small ones have 3 of their own.
const PRODUCTS: &str = r#"
    insert into products (id, slug, position, name, description_html, file_quantity, stock)
    values (1, 'tea', 0, 'Tea', '', 5, 5), (2, 'mugs', 1, 'Mugs', '', 0, 0);
    insert into options (id, product_id, position, name, file_quantity, stock) values (1, 2, 0, 'Small', 3, 3);
    "#;
const PIECES: [i64; 2] = [5, 3];

/// What happens to a shop; orders are named by when they were placed.
#[derive(Clone, Debug)]
enum Happening {
    Placed { tea: i64, mugs: i64 },
    Reported(usize),
    Paid(usize),
    Shipped(usize),
    Expired(usize),
    TimeOver(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    let order = 0..20_usize;
    prop_oneof![
        4 => (0..4_i64, 0..3_i64).prop_filter_map("an empty order", |(tea, mugs)| {
            (0 < tea + mugs).then_some(Happening::Placed { tea, mugs })
        }),
        1 => order.clone().prop_map(Happening::Reported),
        3 => order.clone().prop_map(Happening::Paid),
        1 => order.clone().prop_map(Happening::Shipped),
        1 => order.clone().prop_map(Happening::Expired),
        1 => order.prop_map(Happening::TimeOver),
    ]
}

fn name(n: usize) -> OrderRef {
    let mut chance = [7; 8];
    chance[0] = u8::try_from(n).unwrap();
    OrderRef::from_random(chance)
}

async fn set_status(tx: &mut Tx, order_ref: &OrderRef, status: Status) {
    orders::mark_status(tx, order_ref, status, None).await.unwrap();
}

/// As `place_order` does: it reserves what it wants where all of it is free.
async fn place(tx: &mut Tx, n: usize, [tea, mugs]: [i64; 2]) -> Reservation {
    let order_ref = name(n);
    sqlx::query(
        r#"
        insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, reserves)
        values ($2, $1, randomblob(32), randomblob(32), 'awaiting', 0, 0);
        insert into invoices (order_id, currency, chain, address, amount, total, until)
        values ($2, 'ETH', 1, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266', 1, 1, 0);
        insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price)
        select $2, value ->> 0, value ->> 0, value ->> 1, value ->> 1, 'x', '', value ->> 2, 1
        from json_each($3) where 0 < value ->> 2
        "#,
    )
    .bind(&order_ref)
    .bind(i64::try_from(n).unwrap() + 1)
    .bind(serde_json::json!([[1, 0, tea], [2, 1, mugs]]).to_string())
    .execute(&mut **tx)
    .await
    .unwrap();
    let reservation = find(tx, &order_ref).await.unwrap();
    if reservation == Reservation::Free {
        sqlx::query(TAKE).bind(&order_ref).execute(&mut **tx).await.unwrap();
        revert(tx, &order_ref).await.unwrap();
    }
    reservation
}

const KEY: &str = r#"
    insert into products (id, slug, position, name, description_html, file_quantity, stock, kind, codes)
    values (1, 'key', 0, 'Key', '', 1, 1, 'digital', 'keys.txt');
    insert into codes (pool, fingerprint, code) values ('keys.txt', printf('%064d', 1), 'AAAA-1');
    "#;

/// As `deliver_digital` does.
async fn deliver(tx: &mut Tx, n: usize) {
    sqlx::query(
        r#"
        update codes set code = null;
        insert into deliveries (order_id, position, line, kind, sealed, since) values ($1, 0, 1, 'codes', x'00', 0);
        update orders set status = 'confirmed', is_delivered = 1 where id = $1
        "#,
    )
    .bind(i64::try_from(n).unwrap() + 1)
    .execute(&mut **tx)
    .await
    .unwrap();
}

async fn try_to_claim(tx: &mut Tx, n: usize) -> bool {
    let order = orders::find(tx, &name(n)).await.unwrap().unwrap();
    claim(tx, &order).await.unwrap().is_none()
}

#[test]
fn codes_that_a_buyer_has_seen_stay_the_orders_own_when_its_payment_is_lost() {
    with_shop(async |db| {
        let mut tx = db.write().await.unwrap();
        sqlx::raw_sql(KEY).execute(&mut *tx).await.unwrap();
        place(&mut tx, 0, [1, 0]).await;
        place(&mut tx, 1, [1, 0]).await;
        assert!(try_to_claim(&mut tx, 0).await);
        deliver(&mut tx, 0).await;
        set_status(&mut tx, &name(0), Status::Unconfirmed).await;
        revert(&mut tx, &name(0)).await.unwrap();
        assert!(!try_to_claim(&mut tx, 1).await, "the other order is oversold");
        // It is released, and its payment comes back: the same codes, and nothing from the stock.
        release(&mut tx, &name(0)).await.unwrap();
        assert!(!try_to_claim(&mut tx, 1).await);
        assert!(try_to_claim(&mut tx, 0).await);
        let stock: i64 =
            sqlx::query_scalar("select stock from products").fetch_one(&mut *tx).await.unwrap();
        assert_eq!(stock, 0);
    });
}

#[test]
fn a_pool_with_too_few_codes_gives_none_back() {
    with_shop(async |db| {
        let mut tx = db.write().await.unwrap();
        sqlx::raw_sql(KEY).execute(&mut *tx).await.unwrap();
        sqlx::query("update products set stock = 3").execute(&mut *tx).await.unwrap();
        for n in 0..3 {
            place(&mut tx, n, [1, 0]).await;
        }
        for n in 0..3 {
            release(&mut tx, &name(n)).await.unwrap();
        }
        let stock: i64 =
            sqlx::query_scalar("select stock from products").fetch_one(&mut *tx).await.unwrap();
        assert_eq!(stock, 1, "as many as there are codes");
    });
}

/// Returns whether anything happened.
async fn apply(tx: &mut Tx, n_orders: &mut usize, happening: Happening) -> bool {
    let n = match happening {
        Happening::Placed { tea, mugs } => {
            place(tx, *n_orders, [tea, mugs]).await;
            *n_orders += 1;
            return true;
        }
        Happening::Reported(n)
        | Happening::Paid(n)
        | Happening::Shipped(n)
        | Happening::Expired(n)
        | Happening::TimeOver(n) => n,
    };
    let Some(order) = orders::find(tx, &name(n)).await.unwrap() else { return false };
    let name = &order.order_ref;
    match happening {
        Happening::Reported(_) if order.status == Status::Awaiting => {
            set_status(tx, name, Status::Reported).await;
        }
        Happening::Paid(_)
            if matches!(order.status, Status::Awaiting | Status::Reported | Status::Oversold) =>
        {
            let expects = order.reservation != Reservation::SoldOut;
            let short = claim(tx, &order).await.unwrap();
            assert_eq!(short.is_none(), expects, "{n}: {:?}", order.reservation);
            let paid = if expects { Status::Confirmed } else { Status::Oversold };
            set_status(tx, name, paid).await;
        }
        Happening::Shipped(_) if order.status == Status::Confirmed => {
            set_status(tx, name, Status::Shipped).await;
        }
        Happening::Expired(_) if order.status == Status::Awaiting => {
            release(tx, name).await.unwrap();
            set_status(tx, name, Status::Expired).await;
        }
        Happening::TimeOver(_) if order.status == Status::Reported => {
            release_reported(tx, Timestamp::new(0).unwrap()).await.unwrap();
        }
        _ => return false,
    }
    true
}

#[derive(Debug, FromRow)]
struct Sums {
    stock: i64,
    taken: i64,
    open: i64,
    unpaid: i64,
    held: i64,
    held_unpaid: i64,
}

/// Orders that have an item never have more than there were, and what is counted is what orders say.
async fn check(tx: &mut Tx) {
    let sums: Vec<Sums> = sqlx::query_as(
        r#"
        select s.stock, coalesce(sum(l.quantity), 0) as taken,
            coalesce(sum(iif(o.status <> 'shipped', l.quantity, 0)), 0) as open,
            coalesce(sum(iif(o.reserves = 1 and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed'), l.quantity, 0)), 0) as unpaid,
            coalesce(h.quantity, 0) as held, coalesce(h.unpaid, 0) as held_unpaid
        from (select 1 as product, 0 as pool, stock from products where id = 1
            union all select 2, 1, stock from options where id = 1) s
        left join held_stock h on h.product_id = s.product and h.pool_option = s.pool
        left join (order_lines l join orders o on o.id = l.order_id and 0 < o.reserves)
            on l.product_id = s.product and l.pool_option = s.pool
        group by s.product
        "#,
    )
    .fetch_all(&mut **tx)
    .await
    .unwrap();
    for (sums, pieces) in sums.iter().zip(PIECES) {
        assert_eq!(sums.stock + sums.taken, pieces, "{sums:?}");
        assert_eq!((sums.held, sums.held_unpaid), (sums.open, sums.unpaid), "{sums:?}");
    }
    let without: i64 = sqlx::query_scalar(
        "select count(*) from orders where reserves <> 2 and status in ('confirmed', 'shipped')",
    )
    .fetch_one(&mut **tx)
    .await
    .unwrap();
    assert_eq!(without, 0, "paid orders without their items");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_item_is_given_out_twice_and_no_paid_order_is_without(happenings in proptest::collection::vec(happening(), 1..40)) {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(PRODUCTS).execute(&mut *tx).await.unwrap();
            let mut n_orders = 0;
            for happening in happenings {
                if n_orders < 20 && apply(&mut tx, &mut n_orders, happening).await {
                    check(&mut tx).await;
                }
            }
        });
    }
}

#[test]
fn the_first_payment_takes_the_last_items_and_the_newest_reservation_goes_first() {
    with_shop(async |db| {
        let mut tx = db.write().await.unwrap();
        sqlx::raw_sql(PRODUCTS).execute(&mut *tx).await.unwrap();
        let mut placed = Vec::new();
        for (n, tea) in [2, 2, 2, 1].into_iter().enumerate() {
            placed.push(place(&mut tx, n, [tea, 0]).await);
        }
        use Reservation::{Contested, Free, Held, SoldOut};
        assert_eq!(placed, [Free, Free, Contested, Free]);
        let mut pay = async |n| {
            let order = orders::find(&mut tx, &name(n)).await.unwrap().unwrap();
            let short = claim(&mut tx, &order).await.unwrap();
            if short.is_none() {
                set_status(&mut tx, &name(n), Status::Confirmed).await;
            }
            let mut all = Vec::new();
            for n in 0..4 {
                all.push(orders::find(&mut tx, &name(n)).await.unwrap().unwrap().reservation);
            }
            (short.is_none(), all)
        };
        // It wants two: the newest order gives its one back, the one before it two, of which one is left.
        assert_eq!(pay(2).await, (true, vec![Held, Contested, Held, Free]));
        assert_eq!(pay(1).await, (true, vec![SoldOut, Held, Held, Free]));
        assert_eq!(pay(3).await, (true, vec![SoldOut, Held, Held, Held]));
        assert_eq!(pay(0).await, (false, vec![SoldOut, Held, Held, Held]));
    });
}

#[test]
fn what_was_reported_is_found_by_its_state() {
    with_shop(async |db| {
        let steps = query_plan(&db, REPORTED).await;
        let index = "INDEX orders_by_status (status=?)";
        assert!(steps.iter().any(|step| step.contains(index)), "{steps:#?}");
    });
}

#[test]
fn orders_of_an_older_shop_keep_what_they_had() {
    with_file(async |file| {
        let mut connection = older_shop(file, 14).await;
        sqlx::raw_sql(PRODUCTS).execute(&mut connection).await.unwrap();
        let older = Status::ALL.into_iter().filter(|status| *status != Status::Oversold);
        for (n, status) in older.enumerate() {
            sqlx::query(
                r#"
                insert into orders (id, order_ref, form_token, lookup_name, status, placed_at)
                values ($1, $2, randomblob(32), randomblob(32), $3, 0);
                insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price)
                values ($1, 0, 1, 0, 0, 'Tea', '', 1, 1)
                "#,
            )
            .bind(i64::try_from(n).unwrap() + 1)
            .bind(name(n))
            .bind(status)
            .execute(&mut connection)
            .await
            .unwrap();
        }
        connection.close().await.unwrap();
        let db = Db::open_or_make(file).await.unwrap();
        let reserves: Vec<(Status, i64)> =
            sqlx::query_as("select status, reserves from orders order by id")
                .fetch_all(&db.read)
                .await
                .unwrap();
        for (status, reserves) in reserves {
            let expected = match status {
                Status::Awaiting | Status::Reported => 1,
                status if status.holds_stock() => 2,
                _ => 0,
            };
            assert_eq!(reserves, expected, "{status}");
        }
        let held: (i64, i64) = sqlx::query_as("select quantity, unpaid from held_stock")
            .fetch_one(&db.read)
            .await
            .unwrap();
        assert_eq!(held, (6, 2));
        db.close().await;
    });
}
