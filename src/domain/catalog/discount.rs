//! How much a discount code takes off, and why it may not apply.

use crate::domain::payment::Coin;
use crate::domain::values::{Amount, Currency, Timestamp};

/// Units: each price in Gwei of its currency, in the order of the wallets.
pub type Prices = Vec<(Currency, Amount)>;

/// A code that takes something off the items of an order, never off its shipping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// Capital letters and digits; what a buyer types is compared case-insensitively.
    pub code: String,
    pub less: Less,
    /// The start of the first day on which it is valid, UTC; `None`: no start.
    pub from: Option<Timestamp>,
    /// The start of the last day on which it is valid, UTC; `None`: no end.
    pub until: Option<Timestamp>,
    /// Units: orders that may use it; `None`: any number.
    pub uses: Option<i64>,
}

/// How much a code takes off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Less {
    /// 1 to 99.
    Percent(i64),
    /// An amount for each listed currency; in others it takes nothing off.
    Amounts(Prices),
}

/// Why an existing code takes nothing off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotUsable {
    NotYet,
    NoLonger,
    UsedUp,
    OtherCurrency,
}

/// What a discount applies to: the sum of the items, and the cost of shipping.
#[derive(Clone, Copy, Debug)]
pub struct Sum<'a> {
    pub currency: &'a Currency,
    pub coin: &'a Coin,
    /// Units: a multiple of the coin's grain.
    pub goods: Amount,
    /// Units: the same.
    pub sending: Amount,
}

