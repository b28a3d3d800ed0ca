use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::{World, catalog, files_below};

#[test]
fn a_first_start_in_an_empty_folder_opens_an_empty_shop() {
    let mut world = World::closed(&[]);
    world.open();
    let mut buyer = world.buyer();
    assert!(buyer.get("/").text().contains("No products yet"));
    assert_eq!(buyer.get("/health").text(), "ok");
    for path in
        ["db/shop.sqlite", "db/shop.secret", "mailorders/tmp", "mailorders/new", "mailorders/cur"]
    {
        assert!(world.path(path).exists(), "{path}");
    }
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    assert_eq!(world.close("-INT"), Some(0));
}

#[test]
fn a_shop_without_wallets_says_that_nothing_can_be_bought() {
    let world =
        World::with(&json!({"products": {"_model": "Product", "bowl": {"name": "Bowl"}}}), &[]);
    let mut buyer = world.buyer();
    let text = buyer.get("/").text();
    assert!(text.contains("ordering is not available yet") && text.contains("/product/bowl"));
    assert_eq!(buyer.post("/cart", &[("product", "bowl"), ("quantity", "1")]).status, 422);
    assert_eq!(buyer.get("/checkout").status, 303);
    assert_eq!(buyer.get("/cart").status, 200);
}

#[test]
fn the_ancestors_older_form_is_read_with_the_wallet_of_the_settings() {
    let old = json!({"products": {"_model": "Product", "man-shirt": {"name": "Men's Mining T", "description": "x", "price": 51_990_000, "options": ["Small", "Large"]}},
        "agents": {"_model": "Agent", "a": {"email": "a@b"}}});
    let world = World::with(
        &old,
        &[
            ("WALLET", "0x52908400098527886E0F7030069857D2E4169EE7"),
            ("CURRENCY", "ETH"),
            ("PASSWORD", "x"),
            ("TOR", "true"),
        ],
    );
    let mut buyer = world.buyer();
    assert!(buyer.get("/product/mens-mining-t").text().contains("0.05199 ETH"));
    assert!(world.says(&["seed", "--check", "db/data.json"]).contains("agents"));
}

