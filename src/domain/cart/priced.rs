//! The cart with current prices, and notices about what changed.

use std::collections::HashMap;

use crate::domain::cart::Basket;
use crate::domain::catalog::{Offer, OfferKey};
use crate::domain::values::{Amount, Currency, Quantity};

/// A cart with the current price and stock of each line, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedCart {
    pub currency: Currency,
    pub lines: Vec<PricedLine>,
    /// Of the lines that can be bought; `None` if the sum overflows.
    pub total: Option<Amount>,
    /// What changed since the buyer last looked, and what cannot be bought.
    pub notices: Vec<Notice>,
    /// Items that can be ordered although other unpaid orders reserve them: whoever pays first gets them.
    pub contested: Vec<Contested>,
}

/// Items that more orders want than there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    pub name: String,
    /// Units: items that nobody has paid for.
    pub left: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedLine {
    pub offer: Offer,
    pub quantity: Quantity,
    /// `None` if it cannot be bought.
    pub sum: Option<Amount>,
}

/// A change, or the reason why something cannot be bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    Dearer {
        name: String,
        from: Amount,
        to: Amount,
    },
    Cheaper {
        name: String,
        from: Amount,
        to: Amount,
    },
    Gone {
        name: String,
    },
    SoldOut {
        name: String,
    },
    TooFew {
        name: String,
        wanted: i64,
        left: i64,
    },
    OtherCurrency {
        name: String,
        currency: Currency,
    },
    /// It is priced in ordinary money, and the currency has no valid exchange rate.
    NoRate {
        name: String,
        currency: Currency,
    },
    Unknown,
    TooDear,
    /// No shipping method has a price in the currency.
    NoShippingIn {
        currency: Currency,
    },
    /// The order is too heavy for every shipping method, or its subtotal too large.
    NoShippingForParcel,
    /// There is no country that every item is shipped to.
    NoCommonCountry,
}

impl Notice {
    /// Whether the buyer must change the cart before it can be ordered.
    fn prevents_order(&self) -> bool {
        !matches!(self, Self::Dearer { .. } | Self::Cheaper { .. })
    }
}

impl PricedCart {
    /// Looks up the offer of each line. Lines without one are left out, with a notice.
    pub fn new(
        basket: &Basket,
        offers: &HashMap<OfferKey, Offer>,
        currency: &Currency,
        most: Amount,
    ) -> Self {
        let mut lines = Vec::new();
        let mut notices = Vec::new();
        let mut contested = Vec::new();
        let mut total = Some(Amount::ZERO);
        let mut wanted: HashMap<OfferKey, i64> = HashMap::new();
        for line in basket.lines() {
            if let Some(offer) = offers.get(&line.key) {
                *wanted.entry(offer.pool).or_default() += line.quantity.get();
            }
        }
        for line in basket.lines() {
            let Some(offer) = offers.get(&line.key) else {
                notices.push(Notice::Unknown);
                continue;
            };
            let name = offer.full_name();
            if let Some(seen) = &line.seen
                && seen.currency == *currency
                && let Some(price) = offer.price
                && !offer.gone
                && price != seen.price
            {
                let (from, to, name) = (seen.price, price, name.clone());
                notices.push(if from < to {
                    Notice::Dearer { name, from, to }
                } else {
                    Notice::Cheaper { name, from, to }
                });
            }
            let wanted = wanted.get(&offer.pool).copied().unwrap_or_default();
            let obstacle = match offer.price {
                _ if offer.gone => Some(Notice::Gone { name }),
                None if offer.needs_rate => {
                    Some(Notice::NoRate { name, currency: currency.clone() })
                }
                None => Some(Notice::OtherCurrency { name, currency: currency.clone() }),
                Some(_) if offer.available() <= 0 => Some(Notice::SoldOut { name }),
                Some(_) if offer.available() < wanted => {
                    Some(Notice::TooFew { name, wanted, left: offer.available() })
                }
                Some(_) => {
                    if offer.stock < wanted {
                        contested.push(Contested { name, left: offer.available() });
                    }
                    None
                }
            };
            let mut sum = None;
            if obstacle.is_none() {
                sum = offer.price.and_then(|price| price.times(line.quantity));
                total = total.zip(sum).and_then(|(total, sum)| total.plus(sum));
            }
            notices.extend(obstacle);
            lines.push(PricedLine { offer: offer.clone(), quantity: line.quantity, sum });
        }
        if total.is_none_or(|total| most < total) {
            notices.push(Notice::TooDear);
        }
        Self { currency: currency.clone(), lines, total, notices, contested }
    }

    pub fn find_line(&self, key: OfferKey) -> Option<&PricedLine> {
        self.lines.iter().find(|line| line.offer.key == key)
    }

    /// Whether anything in it is shipped, so that it needs an address and a shipping method.
    pub fn is_shipped(&self) -> bool {
        self.lines.iter().any(|line| line.offer.kind.is_shipped())
    }

