//! A form field as it is shown.

use crate::domain::orders::draft::sentence;
use crate::domain::payment::secret;
use crate::domain::values::Amount;

/// A field of a form: with what the seller typed still in it, what is wrong with it, and what is saved now where that is
/// something else.
pub struct FieldView {
    pub id: String,
    pub name: String,
    pub label: String,
    pub hint: &'static str,
    pub kind: FieldKind,
    pub value: String,
    /// Units: characters; 0: the field itself has no limit.
    pub most: usize,
    /// Why it was refused.
    pub error: Option<String>,
    pub saved: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Line,
    /// A line of a wallet's form.
    OfWallet,
    Day,
    Whole,
    /// In coins, with the Gwei beside it.
    Coins,
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

    /// Shows what was typed. What is a private key, or the words that make one, is shown nowhere again. In a wallet's form
    /// whatever looks like it is one; elsewhere people write what they like, and ten countries in a row are no mnemonic.
    pub fn fill(&mut self, typed: &str) {
        let is_private = secret::holds_private(typed)
            || self.kind == FieldKind::OfWallet && secret::looks_private(typed);
        self.value = if is_private { String::new() } else { typed.to_owned() };
    }

    pub fn refuse(&mut self, why: impl std::fmt::Display) {
        self.error.get_or_insert_with(|| sentence(&why.to_string()));
    }

    pub fn is_refused(&self) -> bool {
        self.error.is_some()
    }

    /// Says what is saved, where that is something else.
    pub fn compare(&mut self, saved: &str) {
        if self.value.replace("\r\n", "\n").trim() != saved.trim() {
            let is_empty = saved.trim().is_empty();
            self.saved = Some(if is_empty { "empty" } else { saved }.to_owned());
        }
    }

    /// The elements that say more about the field.
    pub fn described_by(&self) -> String {
        let parts = [(self.is_refused(), "error"), (self.saved.is_some(), "now")];
        let ids = parts.iter().filter(|(is_there, _)| *is_there);
        ids.map(|(_, what)| format!("{}-{what}", self.id)).collect::<Vec<_>>().join(" ")
    }

    /// `91,990,000 Gwei`, where the field holds an amount.
    pub fn gwei(&self) -> Option<String> {
        let amount = Amount::parse_coins(&self.value).ok();
        let amount = amount.filter(|amount| Amount::ZERO < *amount);
        amount.filter(|_| self.kind == FieldKind::Coins).map(|sum| format!("{} Gwei", apart(sum)))
    }

    /// A day's own field takes no word that is no day, and what the seller wrote is to be seen again.
    pub fn type_of(&self) -> &'static str {
        if self.kind == FieldKind::Day && !self.is_refused() { "date" } else { "text" }
    }

    pub fn rows(&self) -> Option<u8> {
        if let FieldKind::Area { rows } = self.kind { Some(rows) } else { None }
    }

    pub fn mode(&self) -> &'static str {
        match self.kind {
            FieldKind::Whole => "numeric",
            FieldKind::Coins => "decimal",
            _ => "text",
        }
    }
}

/// A line of the list above a form that was refused.
pub struct FaultLine {
    /// Of the field; empty: the form as a whole.
    pub id: String,
    /// Empty: the text says which field it is about.
    pub label: String,
    pub text: String,
}

/// What a page says above its form of the fields that were refused.
pub fn fault_lines(fields: &[&FieldView]) -> Vec<FaultLine> {
    let refused = |field: &&FieldView| {
        let text = field.error.clone()?;
        Some(FaultLine { id: field.id.clone(), label: field.label.clone(), text })
    };
    fields.iter().filter_map(refused).collect()
}

/// An amount in Gwei with the thousands apart: `91,990,000`.
pub fn apart(amount: Amount) -> String {
    let digits = amount.get().to_string();
    let mut apart = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if 0 < n && (digits.len() - n).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
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
            (FieldKind::OfWallet, &key, false),
            (FieldKind::OfWallet, &"mistyped ".repeat(12), false),
        ] {
            let mut field = FieldView::new("name", "", kind);
            field.fill(typed);
            assert_eq!(field.value, if is_shown { typed } else { "" });
        }
    }
}
