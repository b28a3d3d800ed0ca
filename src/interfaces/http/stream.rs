//! A visitor's connection, between the socket and the HTTP parser.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::interfaces::http::circuit::{ProxyHeader, parse_proxy_header};
use crate::interfaces::http::connection_limiter::{ClientKey, Connection, UNCOUNTED};
use crate::interfaces::http::request_gate::{Phase, RequestGate};
use crate::interfaces::http::response_head;
use crate::interfaces::http::response_head::Rewritten;

/// A buyer's connection: the parser sees one request at a time, and the client sees only responses that carry the
/// shop's headers in a fixed order.
pub struct ClientStream<S> {
    stream: S,
    connection: Arc<Connection>,
    /// The part of Tor's opening line received so far, while more may come.
    proxy_header: Option<Vec<u8>>,
    gate: RequestGate,
    /// Sent before anything else: a rewritten head, or a response of our own.
    pending: Vec<u8>,
    /// Whether the next bytes to be sent begin a response.
    begins_response: bool,
    /// Whether a response said that it is the last one: anything after its request is not read.
    is_last: bool,
}

/// Units: bytes that are read at once.
const PIECE: usize = 4 * 1024;
/// What a decoded head takes besides its bytes: an entry for each header. Units: times its bytes.
const DECODED: usize = 3;
/// How much of a request a closing connection still reads, so that the kernel does not discard the response. Units:
/// bytes.
const DRAINED: usize = 64 * 1024;

impl<S> ClientStream<S> {
    /// A connection on which every byte is the visitor's.
    pub fn new(stream: S, connection: Arc<Connection>) -> Self {
        let gate = RequestGate::default();
        let (proxy_header, pending) = (None, Vec::new());
        Self {
            stream,
            connection,
            proxy_header,
            gate,
            pending,
            begins_response: true,
            is_last: false,
        }
    }

    /// A connection that Tor begins with its own line.
    pub fn behind_tor(stream: S, connection: Arc<Connection>) -> Self {
        let mut new = Self::new(stream, connection);
        new.proxy_header = Some(Vec::new());
        new
    }

    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Answers a request that the parser never gets; the connection ends.
    fn refuse(&mut self, status: StatusCode) {
        self.pending = response_head::refusal(status);
        self.gate.close();
    }

    /// Looks for a request in the received bytes; returns whether the parser can be given something.
    fn begins_request(&mut self) -> bool {
        match self.gate.find_head() {
            Ok(true) => {
                self.connection.begin_request();
                self.begins_response = true;
                true
            }
            Ok(false) => false,
            Err(status) => {
                self.refuse(status);
                true
            }
        }
    }
}

impl<S> Drop for ClientStream<S> {
    fn drop(&mut self) {
        self.connection.unregister();
    }
}

