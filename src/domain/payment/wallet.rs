//! Where the seller receives one currency.

use crate::domain::payment::{Address, Coin, ExtendedPubkey, ViewKey, demo};
use crate::domain::values::Currency;

/// Where the seller receives one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    pub currency: Currency,
    /// The display name for buyers, as the seller wrote it.
    pub name: String,
    pub coin: Coin,
    pub receives: Destination,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// One address for all orders: only their amounts tell them apart.
    Address(Address),
    /// A separate address for each order, derived from an extended public key.
    Account(ExtendedPubkey),
    /// A separate subaddress for each order.
    View(ViewKey),
    /// A Monero wallet's primary address: each order gets an integrated address with its own payment id.
    Integrated(Address),
}

impl Destination {
    /// A destination of a single address.
    pub fn of_address(address: Address) -> Self {
        if address.is_primary_monero() { Self::Integrated(address) } else { Self::Address(address) }
    }

    /// The name under which the next index is stored; `None`: this wallet has no indexes.
    ///
    /// Shape: 130 hexadecimal digits, or a Monero address.
    pub fn account(&self) -> Option<String> {
        match self {
            Self::Account(key) => Some(key.identity()),
            Self::View(key) => Some(key.primary().to_string()),
            Self::Address(_) | Self::Integrated(_) => None,
        }
    }
}

impl Wallet {
    /// The address of the order with this index; without indexes, the wallet's only address.
    ///
    /// # Panics
    /// Beyond [`ExtendedPubkey::LAST_INDEX`], if the wallet has an account.
    pub fn address(&self, index: u32) -> Address {
        match &self.receives {
            Destination::Address(address) | Destination::Integrated(address) => address.clone(),
            Destination::Account(key) => key.address(index),
            Destination::View(key) => key.address(index),
        }
    }

    /// Whether its funds belong to a publicly known mnemonic, so that anybody can take them.
    pub fn is_demo(&self) -> bool {
        match &self.receives {
            Destination::Address(address) | Destination::Integrated(address) => {
                demo::has_address(address)
            }
            Destination::Account(key) => demo::has_account(key),
            Destination::View(key) => demo::has_address(&key.primary()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHER_KEY: &str = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP";
    /// Source: BIP-32, test vector 1, m/0'/1/2'.
    const OWN_KEY: &str = "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5";

    fn wallet(currency: &str, receives: impl FnOnce(&Coin) -> Destination) -> Wallet {
        let currency = Currency::parse(currency).unwrap();
        let coin = Coin::parse(&currency, None, None, None).unwrap();
        Wallet { name: currency.to_string(), currency, receives: receives(&coin), coin }
    }

    fn with_address(currency: &str, text: &str) -> Wallet {
        wallet(currency, |coin| Destination::of_address(Address::parse(coin, text).unwrap()))
    }

    fn with_account(currency: &str, text: &str) -> Wallet {
        wallet(currency, |coin| Destination::Account(ExtendedPubkey::parse(coin, text).unwrap()))
    }

    #[track_caller]
    fn check(wallet: &Wallet, is_demo: bool) {
        assert_eq!(wallet.is_demo(), is_demo, "{} {}", wallet.currency, wallet.address(0));
    }

    #[test]
    fn an_account_has_an_address_for_each_order_and_an_address_is_for_all() {
        let account = with_account("ETH", ETHER_KEY);
        assert_eq!(account.address(1).as_str(), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        let shared = with_address("ETH", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
        assert_eq!(shared.address(0), shared.address(u32::MAX));
        assert!(shared.receives.account().is_none() && account.receives.account().is_some());
    }

    #[test]
    fn what_everybody_can_spend_is_a_demonstration() {
        // The accounts 0 and 19 that Hardhat and Foundry fund.
        check(&with_address("ETH", "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"), true);
        check(&with_address("ETH", "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199"), true);
        // The first addresses of `abandon … about` by BIP-84, BIP-49, BIP-44, and for Ethereum.
        check(&with_address("BTC", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"), true);
        check(&with_address("BTC", "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"), true);
        check(&with_address("BTC", "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"), true);
        let taproot = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr";
        check(&with_address("BTC", taproot), true);
        check(&with_address("ETH", "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"), true);
        let monero = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";
        check(&with_address("XMR", monero), true);
        let view = "2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d";
        let primary = Address::parse(&Coin::Monero, monero).unwrap();
        let view = ViewKey::parse(&primary, view).unwrap();
        let seen = wallet("XMR", |_| Destination::View(view));
        check(&seen, true);
        assert_eq!(seen.receives.account().as_deref(), Some(monero));
    }

    #[test]
    fn an_account_is_recognised_in_every_writing() {
        check(&with_account("ETH", ETHER_KEY), true);
        // The same account's receiving addresses, change level.
        let change_level = "xpub6DyUKdwoLWmUJ4Tn9Bbsdtx7B5Ws18mEN19e5HT52ikE53FiUheSQXrZUNPovqfyKmw4579A1Mm3GXXKM39N64uooBfJ4tNAzFsEbodRTx4";
        check(&with_account("ETH", change_level), true);
        // BIP-84's account as written by wallets that only know `xpub`.
        let as_xpub = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V";
        check(&with_account("BTC", as_xpub), true);
    }

    #[test]
    fn a_wallet_of_ones_own_is_none() {
        check(&with_account("ETH", OWN_KEY), false);
        check(&with_account("BTC", OWN_KEY), false);
        check(&with_address("ETH", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), false);
        check(&with_address("BTC", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), false);
        // The donation address in Monero's own manual.
        let monero = "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H";
        check(&with_address("XMR", monero), false);
    }
}
