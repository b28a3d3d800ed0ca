//! Wrong clocks, corrected clocks, and what the shop's times tell. `faketime` sets the clock of the real program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::world::{Answer, Buyer, DESK_PASSWORD, World, catalog};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// An open shop whose clock is so far ahead: `+20d`, `-3h`.
pub fn shop_at(offset: &str, settings: &[(&str, &str)]) -> World {
    assert!(Path::new(LIBRARY).exists(), "faketime: run scripts/install-test-tools");
    let mut world = World::closed(settings);
    let file = world.path("clock").display().to_string();
    for (name, value) in [
        ("LD_PRELOAD", LIBRARY),
        ("FAKETIME_TIMESTAMP_FILE", &file),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("NO_FAKE_STAT", "1"),
        // It shares memory with the processes that the shop starts.
        ("CONFINE", "off"),
    ] {
        world.settings.push((name.to_owned(), value.to_owned()));
    }
    set_clock(&world, offset);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
    world.open();
    world
}

/// Sets the clock of everything that runs in this shop.
pub fn set_clock(world: &World, offset: &str) {
    fs::write(world.path("clock.new"), offset).unwrap();
    fs::rename(world.path("clock.new"), world.path("clock")).unwrap();
}

fn place_order(world: &World) -> (Buyer, Answer) {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[]);
    assert_eq!(page.state(), "awaiting");
    (buyer, page)
}

/// An order that is finished, and one that waits for its payment.
fn finished_and_waiting(world: &World) -> (String, Buyer) {
    let (_, finished) = place_order(world);
    let finished = finished.mark("order-ref");
    world.until("it is told", || world.messages().len() == 1);
    world.says(&["orders", "cancel", &finished]);
    (finished, place_order(world).0)
}

fn orders(world: &World) -> Vec<Value> {
    serde_json::from_str(&world.says(&["orders", "--json"])).unwrap()
}

fn number(world: &World, statement: &'static str) -> i64 {
    let found = world.find(statement);
    String::from_utf8(found.first().unwrap().clone()).unwrap().parse().unwrap()
}

/// Units: unix seconds, by the right clock.
fn right_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until the open shop has said that its clock is in doubt.
fn is_noticed(world: &World, words: &str) {
    let words = format!("nothing is deleted: the host's clock is {words} the elapsed time");
    world.until(&words, || world.log().contains(&words));
}

const UNTIL: &str = "select cast(until as text) from invoices order by order_id desc limit 1";
const IN_DOUBT: &str = "select order_id from invoices where clock_ahead is not null";

#[test]
fn a_clock_that_jumps_by_any_amount_lets_nothing_expire_and_erases_nothing() {
    let world = shop_at("+0", &[("KEEP_DAYS", "1")]);
    let (finished, mut waits) = finished_and_waiting(&world);
    let expires = waits.get("/order").attribute("expires", "datetime");
    for (offset, words) in [
        ("+3h", "3 hours ahead of"),
        ("+20d", "20 days ahead of"),
        ("-20d", "20 days behind"),
        ("+4000d", "4000 days ahead of"),
    ] {
        set_clock(&world, offset);
        is_noticed(&world, words);
        let page = waits.get("/order");
        assert_eq!(page.state(), "awaiting", "{offset}");
        assert_eq!(page.attribute("expires", "datetime"), expires, "{offset}");
        assert_eq!(orders(&world).len(), 2, "{offset}");
        let refused = world.shop(&["purge"]);
        assert_eq!(refused.status.code(), Some(1), "{offset}");
        assert!(error_text(&refused).contains("shop clock accept"), "{}", error_text(&refused));
    }
    let due = world.says(&["purge", "--dry-run"]);
    assert!(due.contains(&finished) && due.contains("However: nothing is deleted"), "{due}");
    // Each jump is said once.
    let log = world.log();
    assert_eq!(log.matches("the host's clock is 20 days ahead of").count(), 1, "{log}");

    // It is corrected, and all is as it was.
    set_clock(&world, "+0");
    assert!(world.says(&["purge"]).contains("0 orders"));
    assert!(world.says(&["clock"]).contains("The host's clock is trusted"));
    assert_eq!((waits.get("/order").state(), orders(&world).len()), ("awaiting".into(), 2));
}

