use crate::actions;
use crate::actions::Closed;
use crate::actions::Shop;
use crate::cli::doctor::Finding;
use crate::cli::doctor::ill;
use crate::cli::doctor::note;
use crate::cli::doctor::well;
use crate::cli::onion;
use crate::cli::open;
use crate::cli::serve::MIRRORS;
use crate::cli::serve::PAGES;
use crate::config::Listen;
use crate::config::Settings;
use crate::payment::Coin;
use crate::payment::Receives;
use crate::payment::Wallet;
use crate::store;
use crate::store::payment::Reach;
use std::path::Path;

/// Units: days before the key's end in which it is time to make it longer.
const SOON: i64 = 30;

pub fn look_at_key(shop: &Shop) -> Finding {
    const CHECK: &str = "seller's key";
    let now = open::now();
    match shop.openness.seal(now) {
        Ok(None) => note(
            CHECK,
            "none: orders are plain text, readable by whoever reads this disk",
            "gpg --armor --export YOUR-KEY > db/seller.asc, where your secret key is on another computer or behind a passphrase",
        ),
        Ok(Some(key)) => {
            let name = key.fingerprint_for_people();
            match key.usable_until() {
                None => well(CHECK, format!("{name}, without an end")),
                Some(until) if now.plus_days(SOON) < until => {
                    well(CHECK, format!("{name}, usable until {}", until.day()))
                }
                Some(until) => note(
                    CHECK,
                    format!("{name} ends on {}; then the shop takes no orders", until.day()),
                    "gpg --quick-set-expire FINGERPRINT 2y, the same with '*' behind it, then gpg --armor --export FINGERPRINT > db/seller.asc",
                ),
            }
        }
        Err(closed) => ill(
            CHECK,
            format!("the shop takes no orders: {closed}"),
            "put a good key in its place; an open shop sees it within seconds",
        ),
    }
}

pub async fn look_whether_open(shop: &Shop) -> Finding {
    const CHECK: &str = "open";
    let now = open::now();
    // What the key says stands in its own line.
    if let Err(error) = actions::look_for_seller(shop, open::trusted()).await {
        return ill(CHECK, format!("{error:#}"), "let the shop's user read the Maildir");
    }
    match actions::why_closed(shop, now).await {
        Ok(None) => well(CHECK, "orders are taken"),
        Ok(Some(Closed::BySeller)) => {
            note(CHECK, "you have closed the shop", "`shop open` takes orders again")
        }
        Ok(Some(Closed::SellerAway)) => note(
            CHECK,
            "the shop has closed itself: new mail lies unread for too long (CLOSE_AFTER_DAYS)",
            "open the Maildir with mutt; the shop opens within a minute",
        ),
        Ok(Some(Closed::Key(_))) => ill(CHECK, "no orders are taken: see the seller's key", ""),
        Err(error) => ill(CHECK, format!("{error:#}"), ""),
    }
}

pub async fn look_at_catalog(shop: &Shop) -> Vec<Finding> {
    let catalog = match store::catalog::is_empty(&shop.db).await {
        Ok(true) => ill("catalog", "it is empty", "`shop seed db/data.json` fills it"),
        Ok(false) => well("catalog", "it holds products"),
        Err(error) => ill("catalog", error.to_string(), "bring a copy back (`shop restore`)"),
    };
    let wallets = match store::payment::list_wallets(&shop.db).await {
        Ok(wallets) => wallets,
        Err(error) => {
            let wallets = ill("wallets", error.to_string(), "bring a copy back (`shop restore`)");
            return vec![catalog, wallets];
        }
    };
    let mut findings = vec![catalog, look_at_wallets(&wallets)];
    for wallet in &wallets {
        let Some(account) = wallet.receives.account() else { continue };
        match store::payment::find_reach(&shop.db, &account).await {
            Ok(Some(reach)) => findings.push(look_at_reach(wallet, &reach)),
            Ok(None) => {}
            Err(error) => findings.push(ill(ADDRESSES, error.to_string(), "")),
        }
    }
    findings
}

const ADDRESSES: &str = "addresses";

