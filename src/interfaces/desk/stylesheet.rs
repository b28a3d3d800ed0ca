//! The desk's stylesheets.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::interfaces::http::hex;

/// The buyers' stylesheet, and the desk's additions.
const SHEETS: [&str; 2] =
    [include_str!("../../../static/style.css"), include_str!("../../../static/desk.css")];

/// The addresses contain a hash of the content, so that browsers can cache the stylesheets forever.
pub fn addresses() -> [&'static str; 2] {
    static HREFS: OnceLock<[String; 2]> = OnceLock::new();
    let hrefs = HREFS.get_or_init(|| {
        SHEETS.map(|sheet| format!("/static/{}.css", hex(&Sha256::digest(sheet.as_bytes())[..6])))
    });
    [&hrefs[0], &hrefs[1]]
}

pub fn find(address: &str) -> Option<&'static str> {
    let n = addresses().iter().position(|other| *other == address)?;
    SHEETS.get(n).copied()
}
