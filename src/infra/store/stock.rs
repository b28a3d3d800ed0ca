//! How many items there are: the only module that changes a stock, or tells what orders hold of it.
//!
//! A product has a stock, and each option may have one; an option without one sells from the product's. An [`OfferKey`] with
//! option 0 names the product's own. Items leave a stock when they are ordered. What open orders hold is counted in the table
//! `held_stock` by triggers (migration 0016), which also move it when an option gets a stock or gives it up.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::OfferKey;
use crate::infra::store::{Connection, StoreError, Tx};

/// Among the options `o` of a product: whether it sells from its own stock. It does without options, and where one has none.
macro_rules! sells_own_stock {
    () => {
        "(count(*) = 0 or count(o.stock) < count(*))"
    };
}

/// The free items of option `o` of product `p`, the option of their [`OfferKey`] and what unpaid orders reserve of them: those of
/// the product where it has none.
macro_rules! of_option {
    () => {
        "coalesce(o.stock, p.stock) as stock, iif(o.stock is null, 0, o.id) as pool_option, \
         coalesce((select h.unpaid from held_stock h where h.product_id = p.id and h.pool_option = iif(o.stock is null, 0, o.id)), 0) as reserved"
    };
}

/// The items of all stocks of product `p`.
macro_rules! total {
    () => {
        concat!(
            "(select coalesce(sum(o.stock), 0) + case when ",
            crate::infra::store::stock::sells_own_stock!(),
            " then p.stock else 0 end from options o where o.product_id = p.id and o.gone = 0)"
        )
    };
}

/// The items of that stock of product `p` which has fewest.
macro_rules! least {
    () => {
        "(select coalesce(min(coalesce(o.stock, p.stock)), p.stock) \
          from options o where o.product_id = p.id and o.gone = 0)"
    };
}

/// The quantity that a file says for a stock: what can be bought and what open orders hold. A file takes a million at most.
macro_rules! file_quantity {
    ($stock:literal, $held:literal) => {
        concat!(
            "min(1000000, ",
            $stock,
            " + coalesce((select h.quantity from held_stock h where ",
            $held,
            "), 0))"
        )
    };
}

/// The free items of a stock; null where there is none.
macro_rules! of_pool {
    ($product:literal, $option:literal) => {
        concat!(
            "iif(",
            $option,
            " = 0, (select stock from products where id = ",
            $product,
            "), (select stock from options where id = ",
            $option,
            "))"
        )
    };
}

/// The items that unpaid orders reserve of all stocks of product `p`.
macro_rules! reserved {
    () => {
        "(select coalesce(sum(h.unpaid), 0) from held_stock h left join options o on o.id = h.pool_option \
          where h.product_id = p.id and coalesce(o.gone, 0) = 0)"
    };
}

/// Of a line `l` of an order: its codes have not been given to the buyer. Those that were are in no stock any more, whatever
/// becomes of the order.
macro_rules! has_no_codes_yet {
    () => {
        " and not exists (
            select 1 from deliveries d where d.order_id = l.order_id and d.line = l.position and d.kind = 'codes')"
    };
}

/// Takes the items of the order with the reference `$1` out of the stock (`-`), or puts them back (`+`), where it reserves
/// them. The tables refuse a stock below zero.
macro_rules! move_items {
    ($sign:literal) => {
        concat!(
            "update products set stock = stock ",
            $sign,
            r#" moved.quantity
            from (
                select l.product_id as id, sum(l.quantity) as quantity
                from order_lines l join orders o on o.id = l.order_id
                where o.order_ref = $1 and 0 < o.reserves and l.pool_option = 0"#,
            $crate::infra::store::stock::has_no_codes_yet!(),
            r#" group by l.product_id
            ) as moved
            where products.id = moved.id;
            update options set stock = stock "#,
            $sign,
            r#" moved.quantity
            from (
                select l.pool_option as id, sum(l.quantity) as quantity
                from order_lines l join orders o on o.id = l.order_id
                where o.order_ref = $1 and 0 < o.reserves and l.pool_option <> 0
                group by l.pool_option
            ) as moved
            where options.id = moved.id;
            "#
        )
    };
}

