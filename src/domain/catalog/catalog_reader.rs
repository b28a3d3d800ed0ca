//! Reads the records of a catalog file by its rules, and collects the errors.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};

use crate::domain::catalog::fault::{FoundValue, add_fault};
use crate::domain::catalog::json::{self, Json};
use crate::domain::catalog::record::Record;
use crate::domain::catalog::wallet_record::read_wallet;
use crate::domain::catalog::{CatalogFile, Fault, Prices, Slug};
use crate::domain::payment::{Wallet, secret};
use crate::domain::values::{Amount, FileName};

pub(super) const PRICE: &str =
    "a whole number of Gwei (1e-9 of one coin, for every coin): 91990000 is 0.09199";
const PRICE_ITEM: &str = "{\"price\": …, \"wallet\": \"->wallets.eth\"}";
pub(super) const PRICE_LIST: &str = "a list of {\"price\": …, \"wallet\": \"->wallets.eth\"}";

/// Whether an item of `prices` is in ordinary money.
pub(super) fn is_fiat(item: &Json) -> bool {
    matches!(item, Json::Object(fields) if json::find(fields, "currency").is_some())
}

/// Whether this field of a collection says that it is one of wallets.
pub(super) fn is_wallet_model(name: &str, value: &Json) -> bool {
    name == "_model" && *value == Json::String("Wallet".to_owned())
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

/// Where a secret is searched: a record, by its name.
#[derive(Clone, Copy)]
struct Place<'a> {
    name: &'a str,
    /// Whether the name itself is one.
    is_secret: bool,
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

/// Names of which only the hash is kept, so that a million of them take little memory. Two of a million have the same hash once
/// in thirty million files.
#[derive(Default)]
pub struct NameSet(HashSet<u64>);

impl NameSet {
    /// Returns whether the name is new.
    pub fn insert(&mut self, name: &str) -> bool {
        self.0.insert(hash(name))
    }

    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(&hash(name))
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) file: CatalogFile,
    pub(super) faults: Vec<Fault>,
    /// `wallets.eth` → index of the wallet; `None` if the wallet itself was refused, which is already reported there.
    pub(super) references: HashMap<String, Option<usize>>,
    pub(super) slugs: NameSet,
    /// Records that contain a secret, which is the only error reported for them.
    secrets: HashSet<String>,
    /// Pools of codes that a product has: each belongs to one.
    pub(super) pools: HashSet<FileName>,
    /// The last number that was given to a product with the same name as others, so that many of them stay fast.
    pub(super) numbers: HashMap<Slug, usize>,
}

impl Reader {
    pub(super) fn refuse(
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
                let place =
                    Place { name: collection, is_secret: secret::holds_private(collection) };
                self.refuse_secret(place, "", value, secret::holds_private);
                continue;
            };
            let is_of_wallets = records.iter().any(|(name, value)| is_wallet_model(name, value));
            for (name, record) in records {
                self.refuse_secrets_of(collection, is_of_wallets, name, record);
            }
        }
    }

    /// The same for one record of a collection.
    pub(super) fn refuse_secrets_of(
        &mut self,
        collection: &str,
        is_of_wallets: bool,
        name: &str,
        record: &Json,
    ) {
        let is_secret: fn(&str) -> bool = if is_of_wallets {
            |text: &str| secret::looks_private(text) || secret::holds_private(text)
        } else {
            secret::holds_private
        };
        let name = format!("{collection} {name:?}");
        // A key pasted in the wrong place may also be before the colon, as a name.
        let place = Place { name: &name, is_secret: secret::holds_private(&name) };
        let Json::Object(fields) = record else {
            self.refuse_secret(place, "", record, is_secret);
            return;
        };
        for (field, value) in fields {
            // Monero's private view key, which is checked where it is parsed.
            let is_view_key = field == "view_key"
                && matches!(value, Json::String(text) if text.trim().len() == 64);
            if !is_view_key {
                self.refuse_secret(place, field, value, is_secret);
            }
        }
    }

    fn refuse_secret(
        &mut self,
        place: Place<'_>,
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
        if is_value_secret || place.is_secret || is_secret(field) {
            self.secrets.insert(place.name.to_owned());
            let fault = Fault::explained(place.name, field, FoundValue::Secret, secret::WARNING);
            add_fault(&mut self.faults, fault);
        }
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
