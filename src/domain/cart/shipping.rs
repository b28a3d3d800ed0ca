//! Where a cart can be shipped to, by which methods, and for how much.

use crate::domain::cart::{Notice, PricedCart, PricedLine};
use crate::domain::catalog::{Parcel, ShippingRate};
use crate::domain::values::{Amount, Country};

/// A shipping method with its price for one cart, in the cart's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedRate<'a> {
    pub rate: &'a ShippingRate,
    pub price: Amount,
}

/// The methods that take this cart, to whatever country, in the seller's order. `rates`: all of the shop.
pub fn offered<'a>(rates: &'a [ShippingRate], cart: &PricedCart) -> Vec<OfferedRate<'a>> {
    let lines = || shipped_lines(cart);
    let weight = |line: &PricedLine| line.offer.weight.unwrap_or(0) * line.quantity.get();
    let sums = lines().filter_map(|line| line.sum);
    let parcel = Parcel {
        grams: lines().map(weight).sum(),
        currency: &cart.currency,
        subtotal: sums.fold(Amount::ZERO, |total, sum| total.plus(sum).unwrap_or(total)),
    };
    let offer = |rate: &'a ShippingRate| Some(OfferedRate { rate, price: rate.price(parcel)? });
    rates.iter().filter_map(offer).collect()
}

/// The same, for a country; `None` is an unknown one, which only worldwide methods reach.
pub fn offered_to<'a>(
    rates: &'a [ShippingRate],
    cart: &PricedCart,
    country: Option<Country>,
) -> Vec<OfferedRate<'a>> {
    let mut offered = offered(rates, cart);
    offered.retain(|offered| offered.rate.reaches(country));
    offered
}

/// The countries that the whole cart can be shipped to: some method takes it there, unless shipping is not charged for at
/// all, and no item excludes it.
pub fn reachable(rates: &[ShippingRate], cart: &PricedCart) -> Vec<Country> {
    let offered = offered(rates, cart);
    let is_reached = |country: &Country| {
        (rates.is_empty() || offered.iter().any(|offered| offered.rate.reaches(Some(*country))))
            && shipped_lines(cart).all(|line| !line.offer.excluded_countries.contains(*country))
    };
    Country::all().filter(is_reached).collect()
}

/// The names of the items that are not shipped to a country; to an unknown one, those with any excluded country.
pub fn not_shipped_to(cart: &PricedCart, country: Option<Country>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in shipped_lines(cart) {
        let excluded = &line.offer.excluded_countries;
        let is_excluded = match country {
            Some(country) => excluded.contains(country),
            None => !excluded.is_empty(),
        };
        if is_excluded && !names.contains(&line.offer.name) {
            names.push(line.offer.name.clone());
        }
    }
    names
}

fn shipped_lines(cart: &PricedCart) -> impl Iterator<Item = &PricedLine> {
    cart.lines.iter().filter(|line| line.offer.kind.is_shipped())
}

