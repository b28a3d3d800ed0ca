//! Creates the onion service or monitors Tor's own, and reports its state.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::infra::bounded;
use crate::infra::tor::authorized::{has_clients, write_authorized_clients};
use crate::infra::tor::client::{ClientKeys, Clients};
use crate::infra::tor::control::{ControlAddress, ControlClient, TorError, read_metric};
use crate::infra::tor::key::{OnionAddress, OnionKey};
use crate::infra::tor::shared_dir::SharedDir;
use crate::infra::tor::status::OnionStatus;

/// How the onion service is created.
pub enum Service {
    /// Created by the shop through the control port; it ends with the shop's connection.
    Made { key: OnionKey, target: String },
    /// The same, but always with a client list: an empty one means no access, and then there is no service.
    MadeForClients { key: OnionKey, target: String },
    /// Configured in Tor's torrc, with this folder.
    Kept(PathBuf),
    /// The same, but always with a client list: an empty one means no access.
    KeptForClients(PathBuf),
}

/// Manages one onion service in a Tor: creates it, monitors it, reports its state, and restores it when Tor restarts.
pub struct OnionService {
    /// Tried in this order.
    pub control: Vec<ControlAddress>,
    pub password: Option<String>,
    pub folder: SharedDir,
    pub service: Service,
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
    /// The last error with the shared folder.
    folder_trouble: String,
    /// Directories that accepted the descriptor, and when. Units: Unix seconds.
    published: BTreeMap<String, i64>,
    /// Circuits that were closed, so that none is closed twice: its number may be reused by then.
    closed: Vec<u32>,
    metrics_port: Option<String>,
    /// Whether this Tor refused the proof of work. It is logged once per connection.
    is_without_work: bool,
}

/// Streams that one visitor's circuit may have open: a browser opens six.
const MOST_STREAMS: usize = 64;
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
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Units: bytes of a file with one line: an address, or a client's key.
const MOST_OF_LINE: u64 = 4_096;

impl OnionService {
    /// Connects to Tor and creates the service.
    ///
    /// # Errors
    /// [`TorError`] with what to do.
    pub fn begin(&self) -> Result<Session, TorError> {
        let control =
            ControlClient::open(&self.control, self.password.as_deref(), (self.random_bytes)())?;
        let mut session = Session {
            control,
            clients: None,
            folder_trouble: String::new(),
            published: BTreeMap::new(),
            // Earlier entries were for the previous Tor: each one numbers its circuits anew.
            closed: self.folder.closed(),
            metrics_port: None,
            is_without_work: false,
        };
        session.control.ask("SETEVENTS HS_DESC")?;
        let answer = session.control.ask("GETCONF MetricsPort")?;
        session.metrics_port = answer
            .iter()
            .find_map(|line| line.strip_prefix("MetricsPort="))
            .and_then(|line| line.split(' ').next())
            .map(str::to_owned);
        if let Some((key, _)) = self.made() {
            // First: an address without a status is taken for one of Tor's own torrc.
            let begun = OnionStatus {
                at: (self.now)(),
                trouble: OnionStatus::BEING_MADE.to_owned(),
                ..OnionStatus::default()
            };
            self.folder.write_status(&begun).map_err(TorError::Folder)?;
            self.folder.write_address(&key.address()).map_err(TorError::Folder)?;
            session.clients =
                Some(self.folder.clients().map_err(TorError::Folder)?.unwrap_or_default());
            self.add_onion(&mut session)?;
        }
        Ok(session)
    }

