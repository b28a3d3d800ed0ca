//! Scales pictures.

use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};

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
    exactly(image, scaled(width), scaled(height), FilterType::Lanczos3)
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
        return exactly(image, most_width, scaled.max(1), FilterType::Lanczos3);
    }
    let scaled = (width * most_height + height / 2) / height;
    exactly(image, scaled.max(1), most_height, FilterType::Lanczos3)
}

/// The central square of a picture at this size, enlarged if necessary. A third faster than [`shrunk`], which is finer.
pub(super) fn covering(image: &DynamicImage, size: u32) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let side = width.min(height);
    let middle = image.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    exactly(middle, size, size, FilterType::CatmullRom)
}

/// Weights each colour by its alpha, so that a transparent background does not tint an edge.
fn exactly(mut image: DynamicImage, width: u32, height: u32, filter: FilterType) -> DynamicImage {
    each_colour(&mut image, |colour, alpha| (colour * alpha + 127) / 255);
    let mut image = image.resize_exact(width, height, filter);
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

/// Averages each block of four pixels. Fast, and good enough for halving.
pub(super) fn halved(image: DynamicImage) -> DynamicImage {
    let (width, height) = ((image.width() / 2).max(1), (image.height() / 2).max(1));
    match image {
        DynamicImage::ImageRgb8(pixels) if 1 < pixels.width() && 1 < pixels.height() => {
            let line = pixels.width() as usize * 3;
            let mut small = Vec::with_capacity(width as usize * height as usize * 3);
            for pair in pixels.as_raw().chunks_exact(2 * line) {
                let (above, below) = pair.split_at(line);
                for (above, below) in above.chunks_exact(6).zip(below.chunks_exact(6)) {
                    for colour in 0..3 {
                        let sum =
                            [above[colour], above[colour + 3], below[colour], below[colour + 3]];
                        let sum: u16 = sum.into_iter().map(u16::from).sum();
                        small.push(u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX));
                    }
                }
            }
            match RgbImage::from_raw(width, height, small) {
                Some(small) => small.into(),
                // There are four pixels for each new one, so the dimensions match.
                None => DynamicImage::ImageRgb8(pixels),
            }
        }
        // Transparent pixels are weighted by their alpha.
        other => exactly(other, width, height, FilterType::Triangle),
    }
}
