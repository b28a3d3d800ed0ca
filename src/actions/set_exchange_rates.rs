//! Sets and removes exchange rates, and converts the prices in ordinary money.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::catalog::{CoinValue, ExchangeRate, RateSource};
use crate::domain::values::{Currency, Timestamp};
use crate::infra::store;
use crate::infra::store::Tx;

/// Rates that were observed at the same time.
#[derive(Clone, Debug)]
pub struct NewRates {
    pub values: Vec<(Currency, CoinValue)>,
    pub at: Timestamp,
    pub valid_until: Timestamp,
    pub source: RateSource,
}

/// Why no rate was set.
#[derive(Debug, thiserror::Error)]
pub enum RateRefusal {
    #[error(
        "set PRICE_IN first, for example PRICE_IN=EUR: a rate is the value of a coin in that currency"
    )]
    NoReference,
    #[error("no wallet in the catalog uses {0}")]
    NoWallet(String),
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(RateRefusal);

/// Every rate, valid or not, in the order of the wallets.
pub async fn list_exchange_rates(shop: &Shop) -> anyhow::Result<Vec<ExchangeRate>> {
    let mut db = shop.db.reader().await?;
    store::exchange_rates::list(&mut db).await.context("read the exchange rates")
}

/// Sets rates in the shop's reference currency, and converts all prices. Coins without a wallet are left out. `action`: the
/// entry of the activity log; `None`: none is made. Returns the currencies whose rates were set.
///
/// # Errors
/// [`RateRefusal::NoReference`], and [`RateRefusal::NoWallet`] if no coin has a wallet.
pub async fn set_exchange_rates(
    shop: &Shop,
    rates: NewRates,
    action: Option<Timestamp>,
) -> Result<Vec<Currency>, RateRefusal> {
    let mut tx = shop.db.write().await?;
    let rates = list_new(shop, &mut tx, rates).await?;
    for rate in &rates {
        store::exchange_rates::put(&mut tx, rate).await.context("save a rate")?;
        if let Some(now) = action {
            let ExchangeRate { currency, value, price_in, .. } = rate;
            let action = format!("Set the rate of {currency}: {value} {price_in}");
            store::audit_log::record(&mut tx, now, &action).await?;
        }
    }
    finish(tx).await?;
    Ok(rates.into_iter().map(|rate| rate.currency).collect())
}

/// The same for rates that nobody has looked at: one that was set or removed since they were observed stays as it is.
///
/// # Errors
/// As [`set_exchange_rates`].
pub async fn set_newer_exchange_rates(shop: &Shop, rates: NewRates) -> Result<(), RateRefusal> {
    let mut tx = shop.db.write().await?;
    let mut is_changed = false;
    for rate in list_new(shop, &mut tx, rates).await? {
        let put = store::exchange_rates::put_newer(&mut tx, &rate);
        is_changed |= put.await.context("save a rate")?;
    }
    if is_changed {
        finish(tx).await?;
    }
    Ok(())
}

/// Those of coins that have a wallet; there is at least one.
async fn list_new(
    shop: &Shop,
    tx: &mut Tx,
    rates: NewRates,
) -> Result<Vec<ExchangeRate>, RateRefusal> {
    let price_in = shop.policy.price_in.ok_or(RateRefusal::NoReference)?;
    let wallets = store::wallets::list(tx).await?;
    let has_wallet =
        |currency: &Currency| wallets.iter().any(|wallet| wallet.currency == *currency);
    let NewRates { values, at, valid_until, source } = rates;
    let names = values.iter().map(|(currency, _)| currency.to_string());
    let names = names.collect::<Vec<_>>().join(", ");
    let values = values.into_iter().filter(|(currency, _)| has_wallet(currency));
    let rates: Vec<_> = values
        .map(|(currency, value)| ExchangeRate {
            currency,
            price_in,
            value,
            at,
            valid_until,
            source,
        })
        .collect();
    if rates.is_empty() { Err(RateRefusal::NoWallet(names)) } else { Ok(rates) }
}

/// Removes the rate of a coin: nothing is shown or sold at it any more, and only a newer one replaces it. Returns whether
/// there was one.
pub async fn remove_exchange_rate(
    shop: &Shop,
    currency: &Currency,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    if !store::exchange_rates::remove(&mut tx, currency, now).await? {
        return Ok(false);
    }
    finish(tx).await?;
    Ok(true)
}

/// Running servers read the rates again when the catalog's seed mark changes.
async fn finish(mut tx: Tx) -> anyhow::Result<()> {
    store::exchange_rates::convert_all(&mut tx).await.context("convert the prices")?;
    store::catalog_state::mark_seeded(&mut tx).await?;
    tx.commit().await.context("commit the rates")
}
