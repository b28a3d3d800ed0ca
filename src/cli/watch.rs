use crate::actions;
use crate::actions::Shop;
use crate::cli::open;
use crate::cli::say;
use crate::config::Settings;
use crate::node::Bitcoin;
use crate::node::Doubt;
use crate::node::Ethereum;
use crate::node::Link;
use crate::node::Monero;
use crate::payment::Coin;
use crate::payment::Followed;
use crate::payment::Look;
use crate::payment::Receives;
use crate::store;
use crate::values::Moment;
use crate::web::serve::told_to_end;
use anyhow::Context;
use clap::Args;
use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Args)]
pub struct WatchCommand {
    /// Look once, and say whether all is well
    #[arg(long, conflicts_with = "stop")]
    once: bool,
    /// Follow no payments any more: orders run out by the clock again, and your own eyes decide who has paid
    #[arg(long)]
    stop: bool,
}

/// Units: looks that may fail before the seller is written to.
const PATIENCE: i64 = 20;

/// Follows payments on the seller's own nodes, and writes what was seen. The only command that speaks to a network.
pub async fn run(command: WatchCommand, settings: Settings) -> anyhow::Result<ExitCode> {
    let told = told_to_end()?;
    let shop = open::shop(&settings).await?;
    if command.stop {
        follow(&shop, &[]).await?;
        say(
            "No payments are followed. Orders run out by the clock, and your own eyes decide who has paid.",
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut kinds = kinds(&settings)?;
    if kinds.is_empty() {
        // What was followed once and is not any more must not keep orders waiting.
        follow(&shop, &[]).await?;
        anyhow::bail!(
            "no node is named: set ETH_RPC_URL, BTC_RPC_URL or XMR_RPC_URL to your own (docs/SELLER.md, \"Your own node\")"
        );
    }
    let networks = networks(&shop, &kinds).await?;
    follow(&shop, &networks).await?;
    for network in &networks {
        say(&format!("Payments in {} are followed.", Coin::name_of_network(network)));
    }
    anyhow::ensure!(
        !networks.is_empty(),
        "no wallet of the catalog is paid on a chain of these nodes"
    );
    if command.once {
        let mut is_well = true;
        for kind in &mut kinds {
            is_well &= kind.tick(&shop, &settings).await?;
        }
        shop.db.close().await;
        return Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    // A task for each: a node that hangs hinders the others in nothing.
    let tasks: Vec<_> = kinds
        .into_iter()
        .map(|kind| actix_web::rt::spawn(now_and_again(kind, shop.clone(), settings.clone())))
        .collect();
    told.await;
    tasks.iter().for_each(|task| task.abort());
    shop.db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn now_and_again(mut kind: Kind, shop: Shop, settings: Settings) {
    let pause = Duration::from_secs(settings.watch_seconds.unsigned_abs());
    let mut last = String::new();
    loop {
        let trouble = match kind.tick(&shop, &settings).await {
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

/// These chains are followed, and no others.
async fn follow(shop: &Shop, networks: &[String]) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::watch::begin(&mut tx, networks).await.context("say what is followed")?;
    tx.commit().await.context("commit what is followed")
}

/// The chains that the shop needs and these nodes may serve.
async fn networks(shop: &Shop, kinds: &[Kind]) -> anyhow::Result<Vec<String>> {
    let mut networks = store::watch::list_needed(&shop.db).await?;
    networks.retain(|network| kinds.iter().any(|kind| kind.may_serve(network)));
    Ok(networks)
}

/// The nodes of one kind of chain.
struct Kind {
    nodes: Nodes,
    /// What was wrong with each chain at the last look, so that the log says it once.
    troubles: HashMap<String, String>,
    /// Which of the nodes serves which chain. Asked once, since each look asks its node itself; asked anew after a doubt.
    chains: HashMap<String, usize>,
}

enum Nodes {
    /// Several chains have a node each.
    Ethereum(Vec<Ethereum>),
    Bitcoin(Bitcoin),
    Monero(Monero),
}

fn kinds(settings: &Settings) -> anyhow::Result<Vec<Kind>> {
    let proxy = settings.tor_proxy_url.as_ref();
    let mut kinds = Vec::new();
    if !settings.eth_rpc_url.is_empty() {
        let links = settings.eth_rpc_url.iter().map(|url| Link::open(url, proxy));
        let nodes = links.map(|link| Ok(Ethereum::open(link?, Ethereum::OLDEST_HEAD)));
        kinds.push(Nodes::Ethereum(nodes.collect::<Result<_, Doubt>>()?));
    }
    if let Some(url) = &settings.btc_rpc_url {
        kinds.push(Nodes::Bitcoin(Bitcoin::open(Link::open(url, proxy)?)?));
    }
    if let Some(url) = &settings.xmr_rpc_url {
        kinds.push(Nodes::Monero(Monero::open(Link::open(url, proxy)?)));
    }
    Ok(kinds
        .into_iter()
        .map(|nodes| Kind { nodes, troubles: HashMap::new(), chains: HashMap::new() })
        .collect())
}

impl Kind {
    fn may_serve(&self, network: &str) -> bool {
        match self.nodes {
            Nodes::Ethereum(_) => network.starts_with("chain:"),
            Nodes::Bitcoin(_) => network == "bitcoin",
            Nodes::Monero(_) => network == "monero",
        }
    }

    /// One look at each chain. `true`: nothing is in doubt.
    async fn tick(&mut self, shop: &Shop, settings: &Settings) -> anyhow::Result<bool> {
        // A key that was put there, or away, since the last look.
        open::take_key(shop, settings).await?;
        let networks = self.networks(shop).await?;
        let unserved = self.find_nodes(&networks).await;
        let mut is_well = true;
        for network in networks {
            let now = open::now();
            let followed =
                store::watch::list_followed(&shop.db, &network, &settings.confirmations, now)
                    .await?;
            let memory = store::watch::find_memory(&shop.db, &network).await?;
            let looked = match &unserved {
                Some(doubt) if !self.has_node(&network) => Err(doubt.clone()),
                _ => self.look(&network, &followed, memory.as_deref(), now).await,
            };
            let now = open::now();
            match looked {
                Ok(look) => {
                    if self.troubles.remove(&network).is_some() {
                        tracing::info!("{}: all is well again", Coin::name_of_network(&network));
                    }
                    actions::follow_payments(shop, &network, &followed, &look, now).await?;
                }
                Err(doubt) => {
                    is_well = false;
                    self.chains.remove(&network);
                    let words = doubt.to_string();
                    if self.troubles.get(&network) != Some(&words) {
                        tracing::error!("{}: {words}", Coin::name_of_network(&network));
                        self.troubles.insert(network.clone(), words.clone());
                    }
                    let patience = PATIENCE * settings.watch_seconds;
                    actions::doubt_node(shop, &network, &words, patience, now).await?;
                }
            }
            if let Some(node) = self.ethereum(&network) {
                look_ahead(shop, &network, node).await?;
            }
        }
        actions::expire_orders(shop, open::now()).await?;
        Ok(is_well)
    }

    /// Those of the chains that are followed which are this kind's; a wallet that came with a new catalog among them.
    async fn networks(&self, shop: &Shop) -> anyhow::Result<Vec<String>> {
        let followed = store::watch::list(&shop.db).await?;
        let mut all: Vec<String> = followed.into_iter().map(|watch| watch.network).collect();
        let needed = store::watch::list_needed(&shop.db).await?;
        let n_known = all.len();
        all.extend(
            needed.into_iter().filter(|network| self.may_serve(network)).collect::<Vec<_>>(),
        );
        all.sort();
        all.dedup();
        if n_known < all.len() {
            follow(shop, &all).await?;
        }
        all.retain(|network| self.may_serve(network));
        Ok(all)
    }

    fn has_node(&self, network: &str) -> bool {
        !matches!(self.nodes, Nodes::Ethereum(_)) || self.chains.contains_key(network)
    }

    /// Learns which node serves which chain, where that is not known. Returns why a chain has none.
    async fn find_nodes(&mut self, networks: &[String]) -> Option<Doubt> {
        let Nodes::Ethereum(nodes) = &self.nodes else { return None };
        let missing = networks.iter().find(|network| !self.chains.contains_key(*network))?;
        let (mut others, mut unreachable) = (Vec::new(), None);
        for (n, node) in nodes.iter().enumerate() {
            match node.chain_id().await {
                Ok(chain) => {
                    others.push(format!("chain {chain}"));
                    self.chains.insert(format!("chain:{chain}"), n);
                }
                Err(doubt) => unreachable = Some(doubt),
            }
        }
        Some(unreachable.unwrap_or_else(|| {
            let missing = Coin::name_of_network(missing);
            let others = others.join(", ");
            Doubt::Other(format!("no node of {missing}: those of ETH_RPC_URL are of {others}"))
        }))
    }

    fn ethereum(&self, network: &str) -> Option<&Ethereum> {
        match &self.nodes {
            Nodes::Ethereum(nodes) => self.chains.get(network).and_then(|n| nodes.get(*n)),
            _ => None,
        }
    }

    async fn look(
        &self,
        network: &str,
        followed: &[Followed],
        memory: Option<&str>,
        now: Moment,
    ) -> Result<Look, Doubt> {
        match &self.nodes {
            Nodes::Bitcoin(node) => node.look(followed, memory, now).await,
            Nodes::Monero(node) => node.look(followed, memory, now).await,
            Nodes::Ethereum(_) => match self.ethereum(network) {
                Some(node) => node.look(followed, memory, now).await,
                None => Err(Doubt::Other("no node of this chain is known".to_owned())),
            },
        }
    }
}

/// Asks whether the addresses that come next were used before, by the seller themselves: those are never given out.
async fn look_ahead(shop: &Shop, network: &str, node: &Ethereum) -> anyhow::Result<()> {
    for wallet in store::payment::list_wallets(&shop.db).await? {
        let (Receives::Account(key), Some(account)) = (&wallet.receives, wallet.receives.account())
        else {
            continue;
        };
        if wallet.coin.network() != network {
            continue;
        }
        let indexes = store::watch::list_unlooked(&shop.db, &account, &wallet.currency).await?;
        let Some(last) = indexes.last() else { continue };
        let addresses: Vec<_> = indexes.iter().map(|index| key.address(*index)).collect();
        // What cannot be asked now is asked at the next look.
        let Ok(used) = node.list_used(&wallet.coin, &addresses).await else { continue };
        let used: Vec<u32> = indexes
            .iter()
            .zip(used)
            .filter_map(|(index, is_used)| is_used.then_some(*index))
            .collect();
        let mut tx = shop.db.write().await?;
        store::watch::mark_looked_to(&mut tx, &account, &wallet.currency, last + 1, &used).await?;
        tx.commit().await.context("commit which addresses were used")?;
    }
    Ok(())
}
