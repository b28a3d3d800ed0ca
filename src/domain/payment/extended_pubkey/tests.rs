//! Tests keys as wallets export them, and the addresses derived from them.

use proptest::prelude::*;

use super::*;
use crate::domain::payment::key_prefix::{OF_SEVERAL, OF_TEST_NETWORKS, YPUB, ZPUB};

const ETHER: Coin = Coin::Ether { chain: 1 };
/// Source: `test test … junk`, m/44'/60'/0'.
const ETHER_KEY: &str = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP";
/// Source: BIP-84, m/84'/0'/0'.
const BIP_84: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
/// Source: BIP-84's mnemonic, m/49'/0'/0' and m/44'/0'/0'.
const BIP_49: &str = "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP";
/// Source: BIP-86, m/86'/0'/0' of the same mnemonic.
const BIP_86: &str = "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ";
/// Source: Electrum's tests, the seed `bitter grass shiver impose acquire brush forget axis eager alone wine silver`,
/// m/0'.
const ELECTRUM: &str = "zpub6nsHdRuY92FsMKdbn9BfjBCG6X8pyhCibNP6uDvpnw2cyrVhecvHRMa3Ne8kdJZxjxgwnpbHLkcR4bfnhHy6auHPJyDTQ3kianeuVLdkCYQ";
/// Source: Electrum's tests, the seed `cycle rocket west magnet parrot shuffle foot correct salt library feed song`, m.
const OLD_ELECTRUM: &str = "xpub661MyMwAqRbcFWohJWt7PHsFEJfZAvw9ZxwQoDa4SoMgsDDM1T7WK3u9E4edkC4ugRnZ8E4xDZRpk8Rnts3Nbt97dPwT52CwBdDWroaZf8U";
const BIP_44: &str = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj";

/// The key at a path below this one, with the same version bytes.
fn below(text: &str, path: &[u32]) -> String {
    let bytes = bytes_of(text).unwrap();
    let as_xpub = [&XPUB.version, &bytes[4..]].concat();
    let key = path.iter().fold(Xpub::decode(&as_xpub).unwrap(), |key, index| child(&key, *index));
    base58::encode_check(&[&bytes[..4], &key.encode()[4..]].concat())
}

fn with_version(text: &str, version: [u8; 4]) -> String {
    base58::encode_check(&[&version, &bytes_of(text).unwrap()[4..]].concat())
}

#[track_caller]
fn check(coin: &Coin, text: &str, expected: Result<&[(u32, &str)], NotAnExtendedPubkey>) {
    let read = ExtendedPubkey::parse(coin, text);
    assert_eq!(
        read.as_ref().map(|_| ()).map_err(|refused| *refused),
        expected.map(|_| ()),
        "{text}"
    );
    for (index, address) in expected.unwrap_or_default() {
        assert_eq!(read.as_ref().unwrap().address(*index).as_str(), *address, "{index} of {text}");
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
        (Coin::BITCOIN, BIP_84, bip_84),
        (Coin::BITCOIN, BIP_49, bip_49),
        (Coin::BITCOIN, BIP_44, bip_44),
    ] {
        check(&coin, text, Ok(addresses));
        check(&coin, &below(text, &[0]), Ok(addresses));
    }
    assert_eq!(
        ExtendedPubkey::parse(&ETHER, &format!(" {ETHER_KEY}\n")).unwrap().as_str(),
        ETHER_KEY
    );
}

#[test]
fn the_keys_of_these_tests_are_those_of_their_words() {
    // Source: BIP-39's mnemonics with the paths of BIP-44, BIP-49, BIP-84 and BIP-86; m/0 from m of BIP-32's test
    // vector 2.
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
    check(&Coin::BITCOIN, ELECTRUM, Ok(shown));
    check(&Coin::BITCOIN, &below(ELECTRUM, &[0]), Err(NotAnExtendedPubkey::Level { depth: 2 }));
    check(&Coin::BITCOIN, OLD_ELECTRUM, Err(NotAnExtendedPubkey::Level { depth: 0 }));
    let old: &[(u32, &str)] = &[(0, "1NNkttn1YvVGdqBW4PR6zvc3Zx3H5owKRf")];
    check(&Coin::BITCOIN, &format!("pkh({OLD_ELECTRUM}/0/*)"), Ok(old));
}

