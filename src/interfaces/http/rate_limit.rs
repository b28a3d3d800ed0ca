//! How often one circuit may make each class of request.

use std::time::Duration;

use actix_web::http::Method;

/// The classes of requests that have limits of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestClass {
    /// The front page, products, search, pictures.
    Look,
    /// The cart, the checkout form, an order's page: capacity is reserved for these.
    Buy,
    /// A form submission.
    Send,
    /// Seven words that open an order.
    Code,
    /// Placing an order.
    Order,
    /// The picture of a challenge, which is drawn for each request.
    Draw,
}

impl RequestClass {
    pub fn of(method: &Method, path: &str) -> Self {
        if method == Method::POST {
            return match path {
                "/checkout" => Self::Order,
                "/order" => Self::Code,
                _ => Self::Send,
            };
        }
        if path == "/checkout/challenge.png" {
            return Self::Draw;
        }
        let buys = ["/cart", "/checkout", "/order", "/health"];
        if buys.iter().any(|begin| path.starts_with(begin)) { Self::Buy } else { Self::Look }
    }

    /// How often one circuit may make such a request. A person with many tabs stays far below: Tor Browser uses 6
    /// connections, and the front page with its pictures is 15 requests.
    pub fn rate(self) -> RateLimit {
        match self {
            Self::Look | Self::Buy => RateLimit { every: Duration::from_millis(50), burst: 200 },
            Self::Send => RateLimit { every: Duration::from_millis(100), burst: 100 },
            Self::Code | Self::Draw => RateLimit { every: Duration::from_secs(1), burst: 30 },
            Self::Order => RateLimit { every: Duration::from_millis(500), burst: 120 },
        }
    }

    /// The bucket that it draws from: pages of both kinds share one.
    pub fn bucket(self) -> usize {
        match self {
            Self::Look | Self::Buy => 0,
            Self::Send => 1,
            Self::Code => 2,
            Self::Order => 3,
            Self::Draw => 4,
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
    whole_at: Duration,
}

impl TokenBucket {
    /// How long from now until one more request is allowed.
    pub fn wait(&self, rate: RateLimit, at: Duration) -> Duration {
        let spent = self.whole_at.max(at) + rate.every;
        spent.saturating_sub(rate.every * rate.burst).saturating_sub(at)
    }

    pub fn spend(&mut self, rate: RateLimit, at: Duration) {
        self.whole_at = self.whole_at.max(at) + rate.every;
    }

    /// How many tokens have been spent and not replenished yet.
    pub fn n_spent(&self, rate: RateLimit, at: Duration) -> u32 {
        let spent = self.whole_at.saturating_sub(at).as_millis() / rate.every.as_millis().max(1);
        u32::try_from(spent).unwrap_or(u32::MAX)
    }

    pub fn is_whole(&self, at: Duration) -> bool {
        self.whole_at <= at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: RateLimit = RateLimit { every: Duration::from_millis(100), burst: 3 };

    #[test]
    fn a_burst_is_free_and_then_each_waits_its_turn() {
        let mut budget = TokenBucket::default();
        let at = Duration::from_secs(7);
        let waits: Vec<u128> = (0..6)
            .map(|_| {
                let wait = budget.wait(RATE, at);
                budget.spend(RATE, at);
                wait.as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 100, 200, 300]);
        assert!(!budget.is_whole(at) && budget.is_whole(at + Duration::from_millis(600)));
        assert_eq!(budget.n_spent(RATE, at), 6);
        assert_eq!(budget.n_spent(RATE, at + Duration::from_millis(350)), 2);
        assert_eq!(budget.n_spent(RATE, at + Duration::from_secs(9)), 0);
        assert_eq!(budget.wait(RATE, at + Duration::from_millis(300)).as_millis(), 100);
        assert_eq!(budget.wait(RATE, at + Duration::from_millis(400)).as_millis(), 0);
    }

    #[test]
    fn the_way_to_an_order_is_kept_free() {
        for (method, path, expected) in [
            (Method::GET, "/", RequestClass::Look),
            (Method::HEAD, "/product/tea", RequestClass::Look),
            (Method::GET, "/order/qr.png", RequestClass::Buy),
            (Method::GET, "/health", RequestClass::Buy),
            (Method::POST, "/cart", RequestClass::Send),
            (Method::POST, "/order", RequestClass::Code),
            (Method::POST, "/order/transaction", RequestClass::Send),
            (Method::POST, "/checkout", RequestClass::Order),
            (Method::GET, "/checkout/challenge.png", RequestClass::Draw),
            (Method::GET, "/checkout/wait", RequestClass::Buy),
            (Method::POST, "/checkout/wait", RequestClass::Send),
        ] {
            assert_eq!(RequestClass::of(&method, path), expected, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn whoever_waits_as_told_never_exceeds_the_rate(pauses in proptest::collection::vec(0_u64..500, 1..60)) {
            let (mut budget, mut at, mut done) = (TokenBucket::default(), Duration::ZERO, Vec::new());
            for pause in pauses {
                at += Duration::from_millis(pause);
                at += budget.wait(RATE, at);
                prop_assert_eq!(budget.wait(RATE, at), Duration::ZERO);
                budget.spend(RATE, at);
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
