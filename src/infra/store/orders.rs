//! Orders and their lines.

use sqlx::FromRow;

use crate::domain::catalog::{OfferKey, ProductKind};
use crate::domain::orders::{
    AppliedDiscount, BuyerRecipient, CheckoutKey, LookupName, NotificationHold, Order, OrderLine,
    OrderRef, OrderShipping, Reservation, Status,
};
use crate::domain::payment::{Address, Invoice, Observation, TransactionId};
use crate::domain::values::{Amount, Currency, Quantity, Timestamp};
use crate::infra::store::wallets::CoinColumns;
use crate::infra::store::{
    Connection, StoreError, Tx, deliveries, outbox, reservations, statistics,
};

#[derive(FromRow)]
struct OrderRow {
    id: i64,
    order_ref: OrderRef,
    status: Status,
    placed_at: Timestamp,
    finished_at: Option<Timestamp>,
    shipping_name: Option<String>,
    shipping_price: Option<Amount>,
    discount_code: Option<String>,
    discount_percent: Option<i64>,
    discount_amount: Option<Amount>,
    transaction_id: Option<String>,
    reserves: i64,
    is_delivered: bool,
    currency: Currency,
    #[sqlx(flatten)]
    coin: CoinColumns,
    address: String,
    amount: Amount,
    total: Amount,
    received: Amount,
    until: Timestamp,
    clock_ahead: Option<i64>,
    #[sqlx(flatten)]
    observation: ObservationColumns,
    node_unreliable: bool,
}

#[derive(FromRow)]
struct LineRow {
    product_id: i64,
    option_id: i64,
    pool_option: i64,
    kind: ProductKind,
    name: String,
    option_name: String,
    quantity: Quantity,
    price: Amount,
}

/// What a node saw of an invoice. `seen` is null where no node follows it.
#[derive(FromRow)]
pub(super) struct ObservationColumns {
    seen: Option<Amount>,
    settled: Option<Amount>,
    confirmations: Option<u32>,
    needed: Option<u32>,
    is_moved: bool,
}

/// Before each condition that names one order.
macro_rules! order_where {
    ($condition:literal) => {
        concat!(
            r#"
            select o.*, i.currency, i.chain, i.token, i.decimals, i.address, i.amount, i.total, i.received, i.until,
                i.clock_ahead, i.seen, i.settled, i.confirmations, i.needed, i.is_moved,
                exists (select 1 from watched_networks w
                    where w.network = i.network and w.is_on = 1 and w.problem is not null) as node_unreliable
            from orders o join invoices i on i.order_id = o.id
            where "#,
            $condition
        )
    };
}

pub async fn find(db: &mut Connection, order_ref: &OrderRef) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> = sqlx::query_as(order_where!("o.order_ref = $1"))
        .bind(order_ref)
        .fetch_optional(&mut *db)
        .await?;
    with_lines(db, row).await
}

/// The order that a code opens.
pub async fn find_by_lookup(
    db: &mut Connection,
    name: &LookupName,
) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> = sqlx::query_as(order_where!("o.lookup_name = $1"))
        .bind(name)
        .fetch_optional(&mut *db)
        .await?;
    with_lines(db, row).await
}

/// By its row, as [`crate::domain::payment::WatchedInvoice`] names it.
pub async fn find_by_id(db: &mut Connection, id: i64) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> =
        sqlx::query_as(order_where!("o.id = $1")).bind(id).fetch_optional(&mut *db).await?;
    with_lines(db, row).await
}

async fn with_lines(
    db: &mut Connection,
    row: Option<OrderRow>,
) -> Result<Option<Order>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    let lines: Vec<LineRow> =
        sqlx::query_as("select * from order_lines where order_id = $1 order by position")
            .bind(row.id)
            .fetch_all(&mut *db)
            .await?;
    let reservation = match row.reserves {
        0 => reservations::find(db, &row.order_ref).await?,
        _ => Reservation::Held,
    };
    let mut order = row.order(lines, reservation)?;
    if order.lines.iter().any(|line| !line.kind.is_shipped()) {
        order.delivered = deliveries::list_lines(db, &order.order_ref).await?;
    }
    Ok(Some(order))
}

/// Whether this form has already become an order.
pub async fn is_placed(db: &mut Connection, form: &CheckoutKey) -> Result<bool, StoreError> {
    let is_placed =
        sqlx::query_scalar("select exists (select 1 from orders where checkout_key = $1)");
    Ok(is_placed.bind(form).fetch_one(db).await?)
}

