//! How many orders a second the shop takes from 1, 8 and 32 buyers, and what an order costs: syncs of the disk, bytes of the
//! journal, processor time and context switches. Compared with what the disk takes of the same row and the same file, each
//! synced, one after the other.
//!
//! `cargo bench --bench orders`; `-- 32` for 32 buyers only. Needs gpg, which makes the keys, and strace, which counts. All on loopback and in a temporary
//! folder below `target`, so that it is this disk.

// Only for printing.
#![allow(clippy::float_arithmetic)]

mod parts;

use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use parts::buyer::{checkout_form, filled_cart, post, reviewed_order};
use parts::{OpenShop, machine, made_by_gpg, median};

const N_ORDERS: usize = 400;
const ROUNDS: usize = 5;
/// As Linux counts processor time on every common machine.
const TICKS_PER_SECOND: u64 = 100;

/// What is measured.
struct Case {
    /// The kinds of the seller's key.
    key: Option<(&'static str, &'static str)>,
    /// How many order at once.
    n_buyers: usize,
    /// The least ratio to the disk.
    target: f64,
}

const CASES: [Case; 5] = [
    Case { key: None, n_buyers: 1, target: 0.8 },
    Case { key: None, n_buyers: 8, target: 2.5 },
    Case { key: None, n_buyers: 32, target: 6.0 },
    Case { key: Some(("ed25519", "cv25519")), n_buyers: 32, target: 6.0 },
    Case { key: Some(("rsa3072", "rsa3072")), n_buyers: 32, target: 6.0 },
];

fn main() {
    println!("{}\n", machine());
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    println!(
        "| encrypted to | buyers | orders/s | rows and files/s of the disk | ratio (target) | CPU ms | switches | syncs | journal KB |\n|---|---|---|---|---|---|---|---|---|"
    );
    let wanted: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    for Case { key, n_buyers, target } in CASES {
        if !wanted.is_empty() && !wanted.contains(&n_buyers) {
            continue;
        }
        let (mut of_disk, mut of_shop, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut cost = Cost::default();
        for _ in 0..ROUNDS {
            let home = shop_home(base, key);
            let (rate, row, message) = shop_rate(home.path(), n_buyers, &mut cost);
            let disk = disk_rate(home.path(), &row, &message);
            ratios.push(rate * 1_000 / disk);
            of_shop.push(rate);
            of_disk.push(disk);
        }
        let writes = count_writes(shop_home(base, key).path(), n_buyers);
        let per_order = |n: u64| n as f64 / (N_ORDERS * ROUNDS) as f64;
        println!(
            "| {} | {n_buyers} | {} | {} | {:.2} ({target}) | {:.2} | {:.1} | {:.2} | {:.1} |",
            key.map_or("nothing", |(_, part)| part),
            median(&of_shop),
            median(&of_disk),
            median(&ratios) as f64 / 1_000.0,
            per_order(cost.ticks) * 1_000.0 / TICKS_PER_SECOND as f64,
            per_order(cost.switches),
            writes.syncs as f64 / N_ORDERS as f64,
            writes.journal_bytes as f64 / N_ORDERS as f64 / 1_024.0,
        );
    }
    checkout_pages(base);
}

fn shop_home(base: &Path, key: Option<(&str, &str)>) -> tempfile::TempDir {
    let home = tempfile::tempdir_in(base).expect("a folder on this disk");
    fs::create_dir_all(home.path().join("db")).expect("make db");
    if let Some((kind, part)) = key {
        let keys = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").expect("a folder");
        let armored = made_by_gpg(keys.path(), kind, part);
        fs::write(home.path().join("db/seller.asc"), armored).expect("write the key");
    }
    home
}

/// The form with all countries, and the review.
fn checkout_pages(base: &Path) {
    let home = tempfile::tempdir_in(base).expect("a folder on this disk");
    fs::create_dir_all(home.path().join("db")).expect("make db");
    let shop = open_shop(home.path());
    let (cookies, token) = filled_cart(&shop.address, "tea", "");
    let mut n_countries = 0;
    let times = |ask: &mut dyn FnMut()| {
        let times: Vec<Duration> = (0..101)
            .map(|_| {
                let started = Instant::now();
                ask();
                started.elapsed()
            })
            .collect();
        median(&times).as_micros()
    };
    let form = times(&mut || {
        let (_, body) = parts::get(&shop.address, "/checkout", &format!("Cookie: {cookies}\r\n"));
        n_countries = String::from_utf8_lossy(&body).matches("<option value=\"").count() - 1;
    });
    let review = times(&mut || {
        let (head, _) = post(&shop.address, "/checkout", &cookies, &checkout_form(&token));
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    });
    println!("\ncheckout with {n_countries} countries: {form} µs; review: {review} µs");
}

fn open_shop(home: &Path) -> OpenShop {
    let text = "{\"wallets\": {\"_model\": \"Wallet\", \"eth\": {\"currency\": \"ETH\", \"xpub\": \
        \"xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP\"}}, \
        \"products\": {\"_model\": \"Product\", \"tea\": {\"name\": \"Tea\", \"quantity\": 100000, \
        \"prices\": [{\"price\": 1000000, \"wallet\": \"->wallets.eth\"}]}}}";
    fs::write(home.join("db/data.json"), text).expect("write the catalog");
    OpenShop::open(home, "0,1")
}

/// What orders cost the shop's process.
#[derive(Default)]
struct Cost {
    /// Units: see [`TICKS_PER_SECOND`].
    ticks: u64,
    switches: u64,
}

impl Cost {
    fn of(shop: &OpenShop) -> Self {
        let process = Path::new("/proc").join(shop.child.id().to_string());
        let stat = fs::read_to_string(process.join("stat")).expect("the shop runs");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split(' ').collect();
        let number = |text: &str| text.trim().parse::<u64>().expect("a number");
        let mut switches = 0;
        for task in fs::read_dir(process.join("task")).expect("its threads") {
            let status = task.and_then(|task| fs::read_to_string(task.path().join("status")));
            let status = status.unwrap_or_default();
            let lines = status.lines().filter(|line| line.contains("voluntary_ctxt_switches"));
            switches +=
                lines.map(|line| number(line.split(':').nth(1).expect("a value"))).sum::<u64>();
        }
        Self { ticks: number(fields[12]) + number(fields[13]), switches }
    }
}

/// Units: orders a second; with a row and a message as they lie on the disk afterwards.
fn shop_rate(home: &Path, n_buyers: usize, cost: &mut Cost) -> (u64, Vec<u8>, Vec<u8>) {
    let shop = open_shop(home);
    let carts: Vec<(String, String)> =
        (0..N_ORDERS).map(|_| reviewed_order(&shop.address, "tea", "")).collect();
    let (before, started) = (Cost::of(&shop), Instant::now());
    place_all(&shop, &carts, n_buyers);
    let rate = per_second(N_ORDERS, started.elapsed());
    let after = Cost::of(&shop);
    cost.ticks += after.ticks - before.ticks;
    cost.switches += after.switches.saturating_sub(before.switches);
    let new = fs::read_dir(home.join("mailorders/new")).expect("the Maildir");
    let messages: Vec<_> = new.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(messages.len(), N_ORDERS, "every order lies in the Maildir");
    // The row with its lines, invoice and message's mark takes about as much as its message.
    let message = fs::read(&messages[0]).expect("a message");
    (rate, vec![b'x'; 700], message)
}

/// Places these orders; each buyer takes the next one that nobody has taken.
fn place_all(shop: &OpenShop, carts: &[(String, String)], n_buyers: usize) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..n_buyers {
            scope.spawn(|| {
                while let Some((cookies, form)) =
                    carts.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let (head, _) = post(&shop.address, "/checkout/place", cookies, form);
                    assert!(head.starts_with("HTTP/1.1 303"), "{head}");
                }
            });
        }
    });
}

