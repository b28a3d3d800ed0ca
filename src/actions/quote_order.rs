//! What an order would cost at this moment, for the buyer's review and for placing it.

use anyhow::Context;

use crate::actions::{ClosedReason, Shop, why_closed};
use crate::domain::cart::{Basket, PricedCart};
use crate::domain::catalog::{Discount, ExchangeRate, ShippingRate, ValidRates};
use crate::domain::orders::{
    CheckoutContext, Choices, PgpBlock, PlacementError, Quote, Refusal, RefusalReason,
};
use crate::domain::payment::Wallet;
use crate::domain::values::{Currency, FiatCurrency, Timestamp};
use crate::infra::mail::SellerKey;
use crate::infra::store;
use crate::infra::store::{Connection, StoreError};

/// Why nothing was or could be ordered.
pub enum PlaceOrderError {
    /// Something changed since the buyer last looked: the buyer looks again.
    Changed(Box<PricedCart>),
    /// Unpaid orders take all the space that they may, so no more are accepted for now.
    NoRoom,
    /// The shop takes no orders now.
    Closed(ClosedReason),
    Refused(Vec<Refusal>),
    Broken(anyhow::Error),
}

broken_from!(PlaceOrderError);

impl PlaceOrderError {
    pub fn refused(field: &'static str, why: RefusalReason) -> Self {
        Self::Refused(vec![Refusal::new(field, why)])
    }
}

/// Which exchange rates count.
#[derive(Clone, Copy)]
pub struct RateTime {
    /// The reference currency; `None`: none counts.
    pub price_in: Option<FiatCurrency>,
    pub now: Timestamp,
}

/// What the prices of all orders are made from, read in one transaction.
pub struct PriceSources {
    wallets: Vec<Wallet>,
    exchange: Vec<ExchangeRate>,
    shipping: Vec<ShippingRate>,
}

impl PriceSources {
    pub async fn read(db: &mut Connection) -> Result<Self, StoreError> {
        Ok(Self {
            wallets: store::wallets::list(db).await?,
            exchange: store::exchange_rates::list(db).await?,
            shipping: store::shipping::list(db).await?,
        })
    }
}

/// What the price of an order is made from.
pub struct CurrentPrices<'a> {
    pub cart: PricedCart,
    pub wallet: &'a Wallet,
    shipping: &'a [ShippingRate],
    discount: Option<(Discount, i64)>,
}

impl<'a> CurrentPrices<'a> {
    /// In the transaction in which the sources were read.
    ///
    /// # Errors
    /// [`PlaceOrderError::Refused`] if the currency is no longer accepted.
    pub async fn read(
        db: &mut Connection,
        sources: &'a PriceSources,
        (basket, currency): (&Basket, &Currency),
        discount_code: &str,
        at: RateTime,
    ) -> Result<Self, PlaceOrderError> {
        let Some(wallet) = sources.wallets.iter().find(|wallet| wallet.currency == *currency)
        else {
            let why = RefusalReason::CurrencyGone(currency.clone());
            return Err(PlaceOrderError::refused("currency", why));
        };
        let keys = basket.lines().iter().map(|line| line.key);
        let rates = ValidRates::of(&sources.exchange, at.price_in, at.now);
        let has_rate = rates.has(currency.as_str());
        let offers = store::offers::list(db, keys, currency, has_rate).await?;
        let mut cart = PricedCart::new(basket, &offers, currency, wallet.coin.most());
        cart.check_shipping(&sources.shipping);
        let discount = match discount_code {
            "" => None,
            code => store::discounts::find(db, code).await?,
        };
        let discount = discount.map(|stored| (stored.discount, stored.used));
        Ok(Self { cart, wallet, shipping: &sources.shipping, discount })
    }

    /// `may_reserve`: whether the buyer's connection may reserve this many items.
    pub fn context(&self, may_reserve: bool) -> CheckoutContext<'_> {
        CheckoutContext {
            cart: &self.cart,
            coin: &self.wallet.coin,
            rates: self.shipping,
            discount: self.discount.clone(),
            may_reserve,
        }
    }
}

/// What a buyer would order.
pub struct PreviewRequest<'a> {
    pub basket: &'a Basket,
    pub currency: &'a Currency,
    pub choices: &'a Choices,
    /// The encrypted address.
    pub block: Option<&'a PgpBlock>,
}

/// An order as it could be placed now. Nothing is stored.
pub struct OrderPreview {
    /// With notices of what changed since the buyer last looked.
    pub cart: PricedCart,
    pub quote: Quote,
}

/// # Errors
/// [`PlaceOrderError`]: why this order could not be placed, with every refusal at once.
pub async fn preview_order(
    shop: &Shop,
    request: PreviewRequest<'_>,
    now: Timestamp,
) -> Result<OrderPreview, PlaceOrderError> {
    if let Some(closed) = why_closed(shop, now).await? {
        return Err(PlaceOrderError::Closed(closed));
    }
    let key = shop.availability.encryption_key(now).map_err(PlaceOrderError::Closed)?;
    let PreviewRequest { basket, currency, choices, block } = request;
    let at = RateTime { price_in: shop.policy.price_in, now };
    let mut db = shop.db.reader().await.context("read prices")?;
    let sources = PriceSources::read(&mut db).await?;
    let cart = (basket, currency);
    let prices = CurrentPrices::read(&mut db, &sources, cart, &choices.discount, at).await?;
    drop(db);
    let mut refusals = check_block(key.as_ref(), block);
    match Quote::new(choices, &prices.context(true), now) {
        Ok(quote) if refusals.is_empty() => Ok(OrderPreview { cart: prices.cart, quote }),
        Ok(_) => Err(PlaceOrderError::Refused(refusals)),
        Err(PlacementError::Cart) => Err(PlaceOrderError::Changed(Box::new(prices.cart))),
        Err(PlacementError::Fields(fields)) => {
            refusals.extend(fields);
            Err(PlaceOrderError::Refused(refusals))
        }
    }
}

/// Why an encrypted address is refused.
pub fn check_block(key: Option<&SellerKey>, block: Option<&PgpBlock>) -> Vec<Refusal> {
    let fault = key.zip(block).and_then(|(key, block)| key.check_block(block).err());
    fault.into_iter().map(|fault| Refusal::new("pgp", fault.into())).collect()
}
