//! A shop that is flooded with unpaid orders, and when the seller is notified of one.

use std::fs;

use serde_json::json;

use crate::challenge::answers;
use crate::clock::{set_clock, shop_at};
use crate::world::{Buyer, World, catalog, files_below, tors_line};

/// An order that was placed.
struct Placed {
    buyer: Buyer,
    order_ref: String,
    /// Units: minutes that are left to pay it.
    minutes: i64,
}

/// Places an order on a circuit of its own, if the shop knows circuits.
#[track_caller]
fn places(world: &World, more: &[(&str, &str)]) -> Placed {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let answers = answers(world, &mut buyer);
    let answers: Vec<_> = answers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = buyer.checks_out(&[more, &answers].concat());
    let until = page.find_mark("expires");
    let minutes = until.map_or(0, |_| minutes_left(&page.text()));
    Placed { order_ref: page.mark("order-ref"), buyer, minutes }
}

fn minutes_left(page: &str) -> i64 {
    let (before, _) = page.split_once(" minutes left").unwrap_or_else(|| panic!("{page}"));
    before.rsplit([' ', '>', '(']).next().unwrap().parse().unwrap()
}

/// Of all messages, read or not, the names of those with this in them.
fn names(world: &World, part: &str) -> Vec<String> {
    let all = files_below(&world.path("mailorders")).into_iter();
    let names = all.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<String> = names.filter(|name| name.contains(part)).collect();
    names.sort();
    names
}

/// The numbers of an order's messages in the order of their times.
fn numbers(world: &World, order_ref: &str) -> Vec<String> {
    let part = format!(".{order_ref}_");
    names(world, &part)
        .iter()
        .map(|name| name.split_once(&part).unwrap().1.split('.').next().unwrap().to_owned())
        .collect()
}

fn text(world: &World, name: &str) -> String {
    let path = files_below(&world.path("mailorders"));
    let path = path.iter().find(|path| path.ends_with(name)).unwrap();
    fs::read_to_string(path).unwrap()
}

#[track_caller]
fn assert_siege(world: &World, is_on: bool) {
    let health = world.buyer().get("/health");
    assert_eq!((health.status, health.text().as_str()), (200, "ok"));
    assert_eq!(health.header("shop-siege"), is_on.then_some("1"));
    let said = world.says(&["health", "--listen", world.address()]);
    assert_eq!(said.contains("siege mode"), is_on, "{said}");
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert_eq!(doctor.contains("note siege"), is_on, "{doctor}");
    assert_eq!(world.says(&["orders", "digest"]).contains("siege mode"), is_on);
}

