use crate::actions;
use crate::actions::Shop;
use crate::cli::open;
use crate::cli::say;
use crate::config::Listen;
use crate::config::Settings;
use crate::store;
use crate::web::Front;
use crate::web::Site;
use crate::web::serve::Door;
use crate::web::serve::Fairness;
use actix_web::web::Data;
use anyhow::Context;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;

const DATA: &str = "db/data.json";
const PAGES: &str = "db/pages";
/// How long what is untold, unpaid or old may wait for the next look.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Opens the shop, and closes it when the process is told to end.
pub async fn run(
    settings: Settings,
    flags: &HashMap<&'static str, String>,
) -> anyhow::Result<ExitCode> {
    let shop = open::shop(&settings).await?;
    if store::catalog::is_empty(&shop.db).await? && Path::new(DATA).exists() && !seed(flags)? {
        return Ok(ExitCode::FAILURE);
    }
    if let Some(files) = open::page_files(Path::new(PAGES))? {
        actions::hang_pages(&shop, &files).await?;
    }
    let secret = open::secret(&settings)?;
    let door = match &settings.listen {
        Listen::Tcp(address) => {
            Door::tcp(address).with_context(|| format!("open the door at {address}"))?
        }
        Listen::Unix(path) => {
            Door::unix(path).with_context(|| format!("open the door at {}", path.display()))?
        }
    };
    if settings.seller_key.is_some() {
        tracing::warn!(
            "this version writes orders as plain text, although there is a seller's key; buyers can seal their address to it"
        );
    }
    say(&format!("The shop is open at {}", door.address()));
    if let Some(onion) = &settings.onion_url {
        say(&format!("and at {onion}"));
    }
    let site = Site {
        name: settings.site_name.clone(),
        url: settings.site_url.clone(),
        contact: settings.contact.clone(),
        preferred_currency: settings.preferred_currency.clone(),
        seller_key: settings.seller_key.clone(),
    };
    let sweeper = actix_web::rt::spawn(sweep_now_and_again(shop.clone()));
    let front = Data::new(Front::new(shop.clone(), site, &secret));
    let fairness = Fairness {
        reads_circuits: settings.reads_circuits,
        most_unpaid: settings.most_unpaid,
        payment_minutes: settings.payment_minutes,
        closer: None,
    };
    let served = crate::web::serve::serve(front, door, fairness).await;
    sweeper.abort();
    shop.db.close().await;
    served.context("serve")?;
    tracing::info!("the shop is closed");
    Ok(ExitCode::SUCCESS)
}

/// Fills an empty catalog in a process of its own: what pictures need of memory is given back, and what reads them
/// never runs where buyers come in.
fn seed(flags: &HashMap<&'static str, String>) -> anyhow::Result<bool> {
    say(&format!("The catalog is empty: filling it from {DATA}"));
    let program = std::env::current_exe().context("find the program itself")?;
    let done = Command::new(program)
        .args(["seed", DATA])
        .envs(flags)
        .status()
        .context("start `shop seed`")?;
    Ok(done.success())
}

/// Tells what is untold, lets expire what ran out and erases what is old, now and every few seconds. What fails is
/// tried again; the log hears of it once for each new reason.
async fn sweep_now_and_again(shop: Shop) {
    let mut last = String::new();
    loop {
        let now = open::now();
        let swept = async {
            actions::expire_orders(&shop, now).await.context("let orders expire")?;
            actions::sweep(&shop, now).await.context("tell the seller")?;
            actions::forget_orders(&shop, now).await.context("erase what is due")?;
            anyhow::Ok(())
        };
        let trouble = swept.await.err().map(|error| format!("{error:#}")).unwrap_or_default();
        if !trouble.is_empty() && trouble != last {
            tracing::error!("will be tried again: {trouble}");
        }
        last = trouble;
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}
