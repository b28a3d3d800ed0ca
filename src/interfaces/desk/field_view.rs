//! Form fields as pages show them.

use std::fmt::Display;

use crate::domain::payment::secret;
use crate::domain::values::text::sentence;
use crate::domain::values::{Amount, Line};

/// A field of a form, with the seller's input, its error, and the saved value if it differs.
pub struct FieldView {
    pub id: String,
    pub name: String,
    pub label: String,
    pub hint: &'static str,
    pub kind: FieldKind,
    pub value: String,
    /// Units: characters; 0: no limit.
    pub most: usize,
    pub error: Option<String>,
    pub saved: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Line,
    /// Of a wallet: whatever looks like a private key is not shown again.
    Wallet,
    Day,
    Whole,
    /// In coins; the amount in Gwei is shown beside it.
    Coins,
    /// In ordinary money.
    Fiat,
    Area {
        rows: u8,
    },
}

impl FieldView {
    pub fn new(name: &str, label: &str, kind: FieldKind) -> Self {
        Self {
            id: name.replace('.', "-"),
            name: name.to_owned(),
            label: label.to_owned(),
            hint: "",
            kind,
            value: String::new(),
            most: 0,
            error: None,
            saved: None,
        }
    }

    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    pub fn value(self, value: &str) -> Self {
        Self { value: value.to_owned(), ..self }
    }

    pub fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Sets the value, unless it is a private key or a mnemonic. In a wallet's form, anything that looks like one is left
    /// out too; elsewhere it is kept, since ten countries in a row are no mnemonic.
    pub fn fill(&mut self, value: &str) {
        let is_private = secret::holds_private(value)
            || self.kind == FieldKind::Wallet && secret::looks_private(value);
        self.value = if is_private { String::new() } else { value.to_owned() };
    }

    /// Notes the first error as a sentence.
    pub fn refuse(&mut self, why: impl Display) {
        self.error.get_or_insert_with(|| sentence(&why.to_string()));
    }

    /// Notes the error, if it is one.
    pub fn check<T>(&mut self, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|why| self.refuse(why)).ok()
    }

    /// The value as a line. `missing`: the error of an empty one.
    pub fn required_line(&mut self, missing: &str) -> Option<Line> {
        let line = self.check(Line::parse(&self.value, self.most))?;
        self.check(if line.is_empty() { Err(missing) } else { Ok(line) })
    }

    pub fn is_refused(&self) -> bool {
        self.error.is_some()
    }

    /// Shows the saved value if it differs.
    pub fn compare(&mut self, saved: &str) {
        if self.value.replace("\r\n", "\n").trim() != saved.trim() {
            let is_empty = saved.trim().is_empty();
            self.saved = Some(if is_empty { "empty" } else { saved }.to_owned());
        }
    }

    /// The ids of the elements that describe the field, for `aria-describedby`.
    pub fn described_by(&self) -> String {
        let error = self.is_refused().then(|| format!("{}-error", self.id));
        let saved = self.saved.is_some().then(|| format!("{}-now", self.id));
        error.into_iter().chain(saved).collect::<Vec<_>>().join(" ")
    }

    /// `91,990,000 Gwei`, if the field holds an amount.
    pub fn gwei(&self) -> Option<String> {
        let amount =
            Amount::parse_coins(&self.value).ok().filter(|amount| Amount::ZERO < *amount)?;
        (self.kind == FieldKind::Coins).then(|| format!("{} Gwei", amount.gwei()))
    }

    /// A date field cannot show input that is no day.
    pub fn type_of(&self) -> &'static str {
        if self.kind == FieldKind::Day && !self.is_refused() { "date" } else { "text" }
    }

    pub fn rows(&self) -> Option<u8> {
        if let FieldKind::Area { rows } = self.kind { Some(rows) } else { None }
    }

    pub fn mode(&self) -> &'static str {
        match self.kind {
            FieldKind::Whole => "numeric",
            FieldKind::Coins | FieldKind::Fiat => "decimal",
            _ => "text",
        }
    }
}

/// A line of the list above a refused form.
pub struct FaultLine {
    /// Of the field; empty: the whole form.
    pub id: String,
    /// Empty: the text names the field.
    pub label: String,
    pub text: String,
}

/// The beginning of a refused text, in an error.
pub fn quoted(text: &str) -> String {
    format!("“{}”", text.chars().take(40).collect::<String>())
}

pub fn fault_lines(fields: &[&FieldView]) -> Vec<FaultLine> {
    let refused = |field: &&FieldView| {
        let text = field.error.clone()?;
        Some(FaultLine { id: field.id.clone(), label: field.label.clone(), text })
    };
    fields.iter().filter_map(refused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_not_shown_again_and_a_list_of_countries_is() {
        let countries = "Austria, Belgium, Bulgaria, Cyprus, Germany, Denmark, Estonia, Spain, Finland, France, Greece";
        let key = "ab".repeat(32);
        let mnemonic = format!("{}about", "abandon ".repeat(11));
        let area = FieldKind::Area { rows: 3 };
        for (kind, typed, is_shown) in [
            (FieldKind::Line, "Tea", true),
            (area, countries, true),
            (FieldKind::Line, &key, false),
            (area, &mnemonic, false),
            (FieldKind::Wallet, &key, false),
            (FieldKind::Wallet, &"mistyped ".repeat(12), false),
        ] {
            let mut field = FieldView::new("name", "", kind);
            field.fill(typed);
            assert_eq!(field.value, if is_shown { typed } else { "" });
        }
    }
}
