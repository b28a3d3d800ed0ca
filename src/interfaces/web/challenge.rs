//! Challenges: the pictures that buyers read in siege mode, and which of them have been used.

use std::collections::{HashSet, VecDeque};

use actix_web::cookie::Key;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use hkdf::Hkdf;
use parking_lot::Mutex;
use sha2::Sha256;

use crate::domain::cart::CartId;
use crate::domain::values::Timestamp;
use crate::interfaces::http::random_bytes;
use crate::interfaces::web::visitor::{decrypt, encrypt};

/// A picture that the buyer of one cart is asked to read. The shop stores none: the form carries it, encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The seed of the picture. It can be used once.
    pub id: [u8; 16],
    pub cart: CartTag,
    /// By the trusted time.
    pub made: Timestamp,
}

/// Binds a challenge to a cart without revealing the cart's id, from which the order's code is derived.
///
/// Shape: 16 bytes. Source: HKDF-SHA256 of the cart's id (RFC 5869).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CartTag(pub [u8; 16]);

impl CartTag {
    pub fn of(cart: CartId) -> Self {
        let mut tag = [0; 16];
        Hkdf::<Sha256>::new(None, &cart.0)
            .expand(b"shop cart of a challenge 1", &mut tag)
            .expect("HKDF yields 16 bytes");
        Self(tag)
    }
}

/// Units: seconds for which a challenge can be answered.
const VALID: i64 = 30 * 60;

impl Challenge {
    pub fn new(cart: CartId, now: Timestamp) -> Self {
        Self { id: random_bytes(), cart: CartTag::of(cart), made: now }
    }

    /// Whether it was made for this cart, and is recent. One from the future was made before a clock was corrected.
    pub fn is_for(&self, cart: CartId, now: Timestamp) -> bool {
        self.cart == CartTag::of(cart) && (0..VALID).contains(&now.seconds_after(self.made))
    }
}

/// Encrypts the challenges that forms carry.
pub struct ChallengeKey(Key);

const NAME: &str = "challenge";

impl ChallengeKey {
    /// `secret`: the shop's, as in [`crate::interfaces::web::AppState::new`].
    pub fn of_secret(secret: &[u8]) -> Self {
        let mut bytes = [0; 64];
        Hkdf::<Sha256>::new(None, secret)
            .expand(b"shop challenges 1", &mut bytes)
            .expect("HKDF yields 64 bytes");
        Self(Key::from(&bytes))
    }

    /// A token for a form and a URL. Without the cart's cookie it is of no use.
    pub fn seal(&self, challenge: &Challenge) -> String {
        let [id, cart] = [challenge.id, challenge.cart.0].map(|bytes| HEXLOWER.encode(&bytes));
        let text = encrypt(&self.0, NAME, format!("{id} {cart} {}", challenge.made.get()));
        BASE64URL_NOPAD.encode(&BASE64.decode(text.as_bytes()).unwrap_or_default())
    }

    pub fn open(&self, token: &str) -> Option<Challenge> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let text = decrypt(&self.0, NAME, &BASE64.encode(&bytes))?;
        let mut parts = text.split(' ');
        let mut bytes = || HEXLOWER.decode(parts.next()?.as_bytes()).ok()?.try_into().ok();
        let (id, cart) = (bytes()?, CartTag(bytes()?));
        Some(Challenge { id, cart, made: Timestamp::new(parts.next()?.parse().ok()?).ok()? })
    }
}

/// The challenges and tickets that can no longer be used. Kept in memory only; they identify no buyer.
pub struct Challenges {
    pub key: ChallengeKey,
    /// The IDs of challenges and waiting tickets that became an order.
    used: Mutex<SpentIds>,
    /// The IDs of challenges that were answered wrongly. Separate, so that a flood of wrong answers evicts no used one.
    failed: Mutex<SpentIds>,
}

impl Challenges {
    /// `secret`: the shop's.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            key: ChallengeKey::of_secret(secret),
            used: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Whether it can no longer be used.
    pub fn is_spent(&self, id: [u8; 16]) -> bool {
        self.used.lock().has(id) || self.failed.lock().has(id)
    }

    /// The challenge of a form, if it can still be answered.
    pub fn open_valid(&self, token: &str, cart: CartId, now: Timestamp) -> Option<Challenge> {
        let challenge = self.key.open(token)?;
        (challenge.is_for(cart, now) && !self.is_spent(challenge.id)).then_some(challenge)
    }

