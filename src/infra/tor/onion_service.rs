//! Creates the onion service or monitors Tor's own, and reports its state.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::infra::bounded;
use crate::infra::tor::authorized_clients::{has_clients, write_authorized_clients};
use crate::infra::tor::client::{ClientKeys, Clients};
use crate::infra::tor::control::{ControlAddress, ControlClient, TorError, read_metric};
use crate::infra::tor::key::{OnionAddress, OnionKey};
use crate::infra::tor::shared_dir::SharedDir;
use crate::infra::tor::status::OnionStatus;

/// How the onion service is created.
pub enum Service {
    /// By the shop, through the control port; it ends with the shop's connection. `target`: its listener, as Tor writes it.
    Ephemeral { key: OnionKey, target: String },
    /// By Tor's own torrc, with this `HiddenServiceDir`.
    Torrc(PathBuf),
}

/// Manages one onion service in a Tor: creates it, monitors it, reports its state, and restores it when Tor restarts.
pub struct OnionService {
    /// Tried in this order.
    pub control: Vec<ControlAddress>,
    pub password: Option<String>,
    pub folder: SharedDir,
    pub service: Service,
    /// Whether an empty client list, or none, admits nobody. An ephemeral service then does not exist.
    pub only_clients: bool,
    /// A source of 32 random bytes.
    pub random_bytes: fn() -> [u8; 32],
    /// The clock. Units: Unix seconds.
    pub now: fn() -> i64,
}

/// One control connection to one Tor.
pub struct Session {
    control: ControlClient,
    /// The client list as configured in this Tor; `None` if none was set on this connection.
    clients: Option<Clients>,
    /// The last error with the shared folder; empty if there is none.
    folder_error: String,
    /// Directories that accepted the descriptor, and when. Units: Unix seconds.
    published: BTreeMap<String, i64>,
    /// Circuits that were closed, so that none is closed twice: its number may be reused by then.
    closed_circuits: Vec<u32>,
    metrics_port: Option<String>,
    /// Whether this Tor refused the proof of work. It is logged once per connection.
    lacks_proof_of_work: bool,
}

/// Streams that one visitor's circuit may have open: a browser opens six.
const MAX_STREAMS: usize = 64;
/// The proof of work, as in docs/tor/sidecar.torrc: visitors are ordered by their work only while Tor is busy. Measured in
/// docs/PERFORMANCE.md, "A flood of introductions".
///
/// Source: control-spec, ADD_ONION; tor 0.4.9.11, which has no keyword for a limit at the introduction points. It sets none.
const PROOF_OF_WORK: &str = "PoWDefensesEnabled=1 PoWQueueRate=0";
/// Directories discard a descriptor that was not uploaded again by then. Units: seconds. Source: rend-spec-v3, section
/// 2.2.6.
const DESCRIPTOR_LIVES: i64 = 3 * 60 * 60;
/// The status is written after this many iterations, of a second each.
const ITERATIONS_PER_STATUS: usize = 3;
const QUIET_FAILURES: u32 = 3;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Units: bytes of a file with one line: an address, or a client's key.
const MAX_OF_LINE: u64 = 4_096;

impl OnionService {
    /// Connects to Tor and creates the service.
    ///
    /// # Errors
    /// [`TorError`] with what to do.
    pub fn connect(&self) -> Result<Session, TorError> {
        let control =
            ControlClient::open(&self.control, self.password.as_deref(), (self.random_bytes)())?;
        let mut session = Session {
            control,
            clients: None,
            folder_error: String::new(),
            published: BTreeMap::new(),
            // Earlier entries were for the previous Tor: each one starts numbering its circuits again.
            closed_circuits: self.folder.circuits_to_close(),
            metrics_port: None,
            lacks_proof_of_work: false,
        };
        session.control.ask("SETEVENTS HS_DESC")?;
        session.metrics_port = session.control.metrics_port()?;
        if let Service::Ephemeral { key, .. } = &self.service {
            // First: an address without a status is taken for one of Tor's own torrc.
            let status = self.error_status(OnionStatus::STARTING);
            self.folder.write_status(&status).map_err(TorError::Folder)?;
            self.folder.write_address(&key.address()).map_err(TorError::Folder)?;
            session.clients =
                Some(self.folder.clients().map_err(TorError::Folder)?.unwrap_or_default());
            self.add_onion(&mut session)?;
        }
        Ok(session)
    }

