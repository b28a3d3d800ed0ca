//! The headers of every response.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use crate::domain::values::Timestamp;
use crate::interfaces::http::now;

/// Sent with every response, errors included.
///
const ALWAYS: [(HeaderName, &str); 5] = [
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

/// The policy of a page. Only what pages use is allowed: stylesheets from this source, and pictures and forms of the shop
/// itself.
pub fn content_security_policy(styles: &str) -> String {
    format!(
        "default-src 'none'; style-src {styles}; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A response may bring a policy of its own: [`SANDBOX`], or that of its stylesheet.
pub fn insert_security_headers(headers: &mut HeaderMap) {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        HeaderValue::from_str(&content_security_policy("'self'")).expect("a policy is ASCII")
    });
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
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
