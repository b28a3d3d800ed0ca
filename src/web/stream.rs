use crate::web::headers::put_into;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use std::io;
use std::pin::Pin;
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
    /// What of our answer is still to be sent.
    pending: Vec<u8>,
}

/// An answer that the server makes by itself says that it is an error, and has neither our headers nor a body.
const BARE: &[u8] = b"HTTP/1.1 4";
const NO_BODY: &[u8] = b"content-length: 0\r\n";
const OURS: &[u8] = b"x-content-type-options";

impl<S> DoorStream<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, pending: Vec::new() }
    }
}

fn is_bare(answer: &[u8]) -> bool {
    let holds = |part: &[u8]| answer.windows(part.len()).any(|window| window == part);
    answer.starts_with(BARE) && answer.ends_with(b"\r\n\r\n") && holds(NO_BODY) && !holds(OURS)
}

/// The same status with our headers and words that say what to do.
fn with_words(bare: &[u8]) -> Vec<u8> {
    let status = bare.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>This could not be read</title>\n</head>\n<body>\n\
        <h1>This could not be read</h1>\n<p>What your browser sent did not arrive whole, or was too long. Nothing was changed. \
        Please <a href=\"/\">go back to the shop</a> and try again.</p>\n</body>\n</html>\n";
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

impl<S: AsyncRead + Unpin> AsyncRead for DoorStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> DoorStream<S> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.pending))?;
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
        if is_bare(bytes) {
            self.pending = with_words(bytes);
            // Sent with the flush that follows each answer; what cannot be sent yet waits there.
            if let Poll::Ready(Err(error)) = self.poll_pending(cx) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
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
        assert!(is_bare(bare));
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
            assert!(!is_bare(answer.as_bytes()), "{answer}");
        }
    }
}
