//! Clients that send much, send slowly, or never read a response.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::flood::{ALLOWED_MB, peak_mb, resident_mb};
use crate::world::{Buyer, World, catalog, tors_line};

/// A connection whose responses are never read.
struct Deaf {
    stream: Box<dyn Write + Send>,
    /// What is still to be sent.
    bytes: Vec<u8>,
    is_over: bool,
}

impl Deaf {
    /// `None`: the shop has no room for it.
    fn connect(address: &str, bytes: Vec<u8>) -> Option<Self> {
        let stream: Box<dyn Write + Send> = match address.strip_prefix("unix:") {
            Some(path) => {
                let stream = UnixStream::connect(path).ok()?;
                stream.set_nonblocking(true).ok()?;
                Box::new(stream)
            }
            None => {
                let stream = TcpStream::connect(address).ok()?;
                stream.set_nonblocking(true).ok()?;
                Box::new(stream)
            }
        };
        Some(Self { stream, bytes, is_over: false })
    }

    /// Sends what the shop accepts now.
    fn send(&mut self) {
        while !self.is_over && !self.bytes.is_empty() {
            match self.stream.write(&self.bytes) {
                Ok(n) => {
                    self.bytes.drain(..n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.is_over = true,
            }
        }
    }
}

/// A shop with a page of 190 KB.
fn shop(settings: &[(&str, &str)]) -> World {
    let mut world = World::closed(settings);
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(1000);
    fs::create_dir_all(world.path("db/pages")).unwrap();
    fs::write(world.path("db/data.json"), many.to_string()).unwrap();
    fs::write(world.path("db/pages/long.md"), "A long page. ".repeat(14_600)).unwrap();
    world.most_files = Some(8_192);
    world.open();
    world
}

const BEHIND_TOR: [(&str, &str); 2] = [("LISTEN", "unix:door"), ("CIRCUIT_ID", "haproxy")];

/// Loads a page, again if the shop is busy, as its page for that says.
#[track_caller]
fn loads(buyer: &mut Buyer, path: &str) {
    let mut status = 0;
    for _ in 0..6 {
        status = buyer.get(path).status;
        if status != 503 {
            break;
        }
    }
    assert_eq!(status, 200, "{path}");
}

#[track_caller]
fn buys(mut buyer: Buyer) {
    for path in ["/", "/product/green-tea"] {
        loads(&mut buyer, path);
    }
    // Requests that lead to an order have permits of their own, and never wait for those that only browse.
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.get("/checkout").status, 200);
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
}

/// While this many connections send bytes and read nothing, others can buy, and memory stays bounded.
///
/// `bytes`: what the connection of this number sends.
#[track_caller]
fn withstands(
    world: &World,
    address: &str,
    n_connections: u32,
    bytes: impl Fn(u32) -> Vec<u8>,
    mut buyer: impl FnMut() -> Buyer,
) {
    buys(buyer());
    let idle = resident_mb(world.pid());
    let mut attackers = Vec::new();
    for n in 0..n_connections {
        if let Some(mut attacker) = Deaf::connect(address, bytes(n)) {
            attacker.send();
            attackers.push(attacker);
        }
        // Earlier ones continue if the shop has read what they sent.
        if n % 500 == 499 {
            attackers.iter_mut().for_each(Deaf::send);
            buys(buyer());
        }
    }
    for _ in 0..3 {
        attackers.iter_mut().for_each(Deaf::send);
        buys(buyer());
    }
    let peak = peak_mb(world.pid());
    assert!(peak < idle + ALLOWED_MB, "{idle} MB when idle, {peak} MB in the flood");
}

fn pipelined(path: &str, n: usize) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(n).into_bytes()
}

/// Buyers behind Tor, each on a circuit of its own.
fn buyers(world: &World) -> impl FnMut() -> Buyer {
    let mut circuit = 1_000_000;
    move || {
        circuit += 1;
        world.buyer_on(circuit)
    }
}

fn behind_tor(circuit: u32, bytes: Vec<u8>) -> Vec<u8> {
    [tors_line(circuit).into_bytes(), bytes].concat()
}

