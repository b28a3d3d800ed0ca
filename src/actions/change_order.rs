use crate::actions::Shop;
use crate::actions::expire_orders::give_back;
use crate::orders::Event;
use crate::orders::Misstep;
use crate::orders::Order;
use crate::orders::OrderRef;
use crate::orders::Status;
use crate::store;
use crate::store::Tx;
use crate::values::Gwei;
use crate::values::Line;
use crate::values::Moment;
use anyhow::Context;

/// What the seller says of an order.
pub enum OrderChange {
    Paid,
    /// So much has arrived in all.
    Partial(Gwei),
    /// With a tracking number, or nothing.
    Shipped(Line),
    /// With a reason, or nothing.
    Cancelled(Line),
    /// With a transaction id, or nothing.
    Refunded(Line),
}

/// Why nothing was changed, in words for the seller.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    #[error("there is no order with this reference")]
    NoOrder,
    #[error(transparent)]
    Misstep(#[from] Misstep),
    #[error(
        "{name}: {wanted} are needed and {left} are left on the shelf. Put more into the catalog, or refund the order"
    )]
    TooFew { name: String, wanted: i64, left: i64 },
    #[error("{0} is the whole amount or more: say `paid`")]
    NotPartial(Gwei),
}

/// The seller's word changes an order; stock follows where it must.
pub async fn change_order(
    shop: &Shop,
    order_ref: &OrderRef,
    change: OrderChange,
    now: Moment,
) -> anyhow::Result<Result<Status, Unchanged>> {
    super::expire_orders(shop, now).await?;
    let mut tx = shop.db.write().await?;
    let Some(order) = store::orders::find_now(&mut tx, order_ref).await? else {
        return Ok(Err(Unchanged::NoOrder));
    };
    let (event, word) = match &change {
        OrderChange::Paid => (Event::SellerSawAll, None),
        OrderChange::Partial(sum) if order.invoice.amount <= *sum => {
            return Ok(Err(Unchanged::NotPartial(*sum)));
        }
        OrderChange::Partial(_) => (Event::SellerSawPart, None),
        OrderChange::Shipped(word) => (Event::SellerShipped, Some(word)),
        OrderChange::Cancelled(word) => (Event::SellerCancelled, Some(word)),
        OrderChange::Refunded(word) => (Event::SellerRefunded, Some(word)),
    };
    let status = match order.status.after(event) {
        Ok(status) => status,
        Err(misstep) => return Ok(Err(misstep.into())),
    };
    match (order.status.holds_stock(), status.holds_stock()) {
        (true, false) => give_back(&mut tx, &order).await?,
        (false, true) => {
            if let Err(refused) = take_again(&mut tx, &order).await? {
                return Ok(Err(refused));
            }
        }
        _ => {}
    }
    let received = match change {
        OrderChange::Paid if status == Status::Confirmed => Some(order.invoice.amount),
        OrderChange::Partial(sum) => Some(sum),
        _ => None,
    };
    if let Some(received) = received {
        store::orders::mark_received(&mut tx, order_ref, received).await?;
    }
    if let Some(word) = word {
        store::orders::mark_word(&mut tx, order_ref, word).await?;
    }
    store::orders::mark_status(&mut tx, order_ref, status, status.is_finished().then_some(now))
        .await?;
    store::catalog::mark_changed(&mut tx).await?;
    tx.commit().await.context("commit the change")?;
    Ok(Ok(status))
}

/// An order that had given its pieces back takes them again, where they are still there.
async fn take_again(tx: &mut Tx, order: &Order) -> anyhow::Result<Result<(), Unchanged>> {
    for line in &order.lines {
        let left = store::catalog::find_stock(tx, line.pool).await?.unwrap_or(0);
        let wanted = line.quantity.get();
        if left < wanted {
            return Ok(Err(Unchanged::TooFew { name: line.name.clone(), wanted, left }));
        }
        store::catalog::take_stock(tx, line.pool, wanted).await?;
    }
    Ok(Ok(()))
}
