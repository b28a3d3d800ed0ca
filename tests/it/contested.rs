//! Items belong to the order that is paid first.

use serde_json::json;

use crate::world::{Answer, Buyer, World, catalog};

const REFUND: (&str, &str) = ("refund", "0x52908400098527886E0F7030069857D2E4169EE7");

/// A shop with two caps left, which all sizes share.
fn shop() -> World {
    let mut few = catalog();
    few["products"]["cap"]["quantity"] = json!(2);
    World::with(&few, &[])
}

fn with_caps(world: &World, quantity: &str) -> Buyer {
    let mut buyer = world.buyer();
    buyer.adds("cap", "Small", quantity);
    buyer
}

fn orders(world: &World, quantity: &str, more: &[(&str, &str)]) -> (Buyer, String) {
    let mut buyer = with_caps(world, quantity);
    let reference = buyer.checks_out(more).mark("order-ref");
    (buyer, reference)
}

#[track_caller]
fn must_not_pay(page: &Answer) {
    assert!(page.text().contains("Sold out: do not pay"), "{}", page.text());
    assert!(page.text().contains("Do not send anything now"));
    assert_eq!(page.find_mark("payment-uri"), None);
    assert_eq!(page.find_mark("qr"), None);
    assert_eq!(page.find_mark("expires"), None);
}

#[test]
fn reserved_items_can_still_be_ordered_with_a_refund_address() {
    let world = shop();
    let (_, first) = orders(&world, "2", &[]);
    let mut second = with_caps(&world, "1");
    let words = "Others are paying for the last 2: first payment wins";
    assert!(second.get("/product/cap").text().contains(words));
    assert!(second.get("/").text().contains(words));
    assert!(second.get("/cart").text().contains("Others are paying for the last 2 Cap, Small"));
    let form = second.get("/checkout").text();
    assert!(form.contains("nothing is reserved for you until your payment is received"), "{form}");
    let refused = second.tries_to_check_out(&[("note", "Please wrap it.")]);
    assert_eq!(refused.status, 422);
    assert_eq!(refused.attribute("refund", "aria-invalid"), "true");
    assert!(refused.text().contains("Enter a refund address"));
    assert!(refused.text().contains("Please wrap it."));
    let page = second.checks_out(&[REFUND]);
    assert_eq!(page.state(), "awaiting");
    assert!(page.text().contains("Nothing is reserved for you yet"));
    assert!(page.find_mark("payment-uri").is_some());
    // More than the stock cannot be ordered.
    let mut third = world.buyer();
    let answer = third.post("/cart", &[("product", "cap"), ("option", "Large"), ("quantity", "3")]);
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("Only 2"), "{}", answer.text());
    // The seller reads it in the order's message, and on the command line.
    let reference = page.mark("order-ref");
    assert!(
        world.says(&["orders", "show", &reference]).contains("not reserved: other unpaid orders")
    );
    assert!(!world.says(&["orders", "show", &first]).contains("not reserved"));
    let messages = world.messages();
    let (_, told) = messages.iter().find(|(_, text)| text.contains(&reference)).unwrap();
    assert!(told.contains("Nothing is reserved for this order"), "{told}");
}

