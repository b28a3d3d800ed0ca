//! Orders and their lines.

use crate::domain::catalog::OfferKey;
use crate::domain::orders::AppliedDiscount;
use crate::domain::orders::BuyerRecipient;
use crate::domain::orders::FormToken;
use crate::domain::orders::LookupName;
use crate::domain::orders::Order;
use crate::domain::orders::OrderLine;
use crate::domain::orders::OrderRef;
use crate::domain::orders::Sending;
use crate::domain::orders::Status;
use crate::domain::payment::Address;
use crate::domain::payment::Invoice;
use crate::domain::payment::Observation;
use crate::domain::payment::TransactionId;
use crate::domain::values::Amount;
use crate::domain::values::Quantity;
use crate::domain::values::Timestamp;
use crate::domain::values::TrustedClock;
use crate::infra::store::Db;
use crate::infra::store::StoreError;
use crate::infra::store::Tx;
use crate::infra::store::catalog::gwei;
use crate::infra::store::clock;
use crate::infra::store::payment::coin_columns;
use crate::infra::store::payment::parse_coin;
use crate::infra::store::payment::parse_currency;
use crate::infra::store::statistics;
use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// Before each condition that names one order.
macro_rules! order_where {
    ($condition:literal) => {
        concat!(
            "select o.*, i.currency, i.chain, i.token, i.decimals, i.address, i.amount, i.total, i.received, i.until, \
                i.clock_ahead, i.seen, i.settled, i.confirmations, i.needed, i.is_moved, \
                exists (select 1 from watches w where w.network = i.network and w.is_on = 1 and w.trouble is not null) as in_doubt \
             from orders o join invoices i on i.order_id = o.id where ",
            $condition
        )
    };
}

const BY_REF: &str = order_where!("o.order_ref = ?");
const BY_LOOKUP: &str = order_where!("o.lookup_name = ?");
const BY_ID: &str = order_where!("o.id = ?");

/// What must be known before an order is made, read in one go: each statement costs a turn of the database's thread
/// while all other buyers wait.
pub struct OrderPreconditions {
    /// The order that this form has already become.
    pub earlier: Option<OrderRef>,
    pub is_closed: bool,
    /// How many orders nobody has paid for, as far as the seller has said; counted to the limit at most.
    pub n_unpaid: i64,
    /// Of the newest message to the seller, by the mailbox's clock; 0 for none.
    pub last_owed: i64,
    /// Whether the shop has or had a seller's key.
    pub has_key: bool,
    /// `None`: no clock was looked at yet.
    pub clock: Option<TrustedClock>,
}

/// `since`: a payment that only the buyer has seen counts where the order was placed on that day or later. The seller may
/// be away, and made-up ones must not close the shop for ever. `most`: how far unpaid orders are counted.
pub async fn check_preconditions(
    tx: &mut Tx,
    form: &FormToken,
    since: Timestamp,
    most: i64,
) -> Result<OrderPreconditions, StoreError> {
    let row = sqlx::query(
        "select (select order_ref from orders where form_token = ?) as earlier, \
                closed_on is not null as is_closed, \
                (select count(*) from (select 1 from orders where status = 'awaiting' \
                    union all select 1 from orders where status = 'reported' and ? <= placed_at limit ?)) as n_unpaid, \
                (select coalesce(max(at), 0) from owed) as last_owed, fingerprint is not null as has_key, \
                clock.* \
         from house left join clock",
    )
    .bind(form.0.as_slice())
    .bind(since.get())
    .bind(most)
    .fetch_one(&mut *tx.0)
    .await?;
    let earlier: Option<String> = row.try_get("earlier")?;
    Ok(OrderPreconditions {
        earlier: earlier
            .map(|name| OrderRef::parse(&name).map_err(|_| StoreError::Row("order_ref")))
            .transpose()?,
        is_closed: row.try_get("is_closed")?,
        n_unpaid: row.try_get("n_unpaid")?,
        last_owed: row.try_get("last_owed")?,
        has_key: row.try_get("has_key")?,
        clock: match row.try_get::<Option<i64>, _>("ticks")? {
            Some(_) => Some(clock::parse(&row)?),
            None => None,
        },
    })
}

