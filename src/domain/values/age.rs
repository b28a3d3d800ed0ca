//! How long ago something has to be.

/// A span of time before now, as it is written on a command line: `30m`, `2h`, `1d`.
///
/// Shape: a whole number, 1 to 999,999, and `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    minutes: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a whole number above 0 with a unit, for example 30m, 2h or 1d")]
pub struct NotAnAge;

impl Age {
    /// # Errors
    /// [`NotAnAge`] for any other shape.
    pub fn parse(text: &str) -> Result<Self, NotAnAge> {
        let unit = text.chars().last().ok_or(NotAnAge)?;
        let minutes_of_unit = match unit {
            'm' => 1,
            'h' => 60,
            'd' => 24 * 60,
            _ => return Err(NotAnAge),
        };
        let digits = text.strip_suffix(unit).ok_or(NotAnAge)?;
        if !(1..=6).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnAge);
        }
        match digits.parse::<i64>() {
            Ok(n) if 0 < n => Ok(Self { minutes: n * minutes_of_unit }),
            _ => Err(NotAnAge),
        }
    }

    pub fn minutes(self) -> i64 {
        self.minutes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, NotAnAge>) {
        assert_eq!(Age::parse(text).map(Age::minutes), expected, "{text:?}");
    }

    #[test]
    fn an_age_is_a_whole_number_with_a_unit() {
        check("30m", Ok(30));
        check("2h", Ok(120));
        check("1d", Ok(1_440));
        check("007m", Ok(7));
        check("999999d", Ok(1_439_998_560));
        for text in [
            "", "m", "30", "0m", "-1h", "+1h", "1.5h", "30 m", " 30m", "30M", "1w", "1000000m",
            "1µ",
        ] {
            check(text, Err(NotAnAge));
        }
    }
}
