//! Ends sessions at the desk.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::login::SessionHash;
use crate::domain::values::Timestamp;
use crate::infra::store;

/// Ends one session: its cookie is void, including any copy of it.
pub async fn sign_out(shop: &Shop, session: &SessionHash, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    if store::login::delete_session(&mut tx, session).await.context("end the session")? {
        store::audit_log::record(&mut tx, now, "Signed out").await?;
    }
    tx.commit().await.context("commit the end of the session")
}

/// Resets the count of wrong codes: the signed-in seller has acknowledged them.
pub async fn forget_wrong_codes(shop: &Shop) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::login::forget_wrong_codes(&mut tx).await.context("reset the count of wrong codes")?;
    tx.commit().await.context("commit the reset counter")
}

/// Ends every session, including this one. Returns how many there were.
pub async fn end_sessions(shop: &Shop, now: Timestamp) -> anyhow::Result<u64> {
    let mut tx = shop.db.write().await?;
    let n_ended = store::login::delete_sessions(&mut tx).await.context("end the sessions")?;
    store::audit_log::record(&mut tx, now, "Ended all sessions").await?;
    tx.commit().await.context("commit the end of the sessions")?;
    Ok(n_ended)
}
