//! Renders the logo: small in size and bytes, or refused.

use crate::infra::pictures::encode::Aim;
use crate::infra::pictures::refusal::{NotAPicture, PictureFault};
use crate::infra::pictures::render::Rendition;
use crate::infra::pictures::source::Source;
use crate::infra::pictures::{encode, scale};

/// Units: pixels, as displayed.
const MAX_WIDTH: u32 = 240;
const MAX_HEIGHT: u32 = 64;
/// Units: bytes. It is loaded with the first page that a buyer ever sees.
const MAX_BYTES: usize = 8_000;

const AIM: Aim<'_> = Aim {
    steps: &[(90, 5_000), (80, 6_000), (70, MAX_BYTES), (50, MAX_BYTES), (30, MAX_BYTES)],
    sharp_edges: true,
    effort: 6,
};

impl Source {
    /// The image at the top of every page. The dimensions are those displayed; the file may have twice as many pixels,
    /// for high-resolution screens.
    ///
    /// # Errors
    /// [`NotAPicture`], as [`Source::render`], and if no quality makes it small enough.
    pub fn logo(self) -> Result<Rendition, NotAPicture> {
        let name = self.name();
        self.render_logo().map_err(|fault| NotAPicture { name, fault })
    }

    fn render_logo(self) -> Result<Rendition, PictureFault> {
        let image = self.pixels()?;
        let plain = scale::within(image.clone(), MAX_WIDTH, MAX_HEIGHT);
        let fine = scale::within(image, 2 * MAX_WIDTH, 2 * MAX_HEIGHT);
        let (width, height) = (plain.width(), plain.height());
        let fallback = encode::fallback(&plain, &AIM).ok_or(PictureFault::NotConverted)?;
        for image in [&fine, &plain] {
            let webp = encode::webp(image, &AIM).ok_or(PictureFault::NotConverted)?;
            if webp.bytes.len() <= MAX_BYTES {
                return Ok(Rendition { width, height, webp, fallback });
            }
        }
        Err(PictureFault::TooDetailed)
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage, RgbaImage};

    use super::*;
    use crate::infra::pictures::test_images;

    #[track_caller]
    fn check(image: &DynamicImage, shown: (u32, u32), pixels: (u32, u32)) {
        let logo = test_images::source(&test_images::png(image)).logo();
        let logo = logo.unwrap_or_else(|refusal| panic!("{refusal}"));
        let seen = test_images::seen(&logo.webp);
        assert_eq!(((logo.width, logo.height), (seen.width(), seen.height())), (shown, pixels));
        assert!(logo.webp.bytes.len() <= MAX_BYTES, "{}", logo.webp.bytes.len());
    }

    /// The same noise each time.
    fn noise(n: u32) -> [u8; 4] {
        n.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519).to_be_bytes()
    }

    #[test]
    fn a_logo_is_small_and_sharp_on_fine_screens() {
        check(&test_images::corners(2400, 300), (240, 30), (480, 60));
        check(&test_images::clear(900, 900), (64, 64), (128, 128));
        check(&test_images::corners(300, 60), (240, 48), (300, 60));
        check(&test_images::corners(40, 30), (40, 30), (40, 30));
        check(&test_images::plain(test_images::RED, 4000, 1), (240, 1), (480, 1));
    }

    #[test]
    fn a_logo_is_light_or_refused() {
        let colours = RgbImage::from_fn(480, 128, |x, y| {
            let [red, green, blue, _] = noise(y * 480 + x);
            image::Rgb([red, green, blue])
        });
        let logo = test_images::source(&test_images::png(&colours.into())).logo();
        assert!(logo.is_ok_and(|logo| logo.webp.bytes.len() <= MAX_BYTES));
        let clear = RgbaImage::from_fn(480, 128, |x, y| image::Rgba(noise(y * 480 + x)));
        let refused = test_images::source(&test_images::png(&clear.into())).logo();
        assert!(matches!(refused, Err(NotAPicture { fault: PictureFault::TooDetailed, .. })));
    }

    #[test]
    fn nothing_but_pixels_is_in_a_logo() {
        let segment = [b"Exif\0\0", test_images::exif(6).as_slice()].concat();
        let jpeg = test_images::jpeg(&test_images::corners(80, 60));
        let logo =
            test_images::source(&test_images::with_jpeg_segment(&jpeg, 0xe1, &segment)).logo();
        let logo = logo.unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!((logo.width, logo.height), (48, 64));
        for rendered in [&logo.webp, &logo.fallback] {
            for word in ["Exif", "EXIF", "52.5"] {
                let tells = |some: &[u8]| some == word.as_bytes();
                assert!(!rendered.bytes.windows(word.len()).any(tells), "{word}");
            }
        }
    }
}
