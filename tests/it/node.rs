//! A real Ethereum node, its blocks made by hand: what a scan sees.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use shop::domain::payment::{Address, Coin, Depth, Observation, ScanResult, WatchedInvoice};
use shop::domain::values::{Amount, NodeUrl, ProxyUrl, Timestamp};
use shop::infra::node::{Ethereum, NodeError, RpcClient, ScanInput};

const ANVIL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/bin/anvil");
const CHAIN: u64 = 31_337;
const COIN: Coin = Coin::Ether { chain: CHAIN };
/// One of anvil's own, with coins on it.
const RICH: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
/// Answers 5,000,000 to whatever it is asked: PUSH3, MSTORE, RETURN of a word.
const TOKEN_CODE: &str = "0x624c4b4060005260206000f3";
const TOKEN: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

struct Chain {
    process: Child,
    url: NodeUrl,
    rpc: RpcClient,
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::new(i64::try_from(since.as_secs()).unwrap()).unwrap()
}

impl Chain {
    async fn new() -> Self {
        let port = free_port();
        let process = Command::new(ANVIL)
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--no-mining"])
            .args(["--slots-in-an-epoch", "4", "--silent", "--chain-id", &CHAIN.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .expect("scripts/install-test-tools installs anvil");
        let url = NodeUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let chain = Self { process, rpc: RpcClient::open(&url, None).unwrap(), url };
        for _ in 0..500 {
            if chain.rpc.call("eth_chainId", json!([])).await.is_ok() {
                chain.mine(20).await;
                return chain;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("anvil does not answer");
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        self.rpc.call(method, params).await.unwrap()
    }

    async fn mine(&self, n: u64) {
        self.call("anvil_mine", json!([n])).await;
    }

    async fn pay(&self, to: &Address, gwei: u128) -> String {
        self.send(RICH, to, gwei).await
    }

    async fn send(&self, from: &str, to: &Address, gwei: u128) -> String {
        let value = format!("0x{:x}", gwei * 1_000_000_000);
        let params = json!([{"from": from, "to": to.as_str(), "value": value, "gas": "0x5208"}]);
        self.call("eth_sendTransaction", params).await.as_str().unwrap().to_owned()
    }

    fn ethereum(&self) -> Ethereum {
        Ethereum::open(RpcClient::open(&self.url, None).unwrap(), 1_000_000)
    }

    async fn scan(
        &self,
        invoices: &[WatchedInvoice],
        state: Option<&str>,
    ) -> Result<ScanResult, NodeError> {
        self.ethereum().scan(input(invoices, state, now())).await
    }
}

fn input<'a>(
    invoices: &'a [WatchedInvoice],
    state: Option<&'a str>,
    now: Timestamp,
) -> ScanInput<'a> {
    ScanInput { invoices, state, now, trusted: now }
}

fn address(n: u64) -> Address {
    Address::parse(&COIN, &format!("0x{:040x}", n + 0x1000_0000)).unwrap()
}

fn invoice(id: i64, depth: Depth) -> WatchedInvoice {
    WatchedInvoice {
        id,
        coin: COIN,
        address: address(u64::try_from(id).unwrap()),
        amount: Amount::new(1_000_000).unwrap(),
        has_own_address: true,
        depth,
        placed_on: Timestamp::new(0).unwrap(),
        last: None,
    }
}

/// What the shop does between two scans.
fn store_observations(invoices: &mut [WatchedInvoice], scan: &ScanResult) {
    for invoice in invoices {
        if let Some((_, observation)) = scan.observations.iter().find(|(id, _)| *id == invoice.id) {
            invoice.last = Some(*observation);
        }
    }
}

/// Seen, settled, confirmations, needed.
fn figures(invoice: &WatchedInvoice) -> (i64, i64, u32, u32) {
    let Observation { seen, settled, confirmations, needed, .. } = invoice.last.unwrap();
    (seen.get(), settled.get(), confirmations, needed)
}

#[actix_web::test]
async fn payments_are_seen_confirmed_and_reversed() {
    let chain = Chain::new().await;
    let mut all =
        [invoice(1, Depth::Blocks(3)), invoice(2, Depth::Final), invoice(3, Depth::Blocks(1))];
    let scan = chain.scan(&all, None).await.unwrap();
    store_observations(&mut all, &scan);
    assert_eq!(figures(&all[0]), (0, 0, 0, 3));
    assert_eq!(figures(&all[1]), (0, 0, 0, 9));

    for invoice in &all {
        chain.pay(&invoice.address, 1_000_000).await;
    }
    let mut state = scan.state;
    let mut read = Vec::new();
    for _ in 0..9 {
        chain.mine(1).await;
        let scan = chain.scan(&all, Some(&state)).await.unwrap();
        store_observations(&mut all, &scan);
        state = scan.state;
        read.push((
            figures(&all[0]).1,
            figures(&all[0]).2,
            figures(&all[1]).1,
            figures(&all[1]).2,
            figures(&all[2]).1,
        ));
    }
    let full = 1_000_000;
    assert_eq!(read[0], (0, 1, 0, 1, full));
    assert_eq!(read[1], (0, 2, 0, 2, full));
    assert_eq!(read[2], (full, 3, 0, 3, full));
    assert_eq!(read[7], (full, 8, 0, 8, full));
    assert_eq!(read[8], (full, 9, full, 9, full));

    // More comes, and a reorganisation takes it back at every depth short of what is final.
    for depth in 1..=5_u64 {
        chain.pay(&all[0].address, 50).await;
        chain.mine(depth).await;
        let scan = chain.scan(&all, Some(&state)).await.unwrap();
        store_observations(&mut all, &scan);
        assert_eq!(figures(&all[0]).0, full + 50, "{depth}");
        assert_eq!(figures(&all[0]).1, if depth < 3 { full } else { full + 50 }, "{depth}");
        chain.call("anvil_reorg", json!([depth, []])).await;
        let scan = chain.scan(&all, Some(&scan.state)).await.unwrap();
        store_observations(&mut all, &scan);
        assert_eq!((figures(&all[0]).0, figures(&all[0]).1), (full, full), "{depth}");
        state = scan.state;
        // anvil keeps what was undone for the next block; an empty one of ours follows it.
        chain.call("anvil_dropAllTransactions", json!([])).await;
    }
    chain.call("anvil_reorg", json!([12, []])).await;
    let error = chain.scan(&all, Some(&state)).await.unwrap_err();
    assert!(matches!(error, NodeError::LostBlock { .. }), "{error}");
}

#[actix_web::test]
async fn swept_payments_stay_paid_and_an_unseen_sweep_is_reported() {
    let chain = Chain::new().await;
    let mut all = [invoice(1, Depth::Blocks(3)), invoice(2, Depth::Blocks(3))];
    let first = chain.scan(&all, None).await.unwrap();
    store_observations(&mut all, &first);
    chain.pay(&all[0].address, 1_000_000).await;
    chain.mine(3).await;
    let scan = chain.scan(&all, Some(&first.state)).await.unwrap();
    store_observations(&mut all, &scan);
    assert_eq!(figures(&all[0]).1, 1_000_000);

    let back = Address::parse(&COIN, RICH).unwrap();
    for invoice in &all {
        chain.call("anvil_impersonateAccount", json!([invoice.address.as_str()])).await;
    }
    chain.pay(&all[1].address, 1_000_000).await;
    chain.mine(1).await;
    for invoice in &all {
        chain.send(invoice.address.as_str(), &back, 500_000).await;
    }
    chain.mine(1).await;
    chain.mine(300).await;
    let scan = chain.scan(&all, Some(&scan.state)).await.unwrap();
    store_observations(&mut all, &scan);
    assert_eq!((figures(&all[0]).0, figures(&all[0]).1), (1_000_000, 1_000_000));
    assert!(!all[0].last.unwrap().is_moved);
    // It came and went between two scans.
    assert!(all[1].last.unwrap().is_moved);
    assert!(figures(&all[1]).1 < 1_000_000);
    assert_eq!(
        chain
            .ethereum()
            .list_used(&COIN, &[all[0].address.clone(), address(77), back])
            .await
            .unwrap(),
        [true, false, true]
    );
}

#[actix_web::test]
async fn a_token_is_counted_by_its_contract() {
    let chain = Chain::new().await;
    chain.call("anvil_setCode", json!([TOKEN, TOKEN_CODE])).await;
    chain.mine(1).await;
    let coin = Coin::Token { chain: CHAIN, contract: TOKEN.to_owned(), decimals: 6 };
    let mut all: Vec<WatchedInvoice> = (1..=700).map(|id| invoice(id, Depth::Blocks(1))).collect();
    for invoice in all.iter_mut().step_by(2) {
        invoice.coin = coin.clone();
    }
    let scan = chain.scan(&all, None).await.unwrap();
    store_observations(&mut all, &scan);
    assert!(all.iter().step_by(2).all(|invoice| figures(invoice).1 == 5_000_000_000));
    assert!(all.iter().skip(1).step_by(2).all(|invoice| figures(invoice).1 == 0));

    // Where no contract stands, nothing is decided.
    all[0].coin = Coin::Token {
        chain: CHAIN,
        contract: "0x52908400098527886E0F7030069857D2E4169EE7".to_owned(),
        decimals: 6,
    };
    let error = chain.scan(&all, None).await.unwrap_err();
    assert!(error.to_string().contains("is the token's contract"), "{error}");
}

#[actix_web::test]
async fn payments_to_a_shared_address_are_identified_by_exact_amounts() {
    let chain = Chain::new().await;
    let place = address(500);
    let mut all: Vec<WatchedInvoice> = (1..=3).map(|id| invoice(id, Depth::Blocks(3))).collect();
    for (invoice, amount) in all.iter_mut().zip([1_000_000, 1_000_001, 1_000_002]) {
        invoice.address = place.clone();
        invoice.amount = Amount::new(amount).unwrap();
        invoice.has_own_address = false;
    }
    let mut state = chain.scan(&all, None).await.unwrap().state;
    chain.pay(&place, 1_000_001).await;
    chain.pay(&place, 999_999).await;
    chain.mine(2).await;
    let scan = chain.scan(&all, Some(&state)).await.unwrap();
    store_observations(&mut all, &scan);
    assert_eq!(figures(&all[0]), (0, 0, 0, 3));
    assert_eq!(figures(&all[1]), (1_000_001, 0, 2, 3));
    chain.mine(600).await;
    chain.pay(&place, 1_000_002).await;
    chain.mine(1).await;
    let scan = chain.scan(&all, Some(&scan.state)).await.unwrap();
    store_observations(&mut all, &scan);
    assert_eq!(figures(&all[1]).1, 1_000_001);
    // 500 blocks per scan.
    assert_eq!(figures(&all[2]).0, 0);
    let scan = chain.scan(&all, Some(&scan.state)).await.unwrap();
    store_observations(&mut all, &scan);
    assert_eq!(figures(&all[2]), (1_000_002, 0, 1, 3));
    chain.call("anvil_reorg", json!([1, []])).await;
    let scan = chain.scan(&all, Some(&scan.state)).await.unwrap();
    store_observations(&mut all, &scan);
    assert_eq!(figures(&all[2]), (0, 0, 0, 3));
    chain.mine(1).await;
    let scan = chain.scan(&all, Some(&scan.state)).await.unwrap();
    store_observations(&mut all, &scan);
    state = scan.state;
    assert_eq!(figures(&all[1]).1, 1_000_001);
    let scan = chain.scan(&all[..1], Some(&state)).await.unwrap();
    assert!(!scan.state.contains("\"id\":2"));
}

#[actix_web::test]
async fn another_chain_and_an_old_head_are_in_doubt() {
    let chain = Chain::new().await;
    let other = WatchedInvoice { coin: Coin::Ether { chain: 1 }, ..invoice(1, Depth::Final) };
    let error = chain.scan(&[other], None).await.unwrap_err();
    assert!(matches!(error, NodeError::WrongChain { .. }), "{error}");

    let invoices = [invoice(1, Depth::Final)];
    let state = chain.scan(&invoices, None).await.unwrap().state;
    let genesis = serde_json::from_str::<Value>(&state).unwrap()["genesis"].clone();
    let other = state.replace(genesis.as_str().unwrap(), &format!("0x{}", "1".repeat(64)));
    let error = chain.scan(&invoices, Some(&other)).await.unwrap_err();
    assert!(matches!(error, NodeError::WrongGenesis { .. }), "{error}");

    let later = now().plus_minutes(4);
    let ethereum =
        Ethereum::open(RpcClient::open(&chain.url, None).unwrap(), Ethereum::OLDEST_HEAD);
    let error = ethereum.scan(input(&invoices, Some(&state), later)).await.unwrap_err();
    assert!(matches!(error, NodeError::Stale { .. }), "{error}");
    let url = NodeUrl::parse(&format!("http://127.0.0.1:{}", free_port())).unwrap();
    let gone = Ethereum::open(RpcClient::open(&url, None).unwrap(), 180);
    let error = gone.scan(input(&invoices, Some(&state), now())).await.unwrap_err();
    assert!(matches!(error, NodeError::Unreachable { .. }), "{error}");
}

/// A server that sends this answer, and returns the request.
fn broken(answer: Vec<u8>) -> (NodeUrl, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut request = Vec::new();
        let mut some = [0; 4096];
        while !String::from_utf8_lossy(&request).contains("jsonrpc") {
            match stream.read(&mut some) {
                Ok(n) if 0 < n => request.extend_from_slice(&some[..n]),
                _ => break,
            }
        }
        let _ = stream.write_all(&answer);
        String::from_utf8_lossy(&request).into_owned()
    });
    let url = format!("http://user:hunter2@127.0.0.1:{port}/key");
    (NodeUrl::parse(&url).unwrap(), serving)
}

