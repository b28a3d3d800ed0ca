//! A visitor who sends many requests does not keep others from being served.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::json;

use crate::world::{Answer, Buyer, Connection, World, catalog, connect, parse_answer, tors_line};

pub const BEHIND_TOR: [(&str, &str); 2] = [("LISTEN", "unix:door"), ("CIRCUIT_ID", "haproxy")];

fn behind_tor(more: &[(&str, &str)]) -> World {
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(1000);
    World::with(&many, &[&BEHIND_TOR, more].concat())
}

/// Browses, adds an item to the cart and orders it; checks every response.
#[track_caller]
fn buys(buyer: &mut Buyer) {
    for path in ["/", "/product/green-tea"] {
        assert_eq!(buyer.get(path).status, 200, "{path}");
    }
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.get("/checkout").status, 200);
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    assert_eq!(buyer.get("/order/qr.png").status, 200);
}

/// Sends the bytes on a new connection and reads until the shop closes it.
fn answer_to(world: &World, bytes: &[u8]) -> Answer {
    let mut stream = connect(world.address());
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    parse_answer(&answer)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Fifty connections on one circuit, each with this many requests, while `meanwhile` runs. Returns all statuses.
fn flood(
    world: &World,
    n_each: usize,
    ask: impl Fn(&mut Buyer) -> Answer + Sync,
    meanwhile: impl FnOnce(),
) -> Vec<u16> {
    let has_begun = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flooders: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    let mut flooder = world.buyer_on(0xbad);
                    let statuses: Vec<u16> = (0..n_each)
                        .map(|_| {
                            let answer = ask(&mut flooder);
                            if answer.status == 429 {
                                check_refusal(&answer);
                                has_begun.store(true, Relaxed);
                            }
                            answer.status
                        })
                        .collect();
                    statuses
                })
            })
            .collect();
        // The others arrive once the circuit is being refused.
        while !has_begun.load(Relaxed) && !flooders.iter().all(|flooder| flooder.is_finished()) {
            std::thread::yield_now();
        }
        meanwhile();
        flooders.into_iter().flat_map(|flooder| flooder.join().unwrap()).collect()
    })
}

#[track_caller]
fn check_refusal(answer: &Answer) {
    assert!(answer.header("retry-after").unwrap().parse::<u64>().is_ok());
    assert!(answer.header("set-cookie").is_none() && answer.bytes.len() < 1_000);
    assert!(answer.header("content-security-policy").is_some());
    assert!(answer.text().contains("<h1>Too many requests</h1>"));
}

#[test]
fn a_circuit_that_floods_pages_codes_and_orders_leaves_others_served() {
    let world = behind_tor(&[]);
    let mut n_circuits = 0;
    let mut next = || {
        n_circuits += 1;
        world.buyer_on(n_circuits)
    };
    let statuses = flood(&world, 8, |buyer| buyer.get("/search?q=tea"), || buys(&mut next()));
    let n_served = statuses.iter().filter(|status| **status == 200).count();
    assert!((200..400).contains(&n_served) && statuses.contains(&429), "{n_served}");

    let codes = |buyer: &mut Buyer| buyer.post_raw("/order", &[("code", "one two three")]);
    let statuses = flood(&world, 3, codes, || buys(&mut next()));
    assert!(
        statuses.contains(&429) && statuses.iter().filter(|status| **status != 429).count() < 60
    );

    let orders = |buyer: &mut Buyer| buyer.post_raw("/checkout/place", &[("draft", "x")]);
    let statuses = flood(&world, 5, orders, || buys(&mut next()));
    assert!(statuses.contains(&429));

    // None of it is in the log, and the shop still runs.
    assert!(!world.log().contains("bad") && !world.log().contains("failed"), "{}", world.log());
    assert_eq!(next().get("/").status, 200);
}

#[test]
fn a_circuit_that_keeps_flooding_is_reported_for_closing() {
    let world = behind_tor(&[("CLOSE_CIRCUITS", "on")]);
    // The folder that the shop shares with whoever runs Tor.
    std::fs::create_dir_all(world.path("db/tor")).unwrap();
    let codes = |buyer: &mut Buyer| buyer.post_raw("/order", &[("code", "one two three")]);
    flood(&world, 8, codes, || buys(&mut world.buyer_on(1)));
    let named = || std::fs::read_to_string(world.path("db/tor/close")).unwrap_or_default();
    world.until("the circuit is named", || !named().is_empty());
    assert_eq!(named().trim(), 0xbad.to_string());
}

#[test]
fn a_first_visit_with_all_its_pictures_in_many_tabs_is_never_refused() {
    let world = behind_tor(&[]);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut browser = world.buyer_on(7);
                for _ in 0..30 {
                    assert_eq!(browser.get("/").status, 200);
                }
            });
        }
    });
}

#[test]
fn connections_without_tors_line_count_as_one_circuit() {
    let world = behind_tor(&[]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| (0..8).map(|_| world.buyer().get("/").status).collect::<Vec<_>>())
            })
            .collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.contains(&200) && statuses.contains(&429));
    buys(&mut world.buyer_on(1));
}

