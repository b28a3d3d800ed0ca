//! A code as people type, copy and print it.

use std::sync::LazyLock;

use crate::domain::orders::word_list::{LIST, find_listed};
use crate::domain::values::text::plain_letters;

/// Why a text contains no code. It reveals nothing about any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotACode {
    /// Nothing was typed.
    Empty,
    /// Far more than a code and a few words around it.
    TooLong,
    Words {
        /// Units: words, listed or not.
        count: usize,
        /// The first few that are not in the list.
        unknown: Vec<UnknownWord>,
        /// How many more unknown words there are.
        more: usize,
    },
}

/// A word that is not in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// As typed, in lowercase, shortened.
    pub typed: String,
    /// The most similar listed word.
    pub nearest: Option<&'static str>,
}

const N_WORDS: usize = 7;

impl NotACode {
    /// Units: words of a code.
    pub const N_WORDS: usize = N_WORDS;
}

/// Units: bytes. Seven words in wide characters, with numbers and a sentence around them, are shorter.
const MAX_BYTES: usize = 2_000;
/// Units: unknown words that are named.
const MAX_NAMED: usize = 3;
/// Units: letters of an unknown word that are shown. The longest word of the list has 9.
const MAX_SHOWN: usize = 20;
/// Units: letters that may be missing, wrong, added or swapped.
const MAX_TYPOS: usize = 2;

/// The words of a text that could be a code: seven in a row, all in the list.
pub fn parse(text: &str) -> Result<[&'static str; N_WORDS], NotACode> {
    if MAX_BYTES < text.len() {
        return Err(NotACode::TooLong);
    }
    let text = plain_letters(text);
    let words = words(without_label(&text));
    find_seven(&words).ok_or_else(|| explain(&words))
}

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Listed(&'static str),
    Unknown(String),
}

/// The text without a label before a colon, as in `Order code: …`.
fn without_label(text: &str) -> &str {
    if let Some((_, rest)) = text.rsplit_once(':')
        && find_seven(&words(rest)).is_some()
    {
        return rest;
    }
    let is_label = |before: &str| !words(before).iter().any(|word| matches!(word, Word::Listed(_)));
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(':')
        && is_label(before)
    {
        rest = behind;
    }
    rest
}

/// Splits at everything but letters, and at hyphens that are not part of a listed word.
fn words(text: &str) -> Vec<Word> {
    let parts = text.split(|c: char| !c.is_alphabetic());
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(part) = parts.get(at) {
        at += 1;
        let pair = parts.get(at).map(|next| format!("{part}-{next}"));
        if let Some(listed) = pair.as_deref().and_then(find_listed) {
            at += 1;
            words.push(Word::Listed(listed));
        } else if let Some(listed) = find_listed(part).or_else(|| find_hyphenated(part)) {
            words.push(Word::Listed(listed));
        } else if part.chars().nth(1).is_none() {
            // The number or bullet of a list item: `a)`, `o`.
        } else {
            words.push(Word::Unknown((*part).to_owned()));
        }
    }
    words
}

/// A listed word that has a hyphen, typed without it.
fn find_hyphenated(typed: &str) -> Option<&'static str> {
    static HYPHENATED: LazyLock<Vec<(String, &str)>> = LazyLock::new(|| {
        let words = LIST.iter().filter(|word| word.contains('-'));
        words.map(|word| (word.replace('-', ""), *word)).collect()
    });
    HYPHENATED.iter().find(|(without, _)| without == typed).map(|(_, word)| *word)
}

/// Seven listed words in a row, if there is exactly one such row and no listed word next to it.
fn find_seven(words: &[Word]) -> Option<[&'static str; N_WORDS]> {
    let rows = words.split(|word| matches!(word, Word::Unknown(_)));
    let mut long = rows.filter(|row| N_WORDS <= row.len());
    let row = long.next().filter(|row| row.len() == N_WORDS && long.next().is_none())?;
    let listed = |word: &Word| match word {
        Word::Listed(listed) => listed,
        Word::Unknown(_) => "",
    };
    Some(std::array::from_fn(|n| listed(&row[n])))
}

fn explain(words: &[Word]) -> NotACode {
    if words.is_empty() {
        return NotACode::Empty;
    }
    let unknown: Vec<&str> = words
        .iter()
        .filter_map(|word| match word {
            Word::Unknown(typed) => Some(typed.as_str()),
            Word::Listed(_) => None,
        })
        .collect();
    let named = unknown.iter().take(MAX_NAMED).map(|typed| UnknownWord::of(typed));
    NotACode::Words {
        count: words.len(),
        unknown: named.collect(),
        more: unknown.len().saturating_sub(MAX_NAMED),
    }
}

impl UnknownWord {
    fn of(word: &str) -> Self {
        let letters: Vec<char> = word.chars().collect();
        let mut typed: String = letters.iter().take(MAX_SHOWN).collect();
        if MAX_SHOWN < letters.len() {
            typed.push('…');
        }
        Self { typed, nearest: nearest(&letters) }
    }
}

