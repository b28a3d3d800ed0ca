//! What surrounds every page.

use crate::domain::catalog::ValidRates;
use crate::domain::values::{Amount, Currency};
use crate::infra::store::appearance::Logo;
use crate::infra::store::categories::CategorySize;
use crate::infra::store::pages::SellersPage;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::fiat;
use crate::interfaces::web::page_cache::{CART_COUNT, STYLE, TOKEN};
use crate::interfaces::web::stylesheet::icon_href;
use crate::interfaces::web::texts::{Html, Text, text};

/// What the base template prints.
pub struct Layout<'a> {
    pub site_name: &'a str,
    pub logo: Option<&'a Logo>,
    pub home: &'a str,
    pub contact: &'a str,
    pub icon: &'a str,
    pub demo: bool,
    /// Why no orders are taken now.
    pub closed: Option<Text<'static>>,
    pub has_key: bool,
    /// The shop never had a key, and writes to the seller in plain text.
    pub is_plain: bool,
    pub has_mirrors: bool,
    pub currencies: Vec<&'a str>,
    /// Empty in a shop without wallets.
    pub currency: &'a str,
    pub categories: Vec<CategoryLink>,
    pub pages: &'a [SellersPage],
    /// The address of this page, to return to after choosing a currency.
    pub back: String,
    /// What was searched for, on the search page.
    pub query: String,
    /// At the time of the request.
    pub rates: &'a ValidRates,
}

pub struct CategoryLink {
    pub name: String,
    pub href: String,
    pub products: i64,
}

impl<'a> Layout<'a> {
    pub fn new(context: &'a RequestContext, back: impl Into<String>) -> Self {
        let RequestContext { app, snapshot, .. } = context;
        let currency = context.currency();
        let categories = snapshot.categories.get(currency).map(Vec::as_slice).unwrap_or_default();
        Self {
            site_name: &snapshot.site_name,
            logo: snapshot.logo.as_ref(),
            home: &app.site.url,
            contact: &snapshot.contact,
            icon: icon_href(),
            demo: snapshot.is_demo,
            closed: app.closed_text().map(text),
            has_key: app.shop.availability.has_key(),
            is_plain: app.shop.availability.is_plain(),
            has_mirrors: app.site.mirrors.is_some(),
            currencies: snapshot.wallets.iter().map(|wallet| wallet.currency.as_str()).collect(),
            currency,
            categories: categories.iter().map(CategoryLink::new).collect(),
            pages: &snapshot.pages,
            back: back.into(),
            query: String::new(),
            rates: &context.rates,
        }
    }

    /// What an amount of the visitor's currency is worth; `None` without a valid exchange rate.
    pub fn worth(&self, amount: &Amount) -> Option<Text<'static>> {
        fiat::worth(self.rates, self.currency, *amount)
    }

    /// The same for another currency, such as an order's.
    pub fn worth_in(&self, currency: &Currency, amount: &Amount) -> Option<Text<'static>> {
        fiat::worth(self.rates, currency.as_str(), *amount)
    }

    /// Below a list of prices.
    pub fn rate_note(&self) -> Option<Text<'static>> {
        fiat::rate_note(self.rates, self.currency)
    }

    /// A text for an HTML page.
    pub fn text(&self, id: &'a str) -> Html<'a> {
        text(id).html()
    }

    pub fn is_current(&self, currency: &str) -> bool {
        self.currency == currency
    }

    /// Replaced by the visitor's token when the page is sent.
    pub fn token_placeholder(&self) -> char {
        TOKEN
    }

    /// Replaced by the stylesheet when the page is sent.
    pub fn style_placeholder(&self) -> char {
        STYLE
    }

    /// Replaced by the number of items in the visitor's cart when the page is sent.
    pub fn count_placeholder(&self) -> char {
        CART_COUNT
    }
}

impl CategoryLink {
    fn new(category: &CategorySize) -> Self {
        Self {
            name: category.name.clone(),
            href: category_href(&category.name),
            products: category.products,
        }
    }
}

pub fn category_href(name: &str) -> String {
    // A path's `+` is a plus sign, and a space is %20.
    let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/category/{}", encoded.replace('+', "%20"))
}
