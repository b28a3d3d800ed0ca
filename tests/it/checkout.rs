use std::sync::Barrier;

use serde_json::json;

use crate::world::{World, catalog};

#[test]
fn twenty_equal_forms_at_once_make_one_order() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let review = buyer.reviews(&[]);
    let barrier = Barrier::new(20);
    let pages: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (mut twin, review, barrier) = (buyer.clone(), &review, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let answer = twin.places(review, &[]);
                    assert_eq!((answer.status, answer.header("location")), (303, Some("/order")));
                    let page = twin.get("/order");
                    format!("{} {}", page.mark("order-ref"), page.mark("code"))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(pages.iter().all(|page| page == &pages[0]), "{pages:?}");
    assert_eq!(world.messages().len(), 1);
    assert_eq!(world.says(&["orders"]).lines().count(), 2);
}

#[test]
fn the_last_item_is_sold_once_to_fifty_buyers() {
    let world = World::new();
    let mut buyers: Vec<_> = (0..50).map(|_| world.buyer()).collect();
    for buyer in &mut buyers {
        buyer.chooses("XMR");
        buyer.adds("stone", "", "1");
    }
    let barrier = Barrier::new(buyers.len());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = buyers
            .into_iter()
            .map(|mut buyer| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let review = buyer.reviews(&[]);
                    barrier.wait();
                    let answer = buyer.places(&review, &[]);
                    assert!(
                        answer.status == 303
                            || answer.text().contains("others are paying for the same items"),
                        "{}",
                        answer.text()
                    );
                    answer.status
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(world.messages().len(), 1);
    // Nobody has paid yet: it can still be ordered, with a refund address.
    let words = "Others are paying for the last one: first payment wins";
    assert!(world.buyer().get("/product/stone").text().contains(words));
}

#[test]
fn a_form_sent_again_after_back_makes_no_second_order() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let first = buyer.checks_out(&[]).mark("order-ref");
    let again = buyer.tries_to_check_out(&[]);
    assert_eq!((again.status, again.header("location")), (303, Some("/order")));
    assert_eq!(buyer.get("/order").mark("order-ref"), first);
    assert_eq!(world.messages().len(), 1);
}

#[test]
fn all_errors_are_shown_at_once_with_the_input() {
    let mut with_code = catalog();
    with_code["codes"] = json!({"_model": "Discount", "spring": {"code": "SPRING", "percent": 10}});
    let world = World::with(&with_code, &[]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let answer = buyer.post(
        "/checkout",
        &[("city", "Neu <Ulm>"), ("email", "nobody"), ("refund", "0x123abc"), ("discount", "NONE")],
    );
    let text = answer.text();
    assert_eq!(answer.status, 422);
    for field in ["country", "recipient", "street", "email", "refund", "discount"] {
        assert_eq!(answer.attribute(field, "aria-invalid"), "true", "{field}");
        assert_eq!(answer.attribute(field, "aria-describedby"), format!("{field}-error"));
        assert!(
            answer.find_mark(&format!("{field}-error")).is_some_and(|words| words.len() > 10),
            "{field}"
        );
    }
    assert!(text.contains("value=\"Neu &#60;Ulm&#62;\""), "{text}");
    assert_eq!(text.matches(" autofocus").count(), 1);
    assert!(world.messages().is_empty());
}

#[test]
fn invisible_characters_and_long_input_are_refused() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    for (field, value) in [
        ("recipient", "Ada\u{202e}"),
        ("note", "\u{1b}[2J"),
        ("note", "\u{1}"),
        ("city", "a\nb"),
        ("street", &"x".repeat(201)),
    ] {
        let answer = buyer.tries_to_check_out(&[(field, value)]);
        assert_eq!(
            (answer.status, answer.attribute(field, "aria-invalid").as_str()),
            (422, "true"),
            "{value:?}"
        );
    }
    assert!(world.messages().is_empty());
}

