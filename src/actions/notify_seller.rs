//! Writes, queues and delivers messages to the seller.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::orders::{Order, Status};
use crate::domain::values::Timestamp;
use crate::infra::mail::{Lookup, NewFile, Notification, OrderMessage, SellerKey, delivery_name};
use crate::infra::store::Tx;
use crate::infra::store::outbox::{NextMessage, OutboxMessage};
use crate::infra::{failpoints, store};

/// Writes a message to the seller and queues it, in the transaction of the event it reports.
pub(super) async fn queue_message(
    shop: &Shop,
    tx: &mut Tx,
    order: &Order,
    notification: Notification<'_>,
    is_read: bool,
    now: Timestamp,
) -> anyhow::Result<OutboxMessage> {
    let place = store::outbox::find_next(tx, &order.order_ref, now).await?;
    // The seller's own actions, the clock's, and a buyer's request for erasure do not wait for a key; only their
    // messages do.
    let is_erasure = matches!(notification, Notification::DataErased);
    // Nobody else can tell the seller of money for an order that is over, or of a cancelled one that was paid.
    let is_urgent = matches!(notification, Notification::NodeUpdate(_))
        || matches!(notification, Notification::Question(..)) && order.status == Status::Cancelled;
    if place.is_held_back && is_urgent {
        store::orders::release_messages(tx, &order.order_ref).await?;
    }
    let may_wait =
        matches!(notification, Notification::StatusChanged(_) | Notification::NodeUpdate(_))
            || is_erasure;
    let message = match shop.availability.encryption_key_for_message(place.has_key, now) {
        // The seller never heard of the order: how it ended is no news.
        _ if place.is_held_back && matches!(notification, Notification::StatusChanged(_)) => None,
        Ok(key) => {
            // After the first encrypted message, the shop never returns to plain text.
            if let Some(key) = key.as_ref().filter(|_| !place.has_key) {
                store::shop_state::mark_fingerprint(tx, &key.fingerprint()).await?;
            }
            let name = shop.name(tx).await?;
            Some(write(shop, &name, order, notification, place, (key.as_ref(), now))?)
        }
        Err(_) if may_wait => Some(Vec::new()),
        Err(closed) => return Err(closed.into()),
    };
    let bytes = message.as_deref();
    store::outbox::insert(tx, &order.order_ref, place, is_read, is_erasure, bytes)
        .await
        .context("queue the message to the seller")?;
    let order_ref = order.order_ref.clone();
    Ok(OutboxMessage {
        order_ref,
        number: place.number,
        at: place.at,
        is_read,
        is_erasure,
        message: message.unwrap_or_default(),
    })
}

pub(super) fn write(
    shop: &Shop,
    site_name: &str,
    order: &Order,
    notification: Notification<'_>,
    place: NextMessage,
    (key, now): (Option<&SellerKey>, Timestamp),
) -> anyhow::Result<Vec<u8>> {
    let message = OrderMessage {
        order,
        notification,
        number: place.number,
        at: place.at,
        site_name,
        seller: &shop.policy.seller,
        keep_days: shop.policy.keep_days,
        tolerance: shop.policy.tolerance,
    };
    message.write(key, now).context("write the message to the seller")
}

/// Delivers a message to the seller. If that fails, [`deliver_outbox`] delivers it later: the row guarantees it.
pub async fn notify_seller(shop: &Shop, queued: OutboxMessage, now: Timestamp) {
    if let Err(error) = deliver_in_order(shop, queued, now).await {
        tracing::warn!("the seller will be notified later: {error:#}");
    }
}

/// Delivers a message after those of its order that were queued before. Messages of an order that is held back wait, this one among them.
async fn deliver_in_order(
    shop: &Shop,
    queued: OutboxMessage,
    now: Timestamp,
) -> anyhow::Result<()> {
    if queued.number == 0 {
        return deliver(shop, queued, now).await;
    }
    store::outbox::forget_delivered(&shop.db).await?;
    let waiting =
        store::outbox::list_undelivered_of(&mut *shop.db.reader().await?, &queued.order_ref)
            .await?;
    let mut lookup = Lookup::new(shop.maildir.clone());
    for earlier in waiting {
        if earlier.at == queued.at {
            deliver(shop, earlier, now).await?;
        } else {
            (_, lookup) = deliver_once(shop, earlier, lookup, now).await?;
        }
    }
    Ok(())
}