    /// An order was placed with it.
    pub fn use_up(&self, id: [u8; 16], now: Timestamp) {
        self.used.lock().add(id, now);
    }

    /// It was answered wrongly: each picture allows one guess.
    pub fn fail(&self, id: [u8; 16], now: Timestamp) {
        self.failed.lock().add(id, now);
    }
}

/// Ids that can no longer be used, kept until they would have expired anyway.
#[derive(Default)]
struct SpentIds {
    ids: HashSet<[u8; 16]>,
    /// The same with their times, the oldest first.
    queue: VecDeque<(Timestamp, [u8; 16])>,
}

/// Units: seconds. Longer than a challenge or a waiting ticket is valid.
const REMEMBERED: i64 = 60 * 60;
/// Units: ids, about 5 MB. Evicting one does little harm: the cart of a used one is an order already, and whoever guesses
/// again could as well have requested another picture.
const MAX_SPENT: usize = 65_536;

impl SpentIds {
    fn has(&self, id: [u8; 16]) -> bool {
        self.ids.contains(&id)
    }

    fn add(&mut self, id: [u8; 16], now: Timestamp) {
        if self.has(id) {
            return;
        }
        while let Some((at, oldest)) = self.queue.front().copied()
            && (REMEMBERED <= now.seconds_after(at) || MAX_SPENT <= self.queue.len())
        {
            self.queue.pop_front();
            self.ids.remove(&oldest);
        }
        self.ids.insert(id);
        self.queue.push_back((now, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CART: CartId = CartId([5; 16]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_challenge_comes_back_as_it_was_given_and_only_from_this_shop() {
        let key = ChallengeKey::of_secret(b"secret");
        let challenge = Challenge::new(CART, at(0));
        let token = key.seal(&challenge);
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{token}");
        assert!(token.len() < 200, "{}", token.len());
        assert_eq!(key.open(&token), Some(challenge.clone()));
        assert_ne!(key.seal(&challenge), token);
        assert_eq!(ChallengeKey::of_secret(b"other").open(&token), None);
        let last = if token.ends_with('A') { "B" } else { "A" };
        let forged = format!("{last}{}", &token[1..]);
        for wrong in ["", "A", "é", &token[..token.len() - 4], &forged, &format!("{token}AAAA")] {
            assert_eq!(key.open(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_challenge_is_valid_for_its_cart_and_half_an_hour() {
        let challenge = Challenge::new(CART, at(0));
        assert!(challenge.is_for(CART, at(0)) && challenge.is_for(CART, at(1_799)));
        assert!(!challenge.is_for(CART, at(1_800)) && !challenge.is_for(CART, at(-1)));
        assert!(!challenge.is_for(CartId([6; 16]), at(0)));
        assert_ne!(challenge.cart.0, CART.0);
        assert_ne!(Challenge::new(CART, at(0)).id, challenge.id);
    }

    #[test]
    fn a_used_or_wrongly_answered_challenge_is_spent() {
        let challenges = Challenges::new(b"secret");
        challenges.use_up([1; 16], at(0));
        challenges.fail([2; 16], at(0));
        assert!(challenges.is_spent([1; 16]) && challenges.is_spent([2; 16]));
        assert!(!challenges.is_spent([3; 16]));
        let fresh = Challenge::new(CART, at(0));
        let token = challenges.key.seal(&fresh);
        assert_eq!(challenges.open_valid(&token, CART, at(0)), Some(fresh.clone()));
        assert_eq!(challenges.open_valid(&token, CART, at(VALID)), None);
        challenges.fail(fresh.id, at(0));
        assert_eq!(challenges.open_valid(&token, CART, at(0)), None);
        challenges.use_up([4; 16], at(VALID));
        assert!(challenges.is_spent([1; 16]));
    }

    #[test]
    fn spent_ids_are_bounded_in_time_and_number() {
        let id = |n: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_le_bytes());
            id
        };
        let mut spent = SpentIds::default();
        for n in 0..MAX_SPENT + 10 {
            spent.add(id(n), at(0));
            spent.add(id(n), at(0));
        }
        assert_eq!((spent.ids.len(), spent.queue.len()), (MAX_SPENT, MAX_SPENT));
        assert!(!spent.has(id(9)) && spent.has(id(10)) && spent.has(id(MAX_SPENT + 9)));
        spent.add(id(0), at(REMEMBERED));
        assert_eq!((spent.ids.len(), spent.queue.len()), (1, 1));
    }
}
