//! Payment tracking without a real node: failing nodes, waiting orders, stored observations.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::world::{Buyer, World, catalog};

/// The URL of a port where nothing listens.
fn unused_url() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

/// A shop that tracks Ether on a node that does not answer.
fn shop_with_failing_node() -> World {
    let world = World::new();
    let done = world.shop(&["watch", "--once", "--eth-rpc-url", &unused_url()]);
    assert_eq!(done.status.code(), Some(1));
    world
}

fn place_order(world: &World, currency: &str) -> Buyer {
    let mut buyer = world.buyer();
    buyer.chooses(currency);
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    buyer
}

/// `shop watch`, with a scan every second.
pub struct Watch(pub Child);

impl Watch {
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        let child = Command::new(&world.program)
            .args(["watch", "--watch-seconds", "1"])
            .args(arguments)
            .current_dir(world.home.path())
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn while_a_node_is_in_doubt_no_order_of_its_coin_expires() {
    let world = shop_with_failing_node();
    let mut ether = place_order(&world, "ETH");
    let mut bitcoin = place_order(&world, "BTC");
    world.sql("update invoices set until = 1000");
    // Each command that asks for the orders lets expire what has run out.
    world.says(&["orders"]);
    assert_eq!(ether.get("/order").state(), "awaiting");
    assert_eq!(bitcoin.get("/order").state(), "expired");
    // Nobody is invited to pay at a price that no longer stands.
    let page = ether.get("/order");
    assert!(page.find_mark("payment-link").is_none(), "{}", page.text());

    // The chain's own time decides, up to which it was seen that nothing came.
    world.sql("update watched_networks set time = 999");
    world.says(&["orders"]);
    assert_eq!(ether.get("/order").state(), "awaiting");
    world.sql("update watched_networks set time = 1000");
    world.says(&["orders"]);
    assert_eq!(ether.get("/order").state(), "expired");
}

#[test]
fn orders_expire_by_the_clock_once_tracking_is_stopped() {
    let world = shop_with_failing_node();
    let mut buyer = place_order(&world, "ETH");
    world.sql("update invoices set until = 1000");
    assert!(world.says(&["watch", "--stop"]).contains("Payments are no longer tracked"));
    world.says(&["orders"]);
    assert_eq!(buyer.get("/order").state(), "expired");
}

#[test]
fn the_doctor_and_the_digest_name_a_node_in_doubt() {
    let world = shop_with_failing_node();
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    let line = doctor.lines().find(|line| line.starts_with("BAD  nodes")).unwrap();
    assert!(line.contains("Ethereum mainnet") && line.contains("does not answer"), "{line}");
    assert!(world.says(&["orders", "digest"]).contains("coins not tracked"));
    world.says(&["watch", "--stop"]);
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("none: you confirm payments yourself"), "{doctor}");
    assert!(!world.says(&["orders", "digest"]).contains("coins not tracked"));
}

