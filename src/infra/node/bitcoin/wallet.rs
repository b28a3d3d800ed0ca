//! The watch-only wallet of a node.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::domain::values::Timestamp;
use crate::infra::node::NodeError;
use crate::infra::node::bitcoin::payments::WatchedScript;
use crate::infra::node::bitcoin::scan_state::ScanState;
use crate::infra::node::bitcoin::{Bitcoin, Chain, MARGIN_SECONDS, WalletKind};

/// The label of all the shop's scripts, so that one call lists them.
const LABEL: &str = "shop";
/// Units: blocks that one request scans; a slow computer needs some seconds for each.
const RESCAN_BLOCKS: u64 = 144;

/// Source: Bitcoin Core, `rpc/protocol.h`.
const WALLET_ERROR: i64 = -4;
const NO_SUCH_LABEL: i64 = -11;
const NO_SUCH_WALLET: i64 = -18;
const NO_SUCH_METHOD: i64 = -32601;

impl Bitcoin {
    /// `answer`: the reply to `getwalletinfo`. If the wallet is not loaded, it is loaded, or created.
    pub(super) async fn open_wallet(
        &self,
        answer: Result<Value, NodeError>,
    ) -> Result<WalletKind, NodeError> {
        let answer = match answer {
            Err(NodeError::Refused { code: NO_SUCH_WALLET, .. }) => {
                self.load_wallet().await?;
                self.rpc.call("getwalletinfo", json!([])).await?
            }
            Err(NodeError::Refused { code: NO_SUCH_METHOD, .. }) => {
                return Err(NodeError::Other(format!(
                    "the node at {} runs without wallets: remove disablewallet=1 from its {}.conf",
                    self.rpc.node(),
                    self.coin.network
                )));
            }
            answer => answer?,
        };
        self.kind(&answer)
    }

    async fn load_wallet(&self) -> Result<(), NodeError> {
        let params = json!({"filename": self.wallet, "load_on_startup": true});
        match self.rpc.call_slow("loadwallet", params).await {
            Err(NodeError::Refused { code: NO_SUCH_WALLET, .. }) => {}
            loaded => return loaded.map(|_| ()),
        }
        match self.create_wallet(WalletKind::Descriptors).await {
            // Compiled without the library that such wallets need.
            Err(NodeError::Refused { code: WALLET_ERROR, message, .. })
                if message.contains("sqlite") =>
            {
                self.create_wallet(WalletKind::Legacy).await
            }
            created => created,
        }
    }

    async fn create_wallet(&self, kind: WalletKind) -> Result<(), NodeError> {
        let params = json!({
            "wallet_name": self.wallet,
            "disable_private_keys": true,
            "blank": true,
            "descriptors": kind == WalletKind::Descriptors,
            "load_on_startup": true,
        });
        self.rpc.call_slow("createwallet", params).await.map(|_| ())
    }

    fn kind(&self, answer: &Value) -> Result<WalletKind, NodeError> {
        let (node, wallet) = (self.rpc.node(), &self.wallet);
        if answer["private_keys_enabled"] != false {
            return Err(NodeError::Other(format!(
                "the wallet `{wallet}` of the node at {node} may contain private keys, which the shop refuses to use: set another at the end of {}_RPC_URL, for \
                 example /wallet/shop-watch, which the shop creates",
                self.coin.currency
            )));
        }
        if answer["scanning"].is_object() {
            return Err(NodeError::Other(format!(
                "the wallet `{wallet}` of the node at {node} is rescanning older blocks: wait until it is done"
            )));
        }
        Ok(if answer["descriptors"] == true { WalletKind::Descriptors } else { WalletKind::Legacy })
    }

