//! The shop, tested from its doors only: HTTP, the command line, the Maildir. Real parts, no mocks, no network but
//! loopback.

// A test that cannot go on fails: that is what unwrap says.
#![allow(clippy::unwrap_used)]

mod cart;
mod catalog;
mod checkout;
mod cli;
mod clients;
mod clock;
mod copies;
mod crash;
mod deployment;
mod desk;
mod disk;
mod egress;
mod escapes;
mod fairness;
mod flood;
mod headers;
mod hidden_text;
mod house;
mod journeys;
mod ledger;
mod mail;
mod node;
mod onion;
mod orders;
mod payment;
mod refunds;
mod sealed;
mod sealing;
mod settings;
mod sockets;
mod texts;
mod tidy;
mod watch;
mod words;
mod world;
mod wrong_folder;
