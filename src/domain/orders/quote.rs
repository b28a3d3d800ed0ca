//! What an order costs: its items, less a discount, plus shipping.

use crate::domain::cart::PricedCart;
use crate::domain::catalog::{Discount, DiscountValue, ShippingRate, Subtotals};
use crate::domain::orders::{Choices, OrderShipping, Refusal, RefusalReason, choose_shipping};
use crate::domain::payment::Coin;
use crate::domain::values::{Amount, Timestamp};

#[derive(Clone, PartialEq, Eq)]
pub struct AppliedDiscount {
    pub code: String,
    /// `None`: it is a fixed amount.
    pub percent: Option<i64>,
    pub amount: Amount,
}

/// The price of an order that could be placed.
pub struct Quote {
    pub shipping: Option<OrderShipping>,
    pub discount: Option<AppliedDiscount>,
    /// Units: lines minus discount plus shipping.
    pub total: Amount,
}

/// What the shop has at this moment, in one currency.
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

/// Why no order could be made.
#[derive(Debug, PartialEq, Eq)]
pub enum PlacementError {
    /// The cart holds something that cannot be bought; its notices say what.
    Cart,
    Fields(Vec<Refusal>),
}

impl Quote {
    /// # Errors
    /// [`PlacementError`], with every refusal at once.
    pub fn new(
        choices: &Choices,
        context: &CheckoutContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlacementError> {
        if !context.cart.can_be_ordered() {
            return Err(PlacementError::Cart);
        }
        let items = context.cart.total.ok_or(PlacementError::Cart)?;
        let mut refusals = Vec::new();
        let shipping =
            choose_shipping(choices, context.cart, context.rates).unwrap_or_else(|refusal| {
                refusals.push(refusal);
                None
            });
        let subtotals = Subtotals {
            currency: &context.cart.currency,
            coin: context.coin,
            items,
            shipping: shipping.as_ref().map_or(Amount::ZERO, |shipping| shipping.price),
        };
        let discount = apply_discount(choices, context, subtotals, now).unwrap_or_else(|refusal| {
            refusals.push(refusal);
            None
        });
        // If another payment comes first, the money is refunded.
        if !context.cart.contested.is_empty() && !choices.has_refund_address {
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
        Ok(Self { shipping, discount, total })
    }
}

/// `None` if the buyer entered no code.
fn apply_discount(
    choices: &Choices,
    context: &CheckoutContext<'_>,
    subtotals: Subtotals<'_>,
    now: Timestamp,
) -> Result<Option<AppliedDiscount>, Refusal> {
    if choices.discount.is_empty() {
        return Ok(None);
    }
    let found = context.discount.as_ref().filter(|(discount, _)| discount.code == choices.discount);
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

#[cfg(test)]
mod tests;
