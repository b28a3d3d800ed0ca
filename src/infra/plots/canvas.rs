//! The canvas of a plot: colours, axes and steps.

use std::ops::Range;

use crate::infra::plots::DrawError;
use crate::infra::plots::error::failed;
use crate::infra::plots::font::{FULL, Letters};

/// Units: pixels. Displayed at half the size on a phone, where the letters are still 11 high.
pub const WIDTH: usize = 720;

/// The colours, on one background for light and dark pages, with a contrast of 4.5 : 1 or more; the two fill colours
/// differ in lightness too, for colour-blind readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Letters,
    Lines,
    Dark,
    Bright,
}

const PAPER: [u8; 3] = [0xf3, 0xf1, 0xec];

impl Ink {
    pub const fn colour(self) -> [u8; 3] {
        match self {
            Self::Letters => [0x26, 0x26, 0x22],
            Self::Lines => [0xd3, 0xcf, 0xc6],
            Self::Dark => [0x1f, 0x5f, 0x5b],
            Self::Bright => [0xe0, 0xa0, 0x3c],
        }
    }

    /// Its index in the palette, after the shades of letters.
    const fn place(self) -> u8 {
        match self {
            Self::Letters => SHADES - 1,
            Self::Lines => SHADES,
            Self::Dark => SHADES + 1,
            Self::Bright => SHADES + 2,
        }
    }
}

/// Units: shades from background to text colour. With the three other colours they fit into four bits per pixel, so
/// that a picture is small and fast to compress; antialiasing needs no more.
const SHADES: u8 = 13;

/// The canvas. Anything outside of it is clipped.
pub struct Canvas {
    pub letters: &'static Letters,
    height: usize,
    /// One palette index for each pixel, row by row.
    dots: Vec<u8>,
}

impl Canvas {
    /// Units: pixels.
    pub fn new(height: usize) -> Result<Self, DrawError> {
        Ok(Self { letters: Letters::read()?, height, dots: vec![0; WIDTH * height] })
    }

    pub fn fill(&mut self, across: Range<usize>, down: Range<usize>, ink: Ink) {
        for y in down.start..down.end.min(self.height) {
            for x in across.start..across.end.min(WIDTH) {
                self.dots[y * WIDTH + x] = ink.place();
            }
        }
    }

    /// Writes a text that begins at `left`, with its capital letters centred vertically at `middle`.
    pub fn write(&mut self, words: &str, left: usize, middle: usize) {
        let (dots, height) = (&mut self.dots, self.height);
        self.letters.write(words, left, middle, |x, y, coverage| {
            if x < WIDTH && y < height {
                let shade = (coverage * (SHADES - 1) + FULL / 2) / FULL;
                let dot = &mut dots[y * WIDTH + x];
                *dot = shade.max(*dot);
            }
        });
    }

    /// Encodes it as a PNG.
    pub fn encode(&self) -> Result<Vec<u8>, DrawError> {
        let mut palette = Vec::new();
        for shade in 0..SHADES {
            for (background, ink) in PAPER.into_iter().zip(Ink::Letters.colour()) {
                // The background is lighter in every channel.
                let darker = u16::from(background - ink) * u16::from(shade) / u16::from(SHADES - 1);
                palette.push(background - u8::try_from(darker).map_err(failed)?);
            }
        }
        palette.extend([Ink::Lines, Ink::Dark, Ink::Bright].map(Ink::colour).concat());
        let packed: Vec<u8> = self.dots.chunks_exact(2).map(|two| two[0] << 4 | two[1]).collect();
        let (width, height) = (u32::try_from(WIDTH), u32::try_from(self.height));
        let mut file = Vec::new();
        let mut encoder =
            png::Encoder::new(&mut file, width.map_err(failed)?, height.map_err(failed)?);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Four);
        encoder.set_palette(palette);
        encoder.set_compression(png::Compression::Fast);
        encoder.set_filter(png::Filter::Up);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&packed).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(file)
    }
}

/// The pixels of `space` for a number, if `most` takes all of them; negative numbers take none.
pub fn share(space: usize, number: i64, most: i64) -> Result<usize, DrawError> {
    let space = i128::try_from(space).map_err(failed)?;
    let pixels = space * i128::from(number.max(0)) / i128::from(most.max(1));
    usize::try_from(pixels).map_err(failed)
}

/// The steps of an axis from zero to beyond `most`: 1, 2 or 5 times a power of ten, about four of them.
pub fn steps(most: i64) -> Vec<i64> {
    let mut unit = 1_i64;
    let step = loop {
        let found = [1, 2, 5].into_iter().map(|n| unit.saturating_mul(n)).find(|n| most / n < 5);
        match found {
            Some(step) => break step,
            None => unit = unit.saturating_mul(10),
        }
    };
    let n_steps = (most.max(1) - 1) / step + 1;
    (0..=n_steps).map(|n| step.saturating_mul(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_steps() {
        for (most, expected) in [
            (0, &[0, 1][..]),
            (1, &[0, 1]),
            (4, &[0, 1, 2, 3, 4]),
            (5, &[0, 2, 4, 6]),
            (23, &[0, 5, 10, 15, 20, 25]),
            (100, &[0, 50, 100]),
            (1_234, &[0, 500, 1_000, 1_500]),
        ] {
            assert_eq!(steps(most), expected, "{most}");
        }
        assert!(steps(i64::MAX).len() < 7);
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let mut canvas = Canvas::new(20).unwrap();
        canvas.fill(WIDTH - 3..WIDTH + 50, 18..500, Ink::Dark);
        let dark =
            |canvas: &Canvas| canvas.dots.iter().filter(|dot| **dot == Ink::Dark.place()).count();
        assert_eq!(dark(&canvas), 6);
        // Letters do not darken filled areas.
        canvas.write("WWW", WIDTH - 30, 19);
        canvas.write("WWW", 0, 0);
        assert_eq!(dark(&canvas), 6);
        assert!(canvas.dots.iter().any(|dot| *dot == Ink::Letters.place()));
    }

    #[test]
    fn a_share_of_the_room_is_whole_pixels() {
        for (number, most, expected) in
            [(0, 5, 0), (5, 5, 300), (2, 5, 120), (1, 1_000, 0), (-4, 5, 0), (0, 0, 0)]
        {
            assert_eq!(share(300, number, most).unwrap(), expected, "{number} of {most}");
        }
        assert_eq!(share(300, i64::MAX, i64::MAX).unwrap(), 300);
    }
}
