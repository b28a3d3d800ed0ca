//! Hides, moves, copies and deletes products, adds stock, and renames categories.

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::edit_product::{ListingChange, clear_up, settle};
use crate::domain::catalog::{
    DigitalContent, ImageRecord, OfferKey, OptionRecord, ProductRecord, Slug,
};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::pictures::ShownPicture;
use crate::infra::store::product_writes::ProductWrite;
use crate::infra::store::products::EditedProduct;
use crate::infra::store::stock::StockChange;

/// The new position of a product in the seller's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewPosition {
    Up,
    Down,
    /// Shape: counts from 1.
    Number(i64),
}

/// Hides a product from buyers, or shows it again. `None`: there is none.
pub async fn hide_product(
    shop: &Shop,
    slug: &Slug,
    hidden: bool,
    now: Timestamp,
) -> anyhow::Result<Option<()>> {
    let mut tx = shop.db.write().await?;
    let Some(product) = store::products::find(&mut tx, slug).await? else {
        return Ok(None);
    };
    if product.hidden == hidden {
        return Ok(Some(()));
    }
    store::product_writes::set_hidden(&mut tx, product.id, hidden)
        .await
        .context("hide the product")?;
    settle(&mut tx, ListingChange::Product(product.id)).await?;
    let action = format!("{} {}", if hidden { "Hid" } else { "Unhid" }, product.name);
    store::audit_log::record(&mut tx, now, &action).await?;
    tx.commit().await.context("commit the product")?;
    clear_up(shop, &[]).await;
    Ok(Some(()))
}

/// Why a product was not deleted.
pub enum DeleteProductError {
    NotFound,
    /// It has changed since the seller saw it.
    Stale,
    Broken(anyhow::Error),
}

broken_from!(DeleteProductError);

/// Deletes a product; orders keep their data. `edition`: the one that the seller saw.
///
/// # Errors
/// [`DeleteProductError`]: nothing was deleted.
pub async fn delete_product(
    shop: &Shop,
    slug: &Slug,
    edition: i64,
    now: Timestamp,
) -> Result<(), DeleteProductError> {
    let mut tx = shop.db.write().await?;
    let Some(product) = store::products::find(&mut tx, slug).await? else {
        return Err(DeleteProductError::NotFound);
    };
    if product.edition != edition {
        return Err(DeleteProductError::Stale);
    }
    store::product_writes::delete(&mut tx, product.id).await.context("delete the product")?;
    settle(&mut tx, ListingChange::Product(product.id)).await?;
    store::audit_log::record(&mut tx, now, &format!("Deleted {}", product.name)).await?;
    tx.commit().await.context("commit the product")?;
    let dropped: Vec<String> =
        product.pictures.iter().map(|picture| picture.fingerprint.clone()).collect();
    clear_up(shop, &dropped).await;
    Ok(())
}

/// Makes a hidden copy without stock, right after the product. Returns its slug. `once`: the form's idempotency key, so
/// that a resubmission makes no second copy.
pub async fn duplicate_product(
    shop: &Shop,
    slug: &Slug,
    once: &str,
    now: Timestamp,
) -> anyhow::Result<Option<Slug>> {
    let mut tx = shop.db.write().await?;
    if let Some(copy) = store::handled_forms::find(&mut tx, once).await? {
        return Ok(Some(Slug::parse(&copy).context("read the copy's slug")?));
    }
    let Some(product) = store::products::find(&mut tx, slug).await? else {
        return Ok(None);
    };
    let mut n = 2;
    let mut free = slug.numbered(n);
    // Slugs have a maximum length; if the copy's would exceed it, it gets a new one.
    let base =
        if Slug::parse(free.as_str()).is_ok() { slug.clone() } else { Slug::of_name("copy")? };
    while store::products::is_slug_taken(&mut tx, &free, None).await?
        || Slug::parse(free.as_str()).is_err()
    {
        n += 1;
        free = base.numbered(n);
    }
    let record = copy_of(&product, &free);
    let written = ProductWrite {
        slug: &free,
        record: &record,
        stock: StockChange::Set(0),
        options: product
            .options
            .iter()
            .map(|option| (None, option.stock.map_or(StockChange::Shared, |_| StockChange::Set(0))))
            .collect(),
        pictures: product
            .pictures
            .iter()
            .map(|picture| ShownPicture {
                fingerprint: picture.fingerprint.clone(),
                file: &picture.file,
                alt: &picture.alt,
            })
            .collect(),
    };
    let id = store::product_writes::write(&mut tx, None, &written, now)
        .await
        .context("save the copy")?;
    let place = store::products::find_place(&mut tx, product.id).await?;
    store::product_writes::move_to(&mut tx, id, place + 1).await.context("move the copy")?;
    settle(&mut tx, ListingChange::None).await?;
    store::audit_log::record(&mut tx, now, &format!("Duplicated {}", product.name)).await?;
    store::handled_forms::insert(&mut tx, once, free.as_str(), now).await?;
    tx.commit().await.context("commit the copy")?;
    Ok(Some(free))
}

