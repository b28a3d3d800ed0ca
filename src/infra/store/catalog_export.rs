//! The catalog as the file would describe it.

use crate::domain::catalog::CatalogFile;
use crate::domain::catalog::ImageRecord;
use crate::domain::catalog::OptionRecord;
use crate::domain::catalog::Prices;
use crate::domain::catalog::ProductRecord;
use crate::domain::catalog::Slug;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::catalog::gwei;
use crate::infra::store::catalog::parse_slug;
use crate::infra::store::payment::parse_currency;
use crate::infra::store::payment::parse_wallet;
use crate::infra::store::trade;
use sqlx::Row;
use sqlx::SqliteConnection;
use std::collections::HashMap;
use std::collections::HashSet;

/// The catalog as the tables hold it, in the form of the seller's file.
pub struct Kept {
    /// Its quantities are those on the shelf and those that open orders hold: seeding takes the latter off again.
    pub file: CatalogFile,
    /// Product's slug and option's name (empty: the product itself) → the quantity that the file last said.
    pub said: HashMap<(String, String), i64>,
    /// Slugs of products that an older version of the shop kept without what their file said of them.
    pub incomplete: Vec<String>,
}

/// Everything at one moment.
pub async fn read_catalog(db: &Db) -> Result<Kept, StoreError> {
    let mut tx = db.read.begin().await?;
    let kept = read(&mut tx).await?;
    tx.rollback().await?;
    Ok(kept)
}

/// The same inside a transaction.
pub async fn read_catalog_now(tx: &mut Tx) -> Result<Kept, StoreError> {
    read(&mut tx.0).await
}

/// How often the desk has changed the catalog since it was last filled from the file.
pub async fn count_desk_changes(db: &Db) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select desk_changes from catalog_state").fetch_one(&db.read).await?)
}

/// The same inside a transaction.
pub async fn count_desk_changes_now(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select desk_changes from catalog_state").fetch_one(&mut *tx.0).await?)
}

/// The pieces on a shelf and those that open orders hold of it, counted as seeding counts them; a file takes a million at most.
macro_rules! quantity {
    ($stock:literal, $of:literal) => {
        concat!(
            "min(1000000, ",
            $stock,
            " + coalesce((select h.pieces from held h where ",
            $of,
            "), 0)) as quantity"
        )
    };
}

const PRODUCTS: &str = concat!(
    "select p.id, p.slug, p.record, p.name, p.description, p.hidden, p.file_quantity, ",
    quantity!("p.stock", "h.product_id = p.id and h.pool_option = 0"),
    ", p.description = '' and p.description_html <> '' as has_lost \
      from products p where p.gone = 0 or p.hidden = 1 order by p.position, p.id"
);

const OPTIONS: &str = concat!(
    "select c.id, c.product_id, c.name, c.file_quantity, ",
    quantity!("c.stock", "h.product_id = c.product_id and h.pool_option = c.id"),
    " from options c join products p on p.id = c.product_id where c.gone = 0 and (p.gone = 0 or p.hidden = 1) order by c.position, c.id"
);

