//! Stylesheets, pictures, the seller's pages, the key, and /health.

use crate::domain::values::Accent;
use crate::domain::values::Colour;
use crate::infra::pictures::PictureFile;
use crate::infra::store;
use crate::interfaces::web::csrf::hex;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page::PageError;
use crate::interfaces::web::page::page;
use crate::interfaces::web::page::takes_gzip;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::visitor::Visitor;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Bytes;
use actix_web::web::Data;
use askama::Template;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::Digest;
use sha2::Sha256;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What never changes while the shop runs. Its name is made of its content, so that a browser asks for it once.
pub struct Assets {
    pub icon_href: String,
    /// The newest last. Whoever was sent a page just before the seller chose another colour still asks for the old sheet.
    styles: Mutex<Vec<Arc<StyleSheet>>>,
}

/// The sheet with the colours of one accent.
pub struct StyleSheet {
    accent: Accent,
    pub href: String,
    plain: Bytes,
    gzip: Bytes,
}

/// Units: sheets.
const MOST_STYLES: usize = 8;

const STYLE: &str = include_str!("../../../static/style.css");
const ICON: &[u8] = include_bytes!("../../../static/icon.png");
const FOR_EVER: &str = "public, max-age=31536000, immutable";

impl Assets {
    pub fn new() -> Self {
        Self { icon_href: format!("/static/{}.png", name(ICON)), styles: Mutex::default() }
    }

    /// The sheet for an accent, made where it is not known.
    pub fn style(&self, accent: Accent) -> Arc<StyleSheet> {
        let mut styles = self.styles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(style) = styles.iter().find(|style| style.accent == accent) {
            return style.clone();
        }
        let style = Arc::new(StyleSheet::new(accent));
        let n_old = styles.len().saturating_sub(MOST_STYLES - 1);
        styles.drain(..n_old);
        styles.push(style.clone());
        style
    }

    fn find_style(&self, href: &str) -> Option<Arc<StyleSheet>> {
        let styles = self.styles.lock().unwrap_or_else(PoisonError::into_inner);
        styles.iter().find(|style| style.href == href).cloned()
    }
}

impl StyleSheet {
    fn new(accent: Accent) -> Self {
        let own = Accent::default();
        // The first of each is for the light, the second for the dark.
        let text = STYLE
            .replacen(&words(own.light), &words(accent.light), 1)
            .replacen(&words(own.dark), &words(accent.dark), 1)
            .replacen(&format!("--on:{}", own.on_dark), &format!("--on:{}", accent.on_dark), 1);
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(text.as_bytes()).and_then(|()| packer.finish());
        Self {
            accent,
            href: format!("/static/{}.css", name(text.as_bytes())),
            gzip: packed.expect("a memory takes whatever is written").into(),
            plain: text.into(),
        }
    }
}

/// How the sheet says what its accent is.
fn words(accent: Colour) -> String {
    format!("--accent:{accent}")
}

/// Of a file, by its content.
fn name(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}

pub async fn show_static(
    request: HttpRequest,
    app: Data<AppState>,
) -> Result<HttpResponse, PageError> {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, FOR_EVER));
    if request.path().ends_with(".css") {
        // After a start, whoever asks for the sheet may be the first to ask for anything.
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
    let visitor = Visitor::of(request, app);
    let currency = app
        .currency(&facts, visitor.currency.as_deref())
        .map_or("", |wallet| wallet.currency.as_str());
    let layout = Layout::new(app, &facts, currency, request.path());
    let template = SellersPagePage { layout, title: &found.title, html: &found.html };
    page(request, app, &visitor, StatusCode::OK, &template)
}

pub async fn show_key(app: Data<AppState>) -> Result<HttpResponse, PageError> {
    let (armored, fingerprint) = app.shop.availability.public_key().ok_or(PageError::NotFound)?;
    // What stands before the armor is passed over by OpenPGP programs.
    let text = format!(
        "The seller's OpenPGP key. Compare its fingerprint with what the seller publishes elsewhere:\n\n    {fingerprint}\n\n\
         To encrypt your address: save this page as seller.asc, then run\n\n    gpg --import seller.asc\n    \
         gpg --armor --encrypt --trust-model always --no-encrypt-to -r {} address.txt\n\n\
         and paste the content of address.txt.asc into the form. Encrypt to this key only: a message that others can open is refused.\n\n{armored}",
        fingerprint.replace(' ', "")
    );
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}

pub async fn show_mirrors(app: Data<AppState>) -> Result<HttpResponse, PageError> {
    let list = app.site.mirrors.clone().ok_or(PageError::NotFound)?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(list))
}

/// Whether an order could be taken; nothing more is told to anybody.
pub async fn show_health(app: Data<AppState>) -> HttpResponse {
    let (status, words) = if app.is_well().await {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no order can be taken")
    };
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accent_is_all_that_tells_a_sheet_from_the_shops_own() {
        let still = Assets::new();
        let own = still.style(Accent::default());
        assert_eq!(own.plain, STYLE.as_bytes());
        let chosen = Accent::of(Colour::parse("#8a1538").unwrap()).unwrap();
        let style = still.style(chosen);
        let text = std::str::from_utf8(&style.plain).unwrap();
        assert_eq!(text.len(), STYLE.len());
        let light = text.find(&words(chosen.light)).unwrap();
        let dark = text.find("prefers-color-scheme:dark").unwrap();
        assert!(light < dark && dark < text.find(&words(chosen.dark)).unwrap());
        assert!(
            !text.contains("#1c5d50") && !text.contains("#86cdb9") && !text.contains("#10211d")
        );
        assert_ne!(style.href, own.href);
    }

    #[test]
    fn the_last_sheets_are_found_and_no_others() {
        let still = Assets::new();
        let hrefs: Vec<String> = (0..20)
            .map(|red| {
                let colour = Colour { red, green: 0, blue: 0 };
                let href = still.style(Accent::of(colour).unwrap()).href.clone();
                assert!(still.find_style(&href).is_some());
                href
            })
            .collect();
        let found = hrefs.iter().filter(|href| still.find_style(href).is_some()).count();
        assert_eq!(found, MOST_STYLES);
        assert!(still.find_style("/static/000000000000.css").is_none());
    }
}
