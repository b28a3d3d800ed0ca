//! What one circuit uses and has used.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::interfaces::http::rate_limit::{RequestClass, TokenBucket};

/// The current and past usage of one circuit. It holds numbers and times, and nothing about the content of requests.
pub struct CircuitUsage {
    /// Permits for the requests that are answered at once.
    pub slots: Arc<Semaphore>,
    pub last_seen: Duration,
    n_waiting: usize,
    buckets: [TokenBucket; 5],
    n_delayed: usize,
    /// Refused requests, reset after a minute without one.
    n_refused: u32,
    last_refused: Duration,
    orders: Vec<OrderSlot>,
    ticket: Option<Ticket>,
}

/// An order of the circuit that may still be unpaid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSlot {
    until: Duration,
    /// What it may reserve: the stock, and how many items of it.
    reserved: Vec<(StockKey, i64)>,
}

/// Names a stock: product and option.
pub type StockKey = (i64, i64);

/// What an order wants of a stock.
#[derive(Clone, Copy, Debug)]
pub struct StockShare {
    pub stock: StockKey,
    /// Units: items.
    pub wanted: i64,
    /// How many items of it all unpaid orders of one circuit may reserve.
    pub most: i64,
}

/// Of a buyer who waits instead of reading a picture. A circuit has at most one at a time.
#[derive(Clone, Copy)]
struct Ticket {
    id: [u8; 16],
    until: Duration,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Admit,
    /// It is admitted after this time.
    Wait(Duration),
    Refused {
        /// Units: seconds.
        retry_after: u64,
        /// Whether the refusal itself is delayed.
        is_delayed: bool,
        /// Whether the circuit has been refused so often that it can be closed.
        is_flood: bool,
    },
}

/// Units: requests of one circuit that are answered at once. Further ones wait.
const MAX_AT_ONCE: usize = 8;
/// Units: requests of one circuit that wait for a permit or for a delayed refusal.
const MAX_WAITING: usize = 32;
/// The longest that a request waits because of its circuit's rate limits.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Units: refused requests after which a circuit can be closed.
const FLOOD: u32 = 200;
const CALM: Duration = Duration::from_secs(60);
/// Units: unpaid orders of one circuit, ordinarily and in siege mode.
pub const MAX_ORDERS: usize = 10;
pub const MAX_ORDERS_UNDER_SIEGE: usize = 1;
/// Units: stocks of which one circuit may reserve something, so that what is remembered of it is bounded.
const MAX_STOCKS: usize = 64;
/// How long a closed circuit is remembered: the lifetime of a circuit without traffic.
const REMEMBERED: Duration = Duration::from_secs(600);

impl OrderSlot {
    /// Whether it may take its items out of the stock before it is paid.
    pub fn may_reserve(&self) -> bool {
        !self.reserved.is_empty()
    }
}

impl Default for CircuitUsage {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            last_seen: Duration::ZERO,
            n_waiting: 0,
            buckets: [TokenBucket::default(); 5],
            n_delayed: 0,
            n_refused: 0,
            last_refused: Duration::ZERO,
            orders: Vec::new(),
            ticket: None,
        }
    }
}

impl CircuitUsage {
    pub fn check_rate(&mut self, class: RequestClass, at: Duration) -> Decision {
        self.last_seen = at;
        let (rate, bucket) = (class.rate(), &mut self.buckets[class.bucket()]);
        let wait = bucket.wait(rate, at);
        let has_room = self.n_waiting < MAX_WAITING;
        if wait.is_zero() || wait <= MAX_WAIT && has_room {
            bucket.take(rate, at);
            if wait.is_zero() {
                return Decision::Admit;
            }
            self.n_waiting += 1;
            return Decision::Wait(wait);
        }
        if self.last_refused + CALM <= at {
            self.n_refused = 0;
        }
        self.last_refused = at;
        self.n_refused += 1;
        let is_flood = FLOOD <= self.n_refused;
        if is_flood {
            self.n_refused = 0;
        }
        let is_delayed = self.n_delayed < MAX_WAITING;
        if is_delayed {
            self.n_delayed += 1;
        }
        Decision::Refused { retry_after: wait.as_secs() + 1, is_delayed, is_flood }
    }

