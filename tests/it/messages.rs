//! The messages of buyer and seller, from both sides.

use std::process::Output;

use shop::domain::orders::{BuyerIdentity, BuyerRecipient, Code};
use shop::infra::failpoints;

use crate::crash::program_with_points;
use crate::world::{Answer, Buyer, Keyring, World, catalog, plain};

/// A buyer with an order of one tea: the reference, and the page.
fn order(world: &World) -> (Buyer, String, Answer) {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[]);
    let order_ref = page.mark("order-ref");
    (buyer, order_ref, page)
}

/// The pieces of the conversation as they stand on the page: kind, who, words, whether marked as new.
fn talk(page: &Answer) -> Vec<(String, String, String, bool)> {
    let text = page.text();
    let Some((_, list)) = text.split_once("<ol class=\"talk\">") else { return Vec::new() };
    let list = list.split("</ol>").next().unwrap();
    let between = |piece: &str, begin: &str, end: &str| {
        piece.split_once(begin).map(|(_, rest)| plain(rest.split(end).next().unwrap()))
    };
    list.split("<li class=\"")
        .skip(1)
        .map(|piece| {
            let words = between(piece, "<p class=\"words\">", "</p>")
                .or_else(|| between(piece, "<pre class=\"copy\">", "</pre>"));
            (
                piece.split('"').next().unwrap().to_owned(),
                between(piece, "<p class=\"who\">", "<time").unwrap(),
                words.unwrap_or_default(),
                piece.contains("<span class=\"new count\">new</span>"),
            )
        })
        .collect()
}

fn words(page: &Answer) -> Vec<String> {
    talk(page).into_iter().map(|(.., words, _)| words).filter(|words| !words.is_empty()).collect()
}

/// What the heading says is new.
fn n_new(page: &Answer) -> Option<String> {
    let text = page.text();
    let heading = text.split_once("id=\"messages-title\">")?.1.split("</h2>").next()?.to_owned();
    Some(heading.split_once("<span class=\"new count\">")?.1.split('<').next()?.to_owned())
}

fn reason(done: &Output) -> (Option<i32>, String) {
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_long_conversation_is_split_into_small_pages_in_order() {
    let world = World::new();
    let (mut buyer, ..) = order(&world);
    let reader = String::from_utf8(world.find("select recipient from orders").remove(0)).unwrap();
    let reader = BuyerRecipient::parse(&reader).unwrap();
    let filling = "We have had a look & it <em>is</em> there. ".repeat(8);
    for n in 1..=200 {
        let sealed = reader.encrypt(&format!("{n}. {filling}")).unwrap();
        let statement = if n % 2 == 0 {
            "insert into messages (order_id, kind, day, sealed) select id, 'answer', 1795219200, ? from orders"
        } else {
            "insert into messages (order_id, kind, day, sealed) select id, 'question', 1795219200, ? from orders"
        };
        world.sql_with(statement, &[&sealed]);
    }
    let page = buyer.get("/order");
    assert_eq!(n_new(&page).as_deref(), Some("100 new"));
    let mut numbers: Vec<usize> = Vec::new();
    let mut path = "/order".to_owned();
    for n_pages in 1.. {
        let page = buyer.get(&path);
        assert!(page.bytes.len() < 40 * 1024, "{path}: {} bytes", page.bytes.len());
        let found = talk(&page);
        assert_eq!(found.len(), 20, "{path}");
        assert!(found.iter().all(|(_, _, words, _)| words.contains("& it <em>is</em> there")));
        let of_page = found
            .iter()
            .map(|(.., words, _)| words.split('.').next().unwrap().parse::<usize>().unwrap());
        numbers.splice(0..0, of_page.collect::<Vec<_>>());
        let text = page.text();
        assert_eq!(text.contains("Newer messages"), 1 < n_pages, "{path}");
        match text.split_once("<p class=\"no-print\"><a href=\"/order?page=") {
            Some((_, rest)) if text.contains("Older messages") => {
                path = format!("/order?page={}", rest.split('#').next().unwrap());
                assert_eq!(path, format!("/order?page={}", n_pages + 1));
            }
            _ => break,
        }
    }
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>(), "the newest last");
    assert_eq!(words(&buyer.get("/order?page=10")), words(&buyer.get("/order?page=99")));
    let first = words(&buyer.get("/order"));
    for strange in [
        "page=0",
        "page=-1",
        "page=",
        "page=99999999999999999999",
        "page=x",
        "p=2",
        "page=1&page=2",
    ] {
        let page = buyer.get(&format!("/order?{strange}"));
        assert_eq!((page.status, words(&page)), (200, first.clone()), "{strange}");
    }
}

