//! The order that a browser has open, for its page and its receipt.

use crate::domain::orders::{
    AppliedDiscount, CheckoutKey, LookupName, Order, OrderShipping, Status,
};
use crate::domain::payment::Tolerance;
use crate::domain::values::{Amount, Quantity};
use crate::infra::store;
use crate::infra::store::StoreError;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::{Text, text};
use crate::interfaces::web::visitor::Visitor;

/// Whether the visitor's cart has become an order: a checkout form that is sent twice makes one.
pub async fn is_placed(app: &AppState, visitor: &Visitor) -> Result<bool, StoreError> {
    let key = CheckoutKey::of_cart(visitor.basket.id);
    store::orders::is_placed(&mut *app.shop.db.reader().await?, &key).await
}

/// # Errors
/// [`PageError::NoOrderOpen`]: the browser has no order open.
pub fn lookup_name(context: &RequestContext) -> Result<LookupName, PageError> {
    let open = context.visitor.open_order.as_ref().ok_or(PageError::NoOrderOpen)?;
    Ok(open.code.lookup_name(&context.app.shop.salt))
}

/// # Errors
/// [`PageError::NoOrderOpen`]: the browser has no order open, or its code no longer opens one.
pub async fn find_open(context: &RequestContext) -> Result<Order, PageError> {
    let name = lookup_name(context)?;
    let mut db = context.app.shop.db.reader().await?;
    store::orders::find_by_lookup(&mut db, &name).await?.ok_or(PageError::NoOrderOpen)
}

/// What has been paid, and who says so.
pub struct PaymentView {
    /// By the seller's node.
    pub detected: Option<Amount>,
    /// The settled part of it, if that is less.
    pub settled: Option<Amount>,
    pub confirmations: Option<String>,
    /// Confirmed by the seller, if that is not the whole amount.
    pub by_seller: Option<Amount>,
    pub missing: Option<Amount>,
    pub excess: Option<Amount>,
}

impl PaymentView {
    pub fn new(order: &Order, status: Status, tolerance: Tolerance) -> Self {
        let invoice = &order.invoice;
        let positive = |sum: Amount| Some(sum).filter(|sum| Amount::ZERO < *sum);
        let (detected, settled) = match &invoice.observation {
            Some(observation) => (
                positive(observation.seen),
                positive(observation.settled).filter(|settled| *settled < observation.seen),
            ),
            None => (None, None),
        };
        Self {
            detected,
            settled,
            confirmations: confirmations(order),
            by_seller: positive(invoice.received).filter(|sum| *sum < invoice.amount),
            missing: positive(order.due(tolerance))
                .filter(|due| status == Status::Late && *due < invoice.amount),
            excess: positive(order.excess()).filter(|_| status == Status::Overpaid),
        }
    }

    /// Whether there is anything to show.
    pub fn has_any(&self) -> bool {
        let sums = [&self.detected, &self.by_seller, &self.missing, &self.excess];
        sums.iter().any(|sum| sum.is_some()) || self.confirmations.is_some()
    }
}

fn confirmations(order: &Order) -> Option<String> {
    if order.is_accepted_unconfirmed() {
        return Some(text("order-confirmations-none-needed").to_string());
    }
    order.confirmation_progress().map(|progress| match progress.needed {
        0 => "0".to_owned(),
        needed => {
            let of = text("order-confirmations-of").count("n", progress.n);
            of.count("needed", needed).to_string()
        }
    })
}

pub struct BillLine {
    pub label: Text<'static>,
    pub sum: String,
}

/// What was ordered and what it costs.
pub fn bill(order: &Order) -> Vec<BillLine> {
    let items = order.lines.iter().map(|line| item(line.quantity, &line.full_name(), line.sum));
    items.chain(adjustments(order.discount.as_ref(), order.shipping.as_ref())).collect()
}

pub fn item(quantity: Quantity, name: &str, sum: Amount) -> BillLine {
    let label = text("order-line").count("quantity", quantity).with("name", name);
    BillLine { label, sum: sum.to_string() }
}

/// What is added to the items, and what is taken off.
pub fn adjustments(
    discount: Option<&AppliedDiscount>,
    shipping: Option<&OrderShipping>,
) -> impl Iterator<Item = BillLine> {
    let discount = discount.map(|discount| {
        let label = match discount.percent {
            Some(percent) => text("order-discount-percent").count("percent", percent),
            None => text("order-discount"),
        };
        BillLine { label, sum: format!("−{}", discount.amount) }
    });
    let shipping = shipping.map(|shipping| {
        let label = text("order-shipping").with("name", &shipping.name);
        BillLine { label, sum: shipping.price.to_string() }
    });
    discount.into_iter().chain(shipping)
}
