//! Adapters to the world outside: storage, mail, nodes, Tor, pictures, settings.

pub mod atomic_file;
pub mod backup;
pub mod bounded;
pub mod captcha;
pub mod config;
pub mod confinement;
pub mod erased_file;
pub mod failpoints;
pub mod file_sync;
pub mod files;
pub mod mail;
pub mod node;
pub mod pictures;
pub mod plots;
pub mod store;
pub mod tor;