#[test]
fn a_doubt_is_shown_by_the_command_the_doctor_and_the_desk() {
    let mut world = shop_at("+0", &[("DESK_LISTEN", "127.0.0.1:0")]);
    world.sets_desk_password();
    assert!(world.says(&["clock"]).contains("The host's clock is trusted"));
    let (_, mut waits) = finished_and_waiting(&world);
    // Over a restart of the shop too.
    assert_eq!(world.close("-TERM"), Some(0));
    set_clock(&world, "-9d");
    world.open();
    (waits.address, waits.host) = (world.address().to_owned(), world.address().to_owned());
    let shown = world.says(&["clock"]);
    assert!(shown.contains("Not trusted") && shown.contains("9 days behind"), "{shown}");
    let doctor = world.shop(&["doctor"]);
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    let line = doctor.lines().find(|line| line.starts_with("BAD  clock")).unwrap();
    assert!(line.contains("9 days behind"), "{line}");
    assert!(doctor.contains("`shop clock accept`"), "{doctor}");
    let desk = std::cell::RefCell::new(world.desk());
    world.until("the desk shows it", || {
        desk.borrow_mut().0.get("/").text().contains("9 days behind")
    });
    assert_eq!(waits.get("/order").state(), "awaiting");
    assert!(world.says(&["clock", "accept"]).contains("Accepted"));
    assert!(world.says(&["clock", "accept"]).contains("was already trusted"));
    assert!(world.says(&["clock"]).contains("The host's clock is trusted"));
}

#[test]
fn once_the_seller_accepts_the_clock_what_is_old_goes_and_what_is_new_stays() {
    let world = shop_at("+0", &[]);
    let (finished, mut waits) = finished_and_waiting(&world);
    set_clock(&world, "+40d");
    is_noticed(&world, "40 days ahead of");
    let (mut new, _) = place_order(&world);
    let (_, sent) = place_order(&world);
    let sent = sent.mark("order-ref");
    world.says(&["orders", "cancel", &sent]);
    world.says(&["clock", "accept"]);
    world.until("what is old is erased", || {
        orders(&world).iter().all(|order| order["ref"] != finished.as_str())
    });
    assert_eq!(waits.get("/order").state(), "expired");
    assert_eq!(new.get("/order").state(), "awaiting");
    assert!(orders(&world).iter().any(|order| order["ref"] == sent.as_str()));
    // It has its minutes, and no more.
    let left = number(&world, "select cast(max(until) as text) from invoices") - right_now();
    let left = left - 40 * 86_400;
    assert!((118 * 60..=122 * 60).contains(&left), "{left}");
    world.sql("update invoices set until = until - 123 * 60");
    world.says(&["orders"]);
    assert_eq!(new.get("/order").state(), "expired");
}

#[test]
fn an_order_of_a_wrong_clock_has_its_minutes_when_the_clock_is_corrected() {
    let world = shop_at("+0", &[]);
    for (offset, words) in [("+20d", "20 days ahead of"), ("-20d", "20 days behind")] {
        set_clock(&world, offset);
        is_noticed(&world, words);
        // Finished by a wrong day.
        let (_, sent) = place_order(&world);
        world.says(&["orders", "cancel", &sent.mark("order-ref")]);
        let (mut buyer, page) = place_order(&world);
        assert!(page.text().contains("about 12"), "{}", page.text());
        set_clock(&world, "+0");
        world.until("it is settled", || world.find(IN_DOUBT).is_empty());
        world.says(&["purge"]);
        let left = number(&world, UNTIL) - right_now();
        assert!((118 * 60..=122 * 60).contains(&left), "{offset} {left}");
        let finished = number(&world, "select cast(max(finished_at) as text) from orders");
        assert!(
            (right_now() - 2 * 86_400..=right_now()).contains(&finished),
            "{offset} {finished}"
        );
        assert_eq!(buyer.get("/order").state(), "awaiting");
        world.sql("update invoices set until = until - 123 * 60");
        world.says(&["orders"]);
        assert_eq!(buyer.get("/order").state(), "expired", "{offset}");
    }
}

