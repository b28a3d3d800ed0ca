//! Records a payment that a buyer reports.

use crate::actions::Shop;
use crate::actions::notify_seller;
use crate::actions::notify_seller::queue_message;
use crate::actions::order_steps::keep_step;
use crate::actions::place_order::ALREADY_GIVEN;
use crate::domain::orders::Event;
use crate::domain::orders::LookupName;
use crate::domain::orders::Order;
use crate::domain::payment::TransactionId;
use crate::domain::values::Timestamp;
use crate::infra::mail::Told;
use crate::infra::store;
use anyhow::Context;

/// Why a buyer's report was refused, in a text for the buyer.
pub enum ReportPaymentError {
    /// The code no longer opens an order.
    NoOrder,
    Refused(String),
}

/// How many transaction ids one order may be given: each of them stays reserved.
const MOST_GIVEN: i64 = 20;
const TOO_MANY: &str = "Too many transaction IDs were reported for this order. Send the correct one to the seller in a message.";

/// Records that the buyer reports a payment with this transaction.
pub async fn report_payment(
    shop: &Shop,
    name: &LookupName,
    transaction: &str,
    now: Timestamp,
) -> anyhow::Result<Result<(), ReportPaymentError>> {
    // Expired orders are marked first, so that a late report counts as late.
    super::expire_orders(shop, now).await?;
    let Some(order) = store::orders::find_by_lookup(&shop.db, name).await? else {
        return Ok(Err(ReportPaymentError::NoOrder));
    };
    let transaction = match TransactionId::parse(&order.invoice.coin, transaction) {
        Ok(transaction) => transaction,
        Err(refused) => {
            return Ok(Err(ReportPaymentError::Refused(crate::domain::orders::draft::sentence(
                &refused.to_string(),
            ))));
        }
    };
    let mut tx = shop.db.write().await?;
    let order =
        store::orders::find_now(&mut tx, &order.order_ref).await?.context("find the order")?;
    if order.transaction.as_ref() == Some(&transaction) {
        return Ok(Ok(()));
    }
    let Ok(status) = order.status.after(Event::BuyerReported) else {
        let words =
            format!("No transaction ID is needed: the order is {}.", order.status.adjective());
        return Ok(Err(ReportPaymentError::Refused(words)));
    };
    if MOST_GIVEN <= store::payment::count_transactions(&mut tx, &order.order_ref).await? {
        return Ok(Err(ReportPaymentError::Refused(TOO_MANY.to_owned())));
    }
    if let Err(error) =
        store::payment::mark_transaction(&mut tx, &order.order_ref, &transaction).await
    {
        if error.is_taken("transaction_id") {
            return Ok(Err(ReportPaymentError::Refused(ALREADY_GIVEN.to_owned())));
        }
        return Err(error).context("save the reported transaction");
    }
    store::orders::mark_status(&mut tx, &order.order_ref, status, None).await?;
    keep_step(&mut tx, &order.order_ref, status, "", None, now).await?;
    let order = Order { status, transaction: Some(transaction), ..order };
    let queued = queue_message(shop, &mut tx, &order, Told::Paid, false, now).await?;
    tx.commit().await.context("commit the reported transaction")?;

    notify_seller(shop, queued, now).await;
    Ok(Ok(()))
}
