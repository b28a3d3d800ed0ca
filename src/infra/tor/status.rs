//! The state of the onion service, as a small file.

use serde::{Deserialize, Serialize};

/// The service's state as known by the process that manages Tor, written every few seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnionStatus {
    /// When this was written. Units: Unix seconds.
    pub at: i64,
    /// Tor's version, as it reports it; empty while it does not answer.
    pub tor: String,
    /// Tor's bootstrap progress. Units: percent.
    pub bootstrap: u8,
    /// How many directories accepted the service's descriptor and still have it.
    pub published: usize,
    /// Established introduction points.
    pub introduction_points: usize,
    /// The proof of work that visitors must currently do; `None` if Tor does not report it.
    pub effort: Option<u64>,
    /// Open circuits of visitors.
    pub circuits: usize,
    /// The current problem, in one line; empty if there is none.
    pub trouble: String,
    /// The client list that Tor currently uses, as [`Clients::file`] writes it. `None`: no list was set yet.
    ///
    /// [`Clients::file`]: crate::infra::tor::Clients::file
    #[serde(default)]
    pub clients: Option<String>,
}

impl OnionStatus {
    /// Units: seconds after which the status is outdated.
    const STALE_AFTER: i64 = 60;

    /// A Tor without a network on purpose is not an error.
    pub const NETWORK_OFF: &str = "Tor's network is disabled (DisableNetwork)";

    /// The service is being created.
    pub const STARTING: &str = "the onion service is being made";

    /// A service with a client list does not exist while the list is empty.
    pub const NO_CLIENTS: &str =
        "no clients yet, so there is no service: add one with `shop desk client add NAME`";

    /// Whether this was written recently, as of `now`. Units: Unix seconds.
    pub fn is_fresh(&self, now: i64) -> bool {
        // A little ahead is a rounding difference between clocks; far ahead, the clock was set back since.
        (-2..=Self::STALE_AFTER).contains(&(now - self.at))
    }

    /// Whether a visitor can reach the service, as far as is known here.
    pub fn is_reachable(&self) -> bool {
        self.trouble.is_empty()
            && self.bootstrap == 100
            && 0 < self.published
            && 0 < self.introduction_points
    }

    /// One line for people: the problem, or how far the service is.
    pub fn summary(&self) -> String {
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
    fn a_status_is_fresh_for_a_minute() {
        let status = OnionStatus { at: 1_000, ..OnionStatus::default() };
        for (now, expected) in
            [(1_000, true), (1_060, true), (1_061, false), (999, true), (900, false)]
        {
            assert_eq!(status.is_fresh(now), expected, "{now}");
        }
    }

    #[test]
    fn a_service_is_reachable_when_every_part_of_it_is_ready() {
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
            assert!(!bad.is_reachable() && bad.summary() != good.summary(), "{bad:?}");
        }
    }
}
