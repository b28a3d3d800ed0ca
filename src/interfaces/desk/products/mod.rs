//! Products at the desk: list, form, stock, categories.

mod address;
mod categories;
mod conflict;
mod edit;
mod edit_page;
mod empty;
mod files;
mod form;
mod list;
mod manage;
mod record;

use actix_web::web;
use actix_web::web::ServiceConfig;

use crate::interfaces::desk::products::address::PREFIX;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/products", web::get().to(list::show))
        .route("/products", web::post().to(list::submit))
        .route("/products/new", web::get().to(edit::show))
        .route("/products/new", web::post().to(edit::submit))
        .route("/products/empty", web::get().to(empty::show))
        .route("/products/empty", web::post().to(empty::submit))
        .route("/products/categories", web::get().to(categories::show))
        .route("/products/categories", web::post().to(categories::submit))
        .route("/products/files", web::get().to(files::show))
        .route("/products/files", web::post().to(files::submit))
        .route("/products/files/delete", web::post().to(files::delete));
    for prefix in ["/products", PREFIX] {
        config
            .route(&format!("{prefix}/{{slug}}"), web::get().to(edit::show))
            .route(&format!("{prefix}/{{slug}}"), web::post().to(edit::submit))
            .route(&format!("{prefix}/{{slug}}/tend"), web::post().to(manage::submit))
            .route(&format!("{prefix}/{{slug}}/delete"), web::get().to(manage::ask_removal))
            .route(&format!("{prefix}/{{slug}}/delete"), web::post().to(manage::remove));
    }
}
