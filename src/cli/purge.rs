use crate::actions;
use crate::cli::open;
use crate::cli::say;
use crate::cli::say_error;
use crate::config::Settings;
use crate::orders::Haste;
use crate::store;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Args)]
pub struct Purge {
    /// Only say what is due
    #[arg(long)]
    dry_run: bool,
    /// Erase although the clock has jumped: it is right (as `shop clock accept` says)
    #[arg(long)]
    now: bool,
    /// Erase the numbers of all days and weeks too, from which the desk draws its plots
    #[arg(long)]
    figures: bool,
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
        tell_deeds(actions::count_old_deeds(&shop, now).await?, "due to be erased from your log");
        if purge.figures {
            let n = store::figures::count(&shop.db).await?;
            say(&format!("Numbers by day and week to be erased: {n} rows."));
        }
        if let Some(doubted) = actions::doubt_clock(&shop).await? {
            say(&format!("But {doubted}."));
        }
        shop.db.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    if purge.now {
        actions::accept_clock(&shop).await??;
    }
    if let Some(doubted) = open::look_at_clock(&shop).await? {
        shop.db.close().await;
        return Err(doubted.into());
    }
    let now = open::now();
    actions::expire_orders(&shop, now).await?;
    // What the seller was not told yet is never erased.
    if let Err(error) = actions::sweep(&shop, now).await {
        say_error(&format!("not all messages could be written: {error:#}"));
    }
    let erased = actions::forget_orders(&shop, Haste::BySeller).await??;
    let n_deeds = actions::forget_deeds(&shop, now).await?;
    let n_figures = if purge.figures {
        Some(actions::forget_figures(&shop).await?)
    } else {
        actions::blur_figures(&shop, now).await?;
        None
    };
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
    tell_deeds(n_deeds, "erased from your log");
    if let Some(n) = n_figures {
        say(&format!("Numbers by day and week: {n} rows are erased."));
    }
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

/// Of a shop that keeps no log of deeds, nothing is said.
fn tell_deeds(n: i64, words: &str) {
    match n {
        0 => {}
        1 => say(&format!("1 deed is {words}.")),
        n => say(&format!("{n} deeds are {words}.")),
    }
}
