//! What the search compares: words without case, accents and endings, and words that are spelt nearly alike.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Units: words of a query; the rest is ignored.
const MAX_TERMS: usize = 12;
/// Units: characters. Longer words are cut, in texts and queries alike.
const MAX_WORD: usize = 64;
/// Units: characters of a word that the shop can suggest.
const SUGGESTED: Range<usize> = 3..25;
/// Units: bytes of an excerpt, and of what precedes the word that was found.
const EXCERPT: usize = 120;
const BEFORE: usize = 40;

/// A word of a text. Shape: `at`: bytes; `folded`: as `fold` makes it, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub at: Range<usize>,
    pub folded: String,
}

/// A word of a query, and what a text's words are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// As it was typed, in lowercase.
    pub typed: String,
    pub folded: String,
    /// Spellings of the beginning of a word.
    pub spellings: Vec<String>,
    /// What remains without endings, if that is another word.
    pub stems: Vec<String>,
}

/// The words of a text. An apostrophe is part of its word.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, c) in ends {
        let is_inside =
            is_letter(c) || start.is_some() && matches!(c, '\'' | '’' | '\u{200C}' | '\u{200D}');
        match start {
            None if is_inside => start = Some(at),
            Some(from) if !is_inside => {
                start = None;
                let folded = fold(&text[from..at]);
                if !folded.is_empty() {
                    words.push(Word { at: from..at, folded });
                }
            }
            _ => {}
        }
    }
    words
}

/// The words of a query, at most twelve.
pub fn terms(query: &str) -> Vec<Term> {
    let typed = |word: &Word| query[word.at.clone()].to_lowercase();
    let terms = words(query).into_iter().take(MAX_TERMS);
    terms.map(|word| Term::new(typed(&word), word.folded)).collect()
}

/// Everything by which a text is found, separated by spaces: its words, other spellings of them, and their stems.
pub fn index_text(text: &str) -> String {
    let mut found = String::with_capacity(text.len() * 3 / 2);
    for word in words(text) {
        for spelling in spellings(&text[word.at], word.folded) {
            let stem = stem(&spelling);
            for form in [Some(spelling), stem].into_iter().flatten() {
                found.push_str(&form);
                found.push(' ');
            }
        }
    }
    found
}

impl Term {
    fn new(typed: String, folded: String) -> Self {
        let spellings = spellings(&typed, folded.clone());
        let stems = spellings.iter().filter_map(|spelling| stem(spelling)).collect();
        Self { typed, folded, spellings, stems }
    }

    /// Whether a word of a text is what this term means.
    fn finds(&self, text: &str, word: &Word) -> bool {
        // A single letter begins so many words that only the letter itself is meant.
        let is_letter = self.folded.chars().nth(1).is_none();
        let found = |spelling: &String| {
            let begins = self.spellings.iter().any(|own| match is_letter {
                true => spelling == own,
                false => spelling.starts_with(own.as_str()),
            });
            let stem = stem(spelling);
            begins
                || self.stems.iter().any(|own| own == spelling || Some(own) == stem.as_ref())
                || self.spellings.iter().any(|own| Some(own) == stem.as_ref())
        };
        spellings(&text[word.at.clone()], word.folded.clone()).iter().any(found)
    }

    /// Whether a word may be suggested instead, and how much it differs; less is better.
    pub fn distance(&self, word: &str) -> Option<usize> {
        let most = match self.folded.chars().count() {
            ..=4 => 1,
            _ => 2,
        };
        let distance = strsim::osa_distance(&self.folded, word);
        (distance <= most).then_some(distance)
    }
}

/// Splits a text into parts, and says of each whether a term finds it.
pub fn marked<'a>(text: &'a str, terms: &[Term]) -> Vec<(&'a str, bool)> {
    let mut parts = Vec::new();
    let mut from = 0;
    for word in words(text) {
        if terms.iter().any(|term| term.finds(text, &word)) {
            if from < word.at.start {
                parts.push((&text[from..word.at.start], false));
            }
            from = word.at.end;
            parts.push((&text[word.at], true));
        }
    }
    if from < text.len() {
        parts.push((&text[from..], false));
    }
    parts
}

/// The part of a long text around the first word that a term finds, cut between words; `None` if none is found.
pub fn excerpt(text: &str, terms: &[Term]) -> Option<String> {
    let words = words(text);
    let found = words.iter().find(|word| terms.iter().any(|term| term.finds(text, word)))?;
    let earliest = found.at.start.saturating_sub(BEFORE);
    let first = words.iter().find(|word| earliest <= word.at.start)?;
    let latest = first.at.start + EXCERPT;
    let last = words.iter().rfind(|word| word.at.end <= latest.max(found.at.end))?;
    let start = if first.at == words.first()?.at { 0 } else { first.at.start };
    let end = if last.at == words.last()?.at { text.len() } else { last.at.end };
    let before = if start == 0 { "" } else { "… " };
    let after = if end == text.len() { "" } else { " …" };
    Some(format!("{before}{}{after}", &text[start..end]))
}

