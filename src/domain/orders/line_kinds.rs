//! What the kinds of an order's lines mean for the order.

use crate::domain::catalog::ProductKind;
use crate::domain::orders::{Order, OrderLine, PendingTask, Status};

impl Order {
    /// Whether any of it goes into a parcel.
    pub fn is_shipped(&self) -> bool {
        self.lines.is_empty() || self.lines.iter().any(|line| line.kind.is_shipped())
    }

    /// Whether all of it is delivered on the order's page.
    pub fn is_digital(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|line| line.kind.is_digital())
    }

    /// Whether the order's page shows what is delivered there: once a node or the seller has confirmed the payment.
    pub fn shows_deliveries(&self) -> bool {
        matches!(self.status, Status::Confirmed | Status::Overpaid | Status::Shipped)
    }

    /// What the order waits for.
    pub fn pending_task(&self) -> PendingTask {
        PendingTask::of(self.status, self.is_delivered)
    }
}

impl OrderLine {
    /// The kind in brackets, for the seller; a shipped line needs none.
    pub fn kind_mark(&self) -> String {
        match self.kind {
            ProductKind::Shipped => String::new(),
            kind => format!(" [{}]", kind.as_str()),
        }
    }
}
