//! The words that order codes are made of.

use std::sync::LazyLock;

/// The EFF's large word list, five dice for each word.
/// Source: <https://www.eff.org/dice>, Creative Commons Attribution 3.0 US; without the numbers.
const WORDS: &str = include_str!("eff_large_wordlist.txt");
/// The words in alphabetical order.
pub static LIST: LazyLock<Vec<&'static str>> = LazyLock::new(|| WORDS.lines().collect());

/// `word`: in lowercase.
pub fn find_listed(word: &str) -> Option<&'static str> {
    LIST.binary_search(&word).ok().map(|at| LIST[at])
}
