//! The coins whose chains work like Bitcoin's: from the catalog file to the order's page.

use std::fs;

use serde_json::{Value, json};

use crate::world::World;

/// Source: the mnemonic `abandon … about`, as `domain/payment/extended_pubkey/coins_tests.rs` has it: currency, name, key,
/// first address, what the payment link begins with, default confirmations, and whether a node can be asked.
const COINS: [(&str, &str, &str, &str, &str, &str, bool); 4] = [
    (
        "LTC",
        "Litecoin",
        "zpub6rPo5mF47z5coVm5rvWv7fv181awb7Vckn5Cf3xQXBVKu18kuBHDhNi1Jrb4br6vVD3ZbrnXemEsWJoR18mZwkUdzwD8TQnHDUCGxqZ6swA",
        "ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",
        "litecoin:ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh?amount=",
        "6",
        true,
    ),
    (
        "DOGE",
        "Dogecoin",
        "dgub8rUhDtD3YFGZTUphBfpBbzvFxSMKQXYLzg87Me2ta78r2SdVLmypBUkkxrrn9RTnchsyiJSkHZyLWxD13ibBiXtuFWktBoDaGaZjQUBLNLs",
        "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC",
        "dogecoin:DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC?amount=",
        "40",
        false,
    ),
    (
        "BCH",
        "Bitcoin Cash",
        "xpub6ByHsPNSQXTWZ7PLESMY2FufyYWtLXagSUpMQq7Un96SiThZH2iJB1X7pwviH1WtKVeDP6K8d6xxFzzoaFzF3s8BKCZx8oEDdDkNnp4owAZ",
        "bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6",
        "bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6?amount=",
        "15",
        false,
    ),
    (
        "ZEC",
        "Zcash",
        "xpub6CLX6bXDznyoBCRaHYmzfApq4dLc34UydL1gRHQTG55pNwbKSC2GvXjTQ4VS3n6P24fRd14uKz7P92xJQ3MWdRzUxGkqiftZf3riboiJLJs",
        "t1XVXWCvpMgBvUaed4XDqWtgQgJSu1Ghz7F",
        "zcash:t1XVXWCvpMgBvUaed4XDqWtgQgJSu1Ghz7F?amount=",
        "24",
        false,
    ),
];

/// One product for 1.5 of each coin.
fn catalog(wallet: impl Fn(&str, &str) -> Value) -> Value {
    let mut wallets = serde_json::Map::from_iter([("_model".to_owned(), json!("Wallet"))]);
    let mut prices = Vec::new();
    for (currency, name, key, ..) in COINS {
        let mut record = wallet(currency, key);
        record["currency"] = json!(currency);
        record["name"] = json!(name);
        wallets.insert(currency.to_lowercase(), record);
        let reference = format!("->wallets.{}", currency.to_lowercase());
        prices.push(json!({"price": 1_500_000_000, "wallet": reference}));
    }
    json!({
        "wallets": wallets,
        "products": {"_model": "Product", "tea": {"name": "Green Tea", "quantity": 100, "prices": prices}},
    })
}

fn by_key() -> Value {
    catalog(|_, key| json!({"xpub": key}))
}

#[test]
fn an_order_is_paid_by_the_link_and_the_code_of_its_coin() {
    let world = World::with(&by_key(), &[]);
    for (n, (currency, name, _, address, link, ..)) in COINS.into_iter().enumerate() {
        let mut buyer = world.buyer();
        buyer.chooses(currency);
        buyer.adds("green-tea", "", "1");
        let page = buyer.checks_out(&[]);
        assert_eq!(page.mark("address"), address);
        assert_eq!((page.mark("amount"), page.mark("currency")), ("1.5".into(), currency.into()));
        assert!(page.text().contains(&format!("href=\"{link}1.5\"")), "{}", page.text());
        assert!(page.text().contains(&format!("Most {name} wallets")), "{name}");
        for path in ["/order/qr.png", "/order/address.png"] {
            let picture = buyer.get(path);
            assert_eq!((picture.status, &picture.bytes[1..4]), (200, &b"PNG"[..]), "{path}");
        }
        // The transaction is one of this coin.
        let refused = buyer.post("/order/transaction", &[("transaction", "0x12")]);
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains(&format!("A {name} transaction ID is 64 hex")), "{name}");
        let given = n.to_string().repeat(64);
        assert_eq!(buyer.post("/order/transaction", &[("transaction", &given)]).status, 303);
        // The next order has the next address.
        let mut next = world.buyer();
        next.chooses(currency);
        next.adds("green-tea", "", "1");
        assert_ne!(next.checks_out(&[]).mark("address"), address);
    }
}

#[test]
fn a_refund_address_is_one_of_the_coin() {
    let world = World::with(&by_key(), &[]);
    for (currency, name, _, address, ..) in COINS {
        let mut buyer = world.buyer();
        buyer.chooses(currency);
        buyer.adds("green-tea", "", "1");
        for (refund, words) in [
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", format!("A {name} address starts with one of:")),
            (&address[..address.len() - 1], "the checksum does not match".to_owned()),
        ] {
            let answer = buyer.tries_to_check_out(&[("refund", refund)]);
            assert_eq!(answer.status, 422, "{currency} {refund}");
            assert!(
                answer.text().to_lowercase().contains(&words.to_lowercase()),
                "{currency} {refund}"
            );
        }
        buyer.checks_out(&[("refund", address)]);
    }
}

