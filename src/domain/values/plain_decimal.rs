//! Decimal numbers as people type them.

use rust_decimal::Decimal;

/// Reads a decimal number without sign, exponent or separators: `0.05`, `12`, not `.5` or `5.`. `None` for any other text, and for
/// more digits before or after the point than these; together they may be at most 28.
pub fn plain_decimal(text: &str, n_whole: usize, n_decimals: usize) -> Option<Decimal> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !are_digits(whole, n_whole) || !are_digits(decimals, n_decimals) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let read = plain_decimal(text, 3, 2).map(|number| number.to_string());
        assert_eq!(read.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn a_plain_decimal_is_digits_with_at_most_one_point_between_them() {
        for text in ["0", "12", "999.99", "007", "0.50"] {
            check(text, text.parse().ok().map(|number: Decimal| number.to_string()).as_deref());
        }
        check("0.5", Some("0.5"));
        for text in [
            "", ".", ".5", "5.", "1,5", "1_0", "-1", "+1", "1e3", "1.2.3", "1000", "0.001", " 1",
            "٣",
        ] {
            check(text, None);
        }
    }
}
