//! Hides, moves, copies and deletes products.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AddStockError, DeleteProductError, NewPosition};
use crate::domain::catalog::Slug;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{Confirmation, parse_idempotency_key};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::PasswordPrompt;
use crate::interfaces::desk::products::address::{address, find, parse_slug, to_product};
use crate::interfaces::desk::products::edit_page::{Pool, pools};
use crate::interfaces::desk::session::{Seller, confirms_password};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

/// Asks again for the number of units to add.
#[derive(Template)]
#[template(path = "desk/products/stock.html")]
struct StockPage<'a> {
    layout: DeskLayout<'a>,
    name: String,
    address: String,
    pools: Vec<Pool>,
    /// The id of the pool whose number was refused.
    refused: i64,
    add: &'a str,
    idempotency_key: &'a str,
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ManageForm {
    once: String,
    place: String,
    pool: String,
    add: String,
    #[serde(rename = "do")]
    action: String,
}

/// The small forms below the product form.
pub async fn submit(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<ManageForm>,
) -> DeskResult {
    let slug = parse_slug(&slug)?;
    let (shop, now) = (&desk.shop, now());
    match form.action.as_str() {
        "place" => {
            let position = form.place.trim().parse().map_err(|_| DeskError::NotFound)?;
            let moved =
                actions::move_product(shop, &slug, NewPosition::Number(position), now).await?;
            moved.ok_or(DeskError::NotFound)?;
            Ok(to_product(&slug, "moved"))
        }
        "copy" => {
            parse_idempotency_key(&form.once)?;
            let copy = actions::duplicate_product(shop, &slug, &form.once, now).await?;
            Ok(to_product(&copy.ok_or(DeskError::NotFound)?, "copied"))
        }
        "stock" => add_stock(&desk, &seller, &slug, &form).await,
        change => Ok(to_product(&slug, arrange(&desk, &slug, change).await?)),
    }
}

/// Hides or shows a product, or moves it one place. Returns the name of the notice.
pub async fn arrange(desk: &Desk, slug: &Slug, change: &str) -> Result<&'static str, DeskError> {
    let (shop, now) = (&desk.shop, now());
    let (found, done) = match change {
        "hide" => (actions::hide_product(shop, slug, true, now).await?, "hidden"),
        "show" => (actions::hide_product(shop, slug, false, now).await?, "shown"),
        "up" => (actions::move_product(shop, slug, NewPosition::Up, now).await?, "moved"),
        "down" => (actions::move_product(shop, slug, NewPosition::Down, now).await?, "moved"),
        _ => return Err(DeskError::NotFound),
    };
    found.ok_or(DeskError::NotFound)?;
    Ok(done)
}

async fn add_stock(desk: &Desk, seller: &Seller, slug: &Slug, form: &ManageForm) -> DeskResult {
    parse_idempotency_key(&form.once)?;
    let pool = form.pool.parse().unwrap_or(0);
    let add = form.add.trim();
    // People also type the minus sign U+2212.
    let error = match add.replace('\u{2212}', "-").parse() {
        Ok(n) => match actions::add_stock(&desk.shop, slug, (pool, n), &form.once, now()).await {
            Ok(()) => return Ok(to_product(slug, "saved")),
            Err(AddStockError::OutOfRange { stock }) => {
                format!("{stock} in stock: the result must be between 0 and 1,000,000.")
            }
            Err(AddStockError::NotFound) => return Err(DeskError::NotFound),
            Err(AddStockError::Broken(error)) => return Err(error.into()),
        },
        Err(_) => "Enter a whole number: how many to add, or a negative number to remove stock."
            .to_owned(),
    };
    let product = find(desk, slug.as_str()).await?;
    let template = StockPage {
        layout: DeskLayout::new(seller, "/products"),
        pools: pools(&product),
        name: product.name,
        address: address(slug.as_str()),
        refused: pool,
        add,
        idempotency_key: &form.once,
        error,
    };
    page(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

pub async fn ask_removal(desk: Data<Desk>, seller: Seller, slug: Path<String>) -> DeskResult {
    let product = find(&desk, &slug).await?;
    page(StatusCode::OK, &removal_page(&seller, &product, PasswordPrompt::default()))
}

pub async fn remove(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> DeskResult {
    let product = find(&desk, &slug).await?;
    if !confirms_password(&desk, &form.password).await? {
        // The seller has not seen a later edition yet.
        let seen = EditedProduct { edition: form.edition, ..product };
        let template = removal_page(&seller, &seen, PasswordPrompt::WRONG);
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    }
    match actions::delete_product(&desk.shop, &product.slug, form.edition, now()).await {
        Ok(()) => Ok(see_other("/products?done=deleted")),
        Err(DeleteProductError::NotFound) => Err(DeskError::NotFound),
        Err(DeleteProductError::Broken(error)) => Err(error.into()),
        Err(DeleteProductError::Stale) => {
            let product = find(&desk, &slug).await?;
            let mut template = removal_page(&seller, &product, PasswordPrompt::default());
            template.was_changed = true;
            page(StatusCode::CONFLICT, &template)
        }
    }
}

fn removal_page<'a>(
    seller: &'a Seller,
    product: &EditedProduct,
    prompt: PasswordPrompt,
) -> ConfirmationPage<'a> {
    let (address, name) = (address(product.slug.as_str()), &product.name);
    let layout = DeskLayout::new(seller, "/products");
    let hide = "To remove it from sale temporarily, hide it instead.";
    ConfirmationPage::new(layout, format!("Delete {name}"), format!("{address}/delete"))
        .hidden_field("edition", product.edition)
        .back_to(&address, name)
        .consequences([
            "This cannot be undone: its description, prices, options and stock are deleted.",
            "Existing orders are not affected.",
            "Your original picture files are kept; the shop's resized copies are deleted.",
            if product.hidden { "" } else { hide },
        ])
        .with_password(prompt)
}
