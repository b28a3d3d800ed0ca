//! Prices of products and their options, as the seller gave them.

use serde_json::{Value, json};

use crate::domain::catalog::{ProductRecord, Slug};
use crate::infra::store::{StoreError, Tx, listing_index};

/// The rows of `$1`, with the product and the option (0: the product's own) for their names.
macro_rules! found {
    () => {
        r#"
        select p.id as product_id, coalesce(o.id, 0) as option_id, e.value ->> 2 as currency, e.value ->> 3 as price
        from jsonb_each($1) e join products p on p.slug = e.value ->> 0
        left join options o on o.product_id = p.id and o.name = e.value ->> 1
        "#
    };
}
macro_rules! insert_into {
    ($table:literal) => {
        concat!("insert into ", $table, " (product_id, option_id, currency, price)", found!())
    };
}
macro_rules! update {
    ($table:literal) => {
        concat!(
            "update ",
            $table,
            " as old set price = new.price from (",
            found!(),
            r#") new
            where old.product_id = new.product_id and old.option_id = new.option_id and old.currency = new.currency
            "#
        )
    };
}

/// A form of the desk that shows older prices is refused.
const EDITIONS: &str = r#"
    update products set edition = edition + 1 where slug in (select value from json_each($1)) returning id
    "#;

/// Prices of many products. Shape: slug, option or null, currency, price.
#[derive(Default)]
pub(super) struct PriceRows {
    coins: Vec<Value>,
    fiat: Vec<Value>,
}

impl PriceRows {
    /// `slug`: the product's, which may be another than the record's.
    pub(super) fn add(&mut self, slug: &Slug, product: &ProductRecord) {
        let own = (None, &product.prices, product.fiat);
        let options = product.options.iter();
        let options = options.map(|option| (Some(&option.name), &option.prices, option.fiat));
        for (name, prices, price) in [own].into_iter().chain(options) {
            let row = |currency: &str, price: i64| json!([slug.as_str(), name, currency, price]);
            let coins = prices.iter().map(|(currency, price)| row(currency.as_str(), price.get()));
            self.coins.extend(coins);
            self.fiat.extend(price.map(|price| row(price.currency.as_str(), price.minor)));
        }
    }
}

/// Adds prices, where a product has none. Those in ordinary money are converted afterwards.
pub(super) async fn insert(tx: &mut Tx, rows: PriceRows) -> Result<(), StoreError> {
    write(tx, [insert_into!("prices"), insert_into!("fiat_prices")], rows).await
}

/// Replaces the existing prices of these products and their options, and adds none. Prices in ordinary money are converted
/// afterwards.
pub async fn replace(tx: &mut Tx, products: &[ProductRecord]) -> Result<(), StoreError> {
    let mut rows = PriceRows::default();
    for product in products {
        rows.add(&product.slug, product);
    }
    let coins = concat!(update!("prices"), " and old.is_converted = 0");
    write(tx, [coins, update!("fiat_prices")], rows).await?;
    let slugs: Vec<&str> = products.iter().map(|product| product.slug.as_str()).collect();
    let changed: Vec<i64> =
        sqlx::query_scalar(EDITIONS).bind(json!(slugs).to_string()).fetch_all(&mut **tx).await?;
    listing_index::follow_sort_keys(tx, &changed).await
}

async fn write(
    tx: &mut Tx,
    statements: [&'static str; 2],
    rows: PriceRows,
) -> Result<(), StoreError> {
    for (statement, rows) in statements.into_iter().zip([rows.coins, rows.fiat]) {
        sqlx::query(statement).bind(Value::from(rows).to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::CatalogFile;
    use crate::infra::store::{catalog_import, test_shop::with_shop};

    const FILE: &str = r#"{
        "wallets": {"_model": "Wallet", "eth": {"currency": "ETH", "name": "Ether", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}},
        "products": {"_model": "Product",
            "tea": {"name": "Tea", "prices": [{"price": 300, "wallet": "->wallets.eth"}], "options": [
                "loose", {"name": "bags", "prices": [{"price": 200, "wallet": "->wallets.eth"}]}]},
            "cap": {"name": "Cap", "prices": [{"price": 100, "wallet": "->wallets.eth"}]}}
        }"#;

    async fn sorted(tx: &mut Tx) -> Vec<(String, i64)> {
        sqlx::query_as("select p.slug, s.price from sorted_listing s join products p on p.id = s.product_id order by s.price")
            .fetch_all(&mut **tx)
            .await
            .unwrap()
    }

    #[test]
    fn products_with_other_prices_are_sorted_by_them() {
        with_shop(async |db| {
            let (mut file, faults) = CatalogFile::parse(FILE, None);
            assert_eq!(faults, []);
            let mut tx = db.write().await.unwrap();
            crate::infra::store::wallets::replace_all(&mut tx, &file.wallets).await.unwrap();
            let products: Vec<_> = file
                .products
                .iter()
                .map(|record| catalog_import::ImportedProduct {
                    record: record.clone(),
                    position: 0,
                    fingerprints: Vec::new(),
                    has_same_words: false,
                })
                .collect();
            let now = crate::domain::values::Timestamp::new(0).unwrap();
            catalog_import::put(&mut tx, &products, false, now).await.unwrap();
            listing_index::rebuild(&mut tx).await.unwrap();
            let of = |slug: &str, price| (slug.to_owned(), price);
            assert_eq!(sorted(&mut tx).await, [of("cap", 100), of("tea", 200)]);
            for product in &mut file.products {
                for (_, price) in &mut product.prices {
                    *price = crate::domain::values::Amount::new(500 - price.get()).unwrap();
                }
            }
            let [tea, ..] = file.products.as_mut_slice() else { unreachable!() };
            tea.options[1].prices.clone_from(&tea.prices);
            replace(&mut tx, &file.products).await.unwrap();
            assert_eq!(sorted(&mut tx).await, [of("tea", 200), of("cap", 400)]);
        });
    }
}