#[test]
fn nothing_is_ordered_before_the_whole_order_was_reviewed() {
    let mut with_rates = catalog();
    with_rates["rates"] = json!({"_model": "ShippingRate",
        "home": {"name": "Parcel", "countries": ["GB"], "price": 1_000_000}});
    with_rates["codes"] =
        json!({"_model": "Discount", "spring": {"code": "SPRING", "percent": 10}});
    let world = World::with(&with_rates, &[]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "2");
    let review = buyer.reviews(&[("discount", "spring"), ("note", "The <blue> gate.")]);
    assert_eq!(review.status, 200);
    let text = review.text();
    for part in [
        "Review your order",
        "2 × Green Tea",
        "0.18398 ETH",
        "−0.018398 ETH",
        "Parcel",
        "0.001 ETH",
        "0.166582 ETH",
        "Ada Byron\n12 St James",
        "London\nGreater London\nSW1Y 4JH\nUnited Kingdom",
        "The &#60;blue&#62; gate.",
        "Privacy",
        "Place order",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(world.messages().is_empty() && world.says(&["orders"]).lines().count() < 2);
    // What was entered is in the page, encrypted, and in nothing else.
    let draft = review.hidden("draft");
    assert!(!draft.contains("Ada"));
    let form = buyer.post("/checkout/edit", &[("draft", &draft)]);
    assert_eq!((form.status, form.attribute("recipient", "value").as_str()), (200, "Ada Byron"));
    let placed = buyer.places(&review, &[]);
    assert_eq!((placed.status, placed.header("location")), (303, Some("/order")));
    assert_eq!(buyer.get("/order").mark("amount"), "0.166582");
}

#[test]
fn a_price_that_changed_since_it_was_reviewed_is_reviewed_again() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let seed = |price: i64| {
        let mut changed = catalog();
        changed["products"]["tea"]["prices"][0]["price"] = json!(price);
        world.seed(&changed);
    };
    buyer.get("/checkout");
    seed(95_000_000);
    let review = buyer.reviews(&[]);
    assert_eq!(review.status, 200);
    assert!(review.text().contains("has increased from 0.09199 to 0.095"));
    seed(99_000_000);
    let again = buyer.places(&review, &[]);
    assert_eq!(again.status, 422);
    assert!(again.text().contains("has increased from 0.095 to 0.099"), "{}", again.text());
    assert!(world.messages().is_empty());
    assert_eq!(buyer.places(&again, &[]).status, 303);
    assert_eq!(buyer.get("/order").mark("amount"), "0.099");
}

#[test]
fn a_review_of_another_cart_or_currency_is_no_consent() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let review = buyer.reviews(&[]);
    buyer.adds("green-tea", "", "1");
    let answer = buyer.places(&review, &[]);
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("has changed since you reviewed"), "{}", answer.text());
    assert!(answer.text().contains("2 × Green Tea"), "{}", answer.text());
    buyer.chooses("XMR");
    assert_eq!(buyer.places(&answer, &[]).status, 422);
    let forged = [("draft", "nonsense")];
    let answer = buyer.post("/checkout/place", &forged);
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("This review is no longer valid"));
    assert!(world.messages().is_empty());
}

