//! The seller cancels the unpaid orders of a filter at the desk.

use super::orders::{MANY, order, send};
use crate::world::{Answer, DESK_PASSWORD, SellerAtDesk, World};

const PAGE: &str = "/orders/cancel-unpaid";

fn cancelled(world: &World) -> Vec<String> {
    let found = world.find(
        "select order_ref from orders where status = 'cancelled' and id % 11 <> 10 order by order_ref",
    );
    found.into_iter().map(|order_ref| String::from_utf8(order_ref).unwrap()).collect()
}

fn confirm(desk: &mut SellerAtDesk, page: &Answer, fields: &[(&str, &str)]) -> Answer {
    send(desk, page, "action=\"/orders/cancel-unpaid\"", PAGE, fields)
}

#[test]
fn only_the_counted_unpaid_orders_of_the_filter_are_cancelled() {
    let world = World::with_desk();
    world.sql(MANY);
    let mut desk = world.desk();
    for without in ["/orders", "/orders?show=late", "/orders?show=pay&since=2030-01-01"] {
        assert_eq!(desk.get(without).find_mark("cancel-unpaid"), None, "{without}");
    }
    let list = desk.get("/orders?show=pay&currency=BTC&before=2026-11-20&part=0");
    assert_eq!(list.mark("cancel-unpaid"), "Cancel unpaid…");
    let address = list.attribute("cancel-unpaid", "href");
    let page = desk.get(&address);
    // Every eleventh is unpaid, a third of those are in bitcoin, and the last is of the day that is left out.
    let wanted: Vec<String> = [22, 55, 88, 121].map(|n| format!("{n:010}")).into();
    assert!(page.mark("count").starts_with("4 unpaid orders match"), "{}", page.text());
    assert!(
        page.text().contains("Currency: BTC") && page.text().contains("Placed before 2026-11-20")
    );

    let reason = ("reason", "Please order again.");
    let refused = confirm(&mut desk, &page, &[("password", "something else"), reason]);
    assert_eq!(refused.status, 422);
    assert!(refused.mark("password-error").contains("Wrong password"));
    assert_eq!(refused.attribute("reason", "value"), "Please order again.");
    let fields = [("password", DESK_PASSWORD), ("reason", "a\u{202e}b")];
    let refused = confirm(&mut desk, &page, &fields);
    assert_eq!((refused.status, refused.attribute("reason", "aria-invalid")), (422, "true".into()));
    assert!(cancelled(&world).is_empty());

    // After the page was shown, a matching order comes in and a counted one is reported as paid.
    world.sql("update orders set status = 'reported' where id = 22");
    world.sql(
        "insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, list_currency, list_amount) \
            select 1001, '0000001001', randomblob(32), randomblob(32), 'awaiting', placed_at, 'BTC', 1 from orders where id = 55",
    );
    world.sql(
        "insert into invoices (order_id, currency, address, amount, total, until) \
            select 1001, currency, address, amount, total, until from invoices where order_id = 55",
    );
    let fields = [("password", DESK_PASSWORD), reason];
    let done = confirm(&mut desk, &page, &fields);
    assert_eq!(done.status, 303, "{}", done.text());
    let location = done.header("location").unwrap().to_owned();
    let list = desk.get(&location);
    assert_eq!(list.mark("cancelled"), "3 unpaid orders cancelled.");
    assert!(list.text().contains("0000001001") && list.text().contains("0000000022"));
    assert_eq!(cancelled(&world), wanted[1..]);
    // Sending the form again has no effect.
    let again = confirm(&mut desk, &page, &fields);
    assert_eq!(again.header("location"), Some(location.as_str()));
    assert_eq!(cancelled(&world), wanted[1..]);
    assert_eq!(
        world.find("select what from audit_log where what like 'Cancelled%'"),
        [b"Cancelled 3 unpaid orders"]
    );
}

#[test]
fn a_buyer_of_a_cancelled_order_reads_why_and_its_items_are_back() {
    let world = World::with_desk();
    let (mut buyer, order_ref) = order(&world, "green-tea", &[]);
    let stock = "select stock || '' from products where slug = 'green-tea'";
    assert_eq!(world.find(stock), [b"19"]);
    let mut desk = world.desk();
    let page = desk.get(&format!("{PAGE}?part={order_ref}"));
    assert!(page.mark("count").starts_with("1 unpaid order matches"), "{}", page.text());
    let fields = [("password", DESK_PASSWORD), ("reason", "We were flooded.")];
    assert_eq!(confirm(&mut desk, &page, &fields).status, 303);
    let page = buyer.get("/order");
    assert_eq!(page.state(), "cancelled");
    assert!(page.text().contains("We were flooded."));
    assert_eq!(world.find(stock), [b"20"]);
    let nothing = desk.get(&format!("{PAGE}?part={order_ref}"));
    assert!(nothing.mark("none").contains("No unpaid orders match"));
}

#[test]
fn an_invalid_filter_cancels_nothing() {
    let world = World::with_desk();
    world.sql(MANY);
    let mut desk = world.desk();
    let led = desk.0.get(&format!("{PAGE}?since=yesterday"));
    assert_eq!((led.status, led.header("location")), (303, Some("/orders?since=yesterday")));
    let once = "ab".repeat(32);
    let since = ["yesterday", "2026-13-01"];
    for (since, once) in since.map(|since| (since, once.as_str())).into_iter().chain([("", "")]) {
        let fields =
            [("since", since), ("once", once), ("last", "9999"), ("password", DESK_PASSWORD)];
        assert_eq!(desk.post(PAGE, &fields).status, 415, "{since:?} {once:?}");
    }
    assert!(cancelled(&world).is_empty());
}
