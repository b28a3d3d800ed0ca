//! `shop watch`: asks the seller's nodes about payments.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::task::AbortHandle;

use crate::actions;
use crate::actions::Shop;
use crate::domain::payment::{Coin, Destination, ScanResult};
use crate::infra::config::Settings;
use crate::infra::node::{Bitcoin, Ethereum, Monero, NodeError, RpcClient, ScanInput};
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::cli::exchange_rate_source::RateWatch;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::recurring_error::RecurringError;
use crate::interfaces::cli::shop_context::home;
use crate::interfaces::cli::{notify, shop_context};
use crate::interfaces::http::shutdown_signal;

#[derive(Args)]
pub struct WatchArgs {
    /// Check once, and report whether everything works
    #[arg(long, conflicts_with = "stop")]
    once: bool,
    /// Stop tracking payments: orders expire by the clock again, and you confirm payments yourself
    #[arg(long)]
    stop: bool,
    /// Forget what the nodes reported, if they were replaced or their chain was reset
    #[arg(long, conflicts_with_all = ["once", "stop"])]
    forget: bool,
}

/// Units: scans that may fail before the seller is written to.
const FAILURES_BEFORE_MESSAGE: i64 = 20;

/// The limit for one scan. A node may search its whole chain for an address that it did not watch before.
const SCAN_TIMEOUT: Duration = Duration::from_secs(1_800);

/// How long the database may take to close at shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Units: bytes of what a scan stores for the next one.
const MAX_STATE: usize = 4 << 20;

