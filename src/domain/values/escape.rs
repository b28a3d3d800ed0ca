//! Makes untrusted text safe for terminals and logs.

use crate::domain::values::text::is_invisible;

/// Escapes untrusted text for one line of a terminal or a log: characters that would move the cursor, change colours or
/// directions, or begin a new line are shown as in JSON, for example `\u001b` or `\n`. A JSON document keeps its
/// meaning.
pub fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c if is_harmless(c) || !is_invisible(c) => line.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    line.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    line
}

/// Tabs; the joiners that Persian and Hindi need; the selectors between two forms of a character.
fn is_harmless(c: char) -> bool {
    matches!(c, '\t' | '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(escaped(text), expected, "{text:?}");
    }

    #[test]
    fn what_steers_a_terminal_is_shown_and_does_nothing() {
        check("a\u{1b}[2Jb", "a\\u001b[2Jb");
        check("a\u{9b}31mb", "a\\u009b31mb");
        check("one\r\ntwo", "one\\r\\ntwo");
        check("bell\u{7} delete\u{7f}", "bell\\u0007 delete\\u007f");
        check("a\u{202e}b\u{2066}c\u{2028}d", "a\\u202eb\\u2066c\\u2028d");
        check("tag\u{e0041}", "tag\\udb40\\udc41");
    }

    #[test]
    fn honest_words_stay_as_they_are() {
        for text in ["", "Käthe, 東京, می\u{200c}خواهم ❤\u{fe0f}", "C:\\new\\u", "a\tb", "\"x\""]
        {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_cannot_be_seen_is_left(text in ".*") {
            prop_assert!(!escaped(&text).chars().any(|c| is_invisible(c) && !is_harmless(c)));
        }

        #[test]
        fn json_means_the_same_afterwards(text in ".*") {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&escaped(&json)).unwrap(), text);
        }
    }
}