#[test]
fn a_siege_begins_holds_messages_back_and_ends_by_itself() {
    let mut world = shop_at("+0", &[("SIEGE_ORDERS", "5")]);
    for _ in 0..4 {
        assert_eq!(places(&world, &[]).minutes, 120);
    }
    assert_siege(&world, false);
    // The fifth is like those before it; the shop is in siege mode from then on.
    let fifth = places(&world, &[]);
    assert_eq!((fifth.minutes, numbers(&world, &fifth.order_ref).len()), (120, 1));
    world.until("the seller is told", || names(&world, "siege").len() == 1);
    assert_siege(&world, true);
    assert!(world.log().contains("siege mode has begun: 5 orders of the last hour are not paid"));
    let begun = text(&world, &names(&world, "siege")[0]);
    assert!(begun.contains("Subject: Siege mode: many orders are not paid"), "{begun}");
    assert!(begun.contains("shop orders cancel --unpaid --older 30m"), "{begun}");
    // No line was broken to fit.
    let lines = [
        "    or seen. Then all its messages come, in order. Meanwhile the desk",
        "one unpaid order.\n  - New orders have to be paid within 20 minutes, or PAYMENT_MINUTES\n",
    ];
    assert!(lines.iter().all(|line| begun.contains(line)), "{begun}");

    let mut looking = world.buyer();
    looking.adds("green-tea", "", "1");
    assert!(looking.reviews(&[]).text().contains("20 minutes"));
    let (mut reports, silent) = (places(&world, &[]), places(&world, &[]));
    assert_eq!((reports.minutes, silent.minutes), (20, 20));
    let page = reports.buyer.get("/order");
    assert_eq!(
        page.mark("message-waits"),
        "The seller sees your messages once your payment is reported or detected."
    );
    reports.buyer.post("/order/message", &[("message", "When do you send it?")]);
    // As long as somebody could deliver them.
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    world.until("a sweep is over", || names(&world, "siege").len() == 1);
    for order in [&reports, &silent] {
        assert!(numbers(&world, &order.order_ref).is_empty());
        assert!(world.says(&["orders"]).contains(&order.order_ref));
    }
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("except 3 of orders that nobody has reported or paid"), "{doctor}");
    assert!(!world.says(&["orders", "digest"]).contains("not yet in the Maildir"));

    // Its messages come in their order, the newest among them.
    reports.buyer.address = world.address().to_owned();
    reports.buyer.host = world.address().to_owned();
    let id = format!("0x{}", "ab".repeat(32));
    reports.buyer.post("/order/transaction", &[("transaction", &id)]);
    assert_eq!(numbers(&world, &reports.order_ref), ["0", "1", "2"]);
    assert!(reports.buyer.get("/order").find_mark("message-waits").is_none());

    set_clock(&world, "+2h");
    world.until("the jump is noticed", || world.log().contains("2 hours ahead"));
    world.says(&["clock", "accept"]);
    world.until("it is over", || names(&world, "siege").len() == 2);
    let over = names(&world, "_end")[0].clone();
    let over = text(&world, &over);
    for line in ["placed meanwhile   2 orders", "reported or paid   1", "without a message  1"] {
        assert!(over.contains(line), "{over}");
    }
    assert!(over.contains("Subject: Siege mode is over"), "{over}");
    assert!(world.log().contains("siege mode is over: 2 orders were placed, 1 of them reported"));
    assert_siege(&world, false);
    // That it expired is no news where nobody ever heard of the order.
    world.until("all have expired", || !world.says(&["orders"]).contains("awaiting"));
    assert!(numbers(&world, &silent.order_ref).is_empty());
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    assert_eq!(places(&world, &[]).minutes, 120);
    assert_eq!(names(&world, "siege").len(), 2);
}

#[test]
fn a_message_about_a_siege_comes_once_also_after_it_was_read_and_not_marked_so() {
    let mut world = World::with_desk_and(&catalog(), &[("SIEGE_ORDERS", "1")]);
    assert!(world.desk().get("/").find_mark("siege").is_none());
    let order = places(&world, &[]);
    world.until("the seller is told", || names(&world, "siege").len() == 1);
    assert!(world.desk().get("/").find_mark("siege").is_some());
    let name = names(&world, "siege")[0].clone();
    let message = text(&world, &name);
    world.close("-KILL");
    let (new, cur) = (world.path("mailorders/new"), world.path("mailorders/cur"));
    fs::rename(new.join(&name), cur.join(format!("{name},U=7:2,S"))).unwrap();
    world.sql_with(
        "insert into notices (name, message) values (cast(?1 as text), ?2)",
        &[name.as_bytes(), message.as_bytes()],
    );
    world.open();
    let n_waiting = || world.find("select id from notices").len();
    world.until("it is forgotten", || n_waiting() == 0);
    assert_eq!(names(&world, "siege").len(), 1);
    // A cancelled order counts no longer, and siege mode is over.
    world.says(&["orders", "cancel", &order.order_ref]);
    world.until("it is over", || names(&world, "_end").len() == 1);
    // The next one has a name of its own.
    places(&world, &[]);
    world.until("the seller is told again", || names(&world, "_begin").len() == 2);
}

