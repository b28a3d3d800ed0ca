//! Limits of downloads: their number, their days, what breaks off, and the memory they take.

use std::fs;
use std::io::{Read, Write};

use serde_json::json;

use crate::digital::{SIZE, buys, goods, shop_of};
use crate::flood::peak_mb;
use crate::world::{Buyer, Connection, connect};

#[test]
fn downloads_end_after_their_number_and_their_days() {
    let mut goods = goods();
    goods["products"]["guide"]["downloads"] = json!(2);
    goods["products"]["guide"]["download_days"] = json!(3);
    let world = shop_of(&goods, &[]);
    let (mut buyer, order_ref) = buys(&world, &["guide"]);
    world.says(&["orders", "paid", &order_ref]);
    assert!(buyer.get("/order").text().contains("2 downloads left"));
    let path = "/order/download/0";
    let half = format!("bytes={}-", SIZE / 2);
    assert_eq!(buyer.request("HEAD", path, &[], b"").status, 200);
    for expected in ["1 download left", "no longer available"] {
        assert_eq!(buyer.get(path).bytes.len(), SIZE);
        assert!(buyer.get("/order").text().contains(expected), "{expected}");
    }
    assert_eq!(buyer.get(path).status, 410);
    // What broke off can be continued, but not without end.
    assert_eq!(buyer.request("GET", path, &[("Range", half.as_str())], b"").status, 206);
    assert_eq!(buyer.request("GET", path, &[("Range", half.as_str())], b"").status, 206);
    assert_eq!(buyer.request("GET", path, &[("Range", half.as_str())], b"").status, 410);
    // Each file has its own number.
    assert_eq!(buyer.get("/order/download/1").status, 200);

    world.sql("update deliveries set since = since - 4 * 86400");
    assert_eq!(buyer.get("/order/download/1").status, 410);
    assert!(!buyer.get("/order").text().contains("/order/download/1"));
}

#[test]
fn a_download_counts_although_it_is_broken_off() {
    let mut goods = goods();
    goods["products"]["guide"]["downloads"] = json!(1);
    // The socket holds less than what is counted at once, so the shop has sent little when the buyer leaves.
    let world = shop_of(&goods, &[("LISTEN", "unix:door")]);
    let (mut buyer, order_ref) = buys(&world, &["guide"]);
    world.says(&["orders", "paid", &order_ref]);
    for _ in 0..3 {
        let mut start = vec![0; 100_000];
        begin(&buyer, "/order/download/0").read_exact(&mut start).unwrap();
        assert!(start.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(buyer.get("/order/download/0").status, 410);
}

#[test]
fn downloads_are_not_promised_for_longer_than_the_order_is_kept() {
    let mut goods = goods();
    goods["products"]["guide"]["download_days"] = json!(30);
    let world = shop_of(&goods, &[("KEEP_DAYS", "30")]);
    let (mut buyer, order_ref) = buys(&world, &["guide"]);
    world.says(&["orders", "paid", &order_ref]);
    let mut shown = || {
        let page = buyer.get("/order").text();
        world.sql("update deliveries set since = since - 86400");
        page.split("until ").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    // The order is erased a day before its downloads would be over.
    let (at_first, a_day_less, two_less) = (shown(), shown(), shown());
    assert!(at_first == a_day_less && a_day_less != two_less, "{at_first} {a_day_less} {two_less}");
}

#[test]
fn the_seller_lets_files_be_downloaded_again() {
    let mut goods = goods();
    goods["products"]["guide"]["downloads"] = json!(1);
    let world = shop_of(&goods, &[]);
    let (mut buyer, order_ref) = buys(&world, &["guide"]);
    assert!(!world.shop(&["orders", "downloads", &order_ref]).status.success());
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(buyer.get("/order/download/0").status, 200);
    assert_eq!(buyer.get("/order/download/0").status, 410);
    assert!(world.says(&["orders", "downloads", &order_ref]).contains("2 files"));
    assert_eq!(buyer.get("/order/download/0").status, 200);
}

/// Asks for a file, and reads nothing yet.
fn begin(buyer: &Buyer, path: &str) -> Box<dyn Connection> {
    let cookies: Vec<String> =
        buyer.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut stream = connect(&buyer.address);
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\n\r\n",
        buyer.host,
        cookies.join("; ")
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Reads a whole answer in pieces, and returns how many bytes of a body came.
fn drain(buyer: &Buyer, path: &str) -> u64 {
    let mut stream = begin(buyer, path);
    let (mut space, mut n_bytes, mut is_body) = (vec![0; 1 << 20], 0, false);
    loop {
        let n = stream.read(&mut space).unwrap();
        if n == 0 {
            return n_bytes;
        }
        let mut bytes = &space[..n];
        if !is_body {
            // The head arrives in one write.
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            assert!(bytes.starts_with(b"HTTP/1.1 200"));
            (bytes, is_body) = (&bytes[end + 4..], true);
        }
        n_bytes += u64::try_from(bytes.len()).unwrap();
    }
}

#[test]
fn a_gigabyte_twice_at_once_takes_at_most_16_megabytes() {
    const SIZE: u64 = 1 << 30;
    let world = shop_of(&goods(), &[]);
    let (mut buyer, order_ref) = buys(&world, &["guide"]);
    world.says(&["orders", "paid", &order_ref]);
    assert_eq!(buyer.get("/order/download/0").status, 200);
    // Its bytes are all zero, and take no space on the disk.
    fs::File::create(world.path("db/files/guide.pdf")).unwrap().set_len(SIZE).unwrap();
    let before = peak_mb(world.pid());
    std::thread::scope(|scope| {
        let downloads = [0; 2].map(|_| scope.spawn(|| drain(&buyer, "/order/download/0")));
        for download in downloads {
            assert_eq!(download.join().unwrap(), SIZE);
        }
    });
    let more = peak_mb(world.pid()) - before;
    assert!(more <= 16, "{more} MB more than {before}");
}
