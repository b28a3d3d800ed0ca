//! Prices in ordinary money: rates, what pages show of them, products priced in them.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::clock::{set_clock, shop_at};
use crate::node::proxy;
use crate::world::{Answer, Buyer, World, catalog};

const IN_EUR: [(&str, &str); 1] = [("PRICE_IN", "EUR")];

/// The usual catalog with a tea for 45.00 EUR, and a cap whose large option has its own price.
fn catalog_in_eur() -> Value {
    let mut catalog = catalog();
    let products = &mut catalog["products"];
    products["tea"]["prices"] = json!([{"price": 4500, "currency": "EUR"}]);
    products["cap"]["prices"] = json!([
        {"price": 7_000_000, "wallet": "->wallets.eth"}, {"price": 2000, "currency": "EUR"}]);
    products["cap"]["options"] =
        json!(["Small", {"name": "Large", "prices": [{"price": 2550, "currency": "EUR"}]}]);
    catalog
}

fn rates(world: &World) -> Value {
    serde_json::from_str(&world.says(&["rate", "--json"])).unwrap()
}

/// The value of each rate.
fn values(world: &World) -> Vec<String> {
    let rates = rates(world);
    let text = |rate: &Value, name: &str| rate[name].as_str().unwrap().to_owned();
    rates
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| {
            format!("{} {} {}", text(rate, "currency"), text(rate, "rate"), text(rate, "source"))
        })
        .collect()
}

