//! The HTTP server: listeners, limits and shutdown.

use std::fs;
use std::io;
use std::time::Duration;

use actix_service::ServiceFactory;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, Error};
use tokio::sync::mpsc;

use crate::actions;
use crate::infra::store::N_READERS;
use crate::interfaces::http::{
    ClientKey, ConnectionLimiter, ConnectionLimits, Listener, PASSING, ServerOptions, reap,
    serve_app,
};
use crate::interfaces::web::middleware::add_headers;
use crate::interfaces::web::routes::addresses;
use crate::interfaces::web::state::AppState;

/// What one visitor may take from the others.
pub struct Fairness {
    /// Whether Tor begins each connection on the socket with the number of its circuit.
    pub reads_circuits: bool,
    /// Takes the numbers of circuits that go on asking too much, to close them.
    pub closer: Option<mpsc::Sender<u32>>,
}

/// Whatever visitors send or do not read, memory stays below what an idle shop takes and 96 MB. Of that, so much is for
/// connections, and so much for requests and answers that are larger than usual; the rest is for pages being made, for
/// the database's caches, and for what the allocator keeps. Units: bytes.
const CONNECTION_MEMORY: usize = 40 * 1024 * 1024;
const REQUEST_MEMORY: usize = 24 * 1024 * 1024;
/// What one connection takes with its parser and an ordinary request. Units: bytes. Source: `cargo bench --bench flood`.
const PER_CONNECTION: usize = 40 * 1024;
/// Units: connections. Beyond them, new ones take the place of those that wait longest.
const MOST_CONNECTIONS: usize = CONNECTION_MEMORY / PER_CONNECTION;
/// Units: files that the shop opens for itself: the database and its readers, pictures, messages.
const OWN_FILES: usize = 96;
/// Units: open files, where the system does not say how many there may be.
/// Source: what Linux gives a process, unless told otherwise.
const USUAL_FILES: usize = 1_024;

/// Serves buyers until the process is `shutdown` to end, and lets what is under way finish.
///
/// # Errors
/// What the system says of the listener.
pub async fn serve(
    app: Data<AppState>,
    listener: Listener,
    fairness: Fairness,
    shutdown: impl Future<Output = ()> + 'static,
) -> io::Result<()> {
    let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let most_connections = most_connections();
    let payment_time = |is_under_siege| {
        let minutes = actions::minutes_to_pay(&app.shop, is_under_siege);
        Duration::from_secs(60 * u64::try_from(minutes).unwrap_or(0))
    };
    let limiter = ConnectionLimiter::new(ConnectionLimits {
        most_connections,
        most_held: REQUEST_MEMORY,
        // One reader of the database fewer than there are, so that who buys need not wait for a search.
        most_looking: N_READERS as usize - 1,
        payment_time: payment_time(false),
        siege_payment_time: payment_time(true),
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