impl<S: AsyncRead + Unpin> ClientStream<S> {
    /// Reads received bytes. If there are none and the connection must end, this reads as the end of the stream.
    fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                if before < buffer.filled().len() {
                    self.connection.on_received();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if self.connection.is_closed(cx.waker()) => Poll::Ready(Ok(())),
            other => other,
        }
    }

    /// Waits for the handler, or for the response to be sent; the client's bytes stay in the kernel's buffer.
    fn poll_wait(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.is_closed(cx.waker()) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Looks for Tor's line, in however many pieces it arrives.
    fn poll_proxy_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(mut received) = self.proxy_header.take() {
            let mut space = [0; PIECE];
            let mut part = ReadBuf::new(&mut space);
            match self.poll_bytes(cx, &mut part) {
                Poll::Ready(Ok(())) => {}
                other => {
                    self.proxy_header = Some(received);
                    return other;
                }
            }
            let has_ended = part.filled().is_empty();
            received.extend_from_slice(part.filled());
            let (client, rest) = match parse_proxy_header(&received) {
                ProxyHeader::Partial if !has_ended => {
                    self.proxy_header = Some(received);
                    continue;
                }
                ProxyHeader::Partial | ProxyHeader::Absent => (ClientKey::NoCircuit, received),
                ProxyHeader::Complete { circuit, length } => {
                    (ClientKey::Circuit(circuit), received.split_off(length))
                }
                ProxyHeader::Malformed => {
                    self.connection.set_client(ClientKey::NoCircuit);
                    self.refuse(StatusCode::BAD_REQUEST);
                    continue;
                }
            };
            self.connection.set_client(client);
            self.gate = RequestGate::after(rest);
            self.begins_request();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads until a head is complete or refused, or the connection ends; `false` if it ends.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut is_first = !self.gate.has_more();
        loop {
            let mut space = [0; PIECE];
            let room = self.gate.room().min(PIECE);
            let mut part = ReadBuf::new(&mut space[..room]);
            ready!(self.poll_bytes(cx, &mut part))?;
            let bytes = part.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(false));
            }
            self.gate.push(bytes);
            let counted = UNCOUNTED < self.gate.n_received();
            if counted && self.connection.reserve_memory(DECODED * bytes.len()).is_err() {
                self.refuse(StatusCode::SERVICE_UNAVAILABLE);
                return Poll::Ready(Ok(true));
            }
            // A head ends with a line ending: without one there is no need to look again.
            let may_end = is_first || bytes.contains(&b'\n') || self.gate.room() == 0;
            is_first = false;
            if may_end && self.begins_request() {
                return Poll::Ready(Ok(true));
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_proxy_header(cx))?;
        loop {
            if let Some(bytes) = self.gate.take(buffer.remaining()) {
                buffer.put_slice(&bytes);
                return Poll::Ready(Ok(()));
            }
            match self.gate.phase() {
                Phase::Head => {
                    if !ready!(self.poll_head(cx))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                Phase::Body(_) if self.gate.has_more() && self.connection.is_reading_body() => {
                    self.gate.release_body();
                }
                Phase::Body(left) if self.connection.is_reading_body() => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
                    let mut space = [0; PIECE];
                    let mut part = ReadBuf::new(&mut space[..most.min(buffer.remaining())]);
                    ready!(self.poll_bytes(cx, &mut part))?;
                    buffer.put_slice(part.filled());
                    let n = part.filled().len();
                    self.gate.passed(n);
                    return Poll::Ready(Ok(()));
                }
                Phase::Body(_) | Phase::Response => return self.poll_wait(cx),
                Phase::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Sends what can be sent. A response that the client does not read ends with the connection.
fn poll_send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    connection: &Connection,
    cx: &mut Context<'_>,
    parts: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match Pin::new(stream).poll_write_vectored(cx, parts) {
        Poll::Pending => {
            connection.on_send_blocked();
            if connection.is_closed(cx.waker()) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending
        }
        sent => {
            connection.on_sent();
            sent
        }
    }
}

impl<S: AsyncWrite + Unpin> ClientStream<S> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let Self { stream, pending, connection, .. } = &mut *self;
            let sent = ready!(poll_send(stream, connection, cx, &[IoSlice::new(pending)]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> ClientStream<S> {
    /// Reads and discards what was received: closing a socket with unread bytes makes the kernel reset the connection,
    /// and the response can be lost.
    fn drain(&mut self, cx: &mut Context<'_>) {
        let mut space = [0; PIECE];
        for _ in 0..DRAINED / PIECE {
            let mut part = ReadBuf::new(&mut space);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut part);
            if !matches!(read, Poll::Ready(Ok(()))) || part.filled().is_empty() {
                return;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let Self { stream, connection, pending, begins_response, is_last, .. } = &mut *self;
        let rewritten = if *begins_response { response_head::rewrite(bytes) } else { None };
        let Some(Rewritten { head, length, is_last: ends }) = rewritten else {
            return poll_send(stream, connection, cx, &[IoSlice::new(bytes)]);
        };
        *begins_response = response_head::is_interim(bytes);
        *is_last |= ends;
        // After an interim response another one begins.
        let body = if *begins_response { &[] } else { &bytes[length..] };
        let parts = [IoSlice::new(&head), IoSlice::new(body)];
        let sent = match poll_send(stream, connection, cx, &parts) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        // The head counts as sent: the rest of it is sent before anything else.
        *pending = head[sent.min(head.len())..].to_vec();
        Poll::Ready(Ok(length + sent.saturating_sub(head.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.gate.phase() == Phase::Response && self.connection.is_response_ready() {
            self.connection.release_memory();
            if self.is_last {
                self.gate.close();
            } else {
                self.gate.open();
            }
            if self.gate.has_more() {
                self.connection.on_received();
                self.begins_request();
            }
            // The parser was told to wait, and polls again.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.drain(cx);
        Poll::Ready(Ok(()))
    }
}
