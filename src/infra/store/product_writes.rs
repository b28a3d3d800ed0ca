//! Adds, changes, hides, moves and deletes one product, as the seller does at the desk.

use serde_json::json;

use crate::domain::catalog::{OfferKey, OptionRecord, ProductRecord, Slug, markdown};
use crate::domain::values::{FileName, Timestamp};
use crate::infra::store::digital_content::files_json;
use crate::infra::store::pictures::ShownPicture;
use crate::infra::store::product_prices::PriceRows;
use crate::infra::store::stock::StockChange;
use crate::infra::store::{
    StoreError, Tx, exchange_rates, listing_index, product_prices, search_index, stock,
};

/// A product as it is to be.
pub struct ProductWrite<'a> {
    pub slug: &'a Slug,
    pub record: &'a ProductRecord,
    pub stock: StockChange,
    /// Beside each option of the record: which one it was, and what becomes of its stock.
    pub options: Vec<(Option<i64>, StockChange)>,
    pub pictures: Vec<ShownPicture<'a>>,
}

/// Writes a product with its options, prices, categories, pictures and search text. A new one comes to the end of the list.
/// Lists keep the products that they have. `now`: the time of the change; of a new product its day is kept.
pub async fn write(
    tx: &mut Tx,
    product: Option<i64>,
    written: &ProductWrite<'_>,
    now: Timestamp,
) -> Result<i64, StoreError> {
    // A product that was deleted keeps its row for orders, but not its address.
    sqlx::query(
        r#"
        update products set slug = 'gone-' || id
        where slug = $1 and gone = 1 and hidden = 0 and id is not $2
        "#,
    )
    .bind(written.slug)
    .bind(product)
    .execute(&mut **tx)
    .await?;
    let id = match product {
        Some(id) => update(tx, id, written).await?,
        None => insert(tx, written, now).await?,
    };
    stock::change(tx, OfferKey { product: id, option: 0 }, written.stock).await?;
    write_options(tx, id, &written.record.options, &written.options).await?;
    replace_prices(tx, id, written).await?;
    replace_categories(tx, id, &written.record.categories).await?;
    replace_pictures(tx, id, &written.pictures).await?;
    search_index::update(tx, &[id]).await?;
    listing_index::follow_sort_keys(tx, &[id]).await?;
    Ok(id)
}

async fn insert(
    tx: &mut Tx,
    written: &ProductWrite<'_>,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let record = written.record;
    let id = sqlx::query_scalar(
        r#"
        insert into products (slug, position, name, description_html, file_quantity, stock, description, record, hidden, gone,
            kind, files, codes, text, downloads, download_days, weight, excluded_countries, added_on)
        values ($1, (select coalesce(max(position), -1) + 1 from products), $2, $3, 0, 0, $4, $5, $6, $6,
            $7, $8, $9, $10, $11, $12, $13, $14, $15)
        returning id
        "#,
    );
    Ok(id
        .bind(written.slug)
        .bind(&record.name)
        .bind(markdown::html(&record.description))
        .bind(&record.description)
        .bind(&record.record)
        .bind(record.hidden)
        .bind(record.kind)
        .bind(files_json(&record.content.files))
        .bind(record.content.codes.as_ref().map_or("", FileName::as_str))
        .bind(&record.content.text)
        .bind(record.content.downloads)
        .bind(record.content.download_days)
        .bind(record.weight)
        .bind(record.excluded_countries.codes())
        .bind(now.day_start())
        .fetch_one(&mut **tx)
        .await?)
}

