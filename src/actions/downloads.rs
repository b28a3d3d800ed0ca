//! What an order's page delivers: the list of it, and files as they are downloaded.

use std::io;

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::orders::{BuyerIdentity, Order, OrderRef};
use crate::domain::values::{FileName, Timestamp, escaped};
use crate::infra::files::OpenFile;
use crate::infra::store;
use crate::infra::store::deliveries::{DeliveryKind, StoredDelivery};

/// What one line of an order delivers.
pub struct DeliveredLine {
    pub name: String,
    pub files: Vec<DeliveredFile>,
    pub codes: Vec<String>,
    /// Empty: none.
    pub text: String,
}

pub struct DeliveredFile {
    pub position: i64,
    pub name: FileName,
    /// Units: bytes; `None`: it is not there now.
    pub size: Option<u64>,
    /// Downloads that are left; `None`: no limit.
    pub left: Option<i64>,
    /// When it can no longer be downloaded, or the order is erased before; `None`: it has no days of its own.
    pub until: Option<Timestamp>,
    pub is_over: bool,
}

/// A file that may be downloaded now.
pub struct Download {
    pub name: FileName,
    pub file: OpenFile,
    /// Shape: 32 hex digits that reveal nothing about the file or this host.
    pub tag: String,
    order_ref: OrderRef,
    delivery: StoredDelivery,
}

/// Why a file cannot be downloaded.
#[derive(Debug)]
pub enum DownloadError {
    /// The order delivers no such file, or not yet.
    NotFound,
    /// It was downloaded as often as the seller allows, or the time for it is over.
    Over,
    /// The seller's file is not there.
    Missing,
    Broken(anyhow::Error),
}

broken_from!(DownloadError);

