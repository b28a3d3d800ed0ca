//! Watches Bitcoin payments with Bitcoin Core: a separate wallet without keys watches the scripts of the shop's
//! addresses.
//!
//! The node handles the chain: missed blocks, reorganisations, replaced transactions. Each scan asks for all outputs
//! received since the oldest invoice was placed; no payment is stored between two scans.

mod memory;
mod payments;
mod wallet;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::domain::payment::Coin;
use crate::domain::payment::observation::{Depth, ScanResult, WatchedInvoice};
use crate::domain::values::Timestamp;
use crate::infra::node::bitcoin::memory::ScanState;
use crate::infra::node::bitcoin::payments::{Asked, Part};
use crate::infra::node::{NodeError, RpcClient};

/// The genesis block of Bitcoin mainnet.
const BITCOIN: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
/// This chain has no explicit finality; exchanges wait for this many.
const FINAL: u32 = 6;
/// Units: blocks of which a synchronised node may briefly know only the headers.
const HEADS_AHEAD: u64 = 2;
/// Units: minutes. By chance, four hours without a block happen once in about five hundred thousand years.
const OLDEST_HEAD_MINUTES: i64 = 4 * 60;
/// Units: minutes. The network itself refuses blocks whose time is more than two hours ahead.
const MOST_AHEAD_MINUTES: i64 = 2 * 60 + 10;
/// Units: seconds before an order's day from which blocks are scanned: block times can be wrong by two hours.
const BEFOREHAND: i64 = 3 * 60 * 60;
/// Units: seconds.
const PER_BLOCK: i64 = 10 * 60;

/// Source: Bitcoin Core, `rpc/protocol.h`.
const NOT_IN_POOL: i64 = -5;
const WARMING_UP: i64 = -28;

/// The seller's Bitcoin Core.
pub struct Bitcoin {
    /// With the wallet's path.
    link: RpcClient,
    wallet: String,
    /// Units: minutes. The maximum age of the newest block.
    pub oldest_head_minutes: i64,
    /// The addresses that the wallet is known to watch since this process started: script → address in the node's
    /// notation.
    known: Mutex<BTreeMap<String, String>>,
}

/// What one scan knows of the node and of the last scan.
struct View<'a> {
    memory: &'a ScanState,
    chain: &'a Chain,
    kind: Kind,
    now: Timestamp,
}

/// The state of the chain at the start of a scan.
struct Chain {
    /// The number of the newest block.
    height: u64,
    head: String,
    genesis: String,
    /// The oldest block that the node has not pruned.
    lowest: u64,
}

/// How a wallet stores its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The default of Bitcoin Core since 23; since 30 the only one.
    Descriptors,
    Legacy,
}

/// Whether the wallet watches an address. Source: `getaddressinfo`.
fn watches(address: &Value) -> bool {
    address["ismine"] == true || address["iswatchonly"] == true
}