pub(super) use file_quantity;
pub(super) use has_no_codes_yet;
pub(super) use least;
pub(super) use move_items;
pub(super) use of_option;
pub(super) use of_pool;
pub(super) use reserved;
pub(super) use sells_own_stock;
pub(super) use total;

/// What becomes of a stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockChange {
    /// An option sells from the product's stock.
    Shared,
    /// It stays as it is, whatever that is by now.
    Kept,
    Set(i64),
}

/// A stock of which little is left.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct LowStock {
    pub slug: String,
    pub name: String,
    /// Empty: the product's own stock.
    pub option_name: String,
    #[sqlx(rename = "stock")]
    pub left: i64,
    /// Items in orders that are neither finished nor over.
    pub held: i64,
}

const LOW: &str = concat!(
    r#"
    select slug, name, option_name, stock, coalesce(h.quantity, 0) as held
    from (
        select * from (
            select p.id, p.slug, p.name, '' as option_name, 0 as pool, p.stock
            from products p
            where p.gone = 0 and p.stock <= $1 and (select "#,
    sells_own_stock!(),
    r#" from options o where o.product_id = p.id and o.gone = 0)
            order by p.stock, p.id limit $2)
        union all
        select * from (
            select p.id, p.slug, p.name, o.name, o.id, o.stock
            from options o join products p on p.id = o.product_id and p.gone = 0
            where o.gone = 0 and o.stock is not null and o.stock <= $1
            order by o.stock, o.product_id limit $2)
    ) as low
    left join held_stock h on h.product_id = low.id and h.pool_option = low.pool
    order by stock, name, option_name limit $2
    "#
);

/// The stocks with at most `few` items left, the fewest first, at most `most` of them.
pub async fn list_low(
    db: &mut Connection,
    few: i64,
    most: i64,
) -> Result<Vec<LowStock>, StoreError> {
    Ok(sqlx::query_as(LOW).bind(few).bind(most).fetch_all(db).await?)
}

/// What the seller does to a stock at the desk. Beside it is kept what a file would have to say for it: these items and
/// those that open orders hold.
pub async fn change(tx: &mut Tx, key: OfferKey, change: StockChange) -> Result<(), StoreError> {
    let quantity = match change {
        StockChange::Kept => return Ok(()),
        // A product's own stock stays where all its options have theirs.
        StockChange::Shared if key.option == 0 => return Ok(()),
        StockChange::Shared => None,
        StockChange::Set(quantity) => Some(quantity),
    };
    // Two statements: the first may bring along what orders of an option hold.
    let (id, statements) = if key.option == 0 {
        let note = r#"
            update products set file_quantity = stock + coalesce(
                (select quantity from held_stock where product_id = products.id and pool_option = 0), 0)
            where id = $1
            "#;
        (key.product, ["update products set stock = $2 where id = $1", note])
    } else {
        let note = r#"
            update options set file_quantity = stock + coalesce(
                (select quantity from held_stock where product_id = options.product_id and pool_option = options.id), 0)
            where id = $1
            "#;
        (key.option, ["update options set stock = $2, file_quantity = $2 where id = $1", note])
    };
    for statement in statements {
        sqlx::query(statement).bind(id).bind(quantity).execute(&mut **tx).await?;
    }
    Ok(())
}

/// What a file says of the stock of a product, or of one of its options.
pub(super) struct FileQuantity<'a> {
    pub slug: &'a str,
    pub option: Option<&'a str>,
    /// `None`: the option shares the product's stock.
    pub quantity: Option<i64>,
}