#[test]
fn every_fault_of_a_catalog_is_named_at_once_and_nothing_changes() {
    let world = World::new();
    fs::create_dir_all(world.path("db/images")).unwrap();
    fs::write(world.path("secret.jpg"), "x").unwrap();
    std::os::unix::fs::symlink(world.path("secret.jpg"), world.path("db/images/link.jpg")).unwrap();
    fs::write(world.path("db/images/broken.jpg"), b"\xff\xd8\xff\xe0\x00\x10JFIF").unwrap();
    let mut bad = catalog();
    bad["wallets"]["old"] = json!({"currency": "ETC", "chain": 61, "address": "0x123abc"});
    bad["products"]["a"] = json!({"name": "A", "price": 59.99});
    bad["products"]["b"] =
        json!({"name": "B", "prices": [{"price": 6_199_001, "wallet": "->wallets.btc"}]});
    bad["products"]["c"] = json!({"name": "=process.exit()", "price": 5});
    bad["products"]["d"] =
        json!({"name": "D", "prices": [{"price": 5, "wallet": "->wallets.doge"}]});
    bad["products"]["e"] = json!({"name": "E", "price": 5, "images": ["missing.jpg", "link.jpg", "../../secret.jpg", "broken.jpg"]});
    bad["products"]["f"] = json!({"price": 5, "quantity": -1});
    bad["_dependencies"] = json!({"fs": "fs"});
    fs::write(world.path("bad.json"), bad.to_string()).unwrap();
    fs::create_dir(world.path("images")).unwrap();
    let before = world.buyer().get("/product").text().matches("class=\"card").count();
    for arguments in [["seed", "bad.json"].as_slice(), &["seed", "--check", "bad.json"]] {
        let output = world.shop(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        for (record, field, found, expected) in [
            ("wallets \"old\"", "address", "0x123abc", "40 hex characters"),
            ("products \"a\"", "price", "59.99", "whole number of Gwei"),
            ("products \"b\"", "prices[0].price", "6199001", "a multiple of 10"),
            ("products \"d\"", "prices[0].wallet", "->wallets.doge", "->wallets.eth"),
            ("products \"e\"", "images[0]", "missing.jpg", "a picture in"),
            ("products \"e\"", "images[1]", "link.jpg", "symbolic link"),
            ("products \"e\"", "images[2]", "../../secret.jpg", "outside"),
            ("products \"e\"", "images[3]", "broken.jpg", "JPEG"),
            ("products \"f\"", "name", "nothing", "the product's name"),
            ("products \"f\"", "quantity", "-1", "a whole number from 0"),
        ] {
            let line = said
                .lines()
                .find(|line| line.contains(record) && line.contains(&format!("`{field}`")));
            let line = line.unwrap_or_else(|| panic!("{record} {field}: {said}"));
            assert!(line.contains(found) && line.contains(expected), "{line}");
        }
        assert!(
            said.contains("products.c.name")
                && said.contains("no program code")
                && said.contains("_dependencies"),
            "{said}"
        );
    }
    assert_eq!(world.buyer().get("/product").text().matches("class=\"card").count(), before);
    let output = world.shop(&["seed", "--check", "--json", "bad.json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["ok"] == false && 10 < json["errors"].as_array().unwrap().len());
    fs::write(world.path("torn.json"), "{\"products\": {").unwrap();
    let said = String::from_utf8(world.shop(&["seed", "torn.json"]).stderr).unwrap();
    assert!(said.contains("line 1"), "{said}");
}

#[test]
fn all_faults_of_the_settings_are_reported_together_before_anything_is_opened() {
    let world = World::closed(&[
        ("LISTEN", "everywhere"),
        ("KEEP_DAYS", "long"),
        ("DATABASE_URL", "mysql://x"),
        ("FROM", "me"),
    ]);
    let output = world.shop(&["serve"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for name in ["LISTEN", "KEEP_DAYS", "DATABASE_URL", "FROM"] {
        assert!(said.contains(name), "{said}");
    }
    assert!(files_below(world.home.path()).is_empty());
    assert_eq!(World::closed(&[]).shop(&["no-such-command"]).status.code(), Some(2));
    assert_eq!(World::closed(&[]).shop(&["orders", "paid", "nonsense"]).status.code(), Some(1));
}

#[test]
fn only_the_shops_user_can_read_what_the_shop_writes() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    let ours = files_below(world.home.path())
        .into_iter()
        .filter(|path| !path.ends_with("data.json") && !path.ends_with("log"));
    for path in ours {
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o077,
            0,
            "{}",
            path.display()
        );
    }
    for folder in ["mailorders/new", "mailorders/tmp", "mailorders/cur", "db/pictures"] {
        assert_eq!(
            fs::metadata(world.path(folder)).unwrap().permissions().mode() & 0o077,
            0,
            "{folder}"
        );
    }
}

#[test]
fn a_demo_wallet_is_reported_on_every_page_and_by_the_doctor() {
    let world = World::new();
    let mut buyer = world.buyer();
    for path in ["/", "/product", "/product/green-tea", "/cart", "/order", "/nothing", "/search"] {
        assert!(buyer.get(path).text().contains("Demo shop: do not send money"), "{path}");
    }
    let output = world.shop(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("Demo shop: do not send money"));

    let mut own = catalog();
    own["wallets"] = json!({"_model": "Wallet", "eth": {"currency": "ETH", "address": "0x52908400098527886E0F7030069857D2E4169EE7"}});
    own["products"] = json!({"_model": "Product", "tea": {"name": "Green Tea", "price": 5}});
    let world = World::with(&own, &[]);
    assert!(!world.buyer().get("/").text().contains("Demo shop"));
    let doctor = world.says(&["doctor", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&doctor).unwrap()["ok"], true, "{doctor}");
    assert!(
        world.says(&["wallet", "check"]).contains("0x52908400098527886E0F7030069857D2E4169EE7")
    );
}

#[test]
fn purge_deletes_what_is_due_from_database_journal_and_maildir() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer
        .checks_out(&[("recipient", "Zebulon Quartermain"), ("note", "unforgettable words")])
        .mark("order-ref");
    world.says(&["orders", "cancel", &order_ref, "no tea"]);
    assert!(world.says(&["purge", "--dry-run"]).contains("0 orders"));
    world.sql("update orders set finished_at = 1");
    // The open shop erases by itself too; the command may find it done.
    world.says(&["purge"]);
    world.until("the order is gone", || world.says(&["orders"]).contains("No orders"));
    for path in files_below(world.home.path()) {
        let bytes = fs::read(&path).unwrap();
        for words in ["Zebulon", "unforgettable", order_ref.as_str()] {
            assert!(
                !bytes.windows(words.len()).any(|window| window == words.as_bytes()),
                "{words} in {}",
                path.display()
            );
        }
    }
    assert!(world.messages().is_empty());
    assert_eq!(buyer.get("/order").attribute("code", "name"), "code");
}

#[test]
fn the_sellers_pages_and_key_are_shown() {
    let mut world = World::closed(&[
        ("SITE_NAME", "The Ash Tree"),
        ("SITE_URL", "https://home.example"),
        ("CONTACT", "ash@example.org"),
    ]);
    fs::create_dir_all(world.path("db/pages")).unwrap();
    fs::write(world.path("db/pages/policy.md"), "# Our policy\n\nNo returns, *sorry*.").unwrap();
    fs::write(world.path("db/pages/about.md"), "# About us\n\nHello.").unwrap();
    world.open();
    let mut buyer = world.buyer();
    assert!(buyer.get("/policy").text().contains("<em>sorry</em>"));
    assert!(buyer.get("/page/about").text().contains("<h1>About us</h1>"));
    assert_eq!(buyer.get("/pgp.txt").status, 404);
    let text = buyer.get("/").text();
    for words in [
        "The Ash Tree",
        "href=\"/policy\"",
        "href=\"/page/about\"",
        "ash@example.org",
        "https://home.example",
    ] {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn a_first_start_can_be_stopped_and_the_next_one_begins_again() {
    let mut world = World::closed(&[]);
    fs::create_dir_all(world.path("db/images")).unwrap();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/db/images")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), world.path("db/images").join(entry.file_name())).unwrap();
    }
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/db/data.json"), world.path("db/data.json"))
        .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(world.home.path())
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("importing db"));
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines.count(), 0, "it did not open");
    world.open();
    assert!(world.buyer().get("/").text().contains("Linen Notebook"));
}

#[test]
fn a_command_next_to_the_running_shop_leaves_its_journal_alone() {
    use std::os::unix::fs::MetadataExt;
    let world = World::new();
    let journal = || std::fs::metadata(world.path("db/shop.sqlite-wal")).map(|found| found.ino());
    let before = journal().unwrap();
    world.says(&["orders"]);
    world.says(&["close"]);
    assert_eq!(journal().ok(), Some(before), "another process took itself for the last one");
    world.says(&["open"]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
}
