//! Reads a whole catalog file and reports all its errors at once.

use std::collections::{HashMap, HashSet};

use crate::domain::catalog::fault::{FoundValue, add_fault, add_note};
use crate::domain::catalog::json::{self, Json};
use crate::domain::catalog::limits::{too_many_names, too_much};
use crate::domain::catalog::record::Record;
use crate::domain::catalog::wallet_record::read_wallet;
use crate::domain::catalog::{
    DigitalContent, Discount, Fault, Prices, ProductKind, ShippingRate, Slug,
};
use crate::domain::payment::{Wallet, secret};
use crate::domain::values::{Amount, FiatPrice, FileName, Regions};

/// The whole catalog, as in the seller's file.
///
/// Source: the predecessor's `db/data.json` (mongoose-seeder), and this shop's additions.
#[derive(Clone, Debug, Default)]
pub struct CatalogFile {
    pub wallets: Vec<Wallet>,
    pub products: Vec<ProductRecord>,
    pub rates: Vec<ShippingRate>,
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
    pub kind: ProductKind,
    pub content: DigitalContent,
    /// Units: units in stock; 0 if they are codes, which are counted in the database.
    pub quantity: i64,
    pub prices: Prices,
    /// In ordinary money, for every currency without a price in `prices`.
    pub fiat: Option<FiatPrice>,
    pub images: Vec<ImageRecord>,
    pub options: Vec<OptionRecord>,
    pub categories: Vec<String>,
    /// Whether it is currently hidden from buyers.
    pub hidden: bool,
    /// Units: grams of one item; `None` if it is not known.
    pub weight: Option<i64>,
    /// Where it is not shipped to.
    pub excluded_countries: Regions,
}

impl ProductRecord {
    /// Whether it or an option has a price in ordinary money.
    pub fn has_fiat_price(&self) -> bool {
        self.fiat.is_some() || self.options.iter().any(|option| option.fiat.is_some())
    }
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
    pub fiat: Option<FiatPrice>,
    /// Units: grams of one item; `None` if it is the product's.
    pub weight: Option<i64>,
}

pub(super) const PRICE: &str =
    "a whole number of Gwei (1e-9 of one coin, for every coin): 91990000 is 0.09199";
const PRICE_ITEM: &str = "{\"price\": …, \"wallet\": \"->wallets.eth\"}";
pub(super) const PRICE_LIST: &str = "a list of {\"price\": …, \"wallet\": \"->wallets.eth\"}";
const MAX_PRODUCTS: usize = 1_000_000;

impl CatalogFile {
    /// Parses the text of the file. `settings_wallet` is the predecessor's older form: one wallet in the settings, used
    /// if the file has none.
    ///
    /// Returns everything that could be read and every [`Fault`] at once: if there is one, the file is refused, but its
    /// pictures can be checked before that is reported.
    pub fn parse(text: &str, settings_wallet: Option<Wallet>) -> (Self, Vec<Fault>) {
        let collections = match read_collections(text) {
            Ok(collections) => collections,
            Err(fault) => return (Self::default(), vec![fault]),
        };
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
        if MAX_PRODUCTS < reader.file.products.len() {
            let found = format!("{} products", sorted.products.len());
            reader.refuse("", "", found, "at most a million");
        }
        (reader.file, reader.faults)
    }
}

/// # Errors
/// A [`Fault`] of the file as a whole.
fn read_collections(text: &str) -> Result<Vec<(String, Json)>, Fault> {
    if let Some(fault) = too_much(text) {
        return Err(fault);
    }
    let collections = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(Json::Object(collections)) => collections,
        Ok(other) => {
            let expected =
                "a record of collections, for example {\"products\": {\"_model\": \"Product\", …}}";
            return Err(Fault::new("", "", &other, expected));
        }
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let found = format!("invalid JSON at line {line}, column {column} ({error})");
            return Err(Fault::new("", "", found, "valid JSON"));
        }
    };
    match too_many_names(&collections) {
        Some(fault) => Err(fault),
        None => Ok(collections),
    }
}

/// Whether an item of `prices` is in ordinary money.
pub(super) fn is_fiat(item: &Json) -> bool {
    matches!(item, Json::Object(fields) if json::find(fields, "currency").is_some())
}

/// A record of the file, before it is read.
#[derive(Clone, Copy)]
pub(super) struct RawRecord<'a> {
    pub(super) collection: &'a str,
    pub(super) name: &'a str,
    pub(super) fields: &'a [(String, Json)],
}

impl<'a> RawRecord<'a> {
    pub(super) fn open(&self) -> Record<'a> {
        Record::new(self.place(), self.fields)
    }

    fn place(&self) -> String {
        format!("{} {:?}", self.collection, self.name)
    }
}

#[derive(Default)]
struct Sorted<'a> {
    wallets: Vec<RawRecord<'a>>,
    products: Vec<RawRecord<'a>>,
    rates: Vec<RawRecord<'a>>,
    discounts: Vec<RawRecord<'a>>,
}

