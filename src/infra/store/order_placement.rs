//! Places an order: what is read before, and all that is written with it.
//!
//! Each statement that runs by itself costs a turn of the database's thread while all other buyers wait: so what is read is
//! one statement, and what is written runs as one.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::{
    BURST_SECONDS, BuyerRecipient, CheckoutKey, LookupName, NotificationHold, Order, OrderLine,
    OrderRef, SIEGE_SECONDS, burst_orders,
};
use crate::domain::payment::TransactionId;
use crate::domain::values::{Timestamp, TrustedClock};
use crate::infra::store::clock::ClockColumns;
use crate::infra::store::siege::n_unpaid;
use crate::infra::store::wallets::CoinColumns;
use crate::infra::store::{Connection, StoreError, Tx, stock};

/// What must be known before orders are made.
pub struct OrderPreconditions {
    pub is_closed: bool,
    /// How many orders of the last hour are not paid; counted to the limit at most.
    pub n_unpaid: i64,
    pub is_under_siege: bool,
    /// Whether unpaid orders take all the bytes that they may.
    pub is_full: bool,
    /// Whether those that only their buyers have reported as paid do.
    pub reports_full: bool,
    /// Of the newest message to the seller, by the mailbox's clock.
    pub last_at: Option<Timestamp>,
    /// Whether the shop has or had a seller's key.
    pub has_key: bool,
    /// How many of them were placed within a minute; counted as far as a siege may begin with.
    pub n_in_burst: i64,
    /// `None`: no clock was looked at yet.
    pub clock: Option<TrustedClock>,
}

impl OrderPreconditions {
    /// Whether so many were placed within a minute that a siege may begin. `most`: with how many an hour it begins.
    pub fn is_burst(&self, most: i64) -> bool {
        burst_orders(most) <= self.n_in_burst
    }

    /// One more order was inserted, which is not paid. `at`: of its message.
    pub fn count(&mut self, at: Timestamp, begins_siege: bool) {
        self.n_unpaid += 1;
        self.n_in_burst += 1;
        self.last_at = Some(at);
        self.is_under_siege |= begins_siege;
    }
}

#[derive(FromRow)]
struct PreconditionsRow {
    is_closed: bool,
    n_unpaid: i64,
    is_under_siege: bool,
    is_full: bool,
    reports_full: bool,
    last_at: Option<Timestamp>,
    has_key: bool,
    n_in_burst: i64,
    #[sqlx(flatten)]
    clock: ClockColumns,
}

/// The order that this form has already become.
pub async fn find_placed(
    db: &mut Connection,
    form: &CheckoutKey,
) -> Result<Option<OrderRef>, StoreError> {
    let placed = sqlx::query_scalar("select order_ref from orders where checkout_key = $1");
    Ok(placed.bind(form).fetch_optional(db).await?)
}

/// `most`: how far unpaid orders are counted.
pub async fn check_preconditions(
    db: &mut Connection,
    now: Timestamp,
    most: i64,
) -> Result<OrderPreconditions, StoreError> {
    let row: PreconditionsRow = sqlx::query_as(concat!(
        r#"
        select
            closed_on is not null as is_closed,
            siege_since is not null as is_under_siege,
            is_full,
            reports_full,
            (select max(at) from outbox) as last_at,
            fingerprint is not null as has_key,
            clock.*,
            "#,
        n_unpaid!("$1", "$2", "$3"),
        " as n_unpaid, ",
        n_unpaid!("$1", "$4", "$5"),
        " as n_in_burst from shop_state left join clock on true"
    ))
    .bind(now)
    .bind(SIEGE_SECONDS)
    .bind(most)
    .bind(BURST_SECONDS)
    .bind(burst_orders(most))
    .fetch_one(db)
    .await?;
    Ok(OrderPreconditions {
        is_closed: row.is_closed,
        n_unpaid: row.n_unpaid,
        is_under_siege: row.is_under_siege,
        is_full: row.is_full,
        reports_full: row.reports_full,
        last_at: row.last_at,
        has_key: row.has_key,
        n_in_burst: row.n_in_burst,
        clock: row.clock.clock(),
    })
}