    /// Makes the wallet watch every script, from before its address was first shown. Returns the invoices for which it
    /// does; the others would need blocks that a pruned node no longer has.
    pub(super) async fn watch_scripts(
        &self,
        watched: &mut BTreeMap<String, String>,
        scripts: &[WatchedScript<'_>],
        state: &ScanState,
        chain: &Chain,
        now: Timestamp,
    ) -> Result<BTreeSet<i64>, NodeError> {
        let all: BTreeSet<&str> = scripts.iter().map(|script| script.hex.as_str()).collect();
        watched.retain(|script, _| all.contains(script.as_str()));
        let unknown: Vec<&str> =
            all.into_iter().filter(|script| !watched.contains_key(*script)).collect();
        let addresses = self.addresses(&unknown).await?;
        let unwatched = self.list_unwatched(&addresses).await?;

        let (searched, unsearched): (Vec<&WatchedScript<'_>>, Vec<&WatchedScript<'_>>) =
            scripts.iter().partition(|script| {
                state.searched.contains(&script.invoice.id) && !unwatched.contains(&script.hex)
            });
        let covered: BTreeSet<&str> = searched.iter().map(|script| script.hex.as_str()).collect();
        let mut searched: BTreeSet<i64> = searched.iter().map(|script| script.invoice.id).collect();
        let mut rescan_from: Option<u64> = None;
        let mut first_of_day: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for script in unsearched {
            // A shared address has been watched all the time.
            if !covered.contains(script.hex.as_str()) {
                let placed_on = script.invoice.placed_on.day_start();
                let is_new = !state.searched.contains(&script.invoice.id);
                let first = if is_new && state.was_scanned_before(placed_on) {
                    // A reorganisation between two scans may have replaced some.
                    let depth = u64::from(self.rules.final_depth.max(script.needed));
                    state.head.min(chain.height).saturating_sub(depth)
                } else if let Some(first) = first_of_day.get(&placed_on) {
                    *first
                } else {
                    let back_to = placed_on.get().saturating_sub(MARGIN_SECONDS);
                    let (first, _) = self.block_before(chain, back_to, now).await?;
                    first_of_day.insert(placed_on, first);
                    first
                };
                if first < chain.lowest {
                    // Once per process, otherwise it would be logged at every scan.
                    if addresses.contains_key(&script.hex) {
                        tracing::warn!(
                            "the node at {} has pruned block {first}: orders older than its blocks cannot be tracked. \
                             Check your wallet and record what you received (`shop orders`): until then no {} order expires",
                            self.rpc.node(),
                            self.coin.name
                        );
                    }
                    continue;
                }
                rescan_from = Some(rescan_from.map_or(first, |from| from.min(first)));
            }
            searched.insert(script.invoice.id);
        }

        self.import(chain.wallet_kind, &unwatched).await?;
        if let Some(from) = rescan_from {
            self.rescan(from, chain.height).await?;
        }
        watched.extend(addresses);
        Ok(searched)
    }

    /// Script → address in the node's notation.
    async fn addresses(&self, scripts: &[&str]) -> Result<BTreeMap<String, String>, NodeError> {
        let calls = scripts.iter().map(|script| ("decodescript", json!([script]))).collect();
        let answers = self.rpc.batch(calls).await?;
        let mut addresses = BTreeMap::new();
        for (script, answer) in scripts.iter().zip(answers) {
            // Bitcoin Core before 22 returns an array with one address.
            let address = answer["address"].as_str().or_else(|| answer["addresses"][0].as_str());
            let address = address.ok_or_else(|| self.rpc.malformed("decodescript"))?;
            addresses.insert((*script).to_owned(), address.to_owned());
        }
        Ok(addresses)
    }

    /// The scripts that the wallet does not watch yet.
    async fn list_unwatched(
        &self,
        addresses: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, NodeError> {
        if addresses.is_empty() {
            return Ok(BTreeSet::new());
        }
        let labelled = match self.rpc.call("getaddressesbylabel", json!([LABEL])).await {
            Err(NodeError::Refused { code: NO_SUCH_LABEL, .. }) => json!({}),
            labelled => labelled?,
        };
        let is_unwatched = |address: &str| labelled[address]["purpose"] != "receive";
        let unwatched = addresses.iter().filter(|(_, address)| is_unwatched(address));
        Ok(unwatched.map(|(script, _)| script.clone()).collect())
    }

    async fn import(&self, kind: WalletKind, scripts: &BTreeSet<String>) -> Result<(), NodeError> {
        if scripts.is_empty() {
            return Ok(());
        }
        let (method, params) = match kind {
            WalletKind::Descriptors => {
                let calls = scripts
                    .iter()
                    .map(|script| ("getdescriptorinfo", json!([raw_descriptor(script)])));
                let answer = self.rpc.batch(calls.collect()).await?;
                // "now": the last hours are scanned in any case, and the rest below.
                let imports: Vec<Value> = answer
                    .iter()
                    .zip(scripts)
                    .map(|(answer, script)| {
                        let sum = answer["checksum"].as_str().unwrap_or_default();
                        json!({"desc": format!("{}#{sum}", raw_descriptor(script)), "timestamp": "now", "label": LABEL})
                    })
                    .collect();
                ("importdescriptors", json!([imports]))
            }
            WalletKind::Legacy => {
                let imports: Vec<Value> = scripts
                    .iter()
                    .map(|script| {
                        json!({"scriptPubKey": script, "timestamp": "now", "label": LABEL, "watchonly": true})
                    })
                    .collect();
                ("importmulti", json!([imports, {"rescan": false}]))
            }
        };
        let answer = self.rpc.call_slow(method, params).await?;
        let answer = answer.as_array().filter(|answer| answer.len() == scripts.len());
        for imported in answer.ok_or_else(|| self.rpc.malformed(method))? {
            if imported["success"] != true {
                return Err(self.rpc.malformed(&format!(
                    "{method} failed ({})",
                    imported["error"]["code"].as_i64().unwrap_or(0)
                )));
            }
        }
        Ok(())
    }

    /// Scans from that block to the newest, in steps that a slow computer finishes before the timeout.
    async fn rescan(&self, from: u64, to: u64) -> Result<(), NodeError> {
        let mut first = from;
        loop {
            let last = first.saturating_add(RESCAN_BLOCKS);
            if to <= last {
                // Without a stop height the mempool is scanned, too (Bitcoin Core since 25).
                let params = json!({"start_height": first});
                return self.rpc.call_slow("rescanblockchain", params).await.map(|_| ());
            }
            let params = json!({"start_height": first, "stop_height": last});
            self.rpc.call_slow("rescanblockchain", params).await?;
            first = last.saturating_add(1);
        }
    }
}

fn raw_descriptor(script: &str) -> String {
    format!("raw({script})")
}
