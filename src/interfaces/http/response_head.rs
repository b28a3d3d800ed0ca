//! Rewrites the head of each response as it goes to the network: always in the same order, and with the shop's own
//! headers even where the server answers by itself.

use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::http::{StatusCode, header};

use crate::interfaces::http::admission::BUSY;
use crate::interfaces::http::insert_security_headers;

/// Errors that the server generates itself carry neither our headers nor a body.
const BARE: [&[u8]; 2] = [b"HTTP/1.1 4", b"HTTP/1.0 4"];
const NO_BODY: &[u8] = b"content-length: 0";
const OURS: &[u8] = b"x-content-type-options:";
const CLOSES: &[u8] = b"connection: close";
const STAYS: &[u8] = b"connection: keep-alive";
/// The server offers another protocol if the request asked for one.
const OFFERS: &[u8] = b"connection: upgrade";
/// Units: headers of an ordinary response.
const N_HEADERS: usize = 24;

const UNREADABLE: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Bad request</title>\n</head>\n<body>\n\
    <h1>Bad request</h1>\n<p>Your browser sent a request that was incomplete or too long. Nothing was changed. \
    <a href=\"/\">Go back to the shop</a> and try again.</p>\n</body>\n</html>\n";

/// What is sent in place of the first bytes of a response.
#[derive(Debug, PartialEq, Eq)]
pub struct Rewritten {
    pub head: Vec<u8>,
    /// How many bytes of the response it replaces.
    pub length: usize,
    /// Whether the connection ends with this response.
    pub is_last: bool,
}

/// `None` if the bytes do not begin with a response head.
///
/// The server writes headers in the order of a hash map whose seed differs by process and thread. That order would
/// reveal that two host names share one process, the number of its threads, and each restart.
pub fn rewrite(bytes: &[u8]) -> Option<Rewritten> {
    if !bytes.starts_with(b"HTTP/1.") {
        return None;
    }
    let (lines, length) = split_head(bytes)?;
    let (status_line, headers) = lines.split_first()?;
    let is_bare = BARE.iter().any(|begin| status_line.starts_with(begin));
    if is_bare && headers.contains(&NO_BODY) && !headers.iter().any(|line| line.starts_with(OURS)) {
        return Some(Rewritten { head: with_page(status_line), length, is_last: true });
    }
    Some(sorted(status_line, headers, length))
}

/// The lines of a head without their ends, and its length. `None` if it is incomplete.
fn split_head(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let mut lines = Vec::with_capacity(N_HEADERS);
    let mut rest = bytes;
    loop {
        let at = rest.iter().position(|byte| *byte == b'\n')?;
        let line = rest[..at].trim_ascii_end();
        rest = &rest[at + 1..];
        if line.is_empty() {
            return Some((lines, bytes.len() - rest.len()));
        }
        lines.push(line);
    }
}

/// Whether this is an interim response (1xx) and the real one follows.
pub fn is_interim(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.1 1")
}

/// A complete response that the shop sends without asking the server.
pub fn refusal(status: StatusCode) -> Vec<u8> {
    with_page(format!("HTTP/1.1 {status}").trim_end().as_bytes())
}

/// Sorted by name; headers of one name keep their order. The offer of another protocol is replaced by `connection: close`,
/// which is what happens.
fn sorted(status_line: &[u8], headers: &[&[u8]], length: usize) -> Rewritten {
    let name = |line: &[u8]| line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let mut headers: Vec<(&[u8], &[u8])> =
        headers.iter().map(|line| (&line[..name(line)], *line)).collect();
    headers.sort_by_key(|(name, _)| *name);
    let (mut closes, mut stays) = (false, false);
    let mut head = Vec::with_capacity(length);
    head.extend_from_slice(status_line);
    for (_, mut line) in headers {
        if line.eq_ignore_ascii_case(OFFERS) {
            line = CLOSES;
        }
        closes |= line.eq_ignore_ascii_case(CLOSES);
        stays |= line.eq_ignore_ascii_case(STAYS);
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(line);
    }
    head.extend_from_slice(b"\r\n\r\n");
    // HTTP/1.0 closes the connection unless a header says otherwise (RFC 9112, section 9.3).
    let is_last = closes || status_line.starts_with(b"HTTP/1.0") && !stays;
    Rewritten { head, length, is_last }
}

