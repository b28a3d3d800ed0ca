//! The MIME parts of a reply.

use std::borrow::Cow;

use mailparse::body::Body;
use mailparse::{DispositionType, MailHeaderMap, ParsedMail};

use crate::infra::mail::reply::error::{ReplyError, shown};

/// A plain text part of the message, and how its lines are wrapped.
pub struct PlainText {
    pub text: String,
    pub flow: Flow,
}

/// Source: RFC 3676.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Fixed,
    /// A line that ends with a space continues on the next.
    Flowed {
        /// That space is not part of the text.
        del_sp: bool,
    },
}

/// The text parts of a message, collected while its parts are visited.
#[derive(Default)]
struct TextParts {
    texts: Vec<PlainText>,
    has_html: bool,
}

/// The plain text parts of a message, in order.
pub fn plain_texts(mail: &ParsedMail<'_>) -> Result<Vec<PlainText>, ReplyError> {
    let mut found = TextParts::default();
    walk(mail, false, &mut found)?;
    let has_text = found.texts.iter().any(|plain| !plain.text.trim().is_empty());
    if found.has_html && !has_text { Err(ReplyError::HtmlOnly) } else { Ok(found.texts) }
}

/// A message whose header ends before the first line that is not a header field: text that a person pipes in without a
/// header, or without a blank line after it, is read as a body. A separator line from an mbox is removed.
pub fn with_header_closed(message: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = message.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(message);
    while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
        rest = after;
    }
    if rest.starts_with(b"From ") || rest.starts_with(b">From ") {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        rest = &rest[end..];
    }
    let mut at = 0;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            return Cow::Borrowed(rest);
        }
        if !is_of_header(line, at == 0) {
            return Cow::Owned([&rest[..at], b"\n", &rest[at..]].concat());
        }
        at += line.len();
    }
    Cow::Borrowed(rest)
}

fn is_of_header(line: &[u8], is_first: bool) -> bool {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return !is_first;
    }
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < line.len()
        && !name.is_empty()
        && name.trim_ascii_end().iter().all(u8::is_ascii_graphic)
}

/// `beside_html`: whether there may be pictures that belong to the HTML.
fn walk(part: &ParsedMail<'_>, beside_html: bool, found: &mut TextParts) -> Result<(), ReplyError> {
    let kind = part.ctype.mimetype.trim();
    match kind {
        "multipart/encrypted"
        | "application/pgp-encrypted"
        | "application/pkcs7-mime"
        | "application/x-pkcs7-mime" => return Err(ReplyError::Encrypted),
        "application/pgp-signature"
        | "application/pkcs7-signature"
        | "application/x-pkcs7-signature"
        | "text/rfc822-headers" => return Ok(()),
        "multipart/alternative" if !part.subparts.is_empty() => {
            return walk_alternatives(part, found);
        }
        "message/rfc822" | "message/global" => return Err(attached_message_error(part)),
        _ if !part.subparts.is_empty() => {
            let beside_html = beside_html || kind == "multipart/related";
            return part.subparts.iter().try_for_each(|inner| walk(inner, beside_html, found));
        }
        _ => {}
    }
    let disposition = part.get_content_disposition();
    let is_attached = disposition.disposition == DispositionType::Attachment;
    let name = disposition.params.get("filename").or_else(|| part.ctype.params.get("name"));
    if beside_html && !is_attached && kind.starts_with("image/") {
        return Ok(());
    }
    if is_attached || name.is_some() {
        return Err(ReplyError::Attachment(shown(name.map_or(kind, String::as_str))));
    }
    match kind {
        "text/html" => found.has_html = true,
        // A missing or incomplete type is text (RFC 2045, section 5.2).
        _ if kind == "text/plain" || kind == "application/pgp" || !kind.contains('/') => {
            found.texts.push(plain(part)?);
        }
        // A multipart whose boundary never occurs is plain text.
        _ if kind.starts_with("multipart/") => found.texts.push(plain(part)?),
        // Another form of a text that also exists as plain text.
        _ if beside_html && kind.starts_with("text/") => {}
        _ => return Err(ReplyError::Attachment(shown(kind))),
    }
    Ok(())
}

/// Of several alternatives, the plain text one.
fn walk_alternatives(part: &ParsedMail<'_>, found: &mut TextParts) -> Result<(), ReplyError> {
    let mut chosen = Vec::new();
    for inner in &part.subparts {
        let mut form = TextParts::default();
        walk(inner, true, &mut form)?;
        found.has_html |= form.has_html;
        if chosen.is_empty() {
            chosen = form.texts;
        }
    }
    found.texts.append(&mut chosen);
    Ok(())
}

/// A message inside the message is never passed on; the shop's own would show the buyer's address.
fn attached_message_error(part: &ParsedMail<'_>) -> ReplyError {
    let inner = part.get_body_raw().unwrap_or_default();
    let is_ours = mailparse::parse_headers(&inner).is_ok_and(|(headers, _)| {
        let from = headers.get_first_value("From").unwrap_or_default().to_ascii_lowercase();
        headers.get_first_value("X-Shop-Order").is_some() || from.contains("@shop.invalid")
    });
    if is_ours { ReplyError::Forwarded } else { ReplyError::Attachment("a message".to_owned()) }
}

fn plain(part: &ParsedMail<'_>) -> Result<PlainText, ReplyError> {
    let param = |name: &str| {
        part.ctype
            .params
            .get(name)
            .map(|value| value.trim().to_ascii_lowercase())
            .unwrap_or_default()
    };
    let flow = if param("format") == "flowed" {
        Flow::Flowed { del_sp: param("delsp") == "yes" }
    } else {
        Flow::Fixed
    };
    Ok(PlainText { text: text(part)?, flow })
}

/// The part's text, decoded from its transfer encoding and its character set.
fn text(part: &ParsedMail<'_>) -> Result<String, ReplyError> {
    let encoding = part
        .headers
        .get_first_value("Content-Transfer-Encoding")
        .map(|name| name.trim().to_ascii_lowercase());
    let raw = match part.get_body_encoded() {
        Body::Base64(body) | Body::QuotedPrintable(body) => body.get_raw(),
        Body::SevenBit(body) | Body::EightBit(body) => body.get_raw(),
        Body::Binary(body) => body.get_raw(),
    };
    let damaged = |_| ReplyError::Damaged;
    let (bytes, text) = match Body::new(raw, &part.ctype, &encoding) {
        Body::Base64(body) | Body::QuotedPrintable(body) => {
            (body.get_decoded().map_err(damaged)?, body.get_decoded_as_string().map_err(damaged)?)
        }
        Body::SevenBit(body) | Body::EightBit(body) => {
            (raw.to_vec(), body.get_as_string().map_err(damaged)?)
        }
        Body::Binary(body) => (raw.to_vec(), body.get_as_string().map_err(damaged)?),
    };
    // Non-ASCII bytes without a charset, declared as ASCII or with an unknown charset are read as UTF-8 if possible.
    let is_named = !matches!(
        part.ctype.charset.trim().to_ascii_lowercase().as_str(),
        "us-ascii" | "ascii" | ""
    );
    if is_named && !text.contains(char::REPLACEMENT_CHARACTER) {
        return Ok(text);
    }
    Ok(String::from_utf8(bytes).unwrap_or(text))
}
