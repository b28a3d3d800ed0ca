//! Tests the keys and addresses of the coins that are like Bitcoin.
//!
//! Source of keys and addresses, unless another is named: the mnemonic `abandon … about`, computed independently with the
//! Python package bip_utils 2.12.

use proptest::prelude::*;

use super::*;
use crate::domain::payment::NotAnAddress;
use crate::domain::payment::key_prefix::{
    DGUB, KeyPrefix, LTUB, MTUB, OF_SEVERAL, OF_TEST_NETWORKS, YPUB, ZPUB,
};

const LTC_84: &str = "zpub6rPo5mF47z5coVm5rvWv7fv181awb7Vckn5Cf3xQXBVKu18kuBHDhNi1Jrb4br6vVD3ZbrnXemEsWJoR18mZwkUdzwD8TQnHDUCGxqZ6swA";
const LTC_49: &str = "Mtub2rz9F1pkisRsSZX8sa4Ajon9GhPP6JymLgpuHqbYdU5JKFLBF7Qy8b1tZ3dccj2fefrAxfrPdVkpCxuWn3g72UctH2bvJRkp6iFmp8aLeRZ";
const LTC_44: &str = "Ltub2YDQmP391UYeDYvLye9P1SuNJFkcRGN7SYHM8JMxaDnegcPTXHJ2BnYmvHnFnGPGKu2WMuCga6iZV3SDxDMGrRyMcrYEfSPhrpS1EPkC43E";
const LTC_86: &str = "xpub6D39rno4TW2oi3tGmu8RUcukFtU7wFnAkdFkYAcSpGZY9yoPNbkRgTbEUYyhkqacm7dyNfc5uK8oQ71M2hTALqqDQeE2JAQn9YDteoW2cQC";
const DOGE: &str = "dgub8rUhDtD3YFGZTUphBfpBbzvFxSMKQXYLzg87Me2ta78r2SdVLmypBUkkxrrn9RTnchsyiJSkHZyLWxD13ibBiXtuFWktBoDaGaZjQUBLNLs";
const BCH: &str = "xpub6ByHsPNSQXTWZ7PLESMY2FufyYWtLXagSUpMQq7Un96SiThZH2iJB1X7pwviH1WtKVeDP6K8d6xxFzzoaFzF3s8BKCZx8oEDdDkNnp4owAZ";
const ZEC: &str = "xpub6CLX6bXDznyoBCRaHYmzfApq4dLc34UydL1gRHQTG55pNwbKSC2GvXjTQ4VS3n6P24fRd14uKz7P92xJQ3MWdRzUxGkqiftZf3riboiJLJs";

const FIRST_LTC_84: [&str; 3] = [
    "ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",
    "ltc1qwlezpr3890hcp6vva9twqh27mr6edadreqvhnn",
    "ltc1qc6aucuznvhh9uvux246x24vf9y9ncfk729m92s",
];
const FIRST_LTC_49: [&str; 3] = [
    "M7wtsL7wSHDBJVMWWhtQfTMSYYkyooAAXM",
    "M92zAbFXY2J7NJXdFpJTe3a5PrsyZQhKZK",
    "MJfELhwt9S6Sr9hadHGsnTELZzFUVjMrFc",
];
const FIRST_LTC_44: [&str; 3] = [
    "LUWPbpM43E2p7ZSh8cyTBEkvpHmr3cB8Ez",
    "Ldatw8ZjgMGNUo5HMN6RgCrjmh7q494Si3",
    "LX4YojYdeBk3TtUcryCcgAqYxjicKfK7AD",
];
const FIRST_LTC_86: [&str; 3] = [
    "ltc1puht8rk95c53q3u9w3pf9h3jfcutcrl9lxc7rqsdthjrse4k6sn7q9tuqm9",
    "ltc1p4m4d6s554w3lhamw6pt5je23xvzsqxnz58wc24gc8g9n328yc3xsg3antm",
    "ltc1phmldcawq5rnvuzj54k5nkkyyqrzvu0g5xegyu0q4wnejmstg2tfsyvjas8",
];
const FIRST_DOGE: [&str; 3] = [
    "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC",
    "DAcDAtJRztxBHyA6D6h8du1HguyTR43Mas",
    "D8K3KyDQ9FXeC3ADCuWW7cnWC7RvjHjV8H",
];
const FIRST_BCH: [&str; 3] = [
    "bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6",
    "bitcoincash:qp8sfdhgjlq68hlzka9lcsxtcnvuvnd0xqxugfzzc5",
    "bitcoincash:qqkuy34ntrye9a2h4xpdstcu4aq5wfrwscjtaphenr",
];
const FIRST_ZEC: [&str; 3] = [
    "t1XVXWCvpMgBvUaed4XDqWtgQgJSu1Ghz7F",
    "t1aQ2b1XszNVo15BguYLbQGqETBL9QZA8Jq",
    "t1gLHX58QpcZr2SfaMhc5XbxabE455KZhoA",
];

