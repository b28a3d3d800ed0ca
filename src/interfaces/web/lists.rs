//! Lists of products, in several orders, page by page; and the search.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::domain::catalog::SortOrder;
use crate::domain::catalog::markdown;
use crate::domain::catalog::search_text::{Term, excerpt, marked, terms};
use crate::infra::store;
use crate::infra::store::Connection;
use crate::infra::store::listing::Window;
use crate::interfaces::web::cards::{CardView, card_views, found_card_views, parts};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::query_field;
use crate::interfaces::web::layout::{Layout, category_href};
use crate::interfaces::web::texts::{Text, text};

/// Units: products on one page of a list.
const PER_PAGE: i64 = 24;
/// Units: products that are shown where a search finds none.
const N_NEAREST: usize = 12;
/// Far more pages than any catalog has.
const LAST_PAGE: i64 = 1_000_000;

#[derive(Template)]
#[template(path = "catalog/list.html")]
struct ListPage<'a> {
    layout: Layout<'a>,
    title: String,
    /// The category whose list it is; empty for other lists.
    category: &'a str,
    /// That nothing was found.
    note: Option<Text<'a>>,
    /// That other words were searched for.
    instead: Option<Instead>,
    /// A heading above products that are not what was searched for.
    nearest: bool,
    summary: Text<'static>,
    /// Shown if the list is empty.
    empty: Text<'a>,
    sorting: Vec<SortLink>,
    cards: Vec<CardView>,
    paging: Paging,
}

/// A search for other words than those that were typed, which found nothing.
struct Instead {
    typed: String,
    shown: String,
    href: String,
}

/// A link to the same list in another order.
struct SortLink {
    label: Text<'static>,
    href: String,
    is_current: bool,
}

/// The page of a list, and links to its neighbours.
struct Paging {
    /// The address of each page, without its number.
    base: String,
    /// From 1.
    page: i64,
    n_pages: i64,
}

pub async fn show_all(context: RequestContext) -> Result<HttpResponse, PageError> {
    show_list(&context, "", text("catalog-all-products").to_string(), "/product").await
}

pub async fn show_category(context: RequestContext) -> Result<HttpResponse, PageError> {
    // The path is decoded once by the server, but a slash in a name comes as %2F and stays so.
    let name = context.path_part("name").replace("%2F", "/").replace("%2f", "/");
    if !store::categories::is_shown(&mut *context.app.shop.db.reader().await?, &name).await? {
        return Err(PageError::NotFound);
    }
    show_list(&context, &name, name.clone(), &category_href(&name)).await
}

async fn show_list(
    context: &RequestContext,
    category: &str,
    title: String,
    address: &str,
) -> Result<HttpResponse, PageError> {
    let currency = context.currency();
    let number = page_number(context)?;
    let order = SortOrder::parse(&query_field(&context.request, "sort"));
    let key = format!("{address} {currency} {} {number}", order.name());
    if let Some(page) = context.find_cached(&key) {
        return Ok(page);
    }
    let mut db = context.app.shop.db.reader().await?;
    let size = store::listing::find_size(&mut db, currency, category).await?;
    let total = size.total();
    let paging = Paging::new(&format!("{address}?"), order, number, total)?;
    let first = (number - 1) * PER_PAGE;
    let has_rate = context.has_rate();
    let window = Window { currency, category, order, first, n_products: PER_PAGE, has_rate };
    let cards = card_views(context, store::listing::list(&mut db, window, size).await?);
    drop(db);
    let template = ListPage {
        layout: Layout::new(context, paging.at(number)),
        title,
        category,
        note: None,
        instead: None,
        nearest: false,
        summary: text("catalog-products").count("total", total),
        empty: text("catalog-empty"),
        sorting: sort_links(&format!("{address}?"), order, "catalog-sort-standard", total),
        cards,
        paging,
    };
    context.render_cached(key, &template)
}

/// What a search has found.
#[derive(Default)]
struct Found {
    /// The best first.
    products: Vec<i64>,
    /// The words that were searched for; others than typed if those are nowhere.
    terms: Vec<Term>,
    /// How the words that were searched for are written, if they are others than typed.
    instead: Option<String>,
    /// Not all of the words are in these products.
    is_near: bool,
}

/// Searches for all words; if nothing is found, for words that are spelt nearly alike; then for any of them.
async fn find(db: &mut Connection, typed: Vec<Term>) -> Result<Found, PageError> {
    let products = store::search::search(db, &typed).await?;
    if !products.is_empty() || typed.is_empty() {
        return Ok(Found { products, terms: typed, ..Found::default() });
    }
    let (mut known, mut written) = (Vec::new(), Vec::new());
    let mut is_corrected = false;
    for term in &typed {
        if store::search::has_word(db, term).await? {
            written.push(term.typed.clone());
            known.push(term.clone());
        } else if let Some(suggestion) = store::search::find_suggestion(db, term).await? {
            is_corrected = true;
            known.extend(terms(&suggestion.shown));
            written.push(suggestion.shown);
        }
    }
    let instead = is_corrected.then(|| written.join(" "));
    if known.len() == typed.len() && is_corrected {
        let products = store::search::search(db, &known).await?;
        if !products.is_empty() {
            return Ok(Found { products, terms: known, instead, is_near: false });
        }
    }
    let mut products = store::search::search_any(db, &known).await?;
    products.truncate(N_NEAREST);
    Ok(Found { products, terms: known, instead: None, is_near: true })
}

