//! The doctor's last findings, for the desk's first page.

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::values::Timestamp;

/// What is not well, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub check: &'static str,
    /// Otherwise it is worth knowing, and no fault.
    pub is_bad: bool,
    pub words: String,
    /// Empty where nothing can be done.
    pub to_do: String,
}

/// What was found, and at which minute somebody looked.
#[derive(Clone, Debug)]
pub struct Found {
    pub at: Timestamp,
    pub complaints: Vec<Complaint>,
}

/// What the doctor last found. A page shows that and waits for nobody; where it is old, the page asks for another look,
/// which the process that opened the desk takes beside the pages.
#[derive(Default)]
pub struct Health {
    asked: Notify,
    found: Mutex<Option<Found>>,
}

/// Units: seconds for which a look is good enough.
const FRESH: i64 = 10;

impl Health {
    /// `None`: nobody has looked yet.
    pub fn last(&self, now: Timestamp) -> Option<Found> {
        let found = self.found.lock().clone();
        if found.as_ref().is_none_or(|found| found.is_old(now)) {
            self.asked.notify_one();
        }
        found
    }

    /// Until a page asks for a look.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Whether what was found is still good: a page may have asked while somebody looked.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.found.lock().as_ref().is_some_and(|found| !found.is_old(now))
    }

    pub fn keep(&self, complaints: Vec<Complaint>, at: Timestamp) {
        *self.found.lock() = Some(Found { at, complaints });
    }
}

impl Complaint {
    /// The desk's page where it can be fixed: address and name.
    pub fn place(&self) -> Option<(&'static str, &'static str)> {
        match self.check {
            "wallets" | "addresses" => Some(("/wallets", "Wallets")),
            "catalog" => Some(("/products", "Products")),
            "pages" => Some(("/pages", "Pages")),
            _ => None,
        }
    }
}

impl Found {
    /// A clock that went back makes it old too.
    fn is_old(&self, now: Timestamp) -> bool {
        !(0..FRESH).contains(&(now.get() - self.at.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_good_for_ten_seconds() {
        let at = Timestamp::new(1_000_000).unwrap();
        let health = Health::default();
        assert!(health.last(at).is_none() && !health.is_fresh(at));
        health.keep(Vec::new(), at);
        assert!(health.is_fresh(Timestamp::new(1_000_009).unwrap()));
        assert!(!health.is_fresh(Timestamp::new(1_000_010).unwrap()));
        assert!(!health.is_fresh(Timestamp::new(999_999).unwrap()));
        assert!(health.last(at.plus_days(1)).is_some());
    }
}
