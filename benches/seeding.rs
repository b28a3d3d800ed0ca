//! What an import of a large catalog takes, into a running shop in which somebody orders every second: time, memory, and how long
//! the orders take. Then the same file again, and with one product in a hundred at another price.
//!
//! `SEED_PRODUCTS=100000 cargo bench --bench seeding`. All on loopback, in a temporary folder below `target`, so that it is this
//! disk. A million products take some minutes and four gigabytes.

mod parts;

use std::fs;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parts::visitor::{Door, Visitor};
use parts::{OpenShop, SHOP, machine};

/// Units: orders are placed so far apart.
const EVERY: Duration = Duration::from_secs(1);
/// Source: getrusage(2): seconds and kilobytes of a child that has ended.
const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
sys.exit(code)";

fn main() {
    let n_products = std::env::var("SEED_PRODUCTS");
    let n_products: usize = n_products.map_or(100_000, |n| n.parse().expect("a number"));
    println!("{}\n\n{n_products} products\n", machine());
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = tempfile::tempdir_in(base).expect("a folder on this disk");
    fs::create_dir_all(home.path().join("db")).expect("make db");
    write_catalog(home.path(), 0, 0);
    assert_eq!(seed(home.path()).split(' ').count(), 2);
    let shop = OpenShop::open(home.path(), "0,1");
    println!(
        "| import | CPU, s | memory, MB | time, s | orders | refused | median, ms | p99, ms | longest, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (what, add) in [("first", 0), ("the same again", 0), ("1 % at other prices", 1)] {
        write_catalog(home.path(), n_products, add);
        let (is_done, started) = (AtomicBool::new(false), Instant::now());
        std::thread::scope(|scope| {
            let orders = scope.spawn(|| place_orders(&shop.address, &is_done));
            let said = seed(home.path());
            let took = started.elapsed().as_secs_f64();
            is_done.store(true, Ordering::Release);
            let (mut times, n_refused) = orders.join().expect("orders");
            times.sort_unstable();
            let at = |share: usize| {
                times
                    .get((times.len() * share / 100).min(times.len().saturating_sub(1)))
                    .map_or(0, Duration::as_millis)
            };
            println!(
                "| {what} | {} | {took:.1} | {} | {n_refused} | {} | {} | {} |",
                said.trim().replace(' ', " | "),
                times.len(),
                at(50),
                at(99),
                at(100)
            );
        });
    }
}

/// Tea, and many others; every hundredth costs so much more.
fn write_catalog(home: &Path, n_products: usize, add: usize) {
    let mut file = BufWriter::new(File::create(home.join("db/data.json")).expect("a file"));
    let head = "{\"wallets\": {\"_model\": \"Wallet\", \"eth\": {\"currency\": \"ETH\", \"xpub\": \
        \"xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP\"}}, \
        \"products\": {\"_model\": \"Product\", \"tea\": {\"name\": \"Tea\", \"quantity\": 100000, \
        \"prices\": [{\"price\": 1000000, \"wallet\": \"->wallets.eth\"}]}";
    file.write_all(head.as_bytes()).expect("write");
    for n in 0..n_products {
        let price = 1_000_000 + n + if n % 100 == 0 { add } else { 0 };
        write!(
            file,
            ",\n\"p{n}\": {{\"name\": \"Thing number {n}\", \"description\": \"A **thing** of kind {}, with the number {n}.\\n\\n- good\\n- cheap\", \"quantity\": 10, \
             \"prices\": [{{\"price\": {price}, \"wallet\": \"->wallets.eth\"}}], \"categories\": [\"Kind {}\"], \"options\": [\"Small\", \"Large\"]}}",
            n % 97,
            n % 10
        )
        .expect("write");
    }
    file.write_all(b"}}\n").and_then(|()| file.flush()).expect("write");
}

/// Seconds of CPU and megabytes.
fn seed(home: &Path) -> String {
    let output = Command::new("python3")
        .args(["-c", MEASURE, SHOP, "seed", "db/data.json"])
        .current_dir(home)
        .stderr(Stdio::inherit())
        .output()
        .expect("start python3");
    assert!(output.status.success(), "the catalog is good");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().last().expect("a line").to_owned()
}

/// How long each order took, and how many were refused.
fn place_orders(address: &str, is_done: &AtomicBool) -> (Vec<Duration>, usize) {
    let door = Door { address: address.to_owned(), is_behind_tor: false };
    let (mut times, mut n_refused) = (Vec::new(), 0);
    while !is_done.load(Ordering::Acquire) {
        let begun = Instant::now();
        let mut visitor = Visitor::new(&door, 1);
        if place_order(&mut visitor).is_some() {
            let (_, took) = visitor.times.last().expect("the order");
            times.push(*took);
        } else {
            n_refused += 1;
        }
        std::thread::sleep(EVERY.saturating_sub(begun.elapsed()));
    }
    (times, n_refused)
}

fn place_order(visitor: &mut Visitor<'_>) -> Option<()> {
    let token = visitor.gets("product", "/product/tea")?.field("token")?;
    visitor.posts("cart", "/cart", &format!("token={token}&product=tea&quantity=1"))?;
    let form = format!(
        "token={token}&recipient=Ada+Byron&street=12+St+James%27s+Square&city=London&province=Greater+London&country=United+Kingdom&postcode=SW1Y+4JH"
    );
    let review = visitor.asks("review", "POST", "/checkout", &form)?;
    let placed = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &token)
        .append_pair("draft", &review.field("draft")?)
        .finish();
    visitor.posts("order", "/checkout/place", &placed).map(|_| ())
}
