//! The life cycle of an order: its statuses, events and transitions.

/// The status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No payment was reported or detected.
    Awaiting,
    /// The buyer reports a payment; nobody has checked it.
    Reported,
    /// Only a part was paid.
    Partial,
    /// A payment was detected, but has too few confirmations.
    Unconfirmed,
    Confirmed,
    Overpaid,
    /// Paid, but other payments came first and no item is left. The seller ships from new stock, or refunds.
    Oversold,
    /// Not paid in time. Its items are back in stock.
    Expired,
    /// Paid, or reported as paid, after it had expired.
    Late,
    Shipped,
    Refunded,
    Cancelled,
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The buyer reported a transaction ID.
    BuyerReported,
    SellerConfirmedFull,
    SellerConfirmedPart,
    /// More than was due has arrived.
    SellerConfirmedMore,
    SellerShipped,
    SellerRefunded,
    SellerCancelled,
    TimeRanOut,
    /// It was paid, but other payments had taken the last items before.
    ItemsRanOut,
    /// The seller's node detected a payment with too few confirmations.
    NodeSawSome,
    /// Less than the amount due is confirmed, and no other payment was detected.
    NodeSawPart,
    NodeSawAll,
    NodeSawMore,
    /// The detected payment is gone: the network reversed its blocks.
    NodeLost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {event}: the order is {}{}", .from.adjective(), self.hint())]
pub struct InvalidTransition {
    pub from: Status,
    pub event: Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown state")]
pub struct NotAStatus;

impl InvalidTransition {
    /// What to do first.
    fn hint(self) -> &'static str {
        match (self.event, self.from) {
            (
                Event::SellerShipped,
                Status::Awaiting
                | Status::Reported
                | Status::Partial
                | Status::Unconfirmed
                | Status::Oversold
                | Status::Late,
            ) => "; mark it as paid first",
            _ => "",
        }
    }
}

impl Status {
    pub const ALL: [Self; 12] = [
        Self::Awaiting,
        Self::Reported,
        Self::Partial,
        Self::Unconfirmed,
        Self::Confirmed,
        Self::Overpaid,
        Self::Oversold,
        Self::Expired,
        Self::Late,
        Self::Shipped,
        Self::Refunded,
        Self::Cancelled,
    ];

    /// Every valid transition; any other pair is an [`InvalidTransition`].
    ///
    /// # Errors
    /// [`InvalidTransition`] with the status and the event.
    pub fn after(self, event: Event) -> Result<Self, InvalidTransition> {
        use Event::{
            BuyerReported, ItemsRanOut, NodeLost, NodeSawAll, NodeSawMore, NodeSawPart,
            NodeSawSome, SellerCancelled, SellerConfirmedFull, SellerConfirmedMore,
            SellerConfirmedPart, SellerRefunded, SellerShipped, TimeRanOut,
        };
        use Status::{
            Awaiting, Cancelled, Confirmed, Expired, Late, Overpaid, Oversold, Partial, Refunded,
            Reported, Shipped, Unconfirmed,
        };
        match (self, event) {
            (Awaiting | Reported, BuyerReported) => Ok(Reported),
            (Partial | Unconfirmed, BuyerReported) => Ok(self),
            (Expired | Late, BuyerReported) => Ok(Late),
            (Oversold, BuyerReported | SellerConfirmedPart) => Ok(Oversold),
            (
                Awaiting | Reported | Partial | Unconfirmed | Late | Oversold,
                SellerConfirmedFull,
            ) => Ok(Confirmed),
            (
                Awaiting | Reported | Partial | Unconfirmed | Late | Oversold | Confirmed
                | Overpaid,
                SellerConfirmedMore,
            ) => Ok(Overpaid),
            (Awaiting | Reported | Partial | Unconfirmed, ItemsRanOut) => Ok(Oversold),
            (Expired, SellerConfirmedFull | SellerConfirmedPart | SellerConfirmedMore) => Ok(Late),
            (Awaiting | Reported | Partial | Unconfirmed, SellerConfirmedPart) => Ok(Partial),
            (Late, SellerConfirmedPart) => Ok(Late),
            (Confirmed | Overpaid, SellerShipped) => Ok(Shipped),
            (
                Reported | Partial | Confirmed | Overpaid | Oversold | Late | Cancelled,
                SellerRefunded,
            ) => Ok(Refunded),
            (
                Awaiting | Reported | Partial | Unconfirmed | Confirmed | Overpaid | Oversold
                | Expired | Late,
                SellerCancelled,
            ) => Ok(Cancelled),
            // The last two only if a node watches the order, and has not detected a payment.
            (Awaiting | Reported | Unconfirmed, TimeRanOut) => Ok(Expired),

            // The payment is late: the items are back in stock, and the seller decides.
            (Expired, NodeSawSome | NodeSawPart | NodeSawAll | NodeSawMore) => Ok(Late),
            (Late | Oversold, NodeSawSome | NodeSawPart | NodeSawAll | NodeSawMore | NodeLost) => {
                Ok(self)
            }
            // A paid order stays paid while more payments arrive.
            (Confirmed | Overpaid, NodeSawSome | NodeSawPart | NodeSawAll) => Ok(self),
            (Confirmed | Overpaid, NodeSawMore) => Ok(Overpaid),
            (Partial | Unconfirmed | Confirmed | Overpaid, NodeLost) => Ok(Unconfirmed),
            (Awaiting | Reported | Partial | Unconfirmed, NodeSawSome) => Ok(Unconfirmed),
            (Awaiting | Reported | Partial | Unconfirmed, NodeSawPart) => Ok(Partial),
            (Awaiting | Reported | Partial | Unconfirmed, NodeSawAll) => Ok(Confirmed),
            (Awaiting | Reported | Partial | Unconfirmed, NodeSawMore) => Ok(Overpaid),
            (from, event) => Err(InvalidTransition { from, event }),
        }
    }

