//! Imports a catalog file with its pictures, all or nothing.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use parking_lot::Mutex;

use crate::actions::build_sprites::{build_sprites, windows};
use crate::actions::digital_import::{DigitalImport, read_digital};
use crate::actions::render_picture::{columns, is_rendered, render_one};
use crate::actions::{SellerFolders, Shop};
use crate::domain::catalog::fault::add_fault;
use crate::domain::catalog::{CatalogFile, Difference, Fault, ProductRecord, differences};
use crate::domain::payment::Wallet;
use crate::domain::values::{FileName, Timestamp};
use crate::infra::pictures::{NotAPicture, Originals, Picture, PictureFault, Rendered};
use crate::infra::store;
use crate::infra::store::catalog_export::StoredCatalog;
use crate::infra::store::catalog_import::ImportedProduct;
use crate::infra::store::pictures::{RenderedPicture, ShownPicture};
use crate::infra::store::{Db, Tx};

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

/// Units: products inserted with one statement.
const CHUNK: usize = 2_000;

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
        n_pictures: opened.by_name.len(),
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
/// # Errors
/// [`ImportError`]: the catalog is as before.
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
    // Rendering takes long, so it is done before the writer's lock is taken. Rendered files have names made of their
    // content, and do no harm if the rest fails.
    let known = known_pictures(shop, &opened).await?;
    let keep = |rendered: &Rendered| shop.pictures.keep(rendered);
    let rendered = render_all(&opened, folders, &known, &keep, &progress, &mut faults);
    if !faults.is_empty() {
        return Err(ImportError::Faults(faults));
    }
    let sheets = build_sprites(shop, windows(&file, &opened.by_name), &rendered).await?;

    let mut tx = shop.db.write().await?;
    // Once more, since somebody may have used the desk meanwhile.
    check_desk_changes(&mut tx, &file, stocking).await?;
    put_pictures(&mut tx, &rendered).await?;
    put_products(&mut tx, &file, &opened, stocking, &progress).await?;
    let n_codes = put_codes(&mut tx, &digital).await?;
    for sheet in &sheets {
        store::sprites::put(&mut tx, &sheet.row, &sheet.currencies, &sheet.pictures)
            .await
            .context("save the front page's sprite sheet")?;
    }
    note_import(&mut tx, stocking).await?;
    // If all stock was set again, any difference is held by open orders and needs no notice.
    let n_sold_since = if stocking.count_anew {
        0
    } else {
        store::stock::count_sold_since_import(&mut tx).await?
    };
    let used: HashSet<String> = store::pictures::list_files(&mut tx).await?.into_iter().collect();
    tx.commit().await.context("commit the catalog")?;

    // A page sent just before may still request an old picture, which is then missing for a moment.
    let pictures = shop.pictures.clone();
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || pictures.sweep(&used)).await {
        tracing::warn!("old pictures stay on the disk: {error}");
    }
    Ok(Stocked {
        n_products: file.products.len(),
        n_pictures: opened.by_name.len(),
        n_rendered: rendered.len(),
        n_sold_since,
        n_codes,
        notes: digital.with_notes(file.notes),
    })
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

async fn put_pictures(tx: &mut Tx, rendered: &[(String, Picture)]) -> anyhow::Result<()> {
    for (fingerprint, picture) in rendered {
        let row = RenderedPicture {
            fingerprint,
            sizes: [columns(&picture.thumb), columns(&picture.page), columns(&picture.full)],
        };
        store::pictures::keep(tx, &row).await.context("save a picture")?;
    }
    Ok(())
}

/// The file's wallets, products, shipping methods and discounts in the place of all there were.
async fn put_products(
    tx: &mut Tx,
    file: &CatalogFile,
    opened: &SellerPictures,
    stocking: Stocking,
    progress: &(impl Fn(&str, usize, usize) + Send + Sync),
) -> anyhow::Result<()> {
    store::wallets::replace_all(tx, &file.wallets).await.context("save the wallets")?;
    store::catalog_import::clear(tx).await.context("clear the catalog")?;
    let n_products = file.products.len();
    for (n, chunk) in file.products.chunks(CHUNK).enumerate() {
        let stocked: Vec<ImportedProduct<'_>> = chunk
            .iter()
            .map(|record| ImportedProduct { record, pictures: opened.of_product(record) })
            .collect();
        store::catalog_import::put(tx, &stocked, n * CHUNK, stocking.count_anew, stocking.now)
            .await
            .context("save the products")?;
        progress("products", (n * CHUNK + chunk.len()).min(n_products), n_products);
    }
    store::exchange_rates::convert_before_rebuild(tx).await.context("convert the prices")?;
    store::listing_index::rebuild(tx).await.context("rebuild the listing index")?;
    store::pictures::forget_unused(tx).await.context("remove unused pictures")?;
    store::shipping::replace_all(tx, &file.rates).await.context("save the shipping rates")?;
    store::discounts::replace_all(tx, &file.discounts).await.context("save the discounts")
}

