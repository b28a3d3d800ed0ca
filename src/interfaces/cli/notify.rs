//! `shop notify`: runs the seller's own program when something has changed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::actions;
use crate::actions::Shop;
use crate::domain::orders::Status;
use crate::domain::values::{Timestamp, plural};
use crate::infra::config::{NotifyCommand, Settings};
use crate::infra::store;
use crate::infra::store::order_reports::Filter;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::recurring_error::RecurringError;
use crate::interfaces::cli::shop_context;
use crate::interfaces::cli::shop_context::home;

#[derive(Args)]
pub struct NotifyArgs {
    /// Run the program even if nothing has changed
    #[arg(long)]
    test: bool,
}

/// How long the program may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Units: seconds until `shop watch` runs a program again that failed, if nothing else has changed.
const RETRY_SECONDS: i64 = 600;
/// Where the program is searched for if it is not a path. Source: Debian's default for services.
const SEARCHED: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Units: bytes of the stored state.
const MAX_OF_STATE: u64 = 4_096;

/// What the program is told: counts and states, nothing of an order or a buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    /// In the Maildir since the program last ran.
    new_messages: i64,
    awaiting_payment: i64,
    /// Reported, paid in part, or not confirmed yet.
    to_check: i64,
    to_ship: i64,
    /// Paid late, or sold out.
    to_decide: i64,
    to_answer: i64,
    coins_not_tracked: usize,
    siege: bool,
    accepts_orders: bool,
}

/// What the program was told last.
#[derive(Serialize, Deserialize)]
struct LastNotification {
    report: Report,
    /// The newest message to the seller, by the mailbox's clock.
    newest: i64,
}

/// Runs the program, and remembers in a file what it was told.
struct Notifier {
    command: NotifyCommand,
    state: PathBuf,
    /// What it could not be told, and when that was tried.
    failed: Option<(Report, Timestamp)>,
}

pub async fn run(arguments: NotifyArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    shop_context::require_shop(&settings)?;
    let mut notifier = Notifier::new(&settings)
        .context("no program is set: NOTIFY_COMMAND=/usr/local/bin/my-program in .env (docs/manual/notifications.md)")?;
    let shop = shop_context::shop(&settings).await?;
    actions::expire_orders(&shop, shop_context::now()).await?;
    let has_run = notifier.notify_if_changed(&shop, arguments.test).await?;
    if !has_run {
        say("Nothing has changed.");
    }
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Runs the program once for `shop watch --once`, if one is set. Returns whether nothing failed.
pub async fn run_once(shop: &Shop, settings: &Settings) -> bool {
    let Some(mut notifier) = Notifier::new(settings) else { return true };
    match notifier.notify_if_changed(shop, false).await {
        Ok(_) => true,
        Err(error) => {
            tracing::error!("{error:#}");
            false
        }
    }
}

/// Runs the program whenever something has changed, for `shop watch`.
pub async fn run_forever(shop: Shop, settings: Settings) {
    let Some(mut notifier) = Notifier::new(&settings) else { return };
    let pause = Duration::from_secs(settings.nodes.watch_seconds.unsigned_abs());
    let mut error = RecurringError::default();
    loop {
        tokio::time::sleep(pause).await;
        match notifier.notify_if_changed(&shop, false).await {
            Ok(true) => error.note("notifications", None),
            // Also where it has failed and is not due again.
            Ok(false) => {}
            Err(failed) => error.note("notifications", Some(format!("{failed:#}"))),
        }
    }
}

impl Notifier {
    /// `None`: no program is set.
    fn new(settings: &Settings) -> Option<Self> {
        let command = settings.orders.notify_command.clone()?;
        Some(Self { command, state: home(settings).join("notified.json"), failed: None })
    }

    /// Runs the program if something has changed since it last ran. Returns whether it did.
    ///
    /// # Errors
    /// It could not be run, failed or took too long: it is run again later.
    async fn notify_if_changed(&mut self, shop: &Shop, is_test: bool) -> anyhow::Result<bool> {
        let path = self.state.display();
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&self.state)
            .with_context(|| format!("open {path}"))?;
        // Another process runs the program just now.
        if file.try_lock().is_err() {
            return Ok(false);
        }
        let last = read_state(&mut file).with_context(|| format!("read {path}"))?;
        let now = shop_context::now();
        let (report, newest) = report(shop, last.as_ref(), now).await?;
        let is_known =
            report.is_known(last.as_ref().map_or(&Report::nothing_to_do(), |last| &last.report));
        let has_failed = self
            .failed
            .as_ref()
            .is_some_and(|(failed, at)| *failed == report && now < at.plus_seconds(RETRY_SECONDS));
        if !is_test && (is_known || has_failed) {
            return Ok(false);
        }
        self.failed = Some((report.clone(), now));
        self.run_program(&report).await?;
        self.failed = None;
        let notified =
            serde_json::to_vec(&LastNotification { report, newest }).context("write the state")?;
        write_state(&mut file, &notified).with_context(|| format!("write {path}"))?;
        Ok(true)
    }

    async fn run_program(&self, report: &Report) -> anyhow::Result<()> {
        let program = &self.command.program;
        let mut line = serde_json::to_vec(report).context("write the report")?;
        line.push(b'\n');
        // Without the shop's environment, which may hold secrets.
        let child = Command::new(program)
            .args(&self.command.arguments)
            .env_clear()
            .env("PATH", SEARCHED)
            .envs(report.variables())
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("run NOTIFY_COMMAND ({program})"))?;
        let mut running = RunningProgram::new(child);
        let status = tokio::time::timeout(TIMEOUT, running.finish(&line)).await;
        let status = status.ok().with_context(|| {
            format!("NOTIFY_COMMAND took longer than {} seconds and was ended", TIMEOUT.as_secs())
        })?;
        let status = status.context("wait for NOTIFY_COMMAND")?;
        anyhow::ensure!(status.success(), "NOTIFY_COMMAND failed: {status}");
        Ok(())
    }
}

