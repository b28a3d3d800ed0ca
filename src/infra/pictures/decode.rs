//! Decodes pictures within limits.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageResult, Limits};

use crate::infra::pictures::decoded::{Decoded, orientation};
use crate::infra::pictures::file::Format;
use crate::infra::pictures::image_header::ImageHeader;
use crate::infra::pictures::jpeg;

/// Units: bytes that a PNG may take for its colour profile and its rows, besides the pixels themselves.
const PNG_ROOM: u64 = 16 * 1024 * 1024;

impl Decoded {
    /// Takes a header whose dimensions are known to be small enough; `None` if the picture is damaged or the pixels do not
    /// fit the limit.
    pub fn new(header: &ImageHeader) -> Option<Self> {
        let decoded = match header.format {
            Format::Jpeg => jpeg::decode(&header.bytes).ok()?,
            Format::Png => png(&header.bytes).ok()?,
            Format::WebP => {
                pixels(WebPDecoder::new(Cursor::new(header.bytes.as_slice())).ok()?).ok()?
            }
        };
        let size = (decoded.image.width(), decoded.image.height());
        (size == (header.width, header.height) && 0 < size.0 && 0 < size.1).then_some(decoded)
    }
}

fn png(bytes: &[u8]) -> ImageResult<Decoded> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(PNG_ROOM);
    pixels(PngDecoder::with_limits(Cursor::new(bytes), limits)?)
}

fn pixels(mut decoder: impl ImageDecoder) -> ImageResult<Decoded> {
    let orientation = orientation(decoder.exif_metadata()?.as_deref());
    let profile = decoder.icc_profile()?;
    let image = DynamicImage::from_decoder(decoder)?;
    let gray = !image.color().has_color();
    let image = if image.color().has_alpha() {
        image.into_rgba8().into()
    } else {
        image.into_rgb8().into()
    };
    Ok(Decoded { image, gray, orientation, profile })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::infra::pictures::test_images;

    fn is_shown(bytes: &[u8]) -> bool {
        let header =
            ImageHeader::read(bytes).ok().filter(|header| header.width.max(header.height) < 5_000);
        header.is_some_and(|header| Decoded::new(&header).is_some())
    }

    fn pictures() -> Vec<Vec<u8>> {
        let (plain, clear) = (test_images::corners(40, 30), test_images::clear(40, 30));
        let gray: DynamicImage = plain.to_luma8().into();
        let mut files: Vec<Vec<u8>> = vec![
            test_images::jpeg(&plain),
            test_images::jpeg(&gray),
            test_images::progressive_jpeg(),
        ];
        for image in [&plain, &clear, &gray] {
            files.push(test_images::png(image));
        }
        for image in [&plain, &clear] {
            files.extend([test_images::lossy_webp(image), test_images::lossless_webp(image)]);
        }
        files
    }

    #[test]
    fn a_picture_cut_anywhere_is_refused() {
        for whole in pictures() {
            assert!(is_shown(&whole));
            for n in 0..whole.len() {
                assert!(!is_shown(&whole[..n]), "{n} of {}", whole.len());
            }
        }
    }

    #[test]
    fn every_depth_and_kind_of_png_is_read() {
        let colours = test_images::corners(8, 8);
        let clear = test_images::clear(8, 8);
        let deep: Vec<DynamicImage> =
            vec![colours.to_rgb16().into(), colours.to_luma16().into(), clear.to_rgba16().into()];
        for image in
            deep.iter().chain([&clear.to_luma_alpha8().into(), &clear.to_luma_alpha16().into()])
        {
            let header = ImageHeader::read(&test_images::png(image)).ok().unwrap();
            assert_eq!(
                header.deep,
                image.color().bits_per_pixel() / u16::from(image.color().channel_count()) == 16
            );
            let decoded = Decoded::new(&header).unwrap();
            assert_eq!(decoded.gray, !image.color().has_color());
            assert_eq!(decoded.image.color().has_alpha(), image.color().has_alpha());
        }
        let decoded =
            Decoded::new(&ImageHeader::read(&test_images::palette_png()).ok().unwrap()).unwrap();
        assert_eq!(decoded.image.to_rgba8().into_raw(), [255, 0, 0, 255, 0, 0, 255, 0]);
    }

    #[test]
    fn texts_and_profiles_that_swell_take_no_room() {
        let swelling = test_images::swelling(64 * 1024 * 1024);
        let plain = test_images::png(&test_images::corners(4, 4));
        for kind in [b"zTXt", b"iCCP", b"iTXt"] {
            assert!(is_shown(&test_images::with_png_chunk(&plain, *kind, &swelling)), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_panics(
            which in 0..10_usize,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut files = pictures();
            let bytes = &mut files[which];
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            is_shown(bytes);
        }
    }
}
