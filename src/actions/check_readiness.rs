//! Checks whether an order could be placed now.

use crate::actions::Shop;
use crate::actions::place_order::count_unpaid_since;
use crate::domain::orders::FormToken;
use crate::domain::values::Timestamp;
use crate::infra::store;
use anyhow::Context;
use std::time::Duration;

/// A writer who is not done by then will not be soon.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the database would keep an order now: it takes a writer, and its disk takes bytes. Nothing of the trial is kept,
/// since whoever asks for the shop's health changes nothing. Messages are no part of it: they are owed until they can be
/// delivered.
///
/// # Errors
/// Why no order could be kept.
pub async fn check_readiness(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    tokio::time::timeout(PATIENCE, try_database(shop, now))
        .await
        .context("the database is busy")??;
    let db = shop.db.clone();
    let tried = tokio::task::spawn_blocking(move || db.try_disk()).await?;
    tried.context("the database cannot be written")
}

async fn try_database(shop: &Shop, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await.context("the database takes no writer")?;
    // Of no cart: it is asked for what stands before any order.
    let nobody = FormToken([0; 32]);
    let most = shop.policy.most_unpaid;
    let before = store::order_placement::check_preconditions(
        &mut tx,
        &nobody,
        count_unpaid_since(now),
        most,
    )
    .await?;
    anyhow::ensure!(before.n_unpaid < most, "{most} orders are awaiting payment (MOST_UNPAID)");
    Ok(())
}
