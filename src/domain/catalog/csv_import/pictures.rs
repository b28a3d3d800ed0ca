//! File names for pictures that an export names by their addresses, and what curl needs to fetch them.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// A picture of an export, and its name in the shop's folder of pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `None` if the export names a file only.
    pub url: Option<String>,
    pub file: String,
}

/// Why the shop cannot have a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPictureUrl {
    #[error("an address that does not begin with http:// or https://")]
    Scheme,
    #[error("no JPEG, PNG or WebP by its name")]
    Format,
}

const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
/// Units: characters of a file name before its ending.
const MAX_STEM: usize = 80;

/// Gives each address one name, and each name to one address only.
#[derive(Default)]
pub struct PictureNames {
    of_url: HashMap<String, Picture>,
    taken: HashSet<String>,
    /// The last number that was given to a name, so that many of one name stay fast.
    numbers: HashMap<String, usize>,
}

impl PictureNames {
    /// # Errors
    /// [`NotAPictureUrl`] for an address that nothing can be fetched from, or no picture that the shop shows.
    pub fn name(&mut self, address: &str) -> Result<Picture, NotAPictureUrl> {
        if let Some(known) = self.of_url.get(address) {
            return Ok(known.clone());
        }
        let lower = address.to_ascii_lowercase();
        let is_url = lower.starts_with("https://") || lower.starts_with("http://");
        let has_hidden = address.contains(|c: char| c.is_control() || c.is_whitespace());
        if address.contains("://") && (!is_url || has_hidden) {
            return Err(NotAPictureUrl::Scheme);
        }
        let path = if is_url { address.split(['?', '#']).next() } else { Some(address) };
        let last = path.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let (stem, ending) = last.rsplit_once('.').ok_or(NotAPictureUrl::Format)?;
        let ending = ending.to_ascii_lowercase();
        if !ENDINGS.contains(&ending.as_str()) {
            return Err(NotAPictureUrl::Format);
        }
        let stem = safe_stem(stem);
        let mut file = format!("{stem}.{ending}");
        // A name without an address is the seller's own choice.
        while !self.taken.insert(file.clone()) && is_url {
            let n = self.numbers.entry(stem.clone()).or_insert(1);
            *n += 1;
            file = format!("{stem}-{n}.{ending}");
        }
        let picture = Picture { url: is_url.then(|| address.to_owned()), file };
        self.of_url.insert(address.to_owned(), picture.clone());
        Ok(picture)
    }
}

/// Letters, digits, `-` and `_`; begins with a letter or a digit.
fn safe_stem(text: &str) -> String {
    let safe: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' })
        .take(MAX_STEM)
        .collect();
    let safe = safe.trim_matches(['-', '_']);
    if safe.is_empty() { "picture".to_owned() } else { safe.to_owned() }
}

/// A configuration for `curl --config -` that fetches pictures under their names.
pub fn curl_list<'a>(pictures: impl IntoIterator<Item = &'a Picture>) -> String {
    let mut list = String::from(
        "globoff\nfail\nlocation\nproto = \"=http,https\"\nproto-redir = \"=http,https\"\n",
    );
    for picture in pictures {
        let Some(url) = &picture.url else { continue };
        let url = url.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(list, "url = \"{url}\"\noutput = \"{}\"", picture.file);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_named_by_the_end_of_its_address() {
        let mut names = PictureNames::default();
        let mut name = |url: &str| names.name(url).map(|picture| picture.file);
        assert_eq!(name("https://x.example/2017/12/hoodie-2.JPG?v=1"), Ok("hoodie-2.jpg".into()));
        assert_eq!(name("https://y.example/hoodie-2.jpg"), Ok("hoodie-2-2.jpg".into()));
        assert_eq!(name("https://x.example/2017/12/hoodie-2.JPG?v=1"), Ok("hoodie-2.jpg".into()));
        assert_eq!(name("https://x.example/-rf%20%2e%2e%2f.png"), Ok("rf-20-2e-2e-2f.png".into()));
        assert_eq!(name("https://x.example/ä.webp"), Ok("picture.webp".into()));
        assert_eq!(name("mug.jpeg"), Ok("mug.jpeg".into()));
        assert_eq!(name("../../etc/mug.png"), Ok("mug.png".into()));
        for url in ["file:///etc/passwd.png", "ftp://x/a.png", "https://x/a b.png"] {
            assert_eq!(name(url), Err(NotAPictureUrl::Scheme), "{url}");
        }
        for url in ["https://x.example/a.gif", "https://x.example/", "picture"] {
            assert_eq!(name(url), Err(NotAPictureUrl::Format), "{url}");
        }
    }

    #[test]
    fn curls_list_quotes_addresses() {
        let picture = Picture { url: Some("https://x/a\"b\\c.png".into()), file: "a.png".into() };
        let local = Picture { url: None, file: "b.png".into() };
        let list = curl_list([&picture, &local]);
        assert!(
            list.ends_with("url = \"https://x/a\\\"b\\\\c.png\"\noutput = \"a.png\"\n"),
            "{list}"
        );
    }
}
