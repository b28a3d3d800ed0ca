//! Typed access to the fields of one record of the catalog file.

use std::collections::HashSet;

use crate::domain::catalog::Fault;
use crate::domain::catalog::fault::{FaultKind, Found, add_fault, add_note};
use crate::domain::catalog::json::Json;
use crate::domain::values::{Line, NotText};

/// One record of the seller's file while it is parsed: each field is read once, and errors are collected.
pub struct Record<'a> {
    pub place: String,
    /// Of an option of a product: which one, counted from 0.
    pub option: Option<usize>,
    fields: &'a [(String, Json)],
    asked: Vec<&'static str>,
    pub faults: Vec<Fault>,
}

impl<'a> Record<'a> {
    pub fn new(place: String, fields: &'a [(String, Json)]) -> Self {
        Self { place, option: None, fields, asked: Vec::new(), faults: Vec::new() }
    }

    pub fn get(&mut self, name: &'static str) -> Option<&'a Json> {
        self.asked.push(name);
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value)
            .filter(|value| **value != Json::Null)
    }

    pub fn refuse(&mut self, field: &str, found: impl Into<Found>, expected: impl Into<String>) {
        self.push(Fault::new(&self.place, field, found, expected));
    }

    /// Refuses a field, with the reason as a sentence.
    pub fn explain(&mut self, field: &str, found: impl Into<Found>, reason: impl Into<String>) {
        self.push(Fault::explained(&self.place, field, found, reason));
    }

    pub fn fault(&mut self, field: &str, kind: FaultKind) {
        self.push(Fault::of(&self.place, field, kind));
    }

    fn push(&mut self, mut fault: Fault) {
        fault.place.option = self.option;
        self.faults.push(fault);
    }

    /// A text of 1 to `most` characters without control characters; `None` if the field is absent or invalid.
    pub fn text(&mut self, name: &'static str, most: usize, expected: &str) -> Option<&'a str> {
        let found = self.get(name)?;
        self.text_of(name, found, most, expected)
    }

    /// The same, but an absent field is an error.
    pub fn needed_text(
        &mut self,
        name: &'static str,
        most: usize,
        expected: &str,
    ) -> Option<&'a str> {
        match self.get(name) {
            Some(found) => self.text_of(name, found, most, expected),
            None => {
                self.refuse(name, Found::Nothing, expected);
                None
            }
        }
    }

    pub fn text_of(
        &mut self,
        field: &str,
        found: &'a Json,
        most: usize,
        expected: &str,
    ) -> Option<&'a str> {
        if let Json::Text(text) = found {
            let text = text.trim();
            let seen = |c: char| !c.is_control() || c == '\n' || c == '\r' || c == '\t';
            if !text.is_empty() && text.chars().count() <= most && text.chars().all(seen) {
                return Some(text);
            }
        }
        self.refuse(
            field,
            Found::of(Some(found)),
            format!("{expected} (1 to {most} visible characters)"),
        );
        None
    }

    /// A name on one line; an absent field is an error.
    pub fn needed_line(
        &mut self,
        name: &'static str,
        most: usize,
        expected: &str,
    ) -> Option<String> {
        match self.get(name) {
            Some(found) => self.line_of(name, found, most, expected),
            None => {
                self.refuse(name, Found::Nothing, expected);
                None
            }
        }
    }

    /// Removes ignorable characters; a character that changes how the name is displayed is an error.
    pub fn line_of(
        &mut self,
        field: &str,
        found: &Json,
        most: usize,
        expected: &str,
    ) -> Option<String> {
        if let Json::Text(text) = found {
            match Line::parse(&one_line(text), most) {
                Ok(line) if !line.is_empty() => return Some(one_line(line.as_str())),
                Err(NotText::Invisible(hidden)) => {
                    let expected = format!(
                        "{expected} without the hidden character U+{:04X}",
                        u32::from(hidden)
                    );
                    self.refuse(field, Found::of(Some(found)), expected);
                    return None;
                }
                Ok(_) | Err(NotText::TooLong { .. }) => {}
            }
        }
        self.refuse(
            field,
            Found::of(Some(found)),
            format!("{expected} (1 to {most} visible characters)"),
        );
        None
    }

    /// An integer from `least` to `most`.
    pub fn whole(
        &mut self,
        name: &'static str,
        least: i64,
        most: i64,
        meaning: &str,
    ) -> Option<i64> {
        let found = self.get(name)?;
        self.whole_of(name, found, least, most, meaning)
    }

    pub fn whole_of(
        &mut self,
        field: &str,
        found: &Json,
        least: i64,
        most: i64,
        meaning: &str,
    ) -> Option<i64> {
        match found.whole() {
            Some(n) if (least..=most).contains(&n) => Some(n),
            _ => {
                self.refuse(
                    field,
                    Found::of(Some(found)),
                    format!("{meaning}: a whole number from {least} to {most}"),
                );
                None
            }
        }
    }

    /// A boolean; `None` if the field is absent or invalid.
    pub fn truth(&mut self, name: &'static str) -> Option<bool> {
        match self.get(name)? {
            Json::Truth(truth) => Some(*truth),
            found => {
                self.refuse(name, Found::of(Some(found)), "true or false");
                None
            }
        }
    }

    /// An array; empty if the field is absent or invalid.
    pub fn list(&mut self, name: &'static str, most: usize, expected: &str) -> &'a [Json] {
        match self.get(name) {
            None => &[],
            Some(Json::List(items)) if items.len() <= most => items,
            Some(found) => {
                self.refuse(name, Found::of(Some(found)), format!("{expected} (at most {most})"));
                &[]
            }
        }
    }

    /// Each duplicate name is an error; each unknown one is a note, since it may be a typo.
    pub fn close(mut self, notes: &mut Vec<String>) -> Vec<Fault> {
        let mut seen = HashSet::new();
        for (name, value) in self.fields {
            if !seen.insert(name) {
                let found = format!("a second value {}", value.shown());
                let fault = Fault::new(&self.place, name, found, "each field only once");
                add_fault(&mut self.faults, fault);
            }
            if !self.asked.contains(&name.as_str()) && !name.starts_with('_') {
                add_note(notes, format!("{}: unknown field `{name}`, ignored", self.place));
            }
        }
        self.faults
    }
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