#[track_caller]
fn error_of(world: &World, arguments: &[&str]) -> String {
    let output = world.shop(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
    error
}

fn finding(world: &World) -> (String, String) {
    let output = world.shop(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == "rates").unwrap();
    let text = |name: &str| check[name].as_str().unwrap().to_owned();
    (text("state"), text("words"))
}

fn page(buyer: &mut Buyer, path: &str) -> String {
    let page = buyer.get(path);
    assert_eq!(page.status, 200, "{path}");
    page.text()
}

#[test]
fn every_page_shows_what_a_price_is_worth_until_the_rate_is_outdated() {
    let world = shop_at("+0", &IN_EUR);
    let mut buyer = world.buyer();
    assert!(!page(&mut buyer, "/").contains("EUR"));
    assert_eq!(finding(&world).0, "note");
    let said = world.says(&["rate", "eth", "2650", "--valid", "24h"]);
    assert!(said.contains("1 ETH = 2650 EUR, valid until"), "{said}");
    assert_eq!(rates(&world)[0]["is_valid"], true);
    for (currency, value) in [("BTC", "91000"), ("XMR", "300")] {
        world.says(&["rate", currency, value, "--valid", "24h"]);
    }
    assert_eq!(
        finding(&world),
        ("ok".to_owned(), "every wallet has a valid rate in EUR".to_owned())
    );

    // 0.09199 ETH at 2650 EUR.
    for path in ["/", "/product?page=1", "/search?q=tea", "/category/Warm%2FDry"] {
        let text = page(&mut buyer, path);
        assert!(
            text.contains("about 244 EUR") && text.contains("Amounts in EUR: rate of "),
            "{path}: {text}"
        );
    }
    let cheap = page(&mut buyer, "/category/Wool");
    assert!(cheap.contains("about 13 EUR") && !cheap.contains("about 244 EUR"), "{cheap}");
    let paths = ["/", "/product?page=1", "/product/green-tea", "/cart", "/checkout", "/order"];
    buyer.adds("green-tea", "", "1");
    let mut ordered = world.buyer();
    ordered.adds("green-tea", "", "1");
    ordered.checks_out(&[]);
    let shows = |buyer: &mut Buyer, ordered: &mut Buyer, path: &str| {
        let buyer = if path == "/order" { ordered } else { buyer };
        page(buyer, path)
    };
    for path in &paths[2..] {
        let text = shows(&mut buyer, &mut ordered, path);
        assert!(text.contains("about 244 EUR (rate of "), "{path}: {text}");
    }
    // The same tea in another currency, at another rate.
    buyer.chooses("BTC");
    assert!(page(&mut buyer, "/product/green-tea").contains("about 84 EUR (rate of "));
    buyer.chooses("ETH");

    // All of them are cached, and nothing is written to the database.
    set_clock(&world, "+25h");
    for path in paths {
        let text = shows(&mut buyer, &mut ordered, path);
        assert!(!text.contains("EUR"), "{path}: {text}");
    }
    let (state, words) = finding(&world);
    assert!(state == "note" && words.contains("the rate of ETH is outdated since"), "{words}");
    assert_eq!(rates(&world)[0]["is_valid"], false);
    // What is priced in coins is sold all the same.
    buyer.checks_out(&[]);

    world.says(&["rate", "ETH", "2000"]);
    assert!(page(&mut buyer, "/product/green-tea").contains("about 184 EUR"));
    world.says(&["rate", "ETH", "--remove"]);
    assert!(!page(&mut buyer, "/product/green-tea").contains("EUR"));
}

#[test]
fn without_a_reference_currency_no_rate_can_be_set_and_none_is_shown() {
    let mut world = World::new();
    assert!(error_of(&world, &["rate", "ETH", "2650"]).contains("set PRICE_IN first"));
    assert!(world.says(&["rate"]).contains("Set PRICE_IN first"));
    assert_eq!(finding(&world).0, "ok");
    world.close("-TERM");
    world.settings.push(("PRICE_IN".to_owned(), "EUR".to_owned()));
    world.open();
    world.says(&["rate", "ETH", "2650"]);
    assert!(page(&mut world.buyer(), "/").contains("about 244 EUR"));
    for (arguments, words) in [
        (&["rate", "ETH", "0"][..], "a decimal number above 0"),
        (&["rate", "ETH", "2,650"], "a decimal number above 0"),
        (&["rate", "DOGE", "0.15"], "no wallet in the catalog uses DOGE"),
        (&["rate", "ETH", "2650", "--valid", "1w"], "30m, 24h or 7d"),
        (&["rate", "ETH", "2650", "--valid", "31d"], "at most 30d"),
        (&["rate", "XMR", "--remove"], "XMR has no rate"),
    ] {
        let error = error_of(&world, arguments);
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
    assert_eq!(values(&world), ["ETH 2650 seller"]);
    // Another reference currency makes the rate worthless.
    world.close("-TERM");
    world.settings.retain(|(name, _)| name != "PRICE_IN");
    world.settings.push(("PRICE_IN".to_owned(), "USD".to_owned()));
    world.open();
    let text = page(&mut world.buyer(), "/");
    assert!(!text.contains("EUR") && !text.contains("USD"), "{text}");
    let usd = world.says(&["rate"]);
    assert!(usd.contains("not used: PRICE_IN differs"), "{usd}");
    let wrong = World::closed(&[("PRICE_IN", "EURO")]).shop(&["doctor"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("an ISO 4217 currency code"));
}

fn tea_page(world: &World) -> String {
    page(&mut world.buyer(), "/product/green-tea")
}

fn notices(answer: &Answer) -> String {
    answer.text().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_product_priced_in_ordinary_money_is_sold_at_a_valid_rate_alone() {
    let world = shop_at("+0", &IN_EUR);
    world.seed(&catalog_in_eur());
    let (state, words) = finding(&world);
    assert!(
        state == "bad" && words.contains("2 products priced in EUR cannot be ordered"),
        "{words}"
    );

    // Without a rate it is visible, and cannot be ordered.
    let why = "This product cannot be ordered in ETH right now: there is no current exchange rate.";
    for path in ["/", "/product?page=1", "/search?q=tea", "/category/Warm%2FDry"] {
        let text = page(&mut world.buyer(), path);
        assert!(
            text.contains("/product/green-tea") && text.contains("45.00 EUR"),
            "{path}: {text}"
        );
    }
    let text = tea_page(&world);
    assert!(
        text.contains("45.00 EUR") && text.contains(why) && !text.contains("Add to cart"),
        "{text}"
    );
    let mut buyer = world.buyer();
    let fields = [("product", "green-tea"), ("option", ""), ("quantity", "1")];
    let refused = buyer.post("/cart", &fields);
    assert_eq!(refused.status, 422);
    assert!(notices(&refused).contains("Green Tea cannot be ordered in ETH right now"));

    // 45.00 EUR at 2650 are 0.0169811… ETH, rounded up to the step of 0.000001.
    world.says(&["rate", "ETH", "2650"]);
    let text = tea_page(&world);
    assert!(
        text.contains("0.016982 ETH")
            && text.contains("45.00 EUR (rate of ")
            && !text.contains(why),
        "{text}"
    );
    assert!(page(&mut world.buyer(), "/").contains("45.00 EUR"));
    buyer.adds("green-tea", "", "2");
    let mut other = world.buyer();
    other.adds("green-tea", "", "2");
    let order = other.checks_out(&[]);
    let amount = order.mark("amount");
    assert!(amount.starts_with("0.033964"), "{amount}");

    // A new rate between review and order is a new price, of which the buyer is told.
    let review = buyer.reviews(&[]);
    world.says(&["rate", "ETH", "2500"]);
    let changed = buyer.places(&review, &[]);
    assert_eq!(changed.status, 422);
    let told = "The price of Green Tea has increased from 0.016982 to 0.018.";
    assert!(notices(&changed).contains(told), "{}", changed.text());
    let mut first = buyer.clone();
    assert!(first.checks_out(&[]).mark("amount").starts_with("0.036"));
    // The amount of an order stays.
    world.says(&["rate", "ETH", "5000"]);
    assert!(first.get("/order").mark("amount").starts_with("0.036"));

    // An outdated rate sells nothing, though the page was loaded before.
    let mut late = world.buyer();
    late.adds("green-tea", "", "1");
    assert_eq!(late.get("/checkout").status, 200);
    set_clock(&world, "+25h");
    let refused = late.tries_to_check_out(&[]);
    assert_eq!(refused.status, 422);
    let told = "Green Tea cannot be ordered in ETH right now: there is no current exchange rate.";
    assert!(notices(&refused).contains(told), "{}", refused.text());
    assert!(page(&mut late, "/cart").contains(told));
    assert!(tea_page(&world).contains(why));
    assert_eq!(late.post("/cart", &fields).status, 422);
}

#[test]
fn an_option_priced_in_ordinary_money_is_not_offered_at_the_products_price() {
    let world = World::with(&catalog_in_eur(), &IN_EUR);
    let text = page(&mut world.buyer(), "/product/cap");
    assert!(
        text.contains("0.007 ETH")
            && text.contains(r#"<option value="Small">Small</option>"#)
            && text.contains(r#"<option value="Large" disabled>Large</option>"#),
        "{text}"
    );
    world.says(&["rate", "ETH", "2000"]);
    let text = page(&mut world.buyer(), "/product/cap");
    assert!(text.contains(r#"<option value="Large">Large, 0.01275 ETH</option>"#), "{text}");
}

#[test]
fn prices_in_coins_come_before_converted_ones_and_options_may_have_their_own() {
    let world = World::with(&catalog_in_eur(), &IN_EUR);
    for (currency, value) in [("ETH", "2000"), ("XMR", "300")] {
        world.says(&["rate", currency, value]);
    }
    // ETH: 0.007 for the small one as the seller says, 25.50 EUR for the large one.
    let text = page(&mut world.buyer(), "/product/cap");
    assert!(text.contains("from 0.007 ETH") && text.contains("Large, 0.01275 ETH"), "{text}");
    assert!(text.contains("about 14 EUR (rate of "), "{text}");
    let mut buyer = world.buyer();
    buyer.chooses("XMR");
    let text = page(&mut buyer, "/product/cap");
    assert!(text.contains("from 0.06667 XMR") && text.contains("20.00 EUR (rate of "), "{text}");
    buyer.adds("cap", "Large", "1");
    assert!(page(&mut buyer, "/cart").contains("0.085"));
    // Without a rate for it, Bitcoin buys the products that have a price in it.
    buyer.chooses("BTC");
    let text = page(&mut buyer, "/product/cap");
    assert!(
        text.contains("20.00 EUR")
            && text.contains("Switch to ETH")
            && text.contains("Switch to XMR"),
        "{text}"
    );
    assert!(page(&mut buyer, "/cart").contains("Cap, Large cannot be ordered in BTC right now"));
}

#[test]
fn a_catalog_with_prices_in_ordinary_money_is_exported_as_it_was_imported() {
    let world = World::with(&catalog_in_eur(), &IN_EUR);
    world.says(&["rate", "ETH", "2650"]);
    let exported: Value = serde_json::from_str(&world.says(&["catalog", "export"])).unwrap();
    let tea = &exported["products"]["tea"]["prices"];
    assert_eq!(*tea, json!([{"price": 4500, "currency": "EUR"}]));
    let cap = &exported["products"]["cap"];
    assert_eq!(cap["prices"].as_array().unwrap().len(), 2);
    assert_eq!(cap["options"][1]["prices"], json!([{"price": 2550, "currency": "EUR"}]));
    // The rate outlives an import.
    world.seed(&exported);
    assert!(tea_page(&world).contains("0.016982 ETH"));
    assert_eq!(world.says(&["catalog", "export"]), {
        world.seed(&exported);
        world.says(&["catalog", "export"])
    });
    let mut wrong = catalog_in_eur();
    wrong["products"]["tea"]["prices"] = json!([{"price": 45.5, "currency": "EUR"}]);
    fs::write(world.path("wrong.json"), wrong.to_string()).unwrap();
    let error = error_of(&world, &["seed", "wrong.json"]);
    assert!(error.contains("products \"tea\", field `prices[0].price`: found 45.5"), "{error}");
}

#[test]
fn rates_come_from_a_file_that_the_sellers_own_job_writes() {
    let settings = [("PRICE_IN", "EUR"), ("RATES_FILE", "rates.json")];
    let world = World::with(&catalog(), &settings);
    let write = |text: &str| fs::write(world.path("rates.json"), text).unwrap();
    assert!(error_of(&world, &["rate", "--file"]).contains("read rates.json"));
    write(
        r#"{"ETH": {"EUR": 2650.10, "USD": 3000}, "BTC": {"EUR": "91000"}, "DOGE": {"EUR": 0.15}}"#,
    );
    world.says(&["rate", "--file"]);
    assert_eq!(values(&world), ["ETH 2650.1 file", "BTC 91000 file"]);

    // A faulty file changes nothing.
    let days_ago = |days: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap() - days * 86_400
    };
    for (text, words) in [
        (r#"{"ETH": {"EUR": 1}, "BTC": {"EUR": -1}}"#.to_owned(), "BTC.EUR: found -1".to_owned()),
        ("nonsense".to_owned(), "invalid JSON at line 1".to_owned()),
        (
            format!(r#"{{"ETH": {{"EUR": 1}}, "at": {}}}"#, days_ago(2)),
            "the rates are outdated".to_owned(),
        ),
        (
            format!(r#"{{"ETH": {{"EUR": 1}}, "at": {}}}"#, days_ago(-2)),
            "later than now".to_owned(),
        ),
        (format!("{}{}", " ".repeat(70_000), "{}"), "at most 64 KB".to_owned()),
    ] {
        write(&text);
        for arguments in [&["rate", "--file"][..], &["watch", "--once"]] {
            let error = error_of(&world, arguments);
            assert!(error.contains(&words), "{arguments:?} {error}");
        }
        assert_eq!(values(&world), ["ETH 2650.1 file", "BTC 91000 file"]);
    }

    // `shop watch` sets what is newer: not what the seller has entered since.
    write(&format!(
        r#"{{"ETH": {{"EUR": 2700}}, "XMR": {{"EUR": 300}}, "at": {}}}"#,
        days_ago(0) - 60
    ));
    world.says(&["rate", "ETH", "2800"]);
    world.says(&["watch", "--once"]);
    assert_eq!(values(&world), ["ETH 2800 seller", "BTC 91000 file", "XMR 300 file"]);
    fs::remove_file(world.path("rates.json")).unwrap();
    // Written after the seller's own rate, and by a clock of whole seconds.
    write(r#"{"ETH": {"EUR": 2900}}"#);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    let file = fs::File::options().write(true).open(world.path("rates.json")).unwrap();
    file.set_modified(later).unwrap();
    world.sql("update exchange_rates set at = at - 60");
    world.says(&["watch", "--once"]);
    assert_eq!(values(&world)[0], "ETH 2900 file");
}

#[test]
fn a_removed_rate_stays_removed_until_the_file_has_a_newer_one() {
    let settings = [("PRICE_IN", "EUR"), ("RATES_FILE", "rates.json")];
    let world = World::with(&catalog(), &settings);
    let now = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap()
    };
    let write = |text: &str| fs::write(world.path("rates.json"), text).unwrap();
    // By a clock that is ahead of the shop's.
    let ahead =
        format!(r#"{{"ETH": {{"EUR": 2700}}, "BTC": {{"EUR": 91000}}, "at": {}}}"#, now() + 250);
    write(&ahead);
    world.says(&["watch", "--once"]);
    assert_eq!(values(&world), ["ETH 2700 file", "BTC 91000 file"]);
    let of_ether = "select cast(at as text) from exchange_rates where currency = 'ETH'";
    let observed = String::from_utf8(world.find(of_ether).remove(0)).unwrap();
    assert!(observed.parse::<i64>().unwrap() <= now(), "{observed}");

    let said = world.says(&["rate", "ETH", "--remove"]);
    assert!(!said.contains("ETH") && said.contains("1 BTC = 91000 EUR"), "{said}");
    world.says(&["watch", "--once"]);
    assert_eq!(values(&world), ["BTC 91000 file"]);
    assert!(error_of(&world, &["rate", "ETH", "--remove"]).contains("ETH has no rate"));
    assert!(finding(&world).1.contains("ETH has no rate"));
    assert!(!page(&mut world.buyer(), "/product/green-tea").contains("EUR"));

    world.sql("update exchange_rates set at = at - 60, valid_until = valid_until - 60");
    write(&ahead);
    world.says(&["watch", "--once"]);
    assert_eq!(values(&world), ["ETH 2700 file", "BTC 91000 file"]);
    assert!(page(&mut world.buyer(), "/product/green-tea").contains("about 248 EUR"));
}

#[test]
fn all_prices_are_changed_by_a_percentage_after_they_were_shown() {
    let world = World::with(&catalog_in_eur(), &IN_EUR);
    world.says(&["rate", "ETH", "2000"]);
    let mut buyer = world.buyer();
    for (product, option) in [("green-tea", ""), ("wool-socks", "Red")] {
        buyer.adds(product, option, "1");
    }
    let mut ordered = buyer.clone();
    let amount = ordered.checks_out(&[]).mark("amount");

    // It shows what it would do, and does nothing unless it is told to.
    let asked = world.shop(&["catalog", "reprice", "--by", "+5%"]);
    assert_eq!(asked.status.code(), Some(2));
    let shown = String::from_utf8(asked.stdout).unwrap();
    for line in [
        "~ product green-tea\n    price in EUR: 45.00 → 47.25",
        "~ product wool-socks\n    price in ETH: 0.005 → 0.00525\n    price in BTC: 0.00005 → 0.0000525",
        "    price in ETH: 0.007 → 0.00735\n    price in EUR: 20.00 → 21.00\n    option Large: price in EUR: 25.50 → 26.78",
        "~ product stone\n    price in XMR: 1.23 → 1.292",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let error = String::from_utf8(asked.stderr).unwrap();
    assert!(error.contains("Change the prices of 4 products by +5%? Add --yes"), "{error}");
    assert!(tea_page(&world).contains("0.0225 ETH"));

    let said = world.says(&["catalog", "reprice", "--by", "+5%", "--yes"]);
    assert!(
        said.starts_with(&shown) && said.contains("Changed the prices of 4 products by +5%."),
        "{said}"
    );
    assert!(tea_page(&world).contains("0.023625 ETH") && tea_page(&world).contains("47.25 EUR"));
    assert!(page(&mut world.buyer(), "/product/wool-socks").contains("0.00525 ETH"));
    let mut cart = world.buyer();
    cart.adds("wool-socks", "Red", "1");
    assert_eq!(ordered.get("/order").mark("amount"), amount);

    // The older file would undo it, so it is refused.
    fs::write(world.path("old.json"), catalog_in_eur().to_string()).unwrap();
    let error = error_of(&world, &["seed", "old.json"]);
    assert!(error.contains("price in EUR: 47.25 → 45.00"), "{error}");
    let down = world.says(&["catalog", "reprice", "--by", "-10%", "--yes"]);
    assert!(down.contains("price in EUR: 47.25 → 42.53"), "{down}");
    assert!(
        notices(&cart.get("/cart"))
            .contains("The price of Wool Socks, Red has decreased from 0.00525 to 0.004725.")
    );
    for by in ["5%", "+0%", "-95%", "+5.555%", "much"] {
        assert!(
            error_of(&world, &["catalog", "reprice", "--by", by])
                .contains("a percentage with its sign")
        );
    }
    let log = String::from_utf8(
        world.find("select what from audit_log order by id desc limit 1").remove(0),
    );
    assert_eq!(log.unwrap(), "Changed all prices by -10%");
}

/// Answers one request after another with these bytes; returns the requests.
fn server(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/rates?of=ETH", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            // The shop may close the connection before it has read everything.
            let _ = stream.write_all(&answer);
            requests.push(String::from_utf8(request).unwrap());
        }
        requests
    });
    (url, answering)
}

fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn watch_fetches_rates_from_a_url_and_nothing_else_does() {
    let good = br#"{"ETH": {"EUR": 2650}, "BTC": {"EUR": 91000}}"#;
    let answers = vec![
        http("200 OK", good),
        http("500 Internal Server Error", b"no"),
        http("302 Found", good),
        http("200 OK", b"<html>"),
        http("200 OK", &vec![b' '; 100_000]),
    ];
    let (url, answering) = server(answers);
    let world = World::with(&catalog(), &[("PRICE_IN", "EUR"), ("RATES_URL", &url)]);
    world.says(&["watch", "--once"]);
    assert_eq!(values(&world), ["ETH 2650 url", "BTC 91000 url"]);
    for words in ["HTTP status 500", "HTTP status 302", "invalid JSON", "sent more than"] {
        let error = error_of(&world, &["watch", "--once"]);
        assert!(error.contains(words), "{words}: {error}");
        // A path may hold the key of an account.
        assert!(!error.contains("/v1/"), "{error}");
        assert_eq!(values(&world), ["ETH 2650 url", "BTC 91000 url"]);
    }
    let requests = answering.join().unwrap();
    assert!(requests[0].starts_with("GET /v1/rates?of=ETH HTTP/1.1\r\n"), "{}", requests[0]);
    // Nothing that tells one shop from another.
    let names: Vec<String> = requests[0]
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(':')?.0.to_lowercase()))
        .collect();
    assert_eq!(names, ["host", "connection"]);
}

#[test]
fn rates_of_another_host_come_through_the_proxy_which_resolves_its_name() {
    let (proxy, serving) = proxy(r#"{"ETH": {"EUR": 2650}}"#);
    let settings = [
        ("PRICE_IN", "EUR"),
        ("RATES_URL", "http://rates.example/v1/rates"),
        ("TOR_PROXY_URL", &proxy),
    ];
    let world = World::with(&catalog(), &settings);
    world.says(&["watch", "--once"]);
    assert_eq!(values(&world), ["ETH 2650 url"]);
    let (_, target, request) = serving.join().unwrap();
    // A name, not an address: SOCKS5, connect, domain name of 13 characters.
    assert_eq!(target[..5], [5, 1, 0, 3, 13]);
    assert_eq!(&target[5..18], b"rates.example");
    assert!(request.starts_with("GET /v1/rates HTTP/1.1\r\n"), "{request}");
}

#[test]
fn serve_and_the_other_commands_open_no_connection_for_rates() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let world = World::with(&catalog_in_eur(), &[("PRICE_IN", "EUR"), ("RATES_URL", &url)]);
    world.says(&["rate", "ETH", "2650"]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    world.shop(&["doctor"]);
    world.says(&["rate"]);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_url_on_another_host_needs_the_proxy_and_a_reference_currency() {
    for (settings, words) in [
        (&[("PRICE_IN", "EUR"), ("RATES_URL", "https://rates.example/eur")][..], "TOR_PROXY_URL"),
        (&[("RATES_URL", "http://127.0.0.1:9/")], "PRICE_IN"),
        (&[("RATES_FILE", "rates.json")], "PRICE_IN"),
        (&[("PRICE_IN", "EUR"), ("RATES_URL", "rates.example/SECRET")], "http://HOST/PATH"),
    ] {
        let output = World::closed(settings).shop(&["doctor"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(words) && !error.contains("SECRET"), "{error}");
    }
}