#[test]
fn the_first_payment_takes_the_last_item_and_the_others_are_told_not_to_pay() {
    let world = World::with(
        &{
            let mut few = catalog();
            few["products"]["cap"]["quantity"] = json!(1);
            few
        },
        &[],
    );
    let (mut first, _) = orders(&world, "1", &[]);
    let (mut second, paid) = orders(&world, "1", &[REFUND]);
    let (mut third, late) = orders(&world, "1", &[REFUND]);
    world.says(&["orders", "paid", &paid]);
    assert_eq!(second.get("/order").state(), "confirmed");
    for buyer in [&mut first, &mut third] {
        let page = buyer.get("/order");
        assert_eq!(page.state(), "awaiting");
        must_not_pay(&page);
        assert_eq!(buyer.get("/order/qr.png").status, 404);
        assert!(!buyer.get("/order/receipt.txt").text().contains("Pay before"));
    }
    assert!(third.get("/product/cap").text().contains("Sold out"));
    // A payment that arrives nevertheless.
    let said = world.says(&["orders", "paid", &late]);
    assert!(said.contains("is now oversold") && said.contains("Add stock"), "{said}");
    let page = third.get("/order");
    assert_eq!(page.state(), "oversold");
    assert!(page.text().contains("ship from new stock or refund you"));
    let (_, told) = world
        .messages()
        .into_iter()
        .find(|(_, text)| text.contains(&late) && text.contains("X-Shop-State: oversold"))
        .unwrap();
    assert!(told.contains("Nothing is left for this order"), "{told}");
    let refused = world.shop(&["orders", "paid", &late]);
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("Cap: 1 needed, but only 0 in stock"), "{why}");
    // New stock goes to it.
    let mut more = catalog();
    more["products"]["cap"]["quantity"] = json!(2);
    world.seed(&more);
    world.says(&["orders", "paid", &late]);
    assert_eq!(third.get("/order").state(), "confirmed");
    must_not_pay(&first.get("/order"));
    // And what a cancelled order gives back can be paid for again.
    world.says(&["orders", "cancel", &paid]);
    assert!(first.get("/order").find_mark("payment-uri").is_some());
}

#[test]
fn an_oversold_order_can_be_refunded() {
    let world = shop();
    let (_, first) = orders(&world, "2", &[]);
    let (mut second, oversold) = orders(&world, "1", &[REFUND]);
    world.says(&["orders", "paid", &first]);
    world.says(&["orders", "paid", &oversold]);
    assert!(world.says(&["orders", "digest"]).contains(&oversold));
    world.says(&["orders", "refunded", &oversold]);
    assert_eq!(second.get("/order").state(), "refunded");
    assert_eq!(world.find("select stock from products where slug = 'cap'"), [b"0"]);
}

#[test]
fn an_invented_transaction_reserves_no_longer_than_none() {
    let world = shop();
    let id = format!("0x{}", "ab".repeat(32));
    let (mut liar, reference) = orders(&world, "2", &[("transaction", &id)]);
    assert_eq!(liar.get("/order").state(), "reported");
    // Others need not wait for the seller, nor until the order expires.
    let (_, paid) = orders(&world, "1", &[REFUND]);
    world.says(&["orders", "paid", &paid]);
    assert_eq!(liar.get("/order").state(), "reported");
    assert!(liar.get("/order").text().contains("Other payments came first"));
    assert_eq!(world.find("select stock from products where slug = 'cap'"), [b"1"]);
    let (mut second, _) =
        orders(&world, "1", &[("transaction", &format!("0x{}", "cd".repeat(32)))]);
    assert_eq!(world.find("select stock from products where slug = 'cap'"), [b"0"]);
    world.sql("update invoices set until = until - 7260");
    world.says(&["orders"]);
    assert_eq!(second.get("/order").state(), "reported");
    assert_eq!(world.find("select stock from products where slug = 'cap'"), [b"1"]);
    // If it was real, the order gets its items all the same.
    world.says(&["orders", "cancel", &paid]);
    world.says(&["orders", "paid", &reference]);
    assert_eq!(liar.get("/order").state(), "confirmed");
    assert_eq!(world.find("select stock from products where slug = 'cap'"), [b"0"]);
}

#[test]
fn an_import_with_fewer_items_ends_reservations_of_unpaid_orders_first() {
    let world = shop();
    let (_, kept) = orders(&world, "1", &[]);
    world.says(&["orders", "paid", &kept]);
    let (mut unpaid, _) = orders(&world, "1", &[]);
    let mut fewer = catalog();
    fewer["products"]["cap"]["quantity"] = json!(1);
    world.seed(&fewer);
    must_not_pay(&unpaid.get("/order"));
    assert_eq!(world.find("select stock from products where slug = 'cap'"), [b"0"]);
    assert_eq!(world.find("select quantity from held_stock"), [b"1"]);
}

