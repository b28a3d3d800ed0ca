//! Applies the payments that a node observed to invoices and orders.

use std::collections::HashMap;

use anyhow::Context;

use crate::actions::deliver_digital::deliver_digital;
use crate::actions::notify_seller::queue_message;
use crate::actions::order_steps::{keep_step, take_use_again};
use crate::actions::record_node_failure::end_doubt;
use crate::actions::{Shop, notify_seller};
use crate::domain::orders::{Event, Order, Status};
use crate::domain::payment::{Invoice, Observation, PaidState, ScanResult, WatchedInvoice};
use crate::domain::values::{Amount, Timestamp};
use crate::infra::mail::Notification;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::outbox::OutboxMessage;

/// Units: orders changed within one transaction, since buyers wait while the write lock is held.
const AT_ONCE: usize = 50;

/// Stores a node's observations with their invoices and updates the orders. `followed`: the invoices that the node was
/// asked about. Idempotent. Returns how many orders changed their status.
pub async fn apply_payments(
    shop: &Shop,
    network: &str,
    followed: &[WatchedInvoice],
    scan: &ScanResult,
    now: Timestamp,
) -> anyhow::Result<usize> {
    let watched: HashMap<i64, &WatchedInvoice> =
        followed.iter().map(|watched| (watched.id, watched)).collect();
    let changed: Vec<(&WatchedInvoice, Observation)> = scan
        .observations
        .iter()
        .filter_map(|(id, observation)| Some((*watched.get(id)?, *observation)))
        .map(|(watched, observation)| {
            (watched, observation.without_dust(watched.amount, shop.policy.tolerance))
        })
        .filter(|(watched, observation)| {
            watched.last.is_none_or(|last| observation.is_news_after(&last))
        })
        .collect();
    let mut n_changed = 0;
    for some in changed.chunks(AT_ONCE) {
        let mut tx = shop.db.write().await?;
        let (mut seen, mut queued) = (Vec::new(), Vec::new());
        for (watched, observation) in some {
            let Some(order) = store::orders::find_by_id(&mut tx, watched.id).await? else {
                continue;
            };
            // Another process has scanned since the node was asked.
            if order.invoice.observation != watched.last {
                continue;
            }
            queued.extend(apply_observation(shop, &mut tx, order, *observation, now).await?);
            seen.push((watched.id, *observation));
        }
        store::watch::mark_seen(&mut tx, &seen, now).await.context("save the observations")?;
        tx.commit().await.context("commit the observations")?;
        n_changed += queued.len();
        for message in queued {
            notify_seller(shop, message, now).await;
        }
    }
    // Last: if the shop stops before this, the next scan starts at the same position.
    let mut tx = shop.db.write().await?;
    store::watch::mark_scanned(&mut tx, network, scan, now).await.context("save the scan state")?;
    tx.commit().await.context("commit the scan state")?;
    end_doubt(shop, network, now).await?;
    Ok(n_changed)
}

/// Updates the order's status where it changes, and notifies the seller.
async fn apply_observation(
    shop: &Shop,
    tx: &mut Tx,
    mut order: Order,
    observation: Observation,
    now: Timestamp,
) -> anyhow::Result<Vec<OutboxMessage>> {
    let before = order.invoice.observation.unwrap_or(Observation::NOTHING);
    let tolerance = shop.policy.tolerance;
    let was = before.paid_state(order.invoice.amount, tolerance);
    let is = observation.paid_state(order.invoice.amount, tolerance);
    order.invoice.observation = Some(observation);
    if Amount::ZERO < observation.seen && before.seen == Amount::ZERO {
        store::address_indexes::mark_paid(tx, &order.order_ref).await?;
        store::orders::release_messages(tx, &order.order_ref).await?;
    }
    let mut queued = Vec::new();
    if observation.is_moved && !before.is_moved {
        queued.push(
            queue_message(shop, tx, &order, Notification::NodeUpdate(MOVED), false, now).await?,
        );
    }
    // A node never overrides what the seller has decided.
    let has_lost = order.invoice.received == Amount::ZERO
        && (observation.settled < before.settled || is == PaidState::Nothing);
    let status = if was == is { order.status } else { after(order.status, has_lost, is) };
    // Confirmations alone change nothing about the items.
    let status = match (observation.seen, observation.settled) == (before.seen, before.settled) {
        true => status,
        false => assign_items(shop, tx, &order, observation, status).await?,
    };
    if was == is && status == order.status {
        return Ok(queued);
    }
    if status == order.status {
        let is_over = matches!(status, Status::Shipped | Status::Refunded | Status::Cancelled);
        let text = match status {
            // A payment that appears and disappears without ever being final causes no message: otherwise anybody could
            // trigger them without end.
            _ if observation.settled == before.settled => None,
            Status::Late => Some(late(&order, observation)),
            Status::Oversold => Some(oversold(&order, observation)),
            _ if is_over && observation.settled < before.settled => Some(LOST.to_owned()),
            _ if is_over => Some(UNEXPECTED.to_owned()),
            _ => None,
        };
        if let Some(text) = text {
            queued.push(
                queue_message(shop, tx, &order, Notification::NodeUpdate(&text), false, now)
                    .await?,
            );
        }
        return Ok(queued);
    }
    if order.status.holds_stock() && !status.holds_stock() {
        store::reservations::release(tx, &order.order_ref).await?;
        store::catalog_state::mark_changed(tx).await?;
    }
    order.status = status;
    let order_ref = &order.order_ref;
    store::orders::mark_status(tx, order_ref, status, status.is_finished().then_some(now)).await?;
    keep_step(tx, order_ref, status, "", None, now).await?;
    let order = deliver_digital(tx, order, now).await?;
    queued
        .push(queue_message(shop, tx, &order, Notification::StatusChanged(""), false, now).await?);
    Ok(queued)
}

