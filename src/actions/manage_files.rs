//! The files that digital products deliver: lists, adds and deletes them.

use std::io;

use anyhow::Context;

use crate::actions::Shop;
use crate::domain::values::{FileName, Timestamp};
use crate::infra::files::{DigitalFolders, NewFile};
use crate::infra::store;
use crate::infra::store::deliveries::FileUse;

/// A file in `db/files`.
pub struct DigitalFile {
    pub name: FileName,
    /// Units: bytes.
    pub size: u64,
    pub used: FileUse,
}

/// Why a file was not added.
pub enum AddFileError {
    /// There is a file of that name.
    Exists,
    DiskFull,
    Broken(anyhow::Error),
}

/// Why a file was not deleted.
pub enum DeleteFileError {
    NotFound,
    /// These products deliver it.
    InUse(Vec<String>),
    Broken(anyhow::Error),
}

broken_from!(AddFileError);
broken_from!(DeleteFileError);

impl From<io::Error> for AddFileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Broken(anyhow::Error::new(error).context("write the file")),
        }
    }
}

/// The names of the files that digital products can deliver.
pub async fn list_files(shop: &Shop) -> anyhow::Result<Vec<FileName>> {
    in_folders(shop, |folders| folders.list()).await
}

/// The same with their sizes, and what uses them.
pub async fn list_file_uses(shop: &Shop) -> anyhow::Result<Vec<DigitalFile>> {
    let files = in_folders(shop, |folders| {
        let names = folders.list().into_iter();
        // A file may be removed meanwhile.
        names.filter_map(|name| Some((folders.size(&name).ok()?, name))).collect::<Vec<_>>()
    });
    let files = files.await?;
    let mut uses = store::deliveries::list_file_uses(&mut *shop.db.reader().await?).await?;
    let file = |(size, name): (u64, FileName)| {
        let used = uses.remove(&name).unwrap_or_default();
        DigitalFile { name, size, used }
    };
    Ok(files.into_iter().map(file).collect())
}

/// Begins a file that is uploaded.
pub async fn begin_file(shop: &Shop) -> Result<NewFile, AddFileError> {
    Ok(in_folders(shop, |folders| folders.create()).await??)
}

/// Writes more of a file that is uploaded.
pub async fn write_file(mut file: NewFile, bytes: Vec<u8>) -> Result<NewFile, AddFileError> {
    let written = tokio::task::spawn_blocking(move || file.write(&bytes).map(|()| file)).await;
    Ok(written.context("write the file")??)
}

/// Adds the file, which has arrived completely.
pub async fn add_file(
    shop: &Shop,
    file: NewFile,
    name: FileName,
    replaces: bool,
    now: Timestamp,
) -> Result<(), AddFileError> {
    let what = format!("Uploaded the file {name}");
    let kept = tokio::task::spawn_blocking(move || file.keep(&name, replaces)).await;
    kept.context("keep the file")??;
    record(shop, &what, now).await?;
    Ok(())
}

/// Deletes a file that no product delivers. Orders that delivered it lose the download.
pub async fn delete_file(
    shop: &Shop,
    name: &FileName,
    now: Timestamp,
) -> Result<(), DeleteFileError> {
    let mut uses = store::deliveries::list_file_uses(&mut *shop.db.reader().await?).await?;
    let products = uses.remove(name).unwrap_or_default().products;
    if !products.is_empty() {
        return Err(DeleteFileError::InUse(products));
    }
    let file = name.clone();
    match in_folders(shop, move |folders| folders.remove(&file)).await? {
        Ok(()) => Ok(record(shop, &format!("Deleted the file {name}"), now).await?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DeleteFileError::NotFound),
        Err(error) => Err(anyhow::Error::new(error).context("delete the file").into()),
    }
}

async fn record(shop: &Shop, what: &str, now: Timestamp) -> anyhow::Result<()> {
    let mut tx = shop.db.write().await?;
    store::audit_log::record(&mut tx, now, what).await?;
    tx.commit().await.context("commit the log")
}

async fn in_folders<T: Send + 'static>(
    shop: &Shop,
    work: impl FnOnce(DigitalFolders) -> T + Send + 'static,
) -> anyhow::Result<T> {
    let folders = shop.digital.clone();
    tokio::task::spawn_blocking(move || work(folders)).await.context("use db/files")
}
