//! Bitmap font for plots.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::infra::plots::DrawError;
use crate::infra::plots::error::failed;

/// Every supported letter, in the order of its cells; the line breaks only help the reader.
const LIST: &str = include_str!("../../../static/fonts/plot.txt");
/// The letters themselves, drawn by `scripts/draw-letters`.
///
/// Shape: a greyscale PNG of four bits per pixel, [`CELLS`] cells in a row. The first row of a cell has as many white
/// pixels as its letter is wide; the letter is below it, [`LEFT`] pixels from the left edge.
const PICTURE: &[u8] = include_bytes!("../../../static/fonts/plot.png");

const CELLS: usize = 32;
/// Units: pixels.
const CELL_WIDE: usize = 30;
const CELL_TALL: usize = 32;
const LEFT: usize = 2;
/// Capital letters and digits occupy the rows 9 to 24.
const MIDDLE: usize = 17;

/// Letters as pixel coverage.
pub struct Letters {
    cells: HashMap<char, Cell>,
}

struct Cell {
    /// Units: pixels to the next letter.
    wide: usize,
    /// The position of each visible pixel from the upper left corner of the cell, and its coverage: 1 to 15.
    dots: Vec<(usize, usize, u8)>,
}

/// The coverage of a pixel that is entirely inside a letter.
pub const FULL: u8 = 15;

impl Letters {
    /// # Errors
    /// Never, as a test shows: the picture is our own.
    pub fn read() -> Result<&'static Self, DrawError> {
        static READ: OnceLock<Result<Letters, DrawError>> = OnceLock::new();
        READ.get_or_init(parse).as_ref().map_err(Clone::clone)
    }

    /// Units: pixels.
    pub fn width(&self, words: &str) -> usize {
        words.chars().filter_map(|c| self.cells.get(&c)).map(|cell| cell.wide).sum()
    }

    /// Calls `dot` with the position and coverage of each pixel of a text that begins at `left`, with its capital
    /// letters centred vertically at `middle`. Anything left of or above the canvas is skipped.
    pub fn write(
        &self,
        words: &str,
        left: usize,
        middle: usize,
        mut dot: impl FnMut(usize, usize, u8),
    ) {
        let mut left = left;
        for cell in words.chars().filter_map(|c| self.cells.get(&c)) {
            for (x, y, coverage) in &cell.dots {
                let place = ((left + x).checked_sub(LEFT), (middle + y).checked_sub(MIDDLE));
                if let (Some(x), Some(y)) = place {
                    dot(x, y, *coverage);
                }
            }
            left += cell.wide;
        }
    }

    /// The text with each run of unsupported letters replaced by one `…`, so that it does not look complete.
    pub fn writable(&self, text: &str) -> String {
        let mut words = String::new();
        let mut is_left_out = false;
        for c in text.chars() {
            let c = if c.is_whitespace() { ' ' } else { c };
            let is_known = self.cells.contains_key(&c);
            if is_known {
                words.push(c);
            } else if !is_left_out {
                words.push('…');
            }
            is_left_out = !is_known;
        }
        words.trim().to_owned()
    }
}

fn parse() -> Result<Letters, DrawError> {
    let mut reader =
        png::Decoder::new(std::io::Cursor::new(PICTURE)).read_info().map_err(failed)?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or_else(|| failed("too large"))?];
    reader.next_frame(&mut bytes).map_err(failed)?;
    let coverages: Vec<u8> = bytes.iter().flat_map(|two| [two >> 4, two & 0xf]).collect();
    let cell = |n: usize| {
        let (top, left) = (n / CELLS * CELL_TALL, n % CELLS * CELL_WIDE);
        let at = |x: usize, y: usize| coverages[(top + y) * CELLS * CELL_WIDE + left + x];
        let wide = (0..CELL_WIDE).filter(|x| 0 < at(*x, 0)).count();
        let places = (1..CELL_TALL).flat_map(|y| (0..CELL_WIDE).map(move |x| (x, y)));
        let dots = places.map(|(x, y)| (x, y, at(x, y))).filter(|(.., coverage)| 0 < *coverage);
        Cell { wide, dots: dots.collect() }
    };
    let letters = LIST.chars().filter(|c| *c != '\n').enumerate();
    Ok(Letters { cells: letters.map(|(n, c)| (c, cell(n))).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> &'static Letters {
        Letters::read().unwrap()
    }

    #[test]
    fn every_letter_is_there_once_and_can_be_seen() {
        let listed: Vec<char> = LIST.chars().filter(|c| *c != '\n').collect();
        assert_eq!(letters().cells.len(), listed.len());
        let mut seen = std::collections::HashSet::new();
        for c in listed {
            let cell = &letters().cells[&c];
            assert!((4..CELL_WIDE).contains(&cell.wide), "{c}: {}", cell.wide);
            assert_eq!(cell.dots.is_empty(), c == ' ', "{c}");
            assert!(seen.insert((c.is_ascii(), &cell.dots)) || !c.is_ascii(), "{c}");
        }
        assert!(('!'..='~').all(|c| letters().cells.contains_key(&c)));
    }

    #[test]
    fn capitals_and_digits_are_centred() {
        for c in "HEX0".chars() {
            let rows = letters().cells[&c].dots.iter().map(|(_, y, _)| *y);
            let (first, last) = (rows.clone().min().unwrap(), rows.max().unwrap());
            assert!((first + last).abs_diff(2 * MIDDLE) <= 2, "{c}: {first} to {last}");
        }
    }

    #[test]
    fn words_are_as_wide_as_their_letters_and_stand_where_they_are_put() {
        assert_eq!(letters().width(""), 0);
        assert_eq!(
            letters().width("ETH"),
            ["E", "T", "H"].map(|c| letters().width(c)).iter().sum::<usize>()
        );
        assert!(letters().width("i") < letters().width("W"));
        let mut columns = Vec::new();
        letters().write("HH", 100, 50, |x, y, coverage| {
            assert!((36..64).contains(&y) && (1..=FULL).contains(&coverage));
            columns.push(x);
        });
        let end = 100 + letters().width("HH");
        assert!(columns.iter().all(|x| (100..end).contains(x)), "{columns:?}");
        assert!(columns.iter().any(|x| 100 + letters().width("H") <= *x));
        letters().write("Ế", 0, 0, |x, y, _| assert!(x < 30 && y < 30));
    }

    #[test]
    fn what_cannot_be_drawn_is_seen_to_be_missing() {
        for (text, expected) in [
            ("Café crème", "Café crème"),
            ("Straße nach Łódź", "Straße nach Łódź"),
            ("Черный чай", "Черный чай"),
            ("Ελιές", "Ελιές"),
            ("Trà sen Tây Hồ", "Trà sen Tây Hồ"),
            ("5\u{a0}€", "5 €"),
            ("茶 Tea", "… Tea"),
            ("Tea 绿茶 (500 g)", "Tea … (500 g)"),
            ("茶", "…"),
            ("شاي", "…"),
            ("", ""),
        ] {
            assert_eq!(letters().writable(text), expected, "{text}");
        }
    }
}
