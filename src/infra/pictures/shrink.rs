//! Averages blocks of pixels row by row, so that a large picture is never in memory as a whole.

use image::{DynamicImage, RgbImage, RgbaImage};

/// Units: pixels. A picture is halved until its longest side is shorter: no page shows more than half of it, and a halved
/// picture has less of the sensor noise that identifies cameras.
const LONGEST: u32 = 3200;

/// By how much a picture has to be divided.
///
/// Shape: a power of two; 1 for most pictures.
pub(super) fn divisor(width: u32, height: u32) -> u32 {
    let mut divisor = 1;
    while LONGEST <= width.max(height) / divisor {
        divisor *= 2;
    }
    divisor
}

/// The picture made smaller by a divisor; a side keeps at least one pixel.
pub(super) fn divided(image: DynamicImage, divisor: u32) -> DynamicImage {
    if divisor == 1 {
        return image;
    }
    let has_alpha = image.color().has_alpha();
    let mut shrinker = Shrinker::new(image.width(), image.height(), has_alpha, divisor);
    let row = image.width() as usize * shrinker.n_samples;
    image.as_bytes().chunks_exact(row).for_each(|row| shrinker.push(row));
    shrinker.finish().unwrap_or(image)
}

/// Takes the rows of a picture from top to bottom. Pixels right and below of the last whole block are dropped.
pub(super) struct Shrinker {
    /// 3, or 4 with transparency.
    n_samples: usize,
    block_width: usize,
    block_height: usize,
    width: u32,
    height: u32,
    /// Of the rows of a block; colours are weighted by their alpha, so that a transparent background does not tint an edge.
    sums: Vec<u32>,
    n_rows: usize,
    pixels: Vec<u8>,
}

impl Shrinker {
    pub fn new(width: u32, height: u32, has_alpha: bool, divisor: u32) -> Self {
        let (block_width, block_height) = (divisor.min(width), divisor.min(height));
        let (width, height) = (width / block_width, height / block_height);
        let n_samples = if has_alpha { 4 } else { 3 };
        let line = width as usize * n_samples;
        Self {
            n_samples,
            block_width: block_width as usize,
            block_height: block_height as usize,
            width,
            height,
            sums: vec![0; line],
            n_rows: 0,
            pixels: Vec::with_capacity(line * height as usize),
        }
    }

    /// `row`: RGB, or RGBA with transparency.
    pub fn push(&mut self, row: &[u8]) {
        if self.block_width == 1 && self.block_height == 1 {
            self.pixels.extend_from_slice(row);
            return;
        }
        let blocks = row.chunks_exact(self.block_width * self.n_samples);
        for (sum, block) in self.sums.chunks_exact_mut(self.n_samples).zip(blocks) {
            for pixel in block.chunks_exact(self.n_samples) {
                if let [red, green, blue, alpha] = *pixel {
                    let colours = [red, green, blue].map(|one| u32::from(one) * u32::from(alpha));
                    sum.iter_mut().zip(colours).for_each(|(sum, one)| *sum += one);
                    sum[3] += u32::from(alpha);
                } else {
                    sum.iter_mut().zip(pixel).for_each(|(sum, one)| *sum += u32::from(*one));
                }
            }
        }
        self.n_rows += 1;
        if self.n_rows == self.block_height {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let n_pixels = u32::try_from(self.block_width * self.block_height).unwrap_or(u32::MAX);
        let average = |sum: u32, weight: u32| (sum + weight / 2).checked_div(weight).unwrap_or(0);
        for sum in self.sums.chunks_exact(self.n_samples) {
            let weight = sum.get(3).copied().unwrap_or(n_pixels);
            let alpha = sum.get(3).map(|alpha| average(*alpha, n_pixels));
            let colours = sum[..3].iter().map(|sum| average(*sum, weight));
            let pixel = colours.chain(alpha).map(|one| u8::try_from(one).unwrap_or(u8::MAX));
            self.pixels.extend(pixel);
        }
        self.sums.fill(0);
        self.n_rows = 0;
    }

    /// `None` if rows are missing.
    pub fn finish(mut self) -> Option<DynamicImage> {
        let (width, height) = (self.width, self.height);
        self.pixels.truncate(width as usize * height as usize * self.n_samples);
        Some(match self.n_samples {
            4 => RgbaImage::from_raw(width, height, self.pixels)?.into(),
            _ => RgbImage::from_raw(width, height, self.pixels)?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, Rgba};

    use super::*;

    #[track_caller]
    fn check(image: impl Into<DynamicImage>, divisor: u32, size: (u32, u32), expected: &[u8]) {
        let small = divided(image.into(), divisor);
        assert_eq!(((small.width(), small.height()), small.as_bytes()), (size, expected));
    }

    #[test]
    fn each_block_becomes_its_average() {
        let shades = RgbImage::from_fn(5, 5, |x, y| {
            let shade = u8::try_from(x * 10 + y * 100).unwrap_or(u8::MAX);
            Rgb([shade, 0, 255])
        });
        check(shades.clone(), 2, (2, 2), &[55, 0, 255, 75, 0, 255, 230, 0, 255, 240, 0, 255]);
        check(shades.clone(), 1, (5, 5), shades.as_raw());
    }

    #[test]
    fn a_side_keeps_a_pixel() {
        check(RgbImage::from_pixel(9, 1, Rgb([1, 2, 3])), 4, (2, 1), &[1, 2, 3, 1, 2, 3]);
        check(RgbImage::from_pixel(1, 3, Rgb([1, 2, 3])), 8, (1, 1), &[1, 2, 3]);
    }

    #[test]
    fn what_is_transparent_tints_nothing() {
        let half = |x: u32| if x == 0 { Rgba([255, 0, 0, 0]) } else { Rgba([0, 0, 255, 128]) };
        check(RgbaImage::from_fn(2, 2, |x, _| half(x)), 2, (1, 1), &[0, 0, 255, 64]);
        check(RgbaImage::from_pixel(2, 2, Rgba([255, 0, 0, 0])), 2, (1, 1), &[0; 4]);
    }

    #[test]
    fn a_picture_is_halved_until_no_side_is_longer_than_3199_pixels() {
        for (width, height, expected) in
            [(1, 1, 1), (3199, 3199, 1), (3200, 1, 2), (1, 6399, 2), (6400, 2, 4), (65_535, 1, 32)]
        {
            assert_eq!(divisor(width, height), expected, "{width} by {height}");
        }
    }
}