/// Where an order stands from now on. `finished`: since when nothing more is expected.
pub async fn mark_status(
    tx: &mut Tx,
    order_ref: &OrderRef,
    status: Status,
    finished: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update orders
        set status = $1, finished_at = $2,
            is_delivered = iif($1 in ('confirmed', 'overpaid', 'shipped'), is_delivered, 0),
            finished_in_doubt = $2 is not null and exists (select 1 from clock where ahead is not null),
            notification_hold = case notification_hold when 1 then $4 when 2 then $5 when 3 then $6 else 0 end
        where order_ref = $3
        "#,
    )
    .bind(status)
    .bind(finished.map(Timestamp::day_start))
    .bind(order_ref)
    .bind(NotificationHold::UntilReported.after(status))
    .bind(NotificationHold::UntilPaid.after(status))
    .bind(NotificationHold::Briefly.after(status))
    .execute(&mut **tx)
    .await?;
    if matches!(status, Status::Expired | Status::Cancelled) {
        outbox::drop_erased(tx, order_ref).await?;
    }
    if let (Status::Refunded, Some(now)) = (status, finished) {
        statistics::note_refunded(tx, order_ref, now).await?;
    }
    if !status.needs_deadline() {
        // The hour is no longer needed.
        sqlx::query(
            r#"
            update invoices set until = until - until % 86400
            where order_id = (select id from orders where order_ref = $1)
            "#,
        )
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// From now on the messages of this order are delivered, whatever its state.
pub async fn release_messages(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query("update orders set notification_hold = 0 where order_ref = $1")
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Holds the messages of an order back until money comes for it, where the order itself was not delivered yet.
pub async fn hold_messages(tx: &mut Tx, order_ref: &OrderRef) -> Result<(), StoreError> {
    sqlx::query(
        r#"
        update orders set notification_hold = $2
        where order_ref = $1 and notification_hold = 0
            and exists (select 1 from outbox w where w.order_id = orders.id and w.number = 0 and w.message is not null)
        "#,
    )
    .bind(order_ref)
    .bind(NotificationHold::UntilReported)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the seller says has arrived in all; `now`: on which day the rest of it counts as received.
pub async fn mark_received(
    tx: &mut Tx,
    order_ref: &OrderRef,
    received: Amount,
    now: Timestamp,
) -> Result<(), StoreError> {
    statistics::note_received(tx, order_ref, received, now).await?;
    sqlx::query(
        r#"
        update invoices set received = $1
        where order_id = (select id from orders where order_ref = $2)
        "#,
    )
    .bind(received)
    .bind(order_ref)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// To whom the messages of an order are sealed; `None`: nobody can read them any more, or could yet.
pub async fn find_buyer_key(
    db: &mut Connection,
    order_ref: &OrderRef,
) -> Result<Option<BuyerRecipient>, StoreError> {
    let recipient = sqlx::query_scalar(
        "select recipient from orders where order_ref = $1 and recipient is not null",
    );
    Ok(recipient.bind(order_ref).fetch_optional(db).await?)
}

/// Whether somebody can still open the order's page: `false` where the buyer has erased their data, or it was placed before
/// pages could be opened.
pub async fn has_buyer_key(db: &mut Connection, order_ref: &OrderRef) -> Result<bool, StoreError> {
    let has_buyer_key = sqlx::query_scalar(
        "select exists (select 1 from orders where order_ref = $1 and recipient is not null)",
    );
    Ok(has_buyer_key.bind(order_ref).fetch_one(db).await?)
}

/// The newest message when the code was last typed, and that it was typed now.
pub async fn mark_seen(tx: &mut Tx, order_ref: &OrderRef) -> Result<i64, StoreError> {
    let seen = sqlx::query_scalar("select seen_message from orders where order_ref = $1")
        .bind(order_ref)
        .fetch_one(&mut **tx)
        .await?;
    sqlx::query(
        r#"
        update orders
        set seen_message = (select coalesce(max(w.id), 0) from messages w where w.order_id = orders.id)
        where order_ref = $1
        "#,
    )
    .bind(order_ref)
    .execute(&mut **tx)
    .await?;
    Ok(seen)
}

/// Lets no code open the order any more. `nobody`: a name that no code gives.
pub async fn forget_buyer_key(
    tx: &mut Tx,
    order_ref: &OrderRef,
    nobody: &LookupName,
) -> Result<(), StoreError> {
    sqlx::query("update orders set recipient = null, lookup_name = $1 where order_ref = $2")
        .bind(nobody)
        .bind(order_ref)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl OrderRow {
    fn order(self, lines: Vec<LineRow>, reservation: Reservation) -> Result<Order, StoreError> {
        let coin = self.coin.coin(&self.currency)?;
        let address =
            Address::parse(&coin, &self.address).map_err(|_| StoreError::Row("address"))?;
        let transaction = self.transaction_id.map(|text| TransactionId::parse(&coin, &text));
        let shipping = self.shipping_name.zip(self.shipping_price);
        let discount = self.discount_code.zip(self.discount_amount);
        Ok(Order {
            order_ref: self.order_ref,
            status: self.status,
            placed_at: self.placed_at,
            finished_at: self.finished_at,
            lines: lines.into_iter().map(LineRow::line).collect::<Result<_, _>>()?,
            shipping: shipping.map(|(name, price)| OrderShipping { name, price }),
            discount: discount.map(|(code, amount)| AppliedDiscount {
                code,
                percent: self.discount_percent,
                amount,
            }),
            invoice: Invoice {
                currency: self.currency,
                coin,
                address,
                amount: self.amount,
                total: self.total,
                received: self.received,
                observation: self.observation.observation(),
                node_unreliable: self.node_unreliable,
                until: self.until,
                clock_ahead: self.clock_ahead,
            },
            transaction: transaction.transpose().map_err(|_| StoreError::Row("transaction_id"))?,
            reservation,
            delivered: Vec::new(),
            is_delivered: self.is_delivered,
        })
    }
}

impl LineRow {
    fn line(self) -> Result<OrderLine, StoreError> {
        Ok(OrderLine {
            key: OfferKey { product: self.product_id, option: self.option_id },
            pool: OfferKey { product: self.product_id, option: self.pool_option },
            kind: self.kind,
            name: self.name,
            option_name: self.option_name,
            quantity: self.quantity,
            price: self.price,
            sum: self.price.times(self.quantity).ok_or(StoreError::Row("price"))?,
        })
    }
}

impl ObservationColumns {
    pub fn observation(self) -> Option<Observation> {
        Some(Observation {
            seen: self.seen?,
            settled: self.settled.unwrap_or(Amount::ZERO),
            confirmations: self.confirmations.unwrap_or(0),
            needed: self.needed.unwrap_or(0),
            is_moved: self.is_moved,
        })
    }
}
