//! Removes the whole catalog.

use actix_web::http::StatusCode;
use actix_web::web::Data;

use crate::actions;
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::Confirmation;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::PasswordPrompt;
use crate::interfaces::desk::session::{Seller, confirms_password};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

pub async fn show(desk: Data<Desk>, seller: Seller) -> DeskResult {
    confirmation_page(&desk, &seller, StatusCode::OK, PasswordPrompt::default()).await
}

pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> DeskResult {
    if !confirms_password(&desk, &form.password).await? {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return confirmation_page(&desk, &seller, status, PasswordPrompt::WRONG).await;
    }
    actions::empty_catalog(&desk.shop, now()).await?;
    Ok(see_other("/products?done=emptied"))
}

async fn confirmation_page(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    prompt: PasswordPrompt,
) -> DeskResult {
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let demo = "The shop currently holds demo products.";
    let layout = DeskLayout::new(seller, "/products");
    let template = ConfirmationPage::new(
        layout,
        "Empty catalog".to_owned(),
        "/products/empty".to_owned(),
    )
    .consequences([
        if wallets.iter().any(Wallet::is_demo) { demo } else { "" },
        "This cannot be undone: all products, wallets, shipping methods and discounts are deleted.",
        "Existing orders, pages, name, appearance and your original picture files are kept.",
    ])
    .with_password(prompt);
    page(status, &template)
}
