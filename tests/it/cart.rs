use std::fs;

use serde_json::json;

use crate::world::{World, catalog};

#[test]
fn items_are_added_changed_and_removed() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "2");
    buyer.adds("wool-socks", "Red", "1");
    buyer.adds("green-tea", "", "1");
    let text = buyer.get("/cart").text();
    assert!(
        text.contains("<td>0.09199 ETH</td>")
            && text.contains("<td class=\"sum\">0.27597 ETH</td>")
    );
    assert!(text.contains("<td class=\"sum total\">0.28097 ETH</td>"), "{text}");
    assert_eq!(
        buyer
            .post("/cart/change", &[("product", "green-tea"), ("option", ""), ("quantity", "1")])
            .status,
        303
    );
    assert!(buyer.get("/cart").text().contains("0.09699 ETH"));
    assert_eq!(
        buyer
            .post(
                "/cart/change",
                &[("product", "wool-socks"), ("option", "Red"), ("quantity", "0")]
            )
            .status,
        303
    );
    assert!(!buyer.get("/cart").text().contains("Wool Socks"));
    let answer =
        buyer.post("/cart/change", &[("product", "green-tea"), ("option", ""), ("quantity", "-1")]);
    assert_eq!(answer.status, 422);
    assert!(
        answer.text().contains("value=\"-1\"") && answer.text().contains("aria-invalid=\"true\"")
    );
}

