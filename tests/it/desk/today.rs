use std::io::Cursor;
use std::net::TcpListener;

use crate::sealing::Gpg;
use crate::world::{Answer, SellerAtDesk, World, catalog};

/// The numbers of orders to be paid, shipped, answered and decided.
fn counts(desk: &mut SellerAtDesk) -> [String; 4] {
    let page = desk.get("/");
    ["to-pay", "to-send", "to-answer", "to-decide"].map(|mark| page.mark(mark))
}

/// The cells of a table, row by row.
fn table(page: &Answer, id: &str) -> Vec<Vec<String>> {
    let text = page.text();
    let (_, table) = text.split_once(&format!("id=\"{id}\"")).unwrap();
    let (_, body) = table.split_once("<tbody>").unwrap();
    let (body, _) = body.split_once("</tbody>").unwrap();
    let plain = |cell: &str| {
        let mut words = String::new();
        let mut is_tag = true;
        for letter in cell.chars() {
            match letter {
                '<' => is_tag = true,
                '>' => is_tag = false,
                letter if !is_tag => words.push(letter),
                _ => {}
            }
        }
        words.trim().to_owned()
    };
    body.split("<tr")
        .skip(1)
        .map(|row| {
            row.replace("</th>", "</td>")
                .split("</td>")
                .map(|cell| cell.replace("<th ", "<td "))
                .filter_map(|cell| cell.rfind("<td").map(|at| plain(&cell[at..])))
                .collect()
        })
        .collect()
}

/// Orders the tea and returns the order number.
#[track_caller]
fn orders_tea(world: &World, pieces: &str) -> String {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", pieces);
    buyer.checks_out(&[]).mark("order-ref")
}

fn measures(picture: &[u8]) -> (u32, u32) {
    let mut reader = png::Decoder::new(Cursor::new(picture)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    (reader.info().width, reader.info().height)
}

#[test]
fn the_counts_of_the_first_page_match_the_orders() {
    let world = World::with_desk();
    let mut desk = world.desk();
    assert_eq!(counts(&mut desk), ["0", "0", "0", "0"]);
    assert!(desk.get("/").text().contains("No sales yet."));

    let [paid, sent, partial, _unpaid] = ["3", "2", "1", "1"].map(|n| orders_tea(&world, n));
    let mut asking = world.buyer();
    asking.adds("wool-socks", "Red", "2");
    asking.checks_out(&[]);
    asking.post("/order/message", &[("message", "When do you send it?")]);
    world.says(&["orders", "paid", &paid]);
    world.says(&["orders", "paid", &sent]);
    world.says(&["orders", "shipped", &sent]);
    world.says(&["orders", "partial", &partial, "0.05"]);

    assert_eq!(counts(&mut desk), ["3", "1", "1", "0"]);
    assert_eq!(desk.get("/").mark("partial"), "1 partially paid");

    let page = desk.get("/");
    // Three and two items at 0.09199, and one at 0.05.
    let money = table(&page, "money");
    assert_eq!(money[0], ["ETH", "0.50995", "0.50995"]);
    assert_eq!(money[1], ["BTC", "0", "0"]);
    // There were twenty: what is shipped is no longer reserved.
    let low = table(&page, "low");
    assert_eq!(low[0], ["Wool Socks, Blue", "0", "0"]);
    assert_eq!(low[1], ["Stone", "1", "0"]);
    assert_eq!(low[2], ["Wool Socks, Red", "1", "2"]);
    assert_eq!(low[3], ["Cap", "4", "0"]);
    let more = orders_tea(&world, "8");
    let low = table(&desk.get("/"), "low");
    assert_eq!(low[4], ["Green Tea", "5", "13"]);
    assert!(page.text().contains("href=\"/products/wool-socks\""));

    let weeks = table(&desk.get("/"), "weeks");
    assert_eq!(weeks.len(), 26);
    assert_eq!(weeks[0][1..], ["6", "2", "0.50995"]);
    assert_eq!(weeks[1][1..], ["0", "0", "0"]);
    let gist = "Orders per week: 6 in the last 26 weeks, 2 of them paid. Highest: 6 in the week of";
    assert!(desk.get("/").text().contains(gist));
    assert_eq!(table(&desk.get("/"), "best"), [["Green Tea", "5"]]);

    // Expired and cancelled orders reserve nothing, but still count as placed.
    world.says(&["orders", "cancel", &more]);
    world.sql(
        "update orders set status = 'expired', finished_at = unixepoch() where status = 'awaiting'",
    );
    assert_eq!(counts(&mut desk), ["1", "1", "1", "0"]);
    let low = table(&desk.get("/"), "low");
    assert_eq!(low[2], ["Wool Socks, Red", "1", "0"]);
    assert_eq!(table(&desk.get("/"), "weeks")[0][1..], ["6", "2", "0.50995"]);
}

#[test]
fn every_currency_has_its_own_revenue() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.chooses("BTC");
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(table(&desk.get("/"), "weeks")[0][1..], ["1", "1", "0"]);
    let page = desk.get("/?currency=BTC");
    assert_eq!(table(&page, "weeks")[0][1..], ["1", "1", "0.0009199"]);
    assert!(page.text().contains("BTC received per week: 0.0009199 in the last 26 weeks."));
    // An unknown currency shows the first one.
    let page = desk.get("/?currency=%3Cb%3E");
    assert!(page.text().contains("Revenue in <strong>ETH</strong>"));
}

