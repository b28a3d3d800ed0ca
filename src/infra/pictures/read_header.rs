//! Reads a picture's format and size, and drops everything that the decoder does not need.

use crate::infra::pictures::file::Format;
use crate::infra::pictures::image_header::ImageHeader;
use crate::infra::pictures::jpeg;
use crate::infra::pictures::refusal::PictureFault;

impl ImageHeader {
    /// The content determines the format, whatever the file's extension is.
    ///
    /// # Errors
    /// [`PictureFault::Damaged`] also if the end of the file is missing.
    pub fn read(bytes: &[u8]) -> Result<Self, PictureFault> {
        if bytes.starts_with(b"\xff\xd8\xff") {
            return jpeg::read_header(bytes);
        }
        if bytes.starts_with(PNG_SIGNATURE) {
            return png(bytes).ok_or(PictureFault::Damaged);
        }
        if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return webp(bytes).ok_or(PictureFault::Damaged);
        }
        Err(heif(bytes).unwrap_or_else(|| PictureFault::OtherFormat(other(bytes))))
    }
}

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Keeps the chunks that affect how the picture looks; the others, including compressed texts, never reach a decoder.
///
/// Source: W3C, Portable Network Graphics, third edition, section 5.
fn png(bytes: &[u8]) -> Option<ImageHeader> {
    let mut kept = PNG_SIGNATURE.to_vec();
    let mut head = None;
    let mut n_data = 0;
    let mut animated = false;
    let mut rest = bytes.get(PNG_SIGNATURE.len()..)?;
    loop {
        let length = usize::try_from(u32::from_be_bytes(*rest.first_chunk()?)).ok()?;
        let chunk = rest.get(..length.checked_add(12)?)?;
        rest = &rest[chunk.len()..];
        let (kind, body) = chunk[4..chunk.len() - 4].split_at(4);
        if head.is_none() != (kind == b"IHDR") {
            return None;
        }
        match kind {
            b"IHDR" => {
                let width = u32::from_be_bytes(*body.first_chunk()?);
                let height = u32::from_be_bytes(*body.get(4..)?.first_chunk()?);
                head = Some((width, height, *body.get(8)? == 16));
            }
            b"IDAT" => n_data += 1,
            b"acTL" => animated = true,
            _ => {}
        }
        if matches!(kind, b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" | b"iCCP" | b"eXIf" | b"IEND") {
            kept.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            break;
        }
    }
    let (width, height, deep) = head.filter(|_| 0 < n_data)?;
    Some(ImageHeader {
        format: Format::Png,
        bytes: kept,
        width,
        height,
        deep,
        animated,
        for_print: false,
    })
}

/// Source: RFC 9649, section 2; RFC 6386, section 9.1 for the frame of `VP8`.
fn webp(bytes: &[u8]) -> Option<ImageHeader> {
    let whole = bytes.get(..little(bytes.get(4..8)?)?.checked_add(8)?)?;
    let mut canvas = None;
    let mut frame = None;
    let mut animated = false;
    let mut rest = whole.get(12..)?;
    while let Some(head) = rest.first_chunk::<8>() {
        let length = little(&head[4..])?;
        let body = rest.get(8..length.checked_add(8)?)?;
        // Each chunk is padded to an even length, the last one not by every program.
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
        match &head[..4] {
            b"VP8X" => canvas = Some((little(body.get(4..7)?)? + 1, little(body.get(7..10)?)? + 1)),
            b"ANIM" | b"ANMF" => animated = true,
            b"VP8 " if frame.is_none() => {
                frame =
                    Some((little(body.get(6..8)?)? & 0x3fff, little(body.get(8..10)?)? & 0x3fff));
            }
            b"VP8L" if frame.is_none() => {
                let sides = little(body.get(1..5)?)?;
                frame = Some(((sides & 0x3fff) + 1, ((sides >> 14) & 0x3fff) + 1));
            }
            _ => {}
        }
    }
    // A frame larger than its canvas would be decoded at its own size.
    let agreed = canvas.is_none() || animated || canvas == frame;
    let (width, height) = canvas.or(frame).filter(|_| agreed)?;
    Some(ImageHeader {
        format: Format::WebP,
        bytes: whole.to_vec(),
        width: u32::try_from(width).ok()?,
        height: u32::try_from(height).ok()?,
        deep: false,
        animated,
        for_print: false,
    })
}

