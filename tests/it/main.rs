//! The shop, tested from its doors only: HTTP, the command line, the Maildir. Real parts, no mocks, no network but
//! loopback.

mod cart;
mod catalog;
mod checkout;
mod cli;
mod crash;
mod headers;
mod journeys;
mod mail;
mod orders;
mod tidy;
mod world;
