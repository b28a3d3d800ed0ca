//! The messages that the shop sends to its seller, and the seller's replies. Only this module knows mail formats.

mod armor;
mod copies;
mod digital_notice;
mod erasure;
mod key_fault;
mod key_file;
mod layout;
mod lookup;
mod maildir;
mod message_name;
mod order_message;
mod padding;
mod pgp_block_check;
pub mod reply;
mod seal;
mod seller_key;
mod shop_message;
mod stored_message;
mod write_trial;

pub use key_fault::KeyFault;
pub use lookup::Lookup;
pub use maildir::{Maildir, NewFile};
pub use order_message::{
    MAX_UNPACKED, MessageError, Notification, OrderMessage, bill, delivery_name,
};
pub use reply::{MessageId, Reply, ReplyError};
pub use seal::{SealError, sealed_message};
pub use seller_key::SellerKey;
pub use shop_message::{ShopMessage, ShopNews, SiegeNews};
pub use stored_message::{PlainMessage, StoredMessage};
