//! Orders at the desk: list, page, status changes, answers, packing slips.

mod cancel_unpaid;
mod export;
mod filters;
mod list;
mod message_view;
mod order_page;
mod packing_slips;
mod shipping;
mod step_forms;
mod steps;

use actix_web::web;
use actix_web::web::ServiceConfig;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/orders", web::get().to(list::show))
        .route("/orders/cancel-unpaid", web::get().to(cancel_unpaid::show))
        .route("/orders/cancel-unpaid", web::post().to(cancel_unpaid::submit))
        .route("/orders/export", web::get().to(export::download))
        .route("/orders/send", web::get().to(shipping::show))
        .route("/orders/send", web::post().to(shipping::submit))
        .route("/orders/sent", web::get().to(shipping::show_shipped))
        .route("/orders/packing", web::get().to(packing_slips::show))
        .route("/orders/{order_ref}", web::get().to(order_page::show))
        .route("/orders/{order_ref}/step", web::post().to(steps::submit))
        .route("/orders/{order_ref}/answer", web::post().to(steps::answer));
}
