//! Finds which orders are paid to the wallet, and the indexes of their subaddresses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::domain::payment::{Address, ViewKey, WatchedInvoice, integrated};
use crate::infra::node::NodeError;
use crate::infra::node::monero::{Monero, ScanState};

/// How many addresses the wallet creates at once. Source: monero-wallet-rpc 0.18 refuses more.
const MADE_AT_ONCE: u32 = 64;
/// How far beyond the highest known index an order's address is searched. Units: indexes; a second of work.
const SEARCH: u32 = 10_000;

/// Source: `wallet_rpc_server_error_codes.h` of Monero 0.18.
const WRONG_ADDRESS: i64 = -2;
const NO_SUCH_INDEX: i64 = -15;

impl Monero {
    /// Finds which of the orders are paid to this wallet, and the indexes of their subaddresses. Orders of an older
    /// wallet stay as they are; if the newest order does not belong to this wallet, it is the wrong one.
    pub(super) async fn know_addresses(
        &self,
        primary: &Address,
        followed: &[WatchedInvoice],
        memory: &mut ScanState,
    ) -> Result<(), NodeError> {
        let mut places: BTreeMap<&Address, Option<(u32, u32)>> = BTreeMap::new();
        let mut strangers: Vec<&WatchedInvoice> = Vec::new();
        for invoice in followed {
            let (id, address) = (invoice.id, &invoice.address);
            if memory.indexes.contains_key(&id) || memory.foreign.contains(&id) {
                continue;
            }
            if let Some(payment_id) = address.payment_id() {
                if integrated(primary, payment_id) != *address {
                    memory.foreign.insert(id);
                }
            } else if address.is_primary_monero() {
                if address != primary {
                    memory.foreign.insert(id);
                }
            } else {
                let place = match places.get(address) {
                    Some(place) => *place,
                    None => self.index_of(address).await?,
                };
                places.insert(address, place);
                match place {
                    Some((0, index)) => {
                        memory.indexes.insert(id, index);
                    }
                    // A single address of the seller for all orders, from another account.
                    Some(_) => {}
                    None => strangers.push(invoice),
                }
            }
        }
        if !strangers.is_empty() {
            self.search(primary, &strangers, memory).await?;
        }
        let newest = followed.iter().max_by_key(|invoice| (invoice.placed_on, invoice.id));
        match newest {
            Some(invoice) if memory.foreign.contains(&invoice.id) => Err(self.other_wallet()),
            _ => Ok(()),
        }
    }

    /// Account and index of an address that the wallet scans for.
    async fn index_of(&self, address: &Address) -> Result<Option<(u32, u32)>, NodeError> {
        let what = "get_address_index";
        let answer = match self.ask(what, json!({"address": address.as_str()})).await {
            Ok(answer) => answer,
            Err(NodeError::Refused { code: WRONG_ADDRESS, .. }) => return Ok(None),
            Err(doubt) => return Err(doubt),
        };
        let part = |name| {
            let number = answer["index"][name].as_u64().and_then(|n| u32::try_from(n).ok());
            number.ok_or_else(|| self.link.malformed(what))
        };
        Ok(Some((part("major")?, part("minor")?)))
    }

    /// The indexes of addresses beyond those that the wallet scans for. They are computed here with its view key: a
    /// wallet that created addresses until it reached a foreign one would never stop.
    async fn search(
        &self,
        primary: &Address,
        strangers: &[&WatchedInvoice],
        memory: &mut ScanState,
    ) -> Result<(), NodeError> {
        let answer = self.ask("query_key", json!({"key_type": "view_key"})).await?;
        let key = ViewKey::parse(primary, answer["key"].as_str().unwrap_or_default())
            .map_err(|_| self.link.malformed("query_key"))?;
        let mut wanted: BTreeSet<&Address> =
            strangers.iter().map(|invoice| &invoice.address).collect();
        let mut found: BTreeMap<Address, u32> = BTreeMap::new();
        let highest = memory.indexes.values().max().copied().unwrap_or(0);
        for index in 0..highest.saturating_add(SEARCH).min(ViewKey::LAST_INDEX) {
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
        for invoice in strangers {
            if let Some(index) = found.get(&invoice.address) {
                memory.indexes.insert(invoice.id, *index);
            } else {
                memory.foreign.insert(invoice.id);
            }
        }
        Ok(())
    }

    /// Makes the wallet scan for all indexes up to the highest: by itself it scans 200 beyond the last one that it
    /// created.
    pub(super) async fn reach(
        &self,
        followed: &[WatchedInvoice],
        memory: &ScanState,
    ) -> Result<(), NodeError> {
        let Some((id, highest)) = memory.indexes.iter().max_by_key(|(_, index)| **index) else {
            return Ok(());
        };
        let Some(invoice) = followed.iter().find(|invoice| invoice.id == *id) else {
            return Ok(());
        };
        let asked = json!({"account_index": 0, "address_index": [highest]});
        match self.ask("get_address", asked).await {
            Ok(answer) if answer["addresses"][0]["address"] == invoice.address.as_str() => {
                return Ok(());
            }
            // Its address had this index at the last scan: the wallet has just been replaced.
            Ok(_) => return Err(self.other_wallet()),
            Err(NodeError::Refused { code: NO_SUCH_INDEX, .. }) => {}
            Err(doubt) => return Err(doubt),
        }
        let was_looked_for = self.index_of(&invoice.address).await?.is_some();
        let made = json!({"account_index": 0, "count": MADE_AT_ONCE});
        let mut last = 0;
        while last < u64::from(*highest) {
            let answer = self.ask("create_address", made.clone()).await?;
            let first = self.number(&answer, "address_index")?;
            last = first.saturating_add(u64::from(MADE_AT_ONCE) - 1);
        }
        if !was_looked_for {
            // Payments to these addresses are in blocks that the wallet has already scanned without them.
            self.ask_slow("rescan_blockchain", json!({}))
                .await
                .map_err(|doubt| self.no_daemon(doubt))?;
        }
        // Only now: if the wallet stops before, it must begin again.
        self.ask_slow("store", json!({})).await?;
        Ok(())
    }
}
