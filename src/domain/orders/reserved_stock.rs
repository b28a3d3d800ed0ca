//! How much stock unpaid orders may reserve.

use std::collections::BTreeMap;

use crate::domain::cart::PricedCart;
use crate::domain::catalog::OfferKey;
use crate::domain::orders::{Refusal, RefusalReason};

/// How many pieces of one stock can be ordered now, where orders that nobody has paid for hold some already.
///
/// Units: pieces. `most_held` is the percentage of what is there, in stock and in those orders, that they may hold;
/// it is at least one piece.
fn can_be_held(stock: i64, held: i64, most_held: i64) -> i64 {
    let most = (stock.saturating_add(held).saturating_mul(most_held) / 100).max(1);
    (most - held).clamp(0, stock.max(0))
}

/// The lines of a cart that would make unpaid orders hold more than they may.
pub fn refuse_over_reserved(
    cart: &PricedCart,
    held: &BTreeMap<OfferKey, i64>,
    most_held: i64,
) -> Vec<Refusal> {
    let mut wanted: BTreeMap<OfferKey, i64> = BTreeMap::new();
    for line in &cart.lines {
        *wanted.entry(line.offer.pool).or_default() += line.quantity.get();
    }
    let refused = cart.lines.iter().filter_map(|line| {
        let pool = line.offer.pool;
        let held = held.get(&pool).copied().unwrap_or(0);
        let left = can_be_held(line.offer.stock, held, most_held);
        let wanted = wanted.remove(&pool)?;
        if wanted <= left {
            return None;
        }
        let name = line.offer.full_name();
        Some(Refusal::new("what", RefusalReason::Reserved { name, left }))
    });
    refused.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::cart::{Basket, CartId};
    use crate::domain::catalog::{Offer, Slug};
    use crate::domain::values::{Amount, Currency, Quantity};

    #[test]
    fn unpaid_orders_hold_their_share_and_at_least_one_piece() {
        for (stock, held, most_held, expected) in [
            (20, 0, 100, 20),
            (20, 0, 50, 10),
            (14, 6, 50, 4),
            (10, 10, 50, 0),
            (1, 0, 50, 1),
            (1, 0, 1, 1),
            (9, 1, 1, 0),
            (0, 0, 50, 0),
            (0, 7, 100, 0),
        ] {
            assert_eq!(can_be_held(stock, held, most_held), expected, "{stock} {held} {most_held}");
        }
    }

    proptest! {
        #[test]
        fn never_more_is_held_than_the_share(stock in 0_i64..1_000_000, percent in 1_i64..=100, wants in proptest::collection::vec(1_i64..99, 0..40)) {
            let (mut left, mut held) = (stock, 0);
            for wanted in wants {
                if wanted <= can_be_held(left, held, percent) {
                    left -= wanted;
                    held += wanted;
                }
                prop_assert!(0 <= left && held <= (stock * percent / 100).max(1));
            }
        }
    }

    /// A cart of (option, pieces): two options that share 20 pieces in stock, and a third with 20 of its own.
    fn cart(wanted: &[(i64, i64)]) -> PricedCart {
        let mut basket = Basket::empty(CartId([0; 16]));
        let mut offers = HashMap::new();
        for (option, pieces) in wanted {
            let key = OfferKey { product: 1, option: *option };
            let pool = if *option < 3 { OfferKey { option: 0, ..key } } else { key };
            let offer = Offer {
                key,
                slug: Slug::parse("socks").unwrap(),
                name: "Socks".into(),
                option_name: format!("no {option}"),
                price: Amount::new(100).ok(),
                stock: 20,
                pool,
                gone: false,
            };
            basket.add(key, Quantity::new(*pieces).unwrap()).unwrap();
            offers.insert(key, offer);
        }
        let most = Amount::new(1_000_000).unwrap();
        PricedCart::new(&basket, &offers, &Currency::parse("ETH").unwrap(), most)
    }

    #[test]
    fn a_cart_that_would_hold_too_much_is_refused_with_what_can_be_ordered() {
        let shared = OfferKey { product: 1, option: 0 };
        let own = OfferKey { product: 1, option: 3 };
        for (wanted, held, expected) in [
            (&[(1, 10)][..], &[][..], None),
            (&[(1, 11)], &[], Some(("Socks, no 1", 10))),
            // What options share is counted together, and said once.
            (&[(1, 5), (2, 5)], &[], None),
            (&[(1, 6), (2, 5)], &[], Some(("Socks, no 1", 10))),
            (&[(1, 8), (3, 8)], &[], None),
            // 20 in stock and 6 held: 13 may be held in all.
            (&[(1, 7)], &[(shared, 6)], None),
            (&[(1, 8)], &[(shared, 6)], Some(("Socks, no 1", 7))),
            (&[(1, 1)], &[(shared, 20)], Some(("Socks, no 1", 0))),
            (&[(3, 8)], &[(shared, 6)], None),
            (&[(3, 8)], &[(own, 6)], Some(("Socks, no 3", 7))),
        ] {
            let refused = refuse_over_reserved(&cart(wanted), &held.iter().copied().collect(), 50);
            let expected: Vec<Refusal> = expected
                .into_iter()
                .map(|(name, left)| RefusalReason::Reserved { name: name.to_owned(), left })
                .map(|why| Refusal::new("what", why))
                .collect();
            assert_eq!(refused, expected, "{wanted:?} {held:?}");
        }
    }
}
