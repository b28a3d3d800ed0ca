//! The lines of an earlier order in a cart, as far as they can be bought now.

use std::collections::HashMap;

use crate::domain::cart::Basket;
use crate::domain::catalog::{Offer, OfferKey};
use crate::domain::orders::OrderLine;
use crate::domain::values::Quantity;

/// A line of an earlier order of which the cart holds less than was ordered.
#[derive(Debug, PartialEq, Eq)]
pub struct Shortfall {
    pub name: String,
    /// Units: items.
    pub wanted: i64,
    /// Units: items.
    pub in_cart: i64,
    pub why: ShortfallReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortfallReason {
    /// The shop no longer sells it.
    Gone,
    OtherCurrency,
    /// It is priced in ordinary money, and there is no valid exchange rate.
    NoRate,
    SoldOut,
    TooFew,
    /// There is enough of it, but the cart holds no more lines.
    CartFull,
}

/// Fills the cart up to the quantity of the line, or to what is left. Does nothing the second time.
///
/// `offers`: of this line and of everything in the cart.
pub fn fill_up(basket: &mut Basket, line: &OrderLine, offers: &HashMap<OfferKey, Offer>) {
    let Some(offer) = offers.get(&line.key).filter(|offer| is_sold(offer)) else { return };
    let missing = line.quantity.get() - basket.quantity_of(line.key);
    if let Ok(quantity) = Quantity::new(missing.min(left(offer, basket, offers))) {
        // The sum is at most the line's own quantity.
        let _ = basket.add(line.key, quantity);
    }
}

/// What the cart lacks of these lines.
pub fn shortfalls(
    basket: &Basket,
    lines: &[OrderLine],
    offers: &HashMap<OfferKey, Offer>,
) -> Vec<Shortfall> {
    let lacking = lines.iter().filter(|line| basket.quantity_of(line.key) < line.quantity.get());
    let shortfall = |line: &OrderLine| Shortfall {
        name: line.full_name(),
        wanted: line.quantity.get(),
        in_cart: basket.quantity_of(line.key),
        why: match offers.get(&line.key) {
            None => ShortfallReason::Gone,
            Some(offer) if offer.gone => ShortfallReason::Gone,
            Some(offer) if offer.price.is_none() && offer.needs_rate => ShortfallReason::NoRate,
            Some(offer) if offer.price.is_none() => ShortfallReason::OtherCurrency,
            Some(offer) if offer.available() <= 0 => ShortfallReason::SoldOut,
            Some(offer) if left(offer, basket, offers) <= 0 => ShortfallReason::TooFew,
            Some(_) => ShortfallReason::CartFull,
        },
    };
    lacking.map(shortfall).collect()
}

fn is_sold(offer: &Offer) -> bool {
    !offer.gone && offer.price.is_some()
}

/// Units: items that can be ordered beside those in the cart, which may take them from the same stock.
fn left(offer: &Offer, basket: &Basket, offers: &HashMap<OfferKey, Offer>) -> i64 {
    let same_stock = basket
        .lines()
        .iter()
        .filter(|line| offers.get(&line.key).is_some_and(|other| other.pool == offer.pool));
    offer.available() - same_stock.map(|line| line.quantity.get()).sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cart::CartId;
    use crate::domain::catalog::{ProductKind, Slug};
    use crate::domain::values::{Amount, Regions};

    const fn key(product: i64, option: i64) -> OfferKey {
        OfferKey { product, option }
    }

    const TEA: OfferKey = key(1, 0);
    const SMALL_CAP: OfferKey = key(2, 1);
    const LARGE_CAP: OfferKey = key(2, 2);

    fn line(key: OfferKey, quantity: i64) -> OrderLine {
        OrderLine {
            key,
            pool: key,
            kind: ProductKind::Shipped,
            name: format!("{}.{}", key.product, key.option),
            option_name: String::new(),
            quantity: Quantity::new(quantity).unwrap(),
            price: Amount::ONE_COIN,
            sum: Amount::ONE_COIN,
        }
    }

    /// `stock`: of tea, and of caps in all sizes.
    fn offers(stock: [i64; 2]) -> HashMap<OfferKey, Offer> {
        let offer = |key: OfferKey, pool, stock| Offer {
            key,
            slug: Slug::parse("x").unwrap(),
            kind: ProductKind::Shipped,
            name: String::new(),
            option_name: String::new(),
            price: Some(Amount::ONE_COIN),
            needs_rate: false,
            stock,
            reserved: 0,
            pool,
            gone: false,
            weight: None,
            excluded_countries: Regions::default(),
        };
        let caps = key(2, 0);
        let all = [
            offer(TEA, TEA, stock[0]),
            offer(SMALL_CAP, caps, stock[1]),
            offer(LARGE_CAP, caps, stock[1]),
        ];
        all.into_iter().map(|offer| (offer.key, offer)).collect()
    }

    fn cart(lines: &[(OfferKey, i64)]) -> Basket {
        let mut basket = Basket::empty(CartId([1; 16]));
        for (key, n) in lines {
            basket.add(*key, Quantity::new(*n).unwrap()).unwrap();
        }
        basket
    }

    #[track_caller]
    fn check(
        before: &[(OfferKey, i64)],
        stock: [i64; 2],
        expected: [i64; 3],
        short: &[(OfferKey, ShortfallReason)],
    ) {
        let (lines, offers) =
            ([line(TEA, 3), line(SMALL_CAP, 2), line(LARGE_CAP, 2)], offers(stock));
        let mut basket = cart(before);
        // The second time changes nothing.
        for _ in 0..2 {
            lines.iter().for_each(|line| fill_up(&mut basket, line, &offers));
            let quantities = [TEA, SMALL_CAP, LARGE_CAP].map(|key| basket.quantity_of(key));
            assert_eq!(quantities, expected);
        }
        let found = shortfalls(&basket, &lines, &offers);
        let found: Vec<_> = found.iter().map(|short| (short.name.as_str(), short.why)).collect();
        let short: Vec<_> = short.iter().map(|(key, why)| (line(*key, 1).name, *why)).collect();
        assert_eq!(
            found,
            short.iter().map(|(name, why)| (name.as_str(), *why)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_cart_is_filled_up_to_what_was_ordered() {
        check(&[], [20, 9], [3, 2, 2], &[]);
        check(&[(TEA, 1)], [20, 9], [3, 2, 2], &[]);
        check(&[(TEA, 7)], [20, 9], [7, 2, 2], &[]);
    }

    #[test]
    fn no_more_is_added_than_is_left_in_each_stock() {
        use ShortfallReason::{SoldOut, TooFew};
        check(&[], [2, 9], [2, 2, 2], &[(TEA, TooFew)]);
        check(&[], [0, 3], [0, 2, 1], &[(TEA, SoldOut), (LARGE_CAP, TooFew)]);
        check(&[(LARGE_CAP, 1)], [9, 2], [3, 1, 1], &[(SMALL_CAP, TooFew), (LARGE_CAP, TooFew)]);
    }

    #[test]
    fn what_is_not_sold_any_more_or_for_another_currency_is_named() {
        let mut offers = offers([9, 9]);
        offers.get_mut(&TEA).unwrap().gone = true;
        offers.get_mut(&SMALL_CAP).unwrap().price = None;
        let lines = [line(TEA, 1), line(SMALL_CAP, 1), line(key(9, 9), 1), line(LARGE_CAP, 1)];
        let mut basket = cart(&[]);
        lines.iter().for_each(|line| fill_up(&mut basket, line, &offers));
        assert_eq!(basket.lines().iter().map(|line| line.key).collect::<Vec<_>>(), [LARGE_CAP]);
        let reasons = |basket: &Basket| {
            let short = shortfalls(basket, &lines, &offers);
            short.iter().map(|short| (short.wanted, short.in_cart, short.why)).collect::<Vec<_>>()
        };
        use ShortfallReason::{CartFull, Gone, OtherCurrency};
        let short = vec![(1, 0, Gone), (1, 0, OtherCurrency), (1, 0, Gone)];
        assert_eq!(reasons(&basket), short);
        basket.remove(LARGE_CAP);
        assert_eq!(reasons(&basket).last(), Some(&(1, 0, CartFull)));
    }
}
