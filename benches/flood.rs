//! One circuit floods the shop with 50 requests at once for a minute, while others buy: how many of 100 purchases succeed,
//! and how long the shop takes for each of their requests. Turn by turn with pages, searches, codes, carts and orders.
//!
//! Then the memory that connections take which send much and read nothing, and what a purchase takes meanwhile.
//!
//! `cargo bench --bench flood`. All on loopback: the shop listens on a unix socket behind tor's own lines, which this
//! program writes. About two minutes. `-- --seconds 10` for a short one, `-- --memory` for the second table alone.

mod parts;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parts::{SHOP, machine};

const N_FLOODERS: usize = 50;
const N_PURCHASES: usize = 100;
const CIRCUIT_A: u32 = 0xa;
const CIRCUIT_B: u32 = 0xb000;
/// One circuit may have at most this many unpaid orders.
const ORDERS_OF_CIRCUIT: u32 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let seconds = arguments
        .iter()
        .position(|argument| argument == "--seconds")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(60);
    println!("{}\n", machine());
    if !arguments.iter().any(|argument| argument == "--memory") {
        measure_fairness(seconds);
    }
    measure_memory();
}

fn circuit_b(purchase: u32) -> u32 {
    CIRCUIT_B + purchase / ORDERS_OF_CIRCUIT
}

fn measure_fairness(seconds: u64) {
    println!(
        "| | purchases that succeeded | B's requests | median | p95 | slowest | A's requests | of them answered | refused | broken off |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on this disk");
    let shop = FloodedShop::open(home.path());
    let quiet = measure(&shop, Duration::ZERO, circuit_b);
    println!("| without a flood | {quiet}");
    drop(shop);
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on this disk");
    let shop = FloodedShop::open(home.path());
    let time = Duration::from_secs(seconds);
    println!(
        "| {seconds} s of flood, ten purchases on each circuit | {}",
        measure(&shop, time, circuit_b)
    );
    drop(shop);
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on this disk");
    let shop = FloodedShop::open(home.path());
    // Each buyer comes on a circuit of its own, as behind Tor.
    let row = measure(&shop, Duration::from_secs(seconds.min(20)), |n| 1_000 + n);
    println!("| {} s of flood, 100 buyers on circuits of their own | {row}", seconds.min(20));
}

/// A row for each way of taking memory: what the shop holds when idle, at most, and ten seconds after the last connection
/// has ended; and the purchases of others meanwhile.
fn measure_memory() {
    println!(
        "\n| connections that read nothing | idle | at most | 10 s later | purchases | slowest of their answers |"
    );
    println!("|---|---|---|---|---|---|");
    let get = "GET /product HTTP/1.1\r\nHost: shop\r\n\r\n";
    let form = |head: usize| {
        format!(
            "POST /checkout HTTP/1.1\r\nHost: shop\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 65536\r\n\r\n{}",
            "y".repeat(head),
            "x".repeat(65_000)
        )
    };
    let one = |_| CIRCUIT_A;
    let many = |n| 10_000 + n / 3;
    measure_deaf("64 on one circuit, 5,000 requests each", 64, one, &get.repeat(5_000));
    measure_deaf("3,000 on 1,000 circuits, 50 requests each", 3_000, many, &get.repeat(50));
    measure_deaf("3,000 with a head of 109 KB and a body of 64 KB", 3_000, many, &form(109 * 1024));
    measure_deaf("3,000 with a head of 15 KB and a body of 64 KB", 3_000, many, &form(15 * 1024));
    let half = format!("GET / HTTP/1.1\r\nCookie: {}", "y".repeat(15_000));
    measure_deaf("3,000 with a head of 15 KB that does not end", 3_000, many, &half);
}

