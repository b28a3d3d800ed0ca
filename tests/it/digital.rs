//! Digital products, pickup and services: what is delivered on the order's page, when, how often, and to whom.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::world::{Buyer, World, catalog, files_below};

/// Units: bytes of the file that the shop of these tests sells.
pub const SIZE: usize = 3_000_000;

fn bytes() -> Vec<u8> {
    let number = |n: usize| u8::try_from(n * 31 % 251).unwrap();
    [b"%PDF-1.7\n".to_vec(), (9..SIZE).map(number).collect()].concat()
}

fn price(gwei: i64) -> Value {
    json!([{"price": gwei, "wallet": "->wallets.eth"}])
}

/// The usual products; a guide of two files, keys, a text, a collection in person, and a service.
pub fn goods() -> Value {
    let mut goods = catalog();
    let product = |name: &str, kind: &str, more: Value| {
        let mut product = json!({"name": name, "kind": kind, "prices": price(4_000_000)});
        product.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        product
    };
    let text = "Open the door with 4711.\nThen turn left.";
    goods["products"]["guide"] = product(
        "Guide",
        "digital",
        json!({"files": ["guide.pdf", "Käse <1>.txt".replace(" <1>", "")]}),
    );
    goods["products"]["key"] = product("Key", "digital", json!({"codes": "keys.txt"}));
    goods["products"]["secret"] = product("Secret", "digital", json!({"text": text}));
    goods["products"]["bread"] =
        product("Bread", "pickup", json!({"quantity": 5, "text": "Main Street 5, from 8 to 10"}));
    goods["products"]["advice"] = product("Advice", "service", json!({"quantity": 5}));
    goods
}

