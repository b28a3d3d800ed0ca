//! The seller's desk, through its own door.

mod access;
mod door;
mod look;
mod newcomer;
mod orders;
mod products;
mod today;
mod trade;
mod update;
