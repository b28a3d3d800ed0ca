//! What an order's status leaves for the seller to do.

use crate::domain::orders::Status;

/// What an order waits for, according to its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingTask {
    /// For the payment, or its confirmation.
    ToPay,
    ToShip,
    /// The payment came too late, or the items are sold out: ship the order, or refund it.
    ToDecide,
    /// For nothing.
    Done,
}

impl PendingTask {
    pub const ALL: [Self; 4] = [Self::ToPay, Self::ToShip, Self::ToDecide, Self::Done];

    /// What an order waits for. `is_delivered`: whether its buyer has got everything on the order's page.
    pub fn of(status: Status, is_delivered: bool) -> Self {
        match status.pending_task() {
            Self::ToShip if is_delivered => Self::Done,
            task => task,
        }
    }

    /// The statuses in which an order can have this task.
    pub fn states(self) -> Vec<Status> {
        let may_wait =
            |status: &Status| [false, true].map(|is| Self::of(*status, is)).contains(&self);
        Status::ALL.into_iter().filter(may_wait).collect()
    }

    /// Which of the paid orders have this task: those that are delivered on the order's page, or those that are not.
    /// `None`: all, or none of them.
    pub fn is_delivered(self) -> Option<bool> {
        [false, true].into_iter().find(|is| {
            Self::of(Status::Confirmed, *is) == self && Self::of(Status::Confirmed, !*is) != self
        })
    }

    /// One word, for URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToPay => "pay",
            Self::ToShip => "send",
            Self::ToDecide => "decide",
            Self::Done => "done",
        }
    }

    /// For the seller.
    pub fn title(self) -> &'static str {
        match self {
            Self::ToPay => "Awaiting payment",
            Self::ToShip => "To ship",
            Self::ToDecide => "Needs decision",
            Self::Done => "Done",
        }
    }
}

impl Status {
    /// Of an order of which something is not delivered on its page.
    pub fn pending_task(self) -> PendingTask {
        match self {
            Self::Awaiting | Self::Reported | Self::Partial | Self::Unconfirmed => {
                PendingTask::ToPay
            }
            Self::Confirmed | Self::Overpaid => PendingTask::ToShip,
            Self::Late | Self::Oversold => PendingTask::ToDecide,
            Self::Expired | Self::Shipped | Self::Refunded | Self::Cancelled => PendingTask::Done,
        }
    }

    /// The status in a few words, for the seller.
    pub fn for_seller(self) -> &'static str {
        match self {
            Self::Awaiting => "Awaiting payment",
            Self::Reported => "Payment reported",
            Self::Partial => "Partially paid",
            Self::Unconfirmed => "Payment detected, not confirmed yet",
            Self::Confirmed => "Paid",
            Self::Overpaid => "Overpaid",
            Self::Oversold => "Paid, but sold out",
            Self::Expired => "Expired unpaid",
            Self::Late => "Paid late",
            Self::Shipped => "Shipped",
            Self::Refunded => "Refunded",
            Self::Cancelled => "Cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_one_duty_and_what_is_done_is_finished() {
        let n_states: usize = PendingTask::ALL.into_iter().map(|duty| duty.states().len()).sum();
        // Two may be delivered on the order's page, and done with that.
        assert_eq!(n_states, Status::ALL.len() + 2);
        for status in [Status::Confirmed, Status::Overpaid] {
            assert_eq!(PendingTask::of(status, false), PendingTask::ToShip);
            assert_eq!(PendingTask::of(status, true), PendingTask::Done);
        }
        assert_eq!(PendingTask::of(Status::Unconfirmed, true), PendingTask::ToPay);
        let is_delivered = PendingTask::ALL.map(PendingTask::is_delivered);
        assert_eq!(is_delivered, [None, Some(false), None, Some(true)]);
        for status in Status::ALL {
            assert_eq!(
                status.pending_task() == PendingTask::Done,
                status.is_finished(),
                "{status}"
            );
        }
    }
}
