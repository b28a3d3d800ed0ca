//! `shop purge`: deletes old orders now.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::actions;
use crate::domain::orders::{OrderRef, PurgeMode};
use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::infra::store;
use crate::interfaces::cli::output::{say, say_error};
use crate::interfaces::cli::shop_context;

#[derive(Args)]
pub struct PurgeArgs {
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

/// How many times it is tried to empty the journal while another program reads it, and the pause between.
const TRIES: u32 = 10;
const RETRY_AFTER: Duration = Duration::from_millis(200);

pub async fn run(purge: PurgeArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(&settings).await?;
    let now = shop_context::now();
    if purge.dry_run {
        let due = actions::list_forgettable(&shop, now, i64::MAX).await?;
        print_orders(&due, "due for deletion");
        print_activity(actions::count_old_actions(&shop, now).await?, "due for deletion");
        if purge.figures {
            let n = store::statistics::count(&mut *shop.db.reader().await?).await?;
            say(&format!("Daily and weekly figures to delete: {n}."));
        }
        if let Some(doubt) = actions::doubt_clock(&shop).await? {
            say(&format!("However: {doubt}."));
        }
        shop.db.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    if purge.now {
        actions::accept_clock(&shop).await?;
    }
    if let Some(doubt) = shop_context::check_clock(&shop).await? {
        shop.db.close().await;
        return Err(doubt.into());
    }
    let now = shop_context::now();
    actions::expire_orders(&shop, now).await?;
    // Orders with undelivered messages are never deleted.
    if let Err(error) = actions::deliver_outbox(&shop, now).await {
        say_error(&format!("some messages could not be written: {error:#}"));
    }
    let deleted = actions::purge_orders(&shop, PurgeMode::BySeller).await?;
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
        tokio::time::sleep(RETRY_AFTER).await;
        is_empty = actions::empty_journal(&shop).await?;
    }
    let text = if shop.policy.purge_mail {
        "deleted, including messages"
    } else {
        "deleted; messages are kept in the Maildir (PURGE_MAIL=no)"
    };
    print_orders(&deleted, text);
    print_activity(n_entries, "deleted");
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

fn print_orders(order_refs: &[OrderRef], text: &str) {
    for order_ref in order_refs {
        say(order_ref.as_str());
    }
    let n = order_refs.len();
    say(&format!("{} {text}.", plural(n, "order", "orders")));
}

/// Prints nothing if no entry was deleted: the shop may keep no activity log.
fn print_activity(n: i64, text: &str) {
    if n != 0 {
        say(&format!("{} {text}.", plural(n, "activity log entry", "activity log entries")));
    }
}