#[test]
fn an_invented_transaction_holds_a_discount_code_no_longer_than_none() {
    let mut few = catalog();
    few["discounts"] =
        json!({"_model": "Discount", "spring": {"code": "SPRING", "percent": 10, "uses": 1}});
    let world = World::with(&few, &[]);
    let id = format!("0x{}", "ab".repeat(32));
    let (mut first, reference) =
        orders(&world, "1", &[("transaction", &id), ("discount", "SPRING")]);
    assert_eq!(with_caps(&world, "1").tries_to_check_out(&[("discount", "SPRING")]).status, 422);
    world.sql("update invoices set until = until - 7260");
    world.says(&["orders"]);
    assert_eq!(first.get("/order").state(), "reported");
    orders(&world, "1", &[("discount", "SPRING")]);
    // It was real: the discount was promised.
    world.says(&["orders", "paid", &reference]);
    assert_eq!(first.get("/order").state(), "confirmed");
    assert_eq!(world.find("select used from discount_uses"), [b"2"]);
}

#[test]
fn an_import_with_fewer_of_two_products_assigns_no_item_twice() {
    let mut two = catalog();
    two["products"]["cap"]["quantity"] = json!(1);
    two["products"]["tea"]["quantity"] = json!(3);
    let world = World::with(&two, &[]);
    let mut paid = world.buyer();
    paid.adds("green-tea", "", "2");
    let paid = paid.checks_out(&[]).mark("order-ref");
    world.says(&["orders", "paid", &paid]);
    let mut unpaid = with_caps(&world, "1");
    unpaid.adds("green-tea", "", "1");
    unpaid.checks_out(&[]);
    two["products"]["cap"]["quantity"] = json!(0);
    two["products"]["tea"]["quantity"] = json!(2);
    world.seed(&two);
    assert_eq!(
        world.find("select stock from products where slug in ('cap', 'green-tea')"),
        [b"0", b"0"]
    );
    assert_eq!(world.find("select quantity from held_stock"), [b"2"]);
}

#[test]
fn of_many_who_order_the_last_item_at_once_one_gets_it_and_a_form_sent_twice_is_one_order() {
    const N_BUYERS: usize = 32;
    let mut last = catalog();
    last["products"]["cap"]["quantity"] = json!(1);
    let world = World::with(&last, &[]);
    let buyers: Vec<_> = (0..N_BUYERS)
        .map(|_| {
            let mut buyer = with_caps(&world, "1");
            let review = buyer.reviews(&[]);
            (buyer, review)
        })
        .collect();
    let held = world.hold_database();
    let placed: Vec<Option<String>> = std::thread::scope(|scope| {
        let sent: Vec<_> = buyers
            .iter()
            .map(|(buyer, review)| {
                let place = || {
                    let mut buyer = buyer.clone();
                    let answer = buyer.places(review, &[]);
                    let is_placed = answer.status == 303;
                    assert!(is_placed || answer.status == 422, "{}", answer.text());
                    is_placed.then(|| buyer.get("/order").mark("order-ref"))
                };
                // Each sends its form twice.
                [scope.spawn(place), scope.spawn(place)]
            })
            .collect();
        drop(held);
        sent.into_iter().flatten().map(|sent| sent.join().unwrap()).collect()
    });
    let mut refs: Vec<String> = placed.into_iter().flatten().collect();
    assert_eq!(refs.len(), 2, "both forms of one buyer lead to the order: {refs:?}");
    refs.dedup();
    assert_eq!(refs.len(), 1);
    let orders = world.find("select order_ref from orders where reserves <> 0");
    assert_eq!(orders, [refs[0].as_bytes()]);
    assert_eq!(world.find("select 1 from orders").len(), 1);
    assert_eq!(world.messages().len(), 1);
}
