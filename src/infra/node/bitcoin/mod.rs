//! Watches payments with Bitcoin Core, or Litecoin Core, which is made from it: a separate wallet without keys watches the
//! scripts of the shop's addresses.
//!
//! The node handles the chain: missed blocks, reorganisations, replaced transactions. Each scan asks for all outputs
//! received since the oldest invoice was placed; no payment is stored between two scans.

mod payments;
mod scan_state;
mod wallet;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::domain::payment::observation::{Depth, ScanResult, WatchedInvoice};
use crate::domain::payment::{BitcoinLike, ChainRules, Coin};
use crate::domain::values::Timestamp;
use crate::infra::node::bitcoin::payments::{Output, WatchedScript};
use crate::infra::node::bitcoin::scan_state::ScanState;
use crate::infra::node::{NodeError, RpcClient, ScanInput};

/// Units: blocks of which a synchronised node may briefly know only the headers.
const HEADS_AHEAD: u64 = 2;
/// Units: blocks. By chance, the time of so many passes without a block once in about five hundred thousand years of
/// Bitcoin's: four hours.
const OLDEST_HEAD_BLOCKS: i64 = 24;
/// Units: minutes. The network itself refuses blocks whose time is more than two hours ahead.
const MAX_AHEAD_MINUTES: i64 = 2 * 60 + 10;
/// Units: seconds.
const TWO_HOURS: i64 = 2 * 60 * 60;
/// Units: seconds before an order's day from which blocks are scanned: block times can be wrong by two hours.
const MARGIN_SECONDS: i64 = 3 * 60 * 60;

/// Source: Bitcoin Core, `rpc/protocol.h`.
const NOT_IN_MEMPOOL: i64 = -5;
const WARMING_UP: i64 = -28;

/// The seller's Bitcoin Core or Litecoin Core.
pub struct Bitcoin {
    coin: &'static BitcoinLike,
    rules: &'static ChainRules,
    /// With the wallet's path.
    rpc: RpcClient,
    wallet: String,
    /// Units: minutes. The maximum age of the newest block.
    pub oldest_head_minutes: i64,
    /// The addresses that the wallet watches, as seen since this process started: script → address in the node's notation.
    watched: Mutex<BTreeMap<String, String>>,
}

/// The state of the chain and the wallet at the start of a scan.
struct Chain {
    /// The number of the newest block.
    height: u64,
    head: String,
    genesis: String,
    /// The oldest block that the node has not pruned.
    lowest: u64,
    wallet_kind: WalletKind,
}

/// How a wallet stores its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WalletKind {
    /// The default of Bitcoin Core since 23; since 30 the only one.
    Descriptors,
    Legacy,
}

/// Whether the wallet watches an address. Source: `getaddressinfo`.
fn watches(address: &Value) -> bool {
    address["ismine"] == true || address["iswatchonly"] == true
}

impl Bitcoin {
    /// Does not connect yet. `coin`: one whose chain the shop can follow. The wallet is `shop`, or the name after `/wallet/` in the URL's path.
    ///
    /// # Errors
    /// [`NodeError::Other`] for an invalid wallet name, or a coin that cannot be followed.
    pub fn open(coin: &'static BitcoinLike, rpc: RpcClient) -> Result<Self, NodeError> {
        let Some(rules) = &coin.chain else {
            return Err(NodeError::Other(format!(
                "the shop cannot follow {} on a node",
                coin.name
            )));
        };
        let wallet = match rpc.path().trim_end_matches('/') {
            "" => "shop",
            path => path.strip_prefix("/wallet/").unwrap_or_default(),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if wallet.is_empty() || wallet.starts_with('.') || !wallet.chars().all(is_plain) {
            return Err(NodeError::Other(format!(
                "{}_RPC_URL must end at the port or with a wallet name of letters, digits and dashes: http://USER:PASSWORD@127.0.0.1:PORT/wallet/shop",
                coin.currency
            )));
        }
        Ok(Self {
            coin,
            rules,
            rpc: rpc.at_path(&format!("/wallet/{wallet}")),
            wallet: wallet.to_owned(),
            oldest_head_minutes: OLDEST_HEAD_BLOCKS * rules.block_seconds / 60,
            watched: Mutex::default(),
        })
    }

    /// The chain that it is asked about.
    pub fn network(&self) -> &'static str {
        self.coin.network
    }

