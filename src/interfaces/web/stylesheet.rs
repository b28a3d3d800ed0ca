//! The stylesheet in the seller's colours, and the icon.

use std::sync::LazyLock;

use actix_web::http::header::HeaderValue;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use crate::domain::values::{Accent, Colour};
use crate::interfaces::http::{content_security_policy, hex};
use crate::interfaces::web::page_cache::CompressedText;

/// The stylesheet with the colours of one accent. It is a part of every page: a file of its own would be one more round trip
/// before a visitor sees anything.
pub struct StyleSheet {
    pub text: CompressedText,
    /// The content security policy of pages with it.
    pub policy: HeaderValue,
}

const STYLE: &str = include_str!("../../../static/style.css");
pub const ICON: &[u8] = include_bytes!("../../../static/icon.png");
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

impl StyleSheet {
    pub fn new(accent: Accent) -> Self {
        let own = Accent::default();
        // The first declaration is for the light theme, the second for the dark one.
        let text = STYLE
            .replacen(&declaration(own.light), &declaration(accent.light), 1)
            .replacen(&declaration(own.dark), &declaration(accent.dark), 1)
            .replacen(&format!("--on:{}", own.on_dark), &format!("--on:{}", accent.on_dark), 1);
        let hash = BASE64.encode(&Sha256::digest(&text));
        let policy = content_security_policy(&format!("'sha256-{hash}'"));
        Self {
            text: CompressedText::best(&text),
            policy: HeaderValue::from_str(&policy).expect("a policy is ASCII"),
        }
    }
}

/// The address of the icon. It contains a hash of the content, so that a browser requests it once.
pub fn icon_href() -> &'static str {
    static HREF: LazyLock<String> =
        LazyLock::new(|| format!("/static/{}.png", hex(&Sha256::digest(ICON)[..6])));
    &HREF
}

/// How the stylesheet declares its accent.
fn declaration(accent: Colour) -> String {
    format!("--accent:{accent}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interfaces::web::page_cache::PLACEHOLDERS;

    #[test]
    fn a_chosen_accent_changes_nothing_else_in_the_stylesheet() {
        let own = StyleSheet::new(Accent::default());
        assert_eq!(own.text.plain(), STYLE);
        let chosen = Accent::of(Colour::parse("#8a1538").unwrap()).unwrap();
        let style = StyleSheet::new(chosen);
        let text = style.text.plain();
        assert_eq!(text.len(), STYLE.len());
        let light = text.find(&declaration(chosen.light)).unwrap();
        let dark = text.find("prefers-color-scheme:dark").unwrap();
        assert!(light < dark && dark < text.find(&declaration(chosen.dark)).unwrap());
        assert!(
            !text.contains("#1c5d50") && !text.contains("#86cdb9") && !text.contains("#10211d")
        );
        assert_ne!(style.policy, own.policy);
    }

    #[test]
    fn the_stylesheet_can_be_a_part_of_a_page() {
        assert!(!STYLE.contains('<') && !STYLE.contains(PLACEHOLDERS));
    }
}
