//! How fast pages are served, against a bare actix-web handler that serves the same bytes from memory, on one core each;
//! how soon the shop is open and how much memory it takes.
//!
//! `cargo bench --bench pages`. Needs two cores, `taskset` (util-linux) and `wrk`, all on loopback. About two minutes.

mod parts;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, web};
use parts::{OpenShop, demo_home, get, machine, median};

const VISITOR: &str = "Cookie: visitor=0123456789abcdef0123456789abcdef\r\n";
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--bare") {
        return bare(&arguments[at + 1], &arguments[at + 2]);
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--late") {
        let rate = arguments[at + 4].parse().expect("a rate");
        return late(&arguments[at + 1], &arguments[at + 2], &arguments[at + 3], rate);
    }
    println!("{}\n", machine());
    let home = demo_home();
    start_and_memory(home.path());
    let shop = OpenShop::open(home.path(), "0");
    println!(
        "| page | encoding | bytes | bare, requests/s | shop, requests/s | ratio | p99 at half load |"
    );
    println!("|---|---|---|---|---|---|---|");
    for page in ["/", "/product/linen-notebook"] {
        for encoding in ["", "Accept-Encoding: gzip\r\n"] {
            against_bare(&shop, page, encoding);
        }
    }
}

fn start_and_memory(home: &std::path::Path) {
    let starts: Vec<Duration> =
        (0..ROUNDS).map(|_| OpenShop::open(home, "0,1").ready_after).collect();
    println!(
        "ready to serve after the start of the process: {} ms (median of {ROUNDS})",
        median(&starts).as_millis()
    );
    let shop = OpenShop::open(home, "0,1");
    std::thread::sleep(Duration::from_secs(1));
    println!("resident memory, idle: {} KB", shop.resident());
    for path in ["/", "/product", "/product/linen-notebook", "/search?q=tea", "/policy"] {
        get(&shop.address, path, "");
    }
    println!("resident memory after a few pages: {} KB\n", shop.resident());
}

/// The same bytes with the same headers from memory, and nothing else.
#[actix_web::main]
async fn bare(head: &str, body: &str) {
    let head = std::fs::read_to_string(head).expect("the head");
    let body = web::Bytes::from(std::fs::read(body).expect("the body"));
    let headers: Vec<(header::HeaderName, header::HeaderValue)> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| !["content-length", "connection", "set-cookie"].contains(name))
        .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
        .collect();
    let server = HttpServer::new(move || {
        let (headers, body) = (headers.clone(), body.clone());
        App::new().default_service(web::to(move || {
            let mut response = HttpResponse::Ok();
            for (name, value) in &headers {
                response.insert_header((name.clone(), value.clone()));
            }
            std::future::ready(response.body(body.clone()))
        }))
    })
    .bind("127.0.0.1:0")
    .expect("bind loopback");
    println!("{}", server.addrs()[0]);
    server.run().await.expect("serve");
}

fn against_bare(shop: &OpenShop, page: &str, encoding: &str) {
    let (head, body) = get(&shop.address, page, &format!("{VISITOR}{encoding}"));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (head_file, body_file) = (folder.path().join("head"), folder.path().join("body"));
    std::fs::write(&head_file, head).expect("keep the head");
    std::fs::write(&body_file, &body).expect("keep the body");
    let mut bare = Command::new("taskset")
        .args(["-c", "0"])
        .arg(std::env::current_exe().expect("this program"))
        .arg("--bare")
        .args([&head_file, &body_file])
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the bare server");
    let mut address = [0; 64];
    let n = bare.stdout.as_mut().expect("stdout is piped").read(&mut address).expect("the address");
    let address = String::from_utf8_lossy(&address[..n]).trim().to_owned();
    // Turn by turn, so that whatever else the machine does falls on both alike.
    let (mut of_bare, mut of_shop) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_bare.push(rate(&address, page, encoding));
        of_shop.push(rate(&shop.address, page, encoding));
    }
    bare.kill().expect("end the bare server");
    bare.wait().expect("the bare server has ended");
    let ratios: Vec<u64> =
        of_shop.iter().zip(&of_bare).map(|(shop, bare)| shop * 1_000 / bare).collect();
    let (bare, shop_rate) = (median(&of_bare), median(&of_shop));
    let late = latency(&shop.address, page, encoding, shop_rate / 2);
    println!(
        "| {page} | {} | {} | {bare} | {shop_rate} | 0.{:03} | {} µs |",
        if encoding.is_empty() { "none" } else { "gzip" },
        body.len(),
        median(&ratios),
        late.as_micros()
    );
}

/// Units: requests a second that `wrk` on the other core gets answered over 16 connections.
fn rate(address: &str, page: &str, encoding: &str) -> u64 {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "wrk", "-t1", "-c16", "-d2s", "-H", VISITOR.trim()]);
    if !encoding.is_empty() {
        command.args(["-H", encoding.trim()]);
    }
    let output = command.arg(format!("http://{address}{page}")).output().expect("start wrk");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find(|line| line.starts_with("Requests/sec"))
        .unwrap_or_else(|| panic!("wrk said {text}"));
    let whole = line.split_whitespace().nth(1).and_then(|number| number.split('.').next());
    whole.and_then(|number| number.parse().ok()).expect("a number")
}

/// The time within which 99 of 100 answers come, measured by a process of its own on the other core.
fn latency(address: &str, page: &str, encoding: &str, rate: u64) -> Duration {
    let output = Command::new("taskset")
        .args(["-c", "1"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--late", address, page, encoding, &rate.to_string()])
        .output()
        .expect("start the measuring process");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Duration::from_micros(text.trim().parse().unwrap_or_else(|_| panic!("a number, not {text:?}")))
}

/// Sends requests at a rate, whether or not the last was answered, and prints the 99th of 100 of the times that they
/// took, each measured from the moment at which it was due.
fn late(address: &str, page: &str, encoding: &str, rate: u64) {
    let each = Duration::from_nanos(1_000_000_000 / rate.max(1));
    let request = format!("GET {page} HTTP/1.1\r\nHost: {address}\r\n{VISITOR}{encoding}\r\n");
    let mut idle: Vec<TcpStream> =
        (0..32).map(|_| TcpStream::connect(address).expect("connect")).collect();
    let mut busy: Vec<(TcpStream, Duration, Vec<u8>)> = Vec::new();
    for stream in &idle {
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_nonblocking(true))
            .expect("set an option");
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    let mut n_sent = 0;
    while begin.elapsed() < Duration::from_secs(3) {
        let due = each * n_sent;
        if due <= begin.elapsed()
            && let Some(mut stream) = idle.pop()
        {
            stream.write_all(request.as_bytes()).expect("a short request fits into the socket");
            busy.push((stream, due, Vec::new()));
            n_sent += 1;
        }
        let mut n = 0;
        while n < busy.len() {
            let (stream, due, answer) = &mut busy[n];
            let mut part = [0; 16_384];
            match stream.read(&mut part) {
                Ok(read) => answer.extend_from_slice(&part[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            if is_whole(answer) {
                times.push(begin.elapsed() - *due);
                idle.push(busy.swap_remove(n).0);
            } else {
                n += 1;
            }
        }
    }
    times.sort();
    println!("{}", times[times.len() * 99 / 100].as_micros());
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]);
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    end + 4 + length.parse::<usize>().expect("a number") <= answer.len()
}