#[test]
fn an_order_of_a_shop_that_began_with_a_clock_ahead_does_not_live_for_ever() {
    let world = shop_at("+20d", &[]);
    assert!(world.says(&["clock"]).contains("The host's clock is trusted"));
    let (finished, mut waits) = finished_and_waiting(&world);
    set_clock(&world, "+0");
    is_noticed(&world, "20 days behind");
    assert_eq!(waits.get("/order").state(), "awaiting");
    world.says(&["clock", "accept"]);
    let left = number(&world, UNTIL) - right_now();
    assert!((118 * 60..=122 * 60).contains(&left), "{left}");
    assert_eq!(waits.get("/order").state(), "awaiting");
    assert!(number(&world, "select cast(max(finished_at) as text) from orders") <= right_now());
    assert!(world.says(&["orders", "--json", "--all"]).contains(&finished));
    world.sql("update invoices set until = until - 123 * 60");
    world.says(&["orders"]);
    assert_eq!(waits.get("/order").state(), "expired");
}

#[test]
fn a_host_that_begins_years_ago_and_learns_the_time_later_loses_nothing() {
    let world = shop_at("-9000d", &[]);
    let (finished, mut waits) = finished_and_waiting(&world);
    let accepted = world.shop(&["clock", "accept"]);
    assert_eq!(accepted.status.code(), Some(1));
    assert!(error_text(&accepted).contains("far in the past"), "{}", error_text(&accepted));
    set_clock(&world, "+0");
    assert!(world.says(&["purge"]).contains("0 orders"));
    let left = number(&world, UNTIL) - right_now();
    assert!((118 * 60..=122 * 60).contains(&left), "{left}");
    assert_eq!(waits.get("/order").state(), "awaiting");
    assert!(world.says(&["orders", "--json", "--all"]).contains(&finished));
    assert!(world.says(&["clock"]).contains("The host's clock is trusted"));
}

#[test]
fn a_clock_that_has_not_changed_for_a_day_is_accepted_without_a_word() {
    let world = shop_at("+0", &[]);
    let (finished, mut waits) = finished_and_waiting(&world);
    set_clock(&world, "+90d");
    is_noticed(&world, "90 days ahead of");
    world.sql("update clock set stable_for = 86400 - 60 where ahead is not null");
    assert!(world.says(&["clock"]).contains("stable for 23 h 59 min"));
    assert_eq!(waits.get("/order").state(), "awaiting");
    world.sql("update clock set stable_for = 86400");
    world.until("what is old is erased", || {
        orders(&world).iter().all(|order| order["ref"] != finished.as_str())
    });
    assert_eq!(waits.get("/order").state(), "expired");
}

#[test]
fn purge_now_accepts_the_clock() {
    let world = shop_at("+0", &[]);
    let (finished, _) = finished_and_waiting(&world);
    set_clock(&world, "+31d");
    assert_eq!(world.shop(&["purge"]).status.code(), Some(1));
    let erased = world.says(&["purge", "--now"]);
    assert!(erased.contains(&finished) || orders(&world).len() == 1, "{erased}");
    assert!(world.says(&["clock"]).contains("The host's clock is trusted"));
}

#[test]
fn a_code_of_the_telephone_opens_the_desk_whichever_of_both_times_is_right() {
    let world = shop_at("+20d", &[("DESK_LISTEN", "127.0.0.1:0")]);
    world.sets_desk_password();
    world.sql("update desk_login set factor = zeroblob(20)");
    set_clock(&world, "+0");
    is_noticed(&world, "20 days behind");
    // A step apart, since each counts once.
    for right in [right_now() - 30, right_now() + 20 * 86_400] {
        let when = format!("@{right}");
        let secret = "A".repeat(32);
        let made = Command::new("oathtool").args(["--totp", "-b", "-N", &when, &secret]).output();
        let code = String::from_utf8(made.unwrap().stdout).unwrap().trim().to_owned();
        let mut browser = world.stranger_at_desk();
        let token = browser.get("/login").token();
        let given = [("token", token.as_str()), ("password", DESK_PASSWORD), ("code", &code)];
        let answer = browser.post_raw("/login", &given);
        assert_eq!(answer.header("location"), Some("/"), "{}", answer.text());
    }
}

