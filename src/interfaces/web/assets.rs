//! The icon, pictures, the seller's pages, the key, and /health.

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::infra::pictures::PictureFile;
use crate::infra::store;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::siege::is_under_siege;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::stylesheet::{ICON, IMMUTABLE, icon_href};
use crate::interfaces::web::texts::text;

pub async fn show_icon(request: HttpRequest) -> Result<HttpResponse, PageError> {
    if request.path() != icon_href() {
        return Err(PageError::NotFound);
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, IMMUTABLE))
        .content_type("image/png")
        .body(ICON))
}

pub async fn show_picture(
    request: HttpRequest,
    app: Data<AppState>,
) -> Result<HttpResponse, PageError> {
    let name = request.match_info().get("file").unwrap_or_default();
    let file = PictureFile::parse(name).map_err(|_| PageError::NotFound)?;
    let content_type = file.content_type();
    let gallery = app.shop.pictures.clone();
    let read = web::block(move || gallery.read(&file)).await.map_err(anyhow::Error::from)?;
    let bytes = read.map_err(anyhow::Error::from)?.ok_or(PageError::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, IMMUTABLE))
        .body(bytes))
}

#[derive(Template)]
#[template(path = "pages/page.html")]
struct SellerPage<'a> {
    layout: Layout<'a>,
    title: &'a str,
    html: &'a str,
}

/// A page that the seller wrote. The address `/policy` names none: it is the page `policy`.
pub async fn show_page(context: RequestContext) -> Result<HttpResponse, PageError> {
    let slug = context.request.match_info().get("slug").unwrap_or("policy");
    let page = store::pages::find_shown(&mut *context.app.shop.db.reader().await?, slug)
        .await?
        .ok_or(PageError::NotFound)?;
    let layout = Layout::new(&context, context.request.path());
    let template = SellerPage { layout, title: &page.title, html: &page.html };
    context.render(StatusCode::OK, &template)
}

pub async fn show_key(app: Data<AppState>) -> Result<HttpResponse, PageError> {
    let (armored, fingerprint) = app.shop.availability.public_key().ok_or(PageError::NotFound)?;
    // OpenPGP programs ignore what precedes the armor.
    let (about, how, then) = (text("layout-key"), text("layout-key-how"), text("layout-key-paste"));
    let id = fingerprint.replace(' ', "");
    let page = format!(
        "{about}\n\n    {fingerprint}\n\n{how}\n\n    gpg --import seller.asc\n    \
         gpg --armor --encrypt --trust-model always --no-encrypt-to -r {id} address.txt\n\n\
         {then}\n\n{armored}"
    );
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(page))
}

pub async fn show_mirrors(app: Data<AppState>) -> Result<HttpResponse, PageError> {
    let list = app.site.mirrors.clone().ok_or(PageError::NotFound)?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(list))
}

/// Whether an order could be placed, and whether the shop is in siege mode; it reveals nothing else.
pub async fn show_health(app: Data<AppState>) -> HttpResponse {
    let (status, words) = if app.is_healthy().await {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no order can be taken")
    };
    let mut response = HttpResponse::build(status);
    // If the database cannot be read, the status shows it.
    if is_under_siege(&app).await.unwrap_or(false) {
        response.insert_header(("Shop-Siege", "1"));
    }
    response.content_type("text/plain; charset=utf-8").body(words)
}
