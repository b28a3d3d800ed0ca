//! Pauses orders while the seller has not read mail for too long.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::values::Timestamp;

/// Whether the seller has left new mail unread for so long that the shop takes no more orders.
pub async fn check_seller_activity(shop: &Shop, trusted: Timestamp) -> anyhow::Result<bool> {
    let days = shop.policy.close_after_days;
    if days == 0 {
        return Ok(false);
    }
    let maildir = shop.maildir.clone();
    // On a blocking thread: there may be very many messages.
    let oldest = tokio::task::spawn_blocking(move || maildir.oldest_unread())
        .await
        .context("list the unread messages")?
        .context("list the unread messages")?;
    let is_away = oldest
        .and_then(|seconds| Timestamp::new(seconds).ok())
        .is_some_and(|oldest| oldest.day_start().plus_days(days) < trusted);
    shop.availability.mark_away(is_away);
    Ok(is_away)
}
