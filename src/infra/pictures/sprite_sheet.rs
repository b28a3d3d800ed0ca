//! Sprite sheets: many thumbnails in one file.

use image::{DynamicImage, Rgba, RgbaImage, imageops};
use sha2::{Digest, Sha256};

use crate::infra::pictures::decoded::Decoded;
use crate::infra::pictures::encode::Aim;
use crate::infra::pictures::file::{Rendered, hex};
use crate::infra::pictures::image_header::ImageHeader;
use crate::infra::pictures::{encode, scale};

/// Part of every sheet's fingerprint: changing it renders all sheets again.
const SHEET_VERSION: &str = "sheets 1";

/// Units: pixels. The part of a cell that a card shows, and the edge around it: the edge repeats the picture's
/// outermost pixels, so that a card with fractional dimensions never shows a neighbour. `.cell` in `static/style.css`
/// has both numbers.
///
/// Shape: a cell is a multiple of 16, the block size in which WebP and JPEG store colours.
const SHOWN: u32 = 320;
const EDGE: u32 = 8;
const CELL: u32 = SHOWN + 2 * EDGE;
const COLUMNS: u32 = 4;
const ROWS: u32 = 3;

/// The background of a light page, for browsers without WebP, whose JPEG has no transparency.
const PAPER: Rgba<u8> = Rgba([0xf3, 0xee, 0xe5, 0xff]);

/// Units: qualities, the best first; bytes of a cell. Each attempt takes a tenth of a second, so there are few; and
/// hardly any browser still requests the JPEG.
const QUALITIES: [u8; 5] = [72, 58, 46, 36, 28];
const JPEG_QUALITIES: [u8; 2] = [50, 30];
const CELL_BYTES: usize = 4_000;
const AIM: Aim<'_> = Aim { steps: &[], sharp_edges: false, effort: 6 };

/// A picture as a card shows it: its centre, square.
pub struct Cell(DynamicImage);

/// The pictures of many cards in one file, so that a buyer needs only one request.
pub struct Sheet {
    image: DynamicImage,
    n_cells: usize,
}

impl Cell {
    /// `None` if it is not a picture that the shop rendered.
    pub fn of(rendered: &[u8]) -> Option<Self> {
        let header = ImageHeader::read(rendered).ok()?;
        let image = Decoded::new(&header)?.image;
        Some(Self(scale::covering(&image, SHOWN)))
    }
}

impl Sheet {
    /// Units: cells.
    pub const MOST: usize = (COLUMNS * ROWS) as usize;

