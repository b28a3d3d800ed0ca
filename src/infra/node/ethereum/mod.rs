//! A node of an EVM chain. It compares balances, not transactions: a payment by a contract is no transaction to the
//! address.

mod balances;
mod chain;
mod codec;
mod evaluate;
mod scan_state;
mod transfers;

use std::collections::{BTreeMap, BTreeSet};

use balances::Asset;
use chain::{Chain, chain_of, decimals, deep_number};
use codec::{Block, Hash};
use evaluate::{Balances, SentCounts};
use scan_state::ScanState;
use serde_json::{Value, json};

use crate::domain::payment::{Address, Coin, Depth, Observation, ScanResult, WatchedInvoice};
use crate::domain::values::{Amount, Timestamp};
use crate::infra::node::{NodeError, RpcClient, ScanInput};

/// Units: calls per request. Source: geth's own limit is 1,000.
const MAX_CALLS: usize = 500;
/// Units: calls per request that read many balances each.
const MAX_BALANCE_CALLS: usize = 40;
/// After a longer pause, all addresses are checked for outgoing transactions. Units: seconds of the chain's time.
const LONG_PAUSE_SECONDS: i64 = 60;
/// The same in blocks: chains with four blocks per second make 60 between two scans.
const LONG_PAUSE_BLOCKS: u64 = 250;
/// How many new blocks a scan anticipates, to save a request: in 15 seconds there is rarely more than one.
const EXPECTED_BLOCKS: u64 = 3;

/// Units: seconds that the newest block may be ahead of this host's clock. A clock in the wrong time zone does no harm,
/// since orders are judged by the chain's time when they were placed; beyond a day, one of the two clocks is broken.
const MAX_AHEAD_SECONDS: i64 = 24 * 60 * 60;

pub struct Ethereum {
    rpc: RpcClient,
    /// Units: seconds; if the newest block is older, the chain has stopped or the node is disconnected from it.
    oldest_head: i64,
}

/// Where a balance that is read belongs.
struct BalanceSlot {
    /// The index of the invoice in the scan.
    index: usize,
    /// At the required depth, not at the newest block.
    is_deep: bool,
}

impl Ethereum {
    /// Units: seconds. Ethereum makes a block every 12 seconds.
    pub const OLDEST_HEAD: i64 = 180;

    pub fn open(rpc: RpcClient, oldest_head: i64) -> Self {
        Self { rpc, oldest_head }
    }

    /// The id of the node's chain.
    ///
    /// # Errors
    /// [`NodeError`] if the node does not report it.
    pub async fn chain_id(&self) -> Result<u64, NodeError> {
        let answer = self.rpc.call("eth_chainId", json!([])).await?;
        codec::number(&answer).ok_or_else(|| self.rpc.malformed("eth_chainId"))
    }

    /// Which of these addresses have ever sent a transaction, or have a balance of this coin.
    ///
    /// # Errors
    /// [`NodeError`]: nothing is known about any of them.
    pub async fn list_used(
        &self,
        coin: &Coin,
        addresses: &[Address],
    ) -> Result<Vec<bool>, NodeError> {
        let asset = Asset::of(coin);
        let mut all_used = Vec::with_capacity(addresses.len());
        for chunk in addresses.chunks(asset.most_addresses().min(MAX_CALLS - 1)) {
            let mut calls: Vec<(&str, Value)> = chunk
                .iter()
                .map(|address| ("eth_getTransactionCount", json!([address.as_str(), "latest"])))
                .collect();
            let chunk: Vec<&Address> = chunk.iter().collect();
            calls.push(("eth_call", json!([{"data": asset.data(&chunk)}, "latest"])));
            let mut answers = self.rpc.batch(calls).await?;
            let balances = answers.pop().unwrap_or_default();
            let balances = self.balances(asset, chunk.len(), &balances)?;
            for (sent, balance) in answers.iter().zip(balances) {
                let sent = self.number("eth_getTransactionCount", sent)?;
                all_used.push(0 < sent || 0 < balance);
            }
        }
        Ok(all_used)
    }

