use crate::cli::open;
use crate::cli::say;
use crate::config::Settings;
use crate::payment::AccountKey;
use crate::payment::Receives;
use crate::payment::Wallet;
use crate::store;
use crate::values::Currency;
use anyhow::Context;
use clap::Args;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Args)]
pub struct WalletCommand {
    #[command(subcommand)]
    deed: Deed,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Deed {
    /// What each wallet is, and its first three addresses to compare with your own wallet program
    Check,
    /// The addresses that orders get
    Addresses {
        currency: String,
        #[arg(long, default_value_t = 10)]
        count: u32,
    },
}

pub async fn run(command: WalletCommand, settings: Settings) -> anyhow::Result<ExitCode> {
    let shop = open::shop(&settings).await?;
    let wallets = store::payment::list_wallets(&shop.db).await?;
    shop.db.close().await;
    match command.deed {
        Deed::Check => check(&wallets, command.json),
        Deed::Addresses { currency, count } => {
            let currency = Currency::parse(&currency)?;
            let wallet = wallets.iter().find(|wallet| wallet.currency == currency);
            let wallet =
                wallet.with_context(|| format!("the catalog has no wallet for {currency}"))?;
            let addresses = addresses(wallet, count);
            if command.json {
                say(&serde_json::to_string_pretty(&addresses)?);
            } else {
                addresses.iter().for_each(|address| say(address));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// One address where all orders share it.
fn addresses(wallet: &Wallet, count: u32) -> Vec<String> {
    match &wallet.receives {
        Receives::Address(address) => vec![address.to_string()],
        Receives::Account(key) => {
            (0..count.min(AccountKey::LAST_INDEX)).map(|n| key.address(n).to_string()).collect()
        }
    }
}

fn check(wallets: &[Wallet], as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        let rows: Vec<serde_json::Value> = wallets.iter().map(wallet_json).collect();
        say(&serde_json::to_string_pretty(&rows)?);
    } else if wallets.is_empty() {
        say("The catalog has no wallet: nothing can be bought.");
    }
    for wallet in wallets.iter().filter(|_| !as_json) {
        let demo = if wallet.is_demo() { "  DEMO: its keys are public, do not use it" } else { "" };
        say(&format!("{} ({}): {}{demo}", wallet.currency, wallet.name, wallet.coin.name()));
        match &wallet.receives {
            Receives::Address(_) => {
                say("  one address for all orders; payments are told apart by their exact amounts");
            }
            Receives::Account(_) => say(
                "  an address of its own for each order; compare the first three with your wallet program:",
            ),
        }
        for address in addresses(wallet, 3) {
            say(&format!("  {address}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn wallet_json(wallet: &Wallet) -> serde_json::Value {
    serde_json::json!({
        "currency": wallet.currency.as_str(),
        "name": wallet.name,
        "network": wallet.coin.name(),
        "demo": wallet.is_demo(),
        "one_address_for_all": matches!(wallet.receives, Receives::Address(_)),
        "addresses": addresses(wallet, 3),
    })
}