    /// Scans for every invoice in this coin. One that would need blocks which the node has pruned is left out.
    ///
    /// # Errors
    /// [`NodeError`]: this scan changes nothing.
    pub async fn scan(&self, input: ScanInput<'_>) -> Result<ScanResult, NodeError> {
        let mut watched = self.watched.lock().await;
        let state = ScanState::read(input.state);
        let result = self.try_scan(&mut watched, input.invoices, state, input.now).await;
        if result.is_err() {
            // The node may come back as another one, or with another wallet.
            watched.clear();
        }
        result
    }

    async fn try_scan(
        &self,
        watched: &mut BTreeMap<String, String>,
        invoices: &[WatchedInvoice],
        state: ScanState,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let scripts: Vec<WatchedScript<'_>> =
            invoices.iter().filter_map(|one| self.script_of(one)).collect();
        let chain = self.chain(watched, &state).await?;
        let deepest =
            scripts.iter().map(|script| script.needed).max().unwrap_or(self.rules.final_depth);
        let oldest = scripts.iter().map(|script| script.invoice.placed_on).min().unwrap_or(now);
        let back_to = oldest.get().saturating_sub(MARGIN_SECONDS);

        let deep = chain.height.saturating_sub(u64::from(deepest.saturating_sub(1)));
        let before = chain.height.saturating_sub(self.blocks_since(back_to, now));
        let hashes = vec![("getblockhash", json!([deep])), ("getblockhash", json!([before]))];
        let hashes = self.rpc.batch(hashes).await?;
        let heads = vec![
            ("getblockheader", json!([chain.head])),
            ("getblockheader", json!([hashes[0]])),
            ("getblockheader", json!([hashes[1]])),
        ];
        let heads = self.rpc.batch(heads).await?;
        self.check_age(&heads[0], now)?;
        let time = self.median_time(&heads[1])?;
        let since = if before == 0 || self.median_time(&heads[2])?.get() <= back_to {
            hashes[1].clone()
        } else {
            self.block_before(&chain, back_to, now).await?.1
        };

        let searched = self.watch_scripts(watched, &scripts, &state, &chain, now).await?;
        let (scripts, skipped): (Vec<WatchedScript<'_>>, Vec<WatchedScript<'_>>) =
            scripts.into_iter().partition(|script| searched.contains(&script.invoice.id));
        let time = payments::scan_time(time, now, &skipped);
        let outputs = if scripts.is_empty() { Vec::new() } else { self.outputs(&since).await? };
        let state = ScanState {
            genesis: Some(chain.genesis),
            head: chain.height,
            looked_at: now.get(),
            searched,
        };
        Ok(ScanResult {
            ahead: 0,
            head: chain.height,
            time,
            observations: payments::observations(&scripts, &outputs, watched),
            state: serde_json::to_string(&state)
                .map_err(|_| NodeError::Other("detected payments cannot be stored".to_owned()))?,
        })
    }