impl PricedCart {
    /// Adds a notice if no shipping method takes the cart, wherever its buyer is. `rates`: all of the shop.
    pub fn check_shipping(&mut self, rates: &[ShippingRate]) {
        if !self.is_shipped() {
            return;
        }
        let has_price = rates.iter().any(|rate| rate.has_price_in(&self.currency));
        let notice = if !rates.is_empty() && !has_price {
            Notice::NoShippingIn { currency: self.currency.clone() }
        } else if !rates.is_empty() && offered(rates, self).is_empty() {
            Notice::NoShippingForParcel
        } else if reachable(rates, self).is_empty() {
            Notice::NoCommonCountry
        } else {
            return;
        };
        self.notices.push(notice);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::cart::{Basket, CartId};
    use crate::domain::catalog::{Offer, OfferKey, ProductKind, RateStep, Slug, StepLimit};
    use crate::domain::values::{Currency, Quantity, Regions};

    fn eth() -> Currency {
        Currency::parse("ETH").unwrap()
    }

    fn rate(name: &str, countries: &str, steps: &[(Option<i64>, i64)]) -> ShippingRate {
        let step = |(grams, price): &(Option<i64>, i64)| RateStep {
            up_to: grams.map_or(StepLimit::None, StepLimit::Grams),
            prices: vec![(eth(), Amount::new(*price).unwrap())],
        };
        ShippingRate {
            name: name.into(),
            countries: Regions::parse(countries).unwrap(),
            excluded_countries: Regions::default(),
            steps: steps.iter().map(step).collect(),
            free_from: Vec::new(),
        }
    }

    /// Items at 100, each with its quantity, weight and excluded countries.
    fn cart(items: &[(i64, Option<i64>, &str)], currency: &str) -> PricedCart {
        let mut basket = Basket::empty(CartId([0; 16]));
        let mut offers = HashMap::new();
        for (product, (quantity, weight, excluded)) in (1..).zip(items) {
            let key = OfferKey { product, option: 0 };
            let offer = Offer {
                key,
                slug: Slug::parse("x").unwrap(),
                name: format!("Item {product}"),
                option_name: String::new(),
                price: Amount::new(100).ok(),
                needs_rate: false,
                stock: 99,
                reserved: 0,
                pool: key,
                gone: false,
                kind: ProductKind::Shipped,
                weight: *weight,
                excluded_countries: Regions::parse(excluded).unwrap(),
            };
            basket.add(key, Quantity::new(*quantity).unwrap()).unwrap();
            offers.insert(key, offer);
        }
        let currency = Currency::parse(currency).unwrap();
        PricedCart::new(&basket, &offers, &currency, Amount::new(1_000_000).unwrap())
    }

    fn codes(countries: &[Country]) -> String {
        countries.iter().map(|country| country.code()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn weights_are_added_up_and_an_item_without_one_counts_as_nothing() {
        let rates = [rate("Letter", "", &[(Some(500), 3)]), rate("Parcel", "", &[(None, 9)])];
        for (items, expected) in [
            (&[(2, Some(250), ""), (9, None, "")][..], &[("Letter", 3), ("Parcel", 9)][..]),
            (&[(2, Some(250), ""), (1, Some(1), "")], &[("Parcel", 9)]),
        ] {
            let cart = cart(items, "ETH");
            let found = offered(&rates, &cart);
            let found: Vec<_> =
                found.iter().map(|found| (found.rate.name.as_str(), found.price.get())).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_country_is_reachable_if_a_method_takes_the_cart_there_and_every_item_may_go() {
        let rates = [rate("Letter", "AT,DE", &[(Some(500), 3)]), rate("Home", "CH", &[(None, 9)])];
        let light = cart(&[(1, Some(10), "")], "ETH");
        assert_eq!(codes(&reachable(&rates, &light)), "AT CH DE");
        let heavy = cart(&[(1, Some(501), "")], "ETH");
        assert_eq!(codes(&reachable(&rates, &heavy)), "CH");
        let excluded = cart(&[(1, Some(10), "DE"), (1, None, "")], "ETH");
        assert_eq!(codes(&reachable(&rates, &excluded)), "AT CH");
        assert_eq!(codes(&reachable(&rates, &cart(&[(1, None, "")], "BTC"))), "");
        let free = reachable(&[], &cart(&[(1, None, "EU")], "BTC"));
        assert_eq!(free.len(), Country::all().count() - 27);
    }

    #[test]
    fn a_country_is_offered_the_methods_that_reach_it() {
        let rates = [rate("Home", "CH", &[(None, 1)]), rate("World", "", &[(None, 9)])];
        let cart = cart(&[(1, None, "")], "ETH");
        let names = |country: Option<&str>| {
            let country = country.and_then(|text| Country::parse(text).ok());
            let offered = offered_to(&rates, &cart, country);
            offered.iter().map(|offered| offered.rate.name.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((names(Some("CH")), names(Some("XK"))), ("Home World".into(), "World".into()));
        assert_eq!(names(None), "World");
    }

    #[test]
    fn items_that_cannot_go_to_a_country_are_named() {
        let cart = cart(&[(1, None, "DE"), (1, None, ""), (2, None, "Europe")], "ETH");
        let country = |text| Country::parse(text).ok();
        assert_eq!(not_shipped_to(&cart, country("DE")), ["Item 1", "Item 3"]);
        assert_eq!(not_shipped_to(&cart, country("FR")), ["Item 3"]);
        assert_eq!(not_shipped_to(&cart, country("US")), Vec::<String>::new());
        assert_eq!(not_shipped_to(&cart, None), ["Item 1", "Item 3"]);
    }

    #[test]
    fn only_what_is_shipped_is_weighed_counted_and_excluded() {
        let mut rate = rate("Letter", "DE", &[(Some(500), 3)]);
        rate.free_from = vec![(eth(), Amount::new(150).unwrap())];
        let mut cart = cart(&[(1, Some(500), ""), (1, Some(1), "World")], "ETH");
        cart.lines[1].offer.kind = ProductKind::Digital;
        let rates = [rate];
        assert_eq!(offered(&rates, &cart)[0].price.get(), 3);
        assert_eq!(codes(&reachable(&rates, &cart)), "DE");
        cart.lines.remove(0);
        cart.check_shipping(&[]);
        assert!(cart.can_be_ordered());
    }

    #[test]
    fn a_cart_that_no_method_takes_cannot_be_ordered() {
        let letter = [rate("Letter", "DE", &[(Some(500), 3)])];
        let check = |rates: &[ShippingRate], mut cart: PricedCart, expected: &[Notice]| {
            cart.check_shipping(rates);
            assert_eq!(cart.notices, expected);
            assert_eq!(cart.can_be_ordered(), expected.is_empty());
        };
        let light = |excluded| (1, Some(10), excluded);
        check(&letter, cart(&[light("")], "ETH"), &[]);
        check(&[], cart(&[light("")], "BTC"), &[]);
        let currency = Currency::parse("BTC").unwrap();
        check(&letter, cart(&[light("")], "BTC"), &[Notice::NoShippingIn { currency }]);
        check(&letter, cart(&[(1, Some(501), "")], "ETH"), &[Notice::NoShippingForParcel]);
        check(&letter, cart(&[light("EU")], "ETH"), &[Notice::NoCommonCountry]);
        check(&[], cart(&[light("World")], "ETH"), &[Notice::NoCommonCountry]);
    }
}
