//! What the shop tells its seller. The only room that speaks mail.

mod layout;
mod maildir;
mod order_message;

pub use maildir::Maildir;
pub use order_message::{OrderMessage, Told, Unwritable, bill, delivery_name};
