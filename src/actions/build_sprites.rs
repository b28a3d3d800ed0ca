//! Builds the sprite sheets of the product lists.

use std::thread;

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::catalog::IN_WINDOW;
use crate::infra::pictures::{Cell, PictureFile, Rendered, Sheet};
use crate::infra::store;
use crate::infra::store::sprites::SpriteSheet;

/// The sprite sheet of the front page, shared by one or more currencies.
struct WindowSprites {
    pub row: SpriteSheet,
    pub currencies: Vec<String>,
    /// Fingerprints, in the order of the cells.
    pub pictures: Vec<String>,
}

/// Units: cells. A currency shares another's sheet if that has at most this many pictures which its own list does not
/// show.
const MAX_STRANGERS: usize = 3;

/// Renders the sprite sheets for the front pages of this catalog, and stores them. Existing sheets are not rendered
/// again.
///
/// `windows`: each currency with the pictures on its first page. If a sheet cannot be rendered it is left out: its page loads
/// each picture by itself.
async fn build_sprites(
    shop: &Shop,
    windows: Vec<(String, Vec<String>)>,
) -> anyhow::Result<Vec<WindowSprites>> {
    let mut sheets = Vec::new();
    for (pictures, currencies) in share(windows) {
        let fingerprint = Sheet::fingerprint(pictures.iter().map(String::as_str));
        let known = store::sprites::find(&mut *shop.db.reader().await?, &fingerprint).await?;
        let is_there = |row: &SpriteSheet| {
            [&row.webp, &row.fallback].iter().all(|file| shop.pictures.has_named(file))
        };
        if let Some(row) = known.filter(is_there) {
            sheets.push(WindowSprites { row, currencies, pictures });
            continue;
        }
        let mut pages = Vec::new();
        for picture in &pictures {
            let page = store::pictures::find(&mut *shop.db.reader().await?, picture)
                .await?
                .map(|[_, _, _, page, _, _]| page);
            pages.extend(page.and_then(|page| PictureFile::parse(&page).ok()));
        }
        let n_pages = pages.len();
        let of_shop = shop.clone();
        // This takes a second, during which the listeners continue to serve.
        let drawn = tokio::task::spawn_blocking(move || paint(&of_shop, &pages)).await?;
        match drawn.filter(|_| n_pages == pictures.len()) {
            Some((width, height, webp, fallback)) => sheets.push(WindowSprites {
                row: SpriteSheet { fingerprint, width, height, webp, fallback },
                currencies,
                pictures,
            }),
            None => tracing::warn!("the window's pictures cannot be put on one sheet"),
        }
    }
    Ok(sheets)
}

/// Renders the sprite sheets again where a front page shows a picture that its sheet lacks, or where a sheet shows many
/// that no front page needs. The order of the pictures does not matter.
///
/// A page whose sheet is missing loads its pictures one by one, so this may run after the change itself.
pub async fn follow_windows(shop: &Shop) -> anyhow::Result<()> {
    let windows = store::sprites::list_windows(&mut *shop.db.reader().await?, IN_WINDOW).await?;
    let existing = store::sprites::list(&mut *shop.db.reader().await?).await?;
    let is_shown = |picture: &String| windows.iter().any(|(_, shown)| shown.contains(picture));
    let suits = |(currency, pictures): &(String, Vec<String>)| {
        match existing.iter().find(|(existing, _)| existing == currency) {
            Some((_, sheet)) => {
                sheet.len() <= pictures.len() + MAX_STRANGERS
                    && pictures.iter().all(|picture| sheet.contains(picture))
                    // Deleted or hidden pictures must not remain visible on a sheet either.
                    && sheet.iter().all(is_shown)
            }
            // A single picture needs only one request anyway.
            None => pictures.len() < 2,
        }
    };
    let is_needed = |(currency, _): &(String, Vec<String>)| {
        windows.iter().any(|(shown, pictures)| shown == currency && 1 < pictures.len())
    };
    if windows.iter().all(suits) && existing.iter().all(is_needed) {
        return Ok(());
    }
    let mut windows = windows;
    let mut sheets = build_sprites(shop, windows.clone()).await?;
    let mut tx = shop.db.write().await?;
    let now_shown = store::sprites::list_windows(&mut tx, IN_WINDOW).await?;
    if now_shown != windows {
        // They changed while the sheets were rendered: render again. A later change triggers its own update.
        drop(tx);
        windows = now_shown;
        let outdated = sheets;
        sheets = build_sprites(shop, windows.clone()).await?;
        tx = shop.db.write().await?;
        let existing = store::sprites::list_files(&mut tx).await?;
        let drawn: Vec<&String> =
            sheets.iter().flat_map(|sheet| [&sheet.row.webp, &sheet.row.fallback]).collect();
        let dropped: Vec<String> =
            outdated.into_iter().flat_map(|sheet| [sheet.row.webp, sheet.row.fallback]).collect();
        let is_dropped = |file: &&String| !existing.contains(file) && !drawn.contains(file);
        remove_files(shop, dropped.iter().filter(is_dropped)).await;
        // Changed again: the process that changed them renders the sheets.
        if store::sprites::list_windows(&mut tx, IN_WINDOW).await? != windows {
            return Ok(());
        }
    }
    let old = store::sprites::remove_all(&mut tx).await.context("remove the sprite sheets")?;
    for sheet in &sheets {
        // A picture may have been removed while the sheet was rendered.
        store::sprites::put(&mut tx, &sheet.row, &sheet.currencies, &sheet.pictures)
            .await
            .context("save the front page's sprite sheet")?;
    }
    store::catalog_state::mark_changed(&mut tx).await?;
    tx.commit().await.context("commit the sprite sheets")?;
    let is_used = |file: &&String| {
        sheets.iter().any(|sheet| sheet.row.webp == **file || sheet.row.fallback == **file)
    };
    remove_files(shop, old.iter().filter(|file| !is_used(file))).await;
    Ok(())
}

