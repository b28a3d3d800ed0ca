//! What an order's page says of its status: only what the seller or a node has confirmed.

use crate::domain::orders::{Order, Status};
use crate::domain::payment::Coin;
use crate::domain::values::{Amount, Timestamp};
use crate::interfaces::web::texts::{Text, text};

/// The status as a title, as the id of a text. `asks`: whether something is due now.
pub fn title(order: &Order, asks: bool, now: Timestamp) -> &'static str {
    match order.status_at(now) {
        Status::Awaiting if order.is_time_over(now) => title_of(Status::Expired),
        Status::Awaiting | Status::Reported if order.is_sold_out() => "order-sold-out-title",
        Status::Unconfirmed if order.is_reversed() => "order-lost-title",
        Status::Unconfirmed if asks => "order-unconfirmed-part-title",
        Status::Late if Amount::ZERO < order.invoice.seen() => "order-late-seen-title",
        status => title_of(status),
    }
}

fn title_of(status: Status) -> &'static str {
    match status {
        Status::Awaiting => "order-awaiting-title",
        Status::Reported => "order-reported-title",
        Status::Partial => "order-partial-title",
        Status::Unconfirmed => "order-unconfirmed-title",
        Status::Confirmed => "order-confirmed-title",
        Status::Overpaid => "order-overpaid-title",
        Status::Oversold => "order-oversold-title",
        Status::Expired => "order-expired-title",
        Status::Late => "order-late-title",
        Status::Shipped => "order-shipped-title",
        Status::Refunded => "order-refunded-title",
        Status::Cancelled => "order-cancelled-title",
    }
}

/// The status as an event of the history, as the id of a text. `before`: the status before it, if known.
pub fn event(status: Status, before: Option<Status>) -> &'static str {
    match (before, status) {
        (Some(Status::Confirmed | Status::Overpaid), Status::Unconfirmed) => "order-lost-event",
        (_, Status::Unconfirmed) => "order-unconfirmed-event",
        (_, Status::Expired) => "order-expired-event",
        (_, Status::Late) => "order-late-event",
        (_, Status::Cancelled) => "order-cancelled-event",
        (_, status) => title_of(status),
    }
}

/// What happens next, as the id of a text. `asks`: whether something is due now.
pub fn what_next(order: &Order, asks: bool, now: Timestamp) -> &'static str {
    let is_followed = order.invoice.observation.is_some();
    let is_tagged = is_followed && Amount::ZERO < order.invoice.tag();
    match order.status_at(now) {
        Status::Awaiting if order.is_time_over(now) => "order-awaiting-over",
        Status::Awaiting if order.is_sold_out() => "order-sold-out",
        Status::Reported | Status::Partial | Status::Unconfirmed if order.is_sold_out() => {
            "order-sold-out-reported"
        }
        Status::Awaiting if is_tagged => "order-awaiting-marked",
        Status::Awaiting if is_followed => "order-awaiting-followed",
        Status::Awaiting => "order-awaiting",
        Status::Reported if is_tagged => "order-reported-marked",
        Status::Reported if is_followed => "order-reported-followed",
        Status::Reported => "order-reported",
        Status::Partial => "order-partial",
        Status::Unconfirmed if order.is_reversed() => "order-lost",
        Status::Unconfirmed if asks => "order-unconfirmed-part",
        Status::Unconfirmed => "order-unconfirmed",
        Status::Confirmed => "order-confirmed",
        Status::Overpaid => "order-overpaid",
        Status::Oversold => "order-oversold",
        Status::Expired if is_followed => "order-expired-followed",
        Status::Expired => "order-expired",
        Status::Late if Amount::ZERO < order.invoice.seen() => "order-late-seen",
        Status::Late => "order-late",
        Status::Shipped => "order-shipped",
        Status::Refunded => "order-refunded",
        Status::Cancelled if order.has_received() => "order-cancelled-paid",
        Status::Cancelled => "order-cancelled",
    }
}

/// Which wallets understand the payment link.
///
/// Source: for Ethereum, trials and the wallets' source code; for the others, their documentation.
pub fn wallet_hint(coin: &Coin) -> Text<'static> {
    match coin {
        Coin::BitcoinLike(coin) => text("order-read-by-bitcoin-like").with("coin", coin.name),
        Coin::Monero => text("order-read-by-monero"),
        Coin::Ether { .. } => text("order-read-by-ethereum"),
        Coin::Token { .. } => text("order-read-by-token"),
    }
}

pub fn network(coin: &Coin) -> String {
    match coin {
        Coin::Token { chain, .. } => {
            let network = Coin::Ether { chain: *chain }.name();
            text("order-network-token").with("network", network).to_string()
        }
        coin => coin.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::orders::fixtures::{NOW, order};
    use crate::domain::payment::Tolerance;

    #[test]
    fn texts_ask_for_payment_only_if_the_page_does() {
        let now = Timestamp::new(NOW).unwrap();
        for status in Status::ALL {
            for followed in [None, Some((0, 0)), Some((400, 0)), Some((996, 400))] {
                for minutes_left in [-1, 1] {
                    let order = order(status, followed, minutes_left);
                    let asks = order.amount_to_pay(Tolerance::default(), now).is_some();
                    let words = text(what_next(&order, asks, now)).to_string();
                    let invites =
                        words.contains("Send exactly") || words.contains("Send the remaining");
                    // A buyer who has reported a payment is not asked again in words.
                    if status != Status::Reported {
                        assert_eq!(invites, asks, "{status} {followed:?} {minutes_left}: {words}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_status_has_texts_of_its_own() {
        let titles = Status::ALL.map(|status| text(title_of(status)).to_string());
        let events = Status::ALL.map(|status| text(event(status, None)).to_string());
        for words in [titles, events] {
            for (n, one) in words.iter().enumerate() {
                assert!(!words[..n].contains(one), "{one}");
            }
        }
    }
}
