//! Splits the text of a reply into logical lines.

use crate::infra::mail::reply::parts::{Flow, Plain};
use crate::infra::mail::reply::unreadable::visible;

/// A line as its author wrote it, before any program wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it is quoted from an earlier message.
    pub is_quoted: bool,
    pub text: String,
}

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";

pub fn lines(plain: &Plain) -> Vec<Said> {
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

fn fixed(lines: &[&str]) -> Vec<Said> {
    let is_quoted = |line: &str| line.trim_start().starts_with('>');
    let is_quoted_at = |n: usize| lines.get(n).is_some_and(|line| is_quoted(line));
    let mut said = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        // An mbox writes `>From ` for a line that begins with `From `; next to other quoted lines it is a quote.
        let is_alone = !is_quoted_at(n + 1) && (n == 0 || !is_quoted_at(n - 1));
        let line = if is_alone && line.starts_with(">From ") { &line[1..] } else { line };
        said.push(Said { is_quoted: is_quoted(line), text: line.to_owned() });
    }
    said
}

/// Source: RFC 3676, section 4.
fn flowed(lines: &[&str], del_sp: bool) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    // The quote depth of the open paragraph, while its last line continues.
    let mut open: Option<usize> = None;
    for line in lines {
        let inner = line.trim_start_matches('>');
        let depth = line.len() - inner.len();
        let text = inner.strip_prefix(' ').unwrap_or(inner);
        let is_signature = text == "-- ";
        let goes_on = !is_signature && text.ends_with(' ');
        let content = if goes_on && del_sp { &text[..text.len() - 1] } else { text };
        match said.last_mut() {
            Some(last) if open == Some(depth) && !is_signature => last.text.push_str(content),
            _ => said.push(Said { is_quoted: 0 < depth, text: content.to_owned() }),
        }
        open = goes_on.then_some(depth);
    }
    said
}
