//! `shop import`: exports of WooCommerce and Shopify become catalog files, are imported, and are bought.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::{ETH_XPUB, World, files_below};

const WALLET: [&str; 4] =
    ["--wallet", "0x52908400098527886E0F7030069857D2E4169EE7", "--currency", "ETH"];

fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/fixtures/exports/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A picture of the demo.
fn picture() -> Vec<u8> {
    let folder = format!("{}/db/images", env!("CARGO_MANIFEST_DIR"));
    let mut files = files_below(folder.as_ref());
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jpg"));
    files.sort();
    fs::read(&files[0]).unwrap()
}

/// A folder with an export and nothing else.
fn with_export(content: &[u8]) -> World {
    let world = World::closed(&[("PRICE_IN", "EUR")]);
    fs::write(world.path("export.csv"), content).unwrap();
    world
}

fn catalog_file(world: &World) -> Value {
    serde_json::from_slice(&fs::read(world.path("db/data.json")).unwrap()).unwrap()
}

#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> String {
    let output = world.shop(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// The product's record, by its name.
#[track_caller]
fn product<'a>(catalog: &'a Value, name: &str) -> &'a Value {
    let products = catalog["products"].as_object().unwrap();
    products
        .values()
        .find(|product| product["name"] == name)
        .unwrap_or_else(|| panic!("{products:?}"))
}

#[track_caller]
fn says_all(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word}\n{said}");
    }
}

#[test]
fn an_export_of_woocommerce_becomes_a_catalog_that_can_be_bought() {
    let mut world = with_export(&fixture("woocommerce.csv"));
    fs::create_dir_all(world.path("db/images")).unwrap();
    fs::write(world.path("db/images/blanket.jpg"), picture()).unwrap();
    let said = world.says(&[&["import", "export.csv"], WALLET.as_slice()].concat());
    says_all(
        &said,
        &[
            "export.csv (WooCommerce): 6 products, 4 options, 1 picture.",
            "2 pictures are not in db/images",
            "line 2, \"Lambswool Blanket & Throw\"",
            "SKU \"BLANKET\"",
            "tag \"winter\"",
            "in the description: script",
            "line 4, \"+Sum of Parts\"",
            "Sale price \"12\"",
            "now 16.81 EUR",
            "its stock is not counted: now 1",
            "line 5, \"Retired Mug\": it is not published: hidden",
            "its stock -2: now 0",
            "Shipping class \"fragile\"",
            "line 6, \"Field Guide\"",
            "copy guide.pdf to db/files",
            "line 7, \"Repair Hour\": it is virtual",
            "line 8, \"Winter Set\": the whole product: its type is \"grouped\"",
            "line 10, \"Priceless\": the whole product: it has no price above 0",
            "Wrote 6 products to db/data.json",
        ],
    );
    let catalog = catalog_file(&world);
    let blanket = product(&catalog, "Lambswool Blanket & Throw");
    assert_eq!(blanket["prices"], json!([{"price": 7500, "currency": "EUR"}]));
    assert_eq!((&blanket["quantity"], &blanket["weight"]), (&json!(7), &json!(1250)));
    assert_eq!(blanket["categories"], json!(["Home", "Wool, warm"]));
    assert_eq!(blanket["images"], json!(["blanket.jpg"]));
    assert_eq!(
        blanket["description"],
        "Brushed on **both** sides.\n\n## Care\n\n- Wash at 30 °C\n- Do not tumble\n\nWoven in the [old mill](https://example.org/mill).\n\nSecond paragraph.\n\n- Origin: Scotland"
    );
    let tee = product(&catalog, "Mining Tee");
    assert_eq!(tee["prices"], json!([{"price": 2000, "currency": "EUR"}]));
    assert_eq!(
        tee["options"],
        json!([
            {"name": "Red / M", "quantity": 3},
            {"name": "Red / L", "quantity": 0, "prices": [{"price": 2250, "currency": "EUR"}], "weight": 250},
            {"name": "Blue / M", "quantity": 1}, {"name": "Blue / L", "quantity": 1},
        ])
    );
    assert_eq!(product(&catalog, "+Sum of Parts")["quantity"], 1);
    assert_eq!(product(&catalog, "Retired Mug")["hidden"], true);
    assert_eq!(product(&catalog, "Repair Hour")["kind"], "service");
    world.says(&["seed", "db/data.json"]);
    buys(&mut world, "mining-tee", "Red / M");
}

/// Opens the shop of this folder with a rate, and orders something.
fn buys(world: &mut World, slug: &str, option: &str) {
    world.says(&["rate", "ETH", "2500"]);
    world.open();
    let mut buyer = world.buyer();
    buyer.adds(slug, option, "1");
    let order = buyer.checks_out(&[]);
    assert_eq!(order.state(), "awaiting");
    assert!(order.text().contains(option), "{}", order.text());
}

