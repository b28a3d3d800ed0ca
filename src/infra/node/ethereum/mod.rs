//! A node of an EVM chain. It compares balances, not transactions: a payment by a contract is no transaction to the
//! address.

mod balances;
mod chain;
mod evaluate;
mod memory;
mod transfers;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use balances::Counted;
use chain::{Chain, chain_of, decimals, deep_number};
use evaluate::{Found, Sent};
use memory::ScanState;
use serde_json::{Value, json};
use words::{Block, Hash};

use crate::domain::payment::{Address, Coin, Depth, Observation, ScanResult, WatchedInvoice};
use crate::domain::values::{Amount, Timestamp};
use crate::infra::node::{NodeError, RpcClient};

/// Units: calls per request. Source: geth's own limit is 1,000.
const MOST_CALLS: usize = 500;
/// Units: calls per request that read many balances each.
const MOST_PROGRAMS: usize = 40;
/// After a longer pause, all addresses are checked for outgoing transactions. Units: seconds of the chain's time.
const LONG_SECONDS: i64 = 60;
/// The same in blocks: chains with four blocks per second make 60 between two scans.
const LONG_BLOCKS: u64 = 250;
/// How many new blocks a scan anticipates, to save a request: in 15 seconds there is rarely more than one.
const FORESEEN_BLOCKS: u64 = 3;

/// Units: seconds that the newest block may be ahead of this host's clock. A clock in the wrong time zone does no harm,
/// since orders are judged by the chain's time when they were placed; beyond a day, one of the two clocks is broken.
const MOST_AHEAD: i64 = 24 * 60 * 60;

pub struct Ethereum {
    link: RpcClient,
    /// Units: seconds; if the newest block is older, the chain has stopped or the node is disconnected from it.
    oldest_head: i64,
}

/// The index of an invoice in the scan, and whether the balance at the required depth is read.
type Place = (usize, bool);

impl Ethereum {
    /// Units: seconds. Ethereum makes a block every 12 seconds.
    pub const OLDEST_HEAD: i64 = 180;

    pub fn open(link: RpcClient, oldest_head: i64) -> Self {
        Self { link, oldest_head }
    }