impl Bitcoin {
    /// Does not connect yet. The wallet is `shop`, or the name after `/wallet/` in the URL's path.
    ///
    /// # Errors
    /// [`NodeError::Other`] for an invalid wallet name.
    pub fn open(link: RpcClient) -> Result<Self, NodeError> {
        let wallet = match link.path().trim_end_matches('/') {
            "" => "shop",
            path => path.strip_prefix("/wallet/").unwrap_or_default(),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if wallet.is_empty() || wallet.starts_with('.') || !wallet.chars().all(is_plain) {
            return Err(NodeError::Other(
                "BTC_RPC_URL must end at the port or with a wallet name of letters, digits and dashes: http://USER:PASSWORD@127.0.0.1:8332/wallet/shop"
                    .to_owned(),
            ));
        }
        Ok(Self {
            link: link.at_path(&format!("/wallet/{wallet}")),
            wallet: wallet.to_owned(),
            oldest_head_minutes: OLDEST_HEAD_MINUTES,
            known: Mutex::default(),
        })
    }

    /// Scans for every Bitcoin invoice among `followed`. An invoice that would need blocks which the node has pruned is
    /// left out.
    ///
    /// # Errors
    /// [`NodeError`]: this scan changes nothing.
    pub async fn look(
        &self,
        followed: &[WatchedInvoice],
        memory: Option<&str>,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let mut known = self.known.lock().await;
        let look = self.look_at(&mut known, followed, ScanState::read(memory), now).await;
        if look.is_err() {
            // The node may come back as another one, or with another wallet.
            known.clear();
        }
        look
    }

    async fn look_at(
        &self,
        known: &mut BTreeMap<String, String>,
        followed: &[WatchedInvoice],
        memory: ScanState,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let asked: Vec<Asked<'_>> = followed.iter().filter_map(asked).collect();
        let (chain, kind) = self.chain(known, &memory).await?;
        let deepest = asked.iter().map(|one| one.needed).max().unwrap_or(FINAL);
        let oldest = asked.iter().map(|one| one.followed.placed_on).min().unwrap_or(now);
        let back_to = oldest.get().saturating_sub(BEFOREHAND);

        let deep = chain.height.saturating_sub(u64::from(deepest.saturating_sub(1)));
        let before = chain.height.saturating_sub(blocks_since(back_to, now));
        let hashes = vec![("getblockhash", json!([deep])), ("getblockhash", json!([before]))];
        let hashes = self.link.batch(hashes).await?;
        let heads = vec![
            ("getblockheader", json!([chain.head])),
            ("getblockheader", json!([hashes[0]])),
            ("getblockheader", json!([hashes[1]])),
        ];
        let heads = self.link.batch(heads).await?;
        self.is_fresh(&heads[0], now)?;
        let time = self.median_time(&heads[1])?;
        let since = if before == 0 || self.median_time(&heads[2])?.get() <= back_to {
            hashes[1].clone()
        } else {
            self.block_before(&chain, back_to, now).await?.1
        };

        let searched =
            self.follow(known, &asked, View { memory: &memory, chain: &chain, kind, now }).await?;
        let (asked, left_out): (Vec<Asked<'_>>, Vec<Asked<'_>>) =
            asked.into_iter().partition(|one| searched.contains(&one.followed.id));
        let time = payments::time(time, now, &left_out);
        let parts = if asked.is_empty() { Vec::new() } else { self.parts(&since).await? };
        let memory = ScanState {
            genesis: Some(chain.genesis),
            head: chain.height,
            looked_at: now.get(),
            searched,
        };
        Ok(ScanResult {
            ahead: 0,
            head: chain.height,
            time,
            observations: payments::observations(&asked, &parts, known),
            memory: serde_json::to_string(&memory)
                .map_err(|_| NodeError::Other("detected payments cannot be stored".to_owned()))?,
        })
    }

    /// Checks that it is the right chain and that the node is synchronised.
    async fn chain(
        &self,
        known: &mut BTreeMap<String, String>,
        memory: &ScanState,
    ) -> Result<(Chain, Kind), NodeError> {
        let mut calls = vec![
            ("getblockchaininfo", json!([])),
            ("getblockhash", json!([0])),
            ("getwalletinfo", json!([])),
        ];
        if let Some(address) = known.values().next_back() {
            calls.push(("getaddressinfo", json!([address])));
        }
        let mut answers = self.link.batch_of_each(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Err(self.link.malformed("a batch")));
        let info = next().map_err(|error| self.if_warming_up(error))?;
        let (genesis, wallet) = (next()?, next());

        let malformed = || self.link.malformed("getblockchaininfo");
        let number = |name: &str| info[name].as_u64().ok_or_else(malformed);
        let name = info["chain"].as_str().ok_or_else(malformed)?;
        let genesis = genesis.as_str().ok_or_else(malformed)?.to_owned();
        // Coins of the test networks are worthless, and their addresses have the same scripts. A "regtest" chain is one
        // that the seller creates for testing.
        if name != "regtest" && genesis != BITCOIN {
            let found = if name == "main" { "main (of another coin)" } else { name };
            return Err(NodeError::OtherChain {
                node: self.link.node(),
                expected: "main (Bitcoin)".to_owned(),
                found: found.chars().filter(|c| (' '..='~').contains(c)).take(40).collect(),
            });
        }
        if memory.genesis.as_ref().is_some_and(|before| *before != genesis) {
            return Err(NodeError::OtherGenesis { node: self.link.node() });
        }
        let height = number("blocks")?;
        if info["initialblockdownload"].as_bool().ok_or_else(malformed)?
            || height.saturating_add(HEADS_AHEAD) < number("headers")?
        {
            return Err(NodeError::Syncing { node: self.link.node() });
        }
        // After a crash a node may have lost its last blocks, and downloads them again.
        let final_then = memory.head.saturating_sub(u64::from(FINAL));
        if height < final_then {
            return Err(NodeError::WentBack { node: self.link.node(), number: final_then });
        }
        let is_pruned = info["pruned"].as_bool().ok_or_else(malformed)?;
        let chain = Chain {
            height,
            head: info["bestblockhash"].as_str().ok_or_else(malformed)?.to_owned(),
            genesis,
            lowest: if is_pruned { number("pruneheight")? } else { 0 },
        };
        let kind = self.open_wallet(wallet).await?;
        // Another wallet may have the name by now.
        if !known.is_empty() && !next().is_ok_and(|address| watches(&address)) {
            known.clear();
        }
        Ok((chain, kind))
    }

    fn if_warming_up(&self, error: NodeError) -> NodeError {
        match error {
            NodeError::Refused { code: WARMING_UP, .. } => {
                NodeError::Syncing { node: self.link.node() }
            }
            other => other,
        }
    }

    fn is_fresh(&self, head: &Value, now: Timestamp) -> Result<(), NodeError> {
        let made_at = head["time"].as_i64().and_then(|at| Timestamp::new(at).ok());
        let made_at = made_at.ok_or_else(|| self.link.malformed("getblockheader"))?;
        let minutes = now.minutes_after(made_at);
        if self.oldest_head_minutes < minutes {
            return Err(NodeError::Stale { node: self.link.node(), minutes });
        }
        let minutes = made_at.minutes_after(now);
        if MOST_AHEAD_MINUTES < minutes {
            return Err(NodeError::Ahead { node: self.link.node(), minutes });
        }
        Ok(())
    }

    /// The median of eleven blocks: it never decreases from one block to the next, and is behind the real time.
    fn median_time(&self, head: &Value) -> Result<Timestamp, NodeError> {
        head["mediantime"]
            .as_i64()
            .and_then(|at| Timestamp::new(at).ok())
            .ok_or_else(|| self.link.malformed("getblockheader"))
    }

    /// A block made before `back_to`, but not much earlier if blocks come at the usual rate: its number and hash.
    async fn block_before(
        &self,
        chain: &Chain,
        back_to: i64,
        now: Timestamp,
    ) -> Result<(u64, Value), NodeError> {
        let mut back = blocks_since(back_to, now);
        loop {
            let number = chain.height.saturating_sub(back);
            let hash = self.link.call("getblockhash", json!([number])).await?;
            let head = self.link.call("getblockheader", json!([&hash])).await?;
            if number == 0 || self.median_time(&head)?.get() <= back_to {
                return Ok((number, hash));
            }
            back = back.saturating_mul(2);
        }
    }

    /// All outputs received after that block, including unconfirmed ones.
    async fn parts(&self, since: &Value) -> Result<Vec<Part>, NodeError> {
        let parts = self.listed(since).await?;
        let waiting: BTreeSet<&str> = parts
            .iter()
            .filter(|part| part.in_block.is_none())
            .map(|part| part.transaction.as_str())
            .collect();
        let calls = waiting.iter().map(|id| ("getmempoolentry", json!([id]))).collect();
        let answers = self.link.batch_of_each(calls).await?;
        // The wallet keeps transactions that were replaced by one that does not pay it; the mempool does not.
        let mut gone: BTreeSet<String> = BTreeSet::new();
        for (id, answer) in waiting.iter().zip(answers) {
            match answer {
                Ok(_) => {}
                Err(NodeError::Refused { code: NOT_IN_POOL, .. }) => {
                    gone.insert((*id).to_owned());
                }
                Err(error) => return Err(error),
            }
        }
        if gone.is_empty() {
            return Ok(parts);
        }
        // Or they were mined between the two requests.
        let mut parts = self.listed(since).await?;
        parts.retain(|part| part.in_block.is_some() || !gone.contains(&part.transaction));
        Ok(parts)
    }

    async fn listed(&self, since: &Value) -> Result<Vec<Part>, NodeError> {
        let params = json!({"blockhash": since, "include_removed": false});
        let listed = self.link.call("listsinceblock", params).await?;
        payments::parts(&listed).ok_or_else(|| self.link.malformed("listsinceblock"))
    }
}

fn asked(followed: &WatchedInvoice) -> Option<Asked<'_>> {
    if followed.coin != Coin::Bitcoin {
        return None;
    }
    let needed = match followed.depth {
        Depth::Blocks(n) => n.max(1),
        Depth::Final => FINAL,
    };
    Some(Asked { followed, script: followed.address.bitcoin_script()?, needed })
}