/// The first of the listed words with the fewest typos; `None` if even that has too many.
fn nearest(typed: &[char]) -> Option<&'static str> {
    let most = MAX_TYPOS.min(typed.len() / 2);
    let near = LIST.iter().filter(|word| word.len().abs_diff(typed.len()) <= most);
    let typos = near.map(|word| (n_typos(word.as_bytes(), typed), *word));
    typos.min_by_key(|(n, _)| *n).filter(|(n, _)| *n <= most).map(|(_, word)| word)
}

/// How many letters are missing, wrong, added or swapped.
/// Source: the optimal string alignment distance.
fn n_typos(word: &[u8], typed: &[char]) -> usize {
    let same = |at: usize, other: usize| char::from(word[at]) == typed[other];
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=typed.len()).collect();
    for n in 1..=word.len() {
        let mut row = vec![n];
        for m in 1..=typed.len() {
            let mut fewest = (last[m] + 1).min(row[m - 1] + 1);
            fewest = fewest.min(last[m - 1] + usize::from(!same(n - 1, m - 1)));
            if 1 < n && 1 < m && same(n - 1, m - 2) && same(n - 2, m - 1) {
                fewest = fewest.min(before[m - 2] + 1);
            }
            row.push(fewest);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[typed.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODE: [&str; N_WORDS] =
        ["important", "drop-down", "abacus", "t-shirt", "zoom", "yo-yo", "felt-tip"];

    #[track_caller]
    fn reads(text: &str) {
        assert_eq!(parse(text), Ok(CODE), "{text:?}");
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = CODE.join(" ");
        let between = |separator: &str| CODE.join(separator);
        let each = |write: fn((usize, &&str)) -> String| {
            CODE.iter().enumerate().map(write).collect::<Vec<_>>()
        };
        for text in [
            code.clone(),
            format!("  {code}\r\n"),
            code.to_uppercase(),
            between(", "),
            between(","),
            between(";"),
            between("\n"),
            between("\t"),
            between("-"),
            between(" - "),
            between(" – "),
            between("_"),
            between("/"),
            between(". "),
            between("\u{a0}"),
            between("\u{3000}"),
            format!("\"{code}\""),
            format!("“{}”", between("” “")),
            format!("'{}'", between("', '")),
            format!("(`{code}`)"),
            code.replace('-', "\u{2011}"),
            code.replace('-', " "),
            code.replace("drop-down", "dropdown").replace("t-shirt", "TShirt"),
            each(|(n, word)| format!("{}. {word}", n + 1)).join(" "),
            each(|(n, word)| format!("{}) {word}", n + 1)).join("\n"),
            each(|(n, word)| format!("{}{word}", n + 1)).join(""),
            each(|(n, word)| format!("#{}: {word}", n + 1)).join("\r\n"),
            each(|(n, word)| format!("({}) {word}", char::from(b'a' + n as u8))).join(" "),
            each(|(_, word)| format!("• {word}")).join("\n"),
            each(|(_, word)| format!("* {word}\n")).join(""),
            each(|(_, word)| format!("- {word}\n")).join(""),
            each(|(_, word)| format!("o {word}\n")).join(""),
            each(|(_, word)| format!("{}{}", word[..1].to_uppercase(), &word[1..])).join(" "),
            code.chars()
                .map(|c| match c {
                    'a'..='z' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
                    other => other,
                })
                .collect(),
            code.replace("important", "impor\u{ad}tant\u{200b}"),
            format!("\u{feff}Code: {code}"),
            format!("Order code：{code}."),
            format!("Secret words of my order: {code}"),
            format!("My order code: 1: {}", between(" 2: ")),
            format!("This is my code {code}, thanks!"),
        ] {
            reads(&text);
        }
    }

    #[test]
    fn typos_are_counted() {
        for (word, typed, expected) in [
            ("important", "important", 0),
            ("important", "importnat", 1),
            ("important", "imortant", 1),
            ("important", "importtant", 1),
            ("important", "umportent", 2),
            ("abc", "", 3),
            ("", "é", 1),
        ] {
            let typed: Vec<char> = typed.chars().collect();
            assert_eq!(n_typos(word.as_bytes(), &typed), expected, "{word} {typed:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_explained(text in "(\\PC|abacus |zoom-|yo-yo:){0,40}") {
            match parse(&text) {
                Ok(words) => prop_assert_eq!(parse(&words.join(" ")), Ok(words)),
                Err(NotACode::Words { unknown, .. }) => prop_assert!(
                    unknown.len() <= MAX_NAMED
                        && unknown.iter().all(|word| word.typed.chars().count() <= MAX_SHOWN + 1)
                ),
                Err(NotACode::Empty | NotACode::TooLong) => {}
            }
        }

        #[test]
        fn one_slip_still_finds_the_word(n in 0_usize..7_776, at in 0_usize..9) {
            let word = LIST[n];
            let mut typed: Vec<char> = word.chars().collect();
            if 4 <= typed.len() && at + 1 < typed.len() {
                typed.swap(at, at + 1);
                prop_assert!(n_typos(word.as_bytes(), &typed) <= 1);
                prop_assert!(nearest(&typed).is_some());
            }
        }
    }
}