    /// Scans once, completely.
    ///
    /// # Errors
    /// [`NodeError`]: nothing changes.
    pub async fn scan(&self, input: ScanInput<'_>) -> Result<ScanResult, NodeError> {
        let ScanInput { invoices, now, .. } = input;
        let state: Option<ScanState> =
            input.state.map(serde_json::from_str).transpose().map_err(|_| {
                NodeError::Other("the stored state of the node is unreadable".to_owned())
            })?;
        match self.try_scan(invoices, state.clone(), now).await {
            // A reorganisation happened between the requests, and the node no longer knows the requested blocks.
            Err(NodeError::Refused { .. } | NodeError::Reorganized { .. }) => {
                self.try_scan(invoices, state, now).await
            }
            result => result,
        }
    }

    async fn try_scan(
        &self,
        invoices: &[WatchedInvoice],
        state: Option<ScanState>,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let (genesis, chain) = self.read_chain(invoices, state.as_ref(), now).await?;
        let ids = invoices.iter().map(|invoice| invoice.id).collect();
        let is_known = state.as_ref().is_some_and(|state| chain.is_known(state, invoices));
        let last = state.as_ref().map(|state| (state.head.0, state.head_time));
        let mut next = state.unwrap_or_else(|| ScanState::new(chain.id, genesis));
        next.keep_only(&ids);
        if is_known {
            return self.scan_result(&next, Vec::new(), now);
        }

        let (alone, shared): (Vec<&WatchedInvoice>, Vec<&WatchedInvoice>) =
            invoices.iter().partition(|invoice| invoice.has_own_address);
        let is_long_pause = last.is_none_or(|(number, time)| {
            number.saturating_add(LONG_PAUSE_BLOCKS) < chain.head.number
                || time.saturating_add(LONG_PAUSE_SECONDS) < chain.head.time
        });
        let mut observations = self.check_balances(&chain, &alone, is_long_pause).await?;
        for (invoice, observation) in &mut observations {
            observation.needed = chain.needed(invoice.depth);
            let last = invoice.last.map_or(Amount::ZERO, |last| last.seen);
            let since = next.since_of(invoice.id, last < observation.seen, chain.head.number);
            observation.confirmations =
                evaluate::confirmations(observation, chain.head.number, since);
            if observation.seen == Amount::ZERO {
                next.since.remove(&invoice.id);
            }
        }

        let mut time = chain.deepest_time();
        if shared.is_empty() {
            next.forget_from(0);
        } else {
            let (seen, scanned) = self.check_transfers(&chain, &shared, &mut next).await?;
            observations.extend(seen);
            time = time.min(scanned);
        }
        next.head = (chain.head.number, chain.head.hash.clone());
        next.head_time = chain.head.time;
        if let Some(block) = &chain.finalized {
            next.finalized = Some((block.number, block.hash.clone()));
        }
        next.time = time;
        next.keep_only(&ids);
        let observations = observations
            .into_iter()
            .map(|(invoice, observation)| (invoice.id, observation))
            .collect();
        self.scan_result(&next, observations, now)
    }

    fn scan_result(
        &self,
        state: &ScanState,
        observations: Vec<(i64, Observation)>,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let time = Timestamp::new(state.time).map_err(|_| self.rpc.malformed("a block's time"))?;
        let ahead = state.head_time.saturating_sub(now.get()).max(0);
        let saved =
            serde_json::to_string(state).map_err(|error| NodeError::Other(error.to_string()))?;
        Ok(ScanResult { head: state.head.0, time, ahead, observations, state: saved })
    }