/// Whether this form has already become an order, asked without the writer's lock.
pub async fn is_placed(db: &Db, form: &FormToken) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("select 1 from orders where form_token = ?")
        .bind(form.0.as_slice())
        .fetch_optional(&db.read)
        .await?;
    Ok(found.is_some())
}

/// How many pieces of each stock are in orders that nobody has paid for.
pub async fn list_held(tx: &mut Tx) -> Result<BTreeMap<OfferKey, i64>, StoreError> {
    let rows = sqlx::query(
        "select l.product_id, l.pool_option, sum(l.quantity) as pieces \
         from orders o join order_lines l on l.order_id = o.id \
         where o.status in ('awaiting', 'reported') group by l.product_id, l.pool_option",
    )
    .fetch_all(&mut *tx.0)
    .await?;
    rows.iter()
        .map(|row| {
            let product = row.try_get("product_id")?;
            let option = row.try_get("pool_option")?;
            Ok((OfferKey { product, option }, row.try_get("pieces")?))
        })
        .collect()
}

/// The reference of the order that a code opens.
pub async fn find_ref(tx: &mut Tx, name: &LookupName) -> Result<Option<OrderRef>, StoreError> {
    let found: Option<String> =
        sqlx::query_scalar("select order_ref from orders where lookup_name = ?")
            .bind(name.0.as_slice())
            .fetch_optional(&mut *tx.0)
            .await?;
    found.map(|name| OrderRef::parse(&name).map_err(|_| StoreError::Row("order_ref"))).transpose()
}

/// The order that a code opens.
pub async fn find_by_lookup(db: &Db, name: &LookupName) -> Result<Option<Order>, StoreError> {
    let mut connection = db.read.acquire().await?;
    let row =
        sqlx::query(BY_LOOKUP).bind(name.0.as_slice()).fetch_optional(&mut *connection).await?;
    read_order(&mut connection, row).await
}

pub async fn find(db: &Db, order_ref: &OrderRef) -> Result<Option<Order>, StoreError> {
    let mut connection = db.read.acquire().await?;
    let row = sqlx::query(BY_REF).bind(order_ref.as_str()).fetch_optional(&mut *connection).await?;
    read_order(&mut connection, row).await
}

/// The order as it is at this moment of the transaction.
pub async fn find_now(tx: &mut Tx, order_ref: &OrderRef) -> Result<Option<Order>, StoreError> {
    let row = sqlx::query(BY_REF).bind(order_ref.as_str()).fetch_optional(&mut *tx.0).await?;
    read_order(&mut tx.0, row).await
}

/// The same by its row, as [`crate::domain::payment::WatchedInvoice`] names it.
pub async fn find_by_id(tx: &mut Tx, id: i64) -> Result<Option<Order>, StoreError> {
    let row = sqlx::query(BY_ID).bind(id).fetch_optional(&mut *tx.0).await?;
    read_order(&mut tx.0, row).await
}

/// In one go, since each statement of its own costs a turn of the database's thread while all other buyers wait.
const INSERT: &str = "\
    insert into orders (id, order_ref, form_token, lookup_name, reader, status, placed_at, sending_name, sending_price, \
        discount_code, discount_percent, discount_less, transaction_id, list_currency, list_amount) \
    values (1 + max((select coalesce(max(id), 0) from orders), (select last_order from house)), \
        ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?); \
    insert into invoices (order_id, currency, chain, token, decimals, address, amount, total, until, clock_ahead, \
        network, account, key_index, is_alone, ahead, seen, settled, confirmations, needed) \
    select last_insert_rowid(), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(ahead, 0), ahead * 0, ahead * 0, ahead * 0, ahead * 0 \
    from (select (select ahead from watches where network = ? and is_on = 1) as ahead); \
    insert into order_lines (order_id, position, product_id, option_id, pool_option, name, option_name, quantity, price) \
    select o.id, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
    from json_each(?) join orders o on o.order_ref = ?; \
    insert into given_transactions (transaction_id, order_id) \
    select column1, o.id from (values (?)) join orders o on o.order_ref = ? where column1 is not null; \
    update products set stock = stock - taken.pieces from ( \
        select l.product_id as id, sum(l.quantity) as pieces from order_lines l join orders o on o.id = l.order_id \
        where o.order_ref = ? and l.pool_option = 0 group by l.product_id) as taken where products.id = taken.id; \
    update options set stock = stock - taken.pieces from ( \
        select l.pool_option as id, sum(l.quantity) as pieces from order_lines l join orders o on o.id = l.order_id \
        where o.order_ref = ? and l.pool_option <> 0 group by l.pool_option) as taken where options.id = taken.id; \
    update catalog_state set version = version + 1; \
    insert into words (order_id, kind, day, sealed) select id, 'receipt', placed_at, ? from orders where order_ref = ?; \
    insert into owed (order_id, number, at, message) select id, 0, ?, ? from orders where order_ref = ?";

