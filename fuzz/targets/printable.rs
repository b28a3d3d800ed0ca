//! What every message must be, whatever it speaks of.
#![allow(dead_code)]

use shop::domain::values::escaped;
use shop::domain::values::text::is_invisible;

/// Panics unless a text that was accepted can be shown as it is: no control character, no invisible one, no line break.
pub fn check_text(text: &str) {
    assert!(!text.chars().any(is_invisible), "a text with invisible characters: {text:?}");
}

/// Panics unless a message says something, is not without end, and steers no terminal once it is shown there.
pub fn check_message(message: &str) {
    assert!(!message.trim().is_empty(), "an empty message");
    assert!(message.chars().count() < 1_000, "a message without end: {message:?}");
    let shown = escaped(message);
    let steers = |c: char| c.is_control() && c != '\t' || ('\u{202A}'..='\u{202E}').contains(&c);
    assert!(!shown.chars().any(steers), "a message that steers a terminal: {shown:?}");
}
