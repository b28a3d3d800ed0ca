//! Decides whether the shop takes orders now, and if not, why.

use crate::actions::Shop;
use crate::domain::values::Timestamp;
use crate::infra::mail::SellerKey;
use crate::infra::store;
use anyhow::Context;
use parking_lot::Mutex;

/// Why the shop takes no orders just now. The window stays open, and so do the pages of orders.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClosedReason {
    #[error("the seller has closed the shop")]
    BySeller,
    /// The seller has not looked at new mail for too long.
    #[error("the seller has not read new mail for too long")]
    SellerAway,
    /// The seller's key cannot be used: the reason, for the seller.
    #[error("{0}")]
    Key(String),
}

/// What the shop knows of itself beside the database: whether it can seal, and whether the seller is there.
#[derive(Default)]
pub struct Availability {
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
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

impl Availability {
    pub fn mark_away(&self, is_away: bool) {
        self.found.lock().is_away = is_away;
    }

    /// The key with which messages to the seller are sealed; `None` in a shop that never had one.
    ///
    /// # Errors
    /// Where there is or was a key and it cannot be used: then nothing is written, never in plain text instead.
    pub fn seal(&self, now: Timestamp) -> Result<Option<SellerKey>, ClosedReason> {
        self.key(now).map_err(ClosedReason::Key)
    }

    /// The same for a new order, which a shop whose seller is away does not take either. `had_key`: as the database knows
    /// it, since another process may have seen a first key before this one.
    pub fn seal_for_order(
        &self,
        had_key: bool,
        now: Timestamp,
    ) -> Result<Option<SellerKey>, ClosedReason> {
        let key = self.key(now).map_err(ClosedReason::Key)?;
        if had_key && key.is_none() {
            return Err(ClosedReason::Key("the seller's key is being loaded".to_owned()));
        }
        if self.found.lock().is_away { Err(ClosedReason::SellerAway) } else { Ok(key) }
    }

    /// The key that was last found good, for buyers to seal to: the armored text and, for people, the fingerprint.
    pub fn public_key(&self) -> Option<(String, String)> {
        match &self.found.lock().key {
            Key::Good(key) => Some((key.armored().to_owned(), key.fingerprint_for_people())),
            Key::None | Key::Faulty(_) => None,
        }
    }

    pub fn has_key(&self) -> bool {
        matches!(self.found.lock().key, Key::Good(_))
    }

    /// Whether the shop never had a key, and writes in plain text.
    pub fn is_plain(&self) -> bool {
        matches!(self.found.lock().key, Key::None)
    }

    fn key(&self, now: Timestamp) -> Result<Option<SellerKey>, String> {
        let key = self.found.lock().key.clone();
        match key {
            Key::None => Ok(None),
            Key::Faulty(fault) => Err(fault),
            // It may have expired since it was read.
            Key::Good(key) => match key.check(now) {
                Ok(()) => Ok(Some(key)),
                Err(fault) => Err(fault.to_string()),
            },
        }
    }
}

/// Takes the seller's key as it lies there now: `None` where there is no file. Returns why it cannot be used, for the
/// seller.
pub async fn take_key(
    shop: &Shop,
    file: Option<&[u8]>,
    now: Timestamp,
) -> anyhow::Result<Option<String>> {
    let house = store::shop_state::find(&mut *shop.db.reader().await?)
        .await
        .context("look which key the shop had")?;
    let read = file.map(|bytes| SellerKey::read(bytes, now));
    let key = match read {
        Some(Ok(key)) => Key::Good(key),
        Some(Err(fault)) => Key::Faulty(fault.to_string()),
        None => match house.fingerprint {
            Some(fingerprint) => Key::Faulty(format!(
                "the seller's key {fingerprint} is missing: restore it with `gpg --armor --export {fingerprint} > db/seller.asc`"
            )),
            None => Key::None,
        },
    };
    let fault = if let Key::Faulty(fault) = &key { Some(fault.clone()) } else { None };
    shop.availability.found.lock().key = key;
    Ok(fault)
}

/// Takes it that the seller's key cannot even be read. `fault`: for the seller.
pub fn refuse_key(shop: &Shop, fault: String) {
    shop.availability.found.lock().key = Key::Faulty(fault);
}

/// The open shop remembers which key it seals to: from then on it never writes in plain text.
pub async fn remember_key(shop: &Shop) -> anyhow::Result<()> {
    let fingerprint = match &shop.availability.found.lock().key {
        Key::Good(key) => key.fingerprint(),
        Key::None | Key::Faulty(_) => return Ok(()),
    };
    let house = store::shop_state::find(&mut *shop.db.reader().await?)
        .await
        .context("look which key the shop had")?;
    if house.fingerprint.as_ref() != Some(&fingerprint) {
        let mut tx = shop.db.write().await?;
        store::shop_state::mark_fingerprint(&mut tx, &fingerprint).await?;
        tx.commit().await.context("remember the key")?;
    }
    Ok(())
}

/// Why no order is taken now; `None`: the shop is open.
pub async fn why_closed(shop: &Shop, now: Timestamp) -> anyhow::Result<Option<ClosedReason>> {
    let house = store::shop_state::find(&mut *shop.db.reader().await?)
        .await
        .context("look whether the shop is closed")?;
    if let Err(closed) = shop.availability.seal_for_order(house.fingerprint.is_some(), now) {
        return Ok(Some(closed));
    }
    Ok(house.closed_on.map(|_| ClosedReason::BySeller))
}
