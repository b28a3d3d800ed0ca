//! Time and memory of the commands that read all of a shop: backup, restore, the lists of orders, the doctor.
//!
//! `cargo bench --bench large`. `ORDERS=1000000`, `GOODS_MB=1024`, `PICTURES=100000` and `ROUNDS=3` set the size of the shop,
//! megabytes of digital goods, small files, and how often each command runs. Needs gpg and python3, and six times the space
//! of the shop below `target`.

mod parts;

use std::fs;
use std::fs::File;
use std::path::Path;

use parts::many_orders::{fill_orders, measure};
use parts::{large_home, machine, made_by_gpg, median};

fn main() {
    let size = |name: &str, usual: u64| {
        let text = std::env::var(name).unwrap_or_default();
        if text.is_empty() { usual } else { text.parse().expect("a number") }
    };
    let (orders, goods) = (size("ORDERS", 100_000), size("GOODS_MB", 256));
    let (pictures, rounds) = (size("PICTURES", 1_000), size("ROUNDS", 3));
    println!("{}\n", machine());
    let (shop, _) = large_home(10);
    fill_orders(shop.path(), orders);
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
