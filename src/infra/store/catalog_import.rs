//! Writes products of a catalog file into the tables, many at once.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::domain::catalog::{ProductRecord, markdown};
use crate::domain::values::{FileName, Timestamp};
use crate::infra::store::digital_content::files_json;
use crate::infra::store::product_prices::PriceRows;
use crate::infra::store::stock::FileQuantity;
use crate::infra::store::{
    StoreError, Tx, exchange_rates, listing_index, product_prices, reservations, search_index,
    stock,
};

/// A product of the seller's file.
pub struct ImportedProduct {
    pub record: ProductRecord,
    pub position: i64,
    /// Those of its pictures, each kept before with `pictures::keep`.
    pub fingerprints: Vec<String>,
    /// Whether the search finds it by these words already.
    pub has_same_words: bool,
}

/// What belongs to a product or an option only as long as the file says so. Options keep their rows.
const CLEAR: [&str; 5] = [
    "update options set gone = 1 where gone = 0 and product_id in (select value from json_each($1))",
    "delete from prices where product_id in (select value from json_each($1))",
    "delete from fiat_prices where product_id in (select value from json_each($1))",
    "delete from product_categories where product_id in (select value from json_each($1))",
    "delete from product_pictures where product_id in (select value from json_each($1))",
];

// Each statement writes many rows: one for each row would cost more than the work itself. What is new begins with the
// quantities of the file; `stock::import` sees to the others.
const PRODUCTS: &str = r#"
    insert into products (slug, position, name, description_html, description, record, hidden, gone, file_quantity, stock,
        kind, files, codes, text, downloads, download_days, weight, excluded_countries, added_on)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 6,
        value ->> 7, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13,
        value ->> 14, value ->> 15, $2
    from jsonb_each($1) where true
    on conflict (slug) do update set position = excluded.position, name = excluded.name, gone = excluded.gone,
        hidden = excluded.hidden, description_html = excluded.description_html, description = excluded.description,
        record = excluded.record, edition = edition + 1, kind = excluded.kind, files = excluded.files,
        codes = excluded.codes, text = excluded.text, downloads = excluded.downloads,
        download_days = excluded.download_days, weight = excluded.weight,
        excluded_countries = excluded.excluded_countries
    "#;
const OPTIONS: &str = r#"
    insert into options (product_id, position, name, file_quantity, stock, weight)
    select p.id, value ->> 1, value ->> 2, value ->> 3, value ->> 3, value ->> 4
    from jsonb_each($1) join products p on p.slug = value ->> 0 where true
    on conflict (product_id, name) do update set position = excluded.position, gone = 0, weight = excluded.weight
    "#;
const CATEGORIES: &str = r#"
    insert into product_categories (product_id, position, category)
    select p.id, value ->> 1, value ->> 2
    from jsonb_each($1) join products p on p.slug = value ->> 0
    "#;
const PICTURES: &str = r#"
    insert into product_pictures (product_id, position, fingerprint, alt, file)
    select p.id, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    from jsonb_each($1) join products p on p.slug = value ->> 0
    "#;