    /// Whether the deadline is needed to the minute: otherwise only its day is kept.
    pub fn needs_deadline(self) -> bool {
        matches!(
            self,
            Self::Awaiting | Self::Reported | Self::Partial | Self::Unconfirmed | Self::Expired
        )
    }

    /// Whether the order may hold its items. Whether an unpaid order does is its own `reserves`.
    pub fn holds_stock(self) -> bool {
        !matches!(
            self,
            Self::Oversold | Self::Expired | Self::Late | Self::Refunded | Self::Cancelled
        )
    }

    /// Whether its items are still with the seller, and count when the seller counts the stock.
    pub fn is_open(self) -> bool {
        self.holds_stock() && self != Self::Shipped
    }

    /// Whether less than the whole amount may have arrived.
    pub fn may_be_underpaid(self) -> bool {
        matches!(self, Self::Partial | Self::Unconfirmed | Self::Oversold | Self::Late)
    }

    /// Whether nothing more is expected, so that the days until its erasure are counted.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Expired | Self::Shipped | Self::Refunded | Self::Cancelled)
    }

    /// One word, for the page's `#state`, the mail header and the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Awaiting => "awaiting",
            Self::Reported => "reported",
            Self::Partial => "partial",
            Self::Unconfirmed => "unconfirmed",
            Self::Confirmed => "confirmed",
            Self::Overpaid => "overpaid",
            Self::Oversold => "oversold",
            Self::Expired => "expired",
            Self::Late => "late",
            Self::Shipped => "shipped",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
        }
    }

    /// # Errors
    /// [`NotAStatus`] for any other word.
    pub fn parse(text: &str) -> Result<Self, NotAStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(NotAStatus)
    }

    /// What follows "the order is" in an error for the seller.
    fn adjective(self) -> &'static str {
        match self {
            Self::Awaiting => "awaiting payment",
            Self::Reported => "only reported as paid",
            Self::Partial => "partially paid",
            status => status.as_str(),
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BuyerReported => "report a payment",
            Self::SellerConfirmedFull => "mark as paid",
            Self::SellerConfirmedPart => "mark as partially paid",
            Self::SellerConfirmedMore => "mark as overpaid",
            Self::SellerShipped => "mark as shipped",
            Self::SellerRefunded => "mark as refunded",
            Self::SellerCancelled => "cancel",
            Self::TimeRanOut => "expire",
            Self::ItemsRanOut => "mark as oversold",
            Self::NodeSawSome => "record a detected payment",
            Self::NodeSawPart => "record a detected partial payment",
            Self::NodeSawAll => "record a detected full payment",
            Self::NodeSawMore => "record a detected overpayment",
            Self::NodeLost => "record a reversed payment",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 14] = [
        Event::BuyerReported,
        Event::SellerConfirmedFull,
        Event::SellerConfirmedPart,
        Event::SellerConfirmedMore,
        Event::SellerShipped,
        Event::SellerRefunded,
        Event::SellerCancelled,
        Event::TimeRanOut,
        Event::NodeSawSome,
        Event::NodeSawPart,
        Event::NodeSawAll,
        Event::NodeSawMore,
        Event::NodeLost,
        Event::ItemsRanOut,
    ];

    /// Rows: the state; columns: [`EVENTS`], in their order; `-` is a misstep.
    #[rustfmt::skip]
    const TABLE: [(&str, &str); 12] = [
        ("awaiting", "reported confirmed partial overpaid - - cancelled expired unconfirmed partial confirmed overpaid - oversold"),
        ("reported", "reported confirmed partial overpaid - refunded cancelled expired unconfirmed partial confirmed overpaid - oversold"),
        ("partial", "partial confirmed partial overpaid - refunded cancelled - unconfirmed partial confirmed overpaid unconfirmed oversold"),
        ("unconfirmed", "unconfirmed confirmed partial overpaid - - cancelled expired unconfirmed partial confirmed overpaid unconfirmed oversold"),
        ("confirmed", "- - - overpaid shipped refunded cancelled - confirmed confirmed confirmed overpaid unconfirmed -"),
        ("overpaid", "- - - overpaid shipped refunded cancelled - overpaid overpaid overpaid overpaid unconfirmed -"),
        ("oversold", "oversold confirmed oversold overpaid - refunded cancelled - oversold oversold oversold oversold oversold -"),
        ("expired", "late late late late - - cancelled - late late late late - -"),
        ("late", "late confirmed late overpaid - refunded cancelled - late late late late late -"),
        ("shipped", "- - - - - - - - - - - - - -"),
        ("refunded", "- - - - - - - - - - - - - -"),
        ("cancelled", "- - - - - refunded - - - - - - - -"),
    ];

    #[test]
    fn an_order_changes_only_along_the_table() {
        for (from, row) in TABLE {
            let from = Status::parse(from).unwrap();
            assert_eq!(row.split(' ').count(), EVENTS.len(), "{from}");
            for (event, expected) in EVENTS.into_iter().zip(row.split(' ')) {
                let expected =
                    Status::parse(expected).map_err(|_| InvalidTransition { from, event });
                assert_eq!(from.after(event), expected, "{from} {event}");
            }
        }
        assert_eq!(TABLE.map(|(from, _)| from), Status::ALL.map(Status::as_str));
    }

    #[test]
    fn a_finished_order_that_holds_stock_has_sent_it() {
        for status in Status::ALL {
            assert_eq!(
                status.is_finished() && status.holds_stock(),
                status == Status::Shipped,
                "{status}"
            );
        }
    }

    #[test]
    fn only_what_is_paid_for_or_still_to_be_paid_is_in_the_house() {
        for status in Status::ALL {
            let gone = ["oversold", "expired", "late", "shipped", "refunded", "cancelled"];
            assert_eq!(status.is_open(), !gone.contains(&status.as_str()), "{status}");
        }
    }

    #[test]
    fn every_event_has_words_of_its_own() {
        let events = EVENTS.map(|event| event.to_string());
        let misstep = |event| InvalidTransition { from: Status::Shipped, event }.to_string();
        for (n, one) in events.iter().enumerate() {
            assert!(5 <= one.len() && !events[..n].contains(one), "{one}");
        }
        for (event, words) in EVENTS.into_iter().zip(&events) {
            assert_eq!(misstep(event), format!("cannot {words}: the order is shipped"));
        }
        let early = InvalidTransition { from: Status::Awaiting, event: Event::SellerShipped };
        let words = "cannot mark as shipped: the order is awaiting payment; mark it as paid first";
        assert_eq!(early.to_string(), words);
        assert_eq!(format!("{:>10}|", Status::Late), "      late|");
    }
}
