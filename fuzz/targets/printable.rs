//! Rules for all texts and error messages.
#![allow(dead_code)]

use shop::domain::values::escaped;
use shop::domain::values::text::is_invisible;

/// Panics unless an accepted text can be shown as it is: no control or invisible characters, no line breaks.
pub fn check_text(text: &str) {
    assert!(!text.chars().any(is_invisible), "a text with invisible characters: {text:?}");
}

/// Panics unless a message is neither empty nor very long, and cannot control a terminal.
pub fn check_message(message: &str) {
    assert!(!message.trim().is_empty(), "an empty message");
    assert!(message.chars().count() < 1_000, "a very long message: {message:?}");
    let shown = escaped(message);
    let steers = |c: char| c.is_control() && c != '\t' || ('\u{202A}'..='\u{202E}').contains(&c);
    assert!(!shown.chars().any(steers), "a message that controls a terminal: {shown:?}");
}