    /// Identifies the same pictures rendered in the same way. `pictures`: their fingerprints, cell by cell.
    ///
    /// Shape: 64 lowercase hex digits.
    pub fn fingerprint<'a>(pictures: impl Iterator<Item = &'a str>) -> String {
        let hash = Sha256::new().chain_update(SHEET_VERSION);
        hex(&pictures.fold(hash, |hash, picture| hash.chain_update(picture)).finalize())
    }

    /// Draws the first twelve, four in a row.
    pub fn of(cells: &[Cell]) -> Self {
        let n_cells = cells.len().clamp(1, Self::MOST);
        let n_rows = (1..ROWS).find(|n| n_cells <= (n * COLUMNS) as usize).unwrap_or(ROWS);
        let mut pixels = RgbaImage::from_pixel(COLUMNS * CELL, n_rows * CELL, PAPER);
        for (n, cell) in (0..).zip(cells.iter().take(n_cells)) {
            let cell = cell.0.to_rgba8();
            let (left, top) = (n % COLUMNS * CELL, n / COLUMNS * CELL);
            for (x, y) in (0..CELL).flat_map(|y| (0..CELL).map(move |x| (x, y))) {
                let inside = |at: u32| at.saturating_sub(EDGE).min(SHOWN - 1);
                pixels.put_pixel(left + x, top + y, *cell.get_pixel(inside(x), inside(y)));
            }
        }
        Self { image: scale::with_honest_alpha(pixels.into()), n_cells }
    }

    /// Units: pixels, width and height.
    pub fn size(&self) -> (u32, u32) {
        (self.image.width(), self.image.height())
    }

    /// `None` if memory is short.
    pub fn webp(&self) -> Option<Rendered> {
        // Transparent pictures are compressed losslessly, which takes most of the time and gains little from more
        // effort.
        let effort = if self.image.color().has_alpha() { 3 } else { AIM.effort };
        encode::webp(&self.image, &Aim { steps: &self.steps(QUALITIES), effort, ..AIM })
    }

    /// For browsers without WebP: always a JPEG, since a PNG of a whole sheet would take a megabyte. Transparent pixels
    /// get the background of a light page.
    pub fn fallback(&self) -> Option<Rendered> {
        let aim = &Aim { steps: &self.steps(JPEG_QUALITIES), ..AIM };
        if !self.image.color().has_alpha() {
            return encode::fallback(&self.image, aim);
        }
        let mut paper = RgbaImage::from_pixel(self.image.width(), self.image.height(), PAPER);
        imageops::overlay(&mut paper, &self.image, 0, 0);
        encode::fallback(&DynamicImage::ImageRgba8(paper).into_rgb8().into(), aim)
    }

    fn steps<const N: usize>(&self, qualities: [u8; N]) -> [(u8, usize); N] {
        qualities.map(|quality| (quality, CELL_BYTES * self.n_cells))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::pictures::test_images;
    use crate::infra::pictures::test_images::{BLUE, GREEN, RED, WHITE, check_colour};

    fn cells(images: &[DynamicImage]) -> Vec<Cell> {
        images.iter().map(|image| Cell::of(&test_images::png(image)).unwrap()).collect()
    }

    /// The centre of the visible part of a cell.
    fn middle(cell: u32) -> (u32, u32) {
        (cell % COLUMNS * CELL + CELL / 2, cell / COLUMNS * CELL + CELL / 2)
    }

    #[track_caller]
    fn check_size(n_cells: usize, expected: (u32, u32)) {
        let cells = cells(&vec![test_images::plain(RED, 9, 9); n_cells]);
        let sheet = Sheet::of(&cells);
        let seen = test_images::seen(&sheet.webp().unwrap());
        assert_eq!((sheet.size(), (seen.width(), seen.height())), (expected, expected));
    }

    #[test]
    fn four_cells_stand_in_a_row() {
        check_size(2, (1344, 336));
        check_size(4, (1344, 336));
        check_size(5, (1344, 672));
        check_size(9, (1344, 1008));
        check_size(12, (1344, 1008));
        check_size(13, (1344, 1008));
    }

    #[test]
    fn each_cell_shows_its_picture() {
        let colours = [RED, GREEN, BLUE, WHITE, GREEN, RED];
        let sheet = Sheet::of(&cells(&colours.map(|colour| test_images::plain(colour, 30, 40))));
        for file in [sheet.webp(), sheet.fallback()] {
            let seen = test_images::seen(&file.unwrap());
            for (cell, colour) in (0..).zip(colours) {
                let (x, y) = middle(cell);
                check_colour(&seen, (x, y), colour);
                // Up to its edges, and never a neighbour.
                for at in [
                    (x - CELL / 2 + 2, y - CELL / 2 + 2),
                    (x + CELL / 2 - 3, y - CELL / 2 + 2),
                    (x - CELL / 2 + 2, y + CELL / 2 - 3),
                    (x + CELL / 2 - 3, y + CELL / 2 - 3),
                ] {
                    check_colour(&seen, at, colour);
                }
            }
        }
    }

    #[test]
    fn a_picture_that_is_not_square_shows_its_middle() {
        let wide = test_images::corners(400, 100);
        let sheet = Sheet::of(&cells(&[wide.clone(), wide.rotate90()]));
        let seen = test_images::seen(&sheet.webp().unwrap());
        for (at, colour) in [
            ((EDGE + 20, EDGE + 20), RED),
            ((CELL - EDGE - 20, EDGE + 20), GREEN),
            ((EDGE + 20, CELL - EDGE - 20), BLUE),
            ((CELL - EDGE - 20, CELL - EDGE - 20), WHITE),
            ((CELL + EDGE + 20, EDGE + 20), BLUE),
            ((2 * CELL - EDGE - 20, EDGE + 20), RED),
        ] {
            check_colour(&seen, at, colour);
        }
    }

    #[test]
    fn what_is_not_seen_is_not_seen_on_the_sheet() {
        let sheet =
            Sheet::of(&cells(&[test_images::plain(RED, 40, 40), test_images::clear(40, 40)]));
        let (webp, fallback) = (sheet.webp().unwrap(), sheet.fallback().unwrap());
        let (x, y) = middle(1);
        let seen = test_images::seen(&webp);
        let alpha = |x: u32| seen.to_rgba8().get_pixel(x, y).0[3];
        assert_eq!((alpha(x - 100), alpha(x + 100), alpha(CELL / 2)), (0, 128, 255));
        assert_eq!(fallback.file.content_type(), "image/jpeg");
        check_colour(&test_images::seen(&fallback), (x - 100, y), [0xf3, 0xee, 0xe5]);
        check_colour(&test_images::seen(&fallback), middle(0), RED);
    }

    #[test]
    fn a_sheet_is_known_by_its_pictures_and_their_places() {
        let of = |pictures: &[&str]| Sheet::fingerprint(pictures.iter().copied());
        assert_eq!(of(&["a", "b"]).len(), 64);
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a", "b"]), of(&["a"]));
    }

    #[test]
    fn what_is_no_picture_gets_no_cell() {
        let whole = test_images::jpeg(&test_images::corners(40, 30));
        assert!(Cell::of(&whole).is_some());
        for bytes in [&whole[..whole.len() / 2], b"junk", b""] {
            assert!(Cell::of(bytes).is_none());
        }
    }
}
