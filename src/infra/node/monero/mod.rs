//! Watches Monero payments with the seller's view-only wallet in `monero-wallet-rpc`, which scans the blocks of its own
//! monerod.

mod addresses;
mod transfers;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::payment::{Address, Coin, ScanResult, WatchedInvoice};
use crate::domain::values::Timestamp;
use crate::infra::node::monero::transfers::{Transfers, USUAL_DEPTH, needed};
use crate::infra::node::{NodeError, RpcClient, ScanInput};

/// Units: minutes between blocks. Source: Monero's difficulty rule.
const BLOCK_MINUTES: i64 = 2;
/// After this many minutes without a new block, the scan's time stops. By chance, that is rarer than once in a million
/// hours.
const QUIET_MINUTES: i64 = 40;
/// A daemon that catches up brings many blocks at once; if it has brought none for this long, it has caught up.
const CALM_MINUTES: i64 = 10;
/// In a longer pause between two scans, anything may have been missed.
const GAP_MINUTES: i64 = 60;

/// Source: `wallet_rpc_server_error_codes.h` of Monero 0.18.
const DENIED: i64 = -7;
const NO_WALLET: i64 = -13;
const WATCH_ONLY: i64 = -29;

/// The seller's view-only wallet.
pub struct Monero {
    rpc: RpcClient,
    /// After this many minutes without a new block, the wallet's daemon is considered disconnected from the network.
    pub stale_minutes: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct ScanState {
    /// The time of the last scan, the wallet's height then, and the last time when the height increased.
    at: i64,
    height: u64,
    grew_at: i64,
    /// Since when blocks have come only at the usual rate.
    calm_since: i64,
    /// The time up to which the last scan is complete.
    time: i64,
    /// The wallet's primary address, to which the next two belong.
    primary: String,
    /// Invoice → index of its subaddress in the first account.
    indexes: BTreeMap<i64, u32>,
    /// Invoices that are paid to another wallet.
    foreign: BTreeSet<i64>,
    /// Transaction → invoice, for those at a shared address.
    paid: BTreeMap<String, i64>,
}

impl Monero {
    /// By chance, two hours without a block do not happen within the age of the universe.
    const STALE_MINUTES: i64 = 120;

    /// Does not connect yet.
    pub fn open(rpc: RpcClient) -> Self {
        Self { rpc: rpc.at_path("/json_rpc"), stale_minutes: Self::STALE_MINUTES }
    }

    /// The wallet has no clock of its own, so orders expire by the trusted time.
    ///
    /// # Errors
    /// [`NodeError`] if the wallet, its daemon or an answer is not as required; then nothing changes.
    pub async fn scan(&self, input: ScanInput<'_>) -> Result<ScanResult, NodeError> {
        let ScanInput { invoices, state, now, trusted } = input;
        // Unreadable state is rebuilt.
        let mut state: ScanState =
            state.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let ids: BTreeSet<i64> = invoices.iter().map(|invoice| invoice.id).collect();
        state.indexes.retain(|id, _| ids.contains(id));
        state.foreign.retain(|id| ids.contains(id));

        self.check_view_only().await?;
        let primary = self.primary().await?;
        if state.primary != primary.as_str() {
            state.primary = primary.to_string();
            state.indexes.clear();
            state.foreign.clear();
        }
        self.classify_invoices(&primary, invoices, &mut state).await?;
        self.extend_wallet(invoices, &state).await?;

        // The wallet reads new blocks by itself now and then; an explicit refresh also reveals whether its daemon is
        // reachable.
        self.call_slow("refresh", json!({})).await.map_err(|error| self.explain_daemon(error))?;
        let height = self.number(&self.call("get_height", json!({})).await?, "height")?;
        self.update_time(&mut state, height, invoices, trusted)?;

        let params = json!({
            "in": true,
            "pool": true,
            "all_accounts": true,
            "filter_by_height": true,
            "min_height": oldest_block(height, invoices, now),
        });
        let transfers: Transfers =
            serde_json::from_value(self.call("get_transfers", params).await?)
                .map_err(|_| self.rpc.malformed("get_transfers"))?;
        let mut observations = transfers.observations(invoices, &mut state.paid);
        observations.retain(|(id, _)| !state.foreign.contains(id));
        Ok(ScanResult {
            ahead: 0,
            head: height.saturating_sub(1),
            time: Timestamp::new(state.time).map_err(|_| self.rpc.malformed("its memory"))?,
            observations,
            state: serde_json::to_string(&state).map_err(|error| {
                NodeError::Other(format!("detected payments cannot be stored: {error}"))
            })?,
        })
    }

