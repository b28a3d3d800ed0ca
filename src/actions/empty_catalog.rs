//! Removes everything from the catalog.

use crate::actions::ImportError;
use crate::actions::Shop;
use crate::actions::Stocking;
use crate::actions::import_catalog;
use crate::domain::values::Timestamp;

/// Takes everything out of the catalog, so that a seller can begin with things of their own: products, wallets, ways of
/// sending, discounts. Orders keep what they hold, and pages and look stay.
///
/// It is what an empty file would do.
pub async fn empty_catalog(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let action = Some((now, "Emptied the catalog"));
    let stocking = Stocking { over_desk: true, action, ..Stocking::default() };
    match import_catalog(shop, "{}", None, &shop.originals, stocking, |_, _, _| {}).await {
        Ok(_) => Ok(()),
        Err(ImportError::Broken(error)) => Err(error),
        Err(ImportError::Faults(_) | ImportError::OverDesk(_)) => {
            anyhow::bail!("an empty catalog was refused")
        }
    }
}
