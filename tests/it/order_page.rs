//! What the order's page shows in each state.

use serde_json::json;

use crate::world::{Answer, Buyer, World, catalog};

fn order(world: &World, currency: &str) -> (Buyer, Answer) {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.chooses(currency);
    let page = buyer.checks_out(&[]);
    (buyer, page)
}

/// The part of the page up to the messages: the status, and how to pay.
fn panel(page: &Answer) -> String {
    let text = page.text();
    let start = text.find("<section class=\"panel\"").unwrap();
    text[start..text.find("<section id=\"messages\"").unwrap()].to_owned()
}

/// What is shown of it without opening anything.
fn unfolded(page: &Answer) -> String {
    let panel = panel(page);
    let mut parts = panel.split("<details");
    let mut shown = parts.next().unwrap().to_owned();
    shown.extend(parts.map(|part| part.rsplit_once("</details>").map_or("", |(_, rest)| rest)));
    shown
}

#[test]
fn a_new_order_is_thanked_for_and_asks_for_one_payment() {
    let world = World::new();
    let (mut buyer, page) = order(&world, "ETH");
    let text = page.text();
    assert!(text.contains("<h1>Thank you, your order is placed</h1>"), "{text}");
    let shown = unfolded(&page);
    for mark in ["state", "amount", "currency", "address", "qr", "payment-link", "expires", "code"]
    {
        assert!(shown.contains(&format!("id=\"{mark}\"")), "{mark}: {shown}");
    }
    let order_of = |ids: [&str; 4]| ids.map(|id| text.find(&format!("id=\"{id}\"")).unwrap());
    assert!(order_of(["amount", "address", "qr", "code"]).is_sorted(), "{text}");
    // The raw link and the other QR code are folded away.
    assert_eq!(shown.matches("<img").count(), 1, "{shown}");
    let folded = panel(&page);
    let folded = folded.split_once("Other ways to pay").unwrap().1;
    assert!(folded.contains("id=\"payment-uri\"") && folded.contains("id=\"address-qr\""));
    // The same sum is not asked for twice, and scripts find both marks.
    assert!(!text.contains("Amount due"), "{text}");
    assert_eq!((page.mark("amount"), page.mark("due")), ("0.09199".into(), "0.09199".into()));
    buyer.post("/order/noted", &[]);
    assert!(buyer.get("/order").text().contains("<h1>Your order</h1>"));
    world.says(&["orders", "partial", &page.mark("order-ref"), "0.05"]);
    let page = buyer.get("/order");
    assert!(unfolded(&page).contains("Amount due"));
    assert_eq!((page.mark("amount"), page.mark("due")), ("0.09199".into(), "0.04199".into()));
}

#[test]
fn a_payment_identifier_is_part_of_the_sum_of_the_bill() {
    let mut shared = catalog();
    shared["wallets"]["eth"] =
        json!({"currency": "ETH", "address": "0x52908400098527886E0F7030069857D2E4169EE7"});
    let world = World::with(&shared, &[]);
    let (_, page) = order(&world, "ETH");
    assert_eq!(page.mark("amount"), page.mark("due"));
    assert!(unfolded(&page).contains("to identify your payment. Send the exact amount."));
    let bill = page.text();
    let bill = bill.split_once("id=\"bill-title\"").unwrap().1;
    let rows = ["Total</th>", "Payment identifier</th>", "Total with payment identifier</th>"];
    assert!(rows.iter().all(|row| bill.contains(row)), "{bill}");
}

#[test]
fn after_a_report_the_page_does_not_ask_to_pay_again() {
    let world = World::new();
    let (mut buyer, _) = order(&world, "ETH");
    let id = format!("0x{}", "ab".repeat(32));
    buyer.post("/order/transaction", &[("transaction", &id)]);
    let page = buyer.get("/order");
    let shown = unfolded(&page);
    assert_eq!(page.state(), "reported");
    assert!(shown.contains("Do not pay again.") && shown.contains(&id), "{shown}");
    for mark in ["amount", "address", "qr", "payment-link"] {
        assert!(!shown.contains(&format!("id=\"{mark}\"")), "{mark}: {shown}");
        assert!(page.text().contains(&format!("id=\"{mark}\"")), "{mark} is folded away");
    }
    assert_eq!(page.mark("due"), "0.09199");
}

#[test]
fn the_status_box_shows_what_the_seller_sent() {
    let world = World::new();
    let (mut buyer, page) = order(&world, "ETH");
    let (order_ref, address) = (page.mark("order-ref"), page.mark("address"));
    world.says(&["orders", "paid", &order_ref]);
    let page = buyer.get("/order");
    assert!(!unfolded(&page).contains(&address) && page.mark("address") == address);
    world.says(&["orders", "shipped", &order_ref, "RB123456785GB <b>"]);
    let page = buyer.get("/order");
    assert!(unfolded(&page).contains("Tracking number: RB123456785GB &#60;b&#62;"));
    assert_eq!((page.mark("amount"), page.mark("due")), ("0.09199".into(), "0".into()));
    let receipt = buyer.get("/order/receipt.txt").text();
    assert!(receipt.contains(&format!("Paid to         {address}")), "{receipt}");
    // More messages than one page holds do not hide it.
    for n in 0..21 {
        world.says(&["orders", "note", &order_ref, &format!("note {n}")]);
    }
    assert!(unfolded(&buyer.get("/order")).contains("Tracking number: RB123456785GB"));

    let (mut buyer, page) = order(&world, "ETH");
    let order_ref = page.mark("order-ref");
    world.says(&["orders", "paid", &order_ref]);
    let id = format!("0x{}", "cd".repeat(32));
    world.says(&["orders", "refunded", &order_ref, &id]);
    assert!(unfolded(&buyer.get("/order")).contains(&format!("Refund transaction: {id}")));

    let (mut buyer, page) = order(&world, "ETH");
    world.says(&["orders", "cancel", &page.mark("order-ref"), "out", "of", "stock"]);
    assert!(unfolded(&buyer.get("/order")).contains("Reason: out of stock"));
    // Without a text there is no empty line.
    let (mut buyer, page) = order(&world, "ETH");
    world.says(&["orders", "cancel", &page.mark("order-ref")]);
    assert!(!unfolded(&buyer.get("/order")).contains("Reason:"));
}

#[test]
fn a_finished_order_shows_no_address_to_pay_to() {
    let world = World::new();
    for status in ["shipped", "refunded", "cancelled", "expired"] {
        let (mut buyer, page) = order(&world, "ETH");
        let address = page.mark("address");
        world.sql_with("update orders set status = cast(? as text)", &[status.as_bytes()]);
        let page = buyer.get("/order");
        assert_eq!(page.state(), status);
        assert!(!page.text().contains(&address), "{status}");
        for mark in ["address", "qr", "payment-link", "payment-uri", "expires"] {
            assert_eq!(page.find_mark(mark), None, "{status} {mark}");
        }
        let receipt = buyer.get("/order/receipt.txt").text();
        assert!(!receipt.contains(&address), "{status}: {receipt}");
    }
}
