//! What an order is, what a buyer may put into one, and how it may change.

pub mod buyer_key;
mod buyer_view;
pub mod code;
mod code_text;
pub mod command;
pub mod draft;
pub mod due;
#[cfg(test)]
pub mod fixtures;
pub mod order;
pub mod order_ref;
pub mod pending_task;
pub mod pgp_block;
pub mod quiet;
pub mod refusal;
mod reservation;
pub mod siege;
pub mod status;
mod word_list;

pub use buyer_key::{BuyerIdentity, BuyerRecipient, NotABuyerKey, Unsealed};
pub use buyer_view::Depth;
pub use code::{CheckoutKey, Code, LookupName, NumberFor};
pub use code_text::{NotACode, UnknownWord};
pub use command::{Command, MOST_ARGUMENT, NotACommand, Refund};
pub use draft::{Buyer, Delivery, Draft, DraftForm, StreetAddress};
pub use due::{Due, PurgeMode};
pub use order::{
    AppliedDiscount, CheckoutContext, FOLLOWED_DAYS, NewOrder, Order, OrderLine, PlacementError,
    Sending, UNPAID_DAYS,
};
pub use order_ref::{NotARefPart, NotAnOrderRef, OrderRef, RefPart};
pub use pending_task::PendingTask;
pub use pgp_block::{NotAPgpBlock, PgpBlock};
pub use quiet::{NotAQuiet, OrderRate, Quiet};
pub use refusal::{MessageLimit, Refusal, RefusalReason};
pub use reservation::{Reservation, StockDemand};
pub use siege::{
    BURST_SECONDS, SIEGE_MINUTES, SIEGE_SECONDS, SiegeChange, burst_orders, payment_minutes,
    siege_change,
};
pub use status::{Event, InvalidTransition, NotAStatus, Status};
