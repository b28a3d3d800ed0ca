//! Decodes pictures within limits.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder};
use png::{BitDepth, ColorType, Limits, Transformations};

use crate::infra::pictures::decoded::{Decoded, orientation};
use crate::infra::pictures::file::Format;
use crate::infra::pictures::image_header::ImageHeader;
use crate::infra::pictures::shrink::Shrinker;
use crate::infra::pictures::{jpeg, shrink};

/// Units: bytes that a PNG may take for its colour profile and its rows, besides the pixels themselves.
const PNG_ROOM: usize = 16 * 1024 * 1024;

impl Decoded {
    /// Takes a header whose dimensions are known to be small enough; `None` if the picture is damaged or the pixels do not
    /// fit the limit.
    pub fn new(header: &ImageHeader) -> Option<Self> {
        if header.width == 0 || header.height == 0 {
            return None;
        }
        match header.format {
            Format::Jpeg => jpeg::decode(header),
            Format::Png => png(header),
            Format::WebP => webp(header),
        }
    }
}

/// Reads and shrinks row by row. Only an interlaced picture is in memory as a whole: its rows are complete at the end.
fn png(header: &ImageHeader) -> Option<Decoded> {
    let mut decoder = png::Decoder::new_with_limits(
        Cursor::new(header.bytes.as_slice()),
        Limits { bytes: PNG_ROOM },
    );
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().ok()?;
    let info = reader.info();
    if (info.width, info.height) != (header.width, header.height) {
        return None;
    }
    let orientation = orientation(info.exif_metadata.as_deref());
    let profile = info.icc_profile.as_deref().map(<[u8]>::to_vec);
    let interlaced = info.interlaced;
    let (colour, depth) = reader.output_color_type();
    let has_alpha = matches!(colour, ColorType::GrayscaleAlpha | ColorType::Rgba);
    let gray = matches!(colour, ColorType::GrayscaleAlpha | ColorType::Grayscale);
    let divisor = shrink::divisor(header.width, header.height);
    let mut shrinker = Shrinker::new(header.width, header.height, has_alpha, divisor);
    let mut colours = Vec::new();
    let mut push = |row: &[u8]| {
        colours.clear();
        push_colours(&mut colours, row, gray, depth, usize::from(has_alpha));
        shrinker.push(&colours);
    };
    if interlaced {
        let mut pixels = vec![0; reader.output_buffer_size()?];
        reader.next_frame(&mut pixels).ok()?;
        pixels.chunks_exact(reader.output_line_size(header.width)?).for_each(push);
    } else {
        while let Some(row) = reader.next_row().ok()? {
            push(row.data());
        }
    }
    Some(Decoded { image: shrinker.finish()?, gray, orientation, profile })
}

/// As RGB or RGBA with 8 bits.
fn push_colours(colours: &mut Vec<u8>, row: &[u8], gray: bool, depth: BitDepth, n_alphas: usize) {
    let n_samples = n_alphas + if gray { 1 } else { 3 };
    let mut push = |pixel: &[u8]| match *pixel {
        [shade] => colours.extend_from_slice(&[shade; 3]),
        [shade, alpha] => colours.extend_from_slice(&[shade, shade, shade, alpha]),
        _ => colours.extend_from_slice(pixel),
    };
    if depth == BitDepth::Sixteen {
        let mut narrow = [0; 4];
        for pixel in row.chunks_exact(2 * n_samples) {
            for (narrow, wide) in narrow.iter_mut().zip(pixel.chunks_exact(2)) {
                let wide = u32::from(u16::from_be_bytes([wide[0], wide[1]]));
                *narrow = u8::try_from((wide + 128) / 257).unwrap_or(u8::MAX);
            }
            push(&narrow[..n_samples]);
        }
    } else {
        row.chunks_exact(n_samples).for_each(push);
    }
}

/// Its decoder has no rows: the whole picture is in memory.
fn webp(header: &ImageHeader) -> Option<Decoded> {
    let mut decoder = WebPDecoder::new(Cursor::new(header.bytes.as_slice())).ok()?;
    let orientation = orientation(decoder.exif_metadata().ok()?.as_deref());
    let profile = decoder.icc_profile().ok()?;
    let image = DynamicImage::from_decoder(decoder).ok()?;
    let (width, height) = (image.width(), image.height());
    if (width, height) != (header.width, header.height) {
        return None;
    }
    let gray = !image.color().has_color();
    let image = if image.color().has_alpha() {
        image.into_rgba8().into()
    } else {
        image.into_rgb8().into()
    };
    let image = shrink::divided(image, shrink::divisor(width, height));
    Some(Decoded { image, gray, orientation, profile })
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
    fn an_interlaced_png_is_read() {
        let decoded =
            Decoded::new(&ImageHeader::read(&test_images::interlaced_png()).ok().unwrap()).unwrap();
        assert_eq!((decoded.image.width(), decoded.image.height(), decoded.gray), (2, 1, true));
        assert_eq!(decoded.image.as_bytes(), [7, 7, 7, 200, 200, 200]);
    }

    #[test]
    fn a_large_png_is_shrunk_while_it_is_decoded() {
        for image in [test_images::corners(4000, 10), test_images::clear(4000, 10)] {
            let decoded = ImageHeader::read(&test_images::png(&image)).ok().unwrap();
            let small = Decoded::new(&decoded).unwrap().image.to_rgba8();
            assert_eq!((small.width(), small.height()), (2000, 5));
            assert_eq!(small.get_pixel(1999, 4), image.to_rgba8().get_pixel(3999, 9));
        }
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
