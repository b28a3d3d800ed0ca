//! `shop wallet`: checks wallets and their addresses.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::domain::catalog::CatalogFile;
use crate::domain::payment::{Destination, Wallet};
use crate::domain::values::{Currency, plural};
use crate::infra::config::Settings;
use crate::infra::store;
use crate::infra::store::address_indexes::Reach;
use crate::interfaces::cli::output::{say, say_error, say_json};
use crate::interfaces::cli::shop_context;

#[derive(Args)]
pub struct WalletArgs {
    #[command(subcommand)]
    action: Action,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Show each wallet and its first three addresses, to compare with your own wallet
    Check {
        /// Check the wallets in this file (like db/data.json) instead of the shop's; changes nothing
        file: Option<PathBuf>,
    },
    /// List the addresses that orders get
    Addresses {
        /// Currency of the wallet, for example BTC
        currency: String,
        /// How many addresses to list
        #[arg(long, value_name = "NUMBER", default_value_t = 10)]
        count: u32,
        /// Start at this index; the first address has index 0
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        first: u32,
        /// Print the index before each address
        #[arg(long)]
        numbers: bool,
    },
}

pub async fn run(command: WalletArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let as_json = command.json;
    match command.action {
        Action::Check { file: Some(file) } => check_file(&file, settings.orders.wallet, as_json),
        Action::Check { file: None } => {
            let shop = shop_context::shop(&settings).await?;
            let mut db = shop.db.reader().await?;
            let mut wallets = Vec::new();
            for wallet in store::wallets::list(&mut db).await? {
                let reach = match wallet.receives.account() {
                    Some(account) => store::address_indexes::find_reach(&mut db, &account).await?,
                    None => None,
                };
                wallets.push((wallet, reach));
            }
            drop(db);
            shop.db.close().await;
            show(&wallets, as_json)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Addresses { currency, count, first, numbers } => {
            let shop = shop_context::shop(&settings).await?;
            let wallets = store::wallets::list(&mut *shop.db.reader().await?).await?;
            shop.db.close().await;
            let currency = Currency::parse(&currency)?;
            let wallet = wallets
                .iter()
                .find(|wallet| wallet.currency == currency)
                .with_context(|| format!("the catalog has no wallet for {currency}"))?;
            let addresses = addresses(wallet, first, count);
            if as_json {
                say_json(&addresses)?;
                return Ok(ExitCode::SUCCESS);
            }
            for (index, address) in (first..).zip(addresses) {
                if numbers && wallet.receives.account().is_some() {
                    say(&format!("{index:>6}  {address}"));
                } else {
                    say(&address);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn addresses(wallet: &Wallet, first: u32, count: u32) -> Vec<String> {
    wallet.addresses(first, count).iter().map(ToString::to_string).collect()
}

fn check_file(
    file: &Path,
    settings_wallet: Option<Wallet>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let path = file.display();
    let (catalog, faults) =
        CatalogFile::read_without_products(shop_context::open_catalog(file)?, settings_wallet);
    let wallets: Vec<_> = catalog.wallets.into_iter().map(|wallet| (wallet, None)).collect();
    if !wallets.is_empty() || faults.is_empty() {
        show(&wallets, as_json)?;
    }
    for fault in &faults {
        say_error(&format!("{path}: {fault}"));
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Valid wallets, with the first addresses of each: stored ones are checked when they are stored, and when they are read.
pub fn show(wallets: &[(Wallet, Option<Reach>)], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let rows: Vec<serde_json::Value> =
            wallets.iter().map(|(wallet, reach)| wallet_json(wallet, reach.as_ref())).collect();
        return say_json(&rows);
    }
    if wallets.is_empty() {
        say("The catalog has no wallet: buyers cannot order.");
    }
    for (wallet, reach) in wallets {
        let demo =
            if wallet.is_demo() { "  DEMO: a public test wallet, do not use it" } else { "" };
        say(&format!("{} ({}): {}{demo}", wallet.currency, wallet.name, wallet.network()));
        say(&format!("  valid, checksum OK; {}", wallet.payment_matching()));
        if let Some(hint) = wallet.kind_hint() {
            say(&format!("  {hint}"));
        }
        if wallet.receives.account().is_some() {
            say("  compare the first three addresses with your own wallet:");
        }
        for address in addresses(wallet, 0, 3) {
            say(&format!("  {address}"));
        }
        if let Some(Reach { n_given, n_since_paid }) = reach {
            say(&format!(
                "  {} used, {n_since_paid} since the last one that was paid",
                plural(*n_given, "address", "addresses")
            ));
        }
        say(&format!("  if the server is seized, it reveals {}", wallet.reveals()));
    }
    Ok(())
}

fn wallet_json(wallet: &Wallet, reach: Option<&Reach>) -> serde_json::Value {
    serde_json::json!({
        "currency": wallet.currency.as_str(),
        "name": wallet.name,
        "network": wallet.coin.name(),
        "valid": true,
        "demo": wallet.is_demo(),
        "one_address_for_all": matches!(wallet.receives, Destination::Address(_)),
        "told_apart": wallet.payment_matching(),
        "reveals": wallet.reveals(),
        "addresses": addresses(wallet, 0, 3),
        "given_out": reach.map(|reach| reach.n_given),
        "since_paid": reach.map(|reach| reach.n_since_paid),
    })
}
