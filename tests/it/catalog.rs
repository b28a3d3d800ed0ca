use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::world::{World, catalog};

#[test]
fn a_product_page_shows_price_stock_options_and_safe_markdown() {
    let world = World::new();
    let mut buyer = world.buyer();
    let text = buyer.get("/product/green-tea").text();
    assert!(
        text.contains("<p class=\"price\">0.09199 ETH</p>")
            && text.contains("<p class=\"stock\">In stock</p>")
    );
    assert!(
        text.contains("<strong>fine</strong>")
            && text.contains("&lt;script&gt;")
            && !text.contains("<script")
    );
    assert!(text.contains("Next: Wool Socks"));
    let text = buyer.get("/product/wool-socks").text();
    assert!(text.contains("3 left") && text.contains("value=\"Blue\" disabled"));
    assert_eq!(buyer.get("/product/none").status, 404);
    assert_eq!(buyer.get("/product/%ff").status, 404);
}

#[test]
fn slugs_are_made_as_the_ancestor_made_them() {
    let named = |name: &str| json!({"name": name, "prices": [{"price": 1_000_000, "wallet": "->wallets.eth"}]});
    let mut other = catalog();
    other["products"] = json!({"_model": "Product", "a": named("Men's Mining T"), "b": named("Men's Mining T"), "тест": named("Тест"), "c": {"slug": "my-own", "name": "C", "price": 5}});
    let world = World::closed(&[]);
    std::fs::create_dir(world.path("db")).unwrap();
    std::fs::write(world.path("db/data.json"), other.to_string()).unwrap();
    let said = String::from_utf8(world.shop(&["seed", "db/data.json"]).stderr).unwrap();
    assert!(said.contains("field `slug`") && said.contains("тест"), "{said}");
    other["products"].as_object_mut().unwrap().remove("тест");
    let world = World::with(&other, &[]);
    for slug in ["mens-mining-t", "mens-mining-t-2", "my-own"] {
        assert_eq!(world.buyer().get(&format!("/product/{slug}")).status, 200, "{slug}");
    }
}

#[test]
fn lists_have_pages_and_categories_have_any_name() {
    let mut large = catalog();
    for n in 0..60 {
        large["products"][format!("p{n:02}")] = json!({"name": format!("Thing {n:02}"), "categories": ["Things"], "prices": [{"price": 1_000_000, "wallet": "->wallets.eth"}]});
    }
    let world = World::with(&large, &[]);
    let mut buyer = world.buyer();
    assert_eq!(buyer.get("/").text().matches("class=\"card").count(), 12);
    let second = buyer.get("/product?page=2").text();
    assert!(second.contains("Page 2 of 3") && second.matches("class=\"card").count() == 24);
    assert!(buyer.get("/product?page=3").text().contains("Thing 59"));
    for path in [
        "/product?page=4",
        "/product?page=0",
        "/product?page=-1",
        "/product?page=x",
        "/product?page=99999999999999999999",
    ] {
        assert_eq!(buyer.get(path).status, 404, "{path}");
    }
    for path in ["/category/Tea%20%26%20Co", "/category/Warm%2FDry", "/category/Warm/Dry"] {
        assert!(buyer.get(path).text().contains("Green Tea"), "{path}");
    }
    assert_eq!(buyer.get("/category/None").status, 404);
    assert!(buyer.get("/category/Things?page=3").text().contains("Thing 48"));
}

#[test]
fn a_search_of_any_bytes_is_answered() {
    let world = World::new();
    let mut buyer = world.buyer();
    assert!(buyer.get("/search?q=gree").text().contains("/product/green-tea"));
    assert!(buyer.get("/search?q=fine+tea").text().contains("/product/green-tea"));
    for query in [
        "",
        "%ff%00",
        "%22",
        "*",
        "NEAR(a%20b)",
        "a%20OR%20b",
        "-",
        "name:tea",
        "%27;--",
        "%01%02",
        "%F0%9F%8D%B5",
        "(((",
        "tea%22%20OR%20%22",
    ] {
        let answer = buyer.get(&format!("/search?q={query}"));
        assert_eq!(answer.status, 200, "{query}");
    }
    assert!(buyer.get("/search?q=%3Cscript%3E").text().contains("&#60;script&#62;"));
}

#[test]
fn an_import_while_the_shop_runs_shows_on_the_next_page() {
    let world = World::new();
    let mut buyer = world.buyer();
    for n in 0..5 {
        assert!(buyer.get("/product/green-tea").status == 200);
        let mut other = catalog();
        other["products"]["tea"]["prices"][0]["price"] = json!(1_000_000 * (n + 1));
        world.seed(&other);
        assert!(buyer.get("/product/green-tea").text().contains(&format!(">0.00{} ETH<", n + 1)));
        assert!(buyer.get("/").text().contains(&format!(">0.00{} ETH<", n + 1)));
    }
}

