//! The accent colour, with enough contrast.

use crate::domain::values::Colour;
use crate::domain::values::colour::Contrast;

/// The colour of links, buttons and borders, in the light and the dark theme.
///
/// Shape: its contrast with every background of the shop's pages is sufficient for text, which is more than borders and
/// controls need; so is that of text on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    pub light: Colour,
    pub dark: Colour,
    /// The text colour on `dark`; on `light` it is white.
    pub on_dark: Colour,
}

/// A colour that would be unreadable on some background of the light theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this colour has a contrast of {contrast}, but text needs {} to be readable; the nearest readable colour is {nearest}",
    Contrast::OF_TEXT
)]
pub struct LowContrast {
    pub contrast: Contrast,
    pub nearest: Colour,
}

/// Source: `--paper`, `--sheet`, `--tint` and `--note` of static/style.css, in the light and the dark theme.
const LIGHT_GROUNDS: [Colour; 4] = [of(0xfbf9f5), of(0xffffff), of(0xf3eee5), of(0xf7f0d9)];
const DARK_GROUNDS: [Colour; 4] = [of(0x191715), of(0x23201d), of(0x2a2622), of(0x353019)];
const ON_DARK: Colour = of(0x161616);

impl Default for Accent {
    /// Source: `--accent` and `--on` of static/style.css.
    fn default() -> Self {
        Self { light: of(0x1c5d50), dark: of(0x86cdb9), on_dark: of(0x10211d) }
    }
}

impl Accent {
    /// Takes the seller's colour for the light theme; for the dark theme it is lightened as far as needed.
    ///
    /// # Errors
    /// [`LowContrast`] if it is unreadable in the light theme, with the nearest readable colour.
    pub fn of(light: Colour) -> Result<Self, LowContrast> {
        let contrast = least(light, &LIGHT_GROUNDS);
        if contrast < Contrast::OF_TEXT {
            let nearest = nearest(light, Colour::BLACK, &LIGHT_GROUNDS);
            return Err(LowContrast { contrast, nearest });
        }
        if light == Self::default().light {
            return Ok(Self::default());
        }
        let dark = nearest(light, Colour::WHITE, &DARK_GROUNDS);
        Ok(Self { light, dark, on_dark: ON_DARK })
    }
}

fn least(colour: Colour, grounds: &[Colour]) -> Contrast {
    let contrasts = grounds.iter().map(|ground| colour.contrast(*ground));
    contrasts.min().unwrap_or(Contrast::OF_TEXT)
}

/// The first colour on the way to `end` that is readable on every background.
fn nearest(colour: Colour, end: Colour, grounds: &[Colour]) -> Colour {
    let steps = (0..=u8::MAX).map(|steps| colour.toward(end, steps));
    let is_read = |colour: &Colour| Contrast::OF_TEXT <= least(*colour, grounds);
    steps.into_iter().find(is_read).unwrap_or(end)
}

const fn of(rgb: u32) -> Colour {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Colour { red, green, blue }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STYLE: &str = include_str!("../../../static/style.css");

    /// The values of a CSS variable, in the light and the dark theme.
    fn named(name: &str) -> [Colour; 2] {
        let found: Vec<Colour> = STYLE
            .split(&format!("--{name}:"))
            .skip(1)
            .map(|rest| {
                let value = rest.split([';', '}']).next().unwrap();
                // `#fff` is the short form of `#ffffff`.
                let twice = value.chars().filter(|c| *c != '#').flat_map(|c| [c, c]);
                let long = if value.len() == 4 { twice.collect() } else { value.to_owned() };
                Colour::parse(&long).unwrap()
            })
            .collect();
        found.try_into().unwrap_or_else(|found| panic!("{name}: {found:?}"))
    }

    #[track_caller]
    fn check(chosen: &str, expected: Result<(&str, &str), (&str, &str)>) {
        let accent = Accent::of(Colour::parse(chosen).unwrap());
        let shown = accent
            .map(|accent| (accent.light.to_string(), accent.dark.to_string()))
            .map_err(|pale| (pale.contrast.to_string(), pale.nearest.to_string()));
        let owned = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        assert_eq!(shown, expected.map(owned).map_err(owned), "{chosen}");
    }

    #[test]
    fn the_grounds_are_those_of_the_pages() {
        for (n, name) in ["paper", "sheet", "tint", "note"].into_iter().enumerate() {
            assert_eq!(named(name), [LIGHT_GROUNDS[n], DARK_GROUNDS[n]], "{name}");
        }
        let own = Accent::default();
        assert_eq!(named("accent"), [own.light, own.dark]);
        assert_eq!(named("on"), [Colour::WHITE, own.on_dark]);
    }

    #[test]
    fn a_colour_is_read_in_the_light_and_made_lighter_for_the_dark() {
        check("#1c5d50", Ok(("#1c5d50", "#86cdb9")));
        check("#000000", Ok(("#000000", "#979797")));
        check("#8a1538", Ok(("#8a1538", "#c28698")));
        check("#ffd500", Err(("1.2:1", "#806b00")));
        check("#ffffff", Err(("1.0:1", "#6c6c6c")));
    }

    proptest! {
        #[test]
        fn whatever_is_chosen_is_read_everywhere(red: u8, green: u8, blue: u8) {
            let chosen = Colour { red, green, blue };
            let accent = match Accent::of(chosen) {
                Ok(accent) => accent,
                Err(pale) => Accent::of(pale.nearest).unwrap(),
            };
            for (colour, on, grounds) in [
                (accent.light, Colour::WHITE, LIGHT_GROUNDS),
                (accent.dark, accent.on_dark, DARK_GROUNDS),
            ] {
                prop_assert!(Contrast::OF_TEXT <= least(colour, &grounds), "{colour}");
                prop_assert!(Contrast::OF_TEXT <= colour.contrast(on), "{on} on {colour}");
            }
        }
    }
}
