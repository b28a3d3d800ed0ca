use std::fs;

use serde_json::{Value, json};

use crate::world::{Buyer, World, catalog};

fn in_eth(price: i64) -> Value {
    json!([{"price": price, "wallet": "->wallets.eth"}])
}

/// The catalog with weights, countries that an item does not go to, and two shipping methods that have no price in BTC.
fn with_rules() -> Value {
    let mut file = catalog();
    file["products"]["tea"]["weight"] = json!(250);
    file["products"]["tea"]["excluded_countries"] = json!(["Austria"]);
    file["products"]["cap"]["weight"] = json!(100);
    file["products"]["cap"]["options"] = json!(["Small", {"name": "Large", "weight": 300}]);
    file["shipping"] = json!({"_model": "ShippingRate",
        "letter": {"name": "Letter", "countries": ["EU", "Kosovo"], "excluded_countries": ["FR"],
            "steps": [{"up_to_grams": 500, "prices": in_eth(1_000_000)}, {"up_to_grams": 1_000, "prices": in_eth(2_000_000)}],
            "free_from": in_eth(270_000_000)},
        "parcel": {"name": "Parcel", "countries": ["World"],
            "steps": [{"up_to": in_eth(100_000_000), "prices": in_eth(9_000_000)}, {"prices": in_eth(5_000_000)}]}});
    file
}

fn buyer_of(world: &World, items: &[(&str, &str, &str)]) -> Buyer {
    let mut buyer = world.buyer();
    for (product, option, quantity) in items {
        buyer.adds(product, option, quantity);
    }
    buyer
}

#[test]
fn an_order_pays_the_step_that_holds_it_and_nothing_above_a_sum() {
    let world = World::with(&with_rules(), &[]);
    let amount = |items: &[(&str, &str, &str)], more: &[(&str, &str)]| {
        let has_country = more.iter().any(|(name, _)| *name == "country");
        let home = [("country", "Germany")];
        let all = [more, if has_country { &[] } else { &home }].concat();
        buyer_of(&world, items).checks_out(&all).mark("amount")
    };
    // Tea is 0.09199 ETH and 250 g; a large cap is 0.007 ETH and 300 g.
    assert_eq!(amount(&[("green-tea", "", "1")], &[]), "0.09299");
    assert_eq!(amount(&[("green-tea", "", "2")], &[]), "0.18498");
    assert_eq!(amount(&[("green-tea", "", "1"), ("cap", "Small", "1")], &[]), "0.09999");
    assert_eq!(amount(&[("green-tea", "", "1"), ("cap", "Large", "1")], &[]), "0.10099");
    assert_eq!(amount(&[("green-tea", "", "3")], &[]), "0.27597");
    assert_eq!(amount(&[("green-tea", "", "1")], &[("country", "XK")]), "0.09299");
    // The letter does not go to France and does not take 1,250 g; the parcel is cheaper from 0.1 ETH.
    assert_eq!(amount(&[("green-tea", "", "1")], &[("country", "France")]), "0.10099");
    assert_eq!(amount(&[("green-tea", "", "5")], &[]), "0.46495");
    assert_eq!(amount(&[("green-tea", "", "1")], &[("shipping", "Parcel")]), "0.10099");
    // What an order was charged stays as it is.
    let mut file = with_rules();
    file["shipping"]["letter"]["steps"][0]["prices"] = in_eth(4_000_000);
    let mut buyer = buyer_of(&world, &[("green-tea", "", "1")]);
    let page = buyer.checks_out(&[("country", "DE")]);
    world.seed(&file);
    assert_eq!(buyer.get("/order").mark("amount"), page.mark("amount"));
    assert!(buyer.get("/order").text().contains("0.001"), "{}", page.text());
}

#[test]
fn an_item_that_does_not_go_to_the_country_is_named() {
    let world = World::with(&with_rules(), &[]);
    let mut buyer = buyer_of(&world, &[("green-tea", "", "1"), ("cap", "Small", "1")]);
    let answer = buyer.tries_to_check_out(&[("country", "AT")]);
    assert_eq!(answer.status, 422);
    assert_eq!(answer.attribute("country", "aria-invalid"), "true");
    let error = answer.mark("country-error");
    assert!(error.contains("Green Tea") && !error.contains("Cap"), "{error}");
    assert!(world.messages().is_empty());
    let mut buyer = buyer_of(&world, &[("cap", "Small", "1")]);
    assert_eq!(buyer.checks_out(&[("country", "AT")]).mark("amount"), "0.008");
}

