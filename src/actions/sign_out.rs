use crate::actions::Shop;
use crate::login::SessionHash;
use crate::store;
use crate::values::Moment;
use anyhow::Context;

/// Ends one session: its cookie opens nothing any more, wherever a copy of it lies.
pub async fn sign_out(shop: &Shop, session: &SessionHash, now: Moment) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    if store::desk::delete_session(&mut tx, session).await.context("end the session")? {
        store::desk::note_deed(&mut tx, now, "Signed out of the desk").await?;
    }
    tx.commit().await.context("commit that the session has ended")
}

/// Ends every session, this one among them. Returns how many there were.
pub async fn end_sessions(shop: &Shop, now: Moment) -> anyhow::Result<u64> {
    let mut tx = shop.db.write().await?;
    let n_ended = store::desk::delete_sessions(&mut tx).await.context("end the sessions")?;
    store::desk::note_deed(&mut tx, now, "Ended all sessions of the desk").await?;
    tx.commit().await.context("commit that the sessions have ended")?;
    Ok(n_ended)
}