#[test]
fn each_country_is_asked_for_its_own_address() {
    let world = World::with(&catalog(), &[("PREFERRED_COUNTRIES", "Ireland, US")]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let form = buyer.get("/checkout").text();
    let places =
        ["IE", "US", "AF", "HK"].map(|code| form.find(&format!("<option value=\"{code}\">")));
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{form}");
    let bare = [("province", ""), ("postcode", "")];
    let with = |country| [&bare[..], &[("country", country)]].concat();
    for (country, refused, label) in [
        ("US", &["province", "postcode"][..], ">ZIP code<"),
        ("DE", &["postcode"], ">Postal code<"),
        ("JP", &["province", "postcode"], ">Prefecture<"),
    ] {
        let answer = buyer.reviews(&with(country));
        assert_eq!(answer.status, 422, "{country}");
        for field in ["province", "postcode"] {
            let is_refused = answer.text().contains(&format!("id=\"{field}-error\""));
            assert_eq!(is_refused, refused.contains(&field), "{country} {field}");
        }
        assert!(answer.text().contains(label), "{country}: {}", answer.text());
    }
    for country in ["HK", "IE"] {
        assert_eq!(buyer.reviews(&with(country)).status, 200, "{country}");
    }
    let typo = buyer.reviews(&[("country", "Germny")]);
    assert_eq!((typo.status, typo.attribute("country", "aria-invalid").as_str()), (422, "true"));
}

#[test]
fn an_address_is_written_as_its_country_writes_it_in_review_order_and_mail() {
    let world = World::new();
    for (country, city, province, postcode, last_lines) in [
        ("HK", "Wan Chai", "Hong Kong Island", "", "Wan Chai\nHong Kong Island\nHong Kong"),
        ("DK", "Odense", "", "5000", "5000 Odense\nDenmark"),
        ("US", "Portland", "OR", "97201", "Portland, OR 97201\nUnited States"),
        ("JP", "Chiyoda", "Tokyo", "100-0001", "Chiyoda, Tokyo\n100-0001\nJapan"),
        ("IE", "Dingle", "Co. Kerry", "V92 X7P3", "Dingle\nCo. Kerry\nV92 X7P3\nIreland"),
    ] {
        let expected = format!("Ada Byron\n12 Main Street\n{last_lines}");
        let mut buyer = world.buyer();
        buyer.adds("green-tea", "", "1");
        let fields = [
            ("recipient", "Ada Byron"),
            ("street", "12 Main Street"),
            ("city", city),
            ("province", province),
            ("postcode", postcode),
            ("country", country),
        ];
        let review = buyer.reviews(&fields);
        assert!(review.text().contains(&expected), "{country}: {}", review.text());
        assert_eq!(buyer.places(&review, &[]).status, 303);
        let page = buyer.get("/order");
        assert!(page.text().contains(&expected), "{country}: {}", page.text());
        let order_ref = page.mark("order-ref");
        let messages = world.messages();
        let (_, message) = messages.iter().find(|(_, text)| text.contains(&order_ref)).unwrap();
        let quoted: Vec<String> = expected.lines().map(|line| format!("  | {line}\n")).collect();
        assert!(message.contains(&quoted.concat()), "{country}: {message}");
    }
}

#[test]
fn the_form_offers_the_countries_that_the_order_can_be_sent_to() {
    let mut with_rates = catalog();
    with_rates["rates"] = json!({"_model": "ShippingRate",
        "home": {"name": "Home", "countries": ["GB", "IE"], "price": 1_000_000},
        "north": {"name": "North", "countries": ["DK"], "price": 2_000_000}});
    with_rates["products"]["cap"]["excluded_countries"] = json!(["IE"]);
    let world = World::with(&with_rates, &[]);
    let offered = |products: &[(&str, &str)]| {
        let mut buyer = world.buyer();
        for (product, option) in products {
            buyer.adds(product, option, "1");
        }
        let form = buyer.get("/checkout").text();
        ["GB", "IE", "DK", "FR"].map(|code| form.contains(&format!("<option value=\"{code}\">")))
    };
    assert_eq!(offered(&[("green-tea", "")]), [true, true, true, false]);
    assert_eq!(offered(&[("green-tea", ""), ("cap", "Small")]), [true, false, true, false]);
}

#[test]
fn the_review_says_how_long_data_is_kept_and_checkout_asks_for_no_transaction() {
    let world = World::with(&catalog(), &[("KEEP_DAYS", "17")]);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let form = buyer.get("/checkout").text();
    let review = buyer.reviews(&[]);
    assert!(review.text().contains("It is deleted 17 days after"), "{}", review.text());
    for page in [form, review.text()] {
        assert!(!page.contains("name=\"transaction\""), "{page}");
    }
}

#[test]
fn an_address_can_be_encrypted_to_the_seller() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA+/abc=\n=njUN\n-----END PGP MESSAGE-----";
    let review = buyer.post("/checkout", &[("pgp", block)]);
    assert_eq!(review.status, 200, "{}", review.text());
    assert_eq!(buyer.places(&review, &[]).status, 303);
    assert!(
        world.messages()[0].1.contains("\nhQEMA+/abc=3D\n")
            || world.messages()[0].1.contains("\nhQEMA+/abc=\n")
    );
}