#[test]
fn a_descriptor_says_itself_which_addresses_it_makes() {
    let bip_86: &[(u32, &str)] = &[
        (0, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
        (1, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"),
    ];
    let as_xpub = |text: &str| with_version(text, XPUB.version);
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
        check(&Coin::BITCOIN, &text, Ok(addresses));
        check(&ETHER, &text, Err(NotAnExtendedPubkey::NotOfEvm));
    }
}

/// Source: the published lists of addresses of BIP-84's mnemonic, as Electrum, Sparrow and iancoleman.io show them.
const FIRST_44: &[(u32, &str)] = &[
    (0, "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"),
    (1, "1Ak8PffB2meyfYnbXZR9EGfLfFZVpzJvQP"),
    (2, "1MNF5RSaabFwcbtJirJwKnDytsXXEsVsNb"),
];
const FIRST_49: &[(u32, &str)] = &[
    (0, "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"),
    (1, "3LtMnn87fqUeHBUG414p9CWwnoV6E2pNKS"),
    (2, "3B4cvWGR8X6Xs8nvTxVUoMJV77E4f7oaia"),
];
const FIRST_84: &[(u32, &str)] = &[
    (0, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
    (1, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"),
    (2, "bc1qp59yckz4ae5c4efgw2s5wfyvrz0ala7rgvuz8z"),
];
const FIRST_86: &[(u32, &str)] = &[
    (0, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
    (1, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"),
    (2, "bc1p0d0rhyynq0awa9m8cqrcr8f5nxqx3aw29w4ru5u9my3h0sfygnzs9khxz8"),
];

fn with_checksum(text: &str) -> String {
    format!("{text}#{}", crate::domain::payment::descriptor::checksum(text).unwrap())
}

#[test]
fn a_key_is_read_as_wallets_export_it() {
    let (x44, x49) = (BIP_44, with_version(BIP_49, XPUB.version));
    let (x84, x86) = (with_version(BIP_84, XPUB.version), BIP_86);
    let strokes = with_checksum(&format!("tr([73c5da0a/86'/0'/0']{x86}/<0;1>/*)"));
    let letters = with_checksum(&format!("tr([73c5da0a/86h/0h/0h]{x86}/<0;1>/*)"));
    // Trezor Suite shows apostrophes, with the checksum that its device computed for the letter h.
    let mixed = format!("{}#{}", &strokes[..strokes.len() - 9], &letters[letters.len() - 8..]);
    for (text, first) in [
        // Sparrow: the keystore's xPub with either prefix, the descriptors, and those of a key without a known origin.
        (format!("[73c5da0a/84h/0h/0h]{x84}"), FIRST_84),
        (format!("[73c5da0a/84'/0'/0']{BIP_84}"), FIRST_84),
        (with_checksum(&format!("wpkh([73c5da0a/84h/0h/0h]{x84}/<0;1>/*)")), FIRST_84),
        (with_checksum(&format!("wpkh([73c5da0a/84h/0h/0h]{x84}/0/*)")), FIRST_84),
        (format!("wpkh([000000000]{x84}/<0;1>/*)"), FIRST_84),
        (with_checksum(&format!("sh(wpkh([73c5da0a/49h/0h/0h]{x49}/<0;1>/*))")), FIRST_49),
        (with_checksum(&format!("tr([73c5da0a/86h/0h/0h]{x86}/<0;1>/*)")), FIRST_86),
        // Electrum: the master public key; a descriptor.
        (BIP_84.to_owned(), FIRST_84),
        (with_checksum(&format!("wpkh([73c5da0a/84h/0h/0h]{x84}/0/*)")), FIRST_84),
        (with_checksum(&format!("pkh([73c5da0a/44h/0h/0h]{x44}/<0;1>/*)")), FIRST_44),
        // Specter: a device's key; the wallet's descriptor; on Specter's own device with braces and SLIP-132 prefixes.
        (format!("[73c5da0a/84h/0h/0h]{BIP_84}"), FIRST_84),
        (format!("[73c5da0a/49h/0h/0h]{BIP_49}"), FIRST_49),
        (with_checksum(&format!("wpkh([73c5da0a/84h/0h/0h]{x84}/{{0,1}}/*)")), FIRST_84),
        (format!("wpkh([73c5da0a/84h/0h/0h]{BIP_84}/{{0,1}}/*)"), FIRST_84),
        (format!("sh(wpkh([73c5da0a/49h/0h/0h]{BIP_49}/0/*))"), FIRST_49),
        (format!("tr([73c5da0a/86h/0h/0h]{x86}/{{0,1}}/*)"), FIRST_86),
        // Trezor Suite: the public key; for Taproot a descriptor.
        (BIP_49.to_owned(), FIRST_49),
        (x44.to_owned(), FIRST_44),
        (strokes, FIRST_86),
        (letters, FIRST_86),
        (mixed, FIRST_86),
        // Ledger: the key of a wallet policy with its origin, and the policy with the key filled in.
        (format!("[73c5da0a/84'/0'/0']{x84}"), FIRST_84),
        (format!("[73c5da0a/49'/0'/0']{x49}"), FIRST_49),
        (format!("[73c5da0a/86'/0'/0']{x86}"), FIRST_86),
        (format!("[73c5da0a/44'/0'/0']{x44}"), FIRST_44),
        (format!("wpkh([73c5da0a/84'/0'/0']{x84}/**)"), FIRST_84),
        (format!("tr([73c5da0a/86'/0'/0']{x86}/**)"), FIRST_86),
        (format!("pkh([73c5da0a/44'/0'/0']{x44}/**)"), FIRST_44),
        // Bare keys with their steps, the other letter, capitals, and surrounding blanks.
        (format!("{BIP_84}/0/*"), FIRST_84),
        (format!("{BIP_84}/**"), FIRST_84),
        (format!("[73C5DA0A/84H/0H/0H]{x84}/<0;1>/*"), FIRST_84),
        (format!("[73c5da0a/84h/0h/0h]{x84}/{{0,1}}/*"), FIRST_84),
        (format!("[73c5da0a/84h/0h/0h/0]{}/*", below(&x84, &[0])), FIRST_84),
        (format!("[73c5da0a]{BIP_84}"), FIRST_84),
        (format!("\r\n\t [73c5da0a/84h/0h/0h]{x84} \n"), FIRST_84),
    ] {
        check(&Coin::BITCOIN, &text, Ok(first));
    }
    let ether = &[(0, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")];
    for text in ["", "/0/*", "/<0;1>/*", "/**"] {
        check(&ETHER, &format!("[73c5da0a/44'/60'/0']{ETHER_KEY}{text}"), Ok(ether));
    }
}

#[test]
fn a_key_with_an_origin_says_which_addresses_it_makes() {
    let may_be_another =
        |text: &str| ExtendedPubkey::parse(&Coin::BITCOIN, text).unwrap().may_be_of_another_kind();
    assert!(may_be_another(BIP_44));
    assert!(may_be_another(&format!("[73c5da0a]{BIP_44}/0/*")));
    assert!(!may_be_another(&format!("[73c5da0a/44h/0h/0h]{BIP_44}")));
    assert!(may_be_another(&format!("[73c5da0a/7h/0h/0h]{BIP_44}")));
    assert!(!may_be_another(&format!("pkh({BIP_44}/0/*)")));
    assert!(!may_be_another(BIP_84));
    assert!(!ExtendedPubkey::parse(&ETHER, ETHER_KEY).unwrap().may_be_of_another_kind());
}

#[test]
fn a_bare_key_that_its_wallet_would_not_follow_is_refused() {
    let x84 = with_version(BIP_84, XPUB.version);
    for (text, refused) in [
        (format!("[73c5da0a/48h/0h/0h/2h]{x84}"), NotAnExtendedPubkey::OtherOrigin),
        (format!("[73c5da0a/87h/0h/0h]{x84}"), NotAnExtendedPubkey::OfSeveral),
        (format!("[73c5da0a/84h/1h/0h]{x84}"), NotAnExtendedPubkey::TestNetwork),
        (format!("[73c5da0a/44h/60h/0h]{x84}"), NotAnExtendedPubkey::OtherCoin),
        (format!("[73c5da0a/49h/0h/0h]{BIP_84}"), NotAnExtendedPubkey::OtherPrefix),
        (format!("[73c5da0a/84h/0h]{x84}"), NotAnExtendedPubkey::OtherOrigin),
        (format!("[73c5da0/84h/0h/0h]{x84}"), NotAnExtendedPubkey::NotAnOrigin),
        (format!("[73c5da0g/84h/0h/0h]{x84}"), NotAnExtendedPubkey::NotAnOrigin),
        (format!("[73c5da0a/84h//0h]{x84}"), NotAnExtendedPubkey::NotAnOrigin),
        (format!("[73c5da0a/84h/0h/4294967296h]{x84}"), NotAnExtendedPubkey::NotAnOrigin),
        (format!("[73c5da0a/84h/0h/0h{x84}"), NotAnExtendedPubkey::NotAnOrigin),
        (format!("[73c5da0a/84h/0h/0h][73c5da0a]{x84}"), NotAnExtendedPubkey::NotExtended),
        (format!("[73c5da0a/84h/0h/0h]{x84}/1/*"), NotAnExtendedPubkey::NotReceiving),
        (format!("[73c5da0a/84h/0h/0h]{x84}/*"), NotAnExtendedPubkey::NotReceiving),
        (format!("[73c5da0a/84h/0h/0h]{x84}/<1;0>/*"), NotAnExtendedPubkey::NotReceiving),
        (format!("[73c5da0a/84h/0h/0h]{x84}/0h/*"), NotAnExtendedPubkey::HardenedStep),
        (
            format!("[73c5da0a/84h/0h/0h/0]{}/0/*", below(&x84, &[0])),
            NotAnExtendedPubkey::NotReceiving,
        ),
        (
            format!("[73c5da0a/84h/0h/0h]{}", x84.replacen("xpub", "xprv", 1)),
            NotAnExtendedPubkey::Private,
        ),
    ] {
        check(&Coin::BITCOIN, &text, Err(refused));
    }
    check(&ETHER, &format!("[73c5da0a/84h/0h/0h]{ETHER_KEY}"), Err(NotAnExtendedPubkey::OtherCoin));
}

#[test]
fn a_descriptor_of_other_addresses_than_one_wallets_receiving_ones_is_refused() {
    let receiving = below(BIP_86, &[0]);
    for (text, refused) in [
        (format!("tr({BIP_86}/1/*)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/*)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/<1;0>/*)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/<0;1;2>/*)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/{{1,0}}/*)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/0/*/*)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/***)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/0/**)"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({BIP_86}/0/*')"), NotAnExtendedPubkey::HardenedStep),
        (format!("tr({BIP_86}/0/*H)"), NotAnExtendedPubkey::HardenedStep),
        (format!("tr({BIP_86}/0h/*)"), NotAnExtendedPubkey::HardenedStep),
        (format!("tr({BIP_86})"), NotAnExtendedPubkey::NotReceiving),
        (format!("tr({receiving}/0/*)"), NotAnExtendedPubkey::NotReceiving),
        (format!("wpkh({BIP_49}/0/*)"), NotAnExtendedPubkey::OtherPrefix),
        (format!("pkh({BIP_84}/0/*)"), NotAnExtendedPubkey::OtherPrefix),
        (format!("tr({BIP_86}/0/*,pk({BIP_86}))"), NotAnExtendedPubkey::WithScripts),
        (format!("tr({BIP_86}/{{0,1}}/*,pk({BIP_86}/0/*))"), NotAnExtendedPubkey::WithScripts),
        (
            format!("tr({BIP_86}/0/*,{{pk({BIP_86}/0/*),pk({BIP_44}/0/*)}})"),
            NotAnExtendedPubkey::WithScripts,
        ),
        (format!("tr({BIP_86}/0/*,multi_a(1,{BIP_44}/0/*))"), NotAnExtendedPubkey::OfSeveral),
        (format!("tr(musig({BIP_86},{BIP_44})/0/*)"), NotAnExtendedPubkey::OfSeveral),
        (format!("sh(multi(1,{BIP_86}/0/*))"), NotAnExtendedPubkey::OfSeveral),
        (format!("sh(wsh(sortedmulti(1,{BIP_86}/0/*)))"), NotAnExtendedPubkey::OfSeveral),
        (format!("wsh(pk({BIP_86}/0/*))"), NotAnExtendedPubkey::WithScripts),
        (format!("wpkh({{{BIP_86}}}/0/*)"), NotAnExtendedPubkey::NotADescriptor),
        (format!("wpkh({BIP_86},{BIP_44})"), NotAnExtendedPubkey::NotADescriptor),
        ("wpkh(@0/**)".to_owned(), NotAnExtendedPubkey::NotADescriptor),
        (
            "wpkh(5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ)".to_owned(),
            NotAnExtendedPubkey::Private,
        ),
        (format!("wsh(sortedmulti(2,{BIP_86}/0/*,{BIP_44}/0/*))"), NotAnExtendedPubkey::OfSeveral),
        (format!("sh({BIP_86}/0/*)"), NotAnExtendedPubkey::NotADescriptor),
        (format!("tr({BIP_86}/0/*"), NotAnExtendedPubkey::NotADescriptor),
        (format!("tr({BIP_86}/0/*))"), NotAnExtendedPubkey::NotADescriptor),
        (format!("tr({BIP_86}/0/*)#89f8spxm"), NotAnExtendedPubkey::MistypedDescriptor),
        (format!("tr([73c5da0a/86'{BIP_86}/0/*)"), NotAnExtendedPubkey::NotAnOrigin),
        (format!("tr({}/0/*)", &BIP_86[..100]), NotAnExtendedPubkey::Mistyped),
        (format!("tr({}/0/*)", BIP_86.replacen("xpub", "xprv", 1)), NotAnExtendedPubkey::Private),
        (
            format!("tr({}/0/*)", with_version(BIP_86, OF_TEST_NETWORKS[0])),
            NotAnExtendedPubkey::TestNetwork,
        ),
    ] {
        check(&Coin::BITCOIN, &text, Err(refused));
    }
}

#[test]
fn an_account_has_one_name_however_it_is_written() {
    let name = |coin: &Coin, text: &str| ExtendedPubkey::parse(coin, text).unwrap().identity();
    let as_xpub = with_version(BIP_84, XPUB.version);
    let one = name(&Coin::BITCOIN, BIP_84);
    assert_eq!(one.len(), 130);
    for text in [
        as_xpub.clone(),
        with_version(BIP_84, YPUB.version),
        below(BIP_84, &[0]),
        below(&as_xpub, &[0]),
        format!("wpkh([73c5da0a/84h/0h/0h]{as_xpub}/0/*)"),
        format!("tr({as_xpub}/<0;1>/*)"),
        format!("[73c5da0a/84h/0h/0h]{as_xpub}"),
        format!("wpkh([73c5da0a/84h/0h/0h]{as_xpub}/**)"),
    ] {
        assert_eq!(name(&Coin::BITCOIN, &text), one, "{text}");
    }
    assert_eq!(name(&ETHER, &as_xpub), one);
    assert_ne!(name(&Coin::BITCOIN, BIP_49), one);
}

#[test]
fn a_key_of_another_level_is_refused() {
    check(&ETHER, &below(ETHER_KEY, &[0, 0]), Err(NotAnExtendedPubkey::Level { depth: 5 }));
    // The wallet's own change level.
    check(&Coin::BITCOIN, &below(BIP_84, &[1]), Err(NotAnExtendedPubkey::Level { depth: 4 }));
    // Source: BIP-32, test vector 1, m.
    let master = "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8";
    check(&Coin::BITCOIN, master, Err(NotAnExtendedPubkey::Level { depth: 0 }));
}

#[test]
fn a_key_of_another_coin_or_network_is_refused() {
    check(&ETHER, BIP_84, Err(NotAnExtendedPubkey::NotOfEvm));
    check(&ETHER, BIP_49, Err(NotAnExtendedPubkey::NotOfEvm));
    check(&Coin::Monero, ETHER_KEY, Err(NotAnExtendedPubkey::NoneForMonero));
    check(
        &Coin::BITCOIN,
        &with_version(BIP_84, OF_SEVERAL[1]),
        Err(NotAnExtendedPubkey::OfSeveral),
    );
    for version in OF_TEST_NETWORKS {
        let text = with_version(BIP_84, version);
        assert_eq!(&text[2..4], "ub");
        check(&Coin::BITCOIN, &text, Err(NotAnExtendedPubkey::TestNetwork));
    }
}

#[test]
fn a_private_key_is_refused_loudly_and_not_repeated() {
    // Source: BIP-32, test vector 1, m.
    let xprv = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
    let words = format!("{}junk", "test ".repeat(11));
    for coin in [ETHER, Coin::BITCOIN, Coin::Monero] {
        check(&coin, xprv, Err(NotAnExtendedPubkey::Private));
        check(&coin, &xprv.replacen('x', "z", 1), Err(NotAnExtendedPubkey::Private));
        check(&coin, &words, Err(NotAnExtendedPubkey::Private));
    }
    assert!(NotAnExtendedPubkey::Private.to_string().contains("PRIVATE"));
}

#[test]
fn an_invalid_key_is_refused() {
    check(&Coin::BITCOIN, &BIP_84.replace('z', "y"), Err(NotAnExtendedPubkey::Mistyped));
    check(&ETHER, &ETHER_KEY[..110], Err(NotAnExtendedPubkey::Mistyped));
    for text in [
        "",
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        &"1".repeat(100_000),
    ] {
        check(&Coin::BITCOIN, text, Err(NotAnExtendedPubkey::NotExtended));
    }
    // The checksum is right, but the key is not a point on the curve.
    let mut bytes = bytes_of(ETHER_KEY).unwrap();
    bytes[45] = 0xFF;
    check(&ETHER, &base58::encode_check(&bytes), Err(NotAnExtendedPubkey::NotExtended));
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*|(\\[[0-9a-f/h]{0,20}\\])?[xyz]pub[1-9A-HJ-NP-Za-km-z]{107}|(wpkh|tr|pkh|sh)\\((\\[[0-9a-f/]{0,9}\\]?)?xpub[1-9a-z]{0,9}[/0-9<;>*{},h']{0,9}\\){0,3}#?.{0,9}") {
        for coin in [ETHER, Coin::BITCOIN, Coin::Monero] {
            let _ = ExtendedPubkey::parse(&coin, &text);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 74), version in 0_usize..3) {
        let version = [XPUB, YPUB, ZPUB][version].version;
        for coin in [ETHER, Coin::BITCOIN] {
            let _ = ExtendedPubkey::parse(&coin, &base58::encode_check(&[&version, bytes.as_slice()].concat()));
        }
    }

    #[test]
    fn every_address_is_one_of_the_coin(index in 0..=ExtendedPubkey::LAST_INDEX) {
        for (coin, text) in [(ETHER, ETHER_KEY), (Coin::BITCOIN, BIP_84), (Coin::BITCOIN, BIP_49), (Coin::BITCOIN, BIP_44)] {
            let address = ExtendedPubkey::parse(&coin, text).unwrap().address(index);
            prop_assert_eq!(Address::parse(&coin, address.as_str()), Ok(address));
        }
    }
}
