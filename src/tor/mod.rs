//! Tor, as far as the shop has to do with it: its control port, the onion service's key, who may come in.

mod authorized;
mod client;
mod control;
mod folder;
mod keeper;
mod key;
mod sealed;
mod status;

pub use client::{Client, ClientKeys, ClientName, Clients, NotAClient};
pub use control::{Control, ControlAddress, TorError};
pub use folder::{OnionFolder, write_whole};
pub use keeper::{Keeper, Service, Session};
pub use key::{NotAKey, OnionAddress, OnionKey};
pub use sealed::{SALT_BYTES, Unsealed, seal, unseal};
pub use status::OnionStatus;
