//! Turns a checkout form into an order.

use crate::actions::Shop;
use crate::actions::insert_order::{OrderRequest, PreparedOrder};
use crate::actions::order_queue::queue_order;
use crate::actions::quote_order::PlaceOrderError;
use crate::domain::orders::OrderRef;
use crate::domain::values::Timestamp;
use crate::infra::failpoints;

/// A draft becomes an order, once for each cart: prices, stock and address are the shop's own at this moment. The message
/// to the seller is made and sealed in memory, and is kept in the same transaction as the order. `fresh`: the order's
/// reference, unless this cart is an order already. `on_placed`: called as soon as this is committed as a new order, whether
/// the buyer still waits or not.
///
/// # Errors
/// [`PlaceOrderError`]: nothing was ordered.
pub async fn place_order(
    shop: &Shop,
    request: OrderRequest,
    (fresh, now): (OrderRef, Timestamp),
    on_placed: impl FnOnce() + Send + 'static,
) -> Result<OrderRef, PlaceOrderError> {
    let prepared = PreparedOrder::new(shop, request, fresh, now)?;
    let order_ref = queue_order(shop, prepared, Box::new(on_placed)).await?;
    failpoints::at("before-answer");
    Ok(order_ref)
}