#[test]
fn new_messages_are_marked_until_seen_with_the_cookie_and_with_the_code() {
    let world = World::new();
    let (mut buyer, order_ref, page) = order(&world);
    let code = page.mark("code");
    assert_eq!((n_new(&page), talk(&page).len()), (None, 0));
    assert!(page.text().contains("No messages yet"));

    // With the cookie: a look is enough, and one's own words are no news.
    world.answers(&order_ref, "1", "Your tea is being packed.");
    buyer.post("/order/message", &[("message", "Thank you!")]);
    let page = buyer.get("/order");
    assert_eq!(n_new(&page), None, "the form's own look showed it");
    world.answers(&order_ref, "2", "/paid");
    world.answers(&order_ref, "3", "It leaves tomorrow.");
    let page = buyer.get("/order");
    assert_eq!(n_new(&page).as_deref(), Some("2 new"));
    let marks: Vec<bool> = talk(&page).into_iter().map(|(.., is_new)| is_new).collect();
    assert_eq!(marks, [false, false, true, true]);
    assert_eq!(n_new(&buyer.get("/order")), None);

    // With the code alone: the shop remembers what was there when the code was typed last, and nothing of looks.
    let mut elsewhere = world.buyer();
    elsewhere.post("/order", &[("code", &code)]);
    assert_eq!(n_new(&elsewhere.get("/order")).as_deref(), Some("3 new"));
    assert_eq!(n_new(&elsewhere.get("/order")), None);
    let mut again = world.buyer();
    again.post("/order", &[("code", &code)]);
    assert_eq!(n_new(&again.get("/order")), None);
    world.answers(&order_ref, "4", "One more thing.");
    let mut again = world.buyer();
    again.post("/order", &[("code", &code)]);
    let page = again.get("/order");
    assert_eq!(n_new(&page).as_deref(), Some("1 new"));
    assert_eq!(talk(&page).last().unwrap().2, "One more thing.");
    let refused = again.post("/order/message", &[("message", "")]);
    assert_eq!((refused.status, n_new(&refused)), (422, None));
}

#[test]
fn messages_of_a_buyer_are_limited_and_the_page_says_how() {
    let world = World::new();
    let (mut buyer, ..) = order(&world);
    let long = "ä".repeat(4_001);
    for (typed, why) in [
        ("", "Enter a message."),
        (" \r\n\t", "Enter a message."),
        (long.as_str(), "4000"),
        ("a\u{202e}b", ""),
    ] {
        let refused = buyer.post("/order/message", &[("message", typed)]);
        assert_eq!(
            (refused.status, refused.attribute("message", "aria-invalid").as_str()),
            (422, "true"),
            "{typed:.9}"
        );
        let error = refused.mark("message-error");
        assert!(error.contains(why) && error.ends_with('.'), "{error}");
        if !typed.trim().is_empty() && !typed.contains('\u{202e}') {
            assert_eq!(refused.mark("message"), typed, "the words are kept");
        }
    }
    assert_eq!(talk(&buyer.get("/order")).len(), 0);
    assert_eq!(buyer.post("/order/message", &[("message", &"ä".repeat(4_000))]).status, 303);
    for n in 2..=10 {
        let sent = buyer.post("/order/message", &[("message", &format!("Number {n}"))]);
        assert_eq!((sent.status, sent.header("location")), (303, Some("/order#messages")));
    }
    let refused = buyer.post("/order/message", &[("message", "Number 11")]);
    let error = refused.mark("message-error");
    assert_eq!(refused.status, 422);
    assert!(
        error.contains("10 messages per day")
            && error.contains("200 per order")
            && error.contains("tomorrow"),
        "{error}"
    );
    assert_eq!(refused.mark("message"), "Number 11");
    let (mut other, ..) = order(&world);
    assert_eq!(other.post("/order/message", &[("message", "Mine is another")]).status, 303);
    world.sql("update messages set day = day - 86400");
    assert_eq!(buyer.post("/order/message", &[("message", "Number 11")]).status, 303);
    world.sql(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 189) \
         insert into messages (order_id, kind, day, sealed) select 1, 'question', 86400, x'00' from n",
    );
    assert_eq!(buyer.post("/order/message", &[("message", "Number 201")]).status, 422);
    let n_told = world.messages().iter().filter(|(_, text)| text.contains("Number 11")).count();
    assert_eq!(n_told, 1);
}

