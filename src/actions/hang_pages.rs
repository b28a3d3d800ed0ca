use crate::actions::Shop;
use crate::catalog::markdown;
use crate::store;
use crate::store::catalog::SellersPage;
use anyhow::Context;

/// A Markdown file of the seller's pages folder.
pub struct PageFile {
    /// The file's name without `.md`: the page's address is `/page/{slug}`.
    pub slug: String,
    pub markdown: String,
}

/// The seller's own pages are read anew; nothing happens where they are the same.
pub async fn hang_pages(shop: &Shop, files: &[PageFile]) -> anyhow::Result<()> {
    let pages: Vec<SellersPage> = files.iter().map(render).collect();
    let mut tx = shop.db.write().await?;
    if store::catalog::replace_pages(&mut tx, &pages).await.context("keep the pages")? {
        store::catalog::mark_seeded(&mut tx).await?;
        tx.commit().await.context("commit the pages")?;
    }
    Ok(())
}

fn render(file: &PageFile) -> SellersPage {
    let (title, text) = markdown::title(&file.markdown).unwrap_or((&file.slug, &file.markdown));
    SellersPage { slug: file.slug.clone(), title: title.to_owned(), html: markdown::html(text) }
}