#[test]
fn orders_and_sold_stock_survive_seeding_and_keep_their_names() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("cap", "Small", "3");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    assert!(buyer.get("/product/cap").text().contains("1 left"));
    world.seed(&catalog());
    assert!(buyer.get("/product/cap").text().contains("1 left"), "what was sold stays sold");
    let mut other = catalog();
    other["products"]["cap"]["quantity"] = json!(5);
    world.seed(&other);
    assert!(
        buyer.get("/product/cap").text().contains("2 left"),
        "a new count, less what an open order holds"
    );
    other["products"].as_object_mut().unwrap().remove("cap");
    world.seed(&other);
    assert_eq!(buyer.get("/product/cap").status, 404);
    assert!(buyer.get("/order").text().contains("3 × Cap, Small"));
    assert!(world.says(&["orders", "show", &order_ref]).contains("3 x Cap, Small"));
}

/// A cap whose sizes share this much stock; `small`: the small size's own stock.
fn caps(shared: i64, small: Option<i64>) -> Value {
    let mut catalog = catalog();
    catalog["products"]["cap"]["quantity"] = json!(shared);
    let small = small.map_or(json!("Small"), |own| json!({"name": "Small", "quantity": own}));
    catalog["products"]["cap"]["options"] = json!([small, "Large"]);
    catalog
}

/// Checks how many of each size the shop offers to a buyer who asks for 99.
#[track_caller]
fn has(world: &World, small: i64, large: i64) {
    for (option, expected) in [("Small", small), ("Large", large)] {
        let mut buyer = world.buyer();
        let token = buyer.get("/product/cap").token();
        let fields =
            [("token", &*token), ("product", "cap"), ("option", option), ("quantity", "99")];
        let text = buyer.post_raw("/cart", &fields).text().to_lowercase();
        assert!(text.contains(&format!("only {expected} ")), "{option} has not {expected}: {text}");
    }
}

#[test]
fn orders_of_an_option_are_taken_from_the_stock_that_it_has_now() {
    let world = World::new();
    world.seed(&caps(10, None));
    let mut buyer = world.buyer();
    buyer.adds("cap", "Small", "3");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    world.says(&["orders", "paid", &order_ref]);
    has(&world, 7, 7);
    world.seed(&caps(12, Some(5)));
    has(&world, 2, 12);
    world.seed(&caps(12, None));
    has(&world, 9, 9);
    // The import did not change the shared stock.
    world.seed(&caps(12, Some(4)));
    has(&world, 1, 12);
    world.says(&["orders", "cancel", &order_ref]);
    has(&world, 4, 12);
}

/// Products with one picture of the demo each, between products without any.
fn with_pictures(world: &World, pictures: &[&str]) -> Value {
    let mut catalog = catalog();
    fs::create_dir_all(world.path("db/images")).unwrap();
    for (n, picture) in pictures.iter().enumerate() {
        let from = format!("{}/db/images/{picture}.jpg", env!("CARGO_MANIFEST_DIR"));
        fs::copy(from, world.path(&format!("db/images/{picture}.jpg"))).unwrap();
        catalog["products"][format!("p{n:02}")] = json!({"name": format!("Thing {n:02}"), "quantity": 1,
            "images": [format!("{picture}.jpg")], "prices": [{"price": 1_000_000, "wallet": "->wallets.eth"},
                {"price": 9_000_000, "wallet": "->wallets.xmr"}]});
    }
    // So all of them are on the front page.
    for name in ["socks", "cap"] {
        catalog["products"].as_object_mut().unwrap().shift_remove(name);
    }
    catalog
}

const NINE: [&str; 9] = [
    "green-tea",
    "notebook",
    "teapot",
    "socks",
    "candle",
    "pencils",
    "blanket",
    "lantern",
    "herbal-tea",
];

