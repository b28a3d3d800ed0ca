//! A self-hosted web shop, paid in cryptocurrency, reached through Tor. `docs/ARCHITECTURE.md` describes its structure.

// For tests: any module may name a point.
pub mod failpoints;
// For every part that reads what others control.
pub mod bounded;

// Layer 0, the domain: pure rules without files, network, clock or random bytes.
pub mod cart;
pub mod catalog;
pub mod login;
pub mod orders;
pub mod payment;
pub mod values;

// Layer 1, adapters: storage, mail, nodes, Tor, pictures, settings.
pub mod config;
pub mod mail;
pub mod node;
pub mod pictures;
pub mod plots;
pub mod store;
pub mod tor;

// Layer 2, actions: what the shop does.
pub mod actions;

// Layer 3, interfaces: the buyers' pages, the desk, the command line.
pub mod cli;
pub mod desk;
pub mod web;