/// The first order that is paid in full gets the items. A part keeps what is reserved once it is confirmed, and a payment that is gone
/// keeps nothing: otherwise payments that never settle could lock a stock. Returns the order's status, which is another one
/// where nothing is left.
async fn assign_items(
    shop: &Shop,
    tx: &mut Tx,
    order: &Order,
    observation: Observation,
    status: Status,
) -> anyhow::Result<Status> {
    let order_ref = &order.order_ref;
    if !status.holds_stock() || status == Status::Shipped {
        return Ok(status);
    }
    store::catalog_state::mark_changed(tx).await?;
    if observation.has_all_of(order.invoice.amount, shop.policy.tolerance) {
        take_use_again(tx, order).await?;
        let short = store::reservations::claim(tx, order).await?;
        return if short.is_some() {
            Ok(order.status.after(Event::ItemsRanOut)?)
        } else {
            Ok(status)
        };
    }
    if Amount::ZERO < observation.settled {
        store::reservations::confirm(tx, order_ref).await?;
    } else if order.invoice.received == Amount::ZERO {
        store::reservations::revert(tx, order_ref).await?;
    }
    Ok(status)
}

/// The order's status after the observation; a pair that is not in the table leaves it unchanged.
fn after(status: Status, has_lost: bool, standing: PaidState) -> Status {
    let seen = match standing {
        PaidState::Nothing => None,
        PaidState::Some => Some(Event::NodeSawSome),
        PaidState::Part => Some(Event::NodeSawPart),
        PaidState::All => Some(Event::NodeSawAll),
        PaidState::More => Some(Event::NodeSawMore),
    };
    let lost = has_lost.then_some(Event::NodeLost);
    lost.into_iter().chain(seen).fold(status, |status, event| status.after(event).unwrap_or(status))
}

const MOVED: &str = "\
Funds left this order's address before the shop's node saw a payment confirmed,\n\
so it cannot tell what was paid. Check your wallet and record what you received.";
const LOST: &str = "\
The network no longer has a payment that had counted for this order: its block\n\
was reversed, or it was replaced before it was in one. Check whether it confirms\n\
again before you ship anything.";
const UNEXPECTED: &str = "\
An unexpected payment arrived for this order. Check your wallet; you may want to\n\
refund it.";

fn late(order: &Order, observation: Observation) -> String {
    let Invoice { amount, currency, .. } = &order.invoice;
    format!(
        "{} of {amount} {currency} of the late payment is now confirmed.\n\
         You decide: use /paid to accept the order if the items are still in stock,\n\
         or refund the payment and use /refunded.",
        observation.settled
    )
}

fn oversold(order: &Order, observation: Observation) -> String {
    let Invoice { amount, currency, .. } = &order.invoice;
    format!(
        "{} of {amount} {currency} is now confirmed, but the items of this order are sold out.\n\
         You decide: add stock and use /paid, or refund the payment and use /refunded.",
        observation.settled
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Status, has_lost: bool, standing: PaidState, expected: Status) {
        assert_eq!(after(from, has_lost, standing), expected, "{from} {has_lost} {standing:?}");
    }

    #[test]
    fn what_a_node_sees_moves_an_order_on_and_back() {
        check(Status::Awaiting, false, PaidState::Some, Status::Unconfirmed);
        check(Status::Unconfirmed, false, PaidState::Part, Status::Partial);
        check(Status::Partial, false, PaidState::Some, Status::Unconfirmed);
        check(Status::Unconfirmed, false, PaidState::All, Status::Confirmed);
        check(Status::Confirmed, false, PaidState::More, Status::Overpaid);
        // A reorganisation: of the whole payment, of a part, of the excess only.
        check(Status::Confirmed, true, PaidState::Nothing, Status::Unconfirmed);
        check(Status::Confirmed, true, PaidState::Part, Status::Partial);
        check(Status::Overpaid, true, PaidState::All, Status::Confirmed);
        check(Status::Expired, false, PaidState::All, Status::Late);
    }

    #[test]
    fn an_order_that_is_over_stays_where_it_is() {
        for status in [Status::Shipped, Status::Refunded, Status::Cancelled] {
            for standing in [
                PaidState::Nothing,
                PaidState::Some,
                PaidState::Part,
                PaidState::All,
                PaidState::More,
            ] {
                check(status, true, standing, status);
                check(status, false, standing, status);
            }
        }
    }
}
