//! The shelves follow one product: where it stands on each, and where it stands no more. `stocking` counts all of them.

use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Currency and category, as the table `shelf` names them.
type Shelf = (String, String);

/// Where a product belongs by its prices, its categories and whether it is shown.
const WANTED: &str = "\
    with places(category) as (select '' union select category from product_categories where product_id = ?1), \
        sold(currency) as ( \
            select w.currency from wallets w where exists (select 1 from prices r where r.product_id = ?1 and r.currency = w.currency) \
            union all select '' where not exists (select 1 from wallets)) \
    select s.currency, c.category from sold s cross join places c \
    where exists (select 1 from products p where p.id = ?1 and p.gone = 0)";

/// The things between two places of a shelf move by one; what stood at the first comes to the second.
const DOWN: &str = "\
    update shelf set product_id = old.product_id from ( \
        select position, product_id from shelf where currency = ?1 and category = ?2 and position between ?3 and ?4) as old \
    where shelf.currency = ?1 and shelf.category = ?2 and shelf.position between ?3 and ?4 \
        and old.position = iif(shelf.position = ?4, ?3, shelf.position + 1)";
const UP: &str = "\
    update shelf set product_id = old.product_id from ( \
        select position, product_id from shelf where currency = ?1 and category = ?2 and position between ?4 and ?3) as old \
    where shelf.currency = ?1 and shelf.category = ?2 and shelf.position between ?4 and ?3 \
        and old.position = iif(shelf.position = ?4, ?3, shelf.position - 1)";

