use crate::cart::PricedCart;
use crate::catalog::OfferKey;
use crate::orders::Refusal;
use std::collections::BTreeMap;

/// How many pieces of one stock can be ordered now, where orders that nobody has paid for hold some already.
///
/// Units: pieces. `most_held` is the percentage of what is there, on the shelf and in those orders, that they may hold;
/// it is at least one piece.
fn can_be_held(stock: i64, held: i64, most_held: i64) -> i64 {
    let most = (stock.saturating_add(held).saturating_mul(most_held) / 100).max(1);
    (most - held).clamp(0, stock.max(0))
}

/// The lines of a cart that would make unpaid orders hold more than they may.
pub fn too_much_held(
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
        let words = match left {
            0 => format!("As many of {name} as may be are in orders that wait for their payment. Please take it out of the cart, or try again later."),
            left => format!("Many of {name} are in orders that wait for their payment, so only {left} can be ordered now. Please take fewer, or try again later."),
        };
        Some(Refusal::new("what", words))
    });
    refused.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
}
