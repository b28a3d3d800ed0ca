//! After an import: brings the listing index up to date in small transactions, and writes only what differs.
//!
//! The products are read in their order, some at a time, while their place on each list is counted. Nothing else may change
//! products meanwhile: see [`catalog_state::mark_desk_change`](crate::infra::store::catalog_state::mark_desk_change).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::FromRow;

use crate::infra::store::{Connection, StoreError, Tx, listing_index};

/// Currency and category.
type List = (String, String);

/// How far the products were read.
#[derive(Default)]
pub struct Progress {
    /// Position and id of the last one.
    after: Option<(i64, i64)>,
    /// How many products each list has so far, and the position of the first of them.
    sizes: BTreeMap<List, (i64, i64)>,
}

#[derive(FromRow)]
struct ListedRow {
    id: i64,
    position: i64,
    /// Both are arrays.
    currencies: String,
    categories: String,
}

/// A product's place on a list.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    list: List,
    position: i64,
    product: i64,
}

/// The places of some products that differ from those in the index.
#[derive(Default)]
pub struct Moved(Vec<Place>);

/// Units: products that are read at once.
const CHUNK: i64 = 250;
/// Units: rows of a list that are removed at once.
const MAX_REMOVED: i64 = 2_000;

const NEXT: &str = r#"
    select p.id, p.position,
        (select json_group_array(distinct r.currency) from prices r where r.product_id = p.id) as currencies,
        (select json_group_array(distinct c.category) from product_categories c where c.product_id = p.id) as categories
    from products p
    where p.gone = 0 and $1 <= p.position and (p.position, p.id) > ($1, $2)
    order by p.position, p.id limit $3
    "#;
/// In one row, since each wakes the thread that reads them.
const DIFFERENT: &str = r#"
    select json_group_array(e.key) from jsonb_each($1) e
    where not exists (
            select 1 from listing s
            where s.currency = e.value ->> 0 and s.category = e.value ->> 1 and s.position = e.value ->> 2
                and s.product_id = e.value ->> 3)
        or not exists (
            select 1 from sorted_listing s
            where s.currency = e.value ->> 0 and s.category = e.value ->> 1 and s.product_id = e.value ->> 3)
    "#;

impl Progress {
    /// The next products. `None`: there are no more.
    pub async fn next(&mut self, db: &mut Connection) -> Result<Option<Moved>, StoreError> {
        let (position, id) = self.after.unwrap_or((i64::MIN, i64::MIN));
        let products: Vec<ListedRow> =
            sqlx::query_as(NEXT).bind(position).bind(id).bind(CHUNK).fetch_all(&mut *db).await?;
        let Some(last) = products.last() else { return Ok(None) };
        self.after = Some((last.position, last.id));
        let wallets: Vec<String> =
            sqlx::query_scalar("select currency from wallets order by position")
                .fetch_all(&mut *db)
                .await?;
        let mut places = Vec::new();
        for row in products {
            let (product, position) = (row.id, row.position);
            for list in row.lists(&wallets)? {
                let (n, _) = self.sizes.entry(list.clone()).or_insert((0, position));
                places.push(Place { list, position: *n, product });
                *n += 1;
            }
        }
        let rows: Vec<_> = places
            .iter()
            .map(|place| json!([place.list.0, place.list.1, place.position, place.product]))
            .collect();
        let different: String =
            sqlx::query_scalar(DIFFERENT).bind(json!(rows).to_string()).fetch_one(db).await?;
        let different: BTreeSet<i64> =
            serde_json::from_str(&different).map_err(|_| StoreError::Row("json_group_array"))?;
        let moved = (0..).zip(places).filter(|(n, _)| different.contains(n));
        Ok(Some(Moved(moved.map(|(_, place)| place).collect())))
    }

