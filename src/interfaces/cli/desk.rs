//! `shop desk`: password, sessions, second factor and onion clients of the desk.

use std::io;
use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::actions;
use crate::actions::Authenticator;
use crate::domain::login::{NewPassword, SessionSpan};
use crate::domain::values::plural;
use crate::infra::config::{ListenAddress, Settings};
use crate::infra::store;
use crate::interfaces::cli::onion::{ClientAction, ClientList};
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::shop_context;

#[derive(Args)]
pub struct DeskArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Set the desk password (asked twice); ends all sessions
    Password,
    /// Show which browsers are signed in
    Sessions {
        /// End all sessions
        #[arg(long)]
        end: bool,
    },
    /// Show whether 2FA is on
    Factor {
        /// Turn 2FA off, if you have lost your phone and recovery codes
        #[arg(long)]
        off: bool,
    },
    /// Manage who can reach the desk's onion; with an empty list it has none
    #[command(subcommand)]
    Client(ClientAction),
}

pub async fn run(command: DeskArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    match command.action {
        Action::Password => set_password(&settings).await,
        Action::Sessions { end } => show_sessions(&settings, end).await,
        Action::Factor { off } => show_factor(&settings, off).await,
        Action::Client(action) => {
            shop_context::require_shop(&settings)?;
            ClientList::of_desk(&settings).run(action)
        }
    }
}

/// Units: bytes of standard input, far more than two passwords have.
const MAX_BYTES: u64 = 16 * 1024;

async fn set_password(settings: &Settings) -> anyhow::Result<ExitCode> {
    // First of all: without a shop, nobody need type a password.
    let shop = shop_context::shop(settings).await?;
    let site_name = store::appearance::find_name(&mut *shop.db.reader().await?).await?;
    let site_name = site_name.unwrap_or_else(|| settings.site.name.clone());
    let (first, second) = if io::stdin().is_terminal() {
        let first = rpassword::prompt_password("New password: ").context("read the password")?;
        parse_password(&first, &site_name)?;
        (first, rpassword::prompt_password("Confirm password: ").context("read the password")?)
    } else {
        let mut lines = io::stdin().lock().take(MAX_BYTES).lines();
        let mut line = || lines.next().transpose().map(Option::unwrap_or_default);
        (line().context("read the password")?, line().context("read the password")?)
    };
    let password = parse_password(&first, &site_name)?;
    anyhow::ensure!(first == second, "the passwords do not match; nothing was changed");
    let authenticator = Authenticator::new(1);
    actions::set_password(
        &shop,
        &authenticator,
        &password,
        shop_context::random_bytes(),
        shop_context::now(),
    )
    .await?;
    shop.db.close().await;
    say("The desk password was set, and all sessions were ended.");
    if settings.listeners.desk.is_none() {
        say(&format!(
            "The desk is off: set DESK_LISTEN={} in .env to turn it on.",
            desk_beside(&settings.listeners.shop.address)
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// A suitable address for the desk: in a container or under systemd, an address of the host will not do.
fn desk_beside(listen: &ListenAddress) -> String {
    match listen {
        ListenAddress::Tcp(_) => "127.0.0.1:3001".to_owned(),
        ListenAddress::Unix(socket) => {
            format!("unix:{}", socket.with_file_name("desk.sock").display())
        }
        ListenAddress::Systemd => "systemd".to_owned(),
    }
}

fn parse_password(text: &str, site_name: &str) -> anyhow::Result<NewPassword> {
    NewPassword::parse(text, &[site_name])
        .map_err(|weak| anyhow::anyhow!("this password is too weak. {weak}"))
}

async fn show_sessions(settings: &Settings, end: bool) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(settings).await?;
    let now = shop_context::now();
    let sessions = store::login::list_sessions(&mut *shop.db.reader().await?).await?;
    let open: Vec<&SessionSpan> = sessions.iter().filter(|span| !span.is_over(now)).collect();
    if end {
        actions::end_sessions(&shop, now).await?;
        say(&match open.len() {
            0 => "Nobody was signed in.".to_owned(),
            n => format!("{} ended.", plural(n, "session", "sessions")),
        });
    } else if open.is_empty() {
        say("Nobody is signed in.");
    }
    for span in open.iter().filter(|_| !end) {
        say(&format!(
            "signed in {}, last seen {}",
            span.opened.for_people(),
            span.seen.for_people()
        ));
    }
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn show_factor(settings: &Settings, off: bool) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(settings).await?;
    let text = if off {
        if actions::drop_factor(&shop, shop_context::now()).await? {
            "2FA is off: signing in only requires the password."
        } else {
            "2FA was not on."
        }
    } else {
        let lock = store::login::find_credentials(&mut *shop.db.reader().await?).await?;
        match lock.factor {
            Some(_) => "2FA is on. Turn it off with `shop desk factor --off`.",
            None => "2FA is off. Set it up on the desk's Account page.",
        }
    };
    say(text);
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_desk_opens_beside_the_shop() {
        assert_eq!(desk_beside(&ListenAddress::Tcp("127.0.0.1:80".to_owned())), "127.0.0.1:3001");
        assert_eq!(
            desk_beside(&ListenAddress::Unix("/run/shop/shop.sock".into())),
            "unix:/run/shop/desk.sock"
        );
        assert_eq!(desk_beside(&ListenAddress::Systemd), "systemd");
    }
}