    /// A wallet that can spend does not belong on a server. When asked to sign an empty set, a view-only wallet reports
    /// what it is; this requests no key.
    async fn check_view_only(&self) -> Result<(), NodeError> {
        let node = self.rpc.node();
        match self.call("sign_transfer", json!({"unsigned_txset": "00"})).await {
            Err(NodeError::Refused { code: WATCH_ONLY, .. }) => Ok(()),
            Err(NodeError::Refused { code: NO_WALLET, .. }) => Err(NodeError::Other(format!(
                "monero-wallet-rpc at {node} has no wallet open: start it with --wallet-file and the view-only wallet"
            ))),
            Err(NodeError::Refused { code: DENIED, .. }) => Err(NodeError::Other(format!(
                "monero-wallet-rpc at {node} is restricted: start it without --restricted-rpc, reachable only from this host"
            ))),
            Ok(_) | Err(NodeError::Refused { .. }) => Err(NodeError::Other(format!(
                "the wallet in monero-wallet-rpc at {node} CAN SPEND: remove it from this host, and create a view-only wallet from its \
                 primary address and private view key (monero-wallet-cli --generate-from-view-key)"
            ))),
            Err(error) => Err(error),
        }
    }

    async fn primary(&self) -> Result<Address, NodeError> {
        let params = json!({"account_index": 0, "address_index": [0]});
        let answer = self.call("get_address", params).await?;
        let text = answer["address"].as_str().unwrap_or_default();
        let address = Address::parse(&Coin::Monero, text).map_err(|why| {
            let node = self.rpc.node();
            NodeError::Other(format!(
                "the wallet in monero-wallet-rpc at {node} cannot be used: {why}"
            ))
        })?;
        if address.is_primary_monero() {
            Ok(address)
        } else {
            Err(self.rpc.malformed("get_address"))
        }
    }