#[test]
fn tors_line_is_read_in_any_number_of_pieces() {
    let world = behind_tor(&[]);
    for bytes in [GET.to_owned(), tors_line(3) + GET, tors_line(u32::MAX) + GET] {
        assert_eq!(answer_to(&world, bytes.as_bytes()).status, 200, "{bytes}");
    }
    let mut stream = connect(world.address());
    for byte in (tors_line(0x1_0000) + GET).bytes() {
        stream.write_all(&[byte]).unwrap();
        stream.flush().unwrap();
        std::thread::yield_now();
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(parse_answer(&answer).status, 200);
    // Two requests on one connection: only the first has the line.
    let twice = tors_line(3) + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET;
    let answer = answer_to(&world, twice.as_bytes());
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("HTTP/1.1 200 OK"), "the second answer");
}

#[test]
fn any_other_line_is_a_bad_request() {
    let world = behind_tor(&[]);
    let mut bad = vec![
        "PROXY TCP6 fc00:dead:beef:4dad::0:zz ::1 37 80\r\n".to_owned(),
        "PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n".to_owned(),
        "PROXY UNKNOWN\r\n".to_owned(),
        "PROXY / HTTP/1.1\r\n".to_owned(),
        format!("PROXY {}\r\n", "x".repeat(200)),
        // A buyer's own line after Tor's.
        tors_line(1) + &tors_line(2),
    ];
    // A line between two requests.
    let between =
        tors_line(1) + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + &tors_line(2) + GET;
    let answer = answer_to(&world, between.as_bytes());
    let second = answer.text().split_once("HTTP/1.1 400 Bad Request").unwrap().1.to_owned();
    assert!(second.contains("content-security-policy") && second.contains("Bad request"));
    for line in bad.drain(..) {
        check_bad(&world, &line);
    }
    buys(&mut world.buyer_on(2));
    // If circuits are not told apart, Tor's own line is a bad request too.
    let off = World::with(&catalog(), &[("LISTEN", "unix:door")]);
    check_bad(&off, &tors_line(1));
    assert_eq!(answer_to(&off, GET.as_bytes()).status, 200);
    check_bad(&World::new(), &tors_line(1));
}

#[track_caller]
fn check_bad(world: &World, line: &str) {
    let answer = answer_to(world, (line.to_owned() + GET).as_bytes());
    assert_eq!(answer.status, 400, "{line:?}");
    assert!(answer.header("content-security-policy").is_some(), "{line:?}");
    assert!(answer.text().contains("Bad request"), "{line:?}");
    assert!(!answer.text().contains("HTTP/1.1 2"), "nothing behind it is answered: {line:?}");
}

fn silent(world: &World, circuit: u32, said: &str) -> Box<dyn Connection> {
    let mut stream = connect(world.address());
    stream.write_all((tors_line(circuit) + said).as_bytes()).unwrap();
    stream
}

/// `n_files`: how many files the shop may open.
fn holds_against_silence(n_files: u32) {
    let mut world = World::closed(&BEHIND_TOR);
    std::fs::create_dir(world.path("db")).unwrap();
    std::fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
    world.most_files = Some(n_files);
    world.open();
    let mut kept: Vec<Box<dyn Connection>> = Vec::new();
    // A thousand that send nothing but Tor's line, half of them on one circuit.
    for n in 0..1_000 {
        kept.push(silent(&world, if n % 2 == 0 { 1 } else { 1_000 + n }, ""));
    }
    let mut early = world.buyer_on(90_001);
    buys(&mut early);
    // A thousand whose head arrives byte by byte.
    let mut slow: Vec<Box<dyn Connection>> =
        (0..1_000).map(|n| silent(&world, 10_000 + n / 4, "GET / H")).collect();
    for round in 0..3 {
        for stream in &mut slow {
            // Some have been closed meanwhile.
            let _ = stream.write_all(b"T");
        }
        buys(&mut world.buyer_on(90_002 + round));
    }
    // Connections from before are still open.
    assert_eq!(early.get("/order").state(), "awaiting");
    assert!(
        !world.log().contains("failed") && !world.log().contains("could not"),
        "{}",
        world.log()
    );
}

#[test]
fn a_thousand_silent_and_a_thousand_slow_connections_change_nothing_for_others() {
    holds_against_silence(8_192);
}

#[test]
fn nor_do_they_if_the_shop_may_open_few_files() {
    holds_against_silence(1_024);
}

#[test]
fn one_circuit_may_have_ten_unpaid_orders() {
    let world = behind_tor(&[]);
    for _ in 0..10 {
        let mut buyer = world.buyer_on(6);
        buyer.adds("green-tea", "", "1");
        buyer.checks_out(&[]);
    }
    let mut eleventh = world.buyer_on(6);
    eleventh.adds("green-tea", "", "1");
    let answer = eleventh.tries_to_check_out(&[("note", "Please wrap it.")]);
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() <= 7_201);
    assert!(
        answer.text().contains("Too many unpaid orders")
            && answer.text().contains("Please wrap it.")
    );
    let mut other = Buyer { before: tors_line(7), ..eleventh };
    assert_eq!(other.checks_out(&[]).state(), "awaiting");
    // Its orders reserve a tenth of a stock. More can be ordered, and belongs to the order that is paid first.
    let left = || world.find("select stock from products where slug = 'green-tea'");
    assert_eq!(left(), [b"989"]);
    for expected in [b"890", b"890"] {
        let mut greedy = world.buyer_on(8);
        greedy.adds("green-tea", "", "99");
        assert_eq!(greedy.checks_out(&[]).state(), "awaiting");
        assert_eq!(left(), [expected]);
    }
}