#[actix_web::test]
async fn an_invalid_answer_is_an_error_that_shows_no_password() {
    let http = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let huge = {
        let mut all = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..40 {
            all.extend_from_slice(b"100000\r\n");
            all.resize(all.len() + 0x10_0000, b' ');
            all.extend_from_slice(b"\r\n");
        }
        all
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (http("200 OK", "no"), "not JSON"),
        (http("200 OK", "{}"), "invalid answer"),
        (http("200 OK", r#"{"id":0}"#), "invalid answer"),
        (http("200 OK", r#"{"id":7,"result":"0x1"}"#), "invalid answer"),
        (http("200 OK", r#"{"id":0,"result":1}"#), "invalid answer"),
        (http("200 OK", r#"[{"id":0,"result":"0x1"}]"#), "invalid answer"),
        (
            http(
                "200 OK",
                r#"{"id":0,"error":{"code":-32000,"message":"missing\u001b[2J trie node"}}"#,
            ),
            "missing[2J trie node (-32000)",
        ),
        (http("500 No", r#"{"id":0,"error":{"code":-5,"message":"gone"}}"#), "gone (-5)"),
        (http("401 No", ""), "password"),
        (http("502 No", "<html>"), "status 502"),
        (http("302 Away\r\nLocation: http://127.0.0.1:1/", "{}"), "status 302"),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), "does not answer"),
        (Vec::new(), "does not answer"),
        (huge, "more than 8 MB"),
    ];
    for (answer, words) in cases {
        let (url, serving) = broken(answer);
        let rpc = RpcClient::open(&url, None).unwrap();
        let error = Ethereum::open(rpc, 180).chain_id().await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(words), "{words}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("/key"), "{said}");
        let request = serving.join().unwrap();
        assert!(request.starts_with("POST /key HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Basic dXNlcjpodW50ZXIy"), "{request}");
    }
}

/// What a proxy received: the login, the target, the request.
type ProxyRecord = (Vec<u8>, Vec<u8>, String);

/// A proxy that records what it receives, and answers as the host behind it: its URL.
pub fn proxy(body: &'static str) -> (String, std::thread::JoinHandle<ProxyRecord>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut some = [0; 4096];
        let mut read = |stream: &mut std::net::TcpStream| {
            let n = stream.read(&mut some).unwrap();
            some[..n].to_vec()
        };
        read(&mut stream);
        stream.write_all(&[5, 2]).unwrap();
        let login = read(&mut stream);
        stream.write_all(&[1, 0]).unwrap();
        let target = read(&mut stream);
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        let request = String::from_utf8(read(&mut stream)).unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).unwrap();
        (login, target, request)
    });
    (format!("socks5h://127.0.0.1:{port}"), serving)
}

#[actix_web::test]
async fn a_far_node_is_reached_through_the_proxy_which_resolves_its_name() {
    let (proxy, serving) = proxy(r#"{"jsonrpc":"2.0","id":0,"result":"0x1"}"#);
    let proxy = ProxyUrl::parse(&proxy).unwrap();
    let far = NodeUrl::parse("http://abcdefgh.onion:8545").unwrap();
    let rpc = RpcClient::open(&far, Some(&proxy)).unwrap();
    assert_eq!(Ethereum::open(rpc, 180).chain_id().await.unwrap(), 1);
    let (login, target, request) = serving.join().unwrap();
    // A circuit of its own: user and password are this node's.
    assert!(String::from_utf8_lossy(&login).contains("abcdefgh.onion:8545"));
    assert_eq!(target[..5], [5, 1, 0, 3, 14]);
    assert_eq!(&target[5..19], b"abcdefgh.onion");
    assert!(request.contains("host: abcdefgh.onion:8545\r\n"), "{request}");

    for text in ["http://abcdefgh.onion", "https://node.example", "http://node.example"] {
        let error = RpcClient::open(&NodeUrl::parse(text).unwrap(), None).err().unwrap();
        assert!(matches!(error, NodeError::NoProxy { .. }), "{error}");
    }
}
