use crate::world::{ADDRESS, Answer, Buyer, World, catalog, plain};

/// The page that a code gets, without what was typed.
fn answer_to_code(buyer: &mut Buyer, code: &str) -> Answer {
    let token = buyer.get("/order").token();
    let answer = buyer.post_raw("/order", &[("token", &token), ("code", code)]);
    assert_eq!(answer.status, 422, "{code:?}");
    assert_eq!(answer.header("set-cookie"), None);
    answer
}

#[test]
fn every_code_that_opens_no_order_gets_the_same_answer() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let right = buyer.checks_out(&[]).mark("code");
    buyer.post("/order/close", &[]);
    let (last, rest) = (right.rsplit(' ').next().unwrap(), right.rsplit_once(' ').unwrap().0);
    // Six words of a right one, those of a right one in another order, and words that nobody was given.
    let near = format!("{rest} {}", if last == "zoom" { "abacus" } else { "zoom" });
    let turned = format!("{last} {rest}");
    let mut pages = Vec::new();
    for code in ["abacus abdomen abdominal abide abiding ability ablaze", &near, &turned] {
        let text = answer_to_code(&mut buyer, code).text();
        assert!(text.contains("We could not find an order for this code."), "{text}");
        assert!(text.contains(&format!("value=\"{code}\"")), "it is kept: {text}");
        pages.push(text.replace(code, "CODE"));
    }
    assert_eq!((&pages[0], &pages[0]), (&pages[1], &pages[2]));
}

#[test]
fn a_text_that_is_no_code_is_shown_again_with_what_is_wrong() {
    let world = World::new();
    let mut buyer = world.buyer();
    for (code, said, kept) in [
        ("", "Enter the seven words of your order code.", ""),
        ("\u{1} 1.2.", "Enter the seven words of your order code.", " 1.2."),
        (
            "Abacus, abdomen\nabide",
            "You entered 3 words; an order code has 7.",
            "Abacus, abdomen abide",
        ),
        (
            "importnat abacus abdomen abdominal abide abiding ability",
            "\"importnat\" is not in the word list; did you mean \"important\"?",
            "importnat abacus abdomen abdominal abide abiding ability",
        ),
        (
            "<b>x\">qqqqqqqqq</b> abacus",
            "\"qqqqqqqqq\" is not in the word list. You entered 2 words; an order code has 7.",
            "<b>x\">qqqqqqqqq</b> abacus",
        ),
        (
            &"a ".repeat(5_000),
            "This is too long for an order code. Enter only the seven words.",
            "",
        ),
    ] {
        let answer = answer_to_code(&mut buyer, code);
        assert_eq!(answer.mark("code-error"), said);
        assert_eq!(answer.attribute("code", "aria-invalid"), "true");
        assert!(!answer.text().contains("<b>x"), "{}", answer.text());
        if !kept.is_empty() {
            assert_eq!(plain(&answer.attribute("code", "value")), kept.trim());
        }
    }
}

#[test]
fn a_code_is_accepted_as_people_copy_it() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let code = buyer.checks_out(&[]).mark("code");
    let words: Vec<&str> = code.split(' ').collect();
    let numbered: Vec<String> =
        words.iter().enumerate().map(|(n, word)| format!("{}. {word}", n + 1)).collect();
    for typed in [
        numbered.join(" "),
        numbered.join("\r\n"),
        format!("\"{}\"", words.join("\" \"")),
        words.join("-"),
        format!("Code: {}", code.to_uppercase()),
    ] {
        let mut elsewhere = world.buyer();
        let opened = elsewhere.post("/order", &[("code", &typed)]);
        assert_eq!((opened.status, opened.header("location")), (303, Some("/order")), "{typed}");
        assert_eq!(elsewhere.get("/order").state(), "awaiting");
    }
}

