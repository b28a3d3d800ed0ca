//! An expired or finished order is put into the cart again.

use serde_json::json;

use crate::world::{Answer, Buyer, World, catalog};

fn expire(world: &World) {
    world.sql("update invoices set until = unixepoch() - 60");
    world.says(&["orders"]);
}

/// Presses the button on the order's page, and looks at the cart.
#[track_caller]
fn again(buyer: &mut Buyer) -> Answer {
    let answer = buyer.post("/order/again", &[]);
    let next = answer.header("location").map(str::to_owned);
    assert_eq!((answer.status, next.as_deref()), (303, Some("/cart?again")), "{}", answer.text());
    buyer.get("/cart?again")
}

/// The quantity of each line in the cart.
fn quantities(cart: &Answer) -> Vec<String> {
    (1..9)
        .take_while(|n| cart.find_mark(&format!("quantity-{n}")).is_some())
        .map(|n| cart.attribute(&format!("quantity-{n}"), "value"))
        .collect()
}

#[test]
fn an_expired_order_is_renewed_at_todays_prices() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "2");
    buyer.adds("wool-socks", "Red", "1");
    let old = buyer.checks_out(&[]);
    let (reference, code) = (old.mark("order-ref"), old.mark("code"));
    expire(&world);
    let mut dearer = catalog();
    dearer["products"]["tea"]["prices"][0]["price"] = json!(95_000_000);
    world.seed(&dearer);
    let page = buyer.get("/order");
    assert!(page.text().contains("Renew order"), "{}", page.text());
    let before = world.find("select json_array(status, finished_at) from orders");

    let cart = again(&mut buyer);
    assert_eq!(quantities(&cart), ["2", "1"]);
    let text = cart.text();
    assert!(text.contains(&format!("The items of order {reference} are in your cart")), "{text}");
    assert!(text.contains("The price of Green Tea has increased from 0.09199 to 0.095"), "{text}");
    // Twice is once.
    assert_eq!(quantities(&again(&mut buyer)), ["2", "1"]);
    assert_eq!(world.find("select json_array(status, finished_at) from orders"), before);

    let new = buyer.checks_out(&[]);
    assert_ne!((new.mark("order-ref"), new.mark("code")), (reference.clone(), code.clone()));
    assert_eq!(new.mark("amount"), "0.195");
    assert!(!new.text().contains("/order/again"), "it is still to be paid");
    // The old order is as it was.
    let mut elsewhere = world.buyer();
    elsewhere.post("/order", &[("code", &code)]);
    assert_eq!(elsewhere.get("/order").mark("order-ref"), reference);
}

#[test]
fn a_finished_order_is_ordered_again_with_what_can_still_be_bought() {
    let world = World::new();
    let mut buyer = world.buyer();
    for (product, option, quantity) in
        [("green-tea", "", "3"), ("wool-socks", "Red", "2"), ("cap", "Small", "1")]
    {
        buyer.adds(product, option, quantity);
    }
    let page = buyer.checks_out(&[]);
    let (reference, code) = (page.mark("order-ref"), page.mark("code"));
    world.says(&["orders", "paid", &reference]);
    assert!(!buyer.get("/order").text().contains("/order/again"));
    world.says(&["orders", "shipped", &reference]);
    let mut less = catalog();
    less["products"]["tea"]["quantity"] = json!(2);
    less["products"]["socks"]["options"][0]["quantity"] = json!(0);
    less["products"].as_object_mut().unwrap().remove("cap");
    world.seed(&less);

    // In another browser, with a cart of its own and the order's code.
    let mut elsewhere = world.buyer();
    elsewhere.adds("green-tea", "", "1");
    elsewhere.post("/order", &[("code", &code)]);
    assert!(elsewhere.get("/order").text().contains("Order again"));
    let cart = again(&mut elsewhere);
    let text = cart.text();
    assert_eq!(quantities(&cart), ["2"]);
    for words in [
        "Not enough Green Tea in stock: the order had 3, your cart has 2.",
        "Wool Socks, Red was not added: it is sold out.",
        "Cap, Small was not added: it is no longer available.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // The next look at the cart says nothing of it.
    assert!(!elsewhere.get("/cart").text().contains("was not added"));
}

#[test]
fn an_order_joins_what_the_cart_holds_in_the_carts_currency() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.chooses("XMR");
    buyer.adds("stone", "", "1");
    buyer.adds("green-tea", "", "1");
    let code = buyer.checks_out(&[]).mark("code");
    expire(&world);
    // An empty cart takes the order's currency.
    let mut elsewhere = world.buyer();
    elsewhere.post("/order", &[("code", &code)]);
    let cart = again(&mut elsewhere);
    assert!(cart.text().contains("2.1499 XMR"), "{}", cart.text());
    assert_eq!(quantities(&cart), ["1", "1"]);
    // Another keeps its own.
    let mut elsewhere = world.buyer();
    elsewhere.adds("cap", "Large", "1");
    elsewhere.post("/order", &[("code", &code)]);
    let cart = again(&mut elsewhere);
    let text = cart.text();
    assert_eq!(quantities(&cart), ["1", "1"]);
    assert!(text.contains("Stone was not added: it is not available in ETH."), "{text}");
    assert!(text.contains("together with what was already there"), "{text}");
    assert!(!text.contains("has increased") && !text.contains("has decreased"), "{text}");
}

#[test]
fn only_a_form_of_the_browser_with_the_order_repeats_it() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    // An order that is to be paid is not repeated.
    let answer = buyer.post("/order/again", &[]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/order")));
    assert!(!buyer.cookies.contains_key("cart"));
    expire(&world);
    assert_eq!(buyer.post_raw("/order/again", &[("token", "x")]).status, 403);
    assert_eq!(buyer.get("/order/again").status, 405);
    let mut stranger = world.buyer();
    assert_eq!(stranger.post("/order/again", &[]).status, 404);
    assert!(!stranger.get("/cart?again").text().contains("The items of order"));
    // Nothing of it can be bought any more.
    let mut none = catalog();
    none["products"].as_object_mut().unwrap().remove("tea");
    world.seed(&none);
    let cart = again(&mut buyer);
    assert!(cart.text().contains("Green Tea was not added"), "{}", cart.text());
    assert!(cart.text().contains("Your cart is empty"));
}
