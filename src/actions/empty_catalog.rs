//! Removes everything from the catalog.

use crate::actions::Shop;
use crate::actions::Stocking;
use crate::actions::import_catalog;
use crate::domain::values::Timestamp;

/// Removes everything from the catalog, so that a seller can start from scratch: products, wallets, shipping methods,
/// discounts. Orders keep their data; pages and appearance stay.
///
/// The same as importing an empty file.
pub async fn empty_catalog(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let action = Some((now, "Emptied the catalog"));
    let stocking = Stocking { over_desk: true, action, ..Stocking::default() };
    let emptied = import_catalog(shop, "{}", None, &shop.originals, stocking, |_, _, _| {}).await?;
    anyhow::ensure!(emptied.is_ok(), "an empty catalog has no faults");
    Ok(())
}
