//! The desk's style sheets and their addresses.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::interfaces::http::hex;

/// The buyers' sheet, and what the desk has more.
const SHEETS: [&str; 2] =
    [include_str!("../../../static/style.css"), include_str!("../../../static/desk.css")];

/// The addresses of the sheets, made of their content, so that a browser asks for each once.
pub fn addresses() -> [&'static str; 2] {
    static HREFS: OnceLock<[String; 2]> = OnceLock::new();
    let hrefs = HREFS.get_or_init(|| {
        SHEETS.map(|sheet| format!("/static/{}.css", hex(&Sha256::digest(sheet.as_bytes())[..6])))
    });
    [&hrefs[0], &hrefs[1]]
}

/// The sheet at an address.
pub fn find(address: &str) -> Option<&'static str> {
    let found = addresses().iter().position(|known| *known == address)?;
    SHEETS.get(found).copied()
}
