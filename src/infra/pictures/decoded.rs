//! A picture's pixels.

use image::DynamicImage;
use image::metadata::Orientation;

/// The decoded pixels of a file, and its metadata about them.
///
/// Shape: `image` is RGB or RGBA with 8 bits per channel; in a grey picture the three channels are equal.
pub(super) struct Decoded {
    pub image: DynamicImage,
    pub gray: bool,
    pub orientation: Orientation,
    pub profile: Option<Vec<u8>>,
}

/// Only the orientation is ever read from EXIF.
///
/// Source: RFC 9649, section 2.7.1.5: EXIF begins at the TIFF header; some programs put a JPEG's `Exif` before it.
pub(super) fn upright(exif: Option<&[u8]>) -> Orientation {
    exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms)
}
