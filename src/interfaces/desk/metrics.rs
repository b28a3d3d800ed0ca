//! What the metrics are made of, beside the database.

use std::sync::Arc;

use crate::interfaces::http::RequestCounts;

/// The metrics of a desk that has them.
pub struct Metrics {
    /// What a reader has to send.
    pub token: String,
    pub requests: Arc<RequestCounts>,
    pub find_tor: Box<FindTor>,
}

/// `None`: no process manages Tor for the shop.
pub type FindTor = dyn Fn() -> Option<TorFigures> + Send + Sync;

/// The state of the shop's onion service.
pub struct TorFigures {
    pub is_reachable: bool,
    pub introduction_points: usize,
    /// `None`: Tor does not say.
    pub effort: Option<u64>,
}
