//! A picture's pixels.

use image::DynamicImage;
use image::metadata::Orientation;

use crate::infra::pictures::refusal::PictureFault;
use crate::infra::pictures::{colour, scale};

/// The decoded pixels of a file, and its metadata about them.
///
/// Shape: `image` is RGB or RGBA with 8 bits per channel; in a grey picture the three channels are equal. A large picture is
/// made smaller while it is decoded, by 2, 4, 8 …, until its sides are at most 3,199 pixels long.
pub(super) struct Decoded {
    pub image: DynamicImage,
    pub gray: bool,
    pub orientation: Orientation,
    pub profile: Option<Vec<u8>>,
}

impl Decoded {
    /// The picture upright and in sRGB, at the size that `resize` gives it.
    pub fn upright(
        self,
        resize: impl FnOnce(DynamicImage) -> DynamicImage,
    ) -> Result<DynamicImage, PictureFault> {
        let Self { image, gray, orientation, profile } = self;
        let mut image = resize(scale::with_honest_alpha(image));
        image.apply_orientation(orientation);
        if let Some(profile) = profile {
            colour::to_srgb(&mut image, gray, &profile).map_err(|_| PictureFault::Profile)?;
        }
        Ok(image)
    }
}

/// Only the orientation is ever read from EXIF.
///
/// Source: RFC 9649, section 2.7.1.5: EXIF begins at the TIFF header; some programs put a JPEG's `Exif` before it.
pub(super) fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms)
}