impl Discount {
    /// The discount. `used`: how many orders already use the code.
    ///
    /// Rounded down to the coin's grain, so that nobody gets more off than the code says. Something is always left to
    /// pay: at least one grain of the items, and in total the smallest amount that the coin's network relays
    /// ([`Coin::least`]), if it was that much before. An order of zero could not be paid, and an unpaid order is never
    /// shipped.
    ///
    /// # Errors
    /// [`NotUsable`], the first reason of the list.
    pub fn less(&self, sum: Sum<'_>, used: i64, now: Timestamp) -> Result<Amount, NotUsable> {
        if self.from.is_some_and(|first| now < first) {
            return Err(NotUsable::NotYet);
        }
        if self.is_over(now) {
            return Err(NotUsable::NoLonger);
        }
        if self.uses.is_some_and(|uses| uses <= used) {
            return Err(NotUsable::UsedUp);
        }
        let goods = sum.goods.get();
        let less = match &self.less {
            // A percentage without overflowing 64 bits.
            Less::Percent(percent) => goods / 100 * percent + goods % 100 * percent / 100,
            Less::Amounts(amounts) => {
                let of = amounts.iter().find(|(currency, _)| currency == sum.currency);
                of.ok_or(NotUsable::OtherCurrency)?.1.get()
            }
        };
        let whole = goods.saturating_add(sum.sending.get());
        let least = sum.coin.least().get();
        let left_of_all = if least <= whole { whole - least } else { whole };
        let grain = sum.coin.grain().get();
        let less = less.min(goods - grain).min(left_of_all).max(0);
        Ok(Amount::new(less - less % grain).unwrap_or(Amount::ZERO))
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
            ("BTC", Coin::Bitcoin),
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

    fn spring(less: Less) -> Discount {
        Discount { code: "SPRING".into(), less, from: None, until: None, uses: None }
    }

    fn less_of(
        discount: &Discount,
        (currency, coin): &(Currency, Coin),
        goods: i64,
        sending: i64,
    ) -> Amount {
        let sum = Sum { currency, coin, goods: gwei(goods), sending: gwei(sending) };
        discount.less(sum, 0, Timestamp::new(NOON).unwrap()).unwrap()
    }

    #[track_caller]
    fn check_time(from: &str, until: &str, at: i64, expected: Option<NotUsable>) {
        let day = |text: &str| Timestamp::parse_day(text).ok();
        let discount = Discount { from: day(from), until: day(until), ..spring(Less::Percent(10)) };
        let currency = Currency::parse("XMR").unwrap();
        let sum = Sum {
            currency: &currency,
            coin: &Coin::Monero,
            goods: gwei(1_000),
            sending: Amount::ZERO,
        };
        let found = discount.less(sum, 0, Timestamp::new(at).unwrap());
        assert_eq!(found.err(), expected, "{from} to {until} at {at}");
    }

    #[test]
    fn both_days_count() {
        let day = |text: &str| Timestamp::parse_day(text).unwrap().get();
        let (first, last) = ("2026-12-01", "2026-12-24");
        check_time(first, last, day(first) - 1, Some(NotUsable::NotYet));
        check_time(first, last, day(first), None);
        check_time(first, last, day("2026-12-25") - 1, None);
        check_time(first, last, day("2026-12-25"), Some(NotUsable::NoLonger));
        check_time("", last, 0, None);
        check_time(first, "", day("2099-01-01"), None);
        check_time(first, first, day(first) + 86_399, None);
    }

    #[test]
    fn the_last_use_is_the_last() {
        let discount = Discount { uses: Some(2), ..spring(Less::Percent(10)) };
        let currency = Currency::parse("XMR").unwrap();
        let less = |used| {
            let coin = &Coin::Monero;
            let sum = Sum { currency: &currency, coin, goods: gwei(1_000), sending: Amount::ZERO };
            discount.less(sum, used, Timestamp::new(NOON).unwrap())
        };
        assert_eq!((less(0), less(1)), (Ok(gwei(100)), Ok(gwei(100))));
        assert_eq!((less(2), less(3)), (Err(NotUsable::UsedUp), Err(NotUsable::UsedUp)));
    }

    #[test]
    fn an_amount_counts_in_its_own_currency_alone() {
        let [btc, xmr] = [0, 1].map(|n| coins()[n].clone());
        let discount = spring(Less::Amounts(vec![(btc.0.clone(), gwei(50_000))]));
        assert_eq!(less_of(&discount, &btc, 200_000, 0), gwei(50_000));
        let sum =
            Sum { currency: &xmr.0, coin: &xmr.1, goods: gwei(200_000), sending: Amount::ZERO };
        let found = discount.less(sum, 0, Timestamp::new(NOON).unwrap());
        assert_eq!(found, Err(NotUsable::OtherCurrency));
    }

    #[test]
    fn something_is_left_to_pay() {
        let [btc, xmr] = [0, 1].map(|n| coins()[n].clone());
        let much = |currency: &Currency| {
            spring(Less::Amounts(vec![(currency.clone(), gwei(1_000_000_000))]))
        };
        // 546 satoshi, which Bitcoin's nodes relay.
        assert_eq!(less_of(&much(&btc.0), &btc, 200_000, 0), gwei(200_000 - 5_460));
        assert_eq!(less_of(&much(&btc.0), &btc, 200_000, 5_000), gwei(200_000 - 460));
        assert_eq!(less_of(&much(&btc.0), &btc, 200_000, 90_000), gwei(200_000 - 10));
        // An amount that could not be paid before is discounted all the same.
        assert_eq!(less_of(&spring(Less::Percent(50)), &btc, 2_000, 0), gwei(1_000));
        assert_eq!(less_of(&much(&xmr.0), &xmr, 200_000, 0), gwei(199_999));
        assert_eq!(less_of(&spring(Less::Percent(99)), &xmr, 1, 0), Amount::ZERO);
    }

    proptest! {
        #[test]
        fn a_percentage_is_exact_and_rounded_down_to_the_grain(steps in 1..i64::MAX / 2, percent in 1..=99_i64, sending in 0..1_000_000_i64) {
            for (currency, coin) in coins() {
                let (grain, most) = (coin.grain().get(), coin.most().get());
                let goods = (steps % (most / grain)).max(1) * grain;
                let sending = sending % (most / grain) * grain;
                let less = less_of(&spring(Less::Percent(percent)), &(currency.clone(), coin.clone()), goods, sending).get();
                let exact = i128::from(goods) * i128::from(percent);
                prop_assert_eq!(less % grain, 0, "{}", currency);
                // Never more than the code says …
                prop_assert!(i128::from(less) * 100 <= exact, "{}", currency);
                // … and less than one grain below it, if the rest can still be paid.
                let down = goods - i64::try_from(exact / 100 / i128::from(grain) * i128::from(grain)).unwrap();
                if grain <= down && (coin.least().get() <= down + sending || goods + sending < coin.least().get()) {
                    prop_assert!(exact < (i128::from(less) + i128::from(grain)) * 100, "{}", currency);
                }
            }
        }

        #[test]
        fn a_total_is_never_below_what_can_be_paid(steps in 1..1_000_000_000_i64, off in 1..2_000_000_000_i64, sending in 0..1_000_000_i64, percent in proptest::option::of(1..=99_i64)) {
            for (currency, coin) in coins() {
                let (grain, most) = (coin.grain().get(), coin.most().get() / coin.grain().get());
                let [goods, sending] = [(steps % most).max(1), sending % most].map(|n| n * grain);
                let off = (off % most).max(1) * grain;
                let less = percent.map_or_else(|| Less::Amounts(vec![(currency.clone(), gwei(off))]), Less::Percent);
                let by_amount = percent.is_none();
                let less = less_of(&spring(less), &(currency.clone(), coin.clone()), goods, sending).get();
                prop_assert_eq!(less % grain, 0);
                prop_assert!(0 <= less && grain <= goods - less, "{}", currency);
                let total = goods - less + sending;
                prop_assert!(coin.least().get().min(goods + sending) <= total, "{}", currency);
                if by_amount && grain <= goods - off && coin.least().get() <= goods - off + sending {
                    prop_assert_eq!(less, off, "{}", currency);
                }
            }
        }
    }
}
