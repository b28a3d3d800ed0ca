//! Where orders are to be paid, and how they are told apart.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::world::{BTC_ZPUB, ETH_XPUB, World, XMR_ADDRESS};

const ETH_ADDRESS: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
/// Of a publicly known test wallet.
const XMR_VIEW_KEY: &str = "2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d";
const XMR_SPEND_KEY: &str = "e8ebfb7313990f52f14ee6846f791e460e49a1e1d22ac4aa18dfa52527f2fe0f";
const XMR_SUBADDRESSES: [&str; 2] = [
    "87TTHe2tAJ5gnm1mS3PYekQegxTrf2Kg1Nt4mMg2neWybKb7eKfvS4ZBoHB6zfSeoPGmaZfVTRjVx9QeoUA4Dg9xMB3R6Nn",
    "8659tfueJhGGhiWNSaehoF8HWUtKpDZgSb4BNyCkmDDpWMfw149efzuQCSWBjqwMcfTn3LniS2PxF259P1QE9PEG99miLBL",
];
/// BIP-84's account as a descriptor, with the checksum that Sparrow and Bitcoin Core write.
const BTC_XPUB: &str = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V";

/// One product for 0.1 of whatever the wallet receives.
fn selling(wallet: Value) -> Value {
    json!({
        "wallets": {"_model": "Wallet", "one": wallet},
        "products": {"_model": "Product", "tea": {"name": "Green Tea", "quantity": 1000, "price": 100_000_000}},
    })
}

/// Address and amount of one more order.
fn orders(world: &World) -> (String, String) {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[]);
    (page.mark("address"), page.mark("amount"))
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Units: Gwei above the price.
fn tail(amount: &str) -> i64 {
    let (whole, decimals) = amount.split_once('.').unwrap();
    let gwei: i64 = format!("{whole}{decimals:0<9}").parse().unwrap();
    gwei - 100_000_000
}

#[test]
fn orders_that_share_an_address_are_told_apart_by_their_amount() {
    let world = World::with(&selling(json!({"currency": "ETH", "address": ETH_ADDRESS})), &[]);
    let all: Vec<(String, String)> = (0..12).map(|_| orders(&world)).collect();
    assert!(all.iter().all(|(address, _)| address == ETH_ADDRESS));
    let tails: Vec<i64> = all.iter().map(|(_, amount)| tail(amount)).collect();
    assert!(
        tails.iter().all(|tail| (10..=1_500).contains(tail) && tail % 10 == 0),
        "a few units in the eighth decimal: {tails:?}"
    );
    let distinct: BTreeSet<&i64> = tails.iter().collect();
    assert_eq!(distinct.len(), 12);
    // They do not count the orders.
    assert!(!tails.is_sorted(), "{tails:?}");
}

#[test]
fn where_the_amounts_of_a_coin_are_used_up_the_buyer_comes_back_later() {
    let wallet = json!({"currency": "BTC", "address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"});
    let world = World::with(&selling(wallet), &[]);
    let tails: BTreeSet<i64> = (0..7).map(|_| tail(&orders(&world).1)).collect();
    assert_eq!(tails, (1..=7).map(|n| 10 * n).collect());
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let answer = buyer.tries_to_check_out(&[]);
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("Try again later"));
    // Another sum is another amount.
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "2");
    assert!(
        (200_000_010..=200_000_070)
            .contains(&(tail(&buyer.checks_out(&[]).mark("amount")) + 100_000_000))
    );
}