/// Tracks payments on the seller's own nodes and stores them. The only command that uses a network.
///
/// At shutdown it ends at once, whatever a node is doing: what was not committed is seen again at the next scan.
pub async fn run(command: WatchArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let mut shutdown = std::pin::pin!(shutdown_signal()?);
    let shop = tokio::select! {
        shop = shop_context::shop(&settings) => shop?,
        // An interrupted single scan counts as a failure.
        () = &mut shutdown => {
            return Ok(if command.once { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
    };
    let tasks = RefCell::default();
    let result = tokio::select! {
        result = watch(&command, &settings, &shop, &tasks) => Some(result),
        () = shutdown => None,
    };
    tasks.borrow().iter().for_each(AbortHandle::abort);
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, shop.db.close()).await;
    match result {
        Some(result) => result,
        // A thread may still be looking up a node's name, which cannot be interrupted and would be waited for.
        None => std::process::exit(if command.once { 1 } else { 0 }),
    }
}

async fn watch(
    command: &WatchArgs,
    settings: &Settings,
    shop: &Shop,
    tasks: &RefCell<Vec<AbortHandle>>,
) -> anyhow::Result<ExitCode> {
    let _lock = lock(settings)?;
    if command.forget {
        let mut tx = shop.db.write().await?;
        store::watch::forget_scan_states(&mut tx).await.context("delete the scan states")?;
        tx.commit().await.context("commit the removal of the scan states")?;
        say("Done. Payments detected so far are kept; the nodes are queried again.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut nodes = if command.stop { Vec::new() } else { nodes(settings)? };
    futures_util::future::join_all(nodes.iter_mut().map(WatchedNode::learn_chain)).await;
    let mut networks = Vec::new();
    for node in &nodes {
        networks.extend(node.list_networks(shop).await?);
    }
    let mut tx = shop.db.write().await?;
    store::watch::begin(&mut tx, &networks).await.context("start tracking")?;
    // A chain that is no longer tracked must not keep orders waiting.
    store::watch::end_others(&mut tx, &networks).await.context("stop tracking other chains")?;
    tx.commit().await.context("commit what is tracked")?;
    if command.stop {
        say(
            "Payments are no longer tracked. Orders expire by the clock, and you confirm payments yourself.",
        );
        return Ok(ExitCode::SUCCESS);
    }
    let notifies = settings.orders.notify_command.is_some();
    let mut rates = RateWatch::of(settings);
    anyhow::ensure!(
        !nodes.is_empty() || notifies || rates.is_some(),
        "no node is configured: set ETH_RPC_URL, BTC_RPC_URL, LTC_RPC_URL or XMR_RPC_URL (docs/manual/nodes.md)"
    );
    anyhow::ensure!(
        !networks.is_empty() || nodes.is_empty(),
        "no wallet in the catalog uses a chain of these nodes"
    );
    if nodes.is_empty() && notifies {
        say(
            "No node is configured: payments are not tracked. Running NOTIFY_COMMAND when something changes.",
        );
    }
    for network in &networks {
        say(&format!("Tracking payments in {}.", Coin::name_of_network(network)));
    }
    if rates.is_some() {
        say("Keeping the exchange rates up to date.");
    }
    if command.once {
        let mut is_well = match &mut rates {
            Some(rates) => rates.tick(shop, settings).await,
            None => true,
        };
        for node in &mut nodes {
            is_well &= node.tick(shop, settings).await?;
        }
        is_well &= notify::run_once(shop, settings).await;
        return Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    // One task per node: a node that hangs does not delay the others.
    let mut running: Vec<_> = nodes
        .into_iter()
        .map(|node| actix_web::rt::spawn(scan_forever(node, shop.clone(), settings.clone())))
        .collect();
    if notifies {
        running.push(actix_web::rt::spawn(notify::run_forever(shop.clone(), settings.clone())));
    }
    running.extend(rates.map(|rates| {
        actix_web::rt::spawn(update_rates_forever(rates, shop.clone(), settings.clone()))
    }));
    tasks.borrow_mut().extend(running.iter().map(|task| task.abort_handle()));
    let _ = futures_util::future::select_all(running).await;
    anyhow::bail!("a task of `shop watch` stopped unexpectedly; the service manager restarts it")
}

/// Two processes would overwrite each other's observations.
fn lock(settings: &Settings) -> anyhow::Result<File> {
    let path = home(settings).join("watch.lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    let is_locked = file.try_lock().is_ok();
    anyhow::ensure!(is_locked, "another `shop watch` is running on this shop: stop it first");
    Ok(file)
}

async fn scan_forever(mut node: WatchedNode, shop: Shop, settings: Settings) {
    let pause = Duration::from_secs(settings.nodes.watch_seconds.unsigned_abs());
    let mut last = None;
    loop {
        let error = node.tick(&shop, &settings).await.err().map(|error| format!("{error:#}"));
        if let Some(error) = error.as_ref().filter(|_| error != last) {
            tracing::error!("will be tried again: {error}");
        }
        last = error;
        tokio::time::sleep(pause).await;
    }
}

async fn update_rates_forever(mut rates: RateWatch, shop: Shop, settings: Settings) {
    let pause = Duration::from_secs(settings.nodes.watch_seconds.unsigned_abs());
    loop {
        rates.tick(&shop, &settings).await;
        tokio::time::sleep(pause).await;
    }
}

/// Why a scan failed.
#[derive(Debug, thiserror::Error)]
enum ScanError {
    /// The chain is in doubt: this is recorded, and its orders wait.
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broken(#[from] anyhow::Error),
}

/// A node that is scanned periodically.
struct WatchedNode {
    node: Node,
    /// Of each chain.
    errors: HashMap<String, RecurringError>,
}

enum Node {
    /// Several chains have a node each, and each node reports which chain it serves.
    Ethereum {
        node: Ethereum,
        chain: Option<String>,
        is_first: bool,
        n_nodes: usize,
        served: ServedChains,
    },
    Bitcoin(Bitcoin),
    Monero(Monero),
}

/// The chains that the EVM nodes have reported to serve.
type ServedChains = Rc<RefCell<BTreeSet<String>>>;

fn nodes(settings: &Settings) -> anyhow::Result<Vec<WatchedNode>> {
    let proxy = settings.nodes.proxy.as_ref();
    let served = ServedChains::default();
    let n_nodes = settings.nodes.eth.urls.len();
    let mut nodes = Vec::new();
    for (n, url) in settings.nodes.eth.urls.iter().enumerate() {
        let node = Ethereum::open(RpcClient::open(url, proxy)?, Ethereum::OLDEST_HEAD);
        let served = served.clone();
        nodes.push(Node::Ethereum { node, chain: None, is_first: n == 0, n_nodes, served });
    }
    for (coin, of_coin) in settings.nodes.of_bitcoin_like() {
        for url in &of_coin.urls {
            nodes.push(Node::Bitcoin(Bitcoin::open(coin, RpcClient::open(url, proxy)?)?));
        }
    }
    for url in &settings.nodes.xmr.urls {
        nodes.push(Node::Monero(Monero::open(RpcClient::open(url, proxy)?)));
    }
    Ok(nodes.into_iter().map(|node| WatchedNode { node, errors: HashMap::new() }).collect())
}

impl WatchedNode {
    fn may_serve(&self, network: &str) -> bool {
        match &self.node {
            Node::Ethereum { .. } => network.starts_with("chain:"),
            Node::Bitcoin(node) => network == node.network(),
            Node::Monero(_) => network == "monero",
        }
    }

    /// Scans each chain once. Returns whether no chain is in doubt.
    async fn tick(&mut self, shop: &Shop, settings: &Settings) -> anyhow::Result<bool> {
        // The key may have been added or removed since the last scan.
        shop_context::load_seller_key(shop, settings).await?;
        shop_context::check_clock(shop).await?;
        let chain_error = self.learn_chain().await;
        let mut is_well = true;
        for network in self.track_networks(shop).await? {
            let result = match &chain_error {
                Some(error) if !self.serves(&network) => Err(error.clone().into()),
                _ => self.scan(shop, settings, &network).await,
            };
            let error = match result {
                Ok(()) => None,
                Err(ScanError::Node(error)) => Some(error.to_string()),
                Err(error) => return Err(error.into()),
            };
            let last = self.errors.entry(network.clone()).or_default();
            last.note(&Coin::name_of_network(&network), error.clone());
            let Some(error) = error else { continue };
            is_well = false;
            let seconds = FAILURES_BEFORE_MESSAGE * settings.nodes.watch_seconds;
            actions::record_node_failure(shop, &network, &error, seconds, shop_context::now())
                .await?;
        }
        shop_context::check_clock(shop).await?;
        actions::expire_orders(shop, shop_context::now()).await?;
        Ok(is_well)
    }

    async fn scan(
        &mut self,
        shop: &Shop,
        settings: &Settings,
        network: &str,
    ) -> Result<(), ScanError> {
        let (now, trusted) = (shop_context::now(), shop_context::trusted());
        let rules = &settings.nodes.confirmations;
        let invoices =
            store::watch::list_followed(&mut *shop.db.reader().await?, network, rules, trusted)
                .await?;
        let state = store::watch::find_scan_state(&mut *shop.db.reader().await?, network).await?;
        let input = ScanInput { invoices: &invoices, state: state.as_deref(), now, trusted };
        let scan = tokio::time::timeout(SCAN_TIMEOUT, self.node.scan(input))
            .await
            .map_err(|_| NodeError::Other("the node took longer than half an hour".to_owned()))?;
        let scan = scan.inspect_err(|error| self.forget_chain(error))?;
        if MAX_STATE < scan.state.len() {
            let message = "the node reported more than can be stored: it is not a supported node, or it is faulty";
            return Err(NodeError::Other(message.to_owned()).into());
        }
        actions::apply_payments(shop, network, &invoices, &scan, shop_context::now())
            .await
            .map_err(|error| {
                NodeError::Other(format!("detected payments could not be stored: {error:#}"))
            })?;
        match &self.node {
            Node::Ethereum { node, .. } => mark_used_addresses(shop, network, node).await,
            Node::Bitcoin(_) | Node::Monero(_) => Ok(()),
        }
    }

    /// This node's chains, which are tracked from now on: a new catalog may have brought a wallet.
    async fn track_networks(&self, shop: &Shop) -> anyhow::Result<Vec<String>> {
        let needed = self.list_networks(shop).await?;
        let tracked = store::watch::list(&mut *shop.db.reader().await?).await?;
        if !needed.iter().all(|network| tracked.iter().any(|watch| watch.network == *network)) {
            let mut tx = shop.db.write().await?;
            store::watch::begin(&mut tx, &needed).await.context("start tracking")?;
            tx.commit().await.context("commit what is tracked")?;
        }
        Ok(needed)
    }

    /// The chains that the shop needs and this node serves. If an EVM node serves none of them, or does not report which,
    /// the first node takes those that no node serves, and reports the error; otherwise nobody would.
    async fn list_networks(&self, shop: &Shop) -> anyhow::Result<Vec<String>> {
        let mut needed = store::watch::list_needed(&mut *shop.db.reader().await?).await?;
        needed.retain(|network| self.may_serve(network));
        if let Node::Ethereum { is_first, n_nodes, served, .. } = &self.node {
            let served = served.borrow();
            let n_serving = needed.iter().filter(|network| served.contains(*network)).count();
            let takes_others = *is_first && n_serving < *n_nodes;
            needed.retain(|network| {
                self.serves(network) || takes_others && !served.contains(network)
            });
        }
        Ok(needed)
    }

    fn serves(&self, network: &str) -> bool {
        match &self.node {
            Node::Ethereum { chain, .. } => chain.as_deref() == Some(network),
            Node::Bitcoin(_) | Node::Monero(_) => true,
        }
    }

    /// Asks an EVM node once for its chain; each scan checks it again. Returns why chains that no node serves are not
    /// tracked.
    async fn learn_chain(&mut self) -> Option<NodeError> {
        let Node::Ethereum { node, chain, served, .. } = &mut self.node else { return None };
        if chain.is_none() {
            match node.chain_id().await {
                Ok(id) => {
                    let network = format!("chain:{id}");
                    served.borrow_mut().insert(network.clone());
                    *chain = Some(network);
                }
                Err(error) => return Some(error),
            }
        }
        let served: Vec<String> = served.borrow().iter().cloned().collect();
        let message = "none of the nodes in ETH_RPC_URL serves this chain; those that answer serve";
        Some(NodeError::Other(format!("{message} {}", served.join(", "))))
    }

    /// A node that now serves another chain is asked again which.
    fn forget_chain(&mut self, error: &NodeError) {
        if let Node::Ethereum { chain, served, .. } = &mut self.node
            && matches!(error, NodeError::WrongChain { .. })
            && let Some(network) = chain.take()
        {
            served.borrow_mut().remove(&network);
        }
    }
}

impl Node {
    async fn scan(&self, input: ScanInput<'_>) -> Result<ScanResult, NodeError> {
        match self {
            Self::Ethereum { node, .. } => node.scan(input).await,
            Self::Bitcoin(node) => node.scan(input).await,
            Self::Monero(node) => node.scan(input).await,
        }
    }
}

/// Checks whether the seller has used the next addresses before: those are never given out.
async fn mark_used_addresses(shop: &Shop, network: &str, node: &Ethereum) -> Result<(), ScanError> {
    let wallets = store::wallets::list(&mut *shop.db.reader().await?).await?;
    for wallet in wallets.iter().filter(|wallet| wallet.coin.network() == network) {
        let (Destination::Account(key), Some(account)) =
            (&wallet.receives, wallet.receives.account())
        else {
            continue;
        };
        let indexes = store::address_indexes::list_unchecked(
            &mut *shop.db.reader().await?,
            &account,
            &wallet.currency,
        )
        .await?;
        let Some(last) = indexes.last() else { continue };
        let addresses: Vec<_> = indexes.iter().map(|index| key.address(*index)).collect();
        let used = node.list_used(&wallet.coin, &addresses).await?;
        let used: Vec<u32> = indexes
            .iter()
            .zip(used)
            .filter_map(|(index, is_used)| is_used.then_some(*index))
            .collect();
        let mut tx = shop.db.write().await?;
        store::address_indexes::mark_checked(&mut tx, &account, &wallet.currency, last + 1, &used)
            .await?;
        tx.commit().await.context("commit which addresses were used")?;
    }
    Ok(())
}
