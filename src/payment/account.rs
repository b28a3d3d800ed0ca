use crate::payment::Address;
use crate::payment::Coin;
use crate::payment::pays_to::PaysTo;
use crate::payment::pays_to::XPUB;
use crate::payment::secret;
use bitcoin::base58;
use bitcoin::bip32::ChildNumber;
use bitcoin::bip32::Xpub;
use bitcoin::secp256k1::Secp256k1;

/// An extended public key: it makes an address for each order and can spend nothing.
///
/// Shape: 111 characters of Base58Check, of an account (depth 3) or of its receiving addresses (depth 4, index 0).
/// Source: BIP-32; BIP-44 for `xpub`, BIP-49 for `ypub`, BIP-84 for `zpub`; Ethereum's wallets follow BIP-44.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountKey {
    text: String,
    pays_to: PaysTo,
    /// The parent of the receiving addresses: change level, whatever the level of the text.
    receiving: Xpub,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAccountKey {
    #[error("{}", secret::WARNING)]
    Private,
    #[error("Monero has no extended public key: an XMR wallet takes `address`")]
    NoneForMonero,
    #[error(
        "an account key is 111 letters and digits that begin with xpub, for Bitcoin also with ypub or zpub; the place of \
         an address is `address`"
    )]
    NotExtended,
    #[error(
        "the checksum does not hold: a character was mistyped or is missing; copy the account key from the wallet again"
    )]
    Mistyped,
    #[error(
        "ypub and zpub are Bitcoin's: the account key of a coin like Ethereum's begins with xpub"
    )]
    BitcoinsOnly,
    #[error(
        "this key is one of several that must sign together, and makes no address alone: export one wallet's own account"
    )]
    OfSeveral,
    #[error(
        "this key belongs to a test network, whose coins are worth nothing: export the account of the main network"
    )]
    TestNetwork,
    #[error(
        "an account key is the one of an account (depth 3, like m/84'/0'/0') or of its receiving addresses (depth 4, \
         like m/84'/0'/0'/0); this is another, of depth {depth}, whose addresses the wallet would not look at"
    )]
    Level { depth: u8 },
}

impl AccountKey {
    /// The last index that has an address. Source: BIP-32; from 2^31 on only private keys have children.
    pub const LAST_INDEX: u32 = (1 << 31) - 1;

    /// # Errors
    /// [`NotAnAccountKey`] where the wallet that exported the key would not find what is paid to its addresses; the text
    /// itself is never repeated.
    pub fn parse(coin: &Coin, text: &str) -> Result<Self, NotAnAccountKey> {
        let text = text.trim();
        if secret::looks_private(text) {
            return Err(NotAnAccountKey::Private);
        }
        if *coin == Coin::Monero {
            return Err(NotAnAccountKey::NoneForMonero);
        }
        let mut bytes = bytes_of(text)?;
        let version = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let pays_to = PaysTo::parse(coin, version)?;
        // The library reads BIP-32 alone; ypub and zpub differ from it in these four bytes only.
        bytes[..4].copy_from_slice(&XPUB);
        let key = Xpub::decode(&bytes).map_err(|_| NotAnAccountKey::NotExtended)?;
        let receiving = match (key.depth, key.child_number) {
            (3, ChildNumber::Hardened { .. }) => child(&key, 0),
            (4, ChildNumber::Normal { index: 0 }) => key,
            (depth, _) => return Err(NotAnAccountKey::Level { depth }),
        };
        Ok(Self { text: text.to_owned(), pays_to, receiving })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address at `index`, as the wallet itself numbers its receiving addresses.
    ///
    /// # Panics
    /// Beyond [`AccountKey::LAST_INDEX`].
    pub fn address(&self, index: u32) -> Address {
        self.pays_to.address(&child(&self.receiving, index).public_key)
    }

    /// Whether both make their addresses from one key, at whatever level and for whatever coin they are written.
    pub(super) fn shares_keys_with(&self, other: &Self) -> bool {
        let (one, other) = (&self.receiving, &other.receiving);
        one.public_key == other.public_key && one.chain_code == other.chain_code
    }
}

/// Who sees the key sees every order's address: a log line that prints a structure does not show it.
impl std::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountKey(..)")
    }
}

