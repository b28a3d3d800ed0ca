//! The seller's desk, through HTTP.

mod access;
mod appearance;
mod login;
mod newcomer;
mod orders;
mod products;
mod today;
mod trade;
mod unpaid_orders;
mod update;
