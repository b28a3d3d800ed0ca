//! The state kept between two scans.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::infra::node::ethereum::codec::Hash;

/// How many scanned blocks are stored with their hash: older reorganisations are not detected.
const MAX_SCANNED: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanState {
    pub chain: u64,
    pub genesis: Hash,
    /// The newest block that was final.
    #[serde(rename = "is_final")]
    pub finalized: Option<(u64, Hash)>,
    pub head: (u64, Hash),
    /// Units: Unix seconds.
    pub head_time: i64,
    /// Units: Unix seconds; the time of the last scan.
    pub time: i64,
    /// Invoice → the block of the scan that first saw the newest payment.
    #[serde(default)]
    pub since: BTreeMap<i64, u64>,
    /// Blocks whose transfers were read, oldest first.
    #[serde(default)]
    pub scanned: Vec<(u64, Hash)>,
    #[serde(default)]
    pub matched: Vec<TransferMatch>,
    /// Invoice at a shared address → the amounts seen and settled before its transfers were read into this state. A
    /// payment without a transfer here cannot be reversed here.
    #[serde(default)]
    pub read: BTreeMap<i64, (i64, i64)>,
}

/// A transfer of exactly an invoice's amount to its shared address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferMatch {
    pub id: i64,
    pub block: u64,
    pub transaction: Hash,
    /// The index among the transaction's transfers; that of the coin itself comes first.
    pub log: u64,
}

impl ScanState {
    pub fn new(chain: u64, genesis: Hash) -> Self {
        Self {
            chain,
            genesis,
            finalized: None,
            head: (0, String::new()),
            head_time: 0,
            time: 0,
            since: BTreeMap::new(),
            scanned: Vec::new(),
            matched: Vec::new(),
            read: BTreeMap::new(),
        }
    }

    /// The block of the scan that first saw the newest payment; `is_more`: this scan.
    pub fn since_of(&mut self, id: i64, is_more: bool, head: u64) -> u64 {
        let since = self.since.entry(id).or_insert(head);
        if is_more {
            *since = head;
        }
        *since
    }

    /// Discards everything from this block on, to read it again.
    pub fn forget_from(&mut self, number: u64) {
        self.scanned.retain(|(scanned, _)| *scanned < number);
        self.matched.retain(|matched| matched.block < number);
    }

    /// Keeps only data about these invoices.
    pub fn keep_only(&mut self, ids: &BTreeSet<i64>) {
        self.since.retain(|id, _| ids.contains(id));
        self.matched.retain(|matched| ids.contains(&matched.id));
        self.read.retain(|id, _| ids.contains(id));
        let n_old = self.scanned.len().saturating_sub(MAX_SCANNED);
        self.scanned.drain(..n_old);
    }
}