    /// Manages the service across restarts of Tor, until `is_stopped`. `session`: the first one, if it is open already.
    pub fn run(&self, mut session: Option<Session>, is_stopped: impl Fn() -> bool) {
        let mut published = BTreeMap::new();
        let mut last = String::new();
        let mut failures = 0;
        while !is_stopped() {
            let error = match session.take().map_or_else(|| self.connect(), Ok) {
                Ok(mut session) => {
                    if matches!(self.service, Service::Torrc(_)) {
                        // Tor's own service continued in the meantime.
                        session.published = published;
                    }
                    let ended = self.monitor(&mut session, &is_stopped);
                    published = session.published;
                    match ended {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            let error = error.to_string();
            failures = if error == last { failures + 1 } else { 0 };
            // A Tor that is still starting is not worth a warning.
            if failures == QUIET_FAILURES {
                tracing::warn!("will retry: {error}");
            }
            let _ = self.folder.write_status(&self.error_status(&error));
            last = error;
            thread::sleep(RETRY_AFTER);
        }
    }

    fn error_status(&self, error: &str) -> OnionStatus {
        OnionStatus { at: (self.now)(), trouble: error.to_owned(), ..OnionStatus::default() }
    }

    /// The service's address, if it exists.
    pub fn address(&self) -> Option<OnionAddress> {
        match &self.service {
            Service::Ephemeral { key, .. } => Some(key.address()),
            Service::Torrc(folder) => {
                let text = bounded::read_text(&folder.join("hostname"), MAX_OF_LINE).ok()?;
                OnionAddress::parse(text.trim_end())
            }
        }
    }

    /// Ends with [`TorError`] if the connection does. Errors with the folder are logged and retried: a full disk must
    /// not stop the service.
    fn monitor(
        &self,
        session: &mut Session,
        is_stopped: &impl Fn() -> bool,
    ) -> Result<(), TorError> {
        let mut written_address = None;
        let mut was_reachable = false;
        for iteration in 0.. {
            for line in session.control.events()? {
                self.handle_event(session, &line);
            }
            if is_stopped() {
                return Ok(());
            }
            let mut folder_errors: Vec<io::Error> = Vec::new();
            let address = self.address();
            let written = match &address {
                Some(address) if written_address.as_ref() != Some(address) => {
                    self.folder.write_address(address)
                }
                _ => Ok(()),
            };
            match written {
                Ok(()) => written_address = address,
                Err(error) => folder_errors.push(error),
            }
            let before = session.clients.clone();
            match self.apply_clients(session) {
                Err(TorError::Folder(error)) => folder_errors.push(error),
                applied => applied?,
            }
            self.close_listed_circuits(session)?;
            // A changed list is reported at once, since a process waits for this.
            if before != session.clients || iteration % ITERATIONS_PER_STATUS == 0 {
                let status = self.status(session)?;
                if status.is_reachable() && !was_reachable {
                    tracing::info!("the onion service is reachable");
                }
                was_reachable = status.is_reachable();
                folder_errors.extend(self.folder.write_status(&status).err());
            }
            let error = folder_errors.first().map(ToString::to_string).unwrap_or_default();
            if !error.is_empty() && error != session.folder_error {
                tracing::warn!("the folder shared by Tor and the shop: {error}");
            }
            session.folder_error = error;
        }
        Ok(())
    }

    /// Source: control-spec, section 4.1.25: `HS_DESC ACTION ADDRESS AUTH DIRECTORY …`.
    fn handle_event(&self, session: &mut Session, line: &str) {
        let Some(address) = self.address() else { return };
        let words: Vec<&str> = line.split(' ').collect();
        let ["HS_DESC", action, of, _, directory, ..] = words.as_slice() else { return };
        if *of == address.name() {
            match *action {
                "UPLOADED" => {
                    session.published.insert((*directory).to_owned(), (self.now)());
                }
                "FAILED" => {
                    session.published.remove(*directory);
                }
                _ => {}
            }
        }
    }

    /// Sets the client list in Tor if it changed.
    ///
    /// # Errors
    /// [`TorError::Folder`]: the list is unreadable, which changes nothing, or a write failed, which is retried. Any other:
    /// the connection is lost.
    fn apply_clients(&self, session: &mut Session) -> Result<(), TorError> {
        let clients = match (self.folder.clients().map_err(TorError::Folder)?, &self.service) {
            (Some(clients), _) => clients,
            // Without a list from the shop, the seller's own files count; without any files, Tor would admit everybody.
            (None, Service::Torrc(folder)) if self.only_clients && !has_clients(folder) => {
                Clients::default()
            }
            (None, _) => return Ok(()),
        };
        if session.clients.as_ref() == Some(&clients) {
            return Ok(());
        }
        match &self.service {
            Service::Ephemeral { key, .. } => {
                let existed = !self.admits_nobody(session);
                session.clients = Some(clients);
                session.published.clear();
                if existed {
                    session.control.ask(&format!("DEL_ONION {}", key.address().name()))?;
                }
                self.add_onion(session)?;
                self.close_visitor_circuits(session)?;
            }
            Service::Torrc(folder) if folder.join("hostname").exists() => {
                let blocker = self.only_clients.then(|| ClientKeys::new((self.random_bytes)()));
                let list = folder.join("authorized_clients");
                let is_changed =
                    write_authorized_clients(&list, &clients, blocker).map_err(TorError::Folder)?;
                // The files alone do not prove that this Tor has read them.
                if is_changed || session.clients.is_none() {
                    session.published.clear();
                    // Re-reading the list keeps the introduction points, and a client that already knows them would
                    // still have access: so the service is removed and created again from the torrc.
                    session.control.ask("SETCONF HiddenServiceDir")?;
                    session.control.ask("SIGNAL RELOAD")?;
                    self.close_visitor_circuits(session)?;
                }
                session.clients = Some(clients);
            }
            Service::Torrc(_) => {}
        }
        Ok(())
    }

    /// Whether there is no ephemeral service because no client has access.
    fn admits_nobody(&self, session: &Session) -> bool {
        self.only_clients
            && matches!(self.service, Service::Ephemeral { .. })
            && session.clients.as_ref().is_none_or(Clients::is_empty)
    }

    fn add_onion(&self, session: &mut Session) -> Result<(), TorError> {
        let Service::Ephemeral { key, target } = &self.service else { return Ok(()) };
        if self.admits_nobody(session) {
            return Ok(());
        }
        let clients = session.clients.clone().unwrap_or_default();
        let mut flags = vec!["DiscardPK", "MaxStreamsCloseCircuit"];
        if !clients.is_empty() {
            flags.push("V3Auth");
        }
        let mut command = format!(
            "ADD_ONION {} Flags={} MaxStreams={MAX_STREAMS} Port=80,{target}",
            key.for_control_port(),
            flags.join(",")
        );
        for client in clients.iter() {
            command.push_str(&format!(" ClientAuthV3={}", client.public()));
        }
        // Tor before 0.4.9 does not know these options; then the service is created without them.
        match session.control.ask(&format!("{command} {PROOF_OF_WORK}")) {
            Err(TorError::Refused { answer, .. }) if answer.starts_with("512") => {
                session.control.ask(&command)?;
                if !session.lacks_proof_of_work {
                    session.lacks_proof_of_work = true;
                    tracing::warn!(
                        "Tor {} cannot ask visitors for a proof of work: a flood of visitors is not held back. Tor 0.4.9 can",
                        session.control.version
                    );
                }
            }
            answer => {
                answer?;
            }
        }
        Ok(())
    }

    /// Tor's lines about the circuits of our service.
    fn circuits(&self, session: &mut Session) -> Result<Vec<String>, TorError> {
        let mut lines = session.control.ask("GETINFO circuit-status")?;
        let ours = self.address().map(|address| format!("REND_QUERY={}", address.name()));
        lines.retain(|line| {
            ours.as_deref().is_some_and(|ours| line.split(' ').any(|word| word == ours))
        });
        Ok(lines)
    }

    /// The ids of the circuits of all current visitors.
    fn visitor_circuits(&self, session: &mut Session) -> Result<Vec<String>, TorError> {
        let lines = self.circuits(session)?;
        let visitors = lines.iter().filter(|line| line.contains(" PURPOSE=HS_SERVICE_REND "));
        Ok(visitors.filter_map(|line| line.split(' ').next().map(str::to_owned)).collect())
    }

    /// Closes the circuits of all current visitors: those with access build new ones.
    fn close_visitor_circuits(&self, session: &mut Session) -> Result<(), TorError> {
        for circuit in self.visitor_circuits(session)? {
            // One that has closed meanwhile is not an error.
            let _ = session.control.ask(&format!("CLOSECIRCUIT {circuit}"));
        }
        Ok(())
    }

    /// Closes the circuits that the shop listed, once, and only if they are a visitor's.
    fn close_listed_circuits(&self, session: &mut Session) -> Result<(), TorError> {
        let listed = self.folder.circuits_to_close();
        session.closed_circuits.retain(|circuit| listed.contains(circuit));
        let new: Vec<u32> = listed
            .into_iter()
            .filter(|circuit| !session.closed_circuits.contains(circuit))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let visitors = self.visitor_circuits(session)?;
        for circuit in new {
            if visitors.contains(&circuit.to_string()) {
                let _ = session.control.ask(&format!("CLOSECIRCUIT {circuit}"));
            }
            session.closed_circuits.push(circuit);
        }
        Ok(())
    }

    fn status(&self, session: &mut Session) -> Result<OnionStatus, TorError> {
        let now = (self.now)();
        session.published.retain(|_, then| now - *then < DESCRIPTOR_LIVES);
        let address = self.address();
        let admits_nobody = self.admits_nobody(session);
        let circuits = self.circuits(session)?;
        let count = |state: &str| circuits.iter().filter(|line| line.contains(state)).count();
        let control = &mut session.control;
        let phase = control.ask("GETINFO status/bootstrap-phase")?.concat();
        let bootstrap = phase.split(' ').find_map(|word| word.strip_prefix("PROGRESS="));
        let is_off = control.ask("GETCONF DisableNetwork")?.concat().ends_with('1');
        let trouble = if is_off {
            OnionStatus::NETWORK_OFF
        } else if admits_nobody {
            OnionStatus::NO_CLIENTS
        } else if address.is_none() {
            "Tor has no onion service for the shop"
        } else {
            ""
        };
        Ok(OnionStatus {
            at: now,
            tor: control.version.clone(),
            bootstrap: bootstrap.and_then(|text| text.parse().ok()).unwrap_or(0),
            published: session.published.len(),
            introduction_points: count("HS_STATE=HSSI_ESTABLISHED"),
            effort: session
                .metrics_port
                .as_deref()
                .zip(address.as_ref())
                .and_then(|(port, of)| read_metric(port, "tor_hs_pow_suggested_effort", of.name())),
            circuits: count("HS_STATE=HSSR_JOINED"),
            trouble: trouble.to_owned(),
            clients: session.clients.as_ref().map(Clients::file),
        })
    }
}
