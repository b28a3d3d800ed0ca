use crate::actions::Shop;
use anyhow::Context;
use std::time::Duration;

/// A writer who is not done by then will not be soon.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether an order could be taken and told now: the database takes a writer, and the Maildir a file.
pub async fn try_to_work(shop: &Shop) -> anyhow::Result<()> {
    let writer = tokio::time::timeout(PATIENCE, shop.db.write());
    // Rolled back where it is dropped: nothing changes.
    drop(writer.await.context("the database is busy")?.context("the database takes no writer")?);
    let maildir = shop.maildir.clone();
    tokio::task::spawn_blocking(move || maildir.try_to_write())
        .await?
        .context("the Maildir cannot be written")
}
