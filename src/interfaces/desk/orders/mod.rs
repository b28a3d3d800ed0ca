//! The orders at the desk: found, looked at, answered, moved on, packed.

mod cancelling;
mod filters;
mod letters;
mod list;
mod one;
mod packing;
mod sending;
mod step_forms;
mod steps;

use actix_web::web;
use actix_web::web::ServiceConfig;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/orders", web::get().to(list::show))
        .route("/orders/cancel-unpaid", web::get().to(cancelling::ask))
        .route("/orders/cancel-unpaid", web::post().to(cancelling::submit))
        .route("/orders/send", web::get().to(sending::show))
        .route("/orders/send", web::post().to(sending::submit))
        .route("/orders/sent", web::get().to(sending::show_sent))
        .route("/orders/packing", web::get().to(packing::show))
        .route("/orders/{order_ref}", web::get().to(one::show))
        .route("/orders/{order_ref}/step", web::post().to(steps::submit))
        .route("/orders/{order_ref}/answer", web::post().to(steps::answer));
}
