//! Numbers as pictures. The only room that draws; it knows no order, no product and no coin.

mod bars;
mod columns;
mod paper;

pub use bars::{Bar, bars_height, draw_bars};
pub use columns::{Column, Columns, draw_columns};

/// Nothing of the numbers can cause it: the picture's size and the font are our own.
#[derive(Debug, thiserror::Error)]
#[error("the plot cannot be drawn: {0}")]
pub struct Undrawn(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(picture: &[u8]) -> (u32, u32) {
        let decoder = png::Decoder::new(std::io::Cursor::new(picture));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().width, reader.info().height)
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
