//! The seller's desk, through HTTP.

mod access;
mod appearance;
mod login;
mod newcomer;
mod orders;
mod products;
mod records;
mod today;
mod unpaid_orders;
mod update;