/// What an amount in the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AmountKind {
    ProductPrice,
    /// It may be 0.
    ShippingPrice,
    /// A subtotal up to which a price of shipping counts.
    StepLimit,
    /// A subtotal from which shipping is free.
    FreeFrom,
    Discount,
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) file: CatalogFile,
    pub(super) faults: Vec<Fault>,
    /// `wallets.eth` → index of the wallet; `None` if the wallet itself was refused, which is already reported there.
    pub(super) references: HashMap<String, Option<usize>>,
    pub(super) slugs: HashSet<Slug>,
    /// Records that contain a secret, which is the only error reported for them.
    secrets: HashSet<String>,
    /// Pools of codes that a product has: each belongs to one.
    pub(super) pools: HashSet<FileName>,
    /// The next number to try for products with the same name, so that many of them stay fast.
    pub(super) numbers: HashMap<Slug, usize>,
}

impl Reader {
    fn refuse(
        &mut self,
        record: &str,
        field: &str,
        found: impl Into<FoundValue>,
        expected: impl Into<String>,
    ) {
        add_fault(&mut self.faults, Fault::new(record, field, found, expected));
    }

    /// In the predecessor, a text that begins with `=`, and `_dependencies`, were program code.
    pub(super) fn refuse_programs(&mut self, place: &str, fields: &[(String, Json)]) {
        for (name, value) in fields {
            let here = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            if name == "_dependencies" {
                self.refuse("", &here, value, "no program code: remove `_dependencies`");
            } else {
                self.refuse_program(&here, value);
            }
        }
    }

