//! Text that people type: hidden characters, length limits, lines.

use unicode_normalization::UnicodeNormalization;

/// One line of untrusted text.
///
/// Shape: up to a number of characters that the caller gives; no control and no bidirectional formatting characters;
/// zero-width characters only where a script or an emoji needs them; no space at either end.
/// It may be empty: whether that is allowed is decided by the form.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Line(String);

/// Several lines of text. Shape: as [`Line`], with line feeds between lines; tabs become spaces.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Paragraph(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    #[error("it is longer than {most} characters: shorten it")]
    TooLong { most: usize },
    #[error("it contains the hidden character U+{:04X}: remove it", u32::from(*.0))]
    Invisible(char),
}

impl Line {
    /// # Errors
    /// [`NotText`] if it is too long or contains a hidden character that changes how its neighbours are displayed.
    pub fn parse(text: &str, most_characters: usize) -> Result<Self, NotText> {
        let line = cleaned(text.replace('\t', " "));
        if let Some(hidden) = line.chars().find(|c| is_refused(*c)) {
            return Err(NotText::Invisible(hidden));
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
    /// [`NotText`] if it is too long or contains a hidden character that changes how its neighbours are displayed.
    pub fn parse(text: &str, most_characters: usize) -> Result<Self, NotText> {
        // A browser sends CRLF between the lines of a textarea.
        let paragraph = cleaned(text.replace("\r\n", "\n").replace('\t', "    "));
        if let Some(hidden) = paragraph.chars().find(|c| *c != '\n' && is_refused(*c)) {
            return Err(NotText::Invisible(hidden));
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

/// The text without hidden characters except line ends and tabs, to show it again in the form.
pub fn without_hidden(text: &str) -> String {
    let seen = without_ignorable(text);
    seen.chars().filter(|c| matches!(c, '\n' | '\r' | '\t') || !is_refused(*c)).collect()
}

/// The same text with compatibility characters replaced by plain ones, in lowercase: `Ｆｕｌｌ` is `full`. For comparing
/// words with a list.
pub fn plain_letters(text: &str) -> String {
    let seen = without_ignorable(text);
    seen.chars().filter(|c| !is_joiner(*c)).nfkc().collect::<String>().to_lowercase()
}

/// An error text as a sentence.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// Removes ignorable characters and surrounding spaces, and normalises to NFC.
fn cleaned(mut text: String) -> String {
    // Nothing in ASCII is ignorable or composed.
    if text.is_ascii() {
        return text.trim().to_owned();
    }
    // Normalisation can change the neighbours of a joiner, so this repeats until nothing changes.
    loop {
        let next: String = without_ignorable(&text).trim().nfc().collect();
        if next == text {
            return text;
        }
        text = next;
    }
}

/// Removes invisible characters that keyboards and copied texts legitimately contain. Joiners stay where they change
/// how letters are displayed, and other blanks become spaces.
fn without_ignorable(text: &str) -> String {
    let mut kept: Vec<char> = Vec::with_capacity(text.len());
    for c in text.chars() {
        let last = kept.last().copied();
        match c {
            '\u{2800}' | '\u{3164}' | '\u{FFA0}' => kept.push(' '),
            // Of several in a row only the first is kept.
            ZWNJ | ZWJ if last.is_some_and(is_joiner_letter) => {}
            EMOJI_STYLE if !last.is_some_and(is_emoji) => {}
            _ if is_ignorable(c) => {}
            _ => kept.push(c),
        }
    }
    let is_needed = |(n, c): &(usize, &char)| {
        !is_joiner_letter(**c) || n.checked_sub(1).is_some_and(|before| joins(&kept[before..]))
    };
    kept.iter().enumerate().filter(is_needed).map(|(_, c)| *c).collect()
}

const ZWNJ: char = '\u{200C}';
const ZWJ: char = '\u{200D}';
/// Selects the colour form of an emoji.
const EMOJI_STYLE: char = '\u{FE0F}';

fn is_joiner_letter(c: char) -> bool {
    matches!(c, ZWNJ | ZWJ)
}

/// Zero-width characters that a text may contain where they are needed.
pub fn is_joiner(c: char) -> bool {
    is_joiner_letter(c) || c == EMOJI_STYLE
}

/// Whether a joiner changes how its neighbours are displayed. `around`: the letter before it, the joiner, what follows.
///
/// Source: RFC 5892, appendix A.1 and A.2 (after a virama, between letters of joining scripts); UTS 51, section 2.3.
fn joins(around: &[char]) -> bool {
    let [before, joiner, after @ ..] = around else { return false };
    let after = after.first().copied();
    is_virama(*before)
        || is_of_joining_script(*before) && after.is_some_and(is_of_joining_script)
        || *joiner == ZWJ
            && (is_emoji(*before) || *before == EMOJI_STYLE)
            && after.is_some_and(is_emoji)
}

/// Displays nothing, and is removed silently.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2060}'..='\u{2064}'
            | '\u{FE00}'..='\u{FE0E}' | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Source: Unicode 16, the blocks of Arabic, Syriac, N'Ko, Mandaic, the scripts of India and South-East Asia,
/// Mongolian, Hanifi Rohingya and Adlam.
fn is_of_joining_script(c: char) -> bool {
    matches!(c,
        '\u{0620}'..='\u{06FF}' | '\u{0700}'..='\u{077F}' | '\u{07C0}'..='\u{07FF}' | '\u{0840}'..='\u{0DFF}'
            | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1A20}'..='\u{1AAF}'
            | '\u{1B00}'..='\u{1BFF}' | '\u{1CD0}'..='\u{1CFF}' | '\u{A840}'..='\u{A87F}'
            | '\u{A8E0}'..='\u{A8FF}' | '\u{A980}'..='\u{A9FF}' | '\u{AA60}'..='\u{AA7F}'
            | '\u{ABC0}'..='\u{ABFF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
            | '\u{10D00}'..='\u{10D3F}' | '\u{11000}'..='\u{11FFF}' | '\u{1E900}'..='\u{1E95F}')
        && !is_refused(c)
}

/// Removes the inherent vowel of a letter, so that the next letter can join it.
/// Source: Unicode 16, canonical combining class 9.
fn is_virama(c: char) -> bool {
    matches!(
        c,
        '\u{094D}'
            | '\u{09CD}'
            | '\u{0A4D}'
            | '\u{0ACD}'
            | '\u{0B4D}'
            | '\u{0BCD}'
            | '\u{0C4D}'
            | '\u{0CCD}'
            | '\u{0D3B}'
            | '\u{0D3C}'
            | '\u{0D4D}'
            | '\u{0DCA}'
            | '\u{1039}'
            | '\u{17D2}'
            | '\u{1B44}'
            | '\u{A8C4}'
            | '\u{A9C0}'
            | '\u{11046}'
            | '\u{110B9}'
            | '\u{11133}'
            | '\u{111C0}'
            | '\u{1134D}'
            | '\u{11442}'
            | '\u{114C2}'
            | '\u{115BF}'
    )
}

/// Source: Unicode 16, `emoji-data.txt`, with generous ranges; digits and letters do not count as emoji here.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{203C}' | '\u{2049}' | '\u{2194}'..='\u{2199}' | '\u{21A9}'..='\u{21AA}' | '\u{231A}'..='\u{231B}'
            | '\u{2328}' | '\u{23CF}' | '\u{23E9}'..='\u{23FA}' | '\u{25AA}'..='\u{25FE}'
            | '\u{2600}'..='\u{27BF}' | '\u{2934}'..='\u{2935}' | '\u{2B05}'..='\u{2B55}'
            | '\u{1F000}'..='\u{1FAFF}')
}

/// Whether a character is refused in every [`Line`] and [`Paragraph`]: it is invisible, or changes how its neighbours
/// are displayed.
pub fn is_refused(c: char) -> bool {
    is_invisible(c) && !is_joiner(c)
}

/// Whether a character is invisible, or changes how its neighbours are displayed.
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
    use proptest::prelude::*;

    use super::*;

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
    }

