//! The ticket of a buyer who waits instead of reading a picture. It is in the buyer's cookie; the shop stores none.

use std::time::Duration;

use data_encoding::HEXLOWER;

use crate::domain::cart::CartId;
use crate::domain::values::Timestamp;
use crate::interfaces::http::{connection_of, random_bytes};
use crate::interfaces::web::challenge::CartTag;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::visitor::{Visitor, decrypt, encrypt};

/// Which cart waits, on which circuit, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// It can be used once.
    pub id: [u8; 16],
    pub cart: CartTag,
    /// `None`: the shop does not tell circuits apart.
    pub circuit: Option<u32>,
    /// By the trusted time.
    pub started: Timestamp,
}

/// Whether a ticket can be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketState {
    /// Units: seconds until it can be used.
    Waiting {
        left: i64,
    },
    /// It can be used. Units: seconds until it expires.
    Ready {
        left: i64,
    },
    Void(VoidReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoidReason {
    OtherCart,
    OtherCircuit,
    Expired,
}

/// Units: seconds that a buyer waits.
pub const WAIT: i64 = 5 * 60;
/// Units: seconds after that in which an order can be placed.
const VALID: i64 = 30 * 60;
const COOKIE: &str = "wait";

impl Ticket {
    /// A ticket for the visitor's cart that starts to wait now. It replaces an earlier one of the same circuit.
    pub fn start(context: &RequestContext, now: Timestamp) -> Self {
        let connection = connection_of(&context.request);
        let circuit = connection.and_then(|connection| connection.circuit());
        let cart = CartTag::of(context.visitor.basket.id);
        let ticket = Self { id: random_bytes(), cart, circuit, started: now };
        if let Some(connection) = connection.filter(|_| circuit.is_some()) {
            connection.set_ticket(ticket.id, Duration::from_secs((WAIT + VALID).unsigned_abs()));
        }
        ticket
    }

    /// The one that the visitor's browser sent.
    pub fn of(context: &RequestContext) -> Option<Self> {
        let mut sent = context.visitor.cookies.sent(&context.request);
        let (_, value) = sent.find(|(name, _)| *name == COOKIE)?;
        Self::parse(&decrypt(&context.app.cookie_key, COOKIE, value)?)
    }

    pub fn cookie(&self, context: &RequestContext) -> String {
        let value = encrypt(&context.app.cookie_key, COOKIE, self.write());
        context.visitor.cookies.set(COOKIE, &value)
    }

    /// The cookies that remove it from the browser.
    pub fn remove_cookies(visitor: &Visitor) -> Vec<String> {
        visitor.cookies.remove(COOKIE)
    }

    /// Whether the visitor can use it for an order now.
    pub fn state(&self, context: &RequestContext, now: Timestamp) -> TicketState {
        let connection = connection_of(&context.request);
        let is_same_circuit = match self.circuit {
            None => connection.is_none_or(|connection| connection.circuit().is_none()),
            circuit => connection.is_some_and(|connection| {
                connection.circuit() == circuit && connection.has_ticket(self.id)
            }),
        };
        self.state_on(is_same_circuit, context.visitor.basket.id, now)
    }

    fn state_on(&self, is_same_circuit: bool, cart: CartId, now: Timestamp) -> TicketState {
        let passed = now.seconds_after(self.started);
        if self.cart != CartTag::of(cart) {
            return TicketState::Void(VoidReason::OtherCart);
        }
        // One from the future was made before a clock was corrected.
        if !(0..WAIT + VALID).contains(&passed) {
            return TicketState::Void(VoidReason::Expired);
        }
        if !is_same_circuit {
            return TicketState::Void(VoidReason::OtherCircuit);
        }
        if passed < WAIT {
            TicketState::Waiting { left: WAIT - passed }
        } else {
            TicketState::Ready { left: WAIT + VALID - passed }
        }
    }

    fn write(&self) -> String {
        let [id, cart] = [self.id, self.cart.0].map(|bytes| HEXLOWER.encode(&bytes));
        let circuit = self.circuit.map_or_else(|| "-".to_owned(), |circuit| circuit.to_string());
        format!("{id} {cart} {circuit} {}", self.started.get())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut bytes = || HEXLOWER.decode(parts.next()?.as_bytes()).ok()?.try_into().ok();
        let (id, cart) = (bytes()?, CartTag(bytes()?));
        let circuit = match parts.next()? {
            "-" => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self { id, cart, circuit, started: Timestamp::new(parts.next()?.parse().ok()?).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CART: CartId = CartId([5; 16]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds).unwrap()
    }

    fn ticket(circuit: Option<u32>) -> Ticket {
        Ticket { id: [1; 16], cart: CartTag::of(CART), circuit, started: at(0) }
    }

    #[test]
    fn a_ticket_can_be_used_after_five_minutes_for_half_an_hour() {
        for (seconds, expected) in [
            (-1, TicketState::Void(VoidReason::Expired)),
            (0, TicketState::Waiting { left: 300 }),
            (299, TicketState::Waiting { left: 1 }),
            (300, TicketState::Ready { left: 1_800 }),
            (2_099, TicketState::Ready { left: 1 }),
            (2_100, TicketState::Void(VoidReason::Expired)),
        ] {
            assert_eq!(ticket(None).state_on(true, CART, at(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn a_ticket_is_for_one_cart_on_one_circuit() {
        let ticket = ticket(Some(7));
        let void = |is_same_circuit, cart| ticket.state_on(is_same_circuit, cart, at(400));
        assert_eq!(void(true, CartId([6; 16])), TicketState::Void(VoidReason::OtherCart));
        assert_eq!(void(false, CART), TicketState::Void(VoidReason::OtherCircuit));
    }

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        for circuit in [None, Some(0), Some(u32::MAX)] {
            assert_eq!(Ticket::parse(&ticket(circuit).write()), Some(ticket(circuit)));
        }
        for wrong in ["", "a", "00 00 - 1", &ticket(None).write()[1..], "- - - -"] {
            assert_eq!(Ticket::parse(wrong), None, "{wrong}");
        }
    }
}
