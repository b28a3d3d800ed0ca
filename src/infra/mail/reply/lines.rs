//! Splits the text of a reply into logical lines.

use crate::infra::mail::reply::error::visible;
use crate::infra::mail::reply::parts::{Flow, PlainText};

/// A line as its author wrote it, before any program wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyLine {
    /// Whether it is quoted from an earlier message.
    pub is_quoted: bool,
    pub text: String,
}

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";

pub fn split(plain: &PlainText) -> Vec<ReplyLine> {
    let seen = visible(&plain.text);
    let raw = without_clear_signature(&seen);
    match plain.flow {
        Flow::Fixed => fixed(&raw),
        Flow::Flowed { del_sp } => flowed(&raw, del_sp),
    }
}

/// The text of a clear-signed message, without the signature's framing.
/// Source: RFC 9580, section 7.
fn without_clear_signature(text: &str) -> Vec<&str> {
    enum At {
        Text,
        Header,
        Signed,
        Signature,
    }
    let mut at = At::Text;
    let mut kept = Vec::new();
    for line in text.split('\n') {
        at = match (at, line.trim_end()) {
            (At::Text, SIGNED) => At::Header,
            (At::Header, "") => At::Signed,
            (At::Header, header) if header.contains(": ") => At::Header,
            (At::Text | At::Header | At::Signed, SIGNATURE) => At::Signature,
            (At::Signature, SIGNATURE_END) => At::Text,
            (At::Signature, _) => At::Signature,
            (At::Text, _) => {
                kept.push(line);
                At::Text
            }
            (At::Header | At::Signed, _) => {
                kept.push(line.strip_prefix("- ").unwrap_or(line));
                At::Signed
            }
        };
    }
    kept
}

fn fixed(lines: &[&str]) -> Vec<ReplyLine> {
    let is_quoted = |line: &str| line.trim_start().starts_with('>');
    let is_quoted_at = |n: usize| lines.get(n).is_some_and(|line| is_quoted(line));
    let mut lines_read = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        // An mbox writes `>From ` for a line that begins with `From `; next to other quoted lines it is a quote.
        let stands_alone = !is_quoted_at(n + 1) && (n == 0 || !is_quoted_at(n - 1));
        let line = if stands_alone && line.starts_with(">From ") { &line[1..] } else { line };
        lines_read.push(ReplyLine { is_quoted: is_quoted(line), text: line.to_owned() });
    }
    lines_read
}

/// Source: RFC 3676, section 4.
fn flowed(lines: &[&str], del_sp: bool) -> Vec<ReplyLine> {
    let mut lines_read: Vec<ReplyLine> = Vec::new();
    // The quote depth of the open paragraph, while its last line continues.
    let mut open: Option<usize> = None;
    for line in lines {
        let inner = line.trim_start_matches('>');
        let depth = line.len() - inner.len();
        let text = inner.strip_prefix(' ').unwrap_or(inner);
        let is_signature = text == "-- ";
        let goes_on = !is_signature && text.ends_with(' ');
        let content = if goes_on && del_sp { &text[..text.len() - 1] } else { text };
        match lines_read.last_mut() {
            Some(last) if open == Some(depth) && !is_signature => last.text.push_str(content),
            _ => lines_read.push(ReplyLine { is_quoted: 0 < depth, text: content.to_owned() }),
        }
        open = goes_on.then_some(depth);
    }
    lines_read
}