fn coin(currency: &str) -> Coin {
    Coin::BitcoinLike(BitcoinLike::of_currency(currency).unwrap())
}

fn like(currency: &str) -> &'static BitcoinLike {
    BitcoinLike::of_currency(currency).unwrap()
}

fn with_prefix(text: &str, prefix: KeyPrefix) -> String {
    base58::encode_check(&[&prefix.version, &bytes_of(text).unwrap()[4..]].concat())
}

#[track_caller]
fn check(currency: &str, text: &str, expected: [&str; 3]) {
    let key = ExtendedPubkey::parse(&coin(currency), text);
    let key = key.unwrap_or_else(|refused| panic!("{text}: {refused}"));
    assert_eq!([0, 1, 2].map(|index| key.address(index).to_string()), expected, "{text}");
}

#[track_caller]
fn check_refused(currency: &str, text: &str, expected: NotAnExtendedPubkey) {
    let read = ExtendedPubkey::parse(&coin(currency), text);
    assert_eq!(read.map(|_| ()), Err(expected), "{currency} {text}");
}

#[test]
fn an_account_makes_the_addresses_that_its_wallet_shows() {
    for (currency, text, expected) in [
        ("LTC", LTC_84, FIRST_LTC_84),
        ("LTC", LTC_49, FIRST_LTC_49),
        ("LTC", LTC_44, FIRST_LTC_44),
        ("DOGE", DOGE, FIRST_DOGE),
        ("BCH", BCH, FIRST_BCH),
        ("ZEC", ZEC, FIRST_ZEC),
    ] {
        check(currency, text, expected);
        check(currency, &format!("{text}/0/*"), expected);
    }
    // Prefixes of other programs for the same accounts.
    check("LTC", &with_prefix(LTC_49, YPUB), FIRST_LTC_49);
    check("LTC", &with_prefix(LTC_44, XPUB), FIRST_LTC_44);
    check("DOGE", &with_prefix(DOGE, XPUB), FIRST_DOGE);
}

#[test]
fn an_origin_or_a_descriptor_says_which_addresses_a_key_makes() {
    let x84 = with_prefix(LTC_84, XPUB);
    check("LTC", &format!("[73c5da0a/84h/2h/0h]{x84}"), FIRST_LTC_84);
    check("LTC", &format!("wpkh([73c5da0a/84h/2h/0h]{x84}/0/*)"), FIRST_LTC_84);
    check("LTC", &format!("wpkh({LTC_84}/<0;1>/*)"), FIRST_LTC_84);
    // Ledger Live writes Ltub for accounts of every type.
    check("LTC", &format!("wpkh({}/0/*)", with_prefix(LTC_84, LTUB)), FIRST_LTC_84);
    check("LTC", &format!("[73c5da0a/49h/2h/0h]{}", with_prefix(LTC_49, LTUB)), FIRST_LTC_49);
    check("LTC", &format!("sh(wpkh({LTC_49}/0/*))"), FIRST_LTC_49);
    check("LTC", &format!("tr({LTC_86}/0/*)"), FIRST_LTC_86);
    check("LTC", &format!("[73c5da0a/86h/2h/0h]{LTC_86}"), FIRST_LTC_86);
    check("DOGE", &format!("pkh([73c5da0a/44h/3h/0h]{}/0/*)", with_prefix(DOGE, XPUB)), FIRST_DOGE);
    check("BCH", &format!("[73c5da0a/44h/145h/0h]{BCH}"), FIRST_BCH);
    check("ZEC", &format!("[73c5da0a/44h/133h/0h]{ZEC}"), FIRST_ZEC);
    // Bitcoin Cash wallets from before the split keep Bitcoin's number.
    check("BCH", &format!("[73c5da0a/44h/0h/0h]{BCH}"), FIRST_BCH);
}

