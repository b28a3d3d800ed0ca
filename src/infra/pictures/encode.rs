//! Encodes pictures as WebP, JPEG and PNG.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageEncoder};
use webp::{Encoder, PixelLayout, WebPConfig};

use crate::infra::pictures::file::{Format, PictureFile, Rendered};

/// The wanted quality of a picture, and its maximum file size.
///
/// Shape: each quality with the maximum size for it, the best first; the last one is used whatever the size.
/// Units: qualities 0 to 100; bytes of WebP, a JPEG may be twice as large; effort 0 to 6, libwebp's `method`.
pub(super) struct Aim<'a> {
    pub steps: &'a [(u8, usize)],
    pub sharp_edges: bool,
    pub effort: i32,
}

/// The format that every Tor Browser can show. `None` if memory is short.
pub(super) fn webp(image: &DynamicImage, aim: &Aim<'_>) -> Option<Rendered> {
    let layout = if image.color().has_alpha() { PixelLayout::Rgba } else { PixelLayout::Rgb };
    let encoder = Encoder::new(image.as_bytes(), layout, image.width(), image.height());
    let mut config = WebPConfig::new().ok()?;
    config.method = aim.effort;
    config.use_sharp_yuv = aim.sharp_edges.into();
    first_small_enough(aim, 1, |quality| {
        config.quality = quality.into();
        encoder.encode_advanced(&config).ok().map(|bytes| bytes.to_vec())
    })
    .map(|bytes| rendered(bytes, Format::WebP))
}

/// For browsers without WebP: a JPEG, or a PNG if there is transparency, which JPEG lacks.
pub(super) fn fallback(image: &DynamicImage, aim: &Aim<'_>) -> Option<Rendered> {
    let (pixels, width, height, colour) =
        (image.as_bytes(), image.width(), image.height(), image.color().into());
    if image.color().has_alpha() {
        let mut bytes = Vec::new();
        let encoder =
            PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive);
        encoder.write_image(pixels, width, height, colour).ok()?;
        return Some(rendered(bytes, Format::Png));
    }
    first_small_enough(aim, 2, |quality| {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode(pixels, width, height, colour)
            .ok()?;
        Some(bytes)
    })
    .map(|bytes| rendered(bytes, Format::Jpeg))
}

fn rendered(bytes: Vec<u8>, format: Format) -> Rendered {
    Rendered { file: PictureFile::of(&bytes, format), bytes }
}

/// The first step is usually small enough; if not, a binary search over the others finds the best one.
fn first_small_enough(
    aim: &Aim<'_>,
    n_budgets: usize,
    mut encode: impl FnMut(u8) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (first, rest) = aim.steps.split_first()?;
    let fits = |step: &(u8, usize), bytes: &[u8]| bytes.len() <= step.1 * n_budgets;
    let bytes = encode(first.0)?;
    if fits(first, &bytes) || rest.is_empty() {
        return Some(bytes);
    }
    let (mut low, mut high) = (0, rest.len() - 1);
    let mut best = None;
    while low < high {
        let middle = (low + high) / 2;
        let bytes = encode(rest[middle].0)?;
        if fits(&rest[middle], &bytes) {
            high = middle;
            best = Some((middle, bytes));
        } else {
            low = middle + 1;
        }
    }
    match best {
        Some((n, bytes)) if n == low => Some(bytes),
        _ => encode(rest[low].0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::pictures::test_images;

    const AIM: Aim<'_> =
        Aim { steps: &[(90, 100), (60, 100), (50, 150), (40, 150)], sharp_edges: false, effort: 6 };

    /// `weight` is the size that the test's encoder produces at quality 1.
    #[track_caller]
    fn check(weight: usize, n_budgets: usize, expected: usize) {
        let bytes = first_small_enough(&AIM, n_budgets, |quality| {
            Some(vec![0; weight * usize::from(quality)])
        });
        assert_eq!(bytes.map(|bytes| bytes.len()), Some(expected), "{weight}");
    }

    #[test]
    fn the_best_quality_that_is_light_enough_is_taken() {
        check(1, 1, 90);
        check(2, 1, 100);
        check(3, 1, 150);
        check(9, 1, 360);
        check(2, 2, 180);
    }

    #[test]
    fn a_picture_has_a_fallback_for_old_browsers() {
        for (image, file, fallback) in [
            (test_images::corners(40, 30), "image/webp", "image/jpeg"),
            (test_images::clear(40, 30), "image/webp", "image/png"),
        ] {
            assert_eq!(webp(&image, &AIM).map(|rendered| rendered.file.content_type()), Some(file));
            assert_eq!(
                super::fallback(&image, &AIM).map(|rendered| rendered.file.content_type()),
                Some(fallback)
            );
        }
    }
}