fn measure_deaf(name: &str, n: u32, circuit: impl Fn(u32) -> u32, bytes: &str) {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on this disk");
    let shop = FloodedShop::open(home.path());
    let mut times = Vec::new();
    let (mut n_bought, mut n_tries) = (0, 0);
    let mut buys = |circuit| {
        let mut buyer = Visitor::new(&shop, circuit);
        n_tries += 1;
        n_bought += usize::from(buyer.buys());
        times.extend(buyer.times);
    };
    buys(1);
    let idle = shop.memory("VmRSS:");
    let mut deaf = Vec::new();
    for n in 0..n {
        let mut stream = UnixStream::connect(&shop.door).expect("the shop listens");
        stream.set_nonblocking(true).expect("a socket");
        let _ = stream.write_all((tors_line(circuit(n)) + bytes).as_bytes());
        deaf.push(stream);
        if n % 300 == 299 {
            buys(2_000_000 + n);
        }
    }
    for n in 0..20 {
        buys(3_000_000 + n);
    }
    let most = shop.memory("VmHWM:");
    drop(deaf);
    std::thread::sleep(Duration::from_secs(10));
    buys(4_000_000);
    let later = shop.memory("VmRSS:");
    let slowest = times.iter().max().expect("somebody bought");
    println!(
        "| {name} | {idle} MB | {most} MB | {later} MB | {n_bought} of {n_tries} | {} ms |",
        slowest.as_millis()
    );
}

fn tors_line(circuit: u32) -> String {
    let (high, low) = (circuit >> 16, circuit & 0xffff);
    format!("PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 1 80\r\n")
}

/// A shop behind a socket, with 500 products and much tea.
struct FloodedShop {
    child: Child,
    door: String,
}

impl FloodedShop {
    fn open(home: &Path) -> Self {
        let mut text = String::from(
            "{\"wallets\": {\"_model\": \"Wallet\", \"eth\": {\"currency\": \"ETH\", \"xpub\": \
            \"xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP\"}}, \
            \"products\": {\"_model\": \"Product\", \"tea\": {\"name\": \"Tea\", \"quantity\": 100000, \
            \"prices\": [{\"price\": 1000000, \"wallet\": \"->wallets.eth\"}]}",
        );
        for n in 0..500 {
            text.push_str(&format!(
                ", \"p{n}\": {{\"name\": \"Thing number {n}\", \"description\": \"A thing\", \"quantity\": 10, \"prices\": [{{\"price\": 1000000, \"wallet\": \"->wallets.eth\"}}]}}"
            ));
        }
        text.push_str("}}");
        fs::create_dir_all(home.join("db")).expect("make db");
        fs::write(home.join("db/data.json"), text).expect("write the catalog");
        let mut child = Command::new(SHOP)
            .args(["serve", "--listen", "unix:door", "--circuit-id", "haproxy"])
            // Those who buy are asked for no picture.
            .args(["--siege-orders", "1000000"])
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("start the shop");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        while !lines.next().expect("the shop opens").expect("a line").contains("is open at") {}
        std::thread::spawn(move || lines.count());
        Self { child, door: home.join("door").display().to_string() }
    }
}

impl FloodedShop {
    /// Units: MB. Source: proc_pid_status(5).
    fn memory(&self, name: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the shop runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says it");
        let number = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        number.expect("a number") / 1024
    }
}

