//! Renders a picture in its three sizes and keeps the files.

use std::io;

use crate::actions::Shop;
use crate::infra::pictures::{NotAPicture, Picture, Rendered, Rendition, Source};
use crate::infra::store;
use crate::infra::store::StoreError;

/// Whether all files of a picture are there already.
pub(super) async fn is_rendered(shop: &Shop, fingerprint: &str) -> Result<bool, StoreError> {
    let files = store::pictures::find(&mut *shop.db.reader().await?, fingerprint).await?;
    Ok(files.is_some_and(|files| files.iter().all(|file| shop.pictures.has_named(file))))
}

/// `keep` stores a file. The error says what is wrong with the picture.
pub(super) fn render_one(
    keep: &impl Fn(&Rendered) -> io::Result<()>,
    found: Result<Source, NotAPicture>,
) -> Result<Picture, String> {
    let mut picture =
        found.and_then(|source| source.render()).map_err(|refused| refused.to_string())?;
    for size in [&mut picture.thumb, &mut picture.page, &mut picture.full] {
        for file in [&mut size.webp, &mut size.fallback] {
            keep(file).map_err(|error| format!("it cannot be stored: {error}"))?;
            // From here on only the name is needed; the bytes of many pictures would fill the memory.
            file.bytes = Vec::new();
        }
    }
    Ok(picture)
}

/// A size as the store keeps it.
pub(super) fn columns(size: &Rendition) -> (u32, u32, &str, &str) {
    (size.width, size.height, size.webp.file.as_str(), size.fallback.file.as_str())
}
