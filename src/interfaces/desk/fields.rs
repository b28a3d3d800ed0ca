//! Fields of the desk's forms for records of the catalog, with their errors.

use crate::domain::catalog::Fault;
use crate::domain::catalog::Json;
use crate::domain::catalog::fault;
use crate::domain::catalog::wallet_reference;
use crate::domain::payment::Wallet;
use crate::domain::payment::secret;
use crate::domain::values::Amount;
use crate::interfaces::desk::form::DeskForm;

/// A field of a form as it is shown: with the seller's word still in it, what is wrong with it, and what stands there now
/// where that is something else.
pub struct FieldView {
    pub name: String,
    pub label: String,
    pub hint: &'static str,
    pub kind: FieldKind,
    pub value: String,
    pub error: String,
    /// What was kept meanwhile; `None`: the same.
    pub now: Option<String>,
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
    Area,
}

/// What is wrong with a form: the field's name (empty: the whole form), and what to do.
pub type Faults = Vec<(String, String)>;

impl FieldView {
    pub fn is_refused(&self) -> bool {
        !self.error.is_empty()
    }

    /// The ids of what describes it.
    pub fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if self.is_refused() {
            ids.push(format!("{}-error", self.name));
        }
        if self.now.is_some() {
            ids.push(format!("{}-now", self.name));
        }
        ids.join(" ")
    }

    /// `91,990,000 Amount`, where the field holds an amount.
    pub fn gwei(&self) -> String {
        match Amount::parse_coins(&self.value) {
            Ok(amount) if self.kind == FieldKind::Coins && Amount::ZERO < amount => {
                format!("{} Gwei", apart(amount))
            }
            _ => String::new(),
        }
    }

    /// A day's own field takes no word that is no day, and what the seller wrote is to be seen again.
    pub fn type_of(&self) -> &'static str {
        match self.kind {
            FieldKind::Day if !self.is_refused() => "date",
            _ => "text",
        }
    }

    pub fn is_area(&self) -> bool {
        self.kind == FieldKind::Area
    }

    pub fn mode(&self) -> &'static str {
        match self.kind {
            FieldKind::Whole => "numeric",
            FieldKind::Coins => "decimal",
            _ => "text",
        }
    }
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

/// An amount in coins as a seller types it.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn read_coins(text: &str) -> Result<Amount, String> {
    let text = text.trim();
    Amount::parse_coins(text).map_err(|refused| {
        let with_point = text.replacen(',', ".", 1);
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if !text.contains('.') && Amount::parse_coins(&with_point).is_ok() {
            format!("Use a decimal point: {with_point}.")
        } else if digits(whole) && digits(decimals) && 9 < decimals.len() {
            "Enter at most nine decimals.".to_owned()
        } else if digits(whole) && digits(decimals) {
            "This amount is too large.".to_owned()
        } else {
            let words = refused.to_string();
            format!("{}.", words.replacen("an amount", "An amount", 1))
        }
    })
}