#[test]
fn the_plots_have_the_size_that_the_page_declares() {
    let world = World::with_desk();
    let order_ref = orders_tea(&world, "2");
    world.says(&["orders", "paid", &order_ref]);
    let mut desk = world.desk();
    let page = desk.get("/").text();
    for (path, size) in [
        ("/today/orders.png", (720, 400)),
        ("/today/takings.png?currency=ETH", (720, 400)),
        ("/today/best.png", (720, 110)),
    ] {
        let picture = desk.get(path);
        assert_eq!(picture.header("content-type"), Some("image/png"));
        assert_eq!(measures(&picture.bytes), size, "{path}");
        assert!(picture.bytes.len() < 40 << 10, "{path}: {}", picture.bytes.len());
        let image =
            format!("<img src=\"{path}\" width=\"{}\" height=\"{}\" alt=\"", size.0, size.1);
        assert!(page.contains(&image), "{path}");
        // Plots are shown to the seller only.
        assert_eq!(world.stranger_at_desk().get(path).status, 303, "{path}");
    }
    assert_eq!(desk.0.get("/today/takings.png?currency=%00").status, 404);
}

#[test]
fn buyers_see_when_the_desk_closes_and_opens_the_shop() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    assert_eq!(desk.get("/").attribute("house", "data-house"), "open");

    let page = desk.does("/today/close", &[]);
    assert_eq!(page.attribute("house", "data-house"), "closed");
    assert!(page.mark("done").contains("The shop is closed"), "{}", page.text());
    let refused = buyer.tries_to_check_out(&[]);
    assert_eq!(refused.status, 503);
    assert!(
        refused.text().contains("This shop is currently closed and does not accept new orders.")
    );
    // A second click changes nothing and is confirmed again.
    desk.does("/today/close", &[]);

    let page = desk.does("/today/open", &[]);
    assert_eq!(page.attribute("house", "data-house"), "open");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");

    let entries = table(&desk.get("/deeds"), "deeds");
    assert_eq!([&entries[0][1], &entries[1][1]], ["Opened the shop", "Closed the shop"]);
    // Neither without a token nor by GET.
    assert_eq!(desk.0.post_raw("/today/close", &[]).status, 403);
    assert_ne!(desk.0.get("/today/close").status, 200);
    assert_eq!(desk.get("/").attribute("house", "data-house"), "open");
}

