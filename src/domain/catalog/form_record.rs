//! One record from a form at the desk, checked by the rules of the catalog file.

use crate::domain::catalog::catalog_reader::{RawRecord, Reader};
use crate::domain::catalog::{CatalogFile, Discount, Fault, Json, ShippingRate};
use crate::domain::payment::Wallet;
use crate::domain::values::Currency;

/// How records refer to the wallet of a currency: `->wallets.eth`.
pub fn wallet_reference(currency: &Currency) -> String {
    format!("->wallets.{}", record_of_wallet(currency))
}

pub(super) fn record_of_wallet(currency: &Currency) -> String {
    currency.as_str().to_ascii_lowercase()
}

/// Single records, as a form at the desk submits them, parsed by the rules of the file. `name` is the record's name.
/// Whether another record already has the same name is checked in the database.
impl CatalogFile {
    /// # Errors
    /// Every [`Fault`] at once.
    pub fn parse_wallet(name: &str, fields: &[(String, Json)]) -> Result<Wallet, Vec<Fault>> {
        let raw = RawRecord { collection: "wallets", name, fields };
        let mut reader = Reader::of_one(&raw, "Wallet", &[]);
        reader.wallet(&raw);
        first(reader, |file| file.wallets)
    }

    /// # Errors
    /// The same.
    pub fn parse_rate(
        name: &str,
        fields: &[(String, Json)],
        wallets: &[Wallet],
    ) -> Result<ShippingRate, Vec<Fault>> {
        let raw = RawRecord { collection: "shipping", name, fields };
        let mut reader = Reader::of_one(&raw, "ShippingRate", wallets);
        reader.rate(&raw);
        first(reader, |file| file.rates)
    }

    /// # Errors
    /// The same.
    pub fn parse_discount(
        name: &str,
        fields: &[(String, Json)],
        wallets: &[Wallet],
    ) -> Result<Discount, Vec<Fault>> {
        let raw = RawRecord { collection: "discounts", name, fields };
        let mut reader = Reader::of_one(&raw, "Discount", wallets);
        reader.discount(&raw);
        first(reader, |file| file.discounts)
    }
}

impl Reader {
    /// A reader that knows the shop's wallets and has checked every field for private keys.
    pub(super) fn of_one(raw: &RawRecord<'_>, model: &str, wallets: &[Wallet]) -> Self {
        let mut reader = Self::of_wallets(wallets);
        let file = [(
            raw.collection.to_owned(),
            Json::Object(vec![
                ("_model".to_owned(), Json::String(model.to_owned())),
                (raw.name.to_owned(), Json::Object(raw.fields.to_vec())),
            ]),
        )];
        reader.refuse_programs("", &file);
        reader.refuse_secrets(&file);
        reader
    }

    /// A reader that knows the shop's wallets.
    pub(super) fn of_wallets(wallets: &[Wallet]) -> Self {
        let mut reader = Self::default();
        for (n, wallet) in wallets.iter().enumerate() {
            let name = format!("wallets.{}", record_of_wallet(&wallet.currency));
            reader.references.insert(name, Some(n));
        }
        reader.file.wallets = wallets.to_vec();
        reader
    }
}

pub(super) fn first<T>(
    reader: Reader,
    of: impl FnOnce(CatalogFile) -> Vec<T>,
) -> Result<T, Vec<Fault>> {
    let Reader { file, faults, .. } = reader;
    match of(file).into_iter().next() {
        Some(record) if faults.is_empty() => Ok(record),
        _ => Err(faults),
    }
}
