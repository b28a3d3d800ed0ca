//! JSON values that keep the text of their numbers and the order of their fields.

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::domain::payment::secret;

/// JSON as the seller wrote it: fields in the file's order, duplicate names kept, numbers exact.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is not written as [`Json::Integer`] would be, with its original text: `2.5e7`, `3.10`, `1e400`.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value as a 64-bit integer, if it is one, however it is written: `3.0` is 3, `2.5e1` is 25.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(n) => Some(*n),
            Self::Number(text) => exact_integer(text),
            _ => None,
        }
    }

    /// The value, shortened for a message.
    pub fn shown(&self) -> String {
        // Before it is shortened: part of a mnemonic must not be shown either.
        if let Self::String(text) = self
            && (secret::looks_private(text) || secret::repeats_private(text))
        {
            return "a text (not shown: it may be a secret)".to_owned();
        }
        let whole = match self {
            Self::Null => "null".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Integer(n) => n.to_string(),
            Self::Number(text) => text.clone(),
            Self::String(text) => format!("{text:?}"),
            Self::Array(items) => format!("a list of {}", items.len()),
            Self::Object(fields) => format!("a record of {}", fields.len()),
        };
        if whole.chars().count() <= 60 {
            return whole;
        }
        let start: String = whole.chars().take(57).collect();
        format!("{start}…")
    }
}

/// The first value with this name.
pub(super) fn find<'a>(fields: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

/// Units: nested arrays and objects; a catalog has seven.
const MAX_DEPTH: usize = 64;

impl<'de> Deserialize<'de> for Json {
    /// Borrows the raw text, so that numbers are kept as written and do not pass through a float.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        read(text, text, MAX_DEPTH).map_err(D::Error::custom)
    }
}

/// `text` is one complete value, and a part of `file`.
fn read(text: &str, file: &str, depth: usize) -> Result<Json, String> {
    let refuse = |error: serde_json::Error| with_position(text, file, &error.to_string());
    match text.as_bytes().first() {
        Some(b'{' | b'[') if depth == 0 => Err(with_position(text, file, "too deeply nested")),
        Some(b'{') => {
            let Fields(fields) = serde_json::from_str(text).map_err(refuse)?;
            let field = |(name, value): (String, &RawValue)| {
                Ok((name, read(value.get(), file, depth - 1)?))
            };
            fields.into_iter().map(field).collect::<Result<_, _>>().map(Json::Object)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(refuse)?;
            let item = |item: &RawValue| read(item.get(), file, depth - 1);
            items.into_iter().map(item).collect::<Result<_, _>>().map(Json::Array)
        }
        Some(b'"') => serde_json::from_str(text).map(Json::String).map_err(refuse),
        Some(b't' | b'f') => serde_json::from_str(text).map(Json::Bool).map_err(refuse),
        Some(b'n') => Ok(Json::Null),
        _ => Ok(match text.parse() {
            Ok(n) if text != "-0" => Json::Integer(n),
            _ => Json::Number(text.to_owned()),
        }),
    }
}

/// The error with the position of `text` in the file, as `serde_json` writes it.
fn with_position(text: &str, file: &str, error: &str) -> String {
    let offset = text.as_ptr().addr().saturating_sub(file.as_ptr().addr());
    let before = file.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, str::len) + 1;
    let error = error.split(" at line ").next().unwrap_or_default();
    format!("{error} at line {line} column {column}")
}

struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Fields<'de>, A::Error> {
        let mut record = Vec::new();
        while let Some(field) = fields.next_entry()? {
            record.push(field);
        }
        Ok(Fields(record))
    }
}

/// The value of a JSON number if it is an integer and fits, computed from its digits alone.
fn exact_integer(text: &str) -> Option<i64> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{before}{after}");
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let n_zeros = digits.len() - digits.trim_end_matches('0').len();
    // An exponent that does not fit into 64 bits gives no 64-bit integer.
    let exponent: i64 = exponent.parse().ok()?;
    let shift = i64::try_from(n_zeros).ok()? - i64::try_from(after.len()).ok()?;
    let scale = u32::try_from(exponent.checked_add(shift)?).ok()?;
    let value = significant.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(scale)?)?;
    i64::try_from(if is_negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        let json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(json.integer(), expected, "{text}");
        assert_eq!(json.shown(), text);
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (text, n) in [
            ("3", 3),
            ("3.0", 3),
            ("3.000", 3),
            ("2.5e7", 25_000_000),
            ("2.5E+7", 25_000_000),
            ("1E3", 1_000),
            ("0.5e1", 5),
            ("30e-1", 3),
            ("1200.00e-2", 12),
            ("-0", 0),
            ("0.0", 0),
            ("0e400", 0),
            ("-0.0e-99999999999999999999", 0),
            ("-3.0", -3),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775807.0", i64::MAX),
            ("-9223372036854775808.0", i64::MIN),
            ("9.223372036854775807e18", i64::MAX),
            ("0.00000000000000000000000001e26", 1),
        ] {
            check(text, Some(n));
        }
    }

    #[test]
    fn any_other_number_is_shown_as_written() {
        for text in [
            "2.5",
            "2.5e-1",
            "3.10",
            "0.1",
            "1e400",
            "-1e400",
            "1e-400",
            "1e99999999999999999999",
            "9223372036854775808",
            "9223372036854775808.0",
            "12345678901234567890",
            "1e19",
            "3.0000000000000000000000000001",
            "0.30000000000000004",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn an_error_is_reported_with_its_position() {
        for (text, words) in [
            ("{\"a\": 1,\n \"b\": [\"x\", \"\\ud800\"]}", "line 2 column 13"),
            ("[1,\n2,", "line 2 column 2"),
            ("[01]", "line 1 column 3"),
            (&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), "too deeply nested"),
        ] {
            let error = serde_json::from_str::<Json>(text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        let deep = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(serde_json::from_str::<Json>(&deep).is_ok());
    }

    #[test]
    fn records_keep_their_order_and_duplicate_names() {
        let text = r#" {"b": null, "a\n": [true, "x\"y", {}], "b": -7} "#;
        let record = Json::Object(vec![
            ("b".to_owned(), Json::Null),
            (
                "a\n".to_owned(),
                Json::Array(vec![
                    Json::Bool(true),
                    Json::String("x\"y".to_owned()),
                    Json::Object(vec![]),
                ]),
            ),
            ("b".to_owned(), Json::Integer(-7)),
        ]);
        assert_eq!(serde_json::from_str::<Json>(text).unwrap(), record);
    }

    proptest! {
        #[test]
        fn a_number_is_the_same_with_its_point_moved(n in any::<i64>(), zeros in 0_usize..30) {
            let moved = format!("{n}{}e-{zeros}", "0".repeat(zeros));
            prop_assert_eq!(exact_integer(&moved), Some(n));
            let point = format!("{n}.{}", "0".repeat(zeros + 1));
            prop_assert_eq!(exact_integer(&point), Some(n));
        }

        #[test]
        fn no_text_panics(text in ".*|[-0-9.eE+]{0,40}|[\\[{\"a,:1\\]}]{0,30}") {
            let _ = serde_json::from_str::<Json>(&text);
            let _ = exact_integer(&text);
        }
    }
}
