//! Is everything as it should be? Each check: what, how it is, what to do.

mod finding;
mod host;
mod selling;
mod storage;

use std::process::ExitCode;

use clap::Args;

use crate::actions::Shop;
use crate::infra::config::Settings;
use crate::interfaces::cli::doctor::finding::{Finding, State, ill, well};
use crate::interfaces::cli::open;
use crate::interfaces::cli::output::{say, say_error, say_json};
use crate::interfaces::desk::Complaint;

#[derive(Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(doctor: Doctor, settings: Settings) -> anyhow::Result<ExitCode> {
    let mut findings = vec![well("settings", "valid")];
    let missing = open::require_shop(&settings).err();
    match &missing {
        // Nothing is made where there is no shop.
        Some(error) => {
            say_error(&format!("{error:#}"));
            findings.push(ill("database", format!("{error:#}"), ""));
        }
        None => {
            findings.extend(look_into(&settings).await);
            findings.extend(look_around(&settings));
        }
    }
    findings.extend(look_at_host());
    findings.push(host::check_terminal());
    let is_well = findings.iter().all(|finding| finding.state != State::Bad);
    if doctor.json {
        say_json(&serde_json::json!({ "ok": is_well, "checks": findings }))?;
    } else {
        for finding in &findings {
            tell(finding);
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the database says.
async fn look_into(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    match open::shop(settings).await {
        Ok(shop) => {
            findings.push(storage::check_database(&shop, settings).await);
            findings.push(selling::check_key(&shop));
            findings.push(selling::check_availability(&shop).await);
            findings.push(selling::check_siege(&shop).await);
            findings.extend(selling::check_catalog(&shop).await);
            findings.extend(selling::check_nodes(&shop, settings).await);
            findings.push(selling::check_listener(settings));
            findings.push(selling::check_desk(&shop, settings).await);
            findings.push(storage::check_messages(&shop).await);
            findings.push(host::check_clock(&shop, settings).await);
            shop.db.close().await;
        }
        Err(error) => findings.push(ill(
            "database",
            format!("{error:#}"),
            "give the shop's user access to the folder, or restore a backup (`shop restore`)",
        )),
    }
    findings
}

/// What needs no database.
fn look_around(settings: &Settings) -> Vec<Finding> {
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

fn look_at_host() -> [Finding; 3] {
    [host::check_process(), host::check_swap(), host::check_network()]
}

/// What is not well in an open shop, for the desk, as often as somebody looks there. The whole file is not read for it, as
/// `shop doctor` does; whether orders are taken and what key and nodes say stands on the desk's page itself.
pub async fn complaints(shop: &Shop, settings: &Settings) -> Vec<Complaint> {
    let mut findings = selling::check_catalog(shop).await;
    findings.push(storage::check_messages(shop).await);
    findings.push(host::check_clock(shop, settings).await);
    findings.extend(storage::check_journal(settings));
    findings.push(selling::check_listener(settings));
    findings.extend(look_around(settings));
    findings.extend(look_at_host());
    findings
        .into_iter()
        .filter(|finding| finding.state != State::Ok)
        .map(|finding| Complaint {
            check: finding.check,
            is_bad: finding.state == State::Bad,
            words: finding.words,
            to_do: finding.to_do,
        })
        .collect()
}

fn tell(finding: &Finding) {
    let mark = match finding.state {
        State::Ok => "ok  ",
        State::Note => "note",
        State::Bad => "BAD ",
    };
    say(&format!("{mark} {:<13} {}", finding.check, finding.words));
    if !finding.to_do.is_empty() {
        say(&format!("{:<19}→ {}", "", finding.to_do));
    }
}
