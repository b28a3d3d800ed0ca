//! Addresses of each coin.

use bitcoin::Script;
use ethers_core::types::H160;
use ethers_core::utils::to_checksum;

use crate::domain::payment::address_format::FormatFault;
use crate::domain::payment::key_prefix::OF_ONE;
use crate::domain::payment::{BitcoinLike, Coin, NotAnAddress, ethereum_address, secret};

/// The recipient's address of a payment, with a verified checksum.
///
/// Shape: Ethereum: `0x` and 40 hexadecimal digits in EIP-55's mixed case. Bitcoin and coins like it: BIP-173 and BIP-350
/// in lowercase, CashAddr in lowercase with its prefix, or Base58Check, on mainnet. Monero: 95 or 106 characters of Base58, on mainnet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// # Errors
    /// [`NotAnAddress`] if the coin cannot be sent there safely; the error never contains the text.
    pub fn parse(coin: &Coin, text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim();
        if secret::looks_private(text) {
            return Err(NotAnAddress::Private);
        }
        if 100 < text.len() && OF_ONE.iter().any(|prefix| text.starts_with(prefix.text)) {
            return Err(NotAnAddress::AccountKey);
        }
        match coin {
            Coin::BitcoinLike(coin) => of_text(coin, text),
            Coin::Monero => monero(text),
            Coin::Ether { .. } => ethereum_address::parse(text).map(Self),
            Coin::Token { contract, .. } => {
                let address = ethereum_address::parse(text)?;
                if address == *contract {
                    Err(NotAnAddress::TokenContract)
                } else {
                    Ok(Self(address))
                }
            }
        }
    }

    pub(super) fn of_ethereum(address: &H160) -> Self {
        Self(to_checksum(address, None))
    }

    /// # Panics
    /// If the coin has no address for such a script.
    pub(super) fn of_script(coin: &BitcoinLike, script: &Script) -> Self {
        let text = coin.format.write(script);
        Self(text.expect("only scripts of the coin's own address types are made or read"))
    }

    pub(super) fn of_monero(address: &monero::Address) -> Self {
        Self(address.to_string())
    }

    pub(super) fn as_monero(&self) -> Option<monero::Address> {
        self.0.parse().ok()
    }

    /// Whether this is a Monero wallet's primary address: neither a subaddress nor an integrated address.
    pub fn is_primary_monero(&self) -> bool {
        self.as_monero().is_some_and(|address| address.addr_type == monero::AddressType::Standard)
    }

    /// The payment id in an integrated Monero address.
    pub fn payment_id(&self) -> Option<[u8; 8]> {
        match self.as_monero()?.addr_type {
            monero::AddressType::Integrated(id) => Some(id.0),
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The script of an output that pays this address; the same on every network of the coin. `None` for coins without
    /// scripts.
    ///
    /// Shape: hexadecimal digits, lowercase.
    pub fn script(&self, coin: &Coin) -> Option<String> {
        let Coin::BitcoinLike(coin) = coin else { return None };
        Some(coin.format.parse(&self.0).ok()?.to_hex_string())
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// An order's address identifies its payment, so it must not appear in logs.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(..)")
    }
}

fn of_text(coin: &'static BitcoinLike, text: &str) -> Result<Address, NotAnAddress> {
    let script = coin.format.parse(text).map_err(|fault| match fault {
        FormatFault::Other => NotAnAddress::Other(coin),
        FormatFault::Mistyped => NotAnAddress::Mistyped(coin),
        FormatFault::TestNetwork => NotAnAddress::TestNetwork(coin),
        FormatFault::Ownerless => NotAnAddress::Ownerless(coin),
    })?;
    Ok(Address::of_script(coin, &script))
}

fn monero(text: &str) -> Result<Address, NotAnAddress> {
    let n_characters = text.chars().count();
    if !matches!(n_characters, 95 | 106) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(NotAnAddress::NotMonero { n_characters });
    }
    let address: monero::Address = text.parse().map_err(|_| NotAnAddress::MistypedMonero)?;
    // The library ignores anything after the checksum: the parsed address must be the whole text.
    if address.to_string() != text {
        return Err(NotAnAddress::MistypedMonero);
    }
    match address.network {
        monero::Network::Mainnet => Ok(Address(text.to_owned())),
        monero::Network::Stagenet | monero::Network::Testnet => Err(NotAnAddress::TestMonero),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ETHER: Coin = Coin::Ether { chain: 1 };
    const BITCOIN: &BitcoinLike = &BitcoinLike::ALL[0];
    const MONERO: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";

    #[track_caller]
    fn check(coin: &Coin, text: &str, expected: Result<&str, NotAnAddress>) {
        let read = Address::parse(coin, text).map(|address| address.to_string());
        assert_eq!(read, expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn an_ethereum_address_is_kept_with_its_checksum() {
        // Source: EIP-55.
        let listed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        check(&ETHER, listed, Ok(listed));
        check(&ETHER, &format!(" {listed}\n"), Ok(listed));
        check(&ETHER, &listed.to_lowercase(), Ok(listed));
        check(&ETHER, &format!("0x{}", listed[2..].to_uppercase()), Ok(listed));
        let capitals = "0x52908400098527886E0F7030069857D2E4169EE7";
        check(&ETHER, capitals, Ok(capitals));
        let small = "0xde709f2102306220921060314715629080e2fb77";
        check(&ETHER, small, Ok(small));
    }

    #[test]
    fn an_ethereum_address_that_cannot_be_right_is_refused() {
        check(
            &ETHER,
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
            Err(NotAnAddress::MistypedEthereum),
        );
        check(&ETHER, "0x123abc", Err(NotAnAddress::EthereumDigits { n_digits: 6 }));
        check(&ETHER, "0x", Err(NotAnAddress::EthereumDigits { n_digits: 0 }));
        check(&ETHER, &format!("0x{}", "0".repeat(40)), Err(NotAnAddress::Zero));
        for text in [
            "",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xé",
            "shop.eth",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
        ] {
            check(&ETHER, text, Err(NotAnAddress::NotEthereum));
        }
        let said = NotAnAddress::EthereumDigits { n_digits: 6 }.to_string();
        assert_eq!(said, "an Ethereum address is 0x followed by 40 hex characters; this one has 6");
    }

    #[test]
    fn a_token_is_never_sent_to_its_own_contract() {
        let contract = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
        let token = Coin::Token { chain: 1, contract: contract.to_owned(), decimals: 6 };
        check(&token, &contract.to_lowercase(), Err(NotAnAddress::TokenContract));
        check(&ETHER, contract, Ok(contract));
    }

    #[test]
    fn a_bitcoin_address_is_of_the_main_network() {
        // Source: BIP-84; BIP-350; the first block; BIP-16's usual example.
        for text in [
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
        ] {
            check(&Coin::BITCOIN, text, Ok(text));
        }
        let capitals = "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4";
        check(&Coin::BITCOIN, capitals, Ok(&capitals.to_lowercase()));
        for text in [
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            "bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8zeqchgx",
            "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
            "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
        ] {
            check(&Coin::BITCOIN, text, Err(NotAnAddress::TestNetwork(BITCOIN)));
        }
    }

    #[test]
    fn a_bitcoin_address_is_a_script_on_every_network() {
        // Source: BIP-173 and BIP-350; the scripts of the outputs that pay these addresses.
        for (address, script) in [
            (
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                "0014751e76e8199196d454941c45d1b3a323f1433bd6",
            ),
            (
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
                "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            ),
            (
                "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
                "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac",
            ),
            (
                "3P14159f73E4gFr7JterCCQh9QjiTjiZrG",
                "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87",
            ),
        ] {
            let address = Address::parse(&Coin::BITCOIN, address).unwrap();
            assert_eq!(address.script(&Coin::BITCOIN).as_deref(), Some(script));
        }
        let monero = Address::parse(&Coin::Monero, MONERO).unwrap();
        assert_eq!(monero.script(&Coin::Monero), None);
    }

    #[test]
    fn a_bitcoin_address_that_cannot_be_right_is_refused() {
        for text in [
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyv",
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fy",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            // BIP-350: a version 0 program with the checksum of version 1.
            "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        ] {
            check(&Coin::BITCOIN, text, Err(NotAnAddress::Mistyped(BITCOIN)));
        }
        // BIP-350: witness version 16, which is undefined; "pay to anchor", which needs no signature.
        for text in ["bc1sw50qgdz25j", "bc1pfeessrawgf"] {
            check(&Coin::BITCOIN, text, Err(NotAnAddress::Ownerless(BITCOIN)));
        }
        for text in [
            "",
            "1234",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
            MONERO,
        ] {
            check(&Coin::BITCOIN, text, Err(NotAnAddress::Other(BITCOIN)));
        }
    }

    #[test]
    fn a_monero_address_is_standard_integrated_or_a_subaddress() {
        // The demonstration wallet's primary address, its subaddress 0/1, and the primary one with the payment id
        // 0102030405060708.
        for text in [
            MONERO,
            "87TTHe2tAJ5gnm1mS3PYekQegxTrf2Kg1Nt4mMg2neWybKb7eKfvS4ZBoHB6zfSeoPGmaZfVTRjVx9QeoUA4Dg9xMB3R6Nn",
            "4Ft34BtPUTsNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTTG8pfi7yVdp1xxL437",
        ] {
            check(&Coin::Monero, text, Ok(text));
            for (n, old) in text.char_indices() {
                let mistyped = format!(
                    "{}{}{}",
                    &text[..n],
                    if old == '7' { '8' } else { '7' },
                    &text[n + 1..]
                );
                check(&Coin::Monero, &mistyped, Err(NotAnAddress::MistypedMonero));
            }
        }
        let stagenet = "56PQ8DyrWoTNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJiTgvzQ";
        check(&Coin::Monero, stagenet, Err(NotAnAddress::TestMonero));
        check(&Coin::Monero, &MONERO[1..], Err(NotAnAddress::NotMonero { n_characters: 94 }));
        check(&Coin::Monero, "é", Err(NotAnAddress::NotMonero { n_characters: 1 }));
        // Eleven more characters are eight more bytes, which would follow a valid checksum.
        check(&Coin::Monero, &format!("{MONERO}11111111111"), Err(NotAnAddress::MistypedMonero));
    }

    #[test]
    fn what_is_no_address_at_all_is_told_by_its_name() {
        let key = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
        for coin in [Coin::BITCOIN, Coin::Monero, ETHER] {
            check(&coin, key, Err(NotAnAddress::AccountKey));
            check(&coin, &format!("{}junk", "test ".repeat(11)), Err(NotAnAddress::Private));
            check(&coin, &format!("0x{}", "5".repeat(64)), Err(NotAnAddress::Private));
        }
    }

    #[test]
    fn a_log_line_does_not_show_an_address() {
        let address = Address::parse(&Coin::Monero, MONERO).unwrap();
        assert_eq!(format!("{address:?}"), "Address(..)");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*|[1-9A-Za-z]{95}|[48][1-9A-Za-z]{105}|0x[0-9a-fA-F]{40}|bc1[02-9ac-hj-np-z]{30,60}") {
            for coin in [Coin::BITCOIN, Coin::Monero, ETHER] {
                if let Ok(address) = Address::parse(&coin, &text) {
                    prop_assert_eq!(Address::parse(&coin, address.as_str()), Ok(address));
                }
            }
        }
    }
}