#[test]
fn a_lasting_node_failure_is_reported_to_the_seller_once() {
    let world = World::new();
    let _watch = Watch::start(&world, &["--eth-rpc-url", &unused_url()]);
    let told = |text: &str| text.contains("Subject: NOT TRACKED: payments in Ethereum mainnet");
    world.until("the seller is told", || world.messages().iter().any(|(_, text)| told(text)));
    // Some looks later.
    let looks =
        || world.find("select problem_since from watched_networks where is_notified = 1").len();
    world.until("that is remembered", || looks() == 1);
    let (name, message) = world.messages().into_iter().find(|(_, text)| told(text)).unwrap();
    assert!(message.contains("does not answer"), "{message}");
    assert!(!name.contains(&*hostname()), "{name}");
    assert_eq!(world.messages().len(), 1);
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

#[test]
fn a_tracked_order_is_kept_for_seven_days_after_it_expires() {
    let world = shop_with_failing_node();
    place_order(&world, "ETH");
    place_order(&world, "BTC");
    world.sql("update invoices set until = cast(strftime('%s', 'now') as integer) - 3 * 86400");
    world.sql("update watched_networks set time = cast(strftime('%s', 'now') as integer)");
    world.says(&["orders"]);
    world.until("the seller was told", || {
        world.find("select 1 from outbox where message is not null").is_empty()
    });
    world.sql("update orders set finished_at = finished_at - 3 * 86400");
    let erased = world.says(&["purge"]);
    assert!(erased.contains("1 order"), "{erased}");
    let left = world.find("select currency from invoices");
    assert_eq!(left, [b"ETH"]);
    world.sql("update invoices set until = until - 5 * 86400");
    let erased = world.says(&["purge"]);
    assert!(erased.contains("1 order"), "{erased}");
}

#[test]
fn a_public_node_over_plain_http_is_refused_before_anything_is_opened() {
    let world = World::closed(&[]);
    for (url, words) in [
        ("http://192.0.2.1:8545", "anyone on the network"),
        ("http://node.example:8545", "TOR_PROXY_URL"),
        ("http://user:hunter2@192.0.2.1:8545", "anyone on the network"),
        ("ws://127.0.0.1:8545", "http://HOST:PORT"),
    ] {
        let done = world.shop(&["watch", "--eth-rpc-url", url]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains("ETH_RPC_URL (the command line)") && said.contains(words), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(!world.path("db").exists());
}

#[test]
fn without_a_node_watch_says_what_to_set() {
    let world = World::new();
    let done = world.shop(&["watch"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("ETH_RPC_URL"));
}

#[test]
fn a_reversed_payment_gets_a_day_and_what_the_seller_confirmed_stays() {
    let world = shop_with_failing_node();
    let mut lost = place_order(&world, "ETH");
    let mut decided = place_order(&world, "ETH");
    let mut told = place_order(&world, "ETH");
    let transaction = format!("0x{}", "ab".repeat(32));
    assert_eq!(told.post("/order/transaction", &[("transaction", &transaction)]).status, 303);
    world.sql("update orders set status = 'unconfirmed' where status = 'awaiting'");
    world.sql("update invoices set until = 1000");
    world.sql("update invoices set received = amount where order_id = 2");
    world.sql("update watched_networks set time = 87399");
    world.says(&["orders"]);
    assert_eq!(lost.get("/order").state(), "unconfirmed");
    assert_eq!(told.get("/order").state(), "reported");
    world.sql("update watched_networks set time = 87400");
    world.says(&["orders"]);
    assert_eq!(lost.get("/order").state(), "expired");
    assert_eq!(told.get("/order").state(), "expired");
    assert_eq!(decided.get("/order").state(), "unconfirmed");
}

#[test]
fn a_payment_accepted_before_a_block_is_labelled_wherever_it_is_shown() {
    let world = World::with_desk();
    let mut buyer = place_order(&world, "XMR");
    let order_ref = buyer.get("/order").mark("order-ref");
    world.sql("update orders set status = 'confirmed'");
    let observed = |confirmations: i64, needed: i64| {
        world.sql(&format!(
            "update invoices set seen = amount, settled = amount, confirmations = {confirmations}, needed = {needed}"
        ));
    };
    let shown = |buyer: &mut Buyer| {
        let page = buyer.get("/order").find_mark("confirmations").unwrap_or_default();
        let desk = world.desk().get(&format!("/orders/{order_ref}")).mark("block");
        (page, desk, world.says(&["orders", "show", &order_ref]))
    };
    observed(0, 0);
    let (page, desk, command) = shown(&mut buyer);
    assert_eq!(page, "0 (accepted before the network confirms it)");
    assert!(desk.contains("a double spend can take it back"), "{desk}");
    assert!(command.contains("accepted at 0 confirmations"), "{command}");
    // The next message of the thread says it, too.
    assert_eq!(buyer.post("/order/message", &[("message", "When does it arrive?")]).status, 303);
    let (_, message) = world.messages().pop().unwrap();
    assert!(message.contains("accepted at 0 confirmations"), "{message}");
    for (confirmations, needed) in [(1, 0), (10, 10)] {
        observed(confirmations, needed);
        let (page, desk, command) = shown(&mut buyer);
        assert_eq!((page.as_str(), desk.as_str()), ("", "confirmed"));
        assert!(!command.contains("accepted at"), "{command}");
    }
}

#[test]
fn the_doctor_names_coins_that_count_without_a_block_and_evm_chains_cannot() {
    let world = World::new();
    let doctor = |rules: &str| {
        let done = world.shop(&["doctor", "--confirmations", rules]);
        (
            done.status.code(),
            String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned(),
        )
    };
    let (_, told) = doctor("XMR=0 BTC>0.001=1 BTC=0");
    let line = told.lines().find(|line| line.starts_with("note confirmations"));
    assert!(line.is_some_and(|line| line.contains("XMR, BTC payments count at 0")), "{told}");
    assert!(!doctor("XMR=1").1.contains("note confirmations"));
    let (code, told) = doctor("ETH=0");
    assert_eq!(code, Some(1));
    assert!(told.contains("other than those of EVM chains"), "{told}");
}

#[test]
fn only_one_watch_process_runs_on_a_shop() {
    let world = World::new();
    let node = TcpListener::bind("127.0.0.1:0").unwrap();
    let _watch = {
        let url = format!("http://{}", node.local_addr().unwrap());
        Watch::start(&world, &["--eth-rpc-url", &url])
    };
    // The first has begun when it asks.
    node.accept().unwrap();
    let second = world.shop(&["watch", "--once", "--eth-rpc-url", &unused_url()]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another `shop watch` is running"), "{said}");
}

#[test]
fn the_number_of_a_deleted_order_is_not_reused() {
    let world = World::new();
    place_order(&world, "ETH");
    world.sql("delete from orders");
    place_order(&world, "ETH");
    assert_eq!(world.find("select cast(id as text) from orders"), [b"2"]);
}

#[test]
fn the_scan_state_of_a_node_survives_a_pause() {
    let world = shop_with_failing_node();
    world.sql("update watched_networks set scan_state = 'known'");
    world.says(&["watch", "--stop"]);
    assert_eq!(world.find("select scan_state from watched_networks where is_on = 0"), [b"known"]);
    world.shop(&["watch", "--once", "--eth-rpc-url", &unused_url()]);
    assert_eq!(world.find("select scan_state from watched_networks where is_on = 1"), [b"known"]);
    world.says(&["watch", "--forget"]);
    assert!(world.find("select 1 from watched_networks where scan_state is not null").is_empty());
}

#[test]
fn a_chain_whose_clock_is_ahead_does_not_shorten_an_orders_deadline() {
    let world = shop_with_failing_node();
    world.sql("update watched_networks set ahead = 5000, time = 5000");
    let mut buyer = place_order(&world, "ETH");
    world.sql("update invoices set until = 1000");
    world.says(&["orders"]);
    assert_eq!(buyer.get("/order").state(), "awaiting");
    world.sql("update watched_networks set time = 6000");
    world.says(&["orders"]);
    assert_eq!(buyer.get("/order").state(), "expired");
}

/// A shop of the version before nodes were asked, with two orders that were to be paid to one address.
fn older_shop() -> World {
    let mut world = World::closed(&[]);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
    let file = world.path("db/shop.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let mut migrator = sqlx::migrate!();
        migrator.migrations =
            migrator.iter().filter(|migration| migration.version <= 4).cloned().collect();
        migrator.run(&mut connection).await.unwrap();
        for order_ref in ["AAAAAAAAAA", "BBBBBBBBBB"] {
            sqlx::query(
                "insert into orders (order_ref, form_token, lookup_name, status, placed_at) \
                 values (?, randomblob(32), randomblob(32), 'awaiting', 1795219200)",
            )
            .bind(order_ref)
            .execute(&mut connection)
            .await
            .unwrap();
            sqlx::query(
                "insert into invoices (order_id, currency, chain, address, amount, total, until) \
                 values (last_insert_rowid(), 'ETH', 1, '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 1000, 1000, 4000000000)",
            )
            .execute(&mut connection)
            .await
            .unwrap();
        }
        connection.close().await.unwrap();
    });
    world.open();
    world
}

#[test]
fn orders_of_an_older_version_are_kept_and_no_old_balance_counts_as_their_payment() {
    let world = older_shop();
    assert!(world.says(&["orders", "show", "AAAAAAAAAA"]).contains("awaiting"));
    let told = world.find(
        "select network || ' ' || has_own_address || ' ' || coalesce(seen, '-') from invoices",
    );
    assert_eq!(told, [b"chain:1 0 -", b"chain:1 0 -"]);
    world.shop(&["watch", "--once", "--eth-rpc-url", &unused_url()]);
    assert_eq!(world.find("select cast(count(seen) as text) from invoices"), [b"2"]);
}