#[test]
fn wallets_of_these_coins_are_checked_exported_and_read_again() {
    let world = World::with(&by_key(), &[]);
    let said = world.says(&["wallet", "check"]);
    for (currency, name, _, address, ..) in COINS {
        assert!(said.contains(&format!("{currency} ({name}): {name} mainnet  DEMO")), "{said}");
        assert_eq!(world.says(&["wallet", "addresses", currency, "--count", "1"]).trim(), address);
    }
    for words in ["ltc1q (BIP-84)", "D (BIP-44)", "bitcoincash:q (BIP-44)", "t1 (BIP-44)"] {
        assert!(said.contains(&format!("addresses that begin with {words}")), "{words}: {said}");
    }
    assert!(!said.contains("many wallets show"), "{said}");
    world.says(&["catalog", "export", "again.json"]);
    let again = fs::read_to_string(world.path("again.json")).unwrap();
    for (_, _, key, ..) in COINS {
        assert!(again.contains(key), "{again}");
    }
    world.says(&["seed", "again.json"]);

    // One address for all: only amounts differ.
    world.seed(&catalog(|currency, _| {
        let (.., address, _, _, _) = COINS.into_iter().find(|coin| coin.0 == currency).unwrap();
        json!({"address": address})
    }));
    for (currency, _, _, address, ..) in COINS {
        let mut buyer = world.buyer();
        buyer.chooses(currency);
        buyer.adds("green-tea", "", "1");
        let page = buyer.checks_out(&[]);
        assert_eq!(page.mark("address"), address);
        assert!(page.mark("amount").starts_with("1.50000"), "{}", page.mark("amount"));
        assert_ne!(page.mark("amount"), "1.5");
    }
}

#[test]
fn a_wallet_of_another_coin_is_refused_with_the_reason() {
    let world = World::with(&by_key(), &[]);
    let litecoin = COINS[0].2;
    for (currency, record, words) in [
        ("DOGE", json!({"xpub": litecoin}), "its account keys start with one of: dgub, xpub"),
        ("ZEC", json!({"address": COINS[1].3}), "a Zcash address starts with one of: t1, t3"),
        (
            "BCH",
            json!({"address": "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"}),
            "bitcoincash:q, bitcoincash:p",
        ),
        (
            "LTC",
            json!({"address": "tltc1qffyr26rxthxl56xatzslv2yngj9xgveevuy4vc"}),
            "Litecoin testnet address",
        ),
        (
            "DOGE",
            json!({"xpub": "dgpv51eADS3spNJh98bWAfYnAW8K1gMy86HKmH1dpyT8kLsUKBqssT3jsLLFWyK4zbruL51UjejFDzrFzBcwjjA57rSv6D2978QigKG4xbCfJV6"}),
            "PRIVATE",
        ),
    ] {
        let wrong = catalog(
            |name, key| {
                if name == currency { record.clone() } else { json!({"xpub": key}) }
            },
        );
        fs::write(world.path("wrong.json"), wrong.to_string()).unwrap();
        let output = world.shop(&["seed", "--check", "wrong.json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{currency}: {said}");
        assert!(!said.contains("dgpv"), "{said}");
    }
}

#[test]
fn a_coin_that_no_node_can_be_asked_about_is_confirmed_by_the_seller() {
    let world = World::with(&by_key(), &[]);
    let said = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    for (currency, name, .., confirmations, has_node) in COINS {
        let line = format!(
            "{name}: payments cannot be tracked; you confirm them yourself, for example at {confirmations} confirmations"
        );
        assert_eq!(said.contains(&line), !has_node, "{name}: {said}");
        let setting = format!("{currency}_RPC_URL");
        fs::write(world.path(".env"), format!("{setting}=http://u:hunter2@127.0.0.1:9\n")).unwrap();
        let output = world.shop(&["wallet", "check"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), has_node, "{said}");
        let words = format!(
            "{setting} (.env, line 1): found a setting that does not exist; expected nothing: the shop cannot follow {name}"
        );
        assert_eq!(said.contains(&words), !has_node, "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn the_older_settings_take_these_coins_too() {
    let world = World::closed(&[]);
    fs::write(world.path(".env"), format!("WALLET={}\nCURRENCY=DOGE\n", COINS[1].3)).unwrap();
    let said = String::from_utf8(world.shop(&["wallet", "check"]).stderr).unwrap();
    assert!(!said.contains("invalid settings"), "{said}");
    fs::write(world.path(".env"), "WALLET=x\nCURRENCY=DASH\n").unwrap();
    let said = String::from_utf8(world.shop(&["wallet", "check"]).stderr).unwrap();
    assert!(said.contains("one of BTC, LTC, DOGE, BCH, ZEC, XMR, ETH; other coins need"), "{said}");
}
