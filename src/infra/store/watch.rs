//! Which chains are watched, and what was observed.

use std::collections::BTreeSet;

use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::{FOLLOWED_DAYS, Status};
use crate::domain::payment::{Address, Confirmations, Observation, ScanResult, WatchedInvoice};
use crate::domain::values::{Amount, Currency, Timestamp};
use crate::infra::store::columns::{states_json, states_that};
use crate::infra::store::orders::ObservationColumns;
use crate::infra::store::wallets::CoinColumns;
use crate::infra::store::{Connection, StoreError, Tx, statistics, wallets};

/// How a chain is watched.
#[derive(Clone, Debug, FromRow)]
pub struct Watch {
    /// As [`crate::domain::payment::Coin::network`] names it.
    pub network: String,
    /// The last complete scan, by the host's clock.
    pub scanned_at: Option<Timestamp>,
    /// The newest block's number.
    pub head: Option<i64>,
    /// Why nothing is decided just now.
    pub problem: Option<String>,
    pub problem_since: Option<Timestamp>,
    /// Whether the seller was written to about the problem.
    pub is_notified: bool,
}

/// Units: minutes without a complete scan after which something must be wrong.
const SILENCE: i64 = 15;

impl Watch {
    /// Why nothing is decided; `None`: all is well.
    pub fn complaint(&self, now: Timestamp) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(problem.clone());
        }
        match self.scanned_at {
            None => Some("not scanned yet: start `shop watch`".to_owned()),
            Some(at) if at.plus_minutes(SILENCE) < now => Some(format!(
                "the last scan was on {}: `shop watch` is not running",
                at.for_people()
            )),
            Some(_) => None,
        }
    }
}

/// These chains are followed from now on, beside those that are already.
pub async fn begin(tx: &mut Tx, networks: &[String]) -> Result<(), StoreError> {
    let networks = json!(networks).to_string();
    sqlx::query(
        r#"
        insert into watched_networks (network) select value from json_each($1) where true
        on conflict (network) do update set is_on = 1
        "#,
    )
    .bind(&networks)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        r#"
        update invoices set seen = 0, settled = 0, confirmations = 0, needed = 0
        where seen is null and network in (select value from json_each($1))
            and order_id in (select id from orders where status in (select value from json_each($2)))
        "#,
    )
    .bind(&networks)
    .bind(states_json(&[
        Status::Awaiting,
        Status::Reported,
        Status::Partial,
        Status::Oversold,
        Status::Late,
        Status::Expired,
    ]))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// All other chains are no longer watched: there the clock and the seller decide again. What was known of them stays, for
/// when they are followed again.
pub async fn end_others(tx: &mut Tx, networks: &[String]) -> Result<(), StoreError> {
    let networks = json!(networks).to_string();
    sqlx::query(
        r#"
        update invoices set seen = null
        where seen = 0 and network not in (select value from json_each($1))
            and order_id in (select id from orders where status in (select value from json_each($2)))
        "#,
    )
    .bind(&networks)
    .bind(states_json(&[Status::Awaiting, Status::Reported, Status::Expired]))
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        r#"
        update watched_networks set is_on = 0, problem = null, problem_since = null, is_notified = 0
        where network not in (select value from json_each($1))
        "#,
    )
    .bind(&networks)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets what the nodes' readers remember, and with it which chain it was.
pub async fn forget_scan_states(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update watched_networks set scan_state = null").execute(&mut **tx).await?;
    Ok(())
}

/// The chains that wallets need, and orders that are in the database.
pub async fn list_needed(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    let of_orders: Vec<String> =
        sqlx::query_scalar("select distinct network from invoices").fetch_all(&mut *db).await?;
    let of_wallets = wallets::list(db).await?.into_iter().map(|wallet| wallet.coin.network());
    let networks: BTreeSet<String> = of_wallets.chain(of_orders).collect();
    Ok(networks.into_iter().collect())
}

pub async fn list(db: &mut Connection) -> Result<Vec<Watch>, StoreError> {
    let watches = sqlx::query_as("select * from watched_networks where is_on = 1 order by network");
    Ok(watches.fetch_all(db).await?)
}

pub async fn find(db: &mut Connection, network: &str) -> Result<Option<Watch>, StoreError> {
    let watch = sqlx::query_as("select * from watched_networks where network = $1");
    Ok(watch.bind(network).fetch_optional(db).await?)
}

pub async fn find_scan_state(
    db: &mut Connection,
    network: &str,
) -> Result<Option<String>, StoreError> {
    let state = sqlx::query_scalar(
        "select scan_state from watched_networks where network = $1 and scan_state is not null",
    );
    Ok(state.bind(network).fetch_optional(db).await?)
}

