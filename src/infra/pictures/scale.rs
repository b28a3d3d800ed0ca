//! Scales pictures.

use image::{DynamicImage, RgbImage, RgbaImage};
use pic_scale_safe::{ImageSize, ResamplingFunction};

/// Removes an alpha channel that hides nothing; fully transparent pixels become black, so that no buyer can recover
/// what they hide.
pub(super) fn with_honest_alpha(image: DynamicImage) -> DynamicImage {
    let DynamicImage::ImageRgba8(mut pixels) = image else { return image };
    if pixels.pixels().all(|pixel| pixel[3] == u8::MAX) {
        return DynamicImage::ImageRgba8(pixels).into_rgb8().into();
    }
    pixels.pixels_mut().filter(|pixel| pixel[3] == 0).for_each(|pixel| pixel.0 = [0; 4]);
    pixels.into()
}

/// Never enlarges.
pub(super) fn shrunk(image: DynamicImage, longest: u32) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let side = width.max(height);
    if side <= longest {
        return image;
    }
    let scaled = |length: u32| ((length * longest + side / 2) / side).max(1);
    exactly(image, scaled(width), scaled(height), ResamplingFunction::Lanczos3)
}

/// Fits it into a box, never enlarged.
pub(super) fn within(image: DynamicImage, most_width: u32, most_height: u32) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    if width <= most_width && height <= most_height {
        return image;
    }
    // No side is longer than 1600 here.
    if height * most_width <= width * most_height {
        let scaled = (height * most_width + width / 2) / width;
        return exactly(image, most_width, scaled.max(1), ResamplingFunction::Lanczos3);
    }
    let scaled = (width * most_height + height / 2) / height;
    exactly(image, scaled.max(1), most_height, ResamplingFunction::Lanczos3)
}

/// The central square of a picture at this size, enlarged if necessary. A third faster than [`shrunk`], which is finer.
pub(super) fn covering(image: &DynamicImage, size: u32) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let side = width.min(height);
    let middle = image.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    exactly(middle, size, size, ResamplingFunction::CatmullRom)
}

/// Weights each colour by its alpha, so that a transparent background does not tint an edge.
///
/// Not with `image`, whose intermediate picture takes 16 bytes per pixel.
fn exactly(
    mut image: DynamicImage,
    width: u32,
    height: u32,
    filter: ResamplingFunction,
) -> DynamicImage {
    let size = |width: u32, height: u32| ImageSize::new(width as usize, height as usize);
    let (old, new) = (size(image.width(), image.height()), size(width, height));
    let fits = "its pixels are as many as its size says, and no side is 0";
    if !image.color().has_alpha() {
        let pixels = pic_scale_safe::resize_rgb8(image.as_bytes(), old, new, filter).expect(fits);
        return RgbImage::from_raw(width, height, pixels).expect(fits).into();
    }
    each_colour(&mut image, |colour, alpha| (colour * alpha + 127) / 255);
    let pixels = pic_scale_safe::resize_rgba8(image.as_bytes(), old, new, filter).expect(fits);
    let mut image = RgbaImage::from_raw(width, height, pixels).expect(fits).into();
    each_colour(&mut image, |colour, alpha| {
        (colour * 255 + alpha / 2).checked_div(alpha).unwrap_or(0)
    });
    image
}

fn each_colour(image: &mut DynamicImage, change: impl Fn(u32, u32) -> u32) {
    let Some(pixels) = image.as_mut_rgba8() else { return };
    for pixel in pixels.pixels_mut() {
        let alpha = u32::from(pixel[3]);
        for colour in &mut pixel.0[..3] {
            *colour = u8::try_from(change((*colour).into(), alpha)).unwrap_or(u8::MAX);
        }
    }
}
