//! Doctor checks of what selling needs: catalog, wallets, nodes, keys, onion.

use std::path::Path;

use crate::actions;
use crate::actions::{ClosedReason, Shop};
use crate::domain::payment::{BitcoinLike, Coin, Destination, GapReach, Wallet};
use crate::domain::values::{escaped, plural};
use crate::infra::config::{ListenAddress, Settings};
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::cli::doctor::finding::{Finding, bad, note, ok, or_bad};
use crate::interfaces::cli::shop_context::{MIRRORS, PAGES};
use crate::interfaces::cli::{address_usage, onion, shop_context};

pub fn check_key(shop: &Shop) -> Finding {
    const CHECK: &str = "seller's key";
    let now = shop_context::now();
    match shop.availability.encryption_key(now) {
        Ok(None) => note(
            CHECK,
            "none: orders are stored in plain text, readable by anyone with access to this disk",
            "gpg --armor --export YOUR-KEY > db/seller.asc, with the secret key on another computer or protected by a passphrase",
        ),
        Ok(Some(key)) => {
            let name = key.fingerprint_for_people();
            match key.usable_until() {
                None => ok(CHECK, format!("{name}, does not expire")),
                Some(until) if !actions::is_near_end(until, now) => {
                    ok(CHECK, format!("{name}, valid until {}", until.day()))
                }
                Some(until) => note(
                    CHECK,
                    format!(
                        "{name} expires on {}; after that the shop accepts no orders",
                        until.day()
                    ),
                    "gpg --quick-set-expire FINGERPRINT 2y, the same with '*' appended, then gpg --armor --export FINGERPRINT > db/seller.asc",
                ),
            }
        }
        Err(closed) => bad(
            CHECK,
            format!("the shop accepts no orders: {closed}"),
            "replace it with a valid key; a running shop notices within seconds",
        ),
    }
}

pub async fn check_availability(shop: &Shop) -> Finding {
    const CHECK: &str = "open";
    let now = shop_context::now();
    // The key has its own check.
    if let Err(error) = actions::check_seller_activity(shop, shop_context::trusted()).await {
        return bad(CHECK, format!("{error:#}"), "give the shop's user read access to the Maildir");
    }
    match actions::why_closed(shop, now).await {
        Ok(None) => ok(CHECK, "orders are accepted"),
        Ok(Some(ClosedReason::BySeller)) => {
            note(CHECK, "you closed the shop", "run `shop open` to accept orders again")
        }
        Ok(Some(ClosedReason::SellerAway)) => note(
            CHECK,
            "the shop closed itself: new mail has been unread for too long (CLOSE_AFTER_DAYS)",
            "read your mail; the shop opens within a minute",
        ),
        Ok(Some(ClosedReason::Key(_))) => {
            bad(CHECK, "orders are not accepted: see the seller's key", "")
        }
        Err(error) => bad(CHECK, format!("{error:#}"), ""),
    }
}

pub async fn check_catalog(shop: &Shop) -> Vec<Finding> {
    let restore = "restore a backup (`shop restore`)";
    let mut findings = vec![
        or_bad("catalog", check_products(shop).await, restore),
        or_bad("wallets", check_wallets(shop).await, restore),
    ];
    let digital = check_digital(shop).await;
    findings
        .extend(digital.unwrap_or_else(|error| vec![bad("digital", error.to_string(), restore)]));
    findings
}

/// Units: codes. A pool with so many or fewer is running out.
const FEW_CODES: i64 = 5;

/// Whether what digital products deliver is there.
async fn check_digital(shop: &Shop) -> Result<Vec<Finding>, StoreError> {
    const CHECK: &str = "digital";
    let mut db = shop.db.reader().await?;
    let files = store::deliveries::list_file_uses(&mut db).await?;
    let mut findings = Vec::new();
    for name in files.keys() {
        if let Err(error) = shop.digital.size(name) {
            findings.push(bad(
                CHECK,
                format!("buyers cannot download {name}: {}", escaped(&error.to_string())),
                format!(
                    "put the file into {}, readable by the shop's user",
                    shop.digital.files().display()
                ),
            ));
        }
    }
    for low in store::codes::list_low(&mut db, FEW_CODES).await? {
        findings.push(note(
            CHECK,
            format!("{}: {} left to sell", low.name, plural(low.stock, "code", "codes")),
            format!(
                "add lines to db/codes/{} and import the catalog, or add codes at the desk",
                low.pool
            ),
        ));
    }
    if findings.is_empty() && !files.is_empty() {
        findings.push(ok(CHECK, plural(files.len(), "file is there", "files are there")));
    }
    Ok(findings)
}

async fn check_products(shop: &Shop) -> Result<Finding, StoreError> {
    let is_empty = store::catalog_state::is_empty(&mut *shop.db.reader().await?).await?;
    Ok(if is_empty {
        bad("catalog", "it is empty", "import one with `shop seed db/data.json`")
    } else {
        ok("catalog", "it has products")
    })
}

