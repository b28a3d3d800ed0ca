use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::json;
use shop::infra::failpoints;

use crate::disk::Disturbed;
use crate::world::{Buyer, World, catalog};

#[test]
fn orders_that_a_buyer_was_told_of_outlive_a_crash_and_each_is_told_to_the_seller_once() {
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(1000);
    let mut world = World::with(&many, &[]);
    let promised = Mutex::new(0_usize);
    for round in 0..3 {
        let requests: Vec<String> = (0..4)
            .map(|_| {
                let mut buyer = world.buyer();
                buyer.adds("green-tea", "", "1");
                request_to_place(buyer)
            })
            .collect();
        let address = world.address().to_owned();
        let before = *promised.lock().unwrap();
        std::thread::scope(|scope| {
            for request in &requests {
                let (address, promised) = (&address, &promised);
                scope.spawn(move || {
                    let Ok(mut stream) = TcpStream::connect(address) else { return };
                    let mut answer = Vec::new();
                    if stream.write_all(request.as_bytes()).is_ok()
                        && stream.read_to_end(&mut answer).is_ok()
                        && answer.starts_with(b"HTTP/1.1 303")
                    {
                        *promised.lock().unwrap() += 1;
                    }
                });
            }
            // The crash comes as soon as one of them has its promise, so that others are half done.
            while *promised.lock().unwrap() == before {
                std::thread::yield_now();
            }
            assert_eq!(world.close("-KILL"), None, "round {round}");
        });
        world.open();
    }
    let kept = world.says(&["orders", "--json"]);
    let orders: Vec<serde_json::Value> = serde_json::from_str(&kept).unwrap();
    assert!(*promised.lock().unwrap() <= orders.len(), "every promise was kept");
    world.until("all is told", || world.messages().len() == orders.len());
    for order in &orders {
        let order_ref = order["ref"].as_str().unwrap();
        let subject = format!("Subject: New order {order_ref} - unpaid");
        assert_eq!(world.messages().iter().filter(|(_, text)| text.contains(&subject)).count(), 1);
    }
    assert!(std::fs::read_dir(world.path("mailorders/tmp")).unwrap().count() <= 12);
    let stock = 1000 - orders.len();
    assert!(5 < stock && world.buyer().get("/product/green-tea").text().contains("In stock"));
}

/// The same program with named points in it, which `scripts/test` builds.
pub fn program_with_points() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_shop")).parent().and_then(Path::parent).unwrap();
    let program = built.join("stops/shop");
    assert!(
        program.exists(),
        "{} is missing: scripts/build-with-stops makes it",
        program.display()
    );
    program
}

/// Sends the form that places an order, and says whether anything was answered.
fn is_answered(buyer: &mut Buyer) -> bool {
    is_answered_to(buyer, &request_to_place(buyer.clone()))
}

/// The request that places an order.
fn request_to_place(mut buyer: Buyer) -> String {
    let review = buyer.reviews(&[("note", "The blue gate.")]);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &review.token())
        .append_pair("draft", &review.hidden("draft"))
        .finish();
    let cookies: Vec<String> =
        buyer.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "POST /checkout/place HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        buyer.host,
        cookies.join("; "),
        form.len()
    )
}

fn is_answered_to(buyer: &Buyer, request: &str) -> bool {
    // The shop may have stopped already.
    let Ok(mut stream) = TcpStream::connect(&buyer.address) else { return false };
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    !answer.is_empty()
}

/// The references of all orders, and those of which the seller was told, each as often as it stands there.
fn accounts(world: &World) -> (Vec<String>, Vec<String>) {
    let orders: Vec<serde_json::Value> =
        serde_json::from_str(&world.says(&["orders", "--json"])).unwrap();
    let refs = orders.iter().map(|order| order["ref"].as_str().unwrap().to_owned()).collect();
    let told = world.messages().into_iter().filter_map(|(_, text)| {
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: New order "))?;
        Some(subject.split(' ').next().unwrap().to_owned())
    });
    (refs, told.collect())
}

#[test]
fn an_order_stopped_at_any_point_is_whole_or_not_there_and_sent_again_it_is_the_same_one() {
    // The only piece: whether it is still there says whether the stock adds up.
    let mut last = catalog();
    last["products"]["tea"]["quantity"] = json!(1);
    let committed = failpoints::ORDER.iter().position(|name| *name == "order-committed").unwrap();
    for (n, point) in failpoints::ORDER.iter().enumerate() {
        let mut world = World::with(&last, &[]);
        world.close("-TERM");
        world.program = program_with_points();
        world.settings.push(("SHOP_STOP_AT".to_owned(), (*point).to_owned()));
        world.open();
        let mut buyer = world.buyer();
        buyer.adds("green-tea", "", "1");
        // The outbox may forget the message after the answer.
        assert_eq!(is_answered(&mut buyer), *point == "order-told", "{point}: the shop went on");
        world.until(point, || TcpStream::connect(world.address()).is_err());
        world.close("-KILL");
        world.settings.clear();
        world.open();
        let is_reserved = |world: &World| {
            world.buyer().get("/product/green-tea").text().contains("Others are paying")
        };

        // By itself: what was committed is told, and what was not has left nothing behind.
        let n_expected = usize::from(committed <= n);
        let (refs, _) = accounts(&world);
        assert_eq!((refs.len(), is_reserved(&world)), (n_expected, n_expected == 1), "{point}");
        world.until(point, || accounts(&world).1 == refs);

        // The buyer sends the form again, with the cookies as they were.
        buyer.address = world.address().to_owned();
        buyer.host = world.address().to_owned();
        let page = buyer.checks_out(&[("note", "The blue gate.")]);
        let (order_ref, code) = (page.mark("order-ref"), page.mark("code"));
        let expected = vec![order_ref.clone()];
        assert_eq!(accounts(&world), (expected.clone(), expected), "{point}");
        assert!(is_reserved(&world), "{point}");
        assert!(world.messages()[0].1.contains("The blue gate."), "{point}: the message is whole");
        let mut elsewhere = world.buyer();
        elsewhere.post("/order", &[("code", &code)]);
        assert_eq!(elsewhere.get("/order").mark("order-ref"), order_ref, "{point}");
    }
}