/// What is kept beside an order in the same transaction.
pub struct NewOrderData<'a> {
    pub form: &'a FormToken,
    pub lookup: &'a LookupName,
    pub reader: &'a BuyerRecipient,
    /// Sealed to the reader.
    pub receipt: &'a [u8],
    /// From which account its address was made and with which index; `None`: from none.
    pub derived: Option<(&'a str, u32)>,
    /// Whether the address is this order's alone.
    pub is_alone: bool,
    /// To the seller, whole, and its time by the mailbox's clock.
    pub message: &'a [u8],
    pub message_at: Timestamp,
}

/// Keeps a new order with its lines and its invoice, takes its pieces off the shelf and owes the seller the message, whose
/// number it returns. The caller has read in this transaction that there are enough; the table refuses a stock below zero.
pub async fn insert(
    tx: &mut Tx,
    order: &Order,
    beside: &NewOrderData<'_>,
) -> Result<i64, StoreError> {
    let invoice = &order.invoice;
    let (chain, token, decimals) = coin_columns(&invoice.coin);
    let order_ref = order.order_ref.as_str();
    let done = sqlx::query(INSERT)
        .bind(order_ref)
        .bind(beside.form.0.as_slice())
        .bind(beside.lookup.0.as_slice())
        .bind(beside.reader.as_str())
        .bind(order.status.as_str())
        .bind(order.placed_at.get())
        .bind(order.sending.as_ref().map(|sending| sending.name.as_str()))
        .bind(order.sending.as_ref().map(|sending| sending.price.get()))
        .bind(order.discount.as_ref().map(|discount| discount.code.as_str()))
        .bind(order.discount.as_ref().map(|discount| discount.percent))
        .bind(order.discount.as_ref().map(|discount| discount.less.get()))
        .bind(order.transaction.as_ref().map(TransactionId::as_str))
        .bind(invoice.currency.as_str())
        .bind(invoice.amount.get())
        .bind(invoice.currency.as_str())
        .bind(chain)
        .bind(token)
        .bind(decimals)
        .bind(invoice.address.as_str())
        .bind(invoice.amount.get())
        .bind(invoice.total.get())
        .bind(invoice.until.get())
        .bind(invoice.clock_ahead)
        .bind(invoice.coin.network())
        .bind(beside.derived.map(|(account, _)| account))
        .bind(beside.derived.map(|(_, index)| index))
        .bind(beside.is_alone)
        .bind(invoice.coin.network())
        .bind(lines_json(&order.lines))
        .bind(order_ref)
        .bind(order.transaction.as_ref().map(TransactionId::digits))
        .bind(order_ref)
        .bind(order_ref)
        .bind(order_ref)
        .bind(beside.receipt)
        .bind(order_ref)
        .bind(beside.message_at.get())
        .bind(beside.message)
        .bind(order_ref)
        .execute(&mut *tx.0)
        .await?;
    Ok(done.last_insert_rowid())
}

fn lines_json(lines: &[OrderLine]) -> String {
    let rows: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| {
            serde_json::json!([
                line.key.product,
                line.key.option,
                line.pool.option,
                line.name,
                line.option_name,
                line.quantity.get(),
                line.price.get()
            ])
        })
        .collect();
    serde_json::json!(rows).to_string()
}

