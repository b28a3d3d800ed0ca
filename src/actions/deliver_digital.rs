//! Delivers the digital lines of a paid order on its page: files, and codes and texts encrypted to the buyer.

use anyhow::Context;

use crate::domain::orders::{BuyerRecipient, Order, OrderLine, Status};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::deliveries::{NewContent, NewDelivery};

/// Delivers what the order's page shows from now on, unless the order has got it already. Belongs after each change of an
/// order's status. Returns the order, which is delivered if all of it is.
///
/// A line of which nothing can be delivered, since its codes have run out or its product delivers nothing any more, stays
/// with the seller. So does everything if the buyer has erased their data: nobody could read it.
pub(super) async fn deliver_digital(
    tx: &mut Tx,
    order: Order,
    now: Timestamp,
) -> anyhow::Result<Order> {
    let is_paid = matches!(order.status, Status::Confirmed | Status::Overpaid);
    if !is_paid || order.lines.iter().all(|line| line.kind.is_shipped()) {
        return Ok(order);
    }
    if !store::deliveries::has_any(tx, &order.order_ref).await? {
        let Some(recipient) = store::orders::find_buyer_key(tx, &order.order_ref).await? else {
            return Ok(order);
        };
        let mut deliveries = Vec::new();
        for (n, line) in order.lines.iter().enumerate() {
            let contents = contents(tx, line, &recipient).await?;
            deliveries.extend(contents.into_iter().map(|content| NewDelivery { line: n, content }));
        }
        store::deliveries::insert(tx, &order.order_ref, &deliveries, now)
            .await
            .context("save what the order delivers")?;
    }
    let delivered = store::deliveries::list_lines(tx, &order.order_ref).await?;
    let is_delivered = order.is_digital() && delivered.len() == order.lines.len();
    if is_delivered {
        store::deliveries::mark_delivered(tx, &order.order_ref, now).await?;
    }
    Ok(Order { delivered, is_delivered, ..order })
}

/// What a line delivers; empty if anything of it is missing.
async fn contents(
    tx: &mut Tx,
    line: &OrderLine,
    recipient: &BuyerRecipient,
) -> anyhow::Result<Vec<NewContent>> {
    if line.kind.is_shipped() {
        return Ok(Vec::new());
    }
    let content = store::digital_content::find(tx, line.key.product).await?;
    let mut contents = Vec::new();
    if let Some(pool) = content.codes.as_ref().filter(|_| line.kind.is_digital()) {
        let codes = store::codes::take(tx, pool, line.quantity.get()).await?;
        if codes.is_empty() {
            return Ok(Vec::new());
        }
        contents.push(NewContent::Codes(recipient.encrypt(&codes.join("\n"))?));
    }
    if line.kind.is_digital() {
        contents.extend(content.files.into_iter().map(|name| NewContent::File {
            name,
            downloads: content.downloads,
            days: content.download_days,
        }));
    }
    if !content.text.is_empty() {
        contents.push(NewContent::Text(recipient.encrypt(&content.text)?));
    }
    Ok(contents)
}
