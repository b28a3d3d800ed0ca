//! Converts colour profiles to sRGB.

use image::DynamicImage;
use moxcms::{CmsError, ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Converts the colours of an embedded profile to sRGB, which browsers assume without a profile.
///
/// # Errors
/// If the profile is damaged, or is for another colour model than the picture's.
pub(super) fn to_srgb(
    image: &mut DynamicImage,
    gray: bool,
    profile: &[u8],
) -> Result<(), CmsError> {
    let profile = ColorProfile::new_from_slice(profile)?;
    match profile.color_space {
        DataColorSpace::Rgb => by_colour(image, &profile),
        DataColorSpace::Gray if gray => by_shade(image, &profile),
        _ => Err(CmsError::UnsupportedProfileConnection),
    }
}

fn by_colour(image: &mut DynamicImage, profile: &ColorProfile) -> Result<(), CmsError> {
    let layout = if image.color().has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let srgb = ColorProfile::new_srgb();
    let transform =
        profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default())?;
    let source = samples(image).to_vec();
    transform.transform(&source, samples(image))
}

/// Converts the 256 shades of a grey profile once, so that one code path serves pictures with and without transparency.
fn by_shade(image: &mut DynamicImage, profile: &ColorProfile) -> Result<(), CmsError> {
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(
        Layout::Gray,
        &srgb,
        Layout::Rgb,
        TransformOptions::default(),
    )?;
    let shades: Vec<u8> = (0..=u8::MAX).collect();
    let mut colours = vec![0; shades.len() * 3];
    transform.transform(&shades, &mut colours)?;
    let n_samples = usize::from(image.color().channel_count());
    for pixel in samples(image).chunks_exact_mut(n_samples) {
        let at = usize::from(pixel[0]) * 3;
        pixel[..3].copy_from_slice(&colours[at..at + 3]);
    }
    Ok(())
}

fn samples(image: &mut DynamicImage) -> &mut [u8] {
    match image {
        DynamicImage::ImageRgb8(pixels) => pixels,
        DynamicImage::ImageRgba8(pixels) => pixels,
        _ => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::pictures::test_images;

    #[track_caller]
    fn check(mut image: DynamicImage, profile: &ColorProfile, expected: [u8; 4]) {
        to_srgb(&mut image, false, &profile.encode().unwrap()).unwrap();
        let colour = image.to_rgba8().get_pixel(1, 1).0;
        let near = colour.iter().zip(expected).all(|(one, other)| one.abs_diff(other) <= 1);
        assert!(near, "{colour:?} instead of {expected:?}");
    }

    /// Source: the matrix from Display P3 to sRGB of CSS Color 4, section 18, computed by hand.
    #[test]
    fn wide_colours_become_srgb() {
        let profile = ColorProfile::new_display_p3();
        check(test_images::plain([200, 100, 50], 3, 3), &profile, [215, 93, 31, 255]);
        check(test_images::plain([120, 130, 140], 3, 3), &profile, [118, 130, 141, 255]);
        check(test_images::plain([10, 200, 90], 3, 3), &profile, [0, 204, 73, 255]);
        check(
            test_images::plain([200, 100, 50], 3, 3),
            &ColorProfile::new_srgb(),
            [200, 100, 50, 255],
        );
    }

    #[test]
    fn transparency_is_no_colour() {
        let image = image::RgbaImage::from_pixel(3, 3, image::Rgba([200, 100, 50, 77]));
        check(image.into(), &ColorProfile::new_display_p3(), [215, 93, 31, 77]);
    }

    #[test]
    fn a_linear_gray_is_made_lighter() {
        let profile = ColorProfile::new_gray_with_gamma(1_u8.into());
        let mut image = test_images::plain([128; 3], 3, 3);
        to_srgb(&mut image, true, &profile.encode().unwrap()).unwrap();
        test_images::check_colour(&image, (1, 1), [188; 3]);
        assert!(to_srgb(&mut image, false, &profile.encode().unwrap()).is_err());
    }

    #[test]
    fn a_profile_that_cannot_be_used_is_refused() {
        let mut for_print = ColorProfile::new_srgb().encode().unwrap();
        for_print[16..20].copy_from_slice(b"CMYK");
        for profile in
            [for_print.as_slice(), b"", b"junk", &[0; 4096], &test_images::wide_profile()[..200]]
        {
            assert!(to_srgb(&mut test_images::plain([1, 2, 3], 3, 3), false, profile).is_err());
        }
    }
}
