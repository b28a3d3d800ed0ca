//! Signs the seller in at the desk.

use anyhow::Context;

use crate::actions::authenticator::{AuthError, Check, Credentials, Verified};
use crate::actions::{Authenticator, Shop};
use crate::domain::login::{
    FactorProof, PASSWORD_SALT_BYTES, SessionHash, SessionSpan, TypedPassword,
};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Tx;

/// The values that a new session starts with.
pub struct NewSession {
    /// Of a new session id: no id that the browser sent stays valid.
    pub fresh: SessionHash,
    /// Of the session that the browser sent; it ends.
    pub earlier: Option<SessionHash>,
    /// Random, for a password that is rehashed.
    pub salt: [u8; PASSWORD_SALT_BYTES],
}

/// Opens a session for a client that gives the password and, if a second factor is set, a code.
pub async fn sign_in(
    shop: &Shop,
    authenticator: &Authenticator,
    given: Credentials,
    session: NewSession,
    now: Timestamp,
) -> Result<(), AuthError> {
    let verified = authenticator.verify(shop, Check::All(given), session.salt, now).await?;
    let mut tx = shop.db.write().await?;
    if !use_up(&mut tx, &verified).await? {
        return Err(authenticator.wrong(now));
    }
    let over = now.plus_minutes(-SessionSpan::IDLE_MINUTES);
    store::login::delete_sessions_seen_before(&mut tx, over)
        .await
        .context("delete old sessions")?;
    if let Some(earlier) = &session.earlier {
        store::login::delete_session(&mut tx, earlier).await.context("end the earlier session")?;
    }
    let span = SessionSpan::begin(now);
    store::login::insert_session(&mut tx, &session.fresh, span)
        .await
        .context("save the session")?;
    store::audit_log::record(&mut tx, now, action_of(&verified))
        .await
        .context("record the action")?;
    tx.commit().await.context("commit the session")?;
    Ok(())
}

/// Asks a signed-in seller for the password again before an irreversible action.
pub async fn confirm_password(
    shop: &Shop,
    authenticator: &Authenticator,
    password: TypedPassword,
    salt: [u8; PASSWORD_SALT_BYTES],
    now: Timestamp,
) -> Result<(), AuthError> {
    confirm(shop, authenticator, Check::Password(password), salt, now).await
}

/// The same with a code of the second factor.
pub async fn confirm_seller(
    shop: &Shop,
    authenticator: &Authenticator,
    given: Credentials,
    salt: [u8; PASSWORD_SALT_BYTES],
    now: Timestamp,
) -> Result<(), AuthError> {
    confirm(shop, authenticator, Check::All(given), salt, now).await
}

async fn confirm(
    shop: &Shop,
    authenticator: &Authenticator,
    check: Check,
    salt: [u8; PASSWORD_SALT_BYTES],
    now: Timestamp,
) -> Result<(), AuthError> {
    let verified = authenticator.verify(shop, check, salt, now).await?;
    let mut tx = shop.db.write().await?;
    if !use_up(&mut tx, &verified).await? {
        return Err(authenticator.wrong(now));
    }
    tx.commit().await.context("commit the used code")?;
    Ok(())
}

fn action_of(verified: &Verified) -> &'static str {
    match verified.proof {
        Some(FactorProof::Recovery(_)) => "Signed in with a recovery code",
        Some(FactorProof::Step(_)) | None => "Signed in",
    }
}

/// Checks again, in the transaction, what was verified before it, and uses up the code. `false`: another request was faster.
pub(super) async fn use_up(tx: &mut Tx, verified: &Verified) -> anyhow::Result<bool> {
    let lock = store::login::find_credentials(tx).await.context("read the desk's credentials")?;
    let is_asked = lock.factor.is_some() && !verified.is_inside;
    if lock.password.as_ref() != Some(&verified.password) || is_asked != verified.proof.is_some() {
        return Ok(false);
    }
    let is_used = match &verified.proof {
        None => true,
        Some(FactorProof::Step(step)) => store::login::mark_step(tx, *step).await?,
        Some(FactorProof::Recovery(hash)) => store::login::take_recovery(tx, hash).await?,
    };
    if let Some(upgraded) = verified.upgraded.as_ref().filter(|_| is_used) {
        store::login::mark_password(tx, upgraded).await.context("save the rehashed password")?;
    }
    Ok(is_used)
}
