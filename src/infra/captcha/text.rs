//! The characters in a picture, and what counts as an answer.

use crate::infra::captcha::glyphs::GLYPHS;
use crate::infra::captcha::rng::{Seed, Stream};

/// Units: characters in each picture.
pub const N_CHARACTERS: usize = 6;

/// The characters in the picture of this seed.
pub fn text(seed: &Seed) -> String {
    let mut stream = Stream::new(seed, "text");
    (0..N_CHARACTERS).map(|_| stream.pick(&GLYPHS).character).collect()
}

/// Whether this text answers the picture of this seed. Case and spaces are ignored, and a character that no picture has
/// counts as the one it looks like.
pub fn is_answer(seed: &Seed, typed: &str) -> bool {
    let typed = typed.chars().filter(|c| !c.is_whitespace());
    let read = typed.map(|c| match c.to_ascii_uppercase() {
        'O' | '0' | 'Q' => 'D',
        'V' => 'U',
        'Z' => '2',
        c => c,
    });
    read.eq(text(seed).chars())
}
