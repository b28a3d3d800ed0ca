//! How much a discount code takes off, and why it may not apply.

use crate::domain::payment::Coin;
use crate::domain::values::{Amount, Currency, Timestamp};

/// Units: each price in Gwei of its currency, in the order of the wallets.
pub type Prices = Vec<(Currency, Amount)>;

pub fn amount_in(amounts: &Prices, currency: &Currency) -> Option<Amount> {
    amounts.iter().find(|(other, _)| other == currency).map(|(_, amount)| *amount)
}

/// A code that takes something off the items of an order, never off its shipping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Capital letters and digits; what a buyer types is compared case-insensitively.
    pub code: String,
    pub value: DiscountValue,
    /// The start of the first day on which it is valid, UTC; `None`: no start.
    pub from: Option<Timestamp>,
    /// The start of the last day on which it is valid, UTC; `None`: no end.
    pub until: Option<Timestamp>,
    /// Units: orders that may use it; `None`: any number.
    pub uses: Option<i64>,
}

/// How much a code takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscountValue {
    /// 1 to 99.
    Percent(i64),
    /// An amount for each listed currency; in others it takes nothing off.
    Amounts(Prices),
}

/// Why an existing code takes nothing off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountRefusal {
    NotYetValid,
    Expired,
    UsedUp,
    OtherCurrency,
}

/// What a discount applies to: the subtotal of the items, and the cost of shipping.
#[derive(Clone, Copy, Debug)]
pub struct Subtotals<'a> {
    pub currency: &'a Currency,
    pub coin: &'a Coin,
    /// Units: a multiple of the coin's grain.
    pub items: Amount,
    /// Units: the same.
    pub shipping: Amount,
}

impl Discount {
    /// The amount taken off. `used`: how many orders already use the code.
    ///
    /// Rounded down to the coin's grain, so that nobody gets more off than the code says. Something is always left to
    /// pay: at least one grain of the items, and in total the smallest amount that the coin's network relays
    /// ([`Coin::least`]), if it was that much before. An order of zero could not be paid, and an unpaid order is never
    /// shipped.
    ///
    /// # Errors
    /// [`DiscountRefusal`], the first reason of the list.
    pub fn amount_off(
        &self,
        subtotals: Subtotals<'_>,
        used: i64,
        now: Timestamp,
    ) -> Result<Amount, DiscountRefusal> {
        if self.from.is_some_and(|first| now < first) {
            return Err(DiscountRefusal::NotYetValid);
        }
        if self.is_over(now) {
            return Err(DiscountRefusal::Expired);
        }
        if self.uses.is_some_and(|uses| uses <= used) {
            return Err(DiscountRefusal::UsedUp);
        }
        let items = subtotals.items.get();
        let nominal = match &self.value {
            // A percentage without overflowing 64 bits.
            DiscountValue::Percent(percent) => items / 100 * percent + items % 100 * percent / 100,
            DiscountValue::Amounts(amounts) => {
                let amount = amount_in(amounts, subtotals.currency);
                amount.ok_or(DiscountRefusal::OtherCurrency)?.get()
            }
        };
        let total = items.saturating_add(subtotals.shipping.get());
        let least = subtotals.coin.least().get();
        let most_of_total = if least <= total { total - least } else { total };
        let grain = subtotals.coin.grain().get();
        let off = nominal.min(items - grain).min(most_of_total).max(0);
        Ok(Amount::new(off - off % grain).unwrap_or(Amount::ZERO))
    }

    /// Whether its last day is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|last| last.plus_days(1) <= now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 1_800_000_000 - 1_800_000_000 % 86_400 + 43_200;

    fn gwei(n: i64) -> Amount {
        Amount::new(n).unwrap()
    }

    fn coins() -> Vec<(Currency, Coin)> {
        let token = |decimals| Coin::Token { chain: 1, contract: String::new(), decimals };
        [
            ("BTC", Coin::BITCOIN),
            ("XMR", Coin::Monero),
            ("ETH", Coin::Ether { chain: 1 }),
            ("USDC", token(6)),
            ("DAI", token(18)),
            ("WBTC", token(8)),
            ("GUSD", token(2)),
            ("HOURS", token(0)),
            ("FINE", token(36)),
        ]
        .map(|(currency, coin)| (Currency::parse(currency).unwrap(), coin))
        .to_vec()
    }

    fn spring(value: DiscountValue) -> Discount {
        Discount { code: "SPRING".into(), value, from: None, until: None, uses: None }
    }

    fn amount_off(
        discount: &Discount,
        (currency, coin): &(Currency, Coin),
        items: i64,
        shipping: i64,
    ) -> Amount {
        let subtotals = Subtotals { currency, coin, items: gwei(items), shipping: gwei(shipping) };
        discount.amount_off(subtotals, 0, Timestamp::new(NOON).unwrap()).unwrap()
    }

    #[track_caller]
    fn check_time(from: &str, until: &str, at: i64, expected: Option<DiscountRefusal>) {
        let day = |text: &str| Timestamp::parse_day(text).ok();
        let discount =
            Discount { from: day(from), until: day(until), ..spring(DiscountValue::Percent(10)) };
        let currency = Currency::parse("XMR").unwrap();
        let subtotals = Subtotals {
            currency: &currency,
            coin: &Coin::Monero,
            items: gwei(1_000),
            shipping: Amount::ZERO,
        };
        let found = discount.amount_off(subtotals, 0, Timestamp::new(at).unwrap());
        assert_eq!(found.err(), expected, "{from} to {until} at {at}");
    }

