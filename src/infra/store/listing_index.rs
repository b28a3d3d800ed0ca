//! The listing index: which products stand at which position of each list of buyers. One list for each currency and category.
//!
//! In a shop without wallets everything is shown, under the currency `''`; the category `''` has all products. What is sold
//! only in other currencies than `ETH` is listed under `-ETH`. The table `sorted_listing` has the same products in other orders.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::infra::store::{StoreError, Tx};

/// Currency and category.
type List = (String, String);

/// The lists of a product, by its prices, its categories and whether it is shown.
const WANTED: &str = r#"
    with
        places (category) as (select '' union select category from product_categories where product_id = $1),
        priced (currency) as (
            select w.currency from wallets w
            where exists (select 1 from prices r where r.product_id = $1 and r.currency = w.currency)
            union all select '-' || w.currency from wallets w
            where not exists (select 1 from prices r where r.product_id = $1 and r.currency = w.currency)
                and exists (select 1 from prices r join wallets o on o.currency = r.currency where r.product_id = $1)
            union all select '' where not exists (select 1 from wallets))
    select p.currency, c.category
    from priced p cross join places c
    where exists (select 1 from products o where o.id = $1 and o.gone = 0)
    "#;

/// The products between two positions of a list move by one; the first of them comes to the second position.
const DOWN: &str = r#"
    update listing set product_id = old.product_id
    from (
        select position, product_id from listing
        where currency = $1 and category = $2 and position between $3 and $4
    ) as old
    where listing.currency = $1 and listing.category = $2 and listing.position between $3 and $4
        and old.position = case when listing.position = $4 then $3 else listing.position + 1 end
    "#;
const UP: &str = r#"
    update listing set product_id = old.product_id
    from (
        select position, product_id from listing
        where currency = $1 and category = $2 and position between $4 and $3
    ) as old
    where listing.currency = $1 and listing.category = $2 and listing.position between $4 and $3
        and old.position = case when listing.position = $4 then $3 else listing.position - 1 end
    "#;

/// In a shop without wallets, with them, and what is sold only in other currencies; each all products, then by category.
const REBUILD: [&str; 11] = [
    "delete from sorted_listing",
    "delete from listing",
    "delete from listing_sizes",
    r#"
    insert into listing (currency, category, position, product_id)
    select '', '', row_number() over (order by position) - 1, id
    from products
    where gone = 0 and not exists (select 1 from wallets)
    "#,
    r#"
    insert into listing (currency, category, position, product_id)
    select '', category, row_number() over (partition by category order by p.position) - 1, p.id
    from products p join product_categories c on c.product_id = p.id
    where p.gone = 0 and not exists (select 1 from wallets)
    "#,
    r#"
    insert into listing (currency, category, position, product_id)
    select w.currency, '', row_number() over (partition by w.currency order by p.position) - 1, p.id
    from wallets w join products p on p.gone = 0
    where exists (select 1 from prices r where r.product_id = p.id and r.currency = w.currency)
    "#,
    r#"
    insert into listing (currency, category, position, product_id)
    select w.currency, c.category, row_number() over (partition by w.currency, c.category order by p.position) - 1, p.id
    from wallets w join products p on p.gone = 0 join product_categories c on c.product_id = p.id
    where exists (select 1 from prices r where r.product_id = p.id and r.currency = w.currency)
    "#,
    r#"
    insert into listing (currency, category, position, product_id)
    select '-' || w.currency, '', row_number() over (partition by w.currency order by p.position) - 1, p.id
    from wallets w join products p on p.gone = 0
    where not exists (select 1 from prices r where r.product_id = p.id and r.currency = w.currency)
        and exists (select 1 from prices r join wallets o on o.currency = r.currency where r.product_id = p.id)
    "#,
    r#"
    insert into listing (currency, category, position, product_id)
    select '-' || w.currency, c.category, row_number() over (partition by w.currency, c.category order by p.position) - 1, p.id
    from wallets w join products p on p.gone = 0 join product_categories c on c.product_id = p.id
    where not exists (select 1 from prices r where r.product_id = p.id and r.currency = w.currency)
        and exists (select 1 from prices r join wallets o on o.currency = r.currency where r.product_id = p.id)
    "#,
    r#"
    insert into sorted_listing (currency, category, product_id, price, name)
    select s.currency, s.category, s.product_id,
        (select min(r.price) from prices r where r.product_id = s.product_id and r.currency = s.currency),
        coalesce((select n.name from sort_names n where n.product_id = s.product_id), '')
    from listing s
    order by s.currency, s.category, s.product_id
    "#,
    r#"
    insert into listing_sizes (currency, category, position, products)
    select s.currency, s.category, min(p.position), count(*)
    from listing s join products p on p.id = s.product_id
    group by s.currency, s.category
    "#,
];

