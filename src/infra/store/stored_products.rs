//! Some products of the catalog in the form of the seller's file, to tell what an import would change.

use std::collections::HashMap;

use serde_json::json;
use sqlx::FromRow;

use crate::domain::catalog::{
    ImageRecord, OptionRecord, Prices, ProductKind, ProductRecord, Slug, markdown,
};
use crate::domain::values::{Amount, Currency, FiatCurrency, FiatPrice};
use crate::infra::store::columns::parse_regions;
use crate::infra::store::digital_content::ContentColumns;
use crate::infra::store::{Connection, StoreError};

/// A product that buyers see or that the seller hides.
pub struct StoredProduct {
    pub position: i64,
    /// Shape: each quantity is the one that a file last said; prices are in the order of their currencies.
    record: ProductRecord,
    /// Those of its pictures, in their order.
    fingerprints: Vec<String>,
    description_html: String,
    /// Whether each stock is what the file said, less what open orders hold.
    is_counted: bool,
}

#[derive(FromRow)]
struct ProductRow {
    id: i64,
    slug: Slug,
    position: i64,
    record: String,
    name: String,
    description: String,
    description_html: String,
    hidden: bool,
    kind: ProductKind,
    #[sqlx(flatten)]
    content: ContentColumns,
    file_quantity: i64,
    is_counted: bool,
    weight: Option<i64>,
    excluded_countries: String,
}

#[derive(FromRow)]
struct OptionRow {
    id: i64,
    product_id: i64,
    name: String,
    file_quantity: Option<i64>,
    is_counted: bool,
    weight: Option<i64>,
}

const PRODUCTS: &str = r#"
    select p.id, p.slug, p.position, p.record, p.name, p.description, p.description_html, p.hidden, p.kind, p.files, p.codes,
        p.text, p.downloads, p.download_days, p.file_quantity, p.weight, p.excluded_countries,
        p.stock + coalesce((select h.quantity from held_stock h where h.product_id = p.id and h.pool_option = 0), 0)
            = p.file_quantity as is_counted
    from json_each($1) e cross join products p on p.slug = e.value
    where p.gone = 0 or p.hidden = 1
    "#;
const OPTIONS: &str = r#"
    select o.id, o.product_id, o.name, o.file_quantity, o.weight, o.stock is null or o.stock + coalesce(
            (select h.quantity from held_stock h where h.product_id = o.product_id and h.pool_option = o.id), 0)
            = o.file_quantity as is_counted
    from json_each($1) e cross join options o on o.product_id = e.value and o.gone = 0
    order by o.product_id, o.position, o.id
    "#;
const PRICES: &str = r#"
    select r.product_id, r.option_id, r.currency, r.price
    from json_each($1) e cross join prices r on r.product_id = e.value and r.is_converted = 0
    order by r.product_id, r.option_id, r.currency
    "#;
const FIAT_PRICES: &str = r#"
    select r.product_id, r.option_id, r.currency, r.price
    from json_each($1) e cross join fiat_prices r on r.product_id = e.value
    "#;
const CATEGORIES: &str = r#"
    select c.product_id, c.category
    from json_each($1) e cross join product_categories c on c.product_id = e.value
    order by c.product_id, c.position
    "#;
const PICTURES: &str = r#"
    select i.product_id, i.fingerprint, i.file, i.alt
    from json_each($1) e cross join product_pictures i on i.product_id = e.value
    order by i.product_id, i.position
    "#;

