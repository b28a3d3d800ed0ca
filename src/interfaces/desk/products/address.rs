//! A product by its address at the desk.

use actix_web::HttpResponse;

use crate::domain::catalog::Slug;
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::state::Desk;

/// Where a product is whose own address means a page of the desk.
pub const OF: &str = "/products/of";

/// The desk's page of a product.
pub fn address(slug: &Slug) -> String {
    match slug.as_str() {
        slug @ ("new" | "categories" | "empty" | "of") => format!("{OF}/{slug}"),
        slug => format!("/products/{slug}"),
    }
}

/// To the product's page, which says what was done.
pub fn go(slug: &Slug, done: &str) -> HttpResponse {
    see_other(&format!("{}?done={done}", address(slug)))
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

/// The currency that the list shows prices in.
pub fn preferred<'a>(desk: &Desk, wallets: &'a [Wallet]) -> &'a str {
    let preferred = desk.site.preferred_currency.as_ref();
    let found = wallets.iter().find(|wallet| Some(&wallet.currency) == preferred);
    found.or(wallets.first()).map_or("", |wallet| wallet.currency.as_str())
}
