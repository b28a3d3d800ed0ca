//! QR codes as PNG.

use png::{BitDepth, ColorType, Compression, Encoder};
use qrcode::{Color, EcLevel, QrCode};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a QR code holds at most about 2300 characters")]
pub struct TooLongForAQr;

/// Units: white modules around the code. Source: ISO/IEC 18004, "quiet zone".
const QUIET_ZONE: usize = 4;

/// Units: pixels; a phone can scan a picture of this width from a screen.
const LEAST_WIDTH: usize = 240;

/// A QR code, black on white, as a PNG of 1 bit per pixel, 240 pixels wide or a little more.
///
/// Source: ISO/IEC 18004, error correction level M.
///
/// # Errors
/// [`TooLongForAQr`] beyond what the largest code holds.
pub fn png(text: &str) -> Result<Vec<u8>, TooLongForAQr> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLongForAQr)?;
    let n_modules = code.width() + 2 * QUIET_ZONE;
    let scale = LEAST_WIDTH.div_ceil(n_modules);
    let width = n_modules * scale;

    let is_black = |x: usize, y: usize| {
        let in_code = |pixel: usize| {
            (pixel / scale).checked_sub(QUIET_ZONE).filter(|module| *module < code.width())
        };
        matches!((in_code(x), in_code(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    // A row begins at a whole byte, its first pixel in the highest bit; in 1-bit greyscale, 1 is white.
    let byte =
        |x: usize, y: usize| (x..x + 8).fold(0_u8, |bits, x| bits << 1 | u8::from(!is_black(x, y)));
    let mut pixels = Vec::with_capacity(width * width.div_ceil(8));
    for y in 0..width {
        pixels.extend((0..width).step_by(8).map(|x| byte(x, y)));
    }

    let side = u32::try_from(width).expect("the largest code has 185 modules, quiet zone and all");
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    encoder.set_compression(Compression::High);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .expect("the rows above fill the picture, and a Vec takes every byte");
    Ok(file)
}

/// The width of a text's picture, without drawing it.
///
/// Units: pixels.
///
/// # Errors
/// [`TooLongForAQr`] beyond what the largest code holds.
pub fn width(text: &str) -> Result<u32, TooLongForAQr> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLongForAQr)?;
    let n_modules = code.width() + 2 * QUIET_ZONE;
    Ok(u32::try_from(n_modules * LEAST_WIDTH.div_ceil(n_modules))
        .expect("the largest code has 185 modules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str =
        "ethereum:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266@1?value=91990000000000000";

    /// Every pixel of the picture, `true` for black, decoded from the PNG.
    fn pixels(file: &[u8]) -> Vec<Vec<bool>> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((frame.color_type, frame.bit_depth), (ColorType::Grayscale, BitDepth::One));
        let width = usize::try_from(frame.width).unwrap();
        let row = |row: &[u8]| (0..width).map(|x| row[x / 8] >> (7 - x % 8) & 1 == 0).collect();
        bytes.chunks(frame.line_size).map(row).collect()
    }

    #[track_caller]
    fn check(text: &str) {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let picture = pixels(&png(text).unwrap());
        let n_modules = code.width() + 8;
        assert_eq!(
            width(text).ok().and_then(|width| usize::try_from(width).ok()),
            Some(picture.len())
        );
        let scale = picture.len() / n_modules;
        assert!(
            240 <= picture.len() && picture.len() == n_modules * scale,
            "{} pixels",
            picture.len()
        );
        for (y, row) in picture.iter().enumerate() {
            assert_eq!(row.len(), picture.len());
            for (x, black) in row.iter().enumerate() {
                let module = |pixel: usize| (pixel / scale).wrapping_sub(4);
                let inside = module(x) < code.width() && module(y) < code.width();
                let expected = inside && code[(module(x), module(y))] == Color::Dark;
                assert_eq!(*black, expected, "pixel {x}, {y}");
            }
        }
    }

    #[test]
    fn a_picture_shows_every_module_inside_a_quiet_zone() {
        for text in [
            "",
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            LINK,
            &LINK.repeat(10),
            &"a".repeat(2331),
        ] {
            check(text);
        }
    }

    #[test]
    fn a_link_is_a_small_file() {
        let file = png(LINK).unwrap();
        assert!(file.len() < 1_500, "{} bytes", file.len());
    }

    #[test]
    fn what_no_code_holds_is_refused() {
        assert_eq!(png(&"a".repeat(2332)), Err(TooLongForAQr));
    }
}
