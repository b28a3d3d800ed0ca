//! The seller cancels all unpaid orders at once.

use std::process::Output;

use serde_json::{Value, json};

use crate::terminal::on_a_terminal;
use crate::world::{Buyer, World, catalog};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An order of this, and its reference.
fn order(world: &World, product: &str, option: &str, more: &[(&str, &str)]) -> (Buyer, String) {
    let mut buyer = world.buyer();
    buyer.adds(product, option, "1");
    let order_ref = buyer.checks_out(more).mark("order-ref");
    (buyer, order_ref)
}

fn states(orders: &mut [(Buyer, String)]) -> Vec<String> {
    orders.iter_mut().map(|(buyer, _)| buyer.get("/order").state()).collect()
}

fn one(world: &World, question: &'static str) -> String {
    String::from_utf8(world.find(question).remove(0)).unwrap()
}

#[test]
fn unpaid_orders_are_cancelled_at_once_and_those_that_somebody_may_have_paid_are_not() {
    let mut catalog = catalog();
    catalog["codes"] =
        json!({"_model": "Discount", "spring": {"code": "SPRING", "percent": 10, "uses": 9}});
    let world = World::with(&catalog, &[]);
    let spring = [("discount", "spring")];
    let mut orders: Vec<(Buyer, String)> =
        (0..4).map(|_| order(&world, "cap", "Large", &spring)).collect();
    world.until("all are in the mailbox", || world.messages().len() == 4);
    let stock = "select stock || '' from products where slug = 'cap'";
    assert_eq!(one(&world, stock), "0");
    let transaction = format!("0x{}", "ab".repeat(32));
    let reported = orders[0].0.post("/order/transaction", &[("transaction", &transaction)]);
    assert_eq!(reported.status, 303);
    world.says(&["orders", "partial", &orders[1].1, "0.00001"]);
    world.until("the report is in the mailbox", || world.messages().len() == 5);
    let before = ["reported", "partial", "awaiting", "awaiting"];
    assert_eq!(states(&mut orders), before);

    let refused = world.shop(&["orders", "cancel", "--unpaid"]);
    assert_eq!(refused.status.code(), Some(2));
    let asked = "shop: Cancel 2 unpaid orders? Add --yes to confirm without being asked\n";
    assert_eq!(said(&refused), asked);
    assert_eq!(states(&mut orders), before);

    let done = world.says(&[
        "orders",
        "cancel",
        "--unpaid",
        "--yes",
        "--reason",
        "We were flooded: please order again.",
    ]);
    assert_eq!(done, "2 unpaid orders cancelled.\n");
    assert_eq!(states(&mut orders), ["reported", "partial", "cancelled", "cancelled"]);
    assert!(orders[2].0.get("/order").text().contains("We were flooded: please order again."));
    assert_eq!(one(&world, stock), "2");
    assert_eq!(one(&world, "select used || '' from discount_uses"), "2");
    // No message about each of them: the seller did it.
    assert_eq!(world.messages().len(), 5);
    assert_eq!(one(&world, "select count(*) || '' from outbox"), "6");
    assert_eq!(
        world.says(&["orders", "cancel", "--unpaid", "--yes", "--json"]),
        "{\"cancelled\":0}\n"
    );
}

