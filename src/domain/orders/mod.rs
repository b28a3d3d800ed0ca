//! What an order is, what a buyer may put into one, and how it may change.

pub mod buyer_key;
mod buyer_view;
mod choices;
pub mod code;
mod code_text;
pub mod command;
pub mod draft;
#[cfg(test)]
pub mod fixtures;
mod line_kinds;
pub mod notification_hold;
pub mod order;
pub mod order_ref;
pub mod pending_task;
pub mod pgp_block;
mod quote;
pub mod refusal;
pub mod repeat;
mod reservation;
pub mod retention_cutoffs;
pub mod shipping;
pub mod siege;
pub mod status;
mod word_list;

pub use buyer_key::{BuyerIdentity, BuyerKeyError, BuyerRecipient, NotABuyerKey};
pub use buyer_view::ConfirmationProgress;
pub use choices::Choices;
pub use code::{CheckoutKey, Code, LookupName, NumberPurpose};
pub use code_text::{NotACode, UnknownWord};
pub use command::{Command, MAX_ARGUMENT, NotACommand, Refund};
pub use draft::{Buyer, Delivery, Draft, DraftForm, RejectedDraft, StreetAddress};
pub use notification_hold::{NotANotificationHold, NotificationHold, OrderRate};
pub use order::{FOLLOWED_DAYS, NewOrder, Order, OrderLine, UNPAID_DAYS};
pub use order_ref::{NotARefPart, NotAnOrderRef, OrderRef, RefPart};
pub use pending_task::PendingTask;
pub use pgp_block::{NotAPgpBlock, PgpBlock};
pub use quote::{AppliedDiscount, CheckoutContext, PlacementError, Quote};
pub use refusal::{MessageLimit, Refusal, RefusalReason};
pub use repeat::{Shortfall, ShortfallReason};
pub use reservation::{Reservation, StockDemand};
pub use retention_cutoffs::{PurgeMode, RetentionCutoffs};
pub use shipping::{OrderShipping, choose_shipping};
pub use siege::{
    BURST_SECONDS, SIEGE_MINUTES, SIEGE_SECONDS, SiegeChange, UnpaidCounts, UnpaidEstimate,
    burst_orders, payment_minutes, siege_change,
};
pub use status::{Event, InvalidTransition, NotAStatus, Status};