#[test]
fn a_monero_wallet_is_asked_in_the_way_that_it_can_tell_orders_apart_by() {
    let wallet = |more: Value| {
        let mut wallet = json!({"currency": "XMR", "address": XMR_ADDRESS});
        wallet.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        selling(wallet)
    };
    // With the view key: the subaddresses that the wallet itself shows.
    let world = World::with(&wallet(json!({"view_key": XMR_VIEW_KEY})), &[]);
    for expected in XMR_SUBADDRESSES {
        assert_eq!(orders(&world), (expected.to_owned(), "0.1".to_owned()));
    }
    let listed = world.says(&["wallet", "addresses", "XMR", "--count", "2"]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), XMR_SUBADDRESSES);

    // Without it: a payment id in the address, for nobody to count.
    world.seed(&wallet(json!({})));
    let integrated: BTreeSet<String> = (0..3).map(|_| orders(&world).0).collect();
    assert_eq!(integrated.len(), 3);
    for address in &integrated {
        assert!(address.len() == 106 && address.starts_with('4'), "{address}");
    }

    // A subaddress alone cannot carry one: the amounts differ.
    world.seed(&wallet(json!({"address": XMR_SUBADDRESSES[0]})));
    let (address, amount) = orders(&world);
    assert_eq!(address, XMR_SUBADDRESSES[0]);
    assert!((10..=9_990).contains(&tail(&amount)));

    // The view key again: its count goes on.
    world.seed(&wallet(json!({"view_key": XMR_VIEW_KEY})));
    assert!(!XMR_SUBADDRESSES.contains(&orders(&world).0.as_str()));
}

#[test]
fn an_account_goes_on_counting_however_its_key_is_written() {
    let world = World::with(&selling(json!({"currency": "BTC", "xpub": BTC_ZPUB})), &[]);
    let listed = world.says(&["wallet", "addresses", "BTC", "--count", "12"]);
    let listed: Vec<&str> = listed.lines().collect();
    assert_eq!(orders(&world).0, listed[0]);
    for (n, text) in [
        format!("wpkh([73c5da0a/84h/0h/0h]{BTC_XPUB}/0/*)"),
        format!("wpkh({BTC_XPUB}/<0;1>/*)"),
        BTC_ZPUB.to_owned(),
    ]
    .iter()
    .enumerate()
    {
        world.seed(&selling(json!({"currency": "BTC", "xpub": text})));
        assert_eq!(orders(&world).0, listed[n + 1], "{text}");
    }
}

#[test]
fn what_an_earlier_version_counted_by_the_keys_text_is_not_given_out_again() {
    let mut world = World::with(&selling(json!({"currency": "BTC", "xpub": BTC_ZPUB})), &[]);
    world.close("-TERM");
    world.sql("delete from address_indexes");
    world.sql_with(
        "insert into address_indexes (account, next_index) values (cast(? as text), 7)",
        &[BTC_ZPUB.as_bytes()],
    );
    world.open();
    let listed = world.says(&["wallet", "addresses", "BTC", "--first", "7", "--count", "2"]);
    let listed: Vec<&str> = listed.lines().collect();
    assert_eq!(orders(&world).0, listed[0]);
    world.close("-TERM");
    world.open();
    assert_eq!(orders(&world).0, listed[1]);
}

#[test]
fn a_secret_in_a_file_is_refused_by_the_records_name_and_never_shown() {
    let mnemonic = format!("{}about", "abandon ".repeat(11));
    // Source: BIP-32, test vector 1, m.
    let extended = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
    let digits = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let import = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ";
    let world = World::closed(&[]);
    let good = || json!({"currency": "ETH", "address": ETH_ADDRESS});
    for secret in [mnemonic.as_str(), extended, digits, import] {
        for field in
            ["address", "xpub", "name", "currency", "chain", "token", "seed", "view_key", "_note"]
        {
            let mut wallet = good();
            wallet[field] = json!(secret);
            is_refused(&world, &selling(wallet), "wallets \"one\"", secret);
        }
        let mut wallet = good();
        wallet["token"] = json!({"contract": secret, "decimals": 6});
        is_refused(&world, &selling(wallet), "wallets \"one\"", secret);
        let mut wallet = good();
        wallet["backup"] = json!([{"words": secret}]);
        is_refused(&world, &selling(wallet), "wallets \"one\"", secret);

        let mut catalog = selling(good());
        catalog["products"]["tea"]["description"] = json!(secret);
        is_refused(&world, &catalog, "products \"tea\"", secret);
    }
    let mut catalog = selling(good());
    catalog["products"]["tea"]["description"] = json!(format!("Mind: {mnemonic}. Good tea."));
    is_refused(&world, &catalog, "products \"tea\"", &mnemonic);
    let spend = json!({"currency": "XMR", "address": XMR_ADDRESS, "view_key": XMR_SPEND_KEY});
    is_refused(&world, &selling(spend), "wallets \"one\"", XMR_SPEND_KEY);
    let beside = json!({"currency": "ETH", "address": ETH_ADDRESS, "view_key": XMR_VIEW_KEY});
    is_refused(&world, &selling(beside), "wallets \"one\"", XMR_VIEW_KEY);
}

