use crate::actions::Shop;
use crate::actions::stock_shelves::columns;
use crate::actions::stock_shelves::render_one;
use crate::pictures::NotAPicture;
use crate::pictures::Picture;
use crate::pictures::PictureFile;
use crate::pictures::Source;
use crate::store;
use crate::store::stocking::PictureRow;
use anyhow::Context;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where pictures are unpacked: so many pixels at a time that a form full of them does not fill the memory.
#[derive(Clone)]
pub struct Darkroom(Arc<Semaphore>);

/// Units: millions of pixels. Two pictures of a phone fit in; the largest that the shop takes has the room for itself.
const ROOM: u32 = 26;

impl Default for Darkroom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM as usize)))
    }
}

/// A picture that was handed in and can be shown from now on, though no product shows it yet.
#[derive(Clone, Debug)]
pub struct TakenPicture {
    /// Its name below the seller's picture folder.
    pub file: String,
    pub fingerprint: String,
}

/// Takes a picture that came through a door: what is kept in the seller's folder is upright, smaller than a camera's, and
/// pixels alone. The picture itself never touches the disk. `name`: what it was called there.
///
/// # Errors
/// Within: one sentence that says which picture it is and why.
pub async fn take_picture(
    shop: &Shop,
    name: String,
    bytes: Vec<u8>,
) -> anyhow::Result<Result<TakenPicture, String>> {
    let outline = tokio::task::spawn_blocking(move || {
        let source = Source::of(name, bytes)?;
        let size = source.size()?;
        Ok::<_, NotAPicture>((source, size))
    });
    let (source, size) = match outline.await.context("look at a picture")? {
        Ok(seen) => seen,
        Err(refused) => return Ok(Err(refused.to_string())),
    };
    let permit = enter(shop, size.megapixels).await?;
    let inside = shop.clone();
    let kept = tokio::task::spawn_blocking(move || keep_cleaned(&inside, source));
    let (file, source) = match kept.await.context("clean a picture")? {
        Ok(kept) => kept,
        Err(refused) => return Ok(Err(refused)),
    };
    let shown = show_source(shop, source).await?;
    drop(permit);
    Ok(shown.map(|fingerprint| TakenPicture { file, fingerprint }))
}

fn keep_cleaned(shop: &Shop, source: Source) -> Result<(String, Source), String> {
    let name = source.name();
    let cleaned = source.cleaned().map_err(|refused| refused.to_string())?;
    let file = shop.originals.keep(&cleaned, &name).map_err(|error| {
        format!("the picture {name:?} cannot be kept in the picture folder: {error}")
    })?;
    let source = Source::of(file.clone(), cleaned.bytes).map_err(|refused| refused.to_string())?;
    Ok((file, source))
}

/// A picture of the seller's folder, rendered where it was not. Returns its fingerprint.
///
/// # Errors
/// Within: one sentence that says which picture it is and why.
pub(super) async fn show_original(
    shop: &Shop,
    file: &str,
) -> anyhow::Result<Result<String, String>> {
    let (originals, name) = (shop.originals.clone(), file.to_owned());
    let found = tokio::task::spawn_blocking(move || {
        let source = originals.find(&name)?;
        let size = source.size()?;
        Ok::<_, NotAPicture>((source, size))
    });
    match found.await.context("look at a picture")? {
        Ok((source, size)) => {
            let _permit = enter(shop, size.megapixels).await?;
            show_source(shop, source).await
        }
        Err(refused) => Ok(Err(refused.to_string())),
    }
}

/// Waits until there is room for a picture of this size.
pub(super) async fn enter(
    shop: &Shop,
    megapixels: u32,
) -> anyhow::Result<tokio::sync::OwnedSemaphorePermit> {
    let room = Arc::clone(&shop.darkroom.0);
    room.acquire_many_owned(megapixels.min(ROOM)).await.context("wait for the darkroom")
}

async fn show_source(shop: &Shop, source: Source) -> anyhow::Result<Result<String, String>> {
    let fingerprint = source.fingerprint().to_owned();
    let files = store::stocking::find_picture(&shop.db, &fingerprint).await?;
    let on_shelf =
        |file: &String| PictureFile::parse(file).is_ok_and(|file| shop.pictures.has(&file));
    if files.is_some_and(|files| files.iter().all(on_shelf)) {
        return Ok(Ok(fingerprint));
    }
    let gallery = shop.pictures.clone();
    let keep = move |rendered: &_| gallery.keep(rendered);
    let rendered = tokio::task::spawn_blocking(move || render_one(&keep, Ok(source)));
    let picture: Picture = match rendered.await.context("render a picture")? {
        Ok(picture) => picture,
        Err(refused) => return Ok(Err(refused)),
    };
    let row = PictureRow {
        fingerprint: &fingerprint,
        sizes: [columns(&picture.thumb), columns(&picture.page), columns(&picture.full)],
    };
    let mut tx = shop.db.write().await?;
    store::stocking::keep_picture(&mut tx, &row).await.context("keep a picture")?;
    tx.commit().await.context("commit a picture")?;
    Ok(Ok(fingerprint))
}

/// Finds out what the pictures are called that an older version of the shop showed without keeping their names. Where the
/// seller's folder no longer has one, what was made of it is put there.
pub async fn name_pictures(shop: &Shop) -> anyhow::Result<()> {
    let mut unnamed = store::editing::list_unnamed_pictures(&shop.db).await?;
    if unnamed.is_empty() {
        return Ok(());
    }
    let originals = shop.originals.clone();
    let wanted = unnamed.clone();
    let mut found = tokio::task::spawn_blocking(move || originals.find_fingerprints(&wanted))
        .await
        .context("look for the pictures' names")?;
    unnamed.retain(|fingerprint| !found.iter().any(|(known, _)| known == fingerprint));
    for fingerprint in unnamed {
        let Some([_, _, _, _, _, full]) =
            store::stocking::find_picture(&shop.db, &fingerprint).await?
        else {
            continue;
        };
        let (originals, gallery) = (shop.originals.clone(), shop.pictures.clone());
        let file = tokio::task::spawn_blocking(move || {
            let bytes = gallery.read(&PictureFile::parse(&full).ok()?).ok()??;
            let cleaned = Source::of(full, bytes).ok()?.cleaned().ok()?;
            originals.keep(&cleaned, "picture").ok()
        });
        found.extend(file.await.context("put a picture back")?.map(|file| (fingerprint, file)));
    }
    let mut tx = shop.db.write().await?;
    for (fingerprint, file) in &found {
        store::editing::name_picture(&mut tx, fingerprint, file).await?;
    }
    tx.commit().await.context("commit the pictures' names")
}
