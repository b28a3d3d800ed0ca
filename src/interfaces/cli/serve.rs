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
use crate::infra::config::{Flags, Listen, Settings};
use crate::infra::store;
use crate::infra::tor::{OnionAddress, OnionService, Session, SharedDir};
use crate::interfaces::cli::open::{MIRRORS, PAGES};
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::serve::address::{LOOK_FOR_ADDRESS, ensure_confirmed, follow_address};
use crate::interfaces::cli::{doctor, image_worker, onion, open};
use crate::interfaces::desk::{Desk, Health};
use crate::interfaces::http::handed_over::{HandedOver, SocketName};
use crate::interfaces::http::{Listener, shutdown_signal, wall};
use crate::interfaces::web::serve::Fairness;
use crate::interfaces::web::{AppState, Site};

const DATA: &str = "db/data.json";
/// How long what is untold, unpaid or old may wait for the next look.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// How long a Tor that is just starting is waited for.
const PATIENCE_WITH_TOR: u32 = 5;

#[derive(Args)]
pub struct Serve {
    /// Create an onion service through Tor's control port; the address stays the same
    #[arg(long)]
    tor: bool,
}

/// Opens the shop, and closes it when the process is told to end.
pub async fn run(serve: Serve, settings: Settings, flags: &Flags) -> anyhow::Result<ExitCode> {
    let mut told = Box::pin(shutdown_signal()?);
    let shop = open::shop_or_new(&settings).await?;
    let shop = Shop { image_worker: ImageWorker::apart(image_worker::apart(flags)), ..shop };
    if store::catalog_state::is_empty(&mut *shop.db.reader().await?).await?
        && Path::new(DATA).exists()
    {
        match seed(flags, &mut told).await? {
            Seeded::Filled => {}
            Seeded::Refused => return Ok(ExitCode::FAILURE),
            Seeded::ToldToEnd => return Ok(ExitCode::SUCCESS),
        }
    }
    if let Some(files) = open::page_files(Path::new(PAGES))? {
        actions::sync_pages(&shop, &files).await?;
    }
    let secret = open::secret(&settings)?;
    let mut handed = HandedOver::take(std::env::var("LISTEN_FDNAMES").ok().as_deref());
    let listener = listen(&settings, &mut handed, serve.tor)?;
    give_out_clients(&settings, serve.tor)?;
    let kept = if serve.tor { Some(begin_onion(&settings, &listener).await?) } else { None };
    report_key(&shop, &settings).await?;
    let site = site(&settings);
    if settings.listeners.desk.is_some() {
        actions::name_pictures(&shop).await?;
    }
    let desk = desk::open(&settings, &mut handed)?.map(|listener| {
        let hosts = desk::hosts(&settings);
        (Data::new(Desk::new(shop.clone(), site.clone(), &secret, hosts)), listener)
    });
    let app = Data::new(AppState::new(shop.clone(), site, &secret));
    let (closer, flooders) = mpsc::channel(SharedDir::MOST_CLOSED);
    let fairness = fairness(&settings, closer);
    let caretaker = Maintenance::begin(&shop).await;
    say(&format!("The shop is open at {}", listener.address()));
    let closing = Arc::new(Notify::new());
    let mut background = Vec::new();
    if let Some((desk, listener)) = &desk {
        let looking = look_when_asked(desk.health.clone(), shop.clone(), settings.clone());
        background.push(actix_web::rt::spawn(looking));
        desk::tell(desk, listener).await?;
        if serve.tor {
            desk::begin_onion(&settings, desk, listener)?;
        } else {
            let telling = desk::tell_address(desk.clone(), settings.clone());
            background.push(actix_web::rt::spawn(telling));
        }
    }
    let desk = desk.map(|(desk, listener)| {
        let closing = closing.clone();
        let told = async move { closing.notified().await };
        actix_web::rt::spawn(crate::interfaces::desk::serve::serve(desk, listener, told))
    });
    if store::shop_state::find(&mut *shop.db.reader().await?).await?.closed_on.is_some() {
        tracing::warn!("you closed the shop: orders are not accepted until `shop open`");
    }
    let known = kept.as_ref().and_then(|(keeper, _)| keeper.address());
    background.extend([
        actix_web::rt::spawn(sweep_now_and_again(shop.clone(), settings.clone(), caretaker)),
        actix_web::rt::spawn(name_flooders(settings.clone(), flooders)),
        actix_web::rt::spawn(tell_address(app.clone(), settings.clone(), known)),
    ]);
    if let Some((keeper, session)) = kept {
        // It ends with the process; Tor lets the service go when the conversation ends.
        std::thread::spawn(move || keeper.tend(Some(session), || false));
    }
    let served = crate::interfaces::web::serve::serve(app, listener, fairness, told).await;
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

/// Opens the listener of the buyers' pages, where the settings allow it.
fn listen(
    settings: &Settings,
    handed: &mut HandedOver,
    makes_onion: bool,
) -> anyhow::Result<Listener> {
    let listener = match &settings.listeners.shop.at {
        Listen::Tcp(address) => {
            Listener::tcp(address).with_context(|| format!("cannot listen on {address}"))?
        }
        Listen::Unix(path) => {
            Listener::unix(path).with_context(|| format!("cannot listen on {}", path.display()))?
        }
        Listen::Systemd => handed.listener(SocketName::Shop)?,
    };
    ensure_confirmed(&listener, settings.listeners.shop.is_confirmed, "LISTEN")?;
    if listener.is_open() {
        tracing::warn!("other hosts can reach the shop over plain HTTP, as confirmed in LISTEN");
    }
    anyhow::ensure!(
        !settings.listeners.reads_circuits || !makes_onion && !listener.is_tcp(),
        "CIRCUIT_ID=haproxy requires Tor's own torrc to point to a unix socket: a service created with --tor does not \
         pass its circuits, and other programs than tor can connect to a TCP address"
    );
    Ok(listener)
}

/// With a service of the shop's own, nothing is opened before Tor knows who has access.
fn give_out_clients(settings: &Settings, makes_onion: bool) -> anyhow::Result<()> {
    let given_out = onion::give_out_clients(settings).context("tell Tor which clients have access");
    let given_out = given_out.and_then(|()| {
        let told = onion::give_out_desk_clients(settings, makes_onion);
        told.context("tell Tor which clients can reach the desk")
    });
    if makes_onion {
        given_out?;
    } else if let Err(error) = given_out {
        tracing::error!("{error:#}");
    }
    Ok(())
}

/// Takes the seller's key, and says what it means for orders.
async fn report_key(shop: &Shop, settings: &Settings) -> anyhow::Result<()> {
    let fault = open::take_key(shop, settings).await?;
    actions::remember_key(shop).await?;
    match fault {
        Some(fault) => tracing::error!("orders are not accepted: {fault}"),
        None if shop.availability.has_key() => say("Orders are encrypted to your key."),
        None => say(
            "Orders are stored in plain text, readable by anyone with access to this disk. Encrypt them with `gpg --armor --export YOUR-KEY > db/seller.asc`.",
        ),
    }
    Ok(())
}

/// `closer`: takes the numbers of circuits to close.
fn fairness(settings: &Settings, closer: mpsc::Sender<u32>) -> Fairness {
    Fairness {
        reads_circuits: settings.listeners.reads_circuits,
        closer: settings.listeners.closes_circuits.then_some(closer),
    }
}

fn site(settings: &Settings) -> Site {
    let mirrors = open::mirrors(Path::new(MIRRORS)).unwrap_or_else(|error| {
        tracing::error!("/mirrors.txt is not available: {error:#}");
        None
    });
    Site {
        name: settings.site.name.clone(),
        url: settings.site.url.clone(),
        contact: settings.site.contact.clone().unwrap_or_default(),
        preferred_currency: settings.site.preferred_currency.clone(),
        mirrors,
    }
}

/// Looks what is not well when the desk asks for it, at most every ten seconds, and once at the beginning.
async fn look_when_asked(health: Arc<Health>, shop: Shop, settings: Settings) {
    loop {
        if !health.is_fresh(open::now()) {
            let complaints = doctor::complaints(&shop, &settings).await;
            health.keep(complaints, open::now());
        }
        health.asked().await;
    }
}

/// Names circuits that go on asking too much to the one who tends Tor, and can close them.
async fn name_flooders(settings: Settings, mut flooders: mpsc::Receiver<u32>) {
    let folder = onion::folder(&settings);
    let mut named: Vec<u32> = Vec::new();
    while let Some(circuit) = flooders.recv().await {
        named.retain(|other| *other != circuit);
        named.push(circuit);
        // The folder takes the newest of them.
        let from = named.len().saturating_sub(SharedDir::MOST_CLOSED);
        named.drain(..from);
        let (folder, list) = (folder.clone(), named.clone());
        let written = spawn_blocking(move || folder.write_closed(&list)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(
                "circuits that send too many requests cannot be reported to Tor: {error}"
            );
        }
    }
}

/// Finds Tor and makes the onion service. A Tor that is only starting gets a few seconds.
async fn begin_onion(
    settings: &Settings,
    listener: &Listener,
) -> anyhow::Result<(OnionService, Session)> {
    let keeper = onion::keeper(settings, listener.target().context("name the listener to Tor")?)?;
    spawn_blocking(move || {
        let mut tries = 0;
        loop {
            match keeper.begin() {
                Ok(session) => return Ok((keeper, session)),
                Err(error) if tries == PATIENCE_WITH_TOR || !error.may_pass() => {
                    return Err(error);
                }
                Err(_) => {}
            }
            tries += 1;
            std::thread::sleep(LOOK_FOR_ADDRESS);
        }
    })
    .await?
    .context("create the onion service")
}

/// Says the onion address as soon as there is one, and takes a request for it as one for us.
async fn tell_address(app: Data<AppState>, settings: Settings, known: Option<OnionAddress>) {
    if let Some(address) = known {
        say(&format!("and at {}", address.url()));
        app.hosts.set_onion(address.to_string());
        return;
    }
    follow_address(
        || onion::served_address(&settings),
        |address| {
            say(&format!("and at {}", address.url()));
            app.hosts.set_onion(address.to_string());
        },
    )
    .await;
}

/// Fills an empty catalog in a process of its own: what pictures need of memory is given back, and what reads them
/// never runs where buyers come in.
async fn seed(flags: &Flags, told: impl Future<Output = ()>) -> anyhow::Result<Seeded> {
    say(&format!("The catalog is empty: importing {DATA}"));
    let program = std::env::current_exe().context("find the program itself")?;
    let mut child = Command::new(program)
        .args(["seed", DATA])
        .envs(flags)
        .spawn()
        .context("start `shop seed`")?;
    tokio::select! {
        done = child.wait() => Ok(if done?.success() { Seeded::Filled } else { Seeded::Refused }),
        () = told => {
            // All or nothing: the next start begins anew.
            child.kill().await.context("end `shop seed`")?;
            Ok(Seeded::ToldToEnd)
        }
    }
}

enum Seeded {
    Filled,
    Refused,
    ToldToEnd,
}

/// Tells what is untold, lets expire what ran out and erases what is old, now and every few seconds. What fails is
/// tried again; the log hears of it once for each new reason.
async fn sweep_now_and_again(shop: Shop, settings: Settings, mut caretaker: Maintenance) {
    let mut last = Vec::new();
    loop {
        let troubles = caretaker.sweep(&shop, &settings).await;
        for trouble in troubles.iter().filter(|trouble| !last.contains(*trouble)) {
            tracing::error!("will retry: {trouble}");
        }
        last = troubles;
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

/// What the sweeps remember of each other.
struct Maintenance {
    is_away: bool,
    doubted: Option<ClockDoubted>,
    n_sweeps: u32,
}

/// Units: sweeps from one look at the folder of new messages to the next, which may hold very many; and as many from one
/// emptying of the journal, in which lies on what was erased, to the next.
const SELDOM: u32 = 6;

impl Maintenance {
    /// What must be so before the first visitor comes. What fails is tried again, and told, by the sweeps.
    async fn begin(shop: &Shop) -> Self {
        let mut caretaker = Self { is_away: false, doubted: None, n_sweeps: 1 };
        let looked = caretaker.check_clock(shop).await;
        let _ = caretaker.check_seller_activity(shop).await;
        // A clock that is not trusted blurs nothing.
        if looked.is_ok() && caretaker.doubted.is_none() {
            let _ = actions::coarsen_statistics(shop, open::now()).await;
        }
        let _ = actions::empty_journal(shop).await;
        let _ = actions::sync_read_marks(shop).await;
        caretaker
    }

    /// Each part by itself: what hinders one leaves the others. Returns what went wrong.
    async fn sweep(&mut self, shop: &Shop, settings: &Settings) -> Vec<String> {
        let clock = self.check_clock(shop).await;
        let now = open::now();
        let key = match open::take_key(shop, settings).await {
            Ok(Some(fault)) => Err(anyhow::anyhow!("orders are not accepted: {fault}")),
            Ok(None) => Ok(()),
            Err(error) => Err(error.context("look at the seller's key")),
        };
        let remembered = actions::remember_key(shop).await.context("remember the key");
        let mut done = vec![clock, key, remembered];
        done.push(actions::expire_orders(shop, now).await.map(|_| ()).context("let orders expire"));
        done.push(actions::bound_unpaid(shop, now).await);
        done.push(actions::check_siege(shop, now).await.context("look whether to end siege mode"));
        done.push(actions::sweep(shop, now).await.map(|_| ()).context("tell the seller"));
        let is_time = self.n_sweeps.is_multiple_of(SELDOM);
        self.n_sweeps = self.n_sweeps.wrapping_add(1);
        done.push(erase_what_is_due(shop, now, is_time).await.context("erase what is due"));
        if is_time {
            done.push(self.check_seller_activity(shop).await.context("look for the seller"));
            done.push(actions::sync_read_marks(shop).await.context("look what was read"));
            done.push(actions::clear_drafts(shop, wall()).await.context("clear the Maildir's tmp"));
        }
        done.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect()
    }

    async fn check_clock(&mut self, shop: &Shop) -> anyhow::Result<()> {
        let doubted = open::check_clock(shop).await?;
        match &doubted {
            Some(doubted) if self.doubted.as_ref() != Some(doubted) => tracing::warn!("{doubted}"),
            None if self.doubted.is_some() => tracing::info!("the host's clock is trusted again"),
            _ => {}
        }
        self.doubted = doubted;
        Ok(())
    }

    async fn check_seller_activity(&mut self, shop: &Shop) -> anyhow::Result<()> {
        let is_away = actions::check_seller_activity(shop, open::trusted()).await?;
        if is_away && !self.is_away {
            tracing::warn!(
                "the shop accepts no orders until new mail is read: the oldest message has been unread for more than {} (CLOSE_AFTER_DAYS)",
                plural(shop.policy.close_after_days, "day", "days")
            );
        } else if self.is_away && !is_away {
            tracing::info!("new mail was read: the shop accepts orders again");
        }
        self.is_away = is_away;
        Ok(())
    }
}

/// `is_time`: to empty the journal although nothing was erased just now.
async fn erase_what_is_due(shop: &Shop, now: Timestamp, is_time: bool) -> anyhow::Result<()> {
    // A clock that is not trusted erases nothing, and the log says so already.
    let erased = match actions::purge_orders(shop, PurgeMode::ByItself).await {
        Ok(erased) => Some(erased),
        Err(PurgeError::ClockDoubted(_)) => None,
        Err(PurgeError::Broken(error)) => return Err(error),
    };
    if erased.is_some() {
        actions::prune_audit_log(shop, now).await?;
        actions::coarsen_statistics(shop, now).await?;
    }
    let has_erased = erased.is_some_and(|orders| !orders.is_empty());
    let is_empty = if has_erased || is_time { actions::empty_journal(shop).await? } else { true };
    anyhow::ensure!(
        is_empty,
        "the journal cannot be emptied while another program reads the database; deleted data may remain there until then"
    );
    Ok(())
}