async fn read(connection: &mut SqliteConnection) -> Result<Kept, StoreError> {
    let wallets = sqlx::query("select * from wallets order by position")
        .fetch_all(&mut *connection)
        .await?
        .iter()
        .map(parse_wallet)
        .collect::<Result<_, _>>()?;
    let mut prices = read_prices(connection).await?;
    let mut said = HashMap::new();
    let mut options: HashMap<i64, Vec<(i64, OptionRecord, Option<i64>)>> = HashMap::new();
    for row in sqlx::query(OPTIONS).fetch_all(&mut *connection).await? {
        let (id, product): (i64, i64) = (row.try_get("id")?, row.try_get("product_id")?);
        let option = OptionRecord {
            name: row.try_get("name")?,
            quantity: row.try_get("quantity")?,
            prices: prices.remove(&(product, id)).unwrap_or_default(),
        };
        options.entry(product).or_default().push((id, option, row.try_get("file_quantity")?));
    }
    let mut categories: HashMap<i64, Vec<String>> = HashMap::new();
    for (product, category) in sqlx::query_as::<_, (i64, String)>(
        "select product_id, category from product_categories order by product_id, position",
    )
    .fetch_all(&mut *connection)
    .await?
    {
        categories.entry(product).or_default().push(category);
    }
    let mut images: HashMap<i64, Vec<ImageRecord>> = HashMap::new();
    for (product, file, alt) in sqlx::query_as::<_, (i64, String, String)>(
        "select product_id, file, alt from product_pictures order by product_id, position",
    )
    .fetch_all(&mut *connection)
    .await?
    {
        images.entry(product).or_default().push(ImageRecord { file, alt });
    }
    let mut products = Vec::new();
    let mut incomplete = Vec::new();
    let mut names = HashSet::new();
    for row in sqlx::query(PRODUCTS).fetch_all(&mut *connection).await? {
        let id: i64 = row.try_get("id")?;
        let slug = parse_slug(&row)?;
        let images = images.remove(&id).unwrap_or_default();
        if row.try_get("has_lost")? || images.iter().any(|image| image.file.is_empty()) {
            incomplete.push(slug.to_string());
        }
        said.insert((slug.to_string(), String::new()), row.try_get("file_quantity")?);
        let mut own = Vec::new();
        for (_, option, of_file) in options.remove(&id).unwrap_or_default() {
            if let Some(n) = of_file {
                said.insert((slug.to_string(), option.name.clone()), n);
            }
            own.push(option);
        }
        let record = record_name(row.try_get("record")?, &slug, &mut names);
        products.push(ProductRecord {
            place: format!("products {record:?}"),
            record,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            quantity: row.try_get("quantity")?,
            prices: prices.remove(&(id, 0)).unwrap_or_default(),
            images,
            options: own,
            categories: categories.remove(&id).unwrap_or_default(),
            hidden: row.try_get("hidden")?,
            slug,
        });
    }
    let rates = trade::read_rates(connection).await?;
    let discounts = trade::read_discounts(connection).await?;
    let file = CatalogFile {
        wallets,
        products,
        rates: rates.into_iter().map(|kept| kept.rate).collect(),
        discounts: discounts.into_iter().map(|kept| kept.discount).collect(),
        notes: Vec::new(),
    };
    Ok(Kept { file, said, incomplete })
}

/// What was made at the desk has no record's name yet: its slug serves. Each name stands once in a file.
fn record_name(kept: String, slug: &Slug, names: &mut HashSet<String>) -> String {
    // What begins with `_` is no record's name.
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
async fn read_prices(
    connection: &mut SqliteConnection,
) -> Result<HashMap<(i64, i64), Prices>, StoreError> {
    let rows = sqlx::query(
        "select r.product_id, r.option_id, r.currency, r.price from prices r join wallets w on w.currency = r.currency \
         order by r.product_id, r.option_id, w.position",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut prices: HashMap<(i64, i64), Prices> = HashMap::new();
    for row in &rows {
        let of = (row.try_get("product_id")?, row.try_get("option_id")?);
        prices.entry(of).or_default().push((parse_currency(row)?, gwei(row, "price")?));
    }
    Ok(prices)
}

impl Kept {
    /// What the file says where seeding takes it for no news: a quantity that it said before leaves the shelf as it is.
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
        file.rates.iter_mut().for_each(|rate| sort(&mut rate.prices));
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_open_orders_hold_is_found_by_an_index() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = Db::open_or_make(&home.path().join("shop.sqlite")).await.unwrap();
            for query in [PRODUCTS, OPTIONS] {
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {query}")))
                        .fetch_all(&db.read)
                        .await
                        .unwrap();
                let steps: Vec<&str> = plan.iter().map(|(_, _, _, step)| step.as_str()).collect();
                let finds = |begin: &str| steps.iter().any(|step| step.starts_with(begin));
                assert!(finds("SEARCH h USING PRIMARY KEY") && !finds("SCAN h"), "{steps:#?}");
            }
            db.close().await;
        });
    }
}
