use crate::payment::Address;
use crate::payment::Coin;
use crate::payment::descriptor::Descriptor;
use crate::payment::pays_to::PaysTo;
use crate::payment::pays_to::XPUB;
use crate::payment::secret;
use bitcoin::base58;
use bitcoin::bip32::ChildNumber;
use bitcoin::bip32::Xpub;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::secp256k1::VerifyOnly;
use std::sync::LazyLock;

/// An extended public key: it makes an address for each order and can spend nothing.
///
/// Shape: 111 characters of Base58Check, of an account (depth 3; in Electrum's own wallets depth 1) or of its receiving
/// addresses (depth 4, index 0); for Bitcoin also a descriptor around such a key, as [`Descriptor`] reads it.
/// Source: BIP-32; BIP-44 for `xpub`, BIP-49 for `ypub`, BIP-84 for `zpub`, BIP-86 for `tr(…)`; Ethereum's wallets follow
/// BIP-44.
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
    #[error(
        "Monero has no extended public key: an XMR wallet takes `address`, and `view_key` beside it"
    )]
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
        "ypub, zpub and descriptors are Bitcoin's: the account key of a coin like Ethereum's begins with xpub"
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
         like m/84'/0'/0'/0); this is another, of depth {depth}, whose addresses the wallet would not look at; for the key \
         of an old Electrum wallet (depth 0) write pkh(KEY/0/*)"
    )]
    Level { depth: u8 },
    #[error(
        "a descriptor is pkh(…), sh(wpkh(…)), wpkh(…) or tr(…) around one xpub, with /0/* or /<0;1>/* behind it: \
         wpkh([d34db33f/84h/0h/0h]xpub…/0/*)"
    )]
    NotADescriptor,
    #[error(
        "the descriptor's checksum does not hold: a character was mistyped or is missing; copy it from the wallet again"
    )]
    MistypedDescriptor,
    #[error(
        "the descriptor makes other addresses than the wallet's receiving ones: behind the account's xpub stands /0/* or \
         /<0;1>/*, and no step with ' or h"
    )]
    NotReceiving,
}

