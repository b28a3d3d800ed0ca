//! Opens the desk beside the shop, with an onion of its own.

use actix_web::web::Data;
use anyhow::Context;

use crate::infra::config::{ListenAddress, Settings};
use crate::infra::store;
use crate::interfaces::cli::onion;
use crate::interfaces::cli::onion::ClientList;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::serve::address::{follow_address, open_listener};
use crate::interfaces::cli::shop_context;
use crate::interfaces::desk::{Desk, DeskHosts, Metrics, TorFigures};
use crate::interfaces::http::Listener;
use crate::interfaces::http::socket_activation::{ActivatedSockets, SocketName};
use crate::interfaces::web::AppState;

/// Opens the desk's listener; `None`: there is no desk.
///
/// Under systemd the shop opens even if its desk cannot: nobody would see the error there, and the unit would be restarted
/// again and again while buyers wait.
///
/// # Errors
/// The system's, and what to do.
pub fn open(
    settings: &Settings,
    sockets: &mut ActivatedSockets,
) -> anyhow::Result<Option<Listener>> {
    let Some(desk) = &settings.listeners.desk else {
        if sockets.has_desk() {
            tracing::warn!(
                "shop-desk.socket is open, but the desk is off: DESK_LISTEN=systemd in .env switches it on"
            );
        }
        return Ok(None);
    };
    let shop = &settings.listeners.shop.address;
    let opened = ensure_own_socket(&desk.address, shop)
        .and_then(|()| open_listener(desk, SocketName::Desk, sockets));
    match opened {
        Err(error) if *shop == ListenAddress::Systemd => {
            tracing::error!("the shop is open without its desk: {error:#}");
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

/// The shop's socket is open already, and must not be replaced.
fn ensure_own_socket(desk: &ListenAddress, shop: &ListenAddress) -> anyhow::Result<()> {
    if let (ListenAddress::Unix(desk), ListenAddress::Unix(shop)) = (desk, shop)
        && let (Ok(of_desk), Ok(of_shop)) =
            (std::fs::canonicalize(desk), std::fs::canonicalize(shop))
    {
        anyhow::ensure!(
            of_desk != of_shop,
            "DESK_LISTEN and LISTEN are the same socket {}: the desk needs its own",
            desk.display()
        );
    }
    Ok(())
}

/// The desk beside the shop.
pub fn make(settings: &Settings, app: &AppState, secret: &[u8]) -> Desk {
    let layout = shop_context::layout(settings);
    let mut desk = Desk::new(app.shop.clone(), app.site.clone(), secret, hosts(settings), layout);
    if let Some(token) = &settings.listeners.metrics_token {
        let settings = settings.clone();
        let find_tor = move || {
            onion::fresh_status(&settings).map(|status| TorFigures {
                is_reachable: status.is_reachable(),
                introduction_points: status.introduction_points,
                effort: status.effort,
            })
        };
        let requests = app.request_counts.clone();
        desk.metrics =
            Some(Metrics { token: token.clone(), requests, find_tor: Box::new(find_tor) });
    }
    desk
}

/// The desk's host names, before its onion address is known.
fn hosts(settings: &Settings) -> DeskHosts {
    DeskHosts::new(match settings.listeners.desk_address() {
        Some(ListenAddress::Tcp(address)) => address,
        Some(ListenAddress::Unix(_) | ListenAddress::Systemd) | None => "",
    })
}

/// Prints where the desk is, and whether it needs a password.
pub async fn announce(desk: &Desk, listener: &Listener) -> anyhow::Result<()> {
    if listener.is_open() {
        tracing::warn!("other hosts can reach the desk, as confirmed in DESK_LISTEN");
    }
    say(&format!("Your desk is at {}", listener.address()));
    if store::login::find_credentials(&mut *desk.shop.db.reader().await?).await?.password.is_none()
    {
        say("Nobody can sign in yet: set a password with `shop desk password`.");
    }
    Ok(())
}

/// Creates the desk's onion service, which exists while its client list is not empty.
pub fn start_onion(settings: &Settings, desk: &Desk, listener: &Listener) -> anyhow::Result<()> {
    let target = listener.target().context("name the desk to Tor")?;
    let onion_service = onion::desk_onion(settings, target)?;
    let address = onion_service.address().context("name the desk's onion")?;
    desk.hosts.set_onion(address.to_string());
    if !ClientList::of_desk(settings).names()?.is_empty() {
        say(&format!("Your desk is also at {}, only for clients on its list", address.url()));
    } else {
        say("The desk has no onion address until you add a client: `shop desk client add NAME`");
    }
    // It ends with the process; Tor removes the service when the connection ends.
    std::thread::spawn(move || onion_service.run(None, || false));
    Ok(())
}

/// Prints the address of the desk's onion service that another process manages, and accepts it as a host name.
pub async fn announce_onion(desk: Data<Desk>, settings: Settings) {
    follow_address(
        || onion::served_desk_address(&settings),
        |address| {
            say(&format!("Your desk is also at {}, only for clients on its list", address.url()));
            desk.hosts.set_onion(address.to_string());
        },
    )
    .await;
}
