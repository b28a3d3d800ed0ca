//! Renames categories.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::domain::catalog::read_category;
use crate::infra::store;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{address_with_query, page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{now, query_field};

const NOTICES: [(&str, &str); 3] = [
    ("joined", "That category already existed: the two were merged."),
    ("renamed", "The category was renamed in all products."),
    ("removed", "The category was removed; its products are kept."),
];

#[derive(Template)]
#[template(path = "desk/products/categories.html")]
struct CategoriesPage<'a> {
    layout: DeskLayout<'a>,
    /// Name, number of products, and the address of their list.
    categories: Vec<(String, i64, String)>,
    /// A category and its refused new name.
    refused: Option<(&'a str, &'a str)>,
}

pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let layout = DeskLayout::new(&seller, "/products").with_notice(&request, &NOTICES);
    let removed = query_field(&request, "remove");
    if removed.is_empty() {
        return show_list(&desk, layout, StatusCode::OK, None).await;
    }
    let title = format!("Remove the category {removed}");
    let template = ConfirmationPage::new(layout, title, "/products/categories".to_owned())
        .hidden_field("category", removed)
        .hidden_field("do", "remove")
        .back_to("/products/categories", "Categories")
        .consequences(["It is removed from all products; the products are kept."]);
    page(StatusCode::OK, &template)
}

async fn show_list(
    desk: &Desk,
    layout: DeskLayout<'_>,
    status: StatusCode,
    refused: Option<(&str, &str)>,
) -> DeskResult {
    let categories = store::categories::list(&mut *desk.shop.db.reader().await?).await?;
    let rows = categories.into_iter().map(|(name, n)| {
        let address = address_with_query("/products", &[("category", &name)]);
        (name, n, address)
    });
    page(status, &CategoriesPage { layout, categories: rows.collect(), refused })
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
) -> DeskResult {
    let category = &form.category;
    if form.action == "remove" {
        actions::rename_category(&desk.shop, category, None, now()).await?;
        return Ok(see_other("/products/categories?done=removed"));
    }
    let Ok(name) = read_category(&form.name) else {
        let layout = DeskLayout::new(&seller, "/products");
        let refused = Some((category.as_str(), form.name.as_str()));
        return show_list(&desk, layout, StatusCode::UNPROCESSABLE_ENTITY, refused).await;
    };
    let categories = store::categories::list(&mut *desk.shop.db.reader().await?).await?;
    let exists = |wanted: &str| categories.iter().any(|(name, _)| name == wanted);
    let are_merged = name != *category && exists(&name) && exists(category);
    actions::rename_category(&desk.shop, category, Some(&name), now()).await?;
    let done = if are_merged { "joined" } else { "renamed" };
    Ok(see_other(&format!("/products/categories?done={done}")))
}