#[test]
fn only_those_that_were_placed_long_enough_ago_or_contain_a_product_are_cancelled() {
    let world = World::new();
    let mut orders = vec![
        order(&world, "green-tea", "", &[]),
        order(&world, "cap", "Small", &[]),
        order(&world, "cap", "Large", &[]),
    ];
    let (mut other, _) = order(&world, "wool-socks", "Red", &[]);
    // Placed 31, 19 and 29 minutes ago; the second has less time to pay, as orders of a shop under attack.
    world.sql(
        "update invoices set until = unixepoch() + case order_id when 1 then 7200 - 31 * 60 when 2 then 60 else 7200 - 29 * 60 end, \
            minutes = iif(order_id = 2, 20, 120) where order_id <= 3",
    );
    let cancelled = |more: &[&str]| {
        let arguments = [&["orders", "cancel", "--unpaid", "--yes", "--json"], more].concat();
        world.says(&arguments)
    };
    assert_eq!(cancelled(&["--older", "1d"]), "{\"cancelled\":0}\n");
    assert_eq!(cancelled(&["--older", "30m", "--product", "cap"]), "{\"cancelled\":0}\n");
    assert_eq!(cancelled(&["--older", "30m"]), "{\"cancelled\":1}\n");
    assert_eq!(states(&mut orders), ["cancelled", "awaiting", "awaiting"]);
    assert_eq!(cancelled(&["--older", "20m", "--product", "cap"]), "{\"cancelled\":1}\n");
    assert_eq!(states(&mut orders), ["cancelled", "awaiting", "cancelled"]);
    assert_eq!(cancelled(&["--product", "cap"]), "{\"cancelled\":1}\n");
    assert_eq!(states(&mut orders), ["cancelled", "cancelled", "cancelled"]);
    assert_eq!(other.get("/order").state(), "awaiting");

    let unknown = world.shop(&["orders", "cancel", "--unpaid", "--yes", "--product", "tee"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(said(&unknown), "shop: there is no product tee\n");
    for (arguments, words) in [
        (&["--unpaid", "--yes", "--older", "30"][..], "for example 30m, 2h or 1d"),
        (&["--unpaid", "--yes", "--product", "No Slug"], "a slug of"),
        (&["K3QF0W2ZD7", "--unpaid", "--yes"], "cannot be used with"),
        (&["--older", "30m"], "--unpaid"),
        (&["K3QF0W2ZD7", "--yes"], "cannot be used with"),
        (&[], "<REF"),
    ] {
        let refused = world.shop(&[&["orders", "cancel"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(said(&refused).contains(words), "{arguments:?}: {}", said(&refused));
    }
    assert_eq!(other.get("/order").state(), "awaiting");
}

#[test]
fn one_order_is_cancelled_as_before() {
    let world = World::new();
    let mut orders = vec![order(&world, "cap", "Large", &[]), order(&world, "cap", "Large", &[])];
    let [first, second] = [0, 1].map(|n: usize| orders[n].1.clone());
    let done = world.says(&["orders", "cancel", &first, "It", "is", "damaged"]);
    assert_eq!(done, format!("{first} is now cancelled.\n"));
    assert!(orders[0].0.get("/order").text().contains("It is damaged"));
    assert_eq!(states(&mut orders), ["cancelled", "awaiting"]);
    let head = format!("X-Shop-Order: {second}\n\n");
    let done = world.told(&["orders", "cancel", "-", "--json"], head.as_bytes());
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(
        String::from_utf8_lossy(&done.stdout),
        format!("{{\"ref\":\"{second}\",\"state\":\"cancelled\"}}\n")
    );
    assert_eq!(states(&mut orders), ["cancelled", "cancelled"]);
}

#[test]
fn on_a_terminal_the_seller_is_asked_and_only_a_yes_cancels() {
    let world = World::new();
    let mut orders = vec![order(&world, "cap", "Large", &[]), order(&world, "cap", "Large", &[])];
    let cancels = |dialogue: &Value| {
        on_a_terminal(&world, &["orders", "cancel", "--unpaid"], &[], dialogue, None)
    };
    let answers = |answer: &str| cancels(&json!([["[y/N]", answer]]));
    for no in ["", "n", "no", "yeah"] {
        let (code, text) = answers(no);
        assert_eq!(code, Some(1), "{no:?}: {text}");
        assert!(text.starts_with("Cancel 2 unpaid orders? [y/N] "), "{text}");
        assert!(text.contains("nothing was cancelled"), "{text}");
        assert_eq!(states(&mut orders), ["awaiting", "awaiting"]);
    }
    let (code, text) = answers("Y");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("2 unpaid orders cancelled."), "{text}");
    assert_eq!(states(&mut orders), ["cancelled", "cancelled"]);
    // Nothing is asked.
    let (code, text) = cancels(&json!([]));
    assert_eq!((code, text.as_str()), (Some(0), "0 unpaid orders cancelled.\r\n"));
}

#[test]
fn a_cancelled_order_that_is_not_in_the_mailbox_yet_is_held_back() {
    let mut world = World::new();
    let orders = [0, 1, 2].map(|_| order(&world, "green-tea", "", &[]));
    world.until("all are in the mailbox", || world.messages().len() == 3);
    world.says(&["orders", "paid", &orders[2].1]);
    world.close("-TERM");
    // As if the mailbox had been full: the first and the last order wait, and the news of an erased buyer of the second.
    world.sql("update outbox set message = x'41' where order_id in (1, 3) and number = 0");
    world.sql(
        "insert into outbox (order_id, number, at, is_read, is_erasure, message) \
            values (2, 7, 7, 0, 1, x'41')",
    );
    assert_eq!(
        world.says(&["orders", "cancel", "--unpaid", "--yes"]),
        "2 unpaid orders cancelled.\n"
    );
    let waiting = world.find(
        "select order_id || ' ' || number from outbox w join orders o on o.id = w.order_id \
            where message is not null and notification_hold = 0 order by order_id, number",
    );
    // Of a buyer whose order the seller has in the mailbox, and of the order that is paid. The first one's is kept for
    // when money comes for it all the same.
    assert_eq!(waiting, [b"2 7".to_vec(), b"3 0".to_vec()]);
    assert_eq!(world.messages().len(), 3, "what was delivered stays");
}

#[test]
fn more_than_one_transaction_takes_are_cancelled_and_a_buyer_can_order_meanwhile() {
    let world = World::new();
    world.sql(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 620) \
            insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at) \
            select n, printf('%010d', n), randomblob(32), randomblob(32), 'awaiting', 1795132800 from n; \
            insert into invoices (order_id, currency, chain, address, amount, total, until) \
            select id, 'ETH', 1, '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 1, 1, 253402300000 from orders",
    );
    let done = std::thread::scope(|scope| {
        let cancelling = scope.spawn(|| world.says(&["orders", "cancel", "--unpaid", "--yes"]));
        let some = "select '1' from orders where status = 'cancelled' limit 1";
        world.until("some are cancelled", || !world.find(some).is_empty());
        let (mut buyer, _) = order(&world, "green-tea", "", &[]);
        assert_eq!(buyer.get("/order").state(), "awaiting", "it came after the count");
        cancelling.join().unwrap()
    });
    assert_eq!(done, "620 unpaid orders cancelled.\n");
}
