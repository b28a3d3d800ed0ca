//! What the checkout requires in siege mode: a picture that is read, or a wait.

use std::fs;

use serde_json::json;
use shop::infra::captcha;
use shop::interfaces::web::ChallengeKey;

use crate::clock::{set_clock, shop_at};
use crate::fairness::BEHIND_TOR;
use crate::world::{Answer, Buyer, World, catalog};

/// Lasting siege mode: a hundred orders were just placed and are unpaid.
fn besiege(world: &World) {
    world.sql(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < 100) \
            insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, finished_at) \
            select n, printf('FLOOD%05d', n), randomblob(32), randomblob(32), 'expired', unixepoch(), unixepoch() from n; \
            insert into invoices (order_id, currency, chain, address, amount, total, minutes, until) \
            select id, 'ETH', 1, '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 1, 1, 120, unixepoch() + 7200 from orders; \
            update shop_state set siege_since = unixepoch(), siege_orders = 3",
    );
}

fn with_tea(world: &World) -> Buyer {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer
}

/// The characters in the picture. This takes the shop's secret.
fn read_picture(world: &World, challenge: &str) -> String {
    let secret = fs::read(world.path("db/shop.secret")).unwrap();
    captcha::text(&ChallengeKey::of_secret(&secret).open(challenge).unwrap().id)
}

/// The challenge of a review.
fn challenge_for(buyer: &mut Buyer) -> String {
    buyer.reviews(&[]).hidden("challenge")
}

/// The fields that answer the checkout's challenge; none if it shows none.
pub fn answers(world: &World, buyer: &mut Buyer) -> Vec<(&'static str, String)> {
    let page = buyer.reviews(&[]);
    if !page.text().contains("name=\"challenge\"") {
        return Vec::new();
    }
    let challenge = page.hidden("challenge");
    let answer = read_picture(world, &challenge);
    vec![("challenge", challenge), ("answer", answer)]
}

#[track_caller]
fn is_refused(page: &Answer, words: &str) {
    assert_eq!(page.status, 422, "{}", page.text());
    assert!(page.mark("answer-error").contains(words), "{}", page.mark("answer-error"));
    assert_eq!(page.attribute("answer", "aria-invalid"), "true");
    let described = page.attribute("answer", "aria-describedby");
    assert!(described.split(' ').any(|id| id == "answer-error"), "{described}");
    let text = page.text();
    assert!(text.contains("<li><a href=\"#answer\">"), "{text}");
    assert!(
        text.contains("Ada Byron") && text.contains("name=\"draft\""),
        "what was typed is kept"
    );
}

#[track_caller]
fn is_placed(answer: &Answer) {
    let done = (answer.status, answer.header("location"));
    assert_eq!(done, (303, Some("/order")), "{}", answer.text());
}

fn n_orders(world: &World) -> usize {
    world.find("select id from orders where order_ref not like 'FLOOD%'").len()
}

/// Moves the shop's clock forward.
fn later(world: &World, offset: &str) {
    set_clock(world, offset);
    world.says(&["clock", "accept"]);
}

#[test]
fn without_siege_mode_the_checkout_is_unchanged() {
    let world = World::new();
    let mut buyer = with_tea(&world);
    let before = buyer.get("/checkout");
    assert!(!buyer.reviews(&[]).text().contains("challenge"));
    for word in ["challenge", "answer", "/wait", "picture of"] {
        assert!(!before.text().contains(word), "{word}");
    }
    besiege(&world);
    assert!(buyer.reviews(&[]).text().contains("name=\"challenge\""));
    world.sql("update shop_state set siege_since = null, siege_orders = 0");
    let after = buyer.get("/checkout");
    assert_eq!((before.bytes, before.headers), (after.bytes, after.headers));

    // There is no wait either, and the fields of a challenge are ignored.
    for answer in [buyer.get("/checkout/wait"), buyer.post("/checkout/wait", &[])] {
        assert_eq!((answer.status, answer.header("location")), (303, Some("/checkout")));
        assert_eq!(answer.header("set-cookie"), None);
    }
    is_placed(&buyer.tries_to_check_out(&[("challenge", "nonsense"), ("answer", "nonsense")]));
}

