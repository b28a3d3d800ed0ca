//! The bytes of one connection, from the first to the last: where each request ends.
//!
//! The first byte says whether tor's line is expected and whether `~` stands for a long run, the second in which pieces the
//! bytes come. The rest is what the client sends before it ends its side.
//!
//! What the handler is given is compared with `next_request` below, which knows nothing of the shop or of its parser.
#![no_main]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_service::{Service, ServiceFactory};
use actix_web::http::Method;
use actix_web::rt::{System, SystemRunner};
use actix_web::web::Payload;
use actix_web::{App, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;
use libfuzzer_sys::fuzz_target;
use shop::interfaces::http::{ClientKey, ClientStream, ConnectionLimiter, ConnectionLimits, accept_counted_body, http_service};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

/// What a handler saw.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    method: String,
    target: String,
    /// Absent where the handler did not ask for it, or where it broke off.
    body: Option<Vec<u8>>,
}

/// What a connection brought.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    answers: Vec<Answer>,
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: String,
    closes: bool,
}

type Answering = Box<dyn Fn(ClientStream<DuplexStream>) -> LocalBoxFuture<'static, ()>>;

struct Shop {
    system: SystemRunner,
    limiter: Arc<ConnectionLimiter>,
    answering: Rc<Answering>,
}

thread_local! {
    // Never dropped: the server has values of its own in the thread, which may be gone earlier.
    static SHOP: &'static Shop = Box::leak(Box::new(Shop::open()));
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

impl Shop {
    fn open() -> Self {
        let system = System::new();
        let limiter = ConnectionLimiter::new(ConnectionLimits {
            most_connections: 64,
            most_memory: 24 * 1024 * 1024,
            most_browsing: 3,
            payment_time: Duration::from_secs(600),
            siege_payment_time: Duration::from_secs(600),
            closer: None,
        });
        let answering = system.block_on(async {
            let app = App::new().default_service(web::to(answer));
            let factory = http_service::<DuplexStream, _>(app, Arc::new(Notify::new()));
            let service = Rc::new(factory.new_service(()).await.expect("the pages are ready"));
            let answering: Answering = Box::new(move |stream| {
                let service = service.clone();
                Box::pin(async move {
                    // A connection that breaks off is an outcome too.
                    let _ = service.call((stream, None)).await;
                })
            });
            Rc::new(answering)
        });
        Self { system, limiter, answering }
    }

    /// Sends these pieces one after another, and reads until the shop ends the connection.
    fn ask(&self, behind_tor: bool, pieces: Vec<Vec<u8>>) -> Outcome {
        SEEN.take();
        let (client, server) = tokio::io::duplex(64 * 1024);
        let (mut reader, mut writer) = tokio::io::split(client);
        let connection =
            self.limiter.register(if behind_tor { ClientKey::Pending } else { ClientKey::Untracked });
        let stream = match behind_tor {
            true => ClientStream::behind_tor(server, connection),
            false => ClientStream::new(server, connection),
        };
        let mut answers = Vec::new();
        let talk = async {
            let write = async {
                for piece in pieces {
                    // The shop may have ended the connection already.
                    if writer.write_all(&piece).await.is_err() {
                        return;
                    }
                    // So that the shop reads it by itself.
                    for _ in 0..3 {
                        tokio::task::yield_now().await;
                    }
                }
                let _ = writer.shutdown().await;
            };
            let read = async { reader.read_to_end(&mut answers).await.expect("answers") };
            let all = async { tokio::join!((self.answering)(stream), write, read) };
            let ended = tokio::time::timeout(Duration::from_secs(8), all).await;
            assert!(ended.is_ok(), "the connection does not end");
        };
        self.system.block_on(talk);
        Outcome { seen: SEEN.take(), answers: read_answers(&answers) }
    }
}

/// Reads the body of a POST and of nothing else, as the shop does.
async fn answer(request: HttpRequest, body: Payload) -> HttpResponse {
    let mut seen = Seen {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        body: None,
    };
    let index = SEEN.with_borrow_mut(|all| {
        all.push(seen.clone());
        all.len() - 1
    });
    if request.method() == Method::POST {
        accept_counted_body(&request);
        match body.to_bytes_limited(1024 * 1024).await {
            Ok(Ok(body)) => seen.body = Some(body.to_vec()),
            _ => return HttpResponse::BadRequest().insert_header(OURS).finish(),
        }
        SEEN.with_borrow_mut(|all| all[index] = seen);
    }
    HttpResponse::Ok().insert_header(OURS).body("done\n")
}

const OURS: (&str, &str) = ("x-content-type-options", "nosniff");

fuzz_target!(|bytes: &[u8]| {
    let [which, cut, rest @ ..] = bytes else { return };
    let behind_tor = which % 2 == 1;
    let sent = if which / 2 % 2 == 1 { lengthened(rest) } else { rest.to_vec() };
    SHOP.with(|shop| {
        let mut whole = shop.ask(behind_tor, vec![sent.clone()]);
        check(&sent, behind_tor, &whole);
        let size = if which / 4 % 2 == 1 {
            usize::from(*cut) + 1
        } else {
            (sent.len() * usize::from(*cut) / 256).max(1)
        };
        // The shop reads at most so many pieces of its own.
        let size = size.max(sent.len() / 64);
        let mut in_pieces =
            shop.ask(behind_tor, sent.chunks(size.max(1)).map(<[u8]>::to_vec).collect());
        // A head that is cut off within a line is refused only where the shop has looked at it already.
        if !sent.ends_with(b"\n") {
            whole.answers.truncate(whole.seen.len());
            in_pieces.answers.truncate(in_pieces.seen.len());
        }
        assert!(whole == in_pieces, "in one piece: {whole:?}\nin pieces of {size}: {in_pieces:?}");
    });
});

fn lengthened(bytes: &[u8]) -> Vec<u8> {
    let mut n_left = 8;
    let mut longer = Vec::new();
    for byte in bytes {
        match byte {
            b'~' if 0 < n_left => {
                n_left -= 1;
                longer.extend_from_slice(&[b'x'; 4_000]);
            }
            other => longer.push(*other),
        }
    }
    longer
}

/// Each request that was handled is the next one of the connection, none was left out, and each has one answer.
fn check(sent: &[u8], behind_tor: bool, outcome: &Outcome) {
    let Outcome { seen, answers } = outcome;
    let mut rest = sent;
    if behind_tor && sent.starts_with(b"PROXY ") {
        match sent.windows(2).take(107).position(|two| two == b"\r\n") {
            Some(end) => rest = &sent[end + 2..],
            None => assert!(seen.is_empty()),
        }
    }
    for one in seen {
        let next = next_request(rest).expect("what was handled has come");
        assert!(one.method.as_bytes() == next.method, "{one:?}, and {next:?} was sent");
        // What stands behind a `#` is no part of an address that a server is asked for.
        let target = next.target.split(|byte| *byte == b'#').next().unwrap_or_default();
        assert!(one.target.as_bytes() == target || holds_host(target), "{one:?}, {next:?}");
        match &one.body {
            Some(body) => {
                assert!(body == next.body && next.is_whole, "{one:?}, and {next:?} was sent")
            }
            None => assert!(one.method != "POST" || !next.is_whole || answers.len() <= seen.len()),
        }
        rest = next.behind;
    }
    let n_final = answers.iter().filter(|answer| !answer.status.starts_with('1')).count();
    assert!(n_final <= seen.len() + 1, "more answers than requests: {outcome:?}");
    let was_refused = n_final == seen.len() + 1;
    // Who is told that the connection stays has each request answered.
    let closes = answers.last().is_some_and(|answer| answer.closes);
    if !was_refused && !closes {
        assert!(n_final == seen.len(), "a request without an answer: {outcome:?}");
        let is_over = next_request(rest).is_none_or(|next| !next.is_whole);
        assert!(is_over, "a request was lost: {outcome:?}, {:?}", String::from_utf8_lossy(rest));
    }
    assert!(answers.iter().rev().skip(1).all(|answer| !answer.closes), "{outcome:?}");
}

/// `http://host/path` and the like are written again in the form of the crate that holds addresses.
fn holds_host(target: &[u8]) -> bool {
    !target.starts_with(b"/")
}

#[derive(Debug)]
struct Next<'a> {
    method: &'a [u8],
    target: &'a [u8],
    body: &'a [u8],
    /// Whether all of the body has come.
    is_whole: bool,
    behind: &'a [u8],
}

