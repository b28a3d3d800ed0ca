//! Begins and ends siege mode, and notifies the seller of it.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::orders::{
    NotificationHold, OrderRate, SiegeChange, Status, UnpaidCounts, payment_minutes, siege_change,
};
use crate::domain::values::Timestamp;
use crate::infra::mail::{Lookup, NewFile, SellerKey, ShopMessage, ShopNews, SiegeNews};
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::shop_state::ShopState;
use crate::infra::store::siege;

/// How long a new order may take to be paid. Units: minutes.
pub fn minutes_to_pay(shop: &Shop, is_under_siege: bool) -> i64 {
    payment_minutes(shop.policy.payment_minutes, is_under_siege)
}

/// Until when the seller is not notified of a new order.
pub(super) fn hold_at_placement(
    shop: &Shop,
    is_under_siege: bool,
    unpaid: UnpaidCounts,
    status: Status,
) -> NotificationHold {
    let rate = match (is_under_siege, unpaid.is_burst(shop.policy.siege_orders)) {
        (true, _) => OrderRate::Siege,
        (false, true) => OrderRate::Burst,
        (false, false) => OrderRate::Usual,
    };
    NotificationHold::at_placement(shop.policy.notify, rate, status)
}

/// Begins siege mode, in the transaction of the order that reaches the threshold. `unpaid`: with this order. Returns whether
/// it did.
pub(super) async fn begin_siege(
    shop: &Shop,
    tx: &mut Tx,
    unpaid: UnpaidCounts,
    key: Option<&SellerKey>,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let most = shop.policy.siege_orders;
    if siege_change(false, unpaid.in_hour, most) != Some(SiegeChange::Begins) {
        return Ok(false);
    }
    let first = siege::begin(tx, now).await.context("begin siege mode")?;
    queue_news(shop, tx, (first, now), SiegeNews::Begun { n_orders: most }, (key, now)).await?;
    Ok(true)
}

/// Logged after the commit.
pub(super) fn log_begin(shop: &Shop) {
    tracing::warn!(
        "siege mode has begun: {} orders of the last hour are not paid (SIEGE_ORDERS)",
        shop.policy.siege_orders
    );
}

/// Ends siege mode if few orders are unpaid, and delivers the message about it.
pub async fn check_siege(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    // Checked first without the write lock, since usually there is nothing to do.
    let mut db = shop.db.reader().await?;
    let state = store::shop_state::find(&mut db).await?;
    let n_unpaid = siege::count_unpaid(&mut db, now, shop.policy.siege_orders).await?;
    let has_burst = siege::has_burst(&mut db).await?;
    drop(db);
    let ended = match is_over(shop, &state, n_unpaid) {
        true => end_siege(shop, now).await,
        false => Ok(()),
    };
    if has_burst {
        let mut tx = shop.db.write().await?;
        siege::end_burst(&mut tx).await.context("end a burst")?;
        tx.commit().await.context("commit the end of a burst")?;
    }
    deliver_notices(shop).await?;
    ended
}

fn is_over(shop: &Shop, state: &ShopState, n_unpaid: i64) -> bool {
    let is_under_siege = state.siege_since.is_some();
    let change = siege_change(is_under_siege, n_unpaid, shop.policy.siege_orders);
    change == Some(SiegeChange::Ends)
}

async fn end_siege(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    // Another process may have ended it meanwhile.
    let state = store::shop_state::find(&mut tx).await?;
    let n_unpaid = siege::count_unpaid(&mut tx, now, shop.policy.siege_orders).await?;
    let Some(since) = state.siege_since.filter(|_| is_over(shop, &state, n_unpaid)) else {
        return Ok(());
    };
    let outcome = siege::find_outcome(&mut tx, state.siege_first).await?;
    let n_orders = state.siege_orders;
    let n_held_back = (n_orders - outcome.n_notified).max(0);
    let news = SiegeNews::Over { n_orders, n_reported: outcome.n_reported, n_held_back };
    // Without a key that can be used it goes on until there is one: meanwhile no order is accepted.
    let key = shop.availability.encryption_key_for_message(state.fingerprint.is_some(), now)?;
    queue_news(shop, &mut tx, (state.siege_first, since), news, (key.as_ref(), now)).await?;
    siege::end(&mut tx).await.context("end siege mode")?;
    tx.commit().await.context("commit the end of siege mode")?;
    tracing::warn!(
        "siege mode is over: {n_orders} orders were placed, {} of them reported or paid",
        outcome.n_reported
    );
    Ok(())
}

/// Queues a message about siege mode, which began with this order at this time.
async fn queue_news(
    shop: &Shop,
    tx: &mut Tx,
    (first, since): (i64, Timestamp),
    news: SiegeNews,
    (key, now): (Option<&SellerKey>, Timestamp),
) -> anyhow::Result<()> {
    let message = ShopMessage {
        news: ShopNews::Siege { first, news },
        since: since.whole_minute(),
        at: store::outbox::find_next_at(tx, now).await?,
        site_name: &shop.name(tx).await?,
        seller: &shop.policy.seller,
    };
    let (name, message) = message.write(key, now).context("write the message about siege mode")?;
    store::notices::insert(tx, &name, &message).await.context("queue the message about siege mode")
}

/// Delivers the messages that belong to no order. Idempotent: done twice, each is one message.
async fn deliver_notices(shop: &Shop) -> anyhow::Result<()> {
    let waiting = store::notices::list(&mut *shop.db.reader().await?).await?;
    for notice in waiting {
        let maildir = shop.maildir.clone();
        let (name, message) = (notice.name, notice.message);
        tokio::task::spawn_blocking(move || {
            // One that was delivered but not marked so may have been read since.
            if Lookup::new(maildir.clone()).is_delivered(&name)? {
                return Ok(());
            }
            maildir.deliver(NewFile { name, message })
        })
        .await
        .context("deliver the message about siege mode")?
        .context("deliver the message into the Maildir")?;
        store::notices::mark_delivered(&shop.db, notice.id).await?;
    }
    Ok(())
}