/// Where an order stands from now on. `finished`: since when nothing more is expected.
pub async fn mark_status(
    tx: &mut Tx,
    order_ref: &OrderRef,
    status: Status,
    finished: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update orders set status = ?1, finished_at = ?2, \
             finished_in_doubt = ?2 is not null and exists (select 1 from clock where ahead is not null) \
         where order_ref = ?3",
    )
    .bind(status.as_str())
    .bind(finished.map(|moment| moment.day_start().get()))
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    if let (Status::Refunded, Some(now)) = (status, finished) {
        statistics::note_refunded(tx, order_ref, now).await?;
    }
    if !matches!(
        status,
        Status::Awaiting
            | Status::Reported
            | Status::Partial
            | Status::Unconfirmed
            | Status::Expired
    ) {
        // The hour is no longer needed.
        sqlx::query("update invoices set until = until - until % 86400 where order_id = (select id from orders where order_ref = ?)")
            .bind(order_ref.as_str())
            .execute(&mut *tx.0)
            .await?;
    }
    Ok(())
}

/// What the seller says has arrived in all; `now`: on which day the rest of it counts as taken.
pub async fn mark_received(
    tx: &mut Tx,
    order_ref: &OrderRef,
    received: Amount,
    now: Timestamp,
) -> Result<(), StoreError> {
    statistics::note_received(tx, order_ref, received, now).await?;
    sqlx::query("update invoices set received = ? where order_id = (select id from orders where order_ref = ?)")
        .bind(received.get())
        .bind(order_ref.as_str())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

/// To whom the words about an order are sealed; `None`: nobody can read them any more, or could yet.
pub async fn find_buyer_key(
    tx: &mut Tx,
    order_ref: &OrderRef,
) -> Result<Option<BuyerRecipient>, StoreError> {
    let text: Option<Option<String>> =
        sqlx::query_scalar("select reader from orders where order_ref = ?")
            .bind(order_ref.as_str())
            .fetch_optional(&mut *tx.0)
            .await?;
    text.flatten()
        .map(|text| BuyerRecipient::parse(&text).map_err(|_| StoreError::Row("reader")))
        .transpose()
}

/// Whether somebody can still open the order's page: `false` where the buyer has erased their data, or it was placed before
/// pages could be opened.
pub async fn has_reader(db: &Db, order_ref: &OrderRef) -> Result<bool, StoreError> {
    let found: Option<bool> =
        sqlx::query_scalar("select reader is not null from orders where order_ref = ?")
            .bind(order_ref.as_str())
            .fetch_optional(&db.read)
            .await?;
    Ok(found.unwrap_or(false))
}

/// The newest of its words when the code was last typed, and that it was typed now.
pub async fn mark_seen(tx: &mut Tx, order_ref: &OrderRef) -> Result<i64, StoreError> {
    let seen = sqlx::query_scalar("select seen_word from orders where order_ref = ?")
        .bind(order_ref.as_str())
        .fetch_one(&mut *tx.0)
        .await?;
    sqlx::query(
        "update orders set seen_word = (select coalesce(max(w.id), 0) from words w where w.order_id = orders.id) where order_ref = ?",
    )
    .bind(order_ref.as_str())
    .execute(&mut *tx.0)
    .await?;
    Ok(seen)
}

/// Lets no code open the order any more. `nobody`: a name that no code gives.
pub async fn forget_buyer_key(
    tx: &mut Tx,
    order_ref: &OrderRef,
    nobody: &LookupName,
) -> Result<(), StoreError> {
    sqlx::query("update orders set reader = null, lookup_name = ? where order_ref = ?")
        .bind(nobody.0.as_slice())
        .bind(order_ref.as_str())
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}

async fn read_order(
    connection: &mut SqliteConnection,
    row: Option<SqliteRow>,
) -> Result<Option<Order>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    let lines = sqlx::query("select * from order_lines where order_id = ? order by position")
        .bind(row.try_get::<i64, _>("id")?)
        .fetch_all(connection)
        .await?;
    let currency = parse_currency(&row)?;
    let coin = parse_coin(&row, &currency)?;
    let address = |text: &str| Address::parse(&coin, text).map_err(|_| StoreError::Row("address"));
    let transaction: Option<String> = row.try_get("transaction_id")?;
    let transaction = transaction.map(|text| TransactionId::parse(&coin, &text)).transpose();
    let invoice = Invoice {
        currency,
        address: address(row.try_get("address")?)?,
        amount: gwei(&row, "amount")?,
        total: gwei(&row, "total")?,
        received: gwei(&row, "received")?,
        sighting: parse_observation(&row)?,
        in_doubt: row.try_get("in_doubt")?,
        until: moment(&row, "until")?,
        clock_ahead: row.try_get("clock_ahead")?,
        coin: coin.clone(),
    };
    let finished: Option<i64> = row.try_get("finished_at")?;
    Ok(Some(Order {
        order_ref: parse_ref(&row)?,
        status: parse_status(&row)?,
        placed_at: moment(&row, "placed_at")?,
        finished_at: finished
            .map(Timestamp::new)
            .transpose()
            .map_err(|_| StoreError::Row("finished_at"))?,
        lines: lines.iter().map(parse_line).collect::<Result<_, _>>()?,
        sending: parse_sending(&row)?,
        discount: parse_discount(&row)?,
        invoice,
        transaction: transaction.map_err(|_| StoreError::Row("transaction_id"))?,
    }))
}

