//! Prices of many products at once.

use serde_json::{Value, json};

use crate::domain::catalog::ProductRecord;
use crate::infra::store::{StoreError, Tx};

const COINS: &str = r#"
    update prices set price = n.price
    from (
        select p.id as product_id, coalesce(o.id, 0) as option_id, e.value ->> 2 as currency, e.value ->> 3 as price
        from json_each($1) e join products p on p.slug = e.value ->> 0
        left join options o on o.product_id = p.id and o.name = e.value ->> 1) n
    where prices.product_id = n.product_id and prices.option_id = n.option_id and prices.currency = n.currency
        and prices.is_converted = 0
    "#;
const FIAT: &str = r#"
    update fiat_prices set price = n.price
    from (
        select p.id as product_id, coalesce(o.id, 0) as option_id, e.value ->> 2 as currency, e.value ->> 3 as price
        from json_each($1) e join products p on p.slug = e.value ->> 0
        left join options o on o.product_id = p.id and o.name = e.value ->> 1) n
    where fiat_prices.product_id = n.product_id and fiat_prices.option_id = n.option_id and fiat_prices.currency = n.currency
    "#;
/// A form of the desk that shows older prices is refused.
const EDITIONS: &str =
    "update products set edition = edition + 1 where slug in (select value from json_each($1))";

/// Replaces the existing prices of these products and their options, and adds none. Prices in ordinary money are converted
/// afterwards.
pub async fn replace(tx: &mut Tx, products: &[ProductRecord]) -> Result<(), StoreError> {
    let (mut coins, mut fiat, mut slugs) = (Vec::new(), Vec::new(), Vec::new());
    for product in products {
        let slug = product.slug.as_str();
        slugs.push(json!(slug));
        let own = (None, &product.prices, product.fiat);
        let options = product.options.iter();
        let options = options.map(|option| (Some(&option.name), &option.prices, option.fiat));
        for (name, prices, price) in [own].into_iter().chain(options) {
            let row = |currency: &str, price: i64| json!([slug, name, currency, price]);
            coins
                .extend(prices.iter().map(|(currency, price)| row(currency.as_str(), price.get())));
            fiat.extend(price.map(|price| row(price.currency.as_str(), price.minor)));
        }
    }
    for (statement, rows) in [(COINS, coins), (FIAT, fiat), (EDITIONS, slugs)] {
        sqlx::query(statement).bind(Value::from(rows).to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}
