//! Removes the whole catalog.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;

use crate::actions;
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::Confirmation;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

pub async fn ask(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    empty_page(&desk, &seller, StatusCode::OK, Fresh::asked()).await
}

/// Cannot be undone, so that the password is asked for again.
pub async fn empty(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> Result<HttpResponse, DeskError> {
    if let Some(fresh) = seller.fresh_password(&desk, &form.password).await? {
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
    let demo = "The shop currently holds demo products.";
    let question = ConfirmationPage::new(
        DeskLayout::new(seller, "/products"),
        "Empty catalog".to_owned(),
        "/products/empty".to_owned(),
    )
    .consequences([
        if wallets.iter().any(Wallet::is_demo) { demo } else { "" },
        "This cannot be undone: all products, wallets, shipping methods and discounts are deleted.",
        "Existing orders, pages, name, appearance and your original picture files are kept.",
    ])
    .with_password(fresh);
    page(status, &question)
}
