//! The seller's web admin, with a listener of its own and behind a password. It translates, and decides nothing.

mod account;
mod activity;
mod amounts;
mod appearance;
mod assets;
mod confirmation;
mod discounts;
mod error;
mod error_page;
mod extract;
mod field_view;
mod form;
mod health;
mod hosts;
mod layout;
mod login;
mod memory;
mod orders;
mod page;
mod pages;
mod password_prompt;
mod products;
mod record_faults;
mod record_form;
mod records;
pub mod serve;
mod session;
mod shipping;
mod state;
mod stylesheet;
mod today;
mod upload;
mod wallets;

pub use health::{Complaint, Health};
pub use hosts::DeskHosts;
pub use state::Desk;

use actix_web::web;
use actix_web::web::ServiceConfig;

/// Every address of the desk, part by part.
pub fn addresses(config: &mut ServiceConfig) {
    login::addresses(config);
    account::addresses(config);
    today::addresses(config);
    activity::addresses(config);
    orders::addresses(config);
    products::addresses(config);
    discounts::addresses(config);
    shipping::addresses(config);
    wallets::addresses(config);
    pages::addresses(config);
    appearance::addresses(config);
    assets::addresses(config);
    config.default_service(web::to(page::unknown_address));
}
