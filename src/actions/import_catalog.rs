//! Imports a catalog file with its pictures, all or nothing.

use std::collections::HashSet;

use anyhow::Context;

use crate::actions::apply_import::{apply, lock, pause_after};
use crate::actions::digital_import::{DigitalImport, read_digital};
use crate::actions::import_pictures::{
    SellerPictures, known_pictures, put_pictures, render_all, sweep_pictures,
};
use crate::actions::{SellerFolders, Shop, failpoints};
use crate::domain::catalog::{CatalogFile, Difference, Fault, differences};
use crate::domain::payment::Wallet;
use crate::domain::values::{FileName, Timestamp};
use crate::infra::pictures::{Originals, Rendered};
use crate::infra::store;
use crate::infra::store::catalog_export::StoredCatalog;
use crate::infra::store::catalog_import::ImportedProduct;
use crate::infra::store::catalog_state::ImportBasis;
use crate::infra::store::pending_import::{CHUNK, PendingImport, ProductChange};
use crate::infra::store::{Db, Tx, stored_products};

/// The result of an import.
#[derive(Debug, Default)]
pub struct Stocked {
    pub n_products: usize,
    pub n_pictures: usize,
    pub n_rendered: usize,
    /// Products whose stock is less than the file says, since some were sold.
    pub n_sold_since: i64,
    /// Codes that were not known before.
    pub n_codes: u64,
    pub notes: Vec<String>,
}

/// Why the catalog was not changed.
#[derive(Debug)]
pub enum ImportError {
    Faults(Vec<Fault>),
    /// The catalog was changed at the desk since the last import; the list says what the file would change and is never
    /// empty.
    OverDesk(Vec<Difference>),
    Broken(anyhow::Error),
}

broken_from!(ImportError);

/// How a catalog is imported.
#[derive(Clone, Copy, Debug)]
pub struct Stocking {
    /// Sets every stock again, even if the file has the same number as before.
    pub count_anew: bool,
    /// Even if that undoes changes from the desk.
    pub over_desk: bool,
    /// The time of the import; of what is new the day is kept.
    pub now: Timestamp,
    /// If the desk itself imports: the entry for the activity log. The catalog then counts as changed at the desk.
    pub action: Option<&'static str>,
}

/// Reads the seller's file, its pictures and digital goods as [`import_catalog`] would, and changes nothing. `pools`: those
/// of the shop, whose files need not be there any more.
///
/// # Errors
/// Every [`Fault`] of both at once.
pub fn validate_catalog(
    text: &str,
    settings_wallet: Option<Wallet>,
    folders: &SellerFolders,
    pools: &[FileName],
    progress: impl Fn(&str, usize, usize) + Sync,
) -> Result<Stocked, Vec<Fault>> {
    let (file, mut faults) = CatalogFile::parse(text, settings_wallet);
    let digital = read_digital(&file, &folders.digital, pools, &mut faults);
    let folders = &folders.pictures;
    let opened = open_all(&file, folders, &mut faults);
    let rendered =
        render_all(&opened, folders, &HashSet::new(), &|_| Ok(()), &progress, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Stocked {
        n_products: file.products.len(),
        n_pictures: opened.len(),
        n_rendered: rendered.len(),
        n_sold_since: 0,
        n_codes: 0,
        notes: digital.with_notes(file.notes),
    })
}

/// Whether the seller's file or its list of pictures has a fault, as far as that is known before decoding a picture.
pub fn has_faults(text: &str, settings_wallet: Option<Wallet>, folders: &SellerFolders) -> bool {
    let (file, mut faults) = CatalogFile::parse(text, settings_wallet);
    open_all(&file, &folders.pictures, &mut faults);
    read_digital(&file, &folders.digital, &[], &mut faults);
    !faults.is_empty()
}

/// Products from a file, all or nothing. `progress` hears how many of how many pictures are done, then how many of how
/// many products.
///
/// What differs from the catalog is written down first, and then done in small transactions, so that orders can be placed
/// meanwhile. An import that ends early is completed by the next one or by the running shop.
///
/// # Errors
/// [`ImportError`]: the catalog is as before, or will be as the file says.
pub async fn import_catalog(
    shop: &Shop,
    text: &str,
    settings_wallet: Option<Wallet>,
    folders: &SellerFolders,
    stocking: Stocking,
    progress: impl Fn(&str, usize, usize) + Send + Sync,
) -> Result<Stocked, ImportError> {
    let (file, mut faults) = CatalogFile::parse(text, settings_wallet);
    // Before the pictures, which take long.
    if faults.is_empty() {
        check_desk_changes(&mut *shop.db.reader().await?, &file, stocking).await?;
    }
    let pools = store::codes::list_pools(&mut *shop.db.reader().await?).await?;
    let digital = read_digital(&file, &folders.digital, &pools, &mut faults);
    let folders = &folders.pictures;
    let opened = open_all(&file, folders, &mut faults);
    // Rendered files have names made of their content, and do no harm if the rest fails.
    let known = known_pictures(shop, &opened).await?;
    let keep = |rendered: &Rendered| shop.pictures.keep(rendered);
    let rendered = render_all(&opened, folders, &known, &keep, &progress, &mut faults);
    if !faults.is_empty() {
        return Err(ImportError::Faults(faults));
    }
    let _lock = lock(shop).await?;
    apply(shop, &progress).await.context("complete the last import")?;
    put_pictures(shop, &rendered).await?;
    let import = Import { shop, file: &file, opened: &opened, digital: &digital, stocking };
    let n_codes = loop {
        forget_written(shop).await?;
        let plan = import.write_down().await?;
        if !plan.has_changes {
            sweep_pictures(shop).await?;
            break 0;
        }
        failpoints::at("import-written");
        if let Some(n_codes) = import.begin(&plan).await? {
            failpoints::at("import-begun");
            apply(shop, &progress).await?;
            break n_codes;
        }
        // Somebody used the desk meanwhile.
    };
    // If all stock was set again, any difference is held by open orders and needs no notice.
    let n_sold_since = if stocking.count_anew {
        0
    } else {
        store::stock::count_sold_since_import(&mut *shop.db.reader().await?).await?
    };
    Ok(Stocked {
        n_products: file.products.len(),
        n_pictures: opened.len(),
        n_rendered: rendered.len(),
        n_sold_since,
        n_codes,
        notes: digital.with_notes(file.notes),
    })
}

