use crate::actions::Shop;
use crate::store;
use anyhow::Context;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Why the shop takes no orders just now. The window stays open, and so do the pages of orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    BySeller,
    /// The seller has not looked at new mail for too long.
    SellerAway,
    /// The seller's key cannot be used: the reason, for the seller.
    Key(String),
}

impl Closed {
    /// For buyers: never what only the seller can mend.
    pub fn words(&self) -> &'static str {
        match self {
            Self::BySeller => "The shop is closed for now: the seller takes no new orders.",
            Self::SellerAway => {
                "The shop is closed for now: the seller has not been here for a while."
            }
            Self::Key(_) => {
                "The shop is closed for now: orders cannot be sealed to the seller, and are not taken unsealed."
            }
        }
    }
}

/// What the open shop knows of itself beside the database.
#[derive(Default)]
pub struct Openness {
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    is_away: bool,
    key_fault: Option<String>,
}

impl Openness {
    pub fn mark_away(&self, is_away: bool) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).is_away = is_away;
    }

    /// `None`: the key can be used, or there never was one.
    pub fn mark_key(&self, fault: Option<String>) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).key_fault = fault;
    }

    fn closed(&self) -> Option<Closed> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match &found.key_fault {
            Some(fault) => Some(Closed::Key(fault.clone())),
            None if found.is_away => Some(Closed::SellerAway),
            None => None,
        }
    }
}

/// Why no order is taken now; `None`: the shop is open.
pub async fn why_closed(shop: &Shop) -> anyhow::Result<Option<Closed>> {
    let house = store::house::find(&shop.db).await.context("look whether the shop is closed")?;
    Ok(shop.openness.closed().or(house.closed_on.map(|_| Closed::BySeller)))
}
