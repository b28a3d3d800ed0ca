//! Delivers queued messages to the seller's Maildir.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::orders::Order;
use crate::domain::values::Timestamp;
use crate::infra::mail::{Lookup, OrderMessage, SellerKey, Told, delivery_name};
use crate::infra::store::Tx;
use crate::infra::store::outbox::{NextMessage, OutboxMessage};
use crate::infra::{failpoints, store};

/// Writes a message to the seller and queues it, in the transaction of the event it reports.
pub(super) async fn queue_message(
    shop: &Shop,
    tx: &mut Tx,
    order: &Order,
    told: Told<'_>,
    is_read: bool,
    now: Timestamp,
) -> anyhow::Result<OutboxMessage> {
    let place = store::outbox::find_next(tx, &order.order_ref, now).await?;
    // The seller's own actions, the clock's, and a buyer's request for erasure do not wait for a key; only their
    // messages do.
    let is_erasure = matches!(told, Told::Erased);
    let may_wait = matches!(told, Told::Step(_) | Told::Node(_)) || is_erasure;
    let message = match shop.availability.seal_for_message(place.has_key, now) {
        Ok(key) => {
            // After the first encrypted message, the shop never returns to plain text.
            if let Some(key) = key.as_ref().filter(|_| !place.has_key) {
                store::shop_state::mark_fingerprint(tx, &key.fingerprint()).await?;
            }
            let name = shop.name(tx).await?;
            write(shop, &name, order, told, place, (key.as_ref(), now))?
        }
        Err(_) if may_wait => Vec::new(),
        Err(closed) => return Err(closed.into()),
    };
    let id = store::outbox::insert(tx, &order.order_ref, place, is_read, is_erasure, &message)
        .await
        .context("queue the message to the seller")?;
    let order_ref = order.order_ref.clone();
    Ok(OutboxMessage {
        id,
        order_ref,
        number: place.number,
        at: place.at,
        is_read,
        is_erasure,
        message,
    })
}

pub(super) fn write(
    shop: &Shop,
    site_name: &str,
    order: &Order,
    told: Told<'_>,
    place: NextMessage,
    (key, now): (Option<&SellerKey>, Timestamp),
) -> anyhow::Result<Vec<u8>> {
    let message = OrderMessage {
        order,
        told,
        number: place.number,
        at: place.at,
        site_name,
        seller: &shop.policy.seller,
        keep_days: shop.policy.keep_days,
        tolerance: shop.policy.tolerance,
    };
    message.write(key, now).context("write the message to the seller")
}

/// Delivers a message to the seller. If that fails, [`sweep`] delivers it later: the row guarantees it.
pub async fn notify_seller(shop: &Shop, owed: OutboxMessage, now: Timestamp) {
    if let Err(error) = tell(shop, owed, now).await {
        tracing::warn!("the seller will be notified later: {error:#}");
    }
}

/// Delivers all undelivered messages, and returns their number. The Maildir is listed at most once.
pub async fn sweep(shop: &Shop, now: Timestamp) -> anyhow::Result<usize> {
    let (mut n_told, mut last) = (0, 0);
    let mut lookup = Lookup::new(shop.maildir.clone());
    loop {
        let untold = store::outbox::list_undelivered(&mut *shop.db.reader().await?, last).await?;
        let Some(newest) = untold.last() else { return Ok(n_told) };
        last = newest.id;
        for owed in untold {
            // The task that placed the order may have delivered it meanwhile.
            if !store::outbox::is_undelivered(&mut *shop.db.reader().await?, owed.id).await? {
                continue;
            }
            // A message that was delivered but not marked so may have been read since.
            let name = delivery_name(&owed.order_ref, owed.number, owed.at);
            let is_delivered;
            (is_delivered, lookup) =
                tokio::task::spawn_blocking(move || (lookup.is_delivered(&name), lookup))
                    .await
                    .context("read the Maildir")?;
            if is_delivered.context("read the Maildir")? {
                store::outbox::mark_delivered(&shop.db, owed.id).await?;
            } else if owed.message.is_empty() && shop.availability.seal(now).is_err() {
                // It waits for the key; the log already says that it is missing.
                continue;
            } else {
                tell(shop, owed, now).await?;
            }
            n_told += 1;
        }
    }
}

/// Units: minutes after which a draft is certainly not being written any more.
const DRAFT_TAKES: i64 = 10;

/// Removes incomplete deliveries that an interrupted process left; the messages themselves are still queued.
pub async fn clear_drafts(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let (maildir, before) = (shop.maildir.clone(), now.plus_minutes(-DRAFT_TAKES));
    tokio::task::spawn_blocking(move || maildir.clear_drafts(before)).await??;
    Ok(())
}

async fn tell(shop: &Shop, mut owed: OutboxMessage, now: Timestamp) -> anyhow::Result<()> {
    if owed.message.is_empty() {
        let Some(order) =
            store::orders::find(&mut *shop.db.reader().await?, &owed.order_ref).await?
        else {
            return Ok(());
        };
        let told = if owed.is_erasure { Told::Erased } else { Told::Step("") };
        let place = NextMessage { number: owed.number, at: owed.at, has_key: true };
        let key = shop.availability.seal_for_message(true, now)?;
        let name = shop.name(&mut *shop.db.reader().await?).await?;
        owed.message = write(shop, &name, &order, told, place, (key.as_ref(), now))?;
    }
    let name = delivery_name(&owed.order_ref, owed.number, owed.at);
    let maildir = shop.maildir.clone();
    tokio::task::spawn_blocking(move || {
        if owed.is_read {
            maildir.deliver_read(&name, &owed.message)
        } else {
            maildir.deliver(&name, &owed.message)
        }
    })
    .await
    .context("deliver the message")?
    .context("deliver the message into the Maildir")?;
    failpoints::at("message-delivered");
    store::outbox::mark_delivered(&shop.db, owed.id)
        .await
        .context("mark the message as delivered")?;
    failpoints::at("order-told");
    Ok(())
}
