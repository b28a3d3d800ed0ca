use crate::world::ADDRESS;
use crate::world::World;

#[test]
fn every_wrong_code_gets_the_same_answer() {
    let world = World::new();
    let mut buyer = world.buyer();
    let token = buyer.get("/order").token();
    let mut answers = [
        "abacus abdomen abdominal abide abiding ability ablaze",
        "abacus abdomen abdominal abide abiding ability",
        "rubbish",
        "",
        "\u{1}\u{ff}<b>",
        &"a ".repeat(5_000),
    ]
    .map(|code| buyer.post_raw("/order", &[("token", &token), ("code", code)]));
    let first = answers[0].text();
    assert!(first.contains("This code opens no order"));
    for answer in &mut answers {
        assert_eq!(answer.status, 422);
        assert_eq!(answer.text(), first);
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn the_code_is_shown_until_it_is_noted_and_closing_forgets_it() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let code = buyer.checks_out(&[]).mark("code");
    assert!(buyer.get("/order").text().contains(&code));
    assert_eq!(buyer.post("/order/noted", &[]).status, 303);
    assert!(!buyer.get("/order").text().contains(&code));
    let closed = buyer.post("/order/close", &[]);
    assert_eq!(closed.status, 303);
    assert!(closed.header("clear-site-data").unwrap().contains("\"cookies\""));
    assert!(!buyer.cookies.contains_key("order"));
    assert_eq!(buyer.get("/order").attribute("code", "name"), "code");
    assert_eq!(buyer.get("/order/receipt.txt").status, 404);
    assert_eq!(buyer.get("/order/qr.png").status, 404);
}

#[test]
fn an_order_that_nobody_paid_gives_its_stock_back_and_says_do_not_pay_now() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("cap", "Large", "4");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    assert!(buyer.get("/product/cap").text().contains("Sold out"));
    world.sql("update invoices set until = unixepoch() - 60");
    let page = buyer.get("/order");
    assert_eq!(page.state(), "expired");
    assert!(page.text().contains("do not pay now"));
    assert_eq!(
        (page.find_mark("payment-link"), page.find_mark("payment-uri"), page.find_mark("expires")),
        (None, None, None)
    );
    assert_eq!(page.mark("due"), "0");
    assert_eq!(buyer.get("/order/qr.png").status, 404);
    assert_eq!(buyer.get("/order/address.png").status, 404);
    world.until("the stock comes back", || {
        world.buyer().get("/product/cap").text().contains("4 left")
    });
    let transaction = format!("0x{}", "ee".repeat(32));
    assert_eq!(buyer.post("/order/transaction", &[("transaction", &transaction)]).status, 303);
    assert_eq!(buyer.get("/order").state(), "late");
    world.says(&["orders", "paid", &order_ref]);
    assert!(
        world.buyer().get("/product/cap").text().contains("Sold out"),
        "it takes its pieces again"
    );
}

#[test]
fn a_transaction_id_of_the_wrong_shape_is_refused_and_kept_in_the_form() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    let answer = buyer.post("/order/transaction", &[("transaction", "0x50m3crazy")]);
    assert_eq!(
        (answer.status, answer.attribute("transaction", "aria-invalid").as_str()),
        (422, "true")
    );
    assert_eq!(answer.attribute("transaction", "value"), "0x50m3crazy");
    assert_eq!(buyer.get("/order").state(), "awaiting");
}

#[test]
fn the_log_holds_nothing_of_a_buyer() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.host = "secret-host.example".into();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[("note", "a note of the buyer"), ("email", "ada@example.org")]);
    buyer.get("/search?q=searched");
    buyer.post("/order", &[("code", "a wrong code")]);
    buyer.request(
        "POST",
        "/checkout",
        &[("Content-Type", "text/plain"), ("X-Secret", "header")],
        b"x",
    );
    let log = world.log();
    let mut words =
        vec![page.mark("order-ref"), page.mark("code"), page.mark("address"), page.mark("amount")];
    words.extend(ADDRESS.iter().map(|(_, value)| value.lines().next().unwrap().to_owned()));
    words.extend(
        [
            "a note of the buyer",
            "ada@example.org",
            "searched",
            "a wrong code",
            "secret-host",
            "127.0.0.1",
            "header",
        ]
        .map(str::to_owned),
    );
    for word in words {
        assert!(!log.contains(&word), "{word}: {log}");
    }
}
