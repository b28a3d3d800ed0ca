//! Turns the desk's second factor on or off and renews its recovery codes.

use crate::actions::Shop;
use crate::domain::login::FactorSecret;
use crate::domain::login::RecoveryHash;
use crate::domain::values::Timestamp;
use crate::infra::store;
use anyhow::Context;

/// Why the second factor was not switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactorUnset {
    #[error(
        "this is not the code that the secret makes now: look whether the clocks of phone and host are right"
    )]
    WrongCode,
    #[error("another secret was begun meanwhile, or it is switched on already")]
    NotBegun,
}

/// A secret for a second factor, which counts only when a code has shown that it arrived. One that was begun before and
/// never shown to work is given up.
pub async fn begin_factor(shop: &Shop, fresh: &FactorSecret) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::login::mark_pending_factor(&mut tx, Some(fresh)).await.context("keep the secret")?;
    tx.commit().await.context("commit the secret")
}

/// The secret that was begun counts from now on: the seller's phone has made its code.
pub async fn confirm_factor(
    shop: &Shop,
    code: &str,
    recovery: &[RecoveryHash],
    now: Timestamp,
) -> anyhow::Result<Result<(), FactorUnset>> {
    let mut tx = shop.db.write().await?;
    let lock = store::login::find_lock(&mut tx).await.context("read the desk's lock")?;
    let Some(secret) = lock.pending_factor.filter(|_| lock.factor.is_none()) else {
        return Ok(Err(FactorUnset::NotBegun));
    };
    // While the host's clock is in doubt, either time may be the telephone's.
    let step = [now, shop.reading().wall].into_iter().find_map(|at| secret.step_of(code, 0, at));
    let Some(step) = step else { return Ok(Err(FactorUnset::WrongCode)) };
    store::login::mark_factor(&mut tx, Some(&secret), step).await.context("keep the factor")?;
    store::login::mark_pending_factor(&mut tx, None).await?;
    store::login::replace_recovery(&mut tx, recovery).await.context("keep the recovery codes")?;
    store::audit_log::record(&mut tx, now, "Turned on 2FA").await?;
    tx.commit().await.context("commit the factor")?;
    Ok(Ok(()))
}

/// New recovery codes in the place of those that are left. `false`: there is no second factor that they could recover.
pub async fn renew_recovery(
    shop: &Shop,
    recovery: &[RecoveryHash],
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let lock = store::login::find_lock(&mut tx).await.context("read the desk's lock")?;
    if lock.factor.is_none() {
        return Ok(false);
    }
    store::login::replace_recovery(&mut tx, recovery).await.context("keep the recovery codes")?;
    store::audit_log::record(&mut tx, now, "Created new recovery codes").await?;
    tx.commit().await.context("commit the recovery codes")?;
    Ok(true)
}

/// From now on the password is enough. Whoever asks for it has been asked for password and code, or has the shell.
/// `false`: there was none.
pub async fn drop_factor(shop: &Shop, now: Timestamp) -> anyhow::Result<bool> {
    let mut tx = shop.db.write().await?;
    let lock = store::login::find_lock(&mut tx).await.context("read the desk's lock")?;
    store::login::mark_factor(&mut tx, None, 0).await.context("forget the factor")?;
    store::login::mark_pending_factor(&mut tx, None).await?;
    store::login::replace_recovery(&mut tx, &[]).await?;
    if lock.factor.is_some() {
        store::audit_log::record(&mut tx, now, "Turned off 2FA").await?;
    }
    tx.commit().await.context("commit that there is no factor")?;
    Ok(lock.factor.is_some())
}
