//! Colours and contrast.

use data_encoding::HEXLOWER_PERMISSIVE;

/// A colour as a browser writes it.
///
/// Shape: `#` and six hexadecimal digits, lowercase.
/// Units: red, green, blue, 0 to 255 each, of sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a colour is # and six digits 0-9 and letters a-f, for example #1c5d50")]
pub struct NotAColour;

/// The contrast of two colours.
///
/// Units: hundredths, 100 (the same) to 2100 (black on white).
/// Source: WCAG 2.2, "contrast ratio".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contrast(i64);

impl Contrast {
    /// For text, by success criterion 1.4.3; borders and controls need less, 3:1.
    pub const OF_TEXT: Self = Self(450);
}

/// `4.5:1`, never rounded up.
impl std::fmt::Display for Contrast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}:1", self.0 / 100, self.0 % 100 / 10)
    }
}

impl Colour {
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255 };

    /// Also accepts capital letters and a missing `#`: people copy colours from many places.
    ///
    /// # Errors
    /// [`NotAColour`] for any other shape.
    pub fn parse(text: &str) -> Result<Self, NotAColour> {
        let digits = text.trim().trim_start_matches('#');
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| NotAColour)?;
        let [red, green, blue] = bytes.try_into().map_err(|_| NotAColour)?;
        Ok(Self { red, green, blue })
    }

    pub fn contrast(self, other: Self) -> Contrast {
        let (one, other) = (self.luminance() + GLARE, other.luminance() + GLARE);
        Contrast(one.max(other) * 100 / one.min(other))
    }

    /// Moves `steps` of 255 steps toward another colour.
    pub fn toward(self, other: Self, steps: u8) -> Self {
        let part = |from: u8, to: u8| {
            let (from, to, steps) = (i32::from(from), i32::from(to), i32::from(steps));
            u8::try_from(from + (to - from) * steps / 255).unwrap_or(u8::MAX)
        };
        Self {
            red: part(self.red, other.red),
            green: part(self.green, other.green),
            blue: part(self.blue, other.blue),
        }
    }

    /// Units: 0 (black) to 10^9 (white).
    /// Source: WCAG 2.2, "relative luminance".
    fn luminance(self) -> i64 {
        let light = |part: u8| LIGHT[usize::from(part)];
        (2126 * light(self.red) + 7152 * light(self.green) + 722 * light(self.blue)) / 10_000
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// 1.0, in the fixed-point units of the luminance table.
const ONE: i64 = 1_000_000_000;
/// The ambient light that the standard adds to every luminance: 0.05.
const GLARE: i64 = ONE / 20;
/// The luminance of each value of a channel: the 255 steps look equal to the eye, but the first ones give little light.
const LIGHT: [i64; 256] = light();

const fn light() -> [i64; 256] {
    let mut table = [0; 256];
    let mut step = 0;
    while step < 256 {
        // Up to here the function is linear, c / 12.92; then ((c + 0.055) / 1.055) to the power of 2.4.
        table[step] = if step <= 10 {
            step as i64 * ONE * 100 / (255 * 1292)
        } else {
            let fine = to_2_4((step as i128 * 1000 + 14_025) * FINE / 269_025);
            (fine / (FINE / ONE as i128)) as i64
        };
        step += 1;
    }
    table
}

/// 1.0, with more digits, for a small number that is multiplied twelve times by itself.
const FINE: i128 = 1_000_000_000_000_000_000;

/// `n` to the power of 12/5: the number whose fifth power is the twelfth power of `n`.
const fn to_2_4(n: i128) -> i128 {
    let fourth = times(times(n, n), times(n, n));
    let wanted = times(times(fourth, fourth), fourth);
    let (mut low, mut high) = (0, FINE);
    while low < high {
        let middle = (low + high + 1) / 2;
        let square = times(middle, middle);
        if times(times(square, square), middle) <= wanted {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

const fn times(one: i128, other: i128) -> i128 {
    one * other / FINE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotAColour>) {
        let shown = Colour::parse(text).map(|colour| colour.to_string());
        assert_eq!(shown, expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        check("#1c5d50", Ok("#1c5d50"));
        check(" FFD500 ", Ok("#ffd500"));
        for text in
            ["", "#", "#fff", "red", "#1c5d5g", "#1c5d501", "#1c5d5é", "rgb(0,0,0)", "#+1+2+3"]
        {
            check(text, Err(NotAColour));
        }
    }

    /// The expected values were computed with forty decimal digits, independently of this program.
    #[test]
    fn light_is_counted_as_the_standard_says() {
        for (step, expected) in [
            (0, 0),
            (1, 303_526),
            (10, 3_035_269),
            (11, 3_346_535),
            (64, 51_269_458),
            (118, 181_164_244),
            (128, 215_860_500),
            (200, 577_580_440),
            (254, 991_102_097),
            (255, ONE),
        ] {
            let found: i64 = LIGHT[step];
            assert!((found - expected).abs() <= 1 + expected / 100_000, "{step}: {found}");
        }
    }

    #[test]
    fn contrast_is_counted_as_the_standard_says() {
        for (one, other, expected) in [
            ("#000000", "#ffffff", "21.0:1"),
            ("#ffffff", "#ffffff", "1.0:1"),
            ("#767676", "#ffffff", "4.5:1"),
            ("#777777", "#ffffff", "4.4:1"),
            ("#ffd500", "#ffffff", "1.4:1"),
            ("#86cdb9", "#10211d", "9.1:1"),
        ] {
            let [one, other] = [one, other].map(|text| Colour::parse(text).unwrap());
            assert_eq!(one.contrast(other).to_string(), expected);
            assert_eq!(one.contrast(other), other.contrast(one));
        }
    }

    proptest! {
        #[test]
        fn a_colour_is_read_as_it_is_written(red: u8, green: u8, blue: u8) {
            let colour = Colour { red, green, blue };
            prop_assert_eq!(Colour::parse(&colour.to_string()), Ok(colour));
            prop_assert_eq!(colour.toward(Colour::BLACK, 255), Colour::BLACK);
            prop_assert_eq!(colour.toward(Colour::WHITE, 0), colour);
        }
    }
}
