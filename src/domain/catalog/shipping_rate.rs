//! Shipping methods: where they reach, and what they cost.

use std::fmt;

use crate::domain::catalog::Prices;
use crate::domain::catalog::discount::amount_in;
use crate::domain::values::{Amount, Country, Currency, Regions};

/// A shipping method with its prices in all currencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippingRate {
    pub name: String,
    /// Empty: everywhere.
    pub countries: Regions,
    pub excluded_countries: Regions,
    /// Of one kind, limits ascending, each with a price in the same currencies. A single one without a limit is a price that
    /// depends on nothing. The first one that holds the parcel counts.
    pub steps: Vec<RateStep>,
    /// Units: subtotals from which shipping is free.
    pub free_from: Prices,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateStep {
    /// Inclusive.
    pub up_to: StepLimit,
    pub prices: Prices,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepLimit {
    None,
    /// Units: grams of all items.
    Grams(i64),
    /// Units: subtotals of the items, one for each currency of the step's prices.
    Subtotals(Prices),
}

/// What the price of shipping depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parcel<'a> {
    /// Units: grams; an item without a weight counts as 0.
    pub grams: i64,
    pub currency: &'a Currency,
    /// Units: the items without their discount, in this currency.
    pub subtotal: Amount,
}

impl ShippingRate {
    fn reaches_everywhere(&self) -> bool {
        (self.countries.is_empty() || self.countries.is_worldwide())
            && self.excluded_countries.is_empty()
    }

    /// Whether it ships to a country; `None` is an unknown country.
    pub fn reaches(&self, country: Option<Country>) -> bool {
        let Some(country) = country else { return self.reaches_everywhere() };
        let is_listed = self.countries.is_empty() || self.countries.contains(country);
        is_listed && !self.excluded_countries.contains(country)
    }

    pub fn has_price_in(&self, currency: &Currency) -> bool {
        self.steps.iter().any(|step| amount_in(&step.prices, currency).is_some())
    }

    /// `None`: it has no price in this currency, or takes no parcel as large as this.
    pub fn price(&self, parcel: Parcel<'_>) -> Option<Amount> {
        let step = self.steps.iter().find(|step| step.up_to.holds(parcel))?;
        let price = amount_in(&step.prices, parcel.currency)?;
        let free_from = amount_in(&self.free_from, parcel.currency);
        let is_free = free_from.is_some_and(|least| least <= parcel.subtotal);
        Some(if is_free { Amount::ZERO } else { price })
    }

    /// Whether its price depends on the weight.
    pub fn is_by_weight(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.up_to, StepLimit::Grams(_)))
    }

    /// The prices if they depend on nothing.
    pub fn flat_prices(&self) -> Option<&Prices> {
        match self.steps.as_slice() {
            [RateStep { up_to: StepLimit::None, prices }] => Some(prices),
            _ => None,
        }
    }
}

impl StepLimit {
    fn holds(&self, parcel: Parcel<'_>) -> bool {
        match self {
            Self::None => true,
            Self::Grams(most) => parcel.grams <= *most,
            Self::Subtotals(most) => {
                amount_in(most, parcel.currency).is_some_and(|most| parcel.subtotal <= most)
            }
        }
    }
}

/// `500 g: 0.0015 ETH, 0.00006 BTC`; `0.05 ETH: 0.0015 ETH`; `more: 0.006 ETH`.
impl fmt::Display for RateStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.up_to {
            StepLimit::None => f.write_str("more")?,
            StepLimit::Grams(grams) => write!(f, "{grams} g")?,
            StepLimit::Subtotals(amounts) => f.write_str(&amounts_text(amounts))?,
        }
        write!(f, ": {}", amounts_text(&self.prices))
    }
}

/// `0.0015 ETH, 0.00006 BTC`
pub fn amounts_text(amounts: &Prices) -> String {
    let amounts = amounts.iter().map(|(currency, amount)| format!("{amount} {currency}"));
    amounts.collect::<Vec<_>>().join(", ")
}

