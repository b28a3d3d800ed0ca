//! The shop's use of Tor: its control port, the onion service's key, and client authorization.

mod authorized_clients;
mod client;
mod control;
mod key;
mod key_backup;
mod onion_service;
mod shared_dir;
mod status;

pub use client::{Client, ClientKeys, ClientName, Clients, NotAClient};
pub use control::{ControlAddress, ControlClient, TorError};
pub use key::{NotAKey, OnionAddress, OnionKey};
pub use key_backup::{SALT_BYTES, UnsealError, seal, unseal};
pub use onion_service::{OnionService, Service, Session};
pub use shared_dir::SharedDir;
pub use status::OnionStatus;