/// The same status with our headers and a text that says what to do.
fn with_page(status_line: &[u8]) -> Vec<u8> {
    let page = if status_line.ends_with(b"503 Service Unavailable") { BUSY } else { UNREADABLE };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
    insert_security_headers(&mut headers);
    let lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("ours are ASCII")))
        .collect();
    let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
    let mut answer = sorted(status_line, &lines, 0).head;
    answer.extend_from_slice(page.as_bytes());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_responses_of_the_server_itself_are_replaced() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: Sat, 21 Nov 2026 06:17:16 GMT\r\n\r\n";
        let answer = rewrite(bare).unwrap();
        assert!(answer.is_last && answer.length == bare.len());
        let answer = String::from_utf8(answer.head).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\ncache-control: "), "{answer}");
        assert!(answer.contains("content-security-policy: ") && answer.ends_with("</html>\n"));
        assert!(!answer.contains(":16 GMT") && answer.contains(":00 GMT"));
        // The server answers in the HTTP version of the previous request.
        let old =
            b"HTTP/1.0 400 Bad Request\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n";
        let answer = rewrite(old).unwrap();
        assert!(answer.is_last && answer.length == old.len());
        let answer = String::from_utf8(answer.head).unwrap();
        assert!(answer.starts_with("HTTP/1.0 400 Bad Request\r\n"));
        assert!(answer.contains("content-security-policy: "));
        assert_eq!(rewrite(b"<html>HTTP/1.1 400 Bad Request\r\n\r\n"), None);
        assert!(
            String::from_utf8(refusal(StatusCode::LENGTH_REQUIRED))
                .unwrap()
                .starts_with("HTTP/1.1 411 Length Required\r\n")
        );
    }

    #[test]
    fn the_last_answer_says_so() {
        assert!(rewrite(&refusal(StatusCode::BAD_REQUEST)).unwrap().is_last);
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nx-connection: close\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n", false),
        ] {
            assert_eq!(rewrite(head.as_bytes()).unwrap().is_last, expected, "{head}");
        }
    }

    #[test]
    fn headers_are_sent_in_the_order_of_their_names() {
        let head =
            "HTTP/1.1 200 OK\r\nx-b: 1\r\nset-cookie: b=2\r\ndate: x\r\nset-cookie: a=1\r\n\r\n";
        let answer = rewrite(format!("{head}body").as_bytes()).unwrap();
        assert_eq!(answer.length, head.len());
        assert_eq!(
            String::from_utf8(answer.head).unwrap(),
            "HTTP/1.1 200 OK\r\ndate: x\r\nset-cookie: b=2\r\nset-cookie: a=1\r\nx-b: 1\r\n\r\n"
        );
        let offer = b"HTTP/1.1 200 OK\r\nx-b: 1\r\nconnection: upgrade\r\n\r\n";
        let answer = rewrite(offer).unwrap();
        assert_eq!(answer.head, b"HTTP/1.1 200 OK\r\nconnection: close\r\nx-b: 1\r\n\r\n");
        assert!(answer.is_last && answer.length == offer.len());
        let bare = b"HTTP/1.1 404 Not Found\r\n\r\n";
        let expected = Rewritten { head: bare.to_vec(), length: bare.len(), is_last: false };
        assert_eq!(rewrite(bare).unwrap(), expected);
        assert_eq!(rewrite(b"HTTP/1.1 200 OK\r\nx-b: 1\r\n"), None);
    }
}
