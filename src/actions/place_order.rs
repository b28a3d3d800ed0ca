//! Turns a checkout form into an order, in one transaction.

use crate::actions::Shop;
use crate::actions::availability::ClosedReason;
use crate::actions::notify_seller;
use crate::domain::cart::Basket;
use crate::domain::cart::CartLine;
use crate::domain::cart::PricedCart;
use crate::domain::orders::Buyer;
use crate::domain::orders::BuyerIdentity;
use crate::domain::orders::Code;
use crate::domain::orders::Delivery;
use crate::domain::orders::Draft;
use crate::domain::orders::FOLLOWED_DAYS;
use crate::domain::orders::FormToken;
use crate::domain::orders::NewOrder;
use crate::domain::orders::NumberFor;
use crate::domain::orders::Order;
use crate::domain::orders::OrderRef;
use crate::domain::orders::PlacementError;
use crate::domain::orders::Refusal;
use crate::domain::orders::Shelf;
use crate::domain::orders::draft::sentence;
use crate::domain::orders::too_much_held;
use crate::domain::payment::AmountTag;
use crate::domain::payment::Destination;
use crate::domain::payment::Invoice;
use crate::domain::payment::Wallet;
use crate::domain::payment::distinct_amount;
use crate::domain::payment::integrated;
use crate::domain::values::Amount;
use crate::domain::values::Currency;
use crate::domain::values::Times;
use crate::domain::values::Timestamp;
use crate::domain::values::TrustedClock;
use crate::infra::failpoints;
use crate::infra::mail::OrderMessage;
use crate::infra::mail::SellerKey;
use crate::infra::mail::Told;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::orders::NewOrderData;
use crate::infra::store::outbox::OutboxMessage;
use anyhow::Context;

/// What a buyer wants to order.
pub struct OrderRequest<'a> {
    pub basket: &'a Basket,
    pub currency: &'a Currency,
    pub draft: Draft,
}

/// The result of a checkout.
pub enum PlaceOrderOutcome {
    Order(OrderRef),
    /// Something changed since the buyer last saw it: nothing was done, and the buyer must check again.
    Changed(PricedCart),
    /// Too many orders await payment, so no more are taken for now.
    Full,
    /// The shop takes no orders now.
    Closed(ClosedReason),
    Refused(Vec<Refusal>),
}

/// Units: days that a payment reported only by the buyer counts toward the limit of unpaid orders.
const REPORTED_COUNTS: i64 = 1;

/// From which day on a payment reported only by the buyer counts toward that limit.
pub(super) fn count_unpaid_since(now: Timestamp) -> Timestamp {
    now.plus_days(-REPORTED_COUNTS).day_start()
}

