//! What is wrong with the form of a record, at the form's fields and in the form's words.

use crate::domain::catalog::Fault;
use crate::domain::catalog::fault::{FaultKind, Found};

/// What is wrong with a form: the field's name (empty: the whole form), and what to do.
pub type Faults = Vec<(String, String)>;

/// What the rules of the seller's file find wrong, each at the form's field: `list` is the file's field of the amounts, which
/// stand in `names`; where the form itself has found fault with an amount, nothing more is said of them.
pub fn add_faults(faults: &mut Faults, found: Vec<Fault>, list: &str, names: &[String]) {
    let of_amounts = |name: &str| name.split_once('-').is_some_and(|(of, _)| list.starts_with(of));
    let has_own = faults.iter().any(|(name, _)| of_amounts(name));
    for fault in found {
        // A fault of program text names the whole way: `discounts.code.code`.
        let field = fault.place.field.rsplit('.').find(|part| !matches!(*part, "price" | "wallet"));
        let field = field.unwrap_or_default();
        let (base, n) = match field.split_once('[') {
            Some((base, rest)) => (base, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (field, None),
        };
        let is_amount = base == list || fault.kind == FaultKind::NoDiscount;
        if is_amount && has_own {
            continue;
        }
        let name = match n.and_then(|n| names.get(n)) {
            Some(name) if base == list => name.clone(),
            _ => base.to_owned(),
        };
        if faults.iter().any(|(other, _)| *other == name) {
            continue;
        }
        faults.push((name, text(&fault)));
    }
}

/// The file's rules speak of its own fields.
fn text(fault: &Fault) -> String {
    match &fault.kind {
        FaultKind::NameTaken(name) => {
            let what =
                if fault.place.field == "code" { "discount code" } else { "shipping method" };
            format!("The {what} {name} already exists.")
        }
        FaultKind::CurrencyTaken(currency) => format!("There is already a wallet for {currency}."),
        FaultKind::PercentAndLess => "Enter a percentage or amounts, not both.".to_owned(),
        FaultKind::EndsBeforeStart(_) => "The last day is before the first day.".to_owned(),
        FaultKind::NoDiscount => {
            "Enter the discount: a percentage from 1 to 99, or amounts.".to_owned()
        }
        FaultKind::Unexpected { found: Found::Nothing | Found::Blank, expected } => {
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
    fn a_fault_of_the_file_is_shown_at_the_forms_field() {
        let names = ["price-BTC".to_owned()];
        let fault = |field, found: &str| Fault::new("", field, found, "something else");
        let mut faults = Faults::new();
        let found = ["prices[0].price", "countries[3]", "shipping.rate.name"]
            .map(|field| fault(field, "x"));
        add_faults(&mut faults, found.to_vec(), "prices", &names);
        let fields: Vec<&str> = faults.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["price-BTC", "countries", "name"]);
        // Who has mistyped the only amount is not told besides that there is none.
        let mut faults = vec![("price-ETH".to_owned(), "mistyped".to_owned())];
        add_faults(
            &mut faults,
            vec![Fault::new("", "prices", Found::Nothing, "a price")],
            "prices",
            &[],
        );
        assert_eq!(faults.len(), 1);
    }
}