#[test]
fn a_key_of_another_coin_network_or_type_is_refused() {
    use NotAnExtendedPubkey::{
        Mistyped, NotOfEvm, OfSeveral, OtherCoin, OtherKind, OtherPrefix, Private, TestNetwork,
    };
    let x44 = with_prefix(LTC_44, XPUB);
    for (currency, text, refused) in [
        ("BTC", LTC_44, OtherKind(like("BTC"))),
        ("BTC", LTC_49, OtherKind(like("BTC"))),
        ("LTC", DOGE, OtherKind(like("LTC"))),
        ("DOGE", LTC_84, OtherKind(like("DOGE"))),
        ("DOGE", &with_prefix(DOGE, LTUB), OtherKind(like("DOGE"))),
        ("BCH", LTC_84, OtherKind(like("BCH"))),
        ("ZEC", &with_prefix(ZEC, DGUB), OtherKind(like("ZEC"))),
        // Types of addresses that the coin does not have.
        ("DOGE", &format!("wpkh({}/0/*)", with_prefix(DOGE, XPUB)), OtherKind(like("DOGE"))),
        ("BCH", &format!("tr({BCH}/0/*)"), OtherKind(like("BCH"))),
        ("ZEC", &format!("[73c5da0a/84h/133h/0h]{ZEC}"), OtherKind(like("ZEC"))),
        // The origin belongs to another coin.
        ("LTC", &format!("[73c5da0a/44h/0h/0h]{x44}"), OtherCoin),
        ("BTC", &format!("[73c5da0a/44h/2h/0h]{x44}"), OtherCoin),
        ("BTC", &format!("pkh([73c5da0a/44h/2h/0h]{x44}/0/*)"), OtherCoin),
        ("BTC", &format!("[73c5da0a/44h/145h/0h]{BCH}"), OtherCoin),
        ("ZEC", &format!("[73c5da0a/44h/3h/0h]{ZEC}"), OtherCoin),
        ("LTC", &format!("[73c5da0a/44h/1h/0h]{x44}"), TestNetwork),
        ("LTC", &format!("pkh({LTC_84}/0/*)"), OtherPrefix),
        ("LTC", &format!("[73c5da0a/84h/2h/0h]{LTC_49}"), OtherPrefix),
        ("LTC", &LTC_84.replacen('z', "y", 1), Mistyped),
        ("LTC", &LTC_44[..110], Mistyped),
        ("DOGE", &DOGE[..110], Mistyped),
    ] {
        check_refused(currency, text, refused);
    }
    for version in OF_TEST_NETWORKS {
        let text = base58::encode_check(&[&version, &bytes_of(DOGE).unwrap()[4..]].concat());
        check_refused("DOGE", &text, TestNetwork);
    }
    for version in OF_SEVERAL {
        let text = base58::encode_check(&[&version, &bytes_of(LTC_84).unwrap()[4..]].concat());
        check_refused("LTC", &text, OfSeveral);
    }
    let ether = Coin::Ether { chain: 1 };
    for text in [LTC_44, LTC_49, LTC_84, DOGE] {
        let refused = ExtendedPubkey::parse(&ether, text).map(|_| ());
        assert_eq!(refused, Err(NotOfEvm), "{text}");
    }
    let refused = ExtendedPubkey::parse(&ether, &format!("[73c5da0a/44h/133h/0h]{ZEC}"));
    assert_eq!(refused.map(|_| ()), Err(OtherCoin));
    // The master keys of the same mnemonic, with Dogecoin's and Litecoin's prefixes.
    for private in [
        "dgpv51eADS3spNJh98bWAfYnAW8K1gMy86HKmH1dpyT8kLsUKBqssT3jsLLFWyK4zbruL51UjejFDzrFzBcwjjA57rSv6D2978QigKG4xbCfJV6",
        "Ltpv71G8qDifUiNetExQFUsQdYezsBDUaB814BhGZsphfZBrT3zqfeXTed3NqdFEoARcM1uJVNKbqmXwJscuMY753LZUtc36GiKqV5anTrnqWfr",
        "Mtpv7L6Q8tPadPv8jY9X5qf2qdkW39MvWo7VyJDVMGib3ZZjW9p4vJh2GghWrqCpo55Xkf27EqvAJRtVCAEU5EX5qaF5kwjWrd9KkoeRrSjowo7",
    ] {
        for one in BitcoinLike::ALL {
            check_refused(one.currency, private, Private);
        }
        assert!(secret::holds_private(&format!("Key: {private}.")), "{private}");
    }
}

