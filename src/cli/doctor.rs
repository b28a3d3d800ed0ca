use crate::actions::Shop;
use crate::cli::onion;
use crate::cli::open;
use crate::cli::say;
use crate::cli::serve::MIRRORS;
use crate::config::Settings;
use crate::payment::Receives;
use crate::payment::Wallet;
use crate::store;
use clap::Args;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

#[derive(Args)]
pub struct Doctor {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One check: its name, whether it is well, what was found and what to do.
#[derive(serde::Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    words: String,
}

fn well(check: &'static str, words: impl Into<String>) -> Finding {
    Finding { check, ok: true, words: words.into() }
}

fn ill(check: &'static str, words: impl Into<String>) -> Finding {
    Finding { check, ok: false, words: words.into() }
}

pub async fn run(doctor: Doctor, settings: Settings) -> anyhow::Result<ExitCode> {
    let mut findings = vec![well("settings", "all can be read")];
    match open::shop(&settings).await {
        Ok(shop) => {
            findings.push(well(
                "database",
                format!("{} opens and is up to date", settings.database.display()),
            ));
            look_at_shop(&shop, &mut findings).await?;
            shop.db.close().await;
        }
        Err(error) => findings.push(ill(
            "database",
            format!("{error:#}. Give the shop's user its folder, or restore a backup"),
        )),
    }
    findings.push(look_at_maildir(&settings));
    findings.extend(look_at_modes(&settings));
    findings.push(look_at_secret(&settings));
    findings.push(look_at_tor(&settings));
    findings.push(match open::mirrors(Path::new(MIRRORS)) {
        Ok(None) => well("mirrors", "no list of addresses is shown"),
        Ok(Some(_)) => well("mirrors", format!("{MIRRORS} is shown at /mirrors.txt")),
        Err(error) => ill("mirrors", format!("{error:#}")),
    });
    let is_well = findings.iter().all(|finding| finding.ok);
    if doctor.json {
        say(&serde_json::to_string_pretty(
            &serde_json::json!({ "ok": is_well, "checks": findings }),
        )?);
    } else {
        for finding in &findings {
            say(&format!(
                "{}  {:<13} {}",
                if finding.ok { "ok " } else { "BAD" },
                finding.check,
                finding.words
            ));
        }
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look_at_shop(shop: &Shop, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let wallets = store::payment::list_wallets(&shop.db).await?;
    findings.push(if store::catalog::is_empty(&shop.db).await? {
        ill("catalog", "it is empty: fill it with `shop seed db/data.json`")
    } else {
        well("catalog", "it holds products")
    });
    findings.push(look_at_wallets(&wallets));
    let untold = store::owed::count_untold(&shop.db).await?;
    findings.push(if untold == 0 {
        well("messages", "every order lies in the Maildir")
    } else {
        ill("messages", format!("{untold} wait to be written into the Maildir; an open shop writes them as soon as it can"))
    });
    Ok(())
}

fn look_at_wallets(wallets: &[Wallet]) -> Finding {
    let demo: Vec<&str> = wallets
        .iter()
        .filter(|wallet| wallet.is_demo())
        .map(|wallet| wallet.currency.as_str())
        .collect();
    if wallets.is_empty() {
        return ill(
            "wallets",
            "there is none, so nothing can be bought: add a Wallet to the catalog",
        );
    }
    if !demo.is_empty() {
        let words = format!(
            "demo: do not pay. {} belong to a public test wallet: put your own into the catalog",
            demo.join(", ")
        );
        return ill("wallets", words);
    }
    let shared = wallets.iter().filter(|wallet| matches!(wallet.receives, Receives::Address(_)));
    let shared: Vec<&str> = shared.map(|wallet| wallet.currency.as_str()).collect();
    let words = if shared.is_empty() {
        "each order gets an address of its own".to_owned()
    } else {
        format!(
            "orders in {} share one address and are told apart by their exact amounts",
            shared.join(", ")
        )
    };
    well("wallets", words)
}

fn look_at_tor(settings: &Settings) -> Finding {
    let Some(address) = onion::address(settings) else {
        return well(
            "Tor",
            "no onion address: `shop serve --tor` or docker-compose.tor.yml makes one",
        );
    };
    match onion::fresh_status(settings) {
        Some(status) if status.is_reachable() => {
            well("Tor", format!("{} can be reached", address.url()))
        }
        Some(status) => {
            ill("Tor", format!("{} cannot be reached: {}", address.url(), status.words()))
        }
        None if onion::folder(settings).status().is_none() => well(
            "Tor",
            format!("{}; Tor keeps it, and only Tor's log tells how it is", address.url()),
        ),
        None => ill(
            "Tor",
            format!(
                "{} is closed: nobody tends Tor for the shop; start `shop serve --tor` or Tor's container",
                address.url()
            ),
        ),
    }
}

fn look_at_maildir(settings: &Settings) -> Finding {
    let folder = settings.maildir.display();
    match crate::mail::Maildir::new(settings.maildir.clone()).try_to_write() {
        Ok(()) => well("Maildir", format!("{folder} can be written")),
        Err(error) => ill(
            "Maildir",
            format!("{folder} cannot be written ({error}): let the shop's user write there"),
        ),
    }
}

/// What the shop writes, its own user alone may read.
fn look_at_modes(settings: &Settings) -> Vec<Finding> {
    let database = &settings.database;
    let mut paths = vec![database.clone(), open::secret_file(settings), onion::key_file(settings)];
    for part in ["tmp", "new", "cur"] {
        paths.push(settings.maildir.join(part));
    }
    let bare: Vec<String> = paths
        .iter()
        .filter(|path| is_readable_by_others(path))
        .map(|path| path.display().to_string())
        .collect();
    if bare.is_empty() {
        vec![well("modes", "database, keys and messages are readable by the shop's user alone")]
    } else {
        vec![ill(
            "modes",
            format!("others may read {}: chmod go-rwx {}", bare.join(", "), bare.join(" ")),
        )]
    }
}

fn is_readable_by_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

fn look_at_secret(settings: &Settings) -> Finding {
    match &settings.secret {
        Some(secret) if secret.len() < 32 => ill(
            "secret",
            "SECRET has fewer than 32 characters and might be guessed: leave it out, and one is made",
        ),
        Some(_) => well("secret", "it is given by the settings"),
        None => match open::secret(settings) {
            Ok(_) => well("secret", "it is kept beside the database"),
            Err(error) => ill("secret", format!("{error:#}")),
        },
    }
}
