//! What the shop remembers about itself: salt, key, whether it is closed.

use sqlx::FromRow;

use crate::domain::values::Timestamp;
use crate::infra::store::{Connection, StoreError, Tx};

/// What the shop remembers about itself.
#[derive(Clone, Debug, FromRow)]
pub struct ShopState {
    /// Goes into what is made from buyers' codes.
    pub salt: Vec<u8>,
    /// Of the seller's key that was last used. Shape: 40 hexadecimal capitals. `None`: the shop never had one.
    pub fingerprint: Option<String>,
    /// The day on which the seller closed the shop.
    pub closed_on: Option<Timestamp>,
    /// Since which minute the shop is in siege mode.
    pub siege_since: Option<Timestamp>,
    /// How many orders were placed since.
    pub siege_orders: i64,
    /// The id of the first of them.
    pub siege_first: i64,
    /// Whether unpaid orders take all the bytes that they may.
    pub is_full: bool,
    /// Whether orders that only their buyers have reported as paid do.
    pub reports_full: bool,
}

pub async fn find(db: &mut Connection) -> Result<ShopState, StoreError> {
    Ok(sqlx::query_as("select * from shop_state").fetch_one(db).await?)
}

pub async fn mark_fingerprint(tx: &mut Tx, fingerprint: &str) -> Result<(), StoreError> {
    sqlx::query("update shop_state set fingerprint = $1")
        .bind(fingerprint)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// `None`: the shop is open again.
pub async fn mark_closed(tx: &mut Tx, day: Option<Timestamp>) -> Result<(), StoreError> {
    sqlx::query("update shop_state set closed_on = $1")
        .bind(day.map(Timestamp::day_start))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
