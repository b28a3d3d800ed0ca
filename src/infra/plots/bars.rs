//! Horizontal bar charts.

use crate::infra::plots::canvas::{Canvas, Ink};
use crate::infra::plots::font::Letters;
use crate::infra::plots::{DrawError, canvas};

/// One entry of a list, the largest first.
pub struct Bar {
    pub name: String,
    pub n: i64,
}

/// Units: pixels.
const ENTRY_HEIGHT: usize = 74;
const MARGIN: usize = 18;
const THICK: usize = 22;
/// From the top of an entry.
const NAME_MIDDLE: usize = 14;
const BAR_TOP: usize = 31;
const GAP: usize = 10;

/// Units: pixels of the picture of so many bars.
pub fn bars_height(n_bars: usize) -> usize {
    ENTRY_HEIGHT * n_bars.max(1) + 2 * MARGIN
}

/// Bars one below the other, each below its rank and name, as a PNG.
pub fn draw_bars(bars: &[Bar]) -> Result<Vec<u8>, DrawError> {
    let mut canvas = Canvas::new(bars_height(bars.len()))?;
    let most = bars.iter().map(|bar| bar.n).max().unwrap_or(1);
    let right = canvas::WIDTH - MARGIN;
    for (n, bar) in bars.iter().enumerate() {
        let top = MARGIN + n * ENTRY_HEIGHT;
        let name = format!("{}. {}", n + 1, canvas.letters.writable(&bar.name));
        canvas.write(&shortened(canvas.letters, &name, right - MARGIN), MARGIN, top + NAME_MIDDLE);
        let number = bar.n.to_string();
        // The longest bar leaves space for its number.
        let longest = right - MARGIN - canvas.letters.width(&number) - GAP;
        // A number above zero is always visible.
        let long = canvas::share(longest, bar.n, most)?.max(if 0 < bar.n { 2 } else { 0 });
        let top = top + BAR_TOP;
        canvas.fill(MARGIN..MARGIN + long, top..top + THICK, Ink::Dark);
        canvas.write(&number, MARGIN + long + GAP, top + THICK / 2);
    }
    canvas.encode()
}

/// As much of a name as fits.
fn shortened(letters: &Letters, name: &str, space: usize) -> String {
    let mut prefix: Vec<char> = name.chars().take(80).collect();
    let mut text: String = prefix.iter().collect();
    while space < letters.width(&text) && prefix.pop().is_some() {
        text = prefix.iter().collect::<String>().trim_end().to_owned() + "…";
    }
    text
}
