//! Stylesheets, pictures, the seller's pages, the key, and /health.

use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::infra::pictures::PictureFile;
use crate::infra::store;
use crate::interfaces::http::takes_gzip;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page::page;
use crate::interfaces::web::siege::is_under_siege;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::stylesheet::{FOR_EVER, ICON};
use crate::interfaces::web::texts::text;
use crate::interfaces::web::visitor::Visitor;

pub async fn show_static(
    request: HttpRequest,
    app: Data<AppState>,
) -> Result<HttpResponse, PageError> {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, FOR_EVER));
    if request.path().ends_with(".css") {
        // After a start, the request for the sheet may be the first of all.
        app.facts().await?;
    }
    if let Some(style) = app.still.find_style(request.path()) {
        response
            .content_type("text/css; charset=utf-8")
            .insert_header((header::VARY, "Accept-Encoding"));
        if takes_gzip(&request) {
            return Ok(response
                .insert_header((header::CONTENT_ENCODING, "gzip"))
                .body(style.gzip.clone()));
        }
        return Ok(response.body(style.plain.clone()));
    }
    if request.path() == app.still.icon_href {
        return Ok(response.content_type("image/png").body(ICON));
    }
    Err(PageError::NotFound)
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
        .insert_header((header::CACHE_CONTROL, FOR_EVER))
        .body(bytes))
}

#[derive(Template)]
#[template(path = "pages/page.html")]
struct SellersPagePage<'a> {
    layout: Layout<'a>,
    title: &'a str,
    html: &'a str,
}

pub async fn show_policy(
    request: HttpRequest,
    app: Data<AppState>,
) -> Result<HttpResponse, PageError> {
    show_sellers_page(&request, &app, "policy").await
}

pub async fn show_page(
    request: HttpRequest,
    app: Data<AppState>,
) -> Result<HttpResponse, PageError> {
    let slug = request.match_info().get("slug").unwrap_or_default().to_owned();
    show_sellers_page(&request, &app, &slug).await
}

async fn show_sellers_page(
    request: &HttpRequest,
    app: &AppState,
    slug: &str,
) -> Result<HttpResponse, PageError> {
    let found = store::pages::find_shown(&mut *app.shop.db.reader().await?, slug)
        .await?
        .ok_or(PageError::NotFound)?;
    let (facts, _) = app.facts().await?;
    let visitor = Visitor::of(request, &app.cookie_key);
    let currency = app.currency_name(&facts, visitor.currency.as_deref());
    let layout = Layout::new(app, &facts, currency, request.path());
    let template = SellersPagePage { layout, title: &found.title, html: &found.html };
    page(request, app, &visitor, StatusCode::OK, &template)
}

pub async fn show_key(app: Data<AppState>) -> Result<HttpResponse, PageError> {
    let (armored, fingerprint) = app.shop.availability.public_key().ok_or(PageError::NotFound)?;
    // What stands before the armor is passed over by OpenPGP programs.
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

/// Whether an order could be taken, and whether the shop is in siege mode; nothing more is told to anybody.
pub async fn show_health(app: Data<AppState>) -> HttpResponse {
    let (status, words) = if app.is_well().await {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no order can be taken")
    };
    let mut response = HttpResponse::build(status);
    // A database that cannot be read says no; the status tells of that.
    if is_under_siege(&app).await.unwrap_or(false) {
        response.insert_header(("Shop-Siege", "1"));
    }
    response.content_type("text/plain; charset=utf-8").body(words)
}
