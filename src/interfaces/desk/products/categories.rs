//! Renames categories.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::domain::catalog::read_category;
use crate::infra::store;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{now, query_field};

const DONE: [(&str, &str); 3] = [
    ("joined", "That category already existed: the two were merged."),
    ("renamed", "The category was renamed in all products."),
    ("removed", "The category was removed; its products are kept."),
];

#[derive(Template)]
#[template(path = "desk/products/categories.html")]
struct CategoriesPage<'a> {
    layout: DeskLayout<'a>,
    /// Name, products, and the address of their list.
    categories: Vec<(String, i64, String)>,
    /// The category whose new name was refused, and that name.
    refused: Option<(&'a str, &'a str)>,
}

pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let removed = query_field(&request, "remove");
    if !removed.is_empty() {
        let layout = DeskLayout::new(&seller, "/products");
        let question = ConfirmationPage {
            fields: vec![("category", removed.clone()), ("do", "remove".to_owned())],
            ..ConfirmationPage::new(
                layout,
                format!("Remove the category {removed}"),
                "/products/categories".to_owned(),
            )
            .back("/products/categories", "Categories")
            .consequences(["It is removed from all products; the products are kept."])
        };
        return page(StatusCode::OK, &question);
    }
    let template = CategoriesPage {
        layout: DeskLayout::new(&seller, "/products").told(&request, &DONE),
        categories: list(&desk).await?,
        refused: None,
    };
    page(StatusCode::OK, &template)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CategoryForm {
    category: String,
    name: String,
    #[serde(rename = "do")]
    action: String,
}

pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CategoryForm>,
) -> Result<HttpResponse, DeskError> {
    let category = &form.category;
    if form.action == "remove" {
        actions::rename_category(&desk.shop, category, None, now()).await?;
        return Ok(see_other("/products/categories?done=removed"));
    }
    let wanted = &form.name;
    let Ok(name) = read_category(wanted) else {
        let template = CategoriesPage {
            layout: DeskLayout::new(&seller, "/products"),
            categories: list(&desk).await?,
            refused: Some((category, wanted)),
        };
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    };
    let before = store::categories::list(&mut *desk.shop.db.reader().await?).await?;
    let is_there = |wanted: &str| before.iter().any(|(there, _)| there == wanted);
    let is_joined = name != form.category && is_there(&name) && is_there(&form.category);
    actions::rename_category(&desk.shop, category, Some(&name), now()).await?;
    let done = if is_joined { "joined" } else { "renamed" };
    Ok(see_other(&format!("/products/categories?done={done}")))
}

async fn list(desk: &Desk) -> Result<Vec<(String, i64, String)>, DeskError> {
    let categories = store::categories::list(&mut *desk.shop.db.reader().await?).await?;
    let rows = categories.into_iter().map(|(name, n)| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let address = format!("/products?{}", query.append_pair("category", &name).finish());
        (name, n, address)
    });
    Ok(rows.collect())
}
