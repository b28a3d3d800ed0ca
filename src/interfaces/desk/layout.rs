//! The frame around every page of the desk.

use actix_web::HttpRequest;

use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::stylesheet;
use crate::interfaces::http::query_field;

#[derive(Clone, Copy)]
pub struct DeskLayout<'a> {
    pub site_name: &'a str,
    /// Empty if nobody is signed in.
    pub token: &'a str,
    /// The address of the menu's current section.
    pub section: &'static str,
    /// What the last request did.
    pub notice: Option<&'static str>,
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
        Self { token: &seller.token, section, ..Self::signed_out(&seller.site_name) }
    }

    /// For a visitor without a session.
    pub fn signed_out(site_name: &'a str) -> Self {
        Self { site_name, token: "", section: "", notice: None, styles: stylesheet::addresses() }
    }

    /// `notices`: the text for each `?done=` that leads to this page.
    pub fn with_notice(self, request: &HttpRequest, notices: &[(&str, &'static str)]) -> Self {
        let done = query_field(request, "done");
        let notice = notices.iter().find(|(name, _)| *name == done).map(|(_, text)| *text);
        Self { notice, ..self }
    }

    /// What the menu calls the section.
    pub fn section_name(&self) -> &'static str {
        let section = SECTIONS.iter().find(|(address, _)| *address == self.section);
        section.map_or("", |(_, name)| name)
    }

    pub fn sections(&self) -> &'static [(&'static str, &'static str)] {
        &SECTIONS
    }
}
