//! A self-hosted web shop, paid in cryptocurrency, reached through Tor. `docs/ARCHITECTURE.md` shows the house.

// For tests: any room may name a point.
pub mod stops;
// For every part that reads what others control.
pub mod bounded;

// Floor 0: what the shop is. Pure rules: no files, no network, no clock, no chance.
pub mod cart;
pub mod catalog;
pub mod login;
pub mod orders;
pub mod payment;
pub mod values;

// Floor 1: what the shop keeps, tells and hears.
pub mod config;
pub mod mail;
pub mod node;
pub mod pictures;
pub mod plots;
pub mod store;
pub mod tor;

// Floor 2: what the shop does.
pub mod actions;

// Floor 3: the doors, where words from outside become ours.
pub mod cli;
pub mod desk;
pub mod web;