/// Places an order, once for each cart: prices, stock and address are read from the shop's data within the transaction.
/// The message to the seller is written and encrypted in memory, and stored in the same transaction as the order.
pub async fn place_order(
    shop: &Shop,
    placing: OrderRequest<'_>,
    fresh: OrderRef,
    now: Timestamp,
) -> anyhow::Result<PlaceOrderOutcome> {
    let form = FormToken::of_cart(placing.basket.id);
    // Anything that can be computed beforehand is: all other buyers wait while the write lock is held.
    let code = Code::of_cart(placing.basket.id);
    let reader = BuyerIdentity::of_code(&code, &shop.salt).reader();
    let receipt = reader.seal(&placing.draft.buyer.receipt())?;
    let lookup = code.lookup_name(&shop.salt);
    let policy = &shop.policy;

    let mut tx = shop.db.write().await?;
    failpoints::at("order-begun");
    let most = policy.most_unpaid;
    let reading = shop.reading();
    let since = count_unpaid_since(now);
    let before = store::orders::check_preconditions(&mut tx, &form, since, most).await?;
    if let Some(earlier) = before.earlier {
        return Ok(PlaceOrderOutcome::Order(earlier));
    }
    if before.is_closed {
        return Ok(PlaceOrderOutcome::Closed(ClosedReason::BySeller));
    }
    let key = match shop.availability.seal_for_order(before.has_key, now) {
        Ok(key) => key,
        Err(closed) => return Ok(PlaceOrderOutcome::Closed(closed)),
    };
    if most <= before.n_unpaid {
        return Ok(PlaceOrderOutcome::Full);
    }
    let (new, wallet) = match open_order(
        shop,
        &mut tx,
        placing.basket,
        placing.currency,
        placing.draft,
        key.as_ref(),
        (fresh, now),
    )
    .await?
    {
        Ok(opened) => opened,
        Err(not_placed) => return Ok(not_placed),
    };
    let clock = before.clock.unwrap_or_else(|| TrustedClock::begin(&reading));
    let ends = Ends::of(clock.at(&reading), policy.payment_minutes);
    let Some(Asked { invoice, derived, is_alone }) =
        open_invoice(&mut tx, &new, &wallet, &shop.salt, ends).await?
    else {
        let words = "Too many orders with this total are awaiting payment. Try again later.";
        return Ok(PlaceOrderOutcome::Refused(vec![Refusal::new("currency", words)]));
    };
    let (order, buyer) = new.invoiced(invoice);
    let at = store::outbox::next_at(before.last_owed, now);
    let name = shop.name_now(&mut tx).await?;
    let message = message(shop, &name, (&order, &buyer), at, key.as_ref(), now)?;
    let beside = NewOrderData {
        derived: derived.as_ref().map(|(account, index)| (account.as_str(), *index)),
        is_alone,
        form: &form,
        lookup: &lookup,
        reader: &reader,
        receipt: &receipt,
        message: &message,
        message_at: at,
    };
    let id = match store::orders::insert(&mut tx, &order, &beside).await {
        Ok(id) => id,
        Err(error) if error.is_taken("transaction_id") => {
            return Ok(PlaceOrderOutcome::Refused(vec![Refusal::new(
                "transaction",
                ALREADY_GIVEN,
            )]));
        }
        Err(error) => return Err(error).context("save the order"),
    };
    // The count is not linked to the order: it stays after the order is erased.
    if let Some(discount) = &order.discount {
        store::trade::take_use(&mut tx, &discount.code)
            .await
            .context("count the use of the discount code")?;
    }
    failpoints::at("order-inserted");
    tx.commit().await.context("commit the order")?;
    failpoints::at("order-committed");

    let order_ref = order.order_ref;
    notify_seller(
        shop,
        OutboxMessage {
            id,
            order_ref: order_ref.clone(),
            number: 0,
            at,
            is_read: false,
            is_erasure: false,
            message,
        },
        now,
    )
    .await;
    failpoints::at("before-answer");
    Ok(PlaceOrderOutcome::Order(order_ref))
}

