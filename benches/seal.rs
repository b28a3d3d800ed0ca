//! What a message costs that is sealed to the seller's key, over the same in plain text. CPU of one thread, medians.
//!
//! `cargo bench --bench seal`. Needs gpg, which makes the keys.

mod parts;

use std::time::Instant;

use lettre::Message;
use lettre::message::header::ContentType;
use parts::{machine, made_by_gpg};
use shop::domain::values::Timestamp;
use shop::infra::mail::{SellerKey, sealed_message};

const ROUNDS: usize = 1_001;

fn main() {
    println!("{}\n", machine());
    println!("| key | plain, µs | sealed, µs | more, µs |\n|---|---|---|---|");
    let text = "  | 12 St James's Square, London SW1Y 4JH, United Kingdom, by post\n".repeat(30);
    let now = Timestamp::new(1_780_272_000).expect("a day of 2026");
    for (kind, part) in [("rsa3072", "rsa3072"), ("ed25519", "cv25519"), ("nistp256", "nistp256")] {
        let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").expect("a folder");
        let key = SellerKey::parse(&made_by_gpg(home.path(), kind, part), now).expect("a key");
        let plain = median(|| {
            let message = outer().header(ContentType::TEXT_PLAIN).body(text.clone());
            message.expect("a message").formatted()
        });
        let sealed = median(|| {
            let message = sealed_message(outer(), &key, "New order", &text, None, now);
            message.expect("a message").formatted()
        });
        println!("| {kind}/{part} | {plain} | {sealed} | {} |", sealed - plain);
    }
}

fn outer() -> lettre::message::MessageBuilder {
    Message::builder()
        .from("order+AB12@shop.invalid".parse().expect("an address"))
        .to("root@localhost".parse().expect("an address"))
        .subject("New order AB12")
        .date(std::time::UNIX_EPOCH)
}

/// Units: microseconds.
fn median(make: impl Fn() -> Vec<u8>) -> u128 {
    let mut times: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(make());
            started.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}
