//! Uploading and removing the logo.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, web};
use askama::Template;

use crate::actions;
use crate::actions::AppearanceError;
use crate::infra::pictures::{NotAPicture, PictureFault, Source};
use crate::infra::store;
use crate::infra::store::appearance::Logo;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{Confirmation, FromFields};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::upload::{UploadedFile, read_upload};
use crate::interfaces::http::now;

const SECTION: &str = "/look";

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/look/logo", web::get().to(show))
        .route("/look/logo", web::post().to(submit))
        .route("/look/logo/remove", web::get().to(ask_removal))
        .route("/look/logo/remove", web::post().to(remove));
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

async fn show(desk: Data<Desk>, seller: Seller) -> DeskResult {
    show_logo(&desk, &seller, StatusCode::OK, None).await
}

async fn show_logo(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    error: Option<String>,
) -> DeskResult {
    let appearance = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let template = LogoPage {
        layout: DeskLayout::new(seller, SECTION),
        edition: appearance.edition,
        logo: appearance.logo,
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
) -> DeskResult {
    let mut file = None;
    let (fields, _held_fields) = read_upload(&request, body, async |upload| {
        if upload.field == "picture" {
            file.get_or_insert(upload);
        }
        Ok(())
    })
    .await?;
    let form = Confirmation::from_fields(fields)?;
    let refuse = async |text: String| {
        show_logo(&desk, &seller, StatusCode::UNPROCESSABLE_ENTITY, Some(text)).await
    };
    let Some(UploadedFile { name, bytes, is_too_large, held: _held, .. }) = file else {
        return refuse("Please choose a picture.".to_owned()).await;
    };
    let source = if is_too_large {
        Err(NotAPicture { name, fault: PictureFault::TooHeavy })
    } else {
        Source::of(name, bytes)
    };
    let source = match source {
        Ok(source) => source,
        Err(why) => return refuse(format!("This picture cannot be used: {why}.")).await,
    };
    match actions::set_logo(&desk.shop, form.edition, source, now()).await {
        Ok(()) => Ok(see_other("/look?done=logo")),
        Err(AppearanceError::NotAPicture(why)) => {
            refuse(format!("This picture cannot be used: {why}.")).await
        }
        Err(AppearanceError::Changed(_)) => {
            show_logo(&desk, &seller, StatusCode::CONFLICT, None).await
        }
        Err(AppearanceError::Broken(error)) => Err(error.into()),
    }
}

async fn ask_removal(desk: Data<Desk>, seller: Seller) -> DeskResult {
    let appearance = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let layout = DeskLayout::new(&seller, SECTION);
    let (title, action) = ("Remove the logo".to_owned(), "/look/logo/remove".to_owned());
    let template = ConfirmationPage::new(layout, title, action)
        .hidden_field("edition", appearance.edition)
        .back_to("/look/logo", "Logo")
        .consequences(["Pages show the shop's name instead."]);
    page(StatusCode::OK, &template)
}

async fn remove(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> DeskResult {
    match actions::remove_logo(&desk.shop, form.edition, now()).await {
        Ok(()) => Ok(see_other("/look?done=no-logo")),
        Err(AppearanceError::Broken(error)) => Err(error.into()),
        Err(_) => show_logo(&desk, &seller, StatusCode::CONFLICT, None).await,
    }
}