#[test]
fn thousands_of_requests_without_a_reader_on_one_circuit() {
    let world = shop(&BEHIND_TOR);
    let send = |_| behind_tor(0xbad, pipelined("/", 5_000));
    withstands(&world, world.address(), 64, send, buyers(&world));
    let send = |_| behind_tor(0xbad, pipelined("/page/long", 5_000));
    withstands(&world, world.address(), 64, send, buyers(&world));
}

#[test]
fn thousands_of_requests_without_a_reader_over_tcp() {
    let world = shop(&[]);
    let send = |_| pipelined("/", 5_000);
    withstands(&world, world.address(), 30, send, || world.buyer());
    let send = |_| pipelined("/page/long", 5_000);
    withstands(&world, world.address(), 150, send, || world.buyer());
}

#[test]
fn large_answers_without_a_reader_on_many_circuits() {
    let world = shop(&BEHIND_TOR);
    let send = |n| behind_tor(n, pipelined("/page/long", 2));
    withstands(&world, world.address(), 700, send, buyers(&world));
}

#[test]
fn long_heads_and_bodies_on_many_circuits() {
    let world = shop(&BEHIND_TOR);
    let body = "x".repeat(64 * 1024);
    let post = |n: u32, head: usize| {
        let head = "y".repeat(head);
        let text = format!(
            "POST /checkout HTTP/1.1\r\nHost: localhost\r\nCookie: {head}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len() + 1
        );
        behind_tor(n / 3, text.into_bytes())
    };
    withstands(&world, world.address(), 3_000, |n| post(n, 109 * 1024), buyers(&world));
    withstands(&world, world.address(), 3_000, |n| post(n, 15 * 1024), buyers(&world));
}

#[test]
fn heads_that_never_end() {
    let world = shop(&BEHIND_TOR);
    let send = |n: u32| {
        behind_tor(n / 3, format!("GET / HTTP/1.1\r\nA: {}", "y".repeat(15_000)).into_bytes())
    };
    withstands(&world, world.address(), 3_000, send, buyers(&world));
    let tcp = shop(&[]);
    let send = |_| format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(90)).into_bytes();
    withstands(&tcp, tcp.address(), 3_000, send, || tcp.buyer());
}

#[test]
fn the_desk_keeps_to_the_same_bound() {
    let world = World::with_desk();
    let mut stranger = world.stranger_at_desk();
    let token = stranger.get("/login").token();
    let address = stranger.address.clone();
    let half = format!(
        "POST /login HTTP/1.1\r\nHost: {address}\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 1000000\r\n\r\ntoken={token}&password={}",
        stranger
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; "),
        "x".repeat(990_000)
    );
    let get = format!("GET /login HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(5_000);
    for send in [half, get] {
        withstands(&world, &address, 200, |_| send.clone().into_bytes(), || world.buyer());
    }
}

#[test]
fn nothing_is_answered_behind_the_last_answer() {
    let world = World::new();
    for first in [
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\r\n",
    ] {
        for second in ["GET / HTTP/0.1\r\n\r\n", "\0\r\n\r\n", first] {
            let mut stream = crate::world::connect(world.address());
            stream.write_all(format!("{first}{second}").as_bytes()).unwrap();
            let mut answers = Vec::new();
            stream.read_to_end(&mut answers).unwrap();
            let answers = String::from_utf8(answers).unwrap();
            assert!(answers.starts_with("HTTP/1."), "{answers}");
            assert_eq!(answers.matches("HTTP/1.").count(), 1, "{second:?}: {answers}");
        }
    }
}

#[test]
fn a_body_of_unknown_length_and_an_endless_head_are_refused() {
    let world = World::new();
    for (request, status) in [
        ("POST /cart HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n".to_owned(), 411),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n", "x".repeat(17_000)), 431),
        ("POST /cart HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\na=b".to_owned(), 400),
        ("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400),
    ] {
        let mut stream = crate::world::connect(world.address());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = crate::world::parse_answer(&answer);
        assert_eq!(answer.status, status);
        assert!(answer.header("content-security-policy").is_some());
    }
}