#[test]
fn orders_that_are_placed_at_once_and_stopped_at_any_point_are_each_there_once_or_not_at_all() {
    const N_BUYERS: usize = 6;
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(100);
    for point in failpoints::ORDER {
        let mut world = World::with(&many, &[]);
        world.close("-TERM");
        world.program = program_with_points();
        world.settings.push(("SHOP_STOP_AT".to_owned(), point.to_owned()));
        world.open();
        let buyers: Vec<(Buyer, String)> = (0..N_BUYERS)
            .map(|_| {
                let mut buyer = world.buyer();
                buyer.adds("green-tea", "", "1");
                let request = request_to_place(buyer.clone());
                (buyer, request)
            })
            .collect();
        // So that they gather: the first one waits for the database, and the others for their batch.
        let held = world.hold_database();
        let n_answered = std::thread::scope(|scope| {
            let send = |(buyer, request): &(Buyer, String)| is_answered_to(buyer, request);
            let sent: Vec<_> =
                buyers.iter().map(|buyer| scope.spawn(move || send(buyer))).collect();
            drop(held);
            sent.into_iter()
                .map(|sent| sent.join().unwrap())
                .filter(|is_answered| *is_answered)
                .count()
        });
        world.until(point, || TcpStream::connect(world.address()).is_err());
        world.close("-KILL");
        world.settings.clear();
        world.open();
        let (refs, _) = accounts(&world);
        assert!(n_answered <= refs.len() && refs.len() <= N_BUYERS, "{point}: {}", refs.len());
        let sorted = |mut refs: Vec<String>| {
            refs.sort();
            refs
        };
        let expected = sorted(refs);
        world.until(point, || sorted(accounts(&world).1) == expected);

        for (mut buyer, _) in buyers {
            buyer.address = world.address().to_owned();
            buyer.host = world.address().to_owned();
            assert_eq!(buyer.checks_out(&[]).state(), "awaiting", "{point}");
        }
        let (refs, told) = accounts(&world);
        assert_eq!((refs.len(), sorted(told)), (N_BUYERS, sorted(refs)), "{point}");
        let stock = world.find("select stock from products where slug = 'green-tea'");
        assert_eq!(stock, [b"94".to_vec()], "{point}");
    }
}

#[test]
fn buyers_who_leave_while_their_batch_is_placed_have_ordered_once_or_not_at_all() {
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(100);
    let world = World::with(&many, &[]);
    let ready = |_| {
        let mut buyer = world.buyer();
        buyer.adds("green-tea", "", "1");
        let request = request_to_place(buyer.clone());
        (buyer, request)
    };
    let mut buyers: Vec<(Buyer, String)> = (0..9).map(ready).collect();
    let n_orders = || world.find("select 1 from orders").len();
    let sorted = |mut refs: Vec<String>| {
        refs.sort();
        refs
    };

    let slow = Disturbed::slow(world.pid());
    let held = world.hold_database();
    let connected = buyers.iter().map(|(buyer, request)| {
        let mut stream = TcpStream::connect(&buyer.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    });
    let mut connected: Vec<TcpStream> = connected.collect();
    // Three leave before anything is placed, three as soon as an order is committed and before its message is
    // delivered, and three wait.
    drop(connected.drain(..3));
    drop(held);
    world.until("an order is committed", || 0 < n_orders());
    drop(connected.drain(..3));
    for mut stream in connected {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 303"), "{}", String::from_utf8_lossy(&answer));
    }
    slow.end();
    let (refs, told) = accounts(&world);
    assert!((3..=9).contains(&refs.len()), "{}", refs.len());
    assert!(told.len() <= refs.len());
    world.until("all is told", || sorted(accounts(&world).1) == sorted(accounts(&world).0));

    // A buyer who sends the form again, with the cookies as they were, has one order.
    for (buyer, _) in &mut buyers {
        assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    }
    let (refs, told) = accounts(&world);
    assert_eq!((refs.len(), sorted(told)), (9, sorted(refs)));
    let stock = world.find("select stock from products where slug = 'green-tea'");
    assert_eq!(stock, [b"91".to_vec()]);
}

#[test]
fn a_word_to_the_buyer_stopped_at_any_point_is_on_the_page_once_or_not_at_all() {
    let mut world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    world.program = program_with_points();
    for point in failpoints::WORD {
        world.settings = vec![("SHOP_STOP_AT".to_owned(), point.to_owned())];
        let words = format!("The blue gate, {point}.");
        let code = world.shop(&["orders", "note", &order_ref, &words]).status.code();
        assert_eq!(code, None, "{point}: the shop went on");
        let n_expected = usize::from(point == "word-committed");
        assert_eq!(buyer.get("/order").text().matches(&words).count(), n_expected, "{point}");
    }
    world.settings.clear();
    world.says(&["orders", "note", &order_ref, "The green gate."]);
    assert_eq!(buyer.get("/order").text().matches("The green gate.").count(), 1);
}
