//! Reads the seller's own pages from their files.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::catalog::{PageSlug, PageText, markdown};
use crate::infra::store;
use crate::infra::store::pages::StoredPage;

/// A Markdown file of the seller's pages folder.
pub struct PageFile {
    /// The file's name without `.md`: the page's address is `/page/{slug}`.
    pub slug: PageSlug,
    pub text: PageText,
}

/// The change found for one page.
enum News {
    /// The page has this content from now on.
    Put(StoredPage),
    /// The same, replacing an edit from the desk.
    PutOverDesk(StoredPage),
    /// The page was deleted with its file.
    Gone(PageSlug),
    /// The file was deleted, and the desk's version stays.
    Left(StoredPage),
}

/// Reads the seller's own pages again. If a file has not changed since it was last read, the desk's version of its page
/// stays; if it has, the file replaces the desk's version.
pub async fn sync_pages(shop: &Shop, files: &[PageFile]) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    let stored = store::pages::list(&mut tx).await.context("read the pages")?;
    let (mut is_changed, mut over) = (false, Vec::new());
    for news in compare(&stored, files) {
        match &news {
            News::Put(page) | News::PutOverDesk(page) | News::Left(page) => {
                store::pages::put(&mut tx, page).await.context("save a page")?;
            }
            News::Gone(slug) => {
                store::pages::delete(&mut tx, slug).await.context("remove a page")?;
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

/// The pages whose desk version [`sync_pages`] would replace.
pub async fn list_pages_over_desk(
    shop: &Shop,
    files: &[PageFile],
) -> anyhow::Result<Vec<PageSlug>> {
    let stored = store::pages::list(&mut *shop.db.reader().await?).await?;
    let over = compare(&stored, files).into_iter().filter_map(|news| match news {
        News::PutOverDesk(page) => Some(page.slug),
        _ => None,
    });
    Ok(over.collect())
}

fn compare(stored: &[StoredPage], files: &[PageFile]) -> Vec<News> {
    let mut news = Vec::new();
    for (n, file) in (0_i64..).zip(files) {
        let text = file.text.as_str();
        let Some(page) = stored.iter().find(|page| page.slug == file.slug) else {
            let last = stored.iter().map(|page| page.position + 1).max().unwrap_or(0);
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
        // If the desk's version was copied into the file, the text is the same.
        let is_over = page.is_of_desk() && !is_same;
        news.push(if is_over { News::PutOverDesk(new) } else { News::Put(new) });
    }
    for page in stored.iter().filter(|page| page.file_markdown.is_some()) {
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

/// A page with the content of its file.
fn shown(slug: &PageSlug, text: &PageText, position: i64) -> StoredPage {
    let file_markdown = Some(text.as_str().to_owned());
    StoredPage { file_markdown, ..written(slug, text, position) }
}

/// A page with the content from the desk.
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

/// Renumbers the pages; the policy is always the first.
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

    /// `stored`: the file's last content, the desk's version, and whether it was removed there.
    #[track_caller]
    fn check(
        stored: Option<(Option<&str>, Option<&str>, bool)>,
        file: Option<&str>,
        expected: &str,
    ) {
        let stored: Vec<StoredPage> =
            stored.into_iter().map(|(file, desk, gone)| page(file, desk, gone)).collect();
        let files: Vec<PageFile> = file
            .map(|text| PageFile {
                slug: PageSlug::parse("about").unwrap(),
                text: PageText::parse(text).unwrap(),
            })
            .into_iter()
            .collect();
        let said: Vec<String> = compare(&stored, &files)
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
