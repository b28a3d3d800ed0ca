//! Pictures of characters that people can read and programs cannot read for free. Made from a seed alone.

mod canvas;
mod glyphs;
mod picture;
mod rng;
mod text;

pub use picture::{HEIGHT, WIDTH, draw};
pub use rng::Seed;
pub use text::{N_CHARACTERS, is_answer, text};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn seed(n: u64) -> Seed {
        let mut seed = [7; 16];
        seed[..8].copy_from_slice(&n.to_le_bytes());
        seed
    }

    /// The grey values of a picture.
    fn pixels(picture: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(picture));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!((reader.info().width, reader.info().height), (WIDTH, HEIGHT));
        assert_eq!(pixels.len(), (WIDTH * HEIGHT) as usize, "one grey value per pixel");
        pixels
    }

    #[test]
    fn a_seed_makes_one_picture_and_another_seed_another() {
        let pictures: Vec<Vec<u8>> = (0..20).map(|n| draw(&seed(n)).unwrap()).collect();
        for (n, picture) in (0..).zip(&pictures) {
            assert_eq!(*picture, draw(&seed(n)).unwrap());
        }
        assert_eq!(pictures.iter().collect::<HashSet<_>>().len(), 20);
    }

    #[test]
    fn a_picture_is_small_and_neither_empty_nor_full() {
        for n in 0..50 {
            let picture = draw(&seed(n)).unwrap();
            assert!(picture.len() < 12 << 10, "{}", picture.len());
            let pixels = pixels(&picture);
            let n_dark = pixels.iter().filter(|grey| **grey < 128).count();
            assert!((pixels.len() / 12..pixels.len() / 2).contains(&n_dark), "{n}: {n_dark}");
        }
    }

    #[test]
    fn every_character_is_used_about_equally_and_none_looks_like_another() {
        let texts: String = (0..2_000).map(|n| text(&seed(n))).collect();
        let expected = texts.len() / glyphs::GLYPHS.len();
        for glyph in &glyphs::GLYPHS {
            let n = texts.matches(glyph.character).count();
            assert!((expected * 4 / 5..expected * 6 / 5).contains(&n), "{}: {n}", glyph.character);
        }
        assert!(
            !texts.contains(['0', 'O', 'Q', '1', 'I', 'L', '5', 'S', '6', 'G', '8', 'B', '4', 'Z'])
        );
    }

    #[test]
    fn an_answer_may_be_typed_in_lower_case_and_with_spaces() {
        let text = text(&seed(3));
        assert_eq!(text.len(), N_CHARACTERS);
        let (begin, end) = text.split_at(3);
        for typed in [&text, &text.to_lowercase(), &format!("  {begin} {end}\u{a0}\t")] {
            assert!(is_answer(&seed(3), typed), "{typed:?}");
        }
        for typed in ["", "   ", begin, &format!("{text}A"), &format!("{end}{begin}"), "ſ", "é"] {
            assert!(!is_answer(&seed(3), typed), "{typed:?}");
        }
        assert!(!is_answer(&seed(4), &text));
    }

    #[test]
    fn a_character_that_no_picture_has_counts_as_the_one_it_looks_like() {
        let n =
            (0..).find(|n| ["D", "U", "2"].iter().all(|c| text(&seed(*n)).contains(c))).unwrap();
        for (ours, others) in [("D", "oO0Q"), ("U", "vV"), ("2", "zZ")] {
            for other in others.chars() {
                assert!(is_answer(&seed(n), &text(&seed(n)).replace(ours, &other.to_string())));
            }
        }
    }
}
