//! The seller's desk: a web door of its own, for whoever has the password. It translates, and decides nothing.

mod account;
mod deeds;
mod discounts;
mod fields;
mod filled;
mod form;
mod fresh;
mod health;
mod hosts;
mod login;
mod look;
mod memory;
mod orders;
mod page;
mod pages;
mod products;
mod rates;
pub mod serve;
mod session;
mod state;
mod still;
mod today;
mod upload;
mod wallets;

pub use health::{Complaint, Health};
pub use hosts::DeskHosts;
pub use state::Desk;

use actix_web::web;
use actix_web::web::ServiceConfig;

/// Every address of the desk, slice by slice.
pub fn addresses(config: &mut ServiceConfig) {
    login::addresses(config);
    account::addresses(config);
    today::addresses(config);
    deeds::addresses(config);
    orders::addresses(config);
    products::addresses(config);
    discounts::addresses(config);
    rates::addresses(config);
    wallets::addresses(config);
    pages::addresses(config);
    look::addresses(config);
    still::addresses(config);
    config.default_service(web::to(page::unknown_address));
}
