//! Applies the seller's reply to a message: its command first, then its text.

use anyhow::Context;

use crate::actions::change_order::change_order_in_tx;
use crate::actions::{ChangeOrderError, OrderChange, Shop, notify_seller};
use crate::domain::orders::{Command, OrderRef};
use crate::domain::values::{Paragraph, Timestamp};
use crate::infra::mail::Reply;
use crate::infra::store::Tx;
use crate::infra::store::messages::{MessageKind, NewMessage};
use crate::infra::store::outbox::OutboxMessage;
use crate::infra::{failpoints, store};

/// Why a reply was refused as a whole, in a text for the seller.
#[derive(Debug, thiserror::Error)]
pub enum ApplyReplyError {
    #[error("order {0} not found: it was deleted or never existed")]
    NoOrder(OrderRef),
    #[error("the buyer of {0} has deleted their data: nobody can read an answer")]
    NoReader(OrderRef),
    #[error("{order_ref}: {unchanged}")]
    Unchanged { order_ref: OrderRef, unchanged: ChangeOrderError },
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(ApplyReplyError);

/// Adds the seller's text to the pages of the orders and carries out the command on its first line: all of it, or
/// nothing. A mail that arrives twice has an effect once.
pub async fn apply_reply(
    shop: &Shop,
    reply: &Reply,
    now: Timestamp,
) -> Result<(), ApplyReplyError> {
    super::expire_orders(shop, now).await?;
    let mut tx = shop.db.write().await?;
    failpoints::at("word-begun");
    let queued = apply_reply_in_tx(shop, &mut tx, reply, now).await?;
    failpoints::at("word-inserted");
    tx.commit().await.context("commit the reply")?;
    failpoints::at("word-committed");

    for message in queued {
        notify_seller(shop, message, now).await;
    }
    Ok(())
}

/// The same, within a transaction. Returns the messages to deliver to the seller.
pub(super) async fn apply_reply_in_tx(
    shop: &Shop,
    tx: &mut Tx,
    reply: &Reply,
    now: Timestamp,
) -> Result<Vec<OutboxMessage>, ApplyReplyError> {
    let mut queued = Vec::new();
    let message_id = &reply.message_id.0;
    for order_ref in &reply.order_refs {
        let Some(order) = store::orders::find(tx, order_ref).await? else {
            return Err(ApplyReplyError::NoOrder(order_ref.clone()));
        };
        if store::messages::was_applied(tx, order_ref, message_id).await? {
            continue;
        }
        if let Some(command) = &reply.command {
            let change = change(command);
            match change_order_in_tx(shop, tx, order, &change, Some(message_id), now).await {
                Ok((_, message)) => queued.push(message),
                Err(ChangeOrderError::Broken(error)) => return Err(error.into()),
                Err(unchanged) => {
                    let order_ref = order_ref.clone();
                    return Err(ApplyReplyError::Unchanged { order_ref, unchanged });
                }
            }
        }
        if let Some(words) = &reply.text
            && !keep_answer(tx, order_ref, words, message_id, now).await?
        {
            return Err(ApplyReplyError::NoReader(order_ref.clone()));
        }
    }
    Ok(queued)
}

fn change(command: &Command) -> OrderChange {
    match command {
        Command::Paid => OrderChange::Paid,
        Command::Partial(sum) => OrderChange::Partial(*sum),
        Command::Shipped(word) => OrderChange::Shipped(word.clone()),
        Command::Cancel(word) => OrderChange::Cancelled(word.clone()),
        Command::Refunded(refund) => OrderChange::Refunded(refund.clone()),
    }
}

/// Whether there is still a buyer's key to encrypt to.
async fn keep_answer(
    tx: &mut Tx,
    order_ref: &OrderRef,
    words: &Paragraph,
    message_id: &[u8; 32],
    now: Timestamp,
) -> anyhow::Result<bool> {
    let Some(recipient) = store::orders::find_buyer_key(tx, order_ref).await? else {
        return Ok(false);
    };
    let sealed = recipient.encrypt(words.as_str())?;
    let words = NewMessage {
        kind: MessageKind::Answer,
        now,
        status: None,
        sealed: Some(&sealed),
        idempotency_key: Some(message_id),
        outbox_number: None,
    };
    store::messages::insert(tx, order_ref, &words).await.context("save the seller's message")?;
    Ok(true)
}
