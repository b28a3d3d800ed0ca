//! Turns a checkout form into an order, in one transaction.

use anyhow::Context;

use crate::actions::availability::ClosedReason;
use crate::actions::quote_order::{CurrentPrices, PlaceOrderError, RateTime, check_block};
use crate::actions::siege::{begin_siege, hold_at_placement, log_begin, minutes_to_pay};
use crate::actions::{Shop, notify_seller};
use crate::domain::cart::{Basket, CartLine};
use crate::domain::orders::{
    BuyerIdentity, CheckoutKey, Code, Delivery, Draft, FOLLOWED_DAYS, NewOrder, NotificationHold,
    NumberPurpose, Order, OrderRef, PlacementError, RefusalReason,
};
use crate::domain::payment::{
    AmountTags, Destination, Invoice, Wallet, distinct_amount, integrated,
};
use crate::domain::values::{Amount, Currency, Times, Timestamp, TrustedClock};
use crate::infra::mail::{Notification, SellerKey};
use crate::infra::store::Tx;
use crate::infra::store::order_placement::NewOrderData;
use crate::infra::store::outbox::{NextMessage, OutboxMessage};
use crate::infra::{failpoints, store};

/// What a buyer wants to order.
pub struct OrderRequest<'a> {
    pub basket: &'a Basket,
    pub currency: &'a Currency,
    pub draft: Draft,
    /// What the buyer agreed to pay.
    pub total: Amount,
    /// What the buyer wrote, as the order's page shows it again to anyone who has the code.
    pub receipt: String,
    /// Whether the buyer's connection may reserve as much as this before it is paid.
    pub may_reserve: bool,
}

/// A draft becomes an order, once for each cart: prices, stock and address are the shop's own at this moment. The message
/// to the seller is made and sealed in memory, and is kept in the same transaction as the order. `fresh`: the order's
/// reference, unless this cart is an order already.
///
/// # Errors
/// [`PlaceOrderError`]: nothing was ordered.
pub async fn place_order(
    shop: &Shop,
    placing: OrderRequest<'_>,
    fresh: OrderRef,
    now: Timestamp,
) -> Result<OrderRef, PlaceOrderError> {
    let form = CheckoutKey::of_cart(placing.basket.id);
    // Anything that can be computed beforehand is: all other buyers wait while the write lock is held.
    let code = Code::of_cart(placing.basket.id);
    let recipient = BuyerIdentity::of_code(&code, &shop.salt).recipient();
    let receipt = recipient.encrypt(&placing.receipt).context("encrypt the receipt")?;
    let lookup = code.lookup_name(&shop.salt);

    let mut tx = shop.db.write().await?;
    failpoints::at("order-begun");
    let (reading, most) = (shop.reading(), shop.policy.siege_orders);
    let before = store::order_placement::check_preconditions(&mut tx, &form, now, most).await?;
    if let Some(earlier) = before.earlier {
        return Ok(earlier);
    }
    if before.is_closed {
        return Err(PlaceOrderError::Closed(ClosedReason::BySeller));
    }
    let key = shop.availability.encryption_key_for_order(before.has_key, now);
    let key = key.map_err(PlaceOrderError::Closed)?;
    if before.is_full {
        return Err(PlaceOrderError::NoRoom);
    }
    if before.reports_full && placing.draft.transaction.is_some() {
        return Err(PlaceOrderError::refused("transaction", RefusalReason::ReportsFull));
    }
    let at = RateTime { price_in: shop.policy.price_in, now };
    let opening = Opening { key: key.as_ref(), fresh, at };
    let (new, wallet) = open_order(&mut tx, placing, opening).await?;
    let clock = before.clock.clone().unwrap_or_else(|| TrustedClock::begin(&reading));
    let minutes = minutes_to_pay(shop, before.is_under_siege);
    let ends = Ends::of(clock.at(&reading), minutes);
    let Some(PaymentRequest { invoice, derived, has_own_address }) =
        open_invoice(&mut tx, &new, &wallet, &shop.salt, ends).await?
    else {
        return Err(PlaceOrderError::refused("currency", RefusalReason::TotalTaken));
    };
    let (order, buyer) = new.invoiced(invoice);
    let at = store::outbox::next_at(before.last_at, now);
    let name = shop.name(&mut tx).await?;
    let notification_hold = hold_at_placement(shop, &before, order.status);
    let is_held_back = notification_hold != NotificationHold::No;
    let place = NextMessage { number: 0, at, has_key: before.has_key, is_held_back };
    let notification = Notification::NewOrder(&buyer);
    let message =
        notify_seller::write(shop, &name, &order, notification, place, (key.as_ref(), now))?;
    let beside = NewOrderData {
        derived: derived.as_ref().map(|(account, index)| (account.as_str(), *index)),
        has_own_address,
        form: &form,
        lookup: &lookup,
        recipient: &recipient,
        receipt: &receipt,
        message: &message,
        message_at: at,
        notification_hold,
        minutes,
    };
    let id = insert(&mut tx, &order, &beside).await?;
    let begins_siege = begin_siege(shop, &mut tx, &before, key.as_ref(), now).await?;
    failpoints::at("order-inserted");
    tx.commit().await.context("commit the order")?;
    failpoints::at("order-committed");

    if begins_siege {
        log_begin(shop);
    }
    let order_ref = order.order_ref.clone();
    let (is_read, is_erasure, number) = (false, false, 0);
    let queued =
        OutboxMessage { id, order_ref: order.order_ref, number, at, is_read, is_erasure, message };
    if !is_held_back {
        notify_seller(shop, queued, now).await;
    }
    failpoints::at("before-answer");
    Ok(order_ref)
}

