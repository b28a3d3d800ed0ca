//! The order that a browser has open, for its page and its receipt.

use crate::domain::orders::{LookupName, Order, Status};
use crate::domain::payment::Tolerance;
use crate::domain::values::Amount;
use crate::infra::store;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::text;
use crate::interfaces::web::visitor::{OpenOrder, Visitor};

pub async fn find_open(app: &AppState, visitor: &Visitor) -> Result<Option<Order>, PageError> {
    match &visitor.open_order {
        Some(open) => {
            let mut db = app.shop.db.reader().await?;
            Ok(store::orders::find_by_lookup(&mut db, &lookup(app, open)).await?)
        }
        None => Ok(None),
    }
}

pub fn lookup(app: &AppState, open: &OpenOrder) -> LookupName {
    open.code.lookup_name(&app.shop.salt)
}

/// What has come, by whom it was seen.
pub struct Seen {
    /// By the seller's node.
    pub by_node: Option<Amount>,
    /// Of it, where it is less.
    pub settled: Option<Amount>,
    pub confirmations: Option<String>,
    /// By the seller's word, while it is not all.
    pub by_seller: Option<Amount>,
    pub missing: Option<Amount>,
    pub excess: Option<Amount>,
}

impl Seen {
    pub fn of(order: &Order, status: Status, tolerance: Tolerance) -> Self {
        let invoice = &order.invoice;
        let some = |sum: Amount| Some(sum).filter(|sum| Amount::ZERO < *sum);
        let (by_node, settled) = match &invoice.observation {
            Some(observation) => (
                some(observation.seen),
                some(observation.settled).filter(|settled| *settled < observation.seen),
            ),
            None => (None, None),
        };
        Self {
            by_node,
            settled,
            confirmations: order.depth().map(|depth| match depth.needed {
                0 => "0".to_owned(),
                needed => {
                    let of = text("order-confirmations-of").count("n", depth.n);
                    of.count("needed", needed).to_string()
                }
            }),
            by_seller: some(invoice.received).filter(|sum| *sum < invoice.amount),
            missing: some(order.due(tolerance))
                .filter(|due| status == Status::Late && *due < invoice.amount),
            excess: some(order.excess()).filter(|_| status == Status::Overpaid),
        }
    }
}

/// What was ordered and what it cost, line by line.
pub fn bill(order: &Order) -> Vec<(String, String)> {
    let mut bill = Vec::new();
    for line in &order.lines {
        let what =
            text("order-line").count("quantity", line.quantity).with("name", line.full_name());
        bill.push((what.to_string(), line.sum.to_string()));
    }
    if let Some(discount) = &order.discount {
        let what = match discount.percent {
            Some(percent) => text("order-discount-percent").count("percent", percent),
            None => text("order-discount"),
        };
        bill.push((what.to_string(), format!("−{}", discount.less)));
    }
    if let Some(sending) = &order.sending {
        let what = text("order-shipping").with("name", &sending.name);
        bill.push((what.to_string(), sending.price.to_string()));
    }
    bill
}
