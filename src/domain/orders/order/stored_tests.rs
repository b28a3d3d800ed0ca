//! Orders survive being stored and read.

use super::*;
use crate::domain::payment::{Address, Coin, Observation, Tolerance};

const DAY: i64 = 86_400;

fn gwei(n: i64) -> Amount {
    Amount::new(n).unwrap()
}

/// Of 1,010, to be paid until the hundredth day; received by the seller's word, and seen and settled by a node's.
pub fn invoice(received: i64, node: Option<(i64, i64)>) -> Invoice {
    let address = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
    Invoice {
        currency: Currency::parse("BTC").unwrap(),
        coin: Coin::BITCOIN,
        address: Address::parse(&Coin::BITCOIN, address).unwrap(),
        amount: gwei(1_010),
        total: gwei(1_000),
        received: gwei(received),
        observation: node.map(|(seen, settled)| Observation {
            seen: gwei(seen),
            settled: gwei(settled),
            ..Observation::NOTHING
        }),
        node_unreliable: false,
        until: Timestamp::new(100 * DAY).unwrap(),
        clock_ahead: None,
    }
}

fn stored(status: Status, received: i64, node: Option<(i64, i64)>) -> Order {
    Order {
        order_ref: OrderRef::from_random([0; 8]),
        status,
        placed_at: Timestamp::new(99 * DAY).unwrap(),
        finished_at: None,
        lines: Vec::new(),
        shipping: None,
        discount: None,
        invoice: invoice(received, node),
        transaction: None,
        reservation: Reservation::Held,
        delivered: Vec::new(),
        is_delivered: false,
    }
}

#[test]
fn an_unpaid_order_expires_by_the_clock_where_no_node_follows_it() {
    let at = |seconds| Timestamp::new(100 * DAY + seconds).unwrap();
    for (status, node, seconds, expected) in [
        (Status::Awaiting, None, -1, Status::Awaiting),
        (Status::Awaiting, None, 0, Status::Expired),
        (Status::Awaiting, None, DAY, Status::Expired),
        (Status::Awaiting, Some((0, 0)), DAY, Status::Awaiting),
        (Status::Reported, None, DAY, Status::Reported),
        (Status::Confirmed, None, DAY, Status::Confirmed),
    ] {
        assert_eq!(stored(status, 0, node).status_at(at(seconds)), expected, "{status} {seconds}");
    }
    assert!(!stored(Status::Awaiting, 0, None).is_time_over(at(-1)));
    assert!(stored(Status::Awaiting, 0, None).is_time_over(at(0)));
}

#[test]
fn what_is_due_is_the_amount_less_what_was_seen() {
    for (status, received, node, due, excess) in [
        (Status::Awaiting, 0, None, 1_010, 0),
        (Status::Partial, 400, None, 610, 0),
        (Status::Unconfirmed, 0, Some((700, 500)), 310, 0),
        (Status::Late, 0, Some((700, 700)), 310, 0),
        // Five of them, half a percent, are passed over.
        (Status::Late, 0, Some((1_004, 1_004)), 6, 0),
        (Status::Late, 0, Some((1_005, 1_005)), 0, 0),
        (Status::Unconfirmed, 0, Some((1_005, 0)), 0, 0),
        (Status::Expired, 0, None, 1_010, 0),
        (Status::Reported, 1_011, None, 0, 1),
        (Status::Overpaid, 0, Some((1_500, 1_210)), 0, 200),
        (Status::Confirmed, 500, None, 0, 0),
        (Status::Cancelled, 0, None, 0, 0),
    ] {
        let order = stored(status, received, node);
        assert_eq!(order.due(Tolerance::default()), gwei(due), "{status} {received}");
        assert_eq!(order.excess(), gwei(excess), "{status} {received}");
    }
}

#[test]
fn money_came_where_the_seller_or_the_node_says_so_and_not_by_the_buyers_word() {
    let given = TransactionId::parse(&Coin::BITCOIN, &"ab".repeat(32)).ok();
    assert!(given.is_some());
    for (status, received, node, transaction, expected) in [
        (Status::Awaiting, 0, None, &None, false),
        (Status::Reported, 0, None, &given, false),
        (Status::Reported, 1, None, &given, true),
        (Status::Awaiting, 0, Some((0, 0)), &None, false),
        (Status::Awaiting, 0, Some((1, 0)), &None, true),
        (Status::Late, 0, None, &given, false),
        (Status::Late, 0, None, &None, true),
        (Status::Cancelled, 0, None, &None, false),
    ] {
        let order = Order { transaction: transaction.clone(), ..stored(status, received, node) };
        assert_eq!(order.has_received(), expected, "{status} {received} {node:?}");
    }
}

#[test]
fn a_finished_order_is_kept_for_the_sellers_days_and_an_unpaid_one_for_its_own() {
    let finished = Some(Timestamp::new(50 * DAY).unwrap());
    for (status, node, finished_at, expected) in [
        (Status::Awaiting, None, None, None),
        (Status::Shipped, None, finished, Some(80)),
        (Status::Cancelled, Some((0, 0)), finished, Some(80)),
        (Status::Expired, None, finished, Some(102)),
        (Status::Expired, Some((0, 0)), finished, Some(107)),
    ] {
        let order = Order { finished_at, ..stored(status, 0, node) };
        let expected = expected.map(|days| Timestamp::new(days * DAY).unwrap());
        assert_eq!(order.erased_after(30), expected, "{status}");
    }
}
