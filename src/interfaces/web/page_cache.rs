//! Compressed pages, with placeholders for the visitor's own values, and a cache of them.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};
use parking_lot::Mutex;
use zlib_rs::crc32::{crc32, crc32_combine_gen, crc32_combine_op};

/// Placeholder for the visitor's token. No text on a page can hold this character: see `extract` and the catalog.
pub const TOKEN: char = '\u{1}';
/// Placeholder for the number of items in the visitor's cart.
pub const CART_COUNT: char = '\u{2}';
/// Placeholder for the stylesheet.
pub const STYLE: char = '\u{4}';
/// All of them.
pub const PLACEHOLDERS: [char; 3] = [TOKEN, CART_COUNT, STYLE];

/// What the placeholders of a page stand for.
pub struct PageValues<'a> {
    pub token: &'a str,
    pub n_items: i64,
    pub style: &'a CompressedText,
}

/// A page that can be sent to anybody once its placeholders are filled in.
pub struct CompressedPage {
    parts: Vec<Part>,
    /// Units: bytes, without what is filled in.
    n_plain: usize,
}

enum Part {
    Text(CompressedText),
    Token,
    CartCount,
    Style,
}

/// A text, and the same as blocks of a deflate stream that refer to nothing outside themselves and end at a whole byte.
pub struct CompressedText {
    plain: String,
    compressed: Vec<u8>,
    checksum: u32,
    /// Continues a checksum by this text, without reading it again.
    checksum_step: u32,
}

impl CompressedPage {
    /// For a page that is sent to many visitors.
    pub fn best(html: &str) -> Self {
        Self::with_level(html, Compression::best())
    }

    /// For a page that is sent once.
    pub fn fast(html: &str) -> Self {
        Self::with_level(html, Compression::new(4))
    }

    fn with_level(html: &str, level: Compression) -> Self {
        let mut compress = Compress::new(level, false);
        let mut parts = Vec::new();
        let mut rest = html;
        while let Some(at) = rest.find(PLACEHOLDERS) {
            let (text, placeholder) = rest.split_at(at);
            parts.push(Part::Text(CompressedText::with(text, &mut compress)));
            parts.push(match placeholder.chars().next() {
                Some(TOKEN) => Part::Token,
                Some(CART_COUNT) => Part::CartCount,
                _ => Part::Style,
            });
            rest = &placeholder[1..];
        }
        parts.push(Part::Text(CompressedText::with(rest, &mut compress)));
        Self { parts, n_plain: html.len() }
    }

    /// The page with the values filled in.
    pub fn plain(&self, values: &PageValues<'_>) -> Bytes {
        let count = values.n_items.to_string();
        let mut page = Vec::with_capacity(self.n_plain + values.style.plain.len() + 256);
        for part in &self.parts {
            page.extend_from_slice(match part {
                Part::Text(text) => text.plain.as_bytes(),
                Part::Style => values.style.plain.as_bytes(),
                Part::Token => values.token.as_bytes(),
                Part::CartCount => count.as_bytes(),
            });
        }
        page.into()
    }

    /// The same as gzip. The visitor's own values are stored uncompressed, so that the length of the page reveals only
    /// their length.
    /// Source: RFC 1951, section 3.2.4, and RFC 1952, section 2.3.
    pub fn gzip(&self, values: &PageValues<'_>) -> Bytes {
        let count = values.n_items.to_string();
        // Magic, deflate, no flags, no time, no hint, an unknown system.
        let mut page = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        page.reserve(self.n_plain / 3 + values.style.compressed.len() + 512);
        let (mut checksum, mut n_bytes) = (0, 0);
        for part in &self.parts {
            let (text, own) = match part {
                Part::Text(text) => (Some(text), ""),
                Part::Style => (Some(values.style), ""),
                Part::Token => (None, values.token),
                Part::CartCount => (None, count.as_str()),
            };
            if let Some(text) = text {
                page.extend_from_slice(&text.compressed);
                checksum = crc32_combine_op(checksum, text.checksum, text.checksum_step);
                n_bytes += text.plain.len();
            } else {
                stored_block(&mut page, own.as_bytes());
                checksum = crc32(checksum, own.as_bytes());
                n_bytes += own.len();
            }
        }
        // The last block: stored, empty, final.
        page.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
        page.extend_from_slice(&checksum.to_le_bytes());
        let n_bytes = u32::try_from(n_bytes).expect("a page has less than 4 GB");
        page.extend_from_slice(&n_bytes.to_le_bytes());
        page.into()
    }
}

