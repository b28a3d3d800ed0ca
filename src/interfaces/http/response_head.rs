//! Rewrites the head of each response as it goes to the network: always in the same order, and with the shop's own
//! headers even where the server answers by itself.

use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::http::{StatusCode, header};

use crate::interfaces::http::admission::BUSY;
use crate::interfaces::http::insert_security_headers;

/// Errors that the server generates itself carry neither our headers nor a body.
const BARE: [&[u8]; 2] = [b"HTTP/1.1 4", b"HTTP/1.0 4"];
const NO_BODY: &[u8] = b"content-length: 0\r\n";
const OURS: &[u8] = b"x-content-type-options";
const END: &[u8] = b"\r\n\r\n";

const UNREADABLE: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Bad request</title>\n</head>\n<body>\n\
    <h1>Bad request</h1>\n<p>Your browser sent a request that was incomplete or too long. Nothing was changed. \
    <a href=\"/\">Go back to the shop</a> and try again.</p>\n</body>\n</html>\n";

/// What is sent in place of the first bytes of a response, and how many of them it replaces. `None` if they are not a
/// response head.
///
/// The server writes headers in the order of a hash map whose seed differs by process and thread. That order would
/// reveal that two host names share one process, the number of its threads, and each restart.
pub fn rewrite(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    if !bytes.starts_with(b"HTTP/1.") {
        return None;
    }
    let length = bytes.windows(END.len()).position(|window| window == END)? + END.len();
    let head = &bytes[..length];
    let holds = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    let is_bare = BARE.iter().any(|begin| head.starts_with(begin));
    if is_bare && holds(NO_BODY) && !holds(OURS) {
        return Some((with_page(status_line(head)), length));
    }
    Some((sort_headers(head), length))
}

/// Whether this is an interim response (1xx) and the real one follows.
pub fn is_interim(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.1 1")
}

/// Whether the connection ends with this response. `head`: as [`rewrite`] makes it.
pub fn is_last(head: &[u8]) -> bool {
    const CLOSES: &[u8] = b"\r\nconnection: close\r\n";
    const STAYS: &[u8] = b"\r\nconnection: keep-alive\r\n";
    let holds = |line: &[u8]| head.windows(line.len()).any(|part| part.eq_ignore_ascii_case(line));
    // HTTP/1.0 closes the connection unless a header says otherwise (RFC 9112, section 9.3).
    holds(CLOSES) || head.starts_with(b"HTTP/1.0") && !holds(STAYS)
}

/// A complete response that the shop sends without asking the server.
pub fn refusal(status: StatusCode) -> Vec<u8> {
    with_page(format!("HTTP/1.1 {status}").trim_end().as_bytes())
}

fn status_line(head: &[u8]) -> &[u8] {
    head.split(|byte| *byte == b'\r').next().unwrap_or_default()
}

/// Sorted by name; headers of one name keep their order. If the server offers a protocol upgrade because the request
/// asked for one, that is replaced by `connection: close`, which is what happens.
fn sort_headers(head: &[u8]) -> Vec<u8> {
    let mut lines = head[..head.len() - END.len()].split(|byte| *byte == b'\n');
    let mut ordered = lines.next().unwrap_or_default().to_vec();
    let mut headers: Vec<&[u8]> = lines.map(|line| line.trim_ascii_end()).collect();
    headers.sort_by_key(|line| line.split(|byte| *byte == b':').next().unwrap_or_default());
    // The status line still ends with its carriage return.
    ordered.truncate(ordered.trim_ascii_end().len());
    for line in headers {
        let is_offer = line.eq_ignore_ascii_case(b"connection: upgrade");
        ordered.extend_from_slice(b"\r\n");
        ordered.extend_from_slice(if is_offer { b"connection: close" } else { line });
    }
    ordered.extend_from_slice(END);
    ordered
}

/// The same status with our headers and a text that says what to do.
fn with_page(status_line: &[u8]) -> Vec<u8> {
    let page = if status_line.ends_with(b"503 Service Unavailable") { BUSY } else { UNREADABLE };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
    insert_security_headers(&mut headers);
    let mut head = status_line.to_vec();
    for (name, value) in &headers {
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
    }
    head.extend_from_slice(END);
    let mut answer = sort_headers(&head);
    answer.extend_from_slice(page.as_bytes());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_responses_of_the_server_itself_are_replaced() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: Sat, 21 Nov 2026 06:17:16 GMT\r\n\r\n";
        let (answer, length) = rewrite(bare).unwrap();
        assert_eq!(length, bare.len());
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\ncache-control: "), "{answer}");
        assert!(answer.contains("content-security-policy: ") && answer.ends_with("</html>\n"));
        assert!(!answer.contains(":16 GMT") && answer.contains(":00 GMT"));
        // The server answers in the HTTP version of the previous request.
        let old =
            b"HTTP/1.0 400 Bad Request\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n";
        let (answer, length) = rewrite(old).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(length == old.len() && answer.starts_with("HTTP/1.0 400 Bad Request\r\n"));
        assert!(answer.contains("content-security-policy: ") && is_last(answer.as_bytes()));
        assert_eq!(rewrite(b"<html>HTTP/1.1 400 Bad Request\r\n\r\n"), None);
        assert!(
            String::from_utf8(refusal(StatusCode::LENGTH_REQUIRED))
                .unwrap()
                .starts_with("HTTP/1.1 411 Length Required\r\n")
        );
    }

    #[test]
    fn the_last_answer_says_so() {
        assert!(is_last(&refusal(StatusCode::BAD_REQUEST)));
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nx-connection: close\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n", false),
        ] {
            assert_eq!(is_last(head.as_bytes()), expected, "{head}");
        }
    }

    #[test]
    fn headers_are_sent_in_the_order_of_their_names() {
        let head =
            "HTTP/1.1 200 OK\r\nx-b: 1\r\nset-cookie: b=2\r\ndate: x\r\nset-cookie: a=1\r\n\r\n";
        let (answer, length) = rewrite(format!("{head}body").as_bytes()).unwrap();
        assert_eq!(length, head.len());
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            "HTTP/1.1 200 OK\r\ndate: x\r\nset-cookie: b=2\r\nset-cookie: a=1\r\nx-b: 1\r\n\r\n"
        );
        let offer = b"HTTP/1.1 200 OK\r\nx-b: 1\r\nconnection: upgrade\r\n\r\n";
        let (answer, length) = rewrite(offer).unwrap();
        assert_eq!(answer, b"HTTP/1.1 200 OK\r\nconnection: close\r\nx-b: 1\r\n\r\n");
        assert!(length == offer.len() && is_last(&answer));
        let bare = "HTTP/1.1 404 Not Found\r\n\r\n";
        assert_eq!(rewrite(bare.as_bytes()).unwrap(), (bare.as_bytes().to_vec(), bare.len()));
    }
}