#[test]
fn a_cart_that_no_method_takes_says_so_before_the_form() {
    let world = World::with(&with_rules(), &[]);
    let mut buyer = buyer_of(&world, &[("green-tea", "", "1")]);
    assert!(buyer.get("/cart").text().contains("/checkout"));
    buyer.chooses("BTC");
    let page = buyer.get("/cart").text();
    assert!(page.contains("We have no shipping price in BTC"), "{page}");
    assert!(page.contains("name=\"currency\" value=\"ETH\">Pay in ETH"), "{page}");
    // XMR has no shipping price either.
    assert!(!page.contains("Pay in XMR") && !page.contains("href=\"/checkout\""), "{page}");
    let answer = buyer.get("/checkout");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/cart")));
    assert_eq!(buyer.tries_to_check_out(&[]).status, 422);
    buyer.chooses("ETH");
    assert!(buyer.get("/cart").text().contains("href=\"/checkout\""));

    let mut file = with_rules();
    file["shipping"].as_object_mut().unwrap().remove("parcel");
    world.seed(&file);
    let mut buyer = buyer_of(&world, &[("green-tea", "", "5")]);
    assert!(buyer.get("/cart").text().contains("too large for our shipping methods"));
    let europe = ["EU", "XK"];
    file["products"]["tea"]["excluded_countries"] = json!(europe);
    world.seed(&file);
    let page = buyer_of(&world, &[("green-tea", "", "1")]).get("/cart").text();
    assert!(page.contains("cannot be shipped to one country together"), "{page}");
}

#[test]
fn every_fault_of_shipping_is_named_and_nothing_changes() {
    let world = World::with(&with_rules(), &[]);
    let mut bad = with_rules();
    bad["products"]["tea"]["weight"] = json!(0);
    bad["products"]["cap"]["options"][1]["weight"] = json!("heavy");
    bad["products"]["cap"]["excluded_countries"] = json!(["Elbonia"]);
    bad["shipping"]["letter"]["steps"][1]["up_to_grams"] = json!(500);
    bad["shipping"]["parcel"]["steps"][0]["up_to"] =
        json!([{"price": 10, "wallet": "->wallets.btc"}]);
    fs::write(world.path("db/bad.json"), bad.to_string()).unwrap();
    for arguments in [&["seed", "--check", "db/bad.json"][..], &["seed", "db/bad.json"]] {
        let output = world.shop(arguments);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        for expected in [
            "products \"tea\" weight",
            "products \"cap\", options[1] weight",
            "products \"cap\" excluded_countries[0]",
            "shipping \"letter\", steps[1] up_to_grams",
            "shipping \"parcel\", steps[0] up_to",
        ] {
            let words: Vec<&str> = expected.split(' ').collect();
            let is_named = |line: &str| words.iter().all(|word| line.contains(word));
            assert!(text.lines().any(is_named), "{expected}: {text}");
        }
    }
    assert_eq!(
        buyer_of(&world, &[("green-tea", "", "1")]).checks_out(&[("country", "DE")]).mark("amount"),
        "0.09299"
    );
}

#[test]
fn an_exported_catalog_has_every_rule() {
    let world = World::with(&with_rules(), &[]);
    world.says(&["catalog", "export", "db/out.json"]);
    let out: Value = serde_json::from_slice(&fs::read(world.path("db/out.json")).unwrap()).unwrap();
    assert_eq!(out["shipping"]["letter"]["countries"], json!(["EU", "XK"]));
    assert_eq!(out["shipping"]["letter"]["steps"][1]["up_to_grams"], json!(1_000));
    assert_eq!(out["shipping"]["parcel"]["steps"], with_rules()["shipping"]["parcel"]["steps"]);
    assert_eq!(out["products"]["tea"]["excluded_countries"], json!(["AT"]));
    assert_eq!(out["products"]["cap"]["options"][1]["weight"], json!(300));
    world.says(&["seed", "db/out.json"]);
    world.says(&["catalog", "export", "db/again.json"]);
    let read = |file: &str| fs::read_to_string(world.path(file)).unwrap();
    assert_eq!(read("db/out.json"), read("db/again.json"));
}

#[test]
fn the_doctor_names_missing_shipping_prices_and_weights() {
    let check = |file: &Value| {
        let world = World::with(file, &[]);
        let doctor: Value =
            serde_json::from_slice(&world.shop(&["doctor", "--json"]).stdout).unwrap();
        let checks = doctor["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == "shipping").unwrap().to_string()
    };
    let bad = check(&with_rules());
    assert!(bad.contains("BTC, XMR") && bad.contains("\"bad\""), "{bad}");
    let mut file = with_rules();
    // Only ether is accepted, and the socks have no weight.
    let wallets = file["wallets"].as_object_mut().unwrap();
    wallets.retain(|name, _| name == "eth" || name == "_model");
    let products = file["products"].as_object_mut().unwrap();
    products.remove("stone");
    for (_, product) in products.iter_mut().filter(|(name, _)| *name != "_model") {
        product["prices"] = in_eth(5_000_000);
    }
    let note = check(&file);
    assert!(note.contains("counted as 0 g: Wool Socks\"") && note.contains("\"note\""), "{note}");
    file["products"]["socks"]["options"] =
        json!([{"name": "Red", "weight": 90}, {"name": "Blue", "weight": 90}]);
    assert!(check(&file).contains("\"ok\""));
    file["shipping"] = json!({"_model": "ShippingRate"});
    assert!(check(&file).contains("shipping is free to all countries"));
}
