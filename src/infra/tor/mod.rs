//! The shop's use of Tor: its control port, the onion service's key, and client authorization.

mod authorized;
mod client;
mod control;
mod key;
mod onion_service;
mod sealed;
mod shared_dir;
mod status;

pub use client::{Client, ClientKeys, ClientName, Clients, NotAClient};
pub use control::{ControlAddress, ControlClient, TorError};
pub use key::{NotAKey, OnionAddress, OnionKey};
pub use onion_service::{OnionService, Service, Session};
pub use sealed::{SALT_BYTES, Unsealed, seal, unseal};
pub use shared_dir::{SharedDir, write_whole};
pub use status::OnionStatus;