    /// Checks that it is the right chain and that the node is synchronised.
    async fn chain(
        &self,
        watched: &mut BTreeMap<String, String>,
        state: &ScanState,
    ) -> Result<Chain, NodeError> {
        let mut calls = vec![
            ("getblockchaininfo", json!([])),
            ("getblockhash", json!([0])),
            ("getwalletinfo", json!([])),
        ];
        if let Some(address) = watched.values().next_back() {
            calls.push(("getaddressinfo", json!([address])));
        }
        let mut answers = self.rpc.batch_with_refusals(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Err(self.rpc.malformed("a batch")));
        let info = match next() {
            Err(NodeError::Refused { code: WARMING_UP, .. }) => {
                return Err(NodeError::Syncing { node: self.rpc.node() });
            }
            info => info?,
        };
        let (genesis, wallet) = (next()?, next());

        let malformed = || self.rpc.malformed("getblockchaininfo");
        let number = |name: &str| info[name].as_u64().ok_or_else(malformed);
        let name = info["chain"].as_str().ok_or_else(malformed)?;
        let genesis = genesis.as_str().ok_or_else(malformed)?.to_owned();
        // Coins of the test networks are worthless, and their addresses have the same scripts. A "regtest" chain is one
        // that the seller creates for testing.
        if name != "regtest" && genesis != self.rules.genesis {
            let found = if name == "main" { "main (of another coin)" } else { name };
            return Err(NodeError::WrongChain {
                node: self.rpc.node(),
                expected: format!("main ({})", self.coin.name),
                found: found.chars().filter(|c| (' '..='~').contains(c)).take(40).collect(),
            });
        }
        if state.genesis.as_ref().is_some_and(|before| *before != genesis) {
            return Err(NodeError::WrongGenesis { node: self.rpc.node() });
        }
        let height = number("blocks")?;
        if info["initialblockdownload"].as_bool().ok_or_else(malformed)?
            || height.saturating_add(HEADS_AHEAD) < number("headers")?
        {
            return Err(NodeError::Syncing { node: self.rpc.node() });
        }
        // After a crash a node may have lost its last blocks, and downloads them again.
        let final_height = state.head.saturating_sub(u64::from(self.rules.final_depth));
        if height < final_height {
            return Err(NodeError::LostBlock { node: self.rpc.node(), number: final_height });
        }
        let is_pruned = info["pruned"].as_bool().ok_or_else(malformed)?;
        let chain = Chain {
            height,
            head: info["bestblockhash"].as_str().ok_or_else(malformed)?.to_owned(),
            genesis,
            lowest: if is_pruned { number("pruneheight")? } else { 0 },
            wallet_kind: self.open_wallet(wallet).await?,
        };
        // Another wallet may have the name by now.
        if !watched.is_empty() && !next().is_ok_and(|address| watches(&address)) {
            watched.clear();
        }
        Ok(chain)
    }

    fn check_age(&self, header: &Value, now: Timestamp) -> Result<(), NodeError> {
        let time = self.header_time(header, "time")?;
        let minutes = now.minutes_after(time);
        if self.oldest_head_minutes < minutes {
            return Err(NodeError::Stale { node: self.rpc.node(), minutes });
        }
        let minutes = time.minutes_after(now);
        if MAX_AHEAD_MINUTES < minutes {
            return Err(NodeError::Ahead { node: self.rpc.node(), minutes });
        }
        Ok(())
    }

    /// The median of eleven blocks: it never decreases from one block to the next, and is behind the real time.
    fn median_time(&self, header: &Value) -> Result<Timestamp, NodeError> {
        self.header_time(header, "mediantime")
    }

    fn header_time(&self, header: &Value, name: &str) -> Result<Timestamp, NodeError> {
        let time = header[name].as_i64().and_then(|time| Timestamp::new(time).ok());
        time.ok_or_else(|| self.rpc.malformed("getblockheader"))
    }

    /// A block made before `back_to`, but not much earlier if blocks come at the usual rate: its number and hash.
    async fn block_before(
        &self,
        chain: &Chain,
        back_to: i64,
        now: Timestamp,
    ) -> Result<(u64, Value), NodeError> {
        let mut back = self.blocks_since(back_to, now);
        loop {
            let number = chain.height.saturating_sub(back);
            let hash = self.rpc.call("getblockhash", json!([number])).await?;
            let head = self.rpc.call("getblockheader", json!([&hash])).await?;
            if number == 0 || self.median_time(&head)?.get() <= back_to {
                return Ok((number, hash));
            }
            back = back.saturating_mul(2);
        }
    }