#[test]
fn the_keys_are_those_of_their_words() {
    let words = format!("{}about", "abandon ".repeat(11));
    let seed = bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &words)
        .unwrap()
        .to_seed_normalized("");
    let curve = Secp256k1::new();
    let top = bitcoin::bip32::Xpriv::new_master(bitcoin::Network::Bitcoin, &seed).unwrap();
    for (path, prefix, text) in [
        ("m/84'/2'/0'", ZPUB, LTC_84),
        ("m/49'/2'/0'", MTUB, LTC_49),
        ("m/44'/2'/0'", LTUB, LTC_44),
        ("m/86'/2'/0'", XPUB, LTC_86),
        ("m/44'/3'/0'", DGUB, DOGE),
        ("m/44'/145'/0'", XPUB, BCH),
        ("m/44'/133'/0'", XPUB, ZEC),
    ] {
        let path: bitcoin::bip32::DerivationPath = path.parse().unwrap();
        let key = Xpub::from_priv(&curve, &top.derive_priv(&curve, &path).unwrap());
        assert_eq!(read_key(text).unwrap(), (prefix.version, key), "{path}");
        assert!(text.starts_with(prefix.text), "{text}");
    }
}

#[test]
fn an_ambiguous_key_says_so_only_where_another_type_exists() {
    let may_be_another = |currency: &str, text: &str| {
        ExtendedPubkey::parse(&coin(currency), text).unwrap().may_be_of_another_kind()
    };
    assert!(may_be_another("LTC", LTC_44));
    assert!(!may_be_another("LTC", LTC_84));
    assert!(!may_be_another("LTC", &format!("pkh({LTC_44}/0/*)")));
    for (currency, text) in [("DOGE", DOGE), ("BCH", BCH), ("ZEC", ZEC)] {
        assert!(!may_be_another(currency, text), "{currency}");
    }
}

#[track_caller]
fn check_address(currency: &str, text: &str, expected: Result<&str, NotAnAddress>) {
    let read = Address::parse(&coin(currency), text).map(|address| address.to_string());
    assert_eq!(read, expected.map(str::to_owned), "{currency} {text:?}");
}