/// What an order is opened with, beside what its buyer wants.
struct Opening<'a> {
    key: Option<&'a SellerKey>,
    fresh: OrderRef,
    at: RateTime,
}

/// The order as it would be at this moment of the transaction, and the wallet it would be paid to.
async fn open_order(
    tx: &mut Tx,
    placing: OrderRequest<'_>,
    opening: Opening<'_>,
) -> Result<(NewOrder, Wallet), PlaceOrderError> {
    let OrderRequest { basket, currency, draft, total, may_reserve, .. } = placing;
    let refusals = check_block(opening.key, draft.buyer.delivery.block());
    if !refusals.is_empty() {
        return Err(PlaceOrderError::Refused(refusals));
    }
    let prices =
        CurrentPrices::read(tx, basket, currency, &draft.choices.discount, opening.at).await?;
    let unseen = |line: &CartLine| line.seen.as_ref().is_none_or(|seen| seen.currency != *currency);
    // The kind of a product may have changed since the form was parsed.
    let has_address = draft.buyer.delivery != Delivery::None;
    if !prices.cart.notices.is_empty()
        || basket.lines().iter().any(unseen)
        || prices.cart.is_shipped() != has_address
    {
        return Err(PlaceOrderError::Changed(Box::new(prices.cart)));
    }
    match NewOrder::open(draft, &prices.context(may_reserve), opening.fresh, opening.at.now) {
        Ok(order) if order.total == total => Ok((order, prices.wallet)),
        Ok(_) | Err(PlacementError::Cart) => Err(PlaceOrderError::Changed(Box::new(prices.cart))),
        Err(PlacementError::Fields(refusals)) => Err(PlaceOrderError::Refused(refusals)),
    }
}

/// Inserts the order, and counts the use of its discount code.
async fn insert(
    tx: &mut Tx,
    order: &Order,
    beside: &NewOrderData<'_>,
) -> Result<i64, PlaceOrderError> {
    let id = match store::order_placement::insert(tx, order, beside).await {
        Ok(id) => id,
        Err(error) if error.is_taken("transaction_id") => {
            return Err(PlaceOrderError::refused("transaction", RefusalReason::TransactionTaken));
        }
        Err(error) => return Err(anyhow::Error::from(error).context("insert the order").into()),
    };
    // The count is not linked to the order: it stays after the order is erased.
    if let Some(discount) = &order.discount {
        store::discounts::take_use(tx, &discount.code)
            .await
            .context("count the use of the discount code")?;
    }
    Ok(id)
}

/// The deadlines of a payment.
struct Ends {
    until: Timestamp,
    clock_ahead: Option<i64>,
    /// An order that was finished on that day or later may still be paid.
    recent: Timestamp,
}

impl Ends {
    /// Rounded up to a minute, so that the host's clock cannot be inferred; never less than was promised.
    fn of(times: Times, payment_minutes: i64) -> Self {
        Self {
            until: times.now.plus_minutes(payment_minutes).rounded_up(1),
            clock_ahead: times.ahead.map(|_| times.now.seconds_after(times.trusted)),
            // As long as late payments are watched for.
            recent: times.trusted.plus_days(-FOLLOWED_DAYS),
        }
    }
}

/// The invoice, and which of the seller's addresses it uses.
struct PaymentRequest {
    invoice: Invoice,
    /// The wallet's account and the address index in it, if it has one.
    derived: Option<(String, u32)>,
    /// Whether no other order uses the address.
    has_own_address: bool,
}

/// `None`: all amounts of this address are in use.
async fn open_invoice(
    tx: &mut Tx,
    order: &NewOrder,
    wallet: &Wallet,
    salt: &[u8],
    ends: Ends,
) -> anyhow::Result<Option<PaymentRequest>> {
    let mut derived = None;
    if let Some(account) = wallet.receives.account() {
        let index = store::address_indexes::allocate_index(tx, &account).await?;
        derived = Some((account, index));
    }
    let index = derived.as_ref().map_or(0, |(_, index)| *index);
    let (address, amount, has_own_address) = match &wallet.receives {
        Destination::Account(key) => (key.address(index), order.total, true),
        Destination::View(key) => (key.address(index), order.total, true),
        Destination::Integrated(primary) => {
            let id = order.order_ref.number(salt, NumberPurpose::PaymentId);
            (integrated(primary, id), order.total, true)
        }
        Destination::Address(address) => {
            let tags = AmountTags::of(&order.currency, &wallet.coin);
            let most = order.total.plus(tags.most()).unwrap_or(order.total);
            let taken =
                store::payments::list_amounts(tx, address, order.total, most, ends.recent).await?;
            let start = order.order_ref.number(salt, NumberPurpose::Amount);
            let Some(amount) = distinct_amount(order.total, tags, &taken, start) else {
                return Ok(None);
            };
            (address.clone(), amount, false)
        }
    };
    let invoice = Invoice {
        currency: order.currency.clone(),
        coin: wallet.coin.clone(),
        address,
        amount,
        total: order.total,
        received: Amount::ZERO,
        observation: None,
        node_unreliable: false,
        until: ends.until,
        clock_ahead: ends.clock_ahead,
    };
    Ok(Some(PaymentRequest { invoice, derived, has_own_address }))
}
