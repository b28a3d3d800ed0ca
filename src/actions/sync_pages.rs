//! Reads the seller's own pages from their files.

use crate::actions::Shop;
use crate::domain::catalog::PageSlug;
use crate::domain::catalog::PageText;
use crate::domain::catalog::markdown;
use crate::infra::store;
use crate::infra::store::pages::StoredPage;
use anyhow::Context;

/// A Markdown file of the seller's pages folder.
pub struct PageFile {
    /// The file's name without `.md`: the page's address is `/page/{slug}`.
    pub slug: PageSlug,
    pub text: PageText,
}

/// What a look at the folder finds, page by page.
enum News {
    /// A page as it is from now on.
    Put(StoredPage),
    /// The same, in the place of what was done at the desk.
    PutOverDesk(StoredPage),
    /// The page went with its file.
    Gone(PageSlug),
    /// The file went, and what was written at the desk stays.
    Left(StoredPage),
}

/// The seller's own pages are read anew. A file that has not changed since it was last read is no news, so that what the
/// desk has made of its page stays; one that has changed stands above the desk.
pub async fn sync_pages(shop: &Shop, files: &[PageFile]) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    let kept = store::pages::list(&mut tx).await.context("look at the pages")?;
    let (mut is_changed, mut over) = (false, Vec::new());
    for news in compare(&kept, files) {
        match &news {
            News::Put(page) | News::PutOverDesk(page) | News::Left(page) => {
                store::pages::put(&mut tx, page).await.context("keep a page")?;
            }
            News::Gone(slug) => {
                store::pages::delete(&mut tx, slug).await.context("take a page down")?;
            }
        }
        is_changed = true;
        match news {
            News::PutOverDesk(page) => over.push(format!(
                "db/pages/{}.md has changed and replaces the page as edited at the desk",
                page.slug
            )),
            News::Left(page) => over.push(format!(
                "db/pages/{}.md was removed: its page is kept as edited at the desk",
                page.slug
            )),
            _ => {}
        }
    }
    if is_changed {
        put_in_order(&mut tx).await?;
        store::catalog_state::mark_seeded(&mut tx).await?;
        tx.commit().await.context("commit the pages")?;
        over.iter().for_each(|words| tracing::warn!("{words}"));
    }
    Ok(())
}

/// The pages at which [`sync_pages`] would replace what was done at the desk.
pub async fn list_pages_over_desk(
    shop: &Shop,
    files: &[PageFile],
) -> anyhow::Result<Vec<PageSlug>> {
    let kept = store::pages::list(&mut *shop.db.reader().await?).await?;
    let over = compare(&kept, files).into_iter().filter_map(|news| match news {
        News::PutOverDesk(page) => Some(page.slug),
        _ => None,
    });
    Ok(over.collect())
}

fn compare(kept: &[StoredPage], files: &[PageFile]) -> Vec<News> {
    let mut news = Vec::new();
    for (n, file) in (0_i64..).zip(files) {
        let text = file.text.as_str();
        let Some(page) = kept.iter().find(|page| page.slug == file.slug) else {
            let last = kept.iter().map(|page| page.position + 1).max().unwrap_or(0);
            news.push(News::Put(shown(&file.slug, &file.text, last + n)));
            continue;
        };
        if page.file_markdown.as_deref() == Some(text) && page.markdown.is_some() {
            continue;
        }
        let is_same = page.markdown.as_deref() == Some(text) && !page.is_gone;
        let new = StoredPage {
            edition: page.edition + i64::from(!is_same),
            ..shown(&file.slug, &file.text, page.position)
        };
        // What the desk wrote and somebody wrote out into the file is no other text.
        let is_over = page.is_of_desk() && !is_same;
        news.push(if is_over { News::PutOverDesk(new) } else { News::Put(new) });
    }
    for page in kept.iter().filter(|page| page.file_markdown.is_some()) {
        if files.iter().any(|file| file.slug == page.slug) {
            continue;
        }
        news.push(if page.is_of_desk() && !page.is_gone {
            News::Left(StoredPage { file_markdown: None, ..page.clone() })
        } else {
            News::Gone(page.slug.clone())
        });
    }
    news
}