/// An invoice has nulls where no node follows its chain, and else what was seen so far: nothing.
const INSERT: &str = concat!(
    r#"
    insert into orders (id, order_ref, checkout_key, lookup_name, recipient, status, placed_at, shipping_name, shipping_price,
        discount_code, discount_percent, discount_amount, transaction_id, list_currency, list_amount, notification_hold, reserves)
    values (1 + max((select coalesce(max(id), 0) from orders), (select last_order from shop_state)),
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $31, $33);

    insert into invoices (order_id, currency, chain, token, decimals, address, amount, total, until, clock_ahead,
        network, account, key_index, has_own_address, minutes, ahead, seen, settled, confirmations, needed)
    select o.id, $13, $15, $16, $17, $18, $14, $19, $20, $21, $22, $23, $24, $25, $32,
        coalesce(w.ahead, 0), 0 * w.ahead, 0 * w.ahead, 0 * w.ahead, 0 * w.ahead
    from orders o left join watched_networks w on w.network = $22 and w.is_on = 1
    where o.order_ref = $1;

    insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price, kind)
    select o.id, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
    from json_each($26) join orders o on o.order_ref = $1;

    insert into used_transactions (transaction_id, order_id)
    select $27, o.id from orders o where o.order_ref = $1 and $27 is not null;
    "#,
    stock::move_items!("-"),
    r#"
    update catalog_state set version = version + 1;

    update shop_state set siege_orders = siege_orders + 1 where siege_since is not null;

    insert into messages (order_id, kind, day, sealed)
    select id, 'receipt', placed_at, $28 from orders where order_ref = $1;

    insert into outbox (order_id, number, at, message)
    select id, 0, $29, $30 from orders where order_ref = $1
    "#
);

/// What is kept beside an order in the same transaction.
pub struct NewOrderData<'a> {
    pub form: &'a CheckoutKey,
    pub lookup: &'a LookupName,
    pub recipient: &'a BuyerRecipient,
    /// Encrypted to the recipient.
    pub receipt: &'a [u8],
    /// From which account its address was made and with which index; `None`: from none.
    pub derived: Option<(&'a str, u32)>,
    /// Whether no other order uses the address.
    pub has_own_address: bool,
    /// To the seller, whole, and its time by the mailbox's clock.
    pub message: &'a [u8],
    pub message_at: Timestamp,
    /// Until when that message waits.
    pub notification_hold: NotificationHold,
    /// Units: minutes that the order may take to be paid.
    pub minutes: i64,
}

/// Keeps a new order with its lines and its invoice, takes its items out of the stock where it reserves them, and puts the message to the seller into the outbox.
/// Returns the number of the message. The caller has read in this transaction that there are enough items.
pub async fn insert(
    tx: &mut Tx,
    order: &Order,
    beside: &NewOrderData<'_>,
) -> Result<i64, StoreError> {
    let invoice = &order.invoice;
    let coin = CoinColumns::of(&invoice.coin);
    let done = sqlx::query(INSERT)
        .bind(&order.order_ref)
        .bind(beside.form)
        .bind(beside.lookup)
        .bind(beside.recipient)
        .bind(order.status)
        .bind(order.placed_at)
        .bind(order.shipping.as_ref().map(|shipping| shipping.name.as_str()))
        .bind(order.shipping.as_ref().map(|shipping| shipping.price))
        .bind(order.discount.as_ref().map(|discount| discount.code.as_str()))
        .bind(order.discount.as_ref().map(|discount| discount.percent))
        .bind(order.discount.as_ref().map(|discount| discount.amount))
        .bind(order.transaction.as_ref().map(TransactionId::as_str))
        .bind(&invoice.currency)
        .bind(invoice.amount)
        .bind(coin.chain)
        .bind(coin.token)
        .bind(coin.decimals)
        .bind(invoice.address.as_str())
        .bind(invoice.total)
        .bind(invoice.until)
        .bind(invoice.clock_ahead)
        .bind(invoice.coin.network())
        .bind(beside.derived.map(|(account, _)| account))
        .bind(beside.derived.map(|(_, index)| index))
        .bind(beside.has_own_address)
        .bind(lines_json(&order.lines))
        .bind(order.transaction.as_ref().map(TransactionId::digits))
        .bind(beside.receipt)
        .bind(beside.message_at)
        .bind(beside.message)
        .bind(beside.notification_hold)
        .bind(beside.minutes)
        .bind(i64::from(order.reservation.is_held()))
        .execute(&mut **tx)
        .await?;
    Ok(done.last_insert_rowid())
}

fn lines_json(lines: &[OrderLine]) -> String {
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            json!([
                line.key.product,
                line.key.option,
                line.pool.option,
                line.name,
                line.option_name,
                line.quantity.get(),
                line.price.get(),
                line.kind.as_str()
            ])
        })
        .collect();
    json!(rows).to_string()
}
