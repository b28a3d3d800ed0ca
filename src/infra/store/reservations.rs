//! Which orders have their items taken out of the stock, and which get them if more are wanted than there are.
//!
//! An unpaid order reserves its items while there are enough. A paid one keeps or takes them: from what nobody reserves, then from
//! unpaid orders, the newest first. Triggers (migration 0016) count in `held_stock` what orders have.

use sqlx::FromRow;

use crate::domain::catalog::OfferKey;
use crate::domain::orders::{Order, OrderRef, Reservation, Status, StockDemand};
use crate::domain::values::Timestamp;
use crate::infra::store::columns::states_json;
use crate::infra::store::expiry::deciding_time;
use crate::infra::store::stock::{move_items, of_pool};
use crate::infra::store::{Connection, StoreError, Tx, codes, deliveries};

const TAKE: &str =
    concat!("update orders set reserves = 2 where order_ref = $1;", move_items!("-"));
const GIVE_BACK: &str =
    concat!(move_items!("+"), "update orders set reserves = 0 where order_ref = $1");

#[derive(FromRow)]
struct DemandRow {
    product_id: i64,
    pool_option: i64,
    quantity: i64,
    stock: i64,
    reserved: i64,
}

/// What an order that reserves nothing wants of each stock, beside what is there.
async fn list_demand(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Vec<StockDemand>, StoreError> {
    let rows: Vec<DemandRow> = sqlx::query_as(concat!(
        "select l.product_id, l.pool_option, sum(l.quantity) as quantity, coalesce(",
        of_pool!("l.product_id", "l.pool_option"),
        r#", 0) as stock, coalesce(h.unpaid, 0) as reserved
        from orders o join order_lines l on l.order_id = o.id
        left join held_stock h on h.product_id = l.product_id and h.pool_option = l.pool_option
        where o.order_ref = $1
        group by l.product_id, l.pool_option
        "#
    ))
    .bind(order_ref)
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StockDemand {
            pool: OfferKey { product: row.product_id, option: row.pool_option },
            quantity: row.quantity,
            stock: row.stock,
            reserved: row.reserved,
        })
        .collect())
}

/// What an order that reserves nothing could still get.
pub(super) async fn find(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Reservation, StoreError> {
    Ok(Reservation::of(&list_demand(db, order_ref).await?))
}

/// Takes the items of an order that is paid for, where it has none yet: from unpaid orders where nothing else is left.
/// If there is too little of an item, takes nothing and returns which.
pub async fn claim(tx: &mut Tx, order: &Order) -> Result<Option<StockDemand>, StoreError> {
    if order.reservation.is_held() {
        confirm(tx, &order.order_ref).await?;
        return Ok(None);
    }
    let wanted = list_demand(tx, &order.order_ref).await?;
    if let Some(short) = wanted.iter().find(|wanted| !wanted.is_available()) {
        return Ok(Some(*short));
    }
    for StockDemand { pool, quantity, stock, .. } in wanted {
        release_unpaid(tx, pool, quantity - stock).await?;
    }
    sqlx::query(TAKE).bind(&order.order_ref).execute(&mut **tx).await?;
    Ok(None)
}

/// What the order reserves is its own from now on.
pub async fn confirm(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query("update orders set reserves = 2 where order_ref = $1 and reserves = 1")
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Its payment is gone: what it has is reserved as before the payment, until somebody pays.
pub async fn revert(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query("update orders set reserves = 1 where order_ref = $1 and reserves = 2")
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Puts an order's items back into the stock, if it has any. Codes that it has got do not come back.
pub async fn release(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(GIVE_BACK).bind(order_ref).execute(&mut **tx).await?;
    if deliveries::has_any(tx, order_ref).await? {
        codes::recount(tx).await?;
    }
    Ok(())
}

/// Ends reservations of unpaid orders, the newest first, until open orders hold so many items of a stock at most.
pub(super) async fn release_beyond(
    tx: &mut Tx,
    pool: OfferKey,
    most: i64,
) -> Result<(), StoreError> {
    let held: Option<i64> = sqlx::query_scalar(
        "select quantity from held_stock where product_id = $1 and pool_option = $2",
    )
    .bind(pool.product)
    .bind(pool.option)
    .fetch_optional(&mut **tx)
    .await?;
    release_unpaid(tx, pool, held.unwrap_or(0) - most).await
}

/// Ends reservations of unpaid orders, the newest first, until so many items of a stock came back.
async fn release_unpaid(tx: &mut Tx, pool: OfferKey, n_items: i64) -> Result<(), StoreError> {
    if n_items <= 0 {
        return Ok(());
    }
    let mut released = 0;
    let unpaid: Vec<(OrderRef, i64)> = sqlx::query_as(
        r#"
        select o.order_ref, sum(l.quantity)
        from orders o join order_lines l on l.order_id = o.id
        where o.status in (select value from json_each($1)) and o.reserves = 1
            and l.product_id = $2 and l.pool_option = $3
        group by o.id order by o.id desc limit $4
        "#,
    )
    .bind(states_json(&UNPAID))
    .bind(pool.product)
    .bind(pool.option)
    .bind(n_items)
    .fetch_all(&mut **tx)
    .await?;
    for (order_ref, quantity) in unpaid {
        if n_items <= released {
            break;
        }
        release(tx, &order_ref).await?;
        released += quantity;
    }
    Ok(())
}

/// The states in which an order may hold items that are not its own yet.
const UNPAID: [Status; 4] =
    [Status::Awaiting, Status::Reported, Status::Partial, Status::Unconfirmed];

/// Ends the reservations of orders that only their buyers have reported as paid, once their time to pay is over: an invented
/// transaction reserves no longer than none. Returns them, at most 50 at a time.
pub async fn release_reported(
    tx: &mut Tx,
    trusted: Timestamp,
) -> Result<Vec<OrderRef>, StoreError> {
    let over = list_reported(tx, trusted, 50).await?;
    for order_ref in &over {
        release(tx, order_ref).await?;
    }
    Ok(over)
}

/// Whether [`release_reported`] would find any.
pub async fn has_reported(db: &mut Connection, trusted: Timestamp) -> Result<bool, StoreError> {
    Ok(!list_reported(db, trusted, 1).await?.is_empty())
}

const REPORTED: &str = concat!(
    r#"
    select o.order_ref
    from orders o join invoices i on i.order_id = o.id
    left join watched_networks w on w.network = i.network and w.is_on = 1
    where o.status = $2 and o.reserves = 1 and i.is_moved = 0 and i.until <= "#,
    deciding_time!(),
    "limit $3"
);

async fn list_reported(
    db: &mut Connection,
    trusted: Timestamp,
    most: i64,
) -> Result<Vec<OrderRef>, StoreError> {
    let over = sqlx::query_scalar(REPORTED).bind(trusted).bind(Status::Reported).bind(most);
    Ok(over.fetch_all(db).await?)
}

#[cfg(test)]
mod tests {
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
                if matches!(
                    order.status,
                    Status::Awaiting | Status::Reported | Status::Oversold
                ) =>
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
}
