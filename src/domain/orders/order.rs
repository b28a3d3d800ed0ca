//! An order, before and after it is stored.

use crate::domain::cart::{PricedCart, PricedLine};
use crate::domain::catalog::{
    Discount, DiscountValue, OfferKey, ProductKind, ShippingRate, Subtotals, full_name,
};
use crate::domain::orders::{
    Buyer, Draft, OrderRef, OrderShipping, Refusal, RefusalReason, Reservation, Status,
    choose_shipping,
};
use crate::domain::payment::{Coin, Invoice, Tolerance, TransactionId};
use crate::domain::values::{Amount, Currency, Quantity, Timestamp};

/// Units: days that an order is kept that nobody paid for in time.
pub const UNPAID_DAYS: i64 = 2;

/// The same if a node watches it: for this long it detects late payments.
pub const FOLLOWED_DAYS: i64 = 7;

/// One ordered item, with the name and the price it had then.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderLine {
    pub key: OfferKey,
    /// Whose stock it was taken from.
    pub pool: OfferKey,
    pub kind: ProductKind,
    pub name: String,
    /// Empty if the product has no options.
    pub option_name: String,
    pub quantity: Quantity,
    pub price: Amount,
    pub sum: Amount,
}

impl OrderLine {
    /// With its option, if it has one.
    pub fn full_name(&self) -> String {
        full_name(&self.name, &self.option_name)
    }

    /// `None` if it cannot be bought.
    fn of(line: &PricedLine) -> Option<Self> {
        Some(Self {
            key: line.offer.key,
            pool: line.offer.pool,
            kind: line.offer.kind,
            name: line.offer.name.clone(),
            option_name: line.offer.option_name.clone(),
            quantity: line.quantity,
            price: line.offer.price?,
            sum: line.sum?,
        })
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct AppliedDiscount {
    pub code: String,
    /// `None`: it is a fixed amount.
    pub percent: Option<i64>,
    pub amount: Amount,
}

/// What the shop has at the moment a draft becomes an order, in one currency.
pub struct CheckoutContext<'a> {
    pub cart: &'a PricedCart,
    pub coin: &'a Coin,
    /// All of the shop; without any, it does not charge for shipping.
    pub rates: &'a [ShippingRate],
    /// The discount whose code the buyer entered, if it exists, and how many orders already use it.
    pub discount: Option<(Discount, i64)>,
    /// Whether the buyer's connection may reserve this many items.
    pub may_reserve: bool,
}

/// An order that is about to be stored; it has no address and no amount yet.
pub struct NewOrder {
    pub order_ref: OrderRef,
    pub status: Status,
    pub placed_at: Timestamp,
    pub buyer: Buyer,
    pub transaction: Option<TransactionId>,
    pub currency: Currency,
    pub lines: Vec<OrderLine>,
    pub shipping: Option<OrderShipping>,
    pub discount: Option<AppliedDiscount>,
    /// Units: lines minus discount plus shipping.
    pub total: Amount,
    pub reservation: Reservation,
}

/// Why no order could be made.
#[derive(Debug, PartialEq, Eq)]
pub enum PlacementError {
    /// The cart holds something that cannot be bought; its notices say what.
    Cart,
    Fields(Vec<Refusal>),
}

impl NewOrder {
    /// # Errors
    /// [`PlacementError`]: nothing was changed.
    pub fn open(
        draft: Draft,
        context: &CheckoutContext<'_>,
        order_ref: OrderRef,
        now: Timestamp,
    ) -> Result<Self, PlacementError> {
        if !context.cart.can_be_ordered() {
            return Err(PlacementError::Cart);
        }
        let items = context.cart.total.ok_or(PlacementError::Cart)?;
        let mut refusals = Vec::new();
        let shipping =
            choose_shipping(&draft, context.cart, context.rates).unwrap_or_else(|refusal| {
                refusals.push(refusal);
                None
            });
        let subtotals = Subtotals {
            currency: &context.cart.currency,
            coin: context.coin,
            items,
            shipping: shipping.as_ref().map_or(Amount::ZERO, |shipping| shipping.price),
        };
        let discount = apply_discount(&draft, context, subtotals, now).unwrap_or_else(|refusal| {
            refusals.push(refusal);
            None
        });
        // If another payment comes first, the money is refunded.
        if !context.cart.contested.is_empty() && draft.buyer.refund.is_none() {
            refusals.push(Refusal::new("refund", RefusalReason::RefundNeeded));
        }
        if !refusals.is_empty() {
            return Err(PlacementError::Fields(refusals));
        }
        let off = discount.as_ref().map_or(Amount::ZERO, |discount| discount.amount);
        let total = items
            .minus(off)
            .and_then(|rest| rest.plus(subtotals.shipping))
            .filter(|total| *total <= context.coin.most())
            .ok_or_else(|| {
                PlacementError::Fields(vec![Refusal::new("shipping", RefusalReason::TotalTooLarge)])
            })?;
        Ok(Self {
            order_ref,
            status: if draft.transaction.is_some() { Status::Reported } else { Status::Awaiting },
            placed_at: now.day_start(),
            buyer: draft.buyer,
            transaction: draft.transaction,
            currency: context.cart.currency.clone(),
            lines: context.cart.lines.iter().filter_map(OrderLine::of).collect(),
            shipping,
            discount,
            total,
            reservation: match (context.cart.contested.is_empty(), context.may_reserve) {
                (true, true) => Reservation::Held,
                (true, false) => Reservation::Free,
                (false, _) => Reservation::Contested,
            },
        })
    }

