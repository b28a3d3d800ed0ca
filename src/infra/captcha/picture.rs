//! Draws the picture of a seed.

use crate::infra::captcha::canvas::{Canvas, Paint, Point, SCALE};
use crate::infra::captcha::glyphs::{GLYPHS, Glyph, Stroke};
use crate::infra::captcha::rng::{Seed, Stream};
use crate::infra::captcha::text::{N_CHARACTERS, text};

/// Units: pixels.
pub const WIDTH: u32 = 300;
/// Units: pixels.
pub const HEIGHT: u32 = 100;

/// Units: dots, as all that follows.
const WIDE: i32 = WIDTH as i32 * SCALE;
const TALL: i32 = HEIGHT as i32 * SCALE;
/// From the middle of a character to the middle of the next, before it is shifted.
const PITCH: i32 = 45 * SCALE;
/// Coordinates between which curves are rounded, finer than dots.
const FINE: i32 = 16;

/// # Errors
/// Never, as tests show: the encoder writes into memory.
pub fn draw(seed: &Seed) -> Result<Vec<u8>, png::EncodingError> {
    let mut stream = Stream::new(seed, "picture");
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let bend = Bend::new(&mut stream);
    scatter(&mut canvas, &mut stream, 40, Paint::Ink);
    let n_gaps = i32::try_from(N_CHARACTERS).expect("a few") - 1;
    let mut middle = (WIDE - n_gaps * PITCH) / 2 + stream.between(-6, 6);
    for character in text(seed).chars() {
        let glyph = GLYPHS.iter().find(|glyph| glyph.character == character);
        write(&mut canvas, &mut stream, &bend, middle, glyph.expect("texts are made of these"));
        middle += PITCH + stream.between(-2 * SCALE, 2 * SCALE);
    }
    // Thin gaps across the characters, so that no program finds them by following connected dots.
    for _ in 0..3 {
        cross(&mut canvas, &mut stream, 1, Paint::Paper);
    }
    // Lines as thick as the characters, which join them, so that none stands alone.
    for _ in 0..2 {
        let radius = stream.between(3, 4);
        cross(&mut canvas, &mut stream, radius, Paint::Ink);
    }
    strew_strokes(&mut canvas, &mut stream, &bend);
    scatter(&mut canvas, &mut stream, 50, Paint::Paper);
    scatter(&mut canvas, &mut stream, 30, Paint::Ink);
    encode(&canvas)
}

/// One character: its own size, slant and place.
fn write(canvas: &mut Canvas, stream: &mut Stream, bend: &Bend, middle: i32, glyph: &Glyph) {
    let tall = stream.between(48, 60) * SCALE;
    let wide = stream.between(54, 66) * SCALE;
    let slant = stream.between(-60, 60);
    let tilt = stream.between(-40, 40);
    let (dx, dy) = (stream.between(-2, 2) * SCALE, stream.between(-8, 8) * SCALE);
    let radius = stream.between(5, 7);
    let place = |x: i32, y: i32| {
        let x = (x - 30 * FINE) * wide / (100 * FINE);
        let y = (y - 50 * FINE) * tall / (100 * FINE);
        let (x, y) = (x - y * slant / 256, y + x * tilt / 256);
        bend.bend(Point { x: middle + dx + x, y: TALL / 2 + dy + y })
    };
    for stroke in glyph.strokes {
        let points = fine_points(stroke);
        for pair in points.windows(2) {
            let mut last = place(pair[0].x, pair[0].y);
            // In short segments, since a bent line is not straight.
            for n in 1..=8 {
                let x = pair[0].x + (pair[1].x - pair[0].x) * n / 8;
                let y = pair[0].y + (pair[1].y - pair[0].y) * n / 8;
                let next = place(x, y);
                canvas.line(last, next, radius, Paint::Ink);
                last = next;
            }
        }
    }
}

fn fine_points(stroke: &Stroke) -> Vec<Point> {
    let fine = |points: &[(i32, i32)]| -> Vec<Point> {
        points.iter().map(|(x, y)| Point { x: x * FINE, y: y * FINE }).collect()
    };
    match stroke {
        Stroke::Straight(points) => fine(points),
        Stroke::Round(points) => rounded(&rounded(&fine(points))),
    }
}

/// Cuts the corners.
///
/// Source: Chaikin, "An algorithm for high speed curve generation", 1974.
fn rounded(points: &[Point]) -> Vec<Point> {
    let between = |a: Point, b: Point| Point { x: (3 * a.x + b.x) / 4, y: (3 * a.y + b.y) / 4 };
    let cut =
        points.windows(2).flat_map(|pair| [between(pair[0], pair[1]), between(pair[1], pair[0])]);
    let (first, last) = (points.first().copied(), points.last().copied());
    first.into_iter().chain(cut).chain(last).collect()
}