fn little(bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .rev()
        .try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))
}

/// The two formats of phones and browsers that share a container; `None`: it is neither.
///
/// Source: ISO/IEC 23008-12, the brands of a HEIF file; AV1 Image File Format, section 5.
fn heif(bytes: &[u8]) -> Option<PictureFault> {
    let length = usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()?;
    let file_type = bytes.get(4..length.min(bytes.len()).min(1024))?.strip_prefix(b"ftyp")?;
    // The main brand, its version, then all brands that it is compatible with.
    let mut brands = file_type.chunks_exact(4);
    if brands.clone().any(|brand| matches!(brand, b"avif" | b"avis")) {
        return Some(PictureFault::Avif);
    }
    let is_heic = |brand: &[u8]| {
        matches!(
            brand,
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1"
        )
    };
    brands.any(is_heic).then_some(PictureFault::Heic)
}

/// Names the format of a file that a seller may have mistaken for a supported picture.
fn other(bytes: &[u8]) -> &'static str {
    let start = &bytes[..bytes.len().min(1024)];
    match start {
        [] => "empty",
        [b'G', b'I', b'F', b'8', ..] => "a GIF",
        [b'B', b'M', ..] => "a BMP",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF or a camera raw file",
        [b'%', b'P', b'D', b'F', ..] => "a PDF",
        _ if start.windows(4).any(|four| four == b"<svg") => "an SVG",
        _ => "of an unsupported kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::pictures::test_images;

    #[track_caller]
    fn check(bytes: &[u8], expected: PictureFault) {
        let fault = ImageHeader::read(bytes).err().unwrap();
        assert_eq!(fault.to_string(), expected.to_string());
    }

    #[test]
    fn the_content_decides_which_kind_a_file_is() {
        let image = test_images::corners(9, 7);
        for (bytes, format) in [
            (test_images::jpeg(&image), Format::Jpeg),
            (test_images::progressive_jpeg(), Format::Jpeg),
            (test_images::png(&image), Format::Png),
            (test_images::lossy_webp(&image), Format::WebP),
            (test_images::lossless_webp(&image), Format::WebP),
        ] {
            assert_eq!(ImageHeader::read(&bytes).ok().unwrap().format, format);
        }
        check(b"", PictureFault::OtherFormat("empty"));
        check(b"GIF89a", PictureFault::OtherFormat("a GIF"));
        check(b"BM..", PictureFault::OtherFormat("a BMP"));
        check(b"II*\0", PictureFault::OtherFormat("a TIFF or a camera raw file"));
        check(b"%PDF-1.7", PictureFault::OtherFormat("a PDF"));
        check(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", PictureFault::Heic);
        check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", PictureFault::Heic);
        check(b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", PictureFault::Avif);
        check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", PictureFault::Avif);
        check(b"\0\0\0\x18ftypheic", PictureFault::Heic);
        // A film, and a box that is longer than the file.
        check(
            b"\0\0\0\x18ftypisom\0\0\0\0mp42avc1",
            PictureFault::OtherFormat("of an unsupported kind"),
        );
        check(b"\xff\xff\xff\xffftyp", PictureFault::OtherFormat("of an unsupported kind"));
        check(b"<?xml version=\"1.0\"?>\n<svg xmlns=''>", PictureFault::OtherFormat("an SVG"));
        check(b"<html>", PictureFault::OtherFormat("of an unsupported kind"));
        check(b"RIFF\x04\0\0\0WAVE", PictureFault::OtherFormat("of an unsupported kind"));
    }

    #[test]
    fn measures_are_known_before_anything_is_decoded() {
        let outline =
            ImageHeader::read(&test_images::jpeg(&test_images::corners(9, 7))).ok().unwrap();
        assert_eq!((outline.width, outline.height, outline.for_print), (9, 7, false));
        let outline =
            ImageHeader::read(&test_images::png(&test_images::corners(9, 7))).ok().unwrap();
        assert_eq!((outline.width, outline.height, outline.deep), (9, 7, false));
        for bytes in [
            test_images::lossy_webp(&test_images::clear(9, 7)),
            test_images::lossless_webp(&test_images::clear(9, 7)),
        ] {
            let outline = ImageHeader::read(&bytes).ok().unwrap();
            assert_eq!((outline.width, outline.height), (9, 7));
        }
    }

    #[test]
    fn a_webp_frame_that_is_not_its_canvas_is_refused() {
        let webp = test_images::lossy_webp(&test_images::corners(40, 30));
        assert!(ImageHeader::read(&test_images::with_webp_chunks(&webp, (40, 30), 0, &[])).is_ok());
        check(&test_images::with_webp_chunks(&webp, (4, 3), 0, &[]), PictureFault::Damaged);
    }

    #[test]
    fn what_moves_is_known() {
        assert!(ImageHeader::read(&test_images::animated_png()).ok().unwrap().animated);
        let webp = test_images::lossy_webp(&test_images::corners(4, 3));
        let moving = test_images::with_webp_chunks(&webp, (4, 3), 2, &[(b"ANIM", &[0; 6])]);
        assert!(ImageHeader::read(&moving).ok().unwrap().animated);
    }

    #[test]
    fn comments_and_texts_never_reach_a_decoder() {
        let jpeg = test_images::with_jpeg_segment(
            &test_images::jpeg(&test_images::corners(9, 7)),
            0xfe,
            b"secret",
        );
        let jpeg =
            test_images::with_jpeg_segment(&jpeg, 0xe1, b"http://ns.adobe.com/xap/1.0/\0secret");
        let png = test_images::with_png_chunk(
            &test_images::png(&test_images::corners(9, 7)),
            *b"tEXt",
            b"by\0secret",
        );
        for bytes in [[&jpeg, b"secret".as_slice()].concat(), [&png, b"secret".as_slice()].concat()]
        {
            let outline = ImageHeader::read(&bytes).ok().unwrap();
            assert!(!outline.bytes.windows(6).any(|six| six == b"secret"));
        }
    }

    #[test]
    fn a_small_file_that_claims_to_be_huge_is_refused_at_once() {
        let mut png = test_images::png(&test_images::corners(4, 4));
        png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        assert_eq!(
            test_images::refusal(&png).to_string(),
            "the picture \"red shirt.jpg\" has 60000 by 60000 pixels: \
             save it with at most 50 megapixels (25 with 16 bits per colour) and 65535 pixels a side"
        );
        let mut jpeg = test_images::jpeg(&test_images::corners(4, 4));
        let at = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        jpeg[at + 5..at + 9].copy_from_slice(&[0xff; 4]);
        let mut deep = test_images::png(&test_images::corners(4, 4).to_rgb16().into());
        deep[16..24].copy_from_slice(&[0, 0, 0x17, 0x70, 0, 0, 0x17, 0x70]);
        let mut long = test_images::png(&test_images::corners(4, 4));
        long[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 1]);
        for file in [jpeg, deep, long] {
            assert!(matches!(
                test_images::refusal(&file).fault,
                PictureFault::TooManyPixels { .. }
            ));
        }
    }

    #[test]
    fn a_refusal_names_the_file_and_says_what_would_be_right() {
        let jpeg = test_images::jpeg(&test_images::corners(40, 30));
        for (file, expected) in [
            (
                b"GIF89a".to_vec(),
                "the picture \"red shirt.jpg\" is a GIF: save it as JPEG, PNG or WebP",
            ),
            (
                test_images::animated_png(),
                "the picture \"red shirt.jpg\" is animated: save a single frame instead",
            ),
            (
                jpeg[..jpeg.len() / 2].to_vec(),
                "the picture \"red shirt.jpg\" is damaged or truncated: copy it again from its source",
            ),
        ] {
            assert_eq!(test_images::refusal(&file).to_string(), expected);
        }
    }
}
