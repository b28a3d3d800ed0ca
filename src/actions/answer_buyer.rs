//! Shows what the seller wrote at the desk on the order's page.

use anyhow::Context;

use crate::actions::apply_reply::apply_reply_in_tx;
use crate::actions::{ApplyReplyError, Shop, notify_seller};
use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::mail::{Reply, ReplyError};
use crate::infra::store;

/// Why an answer was refused as a whole, in a text for the seller.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error(transparent)]
    Unreadable(#[from] ReplyError),
    #[error("{0}. Nothing was sent.")]
    NotApplied(ApplyReplyError),
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(AnswerError);

/// Adds the seller's text from the desk to the order's page, every line of it, and records it in the activity log.
/// `once`: the form's idempotency key, so that a resubmission has no effect.
pub async fn answer_buyer(
    shop: &Shop,
    order_ref: &OrderRef,
    text: &str,
    once: &[u8; 32],
    now: Timestamp,
) -> Result<(), AnswerError> {
    let own_key_ids = match shop.availability.encryption_key(now) {
        Ok(Some(key)) => key.key_ids(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let reply = match Reply::typed(order_ref.clone(), text, *once, &own_key_ids) {
        Ok(reply) => reply,
        Err(unreadable) => return Err(unreadable.into()),
    };
    super::expire_orders(shop, now).await?;
    let mut tx = shop.db.write().await?;
    if store::messages::was_applied(&mut tx, order_ref, once).await? {
        return Ok(());
    }
    let queued = match apply_reply_in_tx(shop, &mut tx, &reply, now).await {
        Ok(queued) => queued,
        Err(ApplyReplyError::Broken(error)) => return Err(error.into()),
        Err(refused) => return Err(AnswerError::NotApplied(refused)),
    };
    store::audit_log::record_of_order(&mut tx, now, order_ref, "Answered").await?;
    tx.commit().await.context("commit the answer")?;

    for message in queued {
        notify_seller(shop, message, now).await;
    }
    Ok(())
}
