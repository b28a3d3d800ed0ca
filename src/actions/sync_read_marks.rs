//! Finds out which messages the seller has opened, if buyers may know.

use anyhow::Context;

use crate::actions::Shop;
use crate::infra::mail::{Lookup, delivery_name};
use crate::infra::store;

/// If the seller wants buyers to know: marks messages that a mail reader has shown. An opened message is enough; the
/// shop stores no time.
pub async fn sync_read_marks(shop: &Shop) -> anyhow::Result<()> {
    if !shop.policy.read_marks {
        return Ok(());
    }
    let unread = store::messages::list_unread(&mut *shop.db.reader().await?)
        .await
        .context("list the unread messages")?;
    if unread.is_empty() {
        return Ok(());
    }
    let maildir = shop.maildir.clone();
    let read = tokio::task::spawn_blocking(move || {
        let (mut read, mut lookup) = (Vec::new(), Lookup::new(maildir));
        for words in unread {
            if lookup.is_seen(&delivery_name(&words.order_ref, words.number, words.at))? {
                read.push(words.id);
            }
        }
        std::io::Result::Ok(read)
    })
    .await
    .context("read the Maildir")?
    .context("read the Maildir")?;
    if read.is_empty() {
        return Ok(());
    }
    let mut tx = shop.db.write().await?;
    store::messages::mark_read(&mut tx, &read).await?;
    tx.commit().await.context("commit the read marks")
}
