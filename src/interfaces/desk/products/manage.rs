//! Hides, moves, copies and deletes products.

use crate::actions;
use crate::actions::Place;
use crate::actions::Stale;
use crate::domain::catalog::Slug;
use crate::infra::store;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::Confirmation;
use crate::interfaces::desk::form::Once;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::products::address;
use crate::interfaces::desk::products::parse_slug;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;

/// The pieces that a seller wanted to add or to take, and why that cannot be.
#[derive(Template)]
#[template(path = "desk/products/stock.html")]
struct StockPage<'a> {
    layout: DeskLayout<'a>,
    name: String,
    address: String,
    pools: Vec<(i64, String, i64)>,
    pool: i64,
    add: &'a str,
    once: &'a str,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ManageForm {
    once: Once,
    place: String,
    pool: String,
    add: String,
    #[serde(rename = "do")]
    action: String,
}

/// What is done to a product besides its form.
pub async fn submit(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<ManageForm>,
) -> Result<HttpResponse, DeskError> {
    let slug = parse_slug(&slug)?;
    let (shop, now) = (&desk.shop, now());
    let (found, done) = match form.action.as_str() {
        "hide" => (actions::hide_product(shop, &slug, true, now).await?, "hidden"),
        "show" => (actions::hide_product(shop, &slug, false, now).await?, "shown"),
        "up" => (actions::move_product(shop, &slug, Place::Up, now).await?, "moved"),
        "down" => (actions::move_product(shop, &slug, Place::Down, now).await?, "moved"),
        "place" => {
            let place = form.place.trim().parse().map_err(|_| DeskError::NotFound)?;
            (actions::move_product(shop, &slug, Place::Number(place), now).await?, "moved")
        }
        "copy" => {
            form.once.bytes()?;
            let copy = actions::duplicate_product(shop, &slug, form.once.as_str(), now).await?;
            let copy = copy.ok_or(DeskError::NotFound)?;
            return Ok(go(&copy, "copied"));
        }
        "stock" => return add_stock(&desk, &seller, &slug, &form).await,
        _ => return Err(DeskError::NotFound),
    };
    found.ok_or(DeskError::NotFound)?;
    Ok(go(&slug, done))
}

fn go(slug: &Slug, done: &str) -> HttpResponse {
    see_other(&format!("{}?done={done}", address(slug)))
}

async fn add_stock(
    desk: &Desk,
    seller: &Seller,
    slug: &Slug,
    form: &ManageForm,
) -> Result<HttpResponse, DeskError> {
    form.once.bytes()?;
    let once = form.once.as_str();
    let pool = form.pool.parse().unwrap_or(0);
    let add = form.add.trim();
    // A minus as people write it.
    let error = match add.replace('\u{2212}', "-").parse() {
        Ok(pieces) => {
            let added = actions::add_stock(&desk.shop, slug, (pool, pieces), once, now()).await?;
            match added.ok_or(DeskError::NotFound)? {
                Ok(_) => return Ok(go(slug, "saved")),
                Err(stock) => {
                    format!("{stock} in stock: the result must be between 0 and 1,000,000.")
                }
            }
        }
        Err(_) => "Enter a whole number: how many to add, or a negative number to remove stock."
            .to_owned(),
    };
    let product =
        store::product_edit::find(&desk.shop.db, slug).await?.ok_or(DeskError::NotFound)?;
    let template = StockPage {
        layout: DeskLayout::new(seller, "/products"),
        pools: crate::interfaces::desk::products::edit_page::pools(&product),
        name: product.name,
        address: address(slug),
        pool,
        add,
        once,
        error: Some(error),
    };
    page(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

#[derive(Template)]
#[template(path = "desk/products/delete.html")]
struct DeletePage<'a> {
    layout: DeskLayout<'a>,
    name: String,
    address: String,
    hidden: bool,
    edition: i64,
    /// It has changed since the seller saw this page.
    is_meanwhile: bool,
    fresh: Fresh,
}

pub async fn ask_delete(
    desk: Data<Desk>,
    seller: Seller,
    slug: Path<String>,
) -> Result<HttpResponse, DeskError> {
    let slug = parse_slug(&slug)?;
    delete_page(&desk, &seller, &slug, None, (StatusCode::OK, Fresh::asked())).await
}

/// Cannot be undone, so that the password is asked for again.
pub async fn delete(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> Result<HttpResponse, DeskError> {
    let slug = parse_slug(&slug)?;
    if let Some(fresh) = seller.fresh_password(&desk, &form.password).await? {
        let refused = (StatusCode::UNPROCESSABLE_ENTITY, fresh);
        return delete_page(&desk, &seller, &slug, Some(form.edition), refused).await;
    }
    let deleted = actions::delete_product(&desk.shop, &slug, form.edition, now()).await?;
    match deleted.ok_or(DeskError::NotFound)? {
        Ok(()) => Ok(see_other("/products?done=deleted")),
        Err(Stale) => {
            let refused = (StatusCode::CONFLICT, Fresh::asked());
            delete_page(&desk, &seller, &slug, None, refused).await
        }
    }
}

/// `seen`: the edition that the seller has seen; `None`: the one that this page shows.
async fn delete_page(
    desk: &Desk,
    seller: &Seller,
    slug: &Slug,
    seen: Option<i64>,
    (status, fresh): (StatusCode, Fresh),
) -> Result<HttpResponse, DeskError> {
    let product =
        store::product_edit::find(&desk.shop.db, slug).await?.ok_or(DeskError::NotFound)?;
    let layout = DeskLayout::new(seller, "/products");
    let template = DeletePage {
        layout,
        name: product.name,
        address: address(slug),
        hidden: product.hidden,
        edition: seen.unwrap_or(product.edition),
        is_meanwhile: status == StatusCode::CONFLICT,
        fresh,
    };
    page(status, &template)
}
