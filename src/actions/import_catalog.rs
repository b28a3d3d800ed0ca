//! Imports a catalog file with its pictures, all or nothing.

use std::collections::HashSet;
use std::io::{Read, Seek};

use anyhow::Context;

use crate::actions::apply_import::{apply, lock, pause_after};
use crate::actions::digital_import::DigitalImport;
use crate::actions::import_pictures::{
    SellerPictures, known_pictures, put_pictures, render_all, sweep_pictures,
};
use crate::actions::{SellerFolders, Shop, failpoints};
use crate::domain::catalog::fault::add_fault;
use crate::domain::catalog::{
    CatalogFile, CatalogStream, Difference, Fault, NameSet, ProductRecord, differences,
};
use crate::domain::payment::Wallet;
use crate::domain::values::{FileName, Timestamp};
use crate::infra::pictures::Rendered;
use crate::infra::store;
use crate::infra::store::catalog_export::StoredCatalog;
use crate::infra::store::catalog_import::ImportedProduct;
use crate::infra::store::catalog_state::ImportBasis;
use crate::infra::store::pending_import::{CHUNK, PendingImport, ProductChange};
use crate::infra::store::stored_products::StoredProduct;
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

/// A file that was read once, with the pictures and digital goods that it names.
pub struct CheckedFile<R> {
    stream: CatalogStream<R>,
    /// All but its products.
    file: CatalogFile,
    n_products: usize,
    opened: SellerPictures,
    digital: DigitalImport,
    /// Of the file itself.
    faults: Vec<Fault>,
    faults_of_goods: Vec<Fault>,
    faults_of_pictures: Vec<Fault>,
}

impl<R: Read + Seek> CheckedFile<R> {
    /// `pools`: those of the shop, whose files need not be there any more.
    ///
    /// # Errors
    /// A [`Fault`] of the file as a whole.
    pub fn read(
        source: R,
        settings_wallet: Option<Wallet>,
        folders: &SellerFolders,
        pools: &[FileName],
    ) -> Result<Self, Fault> {
        let mut stream = CatalogStream::open(source, settings_wallet)?;
        let (mut opened, mut digital) = (SellerPictures::default(), DigitalImport::default());
        let (mut faults_of_goods, mut faults_of_pictures) = (Vec::new(), Vec::new());
        let mut n_products = 0;
        while let Some(product) = stream.next_product() {
            digital.read(&product, &folders.digital, pools, &mut faults_of_goods);
            opened.open(&product, &folders.pictures, &mut faults_of_pictures);
            n_products += 1;
        }
        let (file, faults) = stream.close()?;
        Ok(Self {
            stream,
            file,
            n_products,
            opened,
            digital,
            faults,
            faults_of_goods,
            faults_of_pictures,
        })
    }

    /// Whether the file or its list of pictures has a fault, as far as that is known before decoding a picture.
    pub fn has_faults(&self) -> bool {
        [&self.faults, &self.faults_of_goods, &self.faults_of_pictures]
            .iter()
            .any(|faults| !faults.is_empty())
    }

    /// Every error that was found so far.
    fn take_faults(&mut self) -> Vec<Fault> {
        let mut faults = std::mem::take(&mut self.faults);
        let goods = std::mem::take(&mut self.faults_of_goods);
        let pictures = std::mem::take(&mut self.faults_of_pictures);
        for fault in goods.into_iter().chain(pictures) {
            add_fault(&mut faults, fault);
        }
        faults
    }

    /// The file with all its products.
    fn read_whole(&mut self) -> Result<CatalogFile, Vec<Fault>> {
        let read = self.stream.restart().and_then(|()| self.stream.read_rest());
        read.map(|(file, _)| file).map_err(|fault| vec![fault])
    }
}

/// Decodes the pictures of a file as [`import_catalog`] would, and changes nothing.
///
/// # Errors
/// Every [`Fault`] of both at once.
pub fn validate_catalog<R: Read + Seek>(
    mut checked: CheckedFile<R>,
    folders: &SellerFolders,
    progress: impl Fn(&str, usize, usize) + Sync,
) -> Result<Stocked, Vec<Fault>> {
    let mut faults = checked.take_faults();
    let opened = &checked.opened;
    let (none, keep) = (HashSet::new(), |_: &Rendered| Ok(()));
    let rendered = render_all(opened, &folders.pictures, &none, &keep, &progress, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Stocked {
        n_products: checked.n_products,
        n_pictures: opened.len(),
        n_rendered: rendered.len(),
        n_sold_since: 0,
        n_codes: 0,
        notes: checked.digital.with_notes(checked.file.notes),
    })
}

