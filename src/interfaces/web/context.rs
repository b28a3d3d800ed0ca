//! A visitor's request with what every page needs, and the pages that answer it.

use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use askama::Template;

use crate::domain::catalog::ValidRates;
use crate::domain::payment::Wallet;
use crate::interfaces::http::takes_gzip;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::page_cache::{CompressedPage, PageValues};
use crate::interfaces::web::state::{AppState, SiteSnapshot};
use crate::interfaces::web::visitor::Visitor;

/// A visitor's request, and the shop as it is while the request is answered.
pub struct RequestContext {
    pub request: HttpRequest,
    pub app: Data<AppState>,
    pub visitor: Visitor,
    pub snapshot: Arc<SiteSnapshot>,
    /// At the time of the request.
    pub rates: ValidRates,
    /// Grows whenever pages of the catalog change.
    version: i64,
}

/// The shop's state, and the visitor as the cookies say. Reads nothing from the database.
pub fn app_and_visitor(request: &HttpRequest) -> Result<(Data<AppState>, Visitor), PageError> {
    let app = request.app_data::<Data<AppState>>().cloned();
    let app = app.ok_or_else(|| anyhow::anyhow!("the server has no state"))?;
    let visitor = Visitor::of(request, &app.cookie_key);
    Ok((app, visitor))
}

impl RequestContext {
    pub async fn new(request: &HttpRequest) -> Result<Self, PageError> {
        let (app, visitor) = app_and_visitor(request)?;
        Self::of(request, app, visitor).await
    }

    pub async fn of(
        request: &HttpRequest,
        app: Data<AppState>,
        visitor: Visitor,
    ) -> Result<Self, PageError> {
        let (snapshot, version) = app.snapshot().await?;
        let rates = app.valid_rates();
        Ok(Self { request: request.clone(), app, visitor, snapshot, rates, version })
    }

    /// A part of the path; empty if the address has none of this name.
    pub fn path_part(&self, name: &str) -> &str {
        self.request.match_info().get(name).unwrap_or_default()
    }

    /// The wallet of the currency that the visitor chose, or of the shop's default; `None` in a shop without wallets.
    pub fn wallet(&self) -> Option<&Wallet> {
        let mut wanted = self.visitor.currency.iter().chain(&self.app.site.preferred_currency);
        wanted
            .find_map(|currency| self.snapshot.find_wallet(currency.as_str()))
            .or_else(|| self.snapshot.wallets.first())
    }

    /// The currency of [`Self::wallet`]; empty in a shop without wallets.
    pub fn currency(&self) -> &str {
        self.wallet().map_or("", |wallet| wallet.currency.as_str())
    }

    /// A page made for this visitor alone.
    pub fn render(
        &self,
        status: StatusCode,
        template: &impl Template,
    ) -> Result<HttpResponse, PageError> {
        Ok(self.respond(status, &template.render()?, None))
    }

    /// The same, of a rendered template, with a cookie that it changes.
    pub fn respond(&self, status: StatusCode, html: &str, cookie: Option<String>) -> HttpResponse {
        self.send(status, &CompressedPage::fast(html), cookie)
    }

    /// A page of the catalog, if it has been rendered since the catalog last changed, with the rates that are valid now.
    pub fn find_cached(&self, key: &str) -> Option<HttpResponse> {
        let page = self.app.page_cache.find(self.version, &self.with_rates(key))?;
        Some(self.send_public(&page))
    }

    /// Renders a page of the catalog, and caches it for all visitors.
    pub fn render_cached(
        &self,
        key: String,
        template: &impl Template,
    ) -> Result<HttpResponse, PageError> {
        let page = Arc::new(CompressedPage::best(&template.render()?));
        self.app.page_cache.insert(self.version, self.with_rates(&key), page.clone());
        Ok(self.send_public(&page))
    }

    /// A page of the catalog. Without a cart it says nothing about the visitor: the browser's Back may show it again without
    /// asking, which saves a round trip. Any other way to it asks.
    fn send_public(&self, page: &CompressedPage) -> HttpResponse {
        let mut response = self.send(StatusCode::OK, page, None);
        if self.visitor.basket.is_empty() {
            let keep = HeaderValue::from_static("private, no-cache");
            response.headers_mut().insert(header::CACHE_CONTROL, keep);
        }
        response
    }

    /// A new rate changes the version; a rate that has expired only this.
    fn with_rates(&self, key: &str) -> String {
        format!("{key} {}", self.rates.key())
    }

    /// Whether the visitor's currency has a valid exchange rate.
    pub fn has_rate(&self) -> bool {
        self.rates.has(self.currency())
    }

    /// The feed, if it has been rendered since the catalog last changed.
    pub fn find_cached_feed(&self, key: &str) -> Option<HttpResponse> {
        let feed = self.app.page_cache.find(self.version, key)?;
        Some(self.send_feed(&feed))
    }

    /// Renders a feed, and caches it for all visitors.
    pub fn render_cached_feed(
        &self,
        key: String,
        template: &impl Template,
    ) -> Result<HttpResponse, PageError> {
        let feed = Arc::new(CompressedPage::best(&template.render()?));
        self.app.page_cache.insert(self.version, key, feed.clone());
        Ok(self.send_feed(&feed))
    }

    /// A feed has no values of a visitor, and needs no cookie.
    fn send_feed(&self, feed: &CompressedPage) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.content_type("application/atom+xml; charset=utf-8");
        self.send_filled(response, feed, "")
    }

    /// The page with the values filled in, compressed if the browser accepts it.
    fn send_filled(
        &self,
        mut response: HttpResponseBuilder,
        page: &CompressedPage,
        token: &str,
    ) -> HttpResponse {
        let n_items = self.visitor.basket.n_items();
        let values = PageValues { token, n_items, style: &self.snapshot.style.text };
        if takes_gzip(&self.request) {
            response.insert_header((header::CONTENT_ENCODING, "gzip"));
            response.body(page.gzip(&values))
        } else {
            response.body(page.plain(&values))
        }
    }

    /// A page for this visitor.
    fn send(
        &self,
        status: StatusCode,
        page: &CompressedPage,
        cookie: Option<String>,
    ) -> HttpResponse {
        let visitor = &self.visitor;
        let token = self.app.token_key.token(&visitor.id);
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"));
        response
            .insert_header((header::CONTENT_SECURITY_POLICY, self.snapshot.style.policy.clone()));
        let new_id = (!visitor.is_known).then(|| visitor.id_cookie());
        for cookie in new_id.into_iter().chain(cookie) {
            response.append_header((header::SET_COOKIE, cookie));
        }
        self.send_filled(response, page, &token)
    }
}