    /// The order as it is stored, and the buyer's data, which is not.
    pub fn invoiced(self, invoice: Invoice) -> (Order, Buyer) {
        let order = Order {
            order_ref: self.order_ref,
            status: self.status,
            placed_at: self.placed_at,
            finished_at: None,
            lines: self.lines,
            shipping: self.shipping,
            discount: self.discount,
            invoice,
            transaction: self.transaction,
            reservation: self.reservation,
        };
        (order, self.buyer)
    }
}

/// `None` if the buyer entered no code.
fn apply_discount(
    draft: &Draft,
    context: &CheckoutContext<'_>,
    subtotals: Subtotals<'_>,
    now: Timestamp,
) -> Result<Option<AppliedDiscount>, Refusal> {
    if draft.discount.is_empty() {
        return Ok(None);
    }
    let found = context.discount.as_ref().filter(|(discount, _)| discount.code == draft.discount);
    let Some((discount, used)) = found else {
        return Err(Refusal::new("discount", RefusalReason::UnknownDiscount));
    };
    // The buyer learns neither the days nor how many orders have used it.
    let amount = discount.amount_off(subtotals, *used, now).map_err(|why| {
        let currency = subtotals.currency.clone();
        Refusal::new("discount", RefusalReason::Discount(why, currency))
    })?;
    let percent = match discount.value {
        DiscountValue::Percent(percent) => Some(percent),
        DiscountValue::Amounts(_) => None,
    };
    Ok(Some(AppliedDiscount { code: discount.code.clone(), percent, amount }))
}

/// An order as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    pub order_ref: OrderRef,
    pub status: Status,
    /// To the day.
    pub placed_at: Timestamp,
    /// The day since which nothing more is expected.
    pub finished_at: Option<Timestamp>,
    pub lines: Vec<OrderLine>,
    pub shipping: Option<OrderShipping>,
    pub discount: Option<AppliedDiscount>,
    pub invoice: Invoice,
    pub transaction: Option<TransactionId>,
    pub reservation: Reservation,
}

impl Order {
    /// Whether others have paid for its items.
    pub fn is_sold_out(&self) -> bool {
        self.reservation == Reservation::SoldOut
    }

    /// The status at a moment of the trusted time: an overdue order is expired, whether or not that has been recorded.
    /// If a node watches the order, the chain's time decides, and that is always recorded.
    pub fn status_at(&self, trusted: Timestamp) -> Status {
        if self.status == Status::Awaiting
            && self.is_time_over(trusted)
            && self.invoice.observation.is_none()
        {
            Status::Expired
        } else {
            self.status
        }
    }

    /// Whether the time to pay is over by the trusted time.
    pub fn is_time_over(&self, trusted: Timestamp) -> bool {
        self.invoice.ends_at() <= trusted
    }

    /// What is still to be paid, less the payments that are not confirmed yet. An amount within the tolerance, which is
    /// ignored once the payment is confirmed, is not due before either.
    pub fn due(&self, tolerance: Tolerance) -> Amount {
        let due = self.invoice.amount.minus(self.invoice.seen()).unwrap_or(Amount::ZERO);
        match self.status {
            Status::Awaiting | Status::Reported | Status::Partial | Status::Expired => due,
            Status::Late | Status::Oversold | Status::Unconfirmed
                if tolerance.of(self.invoice.amount) < due =>
            {
                due
            }
            _ => Amount::ZERO,
        }
    }

