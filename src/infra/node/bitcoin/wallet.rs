//! The watch-only wallet of a Bitcoin node.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::domain::values::Timestamp;
use crate::infra::node::NodeError;
use crate::infra::node::bitcoin::payments::Asked;
use crate::infra::node::bitcoin::{BEFOREHAND, Bitcoin, Kind, View};

/// The label of all the shop's scripts, so that one call lists them.
const LABEL: &str = "shop";
/// Units: blocks that one request scans; a slow computer needs some seconds for each.
const AT_ONCE: u64 = 144;
/// Units: blocks that a reorganisation between two scans may replace.
const TURNED: u64 = 6;

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
    ) -> Result<Kind, NodeError> {
        let answer = match answer {
            Err(NodeError::Refused { code: NO_SUCH_WALLET, .. }) => {
                self.load_wallet().await?;
                self.link.call("getwalletinfo", json!([])).await?
            }
            Err(NodeError::Refused { code: NO_SUCH_METHOD, .. }) => {
                return Err(NodeError::Other(format!(
                    "the node at {} runs without wallets: remove disablewallet=1 from its bitcoin.conf",
                    self.link.node()
                )));
            }
            answer => answer?,
        };
        self.kind(&answer)
    }

    async fn load_wallet(&self) -> Result<(), NodeError> {
        let params = json!({"filename": self.wallet, "load_on_startup": true});
        match self.link.call_slow("loadwallet", params).await {
            Err(NodeError::Refused { code: NO_SUCH_WALLET, .. }) => {}
            loaded => return loaded.map(|_| ()),
        }
        match self.create_wallet(Kind::Descriptors).await {
            // Compiled without the library that such wallets need.
            Err(NodeError::Refused { code: WALLET_ERROR, words, .. })
                if words.contains("sqlite") =>
            {
                self.create_wallet(Kind::Legacy).await
            }
            created => created,
        }
    }

    async fn create_wallet(&self, kind: Kind) -> Result<(), NodeError> {
        let params = json!({
            "wallet_name": self.wallet,
            "disable_private_keys": true,
            "blank": true,
            "descriptors": kind == Kind::Descriptors,
            "load_on_startup": true,
        });
        self.link.call_slow("createwallet", params).await.map(|_| ())
    }

    fn kind(&self, answer: &Value) -> Result<Kind, NodeError> {
        let (node, wallet) = (self.link.node(), &self.wallet);
        if answer["private_keys_enabled"] != false {
            return Err(NodeError::Other(format!(
                "the wallet `{wallet}` of the node at {node} may contain private keys, which the shop refuses to use: set another at the end of BTC_RPC_URL, for \
                 example /wallet/shop-watch, which the shop creates"
            )));
        }
        if answer["scanning"].is_object() {
            return Err(NodeError::Other(format!(
                "the wallet `{wallet}` of the node at {node} is rescanning older blocks: wait until it is done"
            )));
        }
        Ok(if answer["descriptors"] == true { Kind::Descriptors } else { Kind::Legacy })
    }

    /// Makes the wallet watch every script, from before its address was first shown. Returns the invoices for which it
    /// does; the others would need blocks that a pruned node no longer has.
    pub(super) async fn follow(
        &self,
        known: &mut BTreeMap<String, String>,
        asked: &[Asked<'_>],
        view: View<'_>,
    ) -> Result<BTreeSet<i64>, NodeError> {
        let View { memory, chain, kind, now } = view;
        let scripts: BTreeSet<&str> = asked.iter().map(|one| one.script.as_str()).collect();
        known.retain(|script, _| scripts.contains(script.as_str()));
        let unknown: Vec<&str> =
            scripts.into_iter().filter(|script| !known.contains_key(*script)).collect();
        let addresses = self.addresses(&unknown).await?;
        let missing = self.missing(&addresses).await?;

        let mut searched: BTreeSet<i64> = BTreeSet::new();
        let mut covered: BTreeSet<&str> = BTreeSet::new();
        let mut unsearched = Vec::new();
        for one in asked {
            if memory.searched.contains(&one.followed.id) && !missing.contains(&one.script) {
                searched.insert(one.followed.id);
                covered.insert(&one.script);
            } else {
                unsearched.push(one);
            }
        }
        let mut from: Option<u64> = None;
        let mut of_days: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for one in unsearched {
            // A shared address has been watched all the time.
            if !covered.contains(one.script.as_str()) {
                let placed_on = one.followed.placed_on.day_start();
                let is_new = !memory.searched.contains(&one.followed.id);
                let first = if is_new && memory.looked_by(placed_on) {
                    memory.head.min(chain.height).saturating_sub(TURNED.max(u64::from(one.needed)))
                } else if let Some(first) = of_days.get(&placed_on) {
                    *first
                } else {
                    let back_to = placed_on.get().saturating_sub(BEFOREHAND);
                    let (first, _) = self.block_before(chain, back_to, now).await?;
                    of_days.insert(placed_on, first);
                    first
                };
                if first < chain.lowest {
                    // Once per process, otherwise it would be logged at every scan.
                    if addresses.contains_key(&one.script) {
                        tracing::warn!(
                            "the node at {} has pruned block {first}: orders older than its blocks cannot be tracked. \
                             Check your wallet and record what you received (`shop orders`): until then no Bitcoin order expires",
                            self.link.node()
                        );
                    }
                    continue;
                }
                from = Some(from.map_or(first, |from| from.min(first)));
            }
            searched.insert(one.followed.id);
        }

        self.import(kind, &missing).await?;
        if let Some(from) = from {
            self.search(from, chain.height).await?;
        }
        known.extend(addresses);
        Ok(searched)
    }

    /// Script → address in the node's notation.
    async fn addresses(&self, scripts: &[&str]) -> Result<BTreeMap<String, String>, NodeError> {
        let calls = scripts.iter().map(|script| ("decodescript", json!([script]))).collect();
        let answers = self.link.batch(calls).await?;
        let mut addresses = BTreeMap::new();
        for (script, answer) in scripts.iter().zip(answers) {
            // Bitcoin Core before 22 returns an array with one address.
            let address = answer["address"].as_str().or_else(|| answer["addresses"][0].as_str());
            let address = address.ok_or_else(|| self.link.malformed("decodescript"))?;
            addresses.insert((*script).to_owned(), address.to_owned());
        }
        Ok(addresses)
    }

    /// The scripts that the wallet does not watch yet.
    async fn missing(
        &self,
        addresses: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, NodeError> {
        if addresses.is_empty() {
            return Ok(BTreeSet::new());
        }
        let labelled = match self.link.call("getaddressesbylabel", json!([LABEL])).await {
            Err(NodeError::Refused { code: NO_SUCH_LABEL, .. }) => json!({}),
            labelled => labelled?,
        };
        let is_missing = |address: &str| labelled[address]["purpose"] != "receive";
        let missing = addresses.iter().filter(|(_, address)| is_missing(address));
        Ok(missing.map(|(script, _)| script.clone()).collect())
    }

    async fn import(&self, kind: Kind, scripts: &BTreeSet<String>) -> Result<(), NodeError> {
        if scripts.is_empty() {
            return Ok(());
        }
        let (method, params) = match kind {
            Kind::Descriptors => {
                let calls =
                    scripts.iter().map(|script| ("getdescriptorinfo", json!([raw(script)])));
                let answer = self.link.batch(calls.collect()).await?;
                // "now": the last hours are scanned in any case, and the rest below.
                let wanted: Vec<Value> = answer
                    .iter()
                    .zip(scripts)
                    .map(|(answer, script)| {
                        let sum = answer["checksum"].as_str().unwrap_or_default();
                        json!({"desc": format!("{}#{sum}", raw(script)), "timestamp": "now", "label": LABEL})
                    })
                    .collect();
                ("importdescriptors", json!([wanted]))
            }
            Kind::Legacy => {
                let wanted: Vec<Value> = scripts
                    .iter()
                    .map(|script| {
                        json!({"scriptPubKey": script, "timestamp": "now", "label": LABEL, "watchonly": true})
                    })
                    .collect();
                ("importmulti", json!([wanted, {"rescan": false}]))
            }
        };
        let answer = self.link.call_slow(method, params).await?;
        let answer = answer.as_array().filter(|answer| answer.len() == scripts.len());
        for one in answer.ok_or_else(|| self.link.malformed(method))? {
            if one["success"] != true {
                return Err(self.link.malformed(&format!(
                    "{method} failed ({})",
                    one["error"]["code"].as_i64().unwrap_or(0)
                )));
            }
        }
        Ok(())
    }

    /// Scans from that block to the newest, in steps that a slow computer finishes before the timeout.
    async fn search(&self, from: u64, to: u64) -> Result<(), NodeError> {
        let mut first = from;
        loop {
            let last = first.saturating_add(AT_ONCE);
            if to <= last {
                // Without a stop height the mempool is scanned, too (Bitcoin Core since 25).
                let params = json!({"start_height": first});
                return self.link.call_slow("rescanblockchain", params).await.map(|_| ());
            }
            let params = json!({"start_height": first, "stop_height": last});
            self.link.call_slow("rescanblockchain", params).await?;
            first = last.saturating_add(1);
        }
    }
}

fn raw(script: &str) -> String {
    format!("raw({script})")
}