/// What strace saw the shop write while it took all orders.
struct Writes {
    syncs: u64,
    journal_bytes: u64,
}

fn count_writes(home: &Path, n_buyers: usize) -> Writes {
    let shop = open_shop(home);
    let carts: Vec<(String, String)> =
        (0..N_ORDERS).map(|_| reviewed_order(&shop.address, "tea", "")).collect();
    let seen = home.join("strace");
    let mut strace = Command::new("strace")
        .args([
            "-f",
            "-y",
            "-qq",
            "-e",
            "trace=fsync,fdatasync,syncfs,sync_file_range,pwrite64",
            "-o",
        ])
        .arg(&seen)
        .args(["-p", &shop.child.id().to_string()])
        .stderr(Stdio::null())
        .spawn()
        .expect("start strace");
    let status = format!("/proc/{}/status", shop.child.id());
    while fs::read_to_string(&status).expect("the shop runs").contains("TracerPid:\t0\n") {
        std::thread::yield_now();
    }
    place_all(&shop, &carts, n_buyers);
    Command::new("kill").args(["-INT", &strace.id().to_string()]).status().expect("kill");
    strace.wait().expect("strace ends");
    let seen = fs::read_to_string(&seen).expect("what strace saw");
    let mut writes = Writes { syncs: 0, journal_bytes: 0 };
    for line in seen.lines().filter(|line| !line.contains("resumed>")) {
        let line = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        if !line.starts_with("pwrite64") {
            writes.syncs += u64::from(!line.starts_with(['+', '-']));
        } else if line.contains("-wal>") {
            // The length stands before the offset.
            let length = line.rsplit(", ").nth(1).and_then(|number| number.parse::<u64>().ok());
            writes.journal_bytes += length.unwrap_or(0);
        }
    }
    writes
}

/// The same row and the same file, each synced before the next.
fn disk_rate(home: &Path, row: &[u8], message: &[u8]) -> u64 {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection;
        use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
        let options = SqliteConnectOptions::new()
            .filename(home.join("baseline.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection =
            sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
        sqlx::query("create table rows (id integer primary key, row blob)")
            .execute(&mut connection)
            .await
            .expect("a table");
        for folder in ["tmp", "new"] {
            fs::create_dir_all(home.join("baseline").join(folder)).expect("a folder");
        }
        let (tmp, new) = (home.join("baseline/tmp"), home.join("baseline/new"));
        let started = Instant::now();
        for n in 0..N_ORDERS {
            sqlx::query("insert into rows (row) values (?)")
                .bind(row)
                .execute(&mut connection)
                .await
                .expect("a row");
            let draft = tmp.join(n.to_string());
            let mut file = File::create(&draft).expect("a file");
            file.write_all(message).and_then(|()| file.sync_all()).expect("the file is kept");
            fs::rename(&draft, new.join(n.to_string())).expect("rename");
            File::open(&new).and_then(|folder| folder.sync_all()).expect("the folder is kept");
        }
        per_second(N_ORDERS, started.elapsed())
    })
}

fn per_second(n: usize, time: Duration) -> u64 {
    u64::try_from(n).expect("small") * 1_000_000
        / u64::try_from(time.as_micros()).expect("small").max(1)
}
