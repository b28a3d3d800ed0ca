//! Adds or changes a product, unless it was changed by somebody else meanwhile.

use anyhow::Context;

use crate::actions::add_picture::show_original;
use crate::actions::build_sprites::{follow_windows, remove_files};
use crate::actions::image_worker::PictureError;
use crate::actions::{Shop, digital_edit};
use crate::domain::catalog::{DigitalCode, ProductRecord, Slug};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::pictures::ShownPicture;
use crate::infra::store::product_writes::ProductWrite;
use crate::infra::store::products::EditedProduct;
use crate::infra::store::stock::StockChange;

/// A product as submitted by the form.
pub struct ProductEdit {
    /// The slug and the edition of the product when the form was loaded. `None`: a new one.
    pub of: Option<(Slug, i64)>,
    /// The form's idempotency key, so that a form that is sent twice adds one product.
    pub once: String,
    pub record: ProductRecord,
    /// Whether the seller wrote the slug; one made from the name gets a number if it is taken.
    pub has_chosen_slug: bool,
    pub stock: PoolEdit,
    /// Whether the record's pool of codes is new: it gets its name from the slug.
    pub has_new_pool: bool,
    pub new_codes: Vec<DigitalCode>,
    /// For each option of the record: the id of the existing one, and its stock.
    pub options: Vec<(Option<i64>, PoolEdit)>,
}

/// A stock number: the one that was shown, and the one that is wanted; `None`: no stock of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolEdit {
    pub was: Option<i64>,
    pub now: Option<i64>,
}

/// The result of an edit.
#[derive(Debug)]
pub enum Edited {
    Kept(Slug),
    /// Nothing differs.
    Same(Slug),
    /// It was deleted meanwhile.
    Gone,
    /// Nothing was changed: the product was edited since, or units whose stock was to be set were sold.
    Meanwhile(Box<EditedProduct>),
    SlugTaken,
    /// A file or a pool of codes cannot be used; `why` is a sentence.
    NotDelivered {
        field: &'static str,
        why: String,
    },
    /// Which pictures cannot be used, and why.
    NoPictures(Vec<(usize, String)>),
}

/// Adds or changes a product, all or nothing. Carts and existing orders stay as they are.
pub async fn edit_product(
    shop: &Shop,
    mut edit: ProductEdit,
    now: Timestamp,
) -> anyhow::Result<Edited> {
    if let Some(why) = digital_edit::find_missing(shop, &edit.record).await? {
        return Ok(Edited::NotDelivered { field: "file", why });
    }
    let (fingerprints, refused) = find_pictures(shop, &edit).await?;
    if !refused.is_empty() {
        return Ok(Edited::NoPictures(refused));
    }
    let mut tx = shop.db.write().await?;
    let old = match &edit.of {
        None => {
            if let Some(slug) = store::handled_forms::find(&mut tx, &edit.once).await? {
                return Ok(Edited::Kept(Slug::parse(&slug).context("read the product's slug")?));
            }
            None
        }
        Some((slug, edition)) => match store::products::find(&mut tx, slug).await? {
            None => return Ok(Edited::Gone),
            Some(old) if old.edition != *edition || is_sold_since(&edit, &old) => {
                return Ok(Edited::Meanwhile(Box::new(old)));
            }
            Some(old) => Some(old),
        },
    };
    let id = old.as_ref().map(|old| old.id);
    let mut slug = edit.record.slug.clone();
    let mut n = 1;
    while store::products::is_slug_taken(&mut tx, &slug, id).await? {
        if edit.has_chosen_slug {
            return Ok(Edited::SlugTaken);
        }
        n += 1;
        slug = edit.record.slug.numbered(n);
    }
    if edit.has_new_pool {
        digital_edit::name_pool(&mut tx, &mut edit.record, &slug).await?;
    } else if let Some(why) = digital_edit::refuse_pool(&mut tx, &edit.record, id).await? {
        return Ok(Edited::NotDelivered { field: "new_codes", why });
    }
    let written = product_write(&edit, &slug, &fingerprints, old.as_ref());
    let changes = match &old {
        Some(old) if edit.new_codes.is_empty() => changes(old, &written),
        Some(old) => changes(old, &written).into_iter().chain(["codes"]).collect(),
        None => Vec::new(),
    };
    if old.is_some() && changes.is_empty() {
        return Ok(Edited::Same(slug));
    }
    let id = store::product_writes::write(&mut tx, id, &written, now)
        .await
        .context("save the product")?;
    digital_edit::add_codes(&mut tx, &edit.record, &edit.new_codes).await?;
    let changes_listings = changes_listings(old.as_ref(), &edit.record);
    settle(
        &mut tx,
        if changes_listings { ListingChange::Product(id) } else { ListingChange::None },
    )
    .await?;
    let name = &edit.record.name;
    let action = match (&old, changes.as_slice()) {
        (None, _) => format!("Added {name}"),
        (Some(_), [one]) => format!("Changed the {one} of {name}"),
        (Some(_), several) => format!("Changed {name}: {}", several.join(", ")),
    };
    store::audit_log::record(&mut tx, now, &action).await?;
    if old.is_none() {
        store::handled_forms::insert(&mut tx, &edit.once, slug.as_str(), now).await?;
    }
    tx.commit().await.context("commit the product")?;

    let dropped = old.iter().flat_map(|old| &old.pictures);
    let dropped = dropped.map(|picture| picture.fingerprint.clone());
    let dropped: Vec<String> =
        dropped.filter(|fingerprint| !fingerprints.contains(fingerprint)).collect();
    clear_up(shop, &dropped).await;
    Ok(Edited::Kept(slug))
}

