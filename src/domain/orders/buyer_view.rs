//! What a buyer is asked to pay now, and how far the payment is confirmed.

use crate::domain::orders::{Order, Status};
use crate::domain::payment::{Observation, Tolerance};
use crate::domain::values::{Amount, Timestamp};

/// How many confirmations a payment has, and how many it needs.
pub struct ConfirmationProgress {
    pub n: u32,
    pub needed: u32,
}

impl Order {
    /// The amount to be paid now to the order's address. `None`: no page may ask for a payment.
    pub fn amount_to_pay(&self, tolerance: Tolerance, now: Timestamp) -> Option<Amount> {
        let due = self.due(tolerance);
        let is_asked = match self.status_at(now) {
            Status::Awaiting => !self.is_time_over(now),
            Status::Reported | Status::Partial => true,
            // A reversed payment usually confirms again.
            Status::Unconfirmed => Amount::ZERO < self.invoice.seen(),
            _ => false,
        };
        (is_asked && !self.is_sold_out() && Amount::ZERO < due).then_some(due)
    }

    /// Whether nothing more is expected of it, so that the buyer may order the same again.
    pub fn can_be_repeated(&self, now: Timestamp) -> bool {
        self.status_at(now).is_finished()
    }

    /// `None` once the payment is confirmed, and if no node has seen one.
    pub fn confirmation_progress(&self) -> Option<ConfirmationProgress> {
        let Observation { seen, settled, confirmations, needed, .. } = self.invoice.observation?;
        let is_pending = self.status == Status::Unconfirmed
            || settled < seen
                && matches!(self.status, Status::Late | Status::Oversold | Status::Partial);
        is_pending.then(|| ConfirmationProgress { n: confirmations.min(needed), needed })
    }

    /// The same for the seller: `2 of 12`.
    pub fn confirmations(&self) -> Option<String> {
        self.confirmation_progress().map(|ConfirmationProgress { n, needed }| match needed {
            0 => "0".to_owned(),
            _ => format!("{n} of {needed}"),
        })
    }

    /// Whether the payment was accepted before the network confirmed it, as the seller has set: a double spend can still
    /// take it back.
    pub fn is_accepted_unconfirmed(&self) -> bool {
        !matches!(self.status, Status::Refunded | Status::Cancelled)
            && self.invoice.observation.is_some_and(|seen| seen.counts_unconfirmed())
    }

    /// Whether the network reversed the payment that a node had seen.
    pub fn is_reversed(&self) -> bool {
        self.status == Status::Unconfirmed
            && self.invoice.observation.is_some_and(|observation| observation.seen == Amount::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::orders::Reservation;
    use crate::domain::orders::fixtures::{NOW, order};

    #[track_caller]
    fn check(
        status: Status,
        followed: Option<(i64, i64)>,
        minutes_left: i64,
        expected: Option<&str>,
    ) {
        let now = Timestamp::new(NOW).unwrap();
        let asked = order(status, followed, minutes_left).amount_to_pay(Tolerance::default(), now);
        assert_eq!(asked.map(|due| due.to_string()).as_deref(), expected, "{status} {followed:?}");
    }

    #[test]
    fn a_buyer_is_asked_for_what_is_due_while_it_can_be_paid() {
        check(Status::Awaiting, None, 1, Some("1"));
        check(Status::Awaiting, Some((0, 0)), 1, Some("1"));
        check(Status::Reported, None, -1, Some("1"));
        check(Status::Partial, Some((400, 400)), -1, Some("0.6"));
        check(Status::Unconfirmed, Some((400, 0)), 1, Some("0.6"));
        check(Status::Unconfirmed, Some((1_000, 400)), 1, None);
        // What will be passed over when it has settled.
        check(Status::Unconfirmed, Some((996, 0)), 1, None);
    }

    #[test]
    fn nobody_is_asked_to_pay_too_late_twice_or_for_nothing() {
        check(Status::Awaiting, None, 0, None);
        check(Status::Awaiting, Some((0, 0)), 0, None);
        // The network took it back: it may come again.
        check(Status::Unconfirmed, Some((0, 0)), 1, None);
        for status in [
            Status::Confirmed,
            Status::Overpaid,
            Status::Oversold,
            Status::Expired,
            Status::Late,
            Status::Shipped,
            Status::Refunded,
            Status::Cancelled,
        ] {
            check(status, None, 1, None);
            check(status, Some((0, 0)), 1, None);
            check(status, Some((400, 400)), 1, None);
        }
    }

    #[test]
    fn nobody_is_asked_to_pay_for_what_is_sold_out() {
        let asked = |reservation| {
            let order = Order { reservation, ..order(Status::Awaiting, None, 1) };
            order.amount_to_pay(Tolerance::default(), Timestamp::new(NOW).unwrap())
        };
        for reservation in [Reservation::Held, Reservation::Free, Reservation::Contested] {
            assert_eq!(asked(reservation), Some(Amount::ONE_COIN), "{reservation:?}");
        }
        assert_eq!(asked(Reservation::SoldOut), None);
    }

    #[test]
    fn an_order_can_be_repeated_once_nothing_more_is_expected_of_it() {
        let repeated = |status, followed, minutes_left| {
            order(status, followed, minutes_left).can_be_repeated(Timestamp::new(NOW).unwrap())
        };
        for status in Status::ALL {
            assert_eq!(repeated(status, None, 1), status.is_finished(), "{status}");
        }
        assert!(repeated(Status::Awaiting, None, 0));
        // A payment that was sent in time may still be detected.
        assert!(!repeated(Status::Awaiting, Some((0, 0)), 0));
    }

    #[test]
    fn depth_is_told_while_something_has_not_settled() {
        let told = |status, followed| order(status, Some(followed), 1).confirmations();
        assert_eq!(told(Status::Unconfirmed, (400, 0)).as_deref(), Some("2 of 12"));
        assert_eq!(told(Status::Late, (400, 0)).as_deref(), Some("2 of 12"));
        assert_eq!(told(Status::Late, (400, 400)), None);
        assert_eq!(told(Status::Confirmed, (1_000, 1_000)), None);
        assert_eq!(order(Status::Unconfirmed, None, 1).confirmations(), None);
    }
}