/// The order as of this transaction, and the wallet it would be paid to; or the outcome that prevents it.
async fn open_order(
    shop: &Shop,
    tx: &mut Tx,
    basket: &Basket,
    currency: &Currency,
    draft: Draft,
    key: Option<&SellerKey>,
    (fresh, now): (OrderRef, Timestamp),
) -> anyhow::Result<Result<(NewOrder, Wallet), PlaceOrderOutcome>> {
    if let (Some(key), Delivery::Sealed { block, .. }) = (key, &draft.buyer.delivery)
        && let Err(fault) = key.check_block(block)
    {
        return Ok(Err(PlaceOrderOutcome::Refused(vec![Refusal::new(
            "pgp",
            sentence(&fault.to_string()),
        )])));
    }
    let Some(wallet) = store::payment::find_wallet(tx, currency).await? else {
        let words = format!("{currency} is no longer accepted. Choose another currency.");
        return Ok(Err(PlaceOrderOutcome::Refused(vec![Refusal::new("currency", words)])));
    };
    let keys = basket.lines().iter().map(|line| line.key);
    let offers = store::catalog::list_offers_now(tx, keys, currency).await?;
    let cart = PricedCart::new(basket, &offers, currency, wallet.coin.most());
    let unseen = |line: &CartLine| line.seen.as_ref().is_none_or(|seen| seen.currency != *currency);
    if !cart.notices.is_empty() || basket.lines().iter().any(unseen) {
        return Ok(Err(PlaceOrderOutcome::Changed(cart)));
    }
    let rates = store::catalog::list_rates_now(tx, currency).await?;
    let asks_for_sending = !rates.is_empty() || store::catalog::asks_for_sending_now(tx).await?;
    let discount = match draft.discount.as_str() {
        "" => None,
        code => store::trade::find_discount(tx, code).await?,
    };
    let discount = discount.map(|kept| (kept.discount, kept.used));
    let shelf =
        Shelf { cart: &cart, coin: &wallet.coin, rates: &rates, asks_for_sending, discount };
    let order = match NewOrder::open(draft, &shelf, fresh, now) {
        Ok(order) => order,
        Err(PlacementError::Cart) => return Ok(Err(PlaceOrderOutcome::Changed(cart))),
        Err(PlacementError::Fields(refusals)) => {
            return Ok(Err(PlaceOrderOutcome::Refused(refusals)));
        }
    };
    // By default unpaid orders may hold all of a stock: then there is nothing to count.
    if shop.policy.most_held < 100 {
        let held = store::orders::list_held(tx).await?;
        let refusals = too_much_held(&cart, &held, shop.policy.most_held);
        if !refusals.is_empty() {
            return Ok(Err(PlaceOrderOutcome::Refused(refusals)));
        }
    }
    Ok(Ok((order, wallet)))
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
struct Asked {
    invoice: Invoice,
    /// The wallet's account and the address index in it, if it has one.
    derived: Option<(String, u32)>,
    /// Whether no other order uses the address.
    is_alone: bool,
}

/// `None`: all amounts of this address are in use.
async fn open_invoice(
    tx: &mut Tx,
    order: &NewOrder,
    wallet: &Wallet,
    salt: &[u8],
    ends: Ends,
) -> anyhow::Result<Option<Asked>> {
    let mut derived = None;
    if let Some(account) = wallet.receives.account() {
        let index = store::payment::take_index(tx, &account).await?;
        derived = Some((account, index));
    }
    let index = derived.as_ref().map_or(0, |(_, index)| *index);
    let (address, amount, is_alone) = match &wallet.receives {
        Destination::Account(key) => (key.address(index), order.total, true),
        Destination::View(key) => (key.address(index), order.total, true),
        Destination::Integrated(primary) => {
            let id = order.order_ref.number(salt, NumberFor::PaymentId);
            (integrated(primary, id), order.total, true)
        }
        Destination::Address(address) => {
            let tails = AmountTag::of(&order.currency, &wallet.coin);
            let most = order.total.plus(tails.most()).unwrap_or(order.total);
            let taken =
                store::payment::list_amounts(tx, address, order.total, most, ends.recent).await?;
            let random_bytes = order.order_ref.number(salt, NumberFor::Amount);
            let Some(amount) = distinct_amount(order.total, tails, &taken, random_bytes) else {
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
        sighting: None,
        in_doubt: false,
        until: ends.until,
        clock_ahead: ends.clock_ahead,
    };
    Ok(Some(Asked { invoice, derived, is_alone }))
}

fn message(
    shop: &Shop,
    site_name: &str,
    (order, buyer): (&Order, &Buyer),
    at: Timestamp,
    key: Option<&SellerKey>,
    now: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let message = OrderMessage {
        order,
        told: Told::New(buyer),
        number: 0,
        at,
        site_name,
        seller: &shop.policy.seller,
        keep_days: shop.policy.keep_days,
        tolerance: shop.policy.tolerance,
    };
    message.write(key, now).context("write the message to the seller")
}

pub(super) const ALREADY_GIVEN: &str = "This transaction ID was already used for another order. Check it: one payment covers one order.";