#[test]
fn a_code_in_a_message_is_refused_with_a_warning_and_removed_from_the_form() {
    let world = World::new();
    let (mut buyer, _, page) = order(&world);
    let code = page.mark("code");
    buyer.post("/order/noted", &[]);
    for typed in [
        code.clone(),
        format!("Hello, my code is {code}. When will it come?"),
        format!("Hello,\r\n{}\r\nWhen will it come?", code.to_uppercase().replace(' ', ", ")),
    ] {
        let refused = buyer.post("/order/message", &[("message", &typed)]);
        assert_eq!(refused.status, 422, "{typed}");
        let error = refused.mark("message-error");
        assert!(error.contains("your order code") && error.contains("removed"), "{error}");
        let left = refused.mark("message");
        let last = code.split(' ').next_back().unwrap();
        assert!(!refused.text().to_lowercase().contains(last), "{left}");
        if typed.starts_with("Hello") {
            assert!(left.starts_with("Hello,") && left.ends_with("When will it come?"), "{left}");
        }
    }
    assert_eq!(talk(&buyer.get("/order")).len(), 0);
    assert_eq!(world.messages().len(), 1);
    assert_eq!(world.find("select 1 from messages where kind = 'question'").len(), 0);
}

#[test]
fn armored_messages_are_shown_exactly_and_others_as_text() {
    let world = World::new();
    let (mut buyer, order_ref, _) = order(&world);
    let keyring = Keyring::new();
    let key = keyring.makes_key("buyer");
    let block = keyring.does(&["--armor", "--encrypt", "-r", &key], b"For you alone.");
    world.answers(&order_ref, "1", &block);
    world.answers(
        &order_ref,
        "2",
        "<script>alert(1)</script> & \"quotes\"\nhttps://example.org/ <b>bold</b>",
    );
    let block_of_mine = keyring.does(&["--armor", "--encrypt", "-r", &key], b"For the seller.");
    assert_eq!(
        buyer.post("/order/message", &[("message", ""), ("pgp", &block_of_mine)]).status,
        303
    );
    let page = buyer.get("/order");
    let text = page.text();
    let shown = text.split_once("<pre class=\"copy\">").unwrap().1.split("</pre>").next().unwrap();
    assert_eq!(plain(shown), block.trim());
    assert_eq!(keyring.does(&["--decrypt"], plain(shown).as_bytes()), "For you alone.");
    assert!(
        !text.contains("<script")
            && !text.contains("<b>bold")
            && !text.contains("href=\"https://example.org")
    );
    let said = talk(&page);
    assert_eq!(
        said[1].2,
        "<script>alert(1)</script> & \"quotes\"\nhttps://example.org/ <b>bold</b>"
    );
    assert_eq!((said[2].1.as_str(), said[2].2.contains("PGP")), ("You", true));
    // As it lies there it can be piped into gpg.
    let told = world.messages().pop().unwrap().1;
    assert_eq!(keyring.does(&["--decrypt"], told.as_bytes()), "For the seller.");
    // Either words or a block: words beside it would not be sealed by the buyer.
    let refused = buyer.post("/order/message", &[("message", "and this"), ("pgp", &block_of_mine)]);
    assert_eq!(refused.status, 422);
    assert_eq!(refused.mark("message"), "and this");
    let refused =
        buyer.post("/order/message", &[("message", ""), ("pgp", "-----BEGIN PGP MESSAGE-----")]);
    assert_eq!((refused.status, refused.attribute("pgp", "aria-invalid").as_str()), (422, "true"));
    assert_eq!(refused.mark("pgp"), "-----BEGIN PGP MESSAGE-----");
}

