//! The seller's web admin, with a listener of its own and behind a password. It translates, and decides nothing.

mod account;
mod activity;
mod amounts;
mod appearance;
mod assets;
mod backup;
mod confirmation;
mod discounts;
mod error;
mod error_page;
mod exchange_rates;
mod extract;
mod field_view;
mod form;
mod health;
mod hosts;
mod layout;
mod login;
mod memory;
mod metrics;
mod metrics_page;
mod orders;
mod page;
mod pages;
mod parsed_form;
mod password_prompt;
mod products;
mod record_form;
mod records;
mod regions;
pub mod serve;
mod session;
mod shipping;
mod shipping_steps;
mod state;
mod stylesheet;
mod today;
mod upload;
mod wallets;

pub use health::{Complaint, Health};
pub use hosts::DeskHosts;
pub use metrics::{Metrics, TorFigures};
pub use state::Desk;

use actix_web::web;
use actix_web::web::ServiceConfig;

use crate::infra::store::discounts::StoredDiscount;
use crate::infra::store::shipping::StoredRate;

/// Every address of the desk, part by part.
pub fn addresses(config: &mut ServiceConfig) {
    login::addresses(config);
    account::addresses(config);
    backup::addresses(config);
    today::addresses(config);
    activity::addresses(config);
    orders::addresses(config);
    products::addresses(config);
    records::addresses::<StoredDiscount>(config);
    records::ordered_addresses::<StoredRate>(config);
    exchange_rates::addresses(config);
    wallets::addresses(config);
    pages::addresses(config);
    appearance::addresses(config);
    assets::addresses(config);
    metrics_page::addresses(config);
    config.default_service(web::to(page::not_found));
}