fn open_all(file: &CatalogFile, folders: &Originals, faults: &mut Vec<Fault>) -> SellerPictures {
    let mut opened = SellerPictures::default();
    for product in &file.products {
        opened.open(product, folders, faults);
    }
    opened
}

/// An import whose file has no errors.
struct Import<'a> {
    shop: &'a Shop,
    file: &'a CatalogFile,
    opened: &'a SellerPictures,
    digital: &'a DigitalImport,
    stocking: Stocking,
}

/// What an import changes beside the products, which are written down.
struct Plan {
    /// The catalog that the file was compared with.
    basis: ImportBasis,
    has_changes: bool,
    wallets_differ: bool,
    rates_differ: bool,
    discounts_differ: bool,
}

impl Import<'_> {
    /// Compares the file with the catalog, and writes down what differs.
    async fn write_down(&self) -> anyhow::Result<Plan> {
        let (file, db) = (self.file, &self.shop.db);
        let basis = store::catalog_state::import_basis(&mut *db.reader().await?).await?;
        let sorted = StoredCatalog::in_order(CatalogFile { products: Vec::new(), ..file.clone() });
        let mut reader = db.reader().await?;
        let wallets_differ = store::wallets::list(&mut reader).await? != file.wallets;
        let rates_differ = store::shipping::list(&mut reader).await? != sorted.rates;
        let discounts = store::discounts::list(&mut reader).await?;
        let discounts_differ =
            !discounts.iter().map(|stored| &stored.discount).eq(&sorted.discounts);
        let mut has_codes = false;
        for (pool, codes) in &self.digital.codes {
            has_codes |= store::codes::has_news(&mut reader, pool, codes).await?;
        }
        drop(reader);
        let n_changes = self.write_changes(wallets_differ).await? + self.write_removals().await?;
        let Stocking { over_desk, action, .. } = self.stocking;
        let has_changes = 0 < n_changes
            || wallets_differ
            || rates_differ
            || discounts_differ
            || has_codes
            || (over_desk && 0 < basis.desk_changes)
            || action.is_some();
        Ok(Plan { basis, has_changes, wallets_differ, rates_differ, discounts_differ })
    }

    /// Products that are new, changed or in another place. Returns how many.
    async fn write_changes(&self, wallets_differ: bool) -> anyhow::Result<usize> {
        let (mut n_changes, mut last) = (0, -1);
        for products in self.file.products.chunks(CHUNK) {
            let slugs: Vec<&str> = products.iter().map(|product| product.slug.as_str()).collect();
            let stored = stored_products::find(&mut *self.shop.db.reader().await?, &slugs).await?;
            let mut changes = Vec::new();
            for record in products {
                let stored = stored.get(record.slug.as_str());
                // Places grow, and need not follow each other: what is removed moves nothing.
                let position = stored.map_or(0, |stored| stored.position).max(last + 1);
                last = position;
                let fingerprints = self.opened.of_product(record);
                // Prices in ordinary money have one in the coin of each wallet.
                let converts = wallets_differ && record.has_fiat_price();
                let is_same = |stored: &&stored_products::StoredProduct| {
                    stored.is_same(record, &fingerprints, self.stocking.count_anew) && !converts
                };
                changes.extend(match stored.filter(is_same) {
                    Some(stored) if stored.position == position => None,
                    Some(_) => {
                        let slug = record.slug.to_string();
                        Some(ProductChange::Reposition { slug, position })
                    }
                    None => Some(ProductChange::Put(ImportedProduct {
                        record: record.clone(),
                        position,
                        has_same_words: stored.is_some_and(|stored| stored.has_same_words(record)),
                        fingerprints,
                    })),
                });
            }
            n_changes += changes.len();
            self.write(&changes).await?;
        }
        Ok(n_changes)
    }

    /// Products that are not in the file. Returns how many.
    async fn write_removals(&self) -> anyhow::Result<usize> {
        let slugs: HashSet<&str> =
            self.file.products.iter().map(|product| product.slug.as_str()).collect();
        let (mut n_changes, mut after) = (0, 0);
        loop {
            let found =
                stored_products::list_slugs(&mut *self.shop.db.reader().await?, after).await?;
            let Some((last, _)) = found.last() else { return Ok(n_changes) };
            after = *last;
            let removed = found.into_iter().filter(|(_, slug)| !slugs.contains(slug.as_str()));
            let removed: Vec<_> = removed.map(|(_, slug)| ProductChange::Remove { slug }).collect();
            n_changes += removed.len();
            for removed in removed.chunks(CHUNK) {
                self.write(removed).await?;
            }
        }
    }

    async fn write(&self, changes: &[ProductChange]) -> anyhow::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut tx = self.shop.db.write().await?;
        store::pending_import::insert(&mut tx, changes).await?;
        tx.commit().await.context("write down the changes")?;
        pause_after(changes.len()).await;
        Ok(())
    }

    /// From the commit on, what was written down will be done. Returns how many codes are new, or `None` if the catalog is
    /// not the one any more that the file was compared with.
    async fn begin(&self, plan: &Plan) -> Result<Option<u64>, ImportError> {
        let (file, stocking) = (self.file, self.stocking);
        let mut tx = self.shop.db.write().await?;
        if store::catalog_state::import_basis(&mut tx).await? != plan.basis {
            drop(tx);
            check_desk_changes(&mut *self.shop.db.reader().await?, file, stocking).await?;
            return Ok(None);
        }
        if plan.wallets_differ {
            store::wallets::replace_all(&mut tx, &file.wallets)
                .await
                .context("save the wallets")?;
        }
        if plan.rates_differ {
            store::shipping::replace_all(&mut tx, &file.rates)
                .await
                .context("save the shipping rates")?;
        }
        if plan.discounts_differ {
            store::discounts::replace_all(&mut tx, &file.discounts)
                .await
                .context("save the discounts")?;
        }
        let mut n_codes = 0;
        for (pool, codes) in &self.digital.codes {
            n_codes +=
                store::codes::insert(&mut tx, pool, codes).await.context("save the codes")?;
        }
        note_import(&mut tx, stocking).await?;
        let pending = PendingImport { at: stocking.now, count_anew: stocking.count_anew };
        store::pending_import::begin(&mut tx, &pending).await?;
        tx.commit().await.context("begin the import")?;
        Ok(Some(n_codes))
    }
}

