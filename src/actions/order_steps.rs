//! What follows from a status change of an order: its entry in the history, and the use of its discount code.

use anyhow::Context;

use crate::domain::orders::{Order, OrderRef, Status};
use crate::domain::values::{Amount, Timestamp};
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::messages::{MessageKind, NewMessage};

/// Stores a status change of an order and its text, encrypted to the buyer.
pub(super) async fn keep_step(
    tx: &mut Tx,
    order_ref: &OrderRef,
    status: Status,
    word: &str,
    idempotency_key: Option<&[u8; 32]>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let recipient = match word {
        "" => None,
        _ => store::orders::find_buyer_key(tx, order_ref).await?,
    };
    let sealed = recipient.map(|recipient| recipient.encrypt(word)).transpose()?;
    let words = NewMessage {
        kind: MessageKind::Step,
        now,
        status: Some(status),
        sealed: sealed.as_deref(),
        idempotency_key,
        outbox_number: None,
    };
    store::messages::insert(tx, order_ref, &words).await.context("save the status change")
}

/// The order uses its discount code again if it had returned the use, even beyond the usage limit: the amount was promised.
pub(super) async fn take_use_again(tx: &mut Tx, order: &Order) -> anyhow::Result<()> {
    if let Some(discount) = &order.discount {
        store::discounts::take_use_again(tx, &order.order_ref, &discount.code)
            .await
            .context("use the discount code again")?;
    }
    Ok(())
}

/// Returns the use of the discount code of an order that was not paid.
pub(super) async fn give_back_use(tx: &mut Tx, order: &Order) -> anyhow::Result<()> {
    if let Some(discount) = &order.discount
        && order.invoice.seen() == Amount::ZERO
    {
        store::discounts::give_back_use(tx, &order.order_ref, &discount.code)
            .await
            .context("return the use of the discount code")?;
    }
    Ok(())
}