/// Made once: to make it costs as much as many addresses.
static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

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
        if text.contains('(') {
            if *coin != Coin::Bitcoin {
                return Err(NotAnAccountKey::BitcoinsOnly);
            }
            return Self::of_descriptor(text);
        }
        let (version, key) = read_key(text)?;
        let pays_to = PaysTo::parse(coin, version)?;
        let receiving = match (key.depth, key.child_number) {
            (3, ChildNumber::Hardened { .. }) => child(&key, 0),
            (4, ChildNumber::Normal { index: 0 }) => key,
            // Electrum's own words make wallets whose account is m/0'. Source: Electrum's keystore.py.
            (1, ChildNumber::Hardened { index: 0 }) if pays_to == PaysTo::P2wpkh => child(&key, 0),
            (depth, _) => return Err(NotAnAccountKey::Level { depth }),
        };
        Ok(Self { text: text.to_owned(), pays_to, receiving })
    }

    fn of_descriptor(text: &str) -> Result<Self, NotAnAccountKey> {
        let Descriptor { pays_to, key, steps } = Descriptor::parse(text)?;
        let (version, key) = read_key(key)?;
        if version != XPUB {
            // Says what is wrong with a key of several, of a test network, or with the prefix of another kind of address.
            return Err(PaysTo::parse(&Coin::Bitcoin, version)
                .map_or_else(|refused| refused, |_| NotAnAccountKey::NotADescriptor));
        }
        let receiving = match (steps, key.child_number) {
            ("/0/*" | "/<0;1>/*", _) if key.depth <= 3 => child(&key, 0),
            ("/*", ChildNumber::Normal { index: 0 }) if 0 < key.depth => key,
            _ => return Err(NotAnAccountKey::NotReceiving),
        };
        Ok(Self { text: text.to_owned(), pays_to, receiving })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// One name for the account, at whatever level and with whatever prefix it is written: under it is kept which index
    /// comes next.
    ///
    /// Shape: 130 hexadecimal digits, the public key and the chain code from which the receiving addresses are made. No
    /// text that [`AccountKey::parse`] takes looks like it.
    pub fn identity(&self) -> String {
        let key = self.receiving.public_key.serialize();
        let bytes = key.iter().chain(self.receiving.chain_code.as_bytes());
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Which addresses it makes, for the seller to compare: `addresses that begin with bc1q (BIP-84)`.
    pub fn kind(&self) -> &'static str {
        self.pays_to.kind()
    }

    /// Whether a Bitcoin key was given as plain `xpub`: many wallets write that prefix for accounts of every kind.
    pub fn may_be_of_another_kind(&self) -> bool {
        self.pays_to == PaysTo::P2pkh && self.text.starts_with("xpub")
    }

    /// The address at `index`, as the wallet itself numbers its receiving addresses.
    ///
    /// # Panics
    /// Beyond [`AccountKey::LAST_INDEX`].
    pub fn address(&self, index: u32) -> Address {
        self.pays_to.address(&CURVE, &child(&self.receiving, index).public_key)
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

/// The four bytes of its prefix, and the key behind them.
fn read_key(text: &str) -> Result<([u8; 4], Xpub), NotAnAccountKey> {
    let mut bytes = bytes_of(text)?;
    let version = [bytes[0], bytes[1], bytes[2], bytes[3]];
    // The library reads BIP-32 alone; ypub and zpub differ from it in these four bytes only.
    bytes[..4].copy_from_slice(&XPUB);
    let key = Xpub::decode(&bytes).map_err(|_| NotAnAccountKey::NotExtended)?;
    Ok((version, key))
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
    key.ckd_pub(&CURVE, number).expect(
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
    /// Source: BIP-86, m/86'/0'/0' of the same mnemonic.
    const BIP_86: &str = "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ";
    /// Source: Electrum's tests, the words `bitter grass shiver impose acquire brush forget axis eager alone wine silver`, m/0'.
    const ELECTRUM: &str = "zpub6nsHdRuY92FsMKdbn9BfjBCG6X8pyhCibNP6uDvpnw2cyrVhecvHRMa3Ne8kdJZxjxgwnpbHLkcR4bfnhHy6auHPJyDTQ3kianeuVLdkCYQ";
    /// Source: Electrum's tests, the words `cycle rocket west magnet parrot shuffle foot correct salt library feed song`, m.
    const OLD_ELECTRUM: &str = "xpub661MyMwAqRbcFWohJWt7PHsFEJfZAvw9ZxwQoDa4SoMgsDDM1T7WK3u9E4edkC4ugRnZ8E4xDZRpk8Rnts3Nbt97dPwT52CwBdDWroaZf8U";
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
    fn the_keys_of_these_tests_are_those_of_their_words() {
        // Source: BIP-39's mnemonics by the paths of BIP-44, BIP-49, BIP-84 and BIP-86; m/0 from m of BIP-32's test vector 2.
        let (junk, about) =
            (format!("{}junk", "test ".repeat(11)), format!("{}about", "abandon ".repeat(11)));
        for (words, path, text) in [
            (&junk, "m/44'/60'/0'", ETHER_KEY),
            (&about, "m/44'/0'/0'", BIP_44),
            (&about, "m/49'/0'/0'", BIP_49),
            (&about, "m/84'/0'/0'", BIP_84),
            (&about, "m/86'/0'/0'", BIP_86),
        ] {
            let seed = bip39::Mnemonic::parse_in_normalized(bip39::Language::English, words)
                .unwrap()
                .to_seed_normalized("");
            let curve = Secp256k1::new();
            let top = bitcoin::bip32::Xpriv::new_master(bitcoin::Network::Bitcoin, &seed).unwrap();
            let path: bitcoin::bip32::DerivationPath = path.parse().unwrap();
            let key = Xpub::from_priv(&curve, &top.derive_priv(&curve, &path).unwrap());
            assert_eq!(key.encode(), read_key(text).unwrap().1.encode(), "{path}");
        }
        let (above, below) = (
            "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
            "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
        );
        assert_eq!(child(&read_key(above).unwrap().1, 0), read_key(below).unwrap().1);
    }

    #[test]
    fn electrums_own_wallets_have_their_account_right_below_the_top() {
        let shown: &[(u32, &str)] = &[(0, "bc1q3g5tmkmlvxryhh843v4dz026avatc0zzr6h3af")];
        check(&Coin::Bitcoin, ELECTRUM, Ok(shown));
        check(&Coin::Bitcoin, &below(ELECTRUM, &[0]), Err(NotAnAccountKey::Level { depth: 2 }));
        check(&Coin::Bitcoin, OLD_ELECTRUM, Err(NotAnAccountKey::Level { depth: 0 }));
        let old: &[(u32, &str)] = &[(0, "1NNkttn1YvVGdqBW4PR6zvc3Zx3H5owKRf")];
        check(&Coin::Bitcoin, &format!("pkh({OLD_ELECTRUM}/0/*)"), Ok(old));
    }

    #[test]
    fn a_descriptor_says_itself_which_addresses_it_makes() {
        let bip_86: &[(u32, &str)] = &[
            (0, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
            (1, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"),
        ];
        let as_xpub = |text: &str| with_version(text, XPUB);
        let (bip_84, bip_49) = (as_xpub(BIP_84), as_xpub(BIP_49));
        for (text, addresses) in [
            (format!("tr([73c5da0a/86'/0'/0']{BIP_86}/0/*)"), bip_86),
            (format!("tr({BIP_86}/<0;1>/*)"), bip_86),
            (format!("tr({}/*)", below(BIP_86, &[0])), bip_86),
            (
                format!("wpkh([73c5da0a/84h/0h/0h]{bip_84}/0/*)"),
                &[(0, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")],
            ),
            (
                format!("sh(wpkh([73c5da0a/49h/0h/0h]{bip_49}/<0;1>/*))"),
                &[(0, "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf")],
            ),
            (format!("pkh({BIP_44}/0/*)"), &[(0, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA")]),
        ] {
            check(&Coin::Bitcoin, &text, Ok(addresses));
            check(&ETHER, &text, Err(NotAnAccountKey::BitcoinsOnly));
        }
    }

    #[test]
    fn a_descriptor_of_other_addresses_than_one_wallets_receiving_ones_is_refused() {
        let receiving = below(BIP_86, &[0]);
        for (text, refused) in [
            (format!("tr({BIP_86}/1/*)"), NotAnAccountKey::NotReceiving),
            (format!("tr({BIP_86}/*)"), NotAnAccountKey::NotReceiving),
            (format!("tr({BIP_86}/<1;0>/*)"), NotAnAccountKey::NotReceiving),
            (format!("tr({BIP_86}/0/*')"), NotAnAccountKey::NotReceiving),
            (format!("tr({BIP_86}/0h/*)"), NotAnAccountKey::NotReceiving),
            (format!("tr({BIP_86})"), NotAnAccountKey::NotReceiving),
            (format!("tr({receiving}/0/*)"), NotAnAccountKey::NotReceiving),
            (format!("wpkh({BIP_84}/0/*)"), NotAnAccountKey::NotADescriptor),
            (format!("tr({BIP_86}/0/*,pk({BIP_86}))"), NotAnAccountKey::OfSeveral),
            (format!("wsh(sortedmulti(2,{BIP_86}/0/*,{BIP_44}/0/*))"), NotAnAccountKey::OfSeveral),
            (format!("sh({BIP_86}/0/*)"), NotAnAccountKey::NotADescriptor),
            (format!("tr({BIP_86}/0/*"), NotAnAccountKey::NotADescriptor),
            (format!("tr({BIP_86}/0/*))"), NotAnAccountKey::NotADescriptor),
            (format!("tr({BIP_86}/0/*)#89f8spxm"), NotAnAccountKey::MistypedDescriptor),
            (format!("tr([73c5da0a/86'{BIP_86}/0/*)"), NotAnAccountKey::NotADescriptor),
            (format!("tr({}/0/*)", &BIP_86[..100]), NotAnAccountKey::Mistyped),
            (format!("tr({}/0/*)", BIP_86.replacen("xpub", "xprv", 1)), NotAnAccountKey::Private),
            (
                format!("tr({}/0/*)", with_version(BIP_86, OF_TEST_NETWORKS[0])),
                NotAnAccountKey::TestNetwork,
            ),
        ] {
            check(&Coin::Bitcoin, &text, Err(refused));
        }
    }

    #[test]
    fn an_account_has_one_name_however_it_is_written() {
        let name = |coin: &Coin, text: &str| AccountKey::parse(coin, text).unwrap().identity();
        let as_xpub = with_version(BIP_84, XPUB);
        let one = name(&Coin::Bitcoin, BIP_84);
        assert_eq!(one.len(), 130);
        for text in [
            as_xpub.clone(),
            with_version(BIP_84, YPUB),
            below(BIP_84, &[0]),
            below(&as_xpub, &[0]),
            format!("wpkh([73c5da0a/84h/0h/0h]{as_xpub}/0/*)"),
            format!("tr({as_xpub}/<0;1>/*)"),
        ] {
            assert_eq!(name(&Coin::Bitcoin, &text), one, "{text}");
        }
        assert_eq!(name(&ETHER, &as_xpub), one);
        assert_ne!(name(&Coin::Bitcoin, BIP_49), one);
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
        fn no_text_panics(text in ".*|[xyz]pub[1-9A-HJ-NP-Za-km-z]{107}|(wpkh|tr|pkh|sh)\\((\\[[0-9a-f/]{0,9}\\]?)?xpub[1-9a-z]{0,9}[/0-9<;>*]{0,9}\\){0,3}#?.{0,9}") {
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
