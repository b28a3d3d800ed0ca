use crate::world::World;

#[test]
fn a_buyer_orders_pays_and_comes_back_and_the_seller_reads_and_answers() {
    let world = World::new();
    let mut buyer = world.buyer();
    assert!(buyer.get("/").text().contains("href=\"/product/green-tea\""));
    buyer.adds("green-tea", "", "1");
    assert!(buyer.get("/cart").text().contains("0.09199 ETH"));
    let page = buyer.checks_out(&[("note", "Please wrap it.")]);

    let order_ref = page.mark("order-ref");
    let code = page.mark("code");
    assert_eq!(code.split(' ').count(), 7);
    assert_eq!(page.state(), "awaiting");
    assert_eq!(
        (page.mark("amount"), page.mark("due"), page.mark("currency")),
        ("0.09199".into(), "0.09199".into(), "ETH".into())
    );
    assert_eq!(page.mark("address"), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_eq!(
        page.attribute("payment-link", "href"),
        "ethereum:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266@1?value=91990000000000000"
    );
    assert!(page.attribute("expires", "datetime").ends_with('Z'));
    assert!(page.text().contains("about 120 minutes") || page.text().contains("about 119 minutes"));
    assert!(page.find_mark("messages").is_some());
    let qr = buyer.get("/order/qr.png");
    assert_eq!((qr.status, qr.header("content-type")), (200, Some("image/png")));
    assert!(qr.bytes.starts_with(b"\x89PNG"));
    let receipt = buyer.get("/order/receipt.txt").text();
    assert!(
        receipt.contains(&order_ref) && receipt.contains("0.09199 ETH") && !receipt.contains(&code)
    );

    let messages = world.messages();
    assert_eq!(messages.len(), 1);
    let (_, message) = &messages[0];
    for words in [
        &format!("Subject: New order {order_ref} - unpaid"),
        "  | Ada Byron",
        "  | Please wrap it.",
        "0.09199 ETH",
        "Green Tea",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }

    let mut elsewhere = world.buyer();
    assert_eq!(elsewhere.post("/order", &[("code", &code.to_uppercase())]).status, 303);
    let page = elsewhere.get("/order");
    assert_eq!((page.mark("order-ref"), page.find_mark("code")), (order_ref.clone(), None));
    let transaction = format!("0x{}", "ab".repeat(32));
    assert_eq!(elsewhere.post("/order/transaction", &[("transaction", &transaction)]).status, 303);
    assert_eq!(elsewhere.get("/order").state(), "reported");
    let messages = world.messages();
    let (_, told) =
        messages.iter().find(|(_, text)| text.contains("Subject: Payment for")).unwrap();
    assert!(
        told.contains(&format!("Subject: Payment for order {order_ref}: reported"))
            && told.replace("=\n", "").contains(&transaction)
    );

    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(elsewhere.get("/order").state(), "confirmed");
    world.says(&["orders", "shipped", &order_ref, "RB123456785GB"]);
    let page = elsewhere.get("/order");
    assert_eq!(page.state(), "shipped");
    assert!(page.text().contains("RB123456785GB"));
    assert!(world.says(&["orders"]).contains(&order_ref));
}

#[test]
fn each_coin_has_its_own_address_amount_and_link() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.chooses("BTC");
    buyer.adds("green-tea", "", "2");
    let page = buyer.checks_out(&[]);
    assert_eq!(page.mark("address"), "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu");
    assert_eq!(
        page.attribute("payment-link", "href"),
        "bitcoin:bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu?amount=0.0018398"
    );
    assert_eq!(page.mark("amount"), "0.0018398");

    buyer.chooses("XMR");
    buyer.adds("stone", "", "1");
    let page = buyer.checks_out(&[]);
    // The seller's own address with a payment id in it, which makes it longer.
    let address = page.mark("address");
    assert!(address.len() == 106 && address.starts_with('4'), "{address}");
    assert_eq!(
        page.attribute("payment-link", "href"),
        format!("monero:{address}?tx_amount=1.230000000000")
    );

    let mut second = world.buyer();
    second.chooses("BTC");
    second.adds("cap", "Small", "1");
    assert_eq!(
        second.checks_out(&[]).mark("address"),
        "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"
    );
}
