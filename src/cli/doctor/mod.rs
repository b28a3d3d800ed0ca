//! Is everything as it should be? Each check: what, how it is, what to do.

mod host;
mod keeping;
mod selling;

use crate::actions::Shop;
use crate::cli::open;
use crate::cli::say;
use crate::cli::say_error;
use crate::cli::say_json;
use crate::config::Settings;
use crate::desk::Complaint;
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Doctor {
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// Worth knowing, and no fault.
    Note,
    Bad,
}

#[derive(serde::Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    words: String,
    /// Empty where nothing need be done.
    to_do: String,
}

fn well(check: &'static str, words: impl Into<String>) -> Finding {
    Finding { check, state: State::Ok, words: words.into(), to_do: String::new() }
}

fn note(check: &'static str, words: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { check, state: State::Note, words: words.into(), to_do: to_do.into() }
}

fn ill(check: &'static str, words: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { check, state: State::Bad, words: words.into(), to_do: to_do.into() }
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
    findings.push(host::look_at_letters());
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
            findings.push(keeping::look_at_database(&shop, settings).await);
            findings.push(selling::look_at_key(&shop));
            findings.push(selling::look_whether_open(&shop).await);
            findings.extend(selling::look_at_catalog(&shop).await);
            findings.extend(selling::look_at_nodes(&shop, settings).await);
            findings.push(selling::look_at_listener(settings));
            findings.push(selling::look_at_desk(&shop, settings).await);
            findings.push(keeping::look_at_messages(&shop).await);
            findings.push(host::look_at_clock(&shop, settings).await);
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
        keeping::look_at_maildir(settings),
        keeping::look_at_modes(settings),
        keeping::look_at_secret(settings),
    ];
    findings.extend(host::look_at_space(settings));
    findings.push(selling::look_at_pages());
    findings.push(selling::look_at_mirrors());
    findings.push(selling::look_at_tor(settings));
    findings
}

fn look_at_host() -> [Finding; 3] {
    [host::look_at_process(), host::look_at_swap(), host::look_at_network()]
}

/// What is not well in an open shop, for the desk, as often as somebody looks there. The whole file is not read for it, as
/// `shop doctor` does; whether orders are taken and what key and nodes say stands on the desk's page itself.
pub async fn complaints(shop: &Shop, settings: &Settings) -> Vec<Complaint> {
    let mut findings = selling::look_at_catalog(shop).await;
    findings.push(keeping::look_at_messages(shop).await);
    findings.push(host::look_at_clock(shop, settings).await);
    findings.extend(keeping::look_at_journal(settings));
    findings.push(selling::look_at_listener(settings));
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