#[test]
fn sending_is_chosen_by_country_and_added() {
    let mut with_rates = catalog();
    with_rates["rates"] = json!({"_model": "ShippingRate",
        "home": {"name": "Home", "countries": ["GB"], "price": 1_000_000},
        "world": {"name": "World", "prices": [{"price": 3_000_000, "wallet": "->wallets.eth"}]}});
    with_rates["codes"] =
        json!({"_model": "Discount", "spring": {"code": "SPRING", "percent": 10}});
    let world = World::with(&with_rates, &[]);
    let order = |more: &[(&str, &str)]| {
        let mut buyer = world.buyer();
        buyer.adds("green-tea", "", "1");
        let answer = buyer.tries_to_check_out(more);
        if answer.status == 303 {
            buyer.get("/order").mark("amount")
        } else {
            format!("{} {}", answer.status, answer.text().contains("does not ship to"))
        }
    };
    assert_eq!(order(&[]), "0.09299");
    let france = [("country", "France"), ("postcode", "75001"), ("city", "Paris")];
    assert_eq!(order(&france), "0.09499");
    assert_eq!(order(&[("shipping", "World")]), "0.09499");
    assert_eq!(order(&[("country", "France"), ("shipping", "Home")]), "422 true");
    assert_eq!(order(&[("discount", "spring")]), "0.083791");
}

#[test]
fn a_refused_discount_code_says_why() {
    let mut with_codes = catalog();
    let amount = |price: i64, wallet: &str| json!([{"price": price, "wallet": format!("->wallets.{wallet}")}]);
    with_codes["codes"] = json!({"_model": "Discount",
        "five": {"code": "FIVE", "less": amount(5_000_000, "eth"), "uses": 1},
        "soon": {"code": "SOON", "percent": 10, "from": "2999-01-01"},
        "over": {"code": "OVER", "percent": 10, "until": "2020-12-24"},
        "coin": {"code": "COIN", "less": amount(10, "btc")}});
    let world = World::with(&with_codes, &[]);
    let order = |code: &str| {
        let mut buyer = world.buyer();
        buyer.adds("green-tea", "", "1");
        let answer = buyer.tries_to_check_out(&[("discount", code)]);
        if answer.status == 303 {
            return buyer.get("/order").mark("amount");
        }
        assert_eq!(answer.attribute("discount", "aria-invalid"), "true");
        answer.mark("discount-error")
    };
    assert_eq!(order("five"), "0.08699");
    for (code, words) in [
        ("five", "This discount code has reached its usage limit"),
        ("soon", "This discount code is not active yet"),
        ("over", "This discount code has expired"),
        ("coin", "This discount code is not valid for ETH"),
        ("none", "Unknown discount code"),
    ] {
        assert!(order(code).starts_with(words), "{code}");
    }
    // The count survives an import.
    world.seed(&with_codes);
    assert!(order("five").starts_with("This discount code has reached its usage limit"));
    assert_eq!(world.messages().len(), 1);
}

#[test]
fn one_transaction_pays_one_order() {
    let world = World::new();
    let transaction = format!("0x{}", "cd".repeat(32));
    let mut first = world.buyer();
    first.adds("green-tea", "", "1");
    assert_eq!(first.checks_out(&[("transaction", &transaction)]).state(), "reported");
    let (_, message) = &world.messages()[0];
    assert!(
        message
            .lines()
            .any(|line| line.starts_with("Subject: New order ") && !line.contains("unpaid")),
        "{message}"
    );
    let mut second = world.buyer();
    second.adds("green-tea", "", "1");
    let answer = second.tries_to_check_out(&[("transaction", &transaction)]);
    assert_eq!(
        (answer.status, answer.attribute("transaction", "aria-invalid").as_str()),
        (422, "true")
    );
    assert_eq!(world.messages().len(), 1);
}

#[test]
fn a_payment_address_is_never_assigned_twice() {
    let world = World::new();
    let mut addresses: Vec<String> = (0..4)
        .map(|_| {
            let mut buyer = world.buyer();
            buyer.adds("green-tea", "", "1");
            buyer.checks_out(&[]).mark("address")
        })
        .collect();
    assert_eq!(addresses[1], "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 4);
}