/// `None`: no node follows it.
pub(super) fn parse_observation(row: &SqliteRow) -> Result<Option<Observation>, StoreError> {
    if row.try_get::<Option<i64>, _>("seen")?.is_none() {
        return Ok(None);
    }
    let count = |column: &'static str| -> Result<u32, StoreError> {
        u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Row(column))
    };
    Ok(Some(Observation {
        seen: gwei(row, "seen")?,
        settled: gwei(row, "settled")?,
        confirmations: count("confirmations")?,
        needed: count("needed")?,
        is_moved: row.try_get("is_moved")?,
    }))
}

fn parse_line(row: &SqliteRow) -> Result<OrderLine, StoreError> {
    let key = OfferKey { product: row.try_get("product_id")?, option: row.try_get("option_id")? };
    let quantity =
        Quantity::new(row.try_get("quantity")?).map_err(|_| StoreError::Row("quantity"))?;
    let price = gwei(row, "price")?;
    Ok(OrderLine {
        key,
        pool: OfferKey { option: row.try_get("pool_option")?, ..key },
        name: row.try_get("name")?,
        option_name: row.try_get("option_name")?,
        quantity,
        price,
        sum: price.times(quantity).ok_or(StoreError::Row("price"))?,
    })
}

fn parse_sending(row: &SqliteRow) -> Result<Option<Sending>, StoreError> {
    let name: Option<String> = row.try_get("sending_name")?;
    name.map(|name| Ok(Sending { name, price: gwei(row, "sending_price")? })).transpose()
}

fn parse_discount(row: &SqliteRow) -> Result<Option<AppliedDiscount>, StoreError> {
    let code: Option<String> = row.try_get("discount_code")?;
    let Some(code) = code else { return Ok(None) };
    Ok(Some(AppliedDiscount {
        code,
        percent: row.try_get("discount_percent")?,
        less: gwei(row, "discount_less")?,
    }))
}

pub(super) fn parse_ref(row: &SqliteRow) -> Result<OrderRef, StoreError> {
    OrderRef::parse(row.try_get("order_ref")?).map_err(|_| StoreError::Row("order_ref"))
}

pub(super) fn parse_status(row: &SqliteRow) -> Result<Status, StoreError> {
    Status::parse(row.try_get("status")?).map_err(|_| StoreError::Row("status"))
}

pub(super) fn moment(row: &SqliteRow, column: &'static str) -> Result<Timestamp, StoreError> {
    Timestamp::new(row.try_get(column)?).map_err(|_| StoreError::Row(column))
}
