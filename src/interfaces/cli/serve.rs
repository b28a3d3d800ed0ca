//! `shop serve`: runs the shop, the desk and the periodic jobs.

mod address;
mod desk;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::task::spawn_blocking;
use actix_web::web::Data;
use anyhow::Context;
use clap::Args;
use tokio::process::Command;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::actions;
use crate::actions::{ClockDoubted, ImageWorker, PurgeError, Shop};
use crate::domain::orders::PurgeMode;
use crate::domain::values::{Timestamp, plural};
use crate::infra::config::{Flags, Settings};
use crate::infra::store;
use crate::infra::tor::{OnionAddress, OnionService, Session, SharedDir, TorError};
use crate::interfaces::cli::confinement::Confined;
use crate::interfaces::cli::onion::{ClientList, TorAccess};
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::serve::address::{ADDRESS_INTERVAL, follow_address, open_listener};
use crate::interfaces::cli::shop_context::{DATA, MIRRORS, PAGES};
use crate::interfaces::cli::{confinement, doctor, image_worker, onion, shop_context};
use crate::interfaces::desk::Health;
use crate::interfaces::http::socket_activation::{ActivatedSockets, SocketName};
use crate::interfaces::http::{Listener, shutdown_signal, wall};
use crate::interfaces::web::serve::CircuitOptions;
use crate::interfaces::web::{AppState, Site};

/// How often undelivered messages, unpaid orders and old data are checked.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(10);
/// How many times the connection to Tor is retried while Tor is starting.
const MAX_RETRIES: u32 = 5;

#[derive(Args)]
pub struct ServeArgs {
    /// Create an onion service through Tor's control port; the address stays the same
    #[arg(long)]
    tor: bool,
}

/// What is open before the process has other threads.
pub struct Opened {
    listener: Listener,
    desk: Option<Listener>,
    /// If the shop creates its own onion service.
    creates_onion: bool,
    confined: Confined,
}

/// Opens the listeners, and restricts the process to the shop's files: threads that start later inherit this.
///
/// # Errors
/// The system's; if Tor is needed and does not answer.
pub fn open(serve: &ServeArgs, settings: &Settings) -> anyhow::Result<Opened> {
    let creates_onion = serve.tor || settings.tor.connects;
    let mut sockets = ActivatedSockets::take(std::env::var("LISTEN_FDNAMES").ok().as_deref());
    // A socket may be in the database's folder.
    shop_context::make_folder(&shop_context::home(settings))?;
    // Before anything is created or migrated: another shop may be open at the same address.
    let listener = listen(settings, &mut sockets, creates_onion)?;
    let desk = desk::open(settings, &mut sockets)?;
    give_out_clients(settings, creates_onion)?;
    let tor = if creates_onion && settings.process.confine {
        // Later it can only be read.
        onion::read_or_create_key(&onion::key_file(settings))?;
        let access = retry_while_tor_starts(|| TorAccess::find(settings));
        Some(access.context("create the onion service")?)
    } else {
        None
    };
    let confined = Confined::to_files(settings, tor)?;
    Ok(Opened { listener, desk, creates_onion, confined })
}

