//! The questions of `shop init`: what the flags have not answered.

use crate::domain::payment::Coin;
use crate::infra::config::Settings;
use crate::interfaces::cli::init::answers::{DESK_ADDRESS, Given, KeySource, parse_password};
use crate::interfaces::cli::init::arguments::Kept;
use crate::interfaces::cli::init::dialogue::{ask_line, ask_no, ask_secret, ask_yes, explain};
use crate::interfaces::cli::init::key_answer;
use crate::interfaces::cli::init::wallet_answer::WalletTexts;
use crate::interfaces::cli::{onion, wallet};

/// Asks for what is missing. Each answer is checked at once, and asked for again if it is refused.
pub fn complete(given: &mut Given, kept: &Kept) -> anyhow::Result<()> {
    if !kept.env {
        ask_setting(given, kept, "SITE_NAME", "Name of the shop", "Shop")?;
        ask_setting(given, kept, "CONTACT", "Contact that buyers see (empty: none)", "")?;
    }
    if !kept.catalog {
        ask_catalog(given)?;
    }
    if !kept.key && given.key.is_none() && !given.flags.contains_key("SELLER_KEY") {
        given.key = ask_key()?;
    }
    if !kept.env {
        ask_tor(given, kept)?;
        ask_desk(given, kept)?;
    }
    Ok(())
}

fn ask_setting(
    given: &mut Given,
    kept: &Kept,
    name: &str,
    question: &str,
    default: &str,
) -> anyhow::Result<()> {
    while !given.flags.contains_key(name) {
        let answer = ask_line(question, default)?;
        if answer.is_empty() {
            return Ok(());
        }
        given.flags.insert(name.to_owned(), answer);
        let faults = given.settings(kept).err().unwrap_or_default();
        let own: Vec<&String> = faults.iter().filter(|fault| fault.starts_with(name)).collect();
        if !own.is_empty() {
            own.iter().for_each(|fault| explain(fault));
            given.flags.remove(name);
        }
    }
    Ok(())
}

fn ask_catalog(given: &mut Given) -> anyhow::Result<()> {
    if given.wallet.is_none() {
        given.wallet = ask_wallet(given.is_demo())?;
    }
    if given.catalog.is_none() {
        let is_demo = given.wallet.is_none()
            || ask_no("Begin with the demo's products, as an example to replace?")?;
        given.catalog = Some(if is_demo { "demo" } else { "empty" }.to_owned());
    }
    Ok(())
}

/// `None`: the public test wallets.
fn ask_wallet(is_demo: bool) -> anyhow::Result<Option<WalletTexts>> {
    explain("");
    explain(
        "Your wallet. An extended public key (xpub, zpub …) gives each order its own address; with a",
    );
    explain(
        "single address, orders are told apart by their amounts. Never a seed or a private key.",
    );
    explain("Without a wallet, the shop is a demo with public test wallets.");
    loop {
        let coins = Coin::names();
        let currency = ask_line(&format!("Currency ({coins})"), "BTC")?.to_uppercase();
        let text = ask_line("Extended public key or address (empty: a demo)", "")?;
        if text.is_empty() {
            return Ok(None);
        }
        let mut texts = WalletTexts::of_text(&currency, &text);
        if currency == "XMR" && texts.parse().is_ok() {
            let question =
                "Its private view key, for a subaddress for each order (hidden; empty: none)";
            texts.view_key = Some(ask_secret(question)?).filter(|key| !key.is_empty());
        }
        match texts.parse() {
            Ok(found) => {
                wallet::show(&[(found, None)], false)?;
                if is_demo || ask_yes("Is this your wallet?")? {
                    return Ok(Some(texts));
                }
            }
            Err(faults) => faults.iter().for_each(|fault| explain(fault)),
        }
    }
}

fn ask_key() -> anyhow::Result<Option<KeySource>> {
    explain("");
    explain(
        "Your OpenPGP key. With it, orders are encrypted to you: nobody can read them on this disk.",
    );
    let keys = key_answer::list();
    for (n, key) in (1..).zip(&keys) {
        explain(&format!("  {n}  {}  {}", key.fingerprint, key.owner));
    }
    let question = if keys.is_empty() {
        "File with your public key (empty: none)"
    } else {
        "Number of your key, or a file with it (empty: none)"
    };
    loop {
        let answer = ask_line(question, "")?;
        if answer.is_empty() {
            return Ok(None);
        }
        let number = answer.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let listed = number.and_then(|n| keys.get(n));
        let (source, checked) = match listed {
            Some(key) => {
                (KeySource::Gpg(key.fingerprint.clone()), key_answer::of_gpg(&key.fingerprint))
            }
            None => (KeySource::File(answer.clone().into()), key_answer::of_file(answer.as_ref())),
        };
        match checked {
            Ok(key) => {
                explain(&format!("Its fingerprint: {}", key.fingerprint));
                return Ok(Some(source));
            }
            Err(fault) => explain(&fault),
        }
    }
}

fn ask_tor(given: &mut Given, kept: &Kept) -> anyhow::Result<()> {
    if given.flags.contains_key("CONNECT_TOR") {
        return Ok(());
    }
    explain("");
    let Ok(settings) = given.settings(kept) else { return Ok(()) };
    let connects = match onion::open_control(&settings) {
        Ok(tor) => ask_yes(&format!(
            "Tor {} answers on this host. Create an onion address when the shop opens?",
            tor.version
        ))?,
        Err(error) => {
            explain(&format!("{error}"));
            explain(
                "Until then, the shop can be reached only on this host. CONNECT_TOR=yes in .env turns Tor on later.",
            );
            false
        }
    };
    let answer = if connects { "yes" } else { "no" };
    given.flags.insert("CONNECT_TOR".to_owned(), answer.to_owned());
    Ok(())
}

fn ask_desk(given: &mut Given, kept: &Kept) -> anyhow::Result<()> {
    if !given.flags.contains_key("DESK_LISTEN") {
        explain("");
        let is_on = ask_yes(&format!(
            "Open the web desk at http://{DESK_ADDRESS}, for orders and products in your browser?"
        ))?;
        let address = if is_on { DESK_ADDRESS } else { "off" };
        given.flags.insert("DESK_LISTEN".to_owned(), address.to_owned());
    }
    let settings = given.settings(kept);
    let has_desk = |settings: &Settings| settings.listeners.desk.is_some();
    if kept.password || given.password.is_some() || !settings.as_ref().is_ok_and(has_desk) {
        return Ok(());
    }
    let site_name = settings.map(|settings| settings.site.name).unwrap_or_default();
    loop {
        let first = ask_secret("Password of the desk (hidden; empty: set it later)")?;
        if first.is_empty() {
            return Ok(());
        }
        match parse_password(&first, &site_name) {
            Err(fault) => explain(&fault),
            Ok(_) if ask_secret("Confirm it")? == first => {
                given.password = Some(first);
                return Ok(());
            }
            Ok(_) => explain("The passwords do not match."),
        }
    }
}