    /// How many requests of this class it has made lately.
    pub fn n_recent(&self, class: RequestClass, at: Duration) -> u32 {
        self.buckets[class.bucket()].n_taken(class.rate(), at)
    }

    pub fn end_wait(&mut self) {
        self.n_waiting = self.n_waiting.saturating_sub(1);
    }

    pub fn end_delay(&mut self) {
        self.n_delayed = self.n_delayed.saturating_sub(1);
    }

    /// Counts an order.
    ///
    /// # Errors
    /// How long until the next of its orders no longer counts.
    pub fn take_order_slot(
        &mut self,
        shares: &[StockShare],
        most: usize,
        payment_time: Duration,
        at: Duration,
    ) -> Result<OrderSlot, Duration> {
        self.orders.retain(|order| at < order.until);
        if most <= self.orders.len() {
            let next = self.orders.iter().map(|order| order.until).min().unwrap_or(at);
            return Err(next.saturating_sub(at));
        }
        let reserved = match self.may_reserve(shares) {
            true => shares.iter().map(|share| (share.stock, share.wanted)).collect(),
            false => Vec::new(),
        };
        let order = OrderSlot { until: at + payment_time, reserved };
        self.orders.push(order.clone());
        Ok(order)
    }

    /// Whether no stock would be reserved by this circuit beyond its share.
    fn may_reserve(&self, shares: &[StockShare]) -> bool {
        let reserved = || self.orders.iter().flat_map(|order| &order.reserved);
        let has_room = |share: &StockShare| {
            let before = reserved().filter(|(stock, _)| *stock == share.stock);
            before.map(|(_, items)| items).sum::<i64>() + share.wanted <= share.most
        };
        reserved().count() + shares.len() <= MAX_STOCKS && shares.iter().all(has_room)
    }

    pub fn return_order_slot(&mut self, counted: &OrderSlot) {
        if let Some(n) = self.orders.iter().position(|order| order == counted) {
            self.orders.swap_remove(n);
        }
    }

    /// Gives the circuit this ticket, in place of another.
    pub fn set_ticket(&mut self, id: [u8; 16], until: Duration) {
        self.ticket = Some(Ticket { id, until });
    }

    pub fn has_ticket(&self, id: [u8; 16], at: Duration) -> bool {
        self.ticket.is_some_and(|ticket| ticket.id == id && at < ticket.until)
    }

