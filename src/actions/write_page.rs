//! Changes the seller's own pages at the desk.

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::sync_pages::{put_in_order, written};
use crate::domain::catalog::{PageSlug, PageText};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::pages::StoredPage;

/// Why nothing was saved.
#[derive(Debug)]
pub enum WritePageError {
    /// Another page has this address.
    Taken,
    /// The page no longer exists.
    Gone,
    /// It has been changed since it was loaded: the current version.
    Changed(Box<StoredPage>),
    /// The order of the pages has changed.
    OtherOrder,
    Broken(anyhow::Error),
}

broken_from!(WritePageError);

/// Adds a page after the others.
pub async fn add_page(
    shop: &Shop,
    slug: &PageSlug,
    text: &PageText,
    now: Timestamp,
) -> Result<(), WritePageError> {
    let mut tx = shop.db.write().await?;
    let stored = store::pages::list(&mut tx).await.context("read the pages")?;
    let last = stored.iter().map(|page| page.position + 1).max().unwrap_or(0);
    let mut page = written(slug, text, last);
    // If it replaces a removed page, the file's last content is kept.
    match stored.into_iter().find(|page| page.slug == *slug) {
        Some(old) if old.is_gone => {
            page.edition = old.edition + 1;
            page.file_markdown = old.file_markdown;
        }
        // A form sent twice was saved the first time.
        Some(old) if old.markdown.as_deref() == Some(text.as_str()) => return Ok(()),
        Some(_) => return Err(WritePageError::Taken),
        None => {}
    }
    store::pages::put(&mut tx, &page).await.context("save the page")?;
    put_in_order(&mut tx).await?;
    let action = format!("Added the page “{}”", page.title);
    finish(tx, &action, now).await.map_err(WritePageError::Broken)
}

/// `edition`: of the page as it was loaded.
pub async fn change_page(
    shop: &Shop,
    slug: &PageSlug,
    edition: i64,
    text: &PageText,
    now: Timestamp,
) -> Result<(), WritePageError> {
    let mut tx = shop.db.write().await?;
    let old = match find(&mut tx, slug, edition).await {
        Ok(old) => old,
        Err(WritePageError::Changed(there)) if there.markdown.as_deref() == Some(text.as_str()) => {
            return Ok(());
        }
        Err(unwritten) => return Err(unwritten),
    };
    if old.markdown.as_deref() == Some(text.as_str()) {
        return Ok(());
    }
    let page = StoredPage {
        edition: old.edition + 1,
        file_markdown: old.file_markdown,
        ..written(slug, text, old.position)
    };
    store::pages::put(&mut tx, &page).await.context("save the page")?;
    let action = format!("Changed the page “{}”", page.title);
    finish(tx, &action, now).await.map_err(WritePageError::Broken)
}

/// Removes a page permanently.
pub async fn remove_page(
    shop: &Shop,
    slug: &PageSlug,
    edition: i64,
    now: Timestamp,
) -> Result<(), WritePageError> {
    let mut tx = shop.db.write().await?;
    let old = find(&mut tx, slug, edition).await?;
    let action = format!("Removed the page “{}”", old.title);
    if old.file_markdown.is_some() {
        // Otherwise its file would restore it at the next start.
        let gone = StoredPage {
            is_gone: true,
            edition: old.edition + 1,
            html: String::new(),
            markdown: Some(String::new()),
            ..old
        };
        store::pages::put(&mut tx, &gone).await.context("remove the page")?;
    } else {
        store::pages::delete(&mut tx, slug).await.context("remove the page")?;
    }
    finish(tx, &action, now).await.map_err(WritePageError::Broken)
}

/// Swaps two neighbours. The policy stays the first.
pub async fn swap_pages(
    shop: &Shop,
    upper: &PageSlug,
    lower: &PageSlug,
    now: Timestamp,
) -> Result<(), WritePageError> {
    let mut tx = shop.db.write().await?;
    let mut pages = store::pages::list(&mut tx).await.context("read the pages")?;
    pages.retain(|page| !page.is_gone);
    let at = pages.iter().position(|page| page.slug == *upper);
    let Some((one, other)) = at
        .and_then(|at| pages.get(at).zip(pages.get(at + 1)))
        .filter(|(one, other)| other.slug == *lower && one.slug.as_str() != PageSlug::POLICY)
    else {
        return Err(WritePageError::OtherOrder);
    };
    store::pages::mark_position(&mut tx, upper, other.position).await?;
    store::pages::mark_position(&mut tx, lower, one.position).await?;
    let action = format!("Moved the page “{}” up", other.title);
    finish(tx, &action, now).await.map_err(WritePageError::Broken)
}

/// The pages as they would be written to files.
pub async fn list_page_texts(shop: &Shop) -> anyhow::Result<Vec<(PageSlug, String)>> {
    let pages =
        store::pages::list(&mut *shop.db.reader().await?).await.context("read the pages")?;
    let texts = pages.into_iter().filter(|page| !page.is_gone);
    Ok(texts.filter_map(|page| Some((page.slug, page.markdown?))).collect())
}

async fn find(
    tx: &mut store::Tx,
    slug: &PageSlug,
    edition: i64,
) -> Result<StoredPage, WritePageError> {
    let stored = store::pages::list(tx).await.context("read the pages")?;
    match stored.into_iter().find(|page| page.slug == *slug && !page.is_gone) {
        None => Err(WritePageError::Gone),
        Some(page) if page.edition == edition => Ok(page),
        Some(page) => Err(WritePageError::Changed(Box::new(page))),
    }
}

async fn finish(mut tx: store::Tx, action: &str, now: Timestamp) -> anyhow::Result<()> {
    store::audit_log::record(&mut tx, now, action).await.context("record the action")?;
    store::catalog_state::mark_seeded(&mut tx).await?;
    tx.commit().await.context("commit the pages")?;
    Ok(())
}
