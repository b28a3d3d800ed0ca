//! JSON-RPC over HTTP with limits, directly or through Tor.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, StatusCode, header, http};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_socks::TargetAddr;
use tokio_socks::tcp::Socks5Stream;

use crate::domain::values::{Authority, Host, JsonShape, NodeUrl, ProxyUrl, byte_size};
use crate::infra::node::NodeError;

/// Units: seconds; over Tor, connecting alone may take most of it.
const CONNECT_SECONDS: u64 = 30;
/// Units: bytes of one response, including a batch of blocks. A response about 1,000 orders is about one megabyte.
const MAX_BYTES: usize = 8 << 20;
/// The same for calls that take long and return little.
const MAX_SLOW_BYTES: usize = 256 << 10;
/// Units: bytes of memory that one parsed response takes, estimated before it is parsed.
const MAX_MEMORY: usize = 48 << 20;
/// Units: bytes of a response that any number of nodes may send at the same time, and how many may send larger ones:
/// together with one that is being parsed, they stay below the memory limit of the process.
const SMALL_BYTES: usize = 256 << 10;
static LARGE_ANSWERS: Semaphore = Semaphore::const_new(3);
/// The maximum nesting of JSON. Source: serde_json's own limit.
const MAX_DEPTH: usize = 128;
/// The time limit and the size limit of a response.
#[derive(Clone, Copy)]
struct Limits {
    seconds: u64,
    most_bytes: usize,
}

const DEFAULT_LIMITS: Limits = Limits { seconds: 60, most_bytes: MAX_BYTES };
const SLOW_LIMITS: Limits = Limits { seconds: 900, most_bytes: MAX_SLOW_BYTES };

/// Units: characters of a node's error message.
const MAX_MESSAGE: usize = 200;

const CERTIFICATE_HINT: &str = "set SSL_CERT_FILE to trust your own certificate";

