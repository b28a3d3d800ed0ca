//! Adds, changes and removes discount codes and shipping methods.

use crate::actions::Shop;
use crate::domain::catalog::CatalogFile;
use crate::domain::catalog::Discount;
use crate::domain::catalog::Fault;
use crate::domain::catalog::Json;
use crate::domain::catalog::RateRecord;
use crate::domain::catalog::fault::FaultKind;
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::discounts::StoredDiscount;
use crate::infra::store::shipping::StoredRate;
use anyhow::Context;

/// What became of something that the desk changes.
pub enum Saved<T> {
    Done,
    /// Nothing was changed: it is not as the form showed it any more. `None`: it is not there any more.
    Stale(Option<T>),
    /// Nothing was changed, for these reasons.
    Refused(Vec<Fault>),
}

/// Which thing a form at the desk is about, and how it was when the form was made. `None`: a new one.
pub type Shown<'a> = Option<(&'a str, i64)>;

/// Keeps a code that the desk has made or changed. `fields`: as a record of the seller's file has them.
pub async fn save_discount(
    shop: &Shop,
    shown: Shown<'_>,
    fields: &[(String, Json)],
    now: Timestamp,
) -> anyhow::Result<Saved<StoredDiscount>> {
    let mut tx = shop.db.write().await?;
    let wallets = store::wallets::list(&mut tx).await?;
    let discount: Discount = match CatalogFile::parse_discount("code", fields, &wallets) {
        Ok(discount) => discount,
        Err(faults) => return Ok(Saved::Refused(faults)),
    };
    let code = discount.code.as_str();
    let was = shown.map(|(was, _)| was);
    let there = store::discounts::find(&mut tx, code).await?;
    // A form that is sent twice was kept by its first sending.
    if there.as_ref().is_some_and(|kept| kept.discount == discount)
        && (was.is_none_or(|was| was == code)
            || store::discounts::find(&mut tx, was.unwrap_or(code)).await?.is_none())
    {
        return Ok(Saved::Done);
    }
    if let Some((was, edition)) = shown {
        let kept = store::discounts::find(&mut tx, was).await?;
        if kept.as_ref().is_none_or(|kept| kept.edition != edition) {
            return Ok(Saved::Stale(kept));
        }
    }
    if was != Some(code) && there.is_some() {
        return Ok(Saved::Refused(vec![taken("code", code)]));
    }
    store::discounts::put(&mut tx, was, &discount).await.context("keep the code")?;
    let what = if was.is_some() { "Changed" } else { "Added" };
    finish(tx, now, &format!("{what} the discount code {code}")).await?;
    Ok(Saved::Done)
}

pub async fn remove_discount(
    shop: &Shop,
    (code, edition): (&str, i64),
    now: Timestamp,
) -> anyhow::Result<Saved<StoredDiscount>> {
    let mut tx = shop.db.write().await?;
    let kept = store::discounts::find(&mut tx, code).await?;
    if kept.as_ref().is_none_or(|kept| kept.edition != edition) {
        return Ok(Saved::Stale(kept));
    }
    store::discounts::remove(&mut tx, code).await.context("remove the code")?;
    finish(tx, now, &format!("Removed the discount code {code}")).await?;
    Ok(Saved::Done)
}

/// Keeps a way of sending that the desk has made or changed. `fields`: as a record of the seller's file has them.
pub async fn save_rate(
    shop: &Shop,
    shown: Shown<'_>,
    fields: &[(String, Json)],
    now: Timestamp,
) -> anyhow::Result<Saved<StoredRate>> {
    let mut tx = shop.db.write().await?;
    let wallets = store::wallets::list(&mut tx).await?;
    let rate: RateRecord = match CatalogFile::parse_rate("rate", fields, &wallets) {
        Ok(rate) => rate,
        Err(faults) => return Ok(Saved::Refused(faults)),
    };
    let rates = store::shipping::list(&mut tx).await?;
    let find = |name: &str| rates.iter().find(|kept| kept.rate.name == name);
    let was = shown.map(|(was, _)| was);
    let name = rate.name.as_str();
    // A form that is sent twice was kept by its first sending.
    if find(name).is_some_and(|kept| kept.rate == rate)
        && was.is_none_or(|was| was == name || find(was).is_none())
    {
        return Ok(Saved::Done);
    }
    if let Some((was, edition)) = shown {
        let kept = find(was);
        if kept.is_none_or(|kept| kept.edition != edition) {
            return Ok(Saved::Stale(kept.cloned()));
        }
    }
    if was != Some(name) && find(name).is_some() {
        return Ok(Saved::Refused(vec![taken("name", name)]));
    }
    store::shipping::put(&mut tx, was, &rate).await.context("keep the way of sending")?;
    let what = if was.is_some() { "Changed" } else { "Added" };
    finish(tx, now, &format!("{what} the shipping method “{name}”")).await?;
    Ok(Saved::Done)
}

pub async fn remove_rate(
    shop: &Shop,
    (name, edition): (&str, i64),
    now: Timestamp,
) -> anyhow::Result<Saved<StoredRate>> {
    let mut tx = shop.db.write().await?;
    let rates = store::shipping::list(&mut tx).await?;
    let kept = rates.into_iter().find(|kept| kept.rate.name == name);
    if kept.as_ref().is_none_or(|kept| kept.edition != edition) {
        return Ok(Saved::Stale(kept));
    }
    store::shipping::remove(&mut tx, name).await.context("remove the way of sending")?;
    finish(tx, now, &format!("Removed the shipping method “{name}”")).await?;
    Ok(Saved::Done)
}

/// One place up or down in the order in which buyers read them. What is not there, and what stands at the end already, stays.
pub async fn move_rate(shop: &Shop, name: &str, up: bool, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    let rates = store::shipping::list(&mut tx).await?;
    let names = rates.into_iter().map(|kept| kept.rate.name).collect();
    if let Some(names) = moved(names, name, up) {
        store::shipping::reorder(&mut tx, &names).await.context("keep the order")?;
        finish(tx, now, &format!("Moved the shipping method “{name}”")).await?;
    }
    Ok(())
}

/// `None`: nothing moves.
pub(super) fn moved(mut names: Vec<String>, name: &str, up: bool) -> Option<Vec<String>> {
    let at = names.iter().position(|other| other == name)?;
    let to = if up { at.checked_sub(1)? } else { at + 1 };
    if names.len() <= to {
        return None;
    }
    names.swap(at, to);
    Some(names)
}

fn taken(field: &str, name: &str) -> Fault {
    Fault::of("", field, FaultKind::NameTaken(name.to_owned()))
}

async fn finish(mut tx: Tx, now: Timestamp, action: &str) -> anyhow::Result<()> {
    store::catalog_state::mark_changed(&mut tx).await?;
    store::catalog_state::mark_desk_change(&mut tx).await?;
    store::audit_log::record(&mut tx, now, action).await.context("record the action")?;
    tx.commit().await.context("commit the change")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, up: bool, expected: Option<&str>) {
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(moved(names, name, up).map(|names| names.concat()).as_deref(), expected);
    }

    #[test]
    fn a_thing_moves_one_place_and_never_off_the_end() {
        check("b", true, Some("bac"));
        check("b", false, Some("acb"));
        check("a", true, None);
        check("c", false, None);
        check("d", true, None);
    }
}
