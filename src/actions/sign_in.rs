use crate::actions::Porter;
use crate::actions::Shop;
use crate::actions::porter::Given;
use crate::actions::porter::Known;
use crate::actions::porter::NotIn;
use crate::login::FactorProof;
use crate::login::PASSWORD_SALT_BYTES;
use crate::login::SessionHash;
use crate::login::SessionSpan;
use crate::store;
use crate::store::Tx;
use crate::values::Moment;
use anyhow::Context;

/// Opens a session for whoever gives the password and, where one is set, a code of the second factor.
///
/// `fresh`: of a session id that is new; nothing that the browser brought along lives on.
pub async fn sign_in(
    shop: &Shop,
    porter: &Porter,
    given: Given,
    fresh: SessionHash,
    salt: [u8; PASSWORD_SALT_BYTES],
    now: Moment,
) -> anyhow::Result<Result<(), NotIn>> {
    let known = match porter.look_at(shop, given, salt, now).await? {
        Ok(known) => known,
        Err(not_in) => return Ok(Err(not_in)),
    };
    let mut tx = shop.db.write().await?;
    if !use_up(&mut tx, &known).await? {
        return Ok(Err(porter.wrong(now)));
    }
    let over = now.plus_minutes(-SessionSpan::IDLE_MINUTES);
    store::desk::delete_sessions_seen_before(&mut tx, over).await.context("forget old sessions")?;
    let span = SessionSpan::begin(now);
    store::desk::insert_session(&mut tx, &fresh, span).await.context("keep the session")?;
    store::desk::note_deed(&mut tx, now, deed_of(&known)).await.context("note the deed")?;
    tx.commit().await.context("commit the session")?;
    Ok(Ok(()))
}

/// The seller gives the password, and the code, once more before what cannot be undone.
pub async fn confirm_seller(
    shop: &Shop,
    porter: &Porter,
    given: Given,
    salt: [u8; PASSWORD_SALT_BYTES],
    now: Moment,
) -> anyhow::Result<Result<(), NotIn>> {
    let known = match porter.look_at(shop, given, salt, now).await? {
        Ok(known) => known,
        Err(not_in) => return Ok(Err(not_in)),
    };
    let mut tx = shop.db.write().await?;
    if !use_up(&mut tx, &known).await? {
        return Ok(Err(porter.wrong(now)));
    }
    tx.commit().await.context("commit that the code is used")?;
    Ok(Ok(()))
}

fn deed_of(known: &Known) -> &'static str {
    match known.proof {
        Some(FactorProof::Recovery(_)) => "Signed in at the desk with a recovery code",
        Some(FactorProof::Step(_)) | None => "Signed in at the desk",
    }
}

/// What was looked at must still be so, and each code counts once. `false`: another was faster.
pub(super) async fn use_up(tx: &mut Tx, known: &Known) -> anyhow::Result<bool> {
    let lock = store::desk::find_lock_now(tx).await.context("read the desk's lock")?;
    if lock.password.as_ref() != Some(&known.kept) || lock.factor.is_some() != known.proof.is_some() {
        return Ok(false);
    }
    let is_used = match &known.proof {
        None => true,
        Some(FactorProof::Step(step)) => store::desk::mark_step(tx, *step).await?,
        Some(FactorProof::Recovery(hash)) => store::desk::take_recovery(tx, hash).await?,
    };
    if let Some(upgraded) = known.upgraded.as_ref().filter(|_| is_used) {
        store::desk::mark_password(tx, upgraded).await.context("keep the password anew")?;
    }
    Ok(is_used)
}
