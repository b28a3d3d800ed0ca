//! Orders for the unit tests.

use crate::domain::orders::{Order, OrderRef, Reservation, Status};
use crate::domain::payment::{Address, Coin, Invoice, Observation};
use crate::domain::values::{Amount, Currency, Timestamp};

/// Units: seconds since 1970.
pub const NOW: i64 = 1_000_000;

/// An order of 1 coin. `followed`: `seen` and `settled`, in thousandths of a coin, where a node follows it.
pub fn order(status: Status, followed: Option<(i64, i64)>, minutes_left: i64) -> Order {
    let coin = Coin::Ether { chain: 1 };
    let part = |n: i64| Amount::new(n * 1_000_000).unwrap();
    let observation = followed.map(|(seen, settled)| Observation {
        seen: part(seen),
        settled: part(settled),
        confirmations: 2,
        needed: 12,
        is_moved: false,
    });
    Order {
        order_ref: OrderRef::from_random([0; 8]),
        status,
        placed_at: Timestamp::new(0).unwrap(),
        finished_at: None,
        lines: Vec::new(),
        shipping: None,
        discount: None,
        invoice: Invoice {
            currency: Currency::parse("ETH").unwrap(),
            address: Address::parse(&coin, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").unwrap(),
            coin,
            amount: Amount::ONE_COIN,
            total: Amount::ONE_COIN,
            received: Amount::ZERO,
            observation,
            node_unreliable: false,
            clock_ahead: None,
            until: Timestamp::new(NOW + 60 * minutes_left).unwrap(),
        },
        transaction: None,
        reservation: Reservation::Held,
        delivered: Vec::new(),
        is_delivered: false,
    }
}
