//! `shop purge`: erases old orders now.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::actions;
use crate::domain::orders::PurgeMode;
use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::infra::store;
use crate::interfaces::cli::open;
use crate::interfaces::cli::output::{say, say_error};

#[derive(Args)]
pub struct Purge {
    /// Only list what would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Delete even if the clock has jumped: accepts the clock like `shop clock accept`
    #[arg(long)]
    now: bool,
    /// Also delete the daily and weekly figures shown in the desk's charts
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
        tell(&due, "due for deletion");
        tell_activity(actions::count_old_actions(&shop, now).await?, "due for deletion");
        if purge.figures {
            let n = store::statistics::count(&mut *shop.db.reader().await?).await?;
            say(&format!("Daily and weekly figures to delete: {n}."));
        }
        if let Some(doubted) = actions::doubt_clock(&shop).await? {
            say(&format!("However: {doubted}."));
        }
        shop.db.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    if purge.now {
        actions::accept_clock(&shop).await?;
    }
    if let Some(doubted) = open::check_clock(&shop).await? {
        shop.db.close().await;
        return Err(doubted.into());
    }
    let now = open::now();
    actions::expire_orders(&shop, now).await?;
    // What the seller was not told yet is never erased.
    if let Err(error) = actions::sweep(&shop, now).await {
        say_error(&format!("some messages could not be written: {error:#}"));
    }
    let erased = actions::purge_orders(&shop, PurgeMode::BySeller).await?;
    let n_entries = actions::prune_audit_log(&shop, now).await?;
    let n_figures = if purge.figures {
        Some(actions::delete_statistics(&shop).await?)
    } else {
        actions::coarsen_statistics(&shop, now).await?;
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
    let words = if shop.policy.purge_mail {
        "deleted, including messages"
    } else {
        "deleted; messages are kept in the Maildir (PURGE_MAIL=no)"
    };
    tell(&erased, words);
    tell_activity(n_entries, "deleted");
    if let Some(n) = n_figures {
        say(&format!("Daily and weekly figures deleted: {n}."));
    }
    shop.db.close().await;
    if is_empty {
        return Ok(ExitCode::SUCCESS);
    }
    say_error(
        "the database journal could not be emptied, since another program is reading it: deleted data may remain there. \
         A running shop retries every minute; otherwise run `shop purge` again",
    );
    Ok(ExitCode::FAILURE)
}

fn tell(order_refs: &[crate::domain::orders::OrderRef], words: &str) {
    for order_ref in order_refs {
        say(order_ref.as_str());
    }
    let n = order_refs.len();
    say(&format!("{} {words}.", plural(n, "order", "orders")));
}

/// Prints nothing where no entry was deleted: the shop may keep no activity log.
fn tell_activity(n: i64, words: &str) {
    if n != 0 {
        say(&format!("{} {words}.", plural(n, "activity log entry", "activity log entries")));
    }
}
