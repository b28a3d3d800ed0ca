//! Products in a grid: on the front page, in lists, and below a product.

use crate::domain::catalog::Stock;
use crate::domain::catalog::search_text::{Term, marked};
use crate::domain::values::{Amount, FiatPrice};
use crate::infra::store;
use crate::infra::store::listing::Card;
use crate::infra::store::pictures::Image;
use crate::infra::store::sprites::SheetCell;
use crate::infra::store::{Connection, StoreError};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::fiat;
use crate::interfaces::web::texts::{Text, text};

/// A product in a grid, as the page prints it.
pub struct CardView {
    pub slug: String,
    pub name: Vec<Part>,
    pub initial: char,
    pub price: Option<Amount>,
    /// In ordinary money; instead of `price` where there is none.
    pub fiat: Option<FiatPrice>,
    /// What `price` is worth.
    pub worth: Option<String>,
    pub from: bool,
    /// Which currencies it is sold in, where it has no price in the visitor's.
    pub only_in: Option<Text<'static>>,
    pub other_currencies: Vec<String>,
    pub is_sold_out: bool,
    /// Unless there is plenty.
    pub stock: Option<Text<'static>>,
    pub thumb: Option<Image>,
    /// Where a sprite sheet has the thumb.
    pub cell: Option<SheetCell>,
    /// What was searched for, in the product's description.
    pub excerpt: Vec<Part>,
}

/// A part of a text, which may be what was searched for.
pub struct Part {
    pub text: String,
    pub is_marked: bool,
}

/// The cards of a list.
pub fn card_views(context: &RequestContext, cards: Vec<Card>) -> Vec<CardView> {
    found_card_views(context, cards, &[])
}

/// The cards of a search, with its words marked.
pub fn found_card_views(
    context: &RequestContext,
    cards: Vec<Card>,
    terms: &[Term],
) -> Vec<CardView> {
    let worth =
        |card: &Card| fiat::short_worth(&context.rates, context.currency(), card.price?, card.fiat);
    cards
        .into_iter()
        .map(|card| {
            let stock = Stock::of(card.stock, card.reserved);
            CardView {
                worth: worth(&card),
                initial: initial(&card.name),
                name: parts(&card.name, terms),
                slug: card.slug,
                fiat: card.fiat,
                price: card.price,
                from: card.from,
                only_in: only_in(&card.other_currencies),
                other_currencies: card.other_currencies,
                is_sold_out: stock == Stock::SoldOut,
                stock: (stock != Stock::InStock).then(|| stock_text(stock)),
                thumb: card.thumb,
                cell: None,
                excerpt: Vec::new(),
            }
        })
        .collect()
}

/// Shows the cards' pictures from the front page's sprite sheet, as far as it has them.
pub async fn use_sprites(
    db: &mut Connection,
    currency: &str,
    cards: &mut [CardView],
) -> Result<(), StoreError> {
    // A cell is found by its picture, so it is right whatever else the sheet shows.
    let cells = store::sprites::list_cells(db, currency).await?;
    for card in cards {
        card.cell = card.thumb.as_ref().and_then(|thumb| cells.get(&thumb.webp).cloned());
    }
    Ok(())
}

pub fn parts(text: &str, terms: &[Term]) -> Vec<Part> {
    let parts = marked(text, terms).into_iter();
    parts.map(|(text, is_marked)| Part { text: text.to_owned(), is_marked }).collect()
}

/// `XMR only`; `None` if there are no others.
fn only_in(currencies: &[String]) -> Option<Text<'static>> {
    let joined = currencies.iter().cloned().reduce(|first, last| {
        text("catalog-list-and").with("first", first).with("last", last).to_string()
    });
    joined.map(|currencies| text("catalog-only-in").with("currencies", currencies))
}

pub fn initial(name: &str) -> char {
    name.chars().find(|c| c.is_alphanumeric()).unwrap_or('·').to_uppercase().next().unwrap_or('·')
}

pub fn stock_text(stock: Stock) -> Text<'static> {
    match stock {
        Stock::SoldOut => text("catalog-sold-out"),
        Stock::Contested(left) => text("catalog-contested").count("left", left),
        Stock::Few(left) => text("catalog-few-left").count("left", left),
        Stock::InStock => text("catalog-in-stock"),
    }
}