#[test]
fn an_address_is_of_the_main_network_of_its_coin() {
    for (currency, text) in [
        // BIP-173's program with Litecoin's prefix.
        ("LTC", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"),
        // Source: Dogecoin's address of 20 zero bytes, in many programs' tests; the first key above as a script.
        ("DOGE", "D596YFweJQuHY1BbjazZYmAbt8jJPbKehC"),
        ("DOGE", "A2kHjHuD9PKVSctFyvHRoAU2ZgC6JzeWxC"),
        // Source: CashAddr's specification, "Examples of Address Translation".
        ("BCH", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
        ("BCH", "bitcoincash:qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy"),
        ("BCH", "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"),
        // Source: librustzcash, `zcash_address`, the addresses of 20 zero bytes.
        ("ZEC", "t1Hsc1LR8yKnbbe3twRp88p6vFfC5t7DLbs"),
        ("ZEC", "t3JZcvsuaXE6ygokL4XUiZSTrQBUoPYFnXJ"),
    ] {
        check_address(currency, text, Ok(text));
        let script = Address::parse(&coin(currency), text).unwrap().script(&coin(currency));
        assert!(script.is_some(), "{text}");
        let mistyped =
            format!("{}{}", &text[..text.len() - 1], if text.ends_with('y') { 'z' } else { 'y' });
        check_address(currency, &mistyped, Err(NotAnAddress::Mistyped(like(currency))));
        // No other coin takes it.
        for other in BitcoinLike::ALL.iter().filter(|other| other.currency != currency) {
            check_address(other.currency, text, Err(NotAnAddress::Other(other)));
        }
    }
    check_address("LTC", &FIRST_LTC_84[0].to_uppercase(), Ok(FIRST_LTC_84[0]));
    let bare = FIRST_BCH[0].strip_prefix("bitcoincash:").unwrap();
    for text in [bare, &bare.to_uppercase(), &FIRST_BCH[0].to_uppercase(), FIRST_BCH[0]] {
        check_address("BCH", text, Ok(FIRST_BCH[0]));
    }
    let mixed = bare.replacen('q', "Q", 1);
    check_address("BCH", &mixed, Err(NotAnAddress::Mistyped(like("BCH"))));
}

#[test]
fn an_address_is_the_script_that_nodes_are_asked_for() {
    for (currency, text, script) in [
        (
            "LTC",
            "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
            "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        (
            "DOGE",
            "D596YFweJQuHY1BbjazZYmAbt8jJPbKehC",
            "76a914000000000000000000000000000000000000000088ac",
        ),
        (
            "BCH",
            "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq",
            "a91476a04053bda0a88bda5177b86a15c3b29f55987387",
        ),
        (
            "ZEC",
            "t3JZcvsuaXE6ygokL4XUiZSTrQBUoPYFnXJ",
            "a914000000000000000000000000000000000000000087",
        ),
    ] {
        let address = Address::parse(&coin(currency), text).unwrap();
        assert_eq!(address.script(&coin(currency)).as_deref(), Some(script), "{text}");
        assert_eq!(address.script(&Coin::Monero), None);
    }
}

#[test]
fn an_address_of_a_test_network_or_of_no_wallet_is_refused() {
    for (currency, text) in [
        ("LTC", "tltc1qffyr26rxthxl56xatzslv2yngj9xgveevuy4vc"),
        ("LTC", "QWv1BCdaht12tDuNs2GuFgGMDqU3rsUKLp"),
        ("LTC", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"),
        ("DOGE", "naxvmcKgLi92MJkVvNBGVPooeJKY4wHDxY"),
        ("BCH", "bchtest:qp9ysdtgvewum7ngm4v2ra3gjdzg5epn8y0jhu0vf4"),
        ("BCH", "qp9ysdtgvewum7ngm4v2ra3gjdzg5epn8y0jhu0vf4"),
        ("ZEC", "tmGV7qWYfUK57gDF3m7f7ghpaNwUqz6n13o"),
        ("ZEC", "t2Grq3TMav6qZgb9RRxSBEU8DEFEJpUiLCM"),
    ] {
        check_address(currency, text, Err(NotAnAddress::TestNetwork(like(currency))));
    }
    for (currency, text) in [
        // Bitcoin's, Litecoin's before 2018, and Bitcoin Cash's before CashAddr, which cannot be told apart.
        ("LTC", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"),
        ("BCH", "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"),
        ("BCH", ""),
        ("DOGE", ""),
        // Shielded and unified addresses, whose payments nobody can see without a private key.
        ("ZEC", "zs1z7rejlpsa98s2rrrfkwmaxu53e4ue0ulcrw0h4x5g8jl04tak0d3mm47vdtahatqrlkngh9slya"),
        (
            "LTC",
            "ltcmweb1qqw5hz0f9j3vukhmp0ug6mxnnrppw0vxmj2nd7s3n7ysq5q9pz4ncjq5rsqhh0gx7g4jdsd4jc0p4ygq0d6n8nyjxs0zqjqm8c4hh",
        ),
    ] {
        check_address(currency, text, Err(NotAnAddress::Other(like(currency))));
    }
}

proptest! {
    #[test]
    fn every_address_is_one_of_the_coin(index in 0..=ExtendedPubkey::LAST_INDEX) {
        for (currency, text) in [
            ("LTC", LTC_84), ("LTC", LTC_49), ("LTC", LTC_44), ("DOGE", DOGE), ("BCH", BCH), ("ZEC", ZEC),
        ] {
            let address = ExtendedPubkey::parse(&coin(currency), text).unwrap().address(index);
            prop_assert_eq!(Address::parse(&coin(currency), address.as_str()), Ok(address));
        }
    }

    #[test]
    fn no_text_panics(text in ".*|(bitcoincash:)?[qp][02-9ac-hj-np-z]{41,60}|ltc1[02-9ac-hj-np-z]{30,60}|[LMDAt][1-9A-HJ-NP-Za-km-z]{33,34}") {
        for one in BitcoinLike::ALL {
            let coin = Coin::BitcoinLike(one);
            let _ = ExtendedPubkey::parse(&coin, &text);
            if let Ok(address) = Address::parse(&coin, &text) {
                prop_assert_eq!(Address::parse(&coin, address.as_str()), Ok(address));
            }
        }
    }
}
