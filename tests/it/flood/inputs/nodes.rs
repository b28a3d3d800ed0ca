//! What a node answers, and `shop watch`.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::flood::{ALLOWED_MB, peak_mb, resident_mb};
use crate::watch::Watch;
use crate::world::World;

/// A node of the test's own: to each request it says whatever it is made to say.
struct Node {
    url: String,
    n_asked: Arc<AtomicUsize>,
}

impl Node {
    fn saying(say: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let n_asked = Arc::new(AtomicUsize::new(0));
        let (say, n) = (Arc::new(say), Arc::clone(&n_asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (say, n) = (Arc::clone(&say), Arc::clone(&n));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    hear(&stream);
                    n.fetch_add(1, Ordering::Relaxed);
                    // Whoever has heard enough hangs up.
                    let _ = say(&mut stream);
                });
            }
        });
        Self { url, n_asked }
    }

    /// A whole answer.
    fn answering(body: String) -> Self {
        Self::saying(move |stream| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?;
            stream.write_all(body.as_bytes())
        })
    }

    fn is_asked(&self, n: usize) -> bool {
        n <= self.n_asked.load(Ordering::Relaxed)
    }
}

/// Reads one request to its end.
fn hear(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut n_bytes = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() != 0 && line != "\r\n" {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            n_bytes = value.trim().parse().unwrap();
        }
        line.clear();
    }
    std::io::copy(&mut reader.take(n_bytes), &mut std::io::sink()).unwrap();
}

/// Told to end, it ends within the time that service managers give it: its exit code.
fn ends(watch: Watch, world: &World) -> Option<i32> {
    let child = RefCell::new(watch);
    let pid = child.borrow().0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let begun = Instant::now();
    let ended = || child.borrow_mut().0.try_wait().unwrap();
    world.until("the watcher ends", || ended().is_some());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    ended().and_then(|status| status.code())
}

#[test]
fn no_answer_of_a_node_fills_the_memory() {
    let world = World::new();
    let of = |item: &str, n: usize| format!("{}{item}", format!("{item},").repeat(n));
    let result = |json: String| format!("{{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":[{json}]}}");
    let mb = 1 << 20;
    let bodies = [
        result(of("0", 4 * mb - 100)),
        result(of("[0]", 2 * mb - 100)),
        result(of("{\"a\":0}", mb - 100)),
        result(of("\"\"", 2 * mb)),
        format!("[{}]", of("{\"id\":0}", mb - 100)),
        format!("\"{}\"", "a".repeat(8 * mb - 100)),
        "[".repeat(8 * mb - 100),
        "{\"a\":".repeat(mb),
        result(of("0", 40 * mb)),
        // Just within what is read.
        result(of("0", 700_000)),
        result(of("{\"a\":0}", 50_000)),
    ];
    let idle = {
        let quiet = Node::answering("{}".to_owned());
        let watch = Watch::begin(&world, &["--eth-rpc-url", &quiet.url]);
        world.until("the node is asked", || quiet.is_asked(3));
        resident_mb(watch.0.id())
    };
    for body in bodies {
        let start: String = body.chars().take(60).collect();
        // Every kind of node at once, and several of one.
        let nodes: Vec<Node> = (0..6).map(|_| Node::answering(body.clone())).collect();
        let urls: Vec<&str> = nodes[2..].iter().map(|node| node.url.as_str()).collect();
        let watch = Watch::begin(
            &world,
            &[
                "--btc-rpc-url",
                &nodes[0].url,
                "--xmr-rpc-url",
                &nodes[1].url,
                "--eth-rpc-url",
                &urls.join(" "),
            ],
        );
        world.until("each node is asked", || nodes.iter().all(|node| node.is_asked(2)));
        let peak = peak_mb(watch.0.id());
        eprintln!("{peak} MB at most, {idle} MB when idle: {start}");
        assert!(peak <= idle + ALLOWED_MB, "{peak} MB, {idle} MB when idle: {start}");
    }
}

#[test]
fn an_answer_without_an_end_is_not_heard_to_it() {
    let world = World::new();
    let endless = Node::saying(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let chunk = format!("10000\r\n{}\r\n", "[".repeat(65_536));
        loop {
            stream.write_all(chunk.as_bytes())?;
        }
    });
    let heads = Node::saying(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all("X-Much: much\r\n".repeat(1_000).as_bytes())?;
        }
    });
    for node in [endless, heads] {
        let watch = Watch::begin(&world, &["--eth-rpc-url", &node.url]);
        world.until("the node is asked again", || node.is_asked(3));
        let peak = peak_mb(watch.0.id());
        assert!(peak <= ALLOWED_MB, "{peak} MB");
    }
}

#[test]
fn whatever_a_node_does_the_watcher_ends_when_it_is_told_to() {
    let world = World::new();
    let silent = || Node::saying(|stream| stream.read(&mut [0]).map(|_| ()));
    let dripping = || {
        Node::saying(|stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
            loop {
                stream.write_all(b"[")?;
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let half_a_head = || {
        Node::saying(|stream| {
            stream.write_all(b"HTTP/1.1 200 ")?;
            stream.read(&mut [0]).map(|_| ())
        })
    };
    for make in [&silent as &dyn Fn() -> Node, &dripping, &half_a_head] {
        for (once, code) in [(true, 1), (false, 0)] {
            for name in ["--eth-rpc-url", "--btc-rpc-url", "--xmr-rpc-url"] {
                let node = make();
                let arguments = [name, &node.url, "--once"];
                let watch = Watch::begin(&world, &arguments[..if once { 3 } else { 2 }]);
                world.until("the node is asked", || node.is_asked(1));
                assert_eq!(ends(watch, &world), Some(code), "{name} {once}");
            }
        }
    }
}