/// A client for one node: JSON-RPC by HTTP POST, a connection for each request, no redirects.
///
/// Source: JSON-RPC 2.0.
pub struct RpcClient {
    url: NodeUrl,
    proxy: Option<ProxyUrl>,
    tls: Option<TlsConnector>,
    authorization: Option<String>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl RpcClient {
    /// Does not connect yet. A host that is near is contacted directly; any other through the proxy, which resolves its
    /// name.
    ///
    /// # Errors
    /// [`NodeError::NoProxy`] if a name would have to be resolved here; [`NodeError::Other`] if there are no root
    /// certificates for https.
    pub fn open(url: &NodeUrl, proxy: Option<&ProxyUrl>) -> Result<Self, NodeError> {
        let is_far = !url.authority().host.is_near();
        if is_far && proxy.is_none() && matches!(url.authority().host, Host::Name(_)) {
            return Err(NodeError::NoProxy { node: url.to_string() });
        }
        Ok(Self {
            url: url.clone(),
            proxy: proxy.filter(|_| is_far).cloned(),
            tls: if url.is_tls() { Some(tls_connector()?) } else { None },
            authorization: url.authority().login.as_ref().map(|(user, password)| {
                format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()))
            }),
        })
    }

    /// Host and port, for a [`NodeError`].
    pub fn node(&self) -> String {
        self.url.to_string()
    }

    /// Shape: begins with `/`.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The same node with another path: Bitcoin Core has one for each wallet.
    pub fn at_path(&self, path: &str) -> Self {
        Self {
            url: self.url.at_path(path),
            proxy: self.proxy.clone(),
            tls: self.tls.clone(),
            authorization: self.authorization.clone(),
        }
    }

    /// `params`: an array or an object.
    ///
    /// # Errors
    /// [`NodeError::Refused`] with the node's own code and message; any other if there is no answer.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, NodeError> {
        self.call_with_limits(method, params, DEFAULT_LIMITS).await
    }

    /// For calls that take minutes, such as a scan of the whole chain.
    ///
    /// # Errors
    /// As [`RpcClient::call`].
    pub async fn call_slow(&self, method: &str, params: Value) -> Result<Value, NodeError> {
        self.call_with_limits(method, params, SLOW_LIMITS).await
    }

    async fn call_with_limits(
        &self,
        method: &str,
        params: Value,
        limits: Limits,
    ) -> Result<Value, NodeError> {
        let request = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params});
        match self.send(&request, limits).await? {
            answer @ Value::Object(_) if answer["id"] == 0 || answer["error"].is_object() => {
                self.result(method, answer)
            }
            _ => Err(self.malformed(method)),
        }
    }

    /// All answers in the order of the calls, in one request.
    ///
    /// # Errors
    /// As [`RpcClient::call`]: if one answer is missing or an error, all fail.
    pub async fn batch(&self, calls: Vec<(&str, Value)>) -> Result<Vec<Value>, NodeError> {
        self.batch_with_refusals(calls).await?.into_iter().collect()
    }

    /// The same, but the node may refuse single calls.
    ///
    /// # Errors
    /// As [`RpcClient::call`], except [`NodeError::Refused`], which takes the place of its answer.
    pub async fn batch_with_refusals(
        &self,
        calls: Vec<(&str, Value)>,
    ) -> Result<Vec<Result<Value, NodeError>>, NodeError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let methods: Vec<&str> = calls.iter().map(|(method, _)| *method).collect();
        let request = calls
            .iter()
            .enumerate()
            .map(|(id, (method, params))| {
                json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
            })
            .collect();
        let answers = match self.send(&request, DEFAULT_LIMITS).await? {
            Value::Array(answers) => answers,
            // The whole batch is refused.
            answer @ Value::Object(_) if answer["error"].is_object() => {
                return self.result("a batch", answer).map(|_| Vec::new());
            }
            _ => return Err(self.malformed("a batch")),
        };
        let mut results: Vec<Option<Result<Value, NodeError>>> = vec![None; methods.len()];
        for answer in answers {
            let id = answer["id"].as_u64().and_then(|id| usize::try_from(id).ok());
            let Some((id, slot @ None)) = id.and_then(|id| Some((id, results.get_mut(id)?))) else {
                return Err(self.malformed("a batch with an unexpected answer"));
            };
            let result = self.result(methods[id], answer);
            if let Err(error @ NodeError::Malformed { .. }) = result {
                return Err(error);
            }
            *slot = Some(result);
        }
        let missing = || self.malformed("a batch with an answer missing");
        results.into_iter().map(|result| result.ok_or_else(missing)).collect()
    }

    fn result(&self, method: &str, mut answer: Value) -> Result<Value, NodeError> {
        // JSON-RPC 1.0 sends `"error": null` on success.
        let error = &answer["error"];
        if !error.is_null() {
            return Err(NodeError::Refused {
                node: self.node(),
                method: method.to_owned(),
                code: error["code"].as_i64().unwrap_or(0),
                message: printable(error["message"].as_str().unwrap_or("no reason given")),
            });
        }
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(self.malformed(method)),
        }
    }

    /// The text of the URL itself, by HTTP GET: for a server that is no node.
    ///
    /// # Errors
    /// As [`RpcClient::call`].
    pub async fn get(&self, most_bytes: usize) -> Result<String, NodeError> {
        let limits = Limits { most_bytes, ..DEFAULT_LIMITS };
        let request = self.request(Method::GET, String::new());
        let (status, body) = self.answer(request, limits).await?;
        self.check_status(status)?;
        String::from_utf8(body).map_err(|_| self.malformed("not UTF-8"))
    }

    /// An error for the caller that parses the answer: it is not what `what` should be.
    pub fn malformed(&self, what: &str) -> NodeError {
        NodeError::Malformed { node: self.node(), what: what.to_owned() }
    }

    async fn send(&self, request: &Value, limits: Limits) -> Result<Value, NodeError> {
        let request = self.request(Method::POST, request.to_string());
        let (status, body) = self.answer(request, limits).await?;
        if MAX_MEMORY < parsed_bytes(&body) {
            let megabytes = MAX_MEMORY >> 20;
            return Err(NodeError::TooLarge { node: self.node(), megabytes });
        }
        // Bitcoin Core sends JSON-RPC errors with HTTP error statuses.
        match serde_json::from_slice(&body) {
            Ok(answer @ (Value::Object(_) | Value::Array(_))) if !status.is_redirection() => {
                Ok(answer)
            }
            _ => {
                self.check_status(status)?;
                Err(self.malformed("not JSON"))
            }
        }
    }

    fn check_status(&self, status: StatusCode) -> Result<(), NodeError> {
        let node = self.node();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(NodeError::Unauthorized { node })
            }
            status if status.is_success() => Ok(()),
            status => Err(NodeError::Status { node, status: status.as_u16() }),
        }
    }

    fn request(&self, method: Method, body: String) -> http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.url.path())
            .header(header::HOST, self.url.to_string())
            .header(header::CONNECTION, "close");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.body(Full::new(Bytes::from(body)))
    }

    async fn answer(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
        limits: Limits,
    ) -> Result<(StatusCode, Vec<u8>), NodeError> {
        let request = request.map_err(|_| self.unreachable("its path is invalid"))?;
        let slow = |seconds| NodeError::Timeout { node: self.node(), seconds };
        let connecting = tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS), self.connect());
        let stream = connecting.await.map_err(|_| slow(CONNECT_SECONDS))??;
        let exchange = self.exchange(stream, request, limits.most_bytes);
        tokio::time::timeout(Duration::from_secs(limits.seconds), exchange)
            .await
            .map_err(|_| slow(limits.seconds))?
    }

    async fn exchange(
        &self,
        stream: Box<dyn Stream>,
        request: Request<Full<Bytes>>,
        most_bytes: usize,
    ) -> Result<(StatusCode, Vec<u8>), NodeError> {
        let broken = |error: hyper::Error| self.unreachable(&error.to_string());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let answering = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status();
            Ok((status, self.read(answer.into_body(), most_bytes).await?))
        };
        // The connection must be polled while the response is awaited; it ends with it.
        let answering = std::pin::pin!(answering);
        let connection = std::pin::pin!(connection);
        match futures_util::future::select(answering, connection).await {
            futures_util::future::Either::Left((answer, _)) => answer,
            futures_util::future::Either::Right((_, answering)) => answering.await,
        }
    }

    /// Reads the response; only a few large ones at the same time.
    async fn read(&self, mut body: Incoming, most_bytes: usize) -> Result<Vec<u8>, NodeError> {
        let mut bytes = Vec::new();
        let mut permit = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unreachable(&error.to_string()))?;
            let Some(data) = frame.data_ref() else { continue };
            if most_bytes < bytes.len() + data.len() {
                let most = byte_size(most_bytes as u64);
                return Err(NodeError::TooLong { node: self.node(), most });
            }
            if permit.is_none() && SMALL_BYTES < bytes.len() + data.len() {
                permit = LARGE_ANSWERS.acquire().await.ok();
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, NodeError> {
        let stream = match &self.proxy {
            Some(proxy) => self.connect_through(proxy).await?,
            None => dial(self.url.authority()).await.map_err(|why| self.unreachable(&why))?,
        };
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = match &self.url.authority().host {
            Host::Ip(ip) => ServerName::IpAddress((*ip).into()),
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|_| self.unreachable("its name is not valid in a certificate"))?,
        };
        let stream = tls.connect(name, stream).await.map_err(|error| {
            self.unreachable(&format!("{}; {CERTIFICATE_HINT}", printable(&error.to_string())))
        })?;
        Ok(Box::new(stream))
    }

    /// The proxy resolves the name. Tor isolates streams with different user or password on different circuits (tor(1),
    /// IsolateSOCKSAuth).
    async fn connect_through(&self, proxy: &ProxyUrl) -> Result<TcpStream, NodeError> {
        let refused =
            |why: &str| NodeError::Proxy { proxy: proxy.to_string(), why: why.to_owned() };
        let stream = dial(proxy.authority()).await.map_err(|why| refused(&why))?;
        let node = self.node();
        let (user, password) = match &proxy.authority().login {
            Some((user, password)) => (user.as_str(), password.as_str()),
            None => ("shop-watch", node.as_str()),
        };
        let Authority { host, port, .. } = self.url.authority();
        let target = match host {
            Host::Ip(ip) => TargetAddr::Ip((*ip, *port).into()),
            Host::Name(name) => TargetAddr::Domain(name.as_str().into(), *port),
        };
        let stream = Socks5Stream::connect_with_password_and_socket(stream, target, user, password);
        Ok(stream.await.map_err(|error| refused(&printable(&error.to_string())))?.into_inner())
    }

    fn unreachable(&self, why: &str) -> NodeError {
        NodeError::Unreachable { node: self.node(), why: why.to_owned() }
    }
}