#[test]
fn the_first_page_shows_problems_of_the_doctor_and_of_the_nodes() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let seen = |desk: &mut SellerAtDesk| desk.get("/").text();
    world.until("the doctor has looked", || seen(&mut desk.clone()).contains("Last checked on"));
    let page = seen(&mut desk);
    assert!(page.contains("No seller key"), "{page}");
    assert!(!page.contains("Unreliable since"));

    // Nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    assert_eq!(world.shop(&["watch", "--once", "--eth-rpc-url", &url]).status.code(), Some(1));
    let page = seen(&mut desk);
    assert!(page.contains("<li class=\"doubt\">") && page.contains("Unreliable since"), "{page}");
}

#[test]
fn the_first_page_shows_when_the_sellers_key_expires() {
    let world = World::with_desk();
    let desk = world.desk();
    for (ends, words) in [("1y", "Your key is valid until"), ("20d", "Your key expires on")] {
        let gpg = Gpg::new();
        let made =
            gpg.tries(&["--quick-gen-key", "seller", "future-default", "default", ends], b"");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(world.path("db/seller.asc"), gpg.exports("seller")).unwrap();
        world.until(words, || desk.clone().get("/").text().contains(words));
    }
}

#[test]
fn the_activity_log_is_pruned_after_the_days_that_orders_are_kept() {
    let world = World::with_desk_and(&catalog(), &[("KEEP_DAYS", "3")]);
    let mut desk = world.desk();
    // Signing in is recorded too.
    world.sql("delete from audit_log");
    world.says(&["close"]);
    for _ in 0..60 {
        world.sql("insert into audit_log (at, what) select at, 'Looked' from audit_log limit 1");
    }
    let page = desk.get("/deeds");
    assert_eq!(table(&page, "deeds").len(), 50);
    let next = page.text();
    let (_, next) = next.split_once("href=\"/deeds?below=").unwrap();
    let next = format!("/deeds?below={}", next.split('"').next().unwrap());
    let page = desk.get(&next);
    let entries = table(&page, "deeds");
    assert_eq!((entries.len(), entries.last().unwrap()[1].as_str()), (11, "Closed the shop"));
    assert!(!page.text().contains("below="));
    assert_eq!(desk.0.get("/deeds?below=x").status, 404);

    world.says(&["open"]);
    world.sql("update audit_log set at = at - 4 * 86400 where what <> 'Opened the shop'");
    // The running shop may have done it already.
    let due = world.says(&["purge", "--dry-run"]);
    assert!(
        due.contains("61 activity log entries due for deletion.") || due.contains("0 orders"),
        "{due}"
    );
    world.says(&["purge"]);
    let entries = table(&desk.get("/deeds"), "deeds");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0][1], "Opened the shop");
}

#[test]
fn revenue_survives_a_purge_and_holds_no_data_of_buyers() {
    let mut world = World::with_desk();
    let order_ref = orders_tea(&world, "3");
    world.says(&["orders", "paid", &order_ref]);
    world.says(&["orders", "shipped", &order_ref]);
    let exact = world.find("select received from daily_sales where received <> 0");
    assert_eq!(exact, [b"275970000"]);

    // The shop 40 days later.
    world.close("-TERM");
    world.sql("update orders set placed_at = placed_at - 40 * 86400, finished_at = finished_at - 40 * 86400");
    world.sql("update invoices set until = until - 40 * 86400");
    world.sql("update daily_sales set day = day - 40 * 86400");
    world.sql("update weekly_sales set week = week - 35 * 86400");
    world.says(&["purge"]);
    assert!(world.find("select order_ref from orders").is_empty());
    // The week, and the revenue rounded to two digits.
    assert_eq!(world.find("select received from daily_sales"), [b"280000000"]);
    assert_eq!(world.find("select cast((day / 86400 + 3) % 7 as text) from daily_sales"), [b"0"]);
    assert_eq!(world.find("select cast(quantity as text) from best_sold"), [b"3"]);
    assert!(world.find("select product_id from held_stock").is_empty());
    world.open();
    let mut desk = world.desk();
    let page = desk.get("/");
    let weeks = table(&page, "weeks");
    assert_eq!(weeks.iter().filter(|week| week[1..] == ["1", "1", "0.28"]).count(), 1, "{weeks:?}");
    assert_eq!(table(&page, "best"), [["Green Tea", "3"]]);

    let words = world.says(&["purge", "--dry-run", "--figures"]);
    assert!(words.contains("Daily and weekly figures to delete: 2."), "{words}");
    world.says(&["purge", "--figures"]);
    let page = desk.get("/");
    assert!(table(&page, "weeks").iter().all(|week| week[1..] == ["0", "0", "0"]));
    assert!(page.text().contains("No sales yet."));
}