    /// Reads the state of the chain and checks that it can be relied on; also returns the hash of the genesis block.
    async fn read_chain(
        &self,
        invoices: &[WatchedInvoice],
        state: Option<&ScanState>,
        now: Timestamp,
    ) -> Result<(Hash, Chain), NodeError> {
        let depths: BTreeSet<Depth> = invoices.iter().map(|invoice| invoice.depth).collect();
        // The blocks near the expected head; any others are requested later.
        let expected: BTreeSet<u64> = state
            .iter()
            .flat_map(|state| state.head.0..=state.head.0.saturating_add(EXPECTED_BLOCKS))
            .flat_map(|head| depths.iter().filter_map(move |depth| deep_number(*depth, head)))
            .filter(|number| state.is_none_or(|state| *number <= state.head.0))
            .collect();
        let mut numbers: Vec<u64> = expected.into_iter().collect();
        numbers.extend(state.and_then(|state| state.finalized.as_ref()).map(|(number, _)| *number));

        let mut calls = vec![
            ("eth_chainId", json!([])),
            ("eth_getBlockByNumber", json!(["0x0", false])),
            ("eth_syncing", json!([])),
            ("eth_getBlockByNumber", json!(["latest", false])),
            ("eth_getBlockByNumber", json!(["finalized", false])),
        ];
        calls.extend(
            numbers.iter().map(|n| ("eth_getBlockByNumber", json!([codec::hex(*n), false]))),
        );
        let mut answers = self.rpc.batch_with_refusals(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Err(self.rpc.malformed("a batch")));
        let id = self.number("eth_chainId", &next()?)?;
        let genesis = self.block(&next()?)?;
        let syncing = next()?;
        let head = self.block(&next()?)?;
        // Shortly after its start a node does not know the finalized block, and some chains never do.
        let finalized = match next() {
            Ok(Value::Null) | Err(NodeError::Refused { .. }) => None,
            Ok(block) => Some(self.block(&block)?),
            Err(error) => return Err(error),
        };
        let mut known = BTreeMap::new();
        for number in numbers {
            let answer = next()?;
            if !answer.is_null() {
                let block = self.block(&answer)?;
                if block.number != number {
                    return Err(self.rpc.malformed("a different block than requested"));
                }
                known.insert(number, block);
            }
        }

        self.check_chain(invoices, state, id, &genesis)?;
        if syncing != false {
            return Err(NodeError::Syncing { node: self.rpc.node() });
        }
        self.check_age(&head, now)?;
        let chain = Chain { id, head, finalized, deep: BTreeMap::new() };
        self.check_finality(&chain, state, &known)?;
        let deep = self.deep_blocks(depths, &chain, known).await?;
        Ok((genesis.hash, Chain { deep, ..chain }))
    }

    /// A finalized block must not change, and none may be above the newest block.
    fn check_finality(
        &self,
        chain: &Chain,
        state: Option<&ScanState>,
        known: &BTreeMap<u64, Block>,
    ) -> Result<(), NodeError> {
        if let Some((number, hash)) = state.and_then(|state| state.finalized.as_ref()) {
            let is_there = known.get(number).is_some_and(|block| block.hash == *hash);
            let is_back = chain.finalized.as_ref().is_some_and(|block| block.number < *number);
            if !is_there || is_back {
                return Err(NodeError::LostBlock { node: self.rpc.node(), number: *number });
            }
        }
        if chain.finalized.as_ref().is_some_and(|block| chain.head.number < block.number) {
            return Err(NodeError::Reorganized { node: self.rpc.node() });
        }
        Ok(())
    }

    /// The newest block at each depth; `known`: blocks already requested, by number.
    async fn deep_blocks(
        &self,
        depths: BTreeSet<Depth>,
        chain: &Chain,
        mut known: BTreeMap<u64, Block>,
    ) -> Result<BTreeMap<Depth, Option<Block>>, NodeError> {
        let mut deep = BTreeMap::new();
        for depth in depths {
            let block = match (depth, deep_number(depth, chain.head.number)) {
                (Depth::Final, _) => {
                    let message = "the node does not report finality: wait a little, or set CONFIRMATIONS to a number of blocks";
                    let missing = || NodeError::Other(message.to_owned());
                    Some(chain.finalized.clone().ok_or_else(missing)?)
                }
                (Depth::Blocks(_), None) => None,
                (Depth::Blocks(_), Some(number)) if number == chain.head.number => {
                    Some(chain.head.clone())
                }
                (Depth::Blocks(_), Some(number)) => match known.remove(&number) {
                    Some(block) => Some(block),
                    None => Some(self.block_at(number).await?),
                },
            };
            deep.insert(depth, block);
        }
        Ok(deep)
    }

