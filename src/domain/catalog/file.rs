//! Reads a whole catalog file and reports all its errors at once.

use std::collections::{HashMap, HashSet};

use crate::domain::catalog::fault::{Found, add_fault, add_note};
use crate::domain::catalog::json::Json;
use crate::domain::catalog::limits::{too_many_names, too_much};
use crate::domain::catalog::record::Record;
use crate::domain::catalog::wallet_record::read_wallet;
use crate::domain::catalog::{Discount, Fault, Prices, Slug};
use crate::domain::payment::{Wallet, secret};
use crate::domain::values::{Amount, Country};

/// The whole catalog, as in the seller's file.
///
/// Source: the predecessor's `db/data.json` (mongoose-seeder), and this shop's additions.
#[derive(Clone, Debug, Default)]
pub struct CatalogFile {
    pub wallets: Vec<Wallet>,
    pub products: Vec<ProductRecord>,
    pub rates: Vec<RateRecord>,
    pub discounts: Vec<Discount>,
    /// Notes about ignored parts, in whole sentences.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductRecord {
    /// `products "man-shirt"`, for messages.
    pub place: String,
    /// The record's own name in the file: `man-shirt`.
    pub record: String,
    pub slug: Slug,
    pub name: String,
    pub description: String,
    /// Units: units in stock.
    pub quantity: i64,
    pub prices: Prices,
    pub images: Vec<ImageRecord>,
    pub options: Vec<OptionRecord>,
    pub categories: Vec<String>,
    /// Whether it is currently hidden from buyers.
    pub hidden: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// The file's path in the picture folder, not yet checked.
    pub file: String,
    pub alt: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionRecord {
    pub name: String,
    /// `None` if it shares the product's.
    pub quantity: Option<i64>,
    /// Empty if they are the product's.
    pub prices: Prices,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRecord {
    pub name: String,
    /// Empty: everywhere.
    pub countries: Vec<Country>,
    pub prices: Prices,
}

const PRICE: &str =
    "a whole number of Gwei (1e-9 of one coin, for every coin): 91990000 is 0.09199";
const MOST_PRODUCTS: usize = 1_000_000;

impl CatalogFile {
    /// Parses the text of the file. `settings_wallet` is the predecessor's older form: one wallet in the settings, used
    /// if the file has none.
    ///
    /// Returns everything that could be read and every [`Fault`] at once: if there is one, the file is refused, but its
    /// pictures can be checked before that is reported.
    pub fn parse(text: &str, settings_wallet: Option<Wallet>) -> (Self, Vec<Fault>) {
        if let Some(fault) = too_much(text) {
            return (Self::default(), vec![fault]);
        }
        let collections = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(Json::Record(collections)) => collections,
            Ok(other) => {
                let expected = "a record of collections, for example {\"products\": {\"_model\": \"Product\", …}}";
                return (
                    Self::default(),
                    vec![Fault::new("", "", Found::of(Some(&other)), expected)],
                );
            }
            Err(error) => {
                let found = format!(
                    "invalid JSON at line {}, column {} ({error})",
                    error.line(),
                    error.column()
                );
                return (Self::default(), vec![Fault::new("", "", found, "valid JSON")]);
            }
        };
        if let Some(fault) = too_many_names(&collections) {
            return (Self::default(), vec![fault]);
        }
        let mut reader = Reader::default();
        reader.refuse_programs("", &collections);
        reader.refuse_secrets(&collections);
        let sorted = reader.sort(&collections);
        for record in &sorted.wallets {
            reader.wallet(record);
        }
        if let Some(wallet) = settings_wallet
            && reader.file.wallets.is_empty()
        {
            reader.file.wallets.push(wallet);
        }
        for record in &sorted.products {
            reader.product(record);
        }
        for record in &sorted.rates {
            reader.rate(record);
        }
        for record in &sorted.discounts {
            reader.discount(record);
        }
        if MOST_PRODUCTS < reader.file.products.len() {
            add_fault(
                &mut reader.faults,
                Fault::new(
                    "",
                    "",
                    format!("{} products", sorted.products.len()),
                    "at most a million",
                ),
            );
        }
        (reader.file, reader.faults)
    }
}

/// A named record: its collection, its name, its fields.
pub(super) type Named<'a> = (&'a str, &'a str, &'a [(String, Json)]);