/// Runs the shop until the process is told to end.
pub async fn run(opened: Opened, settings: Settings, flags: &Flags) -> anyhow::Result<ExitCode> {
    let mut shutdown = Box::pin(shutdown_signal()?);
    let Opened { listener, desk: desk_listener, creates_onion, confined } = opened;
    let shop = shop_context::shop_or_new(&settings).await?;
    let shop = Shop { image_worker: ImageWorker::apart(image_worker::subprocess(flags)), ..shop };
    if let Some(code) = read_files(&shop, flags, &mut shutdown).await? {
        return Ok(code);
    }
    let secret = shop_context::secret(&settings)?;
    let onion = if creates_onion { Some(start_onion(&settings, &listener).await?) } else { None };
    confined.refuse_connections();
    report_key(&shop, &settings).await?;
    let site = site(&settings);
    if settings.listeners.desk.is_some() {
        actions::name_pictures(&shop).await?;
    }
    let app = Data::new(AppState::new(shop.clone(), site, &secret));
    let desk =
        desk_listener.map(|listener| (Data::new(desk::make(&settings, &app, &secret)), listener));
    let (closer, flooding_circuits) = mpsc::channel(SharedDir::MAX_CIRCUITS);
    let circuits = CircuitOptions {
        reads_circuits: settings.listeners.reads_circuits,
        closer: settings.listeners.closes_circuits.then_some(closer),
    };
    let maintenance = Maintenance::start(&shop).await;
    if let Err(error) = remove_old_snapshot(&settings).await {
        tracing::error!("{error:#}");
    }
    say(&format!("The shop is open at {}", listener.address()));
    let closing = Arc::new(Notify::new());
    let mut background = Vec::new();
    if let Some((desk, listener)) = &desk {
        let checks = check_health_on_demand(desk.health.clone(), shop.clone(), settings.clone());
        background.push(actix_web::rt::spawn(checks));
        desk::announce(desk, listener).await?;
        if creates_onion {
            desk::start_onion(&settings, desk, listener)?;
        } else {
            let announcing = desk::announce_onion(desk.clone(), settings.clone());
            background.push(actix_web::rt::spawn(announcing));
        }
    }
    let desk = desk.map(|(desk, listener)| {
        let closing = closing.clone();
        let shutdown = async move { closing.notified().await };
        actix_web::rt::spawn(crate::interfaces::desk::serve::serve(desk, listener, shutdown))
    });
    if store::shop_state::find(&mut *shop.db.reader().await?).await?.closed_on.is_some() {
        tracing::warn!("you closed the shop: orders are not accepted until `shop open`");
    }
    let address = onion.as_ref().and_then(|(onion_service, _)| onion_service.address());
    background.extend([
        actix_web::rt::spawn(maintenance.run(shop.clone(), settings.clone())),
        actix_web::rt::spawn(complete_imports(shop.clone())),
        actix_web::rt::spawn(report_flooding_circuits(settings.clone(), flooding_circuits)),
        actix_web::rt::spawn(announce_onion(app.clone(), settings.clone(), address)),
    ]);
    if let Some((onion_service, session)) = onion {
        // It ends with the process; Tor removes the service when the connection ends.
        std::thread::spawn(move || onion_service.run(Some(session), || false));
    }
    let served = crate::interfaces::web::serve::serve(app, listener, circuits, shutdown).await;
    closing.notify_one();
    if let Some(desk) = desk {
        desk.await?.context("serve the desk")?;
    }
    background.iter().for_each(JoinHandle::abort);
    shop.db.close().await;
    served.context("serve")?;
    tracing::info!("the shop has stopped");
    Ok(ExitCode::SUCCESS)
}

/// Opens the listener of the buyers' pages.
fn listen(
    settings: &Settings,
    sockets: &mut ActivatedSockets,
    creates_onion: bool,
) -> anyhow::Result<Listener> {
    let listener = open_listener(&settings.listeners.shop, SocketName::Shop, sockets)?;
    if listener.is_open() {
        tracing::warn!("other hosts can reach the shop over plain HTTP, as confirmed in LISTEN");
    }
    anyhow::ensure!(
        !settings.listeners.reads_circuits || !creates_onion && !listener.is_tcp(),
        "CIRCUIT_ID=haproxy requires Tor's own torrc to point to a unix socket: a service created with --tor or CONNECT_TOR does not \
         pass its circuits, and other programs than tor can connect to a TCP address"
    );
    Ok(listener)
}

/// Writes the client lists for Tor. With `--tor`, an error ends the start: Tor must know who has access before the service
/// exists.
fn give_out_clients(settings: &Settings, creates_onion: bool) -> anyhow::Result<()> {
    let desk = ClientList::of_desk(settings);
    let given_out = ClientList::of_shop(settings)
        .give_out_if_present()
        .context("tell Tor which clients have access")
        .and_then(|()| {
            // An empty list keeps the desk's service from being created.
            let given_out =
                if creates_onion { desk.give_out() } else { desk.give_out_if_present() };
            given_out.context("tell Tor which clients can reach the desk")
        });
    match given_out {
        Err(error) if !creates_onion => tracing::error!("{error:#}"),
        given_out => given_out?,
    }
    Ok(())
}