    fn check_chain(
        &self,
        invoices: &[WatchedInvoice],
        state: Option<&ScanState>,
        id: u64,
        genesis: &Block,
    ) -> Result<(), NodeError> {
        let node = self.rpc.node();
        let needed = invoices.iter().filter_map(|invoice| chain_of(&invoice.coin));
        let before = state.iter().map(|state| state.chain);
        if let Some(other) = needed.chain(before).find(|needed| *needed != id) {
            let (expected, found) = (other.to_string(), id.to_string());
            return Err(NodeError::WrongChain { node, expected, found });
        }
        if state.is_some_and(|state| state.genesis != genesis.hash) {
            return Err(NodeError::WrongGenesis { node });
        }
        Ok(())
    }

    fn check_age(&self, head: &Block, now: Timestamp) -> Result<(), NodeError> {
        let node = self.rpc.node();
        let age = now.get().saturating_sub(head.time);
        if self.oldest_head < age {
            return Err(NodeError::Stale { node, minutes: age / 60 });
        }
        let ahead = head.time.saturating_sub(now.get());
        if MAX_AHEAD_SECONDS < ahead {
            return Err(NodeError::Ahead { node, minutes: ahead / 60 });
        }
        Ok(())
    }

    async fn check_balances<'a>(
        &self,
        chain: &Chain,
        invoices: &[&'a WatchedInvoice],
        is_long_pause: bool,
    ) -> Result<Vec<(&'a WatchedInvoice, Observation)>, NodeError> {
        let balances = self.read_balances(chain, invoices).await?;
        // After a long pause, a payment may have come and gone unseen.
        let to_count: Vec<usize> = (0..invoices.len())
            .filter(|n| {
                let is_open = balances[*n].deep < invoices[*n].amount;
                evaluate::needs_sent_counts(invoices[*n], balances[*n])
                    || (is_long_pause && is_open)
            })
            .collect();
        let mut sent = vec![None; invoices.len()];
        for chunk in to_count.chunks(MAX_CALLS / 2) {
            let calls = chunk.iter().flat_map(|n| {
                let deep = chain.deep_hash(invoices[*n].depth);
                [&chain.head.hash, deep.unwrap_or(&chain.head.hash)].map(|hash| {
                    ("eth_getTransactionCount", json!([invoices[*n].address.as_str(), at(hash)]))
                })
            });
            let answers = self.rpc.batch(calls.collect()).await?;
            for (n, answers) in chunk.iter().zip(answers.chunks(2)) {
                let [head, deep] = answers else { continue };
                let head = self.number("eth_getTransactionCount", head)?;
                let deep = match chain.deep_hash(invoices[*n].depth) {
                    Some(_) => self.number("eth_getTransactionCount", deep)?,
                    None => 0,
                };
                sent[*n] = Some(SentCounts { head, deep });
            }
        }
        let observe =
            |n: usize| (invoices[n], evaluate::observe(invoices[n], balances[n], sent[n]));
        Ok((0..invoices.len()).map(observe).collect())
    }

