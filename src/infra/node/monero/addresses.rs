//! Finds which orders are paid to the wallet, and the indexes of their subaddresses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::domain::payment::{Address, ViewKey, WatchedInvoice, integrated};
use crate::infra::node::NodeError;
use crate::infra::node::monero::{Monero, ScanState};

/// How many addresses the wallet creates at once. Source: monero-wallet-rpc 0.18 refuses more.
const CREATED_AT_ONCE: u32 = 64;
/// How far beyond the highest known index an order's address is searched. Units: indexes; a second of work.
const SEARCH_INDEXES: u32 = 10_000;

/// Source: `wallet_rpc_server_error_codes.h` of Monero 0.18.
const WRONG_ADDRESS: i64 = -2;
const NO_SUCH_INDEX: i64 = -15;

impl Monero {
    /// Finds which of the orders are paid to this wallet, and the indexes of their subaddresses. Orders of an older
    /// wallet stay as they are; if the newest order does not belong to this wallet, it is the wrong one.
    pub(super) async fn classify_invoices(
        &self,
        primary: &Address,
        invoices: &[WatchedInvoice],
        state: &mut ScanState,
    ) -> Result<(), NodeError> {
        let mut indexes_of: BTreeMap<&Address, Option<(u32, u32)>> = BTreeMap::new();
        let mut unknown: Vec<&WatchedInvoice> = Vec::new();
        for invoice in invoices {
            let (id, address) = (invoice.id, &invoice.address);
            if state.indexes.contains_key(&id) || state.foreign.contains(&id) {
                continue;
            }
            if let Some(payment_id) = address.payment_id() {
                if integrated(primary, payment_id) != *address {
                    state.foreign.insert(id);
                }
            } else if address.is_primary_monero() {
                if address != primary {
                    state.foreign.insert(id);
                }
            } else {
                let index = match indexes_of.get(address) {
                    Some(index) => *index,
                    None => self.index_of(address).await?,
                };
                indexes_of.insert(address, index);
                match index {
                    Some((0, index)) => {
                        state.indexes.insert(id, index);
                    }
                    // A single address of the seller for all orders, from another account.
                    Some(_) => {}
                    None => unknown.push(invoice),
                }
            }
        }
        if !unknown.is_empty() {
            self.search_indexes(primary, &unknown, state).await?;
        }
        let newest = invoices.iter().max_by_key(|invoice| (invoice.placed_on, invoice.id));
        match newest {
            Some(invoice) if state.foreign.contains(&invoice.id) => Err(self.other_wallet()),
            _ => Ok(()),
        }
    }

    /// Account and index of an address that the wallet scans for.
    async fn index_of(&self, address: &Address) -> Result<Option<(u32, u32)>, NodeError> {
        let what = "get_address_index";
        let answer = match self.call(what, json!({"address": address.as_str()})).await {
            Ok(answer) => answer,
            Err(NodeError::Refused { code: WRONG_ADDRESS, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let part = |name| {
            let number = answer["index"][name].as_u64().and_then(|n| u32::try_from(n).ok());
            number.ok_or_else(|| self.rpc.malformed(what))
        };
        Ok(Some((part("major")?, part("minor")?)))
    }

    /// The indexes of addresses beyond those that the wallet scans for. They are computed here with its view key: a
    /// wallet that created addresses until it reached a foreign one would never stop.
    async fn search_indexes(
        &self,
        primary: &Address,
        unknown: &[&WatchedInvoice],
        state: &mut ScanState,
    ) -> Result<(), NodeError> {
        let answer = self.call("query_key", json!({"key_type": "view_key"})).await?;
        let key = ViewKey::parse(primary, answer["key"].as_str().unwrap_or_default())
            .map_err(|_| self.rpc.malformed("query_key"))?;
        let mut wanted: BTreeSet<&Address> =
            unknown.iter().map(|invoice| &invoice.address).collect();
        let mut found: BTreeMap<Address, u32> = BTreeMap::new();
        let highest = state.indexes.values().max().copied().unwrap_or(0);
        for index in 0..highest.saturating_add(SEARCH_INDEXES).min(ViewKey::LAST_INDEX) {
            if wanted.is_empty() {
                break;
            }
            let address = key.address(index);
            if wanted.remove(&address) {
                found.insert(address, index + 1);
            }
            if index % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        for invoice in unknown {
            if let Some(index) = found.get(&invoice.address) {
                state.indexes.insert(invoice.id, *index);
            } else {
                state.foreign.insert(invoice.id);
            }
        }
        Ok(())
    }

    /// Makes the wallet scan for all indexes up to the highest: by itself it scans 200 beyond the last one that it
    /// created.
    pub(super) async fn extend_wallet(
        &self,
        invoices: &[WatchedInvoice],
        state: &ScanState,
    ) -> Result<(), NodeError> {
        let Some((id, highest)) = state.indexes.iter().max_by_key(|(_, index)| **index) else {
            return Ok(());
        };
        let Some(invoice) = invoices.iter().find(|invoice| invoice.id == *id) else {
            return Ok(());
        };
        let params = json!({"account_index": 0, "address_index": [highest]});
        match self.call("get_address", params).await {
            Ok(answer) if answer["addresses"][0]["address"] == invoice.address.as_str() => {
                return Ok(());
            }
            // Its address had this index at the last scan: the wallet has just been replaced.
            Ok(_) => return Err(self.other_wallet()),
            Err(NodeError::Refused { code: NO_SUCH_INDEX, .. }) => {}
            Err(error) => return Err(error),
        }
        let was_scanned = self.index_of(&invoice.address).await?.is_some();
        let params = json!({"account_index": 0, "count": CREATED_AT_ONCE});
        let mut last = 0;
        while last < u64::from(*highest) {
            let answer = self.call("create_address", params.clone()).await?;
            let first = self.number(&answer, "address_index")?;
            last = first.saturating_add(u64::from(CREATED_AT_ONCE) - 1);
        }
        if !was_scanned {
            // Payments to these addresses are in blocks that the wallet has already scanned without them.
            self.call_slow("rescan_blockchain", json!({}))
                .await
                .map_err(|error| self.explain_daemon(error))?;
        }
        // Only now: if the wallet stops before, it must begin again.
        self.call_slow("store", json!({})).await?;
        Ok(())
    }
}