fn bytes_of(text: &str) -> Result<[u8; 78], NotAnAccountKey> {
    // Reading Base58 takes the square of its length.
    if 120 < text.len() {
        return Err(NotAnAccountKey::NotExtended);
    }
    let is_key = text.get(1..4) == Some("pub");
    let fault = if is_key { NotAnAccountKey::Mistyped } else { NotAnAccountKey::NotExtended };
    let bytes = base58::decode_check(text).map_err(|_| fault)?;
    <[u8; 78]>::try_from(bytes).map_err(|_| NotAnAccountKey::NotExtended)
}

fn child(key: &Xpub, index: u32) -> Xpub {
    let number = ChildNumber::from_normal_idx(index).expect("an address has an index below 2^31");
    key.ckd_pub(&Secp256k1::verification_only(), number).expect(
        "no index is known, and none will be met, whose key does not exist (chance: 2^-127)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::pays_to::OF_TEST_NETWORKS;
    use crate::payment::pays_to::YPUB;
    use crate::payment::pays_to::ZPUB;
    use crate::payment::pays_to::ZPUB_OF_SEVERAL;
    use proptest::prelude::*;

    const ETHER: Coin = Coin::Ether { chain: 1 };
    /// Source: `test test … junk`, m/44'/60'/0'.
    const ETHER_KEY: &str = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP";
    /// Source: BIP-84, m/84'/0'/0'.
    const BIP_84: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
    /// Source: BIP-84's mnemonic, m/49'/0'/0' and m/44'/0'/0'.
    const BIP_49: &str = "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP";
    const BIP_44: &str = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj";

    /// The key of a path below this one, under the same version bytes.
    fn below(text: &str, path: &[u32]) -> String {
        let bytes = bytes_of(text).unwrap();
        let as_xpub = [&XPUB, &bytes[4..]].concat();
        let key =
            path.iter().fold(Xpub::decode(&as_xpub).unwrap(), |key, index| child(&key, *index));
        base58::encode_check(&[&bytes[..4], &key.encode()[4..]].concat())
    }

    fn with_version(text: &str, version: [u8; 4]) -> String {
        base58::encode_check(&[&version, &bytes_of(text).unwrap()[4..]].concat())
    }

    #[track_caller]
    fn check(coin: &Coin, text: &str, expected: Result<&[(u32, &str)], NotAnAccountKey>) {
        let read = AccountKey::parse(coin, text);
        assert_eq!(
            read.as_ref().map(|_| ()).map_err(|refused| *refused),
            expected.map(|_| ()),
            "{text}"
        );
        for (index, address) in expected.unwrap_or_default() {
            assert_eq!(
                read.as_ref().unwrap().address(*index).as_str(),
                *address,
                "{index} of {text}"
            );
            assert_eq!(Address::parse(coin, address), Ok(read.as_ref().unwrap().address(*index)));
        }
    }

    #[test]
    fn an_account_makes_the_addresses_that_its_wallet_shows() {
        let ether: &[(u32, &str)] = &[
            (0, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            (1, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
            (100, "0x8C3229EC621644789d7F61FAa82c6d0E5F97d43D"),
        ];
        let bip_84: &[(u32, &str)] = &[
            (0, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
            (1, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"),
        ];
        let bip_49: &[(u32, &str)] = &[(0, "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf")];
        let bip_44: &[(u32, &str)] = &[(0, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA")];
        let token = Coin::Token { chain: 1, contract: String::new(), decimals: 18 };
        for (coin, text, addresses) in [
            (ETHER, ETHER_KEY, ether),
            (token, ETHER_KEY, ether),
            (Coin::Bitcoin, BIP_84, bip_84),
            (Coin::Bitcoin, BIP_49, bip_49),
            (Coin::Bitcoin, BIP_44, bip_44),
        ] {
            check(&coin, text, Ok(addresses));
            check(&coin, &below(text, &[0]), Ok(addresses));
        }
        assert_eq!(
            AccountKey::parse(&ETHER, &format!(" {ETHER_KEY}\n")).unwrap().as_str(),
            ETHER_KEY
        );
    }

    #[test]
    fn a_key_of_another_level_is_refused() {
        check(&ETHER, &below(ETHER_KEY, &[0, 0]), Err(NotAnAccountKey::Level { depth: 5 }));
        // The wallet's own change.
        check(&Coin::Bitcoin, &below(BIP_84, &[1]), Err(NotAnAccountKey::Level { depth: 4 }));
        // Source: BIP-32, test vector 1, m.
        let master = "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8";
        check(&Coin::Bitcoin, master, Err(NotAnAccountKey::Level { depth: 0 }));
    }

    #[test]
    fn a_key_of_another_coin_or_network_is_refused() {
        check(&ETHER, BIP_84, Err(NotAnAccountKey::BitcoinsOnly));
        check(&ETHER, BIP_49, Err(NotAnAccountKey::BitcoinsOnly));
        check(&Coin::Monero, ETHER_KEY, Err(NotAnAccountKey::NoneForMonero));
        check(
            &Coin::Bitcoin,
            &with_version(BIP_84, ZPUB_OF_SEVERAL),
            Err(NotAnAccountKey::OfSeveral),
        );
        for version in OF_TEST_NETWORKS {
            let text = with_version(BIP_84, version);
            assert_eq!(&text[1..4], "pub");
            check(&Coin::Bitcoin, &text, Err(NotAnAccountKey::TestNetwork));
        }
    }

    #[test]
    fn a_private_key_is_refused_loudly_and_not_repeated() {
        // Source: BIP-32, test vector 1, m.
        let xprv = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
        let words = format!("{}junk", "test ".repeat(11));
        for coin in [ETHER, Coin::Bitcoin, Coin::Monero] {
            check(&coin, xprv, Err(NotAnAccountKey::Private));
            check(&coin, &xprv.replacen('x', "z", 1), Err(NotAnAccountKey::Private));
            check(&coin, &words, Err(NotAnAccountKey::Private));
        }
        assert!(NotAnAccountKey::Private.to_string().contains("PRIVATE"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        check(&Coin::Bitcoin, &BIP_84.replace('z', "y"), Err(NotAnAccountKey::Mistyped));
        check(&ETHER, &ETHER_KEY[..110], Err(NotAnAccountKey::Mistyped));
        for text in [
            "",
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            &"1".repeat(100_000),
        ] {
            check(&Coin::Bitcoin, text, Err(NotAnAccountKey::NotExtended));
        }
        // The checksum holds, but the key is no point of the curve.
        let mut bytes = bytes_of(ETHER_KEY).unwrap();
        bytes[45] = 0xFF;
        check(&ETHER, &base58::encode_check(&bytes), Err(NotAnAccountKey::NotExtended));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*|[xyz]pub[1-9A-HJ-NP-Za-km-z]{107}") {
            for coin in [ETHER, Coin::Bitcoin, Coin::Monero] {
                let _ = AccountKey::parse(&coin, &text);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 74), version in 0_usize..3) {
            let version = [XPUB, YPUB, ZPUB][version];
            for coin in [ETHER, Coin::Bitcoin] {
                let _ = AccountKey::parse(&coin, &base58::encode_check(&[&version, bytes.as_slice()].concat()));
            }
        }

        #[test]
        fn every_address_is_one_of_the_coin(index in 0..=AccountKey::LAST_INDEX) {
            for (coin, text) in [(ETHER, ETHER_KEY), (Coin::Bitcoin, BIP_84), (Coin::Bitcoin, BIP_49), (Coin::Bitcoin, BIP_44)] {
                let address = AccountKey::parse(&coin, text).unwrap().address(index);
                prop_assert_eq!(Address::parse(&coin, address.as_str()), Ok(address));
            }
        }
    }
}
