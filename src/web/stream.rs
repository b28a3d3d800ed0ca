use crate::web::circuit::Opening;
use crate::web::circuit::read_opening;
use crate::web::headers::put_into;
use crate::web::lobby::Caller;
use crate::web::lobby::Seat;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// A buyer's connection, on which even what the server answers by itself is an answer of the shop.
///
/// A head that cannot be read, is too long or does not arrive in time is answered below everything that knows pages:
/// without headers, and with the host's time to the second. Such an answer is put aside for one of ours.
pub struct DoorStream<S> {
    stream: S,
    seat: Arc<Seat>,
    /// What of our answer is still to be sent.
    pending: Vec<u8>,
    opening: Expected,
}

/// What is known of a connection's first bytes.
enum Expected {
    /// Tor's line may still come; this is what has come of it.
    Line(Vec<u8>),
    /// It was looked for; this came behind it, or in place of it, and is still to be read.
    Rest(Vec<u8>),
    /// It was no line of tor's, although it began like one: the server is told so, and hears nothing more.
    Malformed,
    /// Nothing more is heard.
    End,
    /// All is the visitor's own.
    Nothing,
}

/// What no request begins with: the server answers it as it answers all that it cannot read.
const UNREADABLE: &[u8] = b"\0\r\n\r\n";

/// An answer that the server makes by itself says that it is an error, and has neither our headers nor a body.
const BARE: &[u8] = b"HTTP/1.1 4";
const NO_BODY: &[u8] = b"content-length: 0\r\n";
const OURS: &[u8] = b"x-content-type-options";

impl<S> DoorStream<S> {
    /// A connection on which every byte is the visitor's.
    pub fn new(stream: S, seat: Arc<Seat>) -> Self {
        Self { stream, seat, pending: Vec::new(), opening: Expected::Nothing }
    }

    /// A connection that tor begins with a line of its own.
    pub fn behind_tor(stream: S, seat: Arc<Seat>) -> Self {
        Self { stream, seat, pending: Vec::new(), opening: Expected::Line(Vec::new()) }
    }

    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl<S> Drop for DoorStream<S> {
    fn drop(&mut self) {
        self.seat.leave();
    }
}

/// Where such an answer begins: it is the last on its connection, and others may stand before it.
fn find_bare(answers: &[u8]) -> Option<usize> {
    if !answers.ends_with(b"\r\n\r\n") {
        return None;
    }
    let at = answers.windows(BARE.len()).rposition(|window| window == BARE)?;
    let answer = &answers[at..];
    let holds = |part: &[u8]| answer.windows(part.len()).any(|window| window == part);
    (holds(NO_BODY) && !holds(OURS)).then_some(at)
}

/// The same status with our headers and words that say what to do.
fn with_words(bare: &[u8]) -> Vec<u8> {
    let status = bare.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>This could not be read</title>\n</head>\n<body>\n\
        <h1>This could not be read</h1>\n<p>What your browser sent did not arrive whole, or was too long. Nothing was changed. \
        Please <a href=\"/\">go back to the first page</a> and try again.</p>\n</body>\n</html>\n";
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
    put_into(&mut headers);
    let mut answer = status.to_vec();
    for (name, value) in &headers {
        answer.extend_from_slice(b"\r\n");
        answer.extend_from_slice(name.as_str().as_bytes());
        answer.extend_from_slice(b": ");
        answer.extend_from_slice(value.as_bytes());
    }
    answer.extend_from_slice(b"\r\n\r\n");
    answer.extend_from_slice(page.as_bytes());
    answer
}

impl<S: AsyncRead + Unpin> DoorStream<S> {
    /// Reads what has come, unless the connection is to end: then nothing more comes.
    fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                if before < buffer.filled().len() {
                    self.seat.heard();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if self.seat.is_gone(cx.waker()) => Poll::Ready(Ok(())),
            other => other,
        }
    }

    /// Looks for tor's line, in however many pieces it comes.
    fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Expected::Line(come) = &mut self.opening {
            let mut come = std::mem::take(come);
            let mut space = [0; 512];
            let mut part = ReadBuf::new(&mut space);
            match self.poll_bytes(cx, &mut part) {
                Poll::Ready(Ok(())) => {}
                other => {
                    self.opening = Expected::Line(come);
                    return other;
                }
            }
            let has_ended = part.filled().is_empty();
            come.extend_from_slice(part.filled());
            self.opening = match read_opening(&come) {
                Opening::Partial if !has_ended => Expected::Line(come),
                Opening::Partial | Opening::NoLine => {
                    self.seat.decide(Caller::NoLine);
                    Expected::Rest(come)
                }
                Opening::Line { circuit, length } => {
                    self.seat.decide(Caller::Circuit(circuit));
                    Expected::Rest(come.split_off(length))
                }
                Opening::Malformed => {
                    self.seat.decide(Caller::NoLine);
                    Expected::Malformed
                }
            };
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for DoorStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_opening(cx))?;
        match std::mem::replace(&mut self.opening, Expected::Nothing) {
            Expected::Rest(mut rest) if !rest.is_empty() => {
                let behind = rest.split_off(rest.len().min(buffer.remaining()));
                buffer.put_slice(&rest);
                self.opening = Expected::Rest(behind);
                return Poll::Ready(Ok(()));
            }
            Expected::Malformed => {
                buffer.put_slice(UNREADABLE);
                self.opening = Expected::End;
                return Poll::Ready(Ok(()));
            }
            Expected::End => {
                self.opening = Expected::End;
                return Poll::Ready(Ok(()));
            }
            _ => {}
        }
        self.poll_bytes(cx, buffer)
    }
}

/// Sends what can be sent. An answer that nobody takes ends with the connection.
fn poll_send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    seat: &Seat,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match Pin::new(stream).poll_write(cx, bytes) {
        Poll::Pending => {
            seat.stalls();
            if seat.is_gone(cx.waker()) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending
        }
        sent => {
            seat.takes();
            sent
        }
    }
}

impl<S: AsyncWrite + Unpin> DoorStream<S> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let Self { stream, pending, seat, .. } = &mut *self;
            let sent = ready!(poll_send(stream, seat, cx, pending))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for DoorStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        if let Some(at) = find_bare(bytes) {
            self.pending = bytes[..at].to_vec();
            self.pending.extend(with_words(&bytes[at..]));
            // Sent with the flush that follows each answer; what cannot be sent yet waits there.
            if let Poll::Ready(Err(error)) = self.poll_pending(cx) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        let Self { stream, seat, .. } = &mut *self;
        poll_send(stream, seat, cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_answers_by_itself_is_put_aside() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: Sat, 21 Nov 2026 06:17:16 GMT\r\n\r\n";
        assert_eq!(find_bare(bare), Some(0));
        let behind_another =
            [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".as_slice(), bare].concat();
        assert_eq!(find_bare(&behind_another), Some(behind_another.len() - bare.len()));
        let words = String::from_utf8(with_words(bare)).unwrap();
        assert!(
            words.starts_with("HTTP/1.1 400 Bad Request\r\n")
                && words.contains("content-security-policy: ")
        );
        assert!(!words.contains(":16 GMT") && words.contains(":00 GMT"));
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nx-content-type-options: nosniff\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nwords",
        ] {
            assert_eq!(find_bare(answer.as_bytes()), None, "{answer}");
        }
    }
}