#[test]
fn without_an_open_order_every_message_gets_the_same_answer() {
    let world = World::new();
    let (mut buyer, order_ref, page) = order(&world);
    let code = page.mark("code");
    let mut stale = buyer.clone();
    buyer.post("/order/erase", &[("confirm", "yes")]);
    let (_, living, page) = order(&world);
    let living_code = page.mark("code");
    let mut stranger = world.buyer();
    stranger.get("/order");
    let token = stranger.get("/order").token();
    let mut forged = stranger.clone();
    forged.cookies.insert(
        "order".to_owned(),
        "10 abacus abdomen abdominal abide abiding ability ablaze".to_owned(),
    );
    let stale_token = stale.get("/order").token();
    let typed = [
        "",
        "Hello",
        &code,
        &living_code,
        &order_ref,
        &living,
        "rubbish\u{1}",
        "-----BEGIN PGP MESSAGE-----",
    ];
    let mut answers = Vec::new();
    for typed in typed {
        for path in ["/order/message", "/order/transaction", "/order/erase"] {
            let fields = [
                ("token", token.as_str()),
                ("message", typed),
                ("pgp", ""),
                ("transaction", typed),
                ("confirm", "yes"),
                ("code", &living_code),
                ("order_ref", &living),
            ];
            answers.push(stranger.post_raw(path, &fields));
            answers.push(forged.post_raw(path, &fields));
            let fields = [&[("token", stale_token.as_str())], &fields[1..]].concat();
            answers.push(stale.post_raw(path, &fields));
        }
    }
    let same = |answer: &Answer, token: &str| answer.text().replace(token, "");
    let first = same(&answers[0], &token);
    assert!(first.contains("No order is open in this browser"), "{first}");
    for answer in &answers {
        assert_eq!(answer.status, 404);
        assert_eq!(same(answer, &token).replace(&stale_token, ""), first);
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(world.messages().len(), 3, "two orders and the erasure");
}

#[test]
fn each_step_says_what_happens_next() {
    let world = World::new();
    let state = |page: &Answer| (page.state(), page.mark("state"));
    let last = |page: &Answer| {
        let (kind, who, words, _) = talk(page).pop().unwrap();
        assert_eq!(kind, "step");
        (who, words)
    };

    let (mut buyer, order_ref, page) = order(&world);
    assert_eq!(state(&page), ("awaiting".to_owned(), "Awaiting payment".to_owned()));
    buyer.post("/order/transaction", &[("transaction", &format!("0x{}", "ab".repeat(32)))]);
    assert_eq!(state(&buyer.get("/order")).0, "reported");
    assert!(buyer.get("/order").text().contains("is not verified yet"));
    world.answers(&order_ref, "1", "/partial 0.05\nThe rest, please.");
    let page = buyer.get("/order");
    assert_eq!(state(&page), ("partial".to_owned(), "Partially paid".to_owned()));
    assert!(page.text().contains("Send the remaining amount"));
    assert_eq!(page.mark("due"), "0.04199");
    assert_eq!(talk(&page).len(), 3, "the report, the step and the words");
    world.answers(&order_ref, "2", "/paid");
    let page = buyer.get("/order");
    assert_eq!(last(&page), ("Paid".to_owned(), String::new()));
    assert!(page.text().contains("will ship your order"));
    assert_eq!((page.find_mark("payment-uri"), page.find_mark("payment-link")), (None, None));
    let tracking = "https://evil.example/?t=RB123456785GB <a href=x>";
    world.answers(&order_ref, "3", &format!("/shipped {tracking}\nEnjoy!"));
    let page = buyer.get("/order");
    let said = talk(&page);
    assert_eq!(said[said.len() - 2].2, tracking, "the tracking as text");
    assert_eq!(said[said.len() - 1].2, "Enjoy!");
    assert_eq!(state(&page), ("shipped".to_owned(), "Shipped".to_owned()));
    let text = page.text();
    assert!(!text.contains("href=\"https:") && !text.contains("<a href=x"), "never a link");
    assert!(text.split("href=\"").skip(1).all(|link| link.starts_with(['/', '#'])), "{text}");

    let (mut buyer, order_ref, _) = order(&world);
    world.says(&["orders", "cancel", &order_ref, "sold", "out,", "sorry"]);
    let page = buyer.get("/order");
    assert!(page.mark("state").contains("do not pay"));
    assert_eq!(last(&page), ("Cancelled".to_owned(), "sold out, sorry".to_owned()));
    assert_eq!((page.find_mark("payment-uri"), page.find_mark("payment-link")), (None, None));
    let id = format!("0x{}", "cd".repeat(32));
    world.says(&["orders", "refunded", &order_ref, &id, "--anyway"]);
    let page = buyer.get("/order");
    assert_eq!(last(&page), ("Refunded".to_owned(), id));
    assert!(page.text().contains("has refunded your payment"));

    let (mut buyer, order_ref, _) = order(&world);
    world.sql("update invoices set until = 1 where order_id = (select max(id) from orders)");
    assert_eq!(world.replies(&[&order_ref], "4", "/shipped").status.code(), Some(65));
    let page = buyer.get("/order");
    assert_eq!(state(&page).0, "expired");
    assert!(page.mark("state").contains("do not pay"));
    world.answers(&order_ref, "5", "/paid\nI had it after all.");
    let page = buyer.get("/order");
    assert_eq!(state(&page).0, "late");
    assert!(page.text().contains("either ship your order or refund you"));
    world.says(&["orders", "note", &order_ref, "It", "goes", "out", "tomorrow."]);
    assert_eq!(words(&buyer.get("/order")).last().unwrap(), "It goes out tomorrow.");
}

#[test]
fn a_buyer_erases_everything_and_the_seller_is_notified() {
    let mut world = World::new();
    let (mut buyer, order_ref, page) = order(&world);
    let code = page.mark("code");
    world.answers(&order_ref, "1", "/paid\nOn its way soon.");
    buyer.post("/order/message", &[("message", "Thank you!")]);
    let refused = buyer.post("/order/erase", &[]);
    assert_eq!(
        (refused.status, refused.attribute("confirm", "aria-invalid").as_str()),
        (422, "true")
    );
    assert!(refused.mark("confirm-error").contains("Tick the box"));
    assert_eq!(words(&buyer.get("/order")), ["On its way soon.", "Thank you!"]);

    let done = buyer.post("/order/erase", &[("confirm", "yes")]);
    assert_eq!((done.status, done.header("location")), (303, Some("/order?erased")));
    assert_eq!(done.header("clear-site-data"), Some("\"cache\", \"cookies\", \"storage\""));
    assert!(!buyer.cookies.contains_key("order"));
    let page = buyer.get("/order?erased");
    assert!(page.text().contains("has been erased"), "{}", page.text());
    // The code of the order is answered as any other that opens nothing: only what was typed comes back.
    let [opened, wrong] = [code.as_str(), "abacus abdomen abdominal abide abiding ability ablaze"]
        .map(|typed| {
            let answer = buyer.post("/order", &[("code", typed)]);
            (answer.status, answer.text().replace(typed, ""))
        });
    assert_eq!((opened.0, &opened.1), (422, &wrong.1));
    assert_eq!(world.find("select 1 from messages where sealed is not null").len(), 0);

    let told = world
        .messages()
        .into_iter()
        .map(|(_, text)| text)
        .find(|text| text.contains("has deleted their data"));
    let told = told.expect("the seller is told");
    assert!(told.contains(&format!("References: <{order_ref}.0@shop.invalid>")), "{told}");
    assert!(!told.contains("Thank you!") && !told.contains("WHAT YOU CAN DO"));
    let (code, words) = reason(&world.replies(&[&order_ref], "2", "Hello?"));
    assert_eq!(code, Some(67));
    assert!(words.contains("has deleted their data"), "{words}");
    let both = world.replies(&[&order_ref], "3", "/shipped\nHello?");
    assert_eq!(both.status.code(), Some(67));
    assert!(
        world.says(&["orders", "show", &order_ref]).contains("is confirmed"),
        "nothing half done"
    );
    // The things were paid for: what concerns them alone goes on.
    world.answers(&order_ref, "4", "/shipped RB123456785GB");
    assert!(world.says(&["orders", "show", &order_ref]).contains("is shipped"));
    world.close("-TERM");
    world.open();
    assert_eq!(world.find("select 1 from messages where sealed is not null").len(), 0);
    world.says(&["purge", "--keep-days", "0"]);
    assert_eq!(world.replies(&[&order_ref], "5", "Hello?").status.code(), Some(67));
}

#[test]
fn a_reply_that_arrives_twice_is_processed_once() {
    let world = World::new();
    let (mut buyer, order_ref, _) = order(&world);
    for _ in 0..3 {
        world.answers(&order_ref, "same", "/paid\nThank you.");
    }
    let page = buyer.get("/order");
    assert_eq!(
        (page.state().as_str(), talk(&page).len(), words(&page)),
        ("confirmed", 2, vec!["Thank you.".to_owned()])
    );
    world.answers(&order_ref, "other", "Thank you.");
    assert_eq!(words(&buyer.get("/order")).len(), 2, "another letter with the same words");
    // The same letter to one order more is new to that one alone.
    let (mut second, second_ref, _) = order(&world);
    let done = world.replies(&[&order_ref, &second_ref], "other", "Thank you.");
    assert_eq!(done.status.code(), Some(0));
    assert_eq!((words(&buyer.get("/order")).len(), words(&second.get("/order")).len()), (2, 1));
    // A letter without an identity is known by itself.
    let letter = b"To: x\nContent-Type: text/plain\n\nNo identity.\n";
    let to = format!("order+{order_ref}@shop.invalid");
    for _ in 0..2 {
        assert_eq!(world.told(&["deliver", "--", &to], letter).status.code(), Some(0));
    }
    assert_eq!(
        words(&buyer.get("/order")).iter().filter(|words| *words == "No identity.").count(),
        1
    );
}

#[test]
fn a_reply_to_several_orders_reaches_all_of_them_or_none() {
    let world = World::new();
    let (mut one, one_ref, _) = order(&world);
    let (mut two, two_ref, _) = order(&world);
    let refs = [one_ref.as_str(), two_ref.as_str()];
    let nothing = |one: &mut Buyer, two: &mut Buyer| {
        let pages = [one.get("/order"), two.get("/order")];
        assert!(pages.iter().all(|page| page.state() == "awaiting" && talk(page).is_empty()));
    };
    // To nobody, in the middle; a step that one of them does not allow; a command that there is not.
    let (code, why) =
        reason(&world.replies(&[&one_ref, "AAAAAAAAAA", &two_ref], "1", "/paid\nThanks"));
    assert_eq!(code, Some(67));
    assert!(why.contains("AAAAAAAAAA") && why.contains("Nothing was sent"), "{why}");
    nothing(&mut one, &mut two);
    for (n, letter) in [
        "/shipped",
        "/pay\nThanks",
        "/paid thanks",
        "/partial 0",
        "/partial 0,5",
        "",
        "> quoted alone",
    ]
    .into_iter()
    .enumerate()
    {
        let (code, why) = reason(&world.replies(&refs, &format!("wrong-{n}"), letter));
        assert_eq!(code, Some(65), "{letter}");
        assert_eq!(why.lines().count(), 1, "{letter}: {why}");
        assert!(why.contains("Nothing was sent"), "{letter}: {why}");
        nothing(&mut one, &mut two);
    }
    world.answers(&two_ref, "2", "/paid");
    let (code, why) = reason(&world.replies(&refs, "3", "/shipped 42\nSent today."));
    assert_eq!(code, Some(65));
    assert!(why.contains(&one_ref), "it says which: {why}");
    assert_eq!(
        (one.get("/order").state(), two.get("/order").state()),
        ("awaiting".into(), "confirmed".into())
    );
    assert_eq!(talk(&two.get("/order")).len(), 1);
    world.answers(&one_ref, "4", "/paid");
    // The very letter that was refused before is taken now.
    assert_eq!(world.replies(&refs, "3", "/shipped 42\nSent today.").status.code(), Some(0));
    for buyer in [&mut one, &mut two] {
        let page = buyer.get("/order");
        assert_eq!(
            (page.state().as_str(), words(&page)),
            ("shipped", vec!["42".to_owned(), "Sent today.".to_owned()])
        );
    }
    let steps = world.find("select 1 from outbox where number > 0");
    assert_eq!(steps.len(), 4, "each step is told once");
}

#[test]
fn while_the_database_is_locked_no_reply_is_lost() {
    let world = World::new();
    let (mut buyer, order_ref, _) = order(&world);
    let held = world.hold_database();
    let (code, why) = reason(&world.replies(&[&order_ref], "1", "/paid\nThank you."));
    assert_eq!(code, Some(75), "{why}");
    assert!(why.contains("Try again") && why.contains("nothing was sent"), "{why}");
    // Orders can be looked at all the while.
    assert_eq!(buyer.get("/order").state(), "awaiting");
    drop(held);
    world.answers(&order_ref, "1", "/paid\nThank you.");
    let page = buyer.get("/order");
    assert_eq!((page.state().as_str(), words(&page)), ("confirmed", vec!["Thank you.".to_owned()]));
}

#[test]
fn a_reply_is_processed_while_the_shop_is_stopped() {
    let mut world = World::new();
    let (mut buyer, order_ref, _) = order(&world);
    world.close("-TERM");
    world.answers(&order_ref, "1", "/paid\nThank you.");
    world.open();
    buyer.address = world.address().to_owned();
    buyer.host = world.address().to_owned();
    let page = buyer.get("/order");
    assert_eq!((page.state().as_str(), n_new(&page).as_deref()), ("confirmed", Some("2 new")));
    world.says(&["close"]);
    world.answers(&order_ref, "2", "We are on holiday.");
    assert_eq!(words(&buyer.get("/order")), ["Thank you.", "We are on holiday."]);
    assert_eq!(buyer.post("/order/message", &[("message", "Enjoy it!")]).status, 303);
}

#[test]
fn a_reply_interrupted_at_any_point_is_complete_on_the_page_or_absent() {
    let world = World::new();
    let points = failpoints::WORD.iter().chain(&[
        "message-drafted",
        "message-moved",
        "message-delivered",
        "order-told",
    ]);
    let committed = failpoints::WORD.iter().position(|name| *name == "word-committed").unwrap();
    for (n, point) in points.enumerate() {
        let (mut buyer, order_ref, page) = order(&world);
        let code = page.mark("code");
        let mut stopped = World::closed(&[("SHOP_STOP_AT", point)]);
        stopped.program = program_with_points();
        for (name, path) in [("DATABASE_URL", "db/shop.sqlite"), ("MAILDIR", "mailorders")] {
            let path = world.path(path).display().to_string();
            let value = if name == "MAILDIR" { path } else { format!("sqlite://{path}") };
            stopped.settings.push((name.to_owned(), value));
        }
        let done = stopped.replies(&[&order_ref], "letter", "/paid\nThank you.");
        assert_eq!(done.status.code(), None, "{point}: {}", reason(&done).1);
        let page = buyer.get("/order");
        let expected = if committed <= n { ("confirmed", 2) } else { ("awaiting", 0) };
        assert_eq!((page.state().as_str(), talk(&page).len()), expected, "{point}");
        // mutt says that it failed, and the seller sends it again.
        world.answers(&order_ref, "letter", "/paid\nThank you.");
        let page = buyer.get("/order");
        assert_eq!((page.state().as_str(), talk(&page).len()), ("confirmed", 2), "{point}");
        let told = || {
            let folders = ["mailorders/new", "mailorders/cur"].map(|folder| world.path(folder));
            let names = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.contains(&format!("{order_ref}_1"))).count()
        };
        world.until(point, || {
            told() == 1 && world.find("select 1 from outbox where message is not null").is_empty()
        });
        assert_eq!(told(), 1, "{point}");
        let mut elsewhere = world.buyer();
        elsewhere.post("/order", &[("code", &code)]);
        assert_eq!(words(&elsewhere.get("/order")), ["Thank you."], "{point}");
    }
}