/// A shop with these goods.
pub fn shop_of(goods: &Value, settings: &[(&str, &str)]) -> World {
    let mut world = World::closed(settings);
    for folder in ["db", "db/files", "db/codes"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    fs::write(world.path("db/files/guide.pdf"), bytes()).unwrap();
    fs::write(world.path("db/files/Käse.txt"), "<script>alert(1)</script>").unwrap();
    fs::write(world.path("db/codes/keys.txt"), "AAAA-1\nBBBB-2\nCCCC-3\n").unwrap();
    fs::write(world.path("db/data.json"), goods.to_string()).unwrap();
    world.open();
    world
}

pub fn buys(world: &World, products: &[&str]) -> (Buyer, String) {
    let mut buyer = world.buyer();
    for product in products {
        buyer.adds(product, "", "1");
    }
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    (buyer, order_ref)
}

/// The message to the seller that an order is paid.
fn mail_about_payment(world: &World) -> String {
    // The seller's own step counts as read.
    let mut mails = files_below(&world.path("mailorders")).into_iter();
    mails
        .find_map(|path| {
            let mail = fs::read_to_string(path).unwrap();
            mail.contains("is now confirmed").then_some(mail)
        })
        .unwrap()
}

pub fn purchased_codes(page: &str) -> Vec<String> {
    let parts = page.split("purchased-code\">").skip(1);
    parts.map(|part| part.split('<').next().unwrap().to_owned()).collect()
}

#[test]
fn a_mixed_order_delivers_its_files_and_codes_once_the_seller_has_confirmed_it() {
    let world = shop_of(&goods(), &[]);
    let (mut buyer, order_ref) = buys(&world, &["green-tea", "guide", "key", "secret"]);
    let is_closed = |buyer: &mut Buyer| {
        let page = buyer.get("/order").text();
        let words = ["purchases", "/order/download", "AAAA-1", "4711"];
        assert!(words.iter().all(|word| !page.contains(word)), "{page}");
        for position in 0..5 {
            assert_eq!(buyer.get(&format!("/order/download/{position}")).status, 404);
        }
    };
    is_closed(&mut buyer);
    world.says(&["orders", "partial", &order_ref, "0.01"]);
    is_closed(&mut buyer);

    world.says(&["orders", "paid", &order_ref]);
    let page = buyer.get("/order");
    assert_eq!(page.state(), "confirmed");
    let text = page.text();
    assert_eq!(purchased_codes(&text), ["AAAA-1"]);
    assert!(text.contains("Open the door with 4711.") && text.contains("guide.pdf"), "{text}");
    let answer = buyer.get("/order/download/0");
    assert!(answer.status == 200 && answer.bytes == bytes());

    // Another order's code, and a browser without any, open nothing of it.
    let (mut other, _) = buys(&world, &["green-tea"]);
    assert_eq!(other.get("/order/download/0").status, 404);
    assert_eq!(world.buyer().get("/order/download/0").status, 404);

    let mail = mail_about_payment(&world);
    for words in [
        "1 x Guide [digital]",
        "Delivered on the order's page:\n  1 x Guide\n  1 x Key\n  1 x Secret\n",
        "To ship:\n  1 x Green Tea\n",
        "Use /shipped when all of it is done.",
    ] {
        assert!(mail.contains(words), "{words}: {mail}");
    }
    world.says(&["orders", "shipped", &order_ref]);
    assert_eq!(purchased_codes(&buyer.get("/order").text()), ["AAAA-1"]);

    // A payment that the network takes back closes it, and one that comes again gives nothing new.
    let (mut buyer, order_ref) = buys(&world, &["key", "guide", "secret"]);
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(purchased_codes(&buyer.get("/order").text()), ["BBBB-2"]);
    let becomes = |status: &str| {
        world
            .sql(&format!("update orders set status = '{status}' where order_ref = '{order_ref}'"));
    };
    becomes("unconfirmed");
    let page = buyer.get("/order").text();
    assert!(!page.contains("BBBB-2") && !page.contains("4711"), "{page}");
    for position in 0..5 {
        assert_eq!(buyer.get(&format!("/order/download/{position}")).status, 404);
    }
    becomes("confirmed");
    assert_eq!(purchased_codes(&buyer.get("/order").text()), ["BBBB-2"]);
    assert_eq!(buyer.get("/order/download/1").status, 200);

    // What is refunded is closed again.
    let (mut buyer, order_ref) = buys(&world, &["guide", "secret"]);
    world.says(&["orders", "paid", &order_ref]);
    assert!(buyer.get("/order").text().contains("4711"));
    world.says(&["orders", "refunded", &order_ref]);
    is_closed(&mut buyer);
}

#[test]
fn what_was_bought_is_sealed_to_the_buyer_and_erased_with_the_order() {
    let world = shop_of(&goods(), &[]);
    let (mut buyer, order_ref) = buys(&world, &["key", "secret"]);
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(purchased_codes(&buyer.get("/order").text()), ["AAAA-1"]);
    let given = || world.find("select sealed from deliveries where sealed is not null");
    assert_eq!(given().len(), 2);
    let holds = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    assert!(given().iter().all(|sealed| !holds(sealed, b"AAAA-1") && !holds(sealed, b"4711")));
    assert!(world.find("select 1 from codes where code = 'AAAA-1'").is_empty());

    // Only digital lines: the order is done, its page stays as it is.
    assert!(world.says(&["orders", "show", &order_ref]).contains("is confirmed"));
    assert_eq!(world.find("select is_delivered from orders").len(), 1);
    let mail = mail_about_payment(&world);
    assert!(mail.contains("Nothing is left to do."), "{mail}");
    let digest = world.says(&["orders", "digest"]);
    assert!(!digest.contains("to ship"), "{digest}");

    assert_eq!(buyer.post("/order/erase", &[("confirm", "yes")]).status, 303);
    assert!(given().is_empty());
    // The code is known still, and not given again.
    world.says(&["seed", "db/data.json"]);
    let (mut next, order_ref) = buys(&world, &["key"]);
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(purchased_codes(&next.get("/order").text()), ["BBBB-2"]);
}

#[test]
fn a_download_continues_where_it_broke_off_and_says_nothing_about_this_host() {
    let world = shop_of(&goods(), &[]);
    let (mut buyer, order_ref) = buys(&world, &["guide"]);
    world.says(&["orders", "paid", &order_ref]);
    let path = "/order/download/0";
    let whole = buyer.get(path);
    assert_eq!(whole.header("content-length"), Some(SIZE.to_string().as_str()));
    assert_eq!(whole.header("content-type"), Some("application/pdf"));
    assert_eq!(whole.header("content-disposition"), Some("attachment; filename=\"guide.pdf\""));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("cache-control"), Some("no-store"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(whole.header("content-security-policy").unwrap().contains("sandbox"));
    assert_eq!(whole.header("last-modified"), None);
    let tag = whole.header("etag").unwrap().to_owned();
    assert!(tag.len() == 34 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    // It does not tell that two orders have the same file.
    let (mut other, order_ref) = buys(&world, &["guide"]);
    world.says(&["orders", "paid", &order_ref]);
    let others = other.request("HEAD", path, &[], b"");
    assert!(others.status == 200 && others.header("etag").is_some_and(|other| other != tag));

    let bytes = bytes();
    for (range, condition, status, expected) in [
        ("bytes=0-", None, 206, &bytes[..]),
        ("bytes=1999999-", None, 206, &bytes[1_999_999..]),
        ("bytes=5-9", Some(tag.as_str()), 206, &bytes[5..10]),
        ("bytes=-7", None, 206, &bytes[SIZE - 7..]),
        ("bytes=5-9", Some("\"another\""), 200, &bytes[..]),
        ("bytes=5-9", Some("Sat, 21 Nov 2026 06:17:16 GMT"), 200, &bytes[..]),
        ("bytes=0-1,5-6", None, 200, &bytes[..]),
    ] {
        let mut headers = vec![("Range", range)];
        headers.extend(condition.map(|tag| ("If-Range", tag)));
        let answer = buyer.request("GET", path, &headers, b"");
        assert_eq!(answer.status, status, "{range}");
        assert!(answer.bytes == expected, "{range}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
    let part = buyer.request("GET", path, &[("Range", "bytes=5-9")], b"");
    assert_eq!(part.header("content-range"), Some(format!("bytes 5-9/{SIZE}").as_str()));
    let past = buyer.request("GET", path, &[("Range", "bytes=3000000-")], b"");
    assert_eq!(past.status, 416);
    assert_eq!(past.header("content-range"), Some(format!("bytes */{SIZE}").as_str()));
    let head = buyer.request("HEAD", path, &[], b"");
    assert_eq!(head.header("content-length"), Some(SIZE.to_string().as_str()));
    assert!(head.status == 200 && head.bytes.is_empty());

    // A page among the files is saved, and shown by no browser.
    let script = buyer.get("/order/download/1");
    assert_eq!(script.header("content-type"), Some("application/octet-stream"));
    let disposition = script.header("content-disposition").unwrap();
    assert!(disposition.ends_with("filename*=UTF-8''K%C3%A4se.txt"), "{disposition}");

    // A new version is not glued to a part of the old one.
    fs::write(world.path("db/files/guide.pdf"), b"%PDF-2").unwrap();
    let headers = [("Range", "bytes=3-"), ("If-Range", tag.as_str())];
    let answer = buyer.request("GET", path, &headers, b"");
    assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"%PDF-2"[..]));
    let headers = [("Range", "bytes=3-"), ("If-Match", tag.as_str())];
    assert_eq!(buyer.request("GET", path, &headers, b"").status, 412);
    fs::remove_file(world.path("db/files/guide.pdf")).unwrap();
    assert_eq!(buyer.get(path).status, 404);
    assert!(buyer.get("/order").text().contains("not available right now"));
}

#[test]
fn each_code_is_given_once_and_the_last_one_is_sold_once() {
    let world = shop_of(&goods(), &[]);
    assert!(world.buyer().get("/product/key").text().contains("3 left"));
    let orders: Vec<(Buyer, String)> = (0..3).map(|_| buys(&world, &["key"])).collect();
    let mut late = world.buyer();
    late.adds("key", "", "1");
    let refund = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let late_ref = late.checks_out(&[("refund", refund)]).mark("order-ref");
    std::thread::scope(|scope| {
        for (_, order_ref) in &orders {
            scope.spawn(|| world.says(&["orders", "paid", order_ref]));
        }
    });
    let mut given: Vec<String> = orders
        .into_iter()
        .flat_map(|(mut buyer, _)| purchased_codes(&buyer.get("/order").text()))
        .collect();
    given.sort();
    assert_eq!(given, ["AAAA-1", "BBBB-2", "CCCC-3"]);
    assert!(
        !world.shop(&["orders", "paid", &late_ref]).stderr.is_empty()
            || late.get("/order").state() == "oversold"
    );
    assert!(purchased_codes(&late.get("/order").text()).is_empty());
    assert!(world.buyer().get("/product/key").text().contains("Sold out"));

    // The same file again adds what is new in it; what was given stays given, after an export, too.
    fs::write(world.path("db/codes/keys.txt"), "AAAA-1\nBBBB-2\nCCCC-3\nDDDD-4\n").unwrap();
    assert!(world.says(&["seed", "db/data.json"]).contains("1 code was added."));
    world.says(&["catalog", "export", "db/export.json"]);
    let exported: Value =
        serde_json::from_str(&fs::read_to_string(world.path("db/export.json")).unwrap()).unwrap();
    assert_eq!(exported["products"]["key"]["codes"], "keys.txt");
    assert_eq!(exported["products"]["key"].get("quantity"), None);
    assert_eq!(exported["products"]["guide"]["files"], json!(["guide.pdf", "Käse.txt"]));
    // Who has read the codes may delete their file.
    fs::remove_file(world.path("db/codes/keys.txt")).unwrap();
    assert!(
        world.says(&["seed", "db/export.json"]).contains("the codes that the shop has are kept")
    );
    world.says(&["orders", "paid", &late_ref]);
    assert_eq!(purchased_codes(&late.get("/order").text()), ["DDDD-4"]);
}

#[test]
fn the_last_code_is_sold_once_though_eight_orders_are_paid_at_once() {
    let world = shop_of(&goods(), &[]);
    let (_, reserved) = buys(&world, &["key", "key"]);
    world.says(&["orders", "paid", &reserved]);
    let refund = [("refund", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")];
    let orders: Vec<(Buyer, String)> = (0..8)
        .map(|_| {
            let mut buyer = world.buyer();
            buyer.adds("key", "", "1");
            let order_ref = buyer.checks_out(&refund).mark("order-ref");
            (buyer, order_ref)
        })
        .collect();
    std::thread::scope(|scope| {
        for (_, order_ref) in &orders {
            scope.spawn(|| world.shop(&["orders", "paid", order_ref]));
        }
    });
    let mut states = Vec::new();
    let mut given = Vec::new();
    for (mut buyer, _) in orders {
        let page = buyer.get("/order");
        given.extend(purchased_codes(&page.text()));
        states.push(page.state());
    }
    states.sort();
    assert_eq!(given, ["CCCC-3"], "{states:?}");
    assert_eq!(
        (states[0].as_str(), &states[1..]),
        ("confirmed", &vec!["oversold".to_owned(); 7][..])
    );
    assert!(world.buyer().get("/product/key").text().contains("Sold out"));
}

#[test]
fn an_order_of_digital_goods_alone_is_deleted_after_the_days_that_orders_are_kept() {
    let world = shop_of(&goods(), &[("KEEP_DAYS", "10")]);
    let (mut buyer, order_ref) = buys(&world, &["key", "secret"]);
    world.says(&["orders", "paid", &order_ref]);
    let finished = |days: i64| {
        world.sql(&format!("update orders set finished_at = finished_at - 86400 * {days}"));
        world.says(&["purge"]);
        buyer.clone().get("/order")
    };
    assert_eq!(finished(9).state(), "confirmed");
    assert_eq!(finished(2).attribute("code", "name"), "code");
    assert!(world.find("select 1 from deliveries union all select 1 from orders").is_empty());
    assert_eq!(buyer.get("/order/download/0").status, 404);
}

#[test]
fn names_that_leave_the_folders_are_refused_with_record_and_field() {
    let world = shop_of(&goods(), &[]);
    fs::write(world.path("secret"), "secret").unwrap();
    symlink(world.path("secret"), world.path("db/files/link")).unwrap();
    symlink(world.path("secret"), world.path("db/codes/link")).unwrap();
    fs::create_dir(world.path("db/files/folder")).unwrap();
    fs::write(world.path("db/codes/long.txt"), "x".repeat(501)).unwrap();
    let refused = |field: &str, change: Value| {
        let mut goods = goods();
        goods["products"]["key"]
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        fs::write(world.path("db/bad.json"), goods.to_string()).unwrap();
        for command in [&["seed", "--check", "db/bad.json"][..], &["seed", "db/bad.json"]] {
            let output = world.shop(command);
            let said = String::from_utf8(output.stderr).unwrap();
            let place = format!("products \"key\", field `{field}`");
            assert!(!output.status.success() && said.contains(&place), "{change}: {said}");
            assert!(!said.contains(&"x".repeat(501)), "{said}");
        }
    };
    for name in [
        "../secret",
        "/etc/passwd",
        "a/b",
        "..",
        ".hidden",
        "link",
        "folder",
        "none",
        "a\nb",
        "\u{202e}fdp.a",
        "",
    ] {
        refused("files[0]", json!({"files": [name]}));
        refused("codes", json!({"codes": name}));
    }
    refused("files[1]", json!({"files": ["guide.pdf", "guide.pdf"]}));
    refused("files[0]", json!({"files": [5]}));
    refused("codes", json!({"codes": "long.txt"}));
    refused("kind", json!({"kind": "download"}));
    refused("codes", json!({"kind": "shipped"}));
    refused("codes", json!({"options": ["Red"]}));
    refused("downloads", json!({"downloads": 0}));
    refused("text", json!({"kind": "shipped", "codes": null, "text": "x"}));
    refused("kind", json!({"codes": null}));
    let mut twice = goods();
    twice["products"]["other"] = twice["products"]["key"].clone();
    twice["products"]["other"]["slug"] = json!("other");
    fs::write(world.path("db/bad.json"), twice.to_string()).unwrap();
    let said = String::from_utf8(world.shop(&["seed", "db/bad.json"]).stderr).unwrap();
    assert!(said.contains("products \"other\", field `codes`"), "{said}");
}

#[test]
fn a_pickup_order_shows_its_text_and_waits_for_the_seller() {
    let world = shop_of(&goods(), &[]);
    let (mut buyer, order_ref) = buys(&world, &["bread", "advice"]);
    assert!(!buyer.get("/order").text().contains("Main Street"));
    world.says(&["orders", "paid", &order_ref]);
    assert!(buyer.get("/order").text().contains("Main Street 5, from 8 to 10"));
    let mail = mail_about_payment(&world);
    assert!(mail.contains("To hand over or to do:\n  1 x Bread\n  1 x Advice\n"), "{mail}");
    world.says(&["orders", "shipped", &order_ref]);
}

#[test]
fn codes_of_a_refunded_order_are_not_sold_again() {
    let world = shop_of(&goods(), &[]);
    let (_, order_ref) = buys(&world, &["key"]);
    world.says(&["orders", "paid", &order_ref]);
    world.says(&["orders", "refunded", &order_ref]);
    assert!(world.buyer().get("/product/key").text().contains("2 left"));
    // An unpaid order gives back what it reserved.
    let (_, order_ref) = buys(&world, &["key"]);
    assert!(world.buyer().get("/product/key").text().contains("1 left"));
    world.says(&["orders", "cancel", &order_ref]);
    assert!(world.buyer().get("/product/key").text().contains("2 left"));
}

#[test]
fn a_cart_with_nothing_shipped_is_ordered_without_an_address() {
    let world = shop_of(&goods(), &[]);
    let mut buyer = world.buyer();
    buyer.adds("guide", "", "1");
    buyer.adds("bread", "", "1");
    let form = buyer.get("/checkout").text();
    for field in ["recipient", "street", "city", "country", "shipping", "pgp"] {
        assert!(!form.contains(&format!("name=\"{field}\"")), "{field}: {form}");
    }
    let review = buyer.post("/checkout", &[("note", "See you on Monday.")]);
    assert_eq!(review.status, 200, "{}", review.text());
    assert_eq!(buyer.places(&review, &[]).status, 303);
    let page = buyer.get("/order").text();
    assert!(page.contains("Your details") && !page.contains("Shipping address"), "{page}");
    let mail = world.messages().remove(0).1;
    assert!(mail.contains("See you on Monday.") && !mail.contains("SHIP TO"), "{mail}");

    // A mixed cart asks for what is shipped.
    let mut mixed = world.buyer();
    mixed.adds("guide", "", "1");
    mixed.adds("green-tea", "", "1");
    assert!(mixed.get("/checkout").text().contains("name=\"street\""));
    let refused = mixed.post("/checkout", &[]);
    assert_eq!(
        (refused.status, refused.attribute("street", "aria-invalid").as_str()),
        (422, "true")
    );
}

#[test]
fn a_product_page_says_how_what_is_not_shipped_reaches_its_buyer() {
    let world = shop_of(&goods(), &[]);
    let mut buyer = world.buyer();
    for (slug, expected) in [
        ("guide", Some("on your order's page")),
        ("bread", Some("collect it in person")),
        ("advice", Some("A service")),
        ("green-tea", None),
    ] {
        let found = buyer.get(&format!("/product/{slug}")).find_mark("kind");
        let is_expected = match (expected, &found) {
            (Some(expected), Some(found)) => found.contains(expected),
            (expected, found) => expected.is_none() && found.is_none(),
        };
        assert!(is_expected, "{slug}: {found:?}");
    }
}
