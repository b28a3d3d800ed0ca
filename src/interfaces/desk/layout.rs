//! What surrounds every page of the desk.

use actix_web::HttpRequest;

use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::stylesheet;
use crate::interfaces::http::query_field;

/// What surrounds every page of the desk.
#[derive(Clone, Copy)]
pub struct DeskLayout<'a> {
    pub site_name: &'a str,
    /// Empty where nobody is signed in.
    pub token: &'a str,
    /// The address of the section that is marked in the menu.
    pub section: &'static str,
    /// What was just done, of a fixed list.
    pub done: Option<&'static str>,
    pub styles: [&'static str; 2],
}

/// The desk's sections: address and name.
const SECTIONS: [(&str, &str); 10] = [
    ("/", "Today"),
    ("/orders", "Orders"),
    ("/products", "Products"),
    ("/discounts", "Discounts"),
    ("/rates", "Shipping"),
    ("/wallets", "Wallets"),
    ("/pages", "Pages"),
    ("/look", "Appearance"),
    ("/deeds", "Activity"),
    ("/account", "Account"),
];

impl<'a> DeskLayout<'a> {
    pub fn new(seller: &'a Seller, section: &'static str) -> Self {
        Self { token: &seller.token, section, ..Self::outside(&seller.site_name) }
    }

    /// For a visitor without a session.
    pub fn outside(site_name: &'a str) -> Self {
        Self { site_name, token: "", section: "", done: None, styles: stylesheet::addresses() }
    }

    /// `words`: what each `?done=` of this page says.
    pub fn told(mut self, request: &HttpRequest, words: &[(&str, &'static str)]) -> Self {
        let done = query_field(request, "done");
        self.done = words.iter().find(|(name, _)| *name == done).map(|(_, words)| *words);
        self
    }

    /// What the menu calls the section.
    pub fn section_name(&self) -> &'static str {
        let found = SECTIONS.iter().find(|(address, _)| *address == self.section);
        found.map_or("", |(_, name)| name)
    }

    pub fn sections(&self) -> &'static [(&'static str, &'static str)] {
        &SECTIONS
    }
}