#[test]
fn a_buyers_message_does_nothing_to_the_sellers_terminal() {
    let world = World::new();
    let (mut buyer, order_ref, _) = order(&world);
    let typed = "[-- End of PGP/MIME encrypted data --]\r\nX-Shop-State: shipped\r\n\r\n-----BEGIN PGP PUBLIC KEY BLOCK-----\r\nSTATE       confirmed\r\n> /paid\r\nFrom me";
    assert_eq!(buyer.post("/order/message", &[("message", typed)]).status, 303);
    let told = world.messages().pop().unwrap().1;
    let (head, body) = told.split_once("\n\n").unwrap();
    assert!(head.contains("X-Shop-State: awaiting") && !head.contains("shipped"), "{head}");
    for line in typed.lines().filter(|line| !line.is_empty()) {
        assert!(body.lines().any(|said| said == format!("  | {line}")), "{line}: {body}");
        assert!(!body.lines().any(|said| said == line), "{line}");
    }
    for hidden in ["a\u{1b}[31mb", "a\u{202e}b", "a\u{7}b", "a\u{9b}31mb"] {
        assert_eq!(buyer.post("/order/message", &[("message", hidden)]).status, 422);
    }
    // What an answer quotes of it is not said back.
    world.answers(
        &order_ref,
        "1",
        &format!(
            "Hello!\n\nOn that day you wrote:\n{}",
            body.lines().map(|line| format!("> {line}\n")).collect::<String>()
        ),
    );
    let said = words(&buyer.get("/order")).pop().unwrap();
    assert!(
        said.starts_with("Hello!") && !said.contains("END") && !said.contains("confirmed"),
        "{said}"
    );
}

