//! The stylesheet in the seller's colours, and the icon.

use std::io::Write;
use std::sync::Arc;

use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::domain::values::{Accent, Colour};
use crate::interfaces::http::hex;

/// Static files. Their names contain a hash of their content, so that a browser requests each of them once.
pub struct Assets {
    pub icon_href: String,
    /// The newest last. A page sent just before the seller chose another colour still needs the old one.
    styles: Mutex<Vec<Arc<StyleSheet>>>,
}

/// The stylesheet with the colours of one accent.
pub struct StyleSheet {
    accent: Accent,
    pub href: String,
    pub plain: Bytes,
    pub gzip: Bytes,
}

/// Units: stylesheets.
const MAX_STYLES: usize = 8;

const STYLE: &str = include_str!("../../../static/style.css");
pub const ICON: &[u8] = include_bytes!("../../../static/icon.png");
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

impl Assets {
    pub fn new() -> Self {
        Self { icon_href: format!("/static/{}.png", name(ICON)), styles: Mutex::default() }
    }

    /// The stylesheet for an accent, created if it is new.
    pub fn style(&self, accent: Accent) -> Arc<StyleSheet> {
        let mut styles = self.styles.lock();
        if let Some(style) = styles.iter().find(|style| style.accent == accent) {
            return style.clone();
        }
        let style = Arc::new(StyleSheet::new(accent));
        let n_old = styles.len().saturating_sub(MAX_STYLES - 1);
        styles.drain(..n_old);
        styles.push(style.clone());
        style
    }

    pub fn find_style(&self, href: &str) -> Option<Arc<StyleSheet>> {
        let styles = self.styles.lock();
        styles.iter().find(|style| style.href == href).cloned()
    }
}

impl StyleSheet {
    fn new(accent: Accent) -> Self {
        let own = Accent::default();
        // The first declaration is for the light theme, the second for the dark one.
        let text = STYLE
            .replacen(&declaration(own.light), &declaration(accent.light), 1)
            .replacen(&declaration(own.dark), &declaration(accent.dark), 1)
            .replacen(&format!("--on:{}", own.on_dark), &format!("--on:{}", accent.on_dark), 1);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        Self {
            accent,
            href: format!("/static/{}.css", name(text.as_bytes())),
            gzip: gzip.expect("writing to memory does not fail").into(),
            plain: text.into(),
        }
    }
}

/// How the stylesheet declares its accent.
fn declaration(accent: Colour) -> String {
    format!("--accent:{accent}")
}

/// A file name made of the content.
fn name(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_accent_changes_nothing_else_in_the_stylesheet() {
        let assets = Assets::new();
        let own = assets.style(Accent::default());
        assert_eq!(own.plain, STYLE.as_bytes());
        let chosen = Accent::of(Colour::parse("#8a1538").unwrap()).unwrap();
        let style = assets.style(chosen);
        let text = std::str::from_utf8(&style.plain).unwrap();
        assert_eq!(text.len(), STYLE.len());
        let light = text.find(&declaration(chosen.light)).unwrap();
        let dark = text.find("prefers-color-scheme:dark").unwrap();
        assert!(light < dark && dark < text.find(&declaration(chosen.dark)).unwrap());
        assert!(
            !text.contains("#1c5d50") && !text.contains("#86cdb9") && !text.contains("#10211d")
        );
        assert_ne!(style.href, own.href);
    }

    #[test]
    fn the_last_stylesheets_are_found_and_no_others() {
        let assets = Assets::new();
        let hrefs: Vec<String> = (0..20)
            .map(|red| {
                let colour = Colour { red, green: 0, blue: 0 };
                let href = assets.style(Accent::of(colour).unwrap()).href.clone();
                assert!(assets.find_style(&href).is_some());
                href
            })
            .collect();
        let found = hrefs.iter().filter(|href| assets.find_style(href).is_some()).count();
        assert_eq!(found, MAX_STYLES);
        assert!(assets.find_style("/static/000000000000.css").is_none());
    }
}
