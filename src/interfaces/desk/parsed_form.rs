//! The record that a form describes, and what is wrong with it.

use crate::domain::catalog::fault::{FaultKind, FoundValue};
use crate::domain::catalog::{Fault, Json};

/// The form's field (empty: the whole form), and what to do.
pub type Faults = Vec<(String, String)>;

#[derive(Default)]
pub struct ParsedForm {
    /// As in a record of the seller's file.
    pub fields: Vec<(String, Json)>,
    /// The form's field of each amount, in the order of the record's list.
    pub amount_fields: Vec<String>,
    pub faults: Faults,
}

impl ParsedForm {
    /// Adds the faults of the record, each at the form's field. `list`: the record's field of the amounts; if the form
    /// has a fault at an amount already, these faults are left out.
    pub fn add_faults(&mut self, found: Vec<Fault>, list: &str) {
        let is_amount =
            |name: &str| name.split_once('-').is_some_and(|(prefix, _)| list.starts_with(prefix));
        let has_faulty_amount = self.faults.iter().any(|(name, _)| is_amount(name));
        for fault in found {
            // A line of the steps.
            if let Some(n) = fault.part {
                let why = text(&fault);
                self.faults.push(("steps".to_owned(), format!("Step {}: {why}", n + 1)));
                continue;
            }
            // A fault in a text of the file has a longer path: `discounts.code.code`.
            let mut path = fault.field.rsplit('.');
            let field = path.find(|part| !matches!(*part, "price" | "wallet")).unwrap_or_default();
            let (base, n) = match field.split_once('[') {
                Some((base, rest)) => (base, rest.trim_end_matches(']').parse::<usize>().ok()),
                None => (field, None),
            };
            if has_faulty_amount && (base == list || fault.kind == FaultKind::NoDiscount) {
                continue;
            }
            let name = match n.and_then(|n| self.amount_fields.get(n)) {
                Some(name) if base == list => name,
                _ => base,
            };
            if self.faults.iter().all(|(other, _)| other != name) {
                self.faults.push((name.to_owned(), text(&fault)));
            }
        }
    }
}

/// The domain's text is for the seller's file; this one is for the form.
fn text(fault: &Fault) -> String {
    match &fault.kind {
        FaultKind::NameTaken(name) => {
            let what = if fault.field == "code" { "discount code" } else { "shipping method" };
            format!("The {what} {name} already exists.")
        }
        FaultKind::CurrencyTaken(currency) => format!("There is already a wallet for {currency}."),
        FaultKind::PercentAndLess => "Enter a percentage or amounts, not both.".to_owned(),
        FaultKind::EndsBeforeStart(_) => "The last day is before the first day.".to_owned(),
        FaultKind::NoDiscount => {
            "Enter the discount: a percentage from 1 to 99, or amounts.".to_owned()
        }
        FaultKind::Unexpected { found: FoundValue::Nothing | FoundValue::Blank, expected } => {
            format!("Please enter {expected}.")
        }
        FaultKind::Unexpected { found, expected } => {
            format!("Found {found}; please enter {expected}.")
        }
        FaultKind::Unusable { found, reason } => format!("Found {found}: {reason}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_record_is_shown_at_the_forms_field() {
        let fault = |field, found: &str| Fault::new("", field, found, "something else");
        let found = ["prices[0].price", "countries[3]", "shipping.rate.name"];
        let amount_fields = vec!["price-BTC".to_owned()];
        let mut parsed = ParsedForm { amount_fields, ..ParsedForm::default() };
        parsed.add_faults(found.map(|field| fault(field, "x")).to_vec(), "prices");
        let fields: Vec<&str> = parsed.faults.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["price-BTC", "countries", "name"]);
    }

    #[test]
    fn a_mistyped_amount_is_not_also_a_missing_one() {
        let faults = vec![("price-ETH".to_owned(), "mistyped".to_owned())];
        let mut parsed = ParsedForm { faults, ..ParsedForm::default() };
        parsed.add_faults(vec![Fault::new("", "prices", FoundValue::Nothing, "a price")], "prices");
        assert_eq!(parsed.faults.len(), 1);
    }
}