#[test]
fn in_siege_mode_an_order_needs_a_correct_answer() {
    let world = World::new();
    besiege(&world);
    let mut buyer = with_tea(&world);
    let page = buyer.get("/checkout");
    let text = page.text();
    // The page shows the challenge before anything is typed.
    assert!(
        text.find("orders that are never paid").unwrap() < text.find("id=\"recipient\"").unwrap()
    );
    let first = challenge_for(&mut buyer);
    let picture = buyer.get(&format!("/checkout/challenge.png?c={first}"));
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/png")));
    assert_eq!(picture.header("cache-control"), Some("no-store"));
    assert!(picture.bytes.starts_with(b"\x89PNG"));

    // Nothing typed: another picture.
    is_refused(&buyer.tries_to_check_out(&[("challenge", &first)]), "Enter the characters");
    is_refused(&buyer.tries_to_check_out(&[]), "Enter the characters");
    // Wrong: that picture is spent, even for a correct answer.
    let wrong = buyer.tries_to_check_out(&[("challenge", &first), ("answer", "AAAAAA")]);
    is_refused(&wrong, "do not match the picture");
    let second = wrong.hidden("challenge");
    assert!(second != first && wrong.attribute("answer", "value").is_empty());
    let answer = read_picture(&world, &first);
    is_refused(
        &buyer.tries_to_check_out(&[("challenge", &first), ("answer", &answer)]),
        "is no longer valid",
    );
    assert_eq!((n_orders(&world), world.messages().len()), (0, 0));
    // They used up no address of the wallet.
    let used = || world.find("select 1 from address_indexes where 0 < next_index").len();
    assert_eq!(used(), 0);

    // Something else has changed: the same picture stays, with its answer.
    let answer = read_picture(&world, &second);
    let typed = format!(" {} ", answer.to_lowercase());
    let fields = [("challenge", second.as_str()), ("answer", &typed)];
    let review = buyer.reviews(&[]);
    let mut changed = catalog();
    changed["products"]["tea"]["prices"][0]["price"] = json!(99_000_000);
    world.seed(&changed);
    let page = buyer.places(&review, &fields);
    assert_eq!((page.status, page.find_mark("answer-error")), (422, None));
    assert!(page.text().contains("has increased"), "{}", page.text());
    assert_eq!(
        (page.hidden("challenge"), page.attribute("answer", "value")),
        (second.clone(), answer.to_lowercase())
    );
    // Correct.
    let mut twin = buyer.clone();
    is_placed(&buyer.tries_to_check_out(&fields));
    assert_eq!(buyer.get("/order").state(), "awaiting");
    // A form that is sent twice makes one order.
    is_placed(&twin.tries_to_check_out(&fields));
    assert_eq!((n_orders(&world), used()), (1, 1));
    assert_eq!(twin.get("/order").mark("order-ref"), buyer.get("/order").mark("order-ref"));
}

#[test]
fn an_answer_is_valid_once_and_for_one_cart() {
    let world = World::new();
    besiege(&world);
    let (mut buyer, mut other) = (with_tea(&world), with_tea(&world));
    let challenge = challenge_for(&mut buyer);
    let answer = read_picture(&world, &challenge);
    let fields = [("challenge", challenge.as_str()), ("answer", answer.as_str())];
    is_refused(&other.tries_to_check_out(&fields), "is no longer valid");
    // Nobody else can see the picture.
    let picture = format!("/checkout/challenge.png?c={challenge}");
    assert_eq!((buyer.get(&picture).status, other.get(&picture).status), (200, 404));
    for wrong in ["/checkout/challenge.png", "/checkout/challenge.png?c=AAAA"] {
        assert_eq!(buyer.get(wrong).status, 404, "{wrong}");
    }

    let mut twin = buyer.clone();
    is_placed(&buyer.tries_to_check_out(&fields));
    // Once the cart's order is gone, the same form would make another.
    world.sql("delete from orders");
    is_refused(&twin.tries_to_check_out(&fields), "is no longer valid");
    assert_eq!(n_orders(&world), 0);
}

#[test]
fn two_forms_with_one_answer_make_one_order() {
    let world = World::new();
    besiege(&world);
    let mut buyer = with_tea(&world);
    let challenge = challenge_for(&mut buyer);
    let answer = read_picture(&world, &challenge);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let mut twin = buyer.clone();
            let fields = [("challenge", challenge.as_str()), ("answer", answer.as_str())];
            scope.spawn(move || is_placed(&twin.tries_to_check_out(&fields)));
        }
    });
    assert_eq!(n_orders(&world), 1);
}

#[test]
fn a_picture_expires_after_half_an_hour() {
    let world = shop_at("+0", &[]);
    besiege(&world);
    let mut buyer = with_tea(&world);
    let challenge = challenge_for(&mut buyer);
    let answer = read_picture(&world, &challenge);
    let fields = [("challenge", challenge.as_str()), ("answer", answer.as_str())];
    later(&world, "+31m");
    let page = buyer.tries_to_check_out(&fields);
    is_refused(&page, "is no longer valid");
    assert_eq!(buyer.get(&format!("/checkout/challenge.png?c={challenge}")).status, 404);
    let challenge = page.hidden("challenge");
    let answer = read_picture(&world, &challenge);
    is_placed(&buyer.tries_to_check_out(&[("challenge", &challenge), ("answer", &answer)]));
}

