//! Decides whether the shop takes orders now, and if not, why.

use anyhow::Context;
use parking_lot::Mutex;

use crate::actions::Shop;
use crate::domain::values::Timestamp;
use crate::infra::mail::SellerKey;
use crate::infra::store;

/// Units: days.
const KEY_ENDS_SOON: i64 = 30;

/// Why the shop takes no orders now. Its products and the pages of existing orders stay available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClosedReason {
    #[error("the seller has closed the shop")]
    BySeller,
    /// The seller has left mail unread for too long.
    #[error("the seller has not read new mail for too long")]
    SellerAway,
    /// The seller's key cannot be used; the text says why, for the seller.
    #[error("{0}")]
    Key(String),
}

/// The parts of the shop's state that are not in the database: whether it can encrypt, and whether the seller reads
/// mail.
#[derive(Default)]
pub struct Availability {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_away: bool,
    key: Key,
}

/// How messages to the seller are written.
#[derive(Clone, Default)]
enum Key {
    /// The shop never had a key: in plain text.
    #[default]
    None,
    Good(SellerKey),
    /// The reason, for the seller.
    Faulty(String),
}

/// Whether it is time to extend the seller's key.
pub fn is_near_end(until: Timestamp, now: Timestamp) -> bool {
    until <= now.plus_days(KEY_ENDS_SOON)
}

impl Availability {
    pub fn mark_away(&self, is_away: bool) {
        self.state.lock().is_away = is_away;
    }

    /// The key for encrypting messages to the seller; `None` in a shop that never had one.
    ///
    /// # Errors
    /// If there is or was a key and it cannot be used: then nothing is written, and never in plain text instead.
    pub fn encryption_key(&self, now: Timestamp) -> Result<Option<SellerKey>, ClosedReason> {
        self.key(now).map_err(ClosedReason::Key)
    }

    /// The same for a message. `had_key`: according to the database. If another process has loaded a first key and this
    /// one has not yet, nothing is written in plain text.
    pub fn encryption_key_for_message(
        &self,
        had_key: bool,
        now: Timestamp,
    ) -> Result<Option<SellerKey>, ClosedReason> {
        match self.encryption_key(now)? {
            None if had_key => {
                Err(ClosedReason::Key("the seller's key is being loaded".to_owned()))
            }
            key => Ok(key),
        }
    }

    /// The same for a new order, which is also refused while the seller is away.
    pub fn encryption_key_for_order(
        &self,
        had_key: bool,
        now: Timestamp,
    ) -> Result<Option<SellerKey>, ClosedReason> {
        let key = self.encryption_key_for_message(had_key, now)?;
        if self.state.lock().is_away { Err(ClosedReason::SellerAway) } else { Ok(key) }
    }

    /// The key, if it is valid, for buyers who encrypt to it: the armored text and the fingerprint for display.
    pub fn public_key(&self) -> Option<(String, String)> {
        match &self.state.lock().key {
            Key::Good(key) => Some((key.armored().to_owned(), key.fingerprint_for_people())),
            Key::None | Key::Faulty(_) => None,
        }
    }

    pub fn has_key(&self) -> bool {
        matches!(self.state.lock().key, Key::Good(_))
    }

    /// Whether the shop never had a key, and writes in plain text.
    pub fn is_plain(&self) -> bool {
        matches!(self.state.lock().key, Key::None)
    }

    fn key(&self, now: Timestamp) -> Result<Option<SellerKey>, String> {
        let key = self.state.lock().key.clone();
        match key {
            Key::None => Ok(None),
            Key::Faulty(fault) => Err(fault),
            // It may have expired since it was loaded.
            Key::Good(key) => match key.check(now) {
                Ok(()) => Ok(Some(key)),
                Err(fault) => Err(fault.to_string()),
            },
        }
    }
}

/// Loads the seller's key from its file: `None` if there is no file. Returns why it cannot be used, for the seller.
pub async fn load_seller_key(
    shop: &Shop,
    file: Option<&[u8]>,
    now: Timestamp,
) -> anyhow::Result<Option<String>> {
    let state = store::shop_state::find(&mut *shop.db.reader().await?)
        .await
        .context("read which key the shop had")?;
    let read = file.map(|bytes| SellerKey::read(bytes, now));
    let key = match read {
        Some(Ok(key)) => Key::Good(key),
        Some(Err(fault)) => Key::Faulty(fault.to_string()),
        None => match state.fingerprint {
            Some(fingerprint) => Key::Faulty(format!(
                "the seller's key {fingerprint} is missing: restore it with `gpg --armor --export {fingerprint} > db/seller.asc`"
            )),
            None => Key::None,
        },
    };
    let fault = if let Key::Faulty(fault) = &key { Some(fault.clone()) } else { None };
    shop.availability.state.lock().key = key;
    Ok(fault)
}

/// Records that the seller's key file cannot even be read. `fault`: for the seller.
pub fn refuse_key(shop: &Shop, fault: String) {
    shop.availability.state.lock().key = Key::Faulty(fault);
}

/// Records which key the running shop encrypts to: from then on it never writes in plain text.
pub async fn store_key_fingerprint(shop: &Shop) -> anyhow::Result<()> {
    let fingerprint = match &shop.availability.state.lock().key {
        Key::Good(key) => key.fingerprint(),
        Key::None | Key::Faulty(_) => return Ok(()),
    };
    let state = store::shop_state::find(&mut *shop.db.reader().await?)
        .await
        .context("read which key the shop had")?;
    if state.fingerprint.as_ref() != Some(&fingerprint) {
        let mut tx = shop.db.write().await?;
        store::shop_state::mark_fingerprint(&mut tx, &fingerprint).await?;
        tx.commit().await.context("record the key's fingerprint")?;
    }
    Ok(())
}

/// Why no order is taken now; `None`: the shop is open.
pub async fn why_closed(shop: &Shop, now: Timestamp) -> anyhow::Result<Option<ClosedReason>> {
    let state = store::shop_state::find(&mut *shop.db.reader().await?)
        .await
        .context("read whether the shop is closed")?;
    if let Err(closed) =
        shop.availability.encryption_key_for_order(state.fingerprint.is_some(), now)
    {
        return Ok(Some(closed));
    }
    Ok(state.closed_on.map(|_| ClosedReason::BySeller))
}
