use unicode_normalization::UnicodeNormalization;

/// Words on one line, as somebody outside typed them.
///
/// Shape: up to a number of characters that its reader names; no control, bidi or zero-width characters; no space at either end.
/// It may be empty: whether it must not be is the form's rule.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Line(String);

/// Words on several lines. Shape: as [`Line`], with line feeds between lines, and tabs become spaces.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Paragraph(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    #[error("it is longer than {most} characters: please shorten it")]
    TooLong { most: usize },
    #[error(
        "it holds a character that cannot be seen (a control, direction or zero-width character): please type it again"
    )]
    Invisible,
}

impl Line {
    /// # Errors
    /// [`NotText`] where it is too long or holds what cannot be seen.
    pub fn parse(text: &str, most_characters: usize) -> Result<Self, NotText> {
        // First what cannot be seen goes: else a space behind it would stand at the end.
        let seen: String = text.replace('\t', " ").chars().filter(|c| !is_joiner(*c)).collect();
        let line: String = seen.trim().nfc().collect();
        if line.chars().any(is_invisible) {
            return Err(NotText::Invisible);
        }
        short_enough(&line, most_characters)?;
        Ok(Self(line))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Paragraph {
    /// # Errors
    /// [`NotText`] where it is too long or holds what cannot be seen.
    pub fn parse(text: &str, most_characters: usize) -> Result<Self, NotText> {
        // A browser sends CRLF between the lines of a textarea.
        let text = text.replace("\r\n", "\n").replace('\t', "    ");
        let seen: String = text.chars().filter(|c| !is_joiner(*c)).collect();
        let paragraph: String = seen.trim().nfc().collect();
        if paragraph.chars().any(|c| c != '\n' && is_invisible(c)) {
            return Err(NotText::Invisible);
        }
        short_enough(&paragraph, most_characters)?;
        Ok(Self(paragraph))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.lines()
    }
}

fn short_enough(text: &str, most: usize) -> Result<(), NotText> {
    if most < text.chars().count() { Err(NotText::TooLong { most }) } else { Ok(()) }
}

/// Zero-width characters that an honest keyboard puts into names, emoji and pasted text: they are left out without a word.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// Whether a character shows nothing, or changes how its neighbours show.
///
/// Source: Unicode 16, general categories Cc, Cf, Zl, Zp, Co and the default-ignorable and variation characters.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{0600}'..='\u{0605}' | '\u{061C}' | '\u{06DD}' | '\u{070F}'
            | '\u{0890}'..='\u{0891}' | '\u{08E2}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotText>) {
        assert_eq!(
            Line::parse(text, 10).as_ref().map(Line::as_str),
            expected.as_ref().map(|line| *line),
            "{text:?}"
        );
    }

    #[test]
    fn a_line_is_short_and_can_be_seen() {
        check("  Käthe  ", Ok("Käthe"));
        check("", Ok(""));
        check("東京都千代田区一丁目", Ok("東京都千代田区一丁目"));
        check("12345678901", Err(NotText::TooLong { most: 10 }));
        for text in
            ["a\u{1b}[1m", "a\u{0}b", "a\nb", "a\u{202e}b", "a\u{200f}b", "\u{2066}a", "a\u{e0041}"]
        {
            check(text, Err(NotText::Invisible));
        }
    }

    #[test]
    fn zero_width_characters_are_left_out() {
        for text in ["a\u{200b}b", "a\u{feff}b", "a\u{200d}b", "a\u{fe0f}b", "a\u{ad}b"] {
            check(text, Ok("ab"));
        }
        // Found by fuzzing: a space between two of them stood at the end, and a field of one space was not empty.
        check(" \u{200b} ab\u{200b} ", Ok("ab"));
        check("\u{200b} \u{200b}", Ok(""));
        let paragraph = Paragraph::parse("\u{200b}\n\u{200b} ", 40);
        assert_eq!(paragraph.as_ref().map(Paragraph::as_str), Ok(""));
    }

    #[test]
    fn a_paragraph_keeps_its_lines() {
        let paragraph = Paragraph::parse(" one\r\ntwo\tthree \r\n", 40);
        assert_eq!(paragraph.as_ref().map(Paragraph::as_str), Ok("one\ntwo    three"));
        assert_eq!(Paragraph::parse("a\rb", 40), Err(NotText::Invisible));
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_unchanged_again(text in "\\PC{0,30}") {
            if let Ok(line) = Line::parse(&text, 30) {
                prop_assert_eq!(Line::parse(line.as_str(), 90), Ok(line.clone()));
                prop_assert!(!line.as_str().chars().any(is_invisible));
            }
        }
    }
}