/// The program with all programs that it has started: they end with it, and with the shop.
struct RunningProgram {
    child: Child,
    group: Option<Pid>,
}

impl RunningProgram {
    fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self { child, group: id.and_then(Pid::from_raw) }
    }

    /// Waits for its end. It need not read its input.
    async fn finish(&mut self, input: &[u8]) -> std::io::Result<ExitStatus> {
        if let Some(mut stdin) = self.child.stdin.take() {
            let _ = stdin.write_all(input).await;
        }
        let status = self.child.wait().await?;
        Ok(status)
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl Report {
    fn nothing_to_do() -> Self {
        Self {
            new_messages: 0,
            awaiting_payment: 0,
            to_check: 0,
            to_ship: 0,
            to_decide: 0,
            to_answer: 0,
            coins_not_tracked: 0,
            siege: false,
            accepts_orders: true,
        }
    }

    /// Whether it says nothing that `last` did not say. An unpaid order counts once there is a message about it, which
    /// depends on `NOTIFY`: otherwise a flood of them would run the program without end.
    fn is_known(&self, last: &Self) -> bool {
        let awaiting_payment = last.awaiting_payment;
        self.new_messages == 0
            && Self { awaiting_payment, new_messages: 0, ..self.clone() }
                == Self { new_messages: 0, ..last.clone() }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let flag = |is_on: bool| String::from(if is_on { "1" } else { "0" });
        vec![
            ("SHOP_TEXT", self.text()),
            ("SHOP_NEW_MESSAGES", self.new_messages.to_string()),
            ("SHOP_AWAITING_PAYMENT", self.awaiting_payment.to_string()),
            ("SHOP_TO_CHECK", self.to_check.to_string()),
            ("SHOP_TO_SHIP", self.to_ship.to_string()),
            ("SHOP_TO_DECIDE", self.to_decide.to_string()),
            ("SHOP_TO_ANSWER", self.to_answer.to_string()),
            ("SHOP_COINS_NOT_TRACKED", self.coins_not_tracked.to_string()),
            ("SHOP_SIEGE", flag(self.siege)),
            ("SHOP_ACCEPTS_ORDERS", flag(self.accepts_orders)),
        ]
    }

    /// All of it in one line: `2 new messages, 1 to ship`.
    fn text(&self) -> String {
        let of = |n: i64, what: &str| (0 < n).then(|| format!("{n} {what}"));
        let untracked = i64::try_from(self.coins_not_tracked).unwrap_or(i64::MAX);
        let new = (0 < self.new_messages)
            .then(|| plural(self.new_messages, "new message", "new messages"));
        let parts = [
            new,
            of(self.awaiting_payment, "awaiting payment"),
            of(self.to_check, "to check"),
            of(self.to_ship, "to ship"),
            of(self.to_decide, "to decide"),
            of(self.to_answer, "to answer"),
            (0 < untracked).then(|| format!("{} not tracked", plural(untracked, "coin", "coins"))),
            self.siege.then(|| "siege mode".to_owned()),
            (!self.accepts_orders).then(|| "the shop accepts no orders".to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
    }
}

/// Also returns the newest message, by the mailbox's clock.
async fn report(
    shop: &Shop,
    last: Option<&LastNotification>,
    now: Timestamp,
) -> anyhow::Result<(Report, i64)> {
    let accepts_orders = actions::why_closed(shop, now).await?.is_none();
    let mut db = shop.db.reader().await?;
    let newest = store::outbox::find_newest(&mut db).await?;
    let since = last.map_or(0, |last| last.newest);
    let new_messages = store::outbox::count_news(&mut db, since).await?;
    let counts = store::order_reports::count_today(&mut db).await?;
    let unpaid = Filter { states: vec![Status::Awaiting], ..Default::default() };
    let awaiting_payment = store::order_reports::count(&mut db, &unpaid).await?;
    let watches = store::watch::list(&mut db).await?;
    // A problem counts once the seller is written to about it: a node that restarts is none.
    let is_untracked = |watch: &store::watch::Watch| match &watch.problem {
        Some(_) => watch.is_notified,
        None => watch.scanned_at.is_some() && watch.complaint(now).is_some(),
    };
    let report = Report {
        new_messages,
        awaiting_payment,
        to_check: counts.to_pay.saturating_sub(awaiting_payment),
        to_ship: counts.to_send,
        to_decide: counts.to_decide,
        to_answer: counts.to_answer,
        coins_not_tracked: watches.iter().filter(|watch| is_untracked(watch)).count(),
        siege: store::shop_state::find(&mut db).await?.siege_since.is_some(),
        accepts_orders,
    };
    Ok((report, newest))
}

/// `None`: there is none yet, or it is unreadable: the program is told everything once more.
fn read_state(file: &mut File) -> std::io::Result<Option<LastNotification>> {
    let mut bytes = Vec::new();
    file.take(MAX_OF_STATE).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

fn write_state(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_news_if_there_are_messages_or_anything_but_the_unpaid_orders_has_changed() {
        let quiet = Report::nothing_to_do;
        let known = |report: Report| report.is_known(&quiet());
        assert!(known(quiet()));
        assert!(known(Report { awaiting_payment: 7, ..quiet() }));
        for news in [
            Report { new_messages: 1, ..quiet() },
            Report { to_check: 1, ..quiet() },
            Report { to_ship: 1, ..quiet() },
            Report { to_decide: 1, ..quiet() },
            Report { to_answer: 1, ..quiet() },
            Report { coins_not_tracked: 1, ..quiet() },
            Report { siege: true, ..quiet() },
            Report { accepts_orders: false, ..quiet() },
        ] {
            assert!(!news.is_known(&quiet()), "{news:?}");
            let last = Report { new_messages: 3, ..news.clone() };
            assert!(Report { new_messages: 0, ..news.clone() }.is_known(&last));
        }
    }

    #[test]
    fn the_text_names_what_there_is() {
        let quiet = Report::nothing_to_do();
        assert_eq!(quiet.text(), "nothing to do");
        let busy = Report {
            new_messages: 1,
            to_ship: 2,
            coins_not_tracked: 1,
            accepts_orders: false,
            ..quiet
        };
        let expected = "1 new message, 2 to ship, 1 coin not tracked, the shop accepts no orders";
        assert_eq!(busy.text(), expected);
    }
}
