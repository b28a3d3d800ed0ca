//! `shop doctor`: checks the installation. Each check has a name, a state, and what to do.

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

#[derive(Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(doctor: DoctorArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let mut findings = vec![ok("settings", "valid")];
    let missing = shop_context::require_shop(&settings).err();
    match &missing {
        Some(error) => {
            say_error(&format!("{error:#}"));
            findings.push(bad("database", format!("{error:#}"), ""));
        }
        None => {
            findings.extend(check_shop(&settings).await);
            findings.extend(check_files(&settings));
        }
    }
    findings.extend(check_host());
    findings.push(host::check_terminal());
    let is_well = findings.iter().all(|finding| finding.state != State::Bad);
    if doctor.json {
        say_json(&serde_json::json!({ "ok": is_well, "checks": findings }))?;
    } else {
        for finding in &findings {
            show(finding);
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The checks that need the database.
async fn check_shop(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    match shop_context::shop(settings).await {
        Ok(shop) => {
            findings.push(storage::check_database(&shop, settings).await);
            findings.push(selling::check_key(&shop));
            findings.push(selling::check_availability(&shop).await);
            findings.push(or_bad("siege", selling::check_siege(&shop).await, ""));
            findings.extend(selling::check_catalog(&shop).await);
            findings.push(or_bad("shipping", shipping::check_shipping(&shop).await, ""));
            findings.push(or_bad("rates", rates::check(&shop).await, ""));
            findings.extend(selling::check_addresses(&shop).await);
            findings.extend(selling::check_nodes(&shop, settings).await);
            findings.extend(selling::check_confirmations(settings));
            findings.push(selling::check_listener(settings));
            findings.push(or_bad(
                "desk",
                selling::check_desk(&shop, settings).await,
                "set a new one with `shop desk password`",
            ));
            findings.push(or_bad("messages", storage::check_messages(&shop).await, ""));
            findings.push(host::check_clock(&shop, settings).await);
            shop.db.close().await;
        }
        Err(error) => findings.push(bad(
            "database",
            format!("{error:#}"),
            "give the shop's user access to the folder, or restore a backup (`shop restore`)",
        )),
    }
    findings
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

fn check_host() -> [Finding; 3] {
    [host::check_process(), host::check_swap(), host::check_network()]
}

/// What is wrong in a running shop, for the desk. Unlike `shop doctor`, it does not read the whole database, and it leaves
/// out what the desk's page shows itself: whether orders are accepted, the key and the nodes.
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
    findings.extend(check_host());
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
