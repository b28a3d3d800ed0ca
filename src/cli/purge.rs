use crate::actions;
use crate::actions::Haste;
use crate::cli::open;
use crate::cli::say;
use crate::cli::say_error;
use crate::config::Settings;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Args)]
pub struct Purge {
    /// Only say what is due
    #[arg(long)]
    dry_run: bool,
    /// Erase although the clock has gone on by more days than orders are kept: it is right
    #[arg(long)]
    now: bool,
}

/// How often, and how long each time, a journal that somebody reads is waited for.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

pub async fn run(purge: Purge, settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = open::shop(&settings).await?;
    let now = open::now();
    if purge.dry_run {
        let due = actions::list_forgettable(&shop, now).await?;
        tell(&due, "due to be erased");
        if let Some(jumped) = actions::doubt_clock(&shop, now).await? {
            say(&format!("But {jumped}."));
        }
        shop.db.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    if purge.now {
        actions::trust_clock(&shop, now).await?;
    }
    if let Some(jumped) = actions::doubt_clock(&shop, now).await? {
        shop.db.close().await;
        return Err(jumped.into());
    }
    actions::expire_orders(&shop, now).await?;
    // What the seller was not told yet is never erased.
    if let Err(error) = actions::sweep(&shop, now).await {
        say_error(&format!("not all messages could be written: {error:#}"));
    }
    let erased = actions::forget_orders(&shop, now, Haste::BySeller).await??;
    let mut is_empty = actions::empty_journal(&shop).await?;
    for _ in 1..TRIES {
        if is_empty {
            break;
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
        is_empty = actions::empty_journal(&shop).await?;
    }
    let words = if shop.terms.purge_mail {
        "erased, with their messages"
    } else {
        "erased; their messages stay in the Maildir (PURGE_MAIL=no)"
    };
    tell(&erased, words);
    shop.db.close().await;
    if is_empty {
        return Ok(ExitCode::SUCCESS);
    }
    say_error(
        "the database's journal could not be emptied, since somebody is reading it: what was erased lies on there. \
         An open shop tries again each minute; else say `shop purge` again",
    );
    Ok(ExitCode::FAILURE)
}

fn tell(order_refs: &[crate::orders::OrderRef], words: &str) {
    for order_ref in order_refs {
        say(order_ref.as_str());
    }
    let n = order_refs.len();
    say(&format!(
        "{} {words}.",
        if n == 1 { "1 order is".to_owned() } else { format!("{n} orders are") }
    ));
}