#[track_caller]
fn is_refused(world: &World, catalog: &Value, record: &str, secret: &str) {
    fs::write(world.path("data.json"), catalog.to_string()).unwrap();
    for arguments in [
        ["seed", "--check", "data.json"].as_slice(),
        &["seed", "--check", "--json", "data.json"],
        &["wallet", "check", "data.json"],
    ] {
        let output = world.shop(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {catalog}");
        let named = said.contains(record) || said.contains(&record.replace('"', "\\\""));
        assert!(named, "{record}: {said}");
        assert!(said.contains("PRIVATE") || secret == XMR_VIEW_KEY, "{said}");
        for piece in secret.split(' ').chain([secret]) {
            assert!(piece.len() < 4 || !said.contains(piece), "{said}");
        }
    }
}

#[test]
fn a_secret_in_a_setting_or_on_a_page_is_refused_by_its_name_and_never_shown() {
    let mnemonic = format!("{}about", "abandon ".repeat(11));
    let digits = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    for (name, value) in [
        ("WALLET", mnemonic.as_str()),
        ("WALLET", digits),
        ("CONTACT", mnemonic.as_str()),
        ("SITE_NAME", digits),
        ("SECRET", mnemonic.as_str()),
    ] {
        let output = World::closed(&[(name, value)]).shop(&["doctor"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(said.contains(name) && said.contains("PRIVATE"), "{name}: {said}");
        assert!(!said.contains("abandon") && !said.contains(digits), "{said}");
    }
    // Chance, as `openssl rand -hex 32` makes it, is what a SECRET is made of.
    let world = World::with(
        &selling(json!({"currency": "ETH", "address": ETH_ADDRESS})),
        &[("SECRET", digits)],
    );
    fs::write(world.path(".env"), format!("MY_SEED=\"{mnemonic}\"\n")).unwrap();
    let said = said(&world.shop(&["doctor"]));
    assert!(
        said.contains("MY_SEED") && said.contains("PRIVATE") && !said.contains("abandon"),
        "{said}"
    );
    fs::remove_file(world.path(".env")).unwrap();
    fs::create_dir(world.path("db/pages")).unwrap();
    fs::write(world.path("db/pages/about.md"), format!("# Us\n\n{mnemonic}\n")).unwrap();
    let said = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(
        said.contains("about.md") && said.contains("PRIVATE") && !said.contains("abandon"),
        "{said}"
    );
}

#[test]
fn wallet_check_says_what_each_wallet_is_and_what_a_thief_would_see() {
    let world = World::with(
        &json!({
            "wallets": {"_model": "Wallet",
                "eth": {"currency": "ETH", "xpub": ETH_XPUB},
                "btc": {"currency": "BTC", "xpub": "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5"},
                "xmr": {"currency": "XMR", "address": XMR_ADDRESS, "view_key": XMR_VIEW_KEY},
                "usdc": {"currency": "USDC", "address": ETH_ADDRESS, "chain": 137,
                    "token": {"contract": "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "decimals": 6, "symbol": "USDC"}}},
            "products": {"_model": "Product", "tea": {"name": "Green Tea", "price": 100_000_000}},
        }),
        &[],
    );
    let said = world.says(&["wallet", "check"]);
    for words in [
        "ETH (eth): Ethereum mainnet  DEMO",
        "BTC (btc): Bitcoin mainnet\n",
        "begin with 1 (BIP-44)",
        "many wallets show xpub",
        "a separate subaddress",
        "chain 137, contract 0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359, 6 decimals",
        "up to 0.0085 is added, in steps of 0.00001",
        "if the server is seized, it reveals every payment that this wallet receives",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains(XMR_VIEW_KEY) && !said.contains(ETH_XPUB));
    let all: Value = serde_json::from_str(&world.says(&["wallet", "check", "--json"])).unwrap();
    assert_eq!(all[0]["demo"], true);
    assert_eq!(all[3]["one_address_for_all"], true);

    let numbered =
        world.says(&["wallet", "addresses", "ETH", "--count", "2", "--first", "1", "--numbers"]);
    assert!(
        numbered.starts_with("     1  0x70997970C51812dc3A010C7d01b50e0d17dc79C8\n     2  0x"),
        "{numbered}"
    );
    let listed = world.says(&["wallet", "addresses", "ETH", "--count", "20"]);
    assert_eq!(listed.lines().count(), 20);
}

#[test]
fn a_file_is_looked_at_before_the_shop_opens() {
    let world = World::closed(&[]);
    let bad = selling(
        json!({"currency": "ETH", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"}),
    );
    fs::write(world.path("data.json"), bad.to_string()).unwrap();
    let output = world.shop(&["wallet", "check", "data.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("EIP-55"), "{}", said(&output));
    fs::write(
        world.path("data.json"),
        selling(json!({"currency": "ETH", "address": ETH_ADDRESS})).to_string(),
    )
    .unwrap();
    assert!(world.says(&["wallet", "check", "data.json"]).contains("exact amounts"));
    assert!(!world.path("db").exists());
}

#[test]
fn a_token_is_asked_for_in_its_own_decimals() {
    let usdc = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
    let token =
        |token: Value| selling(json!({"currency": "USDC", "xpub": ETH_XPUB, "token": token}));
    let world =
        World::with(&token(json!({"contract": usdc, "decimals": 6, "symbol": "USDC"})), &[]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[]);
    assert_eq!(page.mark("amount"), "0.1");
    assert!(page.text().contains("uint256=100000"), "{}", page.text());
    let check = |catalog: &Value| {
        fs::write(world.path("token.json"), catalog.to_string()).unwrap();
        said(&world.shop(&["seed", "--check", "token.json"]))
    };
    for (refused, words) in [
        (json!({"contract": "0x123abc", "decimals": 6}), "40 hex characters"),
        (json!({"contract": usdc}), "`decimals`: found nothing"),
        (json!({"contract": usdc, "decimals": 37}), "from 0 to 36"),
        (json!({"decimals": 6}), "`contract`: found nothing"),
        (json!(7), "the token's contract address"),
    ] {
        let said = check(&token(refused));
        assert!(said.contains("wallets \"one") && said.contains(words), "{words}: {said}");
    }
    let other = check(&token(json!({"contract": usdc, "decimals": 6, "symbol": "USDC.e"})));
    assert!(other.contains("is valid") && other.contains("\"USDC.e\""), "{other}");
    let mut finer = token(json!({"contract": usdc, "decimals": 6}));
    finer["products"]["tea"]["price"] = json!(100_000_001);
    assert!(check(&finer).contains("a multiple of 1000"));
    // Amounts of whole tokens cannot tell orders apart under a cent.
    let whole = json!({"currency": "HOURS", "address": ETH_ADDRESS, "token": {"contract": usdc, "decimals": 0}});
    assert!(check(&selling(whole)).contains("`xpub`"));
}

#[test]
fn a_known_token_needs_only_its_name() {
    let token = |currency: &str, token: Value| {
        selling(json!({"currency": currency, "xpub": ETH_XPUB, "token": token}))
    };
    let world = World::with(&token("USDT", json!("USDT")), &[]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[]);
    assert_eq!(page.mark("amount"), "0.1");
    let link = page.attribute("payment-link", "href").replace("&amp;", "&");
    let transfer = "ethereum:0xdAC17F958D2ee523a2206206994597C13D831ec7@1/transfer?address=0x";
    assert!(link.starts_with(transfer) && link.ends_with("uint256=100000"), "{link}");
    // An exported catalog names the contract, and is imported as it is.
    let exported = world.says(&["catalog", "export"]);
    assert!(exported.contains("0xdAC17F958D2ee523a2206206994597C13D831ec7"), "{exported}");
    let check = |catalog: &Value| {
        fs::write(world.path("token.json"), catalog.to_string()).unwrap();
        said(&world.shop(&["seed", "--check", "token.json"]))
    };
    assert!(check(&token("DAI", json!({"contract": "dai"}))).contains("is valid"));
    let named = check(&token("DOLLAR", json!("USDC")));
    assert!(named.contains("is valid") && named.contains("the token is USDC"), "{named}");
    let unknown = check(&token("EURC", json!("EURC")));
    assert!(unknown.contains("USDT, USDC or DAI"), "{unknown}");
    let mut elsewhere = token("USDC", json!("USDC"));
    elsewhere["wallets"]["one"]["chain"] = json!(137);
    let elsewhere = check(&elsewhere);
    assert!(elsewhere.contains("on another chain give the address"), "{elsewhere}");
    let decimals = check(&token("DAI", json!({"contract": "DAI", "decimals": 6})));
    assert!(decimals.contains("has 18 decimals"), "{decimals}");
}

#[test]
fn the_doctor_says_when_the_sellers_wallet_must_look_further() {
    let world = World::with(&selling(json!({"currency": "BTC", "xpub": BTC_ZPUB})), &[]);
    orders(&world);
    let said = || String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    let before = said();
    assert!(before.contains("1 in BTC used since the last one that was paid"), "{before}");
    assert!(!before.contains("change_gap_limit"));
    world.sql("update address_indexes set next_index = 31, paid_index = 8");
    let after = said();
    assert!(after.contains("22 in BTC used since"), "{after}");
    assert!(after.contains("wallet.change_gap_limit(50)") && after.contains("Sparrow"), "{after}");
}

#[test]
fn wallet_check_reads_keys_as_wallets_export_them() {
    let world = World::closed(&[]);
    // Source: a key that Sparrow exported, with the origin that it showed beside it.
    let key = "xpub6CYYYw6h668PkCSXxH9yxBG32zCMEb6N9DuVY8Ax8U7RSV86qKrrhjJfS6nL5jSoikLpd1Qw9qgHv5vyRi7V4nfV3ymLfGpFShsYsFmQiT8";
    let origin = "[3f635a63/84h/0h/0h]";
    let checks = |text: &str| {
        let file = json!({"wallets": {"_model": "Wallet", "btc": {"currency": "BTC", "name": "Bitcoin", "xpub": text}}});
        std::fs::write(world.path("data.json"), file.to_string()).unwrap();
        world.shop(&["wallet", "check", "data.json"])
    };
    let first = checks(&format!("wpkh({key}/0/*)"));
    let first = String::from_utf8(first.stdout).unwrap();
    assert!(first.contains("bc1q"), "{first}");
    for text in [
        format!("{origin}{key}"),
        format!("  {origin}{key}/0/*\n"),
        format!("wpkh({origin}{key}/{{0,1}}/*)"),
        format!("wpkh({origin}{key}/<0;1>/*)"),
        format!("wpkh({origin}{key}/**)"),
    ] {
        let checked = checks(&text);
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{text}: {said}");
        assert_eq!(String::from_utf8(checked.stdout).unwrap(), first, "{text}");
    }
    for (text, words) in [
        (format!("tr({origin}{key}/0/*,pk({key}/0/*))"), "contains scripts"),
        (format!("wsh(sortedmulti(1,{origin}{key}/0/*))"), "multisig key"),
        (
            format!("wpkh({origin}{key}/<1;0>/*)"),
            "does not lead to the wallet's receiving addresses",
        ),
        (format!("wpkh({origin}{key}/0/*/*)"), "does not lead to the wallet's receiving addresses"),
        (format!("wpkh({origin}{key}/0h/*)"), "needs the private key"),
        (format!("wpkh({origin}{key}/0/*)#00000000"), "checksum does not match"),
    ] {
        let checked = checks(&text);
        assert_eq!(checked.status.code(), Some(1), "{text}");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&checked.stdout),
            String::from_utf8_lossy(&checked.stderr)
        );
        assert!(said.contains(words), "{text}: {said}");
    }
}