/// A wavy line from one edge to the other.
fn cross(canvas: &mut Canvas, stream: &mut Stream, radius: i32, paint: Paint) {
    let (left, right) =
        (stream.between(TALL / 5, TALL * 4 / 5), stream.between(TALL / 5, TALL * 4 / 5));
    let (height, length) = (stream.between(8, 20) * SCALE, stream.between(90, 200) * SCALE);
    let phase = stream.between(0, CIRCLE - 1);
    let at = |x: i32| {
        let slope = left + (right - left) * x / WIDE;
        Point { x, y: slope + height * sine(phase + x * CIRCLE / length) / ONE }
    };
    for x in (0..WIDE).step_by(6) {
        canvas.line(at(x), at(x + 6), radius, paint);
    }
}

/// Short strokes like parts of characters.
fn strew_strokes(canvas: &mut Canvas, stream: &mut Stream, bend: &Bend) {
    for _ in 0..7 {
        let from = Point { x: stream.between(0, WIDE), y: stream.between(0, TALL) };
        let (dx, dy) = (stream.between(-20, 20) * SCALE, stream.between(-20, 20) * SCALE);
        let radius = stream.between(2, 3);
        canvas.line(
            bend.bend(from),
            bend.bend(Point { x: from.x + dx, y: from.y + dy }),
            radius,
            Paint::Ink,
        );
    }
}

fn scatter(canvas: &mut Canvas, stream: &mut Stream, n: usize, paint: Paint) {
    for _ in 0..n {
        let at = Point { x: stream.between(0, WIDE), y: stream.between(0, TALL) };
        let radius = stream.between(1, 3);
        canvas.dab(at, radius, paint);
    }
}

/// Two waves that bend the whole picture.
struct Bend {
    across: Wave,
    down: Wave,
}

struct Wave {
    height: i32,
    length: i32,
    phase: i32,
}

impl Bend {
    fn new(stream: &mut Stream) -> Self {
        let mut wave = |height: i32| Wave {
            height: stream.between(height / 2, height) * SCALE,
            length: stream.between(70, 140) * SCALE,
            phase: stream.between(0, CIRCLE - 1),
        };
        Self { across: wave(5), down: wave(8) }
    }

    fn bend(&self, at: Point) -> Point {
        Point { x: at.x + self.across.at(at.y), y: at.y + self.down.at(at.x) }
    }
}

impl Wave {
    fn at(&self, place: i32) -> i32 {
        self.height * sine(self.phase + place * CIRCLE / self.length) / ONE
    }
}

/// Units: steps of a whole turn.
const CIRCLE: i32 = 1_024;
/// The sine of a quarter turn.
const ONE: i32 = 256;
/// The sine of every sixteenth step of the first quarter.
const QUARTER: [i32; 17] =
    [0, 25, 50, 74, 98, 121, 142, 162, 181, 198, 213, 226, 237, 245, 251, 255, 256];

/// The sine of an angle in steps of [`CIRCLE`], times [`ONE`].
fn sine(angle: i32) -> i32 {
    let angle = usize::try_from(angle.rem_euclid(CIRCLE)).expect("it is not negative");
    let of_quarter = |angle: usize| {
        let next = QUARTER[(angle / 16 + 1).min(16)];
        let rest = i32::try_from(angle % 16).expect("it is below 16");
        QUARTER[angle / 16] + (next - QUARTER[angle / 16]) * rest / 16
    };
    match angle {
        0..=256 => of_quarter(angle),
        257..=512 => of_quarter(512 - angle),
        513..=768 => -of_quarter(angle - 512),
        _ => -of_quarter(1_024 - angle),
    }
}

/// Sixteen shades of grey: black ink on white paper.
fn encode(canvas: &Canvas) -> Result<Vec<u8>, png::EncodingError> {
    let most = SCALE * SCALE;
    let shade = |ink: u8| u8::try_from(15 - 13 * i32::from(ink) / most).expect("it is below 16");
    let shades: Vec<u8> = canvas.coverage().into_iter().map(shade).collect();
    // The width is even, so that no byte holds pixels of two rows.
    let packed: Vec<u8> = shades.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Four);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&packed)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_goes_round() {
        for (angle, expected) in [
            (0, 0),
            (8, 12),
            (256, 256),
            (512, 0),
            (768, -256),
            (1_024, 0),
            (-256, -256),
            (320, 237),
            (640, -181),
            (960, -98),
        ] {
            assert_eq!(sine(angle), expected, "{angle}");
        }
    }

    #[test]
    fn a_corner_is_cut() {
        let corner = [(0, 0), (16, 0), (16, 16)].map(|(x, y)| Point { x, y });
        let cut = [(0, 0), (4, 0), (12, 0), (16, 4), (16, 12), (16, 16)];
        assert_eq!(rounded(&corner), cut.map(|(x, y)| Point { x, y }));
    }
}
