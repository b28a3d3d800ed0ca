//! The doctor's check of exchange rates.

use crate::actions::Shop;
use crate::domain::catalog::ValidRates;
use crate::domain::values::plural;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::cli::doctor::finding::{Finding, bad, note, ok};
use crate::interfaces::cli::shop_context;

const CHECK: &str = "rates";

/// Whether every wallet has a valid rate, if the shop shows ordinary money.
pub async fn check(shop: &Shop) -> Result<Finding, StoreError> {
    let mut db = shop.db.reader().await?;
    let price_in = shop.policy.price_in;
    let (n_priced, n_others) = store::exchange_rates::count_priced(&mut db, price_in).await?;
    if n_others != 0 {
        let products = plural(n_others, "product is", "products are");
        let reference = price_in.map_or("not set".to_owned(), |currency| currency.to_string());
        return Ok(bad(
            CHECK,
            format!(
                "{products} priced in a currency that is not PRICE_IN ({reference}), and cannot be ordered"
            ),
            "set PRICE_IN to the currency of these prices, or change the prices",
        ));
    }
    let Some(price_in) = price_in else {
        return Ok(ok(CHECK, "none needed: prices are in coins alone (PRICE_IN)"));
    };
    let rates = store::exchange_rates::list(&mut db).await?;
    let now = shop_context::now();
    let valid = ValidRates::of(&rates, Some(price_in), now);
    let mut missing = Vec::new();
    for wallet in store::wallets::list(&mut db).await? {
        let currency = wallet.currency.as_str();
        if valid.has(currency) {
            continue;
        }
        let stored = rates.iter().find(|rate| rate.currency == wallet.currency);
        missing.push(match stored {
            Some(rate) if rate.price_in == price_in => {
                format!(
                    "the rate of {currency} is outdated since {}",
                    rate.valid_until.for_people()
                )
            }
            _ => format!("{currency} has no rate"),
        });
    }
    if missing.is_empty() {
        return Ok(ok(CHECK, format!("every wallet has a valid rate in {price_in}")));
    }
    let missing = missing.join(", ");
    let to_do = "shop rate ETH 2650 --valid 24h, or see docs/manual/prices.md";
    Ok(match n_priced {
        0 => note(CHECK, format!("{missing}: prices are not shown in {price_in}"), to_do),
        n => {
            let products = plural(n, "product", "products");
            bad(
                CHECK,
                format!("{missing}: {products} priced in {price_in} cannot be ordered"),
                to_do,
            )
        }
    })
}
