//! Turns what buyers want into orders, several in one transaction.

use anyhow::Context;

use crate::actions::Shop;
use crate::actions::availability::ClosedReason;
use crate::actions::notify_seller::write;
use crate::actions::quote_order::{
    CurrentPrices, PlaceOrderError, PriceSources, RateTime, check_block,
};
use crate::actions::siege::{begin_siege, hold_at_placement, minutes_to_pay};
use crate::domain::cart::{Basket, CartLine};
use crate::domain::orders::{
    BuyerIdentity, BuyerRecipient, CheckoutKey, Code, Delivery, Draft, FOLLOWED_DAYS, LookupName,
    NewOrder, NotificationHold, NumberPurpose, Order, OrderRef, PlacementError, RefusalReason,
};
use crate::domain::payment::{
    AmountTags, Destination, Invoice, Wallet, distinct_amount, integrated,
};
use crate::domain::values::{Amount, Currency, Reading, Times, Timestamp, TrustedClock};
use crate::infra::mail::{Notification, SellerKey};
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::order_placement::{NewOrderData, OrderPreconditions};
use crate::infra::store::outbox::{NextMessage, OutboxMessage};

/// What a buyer wants to order.
pub struct OrderRequest {
    pub basket: Basket,
    pub currency: Currency,
    pub draft: Draft,
    /// What the buyer agreed to pay.
    pub total: Amount,
    /// What the buyer wrote, as the order's page shows it again to anyone who has the code.
    pub receipt: String,
    /// Whether the buyer's connection may reserve as much as this before it is paid.
    pub may_reserve: bool,
}

/// An order request with everything that can be computed in advance: all other buyers wait while the write lock is held.
pub struct PreparedOrder {
    request: OrderRequest,
    /// The order's reference, unless this cart is an order already.
    fresh: OrderRef,
    now: Timestamp,
    form: CheckoutKey,
    lookup: LookupName,
    recipient: BuyerRecipient,
    /// Encrypted to the recipient.
    receipt: Vec<u8>,
}

impl PreparedOrder {
    pub fn new(
        shop: &Shop,
        request: OrderRequest,
        fresh: OrderRef,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let cart = request.basket.id;
        let code = Code::of_cart(cart);
        let recipient = BuyerIdentity::of_code(&code, &shop.salt).recipient();
        let receipt = recipient.encrypt(&request.receipt).context("encrypt the receipt")?;
        let lookup = code.lookup_name(&shop.salt);
        let form = CheckoutKey::of_cart(cart);
        Ok(Self { request, fresh, now, form, lookup, recipient, receipt })
    }
}

/// What became of an order in the transaction.
pub enum PlacedOrder {
    /// This cart was an order already.
    Earlier(OrderRef),
    /// With the message to the seller, unless that is held back.
    New(OrderRef, Option<OutboxMessage>),
}

/// A transaction that orders are inserted into, and what all of them need to know. Nobody else changes it meanwhile.
pub struct OrderBatch<'a> {
    shop: &'a Shop,
    tx: Tx,
    before: OrderPreconditions,
    /// The seller's key, or why no order is accepted.
    key: Result<Option<SellerKey>, ClosedReason>,
    prices: PriceSources,
    site_name: String,
    reading: Reading,
    begins_siege: bool,
}

impl<'a> OrderBatch<'a> {
    /// With the preconditions of the last one of these orders.
    pub async fn begin(
        shop: &'a Shop,
        mut tx: Tx,
        orders: &[PreparedOrder],
    ) -> anyhow::Result<Self> {
        let now = orders.iter().map(|order| order.now).max().context("a batch without orders")?;
        let (reading, most) = (shop.reading(), shop.policy.siege_orders);
        let before = store::order_placement::check_preconditions(&mut tx, now, most).await?;
        let key = shop.availability.encryption_key_for_order(before.has_key, now);
        let prices = PriceSources::read(&mut tx).await?;
        let site_name = shop.name(&mut tx).await?;
        Ok(Self { shop, tx, before, key, prices, site_name, reading, begins_siege: false })
    }