/// Loads the seller's key, and reports whether orders are encrypted to it.
async fn report_key(shop: &Shop, settings: &Settings) -> anyhow::Result<()> {
    let fault = shop_context::load_seller_key(shop, settings).await?;
    actions::store_key_fingerprint(shop).await?;
    match fault {
        Some(fault) => tracing::error!("orders are not accepted: {fault}"),
        None if shop.availability.has_key() => say("Orders are encrypted to your key."),
        None => say(
            "Orders are stored in plain text, readable by anyone with access to this disk. Encrypt them with `gpg --armor --export YOUR-KEY > db/seller.asc`.",
        ),
    }
    Ok(())
}

fn site(settings: &Settings) -> Site {
    let mirrors = shop_context::mirrors(Path::new(MIRRORS)).unwrap_or_else(|error| {
        tracing::error!("/mirrors.txt is not available: {error:#}");
        None
    });
    Site {
        name: settings.site.name.clone(),
        url: settings.site.url.clone(),
        contact: settings.site.contact.clone().unwrap_or_default(),
        preferred_currency: settings.site.preferred_currency.clone(),
        preferred_countries: settings.site.preferred_countries.0.clone(),
        mirrors,
    }
}

/// Runs the doctor's checks when the desk asks for them, at most every ten seconds, and once at the start.
async fn check_health_on_demand(health: Arc<Health>, shop: Shop, settings: Settings) {
    loop {
        if !health.is_fresh(shop_context::now()) {
            let complaints = doctor::complaints(&shop, &settings).await;
            health.set(complaints, shop_context::now());
        }
        health.requested().await;
    }
}

/// Reports circuits that keep sending too many requests to the process that manages Tor, which can close them.
async fn report_flooding_circuits(settings: Settings, mut circuits: mpsc::Receiver<u32>) {
    let folder = onion::folder(&settings);
    let mut reported: Vec<u32> = Vec::new();
    while let Some(circuit) = circuits.recv().await {
        reported.retain(|other| *other != circuit);
        reported.push(circuit);
        // The folder takes the newest of them.
        let from = reported.len().saturating_sub(SharedDir::MAX_CIRCUITS);
        reported.drain(..from);
        let (folder, list) = (folder.clone(), reported.clone());
        let written = spawn_blocking(move || folder.write_circuits_to_close(&list)).await;
        if let Err(error) = written.unwrap_or_else(|error| Err(error.into())) {
            tracing::warn!(
                "circuits that send too many requests cannot be reported to Tor: {error}"
            );
        }
    }
}

/// Connects to Tor and creates the onion service. A Tor that is only starting gets a few seconds.
async fn start_onion(
    settings: &Settings,
    listener: &Listener,
) -> anyhow::Result<(OnionService, Session)> {
    let target = listener.target().context("name the listener to Tor")?;
    let onion_service = onion::shop_onion(settings, target)?;
    spawn_blocking(move || {
        let session = retry_while_tor_starts(|| onion_service.connect())?;
        Ok::<_, TorError>((onion_service, session))
    })
    .await?
    .context("create the onion service")
}

fn retry_while_tor_starts<T>(connect: impl Fn() -> Result<T, TorError>) -> Result<T, TorError> {
    let mut n_retries = 0;
    loop {
        match connect() {
            Err(error) if n_retries < MAX_RETRIES && error.is_temporary() => {}
            result => return result,
        }
        n_retries += 1;
        std::thread::sleep(ADDRESS_INTERVAL);
    }
}

/// Prints the onion address once it is known, and accepts it as a host name.
async fn announce_onion(app: Data<AppState>, settings: Settings, known: Option<OnionAddress>) {
    let announce = |address: &OnionAddress| {
        say(&format!("and at {}", address.url()));
        app.hosts.set_onion(address.to_string());
    };
    match known {
        Some(address) => announce(&address),
        None => follow_address(|| onion::served_address(&settings), announce).await,
    }
}