#[test]
fn a_burst_of_orders_delays_their_messages_and_a_siege_holds_them_back() {
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(1000);
    let world = World::with(&many, &[("SIEGE_ORDERS", "18")]);
    let orders: Vec<Placed> = (0..17).map(|_| places(&world, &[])).collect();
    let is_told = |n: usize| !numbers(&world, &orders[n].order_ref).is_empty();
    assert_eq!([0, 14, 15, 16].map(is_told), [true, true, false, false]);
    // No siege began meanwhile.
    world.until("all are told", || is_told(15) && is_told(16));
    world.sql("update invoices set until = until - 180");
    let later = places(&world, &[]);
    assert_eq!(numbers(&world, &later.order_ref), ["0"]);
    // Of those just before a siege nobody hears.
    let world = World::with(&many, &[("SIEGE_ORDERS", "18")]);
    let orders: Vec<Placed> = (0..18).map(|_| places(&world, &[])).collect();
    world.until("the seller is told", || names(&world, "siege").len() == 1);
    world.until("a sweep is over", || {
        world.find("select notification_hold from orders where notification_hold = 1").len() == 3
    });
    let told = orders.iter().filter(|order| !numbers(&world, &order.order_ref).is_empty());
    assert_eq!(told.count(), 15);
}

#[test]
fn one_circuit_has_one_unpaid_order_under_siege() {
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(1000);
    let settings = [("LISTEN", "unix:door"), ("CIRCUIT_ID", "haproxy"), ("SIEGE_ORDERS", "3")];
    let world = World::with(&many, &settings);
    let orders_on = |circuit: u32| {
        let mut buyer = Buyer { before: tors_line(circuit), ..world.buyer() };
        buyer.adds("green-tea", "", "1");
        let answers = answers(&world, &mut buyer);
        let answers: Vec<_> = answers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        buyer.tries_to_check_out(&answers).status
    };
    let statuses = [1, 1, 1, 1, 2, 2, 3].map(orders_on);
    assert_eq!(statuses, [303, 303, 303, 429, 303, 429, 303]);
}

#[test]
fn a_seller_is_notified_when_they_want_to_be() {
    let id = format!("0x{}", "ab".repeat(32));
    let world = World::with(&catalog(), &[("NOTIFY", "reported")]);
    let mut order = places(&world, &[]);
    assert!(numbers(&world, &order.order_ref).is_empty());
    order.buyer.post("/order/transaction", &[("transaction", &id)]);
    assert_eq!(numbers(&world, &order.order_ref), ["0", "1"]);
    let other = format!("0x{}", "cd".repeat(32));
    let reported = places(&world, &[("transaction", &other)]);
    assert_eq!(numbers(&world, &reported.order_ref), ["0"]);
    // A buyer whose order was cancelled and who writes is heard: perhaps it was paid.
    let mut cancelled = places(&world, &[]);
    world.says(&["orders", "cancel", &cancelled.order_ref]);
    assert!(numbers(&world, &cancelled.order_ref).is_empty());
    assert!(cancelled.buyer.get("/order").find_mark("message-waits").is_none());
    cancelled.buyer.post("/order/message", &[("message", "But I have paid.")]);
    assert_eq!(numbers(&world, &cancelled.order_ref), ["0", "2"]);
    drop(world);

    let world = World::with(&catalog(), &[("NOTIFY", "paid")]);
    let mut order = places(&world, &[]);
    order.buyer.post("/order/transaction", &[("transaction", &id)]);
    let page = order.buyer.get("/order");
    assert!(page.mark("message-waits").contains("once your payment has arrived"));
    order.buyer.post("/order/message", &[("message", "When do you send it?")]);
    assert!(numbers(&world, &order.order_ref).is_empty());
    world.says(&["orders", "paid", &order.order_ref]);
    assert_eq!(numbers(&world, &order.order_ref), ["0", "1", "2", "3"]);
}

