//! Strangers who occupy the desk's connections cannot keep the seller out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::world::{Buyer, Connection, DESK_PASSWORD, SellerAtDesk, World, catalog, connect};

#[derive(Default)]
struct Crowd {
    came: AtomicUsize,
    is_over: AtomicBool,
}

/// What each of the strangers' connections does. Each one that the desk closes is replaced.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Silent,
    HalfAHead,
    SlowBody,
    IdleKeptAlive,
    WrongPasswords,
    ReadsNoAnswer,
}

const KINDS: [Kind; 6] = [
    Kind::Silent,
    Kind::HalfAHead,
    Kind::SlowBody,
    Kind::IdleKeptAlive,
    Kind::WrongPasswords,
    Kind::ReadsNoAnswer,
];

/// `None` if nobody listens.
fn try_connect(address: &str) -> Option<Box<dyn Connection>> {
    match address.strip_prefix("unix:") {
        Some(path) => Some(Box::new(UnixStream::connect(path).ok()?)),
        None => Some(Box::new(TcpStream::connect(address).ok()?)),
    }
}

/// What a stranger sends on each connection.
fn opening(kind: Kind, stranger: &mut Buyer) -> String {
    let host = stranger.host.clone();
    let whole = format!("GET /login HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let page = stranger.get("/login");
    let token = page.token();
    let text = page.text();
    let style = text.split("href=\"").find_map(|part| Some(part.split_once(".css\"")?.0)).unwrap();
    // Large request heads, so that few requests are read at once, and large responses.
    let large = format!(
        "GET {style}.css HTTP/1.1\r\nHost: {host}\r\nX-Much: {}\r\n\r\n",
        "x".repeat(4_000)
    );
    let (name, value) = stranger.cookies.iter().next().unwrap();
    let body = format!("token={token}&password=wrong");
    let post = |length: usize| {
        format!(
            "POST /login HTTP/1.1\r\nHost: {host}\r\nCookie: {name}={value}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    match kind {
        Kind::Silent => String::new(),
        Kind::HalfAHead => whole[..whole.len() - 2].to_owned(),
        Kind::SlowBody => post(10_000),
        Kind::IdleKeptAlive => whole,
        Kind::WrongPasswords => post(body.len()),
        Kind::ReadsNoAnswer => large.repeat(20),
    }
}

/// Reconnects until the crowd is over: another shop may listen at the same address after this one.
fn come_again_and_again(kind: Kind, address: String, opening: Arc<String>, crowd: Arc<Crowd>) {
    let mut counted = Some(&crowd.came);
    while !crowd.is_over.load(Ordering::SeqCst)
        && let Some(mut stream) = try_connect(&address)
    {
        if let Some(came) = counted.take() {
            came.fetch_add(1, Ordering::SeqCst);
        }
        let sent = stream.write_all(opening.as_bytes());
        match kind {
            // The desk reads no more until its responses are read, and closes the connection in the end.
            Kind::ReadsNoAnswer if sent.is_ok() => {
                while stream.write_all(opening.as_bytes()).is_ok() {}
            }
            _ => {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    }
}

/// A persistent connection, as browsers use it.
struct Kept(Box<dyn Connection>);

impl Kept {
    fn get(&mut self, browser: &Buyer, path: &str) -> String {
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
            browser.host,
            cookies.join("; ")
        );
        self.0.write_all(head.as_bytes()).expect("the connection is still there");
        let mut answer = Vec::new();
        let mut part = [0; 4_096];
        loop {
            let n = self.0.read(&mut part).expect("the desk answers");
            assert!(0 < n, "the desk closed the seller's connection: {answer:?}");
            answer.extend_from_slice(&part[..n]);
            let text = String::from_utf8_lossy(&answer);
            if text.trim_end().ends_with("</html>") {
                return text.into_owned();
            }
        }
    }
}

#[track_caller]
fn works(known: &Buyer, inside: &mut SellerAtDesk, kept: &mut Kept, what: &str) {
    // The browser is known, but has no session.
    let mut browser = known.clone();
    let token = browser.get("/login").token();
    let answer = browser.post_raw("/login", &[("token", &token), ("password", DESK_PASSWORD)]);
    assert_eq!(answer.status, 303, "{what}: {}", answer.text());
    for path in ["/", "/orders", "/products", "/account"] {
        assert_eq!(browser.get(path).status, 200, "{what}: {path}");
        inside.get(path);
        assert!(kept.get(&inside.0, path).starts_with("HTTP/1.1 200"), "{what}: {path}");
    }
}

fn holds_against(kind: Kind, setting: &str) {
    let mut world = World::with_desk_and(&catalog(), &[("DESK_LISTEN", setting)]);
    let mut stranger = world.stranger_at_desk();
    if let Some(path) = setting.strip_prefix("unix:") {
        stranger.address = format!("unix:{}", world.path(path).display());
        stranger.host = "localhost".to_owned();
    }
    let mut inside = SellerAtDesk(stranger.clone());
    let token = inside.0.get("/login").token();
    let signed_in = inside.0.post_raw("/login", &[("token", &token), ("password", DESK_PASSWORD)]);
    assert_eq!(signed_in.status, 303);
    let mut known = inside.0.clone();
    known.cookies.remove("__Host-desk");
    let mut kept = Kept(connect(&stranger.address));
    assert!(kept.get(&inside.0, "/").starts_with("HTTP/1.1 200"));

    let opening = Arc::new(opening(kind, &mut stranger));
    let crowd = Arc::new(Crowd::default());
    let mut strangers = Vec::new();
    for size in [40, 90] {
        while strangers.len() < size {
            let (address, opening, crowd) =
                (stranger.address.clone(), opening.clone(), crowd.clone());
            strangers.push(std::thread::spawn(move || {
                come_again_and_again(kind, address, opening, crowd);
            }));
        }
        world.until("the crowd is there", || crowd.came.load(Ordering::SeqCst) == size);
        works(&known, &mut inside, &mut kept, &format!("{size} {kind:?} at {setting}"));
    }
    crowd.is_over.store(true, Ordering::SeqCst);
    world.close("-KILL");
    strangers.into_iter().for_each(|stranger| stranger.join().unwrap());
}

#[test]
fn strangers_cannot_keep_the_seller_out_over_tcp() {
    for kind in KINDS {
        holds_against(kind, "127.0.0.1:0");
    }
}

#[test]
fn strangers_cannot_keep_the_seller_out_at_a_unix_socket() {
    for kind in KINDS {
        holds_against(kind, "unix:desk.sock");
    }
}