/// After a change of one product's place, prices, categories, or of whether it is shown: puts it where it belongs on each
/// shelf, as counting all of them anew would, and touches no shelf that it does not stand on.
pub async fn follow(tx: &mut Tx, product: i64) -> Result<(), StoreError> {
    let wanted: BTreeSet<Shelf> =
        sqlx::query_as(WANTED).bind(product).fetch_all(&mut *tx.0).await?.into_iter().collect();
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("select currency, category, position from shelf where product_id = ?")
            .bind(product)
            .fetch_all(&mut *tx.0)
            .await?;
    let mut here: BTreeMap<Shelf, i64> = BTreeMap::new();
    for (currency, category, position) in rows {
        here.insert((currency, category), position);
    }
    for (shelf, at) in &here {
        if !wanted.contains(shelf) {
            let last = size(tx, shelf).await? - 1;
            shift(tx, shelf, *at, last).await?;
            sqlx::query("delete from shelf where currency = ? and category = ? and position = ?")
                .bind(&shelf.0)
                .bind(&shelf.1)
                .bind(last)
                .execute(&mut *tx.0)
                .await?;
            keep_size(tx, shelf, last).await?;
        }
    }
    for shelf in &wanted {
        let mut n = size(tx, shelf).await?;
        let at = match here.get(shelf) {
            Some(at) => *at,
            None => {
                sqlx::query("insert into shelf (currency, category, position, product_id) values (?, ?, ?, ?)")
                    .bind(&shelf.0)
                    .bind(&shelf.1)
                    .bind(n)
                    .bind(product)
                    .execute(&mut *tx.0)
                    .await?;
                n += 1;
                keep_size(tx, shelf, n).await?;
                n - 1
            }
        };
        let to = find_place(tx, shelf, product, at, n).await?;
        shift(tx, shelf, at, to).await?;
    }
    // A product that moves in the list gives others new numbers, also on shelves that it does not stand on.
    sqlx::query(
        "update shelf_sizes set position = (select p.position from shelf s join products p on p.id = s.product_id \
            where s.currency = shelf_sizes.currency and s.category = shelf_sizes.category and s.position = 0)",
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

async fn size(tx: &mut Tx, (currency, category): &Shelf) -> Result<i64, StoreError> {
    let found =
        sqlx::query_scalar("select products from shelf_sizes where currency = ? and category = ?")
            .bind(currency)
            .bind(category)
            .fetch_optional(&mut *tx.0)
            .await?;
    Ok(found.unwrap_or(0))
}

async fn keep_size(
    tx: &mut Tx,
    (currency, category): &Shelf,
    products: i64,
) -> Result<(), StoreError> {
    let statement = if products == 0 {
        "delete from shelf_sizes where currency = ?1 and category = ?2"
    } else {
        "insert into shelf_sizes (currency, category, position, products) values (?1, ?2, 0, ?3) \
         on conflict (currency, category) do update set products = excluded.products"
    };
    let mut query = sqlx::query(statement).bind(currency).bind(category);
    if products != 0 {
        query = query.bind(products);
    }
    query.execute(&mut *tx.0).await?;
    Ok(())
}

async fn shift(
    tx: &mut Tx,
    (currency, category): &Shelf,
    from: i64,
    to: i64,
) -> Result<(), StoreError> {
    if from != to {
        sqlx::query(if from < to { DOWN } else { UP })
            .bind(currency)
            .bind(category)
            .bind(from)
            .bind(to)
            .execute(&mut *tx.0)
            .await?;
    }
    Ok(())
}

/// Where on a shelf of `n` a product belongs that stands at `at` now: the others stand in the order of the list, so that
/// halving finds it.
async fn find_place(
    tx: &mut Tx,
    (currency, category): &Shelf,
    product: i64,
    at: i64,
    n: i64,
) -> Result<i64, StoreError> {
    let (mut low, mut high) = (0, n - 1);
    while low < high {
        // Among the others, counted without this one.
        let middle = (low + high) / 2;
        let is_before: bool = sqlx::query_scalar(
            "select (o.position, o.id) < (own.position, own.id) from shelf s join products o on o.id = s.product_id \
             join products own on own.id = ?4 where s.currency = ?1 and s.category = ?2 and s.position = ?3",
        )
        .bind(currency)
        .bind(category)
        .bind(if middle < at { middle } else { middle + 1 })
        .bind(product)
        .fetch_one(&mut *tx.0)
        .await?;
        if is_before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::Db;
    use crate::infra::store::product_edit;

    const THINGS: &str = "\
        insert into wallets (currency, position, name, address) values ('BTC', 0, 'Bitcoin', 'x'), ('ETH', 1, 'Ether', 'y'); \
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 30) \
        insert into products (id, slug, position, name, description_html, file_quantity, stock, hidden, gone) \
        select n, 'p' || n, n - 1, 'P', '', 1, 1, n % 5 = 0, n % 5 = 0 from n; \
        insert into prices (product_id, option_id, currency, price) select id, 0, 'BTC', 10 from products where id % 3 <> 0; \
        insert into prices (product_id, option_id, currency, price) select id, 0, 'ETH', 10 from products where id % 4 <> 0; \
        insert into product_categories (product_id, position, category) select id, 0, 'c' || id % 4 from products; \
        insert into product_categories (product_id, position, category) select id, 1, 'of its own' from products where id = 7";

    async fn shelves(tx: &mut Tx) -> Vec<(String, String, i64, i64)> {
        sqlx::query_as(
            "select currency, category, position, product_id from shelf \
             union all select currency, category, -1 - position, products from shelf_sizes order by 1, 2, 3, 4",
        )
        .fetch_all(&mut *tx.0)
        .await
        .unwrap()
    }

    #[test]
    fn following_one_product_is_what_counting_all_anew_would_be() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(THINGS).execute(&mut *tx.0).await.unwrap();
            product_edit::rebuild_listing_index(&mut tx).await.unwrap();
            // Any numbers, the same each time.
            let mut random_bytes: u64 = 7;
            let mut below = |n: i64| {
                random_bytes = random_bytes.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                i64::try_from(random_bytes >> 33).unwrap() % n
            };
            for step in 0..300 {
                let product = 1 + below(30);
                match below(6) {
                    0 => product_edit::set_hidden(&mut tx, product, below(2) == 0).await.unwrap(),
                    1 | 2 => product_edit::move_to(&mut tx, product, 1 + below(30)).await.unwrap(),
                    3 => {
                        let here = product_edit::find_place_now(&mut tx, product).await.unwrap();
                        product_edit::move_to(&mut tx, product, here + 1 - 2 * below(2)).await.unwrap();
                    }
                    4 => {
                        let category = format!("c{}", below(5));
                        sqlx::query("update product_categories set category = ? where product_id = ? and position = 0")
                            .bind(category)
                            .bind(product)
                            .execute(&mut *tx.0)
                            .await
                            .unwrap();
                    }
                    _ => {
                        sqlx::query("delete from prices where product_id = ? and currency = 'BTC'")
                            .bind(product)
                            .execute(&mut *tx.0)
                            .await
                            .unwrap();
                    }
                }
                follow(&mut tx, product).await.unwrap();
                let followed = shelves(&mut tx).await;
                product_edit::rebuild_listing_index(&mut tx).await.unwrap();
                assert_eq!(followed, shelves(&mut tx).await, "step {step}, product {product}");
            }
            tx.commit().await.unwrap();
            db.close().await;
        });
    }
}
