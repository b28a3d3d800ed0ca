//! Which chains are watched, and what was observed.

use crate::domain::orders::FOLLOWED_DAYS;
use crate::domain::orders::OrderRef;
use crate::domain::payment::Address;
use crate::domain::payment::Confirmations;
use crate::domain::payment::Observation;
use crate::domain::payment::ScanResult;
use crate::domain::payment::WatchedInvoice;
use crate::domain::values::Currency;
use crate::domain::values::Timestamp;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::catalog::gwei;
use crate::infra::store::orders::moment;
use crate::infra::store::orders::parse_observation;
use crate::infra::store::payment::parse_coin;
use crate::infra::store::payment::parse_currency;
use crate::infra::store::statistics;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// How a chain is followed.
#[derive(Clone, Debug)]
pub struct Watch {
    /// As [`crate::domain::payment::Coin::network`] names it.
    pub network: String,
    /// The last whole look, by the host's clock.
    pub looked_at: Option<Timestamp>,
    /// The newest block's number.
    pub head: Option<i64>,
    /// Why nothing is decided just now.
    pub trouble: Option<String>,
    pub trouble_since: Option<Timestamp>,
    /// Whether the seller was written to about the trouble.
    pub is_delivered: bool,
}

/// Units: minutes without a whole look after which somebody should look why.
const SILENCE: i64 = 15;

impl Watch {
    /// Why nothing is decided; `None`: all is well.
    pub fn complaint(&self, now: Timestamp) -> Option<String> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
        }
        match self.looked_at {
            None => Some("nobody has looked yet: `shop watch` has to run".to_owned()),
            Some(at) if at.plus_minutes(SILENCE) < now => Some(format!(
                "nobody has looked since {}: `shop watch` does not run",
                at.for_people()
            )),
            Some(_) => None,
        }
    }
}

/// These chains are followed from now on, beside those that are already.
pub async fn begin(tx: &mut Tx, networks: &[String]) -> Result<(), StoreError> {
    let networks = serde_json::json!(networks).to_string();
    for statement in [
        "insert into watches (network) select value from json_each(?) where true \
         on conflict (network) do update set is_on = 1",
        "update invoices set seen = 0, settled = 0, confirmations = 0, needed = 0 where seen is null \
         and network in (select value from json_each(?)) \
         and order_id in (select id from orders where status in ('awaiting', 'reported', 'partial', 'late', 'expired'))",
    ] {
        sqlx::query(statement).bind(&networks).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// All other chains are followed no more: there the clock decides again, and the seller's eyes. What was known of them
/// stays, for whoever follows them again.
pub async fn end_others(tx: &mut Tx, networks: &[String]) -> Result<(), StoreError> {
    let networks = serde_json::json!(networks).to_string();
    for statement in [
        "update invoices set seen = null where seen = 0 and network not in (select value from json_each(?)) \
         and order_id in (select id from orders where status in ('awaiting', 'reported', 'expired'))",
        "update watches set is_on = 0, trouble = null, trouble_since = null, is_told = 0 \
         where network not in (select value from json_each(?))",
    ] {
        sqlx::query(statement).bind(&networks).execute(&mut *tx.0).await?;
    }
    Ok(())
}

/// What the nodes' readers remember is forgotten, and with it which chain it was.
pub async fn forget_memories(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update watches set memory = null").execute(&mut *tx.0).await?;
    Ok(())
}

/// The chains that wallets need, and orders that the shop remembers.
pub async fn list_needed(db: &Db) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select case when chain is not null then 'chain:' || chain when currency = 'BTC' then 'bitcoin' else 'monero' end \
             as network from wallets \
         union select network from invoices order by network",
    )
    .fetch_all(&db.read)
    .await?)
}

pub async fn list(db: &Db) -> Result<Vec<Watch>, StoreError> {
    let rows = sqlx::query("select * from watches where is_on = 1 order by network")
        .fetch_all(&db.read)
        .await?;
    rows.iter().map(parse_watch).collect()
}

pub async fn find(db: &Db, network: &str) -> Result<Option<Watch>, StoreError> {
    let row = sqlx::query("select * from watches where network = ?")
        .bind(network)
        .fetch_optional(&db.read)
        .await?;
    row.as_ref().map(parse_watch).transpose()
}

pub async fn find_memory(db: &Db, network: &str) -> Result<Option<String>, StoreError> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("select memory from watches where network = ?")
            .bind(network)
            .fetch_optional(&db.read)
            .await?;
    Ok(found.flatten())
}

/// The invoices of a chain that a node is asked about: those of unfinished orders, and of those that ended a few days ago.
/// An order that waits for its parcel alone is among them, since a chain may take a block back.
pub async fn list_followed(
    db: &Db,
    network: &str,
    rules: &Confirmations,
    now: Timestamp,
) -> Result<Vec<WatchedInvoice>, StoreError> {
    let rows = sqlx::query(
        "select i.*, o.placed_at from invoices i join orders o on o.id = i.order_id where i.network = ?1 \
         and (o.status in ('awaiting', 'reported', 'partial', 'unconfirmed', 'confirmed', 'overpaid', 'late') \
             or o.status = 'expired' and ?2 <= max(i.until, o.finished_at) \
             or o.status in ('shipped', 'refunded', 'cancelled') and ?2 <= o.finished_at) order by i.order_id",
    )
    .bind(network)
    .bind(now.plus_days(-FOLLOWED_DAYS).day_start().get())
    .fetch_all(&db.read)
    .await?;
    rows.iter().map(|row| parse_followed(row, rules)).collect()
}

