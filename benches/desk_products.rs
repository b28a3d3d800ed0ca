//! The desk's products: how long the list and a form take among 10,000 products, what a change costs there, and what ten
//! pictures of a phone cost that come in one form.
//!
//! `cargo bench --bench desk_products`. Everything on loopback, about two minutes.

mod parts;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use parts::{large_home, machine, median};

const PASSWORD: &str = "cinder-otter-velvet-28-plum";
const N_PRODUCTS: usize = 10_000;
const ROUNDS: usize = 9;
/// Units: pixels of a phone's picture, 12 megapixels.
const WIDTH: u32 = 4_000;
const HEIGHT: u32 = 3_000;

fn main() {
    println!("{}\n", machine());
    let (home, _) = large_home(N_PRODUCTS);
    let mut desk = OpenDesk::open(home.path());
    println!("Among {N_PRODUCTS} products, median of {ROUNDS}:\n");
    println!("| page | time, ms |\n|---|---|");
    for path in [
        "/products",
        "/products?page=200",
        "/products?category=Kind+5&page=20",
        "/products?low=1",
        "/products?hidden=1",
        "/products?q=4711",
        "/products?q=thing",
        "/products/new",
        "/products/thing-number-5000",
        "/products/categories",
    ] {
        let times: Vec<Duration> = (0..ROUNDS).map(|_| desk.get(path).1).collect();
        println!("| `{path}` | {} |", ms(median(&times)));
    }
    let path = "/products/thing-number-5000";
    let mut change = |what: &str, path: &str, fields: &[(&str, &str)]| {
        let times: Vec<Duration> = (0..ROUNDS).map(|_| desk.post(path, fields)).collect();
        println!("| {what} | {} |", ms(median(&times)));
    };
    change(
        "one item more in stock",
        &format!("{path}/tend"),
        &[("do", "stock"), ("pool", "0"), ("add", "1")],
    );
    change("down by one place", "/products", &[("do", "down thing-number-5000")]);
    drop(desk);

    let pictures: Vec<Vec<u8>> = (0..10).map(photograph).collect();
    let weight: usize = pictures.iter().map(Vec::len).sum();
    let mut desk = OpenDesk::open(home.path());
    let idle = resident(desk.child.id());
    let token = desk.token();
    let mut body = Vec::new();
    let mut part = |head: &str, bytes: &[u8]| {
        let head = format!("--end-of-part\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    };
    for (name, value) in [
        ("token", token.as_str()),
        ("once", &"5".repeat(64)),
        ("name", "Shown"),
        ("stock", "1"),
        ("price.ETH", "0.1"),
    ] {
        part(&format!("name=\"{name}\""), value.as_bytes());
    }
    for picture in &pictures {
        part("name=\"files\"; filename=\"IMG.jpg\"", picture);
    }
    part("name=\"do\"", b"save");
    body.extend_from_slice(b"--end-of-part--\r\n");
    let watch = Watch::begin(desk.child.id());
    let started = Instant::now();
    let answer = desk.request(
        "POST /products/new",
        "Content-Type: multipart/form-data; boundary=end-of-part\r\n",
        &body,
    );
    let took = started.elapsed();
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let most = watch.end();
    println!(
        "\nTen pictures of {WIDTH} by {HEIGHT} pixels, {} MB, in one form: {:.1} s, {} MB above {} MB idle",
        weight / 1_000_000,
        took.as_secs_f64(),
        most.saturating_sub(idle) / 1024,
        idle / 1024
    );
}

fn ms(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{}", micros / 1_000, micros / 100 % 10)
}

/// Slow colours with grain, as a camera makes them; each picture with grain of its own.
fn photograph(n: u32) -> Vec<u8> {
    let mut grain = 0x9e37_79b9_u32.wrapping_mul(n + 1);
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (grain >> 24) % 24;
            let edge = if (x / 97 + y / 61 + n).is_multiple_of(5) { 60 } else { 0 };
            for colour in [x * 150 / WIDTH, y * 150 / HEIGHT, (x + y) % 900 / 6] {
                pixels.push(u8::try_from(colour + noise + edge).unwrap_or(u8::MAX));
            }
        }
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 88)
        .write_image(&pixels, WIDTH, HEIGHT, ExtendedColorType::Rgb8)
        .expect("a JPEG");
    bytes
}

