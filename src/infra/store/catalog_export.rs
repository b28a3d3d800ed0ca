//! The catalog as the seller's file would describe it.

use std::collections::{HashMap, HashSet};

use sqlx::{Connection as _, FromRow};

use crate::domain::catalog::{
    CatalogFile, ImageRecord, OptionRecord, Prices, ProductKind, ProductRecord, Slug, StepLimit,
};
use crate::domain::values::{Amount, Currency, FiatCurrency, FiatPrice};
use crate::infra::store::columns::parse_regions;
use crate::infra::store::digital_content::ContentColumns;
use crate::infra::store::{Connection, StoreError, discounts, shipping, stock, wallets};

/// The catalog as the tables hold it, in the form of the seller's file.
pub struct StoredCatalog {
    /// Its quantities are what can be bought and what open orders hold: an import takes the latter off again.
    pub file: CatalogFile,
    /// Product's slug and option's name (empty: the product itself) → the quantity that the file last said.
    pub said: HashMap<(String, String), i64>,
    /// Slugs of products that an older version of the shop kept without what their file said of them.
    pub incomplete: Vec<String>,
}

#[derive(FromRow)]
struct ProductRow {
    id: i64,
    slug: Slug,
    record: String,
    name: String,
    description: String,
    hidden: bool,
    kind: ProductKind,
    #[sqlx(flatten)]
    content: ContentColumns,
    file_quantity: i64,
    quantity: i64,
    has_lost_text: bool,
    weight: Option<i64>,
    excluded_countries: String,
}

#[derive(FromRow)]
struct OptionRow {
    id: i64,
    product_id: i64,
    name: String,
    file_quantity: Option<i64>,
    quantity: Option<i64>,
    weight: Option<i64>,
}

#[derive(FromRow)]
struct PriceRow {
    product_id: i64,
    option_id: i64,
    currency: Currency,
    price: Amount,
}

const PRODUCTS: &str = concat!(
    "select p.id, p.slug, p.record, p.name, p.description, p.hidden, p.kind, p.files, p.codes, p.text, p.downloads, p.download_days, p.weight, p.excluded_countries, p.file_quantity, ",
    stock::file_quantity!("p.stock", "h.product_id = p.id and h.pool_option = 0"),
    r#" as quantity, p.description = '' and p.description_html <> '' as has_lost_text
    from products p
    where p.gone = 0 or p.hidden = 1
    order by p.position, p.id
    "#
);
const OPTIONS: &str = concat!(
    "select c.id, c.product_id, c.name, c.file_quantity, c.weight, ",
    stock::file_quantity!("c.stock", "h.product_id = c.product_id and h.pool_option = c.id"),
    r#" as quantity
    from options c join products p on p.id = c.product_id
    where c.gone = 0 and (p.gone = 0 or p.hidden = 1)
    order by c.position, c.id
    "#
);

/// Everything at one moment.
pub async fn read(db: &mut Connection) -> Result<StoredCatalog, StoreError> {
    // Within a transaction this is a savepoint of it.
    let mut tx = db.begin().await?;
    let stored = read_tables(&mut tx).await?;
    tx.rollback().await?;
    Ok(stored)
}

async fn read_tables(db: &mut Connection) -> Result<StoredCatalog, StoreError> {
    let wallets = wallets::list(db).await?;
    let mut prices = read_prices(db).await?;
    let fiat = read_fiat_prices(db).await?;
    let mut said = HashMap::new();
    let mut options: HashMap<i64, Vec<OptionRow>> = HashMap::new();
    for row in sqlx::query_as::<_, OptionRow>(OPTIONS).fetch_all(&mut *db).await? {
        options.entry(row.product_id).or_default().push(row);
    }
    let mut categories = read_categories(db).await?;
    let mut images = read_images(db).await?;
    let (mut products, mut incomplete) = (Vec::new(), Vec::new());
    let mut names = HashSet::new();
    for row in sqlx::query_as::<_, ProductRow>(PRODUCTS).fetch_all(&mut *db).await? {
        let content = row.content.content()?;
        let images = images.remove(&row.id).unwrap_or_default();
        if row.has_lost_text || images.iter().any(|image| image.file.is_empty()) {
            incomplete.push(row.slug.to_string());
        }
        said.insert((row.slug.to_string(), String::new()), row.file_quantity);
        let mut own = Vec::new();
        for OptionRow { id, name, file_quantity, quantity, weight, .. } in
            options.remove(&row.id).unwrap_or_default()
        {
            if let Some(n) = file_quantity {
                said.insert((row.slug.to_string(), name.clone()), n);
            }
            let prices = prices.remove(&(row.id, id)).unwrap_or_default();
            let fiat = fiat.get(&(row.id, id)).copied();
            own.push(OptionRecord { name, quantity, prices, fiat, weight });
        }
        let record = record_name(row.record, &row.slug, &mut names);
        products.push(ProductRecord {
            place: format!("products {record:?}"),
            record,
            name: row.name,
            description: row.description,
            kind: row.kind,
            // The stock of codes is counted, not said.
            quantity: if content.codes.is_none() { row.quantity } else { 0 },
            content,
            prices: prices.remove(&(row.id, 0)).unwrap_or_default(),
            fiat: fiat.get(&(row.id, 0)).copied(),
            images,
            options: own,
            categories: categories.remove(&row.id).unwrap_or_default(),
            hidden: row.hidden,
            weight: row.weight,
            excluded_countries: parse_regions(&row.excluded_countries)?,
            slug: row.slug,
        });
    }
    let rates = shipping::list(db).await?;
    let discounts = discounts::list(db).await?.into_iter().map(|stored| stored.discount).collect();
    let file = CatalogFile { wallets, products, rates, discounts, notes: Vec::new() };
    Ok(StoredCatalog { file, said, incomplete })
}

