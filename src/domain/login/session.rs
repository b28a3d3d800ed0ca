//! Session identifiers and lifetimes.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::domain::values::Timestamp;

/// Identifies the browser of a seller who has signed in. Nothing else gives access to the desk.
///
/// Shape: 32 random bytes; 64 hexadecimal digits in the cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId([u8; SESSION_BYTES]);

pub const SESSION_BYTES: usize = 32;

/// The stored form of it, from which the cookie cannot be computed. Shape: SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionHash(pub [u8; 32]);

/// The first and the last use of a session, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSpan {
    pub opened: Timestamp,
    pub seen: Timestamp,
}

impl SessionId {
    pub fn from_random(random_bytes: [u8; SESSION_BYTES]) -> Self {
        Self(random_bytes)
    }

    /// Reads the value of the cookie.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub fn text(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    pub fn hash(&self) -> SessionHash {
        let hash = Sha256::new().chain_update(b"shop desk session 1").chain_update(self.0);
        SessionHash(hash.finalize().into())
    }
}

impl SessionSpan {
    /// Units: minutes without a request after which a session ends.
    pub const IDLE_MINUTES: i64 = 30;
    /// Units: minutes after which it ends in any case.
    const MAX_MINUTES: i64 = 12 * 60;

    pub fn begin(now: Timestamp) -> Self {
        Self { opened: now.whole_minute(), seen: now.whole_minute() }
    }

    /// If the clock was set back the session ends too: its idle time is unknown.
    pub fn is_over(self, now: Timestamp) -> bool {
        let ends = self
            .seen
            .plus_minutes(Self::IDLE_MINUTES)
            .min(self.opened.plus_minutes(Self::MAX_MINUTES));
        let was_set_back = now.plus_minutes(Self::IDLE_MINUTES) < self.seen;
        ends <= now || was_set_back
    }

    /// Whether this use is worth a write: once a minute.
    pub fn is_news(self, now: Timestamp) -> bool {
        self.seen < now.whole_minute()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::new(1_000_000_020).unwrap().plus_minutes(minutes)
    }

    #[test]
    fn a_session_ends_after_half_an_hour_without_a_page_and_after_half_a_day() {
        let span = SessionSpan::begin(at(0));
        for (minutes, over) in [(0, false), (29, false), (30, true), (-20, false), (-40, true)] {
            assert_eq!(span.is_over(at(minutes)), over, "{minutes}");
        }
        let used = SessionSpan { seen: at(719), ..span };
        assert!(!used.is_over(at(719)) && used.is_over(at(720)));
    }

    #[test]
    fn a_session_is_noted_once_in_a_minute() {
        let now = Timestamp::new(1_000_000_079).unwrap();
        let span = SessionSpan::begin(now);
        assert_eq!(span.seen.get() % 60, 0);
        assert!(!span.is_news(now) && span.is_news(now.plus_minutes(1)));
    }

    #[test]
    fn a_cookie_names_a_session_and_its_hash_does_not() {
        let id = SessionId::from_random([7; 32]);
        assert!(SessionId::parse(&id.text()) == Some(id.clone()));
        assert!(id.hash().0 != [7; 32]);
        for text in ["", "07", &id.text().to_uppercase().replace('0', "A"), &id.text()[1..], "é"] {
            assert!(SessionId::parse(text).is_none(), "{text}");
        }
    }
}