    /// After the last product: the lists have these sizes, and no list has more products than these.
    pub async fn close(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let rows: Vec<_> = self
            .sizes
            .iter()
            .map(|((currency, category), (n, position))| json!([currency, category, position, n]))
            .collect();
        let rows = json!(rows).to_string();
        for statement in [
            r#"
            insert into listing_sizes (currency, category, position, products)
            select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from jsonb_each($1) where true
            on conflict (currency, category) do update set position = excluded.position, products = excluded.products
            where position <> excluded.position or products <> excluded.products
            "#,
            r#"
            delete from listing_sizes
            where (currency, category) not in (select value ->> 0, value ->> 1 from jsonb_each($1))
            "#,
        ] {
            sqlx::query(statement).bind(&rows).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Removes some of what is behind the ends of the lists. Returns whether there may be more.
    pub async fn trim(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let lists: Vec<List> = sqlx::query_as(LISTS).fetch_all(&mut **tx).await?;
        for list in lists {
            let n = self.sizes.get(&list).map_or(0, |(n, _)| *n);
            let removed = sqlx::query(
                r#"
                delete from listing
                where currency = $1 and category = $2 and position in (
                    select position from listing
                    where currency = $1 and category = $2 and $3 <= position order by position desc limit $4)
                "#,
            )
            .bind(&list.0)
            .bind(&list.1)
            .bind(n)
            .bind(MAX_REMOVED)
            .execute(&mut **tx)
            .await?
            .rows_affected();
            if removed != 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the sorted lists have products that are not on the lists any more. Asked when all others are done.
    pub async fn has_unlisted(&self, db: &mut Connection) -> Result<bool, StoreError> {
        let wanted: i64 = self.sizes.values().map(|(n, _)| n).sum();
        let found: i64 =
            sqlx::query_scalar("select count(*) from sorted_listing").fetch_one(db).await?;
        Ok(found != wanted)
    }
}

/// Every list of the index, each found by one step along its key.
const LISTS: &str = r#"
    with recursive lists (currency, category) as (
        select currency, category from (select currency, category from listing order by currency, category limit 1)
        union all
        select s.currency, s.category
        from lists l cross join listing s on (s.currency, s.category, s.position) = (
            select n.currency, n.category, n.position from listing n
            where (n.currency, n.category) > (l.currency, l.category)
            order by n.currency, n.category, n.position limit 1))
    select currency, category from lists
    "#;

impl ListedRow {
    fn lists(&self, wallets: &[String]) -> Result<Vec<List>, StoreError> {
        let priced: Vec<String> = serde_json::from_str(&self.currencies)
            .map_err(|_| StoreError::Row("prices.currency"))?;
        let categories: BTreeSet<String> = serde_json::from_str(&self.categories)
            .map_err(|_| StoreError::Row("product_categories.category"))?;
        let categories: Vec<String> = [String::new()].into_iter().chain(categories).collect();
        let of = |currency: String| {
            let list = move |category: &String| (currency.clone(), category.clone());
            categories.iter().map(list).collect::<Vec<List>>()
        };
        Ok(currencies(wallets, &priced).into_iter().flat_map(of).collect())
    }
}

/// The keys of the lists of a product with prices in these currencies.
fn currencies(wallets: &[String], priced: &[String]) -> Vec<String> {
    if wallets.is_empty() {
        return vec![String::new()];
    }
    if !wallets.iter().any(|wallet| priced.contains(wallet)) {
        return Vec::new();
    }
    let key = |wallet: &String| {
        if priced.contains(wallet) { wallet.clone() } else { format!("-{wallet}") }
    };
    wallets.iter().map(key).collect()
}

impl Moved {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Units: places.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes these places.
    pub async fn put(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|place| json!([place.list.0, place.list.1, place.position, place.product]))
            .collect();
        let rows = json!(rows).to_string();
        sqlx::query(
            r#"
            insert into listing (currency, category, position, product_id)
            select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from jsonb_each($1) where true
            on conflict (currency, category, position) do update set product_id = excluded.product_id
            where product_id <> excluded.product_id
            "#,
        )
        .bind(&rows)
        .execute(&mut **tx)
        .await?;
        let products: BTreeSet<i64> = self.0.iter().map(|place| place.product).collect();
        let products: Vec<i64> = products.into_iter().collect();
        listing_index::follow_sort_keys(tx, &products).await
    }
}

/// Rows of the sorted lists whose products are not on these lists, by their key.
#[derive(Default)]
pub struct UnlistedRows {
    after: (String, String, i64),
    found: Vec<(String, String, i64)>,
}

/// Units: rows of the sorted lists that are checked at once.
const MAX_CHECKED: i64 = 5_000;

impl UnlistedRows {
    /// The next of them, unless there are no more rows.
    pub async fn next(&mut self, db: &mut Connection) -> Result<bool, StoreError> {
        let rows: Vec<(String, String, i64, bool)> = sqlx::query_as(
            r#"
            select s.currency, s.category, s.product_id, exists (
                select 1 from listing l
                where l.product_id = s.product_id and l.currency = s.currency and l.category = s.category)
            from sorted_listing s
            where (s.currency, s.category, s.product_id) > ($1, $2, $3)
            order by s.currency, s.category, s.product_id limit $4
            "#,
        )
        .bind(&self.after.0)
        .bind(&self.after.1)
        .bind(self.after.2)
        .bind(MAX_CHECKED)
        .fetch_all(db)
        .await?;
        let Some((currency, category, product, _)) = rows.last() else { return Ok(false) };
        self.after = (currency.clone(), category.clone(), *product);
        let found = rows.into_iter().filter(|(_, _, _, is_listed)| !is_listed);
        self.found =
            found.map(|(currency, category, product, _)| (currency, category, product)).collect();
        Ok(true)
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub async fn remove(&self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query(
            r#"
            delete from sorted_listing
            where (currency, category, product_id) in (select value ->> 0, value ->> 1, value ->> 2 from jsonb_each($1))
            "#,
        )
        .bind(json!(self.found).to_string())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    /// More products than are read at once, so that lists go on from one part to the next.
    const PRODUCTS: &str = r#"
        insert into wallets (currency, position, name, address) values ('BTC', 0, 'Bitcoin', 'x'), ('ETH', 1, 'Ether', 'y');
        with recursive n(n) as (select 1 union all select n + 1 from n where n < 700)
        insert into products (id, slug, position, name, description_html, file_quantity, stock, hidden, gone)
        select n, 'p' || n, (n * 37) % 701, 'P', '', 1, 1, n % 5 = 0, n % 5 = 0 from n;
        insert into prices (product_id, option_id, currency, price) select id, 0, 'BTC', id from products where id % 3 <> 0;
        insert into prices (product_id, option_id, currency, price) select id, 0, 'ETH', 900 - id from products where id % 4 <> 0;
        insert into product_categories (product_id, position, category) select id, 0, 'c' || id % 4 from products;
        insert into product_categories (product_id, position, category) select id, 1, 'of its own' from products where id = 7
        "#;
    const CHANGES: [&str; 7] = [
        "select 1",
        "update products set position = 1000 - position",
        "update products set gone = 1 where id % 7 = 0",
        "update products set gone = 0 where id between 300 and 400",
        "delete from prices where currency = 'BTC' and product_id < 200",
        "update product_categories set category = 'c9' where product_id between 100 and 500",
        "delete from wallets",
    ];

    /// Returns how many places were written.
    async fn follow(tx: &mut Tx) -> usize {
        let (mut progress, mut n_moved) = (Progress::default(), 0);
        while let Some(moved) = progress.next(tx).await.unwrap() {
            n_moved += moved.len();
            moved.put(tx).await.unwrap();
        }
        progress.close(tx).await.unwrap();
        while progress.trim(tx).await.unwrap() {}
        if progress.has_unlisted(tx).await.unwrap() {
            let mut unlisted = UnlistedRows::default();
            while unlisted.next(tx).await.unwrap() {
                unlisted.remove(tx).await.unwrap();
            }
            assert!(!progress.has_unlisted(tx).await.unwrap());
        }
        n_moved
    }

    #[test]
    fn following_all_products_is_what_counting_anew_would_be() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(PRODUCTS).execute(&mut *tx).await.unwrap();
            for change in CHANGES {
                sqlx::raw_sql(change).execute(&mut *tx).await.unwrap();
                follow(&mut tx).await;
                assert_eq!(follow(&mut tx).await, 0, "{change}: all was written the first time");
                let followed = listing_index::lists(&mut tx).await;
                listing_index::rebuild(&mut tx).await.unwrap();
                assert_eq!(followed, listing_index::lists(&mut tx).await, "{change}");
            }
        });
    }

    #[test]
    fn each_part_is_found_along_indexes() {
        with_shop(async |db| {
            for query in [NEXT, DIFFERENT] {
                let steps = query_plan(&db, query).await;
                assert_scans_only(&steps, &["SCAN e VIRTUAL", "(subquery", "CONSTANT ROW"]);
            }
        });
    }
}
