//! Where orders share an address: transfers of exactly an order's amount, block by block. What a contract pays inside a
//! transaction is not seen here.

use crate::node::Doubt;
use crate::node::ethereum::Chain;
use crate::node::ethereum::Ethereum;
use crate::node::ethereum::decimals;
use crate::node::ethereum::memory::Matched;
use crate::node::ethereum::memory::Memory;
use crate::node::ethereum::words;
use crate::node::ethereum::words::Block;
use crate::node::ethereum::words::Hash;
use crate::payment::Coin;
use crate::payment::Followed;
use crate::payment::Sighting;
use crate::values::Gwei;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// Units: blocks; where nothing was read before, reading begins so far behind the newest.
const FIRST_BLOCKS: u64 = 32;
/// Units: blocks that are read again for an order that is new: it may have been paid while the last look was under way.
const AGAIN_BLOCKS: u64 = 8;
/// Units: blocks of one look.
const MOST_BLOCKS: u64 = 500;
/// Units: blocks of one request. A full block of Ethereum's is about half a megabyte.
const FULL_BLOCKS: u64 = 10;
const BARE_BLOCKS: u64 = 100;
/// Source: ERC-20; keccak256("Transfer(address,address,uint256)").
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

impl Ethereum {
    /// What was seen of each, and until when all is read.
    pub(super) async fn look_at_transfers<'a>(
        &self,
        chain: &Chain,
        shared: &[&'a Followed],
        memory: &mut Memory,
    ) -> Result<(Vec<(&'a Followed, Sighting)>, i64), Doubt> {
        let head = chain.head.number;
        let oldest = memory.scanned.first().map(|(number, _)| *number);
        self.walk_back(memory).await?;
        let mut from = match memory.scanned.last() {
            Some((last, _)) => last + 1,
            None => oldest.unwrap_or(head.saturating_sub(FIRST_BLOCKS)),
        };
        if shared.iter().any(|followed| followed.last.is_none()) {
            from = from.saturating_sub(AGAIN_BLOCKS).max(oldest.unwrap_or(from));
        }
        let to = head.min(from.saturating_add(MOST_BLOCKS - 1));
        memory.forget_from(from);
        let is_full = shared.iter().any(|followed| matches!(followed.coin, Coin::Ether { .. }));
        let step = if is_full { FULL_BLOCKS } else { BARE_BLOCKS };
        let mut time = chain.deepest_time();
        let mut first = from;
        while first <= to {
            let last = to.min(first + step - 1);
            time = self.read_blocks(first, last, is_full, shared, memory).await?;
            first = last + 1;
        }
        if to == head && memory.scanned.last().is_some_and(|(_, hash)| *hash != chain.head.hash) {
            return Err(Doubt::Turned { node: self.link.node() });
        }
        // Whoever has read all knows as much as the chain has settled.
        let time = if to < head { time } else { chain.deepest_time() };
        let seen = shared.iter().map(|followed| (*followed, sighting(chain, memory, followed)));
        Ok((seen.collect(), time))
    }

    /// Forgets the blocks that are no longer on the chain.
    async fn walk_back(&self, memory: &mut Memory) -> Result<(), Doubt> {
        // One block first: it is nearly always still there.
        let mut n_asked = 1;
        while !memory.scanned.is_empty() {
            let some = &memory.scanned[memory.scanned.len().saturating_sub(n_asked)..];
            let calls = some
                .iter()
                .map(|(number, _)| ("eth_getBlockByNumber", json!([words::hex(*number), false])));
            let answers = self.link.batch(calls.collect()).await?;
            let still = some.iter().zip(&answers).rev().find(|((_, hash), answer)| {
                words::hash(&answer["hash"]).is_some_and(|found| found == *hash)
            });
            if let Some(((number, _), _)) = still {
                let number = *number;
                memory.forget_from(number + 1);
                return Ok(());
            }
            let first = some[0].0;
            memory.forget_from(first);
            n_asked = 64;
        }
        Ok(())
    }

    /// Reads these blocks and gives the last one's time.
    async fn read_blocks(
        &self,
        first: u64,
        last: u64,
        is_full: bool,
        shared: &[&Followed],
        memory: &mut Memory,
    ) -> Result<i64, Doubt> {
        let calls = (first..=last)
            .map(|number| ("eth_getBlockByNumber", json!([words::hex(number), is_full])));
        let mut calls: Vec<(&str, Value)> = calls.collect();
        let wants_logs = shared.iter().any(|followed| matches!(followed.coin, Coin::Token { .. }));
        if wants_logs {
            calls.push(("eth_getLogs", json!([filter(first, last, shared)])));
        }
        let mut answers = self.link.batch(calls).await?;
        let logs = if wants_logs { answers.pop().unwrap_or_default() } else { json!([]) };

        let mut candidates = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        for (number, answer) in (first..=last).zip(&answers) {
            if answer.is_null() {
                return Err(Doubt::Turned { node: self.link.node() });
            }
            let block = self.block(answer)?;
            let before = memory.scanned.last().map(|(number, hash)| (*number, hash));
            let is_next = before.is_none_or(|(n, hash)| n + 1 == number && *hash == block.parent);
            if block.number != number || !is_next {
                return Err(Doubt::Turned { node: self.link.node() });
            }
            if is_full {
                self.match_transactions(answer, &block, shared, &mut candidates)?;
            }
            memory.scanned.push((number, block.hash.clone()));
            blocks.push(block);
        }
        self.match_logs(&logs, &blocks, shared, &mut memory.matched)?;

        let asked = candidates
            .iter()
            .map(|matched: &Matched| ("eth_getTransactionReceipt", json!([matched.transaction])));
        let receipts = self.link.batch(asked.collect()).await?;
        for (matched, receipt) in candidates.into_iter().zip(receipts) {
            let is_there = words::number(&receipt["blockNumber"]) == Some(matched.block);
            match words::number(&receipt["status"]) {
                Some(1) if is_there => memory.matched.push(matched),
                // It was undone, and moved nothing.
                Some(0) if is_there => {}
                _ => return Err(Doubt::Turned { node: self.link.node() }),
            }
        }
        Ok(blocks.last().map_or(0, |block| block.time))
    }

    fn match_transactions(
        &self,
        answer: &Value,
        block: &Block,
        shared: &[&Followed],
        candidates: &mut Vec<Matched>,
    ) -> Result<(), Doubt> {
        let malformed = || self.link.malformed("a block's transactions");
        for transaction in answer["transactions"].as_array().ok_or_else(malformed)? {
            let Some(to) = transaction["to"].as_str() else { continue };
            for followed in shared {
                let is_coin = matches!(followed.coin, Coin::Ether { .. });
                if !is_coin || !followed.address.as_str().eq_ignore_ascii_case(to) {
                    continue;
                }
                let value = words::units(&transaction["value"]).ok_or_else(malformed)?;
                let hash = words::hash(&transaction["hash"]).ok_or_else(malformed)?;
                candidates.extend(exact(followed, block, value, hash, 0));
            }
        }
        Ok(())
    }

    fn match_logs(
        &self,
        logs: &Value,
        blocks: &[Block],
        shared: &[&Followed],
        matched: &mut Vec<Matched>,
    ) -> Result<(), Doubt> {
        let malformed = || self.link.malformed("eth_getLogs");
        for log in logs.as_array().ok_or_else(malformed)? {
            if log["removed"] == true {
                continue;
            }
            let number = words::number(&log["blockNumber"]).ok_or_else(malformed)?;
            let of = words::hash(&log["blockHash"]).ok_or_else(malformed)?;
            let Some(block) =
                blocks.iter().find(|block| block.number == number && block.hash == of)
            else {
                return Err(Doubt::Turned { node: self.link.node() });
            };
            let contract = log["address"].as_str().ok_or_else(malformed)?;
            let to = log["topics"][2].as_str().and_then(|topic| topic.get(26..));
            let Some(to) = to.filter(|_| log["topics"][0] == TRANSFER) else { continue };
            // A token that is one of a kind has its number here, and no amount.
            let Some(&[value]) = words::units_list(&log["data"]).as_deref() else { continue };
            let transaction = words::hash(&log["transactionHash"]).ok_or_else(malformed)?;
            let index = words::number(&log["logIndex"]).ok_or_else(malformed)?;
            for followed in shared {
                let Coin::Token { contract: wanted, .. } = &followed.coin else { continue };
                let is_here = followed.address.as_str()[2..].eq_ignore_ascii_case(to);
                if is_here && wanted.eq_ignore_ascii_case(contract) {
                    matched.extend(exact(followed, block, value, transaction.clone(), index));
                }
            }
        }
        Ok(())
    }
}

fn exact(
    followed: &Followed,
    block: &Block,
    value: u128,
    transaction: Hash,
    log: u64,
) -> Option<Matched> {
    let is_exact = words::exact_units(followed.amount, decimals(&followed.coin)) == Some(value);
    let is_later = followed.placed_on.get() <= block.time;
    (is_exact && is_later).then_some(Matched {
        id: followed.id,
        block: block.number,
        transaction,
        log,
    })
}

fn filter(first: u64, last: u64, shared: &[&Followed]) -> Value {
    let mut contracts = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for followed in shared {
        if let Coin::Token { contract, .. } = &followed.coin {
            contracts.insert(contract.to_ascii_lowercase());
            let digits = followed.address.as_str()[2..].to_ascii_lowercase();
            addresses.insert(format!("0x{digits:0>64}"));
        }
    }
    json!({
        "fromBlock": words::hex(first),
        "toBlock": words::hex(last),
        "address": contracts,
        "topics": [TRANSFER, null, addresses],
    })
}

fn sighting(chain: &Chain, memory: &Memory, followed: &Followed) -> Sighting {
    let of: Vec<&Matched> =
        memory.matched.iter().filter(|matched| matched.id == followed.id).collect();
    let deep = chain.deep_number(followed.depth);
    let n_deep = of.iter().filter(|matched| deep.is_some_and(|deep| matched.block <= deep)).count();
    let youngest = of.iter().map(|matched| matched.block).max();
    let depth = youngest.map_or(0, |block| chain.head.number.saturating_sub(block) + 1);
    Sighting {
        seen: times(followed.amount, of.len()),
        settled: times(followed.amount, n_deep),
        confirmations: u32::try_from(depth).unwrap_or(u32::MAX),
        needed: chain.needed(followed.depth),
        is_moved: false,
    }
}

fn times(amount: Gwei, n: usize) -> Gwei {
    let n = i64::try_from(n).unwrap_or(i64::MAX);
    Gwei::new(amount.get().saturating_mul(n)).expect("neither is below zero")
}
