//! Serves the buyers' pages, within limits for memory, connections and circuits.

use std::fs;
use std::io;
use std::time::Duration;

use actix_web::App;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use tokio::sync::mpsc;

use crate::actions;
use crate::infra::store::N_READERS;
use crate::interfaces::http::{
    ClientKey, ConnectionLimiter, ConnectionLimits, Listener, SPARE_CONNECTIONS, ServerOptions,
    serve_app,
};
use crate::interfaces::web::middleware::handle_request;
use crate::interfaces::web::routes::addresses;
use crate::interfaces::web::state::AppState;

/// How circuits are told apart and limited.
pub struct CircuitOptions {
    /// Whether Tor begins each connection on the socket with the number of its circuit.
    pub reads_circuits: bool,
    /// Receives the numbers of circuits that keep sending too many requests, to close them.
    pub closer: Option<mpsc::Sender<u32>>,
}

/// Whatever visitors send or do not read, memory stays below that of an idle shop plus 96 MB. This much of it is for
/// connections, and this much for requests and responses that are larger than usual; the rest is for pages being
/// rendered, the database's caches, and what the allocator retains. Units: bytes.
const CONNECTION_MEMORY: usize = 40 * 1024 * 1024;
const REQUEST_MEMORY: usize = 24 * 1024 * 1024;
/// The memory of one connection with its parser and an ordinary request. Units: bytes. Source: `cargo bench --bench flood`.
const PER_CONNECTION: usize = 40 * 1024;
/// Units: connections. Above this, a new one replaces the one that has waited longest.
const MAX_CONNECTIONS: usize = CONNECTION_MEMORY / PER_CONNECTION;
/// Units: files that the shop opens for itself: the database and its readers, pictures, messages.
const OWN_FILES: usize = 96;
/// Units: open files, if the system does not say how many are allowed.
/// Source: the default limit of Linux.
const USUAL_FILES: usize = 1_024;

/// Serves buyers until `shutdown` resolves, then lets requests in progress finish.
///
/// # Errors
/// The system's, for the listener.
pub async fn serve(
    app: Data<AppState>,
    listener: Listener,
    circuits: CircuitOptions,
    shutdown: impl Future<Output = ()> + 'static,
) -> io::Result<()> {
    let most_connections = most_connections();
    let payment_time = |is_under_siege| {
        let minutes = actions::minutes_to_pay(&app.shop, is_under_siege);
        Duration::from_secs(60 * u64::try_from(minutes).unwrap_or(0))
    };
    let limiter = ConnectionLimiter::new(ConnectionLimits {
        most_connections,
        most_memory: REQUEST_MEMORY,
        // One fewer than the database has readers, so that a buyer need not wait for a search.
        most_browsing: N_READERS as usize - 1,
        payment_time: payment_time(false),
        siege_payment_time: payment_time(true),
        closer: circuits.closer,
    });
    let options = ServerOptions {
        limiter,
        most_connections,
        n_workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        default_client: ClientKey::Untracked,
        reads_circuits: circuits.reads_circuits,
    };
    let pages =
        move || App::new().app_data(app.clone()).wrap(from_fn(handle_request)).configure(addresses);
    serve_app(pages, options, listener, shutdown).await
}

/// How many connections fit: into memory, and into the number of files that the shop may open.
fn most_connections() -> usize {
    let n_files = fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| soft_limit(&limits))
        .unwrap_or(USUAL_FILES);
    let possible = n_files.saturating_sub(OWN_FILES + SPARE_CONNECTIONS).max(16);
    if possible < MAX_CONNECTIONS {
        tracing::warn!(
            "room for {possible} connections in place of {MAX_CONNECTIONS}: the system lets the shop open {n_files} files (LimitNOFILE= of systemd, ulimits: of compose)"
        );
    }
    MAX_CONNECTIONS.min(possible)
}

/// Source: proc_pid_limits(5).
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
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