/// What the order's page delivers, line by line; empty before the payment is confirmed.
pub async fn list_delivered(
    shop: &Shop,
    order: &Order,
    key: &BuyerIdentity,
    now: Timestamp,
) -> anyhow::Result<Vec<DeliveredLine>> {
    if !order.shows_deliveries() {
        return Ok(Vec::new());
    }
    let stored = store::deliveries::list(&mut *shop.db.reader().await?, &order.order_ref).await?;
    let mut lines: Vec<(i64, DeliveredLine)> = Vec::new();
    for delivery in stored {
        let name = usize::try_from(delivery.line).ok().and_then(|n| order.lines.get(n));
        let name = name.map(|line| line.full_name()).unwrap_or_default();
        if lines.last().is_none_or(|(line, _)| *line != delivery.line) {
            let (files, codes, text) = (Vec::new(), Vec::new(), String::new());
            lines.push((delivery.line, DeliveredLine { name, files, codes, text }));
        }
        let Some((_, line)) = lines.last_mut() else { continue };
        match (delivery.kind, &delivery.file, &delivery.sealed) {
            (DeliveryKind::File, Some(name), _) => {
                line.files.push(delivered_file(shop, order, &delivery, name.clone(), now).await?);
            }
            (DeliveryKind::Codes, _, Some(sealed)) => {
                line.codes = key.decrypt(sealed)?.lines().map(str::to_owned).collect();
            }
            (DeliveryKind::Text, _, Some(sealed)) => line.text = key.decrypt(sealed)?,
            _ => {}
        }
    }
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

async fn delivered_file(
    shop: &Shop,
    order: &Order,
    delivery: &StoredDelivery,
    name: FileName,
    now: Timestamp,
) -> anyhow::Result<DeliveredFile> {
    let (folders, wanted) = (shop.digital.clone(), name.clone());
    let size = tokio::task::spawn_blocking(move || folders.size(&wanted).ok()).await?;
    let left = delivery.downloads.map(|most| match size {
        Some(size) if 0 < size => (most - delivery.sent / as_i64(size)).max(0),
        _ => most,
    });
    let until = delivery.until();
    let is_over = left == Some(0) || until.is_some_and(|until| until <= now);
    let erased = order.erased_after(shop.policy.keep_days);
    let until = until.map(|until| promised(until, erased, now));
    Ok(DeliveredFile { position: delivery.position, name, size, left, until, is_over })
}

/// Until when a file can be downloaded for sure, if its order is erased at this time.
fn promised(until: Timestamp, erased: Option<Timestamp>, now: Timestamp) -> Timestamp {
    // An order that is still there although it is due is promised for today.
    let tomorrow = now.day_start().plus_days(1);
    erased.map_or(until, |erased| until.min(erased.max(tomorrow)))
}

/// Opens a file of an order for download.
///
/// # Errors
/// [`DownloadError`]: nothing was counted.
pub async fn open_download(
    shop: &Shop,
    order: &Order,
    position: i64,
    now: Timestamp,
) -> Result<Download, DownloadError> {
    if !order.shows_deliveries() {
        return Err(DownloadError::NotFound);
    }
    let delivery =
        store::deliveries::find(&mut *shop.db.reader().await?, &order.order_ref, position).await?;
    let delivery = delivery.ok_or(DownloadError::NotFound)?;
    let name = delivery.file.clone().ok_or(DownloadError::NotFound)?;
    if delivery.until().is_some_and(|until| until <= now) {
        return Err(DownloadError::Over);
    }
    let (folders, wanted) = (shop.digital.clone(), name.clone());
    let opened = tokio::task::spawn_blocking(move || folders.open(&wanted)).await;
    let file = match opened.context("wait for the file")? {
        Ok(file) => file,
        Err(error) => {
            let why = escaped(&error.to_string());
            tracing::warn!("the file {name} of an order cannot be read: {why}");
            return Err(DownloadError::Missing);
        }
    };
    let tag = order.order_ref.download_tag(&shop.salt, position, &file.version);
    let order_ref = order.order_ref.clone();
    Ok(Download { name, file, tag, order_ref, delivery })
}

/// Lets an order's files be downloaded again, as often and as long as at first. Returns how many files there are; `None`: there
/// is no such order.
pub async fn renew_downloads(
    shop: &Shop,
    order_ref: &OrderRef,
    now: Timestamp,
) -> anyhow::Result<Option<u64>> {
    let mut tx = shop.db.write().await?;
    if store::orders::find(&mut tx, order_ref).await?.is_none() {
        return Ok(None);
    }
    let n_files = store::deliveries::renew(&mut tx, order_ref, now).await?;
    tx.commit().await.context("renew the downloads")?;
    Ok(Some(n_files))
}

impl Download {
    /// Whether a download from this byte on is allowed. A whole file counts; what continues one does not, up to the size
    /// of one file in all, so that a connection that breaks costs no download.
    pub fn may_begin(&self, start: u64) -> bool {
        let Some(most) = self.delivery.downloads else { return true };
        let size = as_i64(self.file.size);
        let most = if start == 0 { most } else { most + 1 };
        size == 0 || self.delivery.sent < size.saturating_mul(most)
    }

    /// # Errors
    /// Any I/O error.
    pub async fn read_at(&self, position: u64, n_bytes: u64) -> io::Result<Vec<u8>> {
        let (file, n_bytes) = (self.file.clone(), usize::try_from(n_bytes).unwrap_or(usize::MAX));
        let read = tokio::task::spawn_blocking(move || file.read_at(position, n_bytes)).await;
        read.map_err(io::Error::other)?
    }

    /// Counts bytes that are about to be sent; returns whether they may be.
    pub async fn count(&self, shop: &Shop, n_bytes: u64) -> anyhow::Result<bool> {
        let Some(most) = self.delivery.downloads else { return Ok(true) };
        let most = as_i64(self.file.size).saturating_mul(most + 1);
        let mut tx = shop.db.write().await?;
        let position = self.delivery.position;
        let counts =
            store::deliveries::add_sent(&mut tx, &self.order_ref, position, as_i64(n_bytes), most)
                .await?;
        tx.commit().await.context("count a download")?;
        Ok(counts)
    }
}

fn as_i64(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_are_promised_for_as_long_as_the_order_is_kept() {
        let day = |n: i64| Timestamp::new(n * 86_400).unwrap();
        let now = Timestamp::new(10 * 86_400 + 7).unwrap();
        for (until, erased, expected) in [
            (40, None, 40),
            (40, Some(50), 40),
            (40, Some(39), 39),
            (40, Some(10), 11),
            (11, Some(3), 11),
        ] {
            let promised = promised(day(until), erased.map(day), now);
            assert_eq!(promised, day(expected), "{until} {erased:?}");
        }
    }
}
