use crate::actions::Shop;
use crate::actions::notify_seller;
use crate::cart::Basket;
use crate::cart::CartLine;
use crate::cart::PricedCart;
use crate::orders::Code;
use crate::orders::Draft;
use crate::orders::FormToken;
use crate::orders::NewOrder;
use crate::orders::OrderRef;
use crate::orders::Refusal;
use crate::orders::Shelf;
use crate::orders::Unplaceable;
use crate::orders::too_much_held;
use crate::payment::Invoice;
use crate::payment::MOST_ADDED;
use crate::payment::Receives;
use crate::payment::distinct_amount;
use crate::store;
use crate::values::Currency;
use crate::values::Gwei;
use crate::values::Moment;
use anyhow::Context;

/// What a buyer wants to order.
pub struct Placing<'a> {
    pub basket: &'a Basket,
    pub currency: &'a Currency,
    pub draft: Draft,
}

/// What became of it.
pub enum Placed {
    Order(OrderRef),
    /// Something changed since the buyer last looked: nothing was done, the buyer looks again.
    Changed(PricedCart),
    /// So many orders wait for their payment that no more are taken for now.
    Full,
    Refused(Vec<Refusal>),
}

/// Units: days that a payment which only the buyer has seen counts against the limit of unpaid orders.
const REPORTED_COUNTS: i64 = 1;

/// A draft becomes an order, once for each cart: prices, stock and address are the shop's own at this moment.
pub async fn place_order(
    shop: &Shop,
    placing: Placing<'_>,
    fresh: OrderRef,
    now: Moment,
) -> anyhow::Result<Placed> {
    let form = FormToken::of_cart(placing.basket.id);
    let currency = placing.currency;
    let terms = &shop.terms;

    let mut tx = shop.db.write().await?;
    if let Some(earlier) = store::orders::find_by_form(&mut tx, &form).await? {
        return Ok(Placed::Order(earlier));
    }
    let (most, since) = (terms.most_unpaid, now.plus_days(-REPORTED_COUNTS));
    if most <= store::orders::count_unpaid(&mut tx, since, most).await? {
        return Ok(Placed::Full);
    }
    let Some(wallet) = store::payment::find_wallet(&mut tx, currency).await? else {
        let words =
            format!("{currency} is no longer accepted here. Please choose another currency.");
        return Ok(Placed::Refused(vec![Refusal::new("currency", words)]));
    };
    let keys = placing.basket.lines().iter().map(|line| line.key);
    let offers = store::catalog::list_offers_now(&mut tx, keys, currency).await?;
    let cart = PricedCart::new(placing.basket, &offers, currency, wallet.coin.most());
    let unseen = |line: &CartLine| line.seen.as_ref().is_none_or(|seen| seen.currency != *currency);
    if !cart.notices.is_empty() || placing.basket.lines().iter().any(unseen) {
        return Ok(Placed::Changed(cart));
    }
    let rates = store::catalog::list_rates_now(&mut tx, currency).await?;
    let asks_for_sending =
        !rates.is_empty() || store::catalog::asks_for_sending_now(&mut tx).await?;
    let discount = match placing.draft.discount.as_str() {
        "" => None,
        code => store::catalog::find_discount(&mut tx, code).await?,
    };
    let shelf =
        Shelf { cart: &cart, coin: &wallet.coin, rates: &rates, asks_for_sending, discount };
    let order = match NewOrder::open(placing.draft, &shelf, fresh, now) {
        Ok(order) => order,
        Err(Unplaceable::Cart) => return Ok(Placed::Changed(cart)),
        Err(Unplaceable::Fields(refusals)) => return Ok(Placed::Refused(refusals)),
    };
    // All of a stock may be held unless the seller says less: then there is nothing to count.
    if terms.most_held < 100 {
        let held = store::orders::list_held(&mut tx).await?;
        let refusals = too_much_held(&cart, &held, terms.most_held);
        if !refusals.is_empty() {
            return Ok(Placed::Refused(refusals));
        }
    }
    let (address, amount) = match &wallet.receives {
        Receives::Account(key) => {
            let index = store::payment::take_index(&mut tx, key).await?;
            (key.address(index), order.total)
        }
        Receives::Address(address) => {
            let most = order.total.plus(MOST_ADDED).unwrap_or(order.total);
            let taken = store::payment::list_amounts(&mut tx, address, order.total, most).await?;
            let Some(amount) = distinct_amount(order.total, &wallet.coin, &taken) else {
                let words =
                    "Too many orders of this price wait for their payment. Please try again later.";
                return Ok(Placed::Refused(vec![Refusal::new("currency", words)]));
            };
            (address.clone(), amount)
        }
    };
    let until = now.plus_minutes(terms.payment_minutes);
    let invoice = Invoice {
        currency: currency.clone(),
        coin: wallet.coin.clone(),
        address,
        amount,
        total: order.total,
        received: Gwei::ZERO,
        until,
    };
    let lookup = Code::of_cart(placing.basket.id).lookup_name();
    if let Err(error) = store::orders::insert(&mut tx, &order, &invoice, &form, &lookup).await {
        if error.is_taken("transaction_id") {
            return Ok(Placed::Refused(vec![Refusal::new("transaction", ALREADY_GIVEN)]));
        }
        return Err(error).context("keep the order");
    }
    tx.commit().await.context("commit the order")?;

    notify_seller(shop, &order.order_ref, now).await;
    Ok(Placed::Order(order.order_ref))
}

pub(super) const ALREADY_GIVEN: &str = "This transaction id was given for another order already. One payment pays one order: please check it.";
