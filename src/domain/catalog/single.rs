//! One record from a form at the desk, checked by the rules of the catalog file.

use crate::domain::catalog::file::Reader;
use crate::domain::catalog::{CatalogFile, Discount, Fault, Json, RateRecord};
use crate::domain::payment::Wallet;
use crate::domain::values::Currency;

/// How records refer to the wallet of a currency: `->wallets.eth`.
pub fn wallet_reference(currency: &Currency) -> String {
    format!("->wallets.{}", record_of_wallet(currency))
}

pub(super) fn record_of_wallet(currency: &Currency) -> String {
    currency.as_str().to_ascii_lowercase()
}

/// Single records, as a form at the desk submits them, parsed by the rules of the file. `record` is the record's name.
/// Whether another record already has the same name is checked in the database.
impl CatalogFile {
    /// # Errors
    /// Every [`Fault`] at once.
    pub fn parse_wallet(record: &str, fields: &[(String, Json)]) -> Result<Wallet, Vec<Fault>> {
        let mut reader = single("wallets", "Wallet", record, fields, &[]);
        reader.wallet(&("wallets", record, fields));
        first(reader, |file| file.wallets)
    }

    /// # Errors
    /// The same.
    pub fn parse_rate(
        record: &str,
        fields: &[(String, Json)],
        wallets: &[Wallet],
    ) -> Result<RateRecord, Vec<Fault>> {
        let mut reader = single("shipping", "ShippingRate", record, fields, wallets);
        reader.rate(&("shipping", record, fields));
        first(reader, |file| file.rates)
    }

    /// # Errors
    /// The same.
    pub fn parse_discount(
        record: &str,
        fields: &[(String, Json)],
        wallets: &[Wallet],
    ) -> Result<Discount, Vec<Fault>> {
        let mut reader = single("discounts", "Discount", record, fields, wallets);
        reader.discount(&("discounts", record, fields));
        first(reader, |file| file.discounts)
    }
}

/// A reader that knows the shop's wallets and has checked every field for private keys.
pub(super) fn single(
    collection: &str,
    model: &str,
    record: &str,
    fields: &[(String, Json)],
    wallets: &[Wallet],
) -> Reader {
    let mut reader = Reader::default();
    let whole = [(
        collection.to_owned(),
        Json::Record(vec![
            ("_model".to_owned(), Json::Text(model.to_owned())),
            (record.to_owned(), Json::Record(fields.to_vec())),
        ]),
    )];
    reader.refuse_programs("", &whole);
    reader.refuse_secrets(&whole);
    for (n, wallet) in wallets.iter().enumerate() {
        let name = format!("wallets.{}", record_of_wallet(&wallet.currency));
        reader.references.insert(name, Some(n));
    }
    reader.file.wallets = wallets.to_vec();
    reader
}

fn first<T>(reader: Reader, of: impl FnOnce(CatalogFile) -> Vec<T>) -> Result<T, Vec<Fault>> {
    let Reader { file, faults, .. } = reader;
    match of(file).into_iter().next() {
        Some(read) if faults.is_empty() => Ok(read),
        _ => Err(faults),
    }
}
