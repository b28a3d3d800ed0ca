//! Nobody reads that money was sent back, or came, unless somebody said so or a node saw it.

use crate::world::{Buyer, World};

fn placed(world: &World) -> (Buyer, String) {
    let mut buyer = world.buyer();
    buyer.adds("wool-socks", "Red", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    (buyer, order_ref)
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn newest_message(world: &World) -> String {
    let messages = world.messages();
    let newest = messages.iter().max_by_key(|(name, _)| {
        let number = name.rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
        (number, name.clone())
    });
    newest.unwrap().1.clone()
}

#[test]
fn an_order_that_was_never_paid_is_refunded_only_anyway() {
    let world = World::new();
    let (mut buyer, order_ref) = placed(&world);
    world.says(&["orders", "cancel", &order_ref]);
    let refused = world.shop(&["orders", "refunded", &order_ref, "0xab"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("has seen no payment") && said(&refused).contains("--anyway"),
        "{}",
        said(&refused)
    );
    let refused = world.shop(&["orders", "refunded", &order_ref, "--json"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    let page = buyer.get("/order");
    assert_eq!(page.state(), "cancelled");
    assert!(!page.text().contains("has refunded your payment"), "{}", page.text());
    let shown = world.says(&["orders", "show", &order_ref]);
    assert!(!shown.contains("confirmed by you") && shown.contains("received  nothing"), "{shown}");
    world.says(&["orders", "refunded", &order_ref, "0xab", "--anyway"]);
    assert_eq!(buyer.get("/order").state(), "refunded");
    let shown = world.says(&["orders", "show", &order_ref]);
    assert!(!shown.contains("confirmed by you"), "{shown}");
    assert!(!newest_message(&world).contains("confirmed by you"));
}

#[test]
fn a_buyers_word_alone_is_no_money() {
    let world = World::new();
    for end in [None, Some("cancel")] {
        let (mut buyer, order_ref) = placed(&world);
        let id = format!(
            "0x{}",
            order_ref.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()
        );
        let id = format!("{id}{}", "0".repeat(66 - id.len()));
        assert_eq!(buyer.post("/order/transaction", &[("transaction", &id)]).status, 303);
        if let Some(end) = end {
            world.says(&["orders", end, &order_ref]);
        }
        let refused = world.shop(&["orders", "refunded", &order_ref]);
        assert_eq!(refused.status.code(), Some(1), "{end:?}");
        assert!(said(&refused).contains("has seen no payment"), "{}", said(&refused));
        world.says(&["orders", "refunded", "--anyway", &order_ref]);
    }
}

#[test]
fn money_that_came_can_go_back_also_where_it_came_too_late() {
    let world = World::new();
    for words in [&["paid"][..], &["partial", "0.001"]] {
        let (mut buyer, order_ref) = placed(&world);
        let mut arguments = vec!["orders", words[0], order_ref.as_str()];
        arguments.extend(&words[1..]);
        world.says(&arguments);
        world.says(&["orders", "cancel", &order_ref]);
        assert!(world.says(&["orders", "show", &order_ref]).contains("confirmed by you"));
        world.says(&["orders", "refunded", &order_ref]);
        assert!(buyer.get("/order").text().contains("has refunded your payment"));
    }
    let (mut buyer, order_ref) = placed(&world);
    world.sql("update invoices set until = 1 where order_id = (select max(id) from orders)");
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(buyer.get("/order").state(), "late");
    world.says(&["orders", "refunded", &order_ref]);
}

#[test]
fn nothing_is_no_part_of_a_payment() {
    let world = World::new();
    let (mut buyer, order_ref) = placed(&world);
    for amount in ["0", "0.0"] {
        let refused = world.shop(&["orders", "partial", &order_ref, amount]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains("more than 0"), "{}", said(&refused));
    }
    assert_eq!(buyer.get("/order").state(), "awaiting");
}

#[test]
fn in_a_mail_it_is_said_in_the_same_words() {
    let world = World::new();
    let (mut buyer, order_ref) = placed(&world);
    world.answers(&order_ref, "one", "/cancel sold out");
    let refused = world.replies(&[&order_ref], "two", "/refunded 0xab\nSorry.");
    assert_eq!(refused.status.code(), Some(65));
    assert!(
        said(&refused).contains("has seen no payment") && said(&refused).contains("--anyway"),
        "{}",
        said(&refused)
    );
    let misspelt = world.replies(&[&order_ref], "three", "/refunded --anywya 0xab");
    assert_eq!(misspelt.status.code(), Some(65));
    let page = buyer.get("/order");
    assert_eq!(page.state(), "cancelled");
    assert!(!page.text().contains("Sorry."));
    world.answers(&order_ref, "four", "/refunded --anyway 0xab\nSorry.");
    let page = buyer.get("/order");
    assert_eq!(page.state(), "refunded");
    assert!(page.text().contains("0xab") && !page.text().contains("anyway"), "{}", page.text());
    // As the macro of the muttrc hands over what was typed.
    let (mut buyer, order_ref) = placed(&world);
    world.says(&["orders", "cancel", &order_ref]);
    let head = format!("X-Shop-Order: {order_ref}\n\n");
    let refused = world.told(&["orders", "refunded", "-", "--", ""], head.as_bytes());
    assert_eq!(refused.status.code(), Some(1));
    let done = world.told(&["orders", "refunded", "-", "--", "--anyway 0xcd"], head.as_bytes());
    assert!(done.status.success(), "{}", said(&done));
    assert!(buyer.get("/order").text().contains("0xcd"));
}

#[test]
fn at_the_desk_a_second_box_stands_for_it() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let (mut buyer, order_ref) = placed(&world);
    world.says(&["orders", "cancel", &order_ref]);
    let path = format!("/orders/{order_ref}");
    let page = desk.get(&path);
    assert!(page.text().contains("id=\"anyway-refunded\""), "{}", page.text());
    assert!(!page.text().contains("confirmed by you"));
    let mut n_form = 0;
    let mut refund = |more: &[(&str, &str)]| {
        n_form += 1;
        let once = format!("{n_form:02x}").repeat(32);
        let mut fields = vec![
            ("step", "refunded"),
            ("seen", "cancelled"),
            ("once", once.as_str()),
            ("word", "0xab"),
        ];
        fields.extend(more);
        desk.post(&format!("{path}/step"), &fields)
    };
    let unsure = refund(&[]);
    assert_eq!(
        (unsure.status, unsure.attribute("sure-refunded", "aria-invalid")),
        (422, "true".into())
    );
    let refused = refund(&[("sure", "yes")]);
    assert_eq!(refused.status, 422);
    assert_eq!(refused.attribute("anyway-refunded", "aria-invalid"), "true");
    assert!(refused.mark("error-refunded").contains("has seen no payment"), "{}", refused.text());
    assert_eq!(refused.attribute("word-refunded", "value"), "0xab");
    assert_eq!(buyer.get("/order").state(), "cancelled");
    assert_eq!(refund(&[("anyway", "yes")]).status, 422, "the first box is still needed");
    assert_eq!(refund(&[("sure", "yes"), ("anyway", "yes")]).status, 303);
    assert_eq!(buyer.get("/order").state(), "refunded");

    let (_, order_ref) = placed(&world);
    world.says(&["orders", "paid", &order_ref]);
    let page = world.desk().get(&format!("/orders/{order_ref}"));
    assert!(!page.text().contains("anyway-refunded"), "{}", page.text());
}
