//! Removes the whole catalog.

use crate::actions;
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::interfaces::desk::form::DeskForm;
use crate::interfaces::desk::page::DeskError;
use crate::interfaces::desk::page::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::web::Payload;
use askama::Template;

#[derive(Template)]
#[template(path = "desk/products/empty.html")]
struct EmptyPage<'a> {
    layout: DeskLayout<'a>,
    is_demo: bool,
    fresh: Fresh,
}

pub async fn ask(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    empty_page(&desk, &seller, StatusCode::OK, Fresh::asked()).await
}

/// Cannot be undone, so that the password is asked for again.
pub async fn empty(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    if let Some(fresh) = seller.fresh_password(&desk, &form).await? {
        return empty_page(&desk, &seller, StatusCode::UNPROCESSABLE_ENTITY, fresh).await;
    }
    actions::empty_catalog(&desk.shop, now()).await?;
    Ok(see_other("/products?done=emptied"))
}

async fn empty_page(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    fresh: Fresh,
) -> Result<HttpResponse, DeskError> {
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let is_demo = wallets.iter().any(Wallet::is_demo);
    let layout = DeskLayout::new(seller, "/products");
    page(status, &EmptyPage { layout, is_demo, fresh })
}
