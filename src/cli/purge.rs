use crate::actions;
use crate::cli::open;
use crate::cli::say;
use crate::config::Settings;
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Purge {
    /// Only say what is due
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(purge: Purge, settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = open::shop(&settings).await?;
    let (due, words) = if purge.dry_run {
        (actions::list_forgettable(&shop, open::now()).await?, "due to be erased")
    } else {
        (actions::forget_orders(&shop, open::now()).await?, "erased, with their messages")
    };
    for order_ref in &due {
        say(order_ref.as_str());
    }
    say(&format!(
        "{} {words}.",
        if due.len() == 1 { "1 order is".to_owned() } else { format!("{} orders are", due.len()) }
    ));
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}
