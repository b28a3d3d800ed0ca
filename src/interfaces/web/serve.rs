//! The HTTP server: listeners, limits and shutdown.

use crate::interfaces::web::addresses;
use crate::interfaces::web::connection_limiter::ClientKey;
use crate::interfaces::web::connection_limiter::ConnectionLimiter;
use crate::interfaces::web::connection_limiter::ConnectionLimits;
use crate::interfaces::web::headers::add_headers;
use crate::interfaces::web::request_scope::track_request;
use crate::interfaces::web::socket;
use crate::interfaces::web::socket::SocketFile;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::stream::ClientStream;
use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::Server;
use actix_service::IntoServiceFactory;
use actix_service::ServiceFactory;
use actix_service::ServiceFactoryExt;
use actix_service::fn_service;
use actix_service::map_config;
use actix_web::App;
use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::AppConfig;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use std::fs;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::Notify;
use tokio::sync::mpsc;

/// An open door that nobody has come through yet.
pub enum Listener {
    Tcp(TcpListener),
    /// With the file that it made; systemd's own is none of its business.
    Unix(UnixListener, Option<SocketFile>),
}

/// What one visitor may take from the others.
pub struct Fairness {
    /// Whether tor begins each connection on the socket with the number of its circuit.
    pub reads_circuits: bool,
    /// Units: orders that may be unpaid in the whole shop.
    pub most_unpaid: i64,
    /// Units: minutes that an order may be unpaid.
    pub payment_minutes: i64,
    /// Takes the numbers of circuits that go on asking too much, to close them.
    pub closer: Option<mpsc::Sender<u32>>,
}

/// Time for the head of a request: over Tor a round trip alone takes half a second, and a circuit may stall.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// How long an idle connection is kept, so that a buyer who reads a page need not build a new one.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Units: seconds for what is under way when the shop closes.
const CLOSING_SECONDS: u64 = 10;
/// Whatever visitors send or do not read, memory stays below what an idle shop takes and 96 MB. Of that, so much is for
/// connections, and so much for requests and answers that are larger than usual; the rest is for pages being made, for
/// the database's caches, and for what the allocator keeps. Units: bytes.
const CONNECTION_MEMORY: usize = 40 * 1024 * 1024;
const REQUEST_MEMORY: usize = 24 * 1024 * 1024;
/// What one connection takes with its parser and an ordinary request. Units: bytes. Source: `cargo bench --bench flood`.
const PER_CONNECTION: usize = 40 * 1024;
/// Units: connections. Beyond them, new ones take the place of those that wait longest.
const MOST_CONNECTIONS: usize = CONNECTION_MEMORY / PER_CONNECTION;
/// Units: connections that are on their way in or out.
const PASSING: usize = 128;
/// Units: files that the shop opens for itself: the database and its readers, pictures, messages.
const OWN_FILES: usize = 96;
/// Units: open files, where the system does not say how many there may be.
/// Source: what Linux gives a process, unless told otherwise.
const USUAL_FILES: usize = 1_024;

impl Listener {
    /// # Errors
    /// What the system says: the address is taken, or not ours.
    pub fn tcp(address: &str) -> io::Result<Self> {
        TcpListener::bind(address).map(Self::Tcp).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                let words = "the address is in use: another shop or program listens there. End it, or choose another port";
                io::Error::new(io::ErrorKind::AddrInUse, words)
            }
            _ => error,
        })
    }

    /// A socket that any user of the host may connect to, unless somebody listens there already.
    ///
    /// # Errors
    /// As `socket::listen`.
    pub fn unix(path: &Path) -> io::Result<Self> {
        socket::listen(path).map(|(listener, file)| Self::Unix(listener, Some(file)))
    }

    /// How Tor on the same host reaches it, as the target of an onion service's port.
    ///
    /// # Errors
    /// What the system says of the door.
    pub fn target(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => {
                let mut address = listener.local_addr()?;
                if address.ip().is_unspecified() {
                    address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
                }
                Ok(address.to_string())
            }
            Self::Unix(listener, _) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().ok_or(io::ErrorKind::AddrNotAvailable)?;
                Ok(format!("unix:{}", fs::canonicalize(path)?.display()))
            }
        }
    }

    pub fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Whether others than this host can come to it.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|address| !address.ip().to_canonical().is_loopback()),
            Self::Unix(..) => false,
        }
    }

    /// How a browser would call it.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "http://".to_owned(), |address| format!("http://{address}")),
            Self::Unix(listener, _) => {
                let path = listener
                    .local_addr()
                    .ok()
                    .and_then(|address| address.as_pathname().map(Path::to_owned));
                format!("unix:{}", path.unwrap_or_default().display())
            }
        }
    }
}

/// Serves buyers until the process is `shutdown` to end, and lets what is under way finish.
///
/// # Errors
/// What the system says of the door.
pub async fn serve(
    app: Data<AppState>,
    listener: Listener,
    fairness: Fairness,
    shutdown: impl Future<Output = ()> + 'static,
) -> io::Result<()> {
    let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let most_connections = most_connections();
    let payment_minutes = u64::try_from(fairness.payment_minutes).unwrap_or(0);
    let limiter = ConnectionLimiter::new(ConnectionLimits {
        most_connections,
        most_held: REQUEST_MEMORY,
        most_unpaid: fairness.most_unpaid,
        payment_time: Duration::from_secs(60 * payment_minutes),
        closer: fairness.closer,
    });
    let reaping = actix_web::rt::spawn(reap(limiter.clone()));
    let newcomer = ClientKey::Anybody;
    let reads_circuits = fairness.reads_circuits;
    let room =
        ServerOptions { limiter, most_connections, n_workers: n_cores, newcomer, reads_circuits };
    let served = serve_app(move || shop_app(app.clone()), room, listener, shutdown).await;
    reaping.abort();
    served
}