#[derive(Default)]
struct Sorted<'a> {
    wallets: Vec<Named<'a>>,
    products: Vec<Named<'a>>,
    rates: Vec<Named<'a>>,
    discounts: Vec<Named<'a>>,
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) file: CatalogFile,
    pub(super) faults: Vec<Fault>,
    /// `wallets.eth` → index of the wallet; `None` if the wallet itself was refused, which is already reported there.
    pub(super) references: HashMap<String, Option<usize>>,
    pub(super) slugs: HashSet<Slug>,
    /// Records that contain a secret, which is the only error reported for them.
    pub(super) secrets: HashSet<String>,
    /// The next number to try for products with the same name, so that many of them stay fast.
    pub(super) numbers: HashMap<Slug, usize>,
}

impl Reader {
    /// In the predecessor, a text that begins with `=`, and `_dependencies`, were program code.
    pub(super) fn refuse_programs(&mut self, place: &str, fields: &[(String, Json)]) {
        for (name, value) in fields {
            let here = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            if name == "_dependencies" {
                add_fault(
                    &mut self.faults,
                    Fault::new(
                        "",
                        &here,
                        Found::of(Some(value)),
                        "no program code: remove `_dependencies`",
                    ),
                );
                continue;
            }
            self.refuse_program(&here, value);
        }
    }

