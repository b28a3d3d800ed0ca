//! Sanitizes, stores and renders an uploaded picture.

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::image_worker::{ImageWorker, Job, PictureError, Rendered};
use crate::actions::render_picture::is_rendered;
use crate::infra::pictures::{NotAPicture, PictureFile, Source};
use crate::infra::store;
use crate::infra::store::pictures::RenderedPicture;

/// A picture that was uploaded and can be shown, though no product uses it yet.
#[derive(Clone, Debug)]
pub struct AddedPicture {
    /// Its path in the seller's picture folder.
    pub file: String,
    pub fingerprint: String,
}

/// Takes an uploaded picture. The copy stored in the seller's folder is upright, smaller than a camera's, and holds
/// nothing but pixels. The upload itself is never written to the disk. `name`: the file name of the upload.
///
/// # Errors
/// [`PictureError::Refused`] if it is none that the shop can show.
pub async fn add_picture(
    shop: &Shop,
    name: String,
    bytes: Vec<u8>,
) -> Result<AddedPicture, PictureError> {
    let outline = tokio::task::spawn_blocking(move || {
        let source = Source::of(name, bytes)?;
        let megapixels = source.megapixels()?;
        Ok::<_, NotAPicture>((source, megapixels))
    });
    match outline.await.context("process a picture")? {
        Ok((source, megapixels)) => {
            let name = source.name();
            show(shop, Job::Upload, megapixels, &name, source.into_bytes()).await
        }
        Err(refused) => Err(PictureError::Refused(refused.to_string())),
    }
}

/// Renders a picture of the seller's folder unless that is done already. Returns its fingerprint.
///
/// # Errors
/// [`PictureError::Refused`] if it is none that the shop can show.
pub(super) async fn show_original(shop: &Shop, file: &str) -> Result<String, PictureError> {
    let (originals, name) = (shop.originals.clone(), file.to_owned());
    let found = tokio::task::spawn_blocking(move || {
        let source = originals.find(&name)?;
        let megapixels = source.megapixels()?;
        Ok::<_, NotAPicture>((source.fingerprint().to_owned(), megapixels))
    });
    let (fingerprint, megapixels) = match found.await.context("process a picture")? {
        Ok(found) => found,
        Err(refused) => return Err(PictureError::Refused(refused.to_string())),
    };
    if is_rendered(shop, &fingerprint).await? {
        return Ok(fingerprint);
    }
    let shown = show(shop, Job::Original, megapixels, file, Vec::new()).await?;
    Ok(shown.fingerprint)
}

async fn show(
    shop: &Shop,
    job: Job,
    megapixels: u32,
    name: &str,
    bytes: Vec<u8>,
) -> Result<AddedPicture, PictureError> {
    let rendered: Rendered = ImageWorker::develop(shop, job, megapixels, name, bytes).await?;
    let mut tx = shop.db.write().await?;
    let row = RenderedPicture {
        fingerprint: &rendered.fingerprint,
        sizes: rendered
            .sizes
            .each_ref()
            .map(|size| (size.0, size.1, size.2.as_str(), size.3.as_str())),
    };
    store::pictures::keep(&mut tx, &row).await.context("save a picture")?;
    tx.commit().await.context("commit a picture")?;
    Ok(AddedPicture { file: rendered.file, fingerprint: rendered.fingerprint })
}

/// Finds the file names of pictures that an older version of the shop showed without storing their names. If the
/// seller's folder no longer has one, its rendered copy is written there.
pub async fn name_pictures(shop: &Shop) -> anyhow::Result<()> {
    let mut unnamed = store::pictures::list_unnamed(&mut *shop.db.reader().await?).await?;
    if unnamed.is_empty() {
        return Ok(());
    }
    let originals = shop.originals.clone();
    let wanted = unnamed.clone();
    let mut found = tokio::task::spawn_blocking(move || originals.find_fingerprints(&wanted))
        .await
        .context("list the pictures without names")?;
    unnamed.retain(|fingerprint| !found.iter().any(|(known, _)| known == fingerprint));
    for fingerprint in unnamed {
        let Some([_, _, _, _, _, full]) =
            store::pictures::find(&mut *shop.db.reader().await?, &fingerprint).await?
        else {
            continue;
        };
        let (originals, gallery) = (shop.originals.clone(), shop.pictures.clone());
        let file = tokio::task::spawn_blocking(move || {
            let bytes = gallery.read(&PictureFile::parse(&full).ok()?).ok()??;
            let sanitized = Source::of(full, bytes).ok()?.sanitized().ok()?;
            originals.keep(&sanitized, "picture").ok()
        });
        found.extend(file.await.context("restore a picture")?.map(|file| (fingerprint, file)));
    }
    let mut tx = shop.db.write().await?;
    for (fingerprint, file) in &found {
        store::pictures::name(&mut tx, fingerprint, file).await?;
    }
    tx.commit().await.context("commit the pictures' names")
}
