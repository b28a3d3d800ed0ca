//! The state of the onion service, as a small file.

use serde::Deserialize;
use serde::Serialize;

/// What whoever tends Tor knows of the service, written down every few seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnionStatus {
    /// When this was written. Units: Unix seconds.
    pub at: i64,
    /// Tor's version, as it says itself; empty while it does not answer.
    pub tor: String,
    /// How far Tor has come into the network. Units: percent.
    pub bootstrap: u8,
    /// How many directories took the service's descriptor and still keep it.
    pub published: usize,
    /// Introduction points that hold.
    pub introduction_points: usize,
    /// The proof of work that a visitor's Tor is asked for; `None` where Tor does not tell.
    pub effort: Option<u64>,
    /// Circuits of visitors, open now.
    pub circuits: usize,
    /// What stands in the way, in one line; empty where nothing does.
    pub trouble: String,
    /// The list of clients that Tor follows now, as [`Clients::file`] writes it. `None`: Tor was told no list yet.
    ///
    /// [`Clients::file`]: crate::infra::tor::Clients::file
    #[serde(default)]
    pub clients: Option<String>,
}

impl OnionStatus {
    /// Units: seconds after which what was written down no longer counts.
    const STALE_AFTER: i64 = 60;

    /// A Tor that is kept off the network on purpose is well all the same.
    pub const NETWORK_OFF: &str = "Tor's network is disabled (DisableNetwork)";

    /// The service is asked of Tor just now.
    pub const BEING_MADE: &str = "the onion service is being made";

    /// A service for those on a list alone is not there while the list is empty.
    pub const NOBODY_MAY_COME: &str =
        "no clients yet, so there is no service: add one with `shop desk client add NAME`";

    /// Whether this was written lately, seen from `now`. Units: Unix seconds.
    pub fn is_fresh(&self, now: i64) -> bool {
        // A little ahead is another clock's second; far ahead, the clock was set back since.
        (-2..=Self::STALE_AFTER).contains(&(now - self.at))
    }

    /// As far as can be told from here, whether a visitor finds the service.
    pub fn is_reachable(&self) -> bool {
        self.trouble.is_empty()
            && self.bootstrap == 100
            && 0 < self.published
            && 0 < self.introduction_points
    }

    /// One line for people.
    pub fn words(&self) -> String {
        if !self.trouble.is_empty() {
            return self.trouble.clone();
        }
        if self.bootstrap < 100 {
            return format!("not yet: Tor is {}% connected to its network", self.bootstrap);
        }
        if self.introduction_points == 0 {
            return "not yet: no introduction points".to_owned();
        }
        if self.published == 0 {
            return "not yet: the descriptor is not published".to_owned();
        }
        "yes, according to Tor".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_counts_for_a_minute() {
        let status = OnionStatus { at: 1_000, ..OnionStatus::default() };
        for (now, expected) in
            [(1_000, true), (1_060, true), (1_061, false), (999, true), (900, false)]
        {
            assert_eq!(status.is_fresh(now), expected, "{now}");
        }
    }

    #[test]
    fn a_service_is_reachable_when_all_of_it_stands() {
        let good = OnionStatus {
            bootstrap: 100,
            published: 2,
            introduction_points: 3,
            ..OnionStatus::default()
        };
        assert!(good.is_reachable());
        for bad in [
            OnionStatus { bootstrap: 80, ..good.clone() },
            OnionStatus { published: 0, ..good.clone() },
            OnionStatus { introduction_points: 0, ..good.clone() },
            OnionStatus { trouble: "the connection to Tor was lost".to_owned(), ..good.clone() },
        ] {
            assert!(!bad.is_reachable() && bad.words() != good.words(), "{bad:?}");
        }
    }
}