#[test]
fn the_code_is_shown_until_it_is_saved_and_signing_out_removes_it() {
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
fn an_expired_order_returns_its_stock_and_tells_the_buyer_not_to_pay() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("cap", "Large", "4");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    assert!(buyer.get("/product/cap").text().contains("Others are paying for the last 4"));
    world.sql("update invoices set until = unixepoch() - 60");
    let page = buyer.get("/order");
    assert_eq!(page.state(), "expired");
    assert!(page.text().contains("do not pay"));
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
fn a_transaction_id_of_the_wrong_format_is_refused_and_shown_again() {
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
fn a_transaction_id_stays_taken_until_its_order_is_erased() {
    let world = World::with(&catalog(), &[("KEEP_DAYS", "0")]);
    let digits = ["1a".repeat(32), "2b".repeat(32), "3c".repeat(32)];
    let [first, second, third] = digits.each_ref().map(|digits| format!("0x{digits}"));
    let order = |currency: &str| {
        let mut buyer = world.buyer();
        buyer.adds("green-tea", "", "1");
        buyer.chooses(currency);
        let order_ref = buyer.checks_out(&[]).mark("order-ref");
        (buyer, order_ref)
    };
    let (mut one, one_ref) = order("ETH");
    let (mut two, _) = order("ETH");
    let (mut of_bitcoin, _) = order("BTC");
    let gives = |buyer: &mut Buyer, id: &str| {
        let answer = buyer.post("/order/transaction", &[("transaction", id)]);
        if answer.status == 422 {
            assert_eq!(answer.attribute("transaction", "value").trim(), id.trim());
            assert!(answer.text().contains("was already used for another order"), "{id}");
        }
        answer.status
    };
    assert_eq!(gives(&mut one, &first), 303);
    assert_eq!(gives(&mut one, &second), 303);
    for id in [&first, &second] {
        for written in [id.clone(), id.to_uppercase(), format!("  {id}\t")] {
            assert_eq!(gives(&mut two, &written), 422, "{written}");
        }
        assert_eq!(gives(&mut of_bitcoin, id.trim_start_matches("0x")), 422);
        let mut new = world.buyer();
        new.adds("green-tea", "", "1");
        let refused = new.tries_to_check_out(&[("transaction", id)]);
        assert_eq!(
            (refused.status, refused.attribute("transaction", "aria-invalid").as_str()),
            (422, "true")
        );
    }
    // Its own order goes back to it.
    assert_eq!(gives(&mut one, &first.to_uppercase()), 303);
    assert_eq!(gives(&mut one, &first), 303);
    assert_eq!(gives(&mut two, &third), 303);
    assert_eq!(gives(&mut one, &third), 422);
    // What the seller says went back is no payment of a buyer's.
    world.says(&["orders", "paid", &one_ref]);
    world.says(&["orders", "refunded", &one_ref, &second]);
    assert_eq!(gives(&mut two, &second), 422);
    world.until("the order is erased", || {
        one.clone().get("/order").find_mark("order-ref").is_none()
    });
    assert_eq!(gives(&mut two, &second), 303);
    assert_eq!(gives(&mut of_bitcoin, &digits[0]), 303);
}

#[test]
fn the_seller_confirms_an_overpayment() {
    let world = World::with_desk();
    let order = || {
        let mut buyer = world.buyer();
        buyer.adds("green-tea", "", "1");
        let order_ref = buyer.checks_out(&[]).mark("order-ref");
        (buyer, order_ref)
    };
    let excess = |buyer: &Buyer| {
        let page = buyer.clone().get("/order");
        (page.state(), page.find_mark("excess"), page.find_mark("due"))
    };
    let overpaid = |sum: &str| ("overpaid".to_owned(), Some(sum.to_owned()), Some("0".to_owned()));

    // In a shell; what was said can be said better.
    let (buyer, order_ref) = order();
    world.says(&["orders", "partial", &order_ref, "0.05"]);
    assert_eq!(excess(&buyer).0, "partial");
    let whole = world.shop(&["orders", "partial", &order_ref, "0.09199"]);
    assert_eq!(whole.status.code(), Some(1));
    assert!(world.says(&["orders", "partial", &order_ref, "0.2"]).contains("is now overpaid"));
    assert_eq!(excess(&buyer), overpaid("0.10801"));
    world.says(&["orders", "partial", &order_ref, "0.091990001"]);
    assert_eq!(excess(&buyer), overpaid("0.000000001"));
    assert!(world.says(&["orders", "show", &order_ref]).contains("overpaid  0.000000001 ETH"));
    let shown: serde_json::Value =
        serde_json::from_str(&world.says(&["orders", "show", &order_ref, "--json"])).unwrap();
    assert_eq!((&shown["state"], &shown["excess"]), (&"overpaid".into(), &"0.000000001".into()));
    let less = world.shop(&["orders", "partial", &order_ref, "0.01"]);
    assert!(String::from_utf8_lossy(&less.stderr).contains("is already paid"));
    // What the seller has done lies in `cur`, as read.
    let told = std::fs::read_dir(world.path("mailorders/cur")).unwrap().any(|entry| {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        text.contains("overpaid  0.10801 ETH") && text.contains("X-Shop-State: overpaid")
    });
    assert!(told);
    world.says(&["orders", "shipped", &order_ref]);

    // By mail, of an order that was paid already.
    let (buyer, order_ref) = order();
    world.answers(&order_ref, "1", "/paid");
    world.answers(&order_ref, "2", "/partial 0.1\nToo much: where shall it go?");
    assert_eq!(excess(&buyer), overpaid("0.00801"));

    // At the desk.
    let (buyer, order_ref) = order();
    let once = "7d".repeat(32);
    let path = format!("/orders/{order_ref}/step");
    let fields =
        [("once", once.as_str()), ("step", "partial"), ("seen", "awaiting"), ("word", "0.1")];
    assert_eq!(world.desk().post(&path, &fields).status, 303);
    assert_eq!(excess(&buyer), overpaid("0.00801"));
    assert_eq!(world.desk().get(&format!("/orders/{order_ref}")).mark("excess"), "0.00801");

    // Too late: the seller takes it all the same, and what came too much stays known.
    let (buyer, order_ref) = order();
    world.sql("update invoices set until = unixepoch() - 60 where order_id = (select max(id) from orders)");
    world.says(&["orders", "partial", &order_ref, "0.1"]);
    assert_eq!(excess(&buyer).0, "late");
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(excess(&buyer), overpaid("0.00801"));
}

#[test]
fn the_log_contains_nothing_about_a_buyer() {
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

/// Gwei of the 91990000 that were asked for.
fn sees(world: &World, status: &str, seen: &str, settled: &str) {
    world.sql_with("update orders set status = cast(? as text)", &[status.as_bytes()]);
    world.sql_with(
        "update invoices set seen = cast(cast(? as text) as integer), settled = cast(cast(? as text) as integer), \
            confirmations = 2, needed = 12",
        &[seen.as_bytes(), settled.as_bytes()],
    );
}

#[test]
fn the_page_shows_what_the_node_detected_and_asks_only_for_the_rest() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let placed = buyer.checks_out(&[]);
    let invites = |page: &crate::world::Answer| {
        let link = page.find_mark("payment-link").map(|_| page.attribute("payment-link", "href"));
        assert_eq!(page.mark("amount"), placed.mark("amount"), "it never changes");
        assert_eq!(page.mark("address"), placed.mark("address"), "it never changes");
        assert_eq!(page.find_mark("payment-uri"), link);
        link.map(|link| link.rsplit('=').next().unwrap().to_owned())
    };
    assert!(placed.text().contains("The seller confirms payments by hand"));
    assert_eq!(invites(&placed).as_deref(), Some("91990000000000000"));

    sees(&world, "unconfirmed", "40000000", "10000000");
    let page = buyer.get("/order");
    assert!(page.text().contains("Payments are detected automatically"));
    assert_eq!(
        (page.mark("seen"), page.mark("confirmations"), page.mark("due")),
        ("0.04".into(), "2 of 12".into(), "0.05199".into())
    );
    assert_eq!(invites(&page).as_deref(), Some("51990000000000000"));
    assert_eq!(buyer.get("/order/qr.png").status, 200);

    sees(&world, "unconfirmed", "91600000", "0");
    let page = buyer.get("/order");
    assert_eq!((page.mark("due"), invites(&page)), ("0".into(), None), "so little is passed over");

    sees(&world, "unconfirmed", "0", "0");
    let page = buyer.get("/order");
    assert!(page.text().contains("ask the seller before you pay again"));
    assert_eq!((page.mark("due"), invites(&page)), ("0".into(), None));

    sees(&world, "partial", "40000000", "40000000");
    assert_eq!(invites(&buyer.get("/order")).as_deref(), Some("51990000000000000"));

    sees(&world, "overpaid", "100000000", "100000000");
    let page = buyer.get("/order");
    assert_eq!((page.mark("excess"), invites(&page)), ("0.00801".into(), None));
    assert!(page.text().contains("where to refund the overpayment"));
    assert!(buyer.get("/order/receipt.txt").text().contains("Overpaid        0.00801 ETH"));

    world.sql("update invoices set until = unixepoch() - 60");
    sees(&world, "awaiting", "0", "0");
    let page = buyer.get("/order");
    assert_eq!((page.state().as_str(), invites(&page)), ("awaiting", None));
    assert!(page.mark("state").contains("do not pay"));
    assert!(page.text().contains("Payments sent in time still count"));
    assert_eq!(buyer.get("/order/qr.png").status, 404);

    sees(&world, "late", "40000000", "40000000");
    let page = buyer.get("/order");
    assert_eq!((page.mark("seen"), invites(&page)), ("0.04".into(), None));
    assert!(page.text().contains("either ship your order or refund you"));
    let receipt = buyer.get("/order/receipt.txt").text();
    assert!(receipt.contains("Detected        0.04 ETH"), "{receipt}");
    assert!(receipt.contains(&placed.mark("address")), "{receipt}");
}