async fn update(tx: &mut Tx, id: i64, written: &ProductWrite<'_>) -> Result<i64, StoreError> {
    let record = written.record;
    sqlx::query(
        r#"
        update products
        set slug = $2, name = $3, edition = edition + 1, description = $4,
            description_html = case when description = $4 then description_html else $5 end,
            kind = $6, files = $7, codes = $8, text = $9, downloads = $10, download_days = $11,
            weight = $12, excluded_countries = $13
        where id = $1
        "#,
    )
    .bind(id)
    .bind(written.slug)
    .bind(&record.name)
    .bind(&record.description)
    .bind(markdown::html(&record.description))
    .bind(record.kind)
    .bind(files_json(&record.content.files))
    .bind(record.content.codes.as_ref().map_or("", FileName::as_str))
    .bind(&record.content.text)
    .bind(record.content.downloads)
    .bind(record.content.download_days)
    .bind(record.weight)
    .bind(record.excluded_countries.codes())
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// Options keep their rows, so that carts and orders find them under whatever name.
async fn write_options(
    tx: &mut Tx,
    product: i64,
    records: &[OptionRecord],
    written: &[(Option<i64>, StockChange)],
) -> Result<(), StoreError> {
    let old: Vec<(i64, String, bool)> =
        sqlx::query_as("select id, name, gone from options where product_id = $1 order by id")
            .bind(product)
            .fetch_all(&mut **tx)
            .await?;
    let chosen: Vec<Option<i64>> = records
        .iter()
        .zip(written)
        .map(|(record, (id, _))| {
            let lives = |wanted: &i64| old.iter().any(|(id, _, gone)| id == wanted && !gone);
            // One that comes back under its old name is the old one, as when a file brings it back.
            let came_back = || old.iter().find(|(_, name, gone)| *gone && *name == record.name);
            id.filter(lives).or_else(|| came_back().map(|(id, _, _)| *id))
        })
        .collect();
    // Two options may swap their names: for a moment all have others.
    sqlx::query("update options set name = char(1) || id, gone = 1 where product_id = $1")
        .bind(product)
        .execute(&mut **tx)
        .await?;
    let mut rows = Vec::with_capacity(records.len());
    for (position, ((record, (_, change)), id)) in
        (0_i64..).zip(records.iter().zip(written).zip(chosen))
    {
        let statement = match id {
            Some(_) => {
                "update options set name = $2, position = $3, weight = $4, gone = 0 where id = $5 returning id"
            }
            None => {
                "insert into options (product_id, name, position, weight) values ($1, $2, $3, $4) returning id"
            }
        };
        let row: i64 = sqlx::query_scalar(statement)
            .bind(product)
            .bind(&record.name)
            .bind(position)
            .bind(record.weight)
            .bind(id)
            .fetch_one(&mut **tx)
            .await?;
        stock::change(tx, OfferKey { product, option: row }, *change).await?;
        rows.push(row);
    }
    for (id, name, _) in old.iter().filter(|(id, _, _)| !rows.contains(id)) {
        sqlx::query(
            r#"
            update options
            set name = case when exists (select 1 from options where product_id = $3 and name = $2)
                then $2 || ' (' || id || ')' else $2 end
            where id = $1
            "#,
        )
        .bind(id)
        .bind(name)
        .bind(product)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn replace_prices(
    tx: &mut Tx,
    product: i64,
    written: &ProductWrite<'_>,
) -> Result<(), StoreError> {
    for statement in [
        "delete from prices where product_id = $1 and currency in (select currency from wallets)",
        "delete from fiat_prices where product_id = $1",
    ] {
        sqlx::query(statement).bind(product).execute(&mut **tx).await?;
    }
    let mut rows = PriceRows::default();
    rows.add(written.slug, written.record);
    product_prices::insert(tx, rows).await?;
    exchange_rates::convert_products(tx, &[product]).await
}

async fn replace_categories(
    tx: &mut Tx,
    product: i64,
    categories: &[String],
) -> Result<(), StoreError> {
    sqlx::query("delete from product_categories where product_id = $1")
        .bind(product)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        r#"
        insert into product_categories (product_id, position, category)
        select $1, key, value from json_each($2)
        "#,
    )
    .bind(product)
    .bind(json!(categories).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn replace_pictures(
    tx: &mut Tx,
    product: i64,
    pictures: &[ShownPicture<'_>],
) -> Result<(), StoreError> {
    sqlx::query("delete from product_pictures where product_id = $1")
        .bind(product)
        .execute(&mut **tx)
        .await?;
    let rows: Vec<_> = pictures
        .iter()
        .map(|picture| json!([picture.fingerprint, picture.alt, picture.file]))
        .collect();
    sqlx::query(
        r#"
        insert into product_pictures (product_id, position, fingerprint, alt, file)
        select $1, key, value ->> 0, value ->> 1, value ->> 2 from json_each($2)
        "#,
    )
    .bind(product)
    .bind(json!(rows).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes a product. Orders and carts still find its row.
pub async fn delete(tx: &mut Tx, product: i64) -> Result<(), StoreError> {
    for statement in [
        "update products set gone = 1, hidden = 0, edition = edition + 1 where id = $1",
        "update options set gone = 1 where product_id = $1",
        "delete from prices where product_id = $1",
        "delete from fiat_prices where product_id = $1",
        "delete from product_categories where product_id = $1",
        "delete from product_pictures where product_id = $1",
    ] {
        sqlx::query(statement).bind(product).execute(&mut **tx).await?;
    }
    search_index::remove(tx, &[product]).await
}

/// Hides a product from the buyers, or shows it again.
pub async fn set_hidden(tx: &mut Tx, product: i64, hidden: bool) -> Result<(), StoreError> {
    sqlx::query("update products set hidden = $2, gone = $2 where id = $1")
        .bind(product)
        .bind(hidden)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Moves a product to a place of the list, counted from 1; a place behind the end is the last one. Those between move by one.
pub async fn move_to(tx: &mut Tx, product: i64, place: i64) -> Result<(), StoreError> {
    let own: i64 = sqlx::query_scalar("select position from products where id = $1")
        .bind(product)
        .fetch_one(&mut **tx)
        .await?;
    let there: Option<i64> = sqlx::query_scalar(
        r#"
        select position from products where gone = 0 or hidden = 1
        order by position, id limit 1 offset $1
        "#,
    )
    .bind(place.max(1) - 1)
    .fetch_optional(&mut **tx)
    .await?;
    let there = match there {
        Some(there) => there,
        None => {
            sqlx::query_scalar("select max(position) from products where gone = 0 or hidden = 1")
                .fetch_one(&mut **tx)
                .await?
        }
    };
    let shift = if own < there {
        r#"
        update products set position = position - 1
        where (gone = 0 or hidden = 1) and $1 < position and position <= $2
        "#
    } else {
        r#"
        update products set position = position + 1
        where (gone = 0 or hidden = 1) and $2 <= position and position < $1
        "#
    };
    sqlx::query(shift).bind(own).bind(there).execute(&mut **tx).await?;
    sqlx::query("update products set position = $2 where id = $1")
        .bind(product)
        .bind(there)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
