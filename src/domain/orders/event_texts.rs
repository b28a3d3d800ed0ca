//! What each status and event means to a buyer.

use crate::domain::orders::Order;
use crate::domain::orders::Status;
use crate::domain::payment::Observation;
use crate::domain::payment::Tolerance;
use crate::domain::values::Amount;
use crate::domain::values::Timestamp;

/// What an order's page says of its payment: never more than somebody, or some node, has looked at.
impl Order {
    /// What is to be sent now, to the order's address. `None`: no page may invite anybody to pay.
    pub fn asks_for(&self, tolerance: Tolerance, now: Timestamp) -> Option<Amount> {
        let due = self.due(tolerance);
        let asks = match self.status_at(now) {
            Status::Awaiting => !self.is_time_over(now),
            Status::Reported | Status::Partial => true,
            // What the network took back may come again.
            Status::Unconfirmed => Amount::ZERO < self.invoice.seen(),
            _ => false,
        };
        (asks && Amount::ZERO < due).then_some(due)
    }

    /// The state in a few words, for the buyer. `asks`: whether something is to be sent now.
    pub fn title_at(&self, asks: bool, now: Timestamp) -> &'static str {
        match self.status_at(now) {
            Status::Awaiting if self.is_time_over(now) => Status::Expired.title(),
            Status::Unconfirmed if self.is_lost() => "Payment no longer detected",
            Status::Unconfirmed if asks => "Partial payment detected, not confirmed yet",
            Status::Late if Amount::ZERO < self.invoice.seen() => "Late payment received",
            status => status.title(),
        }
    }

    /// What happens next, for the buyer. `asks`: whether something is to be sent now.
    pub fn what_next(&self, asks: bool, now: Timestamp) -> &'static str {
        let is_followed = self.invoice.sighting.is_some();
        match self.status_at(now) {
            Status::Awaiting if self.is_time_over(now) => {
                "Payments sent in time still count. We are checking. If none arrived, the order expires and the items go back in stock."
            }
            Status::Awaiting if is_followed && Amount::ZERO < self.invoice.mark() => {
                "Send exactly the amount below to the address below: only this amount is recognized as your payment. If you sent a different amount, tell the seller below."
            }
            Status::Awaiting if is_followed => {
                "Send exactly the amount below to the address below. You do not need to report it."
            }
            Status::Awaiting => {
                "Send exactly the amount below to the address below. Then enter the transaction ID below."
            }
            Status::Reported if is_followed && Amount::ZERO < self.invoice.mark() => {
                "A payment of exactly this amount has not been detected yet. The seller looks for it too; your payment is not verified yet."
            }
            Status::Reported if is_followed => {
                "Your payment has not been detected yet, so it is not verified yet."
            }
            Status::Reported => {
                "Your payment is not verified yet. The seller will check it and then ship your order."
            }
            Status::Partial => "Send the remaining amount shown below to the same address.",
            Status::Unconfirmed if self.is_lost() => {
                "The network reversed your payment's block. It usually confirms again: wait, and ask the seller before you pay again."
            }
            Status::Unconfirmed if asks => {
                "The network still has to confirm it. Send the remaining amount shown below to the same address."
            }
            Status::Unconfirmed => {
                "Waiting for the network to confirm your payment. No action needed."
            }
            Status::Confirmed => "The seller will ship your order. No action needed.",
            Status::Overpaid => "The seller will ship your order and can refund the overpayment.",
            Status::Expired if is_followed => {
                "The price is no longer guaranteed, and the items are back in stock. To buy them, place a new order. If you already paid, your payment will still be detected for a few days."
            }
            Status::Expired => {
                "The price is no longer guaranteed, and the items are back in stock. To buy them, place a new order. If you paid in time, enter the transaction ID below."
            }
            Status::Late if Amount::ZERO < self.invoice.seen() => {
                "Your payment arrived after the order expired. The seller will either ship your order or refund you. Do not send more money."
            }
            Status::Late => {
                "The seller will check the payment and either ship your order or refund you."
            }
            Status::Shipped => "Your order is on its way.",
            Status::Refunded => "The seller has refunded your payment.",
            Status::Cancelled if self.has_received() => {
                "The seller cancelled this order and owes you a refund. Tell them your own wallet address below, not one at an exchange."
            }
            Status::Cancelled => "The seller cancelled this order.",
        }
    }

    /// How deep what was seen lies, `2 of 12`, while it is not settled.
    pub fn confirmations(&self) -> Option<String> {
        let Observation { seen, settled, confirmations, needed, .. } = self.invoice.sighting?;
        let counts = self.status == Status::Unconfirmed
            || settled < seen && matches!(self.status, Status::Late | Status::Partial);
        counts.then(|| match needed {
            0 => "0".to_owned(),
            _ => format!("{} of {needed}", confirmations.min(needed)),
        })
    }

    /// Whether what a node had seen is gone.
    pub fn is_lost(&self) -> bool {
        self.status == Status::Unconfirmed
            && self.invoice.sighting.is_some_and(|sighting| sighting.seen == Amount::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::orders::OrderRef;
    use crate::domain::payment::Address;
    use crate::domain::payment::Coin;
    use crate::domain::payment::Invoice;
    use crate::domain::values::Currency;

    const NOW: i64 = 1_000_000;

    /// Of 1 coin; `seen` and `settled` in thousandths of it, where a node follows it.
    fn order(status: Status, followed: Option<(i64, i64)>, minutes_left: i64) -> Order {
        let coin = Coin::Ether { chain: 1 };
        let part = |n: i64| Amount::new(n * 1_000_000).unwrap();
        let sighting = followed.map(|(seen, settled)| Observation {
            seen: part(seen),
            settled: part(settled),
            confirmations: 2,
            needed: 12,
            is_moved: false,
        });
        Order {
            order_ref: OrderRef::from_chance([0; 8]),
            status,
            placed_at: Timestamp::new(0).unwrap(),
            finished_at: None,
            lines: Vec::new(),
            sending: None,
            discount: None,
            invoice: Invoice {
                currency: Currency::parse("ETH").unwrap(),
                address: Address::parse(&coin, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
                    .unwrap(),
                coin,
                amount: Amount::ONE_COIN,
                total: Amount::ONE_COIN,
                received: Amount::ZERO,
                sighting,
                in_doubt: false,
                clock_ahead: None,
                until: Timestamp::new(NOW + 60 * minutes_left).unwrap(),
            },
            transaction: None,
        }
    }

    #[track_caller]
    fn check(
        status: Status,
        followed: Option<(i64, i64)>,
        minutes_left: i64,
        expected: Option<&str>,
    ) {
        let now = Timestamp::new(NOW).unwrap();
        let asked = order(status, followed, minutes_left).asks_for(Tolerance::default(), now);
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
    fn words_ask_to_pay_only_where_the_page_does() {
        let now = Timestamp::new(NOW).unwrap();
        for status in Status::ALL {
            for followed in [None, Some((0, 0)), Some((400, 0)), Some((996, 400))] {
                for minutes_left in [-1, 1] {
                    let order = order(status, followed, minutes_left);
                    let asks = order.asks_for(Tolerance::default(), now).is_some();
                    let words = order.what_next(asks, now);
                    let invites =
                        words.contains("Send exactly") || words.contains("Send the remaining");
                    // Whoever has told of a payment is not asked again in words.
                    if status != Status::Reported {
                        assert_eq!(invites, asks, "{status} {followed:?} {minutes_left}: {words}");
                    }
                }
            }
        }
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