    #[test]
    fn what_changes_how_its_neighbours_show_is_refused_and_named() {
        let hidden = ['\u{1b}', '\0', '\n', '\u{9b}', '\u{2028}', '\u{e000}', '\u{fff9}'];
        for c in hidden.into_iter().chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{206f}') {
            check(&format!("a{c}b"), Err(NotText::Invisible(c)));
            assert_eq!(without_hidden(&format!("a{c}b")).replace('\n', ""), "ab");
        }
        assert_eq!(
            NotText::Invisible('\u{202e}').to_string(),
            "it contains the hidden character U+202E: remove it"
        );
    }

    #[test]
    fn what_leaves_nothing_to_be_seen_is_left_out() {
        for text in [
            "a\u{200b}b",
            "a\u{200e}b",
            "\u{200f}ab\u{61c}",
            "a\u{feff}b",
            "a\u{200d}b",
            "a\u{200c}b",
            "a\u{fe0f}b",
            "a\u{ad}b",
            "a\u{2060}b",
            "a\u{34f}b",
            "a\u{e0041}b",
            "a\u{e0100}b",
            "a\u{115f}\u{1160}b",
        ] {
            check(text, Ok("ab"));
        }
        // Found by fuzzing: a space between two of them remained at the end, and a field of one space was not empty.
        check(" \u{200b} ab\u{200b} ", Ok("ab"));
        check("\u{200b} \u{200b}", Ok(""));
        check("e\u{200b}\u{301}", Ok("é"));
        let paragraph = Paragraph::parse("\u{200b}\n\u{200b} ", 40);
        assert_eq!(paragraph.as_ref().map(Paragraph::as_str), Ok(""));
    }

    #[test]
    fn what_shows_nothing_at_all_is_empty() {
        for text in [
            "\u{3164}",
            "\u{115f}",
            "\u{1160}\u{115f}",
            "\u{ffa0}",
            "\u{2800}\u{2800}",
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}",
            "\u{fe0f}\u{fe00}\u{e0100}\u{e0041}\u{e007f}",
            "\u{ad} \u{ad}",
            "\u{200e}\u{200f}\u{61c}",
            "\u{a0}\u{3000}\u{3164}",
            "\u{180e}\u{34f}\u{17b4}",
        ] {
            check(text, Ok(""));
        }
        check("a\u{3164}b\u{2800}c", Ok("a b c"));
    }

    #[test]
    fn joiners_stay_where_a_script_or_an_emoji_needs_them() {
        for text in [
            "می\u{200c}خواهم",
            "نامه\u{200c}ی",
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "ശ്രീ",
            "അവന്\u{200d}",
            "ශ්\u{200d}රී",
            "👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "🏳\u{fe0f}\u{200d}🌈",
            "👩🏽\u{200d}💻",
        ] {
            check(text, Ok(text));
        }
        check("\u{200c}می\u{200c}\u{200d}\u{200e}\u{200c}خو\u{200c}", Ok("می\u{200c}خو"));
        check("👩\u{200d} a\u{200d}👧", Ok("👩 a👧"));
        check("می\u{200c}a", Ok("میa"));
        check("👩\u{200c}👧", Ok("👩👧"));
    }

    #[test]
    fn letters_are_compared_as_plain_ones() {
        assert_eq!(plain_letters("Ｆｕ\u{ad}ﬁ \u{200e}Ⅳ"), "fufi iv");
    }

    #[test]
    fn a_paragraph_keeps_its_lines() {
        let paragraph = Paragraph::parse(" one\r\ntwo\tthree \r\n", 40);
        assert_eq!(paragraph.as_ref().map(Paragraph::as_str), Ok("one\ntwo    three"));
        assert_eq!(Paragraph::parse("a\rb", 40), Err(NotText::Invisible('\r')));
    }

    fn stays_the_same(text: &str) {
        if let Ok(line) = Line::parse(text, 60) {
            assert_eq!(Line::parse(line.as_str(), 180), Ok(line.clone()), "{text:?}");
            assert!(!line.as_str().chars().any(is_refused));
            assert_eq!(without_hidden(line.as_str()), line.as_str());
        }
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_unchanged_again(text in "\\PC{0,30}") {
            stays_the_same(&text);
        }

        #[test]
        fn joiners_among_letters_are_accepted_unchanged_again(
            text in "[a ❤👩\u{fe0f}\u{200c}\u{200d}\u{200e}\u{301}\u{3164}\u{64e}\u{653}\u{627}\u{93c}\u{94d}\u{915}\u{951}\u{dd9}\u{dca}]{0,12}"
        ) {
            stays_the_same(&text);
        }
    }
}
