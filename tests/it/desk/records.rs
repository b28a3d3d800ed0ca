use std::fs;
use std::sync::Barrier;

use serde_json::{Value, json};

use crate::desk::{activity, edition};
use crate::world::{BTC_ZPUB, Buyer, DESK_PASSWORD, ETH_XPUB, SellerAtDesk, World, catalog};

fn with_tea(world: &World) -> Buyer {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer
}

/// The reason why a code is refused.
#[track_caller]
fn refusal(buyer: &mut Buyer, code: &str) -> String {
    let answer = buyer.tries_to_check_out(&[("discount", code)]);
    assert_eq!(answer.status, 422, "{}", answer.text());
    answer.mark("discount-error")
}

fn used(world: &World) -> String {
    let found = world.find("select cast(used as text) from discount_uses");
    String::from_utf8(found.into_iter().next().unwrap_or_default()).unwrap()
}

#[test]
fn a_code_is_valid_up_to_its_usage_limit_and_an_unpaid_use_is_returned() {
    let world = World::with_desk();
    let mut desk = world.desk();
    assert!(!with_tea(&world).get("/checkout").text().contains("Discount code"));
    let page = desk.does(
        "/discounts/save",
        &[("code", "spring-24"), ("percent", "10"), ("uses", "1"), ("until", "2999-12-31")],
    );
    assert!(page.text().contains("SPRING-24") && page.text().contains("0 of 1"), "{}", page.text());

    let mut first = with_tea(&world);
    let order = first.checks_out(&[("discount", "Spring-24")]);
    assert_eq!(order.mark("amount"), "0.082791");
    assert!(order.text().contains("Discount 10%"));
    assert!(desk.get("/discounts").text().contains("1 of 1"));
    let mut second = with_tea(&world);
    let used_up = "This discount code has reached its usage limit. Leave the field blank.";
    assert_eq!(refusal(&mut second, "spring-24"), used_up);

    world.sql("update invoices set until = unixepoch() - 60");
    world.until("the use comes back", || used(&world) == "0");
    assert_eq!(second.checks_out(&[("discount", "spring-24")]).mark("amount"), "0.082791");

    // A use is returned if the order is cancelled unpaid, and kept if it was paid.
    let second_ref = second.get("/order").mark("order-ref");
    world.says(&["orders", "cancel", &second_ref]);
    assert_eq!(used(&world), "0");
    let mut third = with_tea(&world);
    let third_ref = third.checks_out(&[("discount", "spring-24")]).mark("order-ref");
    world.says(&["orders", "paid", &third_ref]);
    world.says(&["orders", "cancel", &third_ref]);
    assert_eq!(used(&world), "1");
    // The first order is paid late and the seller accepts it: the discounted amount was promised.
    let first_ref = first.get("/order").mark("order-ref");
    world.says(&["orders", "paid", &first_ref]);
    world.says(&["orders", "paid", &first_ref]);
    assert_eq!(used(&world), "2");
    assert_eq!(refusal(&mut with_tea(&world), "spring-24"), used_up);
    let books = world.says(&["orders", "export"]);
    assert!(books.contains("SPRING-24,10,0.009199"), "{books}");
}

#[test]
fn a_use_that_was_not_returned_is_not_counted_twice() {
    let world = World::with_desk();
    world.desk().does("/discounts/save", &[("code", "SPRING"), ("percent", "10")]);
    let mut buyer = with_tea(&world);
    let order_ref = buyer.checks_out(&[("discount", "spring")]).mark("order-ref");
    // The node saw a tiny payment: the order expires as if unpaid, but its code counts as used.
    world.sql("update invoices set seen = 1, settled = 1, until = unixepoch() - 60");
    let status = || world.find("select status from orders");
    world.until("its time is over", || status() == [b"expired"]);
    assert_eq!(used(&world), "1");
    world.says(&["orders", "paid", &order_ref]);
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!((buyer.get("/order").state().as_str(), used(&world).as_str()), ("confirmed", "1"));

    // Another order's use was returned before a payment was seen: it is counted again, once.
    let mut late = with_tea(&world);
    let late_ref = late.checks_out(&[("discount", "spring")]).mark("order-ref");
    world.sql("update invoices set until = unixepoch() - 60");
    world.until("the use comes back", || used(&world) == "1");
    world.says(&["orders", "partial", &late_ref, "0.01"]);
    world.says(&["orders", "paid", &late_ref]);
    assert_eq!((late.get("/order").state().as_str(), used(&world).as_str()), ("confirmed", "2"));
}

