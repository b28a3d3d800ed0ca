//! Keeps the bytes of unpaid orders below what the seller allows.

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::check_clock::trusted_now;
use crate::actions::expire_orders::expire_listed;
use crate::actions::purge_orders::finish_erasure;
use crate::domain::orders::{OrderRef, SIEGE_MINUTES};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::unpaid_bytes::{Full, Unpaid};

/// Units: orders that make room within one transaction, since buyers wait while the write lock is held.
const AT_ONCE: i64 = 50;

/// Units: minutes after which an order that is over may be erased: a payment that was sent in time may take this long to be seen,
/// or to be reported.
const KEPT_MINUTES: i64 = 60;

/// Makes room where unpaid orders take more bytes than they may: first the oldest that are over and that nobody has paid or
/// reported are erased, then the oldest that wait for a payment expire, none before its 20 minutes are over.
///
/// # Errors
/// Also if no space can be freed: new orders are refused until then.
pub async fn enforce_unpaid_quota(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let excess = count_excess(shop).await?;
    let mut too_many = excess;
    while 0 < too_many {
        let freed = erase_some(shop, too_many).await?;
        if freed == 0 {
            break;
        }
        too_many -= freed;
    }
    if too_many < excess {
        finish_erasure(shop).await?;
    }
    if 0 < too_many {
        // What is over makes room in a later round: it is erased some time after.
        let leaving = store::unpaid_bytes::count_over_bytes(&mut *shop.db.reader().await?).await?;
        let mut to_expire = too_many - leaving;
        while 0 < to_expire {
            let expiring = expire_some(shop, to_expire, now).await?;
            if expiring == 0 {
                break;
            }
            to_expire -= expiring;
        }
    }
    let n_reported =
        store::unpaid_bytes::count_reported_bytes(&mut *shop.db.reader().await?).await?;
    let reports_full = shop.policy.unpaid_bytes < n_reported;
    mark_full(shop, Full { is_full: 0 < too_many, reports_full }).await?;
    anyhow::ensure!(
        too_many <= 0,
        "no order is accepted: unpaid orders take more than UNPAID_MEGABYTES={}, and none can be erased yet",
        shop.policy.unpaid_bytes >> 20
    );
    Ok(())
}

/// Units: bytes.
async fn count_excess(shop: &Shop) -> anyhow::Result<i64> {
    let n_bytes = store::unpaid_bytes::count_bytes(&mut *shop.db.reader().await?).await?;
    Ok(n_bytes - shop.policy.unpaid_bytes)
}

/// Returns how many bytes were freed.
async fn erase_some(shop: &Shop, too_many: i64) -> anyhow::Result<i64> {
    let mut tx = shop.db.write().await?;
    let since = trusted_now(shop, &mut tx).await?.plus_minutes(-KEPT_MINUTES);
    let over = store::unpaid_bytes::list_over(&mut tx, since, AT_ONCE).await?;
    let (chosen, freed) = choose(over, too_many);
    if chosen.is_empty() {
        return Ok(0);
    }
    store::retention::strip_unpaid(&mut tx, &chosen).await.context("erase unpaid orders")?;
    tx.commit().await.context("commit the erasure of unpaid orders")?;
    Ok(freed)
}

/// Returns how many bytes the expired orders take.
async fn expire_some(shop: &Shop, too_many: i64, now: Timestamp) -> anyhow::Result<i64> {
    let mut tx = shop.db.write().await?;
    let trusted = trusted_now(shop, &mut tx).await?;
    let waiting =
        store::unpaid_bytes::list_waiting(&mut tx, trusted, SIEGE_MINUTES, AT_ONCE).await?;
    let (chosen, expiring) = choose(waiting, too_many);
    if chosen.is_empty() {
        return Ok(0);
    }
    expire_listed(shop, &mut tx, &chosen, now).await?;
    tx.commit().await.context("commit the expired orders")?;
    Ok(expiring)
}

/// The first of them that together free so many bytes, and how many they free.
fn choose(unpaid: Vec<Unpaid>, too_many: i64) -> (Vec<OrderRef>, i64) {
    let mut freed = 0;
    let mut chosen = Vec::new();
    for order in unpaid {
        if too_many <= freed {
            break;
        }
        freed += order.bytes;
        chosen.push(order.order_ref);
    }
    (chosen, freed)
}

async fn mark_full(shop: &Shop, full: Full) -> anyhow::Result<()> {
    // Checked first without the write lock, since usually there is nothing to do.
    let state = store::shop_state::find(&mut *shop.db.reader().await?).await?;
    if (Full { is_full: state.is_full, reports_full: state.reports_full }) == full {
        return Ok(());
    }
    let mut tx = shop.db.write().await?;
    store::unpaid_bytes::mark_full(&mut tx, full).await?;
    tx.commit().await.context("commit whether unpaid orders are accepted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[i64], too_many: i64, n_chosen: usize, freed: i64) {
        let unpaid = |(n, bytes): (usize, &i64)| Unpaid {
            order_ref: OrderRef::parse(&format!("{n:010}")).unwrap(),
            bytes: *bytes,
        };
        let (chosen, found) = choose(bytes.iter().enumerate().map(unpaid).collect(), too_many);
        assert_eq!((chosen.len(), found), (n_chosen, freed), "{bytes:?} {too_many}");
    }

    #[test]
    fn no_more_orders_make_room_than_are_needed() {
        check(&[], 5, 0, 0);
        check(&[3, 3, 3], 5, 2, 6);
        check(&[3, 3, 3], 6, 2, 6);
        check(&[3, 3, 3], 60, 3, 9);
        check(&[0, 3], 1, 2, 3);
    }
}
