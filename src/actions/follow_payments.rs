use crate::actions::Shop;
use crate::actions::doubt_node::tell_of_node;
use crate::actions::expire_orders::give_back;
use crate::actions::notify_seller;
use crate::actions::notify_seller::owe_message;
use crate::actions::post_reply::keep_step;
use crate::mail::Told;
use crate::orders::Event;
use crate::orders::Order;
use crate::orders::Status;
use crate::payment::Followed;
use crate::payment::Look;
use crate::payment::Sighting;
use crate::payment::Standing;
use crate::store;
use crate::store::Tx;
use crate::store::owed::Owed;
use crate::values::Gwei;
use crate::values::Moment;
use anyhow::Context;
use std::collections::HashMap;

/// Units: orders that change within one transaction, since buyers wait for as long as the writer is held.
const AT_ONCE: usize = 50;

/// What a node saw of a chain becomes what its invoices say, and the orders move on. `followed`: what the node was asked.
/// Done twice, it changes nothing the second time. Returns how many orders changed their state.
pub async fn follow_payments(
    shop: &Shop,
    network: &str,
    followed: &[Followed],
    look: &Look,
    now: Moment,
) -> anyhow::Result<usize> {
    let last: HashMap<i64, Option<Sighting>> =
        followed.iter().map(|asked| (asked.id, asked.last)).collect();
    let is_new = |(id, sighting): &&(i64, Sighting)| {
        last.get(id).is_some_and(|last| last.is_none_or(|last| sighting.says_more_than(&last)))
    };
    let new: Vec<(i64, Sighting)> = look.sightings.iter().filter(is_new).copied().collect();
    let mut n_changed = 0;
    for some in new.chunks(AT_ONCE) {
        let mut tx = shop.db.write().await?;
        let mut told = Vec::new();
        for (id, sighting) in some {
            if let Some(order) = store::orders::find_by_id(&mut tx, *id).await? {
                told.extend(take_sighting(shop, &mut tx, order, *sighting, now).await?);
            }
        }
        store::watch::mark_seen(&mut tx, some).await.context("keep what was seen")?;
        tx.commit().await.context("commit what was seen")?;
        n_changed += told.len();
        for owed in told {
            notify_seller(shop, owed, now).await;
        }
    }
    let before = store::watch::find(&shop.db, network).await?;
    // Last: were the shop stopped before, the node would be asked from the same place on again.
    let mut tx = shop.db.write().await?;
    store::watch::mark_looked(&mut tx, network, look, now).await.context("keep the look")?;
    tx.commit().await.context("commit the look")?;

    if let Some(watch) = before.filter(|watch| watch.is_told) {
        tell_of_node(shop, &watch, None, now).await.context("tell the seller that it is over")?;
    }
    Ok(n_changed)
}

/// The order moves on, where it does, and the seller is told.
async fn take_sighting(
    shop: &Shop,
    tx: &mut Tx,
    mut order: Order,
    sighting: Sighting,
    now: Moment,
) -> anyhow::Result<Option<Owed>> {
    let before = order.invoice.sighting.unwrap_or(Sighting::NOTHING);
    let tolerance = shop.terms.tolerance;
    let was = before.standing(order.invoice.amount, tolerance);
    let is = sighting.standing(order.invoice.amount, tolerance);
    order.invoice.sighting = Some(sighting);
    if Gwei::ZERO < sighting.seen && before.seen == Gwei::ZERO {
        store::watch::mark_paid_index(tx, &order.order_ref).await?;
    }
    if sighting.is_moved && !before.is_moved {
        return tell(shop, tx, &order, MOVED, now).await;
    }
    if was == is {
        return Ok(None);
    }
    let has_lost = sighting.settled < before.settled || is == Standing::Nothing;
    let status = after(order.status, has_lost, is);
    if status == order.status {
        let words = match status {
            Status::Shipped | Status::Refunded | Status::Cancelled if has_lost => LOST,
            Status::Shipped | Status::Refunded | Status::Cancelled => UNEXPECTED,
            Status::Late => LATE,
            _ => return Ok(None),
        };
        return tell(shop, tx, &order, words, now).await;
    }
    if order.status.holds_stock() && !status.holds_stock() {
        give_back(tx, &order).await?;
        store::catalog::mark_changed(tx).await?;
    }
    order.status = status;
    let order_ref = &order.order_ref;
    store::orders::mark_status(tx, order_ref, status, status.is_finished().then_some(now)).await?;
    keep_step(tx, order_ref, status, "", None, now).await?;
    owe_message(shop, tx, &order, Told::Step(""), false, now).await.map(Some)
}

/// Where the order stands after what was seen; a pair that is not in the table leaves it where it is.
fn after(status: Status, has_lost: bool, standing: Standing) -> Status {
    let seen = match standing {
        Standing::Nothing => None,
        Standing::Some => Some(Event::NodeSawSome),
        Standing::Part => Some(Event::NodeSawPart),
        Standing::All => Some(Event::NodeSawAll),
        Standing::More => Some(Event::NodeSawMore),
    };
    let lost = has_lost.then_some(Event::NodeLost);
    lost.into_iter().chain(seen).fold(status, |status, event| status.after(event).unwrap_or(status))
}

const MOVED: &str = "\
Something left this order's address before the shop's node saw a payment settle\n\
there: it cannot tell what came. Look into your wallet, and say what arrived.";
const LOST: &str = "\
The network took back a payment for this order that had counted. Look whether it\n\
comes back before you send anything more.";
const UNEXPECTED: &str = "\
Money came for this order, from which nothing more was expected. Look into your\n\
wallet; you may want to send it back.";
const LATE: &str = "\
What was seen of the late payment has changed. You decide: `paid` takes the things\n\
from the shelf again, `refunded` when you have sent the money back.";

async fn tell(
    shop: &Shop,
    tx: &mut Tx,
    order: &Order,
    words: &str,
    now: Moment,
) -> anyhow::Result<Option<Owed>> {
    owe_message(shop, tx, order, Told::Node(words), false, now).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Status, has_lost: bool, standing: Standing, expected: Status) {
        assert_eq!(after(from, has_lost, standing), expected, "{from} {has_lost} {standing:?}");
    }

    #[test]
    fn what_a_node_sees_moves_an_order_on_and_back() {
        check(Status::Awaiting, false, Standing::Some, Status::Unconfirmed);
        check(Status::Unconfirmed, false, Standing::Part, Status::Partial);
        check(Status::Partial, false, Standing::Some, Status::Unconfirmed);
        check(Status::Unconfirmed, false, Standing::All, Status::Confirmed);
        check(Status::Confirmed, false, Standing::More, Status::Overpaid);
        // A reorganisation: all of it, a part of it, the excess alone.
        check(Status::Confirmed, true, Standing::Nothing, Status::Unconfirmed);
        check(Status::Confirmed, true, Standing::Part, Status::Partial);
        check(Status::Overpaid, true, Standing::All, Status::Confirmed);
        check(Status::Expired, false, Standing::All, Status::Late);
    }

    #[test]
    fn an_order_that_is_over_stays_where_it_is() {
        for status in [Status::Shipped, Status::Refunded, Status::Cancelled] {
            for standing in
                [Standing::Nothing, Standing::Some, Standing::Part, Standing::All, Standing::More]
            {
                check(status, true, standing, status);
                check(status, false, standing, status);
            }
        }
    }
}
