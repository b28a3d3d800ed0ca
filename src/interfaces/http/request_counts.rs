//! Counts requests, for the seller's metrics: by kind of page and outcome, and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::StatusCode;

/// What was requested. A path names one by its first part; a product, a category or an order is never counted by itself.
const PAGES: [(&str, &[&str]); 6] = [
    ("catalog", &["", "product", "category", "search", "feed.xml"]),
    ("picture", &["picture", "static"]),
    ("cart", &["cart", "currency"]),
    ("checkout", &["checkout"]),
    ("order", &["order"]),
    ("page", &["policy", "page", "pgp.txt", "mirrors.txt"]),
];
const HEALTH: usize = PAGES.len();
const OTHER: usize = HEALTH + 1;
/// The first digit of a status: 2 to 5.
const STATUSES: usize = 4;

/// Since the start of the process.
#[derive(Default)]
pub struct RequestCounts([[AtomicU64; STATUSES]; OTHER + 1]);

/// Requests for one kind of page with one kind of outcome.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestCount {
    pub page: &'static str,
    /// Shape: `2xx`, `3xx`, `4xx` or `5xx`.
    pub status: &'static str,
    pub n: u64,
}

impl RequestCounts {
    pub fn add(&self, path: &str, status: StatusCode) {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let page = match first {
            "health" => HEALTH,
            _ => PAGES.iter().position(|(_, parts)| parts.contains(&first)).unwrap_or(OTHER),
        };
        let status = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.0[page][status].fetch_add(1, Ordering::Relaxed);
    }

    /// All kinds, also those with a count of 0, so that a reader sees the first request as an increase.
    pub fn list(&self) -> Vec<RequestCount> {
        let pages = PAGES.iter().map(|(page, _)| *page).chain(["health", "other"]);
        let mut all = Vec::new();
        for (page, counts) in pages.zip(&self.0) {
            for (status, count) in ["2xx", "3xx", "4xx", "5xx"].into_iter().zip(counts) {
                all.push(RequestCount { page, status, n: count.load(Ordering::Relaxed) });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_the_kind_of_its_page() {
        let check = |path: &str, status: StatusCode, page: &'static str, text: &'static str| {
            let counts = RequestCounts::default();
            counts.add(path, status);
            let mut counted = counts.list();
            counted.retain(|count| count.n != 0);
            assert_eq!(counted, [RequestCount { page, status: text, n: 1 }], "{path}");
        };
        check("/", StatusCode::OK, "catalog", "2xx");
        check("/product/wool-socks", StatusCode::OK, "catalog", "2xx");
        check("/feed.xml", StatusCode::NOT_MODIFIED, "catalog", "3xx");
        check("/picture/a.webp", StatusCode::OK, "picture", "2xx");
        check("/currency", StatusCode::SEE_OTHER, "cart", "3xx");
        check("/checkout/place", StatusCode::UNPROCESSABLE_ENTITY, "checkout", "4xx");
        check("/order/qr.png", StatusCode::OK, "order", "2xx");
        check("/pgp.txt", StatusCode::OK, "page", "2xx");
        check("/health", StatusCode::SERVICE_UNAVAILABLE, "health", "5xx");
        for path in ["/wp-admin", "/products", "*", "/health2"] {
            check(path, StatusCode::NOT_FOUND, "other", "4xx");
        }
        assert_eq!(RequestCounts::default().list().len(), 32);
    }
}