/// An estimate on the high side: an eighth more than expected, plus two hours.
fn blocks_since(time: i64, now: Timestamp) -> u64 {
    let blocks = now.get().saturating_sub(time).max(0) / PER_BLOCK;
    u64::try_from(blocks.saturating_add(blocks / 8).saturating_add(12)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::NodeUrl;

    const NOW: i64 = 1_795_267_507;

    #[test]
    fn a_head_too_old_or_from_the_future_is_in_doubt() {
        let url = NodeUrl::parse("http://127.0.0.1:8332").unwrap();
        let bitcoin = Bitcoin::open(RpcClient::open(&url, None).unwrap()).unwrap();
        let check = |minutes: i64| {
            let head = json!({"time": NOW + minutes * 60});
            bitcoin.is_fresh(&head, Timestamp::new(NOW).unwrap())
        };
        for minutes in [-OLDEST_HEAD_MINUTES, 0, MOST_AHEAD_MINUTES] {
            assert_eq!(check(minutes), Ok(()), "{minutes}");
        }
        let error = check(-OLDEST_HEAD_MINUTES - 1).unwrap_err();
        assert!(matches!(error, NodeError::Stale { .. }), "{error}");
        let error = check(MOST_AHEAD_MINUTES + 1).unwrap_err();
        assert!(matches!(error, NodeError::Ahead { .. }), "{error}");
        assert!(
            bitcoin.is_fresh(&json!({"time": i64::MAX}), Timestamp::new(NOW).unwrap()).is_err()
        );
    }
}