/// What was seen of these invoices; `now`: on which day what settled counts as taken.
pub async fn mark_seen(
    tx: &mut Tx,
    observations: &[(i64, Observation)],
    now: Timestamp,
) -> Result<(), StoreError> {
    statistics::note_settled(tx, observations, now).await?;
    let rows: Vec<serde_json::Value> = observations
        .iter()
        .map(|(id, sighting)| {
            serde_json::json!([
                id,
                sighting.seen.get(),
                sighting.settled.get(),
                sighting.confirmations,
                sighting.needed,
                i64::from(sighting.is_moved)
            ])
        })
        .collect();
    sqlx::query(
        "update invoices set seen = s.value ->> 1, settled = s.value ->> 2, confirmations = s.value ->> 3, \
             needed = s.value ->> 4, is_moved = s.value ->> 5 from json_each(?) s where order_id = s.value ->> 0",
    )
    .bind(serde_json::json!(rows).to_string())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The wallet's account has been paid to at the index of this order: what lies above it counts from there.
pub async fn mark_paid_index(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        "update derivations set paid_index = max(coalesce(paid_index, -1), i.key_index) from invoices i \
         where i.order_id = (select id from orders where order_ref = ?) and i.account = derivations.xpub and i.key_index is not null",
    )
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// A whole look, and nothing is in doubt.
pub async fn mark_looked(
    tx: &mut Tx,
    network: &str,
    look: &ScanResult,
    now: Timestamp,
) -> Result<(), StoreError> {
    // The time never goes back: what has run out once is over. That the seller was told of a doubt is forgotten once they
    // are told that it is over.
    sqlx::query(
        "update watches set looked_at = ?, head = ?, ahead = ?, time = max(coalesce(time, 0), ?), memory = ?, trouble = null, \
             trouble_since = iif(is_told = 1, trouble_since, null) where network = ?",
    )
    .bind(now.get())
    .bind(i64::try_from(look.head).unwrap_or(i64::MAX))
    .bind(look.ahead)
    .bind(look.time.get())
    .bind(&look.memory)
    .bind(network)
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Nothing is decided until the node is well again.
pub async fn mark_trouble(
    tx: &mut Tx,
    network: &str,
    trouble: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "update watches set trouble = ?, trouble_since = coalesce(trouble_since, ?) where network = ?",
    )
    .bind(trouble)
    .bind(now.get())
    .bind(network)
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The seller was told of the doubt.
pub async fn mark_trouble_told(tx: &mut Tx, network: &str) -> Result<(), StoreError> {
    sqlx::query("update watches set is_told = 1 where network = ?")
        .bind(network)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// The seller was told that it is over.
pub async fn mark_trouble_over(tx: &mut Tx, network: &str) -> Result<(), StoreError> {
    sqlx::query("update watches set is_told = 0, trouble_since = null where network = ?")
        .bind(network)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// Units: indexes ahead of the next one that a node is asked about: more than are ordered between two looks.
const AHEAD: i64 = 200;

/// The indexes that come next, as far as no node was asked whether they were used already in this currency.
pub async fn list_unlooked(
    db: &Db,
    account: &str,
    currency: &Currency,
) -> Result<Vec<u32>, StoreError> {
    let (next, looked_to): (i64, i64) = sqlx::query_as(
        "select coalesce((select next_index from derivations where xpub = ?1), \
                 (select next_index from derivations where xpub = ''), 0), \
             coalesce((select looked_to from looked_ahead where xpub = ?1 and currency = ?2), 0)",
    )
    .bind(account)
    .bind(currency.as_str())
    .fetch_one(&db.read)
    .await?;
    (next.max(looked_to)..next + AHEAD)
        .map(|n| u32::try_from(n).map_err(|_| StoreError::Row("next_index")))
        .collect()
}

/// The indexes below this one were looked at, and of them these are never given out.
pub async fn mark_looked_to(
    tx: &mut Tx,
    account: &str,
    currency: &Currency,
    to: u32,
    used: &[u32],
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into looked_ahead (xpub, currency, looked_to) values (?1, ?2, ?3) \
         on conflict (xpub, currency) do update set looked_to = ?3",
    )
    .bind(account)
    .bind(currency.as_str())
    .bind(to)
    .execute(&mut *tx.0)
    .await?;
    sqlx::query(
        "insert into used_indexes (xpub, key_index) select ?, value from json_each(?) where true on conflict do nothing",
    )
    .bind(account)
    .bind(serde_json::json!(used).to_string())
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

fn parse_watch(row: &SqliteRow) -> Result<Watch, StoreError> {
    let at = |column: &'static str| -> Result<Option<Timestamp>, StoreError> {
        let seconds: Option<i64> = row.try_get(column)?;
        seconds.map(Timestamp::new).transpose().map_err(|_| StoreError::Row(column))
    };
    Ok(Watch {
        network: row.try_get("network")?,
        looked_at: at("looked_at")?,
        head: row.try_get("head")?,
        trouble: row.try_get("trouble")?,
        trouble_since: at("trouble_since")?,
        is_delivered: row.try_get("is_told")?,
    })
}

fn parse_followed(row: &SqliteRow, rules: &Confirmations) -> Result<WatchedInvoice, StoreError> {
    let currency = parse_currency(row)?;
    let coin = parse_coin(row, &currency)?;
    let amount = gwei(row, "amount")?;
    Ok(WatchedInvoice {
        id: row.try_get("order_id")?,
        address: Address::parse(&coin, row.try_get("address")?)
            .map_err(|_| StoreError::Row("address"))?,
        depth: rules.depth(&currency, &coin, amount),
        coin,
        amount,
        is_alone: row.try_get("is_alone")?,
        placed_on: moment(row, "placed_at")?,
        last: parse_observation(row)?,
    })
}
