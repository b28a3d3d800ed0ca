//! Adds, changes and removes wallets.

use anyhow::Context;

use crate::actions::build_sprites::follow_windows;
use crate::actions::edit_pricing::{Shown, moved};
use crate::actions::{Saved, Shop};
use crate::domain::catalog::fault::FaultKind;
use crate::domain::catalog::{CatalogFile, Fault, Json};
use crate::domain::payment::Wallet;
use crate::domain::values::{Amount, Currency, Timestamp, plural};
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::wallets::StoredWallet;

/// Saves a wallet from the desk; its currency cannot change. Orders keep their address. The next index of an account is
/// stored apart from the wallet, so that no index is used twice.
pub async fn save_wallet(
    shop: &Shop,
    shown: Shown<'_>,
    fields: &[(String, Json)],
    now: Timestamp,
) -> anyhow::Result<Saved<StoredWallet>> {
    let wallet = match CatalogFile::parse_wallet("wallet", fields) {
        Ok(wallet) => wallet,
        Err(faults) => return Ok(Saved::Refused(faults)),
    };
    let mut tx = shop.db.write().await?;
    let wallets = store::wallets::list_stored(&mut tx).await?;
    let currency = wallet.currency.as_str();
    let stored = wallets.iter().find(|stored| stored.wallet.currency == wallet.currency);
    // A form sent twice was saved the first time.
    if stored.is_some_and(|stored| stored.wallet == wallet)
        && shown.is_none_or(|(was, _)| was == currency)
    {
        return Ok(Saved::Done);
    }
    match shown {
        Some((was, edition)) => {
            let of = |stored: &&StoredWallet| stored.wallet.currency.as_str() == was;
            let stored = wallets.iter().find(of);
            if stored.is_none_or(|stored| stored.edition != edition) {
                return Ok(Saved::Stale(stored.cloned()));
            }
            if was != currency {
                let expected = "the wallet's currency; for another currency, add another wallet";
                return Ok(Saved::Refused(vec![Fault::new("", "currency", currency, expected)]));
            }
        }
        None if stored.is_some() => {
            let taken = FaultKind::CurrencyTaken(currency.to_owned());
            return Ok(Saved::Refused(vec![Fault::of("", "currency", taken)]));
        }
        None => {}
    }
    if let Some(fault) = inexpressible(&mut tx, &wallet).await? {
        return Ok(Saved::Refused(vec![fault]));
    }
    store::wallets::put(&mut tx, &wallet).await.context("save the wallet")?;
    let what = match stored {
        Some(stored) => {
            // Another coin has another smallest unit.
            if stored.wallet.coin != wallet.coin {
                store::exchange_rates::convert_all(&mut tx).await.context("convert the prices")?;
            }
            "Changed"
        }
        None => {
            // It has lists of its own, and sells what is priced in ordinary money.
            store::exchange_rates::convert_before_rebuild(&mut tx)
                .await
                .context("convert the prices")?;
            rebuild_listings(&mut tx).await?;
            "Added"
        }
    };
    finish(tx, now, &format!("{what} the {currency} wallet")).await?;
    follow(shop).await;
    Ok(Saved::Done)
}

/// Existing prices must be representable in the coin: another token may have other decimals.
async fn inexpressible(tx: &mut Tx, wallet: &Wallet) -> anyhow::Result<Option<Fault>> {
    let (grain, most) = (wallet.coin.grain(), wallet.coin.most());
    let prices = store::wallets::list_prices(tx, &wallet.currency).await?;
    let bad = prices.iter().find(|price| price.get() % grain.get() != 0 || most < **price);
    Ok(bad.map(|price: &Amount| {
        let found = format!("a coin that cannot express the existing price {price}");
        let expected =
            format!("a coin with a smaller unit than {grain}, or change the prices first");
        Fault::new(
            "",
            if wallet.coin.network().starts_with("chain") { "token" } else { "currency" },
            found,
            expected,
        )
    }))
}

/// Removes a wallet with all prices in its currency. Refused if a product would have no price left, since no catalog
/// file could express that.
pub async fn remove_wallet(
    shop: &Shop,
    (currency, edition): (&Currency, i64),
    now: Timestamp,
) -> anyhow::Result<Saved<StoredWallet>> {
    let mut tx = shop.db.write().await?;
    let wallets = store::wallets::list_stored(&mut tx).await?;
    let stored = wallets.into_iter().find(|stored| stored.wallet.currency == *currency);
    if stored.as_ref().is_none_or(|stored| stored.edition != edition) {
        return Ok(Saved::Stale(stored));
    }
    let stranded = store::wallets::list_stranded(&mut tx, currency).await?;
    if !stranded.is_empty() {
        let found = plural(stranded.n, "price", "prices") + &format!(" only in {currency}");
        let expected = "prices in another currency first";
        return Ok(Saved::Refused(vec![Fault::new("", "currency", found, expected)]));
    }
    store::wallets::remove(&mut tx, currency).await.context("remove the wallet")?;
    rebuild_listings(&mut tx).await?;
    finish(tx, now, &format!("Removed the {currency} wallet")).await?;
    follow(shop).await;
    Ok(Saved::Done)
}

/// Moves it one position up or down: the first is the default for new visitors.
pub async fn move_wallet(
    shop: &Shop,
    currency: &Currency,
    up: bool,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    let wallets = store::wallets::list_stored(&mut tx).await?;
    let names = wallets.iter().map(|stored| stored.wallet.currency.to_string()).collect();
    if let Some(names) = moved(names, currency.as_str(), up) {
        store::wallets::reorder(&mut tx, &names).await.context("save the order")?;
        finish(tx, now, &format!("Moved the {currency} wallet")).await?;
    }
    Ok(())
}

async fn rebuild_listings(tx: &mut Tx) -> anyhow::Result<()> {
    store::listing_index::rebuild(tx).await.context("rebuild the listing index")
}

async fn finish(mut tx: Tx, now: Timestamp, action: &str) -> anyhow::Result<()> {
    // Running servers cache the wallets until the catalog's seed mark changes.
    store::catalog_state::mark_seeded(&mut tx).await?;
    store::catalog_state::mark_desk_change(&mut tx).await?;
    store::audit_log::record(&mut tx, now, action).await.context("record the action")?;
    tx.commit().await.context("commit the change")
}

/// Updates the sprite sheets: a currency's front page has appeared or disappeared.
async fn follow(shop: &Shop) {
    if let Err(error) = follow_windows(shop).await {
        tracing::warn!("the window's pictures are shown one by one: {error:#}");
    }
}
