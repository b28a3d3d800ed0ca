//! Hides, moves, copies and deletes products.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{Place, Stale};
use crate::domain::catalog::Slug;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{Confirmation, Once};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::products::address::{address, find, go, parse_slug};
use crate::interfaces::desk::products::edit_page::pools;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

/// The number of items that a seller wanted to add or to remove, and why that cannot be.
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
        other => return Ok(go(&slug, arrange(&desk, &slug, other).await?)),
    };
    found.ok_or(DeskError::NotFound)?;
    Ok(go(&slug, done))
}

/// Hides or shows a product, or moves it one place. Returns what was done.
pub async fn arrange(desk: &Desk, slug: &Slug, what: &str) -> Result<&'static str, DeskError> {
    let (shop, now) = (&desk.shop, now());
    let (found, done) = match what {
        "hide" => (actions::hide_product(shop, slug, true, now).await?, "hidden"),
        "show" => (actions::hide_product(shop, slug, false, now).await?, "shown"),
        "up" => (actions::move_product(shop, slug, Place::Up, now).await?, "moved"),
        "down" => (actions::move_product(shop, slug, Place::Down, now).await?, "moved"),
        _ => return Err(DeskError::NotFound),
    };
    found.ok_or(DeskError::NotFound)?;
    Ok(done)
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
    let product = find(desk, slug.as_str()).await?;
    let template = StockPage {
        layout: DeskLayout::new(seller, "/products"),
        pools: pools(&product),
        name: product.name,
        address: address(slug),
        pool,
        add,
        once,
        error: Some(error),
    };
    page(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

pub async fn ask_delete(
    desk: Data<Desk>,
    seller: Seller,
    slug: Path<String>,
) -> Result<HttpResponse, DeskError> {
    let product = find(&desk, &slug).await?;
    let seen = product.edition;
    page(StatusCode::OK, &delete_page(&seller, product, seen, Fresh::asked()))
}

/// Cannot be undone, so that the password is asked for again.
pub async fn delete(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> Result<HttpResponse, DeskError> {
    let product = find(&desk, &slug).await?;
    if let Some(fresh) = seller.fresh_password(&desk, &form.password).await? {
        let again = delete_page(&seller, product, form.edition, fresh);
        return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
    }
    let deleted = actions::delete_product(&desk.shop, &product.slug, form.edition, now()).await?;
    match deleted.ok_or(DeskError::NotFound)? {
        Ok(()) => Ok(see_other("/products?done=deleted")),
        Err(Stale) => {
            let product = find(&desk, &slug).await?;
            let seen = product.edition;
            let mut again = delete_page(&seller, product, seen, Fresh::asked());
            again.was_changed = true;
            page(StatusCode::CONFLICT, &again)
        }
    }
}

/// `seen`: the edition that the seller has seen.
fn delete_page(
    seller: &Seller,
    product: EditedProduct,
    seen: i64,
    fresh: Fresh,
) -> ConfirmationPage<'_> {
    let (address, name) = (address(&product.slug), product.name);
    let layout = DeskLayout::new(seller, "/products");
    let hide = "To remove it from sale temporarily, hide it instead.";
    ConfirmationPage {
        fields: vec![("edition", seen.to_string())],
        ..ConfirmationPage::new(layout, format!("Delete {name}"), format!("{address}/delete"))
            .back(&address, &name)
            .consequences([
                "This cannot be undone: its description, prices, options and stock are deleted.",
                "Existing orders are not affected.",
                "Your original picture files are kept; the shop's resized copies are deleted.",
                if product.hidden { "" } else { hide },
            ])
            .with_password(fresh)
    }
}