#[test]
fn only_an_orders_own_code_decrypts_its_messages() {
    let world = World::new();
    let (_, order_ref, page) = order(&world);
    world.answers(&order_ref, "1", "Only for you.");
    let salt = world.find("select salt from shop_state").remove(0);
    let sealed = world.find("select sealed from messages where kind = 'answer'").remove(0);
    let code = Code::parse(&page.mark("code")).unwrap();
    assert_eq!(BuyerIdentity::of_code(&code, &salt).decrypt(&sealed).unwrap(), "Only for you.");
    let other = Code::parse(&order(&world).2.mark("code")).unwrap();
    assert!(BuyerIdentity::of_code(&other, &salt).decrypt(&sealed).is_err());
    assert_eq!(salt.len(), 32);
    assert_ne!(World::new().find("select salt from shop_state").remove(0), salt);
}

#[test]
fn read_marks_are_shown_only_if_the_seller_allows_them() {
    for (setting, is_delivered) in [("yes", true), ("no", false)] {
        let mut world = World::with(&catalog(), &[("READ_MARKS", setting)]);
        let (mut buyer, ..) = order(&world);
        buyer.post("/order/message", &[("message", "When will it come?")]);
        let page = buyer.get("/order").text();
        assert!(page.contains("When will it come?") && !page.contains("Read by the seller"));
        for (name, _) in world.messages() {
            let new = world.path("mailorders/new").join(&name);
            std::fs::rename(new, world.path("mailorders/cur").join(format!("{name},U=7:2,Sa")))
                .unwrap();
        }
        // Otherwise it is looked for once a minute.
        world.close("-TERM");
        world.open();
        buyer.address = world.address().to_owned();
        buyer.host = world.address().to_owned();
        let says_so = |buyer: &mut Buyer| buyer.get("/order").text().contains("Read by the seller");
        if is_delivered {
            world.until("the mark is there", || says_so(&mut buyer.clone()));
        } else {
            assert!(!says_so(&mut buyer));
        }
    }
}

#[test]
fn a_message_whose_form_was_sent_twice_is_one_message() {
    let world = World::new();
    let (mut buyer, ..) = order(&world);
    let page = buyer.get("/order");
    let fields = [("token", page.token()), ("message", "When will it come?".to_owned())];
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for _ in 0..3 {
        assert_eq!(buyer.post_raw("/order/message", &fields).status, 303);
    }
    assert_eq!(talk(&buyer.get("/order")).len(), 1);
    world.until("it is told once", || world.messages().len() == 2);
    // Another buyer may say the same.
    let (mut other, ..) = order(&world);
    assert_eq!(other.post("/order/message", &[("message", "When will it come?")]).status, 303);
    assert_eq!(world.find("select 1 from messages where kind = 'question'").len(), 2);
}