/// First each stock is what the file says of it, with what open orders hold: a quantity that the file has said before
/// is no news, and what was sold since stays sold. Options that get a stock or give it up take along what orders of them hold.
/// Only then what orders hold is taken off. `$1`: name of the product, of the option, quantity; `$2`: everything is news.
const IMPORT: [&str; 4] = [
    r#"
    update products
    set stock = case when products.file_quantity = said.quantity and not $2 then products.stock + said.held else said.quantity end,
        file_quantity = said.quantity
    from (
        select p.id, value ->> 2 as quantity, coalesce(h.quantity, 0) as held
        from jsonb_each($1) join products p on p.slug = value ->> 0
        left join held_stock h on h.product_id = p.id and h.pool_option = 0
        where value ->> 1 is null
    ) as said
    where products.id = said.id
    "#,
    r#"
    update options
    set stock = case when options.file_quantity = said.quantity and not $2 then options.stock + said.held else said.quantity end,
        file_quantity = said.quantity
    from (
        select o.id, value ->> 2 as quantity, coalesce(h.quantity, 0) as held
        from jsonb_each($1) join products p on p.slug = value ->> 0
        join options o on o.product_id = p.id and o.name = value ->> 1
        left join held_stock h on h.product_id = p.id and h.pool_option = o.id
    ) as said
    where options.id = said.id
    "#,
    r#"
    update products set stock = max(0, products.stock - said.held)
    from (
        select p.id, h.quantity as held
        from jsonb_each($1) join products p on p.slug = value ->> 0
        join held_stock h on h.product_id = p.id and h.pool_option = 0
        where value ->> 1 is null
    ) as said
    where products.id = said.id
    "#,
    r#"
    update options set stock = max(0, options.stock - said.held)
    from (
        select o.id, h.quantity as held
        from jsonb_each($1) join products p on p.slug = value ->> 0
        join options o on o.product_id = p.id and o.name = value ->> 1
        join held_stock h on h.product_id = p.id and h.pool_option = o.id
        -- Asked once, as in OVER.
        where exists (select 1 from held_stock)
    ) as said
    where options.id = said.id
    "#,
];

/// Where open orders hold more of a stock than the new quantity in the file.
const OVER: &str = r#"
    select h.product_id, h.pool_option, value ->> 2
    from jsonb_each($1) join products p on p.slug = value ->> 0
    left join options o on o.product_id = p.id and o.name = value ->> 1
    join held_stock h on h.product_id = p.id and h.pool_option = coalesce(o.id, 0)
    where (o.id is null) = (value ->> 1 is null) and value ->> 2 < h.quantity
        and ($2 or iif(o.id is null, p.file_quantity, o.file_quantity) is not value ->> 2)
        -- Asked once, so that the file is not read where nothing is held.
        and exists (select 1 from held_stock)
    "#;