    fn refuse_program(&mut self, here: &str, value: &Json) {
        match value {
            Json::Text(text) if text.starts_with('=') => {
                let expected = "no program code: a text that does not begin with `=`";
                add_fault(&mut self.faults, Fault::new("", here, Found::of(Some(value)), expected));
            }
            Json::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.refuse_program(&format!("{here}[{n}]"), item);
                }
            }
            Json::Record(fields) => self.refuse_programs(here, fields),
            _ => {}
        }
    }

    /// Refuses private keys and mnemonics of any coin, anywhere in the file. In a wallet's record every possible one is
    /// checked; elsewhere, in free text, only what is one beyond doubt.
    pub(super) fn refuse_secrets(&mut self, collections: &[(String, Json)]) {
        for (collection, value) in collections {
            let Json::Record(records) = value else {
                self.refuse_secret(collection, "", value, secret::holds_private);
                continue;
            };
            let is_of_wallets = |(name, value): &(String, Json)| {
                name == "_model" && *value == Json::Text("Wallet".to_owned())
            };
            let is_secret: fn(&str) -> bool = if records.iter().any(is_of_wallets) {
                |text: &str| secret::looks_private(text) || secret::holds_private(text)
            } else {
                secret::holds_private
            };
            for (name, record) in records {
                let place = format!("{collection} {name:?}");
                let Json::Record(fields) = record else {
                    self.refuse_secret(&place, "", record, is_secret);
                    continue;
                };
                for (field, value) in fields {
                    // Monero's private view key, which is checked where it is parsed.
                    let is_view_key = field == "view_key"
                        && matches!(value, Json::Text(text) if text.trim().len() == 64);
                    if !is_view_key {
                        self.refuse_secret(&place, field, value, is_secret);
                    }
                }
            }
        }
    }

    pub(super) fn refuse_secret(
        &mut self,
        place: &str,
        field: &str,
        value: &Json,
        is_secret: fn(&str) -> bool,
    ) {
        let holds = match value {
            Json::Text(text) => is_secret(text),
            Json::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.refuse_secret(place, &format!("{field}[{n}]"), item, is_secret);
                }
                false
            }
            Json::Record(fields) => {
                for (name, value) in fields {
                    self.refuse_secret(place, &format!("{field}.{name}"), value, is_secret);
                }
                false
            }
            _ => false,
        };
        // A key pasted in the wrong place may also be before the colon, as a name.
        if holds || is_secret(field) || secret::holds_private(place) {
            self.secrets.insert(place.to_owned());
            add_fault(
                &mut self.faults,
                Fault::explained(place, field, Found::Secret, secret::WARNING),
            );
        }
    }

    fn sort<'a>(&mut self, collections: &'a [(String, Json)]) -> Sorted<'a> {
        let mut sorted = Sorted::default();
        let mut complain = |fault| add_fault(&mut self.faults, fault);
        let models = "`_model`: one of Wallet, Product, ShippingRate, Discount";
        for (n, (collection, value)) in collections.iter().enumerate() {
            if collection == "_dependencies" {
                continue;
            }
            if collections[..n].iter().any(|(earlier, _)| earlier == collection) {
                complain(Fault::new(
                    collection,
                    "",
                    "a second collection of this name",
                    "each collection only once",
                ));
                continue;
            }
            let Json::Record(fields) = value else {
                complain(Fault::new(
                    collection,
                    "",
                    Found::of(Some(value)),
                    format!("a record with {models}"),
                ));
                continue;
            };
            let model = fields.iter().find(|(name, _)| name == "_model").map(|(_, model)| model);
            let records = match model {
                Some(Json::Text(model)) => match model.as_str() {
                    "Wallet" => &mut sorted.wallets,
                    "Product" => &mut sorted.products,
                    "ShippingRate" => &mut sorted.rates,
                    "Discount" => &mut sorted.discounts,
                    "Agent" => {
                        let words = "agents are not supported and are ignored";
                        add_note(&mut self.file.notes, format!("{collection}: {words}"));
                        continue;
                    }
                    _ => {
                        complain(Fault::new(collection, "_model", format!("{model:?}"), models));
                        continue;
                    }
                },
                other => {
                    let found = Found::of(other);
                    complain(Fault::new(collection, "_model", found, models));
                    continue;
                }
            };
            let mut seen = HashSet::new();
            for (name, record) in fields.iter().filter(|(name, _)| !name.starts_with('_')) {
                let place = format!("{collection} {name:?}");
                if !seen.insert(name) {
                    complain(Fault::new(
                        &place,
                        "",
                        "a second record of this name",
                        "each name only once",
                    ));
                }
                match record {
                    Json::Record(fields) => records.push((collection, name, fields)),
                    other => complain(Fault::new(
                        &place,
                        "",
                        Found::of(Some(other)),
                        "a record with fields",
                    )),
                }
            }
        }
        sorted
    }

    /// Collects the errors of a record after all of its fields have been read.
    pub(super) fn close(&mut self, record: Record<'_>) {
        for fault in record.close(&mut self.file.notes) {
            add_fault(&mut self.faults, fault);
        }
    }

    pub(super) fn wallet(&mut self, (collection, name, fields): &Named<'_>) {
        let place = format!("{collection} {name:?}");
        if self.secrets.contains(&place) {
            self.references.insert(format!("{collection}.{name}"), None);
            return;
        }
        let mut record = Record::new(place, fields);
        let read = read_wallet(&mut record, name, &mut self.file.notes);
        if let Some(wallet) = &read
            && self.file.wallets.iter().any(|other| other.currency == wallet.currency)
        {
            record.refuse(
                "currency",
                format!("a second wallet for {}", wallet.currency),
                "one wallet per currency",
            );
        }
        self.references
            .insert(format!("{collection}.{name}"), read.as_ref().map(|_| self.file.wallets.len()));
        self.file.wallets.extend(read);
        self.close(record);
    }

    /// `prices`, a list of `{price, wallet}`, or the older form, one `price` in the first wallet.
    pub(super) fn prices(&mut self, record: &mut Record<'_>, needed: bool) -> Prices {
        let mut prices = Prices::new();
        let list =
            record.list("prices", 50, "a list of {\"price\": …, \"wallet\": \"->wallets.eth\"}");
        for (n, item) in list.iter().enumerate() {
            let Json::Record(fields) = item else {
                record.refuse(
                    &format!("prices[{n}]"),
                    Found::of(Some(item)),
                    "{\"price\": …, \"wallet\": \"->wallets.eth\"}",
                );
                continue;
            };
            let of =
                |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
            let wallet = self.refer(record, &format!("prices[{n}].wallet"), of("wallet"));
            let price = self.price(record, &format!("prices[{n}].price"), of("price"), wallet);
            if let (Some(wallet), Some(price)) = (wallet, price) {
                let currency = self.file.wallets[wallet].currency.clone();
                if prices.iter().any(|(other, _)| *other == currency) {
                    record.refuse(
                        &format!("prices[{n}].wallet"),
                        format!("a second price in {currency}"),
                        "one price per currency",
                    );
                }
                prices.push((currency, price));
            }
        }
        if let Some(found) = record.get("price") {
            if !list.is_empty() {
                record.refuse("price", Found::of(Some(found)), "either `price` or `prices`");
            } else if self.file.wallets.is_empty() && self.references.is_empty() {
                let expected = "a wallet to pay it to: a collection with _model Wallet, or the settings WALLET and CURRENCY";
                record.refuse("price", Found::of(Some(found)), expected);
            } else if !self.file.wallets.is_empty()
                && let Some(price) = self.price(record, "price", Some(found), Some(0))
            {
                prices.push((self.file.wallets[0].currency.clone(), price));
            }
        } else if needed && list.is_empty() && !self.file.wallets.is_empty() {
            record.refuse("prices", Found::Nothing, format!("at least one price; {PRICE}"));
        }
        prices
    }

    pub(super) fn refer(
        &self,
        record: &mut Record<'_>,
        field: &str,
        found: Option<&Json>,
    ) -> Option<usize> {
        let expected = || {
            let mut known: Vec<String> =
                self.references.keys().map(|name| format!("\"->{name}\"")).collect();
            if known.is_empty() {
                return "a reference to a wallet in this file, which has no wallets".to_owned();
            }
            known.sort();
            format!("a reference to a wallet in this file: {}", known.join(", "))
        };
        match found {
            Some(Json::Text(text)) => {
                match text.strip_prefix("->").and_then(|name| self.references.get(name.trim())) {
                    Some(wallet) => *wallet,
                    None => {
                        record.refuse(field, format!("{text:?}"), expected());
                        None
                    }
                }
            }
            other => {
                record.refuse(field, Found::of(other), expected());
                None
            }
        }
    }

    pub(super) fn price(
        &self,
        record: &mut Record<'_>,
        field: &str,
        found: Option<&Json>,
        wallet: Option<usize>,
    ) -> Option<Amount> {
        let shown = || Found::of(found);
        let Some(n) = found.and_then(Json::whole) else {
            record.refuse(field, shown(), PRICE);
            return None;
        };
        let coin = wallet.map(|wallet| &self.file.wallets[wallet].coin);
        let most = coin.map_or(i64::MAX, |coin| coin.most().get());
        match Amount::new(n) {
            Ok(price) if 0 < price.get() && price.get() <= most => {
                if let Some(coin) = coin
                    && price.get() % coin.grain().get() != 0
                {
                    let grain = coin.grain();
                    let currency = &self.file.wallets[wallet?].currency;
                    let expected = format!(
                        "a multiple of {}: the smallest unit of {currency} is {grain}, and prices are not rounded",
                        grain.get()
                    );
                    record.refuse(field, shown(), expected);
                    return None;
                }
                Some(price)
            }
            _ => {
                record.refuse(field, shown(), format!("{PRICE}, from 1 to {most}"));
                None
            }
        }
    }
}
