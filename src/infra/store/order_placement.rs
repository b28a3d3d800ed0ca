//! Places an order: what is read before, and all that is written with it.
//!
//! Each statement that runs by itself costs a turn of the database's thread while all other buyers wait: so what a batch reads
//! first runs as one, and so does what every order writes.

use serde_json::json;
use sqlx::FromRow;

use crate::domain::orders::{
    BuyerRecipient, CheckoutKey, LookupName, NotificationHold, Order, OrderLine, OrderRef,
};
use crate::domain::payment::TransactionId;
use crate::domain::values::{Timestamp, TrustedClock};
use crate::infra::store::clock::ClockColumns;
use crate::infra::store::wallets::CoinColumns;
use crate::infra::store::{Connection, StoreError, Tx, outbox, stock};

/// What must be known before orders are made.
pub struct OrderPreconditions {
    pub is_closed: bool,
    pub is_under_siege: bool,
    /// Whether unpaid orders take all the bytes that they may.
    pub is_full: bool,
    /// Whether those that only their buyers have reported as paid do.
    pub reports_full: bool,
    /// Of the newest message to the seller, by the mailbox's clock.
    pub last_at: Option<Timestamp>,
    /// Whether the shop has or had a seller's key.
    pub has_key: bool,
    /// `None`: no clock was looked at yet.
    pub clock: Option<TrustedClock>,
    /// The id of the newest order, or of one that was newer and is deleted.
    pub last_order: i64,
    /// The shop's name as the desk says it; `None`: as in the settings.
    pub site_name: Option<String>,
    /// Grows with every change of a wallet, an exchange rate or a shipping method.
    pub pricing_version: i64,
}

#[derive(FromRow)]
struct PreconditionsRow {
    is_closed: bool,
    is_under_siege: bool,
    is_full: bool,
    reports_full: bool,
    last_at: Option<Timestamp>,
    has_key: bool,
    last_order: i64,
    site_name: Option<String>,
    pricing_version: i64,
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

const BEGIN: &str = concat!(
    outbox::forget!(),
    r#";
    select
        closed_on is not null as is_closed,
        siege_since is not null as is_under_siege,
        is_full,
        reports_full,
        (select max(at) from outbox) as last_at,
        fingerprint is not null as has_key,
        max(last_order, (select coalesce(max(id), 0) from orders)) as last_order,
        (select name from appearance) as site_name,
        (select pricing_version from catalog_state) as pricing_version,
        clock.*
    from shop_state left join clock on true
    "#
);

/// Forgets messages that were delivered, and reads what must be known before orders are placed.
pub async fn begin(tx: &mut Tx, delivered: &[Timestamp]) -> Result<OrderPreconditions, StoreError> {
    let row: PreconditionsRow =
        sqlx::query_as(BEGIN).bind(outbox::times_json(delivered)).fetch_one(&mut **tx).await?;
    Ok(OrderPreconditions {
        is_closed: row.is_closed,
        is_under_siege: row.is_under_siege,
        is_full: row.is_full,
        reports_full: row.reports_full,
        last_at: row.last_at,
        has_key: row.has_key,
        clock: row.clock.clock(),
        last_order: row.last_order,
        site_name: row.site_name,
        pricing_version: row.pricing_version,
    })
}

/// An invoice has nulls where no node follows its chain, and else what was seen so far: nothing.
const INSERT: &str = concat!(
    r#"
    insert into orders (id, order_ref, checkout_key, lookup_name, recipient, status, placed_at, shipping_name, shipping_price,
        discount_code, discount_percent, discount_amount, transaction_id, list_currency, list_amount, notification_hold, reserves)
    values (1 + max((select coalesce(max(id), 0) from orders), (select last_order from shop_state)),
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $30, $32);

    insert into invoices (order_id, currency, chain, token, decimals, address, amount, total, until, clock_ahead,
        network, account, key_index, has_own_address, minutes, ahead, seen, settled, confirmations, needed)
    select o.id, $13, $15, $16, $17, $18, $14, $19, $20, $21, $22, $23, $24, $25, $31,
        coalesce(w.ahead, 0), 0 * w.ahead, 0 * w.ahead, 0 * w.ahead, 0 * w.ahead
    from orders o left join watched_networks w on w.network = $22 and w.is_on = 1
    where o.order_ref = $1;

    insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price, kind)
    select o.id, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
    from json_each($26) join orders o on o.order_ref = $1;
    "#,
    stock::move_items!("-"),
    r#"
    update catalog_state set version = version + 1;

    insert into messages (order_id, kind, day, sealed)
    select id, 'receipt', placed_at, $27 from orders where order_ref = $1;

    insert into outbox (order_id, number, at, message)
    select id, 0, $28, $29 from orders where order_ref = $1
    "#
);

const INSERT_TRANSACTION: &str = r#"
    insert into used_transactions (transaction_id, order_id) select $1, id from orders where order_ref = $2
    "#;

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

/// Keeps a new order with its lines and its invoice, takes its items out of the stock where it reserves them, and puts the
/// message to the seller into the outbox. The caller has read in this transaction that there are enough items.
pub async fn insert(
    tx: &mut Tx,
    order: &Order,
    beside: &NewOrderData<'_>,
) -> Result<(), StoreError> {
    let invoice = &order.invoice;
    let coin = CoinColumns::of(&invoice.coin);
    sqlx::query(INSERT)
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
        .bind(beside.receipt)
        .bind(beside.message_at)
        .bind(beside.message)
        .bind(beside.notification_hold)
        .bind(beside.minutes)
        .bind(i64::from(order.reservation.is_held()))
        .execute(&mut **tx)
        .await?;
    if let Some(transaction) = &order.transaction {
        sqlx::query(INSERT_TRANSACTION)
            .bind(transaction.digits())
            .bind(&order.order_ref)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::store::test_shop::with_shop;

    #[test]
    fn whatever_prices_are_made_from_is_read_again_after_a_change() {
        with_shop(async |db| {
            let mut tx = db.write().await.unwrap();
            let mut last = begin(&mut tx, &[]).await.unwrap().pricing_version;
            for statement in [
                "insert into wallets (currency, position, name, address) values ('ETH', 0, 'Ether', 'x')",
                "update wallets set name = 'Ethereum'",
                "insert into exchange_rates (currency, price_in, value, at, valid_until, source) values ('ETH', 'EUR', '2650', 0, 1, 'seller')",
                "update exchange_rates set value = '2651'",
                "insert into shipping_rates (name, position, countries) values ('Post', 0, '')",
                "update shipping_rates set position = 1",
                "insert into shipping_steps (rate, step) values ('Post', 0)",
                "update shipping_steps set up_to_grams = 5",
                "insert into shipping_prices (rate, step, currency, price) values ('Post', 0, 'ETH', 7)",
                "update shipping_prices set price = 8",
                "insert into shipping_free_from (rate, currency, amount) values ('Post', 'ETH', 9)",
                "update shipping_free_from set amount = 10",
                "delete from shipping_free_from",
                "delete from shipping_prices",
                "delete from shipping_steps",
                "delete from shipping_rates",
                "delete from exchange_rates",
                "delete from wallets",
            ] {
                sqlx::query(statement).execute(&mut *tx).await.unwrap();
                let version = begin(&mut tx, &[]).await.unwrap().pricing_version;
                assert!(last < version, "{statement}");
                last = version;
            }
        });
    }
}