    #[test]
    fn both_days_count() {
        let day = |text: &str| Timestamp::parse_day(text).unwrap().get();
        let (first, last) = ("2026-12-01", "2026-12-24");
        check_time(first, last, day(first) - 1, Some(DiscountRefusal::NotYetValid));
        check_time(first, last, day(first), None);
        check_time(first, last, day("2026-12-25") - 1, None);
        check_time(first, last, day("2026-12-25"), Some(DiscountRefusal::Expired));
        check_time("", last, 0, None);
        check_time(first, "", day("2099-01-01"), None);
        check_time(first, first, day(first) + 86_399, None);
    }

    #[test]
    fn the_last_use_is_the_last() {
        let discount = Discount { uses: Some(2), ..spring(DiscountValue::Percent(10)) };
        let currency = Currency::parse("XMR").unwrap();
        let less = |used| {
            let coin = &Coin::Monero;
            let subtotals =
                Subtotals { currency: &currency, coin, items: gwei(1_000), shipping: Amount::ZERO };
            discount.amount_off(subtotals, used, Timestamp::new(NOON).unwrap())
        };
        assert_eq!((less(0), less(1)), (Ok(gwei(100)), Ok(gwei(100))));
        assert_eq!(
            (less(2), less(3)),
            (Err(DiscountRefusal::UsedUp), Err(DiscountRefusal::UsedUp))
        );
    }

    #[test]
    fn an_amount_counts_in_its_own_currency_alone() {
        let [btc, xmr] = [0, 1].map(|n| coins()[n].clone());
        let discount = spring(DiscountValue::Amounts(vec![(btc.0.clone(), gwei(50_000))]));
        assert_eq!(amount_off(&discount, &btc, 200_000, 0), gwei(50_000));
        let subtotals = Subtotals {
            currency: &xmr.0,
            coin: &xmr.1,
            items: gwei(200_000),
            shipping: Amount::ZERO,
        };
        let found = discount.amount_off(subtotals, 0, Timestamp::new(NOON).unwrap());
        assert_eq!(found, Err(DiscountRefusal::OtherCurrency));
    }

    #[test]
    fn something_is_left_to_pay() {
        let [btc, xmr] = [0, 1].map(|n| coins()[n].clone());
        let much = |currency: &Currency| {
            spring(DiscountValue::Amounts(vec![(currency.clone(), gwei(1_000_000_000))]))
        };
        // 546 satoshi, which Bitcoin's nodes relay.
        assert_eq!(amount_off(&much(&btc.0), &btc, 200_000, 0), gwei(200_000 - 5_460));
        assert_eq!(amount_off(&much(&btc.0), &btc, 200_000, 5_000), gwei(200_000 - 460));
        assert_eq!(amount_off(&much(&btc.0), &btc, 200_000, 90_000), gwei(200_000 - 10));
        // An amount that could not be paid before is discounted all the same.
        assert_eq!(amount_off(&spring(DiscountValue::Percent(50)), &btc, 2_000, 0), gwei(1_000));
        assert_eq!(amount_off(&much(&xmr.0), &xmr, 200_000, 0), gwei(199_999));
        assert_eq!(amount_off(&spring(DiscountValue::Percent(99)), &xmr, 1, 0), Amount::ZERO);
    }

    proptest! {
        #[test]
        fn a_percentage_is_exact_and_rounded_down_to_the_grain(steps in 1..i64::MAX / 2, percent in 1..=99_i64, shipping in 0..1_000_000_i64) {
            for (currency, coin) in coins() {
                let (grain, most) = (coin.grain().get(), coin.most().get());
                let items = (steps % (most / grain)).max(1) * grain;
                let shipping = shipping % (most / grain) * grain;
                let less = amount_off(&spring(DiscountValue::Percent(percent)), &(currency.clone(), coin.clone()), items, shipping).get();
                let exact = i128::from(items) * i128::from(percent);
                prop_assert_eq!(less % grain, 0, "{}", currency);
                // Never more than the code says …
                prop_assert!(i128::from(less) * 100 <= exact, "{}", currency);
                // … and less than one grain below it, if the rest can still be paid.
                let down = items - i64::try_from(exact / 100 / i128::from(grain) * i128::from(grain)).unwrap();
                if grain <= down && (coin.least().get() <= down + shipping || items + shipping < coin.least().get()) {
                    prop_assert!(exact < (i128::from(less) + i128::from(grain)) * 100, "{}", currency);
                }
            }
        }

        #[test]
        fn a_total_is_never_below_what_can_be_paid(steps in 1..1_000_000_000_i64, off in 1..2_000_000_000_i64, shipping in 0..1_000_000_i64, percent in proptest::option::of(1..=99_i64)) {
            for (currency, coin) in coins() {
                let (grain, most) = (coin.grain().get(), coin.most().get() / coin.grain().get());
                let [items, shipping] = [(steps % most).max(1), shipping % most].map(|n| n * grain);
                let off = (off % most).max(1) * grain;
                let less = percent.map_or_else(|| DiscountValue::Amounts(vec![(currency.clone(), gwei(off))]), DiscountValue::Percent);
                let by_amount = percent.is_none();
                let less = amount_off(&spring(less), &(currency.clone(), coin.clone()), items, shipping).get();
                prop_assert_eq!(less % grain, 0);
                prop_assert!(0 <= less && grain <= items - less, "{}", currency);
                let total = items - less + shipping;
                prop_assert!(coin.least().get().min(items + shipping) <= total, "{}", currency);
                if by_amount && grain <= items - off && coin.least().get() <= items - off + shipping {
                    prop_assert_eq!(less, off, "{}", currency);
                }
            }
        }
    }
}
