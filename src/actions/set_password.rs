//! Sets the desk's password.

use anyhow::Context;

use crate::actions::authenticator::{AuthError, Check};
use crate::actions::sign_in::use_up;
use crate::actions::{Authenticator, Shop};
use crate::domain::login::{NewPassword, PASSWORD_SALT_BYTES, TypedPassword};
use crate::domain::values::Timestamp;
use crate::infra::store;

/// Sets the password from the shell. Every session ends.
pub async fn set_password(
    shop: &Shop,
    authenticator: &Authenticator,
    password: &NewPassword,
    salt: [u8; PASSWORD_SALT_BYTES],
    now: Timestamp,
) -> Result<(), AuthError> {
    let Some(stored) = authenticator.make(password.typed().clone(), salt).await? else {
        return Err(AuthError::Busy);
    };
    let mut tx = shop.db.write().await?;
    store::login::mark_password(&mut tx, &stored).await.context("save the password")?;
    store::login::delete_sessions(&mut tx).await.context("end the sessions")?;
    store::login::forget_wrong_codes(&mut tx).await?;
    store::audit_log::record(&mut tx, now, "Set the desk password from the command line").await?;
    tx.commit().await.context("commit the password")?;
    Ok(())
}

/// Changes the password at the desk, given the current one. Every session ends, this one too.
pub async fn change_password(
    shop: &Shop,
    authenticator: &Authenticator,
    password: TypedPassword,
    new: &NewPassword,
    salts: [[u8; PASSWORD_SALT_BYTES]; 2],
    now: Timestamp,
) -> Result<(), AuthError> {
    let verified = authenticator.verify(shop, Check::Password(password), salts[0], now).await?;
    let Some(stored) = authenticator.make(new.typed().clone(), salts[1]).await? else {
        return Err(AuthError::Busy);
    };
    let mut tx = shop.db.write().await?;
    if !use_up(&mut tx, &verified).await? {
        return Err(authenticator.wrong(now));
    }
    store::login::mark_password(&mut tx, &stored).await.context("save the password")?;
    store::login::delete_sessions(&mut tx).await.context("end the sessions")?;
    store::login::forget_wrong_codes(&mut tx).await?;
    store::audit_log::record(&mut tx, now, "Changed the desk password").await?;
    tx.commit().await.context("commit the password")?;
    Ok(())
}