#[test]
fn the_cart_shows_pictures_that_the_visitor_has_already_loaded() {
    let mut world = World::closed(&[]);
    let mut with_pictures = catalog();
    fs::create_dir_all(world.path("db/images")).unwrap();
    for (product, picture) in [("tea", "green-tea.jpg"), ("socks", "socks.jpg")] {
        let from = format!("{}/db/images/{picture}", env!("CARGO_MANIFEST_DIR"));
        fs::copy(from, world.path(&format!("db/images/{picture}"))).unwrap();
        with_pictures["products"][product]["images"] = json!([picture]);
    }
    fs::write(world.path("db/data.json"), with_pictures.to_string()).unwrap();
    world.open();
    let mut buyer = world.buyer();
    let picture =
        |text: &str| text.split("srcset=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let sheet = picture(&buyer.get("/").text());
    buyer.adds("green-tea", "", "1");
    buyer.adds("cap", "Small", "1");
    let text = buyer.get("/cart").text();
    assert_eq!(picture(&text), sheet);
    assert!(
        text.contains("class=\"cell x0 y0\"")
            && text.contains("<span class=\"no-picture\">C</span>"),
        "{text}"
    );
}

#[test]
fn the_badge_of_an_empty_cart_is_quiet() {
    let world = World::new();
    let mut buyer = world.buyer();
    assert!(buyer.get("/").text().contains("<span class=\"count n0\">"));
    buyer.adds("green-tea", "", "2");
    assert!(buyer.get("/").text().contains("<span class=\"count n2\">"));
    assert!(buyer.get("/").whole_text().contains(".cart-link .n0{"));
}

#[test]
fn what_cannot_be_bought_is_refused_with_a_reason() {
    let world = World::new();
    let mut buyer = world.buyer();
    for (product, option, quantity, words) in [
        (
            "wool-socks",
            "Red",
            "4",
            "Only 3 Wool Socks, Red in stock (you asked for 4, including your cart)",
        ),
        ("wool-socks", "Blue", "1", "Wool Socks, Blue is sold out"),
        ("wool-socks", "", "1", "Choose an option."),
        ("wool-socks", "Green", "1", "Choose an option."),
        ("stone", "", "1", "is not available in ETH"),
        ("green-tea", "", "0", "from 1 to 99"),
        ("green-tea", "", "many", "from 1 to 99"),
    ] {
        let answer = buyer
            .post("/cart", &[("product", product), ("option", option), ("quantity", quantity)]);
        assert_eq!(answer.status, 422, "{product} {option}");
        assert!(answer.text().contains(words), "{words}: {}", answer.text());
    }
    assert_eq!(buyer.post("/cart", &[("product", "nothing"), ("quantity", "1")]).status, 404);
    buyer.adds("cap", "Small", "3");
    let answer = buyer.post("/cart", &[("product", "cap"), ("option", "Large"), ("quantity", "2")]);
    assert_eq!(answer.status, 422, "options that share a stock are counted together");
}

#[test]
fn switching_the_currency_returns_to_the_same_page() {
    let world = World::new();
    let mut buyer = world.buyer();
    let answer = buyer.post("/currency", &[("currency", "btc"), ("back", "/product/green-tea")]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/product/green-tea")));
    assert!(buyer.get("/product/green-tea").text().contains("0.0009199 BTC"));
    for foreign in ["//evil.example/", "https://evil.example/", "/\\evil.example"] {
        assert_eq!(
            buyer.post("/currency", &[("currency", "ETH"), ("back", foreign)]).header("location"),
            Some("/")
        );
    }
    assert_eq!(buyer.post("/currency", &[("currency", "DOGE"), ("back", "/")]).status, 422);
}

#[test]
fn a_cart_too_large_for_its_cookie_is_refused_and_nothing_is_truncated() {
    let mut large = catalog();
    for n in 0..400 {
        large["products"][format!("p{n}")] = json!({"name": format!("Thing {n}"), "prices": [{"price": 1_000_000_000 - n, "wallet": "->wallets.eth"}]});
    }
    let world = World::with(&large, &[]);
    let mut buyer = world.buyer();
    let token = buyer.get("/cart").token();
    let mut held = 0;
    loop {
        let name = format!("thing-{held}");
        let answer =
            buyer.post_raw("/cart", &[("token", &token), ("product", &name), ("quantity", "1")]);
        assert!(buyer.cookies.get("cart").is_none_or(|cookie| cookie.len() <= 4096));
        if answer.status == 422 {
            assert!(answer.text().contains("Cart limit reached"), "{}", answer.text());
            break;
        }
        assert_eq!(answer.status, 303);
        held += 1;
        assert!(held < 400, "a cookie of 4 KB cannot hold this");
    }
    assert!(100 < held, "{held}");
    assert_eq!(
        buyer.get("/cart").text().matches("<th scope=\"row\"><span class=\"line\">").count(),
        held
    );
}

#[test]
fn a_tampered_cart_is_empty() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let sealed = buyer.cookies["cart"].clone();
    let mut other = sealed.clone().into_bytes();
    let middle = other.len() / 2;
    other[middle] = if other[middle] == b'A' { b'B' } else { b'A' };
    for value in [
        String::from_utf8(other).unwrap(),
        sealed[..20].to_owned(),
        "1|00|ETH|1.0.1.1".into(),
        "%ff".into(),
    ] {
        buyer.cookies.insert("cart".into(), value);
        assert!(buyer.get("/cart").text().contains("Your cart is empty"));
    }
    buyer.cookies.insert("cart".into(), sealed);
    assert!(buyer.get("/cart").text().contains("Green Tea"));
}

#[test]
fn a_change_of_the_catalog_is_reported_once() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.adds("cap", "Small", "4");
    let mut other = catalog();
    other["products"]["tea"]["prices"][0]["price"] = json!(80_000_000);
    other["products"]["cap"]["quantity"] = json!(2);
    world.seed(&other);
    let text = buyer.get("/cart").text();
    assert!(text.contains("has decreased from 0.09199 to 0.08"), "{text}");
    assert!(text.contains("Only 2 Cap, Small in stock (you asked for 4)"), "{text}");
    assert!(text.contains("Fix the problems above"));
    assert!(!buyer.get("/cart").text().contains("has decreased"));
    other["products"].as_object_mut().unwrap().remove("cap");
    world.seed(&other);
    assert!(buyer.get("/cart").text().contains("Cap, Small is no longer available"));
}