#[test]
fn orders_placed_before_the_desk_existed_are_counted() {
    let mut world = World::with_desk();
    let [paid, _unpaid] = ["3", "1"].map(|n| orders_tea(&world, n));
    world.says(&["orders", "paid", &paid]);
    let counted = |world: &World| {
        let sales = "select orders || ' ' || paid || ' ' || received from daily_sales order by day, currency";
        let sold = "select week || ' ' || product_id || ' ' || quantity from weekly_sales";
        let held = "select product_id || ' ' || pool_option || ' ' || quantity from held_stock";
        [sales, sold, held].map(|question| world.find(question))
    };
    let by_triggers = counted(&world);
    world.close("-TERM");
    for table in [
        "delete from daily_sales",
        "delete from weekly_sales",
        "delete from best_sold",
        "delete from held_stock",
    ] {
        world.sql(table);
    }
    // What the migration does once; a later one renames the tables.
    let mut migration = include_str!("../../../migrations/0010_today.sql").to_owned();
    for (old, new) in [
        ("takings", "daily_sales"),
        ("paid, taken)", "paid, received)"),
        ("into sold", "into weekly_sales"),
        ("into held", "into held_stock"),
        ("pieces)", "quantity)"),
    ] {
        migration = migration.replace(old, new);
    }
    let (_, fillings) = migration.split_once("-- The orders that are there.").unwrap();
    for statement in fillings.split_once('\n').unwrap().1.split(';') {
        if !statement.trim().is_empty() {
            world.sql(statement);
        }
    }
    assert_eq!(counted(&world), by_triggers);
}

#[test]
fn a_paid_order_that_was_cancelled_is_a_refund_due_until_it_is_recorded() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let paid = buyer.checks_out(&[]).mark("order-ref");
    let unpaid = orders_tea(&world, "1");
    world.says(&["orders", "paid", &paid]);
    for order_ref in [&paid, &unpaid] {
        world.says(&["orders", "cancel", order_ref]);
    }
    let page = desk.get("/").text();
    let (_, list) = page.split_once("id=\"give-back\"").expect("money is to be given back");
    let (list, _) = list.split_once("</div>").unwrap();
    assert!(list.contains(&paid) && list.contains("0.09199 ETH"), "{list}");
    assert!(!list.contains(&unpaid), "{list}");
    assert!(buyer.get("/order").text().contains("owes you a refund"));
    assert_eq!(table(&desk.get("/"), "money")[0], ["ETH", "0.09199", "0.09199"]);
    world.says(&["orders", "refunded", &paid]);
    let page = desk.get("/");
    assert!(!page.text().contains("give-back"));
    // It is deducted on the day of the refund.
    assert_eq!(table(&page, "money")[0], ["ETH", "0", "0"]);
    assert_eq!(table(&page, "weeks")[0][1..], ["2", "1", "0"]);
    // Nothing was received for this one, so nothing is deducted.
    world.says(&["orders", "refunded", &unpaid, "--anyway"]);
    assert_eq!(table(&desk.get("/"), "money")[0], ["ETH", "0", "0"]);
}
