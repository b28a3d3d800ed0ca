//! Pools of codes that products sell: each code is given to one order, and never again.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::DigitalCode;
use crate::domain::orders::OrderRef;
use crate::domain::values::FileName;
use crate::infra::store::{Connection, StoreError, Tx};

/// What is known is not added again, whether it was given or not; a code that is left in a pool of no product moves here.
const INSERT: &str = r#"
    insert into codes (pool, fingerprint, code)
    select $1, value ->> 0, value ->> 1 from json_each($2) where true
    on conflict (fingerprint) do update set pool = excluded.pool
    where codes.code is not null and codes.pool <> excluded.pool
        and not exists (select 1 from products p where p.codes = codes.pool and (p.gone = 0 or p.hidden = 1))
        and not exists (
            select 1 from products p join held_stock h on h.product_id = p.id
            where p.codes = codes.pool and 0 < h.quantity)
    "#;

/// The stock of each product with a pool: the codes that are left there, less those that open orders are still to get, of this
/// product or of one that had the pool before. An order that has its codes keeps them, even where its payment is gone again.
macro_rules! recount {
    ($of:literal) => {
        concat!(
            r#"
    update products set (stock, file_quantity) = (
        select max(0, left - promised), max(0, left - promised) from (
            select (select count(*) from codes c where c.pool = products.codes and c.code is not null) as left,
                coalesce((
                    select sum(h.quantity) from products q join held_stock h on h.product_id = q.id and h.pool_option = 0
                    where q.codes = products.codes and q.codes <> ''), 0)
                - coalesce((
                    select sum(l.quantity)
                    from deliveries d
                    join orders o on o.id = d.order_id
                    join order_lines l on l.order_id = d.order_id and l.position = d.line
                    join products q on q.id = l.product_id
                    where d.kind = 'codes' and q.codes = products.codes and q.codes <> '' and 0 < o.reserves and o.is_delivered = 0
                        and o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid')), 0)
                as promised))
    where codes <> '' and (gone = 0 or hidden = 1)
    "#,
            $of
        )
    };
}

const ALL: &str = recount!("");
const OF_ORDER: &str = recount!(
    r#"
    and codes in (
        select p.codes
        from orders o join order_lines l on l.order_id = o.id join products p on p.id = l.product_id
        where o.order_ref = $1)
    "#
);

/// Adds codes to a pool. Returns how many were not known.
pub async fn insert(
    tx: &mut Tx,
    pool: &FileName,
    codes: &[DigitalCode],
) -> Result<u64, StoreError> {
    let rows: Vec<_> =
        codes.iter().map(|code| json!([code.fingerprint(), code.as_str()])).collect();
    let inserted =
        sqlx::query(INSERT).bind(pool).bind(json!(rows).to_string()).execute(&mut **tx).await?;
    Ok(inserted.rows_affected())
}

/// Whether [`insert`] would add a code, or may move one.
pub async fn has_news(
    db: &mut Connection,
    pool: &FileName,
    codes: &[DigitalCode],
) -> Result<bool, StoreError> {
    let fingerprints: Vec<_> = codes.iter().map(DigitalCode::fingerprint).collect();
    let has_news = sqlx::query_scalar(
        r#"
        select exists (
            select 1 from json_each($2) e
            where not exists (
                select 1 from codes c where c.fingerprint = e.value and (c.code is null or c.pool = $1)))
        "#,
    );
    Ok(has_news.bind(pool).bind(json!(fingerprints).to_string()).fetch_one(db).await?)
}

/// The stock of a product with codes is the number of those that no open order is to get.
pub async fn recount(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query(ALL).execute(&mut **tx).await?;
    Ok(())
}

/// The same for products whose codes an order is for.
pub(super) async fn recount_ordered(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(OF_ORDER).bind(order_ref).execute(&mut **tx).await?;
    Ok(())
}

/// Takes the first codes of a pool for an order; nothing if there are fewer than wanted.
pub async fn take(tx: &mut Tx, pool: &FileName, wanted: i64) -> Result<Vec<String>, StoreError> {
    let codes: Vec<(i64, String)> = sqlx::query_as(
        "select id, code from codes where pool = $1 and code is not null order by id limit $2",
    )
    .bind(pool)
    .bind(wanted)
    .fetch_all(&mut **tx)
    .await?;
    if i64::try_from(codes.len()).is_ok_and(|n| n < wanted) {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = codes.iter().map(|(id, _)| *id).collect();
    sqlx::query("update codes set code = null where id in (select value from json_each($1))")
        .bind(json!(ids).to_string())
        .execute(&mut **tx)
        .await?;
    Ok(codes.into_iter().map(|(_, code)| code).collect())
}

/// How many codes of a pool are left, those that orders are to get among them.
pub async fn count_left(db: &mut Connection, pool: &FileName) -> Result<i64, StoreError> {
    let left =
        sqlx::query_scalar("select count(*) from codes where pool = $1 and code is not null");
    Ok(left.bind(pool).fetch_one(db).await?)
}

/// The pools that hold or held codes: their files need not be there any more.
pub async fn list_pools(db: &mut Connection) -> Result<Vec<FileName>, StoreError> {
    Ok(sqlx::query_scalar("select distinct pool from codes").fetch_all(db).await?)
}

/// Whether a product other than `product` sells the codes of this pool.
pub async fn is_sold_by_another(
    db: &mut Connection,
    pool: &FileName,
    product: Option<i64>,
) -> Result<bool, StoreError> {
    let is_sold = sqlx::query_scalar(
        r#"
        select exists (
            select 1 from products where codes = $1 and codes <> '' and (gone = 0 or hidden = 1) and id is not $2)
        "#,
    );
    Ok(is_sold.bind(pool).bind(product).fetch_one(db).await?)
}

/// Whether any product, or any code, belongs to this pool.
pub async fn is_known(db: &mut Connection, pool: &FileName) -> Result<bool, StoreError> {
    let is_known = sqlx::query_scalar(
        r#"
        select exists (select 1 from products where codes = $1 and codes <> '')
            or exists (select 1 from codes where pool = $1)
        "#,
    );
    Ok(is_known.bind(pool).fetch_one(db).await?)
}

/// A product of which few codes are left.
#[derive(FromRow)]
pub struct LowPool {
    pub name: String,
    pub pool: FileName,
    /// Units: codes that no open order is to get.
    pub stock: i64,
}

/// The products with at most `few` codes that can be sold.
pub async fn list_low(db: &mut Connection, few: i64) -> Result<Vec<LowPool>, StoreError> {
    let low = sqlx::query_as(
        r#"
        select name, codes as pool, stock from products
        where codes <> '' and gone = 0 and stock <= $1 order by stock, name
        "#,
    );
    Ok(low.bind(few).fetch_all(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{assert_scans_only, query_plan, with_shop};

    fn pool(name: &str) -> FileName {
        FileName::parse(name).unwrap()
    }

    fn codes(text: &str) -> Vec<DigitalCode> {
        DigitalCode::parse_list(text).ok().unwrap()
    }

    async fn stock(tx: &mut Tx) -> i64 {
        recount(tx).await.unwrap();
        sqlx::query_scalar("select stock from products where id = 1")
            .fetch_one(&mut **tx)
            .await
            .unwrap()
    }

    const PRODUCT: &str = r#"
        insert into products (id, slug, position, name, description_html, file_quantity, stock, kind, codes)
        values (1, 'key', 0, 'Key', '', 0, 0, 'digital', 'keys.txt')
        "#;

    #[test]
    fn a_code_is_given_once_and_never_added_again() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(PRODUCT).execute(&mut *tx).await.unwrap();
            let keys = pool("keys.txt");
            assert_eq!(insert(&mut tx, &keys, &codes("A\nB\nA\nC")).await.unwrap(), 3);
            assert_eq!(stock(&mut tx).await, 3);
            assert_eq!(take(&mut tx, &keys, 2).await.unwrap(), ["A", "B"]);
            assert_eq!(insert(&mut tx, &keys, &codes("A\nB\nC\nD")).await.unwrap(), 1);
            assert_eq!(count_left(&mut tx, &keys).await.unwrap(), 2);
            assert!(take(&mut tx, &keys, 3).await.unwrap().is_empty());
            assert_eq!(take(&mut tx, &keys, 2).await.unwrap(), ["C", "D"]);
            assert_eq!(stock(&mut tx).await, 0);
            let kept: i64 = sqlx::query_scalar("select count(*) from codes where code is not null")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            assert_eq!(kept, 0, "what was given is no longer in the database");
        });
    }

    #[test]
    fn codes_of_a_pool_that_no_product_has_move_with_their_file() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            sqlx::raw_sql(PRODUCT).execute(&mut *tx).await.unwrap();
            let (keys, other) = (pool("keys.txt"), pool("renamed.txt"));
            insert(&mut tx, &keys, &codes("A\nB")).await.unwrap();
            assert_eq!(take(&mut tx, &keys, 1).await.unwrap(), ["A"]);
            assert_eq!(insert(&mut tx, &other, &codes("A\nB")).await.unwrap(), 0);
            sqlx::query("update products set codes = 'renamed.txt'")
                .execute(&mut *tx)
                .await
                .unwrap();
            insert(&mut tx, &other, &codes("A\nB")).await.unwrap();
            assert_eq!(take(&mut tx, &other, 1).await.unwrap(), ["B"]);
        });
    }

    #[test]
    fn codes_are_counted_along_indexes() {
        with_shop(async |db| {
            let may_scan =
                ["products USING INDEX products_with_codes", "(subquery", "CONSTANT ROW"];
            for statement in [ALL, OF_ORDER] {
                assert_scans_only(&query_plan(&db, statement).await, &may_scan);
            }
        });
    }
}
