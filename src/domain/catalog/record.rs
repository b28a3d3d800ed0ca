//! Typed access to the fields of one record of the catalog file.

use std::collections::HashSet;

use crate::domain::catalog::Fault;
use crate::domain::catalog::fault::{FaultKind, FoundValue, add_fault, add_note};
use crate::domain::catalog::json::{self, Json};
use crate::domain::values::{Line, NotText};

/// One record of the seller's file while it is parsed: each field is read once, and errors are collected.
pub struct Record<'a> {
    /// `products "man-shirt"`, for messages.
    pub place: String,
    /// Of an option of a product or a step of a shipping method: which one, counted from 0.
    pub part: Option<usize>,
    fields: &'a [(String, Json)],
    /// The names of the fields that were read: any other is unknown.
    known: Vec<&'static str>,
    pub faults: Vec<Fault>,
}

impl<'a> Record<'a> {
    pub fn new(place: String, fields: &'a [(String, Json)]) -> Self {
        Self { place, part: None, fields, known: Vec::new(), faults: Vec::new() }
    }

    pub fn get(&mut self, name: &'static str) -> Option<&'a Json> {
        self.known.push(name);
        json::find(self.fields, name).filter(|value| **value != Json::Null)
    }

    /// The same, but an absent field is an error.
    pub fn required(&mut self, name: &'static str, expected: &str) -> Option<&'a Json> {
        let found = self.get(name);
        if found.is_none() {
            self.refuse(name, FoundValue::Nothing, expected);
        }
        found
    }

    pub fn refuse(
        &mut self,
        field: &str,
        found: impl Into<FoundValue>,
        expected: impl Into<String>,
    ) {
        self.push(Fault::new(&self.place, field, found, expected));
    }

    /// Refuses a field, with the reason as a sentence.
    pub fn explain(&mut self, field: &str, found: impl Into<FoundValue>, reason: impl ToString) {
        self.push(Fault::explained(&self.place, field, found, reason.to_string()));
    }

    pub fn fault(&mut self, field: &str, kind: FaultKind) {
        self.push(Fault::of(&self.place, field, kind));
    }

    fn push(&mut self, fault: Fault) {
        self.faults.push(Fault { part: self.part, ..fault });
    }

    /// A text of 1 to `most` characters without control characters; `None` if the field is absent or invalid.
    pub fn text(&mut self, name: &'static str, most: usize, expected: &str) -> Option<&'a str> {
        let found = self.get(name)?;
        self.text_of(name, found, most, expected)
    }

    pub fn text_of(
        &mut self,
        field: &str,
        found: &'a Json,
        most: usize,
        expected: &str,
    ) -> Option<&'a str> {
        if let Json::String(text) = found {
            let text = text.trim();
            let is_visible = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
            if !text.is_empty() && text.chars().count() <= most && text.chars().all(is_visible) {
                return Some(text);
            }
        }
        self.refuse(field, found, format!("{expected} (1 to {most} visible characters)"));
        None
    }

    /// A name on one line; an absent field is an error.
    pub fn required_line(
        &mut self,
        name: &'static str,
        most: usize,
        expected: &str,
    ) -> Option<String> {
        let found = self.required(name, expected)?;
        self.line_of(name, found, most, expected)
    }

    /// Removes ignorable characters; a character that changes how the name is displayed is an error.
    pub fn line_of(
        &mut self,
        field: &str,
        found: &Json,
        most: usize,
        expected: &str,
    ) -> Option<String> {
        let mut condition = format!("(1 to {most} visible characters)");
        if let Json::String(text) = found {
            match Line::parse(&one_line(text), most) {
                Ok(line) if !line.is_empty() => return Some(one_line(line.as_str())),
                Err(NotText::Invisible(hidden)) => {
                    condition = format!("without the hidden character U+{:04X}", u32::from(hidden));
                }
                Ok(_) | Err(NotText::TooLong { .. }) => {}
            }
        }
        self.refuse(field, found, format!("{expected} {condition}"));
        None
    }

    /// An integer from `least` to `most`; `None` if the field is absent or invalid.
    pub fn integer(
        &mut self,
        name: &'static str,
        least: i64,
        most: i64,
        meaning: &str,
    ) -> Option<i64> {
        let found = self.get(name)?;
        let n = found.integer().filter(|n| (least..=most).contains(n));
        if n.is_none() {
            self.refuse(name, found, format!("{meaning}: a whole number from {least} to {most}"));
        }
        n
    }

    /// `None` if the field is absent or invalid.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.get(name)? {
            Json::Bool(value) => Some(*value),
            found => {
                self.refuse(name, found, "true or false");
                None
            }
        }
    }

    /// An array; empty if the field is absent or invalid.
    pub fn list(&mut self, name: &'static str, most: usize, expected: &str) -> &'a [Json] {
        match self.get(name) {
            None => &[],
            Some(Json::Array(items)) if items.len() <= most => items,
            Some(found) => {
                self.refuse(name, found, format!("{expected} (at most {most})"));
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
            if !self.known.contains(&name.as_str()) && !name.starts_with('_') {
                add_note(notes, format!("{}: unknown field `{name}`, ignored", self.place));
            }
        }
        self.faults
    }
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
