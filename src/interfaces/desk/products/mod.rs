//! Products and their pictures: the seller's list, a product's form, categories.

mod address;
mod categories;
mod conflict;
mod edit;
mod edit_page;
mod empty;
mod form;
mod list;
mod manage;
mod record;

use actix_web::web;
use actix_web::web::ServiceConfig;

use crate::interfaces::desk::products::address::OF;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/products", web::get().to(list::show))
        .route("/products", web::post().to(list::submit))
        .route("/products/new", web::get().to(edit::show))
        .route("/products/new", web::post().to(edit::submit))
        .route("/products/empty", web::get().to(empty::ask))
        .route("/products/empty", web::post().to(empty::empty))
        .route("/products/categories", web::get().to(categories::show))
        .route("/products/categories", web::post().to(categories::submit));
    for before in ["/products", OF] {
        config
            .route(&format!("{before}/{{slug}}"), web::get().to(edit::show))
            .route(&format!("{before}/{{slug}}"), web::post().to(edit::submit))
            .route(&format!("{before}/{{slug}}/tend"), web::post().to(manage::submit))
            .route(&format!("{before}/{{slug}}/delete"), web::get().to(manage::ask_delete))
            .route(&format!("{before}/{{slug}}/delete"), web::post().to(manage::delete));
    }
}
