//! `shop clock`: shows the trusted time and accepts the host's clock.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::actions;
use crate::actions::ClockDoubted;
use crate::domain::values::TrustedClock;
use crate::infra::config::Settings;
use crate::infra::store;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::shop_context;
use crate::interfaces::http::clock;

#[derive(Args)]
pub struct ClockArgs {
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Accept the host's clock: orders expire and are deleted by it from now on
    Accept,
}

pub async fn run(command: ClockArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(&settings).await?;
    let result = match command.command {
        None => show(&shop).await,
        Some(Action::Accept) => accept(&shop).await,
    };
    shop.db.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn show(shop: &actions::Shop) -> anyhow::Result<()> {
    let reading = clock::reading();
    let stored =
        store::clock::find(&mut *shop.db.reader().await?).await.context("read the trusted time")?;
    let clock =
        stored.map_or_else(|| TrustedClock::begin(&reading), |stored| stored.check(&reading).0);
    say(&format!("host's clock  {}", reading.wall.for_people()));
    say(&format!("trusted time  {}", clock.at(&reading).trusted.for_people()));
    match ClockDoubted::of(&clock) {
        None => say("The host's clock is trusted: orders expire and are deleted by it."),
        Some(doubt) => {
            let minutes = clock.jump.map_or(0, |jump| jump.stable_for / 60);
            say(&format!("Not trusted: {doubt}."));
            say(&format!(
                "It has been stable for {} h {} min. Orders are accepted and expire after their remaining time.",
                minutes / 60,
                minutes % 60
            ));
        }
    }
    Ok(())
}

async fn accept(shop: &actions::Shop) -> anyhow::Result<()> {
    let now = clock::wall().for_people();
    say(&match actions::accept_clock(shop).await? {
        None => format!("The host's clock was already trusted: it is {now}."),
        Some(_) => {
            format!("Accepted: it is {now}. A running shop uses this clock within a few seconds.")
        }
    });
    Ok(())
}