/// Products from a file, all or nothing. `progress` hears how many of how many pictures are done, then how many of how
/// many products.
///
/// What differs from the catalog is written down first, and then done in small transactions, so that orders can be placed
/// meanwhile. An import that ends early is completed by the next one or by the running shop.
///
/// # Errors
/// [`ImportError`]: the catalog is as before, or will be as the file says.
pub async fn import_catalog<R: Read + Seek>(
    shop: &Shop,
    mut checked: CheckedFile<R>,
    folders: &SellerFolders,
    stocking: Stocking,
    progress: impl Fn(&str, usize, usize) + Send + Sync,
) -> Result<Stocked, ImportError> {
    // Before the pictures are rendered, which takes long.
    if checked.faults.is_empty() {
        check_desk_changes(shop, &mut checked, stocking).await?;
    }
    let mut faults = checked.take_faults();
    let folders = &folders.pictures;
    // Rendered files have names made of their content, and do no harm if the rest fails.
    let known = known_pictures(shop, &checked.opened).await?;
    let keep = |rendered: &Rendered| shop.pictures.keep(rendered);
    let rendered = render_all(&checked.opened, folders, &known, &keep, &progress, &mut faults);
    if !faults.is_empty() {
        return Err(ImportError::Faults(faults));
    }
    let _lock = lock(shop).await?;
    apply(shop, &progress).await.context("complete the last import")?;
    put_pictures(shop, &rendered).await?;
    let mut import = Import { shop, checked, stocking };
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
    let checked = import.checked;
    // If all stock was set again, any difference is held by open orders and needs no notice.
    let n_sold_since = if stocking.count_anew {
        0
    } else {
        store::stock::count_sold_since_import(&mut *shop.db.reader().await?).await?
    };
    Ok(Stocked {
        n_products: checked.n_products,
        n_pictures: checked.opened.len(),
        n_rendered: rendered.len(),
        n_sold_since,
        n_codes,
        notes: checked.digital.with_notes(checked.file.notes),
    })
}

/// An import whose file has no errors.
struct Import<'a, R> {
    shop: &'a Shop,
    checked: CheckedFile<R>,
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