/// Delivers all undelivered messages, and returns their number. The Maildir is listed at most once.
pub async fn deliver_outbox(shop: &Shop, now: Timestamp) -> anyhow::Result<usize> {
    store::outbox::forget_delivered(&shop.db).await?;
    let (mut n_delivered, mut last) = (0, None);
    let mut lookup = Lookup::new(shop.maildir.clone());
    loop {
        let undelivered =
            store::outbox::list_undelivered(&mut *shop.db.reader().await?, last).await?;
        let Some(newest) = undelivered.last() else { return Ok(n_delivered) };
        last = Some(newest.at);
        for queued in undelivered {
            // The task that placed the order may have delivered it meanwhile.
            if !store::outbox::is_undelivered(&mut *shop.db.reader().await?, queued.at).await? {
                continue;
            }
            let was_delivered;
            (was_delivered, lookup) = deliver_once(shop, queued, lookup, now).await?;
            n_delivered += usize::from(was_delivered);
        }
    }
}

/// Delivers a message that was queued before, unless it waits for the seller's key. Returns whether it is delivered.
async fn deliver_once(
    shop: &Shop,
    queued: OutboxMessage,
    mut lookup: Lookup,
    now: Timestamp,
) -> anyhow::Result<(bool, Lookup)> {
    // A message that was delivered but not marked so may have been read since.
    let name = delivery_name(&queued.order_ref, queued.number, queued.at);
    let (is_delivered, lookup) =
        tokio::task::spawn_blocking(move || (lookup.is_delivered(&name), lookup))
            .await
            .context("read the Maildir")?;
    if is_delivered.context("read the Maildir")? {
        store::outbox::mark_delivered(&shop.db, queued.at).await?;
    } else if queued.message.is_empty() && shop.availability.encryption_key(now).is_err() {
        // It waits for the key; the log already says that it is missing.
        return Ok((false, lookup));
    } else {
        deliver(shop, queued, now).await?;
    }
    Ok((true, lookup))
}

/// Units: minutes after which a draft is certainly not being written any more.
const DRAFT_TAKES: i64 = 10;

/// Removes incomplete messages and uploads that an interrupted process left; the messages themselves are still queued.
pub async fn clear_drafts(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let (maildir, digital) = (shop.maildir.clone(), shop.digital.clone());
    let before = now.plus_minutes(-DRAFT_TAKES);
    let cleared = tokio::task::spawn_blocking(move || {
        maildir.clear_drafts(before).and(digital.clear_drafts(before))
    });
    cleared.await??;
    Ok(())
}

async fn deliver(shop: &Shop, mut queued: OutboxMessage, now: Timestamp) -> anyhow::Result<()> {
    if queued.message.is_empty() {
        let Some(order) =
            store::orders::find(&mut *shop.db.reader().await?, &queued.order_ref).await?
        else {
            return Ok(());
        };
        let notification = if queued.is_erasure {
            Notification::DataErased
        } else {
            Notification::StatusChanged("")
        };
        let (number, at) = (queued.number, queued.at);
        let place = NextMessage { number, at, has_key: true, is_held_back: false };
        let key = shop.availability.encryption_key_for_message(true, now)?;
        let name = shop.name(&mut *shop.db.reader().await?).await?;
        queued.message = write(shop, &name, &order, notification, place, (key.as_ref(), now))?;
    }
    let name = delivery_name(&queued.order_ref, queued.number, queued.at);
    let maildir = shop.maildir.clone();
    let file = NewFile { name, message: queued.message };
    tokio::task::spawn_blocking(move || {
        if queued.is_read { maildir.deliver_read(file) } else { maildir.deliver(file) }
    })
    .await
    .context("deliver the message")?
    .context("deliver the message into the Maildir")?;
    failpoints::at("message-delivered");
    store::outbox::mark_delivered(&shop.db, queued.at)
        .await
        .context("mark the message as delivered")?;
    failpoints::at("order-told");
    Ok(())
}