/// Puts products on sale, in the place of those with the same slugs. Which lists they are on is left to
/// `listing_follow`.
///
/// A quantity that the file has changed is counted anew: what the file says, less what open orders hold. One that it
/// has not changed is no news, and what was sold since stays sold; `count_anew` treats all as changed.
pub async fn put(
    tx: &mut Tx,
    products: &[ImportedProduct],
    count_anew: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (mut rows, mut options, mut quantities) = (Vec::new(), Vec::new(), Vec::new());
    let mut prices = PriceRows::default();
    let (mut categories, mut pictures) = (Vec::new(), Vec::new());
    let slugs = products.iter().map(|product| product.record.slug.as_str());
    let known = find_ids(tx, slugs.clone()).await?;
    for product in products {
        let record = &product.record;
        let slug = record.slug.as_str();
        let is_known = known.contains_key(slug);
        rows.push(product_row(product));
        // Codes are counted where they are added.
        if is_known && record.content.codes.is_none() {
            quantities.push(FileQuantity { slug, option: None, quantity: Some(record.quantity) });
        }
        prices.add(&record.slug, record);
        for (n, option) in record.options.iter().enumerate() {
            let (name, quantity) = (option.name.as_str(), option.quantity);
            options.push(json!([slug, n, name, quantity, option.weight]));
            if is_known {
                quantities.push(FileQuantity { slug, option: Some(name), quantity });
            }
        }
        let named = record.categories.iter().enumerate();
        categories.extend(named.map(|(n, category)| json!([slug, n, category])));
        let shown = product.fingerprints.iter().zip(&record.images).enumerate();
        pictures.extend(
            shown.map(|(n, (fingerprint, image))| {
                json!([slug, n, fingerprint, image.alt, image.file])
            }),
        );
    }
    sqlx::query(PRODUCTS)
        .bind(Value::from(rows).to_string())
        .bind(now.day_start())
        .execute(&mut **tx)
        .await?;
    let known: Vec<i64> = known.into_values().collect();
    clear(tx, &known).await?;
    insert(tx, OPTIONS, options).await?;
    // Unpaid orders come after paid ones.
    for (pool, quantity) in stock::list_over(tx, &quantities, count_anew).await? {
        reservations::release_beyond(tx, pool, quantity).await?;
    }
    stock::import(tx, &quantities, count_anew).await?;
    product_prices::insert(tx, prices).await?;
    insert(tx, CATEGORIES, categories).await?;
    insert(tx, PICTURES, pictures).await?;
    let ids = find_ids(tx, slugs).await?;
    let others = products.iter().filter(|product| !product.has_same_words);
    let others = others.filter_map(|product| ids.get(product.record.slug.as_str()).copied());
    search_index::update(tx, &others.collect::<Vec<_>>()).await?;
    exchange_rates::convert_products(tx, &ids.into_values().collect::<Vec<_>>()).await?;
    // What is new is on no list yet.
    listing_index::follow_sort_keys(tx, &known).await
}

fn product_row(ImportedProduct { record, position, .. }: &ImportedProduct) -> Value {
    json!([
        record.slug.as_str(),
        position,
        record.name,
        markdown::html(&record.description),
        record.description,
        record.record,
        i64::from(record.hidden),
        record.quantity,
        record.kind.as_str(),
        files_json(&record.content.files),
        record.content.codes.as_ref().map_or("", FileName::as_str),
        record.content.text,
        record.content.downloads,
        record.content.download_days,
        record.weight,
        record.excluded_countries.codes()
    ])
}

/// Those of the products that are in the tables, by slug. In one row, since each wakes this thread.
async fn find_ids(
    tx: &mut Tx,
    slugs: impl Iterator<Item = &str>,
) -> Result<HashMap<String, i64>, StoreError> {
    let ids = sqlx::query_scalar(
        r#"
        select json_group_object(p.slug, p.id)
        from json_each($1) e cross join products p on p.slug = e.value
        "#,
    );
    let slugs = json!(slugs.collect::<Vec<_>>()).to_string();
    let ids: String = ids.bind(slugs).fetch_one(&mut **tx).await?;
    serde_json::from_str(&ids).map_err(|_| StoreError::Row("products.slug"))
}

async fn clear(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    let ids = json!(ids).to_string();
    for statement in CLEAR {
        sqlx::query(statement).bind(&ids).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Takes products off sale. Orders and carts still find their rows.
pub async fn remove(tx: &mut Tx, slugs: &[&str]) -> Result<(), StoreError> {
    let ids: Vec<i64> = find_ids(tx, slugs.iter().copied()).await?.into_values().collect();
    sqlx::query(
        "update products set gone = 1, hidden = 0, edition = edition + 1 where id in (select value from json_each($1))",
    )
    .bind(json!(ids).to_string())
    .execute(&mut **tx)
    .await?;
    clear(tx, &ids).await?;
    search_index::remove(tx, &ids).await
}

/// Gives products other places: slug and position. Which ones they have on lists is left to `listing_follow`.
pub async fn reposition(tx: &mut Tx, positions: &[(&str, i64)]) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update products set position = said.position
        from (select value ->> 0 as slug, value ->> 1 as position from jsonb_each($1)) as said
        where products.slug = said.slug
        "#,
    )
    .bind(json!(positions).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert(tx: &mut Tx, statement: &'static str, rows: Vec<Value>) -> Result<(), StoreError> {
    sqlx::query(statement).bind(Value::from(rows).to_string()).execute(&mut **tx).await?;
    Ok(())
}