#[track_caller]
fn starts_to_wait(buyer: &mut Buyer) -> Answer {
    let answer = buyer.post("/checkout/wait", &[]);
    let leads = (answer.status, answer.header("location"));
    assert_eq!(leads, (303, Some("/checkout/wait")), "{}", answer.text());
    buyer.get("/checkout/wait")
}

#[test]
fn whoever_waits_five_minutes_needs_no_picture_for_one_order() {
    let world = shop_at("+0", &[]);
    besiege(&world);
    let mut buyer = with_tea(&world);
    let nobody = buyer.get("/checkout/wait");
    assert_eq!((nobody.status, nobody.header("location")), (303, Some("/checkout")));
    let page = starts_to_wait(&mut buyer);
    assert!(page.text().contains("<h1>5 minutes left</h1>"), "{}", page.text());
    assert_eq!((page.status, page.header("refresh")), (200, Some("60")));
    assert!(page.text().contains("role=\"status\""));
    let early = buyer.tries_to_check_out(&[]);
    is_refused(&early, "not over yet: 5 minutes left");
    // Another click starts no other wait.
    later(&world, "+200s");
    assert!(starts_to_wait(&mut buyer).text().contains("<h1>2 minutes left</h1>"));
    later(&world, "+290s");
    let refresh = buyer.get("/checkout/wait").header("refresh").unwrap().parse::<u32>().unwrap();
    assert!((1..=10).contains(&refresh), "{refresh}");
    later(&world, "+301s");
    let page = buyer.get("/checkout/wait");
    assert!(page.text().contains("You can order now") && page.header("refresh").is_none());
    let checkout = buyer.reviews(&[]).text();
    assert!(checkout.contains("You have waited") && !checkout.contains("name=\"challenge\""));

    // A form that is refused for another reason costs no new wait.
    assert_eq!(buyer.tries_to_check_out(&[("city", "")]).status, 422);
    let (mut twin, mut later_twin) = (buyer.clone(), buyer.clone());
    is_placed(&buyer.tries_to_check_out(&[]));
    assert!(!buyer.cookies.contains_key("wait"), "{:?}", buyer.cookies);
    is_placed(&twin.tries_to_check_out(&[]));
    world.sql("delete from orders");
    is_refused(&later_twin.tries_to_check_out(&[]), "Enter the characters");
}

#[test]
fn a_wait_is_for_one_cart_and_expires() {
    let world = shop_at("+0", &[]);
    besiege(&world);
    let mut buyer = with_tea(&world);
    starts_to_wait(&mut buyer);
    later(&world, "+6m");
    let mut changed = buyer.clone();
    changed.adds("green-tea", "", "1");
    let page = changed.get("/checkout/wait");
    assert!(page.text().contains("Your cart has changed"), "{}", page.text());
    is_refused(&changed.tries_to_check_out(&[]), "Your cart has changed");
    assert!(starts_to_wait(&mut changed).text().contains("5 minutes left"));

    later(&world, "+36m");
    is_refused(&buyer.tries_to_check_out(&[]), "waited too long ago");
}

#[test]
fn a_wait_is_for_one_circuit_which_has_one_at_a_time() {
    let mut world = shop_at("+0", &BEHIND_TOR);
    world.seed(&catalog());
    besiege(&world);
    let on =
        |buyer: &Buyer, circuit| Buyer { before: world.buyer_on(circuit).before, ..buyer.clone() };
    let with_tea = |circuit| {
        let mut buyer = world.buyer_on(circuit);
        buyer.adds("green-tea", "", "1");
        buyer
    };
    let (mut first, mut second, mut third) = (with_tea(1), with_tea(1), with_tea(3));
    starts_to_wait(&mut first);
    starts_to_wait(&mut second);
    starts_to_wait(&mut third);
    later(&world, "+6m");
    // The circuit's second ticket replaced its first.
    is_refused(&first.tries_to_check_out(&[]), "circuit has changed");
    let mut moved = on(&second, 9);
    let page = moved.get("/checkout/wait");
    assert!(page.text().contains("Your Tor circuit has changed"), "{}", page.text());
    is_refused(&moved.tries_to_check_out(&[]), "circuit has changed");
    is_placed(&second.tries_to_check_out(&[]));
    is_placed(&third.tries_to_check_out(&[]));

    // If the circuit has changed, the wait starts again.
    assert!(starts_to_wait(&mut moved).text().contains("5 minutes left"));
    // A restart forgets tickets with their circuits, and the page says so.
    let mut fourth = with_tea(4);
    starts_to_wait(&mut fourth);
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    later(&world, "+12m");
    let page = fourth.get("/checkout/wait").text();
    assert!(page.contains("or the shop was restarted"), "{page}");
}