/// The words of a text that may be suggested for a misspelt one: folded, and as they are written, in lowercase.
pub fn suggested_words(text: &str) -> Vec<(String, String)> {
    let is_suggested = |word: &Word| {
        SUGGESTED.contains(&word.folded.chars().count())
            && word.folded.chars().all(char::is_alphabetic)
    };
    let words = words(text).into_iter().filter(is_suggested);
    words.map(|word| (word.folded, text[word.at].to_lowercase())).collect()
}

/// Every three letters in a row of a folded word, the beginning counted as a letter.
pub fn trigrams(folded: &str) -> Vec<String> {
    let letters: Vec<char> = std::iter::once('^').chain(folded.chars()).collect();
    let mut trigrams: Vec<String> =
        letters.windows(3).map(|three| three.iter().collect()).collect();
    trigrams.sort();
    trigrams.dedup();
    trigrams
}

/// A key that sorts names as people do: without case and accents. Shape: at most 40 characters.
pub fn sort_key(name: &str) -> String {
    let words: Vec<String> = words(name).into_iter().map(|word| word.folded).collect();
    words.join(" ").chars().take(40).collect()
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// A word in lowercase without accents: `Käse` is `kase`, `Straße` `strasse`, `ёлка` `елка`.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        let letters = word.bytes().filter(u8::is_ascii_alphanumeric).take(MAX_WORD);
        return letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.nfkd().filter(|c| !is_accent(*c)).flat_map(char::to_lowercase) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            c if is_letter(c) => folded.push(c),
            _ => {}
        }
    }
    folded.nfc().take(MAX_WORD).collect()
}

/// Accents of the Latin, Greek and Cyrillic scripts, and the vowel points of Hebrew and Arabic, which texts may leave out.
/// In other scripts, marks are letters.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{591}'..='\u{5C7}' | '\u{64B}'..='\u{65F}')
}

/// The folded word, and what it is where umlauts are written with an `e`.
fn spellings(word: &str, folded: String) -> Vec<String> {
    if word.is_ascii() {
        return vec![folded];
    }
    let has_umlaut = |word: &str| word.chars().any(|c| "äöüÄÖÜøØåÅ".contains(c));
    let composed: String = word.nfc().collect();
    if !has_umlaut(&composed) {
        return vec![folded];
    }
    let mut written = String::with_capacity(composed.len() + 4);
    for c in composed.chars() {
        match c {
            'ä' | 'Ä' => written.push_str("ae"),
            'ö' | 'Ö' | 'ø' | 'Ø' => written.push_str("oe"),
            'ü' | 'Ü' => written.push_str("ue"),
            'å' | 'Å' => written.push_str("aa"),
            c => written.push(c),
        }
    }
    vec![folded, fold(&written)]
}

/// An English word without its ending: the same for `candle` and `candles`, `knit` and `knitting`. `None` if it has none.
fn stem(word: &str) -> Option<String> {
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let mut stem = without_plural(word);
    for ending in ["ing", "ed"] {
        if let Some(root) = stem.strip_suffix(ending).filter(|root| is_root(root)) {
            stem = root.to_owned();
            let last = stem.as_bytes()[stem.len() - 1];
            if stem.as_bytes()[stem.len() - 2] == last && !b"aeiouls".contains(&last) {
                stem.pop();
            }
            break;
        }
    }
    if 3 < stem.len() && stem.ends_with('e') {
        stem.pop();
    } else if 3 < stem.len() && stem.ends_with('y') {
        stem.pop();
        stem.push('i');
    }
    (stem != word).then_some(stem)
}

fn without_plural(word: &str) -> String {
    if let Some(root) = word.strip_suffix("ies").filter(|root| 1 < root.len()) {
        return format!("{root}y");
    }
    let is_es = ["sses", "xes", "ches", "shes", "oes"].iter().any(|ending| word.ends_with(ending));
    if is_es {
        return word[..word.len() - 2].to_owned();
    }
    let is_plural =
        word.ends_with('s') && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    word[..word.len() - usize::from(is_plural)].to_owned()
}