/// Forgets what an import that never began has written down.
async fn forget_written(shop: &Shop) -> anyhow::Result<()> {
    while 0 < store::pending_import::count(&mut *shop.db.reader().await?).await? {
        let mut tx = shop.db.write().await?;
        store::pending_import::forget_some(&mut tx).await?;
        tx.commit().await?;
        pause_after(CHUNK).await;
    }
    Ok(())
}

/// Whether the file would undo what was changed at the desk.
async fn check_desk_changes(
    db: &mut store::Connection,
    file: &CatalogFile,
    stocking: Stocking,
) -> Result<(), ImportError> {
    if stocking.over_desk || store::catalog_state::count_desk_changes(db).await? == 0 {
        return Ok(());
    }
    let stored = store::catalog_export::read(db).await?;
    let changes = differences_from(&stored, file, stocking.count_anew);
    if changes.is_empty() { Ok(()) } else { Err(ImportError::OverDesk(changes)) }
}

async fn note_import(tx: &mut Tx, stocking: Stocking) -> anyhow::Result<()> {
    store::catalog_state::mark_seeded(tx).await?;
    // A file that equals the desk's version undoes nothing, and the record of changes stays: an older file would undo
    // them.
    if stocking.over_desk {
        store::catalog_state::forget_desk_changes(tx).await?;
    }
    if let Some(what) = stocking.action {
        store::catalog_state::mark_desk_change(tx).await?;
        store::audit_log::record(tx, stocking.now, what).await?;
    }
    Ok(())
}

/// What importing this file would change.
fn differences_from(
    stored: &StoredCatalog,
    file: &CatalogFile,
    count_anew: bool,
) -> Vec<Difference> {
    let file = StoredCatalog::in_order(file.clone());
    let file = if count_anew { file } else { stored.without_old_news(file) };
    differences(&stored.file, &file)
}

/// What importing a file would change of the desk's edits; empty if the desk has changed nothing, or if the file cannot
/// be read.
pub async fn list_changes(
    db: &Db,
    text: &str,
    settings_wallet: Option<Wallet>,
) -> anyhow::Result<Vec<Difference>> {
    let (file, faults) = CatalogFile::parse(text, settings_wallet);
    if !faults.is_empty()
        || store::catalog_state::count_desk_changes(&mut *db.reader().await?).await? == 0
    {
        return Ok(Vec::new());
    }
    Ok(differences_from(
        &store::catalog_export::read(&mut *db.reader().await?).await?,
        &file,
        false,
    ))
}