/// Takes the quantities of a file for products and options that are in the tables. `count_anew`: also those that it has said
/// before. Before, [`list_over`] says where open orders hold more than the file says.
pub(super) async fn import(
    tx: &mut Tx,
    quantities: &[FileQuantity<'_>],
    count_anew: bool,
) -> Result<(), StoreError> {
    let rows = rows_json(quantities);
    for statement in IMPORT {
        sqlx::query(statement).bind(&rows).bind(count_anew).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The stocks of which open orders hold more than the file says there is, with what it says.
pub(super) async fn list_over(
    db: &mut Connection,
    quantities: &[FileQuantity<'_>],
    count_anew: bool,
) -> Result<Vec<(OfferKey, i64)>, StoreError> {
    let over: Vec<(i64, i64, i64)> =
        sqlx::query_as(OVER).bind(rows_json(quantities)).bind(count_anew).fetch_all(db).await?;
    let over = over.into_iter();
    Ok(over.map(|(product, option, quantity)| (OfferKey { product, option }, quantity)).collect())
}

fn rows_json(quantities: &[FileQuantity<'_>]) -> String {
    let rows = quantities.iter().map(|said| json!([said.slug, said.option, said.quantity]));
    json!(rows.collect::<Vec<_>>()).to_string()
}

/// Stocks that hold less than the file says, since some were sold.
pub async fn count_sold_since_import(db: &mut Connection) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        r#"
        select (select count(*) from products where gone = 0 and stock < file_quantity)
             + (select count(*) from options where gone = 0 and stock < file_quantity)
        "#,
    );
    Ok(count.fetch_one(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    /// Three products: without options; with two, one of which shares the product's stock; with two that have their own.
    const PRODUCTS: &str = r#"
        insert into products (id, slug, position, name, description_html, file_quantity, stock)
        values (1, 'tea', 0, 'Tea', '', 9, 9), (2, 'socks', 1, 'Socks', '', 5, 5), (3, 'mugs', 2, 'Mugs', '', 1, 1);
        insert into options (id, product_id, position, name, file_quantity, stock)
        values (1, 2, 0, 'Red', 7, 7), (2, 2, 1, 'Blue', null, null), (3, 3, 0, 'Small', 2, 2), (4, 3, 1, 'Large', 3, 3);
        insert into options (id, product_id, position, name, file_quantity, stock, gone) values (5, 3, 2, 'Huge', 0, 0, 1);
        insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, reserves)
        values (1, 'AAAAAAAAAA', randomblob(32), randomblob(32), 'confirmed', 0, 1);
        insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price)
        values (1, 0, 2, 2, 0, 'Socks', 'Blue', 2, 1), (1, 1, 2, 1, 1, 'Socks', 'Red', 3, 1);
        "#;

    async fn stocks(tx: &mut Tx) -> Vec<(i64, i64, Option<i64>)> {
        sqlx::query_as(
            "select 0, id, stock from products union all select 1, id, stock from options order by 1, 2",
        )
        .fetch_all(&mut **tx)
        .await
        .unwrap()
    }

    fn said<'a>(slug: &'a str, option: Option<&'a str>, quantity: Option<i64>) -> FileQuantity<'a> {
        FileQuantity { slug, option, quantity }
    }

    #[test]
    fn an_option_without_a_stock_sells_from_the_products() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(PRODUCTS).execute(&mut *tx).await.unwrap();
            let found: Vec<(i64, i64)> = sqlx::query_as(concat!(
                "select ",
                total!(),
                ", ",
                least!(),
                " from products p order by id"
            ))
            .fetch_all(&mut *tx)
            .await
            .unwrap();
            assert_eq!(found, [(9, 9), (12, 5), (5, 2)]);
            let low = list_low(&mut tx, 3, 10).await.unwrap();
            let low: Vec<_> = low.iter().map(|one| (one.option_name.as_str(), one.left)).collect();
            assert_eq!(low, [("Small", 2), ("Large", 3)]);
        });
    }

    #[test]
    fn a_file_leaves_what_was_sold_and_what_orders_hold() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(PRODUCTS).execute(&mut *tx).await.unwrap();
            let socks = [
                said("socks", None, Some(5)),
                said("socks", Some("Red"), Some(7)),
                said("socks", Some("Blue"), None),
            ];
            import(&mut tx, &socks, false).await.unwrap();
            assert_eq!(
                stocks(&mut tx).await[1..5],
                [(0, 2, Some(5)), (0, 3, Some(1)), (1, 1, Some(7)), (1, 2, None)]
            );
            import(&mut tx, &socks, true).await.unwrap();
            assert_eq!(
                stocks(&mut tx).await[1..5],
                [(0, 2, Some(3)), (0, 3, Some(1)), (1, 1, Some(4)), (1, 2, None)]
            );
            // Red gives its stock up and Blue gets one: each takes along what orders of it hold.
            let socks = [
                said("socks", None, Some(9)),
                said("socks", Some("Red"), None),
                said("socks", Some("Blue"), Some(6)),
            ];
            import(&mut tx, &socks, false).await.unwrap();
            assert_eq!(
                stocks(&mut tx).await[1..5],
                [(0, 2, Some(6)), (0, 3, Some(1)), (1, 1, None), (1, 2, Some(4))]
            );
            change(&mut tx, OfferKey { product: 2, option: 2 }, StockChange::Shared).await.unwrap();
            let own = OfferKey { product: 2, option: 0 };
            change(&mut tx, own, StockChange::Set(8)).await.unwrap();
            let quantity: i64 =
                sqlx::query_scalar("select file_quantity from products where id = 2")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
            assert_eq!(quantity, 8 + 5);
        });
    }

    #[test]
    fn the_lowest_stocks_and_those_of_a_file_are_found_by_indexes() {
        with_shop(async |db| {
            let steps = query_plan(&db, LOW).await;
            for index in [
                "SEARCH p USING INDEX products_by_stock (stock<?)",
                "INDEX options_by_stock (stock>? AND stock<?)",
                "SEARCH h USING PRIMARY KEY",
            ] {
                assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
            }
            assert_scans_only(&steps, &["low", "subquery"]);
            for statement in IMPORT.into_iter().chain([OVER]) {
                assert_scans_only(&query_plan(&db, statement).await, &["jsonb_each", "held_stock"]);
            }
        });
    }
}
