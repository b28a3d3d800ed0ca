//! Hostile answers of nodes, and `shop watch`.

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

/// A fake node: it answers each request with the given handler.
struct Node {
    url: String,
    n_requests: Arc<AtomicUsize>,
}

impl Node {
    fn with_handler(
        handle: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let n_requests = Arc::new(AtomicUsize::new(0));
        let (handle, n) = (Arc::new(handle), Arc::clone(&n_requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (handle, n) = (Arc::clone(&handle), Arc::clone(&n));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    read_request(&stream);
                    n.fetch_add(1, Ordering::Relaxed);
                    // The shop may close the connection early.
                    let _ = handle(&mut stream);
                });
            }
        });
        Self { url, n_requests }
    }

    /// A whole answer.
    fn with_body(body: String) -> Self {
        Self::with_handler(move |stream| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?;
            stream.write_all(body.as_bytes())
        })
    }

    fn was_asked(&self, n: usize) -> bool {
        n <= self.n_requests.load(Ordering::Relaxed)
    }
}

/// Reads one request to its end.
fn read_request(stream: &TcpStream) {
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

/// Stops it with SIGTERM, within the time that service managers allow. Returns its exit code.
fn stop(watch: Watch, world: &World) -> Option<i32> {
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
        let quiet = Node::with_body("{}".to_owned());
        let watch = Watch::start(&world, &["--eth-rpc-url", &quiet.url]);
        world.until("the node is asked", || quiet.was_asked(3));
        resident_mb(watch.0.id())
    };
    for body in bodies {
        let start: String = body.chars().take(60).collect();
        // Every kind of node at once, and several of one.
        let nodes: Vec<Node> = (0..6).map(|_| Node::with_body(body.clone())).collect();
        let urls: Vec<&str> = nodes[2..].iter().map(|node| node.url.as_str()).collect();
        let watch = Watch::start(
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
        world.until("each node is asked", || nodes.iter().all(|node| node.was_asked(2)));
        let peak = peak_mb(watch.0.id());
        eprintln!("{peak} MB at most, {idle} MB when idle: {start}");
        assert!(peak <= idle + ALLOWED_MB, "{peak} MB, {idle} MB when idle: {start}");
    }
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let world = World::new();
    let endless = Node::with_handler(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let chunk = format!("10000\r\n{}\r\n", "[".repeat(65_536));
        loop {
            stream.write_all(chunk.as_bytes())?;
        }
    });
    let heads = Node::with_handler(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all("X-Much: much\r\n".repeat(1_000).as_bytes())?;
        }
    });
    for node in [endless, heads] {
        let watch = Watch::start(&world, &["--eth-rpc-url", &node.url]);
        world.until("the node is asked again", || node.was_asked(3));
        let peak = peak_mb(watch.0.id());
        assert!(peak <= ALLOWED_MB, "{peak} MB");
    }
}

#[test]
fn watch_can_be_stopped_whatever_a_node_does() {
    let world = World::new();
    let silent = || Node::with_handler(|stream| stream.read(&mut [0]).map(|_| ()));
    let dripping = || {
        Node::with_handler(|stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
            loop {
                stream.write_all(b"[")?;
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let half_a_head = || {
        Node::with_handler(|stream| {
            stream.write_all(b"HTTP/1.1 200 ")?;
            stream.read(&mut [0]).map(|_| ())
        })
    };
    for make in [&silent as &dyn Fn() -> Node, &dripping, &half_a_head] {
        for (once, code) in [(true, 1), (false, 0)] {
            for name in ["--eth-rpc-url", "--btc-rpc-url", "--xmr-rpc-url"] {
                let node = make();
                let arguments = [name, &node.url, "--once"];
                let watch = Watch::start(&world, &arguments[..if once { 3 } else { 2 }]);
                world.until("the node is asked", || node.was_asked(1));
                assert_eq!(stop(watch, &world), Some(code), "{name} {once}");
            }
        }
    }
}
