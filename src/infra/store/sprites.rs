//! The pictures of the shop window in one file, the sprite sheet: one request instead of one for each picture.

use std::collections::HashMap;

use serde_json::json;
use sqlx::FromRow;

use crate::infra::store::{Connection, StoreError, Tx};

#[derive(Clone, Debug, FromRow)]
pub struct SpriteSheet {
    pub fingerprint: String,
    pub width: u32,
    pub height: u32,
    pub webp: String,
    pub fallback: String,
}

/// Where on a sheet a picture is. Shape: `cell` counts from 0, four in a row.
#[derive(Clone, Debug, FromRow)]
pub struct SheetCell {
    pub webp: String,
    pub fallback: String,
    pub width: i64,
    pub height: i64,
    pub cell: i64,
}

#[derive(FromRow)]
struct CellRow {
    thumb_webp: String,
    #[sqlx(flatten)]
    cell: SheetCell,
}

/// The cells of a currency's sheet, by the WebP of the thumb that each stands for; none in a catalog without a sheet.
pub async fn list_cells(
    db: &mut Connection,
    currency: &str,
) -> Result<HashMap<String, SheetCell>, StoreError> {
    let rows: Vec<CellRow> = sqlx::query_as(
        r#"
        select i.thumb_webp, s.webp, s.fallback, s.width, s.height, c.cell
        from sprites c
        join sprite_sheets s on s.fingerprint = c.sheet
        join pictures i on i.fingerprint = c.picture
        where c.currency = $1
        "#,
    )
    .bind(currency)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.thumb_webp, row.cell)).collect())
}

/// A sheet that was made before, or `None`.
pub async fn find(
    db: &mut Connection,
    fingerprint: &str,
) -> Result<Option<SpriteSheet>, StoreError> {
    let sheet = sqlx::query_as("select * from sprite_sheets where fingerprint = $1");
    Ok(sheet.bind(fingerprint).fetch_optional(db).await?)
}

/// Shows a sheet in the windows of these currencies. `pictures`: fingerprints, cell by cell, each kept before.
pub async fn put(
    tx: &mut Tx,
    sheet: &SpriteSheet,
    currencies: &[String],
    pictures: &[String],
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into sprite_sheets (fingerprint, width, height, webp, fallback) values ($1, $2, $3, $4, $5)",
    )
    .bind(&sheet.fingerprint)
    .bind(sheet.width)
    .bind(sheet.height)
    .bind(&sheet.webp)
    .bind(&sheet.fallback)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        r#"
        insert into sprites (currency, picture, sheet, cell)
        select c.value, p.value, $1, p.key from json_each($2) c cross join json_each($3) p
        "#,
    )
    .bind(&sheet.fingerprint)
    .bind(json!(currencies).to_string())
    .bind(json!(pictures).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Currency → the pictures that its window shows, each once, as `listing::list` lists them.
pub async fn list_windows(
    db: &mut Connection,
    n_products: usize,
) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    let rows = sqlx::query_as(
        r#"
        with windows (currency) as (select distinct ltrim(currency, '-') from listing_sizes where category = '')
        select w.currency, pp.fingerprint
        from windows w cross join listing s cross join product_pictures pp
        where s.currency in (w.currency, '-' || w.currency) and s.category = ''
            and s.position < $1 - iif(s.currency = w.currency, 0, coalesce(
                (select z.products from listing_sizes z where z.currency = w.currency and z.category = ''), 0))
            and pp.product_id = s.product_id and pp.position = 0
        order by w.currency, s.currency <> w.currency, s.position
        "#,
    )
    .bind(i64::try_from(n_products).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(by_currency(rows))
}

/// Currency → the pictures that its sheet holds.
pub async fn list(db: &mut Connection) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    let rows = sqlx::query_as("select currency, picture from sprites order by currency, cell")
        .fetch_all(db)
        .await?;
    Ok(by_currency(rows))
}

/// Each picture of a currency once; the rows come currency by currency.
fn by_currency(rows: Vec<(String, String)>) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for (currency, picture) in rows {
        match found.last_mut().filter(|(last, _)| *last == currency) {
            Some((_, pictures)) if pictures.contains(&picture) => {}
            Some((_, pictures)) => pictures.push(picture),
            None => found.push((currency, vec![picture])),
        }
    }
    found
}

/// The files of the sheets that are shown.
pub async fn list_files(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    let files = sqlx::query_scalar(
        "select webp from sprite_sheets union all select fallback from sprite_sheets",
    );
    Ok(files.fetch_all(db).await?)
}

/// Removes all sheets. Returns their files.
pub async fn remove_all(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let files = list_files(tx).await?;
    for statement in ["delete from sprites", "delete from sprite_sheets"] {
        sqlx::query(statement).execute(&mut **tx).await?;
    }
    Ok(files)
}
