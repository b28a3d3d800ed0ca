//! The cart, and its text form in the cookie.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::domain::catalog::OfferKey;
use crate::domain::values::{Amount, Currency, Quantity};

/// Identifies one state of a cart; the order's code and its checkout form are derived from it.
///
/// Shape: 16 random bytes, new with every change of the cart, known only to the buyer's encrypted cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CartId(pub [u8; 16]);

/// The price of a line when the buyer last saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPrice {
    pub currency: Currency,
    pub price: Amount,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartLine {
    pub key: OfferKey,
    pub quantity: Quantity,
    pub seen: Option<SeenPrice>,
}

/// A buyer's cart.
///
/// Shape: each offer once; as many lines as fit into an encrypted cookie of 4 KB, which is checked where it is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Basket {
    pub id: CartId,
    lines: Vec<CartLine>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no cart")]
pub struct NotACart;

/// More than 99 of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Basket {
    pub fn empty(id: CartId) -> Self {
        Self { id, lines: Vec::new() }
    }

    pub fn lines(&self) -> &[CartLine] {
        &self.lines
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Units: items, of all products together.
    pub fn n_items(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity.get()).sum()
    }

    pub fn quantity_of(&self, key: OfferKey) -> i64 {
        self.lines.iter().find(|line| line.key == key).map_or(0, |line| line.quantity.get())
    }

    /// Adds items of one offer.
    ///
    /// # Errors
    /// [`TooMany`] if there would be more than 99 of it.
    pub fn add(&mut self, key: OfferKey, quantity: Quantity) -> Result<(), TooMany> {
        let already = self.quantity_of(key);
        let sum = Quantity::new(already + quantity.get()).map_err(|_| TooMany)?;
        match self.lines.iter_mut().find(|line| line.key == key) {
            Some(line) => line.quantity = sum,
            None => self.lines.push(CartLine { key, quantity, seen: None }),
        }
        Ok(())
    }

    /// Sets the quantity of an offer; one that is not in the cart is not added.
    pub fn change(&mut self, key: OfferKey, quantity: Quantity) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.key == key) {
            line.quantity = quantity;
        }
    }

    pub fn remove(&mut self, key: OfferKey) {
        self.lines.retain(|line| line.key != key);
    }

    /// Remembers the price that the buyer sees of each line.
    pub fn remember(&mut self, currency: &Currency, price_of: impl Fn(OfferKey) -> Option<Amount>) {
        for line in &mut self.lines {
            line.seen =
                price_of(line.key).map(|price| SeenPrice { currency: currency.clone(), price });
        }
    }

    /// The cookie's text: `1|ID|ETH|PRODUCT.OPTION.QUANTITY.PRICE|…`, with numbers in base 36.
    pub fn write(&self) -> String {
        let currency = self
            .lines
            .iter()
            .find_map(|line| line.seen.as_ref())
            .map_or("", |seen| seen.currency.as_str());
        let id = HEXLOWER.encode(&self.id.0);
        let mut text = format!("1|{id}|{currency}");
        for line in &self.lines {
            let seen =
                line.seen.as_ref().map_or_else(String::new, |seen| base_36(seen.price.get()));
            let OfferKey { product, option } = line.key;
            text.push_str(&format!(
                "|{}.{}.{}.{seen}",
                base_36(product),
                base_36(option),
                base_36(line.quantity.get())
            ));
        }
        text
    }

    /// # Errors
    /// [`NotACart`] for any text that [`Basket::write`] does not write.
    pub fn parse(text: &str) -> Result<Self, NotACart> {
        let mut parts = text.split('|');
        if parts.next() != Some("1") {
            return Err(NotACart);
        }
        let id = parts.next().and_then(id_from_hex).ok_or(NotACart)?;
        let currency = match parts.next().ok_or(NotACart)? {
            "" => None,
            name => Some(Currency::parse(name).map_err(|_| NotACart)?),
        };
        let mut basket = Self::empty(id);
        for part in parts {
            let line = line_from(part, currency.as_ref()).ok_or(NotACart)?;
            if basket.quantity_of(line.key) != 0 {
                return Err(NotACart);
            }
            basket.lines.push(line);
        }
        Ok(basket)
    }
}