/// Reads the seller's pages, and the catalog file if the catalog is empty. Returns the exit code if the shop is not to start.
async fn read_files(
    shop: &Shop,
    flags: &Flags,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<Option<ExitCode>> {
    if store::catalog_state::is_empty(&mut *shop.db.reader().await?).await?
        && let Some(code) = fill_catalog(flags, shutdown).await?
    {
        return Ok(Some(code));
    }
    if let Some(files) = shop_context::page_files(Path::new(PAGES))? {
        actions::sync_pages(shop, &files).await?;
    }
    Ok(None)
}

/// Fills an empty catalog in a process of its own: the memory that pictures need is freed, and no picture is decoded in the
/// process that serves buyers. Returns the exit code if the shop is not to start.
async fn fill_catalog(
    flags: &Flags,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<Option<ExitCode>> {
    if !Path::new(DATA).exists() {
        let path = shop_context::absolute(Path::new(DATA));
        say(&format!("There is nothing to buy yet: {} does not exist.", path.display()));
        say("  shop init    sets up a shop in this folder: name, wallet, key, Tor, web desk");
        say("  shop demo    opens a demo shop in a temporary folder");
        return Ok(None);
    }
    say(&format!("The catalog is empty: importing {DATA}. Pictures take about a second each."));
    let program = std::env::current_exe().context("find the program itself")?;
    let mut child = Command::new(program)
        .args(["seed", DATA])
        .envs(flags)
        .spawn()
        .context("start `shop seed`")?;
    tokio::select! {
        status = child.wait() => Ok((!status?.success()).then_some(ExitCode::FAILURE)),
        () = shutdown => {
            // All or nothing: the next start begins again.
            child.kill().await.context("end `shop seed`")?;
            Ok(Some(ExitCode::SUCCESS))
        }
    }
}

/// The periodic jobs, and what they last found.
struct Maintenance {
    is_seller_away: bool,
    clock_doubt: Option<ClockDoubted>,
    n_rounds: u32,
}

/// Units: rounds between two checks of the folder of new messages, which may be very large, and between two truncations of
/// the journal, which may contain deleted data.
const ROUNDS_PER_SLOW_ROUND: u32 = 6;

impl Maintenance {
    /// Does what must precede the first visitor. Errors are reported by the first round, which retries it.
    async fn start(shop: &Shop) -> Self {
        let mut maintenance = Self { is_seller_away: false, clock_doubt: None, n_rounds: 1 };
        let checked = maintenance.check_clock(shop).await;
        let _ = maintenance.check_seller_activity(shop).await;
        // An untrusted clock coarsens nothing.
        if checked.is_ok() && maintenance.clock_doubt.is_none() {
            let _ = actions::coarsen_statistics(shop, shop_context::now()).await;
        }
        let _ = actions::empty_journal(shop).await;
        let _ = actions::sync_read_marks(shop).await;
        maintenance
    }

    /// Runs all jobs every few seconds. Errors are retried, and logged once for each new reason.
    async fn run(mut self, shop: Shop, settings: Settings) {
        let mut last = Vec::new();
        loop {
            let errors = self.run_once(&shop, &settings).await;
            for error in errors.iter().filter(|error| !last.contains(*error)) {
                tracing::error!("will retry: {error}");
            }
            last = errors;
            tokio::time::sleep(MAINTENANCE_INTERVAL).await;
        }
    }

    /// Each job by itself: an error in one does not stop the others. Returns the errors.
    async fn run_once(&mut self, shop: &Shop, settings: &Settings) -> Vec<String> {
        let clock = self.check_clock(shop).await;
        let now = shop_context::now();
        let key = match shop_context::load_seller_key(shop, settings).await {
            Ok(Some(fault)) => Err(anyhow::anyhow!("orders are not accepted: {fault}")),
            Ok(None) => Ok(()),
            Err(error) => Err(error.context("check the seller's key")),
        };
        let remembered =
            actions::store_key_fingerprint(shop).await.context("store the key's fingerprint");
        let mut done = vec![clock, key, remembered];
        done.push(actions::expire_orders(shop, now).await.map(|_| ()).context("expire orders"));
        done.push(actions::enforce_unpaid_quota(shop, now).await);
        done.push(actions::check_siege(shop, now).await.context("check siege mode"));
        done.push(
            actions::deliver_outbox(shop, now)
                .await
                .map(|_| ())
                .context("deliver messages to the seller"),
        );
        done.push(confinement::check_folders());
        let is_slow_round = self.n_rounds.is_multiple_of(ROUNDS_PER_SLOW_ROUND);
        self.n_rounds = self.n_rounds.wrapping_add(1);
        done.push(
            delete_due_data(shop, now, is_slow_round).await.context("delete data that is due"),
        );
        if is_slow_round {
            done.push(
                self.check_seller_activity(shop).await.context("check the seller's activity"),
            );
            done.push(actions::sync_read_marks(shop).await.context("update the read marks"));
            done.push(actions::clear_drafts(shop, wall()).await.context("clear the Maildir's tmp"));
            done.push(remove_old_snapshot(settings).await);
        }
        done.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect()
    }

    async fn check_clock(&mut self, shop: &Shop) -> anyhow::Result<()> {
        let doubt = shop_context::check_clock(shop).await?;
        match &doubt {
            Some(doubt) if self.clock_doubt.as_ref() != Some(doubt) => tracing::warn!("{doubt}"),
            None if self.clock_doubt.is_some() => {
                tracing::info!("the host's clock is trusted again")
            }
            _ => {}
        }
        self.clock_doubt = doubt;
        Ok(())
    }

    async fn check_seller_activity(&mut self, shop: &Shop) -> anyhow::Result<()> {
        let is_away = actions::check_seller_activity(shop, shop_context::trusted()).await?;
        if is_away && !self.is_seller_away {
            tracing::warn!(
                "the shop accepts no orders until new mail is read: the oldest message has been unread for more than {} (CLOSE_AFTER_DAYS)",
                plural(shop.policy.close_after_days, "day", "days")
            );
        } else if self.is_seller_away && !is_away {
            tracing::info!("new mail was read: the shop accepts orders again");
        }
        self.is_seller_away = is_away;
        Ok(())
    }
}

/// Imports whose process ended early. They take as long as the catalog is large, so the other jobs do not wait for them.
async fn complete_imports(shop: Shop) {
    let mut last = String::new();
    loop {
        if let Err(error) = actions::complete_import(&shop).await {
            let error = format!("{error:#}");
            if error != last {
                tracing::error!("will retry: complete the catalog import: {error}");
            }
            last = error;
        }
        tokio::time::sleep(MAINTENANCE_INTERVAL).await;
    }
}

/// Removes what a killed backup left.
async fn remove_old_snapshot(settings: &Settings) -> anyhow::Result<()> {
    let layout = shop_context::layout(settings);
    spawn_blocking(move || actions::remove_old_snapshot(&layout)).await?
}

/// `empties_journal`: even if nothing was deleted now.
async fn delete_due_data(shop: &Shop, now: Timestamp, empties_journal: bool) -> anyhow::Result<()> {
    // An untrusted clock deletes nothing; the log says so already.
    let deleted = match actions::purge_orders(shop, PurgeMode::Automatic).await {
        Ok(deleted) => Some(deleted),
        Err(PurgeError::ClockDoubted(_)) => None,
        Err(PurgeError::Broken(error)) => return Err(error),
    };
    if deleted.is_some() {
        actions::prune_audit_log(shop, now).await?;
        actions::coarsen_statistics(shop, now).await?;
    }
    let has_deleted = deleted.is_some_and(|orders| !orders.is_empty());
    let is_empty = !(has_deleted || empties_journal) || actions::empty_journal(shop).await?;
    anyhow::ensure!(
        is_empty,
        "the journal cannot be emptied while another program reads the database; deleted data may remain there until then"
    );
    Ok(())
}
