//! Products and their pictures: the seller's list, a product's form, categories.

mod categories;
mod conflict;
mod edit;
mod edit_page;
mod empty;
mod form;
mod list;
mod manage;
mod record;

use crate::domain::catalog::Slug;
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::state::Desk;
use actix_web::web;
use actix_web::web::ServiceConfig;

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

/// Where a product is whose own address means a page of the desk.
const OF: &str = "/products/of";

/// The desk's page of a product.
fn address(slug: &Slug) -> String {
    match slug.as_str() {
        slug @ ("new" | "categories" | "empty" | "of") => format!("{OF}/{slug}"),
        slug => format!("/products/{slug}"),
    }
}

fn parse_slug(text: &str) -> Result<Slug, DeskError> {
    Slug::parse(text).map_err(|_| DeskError::NotFound)
}

async fn find(desk: &Desk, slug: &str) -> Result<EditedProduct, DeskError> {
    let slug = parse_slug(slug)?;
    store::products::find(&mut *desk.shop.db.reader().await?, &slug)
        .await?
        .ok_or(DeskError::NotFound)
}

/// The currency that the list shows prices in.
fn preferred<'a>(desk: &Desk, wallets: &'a [Wallet]) -> &'a str {
    let preferred = desk.site.preferred_currency.as_ref();
    let found = wallets.iter().find(|wallet| Some(&wallet.currency) == preferred);
    found.or(wallets.first()).map_or("", |wallet| wallet.currency.as_str())
}