/// A shop whose desk is open, and its seller's browser.
struct OpenDesk {
    child: Child,
    address: String,
    cookies: BTreeMap<String, String>,
    /// Forms that were sent, so that each has a name of its own.
    n_sent: u64,
}

impl OpenDesk {
    fn open(home: &Path) -> Self {
        let mut set = Command::new(parts::SHOP)
            .args(["desk", "password"])
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("start `shop desk password`");
        let mut words = set.stdin.take().expect("stdin is piped");
        write!(words, "{PASSWORD}\n{PASSWORD}\n").expect("say the password");
        drop(words);
        assert!(set.wait().expect("it ends").success());
        let mut child = Command::new(parts::SHOP)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("DESK_LISTEN", "127.0.0.1:0")
            .current_dir(home)
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the shop");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let address = loop {
            let line = lines.next().expect("the shop says its desk's address").expect("a line");
            if let Some(address) = line.strip_prefix("Your desk is at ") {
                break address.trim_start_matches("http://").to_owned();
            }
        };
        std::thread::spawn(move || lines.count());
        let mut desk = Self { child, address, cookies: BTreeMap::new(), n_sent: 0 };
        let page = desk.request("GET /login", "", b"");
        let token = token_of(&page);
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = format!("token={token}&password={PASSWORD}");
        let answer = desk.request("POST /login", form, body.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        desk
    }

    fn get(&mut self, path: &str) -> (String, Duration) {
        let started = Instant::now();
        let answer = self.request(&format!("GET {path}"), "", b"");
        let took = started.elapsed();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        (answer, took)
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Duration {
        let token = self.token();
        self.n_sent += 1;
        let once = format!("{:064x}", self.n_sent);
        let mut body = form_urlencoded::Serializer::new(format!("token={token}&once={once}"));
        let body = body.extend_pairs(fields).finish();
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let started = Instant::now();
        let answer = self.request(&format!("POST {path}"), form, body.as_bytes());
        let took = started.elapsed();
        assert!(answer.starts_with("HTTP/1.1 303"), "{path}: {answer}");
        took
    }

    fn token(&mut self) -> String {
        token_of(&self.get("/products/new").0)
    }

    /// The whole answer, head and body.
    fn request(&mut self, what: &str, more: &str, body: &[u8]) -> String {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let head = format!(
            "{what} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n",
            self.address,
            cookies.join("; "),
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).expect("connect to loopback");
        stream.write_all(head.as_bytes()).expect("send");
        stream.write_all(body).expect("send");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("read the answer");
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        for line in answer.lines().take_while(|line| !line.is_empty()) {
            let cookie =
                line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
            if let Some((name, value)) = cookie.and_then(|(_, cookie)| cookie.split_once('=')) {
                let value = value.split(';').next().unwrap_or_default();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// The most memory that a process and the ones it starts have had at the same time, looked at every few milliseconds.
struct Watch {
    is_over: Arc<AtomicBool>,
    most: JoinHandle<u64>,
}

impl Watch {
    fn begin(process: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let most = std::thread::spawn(move || {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                let all =
                    resident(process) + children(process).into_iter().map(resident).sum::<u64>();
                most = most.max(all);
                std::thread::sleep(Duration::from_millis(3));
            }
            most
        });
        Self { is_over, most }
    }

    /// Units: kilobytes.
    fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.most.join().expect("it only looks")
    }
}

/// Units: kilobytes; 0 for a process that is over.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

impl Drop for OpenDesk {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn token_of(page: &str) -> String {
    let rest = page.split_once("name=\"token\" value=\"").expect("a form").1;
    rest.split('"').next().unwrap_or_default().to_owned()
}
