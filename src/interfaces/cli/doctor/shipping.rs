//! Doctor checks of shipping: prices in every currency, and weights.

use crate::actions::Shop;
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::cli::doctor::finding::{Finding, bad, note, ok};

const CHECK: &str = "shipping";

pub async fn check_shipping(shop: &Shop) -> Result<Finding, StoreError> {
    let mut db = shop.db.reader().await?;
    let rates = store::shipping::list(&mut db).await?;
    if rates.is_empty() {
        return Ok(ok(CHECK, "no shipping methods: shipping is free to all countries"));
    }
    let unpriced = store::shipping::list_unpriced(&mut db).await?;
    if !unpriced.is_empty() {
        let names: Vec<&str> = unpriced.iter().map(|currency| currency.as_str()).collect();
        return Ok(bad(
            CHECK,
            format!(
                "shipped products cannot be ordered in {}: no shipping method has a price in it",
                names.join(", ")
            ),
            "add a price to a shipping method, at the desk or in db/data.json",
        ));
    }
    if rates.iter().any(|rate| rate.is_by_weight()) {
        let mut names = store::shipping::list_without_weight(&mut db, MAX_NAMES + 1).await?;
        if !names.is_empty() {
            let most = usize::try_from(MAX_NAMES).unwrap_or(usize::MAX);
            let others = if most < names.len() { " and others" } else { "" };
            names.truncate(most);
            let message = format!("without a weight, counted as 0 g: {}{others}", names.join(", "));
            return Ok(note(
                CHECK,
                message,
                "enter their weights, since shipping is charged by weight",
            ));
        }
    }
    Ok(ok(CHECK, "there is a price in every currency"))
}

/// Units: products that are named.
const MAX_NAMES: i64 = 5;
