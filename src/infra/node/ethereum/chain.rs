//! The state of a chain at one scan, and its blocks at the required depths.

use std::collections::BTreeMap;

use crate::domain::payment::{Coin, Depth, WatchedInvoice};
use crate::infra::node::ethereum::codec::{Block, Hash};
use crate::infra::node::ethereum::scan_state::ScanState;

/// The state of the chain at one scan.
pub struct Chain {
    pub id: u64,
    pub head: Block,
    /// The newest finalized block, if the chain reports any.
    pub finalized: Option<Block>,
    /// Depth → the newest block at that depth; `None`: the chain is too short.
    pub deep: BTreeMap<Depth, Option<Block>>,
}

impl Chain {
    pub fn deep_hash(&self, depth: Depth) -> Option<&Hash> {
        self.deep.get(&depth)?.as_ref().map(|block| &block.hash)
    }

    pub fn deep_number(&self, depth: Depth) -> Option<u64> {
        self.deep.get(&depth)?.as_ref().map(|block| block.number)
    }

    /// The time of the newest block that is as deep as the deepest required.
    pub fn deepest_time(&self) -> i64 {
        let times = self.deep.values().map(|block| block.as_ref().map_or(0, |block| block.time));
        times.min().unwrap_or(self.head.time)
    }

    pub fn needed(&self, depth: Depth) -> u32 {
        match (depth, self.deep_number(depth)) {
            (Depth::Blocks(n), _) => n,
            (Depth::Final, Some(number)) => {
                let depth = self.head.number.saturating_sub(number).saturating_add(1);
                u32::try_from(depth).unwrap_or(u32::MAX)
            }
            (Depth::Final, None) => 0,
        }
    }

    /// Whether nothing can have changed since the last scan.
    pub fn is_known(&self, state: &ScanState, invoices: &[WatchedInvoice]) -> bool {
        let is_same = |block: &Block, (number, hash): &(u64, Hash)| {
            block.number == *number && block.hash == *hash
        };
        let is_final_same = match (&self.finalized, &state.finalized) {
            (Some(block), Some(known)) => is_same(block, known),
            (None, _) => true,
            (Some(_), None) => false,
        };
        let is_scanned_before = |invoice: &WatchedInvoice| match (invoice.last, invoice.depth) {
            (None, _) => false,
            // The required depth may have been changed, which matters while a payment is unconfirmed.
            (Some(last), Depth::Blocks(n)) if last.settled < last.seen => last.needed == n,
            (Some(_), _) => true,
        };
        let is_scanned = invoices.iter().all(|invoice| invoice.has_own_address)
            || state.scanned.last().is_some_and(|last| is_same(&self.head, last));
        is_same(&self.head, &state.head)
            && is_final_same
            && is_scanned
            && invoices.iter().all(is_scanned_before)
    }
}

/// The number of the newest block with this depth below `head`.
pub fn deep_number(depth: Depth, head: u64) -> Option<u64> {
    match depth {
        Depth::Blocks(n) => head.saturating_add(1).checked_sub(n.into()),
        Depth::Final => None,
    }
}

pub fn chain_of(coin: &Coin) -> Option<u64> {
    match coin {
        Coin::Ether { chain } | Coin::Token { chain, .. } => Some(*chain),
        Coin::BitcoinLike(_) | Coin::Monero => None,
    }
}

pub fn decimals(coin: &Coin) -> u8 {
    match coin {
        Coin::Token { decimals, .. } => *decimals,
        _ => 18,
    }
}