    /// Manages the service forever, across restarts of Tor. `is_over` ends it.
    pub fn tend(&self, begun: Option<Session>, is_over: impl Fn() -> bool) {
        let mut begun = begun;
        let mut published = BTreeMap::new();
        let mut last = String::new();
        let mut failures = 0;
        while !is_over() {
            let error = match begun.take().map_or_else(|| self.begin(), Ok) {
                Ok(mut session) => {
                    if self.kept().is_some() {
                        // Tor's own service continued in the meantime.
                        session.published = published;
                    }
                    let ended = self.watch(&mut session, &is_over);
                    published = session.published;
                    match ended {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            let trouble = error.to_string();
            failures = if trouble == last { failures + 1 } else { 0 };
            // A Tor that is still starting is not worth a warning.
            if failures == QUIET_FAILURES {
                tracing::warn!("will retry: {trouble}");
            }
            let status = OnionStatus {
                at: (self.now)(),
                trouble: trouble.clone(),
                ..OnionStatus::default()
            };
            let _ = self.folder.write_status(&status);
            last = trouble;
            thread::sleep(TRY_AGAIN_AFTER);
        }
    }

    /// The service's address, if it exists.
    pub fn address(&self) -> Option<OnionAddress> {
        match &self.service {
            Service::Made { key, .. } | Service::MadeForClients { key, .. } => Some(key.address()),
            Service::Kept(folder) | Service::KeptForClients(folder) => {
                let text = bounded::read_text(&folder.join("hostname"), MOST_OF_LINE).ok()?;
                OnionAddress::parse(text.trim_end())
            }
        }
    }

    /// Ends with [`TorError`] if the connection does. Errors with the folder are logged and retried: a full disk must
    /// not stop the service.
    fn watch(&self, session: &mut Session, is_over: &impl Fn() -> bool) -> Result<(), TorError> {
        let mut told_address = None;
        let mut was_reachable = false;
        for iteration in 0.. {
            for line in session.control.news()? {
                self.handle_event(session, &line);
            }
            if is_over() {
                return Ok(());
            }
            let mut done = Ok(());
            let address = self.address();
            if told_address != address
                && let Some(address) = &address
            {
                done = self.folder.write_address(address);
            }
            if done.is_ok() {
                told_address = address;
            }
            let before = session.clients.clone();
            done = done.and(self.admit(session)?);
            self.close_circuits(session)?;
            // A changed list is reported at once, since a process waits for this.
            let is_news = before != session.clients;
            if is_news || iteration % ITERATIONS_PER_STATUS == 0 {
                let status = self.status(session)?;
                if status.is_reachable() && !was_reachable {
                    tracing::info!("the onion service is reachable");
                }
                was_reachable = status.is_reachable();
                done = done.and(self.folder.write_status(&status));
            }
            let trouble = done.err().map(|error| error.to_string()).unwrap_or_default();
            if !trouble.is_empty() && trouble != session.folder_trouble {
                tracing::warn!("the folder shared by Tor and the shop: {trouble}");
            }
            session.folder_trouble = trouble;
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

    /// Sets the client list in Tor if it changed. An unreadable list changes nothing; a failed write is retried.
    fn admit(&self, session: &mut Session) -> Result<io::Result<()>, TorError> {
        let clients = match (self.folder.clients(), &self.service) {
            (Ok(Some(clients)), _) => clients,
            // Without a list from the shop, the seller's own files count; without any files, Tor would admit everybody.
            (Ok(None), Service::KeptForClients(folder)) if !has_clients(folder) => {
                Clients::default()
            }
            (Ok(None), _) => return Ok(Ok(())),
            (Err(error), _) => return Ok(Err(error)),
        };
        if session.clients.as_ref() == Some(&clients) {
            return Ok(Ok(()));
        }
        match &self.service {
            Service::Made { key, .. } | Service::MadeForClients { key, .. } => {
                let was_there = !self.is_shut(session);
                session.clients = Some(clients);
                session.published.clear();
                if was_there {
                    session.control.ask(&format!("DEL_ONION {}", key.address().name()))?;
                }
                self.add_onion(session)?;
                self.close_visitor_circuits(session)?;
            }
            Service::Kept(folder) | Service::KeptForClients(folder)
                if folder.join("hostname").exists() =>
            {
                let is_never_open = matches!(self.service, Service::KeptForClients(_));
                let blocker = is_never_open.then(|| ClientKeys::new((self.random_bytes)()));
                let list = folder.join("authorized_clients");
                let changed = match write_authorized_clients(&list, &clients, blocker) {
                    Ok(changed) => changed,
                    Err(error) => return Ok(Err(error)),
                };
                // The files alone do not prove that this Tor has read them.
                if changed || session.clients.is_none() {
                    session.published.clear();
                    // Re-reading the list keeps the introduction points, and a client that already knows them would
                    // still have access: so the service is removed and created again from the torrc.
                    session.control.ask("SETCONF HiddenServiceDir")?;
                    session.control.ask("SIGNAL RELOAD")?;
                    self.close_visitor_circuits(session)?;
                }
                session.clients = Some(clients);
            }
            Service::Kept(_) | Service::KeptForClients(_) => {}
        }
        Ok(Ok(()))
    }

    /// The key and the target of a service that the shop creates.
    fn made(&self) -> Option<(&OnionKey, &str)> {
        match &self.service {
            Service::Made { key, target } | Service::MadeForClients { key, target } => {
                Some((key, target))
            }
            Service::Kept(_) | Service::KeptForClients(_) => None,
        }
    }

    /// The folder of a service that Tor's own torrc creates.
    fn kept(&self) -> Option<&Path> {
        match &self.service {
            Service::Kept(folder) | Service::KeptForClients(folder) => Some(folder),
            Service::Made { .. } | Service::MadeForClients { .. } => None,
        }
    }

    /// Whether there is no service because no client has access.
    fn is_shut(&self, session: &Session) -> bool {
        let is_for_clients = matches!(self.service, Service::MadeForClients { .. });
        is_for_clients && session.clients.as_ref().is_none_or(Clients::is_empty)
    }

    fn add_onion(&self, session: &mut Session) -> Result<(), TorError> {
        let Some((key, target)) = self.made() else { return Ok(()) };
        if self.is_shut(session) {
            return Ok(());
        }
        let clients = session.clients.clone().unwrap_or_default();
        let mut flags = vec!["DiscardPK", "MaxStreamsCloseCircuit"];
        if !clients.is_empty() {
            flags.push("V3Auth");
        }
        let mut command = format!(
            "ADD_ONION {} Flags={} MaxStreams={MOST_STREAMS} Port=80,{target}",
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
                if !session.is_without_work {
                    session.is_without_work = true;
                    tracing::warn!(
                        "Tor {} cannot ask visitors for a proof of work: a flood of visitors is not held back. Tor 0.4.9 can",
                        session.control.version
                    );
                }
            }
            done => {
                done?;
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
    fn visitors(&self, session: &mut Session) -> Result<Vec<String>, TorError> {
        let lines = self.circuits(session)?;
        let visitors = lines.iter().filter(|line| line.contains(" PURPOSE=HS_SERVICE_REND "));
        Ok(visitors.filter_map(|line| line.split(' ').next().map(str::to_owned)).collect())
    }

    /// Closes the circuits of all current visitors: those with access build new ones.
    fn close_visitor_circuits(&self, session: &mut Session) -> Result<(), TorError> {
        for circuit in self.visitors(session)? {
            // One that has closed meanwhile is not an error.
            let _ = session.control.ask(&format!("CLOSECIRCUIT {circuit}"));
        }
        Ok(())
    }

    /// Closes the circuits that the shop listed, once, and only if they are a visitor's.
    fn close_circuits(&self, session: &mut Session) -> Result<(), TorError> {
        let named = self.folder.closed();
        session.closed.retain(|circuit| named.contains(circuit));
        let fresh: Vec<u32> =
            named.into_iter().filter(|circuit| !session.closed.contains(circuit)).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let visitors = self.visitors(session)?;
        for circuit in fresh {
            if visitors.contains(&circuit.to_string()) {
                let _ = session.control.ask(&format!("CLOSECIRCUIT {circuit}"));
            }
            session.closed.push(circuit);
        }
        Ok(())
    }

    fn status(&self, session: &mut Session) -> Result<OnionStatus, TorError> {
        let now = (self.now)();
        session.published.retain(|_, then| now - *then < DESCRIPTOR_LIVES);
        let address = self.address();
        let is_shut = self.is_shut(session);
        let circuits = self.circuits(session)?;
        let count = |state: &str| circuits.iter().filter(|line| line.contains(state)).count();
        let control = &mut session.control;
        let phase = control.ask("GETINFO status/bootstrap-phase")?.concat();
        let bootstrap = phase.split(' ').find_map(|word| word.strip_prefix("PROGRESS="));
        let is_off = control.ask("GETCONF DisableNetwork")?.concat().ends_with('1');
        let trouble = if is_off {
            OnionStatus::NETWORK_OFF
        } else if is_shut {
            OnionStatus::NOBODY_MAY_COME
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
