use crate::actions::Shop;
use crate::mail::OrderMessage;
use crate::orders::OrderRef;
use crate::store;
use crate::store::tidings::Tiding;
use crate::store::tidings::TidingKind;
use crate::values::Moment;
use anyhow::Context;

/// Tells the seller what is untold of one order. What fails is told later by [`sweep`]: the promise is the row.
pub async fn notify_seller(shop: &Shop, order_ref: &OrderRef, now: Moment) {
    let told = async {
        for tiding in store::tidings::list_untold_of(&shop.db, order_ref).await? {
            tell(shop, &tiding, now).await?;
        }
        anyhow::Ok(())
    };
    if let Err(error) = told.await {
        tracing::warn!("the seller will be told later: {error:#}");
    }
}

/// Tells the seller everything that is untold, and returns how many messages that were.
pub async fn sweep(shop: &Shop, now: Moment) -> anyhow::Result<usize> {
    let mut n_told = 0;
    loop {
        let untold = store::tidings::list_untold(&shop.db).await?;
        if untold.is_empty() {
            return Ok(n_told);
        }
        for tiding in untold {
            tell(shop, &tiding, now).await?;
            n_told += 1;
        }
    }
}

async fn tell(shop: &Shop, tiding: &Tiding, now: Moment) -> anyhow::Result<()> {
    let Some(order) = store::orders::find(&shop.db, &tiding.order_ref).await? else {
        return Ok(());
    };
    let message = OrderMessage {
        order: &order,
        status: tiding.status,
        number: tiding.number,
        at: tiding.at,
        is_new: tiding.kind == TidingKind::Order,
        site_name: &shop.terms.site_name,
        seller: &shop.terms.seller,
        keep_days: shop.terms.keep_days,
    };
    let (name, bytes) = (message.delivery_name(), message.write().context("write the message")?);
    let maildir = shop.maildir.clone();
    tokio::task::spawn_blocking(move || maildir.deliver(&name, &bytes))
        .await
        .context("deliver the message")?
        .context("deliver the message into the Maildir")?;
    store::tidings::mark_told(&shop.db, tiding.id, now)
        .await
        .context("note that the seller was told")
}
