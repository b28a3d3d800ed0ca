//! Turns what buyers want into orders, several in one transaction.

use std::sync::Arc;

use anyhow::Context;
use parking_lot::Mutex;

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
    UnpaidCounts, UnpaidEstimate,
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

/// What one batch has read and the next one need not read again.
#[derive(Default)]
pub struct BatchMemory {
    /// With the number of the last change that they contain.
    prices: Mutex<Option<(i64, Arc<PriceSources>)>>,
    unpaid: Mutex<Option<UnpaidEstimate>>,
}

/// A transaction that orders are inserted into, and what all of them need to know. Nobody else changes it meanwhile.
pub struct OrderBatch<'a> {
    shop: &'a Shop,
    tx: Tx,
    before: OrderPreconditions,
    /// Not counted while the shop is under siege.
    unpaid: UnpaidCounts,
    /// The seller's key, or why no order is accepted.
    key: Result<Option<SellerKey>, ClosedReason>,
    prices: Arc<PriceSources>,
    site_name: String,
    reading: Reading,
    begins_siege: bool,
}

impl<'a> OrderBatch<'a> {
    /// For these orders. The seller's key must be valid when the last of them was sent.
    pub async fn begin(
        shop: &'a Shop,
        mut tx: Tx,
        orders: &[PreparedOrder],
        memory: &BatchMemory,
    ) -> anyhow::Result<Self> {
        let now = orders.iter().map(|order| order.now).max().context("a batch without orders")?;
        let reading = shop.reading();
        let delivered = store::outbox::take_noted(&shop.db);
        let before = store::order_placement::begin(&mut tx, &delivered).await?;
        let key = shop.availability.encryption_key_for_order(before.has_key, now);
        let prices = memory.prices(&mut tx, before.pricing_version).await?;
        let unpaid = match before.is_under_siege {
            true => UnpaidCounts { in_hour: 0, in_burst: 0 },
            false => memory.unpaid(shop, &mut tx, &before, orders.len(), now).await?,
        };
        let site_name = before.site_name.clone().unwrap_or_else(|| shop.policy.site_name.clone());
        Ok(Self { shop, tx, before, unpaid, key, prices, site_name, reading, begins_siege: false })
    }