/// Units: addresses. Wallets stop looking after as many that nothing came to.
/// Source: BIP-44's gap limit, which Electrum, Sparrow, Ledger and Trezor have kept; Monero's wallets look 200 ahead.
const AHEAD: i64 = 20;
const AHEAD_OF_MONERO: i64 = 200;

fn look_at_reach(wallet: &Wallet, reach: &Reach) -> Finding {
    let currency = &wallet.currency;
    let Reach { n_given, n_since_paid } = reach;
    let ahead = if wallet.coin == Coin::Monero { AHEAD_OF_MONERO } else { AHEAD };
    if *n_since_paid < ahead {
        return well(
            ADDRESSES,
            format!("{n_since_paid} in {currency} were given out since the last that was paid to"),
        );
    }
    // Rounded up, with room for the orders of the next days.
    let n = (n_since_paid + ahead).div_euclid(10) * 10 + 10;
    let remedy = match wallet.coin {
        Coin::Bitcoin => format!(
            "let it look {n} ahead: in Electrum's console `wallet.change_gap_limit({n})`; in Sparrow the wallet's Settings, \
             Advanced, Gap limit; in Ledger Live Settings, Experimental features, Custom gap limit"
        ),
        Coin::Monero => {
            format!("let it look {n} ahead: in monero-wallet-cli `set subaddress-lookahead 1:{n}`")
        }
        Coin::Ether { .. } | Coin::Token { .. } => format!(
            "MetaMask and its like show the accounts that you add by hand, and there are {n_given}: `shop orders` names the \
             address of each order that was paid, and the account of index N is the one that is added as number N + 1"
        ),
    };
    note(
        ADDRESSES,
        format!(
            "{n_since_paid} in {currency} were given out since the last that was paid to: a wallet that looks {ahead} ahead \
             does not see what comes to the next"
        ),
        remedy,
    )
}

fn look_at_wallets(wallets: &[Wallet]) -> Finding {
    const CHECK: &str = "wallets";
    let names = |wanted: &dyn Fn(&Wallet) -> bool| {
        let names: Vec<&str> = wallets
            .iter()
            .filter(|wallet| wanted(wallet))
            .map(|wallet| wallet.currency.as_str())
            .collect();
        names.join(", ")
    };
    let demo = names(&Wallet::is_demo);
    let shared = names(&|wallet| matches!(wallet.receives, Receives::Address(_)));
    if wallets.is_empty() {
        ill(CHECK, "there is none, so nothing can be bought", "add a Wallet to the catalog")
    } else if !demo.is_empty() {
        ill(
            CHECK,
            format!("demo: do not pay. {demo} belong to a public test wallet"),
            "put your own into db/data.json, and `shop seed` it",
        )
    } else if shared.is_empty() {
        well(CHECK, "each order gets an address of its own")
    } else {
        well(
            CHECK,
            format!(
                "orders in {shared} share one address and are told apart by their exact amounts"
            ),
        )
    }
}

/// Whether payments are followed, coin by coin.
pub async fn look_at_nodes(shop: &Shop, settings: &Settings) -> Vec<Finding> {
    const CHECK: &str = "nodes";
    let watches = match store::watch::list(&shop.db).await {
        Ok(watches) => watches,
        Err(error) => return vec![ill(CHECK, error.to_string(), "")],
    };
    let is_set = !settings.eth_rpc_url.is_empty()
        || settings.btc_rpc_url.is_some()
        || settings.xmr_rpc_url.is_some();
    if watches.is_empty() {
        return vec![if is_set {
            note(
                CHECK,
                "a node is named, and nobody follows payments on it",
                "start `shop watch`, or take the setting out",
            )
        } else {
            well(CHECK, "none: your own eyes decide who has paid")
        }];
    }
    let now = open::now();
    let look = |watch: &store::watch::Watch| {
        let coin = Coin::name_of_network(&watch.network);
        match watch.complaint(now) {
            Some(complaint) => ill(
                CHECK,
                format!("{coin}: {complaint}"),
                "no payment counts and no order runs out until it is well; `shop watch --stop` goes on without a node",
            ),
            None => {
                let ago = watch.looked_at.map_or(0, |at| now.get() - at.get());
                well(
                    CHECK,
                    format!(
                        "{coin}: followed up to block {}; the last look was {ago} seconds ago",
                        watch.head.unwrap_or(0)
                    ),
                )
            }
        }
    };
    watches.iter().map(look).collect()
}

