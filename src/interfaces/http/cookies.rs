//! Names and attributes of cookies.

use actix_web::HttpRequest;
use actix_web::http::header;

/// The names under which a browser stores our cookies.
///
/// On an onion address Tor Browser accepts `Secure` cookies over http, and prevents anybody else from setting cookies
/// with the prefix. Other browsers refuse them there. Those that accept them also send `Sec-Fetch-Site`, because both
/// need a trustworthy origin. So if that header is missing, our cookies have neither the attribute nor the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieNames {
    is_prefixed: bool,
    /// Whether the same browser may also hold cookies under the other names.
    may_have_both: bool,
}

/// Source: RFC 6265bis, section 4.1.3.2.
const PREFIX: &str = "__Host-";

impl CookieNames {
    /// For the buyers' listener. Except on an onion, its address may be reached over plain http.
    pub fn of_buyer(request: &HttpRequest) -> Self {
        Self::on_onion(request).unwrap_or(Self { is_prefixed: false, may_have_both: false })
    }

    /// For the desk. Except on an onion, it is reached at 127.0.0.1 or over https, where every browser accepts them.
    pub fn of_seller(request: &HttpRequest) -> Self {
        Self::on_onion(request).unwrap_or(Self { is_prefixed: true, may_have_both: false })
    }

    /// A browser that sends a cookie with the prefix has shown that it accepts them: then one without the prefix is
    /// ignored, since anybody could have set it.
    fn on_onion(request: &HttpRequest) -> Option<Self> {
        let says_site = request.headers().contains_key("sec-fetch-site");
        let has_prefixed = || all(request).any(|(name, _)| name.starts_with(PREFIX));
        is_onion(request)
            .then(|| Self { is_prefixed: says_site || has_prefixed(), may_have_both: true })
    }

    /// The cookies that the browser sent under these names: name without prefix, and value.
    pub fn sent(self, request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
        all(request).filter_map(move |(name, value)| {
            let name = if self.is_prefixed { name.strip_prefix(PREFIX)? } else { name };
            Some((name, value))
        })
    }

    /// A session cookie: the browser deletes it when it is closed.
    pub fn set(self, name: &str, value: &str) -> String {
        let (prefix, secure) = if self.is_prefixed { (PREFIX, "; Secure") } else { ("", "") };
        format!("{prefix}{name}={value}; HttpOnly; SameSite=Strict; Path=/{secure}")
    }

    /// The headers that remove a cookie, under both names where both may exist.
    pub fn remove(self, name: &str) -> Vec<String> {
        let mut names = vec![self];
        if self.may_have_both {
            names.push(Self { is_prefixed: !self.is_prefixed, ..self });
        }
        names.into_iter().map(|names| format!("{}; Max-Age=0", names.set(name, ""))).collect()
    }
}

fn all(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let lines = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn is_onion(request: &HttpRequest) -> bool {
    let host =
        request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    name.len() > 6 && name[name.len().saturating_sub(6)..].eq_ignore_ascii_case(".onion")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const ONION: &str = "feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion";

    fn request(host: &str, says_site: bool, cookies: &str) -> HttpRequest {
        let mut request = TestRequest::default().insert_header((header::HOST, host));
        if says_site {
            request = request.insert_header(("Sec-Fetch-Site", "none"));
        }
        if !cookies.is_empty() {
            request = request.insert_header((header::COOKIE, cookies));
        }
        request.to_http_request()
    }

    #[track_caller]
    fn check(host: &str, says_site: bool, cookies: &str, prefixed: (bool, bool), read: &[&str]) {
        let request = request(host, says_site, cookies);
        let (buyer, seller) = (CookieNames::of_buyer(&request), CookieNames::of_seller(&request));
        assert_eq!((buyer.is_prefixed, seller.is_prefixed), prefixed, "{host} {cookies}");
        let values: Vec<&str> = buyer.sent(&request).map(|(_, value)| value).collect();
        assert_eq!(values, read, "{host} {cookies}");
    }

    #[test]
    fn a_browser_keeps_cookies_under_names_that_it_accepts() {
        check(ONION, true, "", (true, true), &[]);
        check(ONION, false, "", (false, false), &[]);
        check(&format!("{}:80", ONION.to_uppercase()), true, "", (true, true), &[]);
        for host in ["127.0.0.1:3000", "shop.example", "localhost", "", ".onion"] {
            for says_site in [true, false] {
                check(host, says_site, "visitor=a", (false, true), &["a"]);
            }
        }
    }

    #[test]
    fn cookies_without_the_prefix_are_ignored_beside_one_with_it() {
        let both = "visitor=planted; __Host-visitor=ours; order=planted";
        for says_site in [true, false] {
            check(ONION, says_site, both, (true, true), &["ours"]);
        }
        check(ONION, true, "visitor=planted; order=planted", (true, true), &[]);
        check(ONION, false, "visitor=a; order=b", (false, false), &["a", "b"]);
    }

    #[test]
    fn a_cookie_is_removed_under_both_names() {
        let plain = "order=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0";
        let prefixed = "__Host-order=; HttpOnly; SameSite=Strict; Path=/; Secure; Max-Age=0";
        let remove = |host: &str, says_site: bool| {
            CookieNames::of_buyer(&request(host, says_site, "")).remove("order")
        };
        assert_eq!(remove(ONION, true), [prefixed, plain]);
        assert_eq!(remove(ONION, false), [plain, prefixed]);
        assert_eq!(remove("127.0.0.1", true), [plain]);
    }
}