/// The catalog is emptied and the action recorded in one transaction: if the record fails, everything stays.
#[test]
fn the_catalog_is_emptied_together_with_its_log_entry_or_not_at_all() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let changes = || world.find("select cast(desk_changes as text) from catalog_state");
    world.sql(
        "create trigger full before insert on audit_log when new.what like 'Emptied%' begin select raise(abort, 'full'); end",
    );
    let fields = [("password", DESK_PASSWORD)];
    assert_eq!(desk.post("/products/empty", &fields).status, 500);
    assert_eq!(world.buyer().get("/product/green-tea").status, 200);
    assert_eq!(changes(), [b"0"]);
    world.sql("drop trigger full");
    desk.does("/products/empty", &fields);
    assert_eq!(world.buyer().get("/product/green-tea").status, 404);
    assert_eq!(changes(), [b"1"]);
    assert!(desk.get("/deeds").text().contains("Emptied the catalog"));
}

#[test]
fn two_buyers_race_for_the_last_use_and_one_gets_it() {
    let world = World::with_desk();
    world.desk().does("/discounts/save", &[("code", "LAST"), ("less-ETH", "0.01"), ("uses", "1")]);
    let barrier = Barrier::new(8);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (mut buyer, barrier) = (with_tea(&world), &barrier);
                scope.spawn(move || {
                    let review = buyer.reviews(&[("discount", "last")]);
                    barrier.wait();
                    let answer = buyer.places(&review, &[]);
                    assert!(answer.status == 303 || answer.text().contains("usage limit"));
                    answer.status
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(used(&world), "1");
    let message = world.messages().remove(0).1;
    assert!(message.contains("discount, code LAST") && message.contains("-0.01"), "{message}");
}

#[test]
fn a_buyer_reads_why_a_code_is_invalid_and_no_more() {
    let world = World::with_desk();
    let mut desk = world.desk();
    for fields in [
        [("code", "SOON"), ("percent", "10"), ("from", "2999-01-01"), ("until", "")],
        [("code", "OVER"), ("percent", "10"), ("from", ""), ("until", "2020-02-29")],
        [("code", "ETHER"), ("less-ETH", "0.002"), ("from", ""), ("until", "")],
        [("code", "MUCH"), ("less-XMR", "99"), ("from", ""), ("until", "")],
    ] {
        desk.does("/discounts/save", &fields);
    }
    let list = desk.get("/discounts").text();
    for word in ["not active yet", "expired", "active", "from 2999-01-01", "0.002 ETH"] {
        assert!(list.contains(word), "{word}: {list}");
    }
    let mut buyer = with_tea(&world);
    for (code, words) in [
        ("soon", "This discount code is not active yet. Leave the field blank."),
        ("over", "This discount code has expired. Leave the field blank."),
        ("never", "Unknown discount code. Check it or leave the field blank."),
    ] {
        assert_eq!(refusal(&mut buyer, code), words);
    }
    buyer.chooses("XMR");
    let words = "This discount code is not valid for XMR. Choose another currency or leave the field blank.";
    assert_eq!(refusal(&mut buyer, "ether"), words);
    // Something remains to be paid.
    assert_eq!(buyer.checks_out(&[("discount", "much")]).mark("amount"), "0.000000001");
    let receipt = buyer.get("/order/receipt.txt").text();
    assert!(receipt.contains("  Discount\n") && receipt.contains("−0.919899999"), "{receipt}");
}

#[test]
fn an_invalid_code_gets_all_errors_at_once_and_keeps_the_input() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let answer = desk.post(
        "/discounts/save",
        &[
            ("code", ""),
            ("less-ETH", "0,5"),
            ("less-BTC", "0.000000001"),
            ("from", "tomorrow"),
            ("uses", "0"),
        ],
    );
    assert_eq!(answer.status, 422);
    for field in ["code", "less-ETH", "less-BTC", "from", "uses"] {
        assert_eq!(answer.attribute(field, "aria-invalid"), "true", "{field}");
        assert!(answer.find_mark(&format!("{field}-error")).is_some(), "{field}");
    }
    assert_eq!(answer.attribute("from", "value"), "tomorrow");
    let answer =
        desk.post("/discounts/save", &[("code", "A"), ("percent", "5"), ("less-ETH", "1")]);
    assert!(answer.status == 422 && answer.text().contains("not both"), "{}", answer.text());
    let answer = desk.post("/discounts/save", &[("code", "A")]);
    assert_eq!(answer.attribute("percent", "aria-invalid"), "true");
    let answer = desk.post(
        "/discounts/save",
        &[("code", "A"), ("percent", "5"), ("from", "2026-02-02"), ("until", "2026-02-01")],
    );
    assert_eq!(answer.attribute("until", "aria-invalid"), "true");
    // Nothing that could be a key is shown again.
    let key = "ab".repeat(32);
    let answer = desk.post("/discounts/save", &[("code", &key), ("percent", "5")]);
    assert!(answer.status == 422 && !answer.text().contains(&key), "{}", answer.text());
    assert!(world.find("select code from discounts").is_empty());
}

#[test]
fn of_two_sessions_the_second_sees_what_the_first_has_changed() {
    let world = World::with_desk();
    let (mut one, mut other) = (world.desk(), world.desk());
    one.does("/discounts/save", &[("code", "SPRING"), ("percent", "10")]);
    let shown = edition(&other.get("/discounts/change?code=SPRING"));
    let change = |desk: &mut SellerAtDesk, edition: &str, percent: &str| {
        desk.post(
            "/discounts/save",
            &[("was", "SPRING"), ("edition", edition), ("code", "SPRING"), ("percent", percent)],
        )
    };
    assert_eq!(change(&mut one, &shown, "20").status, 303);
    let answer = change(&mut other, &shown, "30");
    assert_eq!((answer.status, answer.attribute("percent", "value").as_str()), (409, "30"));
    assert_eq!(answer.mark("percent-now"), "Saved value: 20");
    assert!(answer.find_mark("code-now").is_none());
    // Who has seen the saved value may overwrite it.
    assert_eq!(change(&mut other, &edition(&answer), "30").status, 303);
    let shown = edition(&one.get("/discounts/change?code=SPRING"));
    // An import of what is there already changes nothing: a form that was loaded before is not out of date.
    world.says(&["catalog", "export", "db/data.json"]);
    world.says(&["seed", "db/data.json"]);
    assert_eq!(change(&mut one, &shown, "40").status, 303);
    let shown = edition(&one.get("/discounts/change?code=SPRING"));
    other.does("/discounts/remove", &[("was", "SPRING"), ("edition", &shown)]);
    let answer = change(&mut one, &shown, "50");
    assert!(answer.status == 409 && answer.text().contains("was removed elsewhere"));
    assert_eq!(answer.attribute("code", "value"), "SPRING");
    let entries = activity(&world);
    let expected = [
        "Added the discount code SPRING",
        "Changed the discount code SPRING",
        "Changed the discount code SPRING",
        "Changed the discount code SPRING",
        "Removed the discount code SPRING",
    ];
    assert_eq!(
        entries.iter().filter(|entry| entry.contains("SPRING")).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
}

#[test]
fn shipping_methods_are_added_at_the_desk_and_chosen_at_checkout() {
    let world = World::with_desk();
    let mut desk = world.desk();
    desk.does(
        "/rates/save",
        &[("name", "Parcel, world"), ("price-ETH", "0.003"), ("price-XMR", "0")],
    );
    let page = desk.does(
        "/rates/save",
        &[("name", "Letter"), ("countries", "gb, Germany\nFrance"), ("price-ETH", "0.001")],
    );
    assert!(page.text().contains("No orders are possible in BTC"), "{}", page.text());
    assert!(page.text().contains("United Kingdom") || page.text().contains("Britain"));
    let order = |currency: &str, more: &[(&str, &str)]| {
        let mut buyer = with_tea(&world);
        buyer.chooses(currency);
        let answer = buyer.tries_to_check_out(more);
        if answer.status == 303 { buyer.get("/order").mark("amount") } else { answer.text() }
    };
    assert_eq!(order("ETH", &[]), "0.09299");
    assert_eq!(order("ETH", &[("country", "Brazil")]), "0.09499");
    assert_eq!(order("XMR", &[("country", "Brazil")]), "0.9199");
    assert!(order("BTC", &[]).contains("We have no shipping price in BTC"));
    let checkout = with_tea(&world).get("/checkout").text();
    assert!(checkout.find("Parcel, world") < checkout.find("Letter"));
    desk.does("/rates/move", &[("was", "Letter"), ("to", "up")]);
    let checkout = with_tea(&world).get("/checkout").text();
    assert!(checkout.find("Letter") < checkout.find("Parcel, world"));

    // Ten countries in a row are no mnemonic: if the field were cleared, saving again would ship everywhere.
    let many = "Austria, Belgium, Bulgaria, Cyprus, Denmark, Estonia, Finland, Greece, Spain, Portugal, Italy";
    desk.does("/rates/save", &[("name", "Many"), ("countries", many), ("price-ETH", "9")]);
    let form = desk.get("/rates/change?name=Many");
    assert!(form.mark("countries").contains("Bulgaria"), "{}", form.text());
    desk.does("/rates/remove", &[("was", "Many"), ("edition", &edition(&form))]);

    let shown = edition(&desk.get("/rates/change?name=Letter"));
    let all = [
        ("was", "Letter"),
        ("edition", shown.as_str()),
        ("name", "Big letter"),
        ("price-ETH", "0.002"),
    ];
    desk.does("/rates/save", &all);
    assert_eq!(order("ETH", &[("country", "Brazil")]), "0.09399");
    let later = [all[0], all[1], all[2], ("price-ETH", "0.003")];
    assert_eq!(desk.post("/rates/save", &later).status, 409);
    let answer = desk.post(
        "/rates/save",
        &[("name", "Parcel, world"), ("countries", "Elbonia"), ("price-ETH", "")],
    );
    assert_eq!(answer.status, 422);
    assert!(answer.mark("countries-error").contains("“Elbonia”"));
    assert!(answer.text().contains("href=\"#prices\""), "{}", answer.text());
    let answer = desk.post("/rates/save", &[("name", "Parcel, world"), ("price-ETH", "1")]);
    assert!(answer.mark("name-error").contains("already exists"));

    let question = desk.get("/rates/remove?name=Big+letter");
    assert!(question.text().contains("Existing orders keep it."), "{}", question.text());
    let shown = edition(&question);
    let stale = [("was", "Big letter"), ("edition", "1")];
    assert!(shown != "1" && desk.post("/rates/remove", &stale).status == 409);
    desk.does("/rates/remove", &[("was", "Big letter"), ("edition", &shown)]);
    assert_eq!(order("ETH", &[]), "0.09499");
}

/// Every table that the catalog is made of. What the file last said of a quantity, and what the desk's forms carry, may be
/// another after the file was written anew.
const TABLES: [&str; 12] = [
    "select json_array(currency, position, name, chain, token, decimals, address, xpub, view_key) from wallets order by 1",
    "select json_array(account, next_index) from address_indexes order by 1",
    "select json_array(id, slug, name, description, description_html, stock, gone, hidden, weight, excluded_countries, record) from products order by id",
    "select json_array(id, row_number() over (order by position)) from products where gone = 0 or hidden = 1 order by 1",
    "select json_array(id, product_id, name, stock, gone, case when gone then 0 else position end, weight) from options order by id",
    "select json_array(product_id, option_id, currency, price) from prices order by 1",
    "select json_array(product_id, position, category) from product_categories order by 1",
    "select json_array(product_id, position, fingerprint, alt, file) from product_pictures order by 1",
    "select json_array(currency, category, position, product_id) from listing order by 1",
    "select json_array(name, position, countries, excluded_countries, (select json_group_array(json_array(step, currency, price, up_to)) from shipping_prices where rate = name), (select json_group_array(json_array(step, up_to_grams)) from shipping_steps where rate = name), (select json_group_array(json_array(currency, amount)) from shipping_free_from where rate = name)) from shipping_rates order by 1",
    "select json_array(code, position, percent, first_day, last_day, uses, (select json_group_array(json_array(currency, amount)) from discount_amounts a where a.code = d.code)) from discounts d order by 1",
    "select json_array(code, used) from discount_uses order by 1",
];

fn tables(world: &World) -> Vec<String> {
    let rows = TABLES.iter().flat_map(|query| world.find(query));
    rows.map(|row| String::from_utf8(row).unwrap()).collect()
}

/// A catalog with one of everything.
fn rich() -> Value {
    let mut rich = catalog();
    rich["wallets"]["xmr"]["view_key"] =
        json!("2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d");
    rich["wallets"]["usdc"] = json!({"currency": "USDC", "name": "USD Coin", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "token": {"contract": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "decimals": 6}});
    rich["products"]["tea"]["prices"]
        .as_array_mut()
        .unwrap()
        .push(json!({"price": 4_500_000_000_i64, "wallet": "->wallets.usdc"}));
    rich["products"]["tea"]["images"] = json!(["teapot.jpg", "notebook.jpg"]);
    rich["products"]["tea"]["alt"] = json!(["", "A notebook \"with\" quotes"]);
    rich["products"]["socks"]["options"][0]["prices"] =
        json!([{"price": 6_000_000, "wallet": "->wallets.eth"}]);
    rich["products"]["cap"]["hidden"] = json!(true);
    rich["rates"] = json!({"_model": "ShippingRate",
        "home": {"name": "Home & garden", "countries": ["GB", "Germany"], "price": 1_000_000},
        "free": {"name": "World", "prices": [{"price": 0, "wallet": "->wallets.eth"}, {"price": 5, "wallet": "->wallets.xmr"}]}});
    rich["codes"] = json!({"_model": "Discount", "a": {"code": "SPRING", "percent": 10, "uses": 3, "from": "2020-02-29", "until": "2999-12-31"},
        "b": {"code": "FIVE", "less": [{"price": 50_000, "wallet": "->wallets.btc"}, {"price": 5_000_000, "wallet": "->wallets.eth"}]}});
    rich
}

fn rich_world() -> World {
    let mut world = World::closed(&[("DESK_LISTEN", "127.0.0.1:0")]);
    fs::create_dir_all(world.path("db/images")).unwrap();
    for picture in ["teapot", "notebook"] {
        let from = format!("{}/db/images/{picture}.jpg", env!("CARGO_MANIFEST_DIR"));
        fs::copy(from, world.path(&format!("db/images/{picture}.jpg"))).unwrap();
    }
    fs::write(world.path("db/data.json"), rich().to_string()).unwrap();
    world.open();
    let words = format!("{DESK_PASSWORD}\n{DESK_PASSWORD}\n");
    assert!(world.told(&["desk", "password"], words.as_bytes()).status.success());
    world
}

#[test]
fn importing_an_export_changes_nothing() {
    let world = rich_world();
    // Orders: open, shipped, expired, and of an option with its own stock.
    let order = |product: &str, option: &str, more: &[(&str, &str)]| {
        let mut buyer = world.buyer();
        buyer.adds(product, option, "2");
        buyer.checks_out(more).mark("order-ref")
    };
    order("green-tea", "", &[("discount", "spring")]);
    let sent = order("green-tea", "", &[("discount", "five")]);
    world.says(&["orders", "paid", &sent]);
    world.says(&["orders", "shipped", &sent]);
    let cancelled = order("green-tea", "", &[]);
    world.says(&["orders", "cancel", &cancelled]);
    order("wool-socks", "Red", &[]);
    let mut desk = world.desk();
    desk.does("/discounts/save", &[("code", "_odd \"code\""), ("less-USDC", "1.5")]);
    desk.does("/rates/save", &[("name", "Über-Post"), ("countries", "AT"), ("price-USDC", "3")]);
    desk.does("/rates/move", &[("was", "Über-Post"), ("to", "up")]);
    let before = tables(&world);
    assert!(
        before.iter().any(|row| row.contains("\"green-tea\"") && row.contains(",16,")),
        "{before:#?}"
    );

    let text = world.says(&["catalog", "export"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["products"]["tea"]["quantity"], 18, "the stock and what an open order holds");
    assert_eq!(value["products"]["socks"]["options"][0]["quantity"], 3);
    assert_eq!(value["products"]["cap"]["hidden"], true);
    assert_eq!(value["products"]["tea"]["prices"][0]["wallet"], "->wallets.eth");
    assert!(text.starts_with("{\n  \"wallets\": {\n    \"_model\": \"Wallet\",\n"), "{text}");
    fs::write(world.path("db/data.json"), &text).unwrap();
    let check = world.says(&["seed", "--check", "db/data.json"]);
    assert!(!check.contains("would change"), "{check}");
    // No flag is needed over the desk's changes, since the file says the same.
    world.says(&["seed", "db/data.json"]);
    assert_eq!(tables(&world), before);
    assert_eq!(world.says(&["catalog", "export"]), text);
    let said = world.says(&["catalog", "export", "db/again.json"]);
    assert!(said.contains("Wrote 4 products to db/again.json"), "{said}");
    assert_eq!(fs::read_to_string(world.path("db/again.json")).unwrap(), text);
}

#[test]
fn an_old_file_does_not_silently_replace_the_desks_catalog() {
    let world = World::with_desk();
    let mut desk = world.desk();
    desk.does("/discounts/save", &[("code", "SPRING"), ("percent", "10")]);
    fs::copy(world.path("db/data.json"), world.path("db/old.json")).unwrap();
    world.says(&["catalog", "export", "db/data.json"]);
    world.says(&["seed", "db/data.json"]);
    let refused = world.shop(&["seed", "db/old.json"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("SPRING"), "{said}");
    world.says(&["seed", "db/old.json", "--over-desk"]);
    assert!(!desk.get("/discounts").text().contains("SPRING"));
    // From here on the file is used.
    world.says(&["seed", "db/data.json"]);
    world.says(&["seed", "db/old.json"]);
}

#[test]
fn a_catalog_of_an_older_version_is_exported_completely_or_not_at_all() {
    let world = rich_world();
    // The tables after an update: of pictures only the rendered files are stored.
    world.sql("update products set record = ''");
    world.sql("update product_pictures set file = ''");
    world.says(&["catalog", "export", "db/again.json"]);
    let before = tables(&world);
    assert!(before.iter().any(|row| row.contains("A **fine** tea.")), "{before:#?}");
    world.says(&["seed", "db/again.json"]);
    // Now the records have names.
    let nameless = |rows: Vec<String>| -> Vec<String> {
        let cut = |row: String| row.rsplit_once(',').map_or(row.clone(), |(row, _)| row.to_owned());
        rows.into_iter().map(cut).collect()
    };
    assert_eq!(nameless(tables(&world)), nameless(before));

    // A picture whose files are all gone.
    world.sql("update product_pictures set file = ''");
    for folder in ["db/images", "db/pictures"] {
        fs::rename(world.path(folder), world.path(&format!("{folder}-away"))).unwrap();
    }
    let done = world.shop(&["catalog", "export", "db/holes.json"]);
    let words = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && words.contains("Import the catalog once"), "{words}");
    assert!(!world.path("db/holes.json").exists());
}

#[test]
fn seeding_over_changes_of_the_desk_lists_them_and_changes_nothing() {
    let world = World::with_desk();
    let mut desk = world.desk();
    desk.does("/discounts/save", &[("code", "SPRING"), ("percent", "10")]);
    // The file has not changed: checking it loses nothing of the desk's.
    let before = tables(&world);
    let done = world.shop(&["seed", "db/data.json"]);
    let words = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{words}");
    assert!(words.contains("- discount SPRING: only in the shop"), "{words}");
    assert!(words.contains("shop catalog export db/data.json") && words.contains("--over-desk"));
    assert_eq!(tables(&world), before);
    let mut dearer = catalog();
    dearer["products"]["tea"]["prices"][0]["price"] = json!(99_000_000);
    dearer["products"]["stone"]["quantity"] = json!(7);
    fs::write(world.path("db/data.json"), dearer.to_string()).unwrap();
    let check = world.says(&["seed", "--check", "db/data.json"]);
    for line in [
        "~ product green-tea\n      price in ETH: 0.09199 → 0.099",
        "~ product stone\n      quantity: 1 → 7",
        "- discount SPRING",
    ] {
        assert!(check.contains(line), "{line}: {check}");
    }
    let json = world.says(&["seed", "--check", "--json", "db/data.json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["changes"][0]["fields"][0]["file"], "0.099", "{json}");
    assert_eq!(tables(&world), before);
    world.says(&["seed", "db/data.json", "--over-desk"]);
    assert!(world.find("select code from discounts").is_empty());
    assert!(with_tea(&world).get("/product/green-tea").text().contains("0.099"));
    // None of the desk's changes are left, so no flag is needed.
    world.seed(&catalog());
}

#[test]
fn a_first_start_seeds_even_if_a_desk_password_was_set_before() {
    let mut world = World::closed(&[("DESK_LISTEN", "127.0.0.1:0")]);
    world.open();
    let words = format!("{DESK_PASSWORD}\n{DESK_PASSWORD}\n");
    assert!(world.told(&["desk", "password"], words.as_bytes()).status.success());
    world.close("-TERM");
    fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
    world.open();
    assert!(with_tea(&world).get("/product/green-tea").text().contains("0.09199"));
}

#[test]
fn a_wallet_needs_the_password_and_never_accepts_a_private_key() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let page = desk.get("/wallets").text();
    assert!(page.contains("Ethereum mainnet") && page.contains("public test wallet"), "{page}");
    assert!(page.contains("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"), "{page}");
    let etc = [
        ("currency", "etc"),
        ("name", "Ethereum Classic"),
        ("chain", "61"),
        ("address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ];
    let add = |desk: &mut SellerAtDesk, password: &str, more: &[(&str, &str)]| {
        let mut fields = vec![("password", password)];
        fields.extend(more);
        desk.post("/wallets/save", &fields)
    };
    let answer = add(&mut desk, "not-it", &etc);
    assert_eq!(
        (answer.status, answer.attribute("password", "aria-invalid").as_str()),
        (422, "true")
    );
    assert!(answer.text().contains("<a href=\"#password\">Wrong password"));
    assert_eq!(answer.attribute("currency", "value"), "etc");
    assert_eq!(add(&mut desk, DESK_PASSWORD, &etc).status, 303);
    assert!(desk.get("/wallets").text().contains("EVM chain 61"));
    assert_eq!(add(&mut desk, DESK_PASSWORD, &etc).status, 303, "the same form a second time");
    let answer = add(
        &mut desk,
        DESK_PASSWORD,
        &[
            ("currency", "etc"),
            ("chain", "61"),
            ("address", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ],
    );
    assert!(
        answer.mark("currency-error").contains("already a wallet for ETC"),
        "{}",
        answer.text()
    );

    // Neither stored nor shown again, whatever field it is entered in.
    let key = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
    let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    for (field, secret) in
        [("address", key), ("xpub", words), ("name", words), ("view_key", words), ("contract", key)]
    {
        let mut fields = vec![("currency", "ABC"), ("chain", "5")];
        fields.push((field, secret));
        let answer = add(&mut desk, DESK_PASSWORD, &fields);
        let text = answer.text();
        assert_eq!(answer.status, 422, "{field}");
        assert!(
            text.contains("PRIVATE key") && !text.contains(secret) && !text.contains("abandon"),
            "{field}: {text}"
        );
    }
    assert!(world.find("select name from wallets where currency = 'ABC'").is_empty());
    assert!(!world.log().contains("abandon") && !world.log().contains(key));

    // A view key is stored and not shown, and a form without it keeps it.
    let view_key = "2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d";
    let form = desk.get("/wallets/change?currency=XMR");
    let (shown, address) = (edition(&form), form.attribute("address", "value"));
    let change = |desk: &mut SellerAtDesk, shown: &str, more: &[(&str, &str)]| {
        let mut fields = vec![
            ("was", "XMR"),
            ("edition", shown),
            ("name", "Monero"),
            ("password", DESK_PASSWORD),
        ];
        fields.extend(more);
        desk.post("/wallets/save", &fields)
    };
    assert_eq!(
        change(&mut desk, &shown, &[("address", &address), ("view_key", view_key)]).status,
        303
    );
    // An empty field keeps the stored key, so nothing changes.
    assert_eq!(change(&mut desk, &shown, &[("address", &address)]).status, 303);
    let other = [("address", address.as_str()), ("chain", "9")];
    assert_ne!(change(&mut desk, &shown, &other).status, 303);
    let form = desk.get("/wallets/change?currency=XMR");
    assert!(!form.text().contains(view_key) && form.text().contains("stored, not shown"));
    assert_eq!(change(&mut desk, &edition(&form), &[("address", &address)]).status, 303);
    assert_eq!(
        world.find("select view_key from wallets where currency = 'XMR'"),
        [view_key.as_bytes()]
    );
    let shown = edition(&desk.get("/wallets/change?currency=XMR"));
    let drops = [("address", address.as_str()), ("drop_view_key", "yes")];
    assert_eq!(change(&mut desk, &shown, &drops).status, 303);
    assert_eq!(
        world.find("select cast(view_key is null as text) from wallets where currency = 'XMR'"),
        [b"1"]
    );

    let mut buyer = world.buyer();
    assert!(buyer.get("/").text().contains("ETC"), "a buyer can choose it at once");
    buyer.chooses("ETC");
    let list = buyer.get("/product").text();
    assert!(list.contains("/product/green-tea"), "what is sold only in others is listed: {list}");
    desk.does("/wallets/move", &[("was", "BTC"), ("to", "up")]);
    assert!(
        world.buyer().get("/product/green-tea").text().contains("0.0009199"),
        "the first is what is seen"
    );
    assert_eq!(world.shop(&["wallet", "check"]).status.code(), Some(0));
}

#[test]
fn removing_a_wallet_deletes_its_prices_and_keeps_the_addresses_of_orders() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let order = || {
        let mut buyer = with_tea(&world);
        buyer.chooses("BTC");
        let address = buyer.checks_out(&[]).mark("address");
        (buyer, address)
    };
    let (mut first, address) = order();
    let remove = |desk: &mut SellerAtDesk, currency: &str, password: &str| {
        let page = desk.get(&format!("/wallets/remove?currency={currency}"));
        let text = page.text();
        let shown = if text.contains("name=\"edition\"") { edition(&page) } else { "0".to_owned() };
        let fields = [("was", currency), ("edition", &shown), ("password", password)];
        (text, desk.post("/wallets/remove", &fields))
    };
    let (text, answer) = remove(&mut desk, "XMR", DESK_PASSWORD);
    assert!(text.contains("cannot be removed yet") && text.contains("<li>Stone</li>"), "{text}");
    assert_ne!(answer.status, 303);
    assert_eq!(remove(&mut desk, "BTC", "not-it").1.status, 422);
    let (text, answer) = remove(&mut desk, "BTC", DESK_PASSWORD);
    assert!(text.contains("1 order is awaiting payment in BTC"), "{text}");
    assert_eq!(answer.status, 303);
    assert_eq!(first.get("/order").mark("address"), address);
    assert!(!world.buyer().get("/").text().contains("BTC"));
    assert!(world.find("select currency from prices where currency = 'BTC'").is_empty());
    let text = world.says(&["catalog", "export"]);
    assert!(!text.contains("wallets.btc"), "{text}");

    // The same key again: its first address is not used again.
    let fields =
        [("currency", "BTC"), ("name", "Bitcoin"), ("xpub", BTC_ZPUB), ("password", DESK_PASSWORD)];
    desk.does("/wallets/save", &fields);
    let mut file: Value = serde_json::from_str(&world.says(&["catalog", "export"])).unwrap();
    file["products"]["tea"]["prices"]
        .as_array_mut()
        .unwrap()
        .push(json!({"price": 919_900, "wallet": "->wallets.btc"}));
    fs::write(world.path("db/data.json"), file.to_string()).unwrap();
    world.says(&["seed", "--over-desk", "db/data.json"]);
    let next = world.says(&["wallet", "addresses", "BTC", "--count", "2"]);
    let next: Vec<&str> = next.lines().collect();
    assert_eq!((address.as_str(), order().1.as_str()), (next[0], next[1]));
}

#[test]
fn a_changed_token_must_be_able_to_express_the_existing_prices() {
    let mut rich = rich();
    rich["products"]["tea"]["images"] = json!([]);
    rich["products"]["tea"]["alt"] = json!([]);
    let world = World::with_desk_and(&rich, &[]);
    let mut desk = world.desk();
    let shown = edition(&desk.get("/wallets/change?currency=USDC"));
    let change = |desk: &mut SellerAtDesk, decimals: &str| {
        desk.post(
            "/wallets/save",
            &[
                ("was", "USDC"),
                ("edition", &shown),
                ("name", "USD Coin"),
                ("xpub", ETH_XPUB),
                ("contract", "0xdAC17F958D2ee523a2206206994597C13D831ec7"),
                ("decimals", decimals),
                ("password", DESK_PASSWORD),
            ],
        )
    };
    let answer = change(&mut desk, "0");
    assert!(answer.mark("contract-error").contains("the existing price 4.5"), "{}", answer.text());
    let answer = change(&mut desk, "");
    assert_eq!(answer.attribute("decimals", "aria-invalid"), "true", "{}", answer.text());
    assert_eq!(change(&mut desk, "18").status, 303);
    assert!(desk.get("/wallets").text().contains("0xdAC17F958D2ee523a2206206994597C13D831ec7"));
}