    fn update_time(
        &self,
        state: &mut ScanState,
        height: u64,
        invoices: &[WatchedInvoice],
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let deepest = invoices.iter().map(|invoice| needed(invoice.depth)).max().unwrap_or(0);
        let lowest = state.height.saturating_sub(u64::from(deepest.max(USUAL_DEPTH)));
        if height < lowest {
            return Err(NodeError::LostBlock { node: self.rpc.node(), number: lowest });
        }
        // If the clock was wrong before, no stored time may be in the future.
        for then in [&mut state.grew_at, &mut state.calm_since, &mut state.at, &mut state.time] {
            *then = now.get().min(*then);
        }
        let minutes_since = |then: i64| now.get().saturating_sub(then) / 60;
        if state.height < height {
            state.grew_at = now.get();
        } else if self.stale_minutes < minutes_since(state.grew_at) {
            let node = self.rpc.node();
            return Err(NodeError::Stale { node, minutes: minutes_since(state.grew_at) });
        }

        // Neither the wallet nor its daemon reports whether it has the whole chain. So the scan's time advances only
        // while blocks come at the usual rate: not too many at once, not after a pause, not after a long silence.
        let made = minutes_since(state.at) / BLOCK_MINUTES;
        let most = u64::try_from(made.saturating_mul(3)).unwrap_or(0).saturating_add(4);
        if GAP_MINUTES < minutes_since(state.at) || state.height.saturating_add(most) < height {
            state.calm_since = now.get();
        }
        if CALM_MINUTES <= minutes_since(state.calm_since) {
            // The required depth needs no allowance: a payment sent by then is at least in the pool, is seen there, and
            // keeps its order from expiring.
            let until = state.grew_at.saturating_add(QUIET_MINUTES * 60).min(now.get());
            state.time = until.max(state.time);
        }
        state.at = now.get();
        state.height = height;
        Ok(())
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, NodeError> {
        self.rpc.call(method, params).await.map_err(|error| self.explain_login(error))
    }

    async fn call_slow(&self, method: &str, params: Value) -> Result<Value, NodeError> {
        self.rpc.call_slow(method, params).await.map_err(|error| self.explain_login(error))
    }

    fn explain_login(&self, error: NodeError) -> NodeError {
        match error {
            NodeError::Unauthorized { node } => NodeError::Other(format!(
                "monero-wallet-rpc at {node} requires an unsupported kind of login: start it with --disable-rpc-login where nobody else can reach \
                 it (--rpc-bind-ip 127.0.0.1), and set XMR_RPC_URL without user and password"
            )),
            error => error,
        }
    }

    fn number(&self, answer: &Value, name: &str) -> Result<u64, NodeError> {
        answer[name].as_u64().ok_or_else(|| self.rpc.malformed(name))
    }

    fn explain_daemon(&self, error: NodeError) -> NodeError {
        match error {
            NodeError::Refused { message, .. } => NodeError::Other(format!(
                "monero-wallet-rpc at {} cannot use its monerod ({message}): check that monerod is running",
                self.rpc.node()
            )),
            error => error,
        }
    }

    fn other_wallet(&self) -> NodeError {
        NodeError::Other(format!(
            "the wallet in monero-wallet-rpc at {} is not the one that the newest order is paid to: open the \
             view-only wallet of the address in the shop's catalog",
            self.rpc.node()
        ))
    }
}

/// A block older than any payment of these orders: it allows for two days more than have passed.
fn oldest_block(height: u64, invoices: &[WatchedInvoice], now: Timestamp) -> u64 {
    let oldest = invoices.iter().map(|invoice| invoice.placed_on).min().unwrap_or(now);
    let blocks = (now.minutes_after(oldest) + 2 * 24 * 60) / BLOCK_MINUTES;
    height.saturating_sub(u64::try_from(blocks).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::*;
    use crate::domain::payment::Depth;
    use crate::domain::values::{Amount, NodeUrl};

    const START: i64 = 1_795_267_507;

    fn monero() -> Monero {
        let url = NodeUrl::parse("http://127.0.0.1:18083").unwrap();
        Monero::open(RpcClient::open(&url, None).unwrap())
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::new(START).unwrap().plus_minutes(minutes)
    }

    fn scan(state: &mut ScanState, minutes: i64, height: u64) -> Result<(), NodeError> {
        monero().update_time(state, height, &[], at(minutes))
    }

    /// Scans once a minute, with a block every other minute.
    fn scan_each_minute(state: &mut ScanState, minutes: RangeInclusive<i64>, height: u64) -> u64 {
        let start = *minutes.start();
        let height_at = |minute: i64| height + u64::try_from((minute - start) / 2).unwrap();
        for minute in minutes.clone() {
            scan(state, minute, height_at(minute)).unwrap();
        }
        height_at(*minutes.end())
    }

    #[test]
    fn the_scan_time_advances_while_blocks_come_at_the_usual_rate() {
        let mut state = ScanState::default();
        scan_each_minute(&mut state, 0..=9, 1_000);
        assert_eq!(state.time, 0);
        scan_each_minute(&mut state, 10..=30, 1_005);
        assert_eq!(state.time, at(30).get());
    }

    #[test]
    fn a_daemon_that_catches_up_does_not_advance_the_scan_time() {
        let mut state = ScanState::default();
        let height = scan_each_minute(&mut state, 0..=30, 1_000);
        // A night without the host, and then many blocks at each scan.
        for n in 1..=20_u64 {
            scan(&mut state, 600 + i64::try_from(n).unwrap(), height + 50 * n).unwrap();
            assert_eq!(state.time, at(30).get());
        }
        let height = scan_each_minute(&mut state, 621..=629, height + 1_000);
        assert_eq!(state.time, at(30).get());
        scan_each_minute(&mut state, 630..=640, height);
        assert_eq!(state.time, at(640).get());
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_nothing_in_the_future() {
        let mut state = ScanState::default();
        let height = scan_each_minute(&mut state, 1_000..=1_030, 1_000);
        scan(&mut state, 20, height).unwrap();
        assert_eq!((state.time, state.at), (at(20).get(), at(20).get()));
        scan_each_minute(&mut state, 21..=50, height);
        assert_eq!(state.time, at(50).get(), "it goes on from there");
    }

    #[test]
    fn without_blocks_the_scan_time_stops_and_then_the_daemon_counts_as_stale() {
        let mut state = ScanState::default();
        let height = scan_each_minute(&mut state, 0..=30, 1_000);
        for minute in 31..=150 {
            scan(&mut state, minute, height).unwrap();
        }
        assert_eq!(state.time, at(70).get());
        let error = scan(&mut state, 151, height);
        assert!(matches!(error, Err(NodeError::Stale { minutes: 121, .. })), "{error:?}");
        assert_eq!(scan(&mut state, 152, height + 1), Ok(()));
    }

    #[test]
    fn a_chain_that_loses_confirmed_blocks_is_refused() {
        let mut state = ScanState::default();
        let height = scan_each_minute(&mut state, 0..=30, 1_000);
        assert_eq!(scan(&mut state, 31, height - 10), Ok(()));
        let error = scan(&mut state, 32, height - 21);
        assert!(matches!(error, Err(NodeError::LostBlock { .. })), "{error:?}");
    }

    #[test]
    fn the_scanned_blocks_start_before_the_oldest_order() {
        let placed = |minutes: i64| {
            WatchedInvoice {
            id: 1,
            coin: Coin::Monero,
            address: Address::parse(&Coin::Monero, "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39").unwrap(),
            amount: Amount::ONE_COIN,
            has_own_address: true,
            depth: Depth::Final,
            placed_on: at(minutes),
            last: None,
        }
        };
        let now = at(7 * 24 * 60);
        assert_eq!(oldest_block(3_000_000, &[], now), 3_000_000 - 1_440);
        let orders = [placed(7 * 24 * 60), placed(0)];
        assert_eq!(oldest_block(3_000_000, &orders, now), 3_000_000 - 1_440 - 5_040);
        assert_eq!(oldest_block(100, &orders, now), 0);
    }

    #[test]
    fn the_state_is_read_as_it_was_written() {
        let state = ScanState {
            height: 5,
            indexes: BTreeMap::from([(7, 3)]),
            paid: BTreeMap::from([("aa".to_owned(), 7)]),
            ..ScanState::default()
        };
        let text = serde_json::to_string(&state).unwrap();
        let read: ScanState = serde_json::from_str(&text).unwrap();
        assert_eq!((read.height, read.indexes, read.paid), (5, state.indexes, state.paid));
    }
}