async fn dial(server: &Authority) -> Result<TcpStream, String> {
    let Authority { host, port, .. } = server;
    let stream = match host {
        Host::Ip(ip) => TcpStream::connect((*ip, *port)).await,
        Host::Name(name) if host.is_near() => TcpStream::connect((name.as_str(), *port)).await,
        Host::Name(_) => return Err("names are not resolved here".to_owned()),
    };
    stream.map_err(|error| error.to_string())
}

fn tls_connector() -> Result<TlsConnector, NodeError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let message = "HTTPS needs trusted certificates, and this host has none: install them (apt install ca-certificates), \
                     or set SSL_CERT_FILE to the node's own certificate";
        return Err(NodeError::Other(message.to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| NodeError::Other(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Units: bytes that a response takes as a [`Value`], computed before it is parsed: `[0,0,…]` takes 32 bytes for two
/// characters, `[{"a":0},…]` 700 for eight.
fn parsed_bytes(body: &[u8]) -> usize {
    let shape = JsonShape::of(body, MAX_DEPTH);
    body.len()
        + shape.n_values * 64
        + shape.n_arrays * 128
        + shape.n_objects * 700
        + shape.n_strings * 48
}

/// Untrusted text on one short line, for a log and a terminal.
fn printable(message: &str) -> String {
    message.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_MESSAGE).collect()
}
