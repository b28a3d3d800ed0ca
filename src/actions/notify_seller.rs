use crate::actions::Shop;
use crate::mail::OrderMessage;
use crate::mail::Told;
use crate::mail::delivery_name;
use crate::orders::Order;
use crate::stops;
use crate::store;
use crate::store::Tx;
use crate::store::owed::Owed;
use crate::values::Moment;
use anyhow::Context;

/// Writes a message and owes it to the seller, in the transaction of what it tells.
pub(super) async fn owe_message(
    shop: &Shop,
    tx: &mut Tx,
    order: &Order,
    told: Told<'_>,
    is_read: bool,
    now: Moment,
) -> anyhow::Result<Owed> {
    let place = store::owed::next_place(tx, &order.order_ref, now).await?;
    let message = OrderMessage {
        order,
        told,
        number: place.number,
        at: place.at,
        site_name: &shop.terms.site_name,
        seller: &shop.terms.seller,
        keep_days: shop.terms.keep_days,
    };
    let key = shop.openness.seal(now)?;
    let message = message.write(key.as_ref(), now).context("write the message to the seller")?;
    let id = store::owed::insert(tx, &order.order_ref, place, is_read, &message)
        .await
        .context("owe the seller a message")?;
    let order_ref = order.order_ref.clone();
    Ok(Owed { id, order_ref, number: place.number, at: place.at, is_read, message })
}

/// Tells the seller. What fails is told later by [`sweep`]: the promise is the row.
pub async fn notify_seller(shop: &Shop, owed: Owed) {
    if let Err(error) = tell(shop, owed).await {
        tracing::warn!("the seller will be told later: {error:#}");
    }
}

/// Tells the seller everything that is untold, and returns how many messages that were. Costs nothing where nothing is
/// owed, however many messages lie in the Maildir.
pub async fn sweep(shop: &Shop) -> anyhow::Result<usize> {
    let mut n_told = 0;
    loop {
        let untold = store::owed::list_untold(&shop.db).await?;
        if untold.is_empty() {
            return Ok(n_told);
        }
        // One look for all of them: what was told but not marked so may have been read since.
        let maildir = shop.maildir.clone();
        let there = tokio::task::spawn_blocking(move || maildir.list_told())
            .await
            .context("look through the Maildir")?
            .context("look through the Maildir")?;
        for owed in untold {
            // Whoever placed the order may have told it meanwhile.
            if !store::owed::is_untold(&shop.db, owed.id).await? {
                continue;
            }
            if there.contains(&delivery_name(&owed.order_ref, owed.number, owed.at)) {
                store::owed::mark_told(&shop.db, owed.id).await?;
            } else {
                tell(shop, owed).await?;
            }
            n_told += 1;
        }
    }
}

/// Units: minutes after which nobody is still writing a message.
const DRAFT_TAKES: i64 = 10;

/// Removes what a shop that was stopped left half delivered; the messages themselves are still owed, and told.
pub async fn clear_drafts(shop: &Shop, now: Moment) -> anyhow::Result<()> {
    let (maildir, before) = (shop.maildir.clone(), now.plus_minutes(-DRAFT_TAKES));
    tokio::task::spawn_blocking(move || maildir.clear_drafts(before)).await??;
    Ok(())
}

async fn tell(shop: &Shop, owed: Owed) -> anyhow::Result<()> {
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
    stops::at("message-delivered");
    store::owed::mark_told(&shop.db, owed.id).await.context("note that the seller was told")?;
    stops::at("order-told");
    Ok(())
}