#[test]
fn a_shop_of_an_older_version_knows_the_day_on_which_it_looked_at_the_clock() {
    for (days_ago, is_trusted) in [(0, true), (1, true), (10, false)] {
        let world = World::closed(&[]);
        fs::create_dir(world.path("db")).unwrap();
        let file = world.path("db/shop.sqlite");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let mut migrator = sqlx::migrate!();
            migrator.migrations =
                migrator.iter().filter(|migration| migration.version <= 12).cloned().collect();
            migrator.run(&mut connection).await.unwrap();
            let day = right_now() / 86_400 * 86_400 - days_ago * 86_400;
            sqlx::query("update house set looked_on = ?")
                .bind(day)
                .execute(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
        });
        let shown = world.says(&["clock"]);
        assert_eq!(shown.contains("is trusted"), is_trusted, "{days_ago}: {shown}");
    }
}

#[test]
fn what_nobody_paid_is_kept_for_two_days_or_seven_however_short_orders_are_kept() {
    let world = World::with(&catalog(), &[("KEEP_DAYS", "0")]);
    let (_, page) = place_order(&world);
    let order_ref = page.mark("order-ref");
    world.until("it is told", || world.messages().len() == 1);
    world.sql("update invoices set until = unixepoch() - 60");
    world.until("it has expired, and that is told", || {
        orders(&world)[0]["state"] == "expired"
            && world.find("select 1 from outbox where message is not null").is_empty()
    });
    for (hours_ago, is_followed, is_due) in [
        (1, false, false),
        (47, false, false),
        (49, false, true),
        (49, true, false),
        (167, true, false),
        (169, true, true),
    ] {
        world.says(&["orders"]);
        let set = if is_followed {
            "update invoices set seen = 0"
        } else {
            "update invoices set seen = null"
        };
        world.sql(set);
        let hours = hours_ago.to_string();
        world.sql_with(
            "update invoices set until = unixepoch() - 3600 * cast(cast(? as text) as integer)",
            &[hours.as_bytes()],
        );
        assert_eq!(orders(&world)[0]["state"], "expired");
        let due = world.says(&["purge", "--dry-run"]);
        assert_eq!(due.contains(&order_ref), is_due, "{hours_ago} {is_followed}: {due}");
    }
    // By itself, two whole days after the shop saw it, of which the day alone is known.
    world.sql("update invoices set seen = null, until = unixepoch() - 3600 * 100");
    world.sql("update orders set finished_at = unixepoch() / 86400 * 86400 - 2 * 86400");
    // The second sweep begins when the first is done.
    for _ in 0..2 {
        let looked = "select cast(ticks as text) from clock";
        let before = number(&world, looked);
        world.sql("update clock set ticks = ticks - 3600, time = time - 3600");
        world.until("a sweep begins", || before <= number(&world, looked));
    }
    assert_eq!(orders(&world).len(), 1);
    world.sql("update orders set finished_at = unixepoch() / 86400 * 86400 - 3 * 86400");
    world.until("it is erased", || orders(&world).is_empty());
}

#[test]
fn no_time_that_is_shown_or_kept_has_seconds() {
    let world = World::new();
    let before = right_now();
    let (mut buyer, page) = place_order(&world);
    let shown = page.attribute("expires", "datetime");
    assert!(shown.ends_with(":00Z"), "{shown}");
    let until = number(&world, UNTIL);
    assert_eq!(until % 60, 0);
    // Never less than was promised.
    assert!((before + 120 * 60..=right_now() + 121 * 60).contains(&until), "{until} {before}");
    let order_ref = page.mark("order-ref");
    let one: Value =
        serde_json::from_str(&world.says(&["orders", "show", &order_ref, "--json"])).unwrap();
    for printed in [one["until"].as_str().unwrap(), orders(&world)[0]["until"].as_str().unwrap()] {
        assert_eq!(printed, shown);
    }
    let receipt = buyer.get("/order/receipt.txt").text();
    assert!(receipt.contains("Pay before ") && !receipt.contains(":00Z"), "{receipt}");
    // A message lies on the disk for long: it does not keep the minute of ordering.
    world.until("it is told", || world.messages().len() == 1);
    let (_, message) = world.messages().remove(0);
    let line = message.lines().find(|line| line.trim_start().starts_with("expires ")).unwrap();
    assert!(
        [":00 UTC", ":15 UTC", ":30 UTC", ":45 UTC"].iter().any(|minute| line.ends_with(minute)),
        "{line}"
    );
}
