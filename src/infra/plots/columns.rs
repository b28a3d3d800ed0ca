//! Column charts.

use crate::infra::plots::canvas::{Canvas, Ink};
use crate::infra::plots::{DrawError, canvas};

/// One position on the time axis.
pub struct Column {
    /// Below it; empty: none.
    pub label: String,
    /// From the baseline up.
    pub lower: i64,
    /// On top of that.
    pub upper: i64,
}

pub struct Columns<'a> {
    /// The names of the lower parts and of the upper; empty: no legend.
    pub legend: (&'a str, &'a str),
    pub columns: &'a [Column],
    /// Formats a number of the axis.
    pub write: &'a dyn Fn(i64) -> String,
}

/// Units: pixels.
const HEIGHT: usize = 400;
/// The top of the columns.
const TOP: usize = 58;
const GROUND: usize = 350;
const RIGHT: usize = canvas::WIDTH - 24;
/// Of axes and lines.
const THICK: usize = 2;
const TICK: usize = 6;
const MARGIN: usize = 16;
const LABEL_MIDDLE: usize = GROUND + 23;
/// The size of the legend's squares.
const MARK: usize = 22;

/// Columns side by side, each of two parts, as a PNG. Negative numbers are drawn as zero.
pub fn draw_columns(plot: &Columns<'_>) -> Result<Vec<u8>, DrawError> {
    let mut canvas = Canvas::new(HEIGHT)?;
    let tall = |column: &Column| column.lower.max(0).saturating_add(column.upper.max(0));
    let steps = canvas::steps(plot.columns.iter().map(tall).max().unwrap_or(0));
    let top = steps.last().copied().unwrap_or(1);
    let y = |n: i64| canvas::share(GROUND - TOP, n, top).map(|up| GROUND - up);

    let numbers: Vec<String> = steps.iter().map(|step| (plot.write)(*step)).collect();
    let widest = numbers.iter().map(|number| canvas.letters.width(number)).max().unwrap_or(0);
    let left = (MARGIN + widest + 2 * TICK).min(RIGHT);
    for (step, number) in steps.iter().zip(&numbers) {
        let y = y(*step)?;
        canvas.fill(left..RIGHT, y..y + THICK, Ink::Lines);
        canvas.fill(left - TICK..left, y..y + THICK, Ink::Letters);
        canvas.write(number, left.saturating_sub(2 * TICK + canvas.letters.width(number)), y + 1);
    }

    let space = RIGHT - left;
    for (n, column) in plot.columns.iter().enumerate() {
        // Units: hundredths of the width of one column.
        let x = |hundredths| left + space * (100 * n + hundredths) / (100 * plot.columns.len());
        let (lower, all) = (y(column.lower)?, y(tall(column))?);
        canvas.fill(x(16)..x(84), lower..GROUND, Ink::Dark);
        canvas.fill(x(16)..x(84), all..lower, Ink::Bright);
        if !column.label.is_empty() {
            let text = canvas.letters.writable(&column.label);
            let wide = canvas.letters.width(&text);
            canvas.fill(x(50)..x(50) + THICK, GROUND..GROUND + TICK, Ink::Letters);
            canvas.write(&text, x(50).saturating_sub(wide / 2), LABEL_MIDDLE);
        }
    }
    canvas.fill(left..RIGHT, GROUND..GROUND + THICK, Ink::Letters);
    canvas.fill(left..left + THICK, TOP..GROUND, Ink::Letters);

    let mut left = MARGIN;
    for (text, ink) in [(plot.legend.0, Ink::Dark), (plot.legend.1, Ink::Bright)] {
        if text.is_empty() {
            continue;
        }
        let text = canvas.letters.writable(text);
        canvas.fill(left..left + MARK, MARGIN..MARGIN + MARK, ink);
        canvas.write(&text, left + MARK + 10, MARGIN + MARK / 2);
        left += MARK + 40 + canvas.letters.width(&text);
    }
    canvas.encode()
}