/// The addresses of each wallet, compared with its gap limit.
pub async fn check_addresses(shop: &Shop) -> Vec<Finding> {
    const CHECK: &str = "addresses";
    let usages = async { address_usage::list(&mut *shop.db.reader().await?).await };
    match usages.await {
        Ok(usages) => usages
            .iter()
            .map(|usage| match usage.reach() {
                GapReach::Near => ok(CHECK, usage.summary()),
                GapReach::Far | GapReach::Beyond => note(CHECK, usage.summary(), usage.remedy()),
            })
            .collect(),
        Err(error) => vec![bad(CHECK, error.to_string(), "")],
    }
}

/// Whether unpaid orders flood the shop.
pub async fn check_siege(shop: &Shop) -> Result<Finding, StoreError> {
    const CHECK: &str = "siege";
    let most = shop.policy.siege_orders;
    let mut db = shop.db.reader().await?;
    let state = store::shop_state::find(&mut db).await?;
    let n_unpaid = store::siege::count_unpaid(&mut db, shop_context::now(), most).await?;
    if state.is_full {
        return Ok(bad(
            CHECK,
            "orders are not accepted: unpaid orders take more space than UNPAID_MEGABYTES allows",
            "cancel unpaid orders with `shop orders cancel --unpaid --older 30m`, or raise UNPAID_MEGABYTES",
        ));
    }
    if state.reports_full {
        return Ok(note(
            CHECK,
            "buyers cannot report payments: reported orders that you have not confirmed take more space than UNPAID_MEGABYTES allows",
            "confirm or cancel reported orders (`shop orders --state reported`), or raise UNPAID_MEGABYTES",
        ));
    }
    Ok(match state.siege_since {
        None => ok(CHECK, format!("off: {n_unpaid} unpaid in the last hour; on from {most}")),
        Some(since) => note(
            CHECK,
            format!(
                "siege mode since {}: {} placed meanwhile",
                since.for_people(),
                plural(state.siege_orders, "order", "orders")
            ),
            "you need not do anything; `shop orders cancel --unpaid --older 30m` cancels the unpaid ones (docs/manual/floods.md)",
        ),
    })
}

async fn check_wallets(shop: &Shop) -> Result<Finding, StoreError> {
    const CHECK: &str = "wallets";
    let wallets = store::wallets::list(&mut *shop.db.reader().await?).await?;
    let names = |wanted: &dyn Fn(&Wallet) -> bool| {
        let names: Vec<&str> = wallets
            .iter()
            .filter(|wallet| wanted(wallet))
            .map(|wallet| wallet.currency.as_str())
            .collect();
        names.join(", ")
    };
    let demo = names(&Wallet::is_demo);
    let shared = names(&|wallet| matches!(wallet.receives, Destination::Address(_)));
    Ok(if wallets.is_empty() {
        bad(CHECK, "none: buyers cannot order", "add a wallet to the catalog")
    } else if !demo.is_empty() {
        bad(
            CHECK,
            format!("Demo shop: do not send money. {demo} use a public test wallet"),
            "put your own wallet into db/data.json and import it with `shop seed`",
        )
    } else if shared.is_empty() {
        ok(CHECK, "each order gets its own address")
    } else {
        ok(
            CHECK,
            format!(
                "orders in {shared} share one address and are identified by their exact amounts"
            ),
        )
    })
}

/// Whether payments are tracked, for each coin.
pub async fn check_nodes(shop: &Shop, settings: &Settings) -> Vec<Finding> {
    const CHECK: &str = "nodes";
    let query = async { store::watch::list(&mut *shop.db.reader().await?).await };
    let watches = match query.await {
        Ok(watches) => watches,
        Err(error) => return vec![bad(CHECK, error.to_string(), "")],
    };
    let mut findings: Vec<Finding> = match untracked_coins(shop).await {
        Ok(coins) => coins.into_iter().map(by_hand).collect(),
        Err(error) => return vec![bad(CHECK, error.to_string(), "")],
    };
    let is_set = settings.nodes.named().iter().any(|(_, nodes)| !nodes.urls.is_empty());
    if watches.is_empty() {
        findings.push(if is_set {
            note(
                CHECK,
                "a node is configured, but payments are not tracked",
                "start `shop watch`, or remove the setting",
            )
        } else {
            ok(CHECK, "none: you confirm payments yourself")
        });
        return findings;
    }
    let now = shop_context::now();
    let check = |watch: &store::watch::Watch| {
        let coin = Coin::name_of_network(&watch.network);
        match watch.complaint(now) {
            Some(complaint) => bad(
                CHECK,
                format!("{coin}: {complaint}"),
                "until this is fixed, no payment counts and no order expires; `shop watch --stop` continues without a node",
            ),
            None => {
                let ago = watch.scanned_at.map_or(0, |at| now.get() - at.get());
                ok(
                    CHECK,
                    format!(
                        "{coin}: checked up to block {}, {} ago",
                        watch.head.unwrap_or(0),
                        plural(ago, "second", "seconds")
                    ),
                )
            }
        }
    };
    findings.extend(watches.iter().map(check));
    findings
}