/// A page as its file says it.
fn shown(slug: &PageSlug, text: &PageText, position: i64) -> StoredPage {
    let file_markdown = Some(text.as_str().to_owned());
    StoredPage { file_markdown, ..written(slug, text, position) }
}

/// A page as the desk says it.
pub(super) fn written(slug: &PageSlug, text: &PageText, position: i64) -> StoredPage {
    let (title, rest) = text.parts(slug.as_str());
    StoredPage {
        slug: slug.clone(),
        position,
        title: title.to_owned(),
        html: markdown::html(rest),
        markdown: Some(text.as_str().to_owned()),
        file_markdown: None,
        edition: 1,
        is_gone: false,
    }
}

/// Counts the pages through; the policy is always the first.
pub(super) async fn put_in_order(tx: &mut store::Tx) -> anyhow::Result<()> {
    let mut pages = store::pages::list(tx).await?;
    pages.sort_by_key(|page| (page.slug.as_str() != PageSlug::POLICY, page.position));
    for (position, page) in (0_i64..).zip(&pages) {
        if page.position != position {
            store::pages::mark_position(tx, &page.slug, position).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(file: Option<&str>, desk: Option<&str>, is_gone: bool) -> StoredPage {
        let slug = PageSlug::parse("about").unwrap();
        let text = PageText::parse(desk.unwrap_or_default()).unwrap();
        StoredPage {
            markdown: desk.map(str::to_owned),
            file_markdown: file.map(str::to_owned),
            is_gone,
            ..written(&slug, &text, 3)
        }
    }

    /// `kept`: what the file last said, what the desk made of it, and whether it was taken down there.
    #[track_caller]
    fn check(kept: Option<(Option<&str>, Option<&str>, bool)>, file: Option<&str>, expected: &str) {
        let kept: Vec<StoredPage> =
            kept.into_iter().map(|(file, desk, gone)| page(file, desk, gone)).collect();
        let files: Vec<PageFile> = file
            .map(|text| PageFile {
                slug: PageSlug::parse("about").unwrap(),
                text: PageText::parse(text).unwrap(),
            })
            .into_iter()
            .collect();
        let said: Vec<String> = compare(&kept, &files)
            .into_iter()
            .map(|news| match news {
                News::Put(page) => format!("put {}", page.markdown.unwrap()),
                News::PutOverDesk(page) => format!("over {}", page.markdown.unwrap()),
                News::Gone(slug) => format!("gone {slug}"),
                News::Left(page) => format!("left {}", page.markdown.unwrap()),
            })
            .collect();
        assert_eq!(said.join(", "), expected, "{file:?}");
    }

    #[test]
    fn a_file_that_did_not_change_is_no_news() {
        check(None, Some("a"), "put a");
        check(Some((Some("a"), Some("a"), false)), Some("a"), "");
        check(Some((Some("a"), Some("b"), false)), Some("a"), "");
        check(Some((Some("a"), Some("a"), false)), Some("c"), "put c");
        check(Some((Some("a"), Some("b"), false)), Some("c"), "over c");
        check(Some((Some("a"), Some("b"), false)), Some("b"), "put b");
    }

    #[test]
    fn what_was_taken_down_at_the_desk_stays_down_until_its_file_changes() {
        check(Some((Some("a"), Some("a"), true)), Some("a"), "");
        check(Some((Some("a"), Some("a"), true)), Some("c"), "over c");
        check(Some((Some("a"), Some("a"), true)), None, "gone about");
    }

    #[test]
    fn a_page_goes_with_its_file_unless_the_desk_has_made_it_its_own() {
        check(Some((Some("a"), Some("a"), false)), None, "gone about");
        check(Some((Some("a"), Some("b"), false)), None, "left b");
        check(Some((None, Some("b"), false)), None, "");
        check(Some((None, Some("b"), false)), Some("c"), "over c");
    }

    #[test]
    fn a_page_that_an_older_shop_hung_is_its_files() {
        check(Some((Some(""), None, false)), Some("a"), "put a");
        check(Some((Some(""), None, false)), Some(""), "put ");
        check(Some((Some(""), None, false)), None, "gone about");
    }
}
