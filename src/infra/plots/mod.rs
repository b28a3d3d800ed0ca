//! Draws numbers as charts. Only this module draws; it knows no orders, products or coins.

mod bars;
mod canvas;
mod columns;
mod error;
mod font;

pub use bars::{Bar, bars_height, draw_bars};
pub use columns::{Column, Columns, draw_columns};
pub use error::DrawError;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::plots::canvas::Ink;

    fn measures(picture: &[u8]) -> (u32, u32) {
        let decoder = png::Decoder::new(std::io::Cursor::new(picture));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().width, reader.info().height)
    }

    /// Units: pixels of exactly this colour, which no letter has.
    fn painted(picture: &[u8], ink: Ink) -> usize {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(picture));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let dots = pixels[..frame.buffer_size()].chunks_exact(frame.color_type.samples());
        dots.filter(|dot| dot[..3] == ink.colour()).count()
    }

    /// Whether the ratio of two areas is three to four, except for the edges.
    #[track_caller]
    fn are_as_three_to_four(three: usize, four: usize) {
        assert!(1_000 < three && (4 * three).abs_diff(3 * four) < four / 10, "{three} : {four}");
    }

    #[test]
    fn columns_are_as_tall_and_bars_as_long_as_their_numbers() {
        let columns = |numbers: [(i64, i64); 2]| {
            let columns =
                numbers.map(|(lower, upper)| Column { label: String::new(), lower, upper });
            let plot = Columns { legend: ("", ""), columns: &columns, write: &|n| n.to_string() };
            draw_columns(&plot).unwrap()
        };
        let (some, more) = (columns([(80, 0), (40, 0)]), columns([(80, 0), (80, 0)]));
        are_as_three_to_four(painted(&some, Ink::Dark), painted(&more, Ink::Dark));
        assert_eq!(painted(&more, Ink::Bright), 0);
        let (some, more) = (columns([(0, 80), (0, 40)]), columns([(0, 80), (0, 80)]));
        are_as_three_to_four(painted(&some, Ink::Bright), painted(&more, Ink::Bright));
        assert_eq!(painted(&more, Ink::Dark), 0);

        let bars = |numbers: [i64; 2]| {
            draw_bars(&numbers.map(|n| Bar { name: "Tea".to_owned(), n })).unwrap()
        };
        let (some, more) = (bars([80, 40]), bars([80, 80]));
        are_as_three_to_four(painted(&some, Ink::Dark), painted(&more, Ink::Dark));
    }

    #[test]
    fn half_a_year_is_a_picture_of_at_most_40_kb() {
        let columns: Vec<Column> = (0..26)
            .map(|n| Column {
                label: if n % 4 == 0 { "Nov".to_owned() } else { String::new() },
                lower: n * n * 37 % 91,
                upper: n * 13 % 17,
            })
            .collect();
        for legend in [("paid", "not paid"), ("", "")] {
            let plot = Columns { legend, columns: &columns, write: &|n| format!("{n}.000 ETH") };
            let picture = draw_columns(&plot).unwrap();
            assert_eq!(measures(&picture), (720, 400));
            assert!(picture.len() < 40 << 10, "{}", picture.len());
        }
    }

    #[test]
    fn ten_products_are_a_picture_of_at_most_48_kb() {
        let name = "A Shawl of the Softest Wool, Woven by Hand in the Mountains, Grey and Blue";
        let bars: Vec<Bar> =
            (1..=10).map(|n| Bar { name: name.to_owned(), n: 9_999 / n }).collect();
        let picture = draw_bars(&bars).unwrap();
        assert_eq!(measures(&picture), (720, 776));
        assert!(picture.len() < 48 << 10, "{}", picture.len());
    }

    #[test]
    fn nothing_and_very_much_are_drawn_too() {
        assert_eq!(measures(&draw_bars(&[]).unwrap()).0, 720);
        for most in [0, 1, -5, i64::MAX] {
            let columns = [Column { label: "Jan".to_owned(), lower: most, upper: most }];
            let plot = Columns { legend: ("", ""), columns: &columns, write: &|n| n.to_string() };
            assert_eq!(measures(&draw_columns(&plot).unwrap()), (720, 400));
            draw_bars(&[Bar { name: "茶".to_owned(), n: most }]).unwrap();
        }
    }
}