#[test]
fn the_digest_and_the_doctor_tell_of_the_gap_limit_before_it_matters() {
    let world = World::new();
    places(&world, &[]);
    let says = |n: &'static str| {
        world.sql(n);
        let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
        let line = doctor.lines().find(|line| line.contains("in ETH used since")).unwrap();
        (
            line.starts_with("note"),
            world.says(&["orders", "digest"]).contains("ETH addresses unpaid"),
        )
    };
    assert_eq!(says("update address_indexes set next_index = 10"), (false, false));
    assert_eq!(says("update address_indexes set next_index = 11"), (true, true));
}

#[test]
fn an_order_that_nobody_heard_of_is_erased_like_others() {
    let world = World::with(&catalog(), &[("NOTIFY", "paid")]);
    let mut order = places(&world, &[]);
    world.sql("update invoices set until = until - 86400 * 4");
    world.says(&["orders"]);
    assert_eq!(order.buyer.get("/order").state(), "expired");
    assert!(numbers(&world, &order.order_ref).is_empty());
    let said = world.says(&["purge"]);
    assert!(said.contains("1 order"), "{said}");
    assert!(world.find("select at from outbox").is_empty());
}

#[test]
fn unpaid_orders_take_no_more_bytes_than_they_may() {
    let world = World::with(&catalog(), &[("UNPAID_MEGABYTES", "1")]);
    let mut orders: Vec<Placed> = (0..3).map(|_| places(&world, &[])).collect();
    // What is counted is what is kept: the receipt, and the message to the seller.
    let counted = "select cast(bytes - (select length(sealed) from messages w where w.order_id = o.id) - 500 as text) from orders o";
    for bytes in world.find(counted) {
        let rest: i64 = String::from_utf8(bytes).unwrap().parse().unwrap();
        assert!((0..10_000).contains(&rest), "a message has at least 500 bytes, and {rest} more");
    }
    world.sql("update orders set bytes = 600000");
    world.until("there is no room", || world.buyer().get("/health").status == 503);
    let mut late = world.buyer();
    late.adds("green-tea", "", "1");
    let answer = late.tries_to_check_out(&[("note", "Please wrap it.")]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("600")));
    assert!(answer.text().contains("too many unpaid orders at the moment"), "{}", answer.text());
    assert!(answer.text().contains("Please wrap it."));
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("BAD  siege") && doctor.contains("UNPAID_MEGABYTES"), "{doctor}");

    // Two are old enough to expire, and later to be erased with their messages.
    world.sql("update invoices set until = until - 1260 where order_id < 3");
    world.until("two have expired", || {
        world.find("select id from orders where status = 'expired'").len() == 2
    });
    assert_eq!(world.buyer().get("/health").status, 503);
    world.sql("update invoices set until = until - 2400 where order_id < 3");
    world.until("two are erased", || world.find("select id from orders").len() == 1);
    world.until("there is room again", || world.buyer().get("/health").status == 200);
    let states: Vec<bool> = orders
        .iter_mut()
        .map(|order| order.buyer.get("/order").find_mark("order-ref").is_some())
        .collect();
    assert_eq!(states, [false, false, true]);
    assert_eq!(orders[2].buyer.get("/order").state(), "awaiting");
    assert_eq!(names(&world, ".shop").len(), 1);
    assert_eq!(late.checks_out(&[]).state(), "awaiting");
    let log = world.log();
    assert_eq!(log.matches("take more than UNPAID_MEGABYTES=1").count(), 1, "{log}");
}