/// What a door has room for.
pub struct ServerOptions {
    pub limiter: Arc<ConnectionLimiter>,
    /// Units: connections, all together.
    pub most_connections: usize,
    /// Units: threads that answer.
    pub n_workers: usize,
    /// What a connection counts as that tor does not name.
    pub newcomer: ClientKey,
    /// Whether tor begins each connection on the socket with the number of its circuit.
    pub reads_circuits: bool,
}

/// Answers at a door until the process is `shutdown` to end, and lets what is under way finish.
///
/// # Errors
/// What the system says of the door.
pub async fn serve_app<T>(
    make: impl Fn() -> App<T> + Clone + Send + 'static,
    room: ServerOptions,
    listener: Listener,
    shutdown: impl Future<Output = ()> + 'static,
) -> io::Result<()>
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + 'static,
{
    let closing = Arc::new(Notify::new());
    let mut own_file = None;
    let ServerOptions { limiter, most_connections, n_workers, newcomer, reads_circuits } = room;
    let server = Server::build()
        .workers(n_workers)
        // For each worker. Reached for moments at most, since the limiter makes room: the server itself would let everybody
        // wait outside.
        .max_concurrent_connections(
            (most_connections + PASSING.min(most_connections)).div_ceil(n_workers),
        )
        .shutdown_timeout(CLOSING_SECONDS)
        .disable_signals();
    let server = match listener {
        Listener::Tcp(listener) => {
            let closing = closing.clone();
            server.listen("door", listener, move || {
                let limiter = limiter.clone();
                let greet = move |stream: TcpStream| {
                    // An answer is one write: nothing is won by waiting for more.
                    let _ = stream.set_nodelay(true);
                    let connection = limiter.enter(newcomer);
                    ready(Ok((ClientStream::new(stream, connection), None)))
                };
                fn_service(greet).and_then(answering(make(), closing.clone()))
            })?
        }
        Listener::Unix(listener, file) => {
            own_file = file;
            let closing = closing.clone();
            server.listen_uds("door", listener, move || {
                let limiter = limiter.clone();
                let greet = move |stream: tokio::net::UnixStream| {
                    let stream = if reads_circuits {
                        ClientStream::behind_tor(stream, limiter.enter(ClientKey::Undecided))
                    } else {
                        ClientStream::new(stream, limiter.enter(newcomer))
                    };
                    ready(Ok((stream, None)))
                };
                fn_service(greet).and_then(answering(make(), closing.clone()))
            })?
        }
    }
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        shutdown.await;
        // Connections that only wait for another request are let go at once.
        closing.notify_waiters();
        handle.stop(true).await;
    });
    let served = server.await;
    drop(own_file);
    served
}

/// Waits until the process is told to end. From this call on, the signals no longer end it by themselves; as the first
/// process of a container it would not even hear them.
///
/// # Errors
/// What the system says.
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Reaps slow connections, once a second, for as long as it is awaited.
pub async fn reap(limiter: Arc<ConnectionLimiter>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        second.tick().await;
        limiter.reap();
    }
}

/// How many connections there is room for: in memory, and by the files that the system lets the shop open.
fn most_connections() -> usize {
    let n_files = fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| soft_limit(&limits))
        .unwrap_or(USUAL_FILES);
    let possible = n_files.saturating_sub(OWN_FILES + PASSING).max(16);
    if possible < MOST_CONNECTIONS {
        tracing::warn!(
            "room for {possible} connections in place of {MOST_CONNECTIONS}: the system lets the shop open {n_files} files (LimitNOFILE= of systemd, ulimits: of compose)"
        );
    }
    MOST_CONNECTIONS.min(possible)
}

/// Source: proc_pid_limits(5).
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

/// The buyers' pages.
fn shop_app(
    app: Data<AppState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().app_data(app).wrap(from_fn(add_headers)).configure(addresses)
}

/// HTTP/1.1 with pages behind it. Public for `fuzz/targets/requests.rs`.
#[doc(hidden)]
pub fn answering<S, T>(
    app: App<T>,
    closing: Arc<Notify>,
) -> impl ServiceFactory<
    (ClientStream<S>, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + 'static,
{
    let app = app.wrap(from_fn(track_request));
    let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .client_request_timeout(HEAD_TIME)
        .keep_alive(IDLE_TIME)
        .on_connect_ext(|stream: &ClientStream<S>, known| {
            known.insert(stream.connection().clone());
        })
        .graceful_shutdown_signal(move || {
            let closing = closing.clone();
            async move { closing.notified().await }
        })
        .h1(map_config(app, |_| AppConfig::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_files_is_read_as_linux_writes_it() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max cpu time              unlimited            unlimited            seconds   \n\
            Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(text), Some(1_024));
        assert_eq!(soft_limit(&text.replace("1024", "unlimited")), Some(usize::MAX));
        assert_eq!(soft_limit("Max processes 1 1"), None);
    }
}
