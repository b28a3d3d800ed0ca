//! Time and memory of the commands that read all of a shop: backup, restore, the lists of orders, the doctor.
//!
//! `cargo bench --bench large`. `ORDERS=1000000`, `GOODS_MB=1024`, `PICTURES=100000` and `ROUNDS=3` set the size of the shop,
//! megabytes of digital goods, small files, and how often each command runs. Needs gpg and python3, and six times the space
//! of the shop below `target`.

mod parts;

use std::fs;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use parts::{SHOP, large_home, machine, made_by_gpg, median};

/// Two years of orders: nine of ten are sent, the others wait for something.
const FILL: [&str; 7] = [
    "create temp table n as with recursive n(n) as (select 1 union all select n + 1 from n where n < $ORDERS) select n from n",
    "insert into orders (id, order_ref, checkout_key, lookup_name, status, placed_at, list_currency, list_amount) \
     select n, printf('%010d', n), randomblob(32), randomblob(32), 'awaiting', \
         (unixepoch() / 86400 - 730 + n / (1 + $ORDERS / 730)) * 86400, 'ETH', 91990000 + n from n",
    "insert into invoices (order_id, currency, chain, address, amount, total, until, network) \
     select n, 'ETH', 1, '0x52908400098527886E0F7030069857D2E4169EE7', 91990000 + n, 91990000 + n, 253402300000, 'chain:1' from n",
    "insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
     select n, value, 1 + n % 10, 0, 0, 'Thing number ' || n, '', 1 + value, 30000000 from n, json_each('[0, 1]')",
    "insert into messages (order_id, kind, day, sealed) select n, 'receipt', 1700006400, randomblob(400) from n",
    "update orders set status = 'confirmed' where id % 100 >= 5",
    "update orders set status = case when id % 100 >= 9 then 'shipped' when id % 100 = 8 then 'cancelled' else status end, \
         finished_at = case when id % 100 >= 8 then placed_at end where id % 100 >= 5",
];

/// Prints the peak memory and the time of a command. Source: getrusage(2), `ru_maxrss` in KB.
const MEASURE: &str = "import resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.call(sys.argv[1:])
took = time.monotonic() - began
print('\\n', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, round(1000 * took), file=sys.stderr)
sys.exit(code)";

fn main() {
    let size = |name: &str, usual: u64| {
        let text = std::env::var(name).unwrap_or_default();
        if text.is_empty() { usual } else { text.parse().expect("a number") }
    };
    let (orders, goods) = (size("ORDERS", 100_000), size("GOODS_MB", 256));
    let (pictures, rounds) = (size("PICTURES", 1_000), size("ROUNDS", 3));
    println!("{}\n", machine());
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (home, _) = large_home(10);
    // On this disk.
    let shop = tempfile::tempdir_in(base).expect("a folder on this disk");
    let moved = Command::new("cp").arg("-r").arg(home.path().join("db")).arg(shop.path()).status();
    assert!(moved.expect("cp").success());
    fill(shop.path(), orders);
    for folder in ["files", "images"] {
        fs::create_dir_all(shop.path().join("db").join(folder)).expect("make a folder");
    }
    let film = File::create(shop.path().join("db/files/film.mkv")).expect("make a file");
    film.set_len(goods << 20).expect("give it a length");
    for n in 0..pictures {
        let path = shop.path().join(format!("db/images/picture-{n}.jpg"));
        fs::write(path, vec![b'p'; 2_000]).expect("write a picture");
    }
    let keys = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").expect("a folder");
    let key = made_by_gpg(keys.path(), "ed25519", "cv25519");
    let bytes = fs::metadata(shop.path().join("db/shop.sqlite")).expect("a database").len();
    println!(
        "{orders} orders, a database of {} MB, {goods} MB of digital goods, {pictures} pictures; medians of {rounds}\n",
        bytes >> 20
    );
    println!("| command | time | peak memory |\n|---|---|---|");
    let mut results = Vec::new();
    let mut record = |name: &str, home: &Path, arguments: &[&str]| {
        let (time, peak) = measure(name, home, arguments);
        let at = results.iter().position(|row: &Row| row.0 == name).unwrap_or_else(|| {
            results.push((name.to_owned(), Vec::new(), Vec::new()));
            results.len() - 1
        });
        results[at].1.push(time);
        results[at].2.push(peak);
    };
    let backup = shop.path().join("copy.tar");
    let restored = shop.path().join("restored");
    for _ in 0..rounds {
        let _ = fs::remove_file(&backup);
        let _ = fs::remove_dir_all(&restored);
        fs::create_dir(&restored).expect("make a folder");
        record("backup, not encrypted", shop.path(), &["backup", "copy.tar"]);
        record("restore", &restored, &["restore", "../copy.tar"]);
    }
    fs::write(shop.path().join("db/seller.asc"), key).expect("write the key");
    for _ in 0..rounds {
        let _ = fs::remove_file(&backup);
        record("backup, encrypted", shop.path(), &["backup", "copy.tar"]);
    }
    for arguments in [
        &["orders", "--json"][..],
        &["orders", "--all"],
        &["orders", "export"],
        &["orders", "export", "--format", "json"],
        &["orders"],
        &["orders", "digest"],
        &["doctor"],
        &["doctor", "--deep"],
    ] {
        for _ in 0..rounds {
            record(&arguments.join(" "), shop.path(), arguments);
        }
    }
    for (name, times, peaks) in &results {
        println!("| {name} | {} ms | {} MB |", median(times), median(peaks) / 1_024);
    }
}

/// Name, times and peaks.
type Row = (String, Vec<u64>, Vec<u64>);

/// Units: milliseconds and kilobytes.
fn measure(name: &str, home: &Path, arguments: &[&str]) -> (u64, u64) {
    let output = Command::new("python3")
        .args(["-c", MEASURE, SHOP])
        .args(arguments)
        .current_dir(home)
        .stdout(Stdio::null())
        .output()
        .expect("python3");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let numbers = text.lines().last().unwrap_or_default().split_whitespace();
    let numbers: Vec<u64> = numbers.map(|word| word.parse().expect("a number")).collect();
    let [peak, time] = numbers[..] else { panic!("{name}: {text}") };
    // The doctor may complain about this machine.
    assert!(output.status.success() || arguments[0] == "doctor", "{name}: {text}");
    (time, peak)
}

fn fill(home: &Path, orders: u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection;
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(home.join("db/shop.sqlite"));
        let mut connection =
            sqlx::SqliteConnection::connect_with(&options).await.expect("the database");
        let mut tx = connection.begin().await.expect("a transaction");
        for statement in FILL {
            let statement = statement.replace("$ORDERS", &orders.to_string());
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .execute(&mut *tx)
                .await
                .expect("fill the database");
        }
        tx.commit().await.expect("commit");
        connection.close().await.expect("close");
    });
}
