//! How often one circuit may make each class of request.

use std::time::Duration;

use actix_web::http::Method;

/// The classes of requests that have limits of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestClass {
    /// The front page, products, search, pictures.
    Browse,
    /// The cart, the checkout, an order's page: capacity is reserved for these.
    Buy,
    /// A form submission.
    Form,
    /// Seven words that open an order.
    OrderCode,
    /// Placing an order.
    PlaceOrder,
    /// The picture of a challenge, which is drawn for each request.
    Challenge,
}

impl RequestClass {
    pub fn of(method: &Method, path: &str) -> Self {
        if method == Method::POST {
            return match path {
                "/checkout/place" => Self::PlaceOrder,
                "/order" => Self::OrderCode,
                _ => Self::Form,
            };
        }
        if path == "/checkout/challenge.png" {
            return Self::Challenge;
        }
        let buys = ["/cart", "/checkout", "/order", "/health"];
        if buys.iter().any(|begin| path.starts_with(begin)) { Self::Buy } else { Self::Browse }
    }

    /// How often one circuit may make such a request. A person with many tabs stays far below: Tor Browser uses 6
    /// connections, and the front page with its pictures is 15 requests.
    pub fn rate(self) -> RateLimit {
        match self {
            Self::Browse | Self::Buy => RateLimit { every: Duration::from_millis(50), burst: 200 },
            Self::Form => RateLimit { every: Duration::from_millis(100), burst: 100 },
            Self::OrderCode | Self::Challenge => {
                RateLimit { every: Duration::from_secs(1), burst: 30 }
            }
            Self::PlaceOrder => RateLimit { every: Duration::from_millis(500), burst: 120 },
        }
    }

    /// The bucket that it draws from: pages of both kinds share one.
    pub fn bucket(self) -> usize {
        match self {
            Self::Browse | Self::Buy => 0,
            Self::Form => 1,
            Self::OrderCode => 2,
            Self::PlaceOrder => 3,
            Self::Challenge => 4,
        }
    }
}

/// A burst of this many, then one per interval.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    pub every: Duration,
    pub burst: u32,
}

/// What is left of a [`RateLimit`], stored as the time at which it will be full again, so nothing has to be refilled.
/// Source: the generic cell rate algorithm, as virtual scheduling (ITU-T I.371, annex A).
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenBucket {
    full_at: Duration,
}

impl TokenBucket {
    /// How long from now until one more request is allowed.
    pub fn wait(&self, rate: RateLimit, at: Duration) -> Duration {
        let taken = self.full_at.max(at) + rate.every;
        taken.saturating_sub(rate.every * rate.burst).saturating_sub(at)
    }

    pub fn take(&mut self, rate: RateLimit, at: Duration) {
        self.full_at = self.full_at.max(at) + rate.every;
    }

    /// How many tokens have been spent and not replenished yet.
    pub fn n_taken(&self, rate: RateLimit, at: Duration) -> u32 {
        let taken = self.full_at.saturating_sub(at).as_millis() / rate.every.as_millis().max(1);
        u32::try_from(taken).unwrap_or(u32::MAX)
    }

    pub fn is_full(&self, at: Duration) -> bool {
        self.full_at <= at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: RateLimit = RateLimit { every: Duration::from_millis(100), burst: 3 };

    #[test]
    fn a_burst_is_free_and_then_each_waits_its_turn() {
        let mut bucket = TokenBucket::default();
        let at = Duration::from_secs(7);
        let waits: Vec<u128> = (0..6)
            .map(|_| {
                let wait = bucket.wait(RATE, at);
                bucket.take(RATE, at);
                wait.as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 100, 200, 300]);
        assert!(!bucket.is_full(at) && bucket.is_full(at + Duration::from_millis(600)));
        assert_eq!(bucket.n_taken(RATE, at), 6);
        assert_eq!(bucket.n_taken(RATE, at + Duration::from_millis(350)), 2);
        assert_eq!(bucket.n_taken(RATE, at + Duration::from_secs(9)), 0);
        assert_eq!(bucket.wait(RATE, at + Duration::from_millis(300)).as_millis(), 100);
        assert_eq!(bucket.wait(RATE, at + Duration::from_millis(400)).as_millis(), 0);
    }

    #[test]
    fn the_way_to_an_order_is_kept_free() {
        for (method, path, expected) in [
            (Method::GET, "/", RequestClass::Browse),
            (Method::HEAD, "/product/tea", RequestClass::Browse),
            (Method::GET, "/order/qr.png", RequestClass::Buy),
            (Method::GET, "/health", RequestClass::Buy),
            (Method::POST, "/cart", RequestClass::Form),
            (Method::POST, "/order", RequestClass::OrderCode),
            (Method::POST, "/order/transaction", RequestClass::Form),
            (Method::POST, "/checkout", RequestClass::Form),
            (Method::POST, "/checkout/place", RequestClass::PlaceOrder),
            (Method::GET, "/checkout/challenge.png", RequestClass::Challenge),
            (Method::GET, "/checkout/wait", RequestClass::Buy),
            (Method::POST, "/checkout/wait", RequestClass::Form),
        ] {
            assert_eq!(RequestClass::of(&method, path), expected, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn whoever_waits_as_told_never_exceeds_the_rate(pauses in proptest::collection::vec(0_u64..500, 1..60)) {
            let (mut bucket, mut at, mut done) = (TokenBucket::default(), Duration::ZERO, Vec::new());
            for pause in pauses {
                at += Duration::from_millis(pause);
                at += bucket.wait(RATE, at);
                prop_assert_eq!(bucket.wait(RATE, at), Duration::ZERO);
                bucket.take(RATE, at);
                done.push(at);
            }
            // In any period there are at most the burst plus one per interval.
            for (n, from) in done.iter().enumerate() {
                for (m, to) in done.iter().enumerate().skip(n) {
                    let most = 3 + (*to - *from).as_millis() / 100;
                    prop_assert!((m - n + 1) as u128 <= most, "{} in {:?}", m - n + 1, *to - *from);
                }
            }
        }
    }
}