#[test]
fn exports_of_shopify_become_a_catalog_that_can_be_bought() {
    let mut world = with_export(&fixture("shopify.csv"));
    let said = world.says(&[&["import", "export.csv", "--tags"], WALLET.as_slice()].concat());
    says_all(
        &said,
        &[
            "export.csv (Shopify): 4 products, 3 options, 0 pictures.",
            "line 2, \"Stone Mug\": ",
            "Vendor \"Kiln & Co\"",
            "Variant Compare At Price \"24.00\"",
            "SEO Title \"Mug\"",
            "picture mug-side.png, which is not in db/images",
            "option \"Blue / 5 m\": it is sold without stock, too",
            "option \"Blue / 5 m\": its stock is not counted: now 1",
            "\"Gift Card\": the whole product: it is a gift card",
            "its status is \"draft\": hidden",
            "\"Throwing Lesson\": it needs no shipping",
        ],
    );
    assert!(!said.contains("tag \"stone\""), "{said}");
    let catalog = catalog_file(&world);
    let mug = product(&catalog, "Stone Mug");
    assert_eq!(mug["slug"], "stone-mug");
    assert_eq!(mug["description"], "Fired *twice*, \"by hand\".\n\nHolds 350 ml \\& more.");
    assert_eq!(mug["categories"], json!(["Mugs", "stone", "kitchen"]));
    assert_eq!((&mug["weight"], &mug["quantity"]), (&json!(420), &json!(9)));
    let rope = product(&catalog, "Rope");
    assert_eq!(
        rope["options"],
        json!([
            {"name": "Red / 5 m", "quantity": 4, "weight": 300},
            {"name": "Red / 10 m", "quantity": 0, "prices": [{"price": 2000, "currency": "EUR"}], "weight": 600},
            {"name": "Blue / 5 m", "quantity": 1, "weight": 300},
        ])
    );
    world.says(&["seed", "db/data.json"]);
    buys(&mut world, "rope", "Blue / 5 m");

    // The column names since 2024; the wallets of the file stay, its products only if nobody says otherwise.
    fs::write(world.path("export.csv"), fixture("shopify-2024.csv")).unwrap();
    let mut kept = catalog_file(&world);
    let error = refused(&world, &["import", "export.csv"]);
    says_all(&error, &["db/data.json has 4 products already", "--replace"]);
    assert_eq!(catalog_file(&world), kept);
    kept["wallets"]["eth"] = json!({"currency": "ETH", "name": "Ether", "xpub": ETH_XPUB});
    kept["discounts"] =
        json!({"_model": "Discount", "welcome": {"code": "WELCOME", "percent": 10}});
    fs::write(world.path("db/data.json"), kept.to_string()).unwrap();
    world.says(&["import", "export.csv", "--replace"]);
    let new = catalog_file(&world);
    assert_eq!(new["wallets"], kept["wallets"]);
    assert_eq!(new["discounts"]["welcome"]["percent"], 10);
    assert_eq!(new["products"].as_object().unwrap().len(), 2);
    assert_eq!(product(&new, "Stone Mug")["quantity"], 9);
    world.says(&["seed", "db/data.json"]);
    assert_eq!(
        fs::metadata(world.path("db/data.json")).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_dry_run_and_a_list_of_pictures_write_nothing() {
    for arguments in [["--dry-run"], ["--pictures"]] {
        let world = with_export(&fixture("woocommerce.csv"));
        let said = world.says(&[&["import", "export.csv"], WALLET.as_slice(), &arguments].concat());
        assert_eq!(files_below(world.home.path()), [world.path("export.csv")], "{said}");
        assert!(said.contains(if arguments == ["--dry-run"] {
            "Nothing was written."
        } else {
            "globoff"
        }));
    }
}

#[test]
fn curl_fetches_the_pictures_under_their_names() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let n = stream.read(&mut request).unwrap();
        let body = picture();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        String::from_utf8_lossy(&request[..n]).into_owned()
    });
    let export = format!(
        "Type,Name,Regular price,Images\nsimple,Mug,5,\"http://{address}/a/[1]mug.jpg?x={{1}}\\,2, file:///etc/hosts\"\n"
    );
    let world = with_export(export.as_bytes());
    let list = world.says(&["import", "export.csv", "--pictures"]);
    assert!(!list.contains("file:"), "{list}");
    let mut curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--create-dirs",
            "--output-dir",
            "db/images",
            "--config",
            "-",
        ])
        .current_dir(world.home.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    curl.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    assert!(curl.wait().unwrap().success());
    assert!(server.join().unwrap().starts_with("GET /a/[1]mug.jpg?x={1},2 HTTP/1.1\r\n"));
    assert_eq!(fs::read(world.path("db/images/1-mug.jpg")).unwrap(), picture());
    let said = world.says(&[&["import", "export.csv"], WALLET.as_slice()].concat());
    says_all(
        &said,
        &["1 picture.", "picture \"file:///etc/hosts\" (an address that does not begin with http"],
    );
    assert_eq!(product(&catalog_file(&world), "Mug")["images"], json!(["1-mug.jpg"]));
    world.says(&["seed", "db/data.json"]);
}