fn line_from(part: &str, currency: Option<&Currency>) -> Option<CartLine> {
    let mut numbers = part.split('.');
    let product = from_base_36(numbers.next()?)?;
    let option = from_base_36(numbers.next()?)?;
    let quantity = Quantity::new(from_base_36(numbers.next()?)?).ok()?;
    let seen = match (numbers.next()?, currency) {
        ("", _) => None,
        (price, Some(currency)) => Some(SeenPrice {
            currency: currency.clone(),
            price: Amount::new(from_base_36(price)?).ok()?,
        }),
        (_, None) => return None,
    };
    numbers.next().is_none().then_some(CartLine {
        key: OfferKey { product, option },
        quantity,
        seen,
    })
}

fn id_from_hex(text: &str) -> Option<CartId> {
    let id = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
    id.try_into().ok().map(CartId)
}

fn base_36(mut n: i64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(n % 36).expect("a remainder of a number that is not negative");
        digits.push(char::from_digit(digit, 36).expect("a remainder below 36 is a digit"));
        n /= 36;
        if n == 0 {
            return digits.iter().rev().collect();
        }
    }
}

fn from_base_36(text: &str) -> Option<i64> {
    i64::from_str_radix(text, 36).ok().filter(|n| 0 <= *n && !text.starts_with(['+', '-']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEA: OfferKey = OfferKey { product: 1, option: 0 };
    const RED_SOCKS: OfferKey = OfferKey { product: 40, option: 7 };

    fn quantity(n: i64) -> Quantity {
        Quantity::new(n).unwrap()
    }

    #[test]
    fn the_same_thing_twice_is_one_line() {
        let mut basket = Basket::empty(CartId([7; 16]));
        basket.add(TEA, quantity(2)).unwrap();
        basket.add(RED_SOCKS, quantity(1)).unwrap();
        basket.add(TEA, quantity(3)).unwrap();
        assert_eq!(basket.lines().len(), 2);
        assert_eq!(basket.quantity_of(TEA), 5);
        assert_eq!(basket.n_items(), 6);
        assert_eq!(basket.add(TEA, quantity(95)), Err(TooMany));
        basket.remove(TEA);
        assert_eq!(basket.quantity_of(TEA), 0);
    }

    #[test]
    fn what_no_cart_writes_is_no_cart() {
        let id = "00000000000000000000000000000000";
        for text in [
            "",
            "1",
            "2|x|",
            "1||",
            &format!("1|{id}"),
            &format!("1|{id}||1.0.1.5"),
            &format!("1|{id}||1.0.0."),
            &format!("1|{id}|ETH|1.0.1"),
            &format!("1|{id}||1.0.1.|1.0.2."),
            &format!("1|{id}||-1.0.1."),
            &format!("1|{id}||1.0.1.é"),
        ] {
            assert!(Basket::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(lines in proptest::collection::btree_map((1..1_000_000_i64, 0..9_i64), (1..=99_i64, 0..=i64::MAX), 0..40)) {
            let eth = Currency::parse("ETH").unwrap();
            let mut basket = Basket::empty(CartId([255; 16]));
            for ((product, option), (pieces, _)) in &lines {
                basket.add(OfferKey { product: *product, option: *option }, quantity(*pieces)).unwrap();
            }
            basket.remember(&eth, |key| Amount::new(lines[&(key.product, key.option)].1).ok());
            prop_assert!(Basket::parse(&basket.write()) == Ok(basket));
        }

        #[test]
        fn no_text_panics(text in "1?\\|?[0-9a-z]{0,33}\\|?(ETH)?\\|?.{0,40}") {
            let _ = Basket::parse(&text);
        }
    }
}
