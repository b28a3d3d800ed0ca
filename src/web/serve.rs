use crate::web::addresses;
use crate::web::headers::add_headers;
use crate::web::state::Front;
use actix_web::App;
use actix_web::HttpServer;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// An open door that nobody has come through yet.
pub enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Time for the head of a request: over Tor a round trip alone takes half a second, and a circuit may stall.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// How long an idle connection is kept, so that a buyer who reads a page need not build a new one.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Units: seconds for what is under way when the shop closes.
const CLOSING_SECONDS: u64 = 10;
/// Units: connections for each core. Beyond them, new ones wait.
const MOST_CONNECTIONS: usize = 4_000;

impl Door {
    /// # Errors
    /// What the system says: the address is taken, or not ours.
    pub fn tcp(address: &str) -> io::Result<Self> {
        TcpListener::bind(address).map(Self::Tcp)
    }

    /// A socket that any user of the host may connect to; one that an earlier shop left behind is taken away.
    ///
    /// # Errors
    /// What the system says; a file that is no socket is left alone.
    pub fn unix(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        // Tor runs as a user of its own; who may reach the socket is the folder's affair.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
        Ok(Self::Unix(listener))
    }

    /// How a browser would call it.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "http://".to_owned(), |address| format!("http://{address}")),
            Self::Unix(listener) => {
                let path = listener
                    .local_addr()
                    .ok()
                    .and_then(|address| address.as_pathname().map(Path::to_owned));
                format!("unix:{}", path.unwrap_or_default().display())
            }
        }
    }
}

/// Serves buyers until the process is told to end, and lets what is under way finish.
///
/// # Errors
/// What the system says of the door.
pub async fn serve(front: Data<Front>, door: Door) -> io::Result<()> {
    let server = HttpServer::new(move || {
        App::new().app_data(front.clone()).wrap(from_fn(add_headers)).configure(addresses)
    })
    .client_request_timeout(HEAD_TIME)
    .keep_alive(IDLE_TIME)
    .max_connections(MOST_CONNECTIONS)
    .shutdown_timeout(CLOSING_SECONDS)
    .disable_signals();
    let server = match door {
        Door::Tcp(listener) => server.listen(listener)?,
        Door::Unix(listener) => server.listen_uds(listener)?,
    }
    .run();
    let handle = server.handle();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    actix_web::rt::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        handle.stop(true).await;
    });
    server.await
}
