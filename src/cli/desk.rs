use crate::cli::open;
use crate::cli::say;
use crate::config::Settings;
use crate::store;
use crate::web::hex;
use anyhow::Context;
use argon2::Argon2;
use clap::Args;
use clap::Subcommand;
use std::io;
use std::io::BufRead;
use std::io::IsTerminal;
use std::process::ExitCode;

#[derive(Args)]
pub struct DeskCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Set the password of the web desk; every session ends
    Password,
}

pub async fn run(command: DeskCommand, settings: Settings) -> anyhow::Result<ExitCode> {
    match command.what {
        What::Password => set_password(&settings).await,
    }
}

async fn set_password(settings: &Settings) -> anyhow::Result<ExitCode> {
    let (first, second) = if io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ").context("read the password")?;
        (first, rpassword::prompt_password("Once more: ").context("read the password")?)
    } else {
        let mut lines = io::stdin().lock().lines();
        let mut line = || lines.next().transpose().map(Option::unwrap_or_default);
        (line().context("read the password")?, line().context("read the password")?)
    };
    anyhow::ensure!(first == second, "the two passwords differ; nothing was done");
    let shop = open::shop(settings).await?;
    let mut bytes = [0; 32];
    Argon2::default()
        .hash_password_into(first.as_bytes(), &[&shop.salt[..], b"desk"].concat(), &mut bytes)
        .map_err(|error| anyhow::anyhow!("hash: {error}"))?;
    let mut tx = shop.db.write().await?;
    store::desk::keep_password(&mut tx, &hex(&bytes)).await?;
    store::desk::delete_sessions(&mut tx).await?;
    tx.commit().await?;
    shop.db.close().await;
    say("The password is set.");
    Ok(ExitCode::SUCCESS)
}
