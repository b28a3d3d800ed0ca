//! Which orders the seller is not notified of yet.

use crate::domain::orders::Status;
use crate::domain::values::Notify;

/// How fast unpaid orders arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderRate {
    Usual,
    /// So fast that a siege may be starting.
    Burst,
    Siege,
}

/// How long the messages of an order are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationHold {
    /// They are delivered at once.
    No,
    /// Until a payment is reported or detected.
    UntilReported,
    /// Until a payment is detected, by the seller or their node.
    UntilPaid,
    /// Until it is clear that no siege is starting: for 10 to 20 seconds.
    Briefly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number from 0 to 3")]
pub struct NotANotificationHold;

impl NotificationHold {
    /// For an order that is placed with this status.
    pub fn at_placement(notify: Notify, rate: OrderRate, status: Status) -> Self {
        let hold = match notify {
            Notify::Placed if rate == OrderRate::Siege => Self::UntilReported,
            Notify::Placed if rate == OrderRate::Burst => Self::Briefly,
            Notify::Placed => Self::No,
            Notify::Reported => Self::UntilReported,
            Notify::Paid => Self::UntilPaid,
        };
        hold.after(status)
    }

    /// The hold after a change to this status.
    pub fn after(self, status: Status) -> Self {
        let waits = match self {
            Self::No => false,
            Self::UntilReported | Self::Briefly => has_no_payment_news(status),
            // A reported payment for an expired order makes it late; only a detected payment ends the hold.
            Self::UntilPaid => {
                has_no_payment_news(status) || matches!(status, Status::Reported | Status::Late)
            }
        };
        if waits { self } else { Self::No }
    }

    /// As it is stored.
    pub fn number(self) -> i64 {
        match self {
            Self::No => 0,
            Self::UntilReported => 1,
            Self::UntilPaid => 2,
            Self::Briefly => 3,
        }
    }

    /// # Errors
    /// [`NotANotificationHold`] for any other number.
    pub fn parse(number: i64) -> Result<Self, NotANotificationHold> {
        let all = [Self::No, Self::UntilReported, Self::UntilPaid, Self::Briefly];
        all.into_iter().find(|hold| hold.number() == number).ok_or(NotANotificationHold)
    }
}

/// Whether no payment of such an order was reported or detected.
fn has_no_payment_news(status: Status) -> bool {
    matches!(status, Status::Awaiting | Status::Expired | Status::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(notify: Notify, rate: OrderRate, status: Status, expected: NotificationHold) {
        let hold = NotificationHold::at_placement(notify, rate, status);
        assert_eq!(hold, expected, "{notify:?} {rate:?} {status}");
    }

    #[test]
    fn an_order_is_quiet_as_the_seller_wants_and_at_least_unpaid_ones_under_siege() {
        use OrderRate::{Burst, Siege, Usual};
        check(Notify::Placed, Usual, Status::Awaiting, NotificationHold::No);
        check(Notify::Placed, Burst, Status::Awaiting, NotificationHold::Briefly);
        check(Notify::Placed, Burst, Status::Reported, NotificationHold::No);
        check(Notify::Placed, Siege, Status::Awaiting, NotificationHold::UntilReported);
        check(Notify::Placed, Siege, Status::Reported, NotificationHold::No);
        check(Notify::Reported, Usual, Status::Awaiting, NotificationHold::UntilReported);
        check(Notify::Reported, Siege, Status::Reported, NotificationHold::No);
        for rate in [Usual, Burst, Siege] {
            check(Notify::Paid, rate, Status::Awaiting, NotificationHold::UntilPaid);
            check(Notify::Paid, rate, Status::Reported, NotificationHold::UntilPaid);
        }
    }

    #[test]
    fn whatever_tells_of_money_ends_it() {
        for status in Status::ALL {
            let name = status.as_str();
            let unheard = ["awaiting", "expired", "cancelled"].contains(&name);
            assert_eq!(
                NotificationHold::UntilReported.after(status) != NotificationHold::No,
                unheard,
                "{status}"
            );
            let unpaid = unheard || ["reported", "late"].contains(&name);
            assert_eq!(
                NotificationHold::UntilPaid.after(status) != NotificationHold::No,
                unpaid,
                "{status}"
            );
            assert_eq!(NotificationHold::No.after(status), NotificationHold::No, "{status}");
        }
    }

    #[test]
    fn it_is_stored_as_a_number() {
        for hold in [
            NotificationHold::No,
            NotificationHold::UntilReported,
            NotificationHold::UntilPaid,
            NotificationHold::Briefly,
        ] {
            assert_eq!(NotificationHold::parse(hold.number()), Ok(hold));
        }
        assert_eq!(NotificationHold::parse(4), Err(NotANotificationHold));
    }
}
