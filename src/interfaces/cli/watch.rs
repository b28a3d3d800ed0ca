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
use crate::domain::payment::{Coin, Destination, ScanResult, WatchedInvoice};
use crate::domain::values::Timestamp;
use crate::infra::config::Settings;
use crate::infra::node::{Bitcoin, Ethereum, Monero, NodeError, RpcClient};
use crate::infra::store;
use crate::interfaces::cli::open;
use crate::interfaces::cli::open::home_of;
use crate::interfaces::cli::output::say;
use crate::interfaces::http::shutdown_signal;

#[derive(Args)]
pub struct WatchCommand {
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

/// Units: looks that may fail before the seller is written to.
const PATIENCE: i64 = 20;

/// Units: seconds for one look. A node may search its whole chain for what it was not told of before.
const LONGEST_LOOK: Duration = Duration::from_secs(1_800);

/// How long the database may take to close when the process is told to end.
const CLOSING: Duration = Duration::from_secs(2);
/// Units: bytes of what a look writes down for the next one.
const MOST_NOTES: usize = 4 << 20;

/// Follows payments on the seller's own nodes, and writes what was seen. The only command that speaks to a network.
///
/// Told to end, it ends at once, whatever a node is doing: what was not committed is seen again at the next look.
pub async fn run(command: WatchCommand, settings: Settings) -> anyhow::Result<ExitCode> {
    let mut told = std::pin::pin!(shutdown_signal()?);
    let shop = tokio::select! {
        shop = open::shop(&settings) => shop?,
        () = &mut told => return Ok(ended_early(&command)),
    };
    let tasks = RefCell::default();
    let done = tokio::select! {
        done = watch(&command, &settings, &shop, &tasks) => Some(done),
        () = told => None,
    };
    tasks.borrow().iter().for_each(AbortHandle::abort);
    let _ = tokio::time::timeout(CLOSING, shop.db.close()).await;
    match done {
        Some(done) => done,
        // A thread may still be looking up a node's name, which cannot be interrupted and would be waited for.
        None => std::process::exit(if command.once { 1 } else { 0 }),
    }
}

/// A single look that was cut short has not said that all is well.
fn ended_early(command: &WatchCommand) -> ExitCode {
    if command.once { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn watch(
    command: &WatchCommand,
    settings: &Settings,
    shop: &Shop,
    tasks: &RefCell<Vec<AbortHandle>>,
) -> anyhow::Result<ExitCode> {
    let _alone = watch_alone(settings)?;
    if command.forget {
        let mut tx = shop.db.write().await?;
        store::watch::forget_memories(&mut tx).await.context("forget what the nodes said")?;
        tx.commit().await.context("commit what is forgotten")?;
        say("Done. Payments detected so far are kept; the nodes are queried again.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut nodes = if command.stop { Vec::new() } else { nodes(settings)? };
    futures_util::future::join_all(nodes.iter_mut().map(Watched::learn_chain)).await;
    let mut networks = Vec::new();
    for node in &nodes {
        networks.extend(node.list_mine(shop).await?);
    }
    let mut tx = shop.db.write().await?;
    store::watch::begin(&mut tx, &networks).await.context("say what is followed")?;
    // What was followed once and is not any more must not keep orders waiting.
    store::watch::end_others(&mut tx, &networks).await.context("say what is not")?;
    tx.commit().await.context("commit what is followed")?;
    if command.stop {
        say(
            "Payments are no longer tracked. Orders expire by the clock, and you confirm payments yourself.",
        );
        return Ok(ExitCode::SUCCESS);
    }
    anyhow::ensure!(
        !nodes.is_empty(),
        "no node is configured: set ETH_RPC_URL, BTC_RPC_URL or XMR_RPC_URL (docs/SELLER.md, \"Your own node\")"
    );
    anyhow::ensure!(!networks.is_empty(), "no wallet in the catalog uses a chain of these nodes");
    for network in &networks {
        say(&format!("Tracking payments in {}.", Coin::name_of_network(network)));
    }
    if command.once {
        let mut is_well = true;
        for node in &mut nodes {
            is_well &= node.tick(shop, settings).await?;
        }
        return Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    // A task for each: a node that hangs hinders the others in nothing.
    let running: Vec<_> = nodes
        .into_iter()
        .map(|node| actix_web::rt::spawn(now_and_again(node, shop.clone(), settings.clone())))
        .collect();
    tasks.borrow_mut().extend(running.iter().map(|task| task.abort_handle()));
    let _ = futures_util::future::select_all(running).await;
    anyhow::bail!("a part of it failed; the service manager restarts it")
}

/// Two would undo what the other saw.
fn watch_alone(settings: &Settings) -> anyhow::Result<File> {
    let path = home_of(&settings.storage.database).join("watch.lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    let is_alone = file.try_lock().is_ok();
    anyhow::ensure!(is_alone, "another `shop watch` is running on this shop: stop it first");
    Ok(file)
}

async fn now_and_again(mut node: Watched, shop: Shop, settings: Settings) {
    let pause = Duration::from_secs(settings.nodes.watch_seconds.unsigned_abs());
    let mut last = String::new();
    loop {
        let trouble = match node.tick(&shop, &settings).await {
            Ok(_) => String::new(),
            Err(error) => format!("{error:#}"),
        };
        if !trouble.is_empty() && trouble != last {
            tracing::error!("will be tried again: {trouble}");
        }
        last = trouble;
        tokio::time::sleep(pause).await;
    }
}

/// A node that is asked now and again.
struct Watched {
    node: Node,
    /// What was wrong with each chain at the last look, so that the log says it once.
    troubles: HashMap<String, String>,
}

enum Node {
    /// Several chains have a node each; which one is whose, they say themselves.
    Ethereum {
        node: Ethereum,
        chain: Option<String>,
        place: usize,
        n_nodes: usize,
        served: Served,
    },
    Bitcoin(Bitcoin),
    Monero(Monero),
}

/// Which chains the nodes of Ethereum's kind have said that they serve.
type Served = Rc<RefCell<BTreeSet<String>>>;

fn nodes(settings: &Settings) -> anyhow::Result<Vec<Watched>> {
    let proxy = settings.nodes.proxy.as_ref();
    let served = Served::default();
    let n_nodes = settings.nodes.eth.urls.len();
    let mut nodes = Vec::new();
    for (place, url) in settings.nodes.eth.urls.iter().enumerate() {
        let node = Ethereum::open(RpcClient::open(url, proxy)?, Ethereum::OLDEST_HEAD);
        nodes.push(Node::Ethereum { node, chain: None, place, n_nodes, served: served.clone() });
    }
    for url in &settings.nodes.btc.urls {
        nodes.push(Node::Bitcoin(Bitcoin::open(RpcClient::open(url, proxy)?)?));
    }
    for url in &settings.nodes.xmr.urls {
        nodes.push(Node::Monero(Monero::open(RpcClient::open(url, proxy)?)));
    }
    Ok(nodes.into_iter().map(|node| Watched { node, troubles: HashMap::new() }).collect())
}

impl Watched {
    fn may_serve(&self, network: &str) -> bool {
        match self.node {
            Node::Ethereum { .. } => network.starts_with("chain:"),
            Node::Bitcoin(_) => network == "bitcoin",
            Node::Monero(_) => network == "monero",
        }
    }

    /// One look at each chain. `true`: nothing is in doubt.
    async fn tick(&mut self, shop: &Shop, settings: &Settings) -> anyhow::Result<bool> {
        // A key that was put there, or away, since the last look.
        open::take_key(shop, settings).await?;
        open::check_clock(shop).await?;
        let why_unknown = self.learn_chain().await;
        let mut is_well = true;
        for network in self.networks(shop).await? {
            let looked = match &why_unknown {
                Some(doubt) if !self.is_of(&network) => Err(doubt.to_string()),
                _ => self.look(shop, settings, &network).await?,
            };
            match looked {
                Ok(()) => {
                    if self.troubles.remove(&network).is_some() {
                        tracing::info!("{}: working again", Coin::name_of_network(&network));
                    }
                }
                Err(words) => {
                    is_well = false;
                    if self.troubles.get(&network) != Some(&words) {
                        tracing::error!("{}: {words}", Coin::name_of_network(&network));
                        self.troubles.insert(network.clone(), words.clone());
                    }
                    let patience = PATIENCE * settings.nodes.watch_seconds;
                    actions::record_node_failure(shop, &network, &words, patience, open::now())
                        .await?;
                }
            }
        }
        open::check_clock(shop).await?;
        actions::expire_orders(shop, open::now()).await?;
        Ok(is_well)
    }

    /// One look at one chain, or why it decides nothing.
    async fn look(
        &mut self,
        shop: &Shop,
        settings: &Settings,
        network: &str,
    ) -> anyhow::Result<Result<(), String>> {
        let now = open::now();
        let rules = &settings.nodes.confirmations;
        let trusted = open::trusted();
        let followed =
            store::watch::list_followed(&mut *shop.db.reader().await?, network, rules, trusted)
                .await?;
        let memory = store::watch::find_memory(&mut *shop.db.reader().await?, network).await?;
        let looking = self.node.look(&followed, memory.as_deref(), (now, trusted));
        let looked = tokio::time::timeout(LONGEST_LOOK, looking).await;
        let look = match looked {
            Ok(Ok(look)) => look,
            Ok(Err(doubt)) => {
                self.forget_chain(&doubt);
                return Ok(Err(doubt.to_string()));
            }
            Err(_) => return Ok(Err("the node took longer than half an hour".to_owned())),
        };
        if MOST_NOTES < look.memory.len() {
            let words = "the node reported more than can be stored: it is not a supported node, or it is faulty";
            return Ok(Err(words.to_owned()));
        }
        let followed = actions::apply_payments(shop, network, &followed, &look, open::now()).await;
        if let Err(error) = followed {
            return Ok(Err(format!("detected payments could not be stored: {error:#}")));
        }
        let Node::Ethereum { node, .. } = &self.node else { return Ok(Ok(())) };
        let looked = look_ahead(shop, network, node).await?;
        Ok(looked.map_err(|doubt| doubt.to_string()))
    }

    /// Those of the chains that are followed which are this node's. A wallet that came with a new catalog is followed too.
    async fn networks(&self, shop: &Shop) -> anyhow::Result<Vec<String>> {
        let needed = self.list_mine(shop).await?;
        let known = store::watch::list(&mut *shop.db.reader().await?).await?;
        if !needed.iter().all(|network| known.iter().any(|watch| watch.network == *network)) {
            let mut tx = shop.db.write().await?;
            store::watch::begin(&mut tx, &needed).await.context("say what is followed")?;
            tx.commit().await.context("commit what is followed")?;
        }
        Ok(needed)
    }

    /// The chains that the shop needs and this node serves. Where a node of Ethereum's kind serves none of them, or does not
    /// say which, the first node takes those that nobody serves, and says so; else nobody follows them.
    async fn list_mine(&self, shop: &Shop) -> anyhow::Result<Vec<String>> {
        let mut needed = store::watch::list_needed(&mut *shop.db.reader().await?).await?;
        needed.retain(|network| self.may_serve(network));
        if let Node::Ethereum { place, n_nodes, served, .. } = &self.node {
            let served = served.borrow();
            let n_serving = needed.iter().filter(|network| served.contains(*network)).count();
            let takes_others = *place == 0 && n_serving < *n_nodes;
            needed
                .retain(|network| self.is_of(network) || takes_others && !served.contains(network));
        }
        Ok(needed)
    }

    fn is_of(&self, network: &str) -> bool {
        match &self.node {
            Node::Ethereum { chain, .. } => chain.as_deref() == Some(network),
            Node::Bitcoin(_) | Node::Monero(_) => true,
        }
    }

    /// Asks a node of Ethereum's kind once for its chain; each look asks it again. Returns why chains that nobody serves
    /// are not followed.
    async fn learn_chain(&mut self) -> Option<NodeError> {
        let Node::Ethereum { node, chain, served, .. } = &mut self.node else { return None };
        if chain.is_none() {
            match node.chain_id().await {
                Ok(id) => {
                    let network = format!("chain:{id}");
                    served.borrow_mut().insert(network.clone());
                    *chain = Some(network);
                }
                Err(doubt) => return Some(doubt),
            }
        }
        let known: Vec<String> = served.borrow().iter().cloned().collect();
        let words = "none of the nodes in ETH_RPC_URL serves this chain; those that answer serve";
        Some(NodeError::Other(format!("{words} {}", known.join(", "))))
    }

    /// A node that is of another chain than it was says itself of which.
    fn forget_chain(&mut self, doubt: &NodeError) {
        if let Node::Ethereum { chain, served, .. } = &mut self.node
            && matches!(doubt, NodeError::OtherChain { .. })
            && let Some(network) = chain.take()
        {
            served.borrow_mut().remove(&network);
        }
    }
}

impl Node {
    async fn look(
        &self,
        followed: &[WatchedInvoice],
        memory: Option<&str>,
        (now, trusted): (Timestamp, Timestamp),
    ) -> Result<ScanResult, NodeError> {
        match self {
            Self::Ethereum { node, .. } => node.look(followed, memory, now).await,
            Self::Bitcoin(node) => node.look(followed, memory, now).await,
            Self::Monero(node) => node.look(followed, memory, now, trusted).await,
        }
    }
}

/// Asks whether the addresses that come next were used before, by the seller themselves: those are never given out.
async fn look_ahead(
    shop: &Shop,
    network: &str,
    node: &Ethereum,
) -> anyhow::Result<Result<(), NodeError>> {
    let wallets = store::wallets::list(&mut *shop.db.reader().await?).await?;
    for wallet in wallets {
        let (Destination::Account(key), Some(account)) =
            (&wallet.receives, wallet.receives.account())
        else {
            continue;
        };
        if wallet.coin.network() != network {
            continue;
        }
        let indexes = store::accounts::list_unchecked(
            &mut *shop.db.reader().await?,
            &account,
            &wallet.currency,
        )
        .await?;
        let Some(last) = indexes.last() else { continue };
        let addresses: Vec<_> = indexes.iter().map(|index| key.address(*index)).collect();
        let used = match node.list_used(&wallet.coin, &addresses).await {
            Ok(used) => used,
            Err(doubt) => return Ok(Err(doubt)),
        };
        let used: Vec<u32> = indexes
            .iter()
            .zip(used)
            .filter_map(|(index, is_used)| is_used.then_some(*index))
            .collect();
        let mut tx = shop.db.write().await?;
        store::accounts::mark_checked(&mut tx, &account, &wallet.currency, last + 1, &used).await?;
        tx.commit().await.context("commit which addresses were used")?;
    }
    Ok(Ok(()))
}
