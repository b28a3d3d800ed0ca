//! A checkout form on its way through the review page: in the page itself, encrypted, and nowhere in the shop.

use actix_web::cookie::Key;
use serde::{Deserialize, Serialize};

use crate::domain::cart::CartId;
use crate::domain::values::{Amount, Currency};
use crate::interfaces::http::hex;
use crate::interfaces::web::checkout_form::CheckoutForm;
use crate::interfaces::web::visitor::{decrypt, encrypt};

/// What a buyer has reviewed.
#[derive(Serialize, Deserialize)]
pub struct SealedDraft {
    /// In hexadecimal digits: the draft of one cart is not valid for another.
    cart: String,
    currency: String,
    /// Units: 1e-9 of one coin.
    total: i64,
    pub form: CheckoutForm,
}

impl SealedDraft {
    pub fn new(cart: CartId, currency: &Currency, total: Amount, form: CheckoutForm) -> Self {
        let (cart, currency) = (hex(&cart.0), currency.as_str().to_owned());
        Self { cart, currency, total: total.get(), form }
    }

    pub fn seal(&self, key: &Key) -> String {
        serde_json::to_string(self)
            .map_or_else(|_| String::new(), |text| encrypt(key, "draft", text))
    }

    /// `None` if this shop did not make it.
    pub fn open(key: &Key, sealed: &str) -> Option<Self> {
        serde_json::from_str(&decrypt(key, "draft", sealed)?).ok()
    }

    /// The total that the buyer agreed to; `None` if it was for another cart or in another currency.
    pub fn total_for(&self, cart: CartId, currency: &Currency) -> Option<Amount> {
        let is_same = self.cart == hex(&cart.0) && self.currency == currency.as_str();
        Amount::new(self.total).ok().filter(|_| is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_read_only_by_this_shop_and_only_for_its_cart() {
        let (key, other) = (Key::from(&[1; 64]), Key::from(&[2; 64]));
        let eth = Currency::parse("ETH").unwrap();
        let total = Amount::new(7).unwrap();
        let sealed = SealedDraft::new(CartId([1; 16]), &eth, total, CheckoutForm::default());
        let sealed = sealed.seal(&key);
        assert!(SealedDraft::open(&other, &sealed).is_none());
        assert!(SealedDraft::open(&key, &encrypt(&key, "cart", "{}".to_owned())).is_none());
        let draft = SealedDraft::open(&key, &sealed).unwrap();
        assert_eq!(draft.total_for(CartId([1; 16]), &eth), Some(total));
        assert_eq!(draft.total_for(CartId([2; 16]), &eth), None);
        assert_eq!(draft.total_for(CartId([1; 16]), &Currency::parse("BTC").unwrap()), None);
    }
}