#[test]
fn digital_files_that_are_there_are_delivered() {
    let world = with_export(&fixture("woocommerce.csv"));
    fs::create_dir_all(world.path("db/files")).unwrap();
    fs::write(world.path("db/files/guide.pdf"), b"%PDF").unwrap();
    world.says(&[&["import", "export.csv"], WALLET.as_slice()].concat());
    let catalog = catalog_file(&world);
    let guide = product(&catalog, "Field Guide");
    assert_eq!((&guide["kind"], &guide["files"]), (&json!("digital"), &json!(["guide.pdf"])));
    assert_eq!((&guide["downloads"], &guide["download_days"]), (&json!(5), &json!(30)));
    assert_eq!(guide["hidden"], Value::Null);
    world.says(&["seed", "db/data.json"]);
}

#[test]
fn everything_wrong_with_an_export_is_said_at_once_and_nothing_is_written() {
    let export = "Type,SKU,Name,Regular price,Stock,Weight (kg),Parent\n\
                  simple,a,Mug,cheap,2.5,heavy,\n\
                  variation,b,Tee - Red,5,1,,TEE\n\
                  ,c,Cap,5,1,,\n\
                  simple,d,,5,1,,\n\
                  simple,e,=Formula,5,1,,\n";
    let world = with_export(export.as_bytes());
    let error = refused(&world, &[&["import", "export.csv"], WALLET.as_slice()].concat());
    says_all(
        &error,
        &[
            "export.csv: 6 errors; nothing was written",
            "line 2, \"Mug\", field `Regular price`: found \"cheap\"; expected a price, for example 19.99",
            "line 2, \"Mug\", field `Stock`: found \"2.5\"",
            "line 2, \"Mug\", field `weight (kg)`: found \"heavy\"",
            "line 3, \"Tee - Red\", field `Parent`: found \"TEE\"",
            "line 4, \"Cap\", field `Type`: found nothing; expected simple, variable or variation",
            "line 5, \"\", field `Name`: found nothing",
        ],
    );
    assert_eq!(files_below(world.home.path()), [world.path("export.csv")]);
    // What only the catalog's own rules refuse has its line, too.
    let long = format!("Type,Name,Regular price\nsimple,{},5\n", "x".repeat(201));
    fs::write(world.path("export.csv"), long).unwrap();
    let error = refused(&world, &[&["import", "export.csv"], WALLET.as_slice()].concat());
    says_all(&error, &["1 error", "line 2, \"xxx", "1 to 200 visible characters"]);
    let program = b"Type,Name,Regular price\nsimple,=1+1,5\n";
    fs::write(world.path("export.csv"), program).unwrap();
    let error = refused(&world, &[&["import", "export.csv"], WALLET.as_slice()].concat());
    says_all(&error, &["line 2, \"=1+1\", field `name`: found \"=1+1\""]);
    for (content, words) in [
        (b"Typ,Name,Regul\xE4rer Preis\n".as_slice(), "Column names must be English"),
        (b"", "found the columns"),
        (b"Type,Name,Regular price\n", "found no products"),
        (b"Type,Name,Regular price\nsimple,M\xFCg,5\n", "line 2, field `Name`: found"),
        (b"Type,Name,Regular price\nsimple,\"Mug,5\n", "a quotation mark"),
    ] {
        fs::write(world.path("export.csv"), content).unwrap();
        let error = refused(&world, &[&["import", "export.csv"], WALLET.as_slice()].concat());
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn an_import_needs_a_currency_and_a_wallet_and_says_where_from() {
    let world = World::closed(&[]);
    fs::write(world.path("export.csv"), fixture("shopify-2024.csv")).unwrap();
    assert!(refused(&world, &["import", "export.csv"]).contains("--price-in EUR"));
    let error = refused(&world, &["import", "export.csv", "--price-in", "EUR"]);
    says_all(&error, &["there is no file db/data.json", "--wallet", "shop init"]);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), "{}").unwrap();
    let error = refused(&world, &["import", "export.csv", "--price-in", "EUR"]);
    says_all(&error, &["db/data.json has no wallet"]);
    // A shop's catalog that is in no file would be lost.
    let mut open = World::new();
    open.close("-TERM");
    fs::remove_file(open.path("db/data.json")).unwrap();
    fs::write(open.path("export.csv"), fixture("shopify-2024.csv")).unwrap();
    let error = refused(&open, &["import", "export.csv", "--price-in", "EUR"]);
    assert!(error.contains("shop catalog export db/data.json"), "{error}");
}
