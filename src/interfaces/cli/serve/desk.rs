//! Opens the desk beside the shop, with an onion of its own.

use actix_web::web::Data;
use anyhow::Context;

use crate::infra::config::{Listen, Settings};
use crate::infra::store;
use crate::interfaces::cli::onion;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::serve::address::{ensure_confirmed, follow_address};
use crate::interfaces::desk::{Desk, DeskHosts};
use crate::interfaces::http::Listener;
use crate::interfaces::http::handed_over::{HandedOver, SocketName};

/// Where the seller comes in; `None` where there is no desk.
///
/// Under systemd a desk that cannot be opened leaves the shop open: nobody reads a refusal there, and the unit would be
/// started again and again while buyers wait.
///
/// # Errors
/// What the system says, and what would be right.
pub fn open(settings: &Settings, handed: &mut HandedOver) -> anyhow::Result<Option<Listener>> {
    let Some(desk) = &settings.listeners.desk else {
        if handed.has_desk() {
            tracing::warn!(
                "shop-desk.socket is open, but the desk is off: DESK_LISTEN=systemd in .env switches it on"
            );
        }
        return Ok(None);
    };
    let opened = open_at(&desk.at, &settings.listeners.shop.at, handed).and_then(|listener| {
        ensure_confirmed(&listener, desk.is_confirmed, "DESK_LISTEN")?;
        Ok(listener)
    });
    match opened {
        Err(error) if settings.listeners.shop.at == Listen::Systemd => {
            tracing::error!("the shop is open without its desk: {error:#}");
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

/// The names that are the desk's, before its onion is known.
pub fn hosts(settings: &Settings) -> DeskHosts {
    DeskHosts::new(match settings.listeners.desk_at() {
        Some(Listen::Tcp(address)) => address,
        Some(Listen::Unix(_) | Listen::Systemd) | None => "",
    })
}

/// `buyers`: where their listener is, which is open already.
fn open_at(listen: &Listen, buyers: &Listen, handed: &mut HandedOver) -> anyhow::Result<Listener> {
    match listen {
        Listen::Tcp(address) => {
            Listener::tcp(address).with_context(|| format!("the desk cannot listen on {address}"))
        }
        Listen::Unix(path) => {
            // However it is written.
            let is_theirs = match (buyers, std::fs::canonicalize(path)) {
                (Listen::Unix(theirs), Ok(there)) => {
                    std::fs::canonicalize(theirs).is_ok_and(|theirs| theirs == there)
                }
                _ => false,
            };
            anyhow::ensure!(
                !is_theirs,
                "DESK_LISTEN and LISTEN are the same socket {}: the desk needs its own",
                path.display()
            );
            Listener::unix(path)
                .with_context(|| format!("the desk cannot listen on {}", path.display()))
        }
        Listen::Systemd => Ok(handed.listener(SocketName::Desk)?),
    }
}

/// Says where the desk is, and what it still needs.
pub async fn tell(desk: &Desk, listener: &Listener) -> anyhow::Result<()> {
    if listener.is_open() {
        tracing::warn!("other hosts can reach the desk, as confirmed in DESK_LISTEN");
    }
    say(&format!("Your desk is at {}", listener.address()));
    if store::login::find_lock(&mut *desk.shop.db.reader().await?).await?.password.is_none() {
        say("Nobody can sign in yet: set a password with `shop desk password`.");
    }
    Ok(())
}

/// An onion service for the desk, for those on its list alone; while nobody is on it, there is none.
pub fn begin_onion(settings: &Settings, desk: &Desk, listener: &Listener) -> anyhow::Result<()> {
    let target = listener.target().context("name the desk to Tor")?;
    let keeper = onion::desk_keeper(settings, target)?;
    let address = keeper.address().context("name the desk's onion")?;
    desk.hosts.set_onion(address.to_string());
    if onion::has_desk_clients(settings)? {
        say(&format!("Your desk is also at {}, only for clients on its list", address.url()));
    } else {
        say("The desk has no onion address until you add a client: `shop desk client add NAME`");
    }
    // It ends with the process; Tor lets the service go when the conversation ends.
    std::thread::spawn(move || keeper.tend(None, || false));
    Ok(())
}

/// Says the address of an onion that somebody else makes for the desk, and takes a request for it as one for the desk.
pub async fn tell_address(desk: Data<Desk>, settings: Settings) {
    follow_address(
        || onion::served_desk_address(&settings),
        |address| {
            say(&format!("Your desk is also at {}, only for clients on its list", address.url()));
            desk.hosts.set_onion(address.to_string());
        },
    )
    .await;
}
