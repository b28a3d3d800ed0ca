//! Names and texts of the seller's own pages.

use crate::domain::catalog::markdown;
use crate::domain::catalog::slug::Slug;
use crate::domain::payment::secret;
use crate::domain::values::{Line, NotText};

/// The name of a seller's page in its URL, `/page/{slug}`, and of its file: `db/pages/{slug}.md`.
///
/// Shape: 1 to 60 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSlug(String);

/// The content of a seller's page.
///
/// Shape: Markdown, at most 200,000 bytes; no control characters but line feeds and tabs; no private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageText(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPage {
    #[error(
        "the name of a page is at most 60 lowercase letters, digits and `-`, for example about.md"
    )]
    Slug,
    #[error("a page can have at most 200 KB")]
    TooLong,
    #[error("the page contains a control character")]
    Control,
    #[error("{}", secret::WARNING)]
    Private,
    #[error("the title of the page contains the hidden character U+{:04X}: please remove it", u32::from(*.0))]
    HiddenInTitle(char),
    #[error("the title of the page has no visible characters")]
    BlankTitle,
}

impl PageSlug {
    pub const POLICY: &str = "policy";

    /// # Errors
    /// [`NotAPage::Slug`].
    pub fn parse(text: &str) -> Result<Self, NotAPage> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=60).contains(&text.len()) || !text.bytes().all(fits) {
            return Err(NotAPage::Slug);
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug for a title: `How we send` becomes `how-we-send`.
    ///
    /// # Errors
    /// [`NotAPage::Slug`] if no valid character is left.
    pub fn of_title(title: &str) -> Result<Self, NotAPage> {
        let slug = Slug::of_name(title).map_err(|_| NotAPage::Slug)?;
        let short: String = slug.as_str().replace('_', "-").chars().take(60).collect();
        Self::parse(short.trim_matches('-'))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PageText {
    pub const MAX_BYTES: usize = 200_000;

    /// # Errors
    /// Any [`NotAPage`] except that of the slug.
    pub fn parse(markdown: &str) -> Result<Self, NotAPage> {
        // A browser sends CRLF between the lines of a textarea, and some editors save it too.
        let markdown = markdown.replace("\r\n", "\n");
        if Self::MAX_BYTES < markdown.len() {
            return Err(NotAPage::TooLong);
        }
        if markdown.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(NotAPage::Control);
        }
        if secret::holds_private(&markdown) {
            return Err(NotAPage::Private);
        }
        Ok(Self(markdown))
    }

    /// A page from the desk's two fields.
    ///
    /// # Errors
    /// Any [`NotAPage`] except that of the slug.
    pub fn of_parts(title: &str, text: &str) -> Result<Self, NotAPage> {
        Self::parse(&format!("# {title}\n\n{}\n", text.replace("\r\n", "\n").trim()))
    }

    /// Checks that the title is displayed as written. For a page from a file: the desk has a field for the title.
    ///
    /// # Errors
    /// [`NotAPage::HiddenInTitle`], [`NotAPage::BlankTitle`].
    pub fn check_title(&self) -> Result<(), NotAPage> {
        let Some((title, _)) = markdown::title(&self.0) else { return Ok(()) };
        match Line::parse(title, Self::MAX_BYTES) {
            Err(NotText::Invisible(hidden)) => Err(NotAPage::HiddenInTitle(hidden)),
            Ok(line) if line.is_empty() => Err(NotAPage::BlankTitle),
            Ok(_) | Err(NotText::TooLong { .. }) => Ok(()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The title and the rest. The title of a page without a heading is its slug.
    pub fn parts<'a>(&'a self, slug: &'a str) -> (&'a str, &'a str) {
        markdown::title(&self.0).unwrap_or((slug, &self.0))
    }
}

impl std::fmt::Display for PageSlug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(title: &str, expected: Result<&str, NotAPage>) {
        let slug = PageSlug::of_title(title);
        assert_eq!(slug.as_ref().map(PageSlug::as_str), expected.as_ref().map(|s| *s), "{title:?}");
    }

    #[test]
    fn a_pages_address_is_made_of_its_title() {
        check("How we send", Ok("how-we-send"));
        check("  Käse & Co.  ", Ok("kse--co"));
        check("snake_case", Ok("snake-case"));
        check("東京", Err(NotAPage::Slug));
        check("---", Err(NotAPage::Slug));
        check(&"long ".repeat(40), Ok(&"long-".repeat(12)[..59]));
    }

    #[test]
    fn a_page_is_text_and_holds_no_key() {
        let parse = |text: &str| PageText::parse(text).map(|page| page.as_str().to_owned());
        assert_eq!(parse("# A\r\n\r\nb\tc"), Ok("# A\n\nb\tc".to_owned()));
        assert_eq!(parse("a\u{1}b"), Err(NotAPage::Control));
        assert_eq!(parse(&"ä".repeat(100_001)), Err(NotAPage::TooLong));
        assert_eq!(parse(&"1f".repeat(32)), Err(NotAPage::Private));
    }

    #[test]
    fn a_title_shows_as_it_is_written() {
        let check = |text: &str| PageText::parse(text).unwrap().check_title();
        assert_eq!(check("# Über uns\n\na\u{202e}b"), Ok(()));
        assert_eq!(check("# a\u{202e}b\n"), Err(NotAPage::HiddenInTitle('\u{202e}')));
        assert_eq!(check("# \u{3164}\u{200b}\n\nwords"), Err(NotAPage::BlankTitle));
        assert_eq!(check("no title"), Ok(()));
    }

    #[test]
    fn a_page_is_taken_apart_as_it_was_put_together() {
        let page = PageText::of_parts("About us", "\r\nHello.\r\n\r\n# Where\r\n").unwrap();
        assert_eq!(page.as_str(), "# About us\n\nHello.\n\n# Where\n");
        assert_eq!(page.parts("about"), ("About us", "\nHello.\n\n# Where\n"));
        assert_eq!(PageText::parse("Hello.").unwrap().parts("about"), ("about", "Hello."));
    }
}
