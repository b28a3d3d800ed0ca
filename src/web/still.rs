use crate::pictures::PictureFile;
use crate::store;
use crate::web::csrf::hex;
use crate::web::frame::Frame;
use crate::web::page::PageError;
use crate::web::page::page;
use crate::web::page::takes_gzip;
use crate::web::state::Front;
use crate::web::visit::Visit;
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

/// What never changes while the shop runs. Its name is made of its content, so that a browser asks for it once.
pub struct StillFiles {
    pub style_href: String,
    pub icon_href: String,
    style_gzip: Bytes,
}

const STYLE: &str = include_str!("../../static/style.css");
const ICON: &[u8] = include_bytes!("../../static/icon.png");
const FOR_EVER: &str = "public, max-age=31536000, immutable";

impl StillFiles {
    pub fn new() -> Self {
        let name = |bytes: &[u8]| hex(&Sha256::digest(bytes)[..6]);
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(STYLE.as_bytes()).and_then(|()| packer.finish());
        Self {
            style_href: format!("/static/{}.css", name(STYLE.as_bytes())),
            icon_href: format!("/static/{}.png", name(ICON)),
            style_gzip: packed.expect("a memory takes whatever is written").into(),
        }
    }
}

pub async fn show_static(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, FOR_EVER));
    if request.path() == front.still.style_href {
        response
            .content_type("text/css; charset=utf-8")
            .insert_header((header::VARY, "Accept-Encoding"));
        if takes_gzip(&request) {
            return Ok(response
                .insert_header((header::CONTENT_ENCODING, "gzip"))
                .body(front.still.style_gzip.clone()));
        }
        return Ok(response.body(STYLE));
    }
    if request.path() == front.still.icon_href {
        return Ok(response.content_type("image/png").body(ICON));
    }
    Err(PageError::NotFound)
}

pub async fn show_picture(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let name = request.match_info().get("file").unwrap_or_default();
    let file = PictureFile::parse(name).map_err(|_| PageError::NotFound)?;
    let content_type = file.content_type();
    let gallery = front.shop.pictures.clone();
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
    frame: Frame<'a>,
    title: &'a str,
    html: &'a str,
}

pub async fn show_policy(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    show_sellers_page(&request, &front, "policy").await
}

pub async fn show_page(
    request: HttpRequest,
    front: Data<Front>,
) -> Result<HttpResponse, PageError> {
    let slug = request.match_info().get("slug").unwrap_or_default().to_owned();
    show_sellers_page(&request, &front, &slug).await
}

async fn show_sellers_page(
    request: &HttpRequest,
    front: &Front,
    slug: &str,
) -> Result<HttpResponse, PageError> {
    let found =
        store::catalog::find_page(&front.shop.db, slug).await?.ok_or(PageError::NotFound)?;
    let (facts, _) = front.facts().await?;
    let visit = Visit::of(request, front);
    let currency = front
        .currency(&facts, visit.currency.as_deref())
        .map_or("", |wallet| wallet.currency.as_str());
    let frame = Frame::new(front, &facts, currency, request.path());
    let template = SellersPagePage { frame, title: &found.title, html: &found.html };
    page(request, front, &visit, StatusCode::OK, &template)
}

pub async fn show_key(front: Data<Front>) -> Result<HttpResponse, PageError> {
    let (armored, fingerprint) = front.shop.openness.public_key().ok_or(PageError::NotFound)?;
    // What stands before the armor is passed over by OpenPGP programs.
    let text = format!(
        "The seller's OpenPGP key. Its fingerprint, to compare with what the seller says elsewhere:\n\n    {fingerprint}\n\n\
         To seal your address: save this page as seller.asc, then\n\n    gpg --import seller.asc\n    \
         gpg --armor --encrypt --trust-model always --no-encrypt-to -r {} address.txt\n\n\
         and paste address.txt.asc into the form. Seal to this key alone: a message that others can open is refused.\n\n{armored}",
        fingerprint.replace(' ', "")
    );
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}

pub async fn show_mirrors(front: Data<Front>) -> Result<HttpResponse, PageError> {
    let list = front.site.mirrors.clone().ok_or(PageError::NotFound)?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(list))
}

/// Whether an order could be taken; nothing more is told to anybody.
pub async fn show_health(front: Data<Front>) -> HttpResponse {
    let (status, words) = if front.is_well().await {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no order can be taken")
    };
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(words)
}