impl CompressedText {
    pub fn best(plain: &str) -> Self {
        Self::with(plain, &mut Compress::new(Compression::best(), false))
    }

    fn with(plain: &str, compress: &mut Compress) -> Self {
        let mut compressed = Vec::with_capacity(plain.len() / 2 + 64);
        let mut read = 0;
        loop {
            let before = compress.total_in();
            let status = compress.compress_vec(
                &plain.as_bytes()[read..],
                &mut compressed,
                FlushCompress::Full,
            );
            read += usize::try_from(compress.total_in() - before).unwrap_or(usize::MAX);
            // A flush is complete if it left capacity unused.
            if read == plain.len() && compressed.len() < compressed.capacity()
                || !matches!(status, Ok(Status::Ok))
            {
                return Self {
                    plain: plain.to_owned(),
                    compressed,
                    checksum: crc32(0, plain.as_bytes()),
                    checksum_step: crc32_combine_gen(plain.len() as u64),
                };
            }
            compressed.reserve(plain.len() + 64);
        }
    }

    pub fn plain(&self) -> &str {
        &self.plain
    }
}

fn stored_block(page: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("a token and a count are short");
    page.push(0);
    page.extend_from_slice(&length.to_le_bytes());
    page.extend_from_slice(&(!length).to_le_bytes());
    page.extend_from_slice(bytes);
}

/// Pages of the current version of the catalog.
#[derive(Default)]
pub struct PageCache(Mutex<CachedPages>);

#[derive(Default)]
struct CachedPages {
    version: i64,
    pages: HashMap<String, Arc<CompressedPage>>,
}

/// Units: pages. At about 15 KB each this bounds the memory they take to 4 MB.
const MAX_PAGES: usize = 256;

impl PageCache {
    pub fn find(&self, version: i64, key: &str) -> Option<Arc<CompressedPage>> {
        let cached = self.0.lock();
        cached.pages.get(key).filter(|_| cached.version == version).cloned()
    }

    /// Caches a page that was rendered from a catalog of this version or a newer one.
    pub fn insert(&self, version: i64, key: String, page: Arc<CompressedPage>) {
        let mut cached = self.0.lock();
        if cached.version < version || MAX_PAGES <= cached.pages.len() {
            cached.pages.clear();
            cached.version = cached.version.max(version);
        }
        if cached.version == version {
            cached.pages.insert(key, page);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(html: &str) {
        let style = &CompressedText::best("p{margin:0}");
        let values = PageValues { token: "the-token", n_items: 12, style };
        let expected = html.replace(TOKEN, "the-token").replace(CART_COUNT, "12");
        let expected = expected.replace(STYLE, style.plain());
        for page in [CompressedPage::best(html), CompressedPage::fast(html)] {
            assert_eq!(page.plain(&values), expected);
            let mut unzipped = String::new();
            flate2::read::GzDecoder::new(&page.gzip(&values)[..])
                .read_to_string(&mut unzipped)
                .unwrap();
            assert_eq!(unzipped, expected);
        }
    }

    #[test]
    fn a_page_is_the_same_plain_and_compressed() {
        check("");
        check("\u{1}");
        check("<style>\u{4}</style><p>\u{1}</p><p>\u{2}</p>");
        check(&"<li>ein Gerät</li>".repeat(5_000));
    }

    #[test]
    fn a_page_of_an_older_catalog_is_not_shown() {
        let pages = PageCache::default();
        pages.insert(1, "/".into(), Arc::new(CompressedPage::best("old")));
        assert!(pages.find(1, "/").is_some() && pages.find(2, "/").is_none());
        pages.insert(2, "/x".into(), Arc::new(CompressedPage::best("new")));
        pages.insert(1, "/".into(), Arc::new(CompressedPage::best("old")));
        assert!(
            pages.find(2, "/").is_none()
                && pages.find(1, "/").is_none()
                && pages.find(2, "/x").is_some()
        );
    }

    proptest! {
        #[test]
        fn any_page_is_the_same_plain_and_compressed(html in "[\u{1}\u{2}\u{4}a-e<>/ é\n]{0,3000}") {
            check(&html);
        }
    }
}
