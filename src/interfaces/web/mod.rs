//! The buyers' pages.

mod assets;
mod cart;
mod catalog;
mod checkout;
mod code_form;
mod conversation;
mod error;
mod error_page;
mod extract;
mod layout;
mod middleware;
mod open_order;
mod order_texts;
mod orders;
mod page;
mod page_cache;
mod reasons;
mod receipt;
mod routes;
pub mod serve;
mod state;
mod stylesheet;
mod texts;
mod visitor;

pub use routes::addresses;
pub use state::{AppState, Site};
