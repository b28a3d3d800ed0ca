//! Decodes JPEG files.

use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use crate::infra::pictures::decoded::{Decoded, orientation};
use crate::infra::pictures::file::Format;
use crate::infra::pictures::image_header::ImageHeader;
use crate::infra::pictures::refusal::PictureFault;
use crate::infra::pictures::shrink;

/// Walks from segment to segment up to the end of the image, so that a truncated file is detected. Anything that a
/// phone appends (a second picture, a video) is dropped.
///
/// Source: ITU-T T.81, annex B; T.871 for JFIF, T.872 for the Adobe segment.
pub(super) fn read_header(bytes: &[u8]) -> Result<ImageHeader, PictureFault> {
    let mut kept = bytes[..2].to_vec();
    let mut frame = None;
    let mut n_scans = 0;
    let mut n_least_scans = 1;
    let (mut is_jfif, mut adobe) = (false, None);
    let mut rest = &bytes[2..];
    loop {
        let marker;
        (marker, rest) = next_marker(rest).ok_or(PictureFault::Damaged)?;
        match marker {
            0xd9 => break,
            0x01 | 0xd0..=0xd7 => continue,
            0xd8 => return Err(PictureFault::Damaged),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcf => return Err(PictureFault::RareJpeg),
            _ => {}
        }
        let length = rest.get(..2).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]])));
        let segment = length.filter(|length| 2 <= *length).and_then(|length| rest.get(..length));
        let segment = segment.ok_or(PictureFault::Damaged)?;
        let body = &segment[2..];
        rest = &rest[segment.len()..];
        let needed = match marker {
            0xc0..=0xc2 | 0xc4 | 0xda | 0xdb | 0xdd | 0xee => true,
            0xe1 => body.starts_with(b"Exif\0"),
            0xe2 => body.starts_with(b"ICC_PROFILE\0"),
            _ => false,
        };
        is_jfif |= marker == 0xe0 && body.starts_with(b"JFIF\0");
        if marker == 0xee {
            adobe = Some(kept.len()..kept.len() + 2 + segment.len());
        }
        if needed {
            kept.extend_from_slice(&[0xff, marker]);
            kept.extend_from_slice(segment);
        }
        if let (0xc0..=0xc2, [bits, h1, h0, w1, w0, n_colours, ..]) = (marker, body) {
            if frame.is_some() {
                return Err(PictureFault::Damaged);
            }
            if *bits != 8 || !matches!(n_colours, 1 | 3 | 4) {
                return Err(PictureFault::RareJpeg);
            }
            // A progressive file has at least two scans: the DC coefficients of the blocks, and the rest.
            n_least_scans = if marker == 0xc2 { 2 } else { 1 };
            frame =
                Some((u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0]), *n_colours));
        }
        if marker == 0xda {
            n_scans += 1;
            let n = n_coded(rest);
            kept.extend_from_slice(&rest[..n]);
            rest = &rest[n..];
        }
    }
    let (width, height, n_colours) =
        frame.filter(|_| n_least_scans <= n_scans).ok_or(PictureFault::Damaged)?;
    // The colours of a JFIF file are always the same, whatever Adobe's segment says; browsers decide so, too.
    if let Some(adobe) = adobe.filter(|_| is_jfif) {
        kept.drain(adobe);
    }
    // No Huffman code is all ones (T.81, C.2), and a scan is padded with ones. So these bytes change nothing after a
    // complete scan, and cause a decoder error if rows are missing; without them, the decoder would show the missing
    // rows in grey.
    kept.extend_from_slice(&[0xff, 0].repeat(16));
    kept.extend_from_slice(&[0xff, 0xd9]);
    Ok(ImageHeader {
        format: Format::Jpeg,
        bytes: kept,
        width: width.into(),
        height: height.into(),
        deep: false,
        animated: false,
        for_print: n_colours == 4,
    })
}

fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes;
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        rest = &rest[at..];
        let at = rest.iter().position(|byte| *byte != 0xff)?;
        let marker = rest[at];
        rest = &rest[at + 1..];
        if marker != 0 {
            return Some((marker, rest));
        }
    }
}

