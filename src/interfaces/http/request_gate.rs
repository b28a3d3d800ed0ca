//! Hands the HTTP parser one request of a connection at a time.
//!
//! The parser by itself reads ahead: it decodes as many requests as fit into 128 KB before it answers the first, and
//! each costs several kilobytes. Here a head is passed on when it is complete, its body when the handler reads it, and
//! the next head when the response has been sent. Anything earlier stays in the kernel's buffer.

use actix_web::http::StatusCode;

/// Units: bytes. Tor Browser's requests stay below 2 KB, including the cookies of a full cart.
pub const LONGEST_HEAD: usize = 16 * 1024;
/// Source: actix-http, `h1/decoder.rs`, which refuses more.
const MAX_HEADERS: usize = 96;

/// The bytes received on a connection, up to the end of its current head.
#[derive(Default)]
pub struct RequestGate {
    received: Vec<u8>,
    /// How many of the received bytes the parser may have.
    n_released: usize,
    phase: Phase,
}

/// Which bytes are expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// A request's head.
    #[default]
    Head,
    /// This many more bytes of its body.
    Body(u64),
    /// None, until the response is sent.
    Response,
    /// None: the connection ends.
    Closed,
}

/// A complete head. Units: bytes of it, and of the body that follows.
struct Head {
    length: usize,
    body: u64,
}

