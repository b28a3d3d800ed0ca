//! How long each page of the desk takes with 100,000 orders and 10,000 products.
//!
//! `cargo bench --bench desk_pages`. Needs two cores and `taskset` (util-linux), all on loopback. About two minutes.

mod parts;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parts::{SHOP, get, large_home, machine, median};

const N_PRODUCTS: usize = 10_000;
const N_ORDERS: usize = 100_000;
const ROUNDS: usize = 200;
const PASSWORD: &str = "cinder-otter-velvet-28-plum";

/// Every page that a seller looks at. Whoever adds a page to the desk adds it here.
const PAGES: [(&str, &str); 26] = [
    ("today", "/"),
    ("today, the chart of orders", "/today/orders.png"),
    ("today, the chart of revenue", "/today/takings.png?currency=ETH"),
    ("today, the best sellers", "/today/best.png"),
    ("activity", "/deeds"),
    ("activity, far back", "/deeds?below=60000"),
    ("orders", "/orders"),
    ("orders to ship", "/orders?show=send"),
    ("orders to answer", "/orders?show=answer"),
    ("orders, one status, oldest first", "/orders?show=shipped&sort=oldest"),
    ("orders, one currency by amount", "/orders?currency=ETH&sort=amount"),
    ("orders, part of the order number", "/orders?part=77777"),
    ("one order", "/orders/0000077777"),
    ("packing slip", "/orders/packing?order=0000077705"),
    ("products", "/products"),
    ("products, far back", "/products?page=200"),
    ("products, one category", "/products?category=Kind+5&page=20"),
    ("products, low stock", "/products?low=1"),
    ("products, search", "/products?q=thing"),
    ("one product", "/products/thing-number-5000"),
    ("categories", "/products/categories"),
    ("discounts", "/discounts"),
    ("shipping", "/rates"),
    ("wallets", "/wallets"),
    ("pages", "/pages"),
    ("appearance", "/look"),
];

/// Two years of orders: nine of ten are sent, the others wait for something. Each step as the shop does it, so that what
/// the tables count along the way is counted here too.
const FILL: [&str; 9] = [
    "create temp table n as with recursive n(n) as (select 1 union all select n + 1 from n where n < 100000) select n from n",
    "insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, list_currency, list_amount) \
     select n, printf('%010d', n), randomblob(32), randomblob(32), 'awaiting', \
         (unixepoch() / 86400 - 730 + n / 137) * 86400, 'ETH', 91990000 + n from n",
    "insert into invoices (order_id, currency, chain, address, amount, total, until, network) \
     select n, 'ETH', 1, '0x52908400098527886E0F7030069857D2E4169EE7', 91990000 + n, 91990000 + n, 253402300000, 'chain:1' from n",
    "insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
     select n, value, 1 + (n * (7 + value * 31)) % 10000, 0, 0, 'Thing number ' || n, '', 1 + value, 30000000 from n, json_each('[0, 1]')",
    "insert into messages (order_id, kind, day, sealed) select n, 'receipt', 1700006400, randomblob(400) from n",
    "update orders set status = 'confirmed' where id % 100 >= 5",
    "update orders set status = case when id % 100 >= 9 then 'shipped' when id % 100 = 8 then 'cancelled' else status end, \
         finished_at = case when id % 100 >= 8 then placed_at end where id % 100 >= 5",
    "insert into messages (order_id, kind, day, sealed) select n, 'question', 1700006400, randomblob(300) from n where n % 500 = 0",
    "insert into audit_log (at, what, order_id) select unixepoch() / 60 * 60 - 100000 + n, 'Sent', n from n",
];

fn main() {
    println!("{}\n", machine());
    let (home, _) = large_home(N_PRODUCTS);
    let (mut child, address) = open(home.path());
    fill(home.path());
    let cookie = sign_in(&address);
    println!("{N_ORDERS} orders, {N_PRODUCTS} products; {ROUNDS} times each\n");
    println!("| page | bytes | median | p95 |\n|---|---|---|---|");
    for (name, path) in PAGES {
        let mut times = Vec::new();
        let mut n_bytes = 0;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let (head, body) = get(&address, path, &cookie);
            times.push(started.elapsed());
            assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
            n_bytes = body.len();
        }
        times.sort();
        let p95 = times[times.len() * 95 / 100];
        println!("| {name} | {n_bytes} | {} | {} |", words(median(&times)), words(p95));
    }
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    child.wait().expect("the shop has ended");
}

fn words(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10)
}

/// The shop on one core, with its desk; the desk's address.
fn open(home: &Path) -> (Child, String) {
    let mut told = Command::new(SHOP)
        .args(["desk", "password"])
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("start `shop desk password`");
    let mut stdin = told.stdin.take().expect("stdin is piped");
    write!(stdin, "{PASSWORD}\n{PASSWORD}\n").expect("say the password");
    drop(stdin);
    assert!(told.wait().expect("it ends").success());
    let mut child = Command::new("taskset")
        .args(["-c", "0", SHOP, "serve", "--listen", "127.0.0.1:0"])
        .args(["--desk-listen", "127.0.0.1:0"])
        // Nothing of two years is due to be erased.
        .env("KEEP_DAYS", "3650")
        .current_dir(home)
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the shop (taskset is of util-linux)");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let address = loop {
        let line = lines.next().expect("the shop says its addresses").expect("a line");
        if let Some(address) = line.strip_prefix("Your desk is at ") {
            break address.trim_start_matches("http://").to_owned();
        }
    };
    std::thread::spawn(move || lines.count());
    (child, address)
}

fn fill(home: &Path) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(home.join("db/shop.sqlite"))
            .busy_timeout(Duration::from_secs(60));
        let mut connection =
            sqlx::SqliteConnection::connect_with(&options).await.expect("the database");
        let mut tx = connection.begin().await.expect("a transaction");
        for statement in FILL {
            sqlx::query(statement)
                .execute(&mut *tx)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        tx.commit().await.expect("commit");
    });
}

/// The cookie of a session, as a header.
fn sign_in(address: &str) -> String {
    let cookie_of = |head: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        line.and_then(|line| line.split(';').next()).expect("a cookie").to_owned()
    };
    let (head, body) = get(address, "/login", "");
    let before = cookie_of(&head);
    let page = String::from_utf8_lossy(&body).into_owned();
    let (_, token) = page.split_once("name=\"token\" value=\"").expect("a form");
    let token = token.split('"').next().expect("a token");
    let body = format!("token={token}&password={PASSWORD}");
    let mut stream = TcpStream::connect(address).expect("connect to loopback");
    write!(
        stream,
        "POST /login HTTP/1.1\r\nHost: {address}\r\nCookie: {before}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookies = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let cookies: Vec<&str> = cookies.filter_map(|line| line.split(';').next()).collect();
    format!("Cookie: {}\r\n", cookies.join("; "))
}