/// Those of these products that are in the catalog, by slug.
pub async fn find(
    db: &mut Connection,
    slugs: &[&str],
) -> Result<HashMap<String, StoredProduct>, StoreError> {
    let rows: Vec<ProductRow> =
        sqlx::query_as(PRODUCTS).bind(json!(slugs).to_string()).fetch_all(&mut *db).await?;
    let ids = json!(rows.iter().map(|row| row.id).collect::<Vec<_>>()).to_string();
    let prices: Vec<(i64, i64, Currency, Amount)> =
        sqlx::query_as(PRICES).bind(&ids).fetch_all(&mut *db).await?;
    let mut prices_of: HashMap<(i64, i64), Prices> = HashMap::new();
    for (product, option, currency, price) in prices {
        prices_of.entry((product, option)).or_default().push((currency, price));
    }
    let fiat: Vec<(i64, i64, FiatCurrency, i64)> =
        sqlx::query_as(FIAT_PRICES).bind(&ids).fetch_all(&mut *db).await?;
    let fiat_of: HashMap<(i64, i64), FiatPrice> = fiat
        .into_iter()
        .map(|(product, option, currency, minor)| {
            ((product, option), FiatPrice { currency, minor })
        })
        .collect();
    let mut options_of: HashMap<i64, Vec<OptionRow>> = HashMap::new();
    for row in sqlx::query_as::<_, OptionRow>(OPTIONS).bind(&ids).fetch_all(&mut *db).await? {
        options_of.entry(row.product_id).or_default().push(row);
    }
    let categories: Vec<(i64, String)> =
        sqlx::query_as(CATEGORIES).bind(&ids).fetch_all(&mut *db).await?;
    let mut categories_of: HashMap<i64, Vec<String>> = HashMap::new();
    for (product, category) in categories {
        categories_of.entry(product).or_default().push(category);
    }
    let pictures: Vec<(i64, String, String, String)> =
        sqlx::query_as(PICTURES).bind(&ids).fetch_all(&mut *db).await?;
    let mut pictures_of: HashMap<i64, (Vec<String>, Vec<ImageRecord>)> = HashMap::new();
    for (product, fingerprint, file, alt) in pictures {
        let (fingerprints, images) = pictures_of.entry(product).or_default();
        fingerprints.push(fingerprint);
        images.push(ImageRecord { file, alt });
    }
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let options = options_of.remove(&row.id).unwrap_or_default();
        let is_counted = row.is_counted && options.iter().all(|option| option.is_counted);
        let options = options.into_iter().map(|option| OptionRecord {
            name: option.name,
            quantity: option.file_quantity,
            prices: prices_of.remove(&(row.id, option.id)).unwrap_or_default(),
            fiat: fiat_of.get(&(row.id, option.id)).copied(),
            weight: option.weight,
        });
        let options = options.collect();
        let (fingerprints, images) = pictures_of.remove(&row.id).unwrap_or_default();
        let content = row.content.content()?;
        let record = ProductRecord {
            place: String::new(),
            record: row.record,
            name: row.name,
            description: row.description,
            kind: row.kind,
            // The stock of codes is counted, not said.
            quantity: if content.codes.is_none() { row.file_quantity } else { 0 },
            content,
            prices: prices_of.remove(&(row.id, 0)).unwrap_or_default(),
            fiat: fiat_of.get(&(row.id, 0)).copied(),
            images,
            options,
            categories: categories_of.remove(&row.id).unwrap_or_default(),
            hidden: row.hidden,
            weight: row.weight,
            excluded_countries: parse_regions(&row.excluded_countries)?,
            slug: row.slug,
        };
        let (position, description_html) = (row.position, row.description_html);
        let slug = record.slug.to_string();
        let stored = StoredProduct { position, record, fingerprints, description_html, is_counted };
        found.insert(slug, stored);
    }
    Ok(found)
}

impl StoredProduct {
    /// Whether an import of this record, with these pictures, would change nothing but the position. `count_anew`: even if all
    /// stock is set again.
    pub fn is_same(
        &self,
        record: &ProductRecord,
        fingerprints: &[String],
        count_anew: bool,
    ) -> bool {
        let mut record = record.clone();
        record.place.clear();
        record.prices.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        for option in &mut record.options {
            option.prices.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        }
        self.record == record
            && self.fingerprints == fingerprints
            && self.description_html == markdown::html(&record.description)
            && (!count_anew || self.is_counted || record.content.codes.is_some())
    }

    /// Whether the search finds it by the same words.
    pub fn has_same_words(&self, record: &ProductRecord) -> bool {
        self.record.name == record.name
            && self.record.categories == record.categories
            && self.record.description == record.description
    }
}

/// Units: products of which [`list_slugs`] lists at most so many at once.
const MAX_SLUGS: i64 = 5_000;

/// The products of the catalog behind one of them, in the order in which they were added.
pub async fn list_slugs(db: &mut Connection, after: i64) -> Result<Vec<(i64, String)>, StoreError> {
    let slugs = sqlx::query_as(
        "select id, slug from products where $1 < id and (gone = 0 or hidden = 1) order by id limit $2",
    );
    Ok(slugs.bind(after).bind(MAX_SLUGS).fetch_all(db).await?)
}
