//! The state kept between two scans of a Bitcoin node.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::values::Timestamp;

/// What one scan leaves for the next.
#[derive(Default, Deserialize, Serialize)]
pub struct ScanState {
    /// The hash of the genesis block, which identifies the chain.
    pub genesis: Option<String>,
    /// The number of the newest block at that time.
    pub head: u64,
    /// Units: Unix seconds.
    pub looked_at: i64,
    /// The invoices, by [`WatchedInvoice::id`], whose addresses the wallet has watched since they were placed.
    ///
    /// [`WatchedInvoice::id`]: crate::domain::payment::observation::WatchedInvoice::id
    pub searched: BTreeSet<i64>,
}

impl ScanState {
    /// Unreadable state is discarded: the chain is then searched again.
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Whether an invoice of that day that was unknown to the last scan must have been placed after it.
    pub fn was_scanned_before(&self, placed_on: Timestamp) -> bool {
        self.genesis.is_some()
            && Timestamp::new(self.looked_at)
                .is_ok_and(|at| at.day_start() <= placed_on.day_start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let state = ScanState {
            genesis: Some("00".to_owned()),
            head: 7,
            looked_at: 1_795_267_507,
            searched: [3, 1].into(),
        };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(text, r#"{"genesis":"00","head":7,"looked_at":1795267507,"searched":[1,3]}"#);
        let again = ScanState::read(Some(&text));
        assert_eq!((again.head, again.searched), (7, [1, 3].into()));
        for text in [None, Some(""), Some("[]"), Some(r#"{"head":-1}"#)] {
            assert_eq!(ScanState::read(text).genesis, None, "{text:?}");
        }
    }

    #[test]
    fn an_invoice_of_an_earlier_day_may_have_been_paid_before_the_last_scan() {
        let today = Timestamp::new(1_795_267_507).unwrap();
        let state = ScanState {
            genesis: Some("00".to_owned()),
            looked_at: today.get(),
            ..ScanState::default()
        };
        assert!(state.was_scanned_before(today.day_start()));
        assert!(!state.was_scanned_before(today.plus_days(-1).day_start()));
        assert!(!ScanState::default().was_scanned_before(today));
    }
}
