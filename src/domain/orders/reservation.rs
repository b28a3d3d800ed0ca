//! Whether items are reserved for an order until it is paid.

use crate::domain::catalog::OfferKey;

/// How many items an order needs from one stock, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockDemand {
    pub pool: OfferKey,
    /// Units: items.
    pub quantity: i64,
    /// Units: items that no order reserves.
    pub stock: i64,
    /// Units: items that unpaid orders reserve.
    pub reserved: i64,
}

impl StockDemand {
    /// Whether there are enough for an order that is paid for now.
    pub fn is_available(&self) -> bool {
        self.quantity <= self.stock + self.reserved
    }
}

/// Whether an order has its items, or can still get them. The best comes first, so the worst of several is the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reservation {
    /// They were taken out of the stock for it.
    Held,
    /// They were not, but enough are left.
    Free,
    /// Other unpaid orders reserve them: whoever pays first gets them.
    Contested,
    /// Others have paid for them.
    SoldOut,
}

impl Reservation {
    /// Of an order that reserves nothing.
    pub fn of(wanted: &[StockDemand]) -> Self {
        let each = wanted.iter().map(|wanted| match wanted {
            _ if wanted.quantity <= wanted.stock => Self::Free,
            _ if wanted.is_available() => Self::Contested,
            _ => Self::SoldOut,
        });
        each.max().unwrap_or(Self::Free)
    }

    pub fn is_held(self) -> bool {
        self == Self::Held
    }

    /// For the seller; empty if there is nothing to say.
    pub fn for_seller(self) -> &'static str {
        match self {
            Self::Held => "",
            Self::Free => "not reserved",
            Self::Contested => "not reserved: other unpaid orders want the same items",
            Self::SoldOut => "sold out: other payments came first",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_item_decides() {
        let wanted = |quantity, stock, reserved| StockDemand {
            pool: OfferKey { product: 1, option: 0 },
            quantity,
            stock,
            reserved,
        };
        let (free, contested, gone) = (wanted(2, 2, 0), wanted(2, 1, 1), wanted(2, 1, 0));
        assert_eq!(Reservation::of(&[]), Reservation::Free);
        assert_eq!(Reservation::of(&[free]), Reservation::Free);
        assert_eq!(Reservation::of(&[contested, free]), Reservation::Contested);
        assert_eq!(Reservation::of(&[contested, gone, free]), Reservation::SoldOut);
    }

    #[test]
    fn only_what_is_held_is_not_worth_a_word_to_the_seller() {
        let all = [
            (Reservation::Held, ""),
            (Reservation::Free, "not reserved"),
            (Reservation::Contested, "not reserved: other unpaid orders want the same items"),
            (Reservation::SoldOut, "sold out: other payments came first"),
        ];
        for (reservation, words) in all {
            assert_eq!(reservation.for_seller(), words);
            assert_eq!(reservation.is_held(), words.is_empty());
        }
    }
}