    pub fn can_be_ordered(&self) -> bool {
        !self.lines.is_empty() && !self.notices.iter().any(Notice::prevents_order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cart::CartId;
    use crate::domain::catalog::{ProductKind, Slug};
    use crate::domain::values::Regions;

    const SOCKS: OfferKey = OfferKey { product: 1, option: 0 };

    fn offer(option: i64, price: Option<i64>, stock: i64) -> Offer {
        Offer {
            key: OfferKey { option, ..SOCKS },
            slug: Slug::parse("socks").unwrap(),
            kind: ProductKind::Shipped,
            name: "Socks".into(),
            option_name: if option == 0 { String::new() } else { format!("no {option}") },
            price: price.map(|n| Amount::new(n).unwrap()),
            needs_rate: false,
            stock,
            reserved: 0,
            pool: SOCKS,
            gone: false,
            weight: None,
            excluded_countries: Regions::default(),
        }
    }

    /// A cart of `wanted` items of each offer, last seen at 100.
    fn priced(wanted: i64, offers: &[Offer]) -> PricedCart {
        let eth = Currency::parse("ETH").unwrap();
        let mut basket = Basket::empty(CartId([0; 16]));
        for offer in offers {
            basket.add(offer.key, Quantity::new(wanted).unwrap()).unwrap();
        }
        basket.remember(&eth, |_| Amount::new(100).ok());
        let offers = offers.iter().map(|offer| (offer.key, offer.clone())).collect();
        PricedCart::new(&basket, &offers, &eth, Amount::new(1_000).unwrap())
    }

    #[track_caller]
    fn check(cart: &PricedCart, notices: &[Notice], can_be_ordered: bool) {
        assert_eq!(cart.notices, notices);
        assert_eq!(cart.can_be_ordered(), can_be_ordered);
    }

    #[test]
    fn a_cart_is_shipped_if_one_of_its_lines_is() {
        let download = || Offer { kind: ProductKind::Digital, ..offer(1, Some(100), 2) };
        let pickup = Offer { kind: ProductKind::Pickup, ..offer(2, Some(100), 2) };
        assert!(!priced(1, &[download(), pickup]).is_shipped());
        assert!(priced(1, &[download(), offer(3, Some(100), 2)]).is_shipped());
    }

    #[test]
    fn an_unchanged_cart_is_quiet() {
        let cart = priced(2, &[offer(0, Some(100), 2)]);
        check(&cart, &[], true);
        assert_eq!(cart.total, Amount::new(200).ok());
    }

    #[test]
    fn a_changed_price_is_said() {
        let (name, from) = ("Socks".to_owned(), Amount::new(100).unwrap());
        let to = |n| Amount::new(n).unwrap();
        let up = Notice::Dearer { name: name.clone(), from, to: to(101) };
        check(&priced(1, &[offer(0, Some(101), 9)]), &[up], true);
        let down = Notice::Cheaper { name, from, to: to(99) };
        check(&priced(1, &[offer(0, Some(99), 9)]), &[down], true);
    }

    #[test]
    fn what_cannot_be_bought_hinders_the_order() {
        let name = || "Socks".to_owned();
        let sold_out = Notice::SoldOut { name: name() };
        check(&priced(1, &[offer(0, Some(100), 0)]), &[sold_out], false);
        let gone = Offer { gone: true, ..offer(0, Some(100), 9) };
        check(&priced(1, &[gone]), &[Notice::Gone { name: name() }], false);
        let few = Notice::TooFew { name: name(), wanted: 3, left: 2 };
        check(&priced(3, &[offer(0, Some(100), 2)]), &[few], false);
        let currency = Currency::parse("ETH").unwrap();
        let other = Notice::OtherCurrency { name: name(), currency };
        check(&priced(1, &[offer(0, None, 2)]), &[other], false);
        check(&priced(11, &[offer(0, Some(100), 50)]), &[Notice::TooDear], false);
    }

    #[test]
    fn options_that_share_a_stock_are_counted_together() {
        let cart = priced(2, &[offer(1, Some(100), 3), offer(2, Some(100), 3)]);
        assert!(!cart.can_be_ordered());
        assert!(priced(1, &[offer(1, Some(100), 3), offer(2, Some(100), 3)]).can_be_ordered());
    }

    #[test]
    fn what_unpaid_orders_reserve_can_still_be_ordered() {
        let reserved = |stock, reserved| Offer { reserved, ..offer(0, Some(100), stock) };
        let cart = priced(3, &[reserved(1, 2)]);
        check(&cart, &[], true);
        assert_eq!(cart.contested, [Contested { name: "Socks".to_owned(), left: 3 }]);
        assert_eq!(priced(1, &[reserved(1, 2)]).contested, []);
        let few = Notice::TooFew { name: "Socks".to_owned(), wanted: 4, left: 3 };
        check(&priced(4, &[reserved(1, 2)]), &[few], false);
    }

    #[test]
    fn an_empty_cart_cannot_be_ordered() {
        check(&priced(1, &[]), &[], false);
    }

    #[test]
    fn an_offer_is_called_by_its_option_too() {
        assert_eq!(offer(0, None, 0).full_name(), "Socks");
        assert_eq!(offer(2, None, 0).full_name(), "Socks, no 2");
    }
}
