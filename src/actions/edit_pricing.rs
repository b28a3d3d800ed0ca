//! Adds, changes and removes discount codes and shipping methods.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::catalog::fault::FaultKind;
use crate::domain::catalog::{CatalogFile, Discount, Fault, Json, ShippingRate};
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::Tx;
use crate::infra::store::discounts::StoredDiscount;
use crate::infra::store::shipping::StoredRate;

/// The result of saving a record at the desk.
pub enum Saved<T> {
    Done,
    /// Nothing was changed: the record is no longer as the form showed it. `None`: it was deleted.
    Stale(Option<T>),
    /// Nothing was changed, for these reasons.
    Refused(Vec<Fault>),
}

/// The record that a form edits: its key, and its edition when the form was loaded. `None`: a new one.
pub type Shown<'a> = Option<(&'a str, i64)>;

/// Saves a discount code from the desk. `fields`: as in a record of the seller's file.
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
    // A form sent twice was saved the first time.
    if there.as_ref().is_some_and(|stored| stored.discount == discount)
        && (was.is_none_or(|was| was == code)
            || store::discounts::find(&mut tx, was.unwrap_or(code)).await?.is_none())
    {
        return Ok(Saved::Done);
    }
    if let Some((was, edition)) = shown {
        let stored = store::discounts::find(&mut tx, was).await?;
        if stored.as_ref().is_none_or(|stored| stored.edition != edition) {
            return Ok(Saved::Stale(stored));
        }
    }
    if was != Some(code) && there.is_some() {
        return Ok(Saved::Refused(vec![taken("code", code)]));
    }
    store::discounts::put(&mut tx, was, &discount).await.context("save the discount code")?;
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
    let stored = store::discounts::find(&mut tx, code).await?;
    if stored.as_ref().is_none_or(|stored| stored.edition != edition) {
        return Ok(Saved::Stale(stored));
    }
    store::discounts::remove(&mut tx, code).await.context("remove the discount code")?;
    finish(tx, now, &format!("Removed the discount code {code}")).await?;
    Ok(Saved::Done)
}

/// Saves a shipping method from the desk. `fields`: as in a record of the seller's file.
pub async fn save_rate(
    shop: &Shop,
    shown: Shown<'_>,
    fields: &[(String, Json)],
    now: Timestamp,
) -> anyhow::Result<Saved<StoredRate>> {
    let mut tx = shop.db.write().await?;
    let wallets = store::wallets::list(&mut tx).await?;
    let rate: ShippingRate = match CatalogFile::parse_rate("rate", fields, &wallets) {
        Ok(rate) => rate,
        Err(faults) => return Ok(Saved::Refused(faults)),
    };
    let rates = store::shipping::list_stored(&mut tx).await?;
    let find = |name: &str| rates.iter().find(|stored| stored.rate.name == name);
    let was = shown.map(|(was, _)| was);
    let name = rate.name.as_str();
    // A form sent twice was saved the first time.
    if find(name).is_some_and(|stored| stored.rate == rate)
        && was.is_none_or(|was| was == name || find(was).is_none())
    {
        return Ok(Saved::Done);
    }
    if let Some((was, edition)) = shown {
        let stored = find(was);
        if stored.is_none_or(|stored| stored.edition != edition) {
            return Ok(Saved::Stale(stored.cloned()));
        }
    }
    if was != Some(name) && find(name).is_some() {
        return Ok(Saved::Refused(vec![taken("name", name)]));
    }
    store::shipping::put(&mut tx, was, &rate).await.context("save the shipping method")?;
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
    let rates = store::shipping::list_stored(&mut tx).await?;
    let stored = rates.into_iter().find(|stored| stored.rate.name == name);
    if stored.as_ref().is_none_or(|stored| stored.edition != edition) {
        return Ok(Saved::Stale(stored));
    }
    store::shipping::remove(&mut tx, name).await.context("remove the shipping method")?;
    finish(tx, now, &format!("Removed the shipping method “{name}”")).await?;
    Ok(Saved::Done)
}

/// Moves a method one position up or down in the list shown to buyers. A missing one, or one already at the end, stays.
pub async fn move_rate(shop: &Shop, name: &str, up: bool, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    let rates = store::shipping::list_stored(&mut tx).await?;
    let names = rates.into_iter().map(|stored| stored.rate.name).collect();
    if let Some(names) = moved(names, name, up) {
        store::shipping::reorder(&mut tx, &names).await.context("save the order")?;
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