/// Source: RFC 9112, sections 2.2, 3 and 6, where bodies have a Content-Length alone. `None` where no whole head has come.
fn next_request(bytes: &[u8]) -> Option<Next<'_>> {
    let n_empty = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let bytes = &bytes[n_empty..];
    let mut length = 0;
    let mut body_length = 0;
    let mut first: &[u8] = b"";
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n")?;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if length == 0 {
            first = text;
        }
        length += line.len();
        if text.is_empty() {
            let mut words = first.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
            let (method, target) = (words.next()?, words.next()?);
            let body = &bytes[length..];
            let n = body_length.min(body.len());
            let is_whole = body_length == n;
            return Some(Next { method, target, body: &body[..n], is_whole, behind: &body[n..] });
        }
        if let Some(colon) = text.iter().position(|byte| *byte == b':')
            && text[..colon].eq_ignore_ascii_case(b"content-length")
        {
            let digits = std::str::from_utf8(text[colon + 1..].trim_ascii()).ok();
            body_length = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
        }
    }
    None
}

/// Each answer is whole, in HTTP/1.1, with the shop's headers, and nothing stands between them.
fn read_answers(bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&rest[..end]).expect("a head is text").to_ascii_lowercase();
        let status = head.strip_prefix("http/1.1 ").or(head.strip_prefix("http/1.0 "));
        let status = status.and_then(|status| status.get(..3)).expect("a status").to_owned();
        let is_interim = status.starts_with('1');
        assert!(is_interim || head.contains("\r\nx-content-type-options: nosniff"), "{head}");
        assert!(!head.contains("\r\nserver:"), "{head}");
        rest = &rest[end + 4..];
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |n| n.parse::<usize>().expect("a length is a number"));
        // A HEAD is answered with a length and without a body.
        if length <= rest.len() && !rest.starts_with(b"HTTP/1.") {
            rest = &rest[length..];
        } else {
            assert!(rest.is_empty() || rest.starts_with(b"HTTP/1."), "a part of an answer");
        }
        // Version 1.0 closes unless it is told otherwise.
        let closes = head.contains("\r\nconnection: close")
            || head.starts_with("http/1.0") && !head.contains("\r\nconnection: keep-alive");
        answers.push(Answer { status, closes });
    }
    answers
}