    /// Whether it can be forgotten without losing a limit.
    pub fn is_forgettable(&self, at: Duration) -> bool {
        self.last_seen + REMEMBERED <= at
            && self.buckets.iter().all(|bucket| bucket.is_full(at))
            && self.orders.iter().all(|order| order.until <= at)
            && self.ticket.is_none_or(|ticket| ticket.until <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(1_000);

    #[test]
    fn a_browser_that_loads_everything_at_once_never_waits() {
        let mut usage = CircuitUsage::default();
        // Twelve tabs with the front page: each loads its page, stylesheet, icon and twelve pictures.
        for _ in 0..180 {
            assert_eq!(usage.check_rate(RequestClass::Browse, AT), Decision::Admit);
        }
        for class in [RequestClass::Form, RequestClass::OrderCode, RequestClass::PlaceOrder] {
            for _ in 0..5 {
                assert_eq!(usage.check_rate(class, AT), Decision::Admit);
            }
        }
    }

    #[test]
    fn a_flooder_waits_then_is_refused_and_finally_reported() {
        for class in [
            RequestClass::Browse,
            RequestClass::Form,
            RequestClass::OrderCode,
            RequestClass::PlaceOrder,
            RequestClass::Challenge,
        ] {
            let mut usage = CircuitUsage::default();
            let decisions: Vec<Decision> = (0..800).map(|_| usage.check_rate(class, AT)).collect();
            let n_admitted =
                decisions.iter().filter(|decision| **decision == Decision::Admit).count();
            assert_eq!(n_admitted, class.rate().burst as usize, "{class:?}");
            let n_waiting =
                decisions.iter().filter(|decision| matches!(decision, Decision::Wait(_))).count();
            assert!((5..=MAX_WAITING).contains(&n_waiting), "{class:?}: {n_waiting}");
            let is_flood =
                |decision: &&Decision| matches!(decision, Decision::Refused { is_flood: true, .. });
            assert!((1..=4).contains(&decisions.iter().filter(is_flood).count()));
            let is_delayed = |decision: &&Decision| {
                matches!(decision, Decision::Refused { is_delayed: true, .. })
            };
            assert_eq!(decisions.iter().filter(is_delayed).count(), MAX_WAITING);
        }
    }

    #[test]
    fn a_circuit_has_a_limit_of_orders_until_they_expire() {
        let minute = Duration::from_secs(60);
        let mut usage = CircuitUsage::default();
        let mut last = None;
        for _ in 0..20 {
            last = Some(usage.take_order_slot(&[], 20, minute, AT).unwrap());
        }
        assert_eq!(usage.take_order_slot(&[], 20, minute, AT), Err(minute));
        usage.return_order_slot(&last.unwrap());
        assert!(usage.take_order_slot(&[], 20, minute, AT).is_ok());
        assert!(usage.take_order_slot(&[], 20, minute, AT + minute).is_ok());
    }

    #[test]
    fn a_circuit_reserves_its_share_of_each_stock_and_no_more() {
        let minute = Duration::from_secs(60);
        let mut usage = CircuitUsage::default();
        let share = |product, wanted| StockShare { stock: (product, 0), wanted, most: 3 };
        let mut reserves = |shares: &[StockShare], at| {
            usage.take_order_slot(shares, 100, minute, at).unwrap().may_reserve()
        };
        assert!(reserves(&[share(1, 2), share(2, 1)], AT));
        assert!(!reserves(&[share(1, 2)], AT), "together 4");
        assert!(reserves(&[share(1, 1)], AT), "what was refused is not reserved");
        assert!(!reserves(&[share(2, 1), share(1, 1)], AT), "all of an order, or nothing");
        assert!(!reserves(&[share(3, 4)], AT));
        assert!(reserves(&[share(1, 3)], AT + minute));
        let many: Vec<_> = (0..65).map(|product| share(product + 10, 1)).collect();
        assert!(!reserves(&many, AT + minute * 2) && reserves(&many[..64], AT + minute * 2));
    }

    #[test]
    fn a_circuit_has_one_ticket_and_is_remembered_as_long() {
        let hour = Duration::from_secs(3_600);
        let mut usage = CircuitUsage::default();
        usage.check_rate(RequestClass::Form, AT);
        usage.set_ticket([1; 16], AT + hour);
        assert!(usage.has_ticket([1; 16], AT) && !usage.has_ticket([2; 16], AT));
        assert!(!usage.is_forgettable(AT + hour - Duration::from_secs(1)));
        usage.set_ticket([2; 16], AT + hour);
        assert!(!usage.has_ticket([1; 16], AT) && usage.has_ticket([2; 16], AT));
        assert!(!usage.has_ticket([2; 16], AT + hour) && usage.is_forgettable(AT + hour));
    }

    #[test]
    fn a_circuit_with_unpaid_orders_is_remembered_until_they_are_over() {
        let mut usage = CircuitUsage::default();
        usage.check_rate(RequestClass::PlaceOrder, AT);
        usage.take_order_slot(&[], 20, Duration::from_secs(7_200), AT).unwrap();
        assert!(!usage.is_forgettable(AT + Duration::from_secs(7_000)));
        assert!(usage.is_forgettable(AT + Duration::from_secs(7_200)));
    }
}
