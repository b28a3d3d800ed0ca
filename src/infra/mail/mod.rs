//! The messages that the shop sends to its seller, and the seller's replies. Only this module knows mail formats.

mod armor;
mod copies;
mod erased_file;
mod erasure;
mod key_fault;
mod key_file;
mod layout;
mod letter;
mod lookup;
mod maildir;
mod message_name;
mod node_message;
mod order_message;
mod padding;
mod pgp_block_check;
pub mod reply;
mod seal;
mod seller_key;
mod shop_message;
mod siege_message;
mod write_trial;

pub use key_fault::KeyFault;
pub use letter::{Letter, PlainLetter};
pub use lookup::Lookup;
pub use maildir::Maildir;
pub use node_message::NodeMessage;
pub use order_message::{MOST_UNPACKED, OrderMessage, Told, Unwritable, bill, delivery_name};
pub use reply::{MessageId, Reply, Unreadable};
pub use seal::{SealError, sealed_message};
pub use seller_key::SellerKey;
pub use siege_message::{SiegeMessage, SiegeNews};