/// Counts all lists anew.
pub async fn rebuild(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in REBUILD {
        sqlx::query(statement).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Products that are on a list, with the keys by which they are sorted there, or with others than before.
const SORT: &str = r#"
    insert into sorted_listing (currency, category, product_id, price, name)
    select s.currency, s.category, s.product_id,
        (select min(r.price) from prices r where r.product_id = s.product_id and r.currency = s.currency),
        coalesce((select n.name from sort_names n where n.product_id = s.product_id), '')
    from listing s
    where s.product_id in (select value from json_each($1))
    on conflict (currency, category, product_id) do update set price = excluded.price, name = excluded.name
    where price is not excluded.price or name <> excluded.name
    "#;

/// After a change of products' names or prices: their places in lists that are sorted by them.
pub(super) async fn follow_sort_keys(tx: &mut Tx, products: &[i64]) -> Result<(), StoreError> {
    sqlx::query(SORT).bind(json!(products).to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// After a change of one product's place, prices, categories, or of whether it is shown: does what [`rebuild`] would, and
/// touches only the lists that the product is or was on.
pub async fn follow(tx: &mut Tx, product: i64) -> Result<(), StoreError> {
    let wanted: Vec<List> = sqlx::query_as(WANTED).bind(product).fetch_all(&mut **tx).await?;
    let wanted: BTreeSet<List> = wanted.into_iter().collect();
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("select currency, category, position from listing where product_id = $1")
            .bind(product)
            .fetch_all(&mut **tx)
            .await?;
    let mut here: BTreeMap<List, i64> = BTreeMap::new();
    for (currency, category, position) in rows {
        here.insert((currency, category), position);
    }
    for (list, at) in here.iter().filter(|(list, _)| !wanted.contains(*list)) {
        let last = size_of(tx, list).await? - 1;
        shift(tx, list, *at, last).await?;
        sqlx::query("delete from listing where currency = $1 and category = $2 and position = $3")
            .bind(&list.0)
            .bind(&list.1)
            .bind(last)
            .execute(&mut **tx)
            .await?;
        sqlx::query(
            "delete from sorted_listing where currency = $1 and category = $2 and product_id = $3",
        )
        .bind(&list.0)
        .bind(&list.1)
        .bind(product)
        .execute(&mut **tx)
        .await?;
        set_size(tx, list, last).await?;
    }
    for list in &wanted {
        let mut n = size_of(tx, list).await?;
        let at = match here.get(list) {
            Some(at) => *at,
            None => {
                sqlx::query("insert into listing (currency, category, position, product_id) values ($1, $2, $3, $4)")
                    .bind(&list.0)
                    .bind(&list.1)
                    .bind(n)
                    .bind(product)
                    .execute(&mut **tx)
                    .await?;
                n += 1;
                set_size(tx, list, n).await?;
                n - 1
            }
        };
        let to = find_position(tx, list, product, (at, n)).await?;
        shift(tx, list, at, to).await?;
    }
    follow_sort_keys(tx, &[product]).await?;
    // A product that moves gives others new numbers, also on lists that it is not on.
    sqlx::query(
        r#"
        update listing_sizes set position = (
            select p.position from listing s join products p on p.id = s.product_id
            where s.currency = listing_sizes.currency and s.category = listing_sizes.category and s.position = 0)
        "#,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn size_of(tx: &mut Tx, (currency, category): &List) -> Result<i64, StoreError> {
    let size = sqlx::query_scalar(
        "select products from listing_sizes where currency = $1 and category = $2",
    );
    Ok(size.bind(currency).bind(category).fetch_optional(&mut **tx).await?.unwrap_or(0))
}

async fn set_size(
    tx: &mut Tx,
    (currency, category): &List,
    products: i64,
) -> Result<(), StoreError> {
    let statement = if products == 0 {
        "delete from listing_sizes where currency = $1 and category = $2"
    } else {
        r#"
        insert into listing_sizes (currency, category, position, products) values ($1, $2, 0, $3)
        on conflict (currency, category) do update set products = excluded.products
        "#
    };
    sqlx::query(statement).bind(currency).bind(category).bind(products).execute(&mut **tx).await?;
    Ok(())
}

async fn shift(
    tx: &mut Tx,
    (currency, category): &List,
    from: i64,
    to: i64,
) -> Result<(), StoreError> {
    if from != to {
        sqlx::query(if from < to { DOWN } else { UP })
            .bind(currency)
            .bind(category)
            .bind(from)
            .bind(to)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// The position at which a product belongs that is at `at` of a list of `n` now. The others are in their order, so that
/// halving finds it.
async fn find_position(
    tx: &mut Tx,
    (currency, category): &List,
    product: i64,
    (at, n): (i64, i64),
) -> Result<i64, StoreError> {
    let (mut low, mut high) = (0, n - 1);
    while low < high {
        // Among the others, counted without this one.
        let middle = (low + high) / 2;
        let is_before: bool = sqlx::query_scalar(
            r#"
            select (o.position, o.id) < (own.position, own.id)
            from listing s join products o on o.id = s.product_id join products own on own.id = $4
            where s.currency = $1 and s.category = $2 and s.position = $3
            "#,
        )
        .bind(currency)
        .bind(category)
        .bind(if middle < at { middle } else { middle + 1 })
        .bind(product)
        .fetch_one(&mut **tx)
        .await?;
        if is_before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Every place and size of all lists, for tests.
#[cfg(test)]
pub(super) async fn lists(tx: &mut Tx) -> Vec<(String, String, i64, i64)> {
    sqlx::query_as(
        r#"
        select currency, category, position, product_id from listing
        union all select currency, category, -1 - position, products from listing_sizes
        union all select currency, category, coalesce(price, 0), product_id from sorted_listing
        order by 1, 2, 3, 4
        "#,
    )
    .fetch_all(&mut **tx)
    .await
    .unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::with_shop;
    use crate::infra::store::{product_writes, products};

    const THINGS: &str = r#"
        insert into wallets (currency, position, name, address) values ('BTC', 0, 'Bitcoin', 'x'), ('ETH', 1, 'Ether', 'y');
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 30)
        insert into products (id, slug, position, name, description_html, file_quantity, stock, hidden, gone)
        select n, 'p' || n, n - 1, 'P', '', 1, 1, n % 5 = 0, n % 5 = 0 from n;
        insert into prices (product_id, option_id, currency, price) select id, 0, 'BTC', 10 from products where id % 3 <> 0;
        insert into prices (product_id, option_id, currency, price) select id, 0, 'ETH', 10 from products where id % 4 <> 0;
        insert into product_categories (product_id, position, category) select id, 0, 'c' || id % 4 from products;
        insert into product_categories (product_id, position, category) select id, 1, 'of its own' from products where id = 7
        "#;

    #[test]
    fn following_one_product_is_what_counting_all_anew_would_be() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(THINGS).execute(&mut *tx).await.unwrap();
            rebuild(&mut tx).await.unwrap();
            // Any numbers, the same each time.
            let mut state: u64 = 7;
            let mut below = |n: i64| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                i64::try_from(state >> 33).unwrap() % n
            };
            for step in 0..300 {
                let product = 1 + below(30);
                match below(6) {
                    0 => product_writes::set_hidden(&mut tx, product, below(2) == 0).await.unwrap(),
                    1 | 2 => {
                        product_writes::move_to(&mut tx, product, 1 + below(30)).await.unwrap()
                    }
                    3 => {
                        let here = products::find_place(&mut tx, product).await.unwrap();
                        product_writes::move_to(&mut tx, product, here + 1 - 2 * below(2))
                            .await
                            .unwrap();
                    }
                    4 => {
                        let category = format!("c{}", below(5));
                        sqlx::query("update product_categories set category = ? where product_id = ? and position = 0")
                            .bind(category)
                            .bind(product)
                            .execute(&mut *tx)
                            .await
                            .unwrap();
                    }
                    _ => {
                        sqlx::query("delete from prices where product_id = ? and currency = 'BTC'")
                            .bind(product)
                            .execute(&mut *tx)
                            .await
                            .unwrap();
                    }
                }
                follow(&mut tx, product).await.unwrap();
                let followed = lists(&mut tx).await;
                rebuild(&mut tx).await.unwrap();
                assert_eq!(followed, lists(&mut tx).await, "step {step}, product {product}");
            }
            tx.commit().await.unwrap();
        });
    }
}
