//! A node's responses, over a real connection on loopback.
//!
//! The first byte chooses the coin and whether the answer is well wrapped; the rest is one result per line, in the order of
//! the questions: JSON as it is, or `!CODE WORDS` for a refusal. An answer that is missing is `null`.
#![no_main]

mod printable;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex, PoisonError};

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use shop::domain::payment::{Address, BitcoinLike, Coin, Depth, ScanResult, WatchedInvoice};
use shop::domain::values::{Amount, Currency, NodeUrl, Timestamp};
use shop::infra::node::{Bitcoin, Ethereum, Monero, NodeError, RpcClient, ScanInput};
use tokio::runtime::{Builder, Runtime};

const NOW: i64 = 1_800_000_000;
const MONERO: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";

/// The remaining answers, and whether they are sent unchanged.
static SCRIPT: Mutex<(Vec<Vec<u8>>, bool)> = Mutex::new((Vec::new(), false));

static URL: LazyLock<String> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("open a port");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(answer);
        }
    });
    url
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let mut lines: Vec<Vec<u8>> = rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.reverse();
    *SCRIPT.lock().unwrap_or_else(PoisonError::into_inner) = (lines, which / 4 % 2 == 1);
    let now = Timestamp::new(NOW).expect("it is a moment");
    let url = NodeUrl::parse(&URL).expect("it is an address");
    let rpc = RpcClient::open(&url, None).expect("it is near");
    let (invoices, result) = match which % 4 {
        0 | 1 => {
            let coin = Coin::parse(&currency("ETH"), None, None, None).expect("it is a coin");
            let watched = invoices(
                &coin,
                "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
                "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            );
            let node = Ethereum::open(rpc, Ethereum::OLDEST_HEAD);
            let result = RUNTIME.block_on(node.scan(input(&watched, now)));
            (watched, result)
        }
        2 => {
            let watched = invoices(
                &Coin::BITCOIN,
                "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
                "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
            );
            let bitcoin = &BitcoinLike::ALL[0];
            let node = Bitcoin::open(bitcoin, rpc).expect("its wallet has a usual name");
            let result = RUNTIME.block_on(node.scan(input(&watched, now)));
            (watched, result)
        }
        _ => {
            let watched = invoices(&Coin::Monero, MONERO, MONERO);
            let result = RUNTIME.block_on(Monero::open(rpc).scan(input(&watched, now)));
            (watched, result)
        }
    };
    check_scan(&invoices, result, now);
});

fn input(invoices: &[WatchedInvoice], now: Timestamp) -> ScanInput<'_> {
    ScanInput { invoices, state: None, now, trusted: now }
}

fn check_scan(invoices: &[WatchedInvoice], result: Result<ScanResult, NodeError>, now: Timestamp) {
    match result {
        Err(error) => printable::check_message(&error.to_string()),
        Ok(scan) => {
            let mut ids = Vec::new();
            for (id, observation) in &scan.observations {
                assert!(invoices.iter().any(|invoice| invoice.id == *id));
                assert!(!ids.contains(id), "one invoice is seen twice");
                ids.push(*id);
                assert!(observation.settled <= observation.seen, "more has settled than was seen");
            }
            assert!(0 <= scan.ahead);
            // Otherwise a node could make orders expire early.
            assert!(scan.time.get() <= now.get() + 2 * 60 * 60, "{}", scan.time.get());
            // The shop can read the scan state again.
            assert!(serde_json::from_str::<Value>(&scan.state).is_ok());
        }
    }
}

fn currency(name: &str) -> Currency {
    Currency::parse(name).expect("it is a currency")
}

/// One invoice alone on its address, and two that share another.
fn invoices(coin: &Coin, alone: &str, shared: &str) -> Vec<WatchedInvoice> {
    [(1, alone, true, 15_000_000), (2, shared, false, 20_000_010), (3, shared, false, 20_000_020)]
        .into_iter()
        .filter(|(_, address, has_own_address, _)| !*has_own_address || *address != shared)
        .map(|(id, address, has_own_address, amount)| WatchedInvoice {
            id,
            coin: coin.clone(),
            address: Address::parse(coin, address).expect("it is an address"),
            amount: Amount::new(amount).expect("it is an amount"),
            has_own_address,
            depth: Depth::Blocks(2),
            placed_on: Timestamp::new(NOW - 86_400).expect("it is a moment"),
            last: None,
        })
        .collect()
}

/// Reads one request, and answers it from the script.
fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = match serde_json::from_slice(&body)? {
        Value::Array(calls) => {
            let answers: Vec<Vec<u8>> = calls.iter().map(|call| result(&call["id"])).collect();
            [b"[", &*answers.join(&b","[..]), b"]"].concat()
        }
        call => result(&call["id"]),
    };
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut stream = reader.into_inner();
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

fn result(id: &Value) -> Vec<u8> {
    let mut script = SCRIPT.lock().unwrap_or_else(PoisonError::into_inner);
    let line = script.0.pop().unwrap_or_else(|| b"null".to_vec());
    if script.1 {
        return line;
    }
    if let Some(refusal) = line.strip_prefix(b"!") {
        let words = String::from_utf8_lossy(refusal);
        let (code, words) = words.split_once(' ').unwrap_or((&words, ""));
        let code: i64 = code.parse().unwrap_or(-1);
        let error = json!({"id": id, "error": {"code": code, "message": words}});
        return error.to_string().into_bytes();
    }
    [format!("{{\"id\":{id},\"result\":").as_bytes(), &line, b"}"].concat()
}
