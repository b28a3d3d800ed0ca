//! `shop doctor`: checks the installation. Each check has a name, a state, and what to do.

mod confinement;
mod finding;
mod host;
mod rates;
mod selling;
mod shipping;
mod storage;

use std::process::ExitCode;

use clap::Args;

use crate::actions::Shop;
use crate::infra::config::Settings;
use crate::interfaces::cli::doctor::finding::{Finding, State, bad, ok, or_bad};
use crate::interfaces::cli::output::{say, say_error, say_json};
use crate::interfaces::cli::shop_context;
use crate::interfaces::desk::Complaint;

#[derive(Args, Default)]
pub struct DoctorArgs {
    /// Also read the whole database: every page, index and reference
    #[arg(long)]
    deep: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The findings so far. As text, each is printed as soon as it is found.
struct Report {
    as_json: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn push(&mut self, finding: Finding) {
        if !self.as_json {
            show(&finding);
        }
        self.findings.push(finding);
    }

    fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

pub async fn run(doctor: DoctorArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let mut report = Report { as_json: doctor.json, findings: Vec::new() };
    report.push(ok("settings", "valid"));
    let mut shop = None;
    if let Err(error) = shop_context::require_shop(&settings) {
        say_error(&format!("{error:#}"));
        report.push(bad("database", format!("{error:#}"), ""));
    } else {
        match shop_context::shop(&settings).await {
            Ok(opened) => {
                check_shop(shop.insert(opened), &settings, doctor.deep, &mut report).await
            }
            Err(error) => report.push(bad(
                "database",
                format!("{error:#}"),
                "give the shop's user access to the folder, or restore a backup (`shop restore`)",
            )),
        }
        report.extend(check_files(&settings));
    }
    report.extend(check_host(&settings));
    report.push(host::check_terminal());
    if let Some(shop) = shop {
        // Last, since it takes long.
        if doctor.deep {
            report.push(storage::check_integrity(&shop, &settings).await);
        }
        shop.db.close().await;
    }
    let is_well = report.findings.iter().all(|finding| finding.state != State::Bad);
    if doctor.json {
        say_json(&serde_json::json!({ "ok": is_well, "checks": report.findings }))?;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The checks that need the database.
async fn check_shop(shop: &Shop, settings: &Settings, is_deep: bool, report: &mut Report) {
    report.push(storage::check_database(settings, is_deep));
    report.push(selling::check_key(shop));
    report.push(selling::check_availability(shop).await);
    report.push(or_bad("siege", selling::check_siege(shop).await, ""));
    report.extend(selling::check_catalog(shop).await);
    report.push(or_bad("shipping", shipping::check_shipping(shop).await, ""));
    report.push(or_bad("rates", rates::check(shop).await, ""));
    report.extend(selling::check_addresses(shop).await);
    report.extend(selling::check_nodes(shop, settings).await);
    report.extend(selling::check_confirmations(settings));
    report.push(selling::check_listener(settings));
    report.push(or_bad(
        "desk",
        selling::check_desk(shop, settings).await,
        "set a new one with `shop desk password`",
    ));
    report.push(or_bad("messages", storage::check_messages(shop).await, ""));
    report.push(host::check_clock(shop, settings).await);
}

/// The checks that need no database.
fn check_files(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![
        storage::check_maildir(settings),
        storage::check_modes(settings),
        storage::check_secret(settings),
    ];
    findings.extend(host::check_disk_space(settings));
    findings.push(selling::check_pages());
    findings.push(selling::check_mirrors());
    findings.push(selling::check_tor(settings));
    findings
}

fn check_host(settings: &Settings) -> [Finding; 4] {
    [
        host::check_process(),
        confinement::check(settings),
        host::check_swap(),
        host::check_network(confinement::refuses_connections(settings)),
    ]
}

/// What is wrong in a running shop, for the desk. Unlike `shop doctor`, it leaves out what the desk's page shows itself: whether
/// orders are accepted, the key and the nodes.
pub async fn complaints(shop: &Shop, settings: &Settings) -> Vec<Complaint> {
    let mut findings = selling::check_catalog(shop).await;
    findings.push(or_bad("shipping", shipping::check_shipping(shop).await, ""));
    findings.push(or_bad("rates", rates::check(shop).await, ""));
    findings.extend(selling::check_addresses(shop).await);
    findings.push(or_bad("messages", storage::check_messages(shop).await, ""));
    findings.push(host::check_clock(shop, settings).await);
    findings.extend(storage::check_journal(settings));
    findings.extend(selling::check_confirmations(settings));
    findings.push(selling::check_listener(settings));
    findings.extend(check_files(settings));
    findings.extend(check_host(settings));
    findings
        .into_iter()
        .filter(|finding| finding.state != State::Ok)
        .map(|finding| Complaint {
            check: finding.check,
            is_bad: finding.state == State::Bad,
            text: finding.message,
            remedy: finding.to_do,
        })
        .collect()
}

fn show(finding: &Finding) {
    let mark = match finding.state {
        State::Ok => "ok  ",
        State::Note => "note",
        State::Bad => "BAD ",
    };
    say(&format!("{mark} {:<13} {}", finding.check, finding.message));
    if !finding.to_do.is_empty() {
        say(&format!("{:<19}→ {}", "", finding.to_do));
    }
}