    /// The overpayment.
    pub fn excess(&self) -> Amount {
        self.invoice.arrived().minus(self.invoice.amount).unwrap_or(Amount::ZERO)
    }

    /// Whether money was received for it, by the seller's word or their node's; the buyer's word does not count. An order
    /// that is late without a transaction of the buyer was marked as paid by the seller.
    pub fn has_received(&self) -> bool {
        let is_late_by_seller = self.status == Status::Late && self.transaction.is_none();
        Amount::ZERO < self.invoice.seen() || is_late_by_seller
    }

    /// Units: days that it is kept if nobody pays for it in time.
    pub fn unpaid_days(&self) -> i64 {
        if self.invoice.observation.is_some() { FOLLOWED_DAYS } else { UNPAID_DAYS }
    }

    /// The day from which `purge` erases it, if it is finished.
    pub fn erased_after(&self, keep_days: i64) -> Option<Timestamp> {
        let finished = self.finished_at?;
        if self.status == Status::Expired {
            return Some(self.invoice.until.plus_days(self.unpaid_days()));
        }
        Some(finished.plus_days(keep_days))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::cart::{Basket, CartId};
    use crate::domain::catalog::{Offer, RateStep, Slug, StepLimit};
    use crate::domain::orders::{Delivery, DraftForm};
    use crate::domain::values::Regions;

    fn gwei(n: i64) -> Amount {
        Amount::new(n).unwrap()
    }

    /// For parcels of up to 500 g.
    fn rate(name: &str, country: Option<&str>, price: i64) -> ShippingRate {
        let prices = vec![(Currency::parse("BTC").unwrap(), gwei(price))];
        ShippingRate {
            name: name.into(),
            countries: Regions::parse(country.unwrap_or_default()).unwrap(),
            excluded_countries: Regions::default(),
            steps: vec![RateStep { up_to: StepLimit::Grams(500), prices }],
            free_from: Vec::new(),
        }
    }

    /// An order of two items at 1050 each and of 200 g, in bitcoin, sent to Germany.
    fn open(form: &DraftForm<'_>, rates: &[ShippingRate]) -> Result<NewOrder, PlacementError> {
        open_with(form, rates, |_| {})
    }

    fn open_with(
        form: &DraftForm<'_>,
        rates: &[ShippingRate],
        change: impl Fn(&mut Offer),
    ) -> Result<NewOrder, PlacementError> {
        let key = OfferKey { product: 1, option: 0 };
        let mut offer = Offer {
            key,
            slug: Slug::parse("tea").unwrap(),
            kind: ProductKind::Shipped,
            name: "Tea".into(),
            option_name: String::new(),
            price: Some(gwei(1_050)),
            needs_rate: false,
            stock: 2,
            reserved: 0,
            pool: key,
            gone: false,
            weight: Some(200),
            excluded_countries: Regions::default(),
        };
        change(&mut offer);
        let btc = Currency::parse("BTC").unwrap();
        let mut basket = Basket::empty(CartId([0; 16]));
        basket.add(key, Quantity::new(2).unwrap()).unwrap();
        let cart =
            PricedCart::new(&basket, &HashMap::from([(key, offer)]), &btc, Coin::Bitcoin.most());
        let address = DraftForm {
            recipient: "A",
            street: "B",
            city: "C",
            province: "D",
            country: "Germany",
            postcode: "E",
            ..*form
        };
        let address = if form.pgp.is_empty() { address } else { DraftForm { ..*form } };
        let draft = Draft::parse(&address, &Coin::Bitcoin).ok().unwrap();
        let discount = Discount {
            code: "SPRING".into(),
            value: DiscountValue::Percent(7),
            from: None,
            until: Some(Timestamp::new(0).unwrap()),
            uses: Some(1),
        };
        let context = CheckoutContext {
            cart: &cart,
            coin: &Coin::Bitcoin,
            rates,
            discount: Some((discount, 0)),
            may_reserve: true,
        };
        NewOrder::open(draft, &context, OrderRef::from_random([0; 8]), Timestamp::new(0).unwrap())
    }

    #[track_caller]
    fn check(form: &DraftForm<'_>, rates: &[ShippingRate], expected: Result<i64, &str>) {
        let total =
            open(form, rates).map(|order| order.total.get()).map_err(|refused| match refused {
                PlacementError::Cart => "cart",
                PlacementError::Fields(refusals) => refusals[0].field,
            });
        assert_eq!(total, expected);
    }

    #[test]
    fn a_total_is_lines_less_discount_plus_shipping() {
        let none = DraftForm::default();
        check(&none, &[], Ok(2_100));
        check(&DraftForm { discount: "spring", ..none }, &[], Ok(2_100 - 140));
        check(&DraftForm { discount: "WINTER", ..none }, &[], Err("discount"));
    }

    #[test]
    fn the_cheapest_method_that_reaches_the_country_is_used_unless_one_is_chosen() {
        let none = DraftForm::default();
        let rates = [
            rate("World", None, 500),
            rate("Home", Some("DE"), 100),
            rate("France", Some("FR"), 10),
        ];
        check(&none, &rates, Ok(2_200));
        check(&DraftForm { shipping: "World", ..none }, &rates, Ok(2_600));
        check(&DraftForm { shipping: "France", ..none }, &rates, Err("shipping"));
        check(&DraftForm { shipping: "Pigeon", ..none }, &rates, Err("shipping"));
        check(&none, &rates[2..], Err("country"));
    }

    #[test]
    fn a_sealed_address_that_hides_its_country_is_asked_for_a_shipping_method() {
        let block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----";
        let hidden = DraftForm { pgp: block, ..DraftForm::default() };
        let france = [rate("France", Some("FR"), 10)];
        check(&hidden, &france, Err("shipping"));
        check(&DraftForm { country: "Germany", ..hidden }, &france, Err("country"));
        check(&DraftForm { shipping: "France", ..hidden }, &france, Ok(2_110));
        let named = DraftForm { shipping: "France", country: "Germany", ..hidden };
        check(&named, &france, Err("shipping"));
    }

    #[test]
    fn what_is_kept_of_a_new_order_is_what_was_ordered() {
        let new =
            open(&DraftForm { discount: "spring", ..DraftForm::default() }, &[]).ok().unwrap();
        let (reference, lines) = (new.order_ref.as_str().to_owned(), new.lines.clone());
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!((line.price, line.sum, line.quantity.get()), (gwei(1_050), gwei(2_100), 2));
        assert_eq!(line.full_name(), "Tea");
        assert_eq!(
            OrderLine { option_name: "green".into(), ..line.clone() }.full_name(),
            "Tea, green"
        );
        let invoice = stored_tests::invoice(0, None);
        let (order, buyer) = new.invoiced(invoice.clone());
        assert_eq!(order.order_ref.as_str(), reference);
        assert!(order.lines == lines && order.invoice == invoice && order.finished_at.is_none());
        assert_eq!(order.discount.map(|discount| discount.amount), Some(gwei(140)));
        assert!(matches!(buyer.delivery, Delivery::Plain(_)));
    }

    #[test]
    fn each_reason_why_nothing_is_shipped_has_its_own_field_and_text() {
        let btc = Currency::parse("BTC").unwrap();
        let elsewhere = [rate("France", Some("FR"), 10)];
        let mut no_price = rate("World", None, 10);
        no_price.steps[0].prices.clear();
        let not_here = |offer: &mut Offer| {
            offer.excluded_countries = Regions::parse("EU").unwrap();
        };
        let check = |rates: &[ShippingRate], change: &dyn Fn(&mut Offer), field, why| {
            let found = match open_with(&DraftForm::default(), rates, change) {
                Err(PlacementError::Fields(refusals)) => refusals[0].clone(),
                _ => panic!("it is not refused"),
            };
            assert_eq!(found, Refusal::new(field, why));
        };
        check(&[no_price], &|_| {}, "shipping", RefusalReason::NoShippingFor(btc));
        check(&elsewhere, &|_| {}, "country", RefusalReason::NoShippingToCountry);
        let heavy = |offer: &mut Offer| offer.weight = Some(251);
        let here = [rate("Home", Some("DE"), 10)];
        check(&here, &heavy, "shipping", RefusalReason::NoShippingForParcel);
        let tea = || RefusalReason::ItemsNotToCountry(vec!["Tea".into()]);
        check(&here, &not_here, "country", tea());
        check(&[], &not_here, "country", tea());
    }
}

#[cfg(test)]
mod stored_tests;