impl Drop for FloodedShop {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Floods for so long, and buys meanwhile; a row of the table.
fn measure(shop: &FloodedShop, time: Duration, circuit: impl Fn(u32) -> u32) -> String {
    let is_over = AtomicBool::new(false);
    let counts = Mutex::new([0_usize; 3]);
    let mut times = Vec::new();
    let mut n_bought = 0;
    std::thread::scope(|scope| {
        if !time.is_zero() {
            for n in 0..N_FLOODERS {
                let (is_over, counts) = (&is_over, &counts);
                scope.spawn(move || flood(shop, n, is_over, counts));
            }
        }
        let begun = Instant::now();
        for n in 0..N_PURCHASES {
            // Spread over the whole flood.
            let due = time * u32::try_from(n).expect("small")
                / u32::try_from(N_PURCHASES).expect("small");
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            let mut buyer = Visitor::new(shop, circuit(u32::try_from(n).expect("small")));
            n_bought += usize::from(buyer.buys());
            times.extend(buyer.times);
        }
        std::thread::sleep(time.saturating_sub(begun.elapsed()));
        is_over.store(true, Relaxed);
    });
    times.sort();
    let [answered, refused, broken] = *counts.lock().expect("no flooder panics");
    let ms = |time: Duration| format!("{}.{} ms", time.as_millis(), time.as_micros() / 100 % 10);
    format!(
        "{n_bought} of {N_PURCHASES} | {} | {} | {} | {} | {} | {answered} | {refused} | {broken} |",
        times.len(),
        ms(times[times.len() / 2]),
        ms(times[times.len() * 95 / 100]),
        ms(times[times.len() - 1]),
        answered + refused + broken
    )
}

fn flood(shop: &FloodedShop, n: usize, is_over: &AtomicBool, counts: &Mutex<[usize; 3]>) {
    let mut turn = n;
    while !is_over.load(Relaxed) {
        let mut visitor = Visitor::new(shop, CIRCUIT_A);
        turn += 1;
        let status = match turn % 5 {
            0 => visitor.ask("GET", "/", ""),
            1 => visitor.ask("GET", &format!("/search?q=thing+{turn}"), ""),
            2 => visitor.ask("POST", "/order", "code=one+two+three"),
            3 => visitor.ask("POST", "/cart", "product=tea&quantity=1"),
            _ => visitor.ask("POST", "/checkout/place", "draft=A"),
        };
        let kind = match status.map(|(status, _)| status) {
            Some(429 | 503) => 1,
            Some(_) => 0,
            None => 2,
        };
        counts.lock().expect("no flooder panics")[kind] += 1;
    }
}

struct Visitor<'a> {
    shop: &'a FloodedShop,
    circuit: u32,
    cookies: BTreeMap<String, String>,
    times: Vec<Duration>,
}

impl<'a> Visitor<'a> {
    fn new(shop: &'a FloodedShop, circuit: u32) -> Self {
        Self { shop, circuit, cookies: BTreeMap::new(), times: Vec::new() }
    }

    /// The whole purchase, with the pages that a buyer sees on the way.
    fn buys(&mut self) -> bool {
        let is = |answer: Option<(u16, String)>, status: u16| {
            answer.filter(|(answered, _)| *answered == status).map(|(_, text)| text)
        };
        let mut steps = || -> Option<()> {
            is(self.ask("GET", "/", ""), 200)?;
            let page = is(self.ask("GET", "/product/tea", ""), 200)?;
            let token = page.split("name=\"token\" value=\"").nth(1)?.split('"').next()?.to_owned();
            is(self.ask("POST", "/cart", &format!("token={token}&product=tea&quantity=1")), 303)?;
            is(self.ask("GET", "/cart", ""), 200)?;
            is(self.ask("GET", "/checkout", ""), 200)?;
            let form = format!(
                "token={token}&recipient=Ada+Byron&street=12+St+James%27s+Square&city=London&province=Greater+London&country=United+Kingdom&postcode=SW1Y+4JH"
            );
            let review = is(self.ask("POST", "/checkout", &form), 200)?;
            let draft = review.split("name=\"draft\" value=\"").nth(1)?.split('"').next()?;
            let form = form_urlencoded::Serializer::new(format!("token={token}"))
                .append_pair("draft", draft)
                .finish();
            is(self.ask("POST", "/checkout/place", &form), 303)?;
            let order = is(self.ask("GET", "/order", ""), 200)?;
            order.contains("data-state=\"awaiting\"").then_some(())
        };
        steps().is_some()
    }

    fn ask(&mut self, method: &str, path: &str, form: &str) -> Option<(u16, String)> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = format!(
            "{}{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n",
            tors_line(self.circuit)
        );
        if !cookies.is_empty() {
            request.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        if method == "POST" {
            request.push_str(&format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            ));
        }
        request.push_str("\r\n");
        request.push_str(form);
        let started = Instant::now();
        let mut stream = UnixStream::connect(&self.shop.door).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        self.times.push(started.elapsed());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let head = text.split("\r\n\r\n").next()?;
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, rest) = line.split_once('=')?;
            let value = rest.split(';').next()?;
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, text))
    }
}
