//! Exchange rates and prices in ordinary money at the desk.

use crate::desk::products::Form;
use crate::world::{World, catalog};

fn product_page(world: &World, slug: &str) -> String {
    world.buyer().get(&format!("/product/{slug}")).text()
}

#[test]
fn the_desk_sets_rates_and_says_when_one_is_missing() {
    let world = World::with_desk_and(&catalog(), &[("PRICE_IN", "EUR")]);
    let mut seller = world.desk();
    assert!(seller.get("/wallets").text().contains("href=\"/wallets/rates\""));
    let fields = [("currency", "ETH"), ("rate", "2650"), ("valid", "2d")];
    let page = seller.does("/wallets/rates", &fields);
    assert!(page.text().contains("1 ETH = 2650 EUR, valid until"), "{}", page.text());
    assert!(product_page(&world, "green-tea").contains("about 244 EUR"));
    assert!(seller.get("/deeds").text().contains("Set the rate of ETH: 2650 EUR"));
    for (rate, valid, words) in [
        ("-1", "24h", "A rate is a decimal number above 0"),
        ("2650", "soon", "A whole number above 0 with a unit"),
        ("2650", "90d", "at most 30d"),
    ] {
        let fields = [("currency", "ETH"), ("rate", rate), ("valid", valid)];
        let refused = seller.post("/wallets/rates", &fields);
        assert_eq!(refused.status, 422, "{rate} {valid}");
        let text = refused.text();
        assert!(text.contains(words) && text.contains("aria-invalid=\"true\""), "{text}");
        assert!(text.contains(&format!("value=\"{rate}\"")), "{text}");
    }
    assert_eq!(seller.post("/wallets/rates", &[("currency", "EUR"), ("rate", "1")]).status, 404);
    world.until("the first page says what is missing", || {
        let text = world.desk().get("/").text();
        text.contains("BTC has no rate, XMR has no rate: prices are not shown in EUR")
            && text.contains("href=\"/wallets/rates\"")
    });
    let page = seller.does("/wallets/rates/remove", &[("currency", "ETH")]);
    assert!(page.text().contains("No rate."));
    assert!(!product_page(&world, "green-tea").contains("EUR"));
}

#[test]
fn without_a_reference_currency_the_desk_says_how_to_set_it() {
    let world = World::with_desk();
    let mut seller = world.desk();
    assert!(seller.get("/wallets/rates").text().contains("PRICE_IN=EUR"));
    let fields = [("currency", "ETH"), ("rate", "2650"), ("valid", "2d")];
    assert_eq!(seller.post("/wallets/rates", &fields).status, 404);
    assert!(!seller.get("/products/new").text().contains("price.fiat"));
}

#[test]
fn a_products_form_takes_a_price_in_ordinary_money() {
    let world = World::with_desk_and(&catalog(), &[("PRICE_IN", "EUR")]);
    let mut seller = world.desk();
    seller.does("/wallets/rates", &[("currency", "ETH"), ("rate", "2650"), ("valid", "2d")]);
    let mut form = Form::get(&mut seller, "/products/new");
    form.set("name", "Mug").set("stock", "3");
    for (typed, words) in [
        ("12,50", "Use a decimal point"),
        ("0", "Enter more than 0"),
        ("12.505", "decimals"),
        ("12 EURO", "ISO 4217"),
    ] {
        let refused = form.set("price.fiat", typed).press(&mut seller, "save", &[]);
        assert_eq!(refused.status, 422, "{typed}");
        let error = refused.mark("price-fiat-error");
        assert!(error.contains(words), "{error}");
        assert_eq!(refused.attribute("price-fiat", "value"), typed);
    }
    let page = form.set("price.fiat", "12.5").saves(&mut seller, &[]);
    assert_eq!(page.attribute("price-fiat", "value"), "12.50");
    let mug = product_page(&world, "mug");
    assert!(mug.contains("0.004717 ETH") && mug.contains("12.50 EUR (rate of "), "{mug}");
    assert!(seller.get("/products").text().contains("12.50 EUR"));
    let exported = world.says(&["catalog", "export"]);
    assert!(exported.contains("{ \"price\": 1250, \"currency\": \"EUR\" }"), "{exported}");

    // Another price, and another for an option.
    let mut form = Form::get(&mut seller, "/products/mug").goes_on(&mut seller, "option-add", &[]);
    form.set("price.fiat", "20").set("option.name", "Large").set("option.price.fiat", "30");
    form.saves(&mut seller, &[]);
    let mug = product_page(&world, "mug");
    assert!(mug.contains("0.011321 ETH") && mug.contains("30.00 EUR (rate of "), "{mug}");
    // Without it, the product has no price, which no catalog can express.
    let mut form = Form::get(&mut seller, "/products/mug");
    let refused = form.set("price.fiat", "").press(&mut seller, "save", &[]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Enter at least one price."), "{}", refused.text());

    // A new wallet sells it too, and the removal of one leaves it its price.
    seller.does("/wallets/rates/remove", &[("currency", "ETH")]);
    assert!(product_page(&world, "mug").contains("there is no current exchange rate"));
    world.until("the first page says so", || {
        let text = world.desk().get("/").text();
        text.contains("1 product priced in EUR cannot be ordered")
    });
}
