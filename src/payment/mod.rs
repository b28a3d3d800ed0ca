//! What is owed and how to pay it. This room alone knows coins' keys, addresses, payment links and QR codes; it holds no private key.

pub mod account;
pub mod address;
pub mod coin;
pub mod confirmations;
mod demo;
mod descriptor;
pub mod invoice;
mod key_expression;
mod not_an_account_key;
mod not_an_address;
mod pays_to;
pub mod qr;
pub mod secret;
pub mod sighting;
mod tails;
pub mod transaction;
pub mod uri;
pub mod view_key;
pub mod wallet;
mod wallet_words;

pub use account::AccountKey;
pub use address::Address;
pub use coin::{Coin, NotACoin};
pub use confirmations::Confirmations;
pub use invoice::{Invoice, distinct_amount};
pub use not_an_account_key::NotAnAccountKey;
pub use not_an_address::NotAnAddress;
pub use qr::TooLongForAQr;
pub use sighting::{Depth, Followed, Look, Sighting, Standing, Tolerance};
pub use tails::Tails;
pub use transaction::{NotATransactionId, TransactionId};
pub use uri::{payment_uri, read_by};
pub use view_key::{NotAViewKey, ViewKey, integrated};
pub use wallet::{Receives, Wallet};