/// Where a shipping method ships to, for the seller.
pub fn reach(rate: &ShippingRate) -> String {
    let countries = match rate.countries.len() {
        _ if rate.countries.is_worldwide() => "worldwide".to_owned(),
        0 => "worldwide".to_owned(),
        1..=4 => rate.countries.names(", "),
        _ => {
            let n = Country::all().filter(|country| rate.countries.contains(*country)).count();
            format!("{n} countries")
        }
    };
    match rate.excluded_countries.len() {
        0 => countries,
        1..=4 => format!("{countries} except {}", rate.excluded_countries.names(", ")),
        n => format!("{countries} except {n}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gwei(n: i64) -> Amount {
        Amount::new(n).unwrap()
    }

    fn eth() -> Currency {
        Currency::parse("ETH").unwrap()
    }

    fn in_eth(n: i64) -> Prices {
        vec![(eth(), gwei(n))]
    }

    fn rate(countries: &str, excluded: &str) -> ShippingRate {
        ShippingRate {
            name: "Parcel".into(),
            countries: Regions::parse(countries).unwrap(),
            excluded_countries: Regions::parse(excluded).unwrap(),
            steps: vec![RateStep { up_to: StepLimit::None, prices: in_eth(7) }],
            free_from: Vec::new(),
        }
    }

    fn stepped(steps: Vec<(StepLimit, i64)>) -> ShippingRate {
        let steps = steps.into_iter();
        let steps = steps.map(|(up_to, price)| RateStep { up_to, prices: in_eth(price) });
        ShippingRate { steps: steps.collect(), ..rate("", "") }
    }

    #[test]
    fn a_method_reaches_its_countries_and_groups_but_not_the_excluded() {
        for (countries, excluded, inside, outside) in [
            ("", "", "DE US XK", ""),
            ("World", "", "DE US XK", ""),
            ("DE", "", "DE", "US FR"),
            ("EU,CH", "", "DE CH", "US GB"),
            ("Europe", "RU,BY", "DE XK GB", "RU BY US"),
            ("World", "EU", "US GB", "DE FR"),
        ] {
            let rate = rate(countries, excluded);
            let reaches = |code| rate.reaches(Country::parse(code).ok());
            assert!(inside.split_whitespace().all(reaches), "{countries} less {excluded}");
            assert!(!outside.split_whitespace().any(reaches), "{countries} less {excluded}");
        }
        assert!(rate("", "").reaches(None) && rate("World", "").reaches(None));
        assert!(!rate("Europe", "").reaches(None) && !rate("", "RU").reaches(None));
    }

    #[track_caller]
    fn check(rate: &ShippingRate, grams: i64, subtotal: i64, expected: Option<i64>) {
        let currency = eth();
        let parcel = Parcel { grams, currency: &currency, subtotal: gwei(subtotal) };
        let found = rate.price(parcel).map(Amount::get);
        assert_eq!(found, expected, "{grams} g, {subtotal}");
    }

    #[test]
    fn the_first_step_that_holds_the_parcel_counts_and_its_limit_is_inclusive() {
        let letter = stepped(vec![(StepLimit::Grams(50), 1), (StepLimit::Grams(500), 2)]);
        for (grams, price) in
            [(0, Some(1)), (50, Some(1)), (51, Some(2)), (500, Some(2)), (501, None)]
        {
            check(&letter, grams, 1_000, price);
        }
        let parcel = stepped(vec![(StepLimit::Grams(500), 2), (StepLimit::None, 9)]);
        check(&parcel, 501, 1_000, Some(9));
        let up_to = |n| StepLimit::Subtotals(in_eth(n));
        let by_value = stepped(vec![(up_to(100), 5), (up_to(200), 3), (StepLimit::None, 0)]);
        for (subtotal, price) in [(100, 5), (101, 3), (200, 3), (201, 0)] {
            check(&by_value, 9_999, subtotal, Some(price));
        }
    }

    #[test]
    fn shipping_is_free_from_a_sum_and_still_has_its_largest_weight() {
        let rate = stepped(vec![(StepLimit::Grams(500), 2)]);
        let rate = ShippingRate { free_from: in_eth(100), ..rate };
        check(&rate, 500, 99, Some(2));
        check(&rate, 500, 100, Some(0));
        check(&rate, 501, 100, None);
    }

    #[test]
    fn a_method_has_a_price_in_its_own_currencies_alone() {
        let btc = Currency::parse("BTC").unwrap();
        let parcel = Parcel { grams: 1, currency: &btc, subtotal: gwei(1) };
        assert_eq!(rate("", "").price(parcel), None);
        assert!(rate("", "").has_price_in(&eth()) && !rate("", "").has_price_in(&btc));
    }

    #[test]
    fn the_reach_is_said_in_few_words() {
        for (countries, excluded, expected) in [
            ("", "", "worldwide"),
            ("EU,CH", "", "EU, Switzerland"),
            ("World", "RU,BY", "worldwide except Russia, Belarus"),
            ("DE,AT,CH,FR,IT", "", "5 countries"),
            ("EU,CH,NO,GB,XK", "", "31 countries"),
        ] {
            assert_eq!(reach(&rate(countries, excluded)), expected);
        }
    }
}