pub async fn search(context: RequestContext) -> Result<HttpResponse, PageError> {
    let currency = context.currency();
    let query: String = query_field(&context.request, "q").chars().take(100).collect();
    let number = page_number(&context)?;
    let order = SortOrder::parse(&query_field(&context.request, "sort"));
    let typed = terms(&query);
    let has_rate = context.has_rate();
    let mut db = context.app.shop.db.reader().await?;
    let mut found = find(&mut db, typed).await?;
    let is_empty = found.products.is_empty() || found.is_near;
    let total = if is_empty { 0 } else { found.products.len() as i64 };
    let base = format!("/search?q={}&", encoded(&query));
    let paging = Paging::new(&base, order, number, total)?;
    if found.products.is_empty() {
        let n_products = N_NEAREST as i64;
        let order = SortOrder::Standard;
        let window = Window { currency, category: "", order, first: 0, n_products, has_rate };
        let size = store::listing::find_size(&mut db, currency, "").await?;
        found.products = store::listing::list_ids(&mut db, window, size).await?;
    }
    let sorted = store::listing::sort(&mut db, &found.products, currency, order).await?;
    let ids = sorted.chunks(PER_PAGE as usize).nth(number as usize - 1).unwrap_or_default();
    let shown = store::listing::list_cards(&mut db, ids, currency, has_rate).await?;
    let mut cards = found_card_views(&context, shown, &found.terms);
    add_excerpts(&mut db, &mut cards, &found.terms).await?;
    drop(db);
    let words = query.trim();
    let title = match words {
        "" => text("catalog-search").to_string(),
        words => text("catalog-search-title").with("query", words).to_string(),
    };
    let note = match words {
        "" => Some(text("catalog-search-nothing-typed")),
        words if is_empty => Some(text("catalog-search-no-results").with("query", words)),
        _ => None,
    };
    let instead = found.instead.map(|shown| Instead {
        typed: words.to_owned(),
        href: format!("/search?q={}", encoded(&shown)),
        shown,
    });
    let template = ListPage {
        layout: Layout { query: query.clone(), ..Layout::new(&context, paging.at(number)) },
        title,
        category: "",
        note,
        instead,
        nearest: is_empty,
        summary: text("catalog-products").count("total", total),
        empty: text("catalog-empty"),
        sorting: sort_links(&base, order, "catalog-sort-best", total),
        cards,
        paging,
    };
    context.render(StatusCode::OK, &template)
}

/// Where a name has not all of the words: what a description says around them.
async fn add_excerpts(
    db: &mut Connection,
    cards: &mut [CardView],
    terms: &[Term],
) -> Result<(), PageError> {
    for card in cards {
        let name: String = card.name.iter().map(|part| part.text.as_str()).collect();
        let is_missing = |term: &&Term| {
            !marked(&name, std::slice::from_ref(term)).iter().any(|(_, is_marked)| *is_marked)
        };
        let missing: Vec<Term> = terms.iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            continue;
        }
        let description = store::products::find_description(db, &card.slug).await?;
        let found = excerpt(&markdown::plain_text(&description), &missing);
        card.excerpt = found.map(|found| parts(&found, terms)).unwrap_or_default();
    }
    Ok(())
}

fn encoded(query: &str) -> String {
    form_urlencoded::byte_serialize(query.as_bytes()).collect()
}

/// `base`: the address of the list, up to `?` or `&`. One product, or none, needs no order.
fn sort_links(base: &str, current: SortOrder, standard: &'static str, total: i64) -> Vec<SortLink> {
    let link = |order: SortOrder| SortLink {
        label: text(match order {
            SortOrder::Standard => standard,
            SortOrder::Newest => "catalog-sort-newest",
            SortOrder::Price => "catalog-sort-price",
            SortOrder::Name => "catalog-sort-name",
        }),
        href: format!("{base}{}", sort_field(order)).trim_end_matches(['?', '&']).to_owned(),
        is_current: order == current,
    };
    if total < 2 { Vec::new() } else { SortOrder::ALL.into_iter().map(link).collect() }
}

fn sort_field(order: SortOrder) -> String {
    match order {
        SortOrder::Standard => String::new(),
        order => format!("sort={}&", order.name()),
    }
}

fn page_number(context: &RequestContext) -> Result<i64, PageError> {
    match query_field(&context.request, "page").as_str() {
        "" => Ok(1),
        text => text
            .parse()
            .ok()
            .filter(|number| (1..=LAST_PAGE).contains(number))
            .ok_or(PageError::NotFound),
    }
}

impl Paging {
    /// # Errors
    /// [`PageError::NotFound`]: the list has fewer pages.
    fn new(base: &str, order: SortOrder, page: i64, n_products: i64) -> Result<Self, PageError> {
        let n_pages = ((n_products + PER_PAGE - 1) / PER_PAGE).max(1);
        let base = format!("{base}{}page=", sort_field(order));
        if n_pages < page { Err(PageError::NotFound) } else { Ok(Self { base, page, n_pages }) }
    }

    fn at(&self, page: i64) -> String {
        format!("{}{page}", self.base)
    }

    fn previous(&self) -> Option<String> {
        (1 < self.page).then(|| self.at(self.page - 1))
    }

    fn next(&self) -> Option<String> {
        (self.page < self.n_pages).then(|| self.at(self.page + 1))
    }
}
