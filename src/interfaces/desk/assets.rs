//! The desk's stylesheets, icon and pictures.

use actix_web::http::header;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::infra::pictures::PictureFile;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::stylesheet;

const ICON: &[u8] = include_bytes!("../../../static/icon.png");
const FOR_EVER: &str = "private, max-age=31536000, immutable";

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/static/{file}", web::get().to(show_static))
        .route("/picture/{file}", web::get().to(show_picture));
}

async fn show_static(request: HttpRequest) -> DeskResult {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, FOR_EVER));
    if request.path() == "/static/icon.png" {
        return Ok(response.content_type("image/png").body(ICON));
    }
    let sheet = stylesheet::find(request.path()).ok_or(DeskError::NotFound)?;
    Ok(response.content_type("text/css; charset=utf-8").body(sheet))
}

/// A rendered picture of any product, including hidden ones.
async fn show_picture(_seller: Seller, desk: Data<Desk>, file: web::Path<String>) -> DeskResult {
    let file = PictureFile::parse(&file).map_err(|_| DeskError::NotFound)?;
    let kind = file.content_type();
    let gallery = desk.shop.pictures.clone();
    let read = web::block(move || gallery.read(&file)).await.map_err(anyhow::Error::from)?;
    let bytes = read.map_err(anyhow::Error::from)?.ok_or(DeskError::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CACHE_CONTROL, FOR_EVER))
        .body(bytes))
}