    /// Inserts an order, or says why not; then nothing of it remains in the transaction.
    ///
    /// # Errors
    /// That the transaction is broken: nothing of it can be kept.
    pub async fn place(
        &mut self,
        order: PreparedOrder,
    ) -> anyhow::Result<Result<PlacedOrder, PlaceOrderError>> {
        self.tx.begin_step().await?;
        match self.try_to_place(order).await {
            Ok(placed) => Ok(Ok(placed)),
            Err(refused) => match (self.tx.undo_step().await, refused) {
                (Ok(()), refused) => Ok(Err(refused)),
                // SQLite has ended the transaction because of it.
                (Err(_), PlaceOrderError::Broken(why)) => Err(why),
                (Err(error), _) => Err(error.into()),
            },
        }
    }

    /// Commits. Returns whether siege mode has begun.
    pub async fn commit(self) -> anyhow::Result<bool> {
        self.tx.commit().await.context("commit the order")?;
        Ok(self.begins_siege)
    }

    async fn try_to_place(
        &mut self,
        prepared: PreparedOrder,
    ) -> Result<PlacedOrder, PlaceOrderError> {
        let Self { shop, tx, before, prices, .. } = self;
        let PreparedOrder { request, fresh, now, form, lookup, recipient, receipt } = prepared;
        if let Some(earlier) = store::order_placement::find_placed(tx, &form).await? {
            return Ok(PlacedOrder::Earlier(earlier));
        }
        if before.is_closed {
            return Err(PlaceOrderError::Closed(ClosedReason::BySeller));
        }
        let key = self.key.as_ref().map_err(|why| PlaceOrderError::Closed(why.clone()))?.as_ref();
        if before.is_full {
            return Err(PlaceOrderError::NoRoom);
        }
        if before.reports_full && request.draft.transaction.is_some() {
            return Err(PlaceOrderError::refused("transaction", RefusalReason::ReportsFull));
        }
        let at = RateTime { price_in: shop.policy.price_in, now };
        let (new, wallet) = open_order(tx, prices, request, Opening { key, fresh, at }).await?;
        let clock = before.clock.clone().unwrap_or_else(|| TrustedClock::begin(&self.reading));
        let minutes = minutes_to_pay(shop, before.is_under_siege);
        let ends = Ends::of(clock.at(&self.reading), minutes);
        let Some(PaymentRequest { invoice, derived, has_own_address }) =
            open_invoice(tx, &new, wallet, &shop.salt, ends).await?
        else {
            return Err(PlaceOrderError::refused("currency", RefusalReason::TotalTaken));
        };
        let (order, buyer) = new.invoiced(invoice);
        let at = store::outbox::next_at(before.last_at, now);
        let notification_hold = hold_at_placement(shop, before, order.status);
        let is_held_back = notification_hold != NotificationHold::No;
        let place = NextMessage { number: 0, at, has_key: before.has_key, is_held_back };
        let notification = Notification::NewOrder(&buyer);
        let message = write(shop, &self.site_name, &order, notification, place, (key, now))?;
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
        let id = insert(tx, &order, &beside).await?;
        let begins_siege = begin_siege(shop, tx, before, key, now).await?;
        before.count(at, begins_siege);
        self.begins_siege |= begins_siege;
        let order_ref = order.order_ref;
        let (is_read, is_erasure, number) = (false, false, 0);
        let queued = OutboxMessage {
            id,
            order_ref: order_ref.clone(),
            number,
            at,
            is_read,
            is_erasure,
            message,
        };
        Ok(PlacedOrder::New(order_ref, Some(queued).filter(|_| !is_held_back)))
    }
}

/// What an order is opened with, beside what its buyer wants.
struct Opening<'a> {
    key: Option<&'a SellerKey>,
    fresh: OrderRef,
    at: RateTime,
}

/// The order as it would be at this moment of the transaction, and the wallet it would be paid to.
async fn open_order<'a>(
    tx: &mut Tx,
    sources: &'a PriceSources,
    request: OrderRequest,
    opening: Opening<'_>,
) -> Result<(NewOrder, &'a Wallet), PlaceOrderError> {
    let OrderRequest { basket, currency, draft, total, may_reserve, .. } = request;
    let refusals = check_block(opening.key, draft.buyer.delivery.block());
    if !refusals.is_empty() {
        return Err(PlaceOrderError::Refused(refusals));
    }
    let (cart, code) = ((&basket, &currency), &draft.choices.discount);
    let prices = CurrentPrices::read(tx, sources, cart, code, opening.at).await?;
    let unseen = |line: &CartLine| line.seen.as_ref().is_none_or(|seen| seen.currency != currency);
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
