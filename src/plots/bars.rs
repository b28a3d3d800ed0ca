use crate::plots::Undrawn;
use crate::plots::paper;
use crate::plots::paper::Sheet;
use crate::plots::paper::failed;
use plotters::prelude::Color;
use plotters::prelude::Rectangle;
use plotters::prelude::Text;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

/// One of a list, the largest first.
pub struct Bar {
    pub name: String,
    pub n: i64,
}

/// Units: pixels.
const ROOM: u32 = 74;
const MARGIN: u32 = 18;
const THICK: i32 = 22;
/// What is centred stands this much too high otherwise.
const LOW: i32 = 4;

/// Units: pixels of the picture of so many bars.
pub fn bars_height(n_bars: usize) -> u32 {
    ROOM * u32::try_from(n_bars.max(1)).unwrap_or(1) + 2 * MARGIN
}

/// Bars one below the other, each under its rank and name, as a PNG.
pub fn draw_bars(bars: &[Bar]) -> Result<Vec<u8>, Undrawn> {
    let height = bars_height(bars.len());
    let room = i32::try_from(ROOM).map_err(failed)?;
    let margin = i32::try_from(MARGIN).map_err(failed)?;
    let right = i32::try_from(paper::WIDTH).map_err(failed)? - margin;
    let most = bars.iter().map(|bar| bar.n).max().unwrap_or(1).max(1);
    paper::draw(height, |sheet| {
        for (n, bar) in (0..).zip(bars) {
            let top = margin + n * room;
            let style = paper::letters();
            let name = format!("{}. {}", n + 1, paper::writable(&bar.name));
            let number = bar.n.to_string();
            // The longest bar leaves room for its number.
            let (wide, _) = sheet.estimate_text_size(&number, &style).map_err(failed)?;
            let longest = right - margin - i32::try_from(wide).map_err(failed)? - 16;
            let long = i128::from(bar.n.max(0)) * i128::from(longest) / i128::from(most);
            // Not nothing is seen to be something.
            let long = i32::try_from(long).map_err(failed)?.max(if 0 < bar.n { 2 } else { 0 });
            let words = shortened(sheet, &name, right - margin)?;
            sheet.draw(&Text::new(words, (margin, top), style.clone())).map_err(failed)?;
            let (upper, lower) = (top + 31, top + 31 + THICK);
            let corners = [(margin, upper), (margin + long, lower)];
            sheet.draw(&Rectangle::new(corners, paper::DARK.filled())).map_err(failed)?;
            let beside = style.pos(Pos::new(HPos::Left, VPos::Center));
            let place = (margin + long + 10, (upper + lower) / 2 + LOW);
            sheet.draw(&Text::new(number, place, beside)).map_err(failed)?;
        }
        Ok(())
    })
}

/// As much of a name as there is room for.
fn shortened(sheet: &Sheet<'_>, name: &str, room: i32) -> Result<String, Undrawn> {
    let mut letters: Vec<char> = name.chars().take(80).collect();
    let mut words: String = letters.iter().collect();
    loop {
        let (wide, _) = sheet.estimate_text_size(&words, &paper::letters()).map_err(failed)?;
        if i32::try_from(wide).map_err(failed)? <= room || letters.is_empty() {
            return Ok(words);
        }
        letters.pop();
        words = letters.iter().collect::<String>().trim_end().to_owned() + "…";
    }
}
