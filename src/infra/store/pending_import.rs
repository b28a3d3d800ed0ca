//! What an import has still to do: written down first and then done in small transactions, so that one that ends early is
//! finished later.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::ProductRecord;
use crate::domain::values::Timestamp;
use crate::infra::store::catalog_import::{self, ImportedProduct};
use crate::infra::store::{Connection, StoreError, Tx, wallets};

/// What an import does to one product.
pub enum ProductChange {
    Put(Box<ImportedProduct>),
    Reposition { slug: String, position: i64 },
    Remove { slug: String },
}

/// An import that is being applied.
#[derive(FromRow)]
pub struct PendingImport {
    pub at: Timestamp,
    pub count_anew: bool,
}

#[derive(FromRow)]
struct ChangeRow {
    id: i64,
    slug: String,
    position: Option<i64>,
    record: String,
    product: Option<String>,
    pictures: String,
    same_words: bool,
}

/// Units: products that one transaction changes: about as many as it can without making orders wait for longer than a tenth of
/// a second.
pub const CHUNK: usize = 250;

pub async fn find(db: &mut Connection) -> Result<Option<PendingImport>, StoreError> {
    let pending = sqlx::query_as("select at, count_anew from catalog_import");
    Ok(pending.fetch_optional(db).await?)
}

/// How many products are still to be changed.
pub async fn count(db: &mut Connection) -> Result<usize, StoreError> {
    // Those that are done are the first; to count the others would read them all.
    let n: i64 =
        sqlx::query_scalar("select coalesce(max(id) - min(id) + 1, 0) from imported_products")
            .fetch_one(db)
            .await?;
    Ok(usize::try_from(n).unwrap_or_default())
}

/// Writes changes down. Nothing is done before [`begin`].
pub async fn insert(tx: &mut Tx, changes: &[ProductChange]) -> Result<(), StoreError> {
    let rows: Vec<_> = changes
        .iter()
        .map(|change| match change {
            ProductChange::Put(product) => json!([
                product.record.slug.as_str(),
                product.position,
                product.record.record,
                product.record.text(),
                json!(product.fingerprints).to_string(),
                i64::from(product.has_same_words)
            ]),
            ProductChange::Reposition { slug, position } => {
                json!([slug, position, "", null, "[]", 1])
            }
            ProductChange::Remove { slug } => json!([slug, null, "", null, "[]", 1]),
        })
        .collect();
    sqlx::query(
        r#"
        insert into imported_products (slug, position, record, product, pictures, same_words)
        select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 from jsonb_each($1)
        "#,
    )
    .bind(json!(rows).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets changes of an import that never began, some at a time. Returns whether there were any.
pub async fn forget_some(tx: &mut Tx) -> Result<bool, StoreError> {
    let done = sqlx::query(
        r#"
        delete from imported_products
        where id in (select id from imported_products order by id limit $1)
            and not exists (select 1 from catalog_import)
        "#,
    );
    let chunk = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    Ok(done.bind(chunk).execute(&mut **tx).await?.rows_affected() != 0)
}

/// From now on, all that was written down is done, whatever happens.
pub async fn begin(tx: &mut Tx, import: &PendingImport) -> Result<(), StoreError> {
    sqlx::query("insert into catalog_import (only, at, count_anew) values (1, $1, $2)")
        .bind(import.at)
        .bind(import.count_anew)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What [`apply_some`] did.
#[derive(Default)]
pub struct Applied {
    pub n: usize,
    /// Slugs of products that the rules of this version refuse, which are left out.
    pub refused: Vec<String>,
}

/// Does the next of the changes and forgets them.
pub async fn apply_some(tx: &mut Tx, import: &PendingImport) -> Result<Applied, StoreError> {
    let rows: Vec<ChangeRow> =
        sqlx::query_as("select * from imported_products order by id limit $1")
            .bind(i64::try_from(CHUNK).unwrap_or(i64::MAX))
            .fetch_all(&mut **tx)
            .await?;
    let mut applied = Applied { n: rows.len(), refused: Vec::new() };
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(applied) };
    let wallets = wallets::list(tx).await?;
    let (mut products, mut removed, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        match (row.position, &row.product) {
            (None, _) => removed.push(row.slug.as_str()),
            (Some(position), None) => moved.push((row.slug.as_str(), position)),
            (Some(position), Some(text)) => {
                let Some(record) = ProductRecord::restore(&wallets, &row.record, text) else {
                    applied.refused.push(row.slug.clone());
                    continue;
                };
                let fingerprints = serde_json::from_str(&row.pictures)
                    .map_err(|_| StoreError::Row("imported_products.pictures"))?;
                let has_same_words = row.same_words;
                products.push(ImportedProduct { record, position, fingerprints, has_same_words });
            }
        }
    }
    catalog_import::remove(tx, &removed).await?;
    catalog_import::reposition(tx, &moved).await?;
    catalog_import::put(tx, &products, import.count_anew, import.at).await?;
    sqlx::query("delete from imported_products where id <= $1")
        .bind(last)
        .execute(&mut **tx)
        .await?;
    Ok(applied)
}

/// All is done.
pub async fn end(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("delete from catalog_import").execute(&mut **tx).await?;
    Ok(())
}
