//! What is due and how to pay it. Only this module knows coins' keys, addresses, payment links and QR codes; it never
//! holds a private key.

pub mod address;
mod amount_tag;
pub mod coin;
pub mod confirmations;
mod demo;
mod descriptor;
mod ethereum_address;
pub mod extended_pubkey;
mod gap_limit;
pub mod invoice;
mod key_expression;
mod known_token;
mod not_an_account_key;
mod not_an_address;
pub mod observation;
pub mod qr;
mod script_type;
pub mod secret;
pub mod transaction;
pub mod uri;
pub mod view_key;
pub mod wallet;
mod wallet_words;

pub use address::Address;
pub use amount_tag::AmountTags;
pub use coin::{Coin, NotACoin};
pub use confirmations::Confirmations;
pub use extended_pubkey::ExtendedPubkey;
pub use gap_limit::{GapReach, gap_limit, gap_reach};
pub use invoice::{Invoice, distinct_amount};
pub use known_token::KnownToken;
pub use not_an_account_key::NotAnExtendedPubkey;
pub use not_an_address::NotAnAddress;
pub use observation::{Depth, Observation, PaidState, ScanResult, Tolerance, WatchedInvoice};
pub use qr::TooLongForAQr;
pub use transaction::{NotATransactionId, TransactionId};
pub use uri::payment_uri;
pub use view_key::{NotAViewKey, ViewKey, integrated};
pub use wallet::{Destination, Wallet};
