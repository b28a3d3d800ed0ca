//! The buyers' pages.

mod assets;
mod cards;
mod cart;
mod catalog;
mod challenge;
mod checkout;
mod checkout_form;
mod checkout_page;
mod code_form;
mod context;
mod conversation;
mod downloads;
mod error;
mod error_page;
mod extract;
mod feed;
mod fiat;
mod layout;
mod lists;
mod middleware;
mod open_order;
mod order_page;
mod order_texts;
mod orders;
mod page_cache;
mod receipt;
mod refusal_texts;
mod repeat_order;
mod review_page;
mod routes;
mod sealed_draft;
pub mod serve;
mod siege;
mod state;
mod stylesheet;
mod texts;
mod ticket;
mod visitor;
mod waiting;

#[doc(hidden)]
pub use challenge::{Challenge, ChallengeKey};
pub use routes::addresses;
pub use state::{AppState, Site};
