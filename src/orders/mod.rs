//! What an order is, what a buyer may put into one, and how it may change.

pub mod code;
mod code_text;
pub mod command;
pub mod draft;
pub mod due;
pub mod duty;
pub mod order;
pub mod order_ref;
pub mod pgp_block;
pub mod reader;
pub mod status;
pub mod unpaid;
mod words;

pub use code::{Code, FormToken, LookupName, NumberFor};
pub use code_text::{NotACode, UnknownWord};
pub use command::{Command, MOST_ARGUMENT, NotACommand, Refund};
pub use draft::{Buyer, Delivery, Draft, DraftForm, Refusal, StreetAddress};
pub use due::{Due, Haste};
pub use duty::Duty;
pub use order::{
    AppliedDiscount, FOLLOWED_DAYS, NewOrder, Order, OrderLine, Sending, Shelf, UNPAID_DAYS,
    Unplaceable,
};
pub use order_ref::{NotARefPart, NotAnOrderRef, OrderRef, RefPart};
pub use pgp_block::{NotAPgpBlock, PgpBlock};
pub use reader::{NotAReader, Reader, ReaderKey, Unsealed};
pub use status::{Event, Misstep, NotAStatus, Status};
pub use unpaid::too_much_held;
