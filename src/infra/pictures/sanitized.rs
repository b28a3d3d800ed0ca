//! Uploaded pictures, reduced to upright pixels without metadata.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageEncoder};

use crate::infra::pictures::decoded::Decoded;
use crate::infra::pictures::file::Format;
use crate::infra::pictures::image_header::ImageHeader;
use crate::infra::pictures::refusal::{NotAPicture, PictureFault};
use crate::infra::pictures::shrink;
use crate::infra::pictures::source::Source;

/// Units: quality 0 to 100.
const QUALITY: u8 = 92;

/// A sanitized upload: upright, sRGB, pixels and nothing else. So the seller's own folder reveals nothing about where
/// and when it was taken.
pub struct Sanitized {
    pub bytes: Vec<u8>,
    /// `jpg` or `png`.
    pub ending: &'static str,
}

impl Source {
    /// The size of the picture, known before any pixel is decoded.
    ///
    /// Units: millions of pixels, at least 1.
    ///
    /// # Errors
    /// [`NotAPicture`] for everything that is refused before decoding.
    pub fn megapixels(&self) -> Result<u32, NotAPicture> {
        let header =
            ImageHeader::read_checked(self.bytes()).map_err(|fault| self.refused(fault))?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        Ok(u32::try_from(pixels.div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1))
    }

    /// A photograph stays a JPEG, everything else becomes a PNG.
    ///
    /// # Errors
    /// [`NotAPicture`], with the limits and texts of [`Source::render`].
    pub fn sanitized(self) -> Result<Sanitized, NotAPicture> {
        let name = self.name();
        sanitize(self).map_err(|fault| NotAPicture { name, fault })
    }
}

fn sanitize(source: Source) -> Result<Sanitized, PictureFault> {
    let header = source.into_header()?;
    let format = header.format;
    let decoded = Decoded::new(&header).ok_or(PictureFault::Damaged)?;
    drop(header);
    let gray = decoded.gray;
    let mut image = decoded.upright(|image| image)?;
    loop {
        let sanitized = encoded(&image, format, gray).ok_or(PictureFault::NotConverted)?;
        // Losslessly compressed noise can exceed the size limit of the seller's folder.
        if sanitized.bytes.len() <= Source::MAX_BYTES {
            return Ok(sanitized);
        }
        image = shrink::divided(image, 2);
    }
}

fn encoded(image: &DynamicImage, format: Format, gray: bool) -> Option<Sanitized> {
    let mut bytes = Vec::new();
    if format == Format::Jpeg {
        let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
        if gray {
            image.to_luma8().write_with_encoder(encoder).ok()?;
        } else {
            image.write_with_encoder(encoder).ok()?;
        }
        return Some(Sanitized { bytes, ending: "jpg" });
    }
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let (pixels, width, height) = (image.as_bytes(), image.width(), image.height());
    encoder.write_image(pixels, width, height, image.color().into()).ok()?;
    Some(Sanitized { bytes, ending: "png" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::pictures::test_images;

    fn sanitized(bytes: &[u8]) -> Sanitized {
        Source::of("red shirt.jpg".to_owned(), bytes.to_vec()).unwrap().sanitized().ok().unwrap()
    }

    fn holds(bytes: &[u8], words: &[u8]) -> bool {
        bytes.windows(words.len()).any(|here| here == words)
    }

    #[test]
    fn nothing_but_pixels_is_kept() {
        let corners = test_images::corners(80, 60);
        let exif = [test_images::exif(6), b"GPS 52.5200 N".to_vec()].concat();
        let segment = [b"Exif\0\0", exif.as_slice()].concat();
        let jpeg = test_images::with_jpeg_segment(&test_images::jpeg(&corners), 0xe1, &segment);
        let jpeg = test_images::with_jpeg_segment(&jpeg, 0xfe, b"GPS in a comment");
        let png = test_images::with_png_chunk(&test_images::png(&corners), *b"eXIf", &exif);
        let png = test_images::with_png_chunk(&png, *b"tEXt", b"by\0GPS in a text");
        let webp = test_images::with_webp_chunks(
            &test_images::lossless_webp(&corners),
            (80, 60),
            8,
            &[(b"EXIF", &exif)],
        );
        for (bytes, ending) in [(jpeg, "jpg"), (png, "png"), (webp, "png")] {
            let bytes = [bytes, b"<html>GPS behind it".to_vec()].concat();
            let picture = sanitized(&bytes);
            assert_eq!(picture.ending, ending);
            assert!(!holds(&picture.bytes, b"GPS") && !holds(&picture.bytes, b"Exif"));
            assert!(!holds(&picture.bytes, b"eXIf") && !holds(&picture.bytes, b"html"));
            // Upright: the photo was taken with the camera on its side.
            let header = ImageHeader::read(&picture.bytes).ok().unwrap();
            assert_eq!((header.width, header.height), (60, 80));
        }
    }

    #[test]
    fn a_sanitized_picture_keeps_its_size_when_sanitized_again() {
        let once = sanitized(&test_images::jpeg(&test_images::corners(4000, 20)));
        let header = ImageHeader::read(&once.bytes).ok().unwrap();
        assert_eq!((header.width, header.height), (2000, 10));
        let twice = sanitized(&once.bytes);
        let header = ImageHeader::read(&twice.bytes).ok().unwrap();
        assert_eq!((header.width, header.height), (2000, 10));
    }

    #[test]
    fn a_thin_picture_keeps_a_pixel_each_way() {
        let thin = sanitized(&test_images::png(&test_images::corners(6401, 1)));
        let header = ImageHeader::read(&thin.bytes).ok().unwrap();
        assert_eq!((header.width, header.height), (1600, 1));
    }

    #[test]
    fn a_transparent_picture_stays_transparent() {
        let clear = sanitized(&test_images::png(&test_images::clear(40, 30)));
        let decoded = Decoded::new(&ImageHeader::read(&clear.bytes).ok().unwrap()).unwrap();
        assert!(decoded.image.color().has_alpha());
    }
}
