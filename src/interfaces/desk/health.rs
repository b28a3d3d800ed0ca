//! The doctor's last findings, for the first page.

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::values::Timestamp;

/// A finding of the doctor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub check: &'static str,
    /// Otherwise it is only a note.
    pub is_bad: bool,
    pub text: String,
    /// Empty if nothing can be done.
    pub remedy: String,
}

#[derive(Clone, Debug)]
pub struct HealthReport {
    pub at: Timestamp,
    pub complaints: Vec<Complaint>,
}

/// The last report. A page shows it without waiting, and requests a new one if it is old; the process that serves the
/// desk makes it in the background.
#[derive(Default)]
pub struct Health {
    requested: Notify,
    report: Mutex<Option<HealthReport>>,
}

/// Units: seconds for which a report is shown without a new check.
const FRESH: i64 = 10;

impl Health {
    /// `None`: there is no report yet.
    pub fn last(&self, now: Timestamp) -> Option<HealthReport> {
        if !self.is_fresh(now) {
            self.requested.notify_one();
        }
        self.report.lock().clone()
    }

    /// Waits until a page requests a report.
    pub async fn requested(&self) {
        self.requested.notified().await;
    }

    /// Whether the last report is still good: a page may have requested another one during a check. A clock that was set
    /// back makes it old too.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let report = self.report.lock();
        report.as_ref().is_some_and(|report| (0..FRESH).contains(&(now.get() - report.at.get())))
    }

    pub fn set(&self, complaints: Vec<Complaint>, at: Timestamp) {
        *self.report.lock() = Some(HealthReport { at, complaints });
    }
}

impl Complaint {
    /// The desk's page where it can be fixed: address and name.
    pub fn link(&self) -> Option<(&'static str, &'static str)> {
        match self.check {
            "wallets" | "addresses" => Some(("/wallets", "Wallets")),
            "rates" => Some(("/wallets/rates", "Exchange rates")),
            "catalog" => Some(("/products", "Products")),
            "pages" => Some(("/pages", "Pages")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_good_for_ten_seconds() {
        let at = Timestamp::new(1_000_000).unwrap();
        let health = Health::default();
        assert!(health.last(at).is_none() && !health.is_fresh(at));
        health.set(Vec::new(), at);
        assert!(health.is_fresh(Timestamp::new(1_000_009).unwrap()));
        assert!(!health.is_fresh(Timestamp::new(1_000_010).unwrap()));
        assert!(!health.is_fresh(Timestamp::new(999_999).unwrap()));
        assert!(health.last(at.plus_days(1)).is_some());
    }
}
