//! Records a payment that a buyer reports.

use anyhow::Context;

use crate::actions::notify_seller::queue_message;
use crate::actions::order_steps::keep_step;
use crate::actions::{Shop, notify_seller};
use crate::domain::orders::{Event, LookupName, Order, RefusalReason};
use crate::domain::payment::TransactionId;
use crate::domain::values::Timestamp;
use crate::infra::mail::Notification;
use crate::infra::store;

/// Why a buyer's word was not taken.
pub enum ReportPaymentError {
    /// The code no longer opens an order.
    NoOrder,
    Refused(RefusalReason),
    Broken(anyhow::Error),
}

broken_from!(ReportPaymentError);

/// How many transaction ids one order may be given: each of them stays reserved.
const MAX_GIVEN: i64 = 20;

/// Records that the buyer reports a payment with this transaction.
pub async fn report_payment(
    shop: &Shop,
    name: &LookupName,
    transaction: &str,
    now: Timestamp,
) -> Result<(), ReportPaymentError> {
    // Expired orders are marked first, so that a late report counts as late.
    super::expire_orders(shop, now).await?;
    let Some(order) = store::orders::find_by_lookup(&mut *shop.db.reader().await?, name).await?
    else {
        return Err(ReportPaymentError::NoOrder);
    };
    let transaction = match TransactionId::parse(&order.invoice.coin, transaction) {
        Ok(transaction) => transaction,
        Err(why) => return Err(ReportPaymentError::Refused(why.into())),
    };
    let mut tx = shop.db.write().await?;
    let order = store::orders::find(&mut tx, &order.order_ref).await?.context("find the order")?;
    if order.transaction.as_ref() == Some(&transaction) {
        return Ok(());
    }
    let Ok(status) = order.status.after(Event::BuyerReported) else {
        let why = RefusalReason::TransactionNotNeeded(order.status);
        return Err(ReportPaymentError::Refused(why));
    };
    if order.transaction.is_none() && store::shop_state::find(&mut tx).await?.reports_full {
        return Err(ReportPaymentError::Refused(RefusalReason::ReportsFull));
    }
    if MAX_GIVEN <= store::payments::count_transactions(&mut tx, &order.order_ref).await? {
        return Err(ReportPaymentError::Refused(RefusalReason::TooManyTransactions));
    }
    if let Err(error) =
        store::payments::mark_transaction(&mut tx, &order.order_ref, &transaction).await
    {
        if error.is_taken("transaction_id") {
            return Err(ReportPaymentError::Refused(RefusalReason::TransactionTaken));
        }
        return Err(anyhow::Error::from(error).context("save the reported transaction").into());
    }
    store::orders::mark_status(&mut tx, &order.order_ref, status, None).await?;
    keep_step(&mut tx, &order.order_ref, status, "", None, now).await?;
    let order = Order { status, transaction: Some(transaction), ..order };
    let queued =
        queue_message(shop, &mut tx, &order, Notification::PaymentReported, false, now).await?;
    tx.commit().await.context("commit the reported transaction")?;

    notify_seller(shop, queued, now).await;
    Ok(())
}