/// Returns how many codes are new.
async fn put_codes(tx: &mut Tx, digital: &DigitalImport) -> anyhow::Result<u64> {
    let mut n_new = 0;
    for (pool, codes) in &digital.codes {
        n_new += store::codes::insert(tx, pool, codes).await.context("save the codes")?;
    }
    store::codes::recount(tx).await.context("count the codes")?;
    Ok(n_new)
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

/// The seller's pictures, each opened once however many products use it.
struct SellerPictures {
    /// File name in the catalog → fingerprint.
    by_name: HashMap<String, String>,
    /// Fingerprint → where it was found.
    places: HashMap<String, FirstUse>,
}

/// A picture's file name, and the first product that uses it.
struct FirstUse {
    name: String,
    record: String,
    field: String,
}

impl SellerPictures {
    fn of_product<'a>(&self, record: &'a ProductRecord) -> Vec<ShownPicture<'a>> {
        let shown = record.images.iter().filter_map(|image| {
            let fingerprint = self.by_name.get(&image.file)?.clone();
            Some(ShownPicture { fingerprint, file: &image.file, alt: &image.alt })
        });
        shown.collect()
    }
}

fn open_all(file: &CatalogFile, folders: &Originals, faults: &mut Vec<Fault>) -> SellerPictures {
    let mut opened = SellerPictures { by_name: HashMap::new(), places: HashMap::new() };
    for product in &file.products {
        for (n, image) in product.images.iter().enumerate() {
            if opened.by_name.contains_key(&image.file) {
                continue;
            }
            match folders.find(&image.file) {
                Ok(source) => {
                    let fingerprint = source.fingerprint().to_owned();
                    let (name, record, field) =
                        (image.file.clone(), product.place.clone(), format!("images[{n}]"));
                    let place = FirstUse { name, record, field };
                    opened.by_name.insert(image.file.clone(), fingerprint.clone());
                    opened.places.insert(fingerprint, place);
                }
                Err(refused) => {
                    let field = format!("images[{n}]");
                    let fault =
                        picture_fault(&product.place, &field, &image.file, &refused, folders);
                    add_fault(faults, fault);
                }
            }
        }
    }
    opened
}

fn picture_fault(
    place: &str,
    field: &str,
    name: &str,
    refused: &NotAPicture,
    folders: &Originals,
) -> Fault {
    let folders: Vec<String> =
        folders.folders().iter().map(|folder| folder.display().to_string()).collect();
    let expected = match refused.fault {
        PictureFault::Missing => format!("a picture in {}", folders.join(" or ")),
        _ => "a JPEG, PNG or WebP picture of at most 32 MB and 50 megapixels in the picture folder"
            .to_owned(),
    };
    Fault::new(place, field, format!("{name:?} ({refused})"), expected)
}

/// Which of the opened pictures are already rendered and stored.
async fn known_pictures(shop: &Shop, opened: &SellerPictures) -> anyhow::Result<HashSet<String>> {
    let mut known = HashSet::new();
    for fingerprint in opened.places.keys() {
        if is_rendered(shop, fingerprint).await? {
            known.insert(fingerprint.clone());
        }
    }
    Ok(known)
}

/// Renders and stores new pictures, on two threads: a large picture takes half a gigabyte while it is processed.
fn render_all(
    opened: &SellerPictures,
    folders: &Originals,
    known: &HashSet<String>,
    keep: &(impl Fn(&Rendered) -> io::Result<()> + Sync),
    progress: &(impl Fn(&str, usize, usize) + Sync),
    faults: &mut Vec<Fault>,
) -> Vec<(String, Picture)> {
    let new: Vec<_> =
        opened.places.iter().filter(|(fingerprint, _)| !known.contains(*fingerprint)).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let outcomes = Mutex::new((Vec::new(), faults));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((fingerprint, place)) = new.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let rendered = render_one(keep, folders.find(&place.name));
                    let mut outcomes = outcomes.lock();
                    match rendered {
                        Ok(picture) => outcomes.0.push(((*fingerprint).clone(), picture)),
                        Err(found) => {
                            let expected = "a JPEG, PNG or WebP picture that can be shown";
                            let found = format!("{:?} ({found})", place.name);
                            let fault = Fault::new(&place.record, &place.field, found, expected);
                            add_fault(outcomes.1, fault);
                        }
                    }
                    progress("pictures", done.fetch_add(1, Ordering::Relaxed) + 1, new.len());
                }
            });
        }
    });
    outcomes.into_inner().0
}
