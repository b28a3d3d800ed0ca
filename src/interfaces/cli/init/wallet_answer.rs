//! The wallet of a new shop: from flags or answers, checked as in the catalog file.

use serde_json::{Map, Value, json};

use crate::domain::catalog::CatalogFile;
use crate::domain::payment::{Coin, Wallet};
use crate::interfaces::cli::demo_catalog;

/// Units: characters. A Monero address with a payment ID has 106, the shortest extended public key 111.
const LONGEST_ADDRESS: usize = 108;

/// What identifies a wallet, as it was typed.
#[derive(Clone, Default)]
pub struct WalletTexts {
    pub currency: String,
    pub address: Option<String>,
    pub xpub: Option<String>,
    pub view_key: Option<String>,
}

impl WalletTexts {
    /// # Errors
    /// Every fault, as `shop seed --check` reports it.
    pub fn parse(&self) -> Result<Wallet, Vec<String>> {
        let mut fields = Map::from_iter([("currency".to_owned(), json!(self.currency))]);
        let texts =
            [("address", &self.address), ("xpub", &self.xpub), ("view_key", &self.view_key)];
        for (name, text) in texts {
            fields.extend(text.as_ref().map(|text| (name.to_owned(), json!(text))));
        }
        let name = self.currency.to_lowercase();
        let file = json!({ "wallets": { "_model": "Wallet", name: Value::Object(fields) } });
        let (mut file, faults) = CatalogFile::parse(&file.to_string(), None);
        match file.wallets.pop() {
            Some(wallet) if faults.is_empty() => Ok(named(wallet)),
            _ => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    /// A text that is either an extended public key or an address.
    pub fn of_text(currency: &str, text: &str) -> Self {
        let (currency, text) = (currency.to_owned(), Some(text.to_owned()));
        let as_address = Self { currency, address: text, ..Self::default() };
        if as_address.address.as_ref().is_none_or(|text| text.len() <= LONGEST_ADDRESS)
            || as_address.parse().is_ok()
        {
            return as_address;
        }
        Self { xpub: as_address.address, address: None, ..as_address }
    }
}

/// With the name that buyers know.
fn named(wallet: Wallet) -> Wallet {
    let name = match &wallet.coin {
        Coin::BitcoinLike(coin) => coin.name.to_owned(),
        Coin::Monero => "Monero".to_owned(),
        Coin::Ether { .. } => "Ethereum".to_owned(),
        Coin::Token { .. } => wallet.currency.to_string(),
    };
    Wallet { name, ..wallet }
}

/// A catalog file without products.
pub fn empty_catalog(wallet: Wallet) -> String {
    CatalogFile { wallets: vec![wallet], ..CatalogFile::default() }.write()
}

/// The demo's products that have a price in this wallet's currency, which is then their only one; without a wallet, in those of the public test wallets.
///
/// # Errors
/// The currencies that the demo has prices in, if this one is none of them.
pub fn demo_catalog(wallet: Option<Wallet>) -> Result<String, String> {
    let Some(wallet) = wallet else { return Ok(demo_catalog::CATALOG.to_owned()) };
    let (mut file, _) = CatalogFile::parse(demo_catalog::CATALOG, None);
    let currencies: Vec<&str> = file.wallets.iter().map(|one| one.currency.as_str()).collect();
    if !currencies.contains(&wallet.currency.as_str()) {
        return Err(format!(
            "the demo's products have prices in {}, not in {}: begin with an empty catalog",
            currencies.join(", "),
            wallet.currency
        ));
    }
    for product in &mut file.products {
        product.prices.retain(|(currency, _)| *currency == wallet.currency);
        for option in &mut product.options {
            option.prices.retain(|(currency, _)| *currency == wallet.currency);
        }
    }
    file.products.retain(|product| !product.prices.is_empty());
    file.rates.clear();
    file.discounts.clear();
    file.wallets = vec![wallet];
    Ok(file.write())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    #[test]
    fn the_demos_products_are_sold_for_one_wallet() {
        let key = "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5";
        let monero = "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H";
        for (currency, text) in [("ETH", ADDRESS), ("BTC", key), ("XMR", monero)] {
            let wallet = WalletTexts::of_text(currency, text).parse().unwrap();
            let text = demo_catalog(Some(wallet)).unwrap();
            let (file, faults) = CatalogFile::parse(&text, None);
            assert_eq!((file.wallets.len(), faults), (1, vec![]), "{currency}");
            assert!(10 <= file.products.len(), "{currency}");
            assert!(file.products.iter().all(|product| product.prices.len() == 1));
        }
        let other = "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ";
        let wallet = WalletTexts::of_text("LTC", other).parse().unwrap();
        assert!(demo_catalog(Some(wallet)).unwrap_err().contains("ETH, BTC, XMR"));
    }

    #[test]
    fn a_text_is_an_address_or_an_extended_public_key() {
        let key = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
        let wallet = WalletTexts::of_text("BTC", key).parse().unwrap();
        assert_eq!((wallet.addresses(0, 3).len(), wallet.name.as_str()), (3, "Bitcoin"));
        for (text, words) in [("0x123abc", "address"), (&key[..109], "xpub")] {
            let faults = WalletTexts::of_text("BTC", text).parse().unwrap_err();
            assert!(faults.len() == 1 && faults[0].contains(words), "{faults:?}");
        }
        assert!(WalletTexts::of_text("ETC", ADDRESS).parse().unwrap_err()[0].contains("currency"));
    }
}