impl<R: Read + Seek> Import<'_, R> {
    /// Compares the file with the catalog, and writes down what differs.
    async fn write_down(&mut self) -> anyhow::Result<Plan> {
        let (file, db) = (&self.checked.file, &self.shop.db);
        let basis = store::catalog_state::import_basis(&mut *db.reader().await?).await?;
        let sorted = StoredCatalog::in_order(file.clone());
        let mut reader = db.reader().await?;
        let wallets_differ = store::wallets::list(&mut reader).await? != file.wallets;
        let rates_differ = store::shipping::list(&mut reader).await? != sorted.rates;
        let discounts = store::discounts::list(&mut reader).await?;
        let discounts_differ =
            !discounts.iter().map(|stored| &stored.discount).eq(&sorted.discounts);
        let mut has_codes = false;
        for (pool, codes) in &self.checked.digital.codes {
            has_codes |= store::codes::has_news(&mut reader, pool, codes).await?;
        }
        drop(reader);
        let n_changes = self.write_changes(wallets_differ).await?;
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

    /// Products that are new, changed or in another place, then those that are not in the file. Returns how many.
    async fn write_changes(&mut self, wallets_differ: bool) -> anyhow::Result<usize> {
        let (mut n_changes, mut last) = (0, -1);
        let mut slugs = NameSet::default();
        self.checked.stream.restart().map_err(changed_meanwhile)?;
        loop {
            let products: Vec<ProductRecord> =
                std::iter::from_fn(|| self.checked.stream.next_product()).take(CHUNK).collect();
            if products.is_empty() {
                break;
            }
            products.iter().for_each(|product| _ = slugs.insert(product.slug.as_str()));
            let changes = self.compare(products, &mut last, wallets_differ).await?;
            n_changes += changes.len();
            self.write(&changes).await?;
        }
        let (_, faults) = self.checked.stream.close().map_err(changed_meanwhile)?;
        if let Some(fault) = faults.into_iter().next() {
            return Err(changed_meanwhile(fault));
        }
        Ok(n_changes + self.write_removals(&slugs).await?)
    }

    /// `last`: the position of the last product before these.
    async fn compare(
        &self,
        products: Vec<ProductRecord>,
        last: &mut i64,
        wallets_differ: bool,
    ) -> anyhow::Result<Vec<ProductChange>> {
        let slugs: Vec<&str> = products.iter().map(|product| product.slug.as_str()).collect();
        let stored = stored_products::find(&mut *self.shop.db.reader().await?, &slugs).await?;
        let mut changes = Vec::new();
        for record in products {
            let stored = stored.get(record.slug.as_str());
            // Places grow, and need not follow each other: what is removed moves nothing.
            let position = stored.map_or(0, |stored| stored.position).max(*last + 1);
            *last = position;
            let fingerprints = self.checked.opened.of_product(&record);
            // Prices in ordinary money have one in the coin of each wallet.
            let converts = wallets_differ && record.has_fiat_price();
            let is_same = |stored: &&StoredProduct| {
                stored.is_same(&record, &fingerprints, self.stocking.count_anew) && !converts
            };
            changes.extend(match stored.filter(is_same) {
                Some(stored) if stored.position == position => None,
                Some(_) => {
                    let slug = record.slug.to_string();
                    Some(ProductChange::Reposition { slug, position })
                }
                None => {
                    let has_same_words =
                        stored.is_some_and(|stored| stored.has_same_words(&record));
                    let product =
                        ImportedProduct { record, position, fingerprints, has_same_words };
                    Some(ProductChange::Put(Box::new(product)))
                }
            });
        }
        Ok(changes)
    }

    /// Products that are not in the file. Returns how many.
    async fn write_removals(&self, slugs: &NameSet) -> anyhow::Result<usize> {
        let (mut n_changes, mut after) = (0, 0);
        loop {
            let found =
                stored_products::list_slugs(&mut *self.shop.db.reader().await?, after).await?;
            let Some((last, _)) = found.last() else { return Ok(n_changes) };
            after = *last;
            let removed = found.into_iter().filter(|(_, slug)| !slugs.contains(slug));
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
    async fn begin(&mut self, plan: &Plan) -> Result<Option<u64>, ImportError> {
        let (file, stocking) = (&self.checked.file, self.stocking);
        let mut tx = self.shop.db.write().await?;
        if store::catalog_state::import_basis(&mut tx).await? != plan.basis {
            drop(tx);
            check_desk_changes(self.shop, &mut self.checked, stocking).await?;
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
        for (pool, codes) in &self.checked.digital.codes {
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

/// The file had no errors when it was read first.
fn changed_meanwhile(fault: Fault) -> anyhow::Error {
    anyhow::anyhow!("the catalog file changed while it was imported: {fault}")
}

/// Whether the file would undo what was changed at the desk.
async fn check_desk_changes<R: Read + Seek>(
    shop: &Shop,
    checked: &mut CheckedFile<R>,
    stocking: Stocking,
) -> Result<(), ImportError> {
    let mut db = shop.db.reader().await?;
    if stocking.over_desk || store::catalog_state::count_desk_changes(&mut db).await? == 0 {
        return Ok(());
    }
    let file = checked.read_whole().map_err(ImportError::Faults)?;
    let stored = store::catalog_export::read(&mut db).await?;
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
    file: CatalogFile,
    count_anew: bool,
) -> Vec<Difference> {
    let file = StoredCatalog::in_order(file);
    let file = if count_anew { file } else { stored.without_old_news(file) };
    differences(&stored.file, &file)
}

/// What importing a file would change of the desk's edits; empty if the desk has changed nothing, or if the file cannot
/// be read.
pub async fn list_changes(
    db: &Db,
    source: impl Read + Seek,
    settings_wallet: Option<Wallet>,
) -> anyhow::Result<Vec<Difference>> {
    if store::catalog_state::count_desk_changes(&mut *db.reader().await?).await? == 0 {
        return Ok(Vec::new());
    }
    let (file, faults) = CatalogFile::read(source, settings_wallet);
    if !faults.is_empty() {
        return Ok(Vec::new());
    }
    let stored = store::catalog_export::read(&mut *db.reader().await?).await?;
    Ok(differences_from(&stored, file, false))
}
