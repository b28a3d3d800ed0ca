//! The HTTP server of one listener: its limits and its shutdown.

use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::Server;
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::interfaces::http::connection_limiter::{ClientKey, ConnectionLimiter};
use crate::interfaces::http::listener::Listener;
use crate::interfaces::http::request_scope::track_request;
use crate::interfaces::http::stream::ClientStream;

/// Time for the head of a request: over Tor a round trip alone takes half a second, and a circuit may stall.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// How long an idle connection is kept, so that a buyer who reads a page need not open a new one.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Units: seconds. Time for requests in progress when the shop shuts down.
const CLOSING_SECONDS: u64 = 10;
/// Units: connections above the limit, while they are opened or closed.
pub const SPARE_CONNECTIONS: usize = 128;

/// The limits of one listener.
pub struct ServerOptions {
    pub limiter: Arc<ConnectionLimiter>,
    /// Units: connections, in total.
    pub most_connections: usize,
    /// Units: worker threads.
    pub n_workers: usize,
    /// The client key of a connection without a circuit from Tor.
    pub default_client: ClientKey,
    /// Whether Tor begins each connection on the socket with the number of its circuit.
    pub reads_circuits: bool,
}

/// Serves a listener until `shutdown` resolves, then lets requests in progress finish.
///
/// # Errors
/// The system's, for the listener.
pub async fn serve_app<T>(
    make: impl Fn() -> App<T> + Clone + Send + 'static,
    options: ServerOptions,
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
    // Removes the socket when the server has stopped.
    let mut socket_file = None;
    let ServerOptions { limiter, most_connections, n_workers, default_client, reads_circuits } =
        options;
    let server = Server::build()
        .workers(n_workers)
        // For each worker. Reached only for moments, since the limiter closes connections: the server itself would stop
        // accepting.
        .max_concurrent_connections(
            (most_connections + SPARE_CONNECTIONS.min(most_connections)).div_ceil(n_workers),
        )
        .shutdown_timeout(CLOSING_SECONDS)
        .disable_signals();
    let reaped = limiter.clone();
    let server = match listener {
        Listener::Tcp(listener) => {
            let closing = closing.clone();
            server.listen("http", listener, move || {
                let limiter = limiter.clone();
                let accept = move |stream: TcpStream| {
                    // A response is one write, so there is nothing to gain by waiting for more.
                    let _ = stream.set_nodelay(true);
                    let connection = limiter.register(default_client);
                    ready(Ok((ClientStream::new(stream, connection), None)))
                };
                fn_service(accept).and_then(http_service(make(), closing.clone()))
            })?
        }
        Listener::Unix(listener, file) => {
            socket_file = file;
            let closing = closing.clone();
            server.listen_uds("http", listener, move || {
                let limiter = limiter.clone();
                let accept = move |stream: tokio::net::UnixStream| {
                    let stream = if reads_circuits {
                        ClientStream::behind_tor(stream, limiter.register(ClientKey::Pending))
                    } else {
                        ClientStream::new(stream, limiter.register(default_client))
                    };
                    ready(Ok((stream, None)))
                };
                fn_service(accept).and_then(http_service(make(), closing.clone()))
            })?
        }
    }
    .run();
    let reaper = actix_web::rt::spawn(reap(reaped));
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        shutdown.await;
        // Connections that only wait for another request are closed at once.
        closing.notify_waiters();
        handle.stop(true).await;
    });
    let served = server.await;
    reaper.abort();
    drop(socket_file);
    served
}

/// Waits until the process is asked to stop. From this call on, the signals no longer end it by themselves; as the
/// first process of a container it would not even receive them.
///
/// # Errors
/// The system's.
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

/// Closes slow connections once a second.
async fn reap(limiter: Arc<ConnectionLimiter>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        second.tick().await;
        limiter.reap();
    }
}

/// Speaks HTTP/1.1 on each connection. Public for `fuzz/targets/requests.rs`.
#[doc(hidden)]
pub fn http_service<S, T>(
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
        .on_connect_ext(|stream: &ClientStream<S>, extensions| {
            extensions.insert(stream.connection().clone());
        })
        .graceful_shutdown_signal(move || {
            let closing = closing.clone();
            async move { closing.notified().await }
        })
        .h1(map_config(app, |_| AppConfig::default()))
}
