//! A self-hosted web shop, paid in cryptocurrency, reached through Tor. `docs/ARCHITECTURE.md` describes its structure.

pub mod actions;
pub mod domain;
pub mod infra;
pub mod interfaces;