    fn refuse_program(&mut self, here: &str, value: &Json) {
        match value {
            Json::String(text) if text.starts_with('=') => {
                let expected = "no program code: a text that does not begin with `=`";
                self.refuse("", here, value, expected);
            }
            Json::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.refuse_program(&format!("{here}[{n}]"), item);
                }
            }
            Json::Object(fields) => self.refuse_programs(here, fields),
            _ => {}
        }
    }

    /// Refuses private keys and mnemonics of any coin, anywhere in the file. In a wallet's record every possible one is
    /// checked; elsewhere, in free text, only what is certainly one.
    pub(super) fn refuse_secrets(&mut self, collections: &[(String, Json)]) {
        for (collection, value) in collections {
            let Json::Object(records) = value else {
                self.refuse_secret(collection, "", value, secret::holds_private);
                continue;
            };
            let is_of_wallets = |(name, value): &(String, Json)| {
                name == "_model" && *value == Json::String("Wallet".to_owned())
            };
            let is_secret: fn(&str) -> bool = if records.iter().any(is_of_wallets) {
                |text: &str| secret::looks_private(text) || secret::holds_private(text)
            } else {
                secret::holds_private
            };
            for (name, record) in records {
                let place = format!("{collection} {name:?}");
                let Json::Object(fields) = record else {
                    self.refuse_secret(&place, "", record, is_secret);
                    continue;
                };
                for (field, value) in fields {
                    // Monero's private view key, which is checked where it is parsed.
                    let is_view_key = field == "view_key"
                        && matches!(value, Json::String(text) if text.trim().len() == 64);
                    if !is_view_key {
                        self.refuse_secret(&place, field, value, is_secret);
                    }
                }
            }
        }
    }

    fn refuse_secret(
        &mut self,
        place: &str,
        field: &str,
        value: &Json,
        is_secret: fn(&str) -> bool,
    ) {
        match value {
            Json::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.refuse_secret(place, &format!("{field}[{n}]"), item, is_secret);
                }
            }
            Json::Object(fields) => {
                for (name, value) in fields {
                    self.refuse_secret(place, &format!("{field}.{name}"), value, is_secret);
                }
            }
            _ => {}
        }
        let is_value_secret = matches!(value, Json::String(text) if is_secret(text));
        // A key pasted in the wrong place may also be before the colon, as a name.
        if is_value_secret || is_secret(field) || secret::holds_private(place) {
            self.secrets.insert(place.to_owned());
            let fault = Fault::explained(place, field, FoundValue::Secret, secret::WARNING);
            add_fault(&mut self.faults, fault);
        }
    }

    fn sort<'a>(&mut self, collections: &'a [(String, Json)]) -> Sorted<'a> {
        let mut sorted = Sorted::default();
        let models = "`_model`: one of Wallet, Product, ShippingRate, Discount";
        for (n, (collection, value)) in collections.iter().enumerate() {
            if collection == "_dependencies" {
                continue;
            }
            if json::find(&collections[..n], collection).is_some() {
                let found = "a second collection of this name";
                self.refuse(collection, "", found, "each collection only once");
                continue;
            }
            let Json::Object(fields) = value else {
                self.refuse(collection, "", value, format!("a record with {models}"));
                continue;
            };
            let records = match json::find(fields, "_model") {
                Some(Json::String(model)) => match model.as_str() {
                    "Wallet" => &mut sorted.wallets,
                    "Product" => &mut sorted.products,
                    "ShippingRate" => &mut sorted.rates,
                    "Discount" => &mut sorted.discounts,
                    "Agent" => {
                        let note = "agents are not supported and are ignored";
                        add_note(&mut self.file.notes, format!("{collection}: {note}"));
                        continue;
                    }
                    _ => {
                        self.refuse(collection, "_model", format!("{model:?}"), models);
                        continue;
                    }
                },
                other => {
                    self.refuse(collection, "_model", other, models);
                    continue;
                }
            };
            let mut seen = HashSet::new();
            for (name, record) in fields.iter().filter(|(name, _)| !name.starts_with('_')) {
                let place = format!("{collection} {name:?}");
                if !seen.insert(name) {
                    let found = "a second record of this name";
                    self.refuse(&place, "", found, "each name only once");
                }
                match record {
                    Json::Object(fields) => records.push(RawRecord { collection, name, fields }),
                    other => self.refuse(&place, "", other, "a record with fields"),
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

    pub(super) fn wallet(&mut self, raw: &RawRecord<'_>) {
        let reference = format!("{}.{}", raw.collection, raw.name);
        if self.secrets.contains(&raw.place()) {
            self.references.insert(reference, None);
            return;
        }
        let mut record = raw.open();
        let wallet = read_wallet(&mut record, raw.name, &mut self.file.notes);
        if let Some(wallet) = &wallet
            && self.file.wallets.iter().any(|other| other.currency == wallet.currency)
        {
            let found = format!("a second wallet for {}", wallet.currency);
            record.refuse("currency", found, "one wallet per currency");
        }
        let index = wallet.as_ref().map(|_| self.file.wallets.len());
        self.references.insert(reference, index);
        self.file.wallets.extend(wallet);
        self.close(record);
    }

    /// The items of a list of `{price, wallet}`: one amount per currency.
    pub(super) fn amounts(
        &self,
        record: &mut Record<'_>,
        list: &[Json],
        kind: AmountKind,
    ) -> Prices {
        let (list_name, noun) = match kind {
            AmountKind::Discount => ("less", "amount"),
            AmountKind::StepLimit => ("up_to", "amount"),
            AmountKind::FreeFrom => ("free_from", "amount"),
            AmountKind::ProductPrice | AmountKind::ShippingPrice => ("prices", "price"),
        };
        let mut amounts = Prices::new();
        for (n, item) in list.iter().enumerate() {
            let field = format!("{list_name}[{n}]");
            if kind == AmountKind::ProductPrice && is_fiat(item) {
                continue;
            }
            let Json::Object(fields) = item else {
                record.refuse(&field, item, PRICE_ITEM);
                continue;
            };
            let (wallet_field, price_field) = (format!("{field}.wallet"), format!("{field}.price"));
            let wallet = self.referenced(record, &wallet_field, json::find(fields, "wallet"));
            let price = json::find(fields, "price");
            let amount = self.amount(record, &price_field, price, wallet, kind);
            let Some((wallet, amount)) = wallet.zip(amount) else { continue };
            let currency = wallet.currency.clone();
            if amounts.iter().any(|(other, _)| *other == currency) {
                let found = format!("a second {noun} in {currency}");
                record.refuse(&wallet_field, found, format!("one {noun} per currency"));
            }
            amounts.push((currency, amount));
        }
        amounts
    }

    fn referenced(
        &self,
        record: &mut Record<'_>,
        field: &str,
        found: Option<&Json>,
    ) -> Option<&Wallet> {
        if let Some(Json::String(text)) = found
            && let Some(name) = text.strip_prefix("->")
            && let Some(index) = self.references.get(name.trim())
        {
            return index.map(|index| &self.file.wallets[index]);
        }
        let mut known: Vec<String> =
            self.references.keys().map(|name| format!("\"->{name}\"")).collect();
        known.sort();
        let expected = if known.is_empty() {
            "a reference to a wallet in this file, which has no wallets".to_owned()
        } else {
            format!("a reference to a wallet in this file: {}", known.join(", "))
        };
        let found = match found {
            Some(Json::String(text)) => format!("{text:?}").into(),
            other => FoundValue::from(other),
        };
        record.refuse(field, found, expected);
        None
    }

    pub(super) fn amount(
        &self,
        record: &mut Record<'_>,
        field: &str,
        found: Option<&Json>,
        wallet: Option<&Wallet>,
        kind: AmountKind,
    ) -> Option<Amount> {
        let Some(n) = found.and_then(Json::integer) else {
            record.refuse(field, found, PRICE);
            return None;
        };
        if n == 0 && kind == AmountKind::ShippingPrice {
            return Some(Amount::ZERO);
        }
        let most = wallet.map_or(i64::MAX, |wallet| wallet.coin.most().get());
        if !(1..=most).contains(&n) {
            record.refuse(field, found, format!("{PRICE}, from 1 to {most}"));
            return None;
        }
        if let Some(Wallet { coin, currency, .. }) = wallet
            && n % coin.grain().get() != 0
        {
            let grain = coin.grain();
            let expected = format!(
                "a multiple of {}: the smallest unit of {currency} is {grain}, and prices are not rounded",
                grain.get()
            );
            record.refuse(field, found, expected);
            return None;
        }
        Amount::new(n).ok()
    }
}