/// The values of an attribute, each once.
fn all(text: &str, attribute: &str) -> BTreeSet<String> {
    let name = format!(" {attribute}=\"");
    let after = text.split(&name).skip(1);
    after.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_front_pages_pictures_are_one_request() {
    let mut world = World::closed(&[]);
    let catalog = with_pictures(&world, &NINE);
    fs::write(world.path("db/data.json"), catalog.to_string()).unwrap();
    world.open();
    let mut buyer = world.buyer();
    for currency in ["ETH", "XMR"] {
        buyer.chooses(currency);
        let text = buyer.get("/").text();
        let (pictures, fallbacks) = (all(&text, "srcset"), all(&text, "src"));
        assert_eq!((pictures.len(), fallbacks.len()), (1, 1), "{pictures:?} {fallbacks:?}");
        assert_eq!(text.matches("class=\"cell x").count(), 9);
        assert!(text.contains("class=\"cell x0 y0\"") && text.contains("class=\"cell x0 y2\""));
        assert!(text.contains("class=\"no-picture\""));
        for (file, kind) in
            pictures.iter().zip(["image/webp"]).chain(fallbacks.iter().zip(["image/jpeg"]))
        {
            let answer = buyer.get(file);
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
            let sheet = image::load_from_memory(&answer.bytes).unwrap();
            assert_eq!((sheet.width(), sheet.height()), (4 * 336, 3 * 336));
            assert!(
                kind == "image/jpeg" || answer.bytes.len() < 9 * 4_000,
                "{}",
                answer.bytes.len()
            );
        }
        // The page, its stylesheet, its icon, and the pictures.
        let others = all(&text, "href");
        let others = others.iter().filter(|href| href.starts_with("/static/")).count();
        assert!(1 + others + pictures.len() <= 4, "{others}");
    }
    let list = buyer.get("/product").text();
    assert!(!list.contains("class=\"cell") && all(&list, "srcset").len() == 9);
}

#[test]
fn the_sprite_sheet_follows_the_catalog() {
    let mut world = World::closed(&[]);
    let mut catalog = with_pictures(&world, &NINE[..3]);
    fs::write(world.path("db/data.json"), catalog.to_string()).unwrap();
    world.open();
    let mut buyer = world.buyer();
    let mut sheet = || all(&buyer.get("/").text(), "srcset");
    let first = sheet();
    let on_disk = || fs::read_dir(world.path("db/pictures")).unwrap().count();
    let n_files = on_disk();
    assert_eq!((first.len(), n_files), (1, 3 * 6 + 2));

    catalog["products"]["p00"]["name"] = json!("Other Thing");
    world.seed(&catalog);
    assert_eq!(
        (sheet(), on_disk()),
        (first.clone(), n_files),
        "the same pictures are the same sheet"
    );

    fs::copy(world.path("db/images/teapot.jpg"), world.path("db/images/notebook.jpg")).unwrap();
    world.seed(&catalog);
    let second = sheet();
    assert!(second.len() == 1 && second != first);
    assert_eq!(on_disk(), 2 * 6 + 2, "what is shown no more is gone");

    let mut buyer = world.buyer();
    buyer.adds("thing-02", "", "1");
    let order = buyer.checks_out(&[]).mark("order-ref");
    world.says(&["orders", "paid", &order]);
    let text = buyer.get("/").text();
    assert!(text.contains("Sold out") && all(&text, "srcset") == second);

    catalog["products"]["p00"]["images"] = json!([]);
    world.seed(&catalog);
    let text = buyer.get("/").text();
    assert!(
        all(&text, "srcset").len() == 1 && !text.contains("class=\"cell"),
        "one picture is no sheet"
    );
}

#[test]
fn whole_numbers_are_read_however_they_are_written_and_others_shown_as_they_stand() {
    let world = World::closed(&[]);
    let wallet = r#""wallets":{"_model":"Wallet","eth":{"currency":"ETH","chain":1.0,"address":"0x52908400098527886E0F7030069857D2E4169EE7"}}"#;
    let file = |quantity: &str, price: &str, percent: &str, free: &str| {
        let prices = |n: &str| format!(r#"[{{"price":{n},"wallet":"->wallets.eth"}}]"#);
        let product = format!(
            r#""products":{{"_model":"Product","bowl":{{"name":"Bowl","quantity":{quantity},"prices":{},"options":[{{"name":"Red","quantity":{quantity},"prices":{}}}]}}}}"#,
            prices(price),
            prices(price)
        );
        let rate = format!(
            r#""shipping":{{"_model":"ShippingRate","b":{{"name":"Balkans","countries":["AL","XK"],"prices":{}}}}}"#,
            prices(free)
        );
        let discount = format!(
            r#""discounts":{{"_model":"Discount","d":{{"code":"SPRING","percent":{percent},"uses":{quantity}}}}}"#
        );
        fs::write(world.path("data.json"), format!("{{{wallet},{product},{rate},{discount}}}"))
            .unwrap();
        let checked = world.shop(&["seed", "--check", "data.json"]);
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        (checked.status.code(), said)
    };
    for (quantity, price, percent, free) in [
        ("3", "25000000", "10", "0"),
        ("3.0", "2.5e7", "1e1", "0.0"),
        ("30e-1", "25000000.000", "1000E-2", "-0"),
        ("1E3", "0.5e1", "0.10E+2", "0e400"),
    ] {
        assert_eq!(file(quantity, price, percent, free), (Some(0), String::new()));
    }
    for (number, shown) in [
        ("3.10", "found 3.10;"),
        ("2.5e-1", "found 2.5e-1;"),
        ("1e400", "found 1e400;"),
        ("12345678901234567890", "found 12345678901234567890;"),
        ("5e15", "found 5e15;"),
        ("-1.0", "found -1.0;"),
    ] {
        let (code, said) = file(number, number, number, "1");
        assert_eq!(code, Some(1), "{number}");
        let n_faults = said.matches(shown).count();
        assert!(5 <= n_faults || number == "5e15" && 4 <= n_faults, "{number}: {said}");
    }
    // The number that was read is the price.
    file("3.0", "2.5e7", "10", "0");
    world.says(&["seed", "data.json"]);
    let exported = world.says(&["catalog", "export"]);
    assert!(exported.contains("\"quantity\": 3") && exported.contains("25000000"), "{exported}");
}