/// Units: bytes up to the marker that ends a scan; stuffed bytes and restart markers are part of it.
fn n_coded(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(step) = bytes[at..].iter().position(|byte| *byte == 0xff) {
        at += step;
        match bytes.get(at + 1) {
            Some(0 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            _ => return at,
        }
    }
    bytes.len()
}

/// The decoder is called directly and not through `image`, which decodes every pixel and shows half a picture in grey. This
/// one scales blocks of coefficients, which takes less memory and time.
pub(super) fn decode(header: &ImageHeader) -> Option<Decoded> {
    let mut decoder = Decoder::new(header.bytes.as_slice());
    decoder.read_info().ok()?;
    let info = decoder.info()?;
    if (u32::from(info.width), u32::from(info.height)) != (header.width, header.height) {
        return None;
    }
    let gray = info.pixel_format == PixelFormat::L8;
    if !gray && is_rgb(&header.bytes) {
        decoder.set_color_transform(ColorTransform::RGB);
    }
    let longest = info.width.max(info.height);
    let wanted = longest.div_ceil(u16::try_from(shrink::divisor(longest.into(), 1)).ok()?);
    // It takes the smallest scale at which one side is long enough: only the longest is.
    let (width, height) = if info.width < info.height {
        decoder.scale(u16::MAX, wanted).ok()?
    } else {
        decoder.scale(wanted, u16::MAX).ok()?
    };
    let pixels = decoder.decode().ok()?;
    let (width, height) = (u32::from(width), u32::from(height));
    let image: DynamicImage = if gray {
        DynamicImage::ImageLuma8(GrayImage::from_raw(width, height, pixels)?).into_rgb8().into()
    } else {
        RgbImage::from_raw(width, height, pixels)?.into()
    };
    let orientation = orientation(decoder.exif_data());
    let image = shrink::divided(image, shrink::divisor(width, height));
    Some(Decoded { image, gray, orientation, profile: decoder.icc_profile() })
}

/// Whether Adobe's segment says that the colours are red, green and blue; the decoder does not look if the components have
/// the usual numbers.
///
/// Source: ITU-T T.872, section 6.5.3. The segments come from [`read_header`].
fn is_rgb(bytes: &[u8]) -> bool {
    let mut rest = &bytes[2..];
    while let [0xff, marker, high, low, ..] = *rest {
        let body = rest.get(4..2 + usize::from(u16::from_be_bytes([high, low])));
        let Some(body) = body.filter(|_| marker != 0xda) else { return false };
        if marker == 0xee && body.starts_with(b"Adobe\0") {
            return body.get(11) == Some(&0);
        }
        rest = &rest[4 + body.len()..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::pictures::test_images;

    #[track_caller]
    fn check(bytes: &[u8], expected: PictureFault) {
        let fault = read_header(bytes).err().unwrap();
        assert_eq!(fault.to_string(), expected.to_string());
    }

    fn jpeg_of(n_bits: u8, n_colours: u8, marker: u8) -> Vec<u8> {
        let head = test_images::with_jpeg_segment(
            b"\xff\xd8",
            marker,
            &[n_bits, 0xff, 0xff, 0xff, 0xff, n_colours],
        );
        [&head, b"\xff\xda\0\x02\xff\xd9".as_slice()].concat()
    }

    #[test]
    fn a_jpeg_for_print_or_of_a_rare_kind_is_recognised() {
        assert!(read_header(&jpeg_of(8, 4, 0xc0)).ok().unwrap().for_print);
        for bytes in
            [jpeg_of(12, 3, 0xc1), jpeg_of(8, 2, 0xc0), jpeg_of(8, 3, 0xc3), jpeg_of(8, 3, 0xc9)]
        {
            check(&bytes, PictureFault::RareJpeg);
        }
        check(
            &test_images::with_jpeg_segment(&jpeg_of(8, 3, 0xc0), 0xc0, &[8, 0, 1, 0, 1, 3]),
            PictureFault::Damaged,
        );
    }

    fn is_shown(bytes: &[u8]) -> bool {
        read_header(bytes).is_ok_and(|header| decode(&header).is_some())
    }

    #[test]
    fn a_jpeg_cut_and_ended_is_refused_too() {
        let whole = test_images::jpeg(&test_images::corners(40, 30));
        for n in 0..whole.len() - 2 {
            assert!(!is_shown(&[&whole[..n], b"\xff\xd9"].concat()), "{n}");
        }
    }

    #[test]
    fn a_jpeg_with_something_behind_its_end_is_shown() {
        let whole = test_images::jpeg(&test_images::corners(40, 30));
        for behind in [whole.as_slice(), b"\0\0\0", b"\xff\xd8\xff", b"film"] {
            assert!(is_shown(&[&whole, behind].concat()));
        }
    }

    #[test]
    fn a_large_jpeg_is_scaled_while_it_is_decoded() {
        for ((width, height), expected) in [
            ((4000, 16), (2000, 8)),
            ((16, 4000), (8, 2000)),
            ((4000, 1), (2000, 1)),
            ((6399, 8), (1600, 2)),
            ((30_000, 16), (1875, 1)),
            ((3199, 8), (3199, 8)),
        ] {
            let colours = test_images::corners(width, height);
            let gray: DynamicImage = colours.to_luma8().into();
            for image in [colours, gray] {
                let header = read_header(&test_images::jpeg(&image)).ok().unwrap();
                let decoded = decode(&header).unwrap();
                assert_eq!((decoded.image.width(), decoded.image.height()), expected);
                let far = (expected.0 - 1, expected.1 - 1);
                let last = image.to_rgb8().get_pixel(width - 1, height - 1).0;
                if 8 <= height.min(width) && 1 < far.1 {
                    test_images::check_colour(&decoded.image, far, last);
                }
            }
        }
    }

    /// Source: ITU-T T.872, section 6.5.3.
    #[test]
    fn adobes_segment_says_what_the_components_are() {
        let image = test_images::plain([200, 100, 50], 16, 16);
        let jfif = test_images::jpeg(&image);
        assert_eq!(&jfif[6..11], b"JFIF\0");
        let others = [&jfif[..2], &jfif[4 + usize::from(jfif[5])..]].concat();
        for (jpeg, transform, expected) in
            [(&others, 0, [124, 86, 182]), (&others, 1, [200, 100, 50]), (&jfif, 0, [200, 100, 50])]
        {
            let body = [b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat();
            let jpeg = test_images::with_jpeg_segment(jpeg, 0xee, &body);
            let decoded = decode(&read_header(&jpeg).ok().unwrap()).unwrap();
            test_images::check_colour(&decoded.image, (9, 9), expected);
        }
    }
}
