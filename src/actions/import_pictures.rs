//! The pictures of a catalog file: found in the seller's folders, rendered, and stored.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use parking_lot::Mutex;

use crate::actions::Shop;
use crate::actions::render_picture::{columns, is_rendered, render_one};
use crate::domain::catalog::fault::add_fault;
use crate::domain::catalog::{Fault, ProductRecord};
use crate::infra::pictures::{NotAPicture, Originals, Picture, PictureFault, Rendered};
use crate::infra::store;
use crate::infra::store::pending_import::CHUNK;
use crate::infra::store::pictures::RenderedPicture;

/// The seller's pictures, each opened once however many products use it.
#[derive(Default)]
pub(super) struct SellerPictures {
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
    /// Finds the pictures of a product.
    pub fn open(&mut self, product: &ProductRecord, folders: &Originals, faults: &mut Vec<Fault>) {
        for (n, image) in product.images.iter().enumerate() {
            if self.by_name.contains_key(&image.file) {
                continue;
            }
            let field = format!("images[{n}]");
            match folders.find(&image.file) {
                Ok(source) => {
                    let fingerprint = source.fingerprint().to_owned();
                    let (name, record) = (image.file.clone(), product.place.clone());
                    self.by_name.insert(image.file.clone(), fingerprint.clone());
                    self.places.insert(fingerprint, FirstUse { name, record, field });
                }
                Err(refused) => {
                    let fault =
                        picture_fault(&product.place, &field, &image.file, &refused, folders);
                    add_fault(faults, fault);
                }
            }
        }
    }

    /// Units: files.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// The fingerprints of a product's pictures, in their order.
    pub fn of_product(&self, record: &ProductRecord) -> Vec<String> {
        let found = record.images.iter().filter_map(|image| self.by_name.get(&image.file));
        found.cloned().collect()
    }
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
pub(super) async fn known_pictures(
    shop: &Shop,
    opened: &SellerPictures,
) -> anyhow::Result<HashSet<String>> {
    let mut known = HashSet::new();
    for fingerprint in opened.places.keys() {
        if is_rendered(shop, fingerprint).await? {
            known.insert(fingerprint.clone());
        }
    }
    Ok(known)
}

/// Renders and stores new pictures, on two threads: a large picture takes up to 350 MB while it is processed.
pub(super) fn render_all(
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

/// Saves which files rendered pictures are in. Products show them later.
pub(super) async fn put_pictures(
    shop: &Shop,
    rendered: &[(String, Picture)],
) -> anyhow::Result<()> {
    for chunk in rendered.chunks(CHUNK) {
        let mut tx = shop.db.write().await?;
        for (fingerprint, picture) in chunk {
            let row = RenderedPicture {
                fingerprint,
                sizes: [columns(&picture.thumb), columns(&picture.page), columns(&picture.full)],
            };
            store::pictures::keep(&mut tx, &row).await.context("save a picture")?;
        }
        tx.commit().await.context("commit the pictures")?;
    }
    Ok(())
}

/// Forgets the pictures that no product shows, and removes their files and all others that nobody needs.
pub(super) async fn sweep_pictures(shop: &Shop) -> anyhow::Result<()> {
    let unused = store::pictures::list_unused(&mut *shop.db.reader().await?).await?;
    for chunk in unused.chunks(CHUNK) {
        let mut tx = shop.db.write().await?;
        store::pictures::forget(&mut tx, chunk).await?;
        tx.commit().await.context("forget pictures")?;
    }
    let used = store::pictures::list_files(&mut *shop.db.reader().await?).await?;
    let (used, pictures) = (used.into_iter().collect(), shop.pictures.clone());
    // A page sent just before may still request an old picture, which is then missing for a moment.
    tokio::task::spawn_blocking(move || pictures.sweep(&used)).await??;
    Ok(())
}