fn product_write<'a>(
    edit: &'a ProductEdit,
    slug: &'a Slug,
    fingerprints: &[String],
    old: Option<&EditedProduct>,
) -> ProductWrite<'a> {
    ProductWrite {
        slug,
        record: &edit.record,
        stock: stock_change(edit.stock, old.map(|old| old.stock)),
        options: edit
            .options
            .iter()
            .map(|(id, pool)| (*id, stock_change(*pool, old.and_then(|old| stock_of(old, *id)))))
            .collect(),
        pictures: edit
            .record
            .images
            .iter()
            .zip(fingerprints)
            .map(|(image, fingerprint)| ShownPicture {
                fingerprint: fingerprint.clone(),
                file: &image.file,
                alt: &image.alt,
            })
            .collect(),
    }
}

/// Each picture of the record → its fingerprint. Pictures that the product already uses are not checked again.
async fn find_pictures(
    shop: &Shop,
    edit: &ProductEdit,
) -> anyhow::Result<(Vec<String>, Vec<(usize, String)>)> {
    let shown = match &edit.of {
        Some((slug, _)) => store::products::find(&mut *shop.db.reader().await?, slug).await?,
        None => None,
    };
    let shown = shown.map(|product| product.pictures).unwrap_or_default();
    let (mut fingerprints, mut refused) = (Vec::new(), Vec::new());
    for (n, image) in edit.record.images.iter().enumerate() {
        if let Some(known) = shown.iter().find(|picture| picture.file == image.file) {
            fingerprints.push(known.fingerprint.clone());
            continue;
        }
        match show_original(shop, &image.file).await {
            Ok(fingerprint) => fingerprints.push(fingerprint),
            Err(PictureError::Refused(why)) => refused.push((n, why)),
            Err(PictureError::Broken(error)) => return Err(error),
        }
    }
    Ok((fingerprints, refused))
}

/// Whether a stock number to be replaced is no longer the one that the seller saw.
fn is_sold_since(edit: &ProductEdit, old: &EditedProduct) -> bool {
    let moved = |pool: &PoolEdit, stock: Option<i64>| {
        pool.now != pool.was && pool.now.is_some() && stock != pool.was && stock != pool.now
    };
    moved(&edit.stock, Some(old.stock))
        || edit.options.iter().any(|(id, pool)| {
            id.is_some_and(|id| old.options.iter().any(|option| option.id == id))
                && moved(pool, stock_of(old, *id))
        })
}

fn stock_of(product: &EditedProduct, option: Option<i64>) -> Option<i64> {
    product.options.iter().find(|one| Some(one.id) == option).and_then(|option| option.stock)
}

fn stock_change(pool: PoolEdit, stock: Option<i64>) -> StockChange {
    match pool.now {
        None => StockChange::Shared,
        // Not edited: sales since then must not be undone.
        Some(now) if Some(now) == pool.was && stock.is_some() => StockChange::Kept,
        Some(now) => StockChange::Set(now),
    }
}

