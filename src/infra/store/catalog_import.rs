//! Replaces the catalog by what a file says.

use serde_json::{Value, json};

use crate::domain::catalog::{ProductRecord, markdown};
use crate::domain::values::{FileName, Timestamp};
use crate::infra::store::digital_content::files_json;
use crate::infra::store::pictures::ShownPicture;
use crate::infra::store::product_prices::PriceRows;
use crate::infra::store::search_index::ProductText;
use crate::infra::store::stock::FileQuantity;
use crate::infra::store::{StoreError, Tx, product_prices, reservations, search_index, stock};

/// A product of the seller's file with its pictures.
pub struct ImportedProduct<'a> {
    pub record: &'a ProductRecord,
    /// Each kept before with `pictures::keep`.
    pub pictures: Vec<ShownPicture<'a>>,
}

/// Takes everything off sale but what orders and carts must still find: products and options keep their rows.
pub async fn clear(tx: &mut Tx) -> Result<(), StoreError> {
    for statement in [
        "update products set gone = 1, hidden = 0 where gone = 0 or hidden = 1",
        "update options set gone = 1 where gone = 0",
        "delete from prices",
        "delete from fiat_prices",
        "delete from product_categories",
        "delete from product_pictures",
        "delete from sprites",
        "delete from sprite_sheets",
    ] {
        sqlx::query(statement).execute(&mut **tx).await?;
    }
    search_index::clear(tx).await
}

// Each statement writes many rows: one for each row would cost more than the work itself. What is new begins with the
// quantities of the file; `stock::import` sees to the others.
const PRODUCTS: &str = r#"
    insert into products (slug, position, name, description_html, description, record, hidden, gone, file_quantity, stock,
        kind, files, codes, text, downloads, download_days, weight, excluded_countries, added_on)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 6,
        value ->> 7, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13,
        value ->> 14, value ->> 15, $2
    from json_each($1) where true
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
    from json_each($1) join products p on p.slug = value ->> 0 where true
    on conflict (product_id, name) do update set position = excluded.position, gone = 0, weight = excluded.weight
    "#;
const CATEGORIES: &str = r#"
    insert into product_categories (product_id, position, category)
    select p.id, value ->> 1, value ->> 2
    from json_each($1) join products p on p.slug = value ->> 0
    "#;
const PICTURES: &str = r#"
    insert into product_pictures (product_id, position, fingerprint, alt, file)
    select p.id, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    from json_each($1) join products p on p.slug = value ->> 0
    "#;

/// Puts products on sale, `first` being the position of the first of them in the seller's file.
///
/// A quantity that the file has changed is counted anew: what the file says, less what open orders hold. One that it
/// has not changed is no news, and what was sold since stays sold; `count_anew` treats all as changed. Prices in ordinary money
/// are converted afterwards, all at once.
pub async fn put(
    tx: &mut Tx,
    products: &[ImportedProduct<'_>],
    first: usize,
    count_anew: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (mut rows, mut texts, mut options) = (Vec::new(), Vec::new(), Vec::new());
    let mut prices = PriceRows::default();
    let (mut categories, mut pictures, mut quantities) = (Vec::new(), Vec::new(), Vec::new());
    for (position, product) in (first..).zip(products) {
        let record = product.record;
        let slug = record.slug.as_str();
        rows.push(json!([
            slug,
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
        ]));
        texts.push(ProductText {
            slug: record.slug.clone(),
            name: record.name.clone(),
            categories: record.categories.join(" "),
            description: markdown::plain_text(&record.description),
        });
        // Codes are counted where they are added.
        if record.content.codes.is_none() {
            quantities.push(FileQuantity { slug, option: None, quantity: Some(record.quantity) });
        }
        prices.add(&record.slug, record);
        for (n, option) in record.options.iter().enumerate() {
            let (name, quantity) = (option.name.as_str(), option.quantity);
            options.push(json!([slug, n, name, quantity, option.weight]));
            quantities.push(FileQuantity { slug, option: Some(name), quantity });
        }
        let named = record.categories.iter().enumerate();
        categories.extend(named.map(|(n, category)| json!([slug, n, category])));
        let shown = product.pictures.iter().enumerate();
        pictures.extend(
            shown.map(|(n, picture)| {
                json!([slug, n, picture.fingerprint, picture.alt, picture.file])
            }),
        );
    }
    sqlx::query(PRODUCTS)
        .bind(Value::from(rows).to_string())
        .bind(now.day_start())
        .execute(&mut **tx)
        .await?;
    search_index::insert(tx, &texts).await?;
    insert(tx, OPTIONS, options).await?;
    // Unpaid orders come after paid ones.
    for (pool, quantity) in stock::list_over(tx, &quantities, count_anew).await? {
        reservations::release_beyond(tx, pool, quantity).await?;
    }
    stock::import(tx, &quantities, count_anew).await?;
    product_prices::insert(tx, prices).await?;
    insert(tx, CATEGORIES, categories).await?;
    insert(tx, PICTURES, pictures).await
}

async fn insert(tx: &mut Tx, statement: &'static str, rows: Vec<Value>) -> Result<(), StoreError> {
    sqlx::query(statement).bind(Value::from(rows).to_string()).execute(&mut **tx).await?;
    Ok(())
}
