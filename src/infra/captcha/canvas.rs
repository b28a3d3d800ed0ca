//! A canvas of dots, and a round brush that draws on it.

/// A point of the canvas. Units: dots; it may be outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

/// What a brush draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Ink,
    Paper,
}

/// Black or white dots. Each pixel consists of [`SCALE`] by [`SCALE`] dots, so that edges are smooth.
pub struct Canvas {
    wide: i32,
    tall: i32,
    is_ink: Vec<bool>,
}

/// Units: dots along each side of a pixel.
pub const SCALE: i32 = 3;

impl Canvas {
    /// Units: pixels.
    pub fn new(wide: u32, tall: u32) -> Self {
        let dots = |pixels: u32| i32::try_from(pixels).expect("a small picture") * SCALE;
        let (wide, tall) = (dots(wide), dots(tall));
        let n_dots = usize::try_from(wide * tall).expect("it is not negative");
        Self { wide, tall, is_ink: vec![false; n_dots] }
    }

    /// A disc. Units: `radius` in dots.
    pub fn dab(&mut self, at: Point, radius: i32, paint: Paint) {
        for y in (at.y - radius).max(0)..=(at.y + radius).min(self.tall - 1) {
            for x in (at.x - radius).max(0)..=(at.x + radius).min(self.wide - 1) {
                let (dx, dy) = (x - at.x, y - at.y);
                if dx * dx + dy * dy <= radius * radius + radius / 2 {
                    let place = usize::try_from(y * self.wide + x).expect("it lies inside");
                    self.is_ink[place] = paint == Paint::Ink;
                }
            }
        }
    }

    /// A straight line with round ends.
    pub fn line(&mut self, from: Point, to: Point, radius: i32, paint: Paint) {
        let n_steps = (to.x - from.x).abs().max((to.y - from.y).abs()).max(1);
        for n in (0..n_steps).step_by(2).chain([n_steps]) {
            let x = from.x + (to.x - from.x) * n / n_steps;
            let y = from.y + (to.y - from.y) * n / n_steps;
            self.dab(Point { x, y }, radius, paint);
        }
    }

    /// How much ink is on each pixel, by rows.
    ///
    /// Shape: 0 to [`SCALE`] squared.
    pub fn coverage(&self) -> Vec<u8> {
        let (wide, tall) = (self.wide / SCALE, self.tall / SCALE);
        let pixels = (0..tall).flat_map(|y| (0..wide).map(move |x| (x, y)));
        pixels.map(|(x, y)| self.ink_in(x * SCALE, y * SCALE)).collect()
    }

    fn ink_in(&self, left: i32, top: i32) -> u8 {
        let dots = (top..top + SCALE).flat_map(|y| (left..left + SCALE).map(move |x| (x, y)));
        let is_ink = |(x, y): (i32, i32)| {
            self.is_ink[usize::try_from(y * self.wide + x).expect("it lies inside")]
        };
        dots.map(|dot| u8::from(is_ink(dot))).sum()
    }
}
