//! What grows with the catalog and with the orders: the start, memory, pages that are rendered anew, an order, the seller's
//! commands.
//!
//! `cargo bench --bench growth`. `PRODUCTS="10 10000 100000 1000000"` and `ORDERS="0 100000 1000000"` set the sizes. Needs
//! python3, `taskset` (util-linux) and some gigabytes below `target`. About fifteen minutes.

mod parts;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use parts::buyer::{cookie, post, reviewed_order};
use parts::many_orders::{fill_orders, measure};
use parts::{OpenShop, get, large_home, machine, median};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

/// Units: requests for each figure.
const ROUNDS: usize = 41;

fn main() {
    println!("{}", machine());
    println!(
        "Pages: time (processor time of the shop), rendered anew for each of {ROUNDS} requests; medians and means.\n"
    );
    println!(
        "| products | import | database | start | memory, of it its own | start page | middle of the list | product | search, all match | misspelt search | order |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for n in sizes("PRODUCTS", &[10, 10_000, 100_000, 1_000_000]) {
        catalog(n);
    }
    println!(
        "\n| orders | database | start | memory, of it its own | start page | order | order's page | `orders` | `orders digest` | `doctor` |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for n in sizes("ORDERS", &[0, 100_000, 1_000_000]) {
        orders(n);
    }
}

fn sizes(name: &str, usual: &[usize]) -> Vec<usize> {
    let Ok(text) = std::env::var(name) else { return usual.to_vec() };
    text.split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

fn catalog(n_products: usize) {
    let (home, import) = large_home(n_products);
    let mut shop = MeasuredShop::open(home.path());
    let general = shop.general();
    let middle = n_products / 24 / 2;
    let cells = [
        shop.page(|_| "/".to_owned()),
        shop.page(|n| format!("/product?page={}", if n_products < 2_000 { 1 } else { middle + n })),
        shop.page(|n| format!("/product/thing-number-{}", n * n_products / ROUNDS)),
        shop.page(|n| {
            format!("/search?q=thing&page={}", if n_products < 2_000 { 1 } else { 1 + n % 20 })
        }),
        shop.page(|_| "/search?q=thign".to_owned()),
        shop.order(n_products),
    ];
    println!("| {n_products} | {} ms | {general} | {} |", import.as_millis(), cells.join(" | "));
}

fn orders(n_orders: usize) {
    let n_products = 10;
    let (home, _) = large_home(n_products);
    if 0 < n_orders {
        fill_orders(home.path(), n_orders as u64);
    }
    let mut shop = MeasuredShop::open(home.path());
    let general = shop.general();
    let cells = [shop.page(|_| "/".to_owned()), shop.order(n_products), shop.order_page()];
    drop(shop);
    let commands = [&["orders"][..], &["orders", "digest"], &["doctor"]].map(|arguments| {
        let results: Vec<(u64, u64)> =
            (0..3).map(|_| measure(&arguments.join(" "), home.path(), arguments)).collect();
        let (time, peak) = median(&results);
        format!("{time} ms, {} MB", peak >> 10)
    });
    println!("| {n_orders} | {general} | {} | {} |", cells.join(" | "), commands.join(" | "));
}

/// An open shop whose cached pages are discarded before each request, as an order or a change of the catalog does.
struct MeasuredShop {
    shop: OpenShop,
    start: Duration,
    runtime: tokio::runtime::Runtime,
    database: SqliteConnection,
}

impl MeasuredShop {
    fn open(home: &Path) -> Self {
        let starts = (0..5).map(|_| OpenShop::open(home, "0,1").ready_after).collect::<Vec<_>>();
        let shop = OpenShop::open(home, "0,1");
        std::thread::sleep(Duration::from_secs(1));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = SqliteConnectOptions::new().filename(home.join("db/shop.sqlite"));
        let database = runtime.block_on(SqliteConnection::connect_with(&options));
        Self { shop, start: median(&starts), runtime, database: database.expect("the database") }
    }

    /// Size of the database, start, memory when idle.
    fn general(&self) -> String {
        let bytes = fs::metadata(self.shop.home.join("db/shop.sqlite")).expect("a database").len();
        let start = self.start.as_millis();
        let (all, own) = (self.shop.memory("VmRSS:"), self.shop.memory("RssAnon:"));
        let megabytes =
            |kilobytes: u64| format!("{}.{}", kilobytes / 1_024, kilobytes % 1_024 * 10 / 1_024);
        format!("{} MB | {start} ms | {}, {} MB", bytes >> 20, megabytes(all), megabytes(own))
    }

    fn discard_pages(&mut self) {
        let changed = sqlx::query("update catalog_state set version = version + 1");
        self.runtime.block_on(changed.execute(&mut self.database)).expect("change the catalog");
    }

    fn page(&mut self, path: impl Fn(usize) -> String) -> String {
        self.measured(|shop, n| {
            let (head, _) = get(&shop.address, &path(n), "Accept-Encoding: gzip\r\n");
            assert!(head.starts_with("HTTP/1.1 200"), "{}: {head}", path(n));
        })
    }

    fn order(&mut self, n_products: usize) -> String {
        let address = self.shop.address.clone();
        let product = |n: usize| format!("thing-number-{}", n % n_products);
        let carts: Vec<(String, String)> =
            (0..ROUNDS).map(|n| reviewed_order(&address, &product(n), "Small")).collect();
        self.measured(|shop, n| {
            let (cookies, form) = &carts[n];
            let (head, _) = post(&shop.address, "/checkout/place", cookies, form);
            assert!(head.starts_with("HTTP/1.1 303"), "{head}");
        })
    }

    fn order_page(&mut self) -> String {
        let (cookies, form) = reviewed_order(&self.shop.address, "thing-number-0", "Small");
        let (head, _) = post(&self.shop.address, "/checkout/place", &cookies, &form);
        let cookies = format!("Cookie: {cookies}; {}\r\n", cookie(&head, "order"));
        self.measured(|shop, _| {
            let (head, _) = get(&shop.address, "/order", &cookies);
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        })
    }

    /// Median time, and mean processor time of the shop.
    fn measured(&mut self, ask: impl Fn(&OpenShop, usize)) -> String {
        let (mut times, mut cpu) = (Vec::new(), Duration::ZERO);
        for n in 0..ROUNDS {
            self.discard_pages();
            let (before, started) = (self.shop.cpu(), Instant::now());
            ask(&self.shop, n);
            times.push(started.elapsed());
            cpu += self.shop.cpu() - before;
        }
        let milliseconds = |time: Duration| {
            let hundredths = time.as_micros() / 10;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        };
        let mean = cpu / u32::try_from(ROUNDS).expect("small");
        format!("{} ({}) ms", milliseconds(median(&times)), milliseconds(mean))
    }
}