/// A file that cannot be removed is found at the next import.
pub(super) async fn remove_files<'a>(shop: &Shop, files: impl Iterator<Item = &'a String>) {
    let files: Vec<PictureFile> = files.filter_map(|file| PictureFile::parse(file).ok()).collect();
    let pictures = shop.pictures.clone();
    let remove = move || files.iter().try_for_each(|file| pictures.remove(file));
    if let Ok(Err(error)) = tokio::task::spawn_blocking(remove).await {
        tracing::warn!("an old picture stays on the disk: {error}");
    }
}

/// Which pictures share a sheet, and for which currencies. A single picture needs only one request anyway.
fn share(mut windows: Vec<(String, Vec<String>)>) -> Vec<(Vec<String>, Vec<String>)> {
    windows.retain(|(_, pictures)| 1 < pictures.len());
    windows.sort_by_key(|(_, pictures)| std::cmp::Reverse(pictures.len()));
    let mut shared: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (currency, pictures) in windows {
        let fits = |sheet: &&mut (Vec<String>, Vec<String>)| {
            sheet.0.len() <= pictures.len() + MAX_STRANGERS
                && pictures.iter().all(|picture| sheet.0.contains(picture))
        };
        match shared.iter_mut().find(fits) {
            Some((_, currencies)) => currencies.push(currency),
            None => shared.push((pictures, vec![currency])),
        }
    }
    shared
}

/// On two threads, as for rendering. `None` if a file is damaged or cannot be stored.
fn paint(shop: &Shop, pages: &[PictureFile]) -> Option<(u32, u32, String, String)> {
    let cell = |page: &PictureFile| Cell::of(&shop.pictures.read(page).ok()??);
    let cells = |pages: &[PictureFile]| pages.iter().map(cell).collect::<Option<Vec<Cell>>>();
    let (first, second) = pages.split_at(pages.len() / 2);
    let (first, second) = at_once(|| cells(first), || cells(second));
    let cells: Vec<Cell> = first?.into_iter().chain(second?).collect();
    let sheet = Sheet::of(&cells);
    let keep = |rendered: Rendered| {
        shop.pictures.keep(&rendered).ok()?;
        Some(rendered.file.as_str().to_owned())
    };
    let (webp, fallback) =
        at_once(|| sheet.webp().and_then(keep), || sheet.fallback().and_then(keep));
    let (width, height) = sheet.size();
    Some((width, height, webp?, fallback?))
}

fn at_once<T: Send>(
    one: impl FnOnce() -> Option<T>,
    other: impl FnOnce() -> Option<T> + Send,
) -> (Option<T>, Option<T>) {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        (one(), other.join().ok().flatten())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each picture is a letter.
    #[track_caller]
    fn check(windows: &[(&str, &str)], expected: &[(&str, &str)]) {
        let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let windows =
            windows.iter().map(|(currency, shown)| ((*currency).to_owned(), letters(shown)));
        let shared = share(windows.collect());
        let shared: Vec<(String, String)> = shared
            .into_iter()
            .map(|(pictures, currencies)| (pictures.concat(), currencies.join(" ")))
            .collect();
        let shared: Vec<(&str, &str)> =
            shared.iter().map(|(pictures, names)| (pictures.as_str(), names.as_str())).collect();
        assert_eq!(shared, expected);
    }

    #[test]
    fn windows_that_show_nearly_the_same_share_a_sheet() {
        check(&[("BTC", "abcd"), ("ETH", "abcd")], &[("abcd", "BTC ETH")]);
        check(&[("BTC", "bd"), ("ETH", "abc"), ("XMR", "abcde")], &[("abcde", "XMR ETH BTC")]);
        check(&[("BTC", "abcdef"), ("ETH", "ab")], &[("abcdef", "BTC"), ("ab", "ETH")]);
        check(&[("BTC", "abc"), ("ETH", "abx")], &[("abc", "BTC"), ("abx", "ETH")]);
    }

    #[test]
    fn one_picture_needs_no_sheet() {
        check(&[("BTC", "a"), ("ETH", "")], &[]);
    }
}
