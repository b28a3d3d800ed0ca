use crate::plots::Undrawn;
use plotters::prelude::BitMapBackend;
use plotters::prelude::DrawingArea;
use plotters::prelude::IntoDrawingArea;
use plotters::prelude::IntoFont;
use plotters::prelude::RGBColor;
use plotters::prelude::TextStyle;
use plotters::style::FontStyle;
use plotters::style::register_font;
use std::sync::OnceLock;

/// Units: pixels. Shown at half of it on a telephone, where the letters are still 12 high.
pub const WIDTH: u32 = 720;
const LETTERS: u32 = 25;

/// One paper for light and dark pages, on which every ink stands out by 4.5 : 1 or more; the two fillings differ in
/// lightness too, for whoever sees no colours.
pub const PAPER: RGBColor = RGBColor(0xf3, 0xf1, 0xec);
pub const INK: RGBColor = RGBColor(0x26, 0x26, 0x22);
pub const LINES: RGBColor = RGBColor(0xd3, 0xcf, 0xc6);
pub const DARK: RGBColor = RGBColor(0x1f, 0x5f, 0x5b);
pub const BRIGHT: RGBColor = RGBColor(0xe0, 0xa0, 0x3c);

const FONT: &[u8] = include_bytes!("../../static/fonts/plot.ttf");
const FAMILY: &str = "plot";

pub type Sheet<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;

/// Draws on an empty sheet, and gives it as a PNG.
pub fn draw(
    height: u32,
    on: impl FnOnce(&Sheet<'_>) -> Result<(), Undrawn>,
) -> Result<Vec<u8>, Undrawn> {
    take_font()?;
    let n_bytes = usize::try_from(WIDTH * height * 3).map_err(failed)?;
    let mut pixels = vec![0; n_bytes];
    {
        let sheet = BitMapBackend::with_buffer(&mut pixels, (WIDTH, height)).into_drawing_area();
        sheet.fill(&PAPER).map_err(failed)?;
        on(&sheet)?;
        sheet.present().map_err(failed)?;
    }
    encode(&pixels, height)
}

/// What is written on a sheet.
pub fn letters() -> TextStyle<'static> {
    (FAMILY, LETTERS).into_font().color(&INK)
}

/// What the font has no letter for is left out: of a name in another script nothing may remain.
pub fn writable(text: &str) -> String {
    let has = |c: &char| matches!(c, ' '..='~' | '\u{a0}'..='\u{17f}' | '–' | '’' | '…');
    text.chars().filter(has).collect::<String>().trim().to_owned()
}

pub fn failed(error: impl std::fmt::Display) -> Undrawn {
    Undrawn(error.to_string())
}

/// Whole steps of an axis from zero to beyond `most`: 1, 2 or 5 with zeros behind it, about four of them.
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

fn take_font() -> Result<(), Undrawn> {
    static TAKEN: OnceLock<bool> = OnceLock::new();
    let is_taken = TAKEN.get_or_init(|| register_font(FAMILY, FontStyle::Normal, FONT).is_ok());
    if *is_taken { Ok(()) } else { Err(Undrawn("its font cannot be read".to_owned())) }
}

/// Units: shades from paper to ink. With the three other colours they fit into four bits a pixel, so that a picture is
/// small and soon packed; the edges of letters need no more.
const SHADES: u8 = 13;

fn encode(pixels: &[u8], height: u32) -> Result<Vec<u8>, Undrawn> {
    let mut palette = Vec::new();
    for shade in 0..SHADES {
        let between = |paper: u8, ink: u8| {
            let (paper, ink) = (i32::from(paper), i32::from(ink));
            paper + (ink - paper) * i32::from(shade) / i32::from(SHADES - 1)
        };
        for channel in [between(PAPER.0, INK.0), between(PAPER.1, INK.1), between(PAPER.2, INK.2)] {
            palette.push(u8::try_from(channel).map_err(failed)?);
        }
    }
    for colour in [LINES, DARK, BRIGHT] {
        palette.extend([colour.0, colour.1, colour.2]);
    }
    let indexes: Vec<u8> = pixels.chunks_exact(3).map(index).collect();
    let packed: Vec<u8> =
        indexes.chunks(2).map(|two| two[0] << 4 | two.get(1).unwrap_or(&0)).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH, height);
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

/// Which colour of the palette a pixel has, or comes nearest to.
fn index(pixel: &[u8]) -> u8 {
    let [red, green, blue] = *pixel else { return 0 };
    match RGBColor(red, green, blue) {
        LINES => SHADES,
        DARK => SHADES + 1,
        BRIGHT => SHADES + 2,
        _ => {
            let (paper, ink) = (i32::from(PAPER.1), i32::from(INK.1));
            let darkness = (paper - i32::from(green)).clamp(0, paper - ink);
            let n = (darkness * i32::from(SHADES - 1) * 2 + paper - ink) / (2 * (paper - ink));
            u8::try_from(n).unwrap_or(0)
        }
    }
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
    fn what_the_font_lacks_is_left_out() {
        assert_eq!(writable("Café crème"), "Café crème");
        assert_eq!(writable("茶 Tea"), "Tea");
        assert_eq!(writable("茶"), "");
    }
}