impl RequestGate {
    /// For a connection of which these bytes have already been read.
    pub fn after(received: Vec<u8>) -> Self {
        Self { received, ..Self::default() }
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Units: bytes that are buffered here.
    pub fn n_received(&self) -> usize {
        self.received.len()
    }

    /// Whether bytes are buffered here that the parser has not been given.
    pub fn has_more(&self) -> bool {
        !self.received.is_empty()
    }

    /// How many more bytes a head may have.
    pub fn room(&self) -> usize {
        LONGEST_HEAD - self.received.len().min(LONGEST_HEAD)
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// Looks for the end of the head; returns whether a request begins.
    ///
    /// # Errors
    /// The status for a head that is invalid or too long.
    pub fn find_head(&mut self) -> Result<bool, StatusCode> {
        // Empty lines before a request are ignored (RFC 9112, section 2.2).
        let n_empty = self.received.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.received.drain(..n_empty);
        match read_head(&self.received)? {
            Some(Head { length, body }) => {
                self.n_released = length;
                self.phase = if body == 0 { Phase::Response } else { Phase::Body(body) };
                Ok(true)
            }
            None if self.room() == 0 => Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            None => Ok(false),
        }
    }

    /// The next bytes for the parser, of those that it may have.
    pub fn take(&mut self, most: usize) -> Option<Vec<u8>> {
        if self.n_released == 0 {
            return None;
        }
        let behind = self.received.split_off(self.n_released.min(most));
        let bytes = std::mem::replace(&mut self.received, behind);
        self.n_released -= bytes.len();
        Some(bytes)
    }

    /// Releases bytes of the body that were received after the head.
    pub fn release_body(&mut self) {
        let Phase::Body(left) = self.phase else { return };
        self.n_released = usize::try_from(left).unwrap_or(usize::MAX).min(self.received.len());
        self.passed(self.n_released);
    }

    /// This many bytes of the body went to the parser.
    pub fn passed(&mut self, n: usize) {
        let Phase::Body(left) = self.phase else { return };
        let left = left.saturating_sub(n as u64);
        self.phase = if left == 0 { Phase::Response } else { Phase::Body(left) };
    }

    /// The response was sent: the next head may be read. Only after the whole request was passed on.
    pub fn open(&mut self) {
        if self.phase == Phase::Response {
            self.phase = Phase::Head;
            // An idle connection keeps no buffer.
            self.received.shrink_to_fit();
        }
    }

    pub fn close(&mut self) {
        self.received = Vec::new();
        self.n_released = 0;
        self.phase = Phase::Closed;
    }
}

/// Uses the same parser that reads the head again afterwards, so that both agree where it ends. `None`: it is
/// incomplete.
fn read_head(bytes: &[u8]) -> Result<Option<Head>, StatusCode> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    // What follows CONNECT or a WebSocket upgrade belongs to another protocol, whatever length it announces; the parser
    // would wait for it forever.
    if request.method == Some("CONNECT") {
        return Err(StatusCode::BAD_REQUEST);
    }
    let mut body = None;
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("upgrade")
            && header.value.trim_ascii().eq_ignore_ascii_case(b"websocket")
        {
            return Err(StatusCode::BAD_REQUEST);
        }
        // Browsers send the length of each form; without it there is no telling where the next request begins.
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(StatusCode::LENGTH_REQUIRED);
        }
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(header.value).ok().map(str::trim);
            let digits = length.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length =
                digits.and_then(|text| text.parse().ok()).ok_or(StatusCode::BAD_REQUEST)?;
            if body.replace(length).is_some() {
                return Err(StatusCode::BAD_REQUEST);
            }
        }
    }
    Ok(Some(Head { length, body: body.unwrap_or(0) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that the parser is given before the first response, of bytes received in pieces of this size.
    fn passed_before_answer(bytes: &[u8], piece: usize) -> Result<Vec<u8>, StatusCode> {
        let mut gate = RequestGate::default();
        let mut passed = Vec::new();
        for part in bytes.chunks(piece) {
            let part = match gate.phase() {
                Phase::Head => &part[..part.len().min(gate.room())],
                Phase::Body(_) => part,
                Phase::Response | Phase::Closed => break,
            };
            gate.push(part);
            if gate.phase() == Phase::Head && !gate.find_head()? {
                continue;
            }
            passed.extend(gate.take(usize::MAX).unwrap_or_default());
            gate.release_body();
            passed.extend(gate.take(usize::MAX).unwrap_or_default());
        }
        Ok(passed)
    }

    #[test]
    fn one_request_is_passed_and_the_next_stays() {
        let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let post = "POST /cart HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na=b&c";
        for (bytes, expected) in [
            (get.repeat(50), get),
            (format!("{post}{get}{post}"), post),
            (format!("\r\n\n\r\n{get}{post}"), get),
            (get.replace('\r', "").repeat(3), &get.replace('\r', "")),
            (get[..20].to_owned(), ""),
            (post[..post.len() - 2].to_owned(), &post[..post.len() - 2]),
        ] {
            for piece in [1, 2, 7, 4096] {
                let passed = passed_before_answer(bytes.as_bytes(), piece).unwrap();
                assert_eq!(String::from_utf8(passed).unwrap(), expected, "{piece}");
            }
        }
    }

    #[track_caller]
    fn check_refused(head: &str, status: u16) {
        let found = passed_before_answer(head.as_bytes(), 1024);
        assert_eq!(found.map_err(|status| status.as_u16()), Err(status), "{head:.80}");
    }

    #[test]
    fn what_has_no_end_or_no_length_is_refused() {
        let long = "x".repeat(LONGEST_HEAD);
        check_refused(&format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {long}\r\n\r\n"), 431);
        check_refused(&format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 431);
        let many: String = (0..97).map(|n| format!("h{n}: x\r\n")).collect();
        check_refused(&format!("GET / HTTP/1.1\r\n{many}\r\n"), 431);
        check_refused("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411);
        check_refused("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n", 400);
        check_refused("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400);
        // Found by fuzz/targets/requests.rs: the handler of such a form waited for more than its length.
        let upgrade = "Host: x\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\na=b";
        check_refused(&format!("POST /cart HTTP/1.1\r\n{upgrade}"), 400);
        check_refused(&format!("GET / HTTP/1.1\r\n{}", upgrade.to_uppercase()), 400);
        check_refused("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400);
        check_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
        check_refused("\0\0\0", 400);
    }

    #[test]
    fn the_next_head_is_read_after_the_answer() {
        let mut gate =
            RequestGate::after(b"GET / HTTP/1.1\r\n\r\nGET /cart HTTP/1.1\r\n\r\n".to_vec());
        assert_eq!(gate.find_head(), Ok(true));
        assert_eq!(gate.take(5).unwrap(), b"GET /");
        assert_eq!(gate.take(usize::MAX).unwrap(), b" HTTP/1.1\r\n\r\n");
        assert_eq!((gate.take(usize::MAX), gate.phase()), (None, Phase::Response));
        gate.open();
        assert_eq!(gate.find_head(), Ok(true));
        assert_eq!(gate.take(usize::MAX).unwrap(), b"GET /cart HTTP/1.1\r\n\r\n");
        assert!(!gate.has_more());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_the_bound(bytes in proptest::collection::vec(any::<u8>(), 0..40_000), piece in 1_usize..9_000) {
            if let Ok(passed) = passed_before_answer(&bytes, piece) {
                prop_assert!(bytes.len() >= passed.len());
            }
        }
    }
}
