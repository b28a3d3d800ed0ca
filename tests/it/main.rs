//! The shop, tested through its interfaces only: HTTP, the command line, the Maildir. Real parts, no mocks, no network but
//! loopback.

// A test that cannot go on fails: that is what unwrap says.
#![allow(clippy::unwrap_used)]

mod backups;
mod cart;
mod catalog;
mod challenge;
mod checkout;
mod cli;
mod clients;
mod clock;
mod coins;
mod contested;
mod crash;
mod deployment;
mod desk;
mod digital;
mod disk;
mod downloads;
mod egress;
mod escapes;
mod exchange_rates;
mod fairness;
mod feed;
mod flood;
mod headers;
mod help;
mod hidden_text;
mod journeys;
mod mail;
mod maintenance;
mod messages;
mod node;
mod notify;
mod onion;
mod order_list;
mod order_page;
mod orders;
mod payment;
mod refunds;
mod repeat_order;
mod sealed;
mod sealing;
mod search;
mod seeding;
mod settings;
mod shipping;
mod siege;
mod sockets;
mod texts;
mod tidy;
mod unpaid_orders;
mod watch;
mod world;
mod wrong_folder;
