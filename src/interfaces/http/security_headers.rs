//! The headers of every response.

use actix_web::http::header;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use crate::domain::values::Timestamp;
use crate::interfaces::http::now;

/// Sent with every response, errors included.
///
/// Only what the pages use is allowed: one stylesheet, and pictures and forms of the shop itself.
const ALWAYS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    // `no-referrer` would make Tor Browser send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// The policy of what is only to be saved: a browser that opens it anyway loads and runs nothing.
pub const SANDBOX: &str =
    "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A response may bring [`SANDBOX`] as its policy.
pub fn insert_security_headers(headers: &mut HeaderMap) {
    let is_sandboxed =
        headers.get(header::CONTENT_SECURITY_POLICY).is_some_and(|policy| policy == SANDBOX);
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_sandboxed {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::DATE, date());
}

/// The time to the minute: to the second it would reveal the error of this host's clock.
fn date() -> HeaderValue {
    static LAST: Mutex<Option<(Timestamp, HeaderValue)>> = Mutex::new(None);
    let minute = now().whole_minute();
    let mut last = LAST.lock();
    if let Some((_, written)) = last.as_ref().filter(|(moment, _)| *moment == minute) {
        return written.clone();
    }
    let written = HeaderValue::from_str(&minute.http()).expect("a date is ASCII");
    *last = Some((minute, written.clone()));
    written
}