/// Whether this remains a word without its ending: `knitt` and `us`, but not `str` and `se`.
fn is_root(root: &str) -> bool {
    2 < root.len() && root.bytes().any(|byte| b"aeiouy".contains(&byte)) && !root.ends_with('e')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether a text is found by a query of one word.
    #[track_caller]
    fn check(query: &str, text: &str, expected: bool) {
        let terms = terms(query);
        let is_marked = marked(text, &terms).iter().any(|(_, is_marked)| *is_marked);
        assert_eq!(is_marked, expected, "{query:?} {text:?}: {:?}", index_text(text));
    }

    #[test]
    fn a_word_is_found_by_its_beginning_its_plural_and_its_forms() {
        for (query, text) in [
            ("notebook", "Linen Notebooks"),
            ("notebooks", "Linen notebook"),
            ("note", "notebook"),
            ("candles", "A candle"),
            ("candle", "Candles"),
            ("ponies", "pony"),
            ("pony", "Ponies"),
            ("boxes", "Box"),
            ("knitting", "knitted by hand"),
            ("knit", "knitting"),
            ("running", "runs"),
            ("runnin", "running"),
            ("baking", "baked"),
            ("dresses", "dress"),
            ("mens", "Men's T"),
            ("men", "Men’s T"),
        ] {
            check(query, text, true);
        }
        for (query, text) in
            [("t", "tea"), ("rings", "string"), ("seed", "se"), ("book", "notebook"), ("bus", "bu")]
        {
            check(query, text, false);
        }
    }

    #[test]
    fn accents_umlauts_and_letters_of_other_alphabets_are_forgiven() {
        for (query, text) in [
            ("kase", "Käse"),
            ("kaese", "Käse"),
            ("KÄSE", "Kaese"),
            ("ka\u{308}se", "Käse"),
            ("strasse", "Straße"),
            ("straße", "STRASSE"),
            ("елка", "Ёлка"),
            ("ёлка", "елка"),
            ("cafe", "Café"),
            ("smorrebrod", "Smørrebrød"),
            ("smoerrebroed", "Smørrebrød"),
            ("lodz", "Łódź"),
            ("ｔｅａ", "Tea"),
            ("σοφος", "Σοφός"),
            ("हिन्दी", "हिन्दी"),
            ("お茶", "お茶"),
        ] {
            check(query, text, true);
        }
        check("हन्दी", "हिन्दी", false);
    }

    #[test]
    fn misspelt_words_are_near_and_others_are_not() {
        let distance = |typed: &str, word: &str| terms(typed)[0].distance(word);
        assert_eq!(distance("notebok", "notebook"), Some(1));
        assert_eq!(distance("ntoebook", "notebook"), Some(1));
        assert_eq!(distance("tee", "tea"), Some(1));
        assert_eq!(distance("свечи", "свеча"), Some(1));
        assert_eq!(distance("cup", "tea"), None);
        assert_eq!(distance("lantern", "lentil"), None);
        assert_eq!(trigrams("tea"), ["^te", "tea"]);
    }

    #[test]
    fn what_was_found_is_marked_and_nothing_is_lost() {
        let parts = marked("Linen notebooks, ruled", &terms("ruled notebook"));
        let expected = [("Linen ", false), ("notebooks", true), (", ", false), ("ruled", true)];
        assert_eq!(parts, expected);
    }

    #[test]
    fn an_excerpt_is_cut_between_words() {
        let long = format!("{} tea {}", "word ".repeat(40), "more ".repeat(40));
        let found = excerpt(long.trim(), &terms("tea")).unwrap();
        assert!(found.starts_with("… word") && found.ends_with("more …"), "{found}");
        assert!(found.contains(" tea ") && found.len() < 140, "{found}");
        assert_eq!(excerpt("A fine tea.", &terms("tea")), Some("A fine tea.".to_owned()));
        assert_eq!(excerpt("A fine tea.", &terms("cup")), None);
    }

    #[test]
    fn names_are_sorted_without_case_and_accents() {
        let mut names = ["Zebra", "apple", "Äpfel", "apex"];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(names, ["apex", "Äpfel", "apple", "Zebra"]);
    }

    proptest! {
        #[test]
        fn every_text_is_found_by_each_of_its_own_words(text in "\\PC{0,40}") {
            let index = index_text(&text);
            for term in terms(&text) {
                let found = index.split(' ').any(|form| term.spellings.iter().any(|own| form.starts_with(own.as_str())));
                prop_assert!(found, "{term:?} {index:?}");
                prop_assert!(term.folded.chars().all(is_letter), "{term:?}");
            }
            let parts: String = marked(&text, &terms(&text)).iter().map(|(part, _)| *part).collect();
            prop_assert_eq!(parts, text);
        }
    }
}