/// The changes, as texts for the activity log.
fn changes(old: &EditedProduct, new: &ProductWrite<'_>) -> Vec<&'static str> {
    let record = new.record;
    let mut changes = Vec::new();
    let mut note = |differs: bool, what: &'static str| {
        if differs {
            changes.push(what);
        }
    };
    note(old.name != record.name, "name");
    note(old.slug != *new.slug, "slug");
    note(old.description != record.description, "description");
    note(old.kind != record.kind, "kind");
    note(old.content != record.content, "digital content");
    let sorted = |prices: &crate::domain::catalog::Prices| {
        let mut prices = prices.clone();
        prices.sort();
        prices
    };
    let same_prices =
        sorted(&old.prices) == sorted(&record.prices)
            && old.fiat == record.fiat
            && old.options.len() == record.options.len()
            && old.options.iter().zip(&record.options).all(|(old, new)| {
                sorted(&old.prices) == sorted(&new.prices) && old.fiat == new.fiat
            });
    note(!same_prices && old.options.len() == record.options.len(), "price");
    note(
        new.stock != StockChange::Kept
            || new.options.iter().any(|(id, pool)| match pool {
                StockChange::Kept => false,
                StockChange::Set(_) => true,
                StockChange::Shared => stock_of(old, *id).is_some(),
            }),
        "stock",
    );
    let same_options = old.options.len() == record.options.len()
        && old
            .options
            .iter()
            .zip(record.options.iter().zip(&new.options))
            .all(|(old, (new, (id, _)))| Some(old.id) == *id && old.name == new.name);
    note(!same_options, "options");
    note(old.categories != record.categories, "categories");
    let weights = old.options.iter().map(|option| option.weight);
    let same_weights = old.options.len() != record.options.len()
        || weights.eq(record.options.iter().map(|option| option.weight));
    note(old.weight != record.weight || !same_weights, "weight");
    note(old.excluded_countries != record.excluded_countries, "excluded countries");
    let same_pictures = old.pictures.len() == new.pictures.len()
        && old.pictures.iter().zip(&new.pictures).all(|(old, new)| {
            old.fingerprint == new.fingerprint && old.alt == new.alt && old.file == new.file
        });
    note(!same_pictures, "pictures");
    changes
}

/// Whether any list of products changes.
fn changes_listings(old: Option<&EditedProduct>, new: &ProductRecord) -> bool {
    let Some(old) = old else { return !new.hidden };
    let of_options: Vec<_> = old.options.iter().map(|option| &option.prices).collect();
    let before = store::products::currencies(&old.prices, &of_options);
    let of_options: Vec<_> = new.options.iter().map(|option| &option.prices).collect();
    let after = store::products::currencies(&new.prices, &of_options);
    let was_in_fiat = old.fiat.is_some() || old.options.iter().any(|option| option.fiat.is_some());
    let is_in_fiat = new.fiat.is_some() || new.options.iter().any(|option| option.fiat.is_some());
    !old.hidden
        && (old.categories != new.categories || before != after || was_in_fiat != is_in_fiat)
}

/// Which listings a change affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListingChange {
    None,
    /// This product may appear in other lists or positions.
    Product(i64),
    All,
}

/// The last step of every change: updates the listing index where needed, invalidates the buyers' pages, and records
/// that the catalog differs from the seller's file.
pub(super) async fn settle(tx: &mut Tx, change: ListingChange) -> anyhow::Result<()> {
    match change {
        ListingChange::None => {}
        ListingChange::Product(product) => {
            store::listing_index::follow(tx, product).await.context("update the listing index")?;
        }
        ListingChange::All => {
            store::listing_index::rebuild(tx).await.context("rebuild the listing index")?;
        }
    }
    if change == ListingChange::None {
        store::catalog_state::mark_changed(tx).await?;
    } else {
        store::catalog_state::mark_seeded(tx).await?;
    }
    store::catalog_state::mark_desk_change(tx).await?;
    Ok(())
}

/// After the commit: rebuilds the sprite sheets, then removes unused pictures. If it fails, the pages are still
/// correct, only a little slower.
pub(super) async fn clear_up(shop: &Shop, dropped: &[String]) {
    let cleared = async {
        follow_windows(shop).await?;
        if dropped.is_empty() {
            return Ok(());
        }
        let mut tx = shop.db.write().await?;
        let files = store::pictures::forget(&mut tx, dropped).await?;
        tx.commit().await?;
        remove_files(shop, files.iter()).await;
        anyhow::Ok(())
    };
    if let Err(error) = cleared.await {
        tracing::warn!("the shop window's pictures will follow later: {error:#}");
    }
}
