//! Removes everything from the catalog.

use std::io::Cursor;

use crate::actions::{CheckedFile, ImportError, Shop, Stocking, import_catalog};
use crate::domain::values::Timestamp;

/// Removes everything from the catalog, so that a seller can start from scratch: products, wallets, shipping methods,
/// discounts. Orders keep their data; pages and appearance stay.
///
/// The same as importing an empty file.
pub async fn empty_catalog(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let action = Some("Emptied the catalog");
    let stocking = Stocking { count_anew: false, over_desk: true, now, action };
    let folders = shop.folders();
    let checked = CheckedFile::read(Cursor::new("{}"), None, &folders, &[]);
    let checked =
        checked.map_err(|fault| anyhow::anyhow!("an empty catalog was refused: {fault}"))?;
    match import_catalog(shop, checked, &folders, stocking, |_, _, _| {}).await {
        Ok(_) => Ok(()),
        Err(ImportError::Broken(error)) => Err(error),
        Err(ImportError::Faults(_) | ImportError::OverDesk(_)) => {
            anyhow::bail!("an empty catalog was refused")
        }
    }
}
