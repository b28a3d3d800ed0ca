use crate::actions::Shop;
use crate::mail::delivery_name;
use crate::store;
use anyhow::Context;

/// Where the seller wants buyers to know: notes which of their messages a mail reader has shown. Opening the page is
/// enough for the buyer to see it; the shop keeps no hour.
pub async fn look_for_reading(shop: &Shop) -> anyhow::Result<()> {
    if !shop.terms.read_marks {
        return Ok(());
    }
    let unread = store::words::list_unread(&shop.db).await.context("list what is unread")?;
    if unread.is_empty() {
        return Ok(());
    }
    let maildir = shop.maildir.clone();
    let seen = tokio::task::spawn_blocking(move || maildir.list_seen())
        .await
        .context("look through the Maildir")?
        .context("look through the Maildir")?;
    let read: Vec<i64> = unread
        .iter()
        .filter(|words| seen.contains(&delivery_name(&words.order_ref, words.number, words.at)))
        .map(|words| words.id)
        .collect();
    if read.is_empty() {
        return Ok(());
    }
    let mut tx = shop.db.write().await?;
    store::words::mark_read(&mut tx, &read).await?;
    tx.commit().await.context("note what was read")
}