/// What was made at the desk has no record's name yet: its slug serves. Each name stands once in a file.
fn record_name(kept: String, slug: &Slug, names: &mut HashSet<String>) -> String {
    // A name that begins with `_` is reserved.
    let of_slug = || slug.as_str().trim_start_matches('_').to_owned();
    let name = if kept.is_empty() { of_slug() } else { kept };
    let mut free = name.clone();
    let mut n = 1;
    while free.is_empty() || !names.insert(free.clone()) {
        n += 1;
        free = format!("{name}-{n}");
    }
    free
}

/// Product and option (0: the product's own) → its prices, in the order of the wallets.
async fn read_prices(db: &mut Connection) -> Result<HashMap<(i64, i64), Prices>, StoreError> {
    let rows: Vec<PriceRow> = sqlx::query_as(
        r#"
        select r.product_id, r.option_id, r.currency, r.price
        from prices r join wallets w on w.currency = r.currency
        where r.is_converted = 0
        order by r.product_id, r.option_id, w.position
        "#,
    )
    .fetch_all(db)
    .await?;
    let mut prices: HashMap<(i64, i64), Prices> = HashMap::new();
    for row in rows {
        prices.entry((row.product_id, row.option_id)).or_default().push((row.currency, row.price));
    }
    Ok(prices)
}

/// Product and option (0: the product's own) → its price in ordinary money.
async fn read_fiat_prices(
    db: &mut Connection,
) -> Result<HashMap<(i64, i64), FiatPrice>, StoreError> {
    let rows: Vec<(i64, i64, FiatCurrency, i64)> =
        sqlx::query_as("select product_id, option_id, currency, price from fiat_prices")
            .fetch_all(db)
            .await?;
    let price =
        |(product, option, currency, minor)| ((product, option), FiatPrice { currency, minor });
    Ok(rows.into_iter().map(price).collect())
}

/// Product → its categories, in their order.
async fn read_categories(db: &mut Connection) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select product_id, category from product_categories order by product_id, position",
    )
    .fetch_all(db)
    .await?;
    let mut categories: HashMap<i64, Vec<String>> = HashMap::new();
    for (product, category) in rows {
        categories.entry(product).or_default().push(category);
    }
    Ok(categories)
}

/// Product → its pictures, in their order.
async fn read_images(db: &mut Connection) -> Result<HashMap<i64, Vec<ImageRecord>>, StoreError> {
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "select product_id, file, alt from product_pictures order by product_id, position",
    )
    .fetch_all(db)
    .await?;
    let mut images: HashMap<i64, Vec<ImageRecord>> = HashMap::new();
    for (product, file, alt) in rows {
        images.entry(product).or_default().push(ImageRecord { file, alt });
    }
    Ok(images)
}

impl StoredCatalog {
    /// What the file says where an import takes it for no news: a quantity that it said before leaves the stock as it is.
    pub fn without_old_news(&self, mut file: CatalogFile) -> CatalogFile {
        let here: HashMap<&str, &ProductRecord> =
            self.file.products.iter().map(|product| (product.slug.as_str(), product)).collect();
        for product in &mut file.products {
            let Some(kept) = here.get(product.slug.as_str()) else { continue };
            let slug = product.slug.to_string();
            if self.said.get(&(slug.clone(), String::new())) == Some(&product.quantity) {
                product.quantity = kept.quantity;
            }
            for option in &mut product.options {
                let was = kept.options.iter().find(|other| other.name == option.name);
                let said = self.said.get(&(slug.clone(), option.name.clone())).copied();
                if let Some(was) = was
                    && said.is_some()
                    && said == option.quantity
                {
                    option.quantity = was.quantity;
                }
            }
        }
        file
    }

    /// The same file with each price in the order of the wallets, as the tables give them.
    pub fn in_order(mut file: CatalogFile) -> CatalogFile {
        let place: HashMap<String, usize> = file
            .wallets
            .iter()
            .enumerate()
            .map(|(n, wallet)| (wallet.currency.to_string(), n))
            .collect();
        let sort = |prices: &mut Prices| {
            prices.sort_by_key(|(currency, _)| place.get(currency.as_str()).copied());
        };
        for product in &mut file.products {
            sort(&mut product.prices);
            product.options.iter_mut().for_each(|option| sort(&mut option.prices));
        }
        for rate in &mut file.rates {
            sort(&mut rate.free_from);
            for step in &mut rate.steps {
                sort(&mut step.prices);
                if let StepLimit::Subtotals(amounts) = &mut step.up_to {
                    sort(amounts);
                }
            }
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::{query_plan, with_shop};

    #[test]
    fn what_open_orders_hold_is_found_by_an_index() {
        with_shop(async |db| {
            for query in [PRODUCTS, OPTIONS] {
                let steps = query_plan(&db, query).await;
                let finds = |begin: &str| steps.iter().any(|step| step.starts_with(begin));
                assert!(finds("SEARCH h USING PRIMARY KEY") && !finds("SCAN h"), "{steps:#?}");
            }
        });
    }
}