    /// The balances of each address, at the newest block and at the required depth, in a single request if possible.
    async fn read_balances(
        &self,
        chain: &Chain,
        invoices: &[&WatchedInvoice],
    ) -> Result<Vec<Balances>, NodeError> {
        let mut groups: BTreeMap<(Asset<'_>, &str), Vec<BalanceSlot>> = BTreeMap::new();
        for (index, invoice) in invoices.iter().enumerate() {
            let asset = Asset::of(&invoice.coin);
            let slots = groups.entry((asset, &chain.head.hash)).or_default();
            slots.push(BalanceSlot { index, is_deep: false });
            if let Some(hash) = chain.deep_hash(invoice.depth) {
                let slots = groups.entry((asset, hash)).or_default();
                slots.push(BalanceSlot { index, is_deep: true });
            }
        }
        let calls: Vec<(Asset<'_>, &str, &[BalanceSlot])> = groups
            .iter()
            .flat_map(|((asset, hash), slots)| {
                slots.chunks(asset.most_addresses()).map(|slots| (*asset, *hash, slots))
            })
            .collect();
        let mut balances =
            vec![Balances { head: Amount::ZERO, deep: Amount::ZERO }; invoices.len()];
        for calls in calls.chunks(MAX_BALANCE_CALLS) {
            let requests = calls.iter().map(|(asset, hash, slots)| {
                let addresses: Vec<&Address> =
                    slots.iter().map(|slot| &invoices[slot.index].address).collect();
                ("eth_call", json!([{"data": asset.data(&addresses)}, at(hash)]))
            });
            let answers = self.rpc.batch_with_refusals(requests.collect()).await?;
            for ((asset, _, slots), answer) in calls.iter().zip(answers) {
                let answer = answer.map_err(|error| asset.explain_token_error(error))?;
                let units = self.balances(*asset, slots.len(), &answer)?;
                for (slot, units) in slots.iter().zip(units) {
                    let gwei = codec::gwei(units, decimals(&invoices[slot.index].coin));
                    let balances = &mut balances[slot.index];
                    *(if slot.is_deep { &mut balances.deep } else { &mut balances.head }) = gwei;
                }
            }
        }
        Ok(balances)
    }

    fn balances(&self, asset: Asset<'_>, n: usize, answer: &Value) -> Result<Vec<u128>, NodeError> {
        let n_before = asset.n_words_before();
        codec::units_list(answer)
            .filter(|all| all.len() == n + n_before)
            .map(|all| all[n_before..].to_vec())
            .ok_or_else(|| self.rpc.malformed("balances"))
    }

    async fn block_at(&self, number: u64) -> Result<Block, NodeError> {
        let params = json!([codec::hex(number), false]);
        let block = self.block(&self.rpc.call("eth_getBlockByNumber", params).await?)?;
        if block.number == number {
            Ok(block)
        } else {
            Err(self.rpc.malformed("a different block than requested"))
        }
    }

    fn block(&self, answer: &Value) -> Result<Block, NodeError> {
        codec::block(answer).ok_or_else(|| self.rpc.malformed("a block"))
    }

    fn number(&self, method: &str, answer: &Value) -> Result<u64, NodeError> {
        codec::number(answer).ok_or_else(|| self.rpc.malformed(method))
    }
}

/// Source: EIP-1898. A node refuses if this block is no longer on its chain.
fn at(hash: &str) -> Value {
    json!({"blockHash": hash, "requireCanonical": true})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::NodeUrl;

    const NOW: i64 = 1_795_267_507;

    fn ethereum() -> Ethereum {
        let url = NodeUrl::parse("http://127.0.0.1:8545").unwrap();
        Ethereum::open(RpcClient::open(&url, None).unwrap(), Ethereum::OLDEST_HEAD)
    }

    fn head(time: i64) -> Block {
        Block { number: 7, hash: String::new(), parent: String::new(), time }
    }

    #[test]
    fn a_head_too_old_or_from_the_future_is_in_doubt() {
        let now = Timestamp::new(NOW).unwrap();
        let check = |time: i64| ethereum().check_age(&head(time), now);
        for time in [NOW - Ethereum::OLDEST_HEAD, NOW, NOW + MAX_AHEAD_SECONDS] {
            assert_eq!(check(time), Ok(()), "{time}");
        }
        let error = check(NOW - Ethereum::OLDEST_HEAD - 1).unwrap_err();
        assert!(matches!(error, NodeError::Stale { minutes: 3, .. }), "{error}");
        let error = check(NOW + MAX_AHEAD_SECONDS + 1).unwrap_err();
        assert!(matches!(error, NodeError::Ahead { minutes: 1_440, .. }), "{error}");
        assert!(check(i64::MAX).is_err());
    }

    #[test]
    fn a_scan_reports_how_far_the_chain_is_ahead() {
        let now = Timestamp::new(NOW).unwrap();
        for (head_time, expected) in [(NOW - 60, 0), (NOW, 0), (NOW + 60, 60)] {
            let state = ScanState { head_time, ..ScanState::new(1, String::new()) };
            let scan = ethereum().scan_result(&state, Vec::new(), now).unwrap();
            assert_eq!(scan.ahead, expected);
        }
    }

    #[test]
    fn no_number_of_a_node_is_too_large() {
        assert_eq!(deep_number(Depth::Blocks(3), u64::MAX), Some(u64::MAX - 3));
        assert_eq!(deep_number(Depth::Blocks(3), 1), None);
    }
}