/// A field of a form, before anything stands in it: its name, its label, a hint, its kind.
pub type Asked = (String, String, &'static str, FieldKind);

/// The fields of a form: `word` gives what is in each, `now` what is kept, where that is not what the form showed.
pub fn fields(
    asked: Vec<Asked>,
    word: impl Fn(&str) -> String,
    faults: &Faults,
    now: Option<&dyn Fn(&str) -> String>,
) -> Vec<FieldView> {
    asked
        .into_iter()
        .map(|(name, label, hint, kind)| {
            let value = unless_private(&word(&name), kind == FieldKind::OfWallet);
            let error = faults.iter().find(|(field, _)| *field == name);
            let kept = now.map(|now| now(&name)).filter(|kept| *kept != value);
            let kept = kept.map(|kept| if kept.is_empty() { "empty".to_owned() } else { kept });
            let error = error.map(|(_, words)| words.clone()).unwrap_or_default();
            FieldView { name, label, hint, kind, value, error, now: kept }
        })
        .collect()
}

/// What is a private key, or the words that make one, is shown nowhere again. In a wallet's form whatever looks like it is
/// one; elsewhere people write what they like, and ten countries in a row are no mnemonic.
fn unless_private(text: &str, is_of_wallet: bool) -> String {
    let is_private = secret::holds_private(text) || is_of_wallet && secret::looks_private(text);
    if is_private { String::new() } else { text.to_owned() }
}

/// One field of an amount for each wallet: `price-ETH`.
pub fn amount_fields(prefix: &str, label: &str, wallets: &[Wallet]) -> Vec<Asked> {
    let of = |wallet: &Wallet| {
        let currency = &wallet.currency;
        (format!("{prefix}-{currency}"), format!("{label} {currency}"), "", FieldKind::Coins)
    };
    wallets.iter().map(of).collect()
}

/// The amounts of a form as the seller's file has them: a list of `{price, wallet}`, and the field of each. What is no amount
/// is a fault at its field.
pub fn read_amounts(
    form: &DeskForm,
    prefix: &str,
    wallets: &[Wallet],
    is_free_allowed: bool,
    faults: &mut Faults,
) -> (Json, Vec<String>) {
    let mut rows = Vec::new();
    let mut names = Vec::new();
    for wallet in wallets {
        let name = format!("{prefix}-{}", wallet.currency);
        let text = form.get(&name).trim();
        if text.is_empty() {
            continue;
        }
        match amount(text, wallet, is_free_allowed) {
            Err(words) => faults.push((name, words)),
            Ok(amount) => {
                rows.push(Json::Record(vec![
                    ("price".to_owned(), Json::Whole(amount.get())),
                    ("wallet".to_owned(), Json::Text(wallet_reference(&wallet.currency))),
                ]));
                names.push(name);
            }
        }
    }
    (Json::List(rows), names)
}

fn amount(text: &str, wallet: &Wallet, is_free_allowed: bool) -> Result<Amount, String> {
    let (coin, currency) = (&wallet.coin, &wallet.currency);
    let amount = read_coins(text)?;
    if amount == Amount::ZERO && !is_free_allowed {
        return Err(format!("Enter more than 0, or leave {currency} empty."));
    }
    if coin.most() < amount {
        return Err(format!(
            "This amount is too large: one order can cost at most {} {currency}.",
            coin.most()
        ));
    }
    let grain = coin.grain();
    if amount.get() % grain.get() != 0 {
        return Err(format!("Enter a multiple of {grain} {currency}, its smallest unit."));
    }
    Ok(amount)
}

/// What the rules of the seller's file find wrong, each at the form's field: `list` is the file's field of the amounts, which
/// stand in `names`; where the form itself has found fault with an amount, nothing more is said of them.
pub fn add_faults(faults: &mut Faults, found: Vec<Fault>, list: &str, names: &[String]) {
    let of_amounts = |name: &str| name.split_once('-').is_some_and(|(of, _)| list.starts_with(of));
    let has_own = faults.iter().any(|(name, _)| of_amounts(name));
    for fault in found {
        // A fault of program text names the whole way: `discounts.code.code`.
        let field = fault.field.rsplit('.').find(|part| !matches!(*part, "price" | "wallet"));
        let field = field.unwrap_or_default();
        let (base, n) = match field.split_once('[') {
            Some((base, rest)) => (base, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (field, None),
        };
        let is_amount = base == list || base == "percent" && fault.found == fault::NOTHING;
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
        faults.push((name, words(&fault)));
    }
}

/// In the order of the form's fields; what is of none of them comes first.
pub fn in_order(mut faults: Faults, asked: &[Asked]) -> Faults {
    faults.sort_by_key(|(name, _)| asked.iter().position(|(field, ..)| field == name));
    faults
}

fn words(fault: &Fault) -> String {
    let expected = &fault.expected;
    if let Some(name) = fault.found.strip_suffix(fault::ALREADY_EXISTS) {
        let what = if fault.field == "code" { "discount code" } else { "shipping method" };
        return format!("The {what} {} already exists.", name.trim_matches('"'));
    }
    if let Some(currency) = fault.found.strip_suffix(fault::HAS_A_WALLET) {
        return format!("There is already a wallet for {currency}.");
    }
    // The file's rules speak of its own fields.
    if fault.found == fault::PERCENT_AND_LESS {
        return "Enter a percentage or amounts, not both.".to_owned();
    }
    if expected == fault::NOT_BEFORE_FROM {
        return "The last day is before the first day.".to_owned();
    }
    if fault.found == fault::NOTHING && expected == fault::A_DISCOUNT {
        return "Enter the discount: a percentage from 1 to 99, or amounts.".to_owned();
    }
    if fault.found == fault::NOTHING || fault.found == "\"\"" {
        return format!("Please enter {expected}.");
    }
    if fault.is_reason {
        return format!("Found {}: {expected}.", fault.found);
    }
    format!("Found {}; please enter {expected}.", fault.found)
}

/// A text, or nothing where the field is blank.
pub fn text(form: &DeskForm, name: &str) -> Option<(String, Json)> {
    let text = form.get(name).trim();
    (!text.is_empty()).then(|| (name.to_owned(), Json::Text(text.to_owned())))
}

/// A whole number, or what stands there as it is, so that the rules refuse it.
pub fn whole(form: &DeskForm, name: &str) -> Option<(String, Json)> {
    let text = form.get(name).trim();
    let value = text.parse().map_or_else(|_| Json::Text(text.to_owned()), Json::Whole);
    (!text.is_empty()).then(|| (name.to_owned(), value))
}

/// A word as a part of an address.
pub fn encoded(word: &str) -> String {
    form_urlencoded::byte_serialize(word.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::Coin;
    use crate::domain::payment::Destination;
    use crate::domain::values::Currency;

    fn wallets() -> Vec<Wallet> {
        let of = |name, coin: Coin, text| Wallet {
            currency: Currency::parse(name).unwrap(),
            name: String::new(),
            receives: Destination::of_address(
                crate::domain::payment::Address::parse(&coin, text).unwrap(),
            ),
            coin,
        };
        vec![
            of("ETH", Coin::Ether { chain: 1 }, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            of("BTC", Coin::Bitcoin, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ]
    }

    fn read(eth: &str, btc: &str) -> (Json, Vec<String>, Faults) {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let form = DeskForm::of(vec![field("price-ETH", eth), field("price-BTC", btc)]);
        let mut faults = Faults::new();
        let (list, names) = read_amounts(&form, "price", &wallets(), false, &mut faults);
        (list, names, faults)
    }

    #[test]
    fn amounts_are_read_in_coins_and_what_a_coin_cannot_express_is_refused_at_its_field() {
        let (list, names, faults) = read("0.09199", " 0.00000001 ");
        assert!(faults.is_empty());
        assert_eq!(names, ["price-ETH", "price-BTC"]);
        assert!(matches!(&list, Json::List(rows) if rows.len() == 2), "{list:?}");
        for (eth, btc, field) in [
            ("0,09", "", "price-ETH"),
            ("", "0.000000001", "price-BTC"),
            ("0", "", "price-ETH"),
            ("", "99999999", "price-BTC"),
        ] {
            let (_, _, faults) = read(eth, btc);
            let fields: Vec<&str> = faults.iter().map(|(field, _)| field.as_str()).collect();
            assert_eq!(fields, [field], "{eth} {btc}");
        }
    }

    #[test]
    fn a_fault_of_the_file_is_shown_at_the_forms_field() {
        let names = ["price-BTC".to_owned()];
        let fault = |field, found| Fault::new("", field, found, "something else");
        let mut faults = Faults::new();
        let found = ["prices[0].price", "countries[3]", "shipping.rate.name"]
            .map(|field| fault(field, "x"));
        add_faults(&mut faults, found.to_vec(), "prices", &names);
        let fields: Vec<&str> = faults.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["price-BTC", "countries", "name"]);
        // Who has mistyped the only amount is not told besides that there is none.
        let mut faults = vec![("price-ETH".to_owned(), "mistyped".to_owned())];
        add_faults(&mut faults, vec![fault("prices", "nothing")], "prices", &[]);
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn a_private_key_is_not_shown_again_and_a_list_of_countries_is() {
        let countries = "Austria, Belgium, Bulgaria, Cyprus, Germany, Denmark, Estonia, Spain, Finland, France, Greece";
        let key = "ab".repeat(32);
        let mnemonic = format!("{}about", "abandon ".repeat(11));
        for (kind, word, is_shown) in [
            (FieldKind::Line, "Tea", true),
            (FieldKind::Area, countries, true),
            (FieldKind::Line, &key, false),
            (FieldKind::Area, &mnemonic, false),
            (FieldKind::OfWallet, &key, false),
            (FieldKind::OfWallet, &"mistyped ".repeat(12), false),
        ] {
            let asked = vec![("name".to_owned(), String::new(), "", kind)];
            let view = fields(asked, |_| word.to_owned(), &Faults::new(), None);
            assert_eq!(view[0].value, if is_shown { word } else { "" });
        }
    }
}