fn copy_of(product: &EditedProduct, slug: &Slug) -> ProductRecord {
    // Names have a maximum length too.
    let name: String = product.name.chars().take(190).collect();
    ProductRecord {
        place: String::new(),
        record: String::new(),
        slug: slug.clone(),
        name: format!("{name} (copy)"),
        description: product.description.clone(),
        kind: product.kind,
        // A pool of codes belongs to one product.
        content: DigitalContent { codes: None, ..product.content.clone() },
        quantity: 0,
        prices: product.prices.clone(),
        fiat: product.fiat,
        images: product
            .pictures
            .iter()
            .map(|picture| ImageRecord { file: picture.file.clone(), alt: picture.alt.clone() })
            .collect(),
        options: product
            .options
            .iter()
            .map(|option| OptionRecord {
                name: option.name.clone(),
                quantity: option.stock.map(|_| 0),
                prices: option.prices.clone(),
                weight: option.weight,
                fiat: option.fiat,
            })
            .collect(),
        categories: product.categories.clone(),
        hidden: true,
        weight: product.weight,
        excluded_countries: product.excluded_countries.clone(),
    }
}

/// Moves a product within the seller's list, which is also the buyers' order.
pub async fn move_product(
    shop: &Shop,
    slug: &Slug,
    to: NewPosition,
    now: Timestamp,
) -> anyhow::Result<Option<()>> {
    let mut tx = shop.db.write().await?;
    let Some(product) = store::products::find(&mut tx, slug).await? else {
        return Ok(None);
    };
    let here = store::products::find_place(&mut tx, product.id).await?;
    let there = match to {
        NewPosition::Up => here - 1,
        NewPosition::Down => here + 1,
        NewPosition::Number(n) => n,
    };
    store::product_writes::move_to(&mut tx, product.id, there).await.context("move the product")?;
    let there = store::products::find_place(&mut tx, product.id).await?;
    if here == there {
        return Ok(Some(()));
    }
    settle(&mut tx, ListingChange::Product(product.id)).await?;
    let action = format!("Moved {} to position {there}", product.name);
    store::audit_log::record(&mut tx, now, &action).await?;
    tx.commit().await.context("commit the product order")?;
    clear_up(shop, &[]).await;
    Ok(Some(()))
}

/// Units: items in stock.
const MAX_STOCK: i64 = 1_000_000;

/// Why a stock was not changed.
pub enum AddStockError {
    NotFound,
    /// The result would be below zero or above a million.
    OutOfRange {
        stock: i64,
    },
    Broken(anyhow::Error),
}

broken_from!(AddStockError);

/// Adds items to the stock or removes some, regardless of concurrent sales. `once`: the form's idempotency key, so that a
/// resubmission is not counted again.
///
/// # Errors
/// [`AddStockError`]: the stock is as it was.
pub async fn add_stock(
    shop: &Shop,
    slug: &Slug,
    (option, n_items): (i64, i64),
    once: &str,
    now: Timestamp,
) -> Result<(), AddStockError> {
    let mut tx = shop.db.write().await?;
    let Some(product) = store::products::find(&mut tx, slug).await? else {
        return Err(AddStockError::NotFound);
    };
    let pool = match option {
        0 => Some((product.stock, product.name.clone())),
        _ => product
            .options
            .iter()
            .find(|one| one.id == option)
            .and_then(|one| Some((one.stock?, format!("{} ({})", product.name, one.name)))),
    };
    let Some((stock, name)) = pool else { return Err(AddStockError::NotFound) };
    // A different number is a different request, even from a page reached with the back button.
    let form = format!("{once} {option} {n_items}");
    if store::handled_forms::find(&mut tx, &form).await?.is_some() {
        return Ok(());
    }
    let sum = stock.checked_add(n_items).filter(|sum| (0..=MAX_STOCK).contains(sum));
    let Some(sum) = sum else { return Err(AddStockError::OutOfRange { stock }) };
    if sum != stock {
        let pool = OfferKey { product: product.id, option };
        store::stock::change(&mut tx, pool, StockChange::Set(sum))
            .await
            .context("set the stock")?;
        // Codes are counted, whatever a page said.
        store::codes::recount(&mut tx).await?;
        settle(&mut tx, ListingChange::None).await?;
        let action = match n_items {
            0.. => format!("Added {n_items} {name} to stock: now {sum}"),
            _ => format!("Removed {} {name} from stock: now {sum}", n_items.unsigned_abs()),
        };
        store::audit_log::record(&mut tx, now, &action).await?;
        store::handled_forms::insert(&mut tx, &form, "", now).await?;
        tx.commit().await.context("commit the stock")?;
    }
    Ok(())
}

/// Renames a category in every product, or removes it if the new name is `None`. Returns the number of products.
pub async fn rename_category(
    shop: &Shop,
    category: &str,
    name: Option<&str>,
    now: Timestamp,
) -> anyhow::Result<usize> {
    if Some(category) == name {
        return Ok(0);
    }
    let mut tx = shop.db.write().await?;
    let n =
        store::categories::rename(&mut tx, category, name).await.context("rename the category")?;
    if n == 0 {
        return Ok(0);
    }
    settle(&mut tx, ListingChange::All).await?;
    let action = match name {
        Some(name) => format!("Renamed the category {category} to {name}"),
        None => format!("Removed the category {category}"),
    };
    store::audit_log::record(&mut tx, now, &action).await?;
    tx.commit().await.context("commit the categories")?;
    Ok(n)
}
