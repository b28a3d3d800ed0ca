//! Mistakes that a seller makes who is new to the desk.

use crate::desk::products::Form;
use crate::desk::{activity, edition};
use crate::world::{DESK_PASSWORD, SellerAtDesk, World, catalog};

/// Submits a form twice. Both times it is confirmed; the activity log has one entry.
#[track_caller]
fn twice(world: &World, desk: &mut SellerAtDesk, path: &str, fields: &[(&str, &str)]) {
    let before = activity(world).len();
    let [first, second] = [(); 2].map(|()| desk.post(path, fields));
    assert_eq!(first.status, 303, "{path} {fields:?}: {}", first.text());
    assert_eq!(second.status, 303, "{path} {fields:?}: {}", second.text());
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(activity(world).len(), before + 1, "{path}: {:?}", activity(world));
}

#[test]
fn a_form_that_is_sent_twice_is_saved_once_and_confirmed_twice() {
    let world = World::with_desk();
    let mut desk = world.desk();
    // New records.
    twice(
        &world,
        &mut desk,
        "/discounts/save",
        &[("code", "spring"), ("less-ETH", "0.01"), ("less-BTC", "0.001"), ("uses", "5")],
    );
    twice(
        &world,
        &mut desk,
        "/rates/save",
        &[
            ("name", "Letter"),
            ("countries", "Germany, Austria"),
            ("price-ETH", "0.001"),
            ("price-BTC", "0"),
            ("price-XMR", "0.1"),
        ],
    );
    let wallet = [
        ("currency", "ETC"),
        ("chain", "61"),
        ("address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("password", DESK_PASSWORD),
    ];
    twice(&world, &mut desk, "/wallets/save", &wallet);
    twice(
        &world,
        &mut desk,
        "/pages/new",
        &[("title", "About us"), ("text", "Words\r\nand more"), ("act", "save")],
    );

    // Existing records, even if their name changes.
    let old = edition(&desk.get("/discounts/change?code=SPRING"));
    twice(
        &world,
        &mut desk,
        "/discounts/save",
        &[("was", "SPRING"), ("edition", &old), ("code", "summer"), ("percent", "7")],
    );
    let old = edition(&desk.get("/rates/change?name=Letter"));
    twice(
        &world,
        &mut desk,
        "/rates/save",
        &[("was", "Letter"), ("edition", &old), ("name", "Parcel"), ("price-ETH", "0.002")],
    );
    let old = edition(&desk.get("/wallets/change?currency=ETC"));
    twice(
        &world,
        &mut desk,
        "/wallets/save",
        &[&[("was", "ETC"), ("edition", &old), ("name", "Classic")][..], &wallet].concat(),
    );
    let old = edition(&desk.get("/pages/about-us/edit"));
    twice(
        &world,
        &mut desk,
        "/pages/about-us/edit",
        &[("edition", &old), ("title", "About"), ("text", "Other words"), ("act", "save")],
    );
    let old = edition(&desk.get("/look"));
    twice(
        &world,
        &mut desk,
        "/look",
        &[
            ("edition", &old),
            ("name", "Tea House"),
            ("notice", "Closed on Sunday"),
            ("accent", "#1c5d50"),
            ("act", "save"),
        ],
    );

    let mut form = Form::get(&mut desk, "/products/cap");
    form.set("name", "Warm Cap")
        .set("stock", "9")
        .set("description", "Of **wool**\nand more")
        .set("price.ETH", "0.50");
    form.set_nth("option.name", 0, "Tiny");
    let before = activity(&world).len();
    for _ in 0..2 {
        let answer = form.press(&mut desk, "save", &[]);
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/products/cap?done=saved")),
            "{}",
            answer.text()
        );
    }
    assert_eq!(activity(&world).len(), before + 1);
    // Different input is still not lost.
    form.set("name", "Cold Cap");
    assert_eq!(form.press(&mut desk, "save", &[]).status, 409);
    let answer = desk.post("/discounts/save", &[("code", "SUMMER"), ("percent", "8")]);
    assert!(
        answer.mark("code-error").contains("The discount code SUMMER already exists"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_price_with_a_comma_or_one_too_large_gets_its_own_error() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut form = Form::get(&mut desk, "/products/green-tea");
    form.set("name", " ")
        .set("price.ETH", "0,003")
        .set("price.BTC", "99999999999")
        .set("price.XMR", "9000000000");
    let answer = form.press(&mut desk, "save", &[]);
    let text = answer.text();
    for words in [
        "Price in ETH: Use a decimal point: 0.003.",
        "Price in BTC: This amount is too large",
        "Price in XMR: This price is too large",
        "Enter a name.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let answer = desk.post("/rates/save", &[("name", "Letter"), ("price-ETH", "0,003")]);
    assert_eq!(answer.mark("price-ETH-error"), "Use a decimal point: 0.003.");
    let answer = desk.post(
        "/discounts/save",
        &[("code", "A"), ("percent", "5"), ("from", "2026-02-02"), ("until", "2026-02-01")],
    );
    assert_eq!(answer.mark("until-error"), "The last day is before the first day.");
    let page =
        desk.does("/discounts/save", &[("code", "OLD"), ("percent", "5"), ("until", "2020-02-01")]);
    assert!(page.mark("done").contains("has already expired"));
}

#[test]
fn side_effects_of_a_change_are_shown() {
    let world = World::with_desk();
    let mut desk = world.desk();
    desk.does("/rates/save", &[("name", "Letter"), ("price-ETH", "0.003")]);
    let page = desk.get("/rates/remove?name=Letter");
    assert!(page.text().contains("shipping will be free"), "{}", page.text());
    let kept = edition(&page);
    let page = desk.does("/rates/remove", &[("was", "Letter"), ("edition", &kept)]);
    assert!(page.mark("done").contains("free to all countries"), "{}", page.text());
    let page = desk.does("/products/categories", &[("category", "Wool"), ("name", "Tea & Co")]);
    assert!(page.mark("done").contains("the two were merged"), "{}", page.text());

    let refused = desk.0.get("/orders?since=2026-02-02&before=2026-02-01");
    assert_eq!(refused.mark("before-error"), "This day is before “Placed since”.");
}

#[test]
fn an_empty_shop_shows_the_first_steps_until_it_has_a_wallet_and_a_product() {
    let mut empty = catalog();
    empty.as_object_mut().unwrap().remove("products");
    let world = World::with_desk_and(&empty, &[]);
    // The wallets of the tests are those of the demo.
    world.sql("delete from prices; delete from wallets");
    let mut desk = world.desk();
    let page = desk.get("/");
    assert!(
        page.find_mark("begin").is_some()
            && !page.text().contains("class=\"done\">✓ done</strong></li>\n<li><a href=\"/rates"),
        "{}",
        page.text()
    );
    desk.does(
        "/wallets/save",
        &[
            ("currency", "ETC"),
            ("chain", "61"),
            ("address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            ("password", DESK_PASSWORD),
        ],
    );
    let page = desk.get("/");
    assert!(
        page.find_mark("begin").is_some()
            && page.text().contains("to receive payments. <strong class=\"done\">✓ done</strong>"),
        "{}",
        page.text()
    );
    assert_eq!(page.mark("low"), "No products yet.");
    assert!(page.find_mark("no-takings").is_some() && !page.text().contains("takings.png"));
    let mut form = Form::get(&mut desk, "/products/new");
    form.set("name", "Stone").set("price.ETC", "1");
    assert_eq!(form.press(&mut desk, "save", &[]).status, 303);
    assert_eq!(desk.get("/").find_mark("begin"), None);
}

#[test]
fn an_unreadable_colour_does_not_prevent_the_preview_of_the_notice() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let page = desk.get("/look");
    let fields = [
        ("edition", edition(&page)),
        ("name", "Tea".into()),
        ("notice", "Closed on *Sunday*".into()),
        ("accent", "#ffd500".into()),
        ("act", "preview".into()),
    ];
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = desk.post("/look", &fields);
    assert!(answer.text().contains("Closed on <em>Sunday</em>"), "{}", answer.text());
    assert!(answer.mark("accent-error").contains("contrast"));
}