#[test]
fn a_buyer_of_whom_nobody_heard_writes_two_messages_and_erases_all_of_it() {
    let world = World::with(&catalog(), &[("NOTIFY", "reported")]);
    let Placed { mut buyer, order_ref, .. } = places(&world, &[("note", "Please wrap it.")]);
    for words in ["First.", "Second."] {
        assert_eq!(buyer.post("/order/message", &[("message", words)]).status, 303);
    }
    let refused = buyer.post("/order/message", &[("message", "Third.")]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Until then you can send 2"), "{}", refused.text());
    assert_eq!(numbers(&world, &order_ref), [""; 0]);
    // Until it is over it may be paid, and the seller needs the address.
    buyer.post("/order/erase", &[("confirm", "yes")]);
    let n_waiting = || world.find("select at from outbox where message is not null").len();
    assert_eq!((n_waiting(), numbers(&world, &order_ref)), (4, Vec::new()));
    world.sql("update invoices set until = until - 7260");
    world.says(&["orders"]);
    assert_eq!(n_waiting(), 0);

    let Placed { mut buyer, order_ref, .. } = places(&world, &[("note", "Please wrap it.")]);
    buyer.post("/order/erase", &[("confirm", "yes")]);
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(numbers(&world, &order_ref), ["0", "1", "2"]);
}

#[test]
fn a_cancelled_order_of_which_nobody_heard_is_delivered_once_its_buyer_writes() {
    let world = World::with(&catalog(), &[("NOTIFY", "reported")]);
    let Placed { mut buyer, order_ref, .. } = places(&world, &[("note", "Please wrap it.")]);
    world.says(&["orders", "cancel", "--unpaid", "--yes"]);
    assert_eq!(numbers(&world, &order_ref), [""; 0]);
    assert_eq!(buyer.post("/order/message", &[("message", "I had paid.")]).status, 303);
    world.until("both are delivered", || numbers(&world, &order_ref).len() == 2);
    assert!(
        text(&world, &names(&world, &format!(".{order_ref}_0"))[0]).contains("Please wrap it.")
    );
}

#[test]
fn no_more_orders_expire_early_than_make_room() {
    let world = World::with(&catalog(), &[("UNPAID_MEGABYTES", "1")]);
    for _ in 0..4 {
        places(&world, &[]);
    }
    // Two of them are enough; all are old enough to expire, none to be erased.
    world.sql("update invoices set until = until - 1260; update orders set bytes = 450000");
    let n_of = |query| world.find(query).len();
    let expired = "select id from orders where status = 'expired'";
    world.until("two have expired", || 2 <= n_of(expired));
    // Nor in later rounds.
    for _ in 0..2 {
        world.sql("update shop_state set is_full = 0");
        world.until("a round is over", || n_of("select 1 from shop_state where is_full = 1") == 1);
    }
    assert_eq!((n_of(expired), n_of("select id from orders where status = 'awaiting'")), (2, 2));
}

#[test]
fn reported_orders_that_take_too_many_bytes_end_reports_and_not_orders() {
    let world = World::with(&catalog(), &[("UNPAID_MEGABYTES", "1")]);
    let invented = |n: u8| format!("0x{}", format!("{n:02x}").repeat(32));
    let Placed { order_ref, .. } = places(&world, &[("transaction", &invented(1))]);
    let mut honest = places(&world, &[]);
    let is_noted = || {
        let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
        doctor.contains("buyers cannot report payments")
    };
    assert!(!is_noted());
    world.sql("update orders set bytes = 1100000 where status = 'reported'");
    let is_full = || world.find("select 1 from shop_state where reports_full = 1").len() == 1;
    world.until("a round is over", is_full);
    assert!(is_noted());

    let refused = honest.buyer.post("/order/transaction", &[("transaction", &invented(2))]);
    let why = "Too many reported payments";
    assert_eq!((refused.status, refused.text().contains(why)), (422, true), "{}", refused.text());
    let mut other = world.buyer();
    other.adds("green-tea", "", "1");
    let refused = other.tries_to_check_out(&[("transaction", &invented(3))]);
    assert_eq!((refused.status, refused.text().contains(why)), (422, true), "{}", refused.text());
    // Orders go on, and none is deleted for this.
    assert_eq!(other.checks_out(&[]).state(), "awaiting");
    assert_eq!(world.find("select id from orders").len(), 3);

    world.says(&["orders", "cancel", &order_ref, "Not paid."]);
    world.until("a round is over", || !is_full());
    let answer = honest.buyer.post("/order/transaction", &[("transaction", &invented(2))]);
    assert_eq!((answer.status, honest.buyer.get("/order").state().as_str()), (303, "reported"));
}
