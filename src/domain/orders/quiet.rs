//! Orders of which the seller is not notified yet.

use crate::domain::orders::Status;
use crate::domain::values::Notify;

/// How fast unpaid orders come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderRate {
    Usual,
    /// So fast that a siege may begin.
    Burst,
    Siege,
}

/// Until when the messages of an order wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// They are delivered.
    No,
    /// Until a payment is reported or seen.
    UntilReported,
    /// Until a payment is seen, by the seller or the seller's node.
    UntilPaid,
    /// Until it is clear that no siege begins: for 10 to 20 seconds.
    Briefly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number from 0 to 3")]
pub struct NotAQuiet;

impl Quiet {
    /// Of an order that is placed with this status.
    pub fn at_placement(notify: Notify, rate: OrderRate, status: Status) -> Self {
        let quiet = match notify {
            Notify::Placed if rate == OrderRate::Siege => Self::UntilReported,
            Notify::Placed if rate == OrderRate::Burst => Self::Briefly,
            Notify::Placed => Self::No,
            Notify::Reported => Self::UntilReported,
            Notify::Paid => Self::UntilPaid,
        };
        quiet.after(status)
    }

    /// What is left of it when the order gets this status.
    pub fn after(self, status: Status) -> Self {
        let waits = match self {
            Self::No => false,
            Self::UntilReported | Self::Briefly => has_no_payment_news(status),
            // An expired order that is reported is late; only a payment that is seen ends it.
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
    /// [`NotAQuiet`] for any other number.
    pub fn parse(number: i64) -> Result<Self, NotAQuiet> {
        let all = [Self::No, Self::UntilReported, Self::UntilPaid, Self::Briefly];
        all.into_iter().find(|quiet| quiet.number() == number).ok_or(NotAQuiet)
    }
}

/// Whether nobody has said or seen that such an order was paid.
fn has_no_payment_news(status: Status) -> bool {
    matches!(status, Status::Awaiting | Status::Expired | Status::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(notify: Notify, rate: OrderRate, status: Status, expected: Quiet) {
        let quiet = Quiet::at_placement(notify, rate, status);
        assert_eq!(quiet, expected, "{notify:?} {rate:?} {status}");
    }

    #[test]
    fn an_order_is_quiet_as_the_seller_wants_and_at_least_unpaid_ones_under_siege() {
        use OrderRate::{Burst, Siege, Usual};
        check(Notify::Placed, Usual, Status::Awaiting, Quiet::No);
        check(Notify::Placed, Burst, Status::Awaiting, Quiet::Briefly);
        check(Notify::Placed, Burst, Status::Reported, Quiet::No);
        check(Notify::Placed, Siege, Status::Awaiting, Quiet::UntilReported);
        check(Notify::Placed, Siege, Status::Reported, Quiet::No);
        check(Notify::Reported, Usual, Status::Awaiting, Quiet::UntilReported);
        check(Notify::Reported, Siege, Status::Reported, Quiet::No);
        for rate in [Usual, Burst, Siege] {
            check(Notify::Paid, rate, Status::Awaiting, Quiet::UntilPaid);
            check(Notify::Paid, rate, Status::Reported, Quiet::UntilPaid);
        }
    }

    #[test]
    fn whatever_tells_of_money_ends_it() {
        for status in Status::ALL {
            let name = status.as_str();
            let unheard = ["awaiting", "expired", "cancelled"].contains(&name);
            assert_eq!(Quiet::UntilReported.after(status) != Quiet::No, unheard, "{status}");
            let unpaid = unheard || ["reported", "late"].contains(&name);
            assert_eq!(Quiet::UntilPaid.after(status) != Quiet::No, unpaid, "{status}");
            assert_eq!(Quiet::No.after(status), Quiet::No, "{status}");
        }
    }

    #[test]
    fn it_is_stored_as_a_number() {
        for quiet in [Quiet::No, Quiet::UntilReported, Quiet::UntilPaid, Quiet::Briefly] {
            assert_eq!(Quiet::parse(quiet.number()), Ok(quiet));
        }
        assert_eq!(Quiet::parse(4), Err(NotAQuiet));
    }
}
