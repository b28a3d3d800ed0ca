//! Turns the desk's second factor on or off and renews its recovery codes.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::login::{FactorSecret, RecoveryHash};
use crate::domain::values::Timestamp;
use crate::infra::store;

/// Why the second factor was not enabled.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmFactorError {
    #[error("wrong code: check that the clocks of the phone and this host are right")]
    WrongCode,
    #[error("another secret was started meanwhile, or 2FA is already on")]
    NotBegun,
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(ConfirmFactorError);

/// Stores a secret for a second factor. It takes effect only when a code has confirmed it. An earlier secret that was
/// never confirmed is replaced.
pub async fn begin_factor(shop: &Shop, fresh: &FactorSecret) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::login::mark_pending_factor(&mut tx, Some(fresh))
        .await
        .context("save the pending secret")?;
    tx.commit().await.context("commit the pending secret")
}

/// Enables the pending secret: a code has shown that the seller's phone has it.
pub async fn confirm_factor(
    shop: &Shop,
    code: &str,
    recovery: &[RecoveryHash],
    now: Timestamp,
) -> Result<(), ConfirmFactorError> {
    let mut tx = shop.db.write().await?;
    let lock =
        store::login::find_credentials(&mut tx).await.context("read the desk's credentials")?;
    let Some(secret) = lock.pending_factor.filter(|_| lock.factor.is_none()) else {
        return Err(ConfirmFactorError::NotBegun);
    };
    // While the host's clock is in doubt, either time may match the phone's.
    let step = [now, shop.reading().wall].into_iter().find_map(|at| secret.step_of(code, 0, at));
    let Some(step) = step else { return Err(ConfirmFactorError::WrongCode) };
    store::login::mark_factor(&mut tx, Some(&secret), step)
        .await
        .context("save the second factor")?;
    store::login::mark_pending_factor(&mut tx, None).await?;
    store::login::replace_recovery(&mut tx, recovery).await.context("save the recovery codes")?;
    store::audit_log::record(&mut tx, now, "Turned on 2FA").await?;
    tx.commit().await.context("commit the second factor")?;
    Ok(())
}

/// Replaces the recovery codes that are left. `false`: no second factor is set.
pub async fn renew_recovery(
    shop: &Shop,
    recovery: &[RecoveryHash],
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let lock =
        store::login::find_credentials(&mut tx).await.context("read the desk's credentials")?;
    if lock.factor.is_none() {
        return Ok(false);
    }
    store::login::replace_recovery(&mut tx, recovery).await.context("save the recovery codes")?;
    store::audit_log::record(&mut tx, now, "Created new recovery codes").await?;
    tx.commit().await.context("commit the recovery codes")?;
    Ok(true)
}

/// Removes the second factor, so that the password is enough. The caller has checked password and code, or is the
/// shell. `false`: none was set.
pub async fn drop_factor(shop: &Shop, now: Timestamp) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let lock =
        store::login::find_credentials(&mut tx).await.context("read the desk's credentials")?;
    store::login::mark_factor(&mut tx, None, 0).await.context("remove the second factor")?;
    store::login::mark_pending_factor(&mut tx, None).await?;
    store::login::replace_recovery(&mut tx, &[]).await?;
    if lock.factor.is_some() {
        store::audit_log::record(&mut tx, now, "Turned off 2FA").await?;
    }
    tx.commit().await.context("commit the removal of the second factor")?;
    Ok(lock.factor.is_some())
}