#[derive(FromRow)]
struct FollowedRow {
    order_id: i64,
    placed_at: Timestamp,
    currency: Currency,
    #[sqlx(flatten)]
    coin: CoinColumns,
    address: String,
    amount: Amount,
    has_own_address: bool,
    #[sqlx(flatten)]
    observation: ObservationColumns,
}

/// The invoices of a chain that a node is asked about: those of unfinished orders, and of those that ended a few days ago.
/// An order that waits for its parcel alone is among them, since a chain may take a block back.
pub async fn list_followed(
    db: &mut Connection,
    network: &str,
    rules: &Confirmations,
    now: Timestamp,
) -> Result<Vec<WatchedInvoice>, StoreError> {
    let rows: Vec<FollowedRow> = sqlx::query_as(
        r#"
        select i.*, o.placed_at
        from invoices i join orders o on o.id = i.order_id
        where i.network = $1
            and (o.status in (select value from json_each($3))
                or $2 <= case when o.status = $4 then max(i.until, o.finished_at) else o.finished_at end)
        order by i.order_id
        "#,
    )
    .bind(network)
    .bind(now.plus_days(-FOLLOWED_DAYS).day_start())
    .bind(states_that(|status| !status.is_finished()))
    .bind(Status::Expired)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| row.invoice(rules)).collect()
}

/// What was seen of these invoices; `now`: on which day what settled counts as received.
pub async fn mark_seen(
    tx: &mut Tx,
    observations: &[(i64, Observation)],
    now: Timestamp,
) -> Result<(), StoreError> {
    statistics::note_settled(tx, observations, now).await?;
    let rows: Vec<_> = observations
        .iter()
        .map(|(id, seen)| {
            let is_moved = i64::from(seen.is_moved);
            json!([
                id,
                seen.seen.get(),
                seen.settled.get(),
                seen.confirmations,
                seen.needed,
                is_moved
            ])
        })
        .collect();
    sqlx::query(
        r#"
        update invoices
        set seen = s.value ->> 1, settled = s.value ->> 2, confirmations = s.value ->> 3, needed = s.value ->> 4,
            is_moved = s.value ->> 5
        from json_each($1) s
        where order_id = s.value ->> 0
        "#,
    )
    .bind(json!(rows).to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A whole look, and nothing is in doubt.
pub async fn mark_scanned(
    tx: &mut Tx,
    network: &str,
    scan: &ScanResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    // The time never goes back: what has run out once is over. That the seller was notified of a problem is forgotten
    // once they are notified that it is over.
    sqlx::query(
        r#"
        update watched_networks
        set scanned_at = $2, head = $3, ahead = $4, time = max(coalesce(time, 0), $5), scan_state = $6, problem = null,
            problem_since = case when is_notified = 1 then problem_since end
        where network = $1
        "#,
    )
    .bind(network)
    .bind(now)
    .bind(i64::try_from(scan.head).unwrap_or(i64::MAX))
    .bind(scan.ahead)
    .bind(scan.time)
    .bind(&scan.state)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Nothing is decided until the node has recovered.
pub async fn mark_problem(
    tx: &mut Tx,
    network: &str,
    problem: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update watched_networks set problem = $2, problem_since = coalesce(problem_since, $3)
        where network = $1
        "#,
    )
    .bind(network)
    .bind(problem)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The seller was notified of the problem.
pub async fn mark_problem_notified(tx: &mut Tx, network: &str) -> Result<(), StoreError> {
    sqlx::query("update watched_networks set is_notified = 1 where network = $1")
        .bind(network)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The seller was notified that it is over.
pub async fn mark_problem_over(tx: &mut Tx, network: &str) -> Result<(), StoreError> {
    sqlx::query(
        "update watched_networks set is_notified = 0, problem_since = null where network = $1",
    )
    .bind(network)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl FollowedRow {
    fn invoice(self, rules: &Confirmations) -> Result<WatchedInvoice, StoreError> {
        let coin = self.coin.coin(&self.currency)?;
        Ok(WatchedInvoice {
            id: self.order_id,
            address: Address::parse(&coin, &self.address)
                .map_err(|_| StoreError::Row("address"))?,
            depth: rules.depth(&self.currency, &coin, self.amount),
            coin,
            amount: self.amount,
            has_own_address: self.has_own_address,
            placed_on: self.placed_at,
            last: self.observation.observation(),
        })
    }
}
