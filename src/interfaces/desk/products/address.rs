//! Addresses of products at the desk.

use actix_web::HttpResponse;

use crate::domain::catalog::Slug;
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::state::Desk;

/// Before the slug of a product whose address would otherwise be that of another page.
pub const PREFIX: &str = "/products/of";

pub fn address(slug: &str) -> String {
    match slug {
        slug @ ("new" | "categories" | "empty" | "files" | "of") => format!("{PREFIX}/{slug}"),
        slug => format!("/products/{slug}"),
    }
}

/// Redirects to the product's page.
pub fn to_product(slug: &Slug, done: &str) -> HttpResponse {
    see_other(&format!("{}?done={done}", address(slug.as_str())))
}

pub fn parse_slug(text: &str) -> Result<Slug, DeskError> {
    Slug::parse(text).map_err(|_| DeskError::NotFound)
}

pub async fn find(desk: &Desk, slug: &str) -> Result<EditedProduct, DeskError> {
    let slug = parse_slug(slug)?;
    store::products::find(&mut *desk.shop.db.reader().await?, &slug)
        .await?
        .ok_or(DeskError::NotFound)
}

/// The currency of the prices in the list.
pub fn preferred_currency<'a>(desk: &Desk, wallets: &'a [Wallet]) -> &'a str {
    let preferred = desk.site.preferred_currency.as_ref();
    let wallet = wallets.iter().find(|wallet| Some(&wallet.currency) == preferred);
    wallet.or(wallets.first()).map_or("", |wallet| wallet.currency.as_str())
}