/// The coins of the shop's wallets that no node can be asked about.
async fn untracked_coins(shop: &Shop) -> Result<Vec<&'static BitcoinLike>, StoreError> {
    let wallets = store::wallets::list(&mut *shop.db.reader().await?).await?;
    let untracked = wallets.iter().filter_map(|wallet| match wallet.coin {
        Coin::BitcoinLike(coin) if coin.chain.is_none() => Some(coin),
        _ => None,
    });
    Ok(untracked.collect())
}

fn by_hand(coin: &'static BitcoinLike) -> Finding {
    ok(
        "nodes",
        format!(
            "{}: payments cannot be tracked; you confirm them yourself, for example at {} confirmations",
            coin.name, coin.confirmations
        ),
    )
}

/// The coins in which payments count before they are in a block; nothing where there are none.
pub fn check_confirmations(settings: &Settings) -> Option<Finding> {
    let early = settings.nodes.confirmations.zero_confirmation();
    let names: Vec<&str> = early.iter().map(|currency| currency.as_str()).collect();
    (!names.is_empty()).then(|| {
        note(
            "confirmations",
            format!(
                "{} payments count at 0 confirmations, before they are in a block: a double spend can take them back",
                names.join(", ")
            ),
            "ship only what you can afford to lose, or set CONFIRMATIONS to 1 or more",
        )
    })
}

/// Where buyers connect.
pub fn check_listener(settings: &Settings) -> Finding {
    const CHECK: &str = "listener";
    match &settings.listeners.shop.address {
        ListenAddress::Unix(path) => ok(CHECK, format!("unix:{}", path.display())),
        ListenAddress::Tcp(address) if settings.listeners.shop.is_confirmed => note(
            CHECK,
            format!("other hosts can reach http://{address}, as confirmed in LISTEN"),
            "over plain HTTP, anyone on the network can read orders: better use unix:PATH or 127.0.0.1 behind Tor",
        ),
        ListenAddress::Tcp(address) => ok(CHECK, format!("http://{address}, only on this host")),
        ListenAddress::Systemd if settings.listeners.shop.is_confirmed => note(
            CHECK,
            "the systemd socket, which other hosts can reach, as confirmed in LISTEN",
            "over plain HTTP, anyone on the network can read orders: better use a unix socket",
        ),
        ListenAddress::Systemd => ok(CHECK, "the systemd socket"),
    }
}

/// Whether the desk is on, and how it is protected.
pub async fn check_desk(shop: &Shop, settings: &Settings) -> Result<Finding, StoreError> {
    const CHECK: &str = "desk";
    let lock = store::login::find_credentials(&mut *shop.db.reader().await?).await?;
    let address = match settings.listeners.desk_address() {
        None => return Ok(ok(CHECK, "off")),
        Some(ListenAddress::Tcp(address)) => format!("http://{address}"),
        Some(ListenAddress::Unix(path)) => format!("unix:{}", path.display()),
        Some(ListenAddress::Systemd) => "systemd".to_owned(),
    };
    Ok(match (lock.password, lock.factor) {
        (None, _) => note(
            CHECK,
            format!("at {address}, without a password: nobody can sign in"),
            "set one with `shop desk password`",
        ),
        (Some(_), None) => ok(CHECK, format!("at {address}; password, no 2FA")),
        (Some(_), Some(factor)) if factor.recovery.is_empty() => note(
            CHECK,
            format!("at {address}; password and 2FA, no recovery codes left"),
            "create new ones on the desk's Account page",
        ),
        (Some(_), Some(_)) => ok(CHECK, format!("at {address}; password and 2FA")),
    })
}

pub fn check_pages() -> Finding {
    match shop_context::page_files(Path::new(PAGES)) {
        Ok(files) => {
            let n = files.map_or(0, |files| files.len());
            ok("pages", format!("{} valid", plural(n, "file", "files")))
        }
        Err(error) => bad("pages", format!("{error:#}"), "fix it, or the next start fails"),
    }
}

pub fn check_mirrors() -> Finding {
    match shop_context::mirrors(Path::new(MIRRORS)) {
        Ok(None) => ok("mirrors", "no mirror list"),
        Ok(Some(_)) => ok("mirrors", format!("{MIRRORS} is served at /mirrors.txt")),
        Err(error) => bad("mirrors", format!("{error:#}"), ""),
    }
}

pub fn check_tor(settings: &Settings) -> Finding {
    const CHECK: &str = "Tor";
    let Some(address) = onion::address(settings) else {
        return ok(
            CHECK,
            "no onion address: create one with `shop serve --tor` or docker-compose.tor.yml",
        );
    };
    match onion::fresh_status(settings) {
        Some(status) if status.is_reachable() => {
            ok(CHECK, format!("{} is reachable", address.url()))
        }
        Some(status) => {
            bad(CHECK, format!("{} is not reachable: {}", address.url(), status.summary()), "")
        }
        None if onion::folder(settings).status().is_none() => {
            ok(CHECK, format!("{}; managed by Tor itself, see Tor's log", address.url()))
        }
        None => bad(
            CHECK,
            format!("{} is not reachable: no process manages Tor for the shop", address.url()),
            "start `shop serve --tor` or Tor's container",
        ),
    }
}
