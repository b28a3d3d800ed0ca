//! The feed of new products (Atom, RFC 4287).

use actix_web::HttpResponse;
use askama::Template;

use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::new_products::NewProduct;
use crate::interfaces::http::hosts::host_of;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::texts::{Text, text};

/// Units: products.
const N_ENTRIES: i64 = 20;
/// Source: RFC 4287, section 2.
const NAMESPACE: &str = "http://www.w3.org/2005/Atom";

#[derive(Template)]
#[template(path = "catalog/feed.xml")]
struct Feed<'a> {
    title: Text<'a>,
    site_name: &'a str,
    language: Text<'a>,
    namespace: &'a str,
    /// Of this feed; of the shop.
    address: String,
    home: String,
    /// Shape: RFC 3339, the beginning of a day, as is that of each entry: the hour would say when the seller works.
    updated: String,
    entries: Vec<EntryView>,
}

struct EntryView {
    address: String,
    updated: String,
    product: NewProduct,
}

pub async fn show(context: RequestContext) -> Result<HttpResponse, PageError> {
    let origin = context.app.hosts.origin(host_of(&context.request));
    let key = format!("/feed.xml {origin}");
    if let Some(feed) = context.find_cached_feed(&key) {
        return Ok(feed);
    }
    let products =
        store::new_products::list(&mut *context.app.shop.db.reader().await?, N_ENTRIES).await?;
    let newest = products.iter().map(|product| product.added_on).max();
    let template = Feed {
        title: text("catalog-feed-title").with("name", &context.snapshot.site_name),
        site_name: &context.snapshot.site_name,
        language: text("layout-language"),
        namespace: NAMESPACE,
        address: format!("{origin}/feed.xml"),
        home: format!("{origin}/"),
        updated: newest.unwrap_or(Timestamp::EPOCH).rfc_3339(),
        entries: products.into_iter().map(|product| EntryView::new(&origin, product)).collect(),
    };
    context.render_cached_feed(key, &template)
}

impl EntryView {
    fn new(origin: &str, product: NewProduct) -> Self {
        Self {
            address: format!("{origin}/product/{}", product.slug),
            updated: product.added_on.rfc_3339(),
            product,
        }
    }
}
