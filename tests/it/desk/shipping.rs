//! Shipping rules at the desk: groups, steps, free shipping, weights and excluded countries.

use serde_json::json;

use crate::desk::products::Form;
use crate::desk::{activity, edition};
use crate::world::{World, catalog};

#[test]
fn a_method_with_steps_is_added_changed_and_refused_at_the_desk() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let steps = "500 g: 0.001 ETH\n1.5 kg: 0.002 ETH";
    let page = desk.does(
        "/rates/save",
        &[
            ("name", "Letter"),
            ("countries", "europe\nUSA"),
            ("excluded_countries", "ru, Belarus"),
            ("steps", steps),
            ("free-ETH", "0.27"),
        ],
    );
    let text = page.text();
    for words in [
        "Europe, United States except Russia, Belarus",
        "up to 1500 g: 0.002 ETH",
        "free from 0.27 ETH",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let form = desk.get("/rates/change?name=Letter");
    assert_eq!(form.mark("steps"), "500 g: 0.001 ETH\n1500 g: 0.002 ETH");
    assert_eq!(form.mark("countries"), "Europe\nUnited States");
    assert_eq!(form.mark("excluded_countries"), "Russia\nBelarus");
    assert_eq!(form.attribute("free-ETH", "value"), "0.27");

    let shown = edition(&form);
    let mut refused = |fields: &[(&str, &str)]| {
        let mut all = vec![("was", "Letter"), ("edition", &*shown), ("name", "Letter")];
        all.extend(fields);
        let answer = desk.post("/rates/save", &all);
        assert_eq!(answer.status, 422, "{}", answer.text());
        answer
    };
    for (steps, expected) in [
        ("500 g 0.001", "Step 1: Write the limit"),
        ("500 g: 0.001 ETH\n500 g: 0.002 ETH", "Step 2: "),
        ("more: 0.001 ETH\n500 g: 0.002 ETH", "Step 1: "),
        ("500 g: 0.001 ETH, 0 BTC\nmore: 0.002 ETH", "Step 2: "),
    ] {
        let answer = refused(&[("steps", steps)]);
        assert!(answer.mark("steps-error").starts_with(expected), "{}", answer.mark("steps-error"));
        assert_eq!(answer.mark("steps"), steps);
    }
    let both = refused(&[("steps", steps), ("price-ETH", "0.1")]);
    assert!(both.mark("steps-error").contains("not both"));
    let elsewhere = refused(&[("steps", steps), ("free-BTC", "0.1")]);
    assert!(elsewhere.text().contains("href=\"#free_from\""), "{}", elsewhere.text());
    let unknown = refused(&[("steps", steps), ("excluded_countries", "Elbonia")]);
    assert!(unknown.mark("excluded_countries-error").contains("“Elbonia”"));

    let all = [("was", "Letter"), ("edition", &*shown), ("name", "Letter"), ("price-ETH", "0.003")];
    desk.does("/rates/save", &all);
    let form = desk.get("/rates/change?name=Letter");
    assert_eq!(
        (form.mark("steps").as_str(), &*form.attribute("price-ETH", "value")),
        ("", "0.003")
    );
}

#[test]
fn a_product_gets_its_weight_and_excluded_countries_at_the_desk() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut form = Form::get(&mut desk, "/products/cap");
    form.fields.push(("kind".to_owned(), "shipped".to_owned()));
    form.set("weight", "heavy").set("excluded_countries", "Elbonia");
    form.set_nth("option.weight", 1, "0");
    let refused = form.press(&mut desk, "save", &[]);
    assert_eq!(refused.status, 422);
    for (field, words) in
        [("weight", "grams"), ("option-1-weight", "grams"), ("excluded_countries", "“Elbonia”")]
    {
        let error = refused.mark(&format!("{field}-error"));
        assert!(error.contains(words), "{field}: {error}");
    }
    for field in ["weight", "excluded_countries"] {
        assert_eq!(Form::of("/products/cap", &refused).value(field), form.value(field));
    }

    form.set("weight", "100").set("excluded_countries", "Austria, eu");
    form.set_nth("option.weight", 1, "300");
    let other = form.clone();
    form.saves(&mut desk, &[]);
    let page = desk.get("/products/cap");
    assert_eq!(page.attribute("weight", "value"), "100");
    assert_eq!(page.mark("excluded_countries"), "Austria\nEU");
    let found = world.find("select weight || excluded_countries from products where slug = 'cap'");
    assert_eq!(found, [b"100AT,EU".to_vec()]);
    assert_eq!(
        world.find("select cast(weight as text) from options where name = 'Large'"),
        [b"300"]
    );
    let action = activity(&world).pop().unwrap();
    assert_eq!(action, "Changed Cap: weight, excluded countries");

    // A form sent twice was saved the first time; another one sees what differs.
    assert_eq!(other.press(&mut desk, "save", &[]).status, 303);
    let mut later = other.clone();
    later.set("weight", "120").set("excluded_countries", "Austria");
    let answer = later.press(&mut desk, "save", &[]);
    assert_eq!(answer.status, 409);
    assert_eq!(answer.mark("weight-now"), "Saved value: 100");
    assert!(answer.mark("excluded_countries-now").starts_with("Saved value: Austria"));
}

#[test]
fn buyers_read_where_a_product_does_not_go_and_the_desk_what_is_missing() {
    let mut file = catalog();
    file["products"]["tea"]["excluded_countries"] = json!(["Austria", "RU"]);
    file["shipping"] = json!({"_model": "ShippingRate",
        "post": {"name": "Post", "prices": [{"price": 5, "wallet": "->wallets.eth"}]}});
    let world = World::with_desk_and(&file, &[]);
    let mut buyer = world.buyer();
    let page = buyer.get("/product/green-tea").text();
    assert!(page.contains("Not shipped to Austria, Russia."), "{page}");
    assert!(!buyer.get("/product/cap").text().contains("Not shipped to"));
    // The report is made in the background.
    let desk = world.desk();
    world.until("the first page names the currencies", || {
        let page = desk.clone().get("/").text();
        page.contains("shipped products cannot be ordered in BTC, XMR")
    });
}
