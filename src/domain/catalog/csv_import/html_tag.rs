//! Tags and character references of HTML.

use crate::domain::catalog::markdown::plain_text;

/// One tag, or a comment, which has no name.
pub struct Tag {
    pub name: String,
    pub is_end: bool,
    /// `<br/>`.
    pub is_empty: bool,
    attributes: String,
}

impl Tag {
    /// The tag or comment that `text` begins with, and what follows it; `None` if it is no tag.
    pub fn parse(text: &str) -> Option<(Self, &str)> {
        if let Some(comment) = text.strip_prefix("<!--") {
            let end = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            return Some((Self::named(""), end));
        }
        let inner = text.strip_prefix('<')?;
        let (is_end, inner) = match inner.strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
            return None;
        }
        let end = end_of_tag(inner).or_else(|| inner.find('>'))?;
        let (inside, after) = (&inner[..end], &inner[end + 1..]);
        let name_end = inside.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(inside.len());
        let tag = Self {
            name: inside[..name_end].to_ascii_lowercase(),
            is_end,
            is_empty: inside.ends_with('/'),
            attributes: inside[name_end..].to_owned(),
        };
        Some((tag, after))
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), is_end: false, is_empty: true, attributes: String::new() }
    }

    pub fn attribute(&self, wanted: &str) -> Option<String> {
        let lower = self.attributes.to_ascii_lowercase();
        let mut from = 0;
        while let Some(found) = lower[from..].find(wanted) {
            let (start, end) = (from + found, from + found + wanted.len());
            from = end;
            if !lower[..start].ends_with(char::is_whitespace) {
                continue;
            }
            let Some(value) = self.attributes[end..].trim_start().strip_prefix('=') else {
                continue;
            };
            let value = value.trim_start();
            let value = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
                _ => value.split(char::is_whitespace).next(),
            };
            return value.map(decoded);
        }
        None
    }
}

/// The first `>` that is not in quotes.
fn end_of_tag(inner: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in inner.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Text with its character references replaced.
pub fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let name = rest.bytes().skip(1).take(32).position(|byte| byte == b';');
        let found =
            name.map(|end| &rest[..end + 2]).and_then(|name| Some((name, character(name)?)));
        match found {
            Some((name, character)) => {
                out.push_str(&character);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// What `&auml;` or `&#228;` stands for; the Markdown parser knows all names of HTML.
fn character(reference: &str) -> Option<String> {
    let name = reference.strip_prefix('&')?.strip_suffix(';')?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#') {
        return None;
    }
    if matches!(name, "nbsp" | "ensp" | "emsp" | "thinsp" | "#160" | "#xa0" | "#xA0") {
        return Some(" ".to_owned());
    }
    let text = plain_text(reference);
    (text != reference).then_some(text)
}
