//! For orders that share an address: finds transfers of exactly an order's amount, block by block. Payments made by a
//! contract within a transaction are not seen here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::payment::{Coin, Observation, WatchedInvoice};
use crate::domain::values::Amount;
use crate::infra::node::NodeError;
use crate::infra::node::ethereum::chain::decimals;
use crate::infra::node::ethereum::codec::{Block, Hash};
use crate::infra::node::ethereum::scan_state::{ScanState, TransferMatch};
use crate::infra::node::ethereum::{Chain, Ethereum, codec};

/// Units: blocks; if nothing was read before, reading starts this far behind the newest.
const INITIAL_BLOCKS: u64 = 32;
/// Units: blocks that are read again for a new order: it may have been paid during the last scan.
const REREAD_BLOCKS: u64 = 8;
/// Units: blocks per scan.
const MAX_BLOCKS: u64 = 500;
/// Units: blocks per request. A full Ethereum block is about half a megabyte.
const FULL_BLOCKS: u64 = 10;
const HEADER_BLOCKS: u64 = 100;
/// Source: ERC-20; keccak256("Transfer(address,address,uint256)").
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

impl Ethereum {
    /// The observation of each invoice, and the time up to which all blocks have been read.
    pub(super) async fn check_transfers<'a>(
        &self,
        chain: &Chain,
        shared: &[&'a WatchedInvoice],
        state: &mut ScanState,
    ) -> Result<(Vec<(&'a WatchedInvoice, Observation)>, i64), NodeError> {
        let head = chain.head.number;
        let oldest = state.scanned.first().map(|(number, _)| *number);
        self.discard_reorganized(state).await?;
        let mut from = match state.scanned.last() {
            Some((last, _)) => last.saturating_add(1),
            None => oldest.unwrap_or(head.saturating_sub(INITIAL_BLOCKS)),
        };
        if shared.iter().any(|invoice| !state.read.contains_key(&invoice.id)) {
            from = from.saturating_sub(REREAD_BLOCKS).max(oldest.unwrap_or(from));
        }
        for invoice in shared {
            let last = invoice.last.unwrap_or(Observation::NOTHING);
            state.read.entry(invoice.id).or_insert((last.seen.get(), last.settled.get()));
        }
        let to = head.min(from.saturating_add(MAX_BLOCKS - 1));
        state.forget_from(from);
        let is_full = shared.iter().any(|invoice| matches!(invoice.coin, Coin::Ether { .. }));
        let mut step = if is_full { FULL_BLOCKS } else { HEADER_BLOCKS };
        let mut time = chain.deepest_time();
        let mut first = from;
        while first <= to {
            let last = to.min(first.saturating_add(step - 1));
            match self.read_blocks(first, last, is_full, shared, state).await {
                Ok(read) => time = read,
                Err(error) if first < last && may_succeed_with_fewer(&error) => {
                    state.forget_from(first);
                    step = last.saturating_sub(first).saturating_add(1) / 2;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let Some(next) = last.checked_add(1) else { break };
            first = next;
        }
        if to == head && state.scanned.last().is_some_and(|(_, hash)| *hash != chain.head.hash) {
            return Err(NodeError::Reorganized { node: self.rpc.node() });
        }
        // When all blocks have been read, the time is that of the required depth.
        let time = if to < head { time } else { chain.deepest_time() };
        let seen = shared.iter().map(|invoice| (*invoice, observation(chain, state, invoice)));
        Ok((seen.collect(), time))
    }

    /// Discards the blocks that are no longer on the chain.
    async fn discard_reorganized(&self, state: &mut ScanState) -> Result<(), NodeError> {
        // One block first: it is nearly always still there.
        let mut n_asked = 1;
        while !state.scanned.is_empty() {
            let some = &state.scanned[state.scanned.len().saturating_sub(n_asked)..];
            let calls = some
                .iter()
                .map(|(number, _)| ("eth_getBlockByNumber", json!([codec::hex(*number), false])));
            let answers = self.rpc.batch(calls.collect()).await?;
            let still = some.iter().zip(&answers).rev().find(|((_, hash), answer)| {
                codec::hash(&answer["hash"]).is_some_and(|found| found == *hash)
            });
            if let Some(((number, _), _)) = still {
                let number = *number;
                state.forget_from(number.saturating_add(1));
                return Ok(());
            }
            let first = some[0].0;
            state.forget_from(first);
            n_asked = 64;
        }
        Ok(())
    }

    /// Reads these blocks and returns the last one's time.
    async fn read_blocks(
        &self,
        first: u64,
        last: u64,
        is_full: bool,
        shared: &[&WatchedInvoice],
        state: &mut ScanState,
    ) -> Result<i64, NodeError> {
        let calls = (first..=last)
            .map(|number| ("eth_getBlockByNumber", json!([codec::hex(number), is_full])));
        let mut calls: Vec<(&str, Value)> = calls.collect();
        let wants_logs = shared.iter().any(|invoice| matches!(invoice.coin, Coin::Token { .. }));
        if wants_logs {
            calls.push(("eth_getLogs", json!([filter(first, last, shared)])));
        }
        let mut answers = self.rpc.batch(calls).await?;
        let logs = if wants_logs { answers.pop().unwrap_or_default() } else { json!([]) };

        let mut candidates = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        for (number, answer) in (first..=last).zip(&answers) {
            if answer.is_null() {
                return Err(NodeError::Reorganized { node: self.rpc.node() });
            }
            let block = self.block(answer)?;
            let before = state.scanned.last().map(|(number, hash)| (*number, hash));
            let is_next = before
                .is_none_or(|(n, hash)| n.checked_add(1) == Some(number) && *hash == block.parent);
            if block.number != number || !is_next {
                return Err(NodeError::Reorganized { node: self.rpc.node() });
            }
            if is_full {
                self.match_transactions(answer, &block, shared, &mut candidates)?;
            }
            state.scanned.push((number, block.hash.clone()));
            blocks.push(block);
        }
        self.match_logs(&logs, &blocks, shared, &mut state.matched)?;
        // Full blocks are large, so they are freed before the next request.
        drop((answers, logs));

        let calls = candidates.iter().map(|matched: &TransferMatch| {
            ("eth_getTransactionReceipt", json!([matched.transaction]))
        });
        let receipts = self.rpc.batch(calls.collect()).await?;
        for (matched, receipt) in candidates.into_iter().zip(receipts) {
            let is_there = codec::number(&receipt["blockNumber"]) == Some(matched.block);
            match codec::number(&receipt["status"]) {
                Some(1) if is_there => state.matched.push(matched),
                // It was reverted, and moved nothing.
                Some(0) if is_there => {}
                _ => return Err(NodeError::Reorganized { node: self.rpc.node() }),
            }
        }
        Ok(blocks.last().map_or(0, |block| block.time))
    }

    fn match_transactions(
        &self,
        answer: &Value,
        block: &Block,
        shared: &[&WatchedInvoice],
        candidates: &mut Vec<TransferMatch>,
    ) -> Result<(), NodeError> {
        let malformed = || self.rpc.malformed("a block's transactions");
        for transaction in answer["transactions"].as_array().ok_or_else(malformed)? {
            let Some(to) = transaction["to"].as_str() else { continue };
            for invoice in shared {
                let is_coin = matches!(invoice.coin, Coin::Ether { .. });
                if !is_coin || !invoice.address.as_str().eq_ignore_ascii_case(to) {
                    continue;
                }
                let value = codec::units(&transaction["value"]).ok_or_else(malformed)?;
                let hash = codec::hash(&transaction["hash"]).ok_or_else(malformed)?;
                candidates.extend(match_transfer(invoice, block, value, hash, 0));
            }
        }
        Ok(())
    }

    fn match_logs(
        &self,
        logs: &Value,
        blocks: &[Block],
        shared: &[&WatchedInvoice],
        matched: &mut Vec<TransferMatch>,
    ) -> Result<(), NodeError> {
        let malformed = || self.rpc.malformed("eth_getLogs");
        for log in logs.as_array().ok_or_else(malformed)? {
            if log["removed"] == true {
                continue;
            }
            let number = codec::number(&log["blockNumber"]).ok_or_else(malformed)?;
            let of = codec::hash(&log["blockHash"]).ok_or_else(malformed)?;
            let Some(block) =
                blocks.iter().find(|block| block.number == number && block.hash == of)
            else {
                return Err(NodeError::Reorganized { node: self.rpc.node() });
            };
            let contract = log["address"].as_str().ok_or_else(malformed)?;
            let to = log["topics"][2].as_str().and_then(|topic| topic.get(26..));
            let Some(to) = to.filter(|_| log["topics"][0] == TRANSFER) else { continue };
            // A non-fungible token (ERC-721) has its id here, and no amount.
            let Some(&[value]) = codec::units_list(&log["data"]).as_deref() else { continue };
            let transaction = codec::hash(&log["transactionHash"]).ok_or_else(malformed)?;
            let index = codec::number(&log["logIndex"]).ok_or_else(malformed)?;
            for invoice in shared {
                let Coin::Token { contract: wanted, .. } = &invoice.coin else { continue };
                let is_here = invoice.address.as_str()[2..].eq_ignore_ascii_case(to);
                if is_here && wanted.eq_ignore_ascii_case(contract) {
                    matched.extend(match_transfer(
                        invoice,
                        block,
                        value,
                        transaction.clone(),
                        index,
                    ));
                }
            }
        }
        Ok(())
    }
}

fn match_transfer(
    invoice: &WatchedInvoice,
    block: &Block,
    value: u128,
    transaction: Hash,
    log: u64,
) -> Option<TransferMatch> {
    let is_exact = codec::exact_units(invoice.amount, decimals(&invoice.coin)) == Some(value);
    let is_later = invoice.placed_on.get() <= block.time;
    (is_exact && is_later).then_some(TransferMatch {
        id: invoice.id,
        block: block.number,
        transaction,
        log,
    })
}

fn filter(first: u64, last: u64, shared: &[&WatchedInvoice]) -> Value {
    let mut contracts = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for invoice in shared {
        if let Coin::Token { contract, .. } = &invoice.coin {
            contracts.insert(contract.to_ascii_lowercase());
            let digits = invoice.address.as_str()[2..].to_ascii_lowercase();
            addresses.insert(format!("0x{digits:0>64}"));
        }
    }
    json!({
        "fromBlock": codec::hex(first),
        "toBlock": codec::hex(last),
        "address": contracts,
        "topics": [TRANSFER, null, addresses],
    })
}

/// Whether a smaller request may succeed. Nodes refuse too many blocks or logs with differing error messages.
fn may_succeed_with_fewer(error: &NodeError) -> bool {
    matches!(
        error,
        NodeError::TooLong { .. }
            | NodeError::TooLarge { .. }
            | NodeError::Timeout { .. }
            | NodeError::Refused { .. }
    )
}

fn observation(chain: &Chain, state: &ScanState, invoice: &WatchedInvoice) -> Observation {
    let matches: Vec<&TransferMatch> =
        state.matched.iter().filter(|matched| matched.id == invoice.id).collect();
    let deep = chain.deep_number(invoice.depth);
    let n_deep =
        matches.iter().filter(|matched| deep.is_some_and(|deep| matched.block <= deep)).count();
    let youngest = matches.iter().map(|matched| matched.block).max();
    let depth = |block| chain.head.number.saturating_sub(block).saturating_add(1);
    let confirmations = u32::try_from(youngest.map_or(0, depth)).unwrap_or(u32::MAX);
    let needed = chain.needed(invoice.depth);
    let read = Observation {
        seen: multiply(invoice.amount, matches.len()),
        settled: multiply(invoice.amount, n_deep),
        confirmations,
        needed,
        is_moved: false,
    };
    let (seen, settled) = state.read.get(&invoice.id).copied().unwrap_or_default();
    let settled = read.settled.max(Amount::new(settled).unwrap_or_default());
    let seen = read.seen.max(Amount::new(seen).unwrap_or_default()).max(settled);
    if (seen, settled) == (read.seen, read.settled) {
        return read;
    }
    // As far as is known, it still has the confirmations it had.
    let known = invoice.last.map_or(0, |last| last.confirmations).max(confirmations);
    let confirmations =
        if settled < seen { known.min(needed.saturating_sub(1)) } else { known.max(needed) };
    Observation { seen, settled, confirmations, ..read }
}

fn multiply(amount: Amount, n: usize) -> Amount {
    let n = i64::try_from(n).unwrap_or(i64::MAX);
    Amount::new(amount.get().saturating_mul(n)).expect("neither is below zero")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::domain::payment::{Address, Depth};
    use crate::domain::values::{NodeUrl, Timestamp};
    use crate::infra::node::RpcClient;

    const COIN: Coin = Coin::Ether { chain: 1 };

    fn gwei(n: i64) -> Amount {
        Amount::new(n).unwrap()
    }

    fn hash(number: u64) -> Hash {
        format!("0x{number:064x}")
    }

    fn block(number: u64) -> Block {
        let parent = hash(number.saturating_sub(1));
        Block { number, hash: hash(number), parent, time: 1_795_267_507 }
    }

    /// The required depth is three blocks.
    fn chain(head: u64) -> Chain {
        let deep = BTreeMap::from([(Depth::Blocks(3), Some(block(head - 2)))]);
        Chain { id: 1, head: block(head), finalized: None, deep }
    }

    fn invoice(seen: i64, settled: i64) -> WatchedInvoice {
        let last = Observation {
            seen: gwei(seen),
            settled: gwei(settled),
            confirmations: 5,
            needed: 3,
            is_moved: false,
        };
        WatchedInvoice {
            id: 7,
            coin: COIN,
            address: Address::parse(&COIN, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed").unwrap(),
            amount: gwei(1_000),
            has_own_address: false,
            depth: Depth::Blocks(3),
            placed_on: Timestamp::new(0).unwrap(),
            last: Some(last),
        }
    }

    fn matched(block: u64) -> TransferMatch {
        TransferMatch { id: 7, block, transaction: hash(block), log: 0 }
    }

    /// `before`: the amounts seen and settled when its transfers were first read; `expected`: seen, settled,
    /// confirmations.
    #[track_caller]
    fn check(before: (i64, i64), blocks: &[u64], expected: (i64, i64, u32)) {
        let mut state = ScanState::new(1, hash(0));
        state.read.insert(7, before);
        state.matched = blocks.iter().map(|number| matched(*number)).collect();
        let found = observation(&chain(100), &state, &invoice(1_000, 1_000));
        assert_eq!((found.seen.get(), found.settled.get(), found.confirmations), expected);
        assert_eq!(found.needed, 3);
    }

    #[test]
    fn a_reorganisation_reverses_what_was_read_and_a_lost_state_nothing() {
        check((0, 0), &[98], (1_000, 1_000, 3));
        check((0, 0), &[99], (1_000, 0, 2));
        check((0, 0), &[], (0, 0, 0));
        check((1_000, 1_000), &[], (1_000, 1_000, 5));
        check((1_000, 0), &[], (1_000, 0, 2));
        check((1_000, 0), &[98], (1_000, 1_000, 3));
        check((1_000, 1_000), &[99, 98], (2_000, 1_000, 2));
    }

    /// A node with empty blocks, which refuses more than three at once. Returns how many it was asked for each time,
    /// and serves the given number of requests.
    fn small_node(n_requests: usize) -> (NodeUrl, std::thread::JoinHandle<Vec<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let serve = move || (0..n_requests).map(|_| answer(listener.accept().unwrap().0)).collect();
        (NodeUrl::parse(&url).unwrap(), std::thread::spawn(serve))
    }

    fn answer(mut stream: TcpStream) -> usize {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let (mut asked, mut some) = (Vec::new(), [0; 4096]);
        let calls: Vec<Value> = loop {
            let n = stream.read(&mut some).unwrap();
            assert!(0 < n, "the request ends early");
            asked.extend_from_slice(&some[..n]);
            let body = asked.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            if let Some(Ok(calls)) = body.map(|at| serde_json::from_slice(&asked[at..])) {
                break calls;
            }
        };
        let answers = calls.iter().map(|call| {
            let number = codec::number(&call["params"][0]).unwrap();
            json!({"id": call["id"], "result": {
                "number": codec::hex(number), "hash": hash(number), "parentHash": hash(number - 1),
                "timestamp": "0x6b000000", "transactions": [],
            }})
        });
        let body = if calls.len() <= 3 {
            answers.collect()
        } else {
            json!({"id": null, "error": {"code": -32_005, "message": "too many"}})
        };
        let body = body.to_string();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        calls.len()
    }

    #[tokio::test]
    async fn a_node_that_refuses_many_blocks_is_asked_for_fewer() {
        // From the newest block minus 32: 68 to 100, by 10, 5, 2, 2, …, 1.
        let (url, serving) = small_node(2 + 17);
        let ethereum = Ethereum::open(RpcClient::open(&url, None).unwrap(), Ethereum::OLDEST_HEAD);
        let mut state = ScanState::new(1, hash(0));
        let order = invoice(0, 0);
        let (seen, _) = ethereum.check_transfers(&chain(100), &[&order], &mut state).await.unwrap();
        assert_eq!(seen[0].1.seen, Amount::ZERO);
        let scanned: Vec<u64> = state.scanned.iter().map(|(number, _)| *number).collect();
        assert_eq!(scanned, (68..=100).collect::<Vec<u64>>());
        assert_eq!(state.read.keys().collect::<Vec<_>>(), [&7]);
        let n_asked = serving.join().unwrap();
        assert_eq!(n_asked[..3], [10, 5, 2]);
        assert_eq!(n_asked[18], 1);
    }
}