/// Where buyers come in.
pub fn look_at_listener(settings: &Settings) -> Finding {
    const CHECK: &str = "listener";
    match &settings.listen {
        Listen::Unix(path) => well(CHECK, format!("unix:{}", path.display())),
        Listen::Tcp(address) if settings.listen_is_confirmed => note(
            CHECK,
            format!("others than this host may reach http://{address}: LISTEN says it twice"),
            "over plain http whoever carries the line reads what buyers order: better unix:PATH or 127.0.0.1, with Tor before it",
        ),
        Listen::Tcp(address) => well(CHECK, format!("http://{address}, for this host alone")),
        Listen::Systemd if settings.listen_is_confirmed => note(
            CHECK,
            "the socket of systemd, which others than this host may reach: LISTEN says it twice",
            "over plain http whoever carries the line reads what buyers order: better a unix socket",
        ),
        Listen::Systemd => well(CHECK, "the socket of systemd"),
    }
}

/// Who could sign in at the desk, where it is open.
pub async fn look_at_desk(shop: &Shop, settings: &Settings) -> Finding {
    const CHECK: &str = "desk";
    let lock = match store::desk::find_lock(&shop.db).await {
        Ok(lock) => lock,
        Err(error) => return ill(CHECK, error.to_string(), "`shop desk password` sets another"),
    };
    let place = match &settings.desk_listen {
        None => return well(CHECK, "off"),
        Some(Listen::Tcp(address)) => format!("http://{address}"),
        Some(Listen::Unix(path)) => format!("unix:{}", path.display()),
        Some(Listen::Systemd) => "systemd".to_owned(),
    };
    match (lock.password, lock.factor) {
        (None, _) => note(
            CHECK,
            format!("at {place}, and nobody can sign in"),
            "`shop desk password` sets its password",
        ),
        (Some(_), None) => well(CHECK, format!("at {place}; a password, no second factor")),
        (Some(_), Some(factor)) if factor.recovery.is_empty() => note(
            CHECK,
            format!("at {place}; a password and a second factor, no recovery code left"),
            "make new ones on the desk's account page",
        ),
        (Some(_), Some(_)) => well(CHECK, format!("at {place}; a password and a second factor")),
    }
}

pub fn look_at_pages() -> Finding {
    match open::page_files(Path::new(PAGES)) {
        Ok(files) => well("pages", format!("{} can be read", files.map_or(0, |files| files.len()))),
        Err(error) => ill("pages", format!("{error:#}"), "mend it: else the next start fails"),
    }
}

pub fn look_at_mirrors() -> Finding {
    match open::mirrors(Path::new(MIRRORS)) {
        Ok(None) => well("mirrors", "no list of addresses is shown"),
        Ok(Some(_)) => well("mirrors", format!("{MIRRORS} is shown at /mirrors.txt")),
        Err(error) => ill("mirrors", format!("{error:#}"), ""),
    }
}

pub fn look_at_tor(settings: &Settings) -> Finding {
    const CHECK: &str = "Tor";
    let Some(address) = onion::address(settings) else {
        return well(
            CHECK,
            "no onion address: `shop serve --tor` or docker-compose.tor.yml makes one",
        );
    };
    match onion::fresh_status(settings) {
        Some(status) if status.is_reachable() => {
            well(CHECK, format!("{} can be reached", address.url()))
        }
        Some(status) => {
            ill(CHECK, format!("{} cannot be reached: {}", address.url(), status.words()), "")
        }
        None if onion::folder(settings).status().is_none() => well(
            CHECK,
            format!("{}; Tor keeps it, and only Tor's log tells how it is", address.url()),
        ),
        None => ill(
            CHECK,
            format!("{} is closed: nobody tends Tor for the shop", address.url()),
            "start `shop serve --tor` or Tor's container",
        ),
    }
}
