//! How long it takes to make 10,000 addresses of each kind: `cargo bench --bench derive`. The limit is one second.

use std::hint::black_box;
use std::time::Instant;

use shop::domain::payment::{Coin, ExtendedPubkey};

/// Public test keys: `test test … junk` for Ethereum, `abandon … about` for Bitcoin.
const KEYS: [(&str, &str); 5] = [
    (
        "ETH",
        "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP",
    ),
    (
        "BTC, 1…",
        "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj",
    ),
    (
        "BTC, 3…",
        "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP",
    ),
    (
        "BTC, bc1q…",
        "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs",
    ),
    (
        "BTC, bc1p…",
        "tr(xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ/0/*)",
    ),
];

const N: u32 = 10_000;
const LIMIT_MS: u128 = 1_000;

fn main() {
    // Whether everything runs at all: `cargo test --benches`.
    let (n, rounds) = if std::env::args().any(|word| word == "--bench") { (N, 5) } else { (10, 1) };
    let mut is_slow = false;
    for (name, text) in KEYS {
        let coin = if name == "ETH" { Coin::Ether { chain: 1 } } else { Coin::BITCOIN };
        let mut times: Vec<u128> = (0..rounds)
            .map(|_| {
                let started = Instant::now();
                let key = ExtendedPubkey::parse(&coin, text).expect("it is an account key");
                for index in 0..n {
                    black_box(key.address(index));
                }
                started.elapsed().as_micros()
            })
            .collect();
        times.sort_unstable();
        let median_ms = times[times.len() / 2] / 1_000;
        println!(
            "{name:<12} {n} addresses: median {median_ms} ms, {} us each; limit {LIMIT_MS} ms, ratio {}.{:02}",
            times[times.len() / 2] / u128::from(n),
            median_ms / LIMIT_MS,
            median_ms % LIMIT_MS / 10
        );
        is_slow |= LIMIT_MS < median_ms;
    }
    assert!(!is_slow, "slower than the limit");
}
