//! Which shipping method an order uses.

use crate::domain::cart::{OfferedRate, PricedCart, not_shipped_to, offered};
use crate::domain::catalog::ShippingRate;
use crate::domain::orders::{Choices, Refusal, RefusalReason};
use crate::domain::values::Amount;

/// The shipping method of an order.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderShipping {
    pub name: String,
    pub price: Amount,
}

/// The method that the buyer chose, or the cheapest; `None` if the shop does not charge for shipping, or nothing is shipped. `rates`: all of the shop.
///
/// # Errors
/// [`Refusal`] of the field `country` or `shipping`.
pub fn choose_shipping(
    choices: &Choices,
    cart: &PricedCart,
    rates: &[ShippingRate],
) -> Result<Option<OrderShipping>, Refusal> {
    if !cart.is_shipped() {
        return Ok(None);
    }
    // An encrypted address may hide its country.
    let is_country_hidden = choices.country.is_none();
    if !is_country_hidden {
        let items = not_shipped_to(cart, choices.country);
        if !items.is_empty() {
            return Err(Refusal::new("country", RefusalReason::ItemsNotToCountry(items)));
        }
    }
    if rates.is_empty() {
        return Ok(None);
    }
    let chosen = |offered: &OfferedRate<'_>| {
        Some(OrderShipping { name: offered.rate.name.clone(), price: offered.price })
    };
    let offered = offered(rates, cart);
    if choices.shipping.is_empty() {
        let reaching = offered.iter().filter(|offered| offered.rate.reaches(choices.country));
        return match reaching.min_by_key(|offered| offered.price) {
            Some(offered) => Ok(chosen(offered)),
            None if is_country_hidden => {
                Err(Refusal::new("shipping", RefusalReason::ShippingNotChosen))
            }
            None => Err(why_not_shipped(choices, cart, rates)),
        };
    }
    let found = offered.iter().find(|offered| offered.rate.name == choices.shipping.as_str());
    let Some(found) = found else {
        return Err(Refusal::new("shipping", RefusalReason::UnknownShipping));
    };
    // If it is hidden, the buyer's choice is accepted, and the seller sees both.
    if !is_country_hidden && !found.rate.reaches(choices.country) {
        let why = RefusalReason::ShippingElsewhere(found.rate.name.clone());
        return Err(Refusal::new("shipping", why));
    }
    Ok(chosen(found))
}

/// Why no method takes the cart to the chosen country.
fn why_not_shipped(choices: &Choices, cart: &PricedCart, rates: &[ShippingRate]) -> Refusal {
    let currency = &cart.currency;
    let mut priced = rates.iter().filter(|rate| rate.has_price_in(currency)).peekable();
    if priced.peek().is_none() {
        return Refusal::new("shipping", RefusalReason::NoShippingFor(currency.clone()));
    }
    if priced.any(|rate| rate.reaches(choices.country)) {
        return Refusal::new("shipping", RefusalReason::NoShippingForParcel);
    }
    Refusal::new("country", RefusalReason::NoShippingToCountry)
}
