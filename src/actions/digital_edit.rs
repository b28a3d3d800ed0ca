//! What a product of the desk's form delivers: its files are checked, its codes added.

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::catalog::{DigitalCode, ProductRecord, Slug};
use crate::domain::values::FileName;
use crate::infra::store;
use crate::infra::store::Tx;

/// Units: characters of the slug in the name of a new pool.
const STEM: usize = 100;

/// Says which file of the record is not there.
pub(super) async fn find_missing(
    shop: &Shop,
    record: &ProductRecord,
) -> anyhow::Result<Option<String>> {
    let (folders, files) = (shop.digital.clone(), record.content.files.clone());
    let missing = tokio::task::spawn_blocking(move || {
        files.into_iter().find(|name| folders.size(name).is_err())
    });
    let missing = missing.await.context("look for the files")?;
    Ok(missing.map(|name| format!("There is no regular file {name} in db/files.")))
}

/// Says why the record's pool of codes cannot be used: each belongs to one product.
pub(super) async fn refuse_pool(
    tx: &mut Tx,
    record: &ProductRecord,
    product: Option<i64>,
) -> anyhow::Result<Option<String>> {
    let Some(pool) = &record.content.codes else { return Ok(None) };
    let is_taken = store::codes::is_sold_by_another(tx, pool, product).await?;
    Ok(is_taken.then(|| format!("Another product sells the codes of {pool}.")))
}

/// Names the record's new pool after the product.
pub(super) async fn name_pool(
    tx: &mut Tx,
    record: &mut ProductRecord,
    slug: &Slug,
) -> anyhow::Result<()> {
    let stem: String = slug.as_str().trim_start_matches(['-', '_']).chars().take(STEM).collect();
    let stem = if stem.is_empty() { "codes" } else { &stem };
    let mut n = 1;
    loop {
        let name = if n == 1 { format!("{stem}.txt") } else { format!("{stem}-{n}.txt") };
        let name = FileName::parse(&name).context("name the pool of codes")?;
        if !store::codes::is_known(tx, &name).await? {
            record.content.codes = Some(name);
            return Ok(());
        }
        n += 1;
    }
}

/// Adds the form's codes, and counts the stock.
pub(super) async fn add_codes(
    tx: &mut Tx,
    record: &ProductRecord,
    codes: &[DigitalCode],
) -> anyhow::Result<()> {
    let Some(pool) = &record.content.codes else { return Ok(()) };
    store::codes::insert(tx, pool, codes).await.context("save the codes")?;
    store::codes::recount(tx).await.context("count the codes")
}