    /// Inserts an order, or says why not; then nothing of it remains in the transaction.
    ///
    /// # Errors
    /// That the transaction is broken: nothing of it can be kept.
    pub async fn place(
        &mut self,
        prepared: PreparedOrder,
    ) -> anyhow::Result<Result<PlacedOrder, PlaceOrderError>> {
        let opened = match self.open(prepared).await {
            Ok(opened) => opened,
            // No step has begun that would show whether the transaction still stands.
            Err(PlaceOrderError::Broken(why)) => return Err(why),
            Err(refused) => return Ok(Err(refused)),
        };
        let form = opened.form;
        let refused = match self.insert(opened).await {
            Ok(placed) => return Ok(Ok(placed)),
            Err(refused) => refused,
        };
        match (self.tx.undo_step().await, refused) {
            (Ok(()), refused) => {
                match store::order_placement::find_placed(&mut self.tx, &form).await? {
                    // A form that was sent twice: its first order has taken the form's key, or the items.
                    Some(earlier) => Ok(Ok(PlacedOrder::Earlier(earlier))),
                    None => Ok(Err(refused)),
                }
            }
            // SQLite has ended the transaction because of it.
            (Err(_), PlaceOrderError::Broken(why)) => Err(why),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Commits. Returns whether siege mode has begun.
    pub async fn commit(self) -> anyhow::Result<bool> {
        self.tx.commit().await.context("commit the order")?;
        Ok(self.begins_siege)
    }

    /// The order as it would be now. Writes nothing.
    async fn open(&mut self, prepared: PreparedOrder) -> Result<OpenedOrder, PlaceOrderError> {
        let PreparedOrder { request, fresh, now, form, lookup, recipient, receipt } = prepared;
        if self.before.is_closed {
            return Err(PlaceOrderError::Closed(ClosedReason::BySeller));
        }
        let key = self.key.clone().map_err(PlaceOrderError::Closed)?;
        if self.before.is_full {
            return Err(PlaceOrderError::NoRoom);
        }
        if self.before.reports_full && request.draft.transaction.is_some() {
            return Err(PlaceOrderError::refused("transaction", RefusalReason::ReportsFull));
        }
        let at = RateTime { price_in: self.shop.policy.price_in, now };
        let opening = Opening { key: key.as_ref(), fresh, at };
        let (order, wallet) = open_order(&mut self.tx, &self.prices, request, opening).await?;
        let wallet = wallet.clone();
        Ok(OpenedOrder { order, wallet, key, now, form, lookup, recipient, receipt })
    }

    async fn insert(&mut self, opened: OpenedOrder) -> Result<PlacedOrder, PlaceOrderError> {
        let Self { shop, tx, before, .. } = self;
        let OpenedOrder { order: new, wallet, key, now, form, lookup, recipient, receipt } = opened;
        let key = key.as_ref();
        let clock = before.clock.clone().unwrap_or_else(|| TrustedClock::begin(&self.reading));
        let minutes = minutes_to_pay(shop, before.is_under_siege);
        let ends = Ends::of(clock.at(&self.reading), minutes);
        let Some(PaymentRequest { invoice, derived, has_own_address }) =
            open_invoice(tx, &new, &wallet, &shop.salt, ends).await?
        else {
            return Err(PlaceOrderError::refused("currency", RefusalReason::TotalTaken));
        };
        let (order, buyer) = new.invoiced(invoice);
        let at = store::outbox::next_at(before.last_at, now);
        let notification_hold =
            hold_at_placement(shop, before.is_under_siege, self.unpaid, order.status);
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
        insert(tx, &order, &beside).await?;
        if before.is_under_siege {
            store::siege::count_order(tx).await.context("count the order in siege mode")?;
        } else if begin_siege(shop, tx, self.unpaid.plus(1), key, now).await? {
            (before.is_under_siege, self.begins_siege) = (true, true);
        }
        self.unpaid = self.unpaid.plus(1);
        before.last_at = Some(at);
        let order_ref = order.order_ref;
        let (is_read, is_erasure, number) = (false, false, 0);
        let queued = OutboxMessage {
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

impl BatchMemory {
    /// As they are in this transaction. `version`: the number of the last change.
    async fn prices(&self, tx: &mut Tx, version: i64) -> anyhow::Result<Arc<PriceSources>> {
        if let Some((known, prices)) = &*self.prices.lock()
            && *known == version
        {
            return Ok(prices.clone());
        }
        let prices = Arc::new(PriceSources::read(tx).await?);
        *self.prices.lock() = Some((version, prices.clone()));
        Ok(prices)
    }

    /// How many orders are unpaid at most before so many more, where neither a siege nor a burst can begin with these; else
    /// exactly.
    async fn unpaid(
        &self,
        shop: &Shop,
        tx: &mut Tx,
        before: &OrderPreconditions,
        n_orders: usize,
        now: Timestamp,
    ) -> anyhow::Result<UnpaidCounts> {
        let most = shop.policy.siege_orders;
        let jump = before.clock.as_ref().and_then(|clock| clock.jump.as_ref());
        let at = now.plus_seconds(-jump.map_or(0, |jump| jump.ahead.max(0)));
        let last_order = before.last_order;
        let n_orders = i64::try_from(n_orders).unwrap_or(i64::MAX);
        let known = *self.unpaid.lock();
        let known = known.and_then(|known| known.continued(at, last_order, n_orders, most));
        if let Some(counts) = known {
            return Ok(counts);
        }
        let counts = store::siege::count_recent(tx, now, most).await?;
        *self.unpaid.lock() = Some(UnpaidEstimate { counts, at, last_order });
        Ok(counts)
    }
}

/// An order that can be placed, before it is written.
struct OpenedOrder {
    order: NewOrder,
    wallet: Wallet,
    key: Option<SellerKey>,
    now: Timestamp,
    form: CheckoutKey,
    lookup: LookupName,
    recipient: BuyerRecipient,
    receipt: Vec<u8>,
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
) -> Result<(), PlaceOrderError> {
    match store::order_placement::insert(tx, order, beside).await {
        Ok(()) => {}
        Err(error) if error.is_taken("transaction_id") => {
            return Err(PlaceOrderError::refused("transaction", RefusalReason::TransactionTaken));
        }
        Err(error) => return Err(anyhow::Error::from(error).context("insert the order").into()),
    }
    // The count is not linked to the order: it stays after the order is erased.
    if let Some(discount) = &order.discount {
        store::discounts::take_use(tx, &discount.code)
            .await
            .context("count the use of the discount code")?;
    }
    Ok(())
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

/// Begins the step in which the order is written. `None`: all amounts of this address are in use.
async fn open_invoice(
    tx: &mut Tx,
    order: &NewOrder,
    wallet: &Wallet,
    salt: &[u8],
    ends: Ends,
) -> anyhow::Result<Option<PaymentRequest>> {
    let derived = match wallet.receives.account() {
        Some(account) => {
            let index = store::address_indexes::take_in_step(tx, &account).await?;
            Some((account, index))
        }
        None => {
            tx.begin_step().await?;
            None
        }
    };
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
