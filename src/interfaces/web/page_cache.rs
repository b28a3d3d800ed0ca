//! Compressed pages kept ready, with places for what is a visitor's own.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use parking_lot::Mutex;

use crate::interfaces::web::visitor::Visitor;

/// Where a page holds the visitor's token. No text on a page can hold this character: see `fields` and the catalog.
pub const TOKEN: &str = "\u{1}";
/// Where a page holds the number of items in the visitor's cart.
pub const CART_COUNT: &str = "\u{2}";

/// A page as it can be sent to anybody, but for the places that are a visitor's own.
pub struct CachedPage {
    parts: Vec<Part>,
    /// Units: bytes, without what is filled in.
    n_plain: usize,
}

enum Part {
    Text {
        plain: String,
        /// The same as blocks of a deflate stream that refer to nothing outside themselves and end at a whole byte.
        packed: Vec<u8>,
    },
    Token,
    CartCount,
}

impl CachedPage {
    /// Packs a page once, for many visitors.
    pub fn new(html: &str) -> Self {
        Self::packed_with(html, Compression::best())
    }

    /// Packs a page that is sent once.
    pub fn once(html: &str) -> Self {
        Self::packed_with(html, Compression::new(4))
    }

    fn packed_with(html: &str, level: Compression) -> Self {
        let mut packer = Compress::new(level, false);
        let mut parts = Vec::new();
        let mut rest = html;
        while let Some(at) =
            rest.find([TOKEN, CART_COUNT].map(|mark| mark.chars().next().unwrap_or_default()))
        {
            parts.push(Part::text(&rest[..at], &mut packer));
            parts.push(if rest[at..].starts_with(TOKEN) { Part::Token } else { Part::CartCount });
            rest = &rest[at + 1..];
        }
        parts.push(Part::text(rest, &mut packer));
        Self { parts, n_plain: html.len() }
    }

    /// The page with the visitor's own places filled in.
    pub fn plain(&self, visitor: &Visitor, token: &str) -> Bytes {
        let count = visitor.basket.pieces().to_string();
        let mut page = Vec::with_capacity(self.n_plain + 256);
        for part in &self.parts {
            page.extend_from_slice(match part {
                Part::Text { plain, .. } => plain.as_bytes(),
                Part::Token => token.as_bytes(),
                Part::CartCount => count.as_bytes(),
            });
        }
        page.into()
    }

    /// The same as gzip. What is a visitor's own is stored as it is, so that the length of the page tells nothing of it
    /// but its length.
    /// Source: RFC 1951, section 3.2.4, and RFC 1952, section 2.3.
    pub fn gzip(&self, visitor: &Visitor, token: &str) -> Bytes {
        let count = visitor.basket.pieces().to_string();
        // Magic, deflate, no flags, no time, no hint, an unknown system.
        let mut page = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        page.reserve(self.n_plain / 3 + 512);
        let mut crc = Crc::new();
        for part in &self.parts {
            let own = match part {
                Part::Text { plain, packed } => {
                    page.extend_from_slice(packed);
                    crc.update(plain.as_bytes());
                    continue;
                }
                Part::Token => token,
                Part::CartCount => &count,
            };
            stored_block(&mut page, own.as_bytes());
            crc.update(own.as_bytes());
        }
        // The last block: stored, empty, final.
        page.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
        page.extend_from_slice(&crc.sum().to_le_bytes());
        page.extend_from_slice(&crc.amount().to_le_bytes());
        page.into()
    }
}

impl Part {
    fn text(plain: &str, packer: &mut Compress) -> Self {
        let mut packed = Vec::with_capacity(plain.len() / 2 + 64);
        let mut read = 0;
        loop {
            let before = packer.total_in();
            let status =
                packer.compress_vec(&plain.as_bytes()[read..], &mut packed, FlushCompress::Full);
            read += usize::try_from(packer.total_in() - before).unwrap_or(usize::MAX);
            // A flush is whole when room was left behind it.
            if read == plain.len() && packed.len() < packed.capacity()
                || !matches!(status, Ok(Status::Ok))
            {
                return Self::Text { plain: plain.to_owned(), packed };
            }
            packed.reserve(plain.len() + 64);
        }
    }
}

fn stored_block(page: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("a token and a count are short");
    page.push(0);
    page.extend_from_slice(&length.to_le_bytes());
    page.extend_from_slice(&(!length).to_le_bytes());
    page.extend_from_slice(bytes);
}

/// Pages of the catalog that are kept ready while the catalog stays as it is.
#[derive(Default)]
pub struct PageCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    version: i64,
    pages: HashMap<String, Arc<CachedPage>>,
}

/// Units: pages. At about 15 KB each this bounds the memory they take to 4 MB.
const MOST_KEPT: usize = 256;

impl PageCache {
    pub fn find(&self, version: i64, name: &str) -> Option<Arc<CachedPage>> {
        let kept = self.0.lock();
        if kept.version == version { kept.pages.get(name).cloned() } else { None }
    }

    /// Keeps a page that was made from a catalog of this version or a newer one.
    pub fn keep(&self, version: i64, name: String, page: Arc<CachedPage>) {
        let mut kept = self.0.lock();
        if kept.version < version || MOST_KEPT <= kept.pages.len() {
            kept.pages.clear();
            kept.version = kept.version.max(version);
        }
        if kept.version == version {
            kept.pages.insert(name, page);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::cart::{Basket, CartId};
    use crate::interfaces::http::CookieNames;

    fn visitor() -> Visitor {
        Visitor {
            visitor: "v".into(),
            is_known: true,
            currency: None,
            basket: Basket::empty(CartId([0; 16])),
            open_order: None,
            cookies: CookieNames::of_buyer(&TestRequest::default().to_http_request()),
        }
    }

    #[track_caller]
    fn check(html: &str) {
        let expected = html.replace(TOKEN, "the-token").replace(CART_COUNT, "0");
        for page in [CachedPage::new(html), CachedPage::once(html)] {
            assert_eq!(page.plain(&visitor(), "the-token"), expected);
            let mut unpacked = String::new();
            flate2::read::GzDecoder::new(&page.gzip(&visitor(), "the-token")[..])
                .read_to_string(&mut unpacked)
                .unwrap();
            assert_eq!(unpacked, expected);
        }
    }

    #[test]
    fn a_page_is_the_same_plain_and_packed() {
        check("");
        check("\u{1}");
        check("<p>\u{1}</p><p>\u{2}</p>");
        check(&"<li>ein Gerät</li>".repeat(5_000));
    }

    #[test]
    fn a_page_of_an_older_catalog_is_not_shown() {
        let pages = PageCache::default();
        pages.keep(1, "/".into(), Arc::new(CachedPage::new("old")));
        assert!(pages.find(1, "/").is_some() && pages.find(2, "/").is_none());
        pages.keep(2, "/x".into(), Arc::new(CachedPage::new("new")));
        pages.keep(1, "/".into(), Arc::new(CachedPage::new("old")));
        assert!(
            pages.find(2, "/").is_none()
                && pages.find(1, "/").is_none()
                && pages.find(2, "/x").is_some()
        );
    }

    proptest! {
        #[test]
        fn any_page_is_the_same_plain_and_packed(html in "[\u{1}\u{2}a-e<>/ é\n]{0,3000}") {
            check(&html);
        }
    }
}
