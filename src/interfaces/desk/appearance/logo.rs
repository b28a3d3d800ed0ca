//! Uploading and removing the logo.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::actions;
use crate::actions::AppearanceError;
use crate::infra::pictures::{NotAPicture, Source};
use crate::infra::store;
use crate::infra::store::appearance::Logo;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::Confirmation;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::upload::read_upload;
use crate::interfaces::http::now;

const SECTION: &str = "/look";

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/look/logo", web::get().to(show))
        .route("/look/logo", web::post().to(submit))
        .route("/look/logo/remove", web::get().to(ask_removal))
        .route("/look/logo/remove", web::post().to(take_down));
}

#[derive(Template)]
#[template(path = "desk/appearance/logo.html")]
struct LogoPage<'a> {
    layout: DeskLayout<'a>,
    edition: i64,
    logo: Option<Logo>,
    was_changed: bool,
    /// Why the picture was refused.
    error: Option<String>,
}

async fn show(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    show_logo(&desk, &seller, StatusCode::OK, None).await
}

async fn show_logo(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    error: Option<String>,
) -> Result<HttpResponse, DeskError> {
    let look = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let template = LogoPage {
        layout: DeskLayout::new(seller, SECTION),
        edition: look.edition,
        logo: look.logo,
        was_changed: status == StatusCode::CONFLICT,
        error,
    };
    page(status, &template)
}

async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let (form, file, _held_form): (Confirmation, _, _) =
        read_upload(&request, body, "picture").await?;
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    let Some(file) = file else {
        let words = "Please choose a picture.".to_owned();
        return show_logo(&desk, &seller, refused, Some(words)).await;
    };
    let _held = file.held;
    let source = if file.is_too_heavy {
        Err(NotAPicture::TooHeavy { name: file.name })
    } else {
        Source::of(file.name, file.bytes)
    };
    let source = match source {
        Ok(source) => source,
        Err(why) => {
            return show_logo(&desk, &seller, refused, Some(sentence(&why.to_string()))).await;
        }
    };
    match actions::set_logo(&desk.shop, form.edition, source, now()).await {
        Ok(()) => Ok(see_other("/look?done=logo")),
        Err(AppearanceError::NotAPicture(why)) => {
            show_logo(&desk, &seller, refused, Some(sentence(&why))).await
        }
        Err(AppearanceError::Changed(_)) => {
            show_logo(&desk, &seller, StatusCode::CONFLICT, None).await
        }
        Err(AppearanceError::Broken(error)) => Err(error.into()),
    }
}

fn sentence(why: &str) -> String {
    format!("This picture cannot be used: {why}.")
}

async fn ask_removal(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    let look = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let question = ConfirmationPage {
        fields: vec![("edition", look.edition.to_string())],
        ..ConfirmationPage::new(
            DeskLayout::new(&seller, SECTION),
            "Remove the logo".to_owned(),
            "/look/logo/remove".to_owned(),
        )
        .back("/look/logo", "Logo")
        .consequences(["Pages show the shop's name instead."])
    };
    page(StatusCode::OK, &question)
}

async fn take_down(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> Result<HttpResponse, DeskError> {
    match actions::remove_logo(&desk.shop, form.edition, now()).await {
        Ok(()) => Ok(see_other("/look?done=no-logo")),
        Err(AppearanceError::Broken(error)) => Err(error.into()),
        Err(_) => show_logo(&desk, &seller, StatusCode::CONFLICT, None).await,
    }
}