    /// All outputs received after that block, including unconfirmed ones.
    async fn outputs(&self, since: &Value) -> Result<Vec<Output>, NodeError> {
        let outputs = self.list_outputs(since).await?;
        let unconfirmed: BTreeSet<&str> = outputs
            .iter()
            .filter(|output| output.block_time.is_none())
            .map(|output| output.txid.as_str())
            .collect();
        let calls = unconfirmed.iter().map(|id| ("getmempoolentry", json!([id]))).collect();
        let answers = self.rpc.batch_with_refusals(calls).await?;
        // The wallet keeps transactions that were replaced by one that does not pay it; the mempool does not.
        let mut replaced: BTreeSet<String> = BTreeSet::new();
        for (id, answer) in unconfirmed.iter().zip(answers) {
            match answer {
                Ok(_) => {}
                Err(NodeError::Refused { code: NOT_IN_MEMPOOL, .. }) => {
                    replaced.insert((*id).to_owned());
                }
                Err(error) => return Err(error),
            }
        }
        if replaced.is_empty() {
            return Ok(outputs);
        }
        // Or they were mined between the two requests.
        let mut outputs = self.list_outputs(since).await?;
        outputs.retain(|output| output.block_time.is_some() || !replaced.contains(&output.txid));
        Ok(outputs)
    }

    async fn list_outputs(&self, since: &Value) -> Result<Vec<Output>, NodeError> {
        let params = json!({"blockhash": since, "include_removed": false});
        let listed = self.rpc.call("listsinceblock", params).await?;
        payments::parse_outputs(&listed, self.coin)
            .ok_or_else(|| self.rpc.malformed("listsinceblock"))
    }

    fn script_of<'a>(&self, invoice: &'a WatchedInvoice) -> Option<WatchedScript<'a>> {
        if invoice.coin != Coin::BitcoinLike(self.coin) {
            return None;
        }
        let needed = match invoice.depth {
            Depth::Blocks(n) => n,
            Depth::Final => self.rules.final_depth,
        };
        Some(WatchedScript { invoice, hex: invoice.address.script(&invoice.coin)?, needed })
    }

    /// An estimate on the high side: an eighth more than expected, plus two hours.
    fn blocks_since(&self, time: i64, now: Timestamp) -> u64 {
        let expected = |seconds: i64| seconds / self.rules.block_seconds;
        let blocks = expected(now.get().saturating_sub(time).max(0));
        let blocks = blocks.saturating_add(blocks / 8).saturating_add(expected(TWO_HOURS));
        u64::try_from(blocks).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::NodeUrl;

    const NOW: i64 = 1_795_267_507;

    fn open(coin: &'static BitcoinLike) -> Result<Bitcoin, NodeError> {
        let url = NodeUrl::parse("http://127.0.0.1:8332").unwrap();
        Bitcoin::open(coin, RpcClient::open(&url, None).unwrap())
    }

    #[test]
    fn only_a_coin_whose_chain_is_known_is_followed() {
        for coin in BitcoinLike::ALL {
            let opened = open(coin).map(|node| (node.network(), node.oldest_head_minutes));
            let expected = match coin.currency {
                "BTC" => Ok(("bitcoin", 240)),
                "LTC" => Ok(("litecoin", 60)),
                _ => {
                    let message = format!("the shop cannot follow {} on a node", coin.name);
                    Err(NodeError::Other(message))
                }
            };
            assert_eq!(opened, expected);
        }
    }

    #[test]
    fn a_head_too_old_or_from_the_future_is_in_doubt() {
        let bitcoin = open(&BitcoinLike::ALL[0]).unwrap();
        let oldest = bitcoin.oldest_head_minutes;
        let check = |minutes: i64| {
            let head = json!({"time": NOW + minutes * 60});
            bitcoin.check_age(&head, Timestamp::new(NOW).unwrap())
        };
        for minutes in [-oldest, 0, MAX_AHEAD_MINUTES] {
            assert_eq!(check(minutes), Ok(()), "{minutes}");
        }
        let error = check(-oldest - 1).unwrap_err();
        assert!(matches!(error, NodeError::Stale { .. }), "{error}");
        let error = check(MAX_AHEAD_MINUTES + 1).unwrap_err();
        assert!(matches!(error, NodeError::Ahead { .. }), "{error}");
        assert!(
            bitcoin.check_age(&json!({"time": i64::MAX}), Timestamp::new(NOW).unwrap()).is_err()
        );
    }
}