    /// The id of the node's chain.
    ///
    /// # Errors
    /// [`NodeError`] if the node does not report it.
    pub async fn chain_id(&self) -> Result<u64, NodeError> {
        let answer = self.link.call("eth_chainId", json!([])).await?;
        words::number(&answer).ok_or_else(|| self.link.malformed("eth_chainId"))
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
        let counted = Counted::of(coin);
        let mut all_used = Vec::with_capacity(addresses.len());
        for some in addresses.chunks(counted.most().min(MOST_CALLS - 1)) {
            let mut calls: Vec<(&str, Value)> = some
                .iter()
                .map(|address| ("eth_getTransactionCount", json!([address.as_str(), "latest"])))
                .collect();
            let some: Vec<&Address> = some.iter().collect();
            calls.push(("eth_call", json!([{"data": counted.data(&some)}, "latest"])));
            let mut answers = self.link.batch(calls).await?;
            let balances = answers.pop().unwrap_or_default();
            let balances = self.balances(counted, some.len(), &balances)?;
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
    pub async fn look(
        &self,
        followed: &[WatchedInvoice],
        memory: Option<&str>,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let memory: Option<ScanState> =
            memory.map(serde_json::from_str).transpose().map_err(|_| {
                NodeError::Other("the stored state of the node is unreadable".to_owned())
            })?;
        match self.try_to_look(followed, memory.clone(), now).await {
            // A reorganisation happened between the requests, and the node no longer knows the requested blocks.
            Err(NodeError::Refused { .. } | NodeError::Turned { .. }) => {
                self.try_to_look(followed, memory, now).await
            }
            looked => looked,
        }
    }

    async fn try_to_look(
        &self,
        followed: &[WatchedInvoice],
        memory: Option<ScanState>,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let (genesis, chain) = self.read_chain(followed, memory.as_ref(), now).await?;
        let ids = followed.iter().map(|followed| followed.id).collect();
        let is_known = memory.as_ref().is_some_and(|memory| chain.is_known(memory, followed));
        let last = memory.as_ref().map(|memory| (memory.head.0, memory.head_time));
        let mut next = memory.unwrap_or_else(|| ScanState::new(chain.id, genesis));
        next.keep_only(&ids);
        if is_known {
            return self.look_of(&next, Vec::new(), now);
        }

        let (alone, shared): (Vec<&WatchedInvoice>, Vec<&WatchedInvoice>) =
            followed.iter().partition(|followed| followed.is_alone);
        let is_long = last.is_none_or(|(number, time)| {
            number.saturating_add(LONG_BLOCKS) < chain.head.number
                || time.saturating_add(LONG_SECONDS) < chain.head.time
        });
        let mut observations = self.look_at_balances(&chain, &alone, is_long).await?;
        for (followed, observation) in &mut observations {
            observation.needed = chain.needed(followed.depth);
            let last = followed.last.map_or(Amount::ZERO, |last| last.seen);
            let since = next.since_of(followed.id, last < observation.seen, chain.head.number);
            observation.confirmations =
                evaluate::confirmations(observation, chain.head.number, since);
            if observation.seen == Amount::ZERO {
                next.since.remove(&followed.id);
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
        if let Some(block) = &chain.is_final {
            next.is_final = Some((block.number, block.hash.clone()));
        }
        next.time = time;
        next.keep_only(&ids);
        let observations = observations
            .into_iter()
            .map(|(followed, observation)| (followed.id, observation))
            .collect();
        self.look_of(&next, observations, now)
    }

    fn look_of(
        &self,
        memory: &ScanState,
        observations: Vec<(i64, Observation)>,
        now: Timestamp,
    ) -> Result<ScanResult, NodeError> {
        let time =
            Timestamp::new(memory.time).map_err(|_| self.link.malformed("a block's time"))?;
        let ahead = memory.head_time.saturating_sub(now.get()).max(0);
        let saved =
            serde_json::to_string(memory).map_err(|error| NodeError::Other(error.to_string()))?;
        Ok(ScanResult { head: memory.head.0, time, ahead, observations, memory: saved })
    }

    /// Reads the state of the chain and checks that it can be relied on; also returns the hash of the genesis block.
    async fn read_chain(
        &self,
        followed: &[WatchedInvoice],
        memory: Option<&ScanState>,
        now: Timestamp,
    ) -> Result<(Hash, Chain), NodeError> {
        let depths: BTreeSet<Depth> = followed.iter().map(|followed| followed.depth).collect();
        // The blocks near the expected head; any others are requested later.
        let foreseen: BTreeSet<u64> = memory
            .iter()
            .flat_map(|memory| memory.head.0..=memory.head.0.saturating_add(FORESEEN_BLOCKS))
            .flat_map(|head| depths.iter().filter_map(move |depth| deep_number(*depth, head)))
            .filter(|number| memory.is_none_or(|memory| *number <= memory.head.0))
            .collect();
        let mut numbers: Vec<u64> = foreseen.into_iter().collect();
        numbers
            .extend(memory.and_then(|memory| memory.is_final.as_ref()).map(|(number, _)| *number));

        let mut calls = vec![
            ("eth_chainId", json!([])),
            ("eth_getBlockByNumber", json!(["0x0", false])),
            ("eth_syncing", json!([])),
            ("eth_getBlockByNumber", json!(["latest", false])),
            ("eth_getBlockByNumber", json!(["finalized", false])),
        ];
        calls.extend(
            numbers.iter().map(|n| ("eth_getBlockByNumber", json!([words::hex(*n), false]))),
        );
        let mut answers = self.link.batch_of_each(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Err(self.link.malformed("a batch")));
        let id = self.number("eth_chainId", &next()?)?;
        let genesis = self.block(&next()?)?;
        let syncing = next()?;
        let head = self.block(&next()?)?;
        // Shortly after its start a node does not know the finalized block, and some chains never do.
        let is_final = match next() {
            Ok(Value::Null) | Err(NodeError::Refused { .. }) => None,
            Ok(block) => Some(self.block(&block)?),
            Err(node_error) => return Err(node_error),
        };
        let mut known = BTreeMap::new();
        for number in numbers {
            let answer = next()?;
            if !answer.is_null() {
                let block = self.block(&answer)?;
                if block.number != number {
                    return Err(self.link.malformed("a different block than requested"));
                }
                known.insert(number, block);
            }
        }

        self.check_chain(followed, memory, id, &genesis)?;
        if syncing != false {
            return Err(NodeError::Syncing { node: self.link.node() });
        }
        self.check_age(&head, now)?;
        let chain = Chain { id, head, is_final, deep: BTreeMap::new() };
        self.check_finality(&chain, memory, &known)?;
        let deep = self.deep_blocks(depths, &chain, known).await?;
        Ok((genesis.hash, Chain { deep, ..chain }))
    }

    /// A finalized block must not change, and none may be above the newest block.
    fn check_finality(
        &self,
        chain: &Chain,
        memory: Option<&ScanState>,
        known: &BTreeMap<u64, Block>,
    ) -> Result<(), NodeError> {
        if let Some((number, hash)) = memory.and_then(|memory| memory.is_final.as_ref()) {
            let is_there = known.get(number).is_some_and(|block| block.hash == *hash);
            let is_back = chain.is_final.as_ref().is_some_and(|block| block.number < *number);
            if !is_there || is_back {
                return Err(NodeError::WentBack { node: self.link.node(), number: *number });
            }
        }
        if chain.is_final.as_ref().is_some_and(|block| chain.head.number < block.number) {
            return Err(NodeError::Turned { node: self.link.node() });
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
                    let words = "the node does not report finality: wait a little, or set CONFIRMATIONS to a number of blocks";
                    Some(chain.is_final.clone().ok_or_else(|| NodeError::Other(words.to_owned()))?)
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
        followed: &[WatchedInvoice],
        memory: Option<&ScanState>,
        id: u64,
        genesis: &Block,
    ) -> Result<(), NodeError> {
        let node = self.link.node();
        let asked = followed.iter().filter_map(|followed| chain_of(&followed.coin));
        let remembered = memory.iter().map(|memory| memory.chain);
        if let Some(other) = asked.chain(remembered).find(|asked| *asked != id) {
            let (expected, found) = (other.to_string(), id.to_string());
            return Err(NodeError::OtherChain { node, expected, found });
        }
        if memory.is_some_and(|memory| memory.genesis != genesis.hash) {
            return Err(NodeError::OtherGenesis { node });
        }
        Ok(())
    }

    fn check_age(&self, head: &Block, now: Timestamp) -> Result<(), NodeError> {
        let node = self.link.node();
        let age = now.get().saturating_sub(head.time);
        if self.oldest_head < age {
            return Err(NodeError::Stale { node, minutes: age / 60 });
        }
        let ahead = head.time.saturating_sub(now.get());
        if MOST_AHEAD < ahead {
            return Err(NodeError::Ahead { node, minutes: ahead / 60 });
        }
        Ok(())
    }

    async fn look_at_balances<'a>(
        &self,
        chain: &Chain,
        alone: &[&'a WatchedInvoice],
        is_long: bool,
    ) -> Result<Vec<(&'a WatchedInvoice, Observation)>, NodeError> {
        let found = self.read_balances(chain, alone).await?;
        // After a long pause, a payment may have come and gone unseen.
        let asked: Vec<usize> = (0..alone.len())
            .filter(|n| {
                let is_open = found[*n].deep < alone[*n].amount;
                evaluate::is_sent_asked(alone[*n], found[*n]) || (is_long && is_open)
            })
            .collect();
        let mut sent = vec![None; alone.len()];
        for some in asked.chunks(MOST_CALLS / 2) {
            let calls = some.iter().flat_map(|n| {
                let deep = chain.deep_hash(alone[*n].depth);
                [&chain.head.hash, deep.unwrap_or(&chain.head.hash)].map(|hash| {
                    ("eth_getTransactionCount", json!([alone[*n].address.as_str(), at(hash)]))
                })
            });
            let answers = self.link.batch(calls.collect()).await?;
            for (n, answers) in some.iter().zip(answers.chunks(2)) {
                let [head, deep] = answers else { continue };
                let head = self.number("eth_getTransactionCount", head)?;
                let deep = match chain.deep_hash(alone[*n].depth) {
                    Some(_) => self.number("eth_getTransactionCount", deep)?,
                    None => 0,
                };
                sent[*n] = Some(Sent { head, deep });
            }
        }
        let evaluated = |n: usize| (alone[n], evaluate::judge(alone[n], found[n], sent[n]));
        Ok((0..alone.len()).map(evaluated).collect())
    }

    /// The balances of each address, at the newest block and at the required depth, in a single request if possible.
    async fn read_balances(
        &self,
        chain: &Chain,
        alone: &[&WatchedInvoice],
    ) -> Result<Vec<Found>, NodeError> {
        let mut groups: BTreeMap<(Counted<'_>, &str), Vec<Place>> = BTreeMap::new();
        for (n, followed) in alone.iter().enumerate() {
            let counted = Counted::of(&followed.coin);
            groups.entry((counted, &chain.head.hash)).or_default().push((n, false));
            if let Some(hash) = chain.deep_hash(followed.depth) {
                groups.entry((counted, hash)).or_default().push((n, true));
            }
        }
        let calls: Vec<(Counted<'_>, &str, &[Place])> = groups
            .iter()
            .flat_map(|((counted, hash), some)| {
                some.chunks(counted.most()).map(|some| (*counted, *hash, some))
            })
            .collect();
        let mut found = vec![Found { head: Amount::ZERO, deep: Amount::ZERO }; alone.len()];
        for some_calls in calls.chunks(MOST_PROGRAMS) {
            let asked = some_calls.iter().map(|(counted, hash, some)| {
                let addresses: Vec<&Address> =
                    some.iter().map(|(n, _)| &alone[*n].address).collect();
                ("eth_call", json!([{"data": counted.data(&addresses)}, at(hash)]))
            });
            let answers = self.link.batch_of_each(asked.collect()).await?;
            for ((counted, _, some), answer) in some_calls.iter().zip(answers) {
                let answer = answer.map_err(|node_error| counted.name_token(node_error))?;
                let balances = self.balances(*counted, some.len(), &answer)?;
                for ((n, is_deep), balance) in some.iter().zip(balances) {
                    let gwei = words::gwei(balance, decimals(&alone[*n].coin));
                    let place = &mut found[*n];
                    *(if *is_deep { &mut place.deep } else { &mut place.head }) = gwei;
                }
            }
        }
        Ok(found)
    }

    fn balances(
        &self,
        counted: Counted<'_>,
        n: usize,
        answer: &Value,
    ) -> Result<Vec<u128>, NodeError> {
        let n_before = counted.n_words_before();
        words::units_list(answer)
            .filter(|all| all.len() == n + n_before)
            .map(|all| all[n_before..].to_vec())
            .ok_or_else(|| self.link.malformed("balances"))
    }

    async fn block_at(&self, number: u64) -> Result<Block, NodeError> {
        let params = json!([words::hex(number), false]);
        let block = self.block(&self.link.call("eth_getBlockByNumber", params).await?)?;
        if block.number == number {
            Ok(block)
        } else {
            Err(self.link.malformed("a different block than requested"))
        }
    }

    fn block(&self, answer: &Value) -> Result<Block, NodeError> {
        words::block(answer).ok_or_else(|| self.link.malformed("a block"))
    }

    fn number(&self, method: &str, answer: &Value) -> Result<u64, NodeError> {
        words::number(answer).ok_or_else(|| self.link.malformed(method))
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
        for time in [NOW - Ethereum::OLDEST_HEAD, NOW, NOW + MOST_AHEAD] {
            assert_eq!(check(time), Ok(()), "{time}");
        }
        let node_error = check(NOW - Ethereum::OLDEST_HEAD - 1).unwrap_err();
        assert!(matches!(node_error, NodeError::Stale { minutes: 3, .. }), "{node_error}");
        let node_error = check(NOW + MOST_AHEAD + 1).unwrap_err();
        assert!(matches!(node_error, NodeError::Ahead { minutes: 1_440, .. }), "{node_error}");
        assert!(check(i64::MAX).is_err());
    }

    #[test]
    fn a_look_says_how_far_the_chain_is_ahead() {
        let now = Timestamp::new(NOW).unwrap();
        for (head_time, expected) in [(NOW - 60, 0), (NOW, 0), (NOW + 60, 60)] {
            let memory = ScanState { head_time, ..ScanState::new(1, String::new()) };
            let look = ethereum().look_of(&memory, Vec::new(), now).unwrap();
            assert_eq!(look.ahead, expected);
        }
    }

    #[test]
    fn no_number_of_a_node_is_too_large() {
        assert_eq!(deep_number(Depth::Blocks(3), u64::MAX), Some(u64::MAX - 3));
        assert_eq!(deep_number(Depth::Blocks(3), 1), None);
    }
}
