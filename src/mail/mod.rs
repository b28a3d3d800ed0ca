//! What the shop tells its seller, and what the seller answers. The only room that speaks mail.

mod layout;
mod maildir;
mod order_message;
pub mod reply;

pub use maildir::Maildir;
pub use order_message::{OrderMessage, Unwritable};
pub use reply::{MessageId, Reply, Unreadable};
