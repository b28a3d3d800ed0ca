//! Makes a backup: a copy of the database and the shop's files as one archive, encrypted to the seller's key if there is one.

use std::io;
use std::io::{BufWriter, Write};

use anyhow::Context;

use crate::actions::{ClosedReason, Shop, store_key_fingerprint};
use crate::domain::values::Timestamp;
use crate::infra::backup::{Archive, Layout, NoSpace, PrivateFile, Stop, Stoppable, check_space};
use crate::infra::mail::SellerKey;
use crate::infra::store;
use crate::infra::store::StoreError;

/// Why no backup is made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("it cannot be encrypted: {0}")]
    Key(ClosedReason),
    #[error("the shop has no seller's key to encrypt it to")]
    NoKey,
    #[error("another backup is being made: wait until it is complete")]
    Busy,
    #[error(
        "the database is damaged ({0}). Keep your older backups; `shop doctor --deep` says what to do"
    )]
    Damaged(String),
    #[error(transparent)]
    NoSpace(NoSpace),
    #[error(transparent)]
    Broken(anyhow::Error),
}

broken_from!(BackupError);

/// A backup that can be written. It holds a copy of the database, which is overwritten and removed with it.
pub struct Backup {
    archive: Archive,
    key: Option<SellerKey>,
    now: Timestamp,
    /// At most. Units: bytes.
    size: u64,
}

/// Copies and checks the database, and lists the other files. Orders can be placed meanwhile.
///
/// # Errors
/// [`BackupError`]; not [`BackupError::NoKey`]: without a key, a backup is not encrypted.
pub async fn back_up(
    shop: &Shop,
    layout: Layout,
    without_images: bool,
    now: Timestamp,
) -> Result<Backup, BackupError> {
    // If it cannot be encrypted, nothing is written in plain text instead.
    let key = shop.availability.encryption_key(now).map_err(BackupError::Key)?;
    collect(shop, layout, without_images, (key, now)).await
}

/// The same for the desk, from which nothing is sent in plain text.
///
/// # Errors
/// As [`back_up`]; [`BackupError::NoKey`].
pub async fn back_up_at_desk(
    shop: &Shop,
    layout: Layout,
    without_images: bool,
    now: Timestamp,
) -> Result<Backup, BackupError> {
    let key = shop.availability.encryption_key(now).map_err(BackupError::Key)?;
    let key = key.ok_or(BackupError::NoKey)?;
    let backup = collect(shop, layout, without_images, (Some(key), now)).await?;
    let mut tx = shop.db.write().await?;
    store::audit_log::record(&mut tx, now, "Downloaded a backup").await?;
    tx.commit().await.context("record the action")?;
    Ok(backup)
}

async fn collect(
    shop: &Shop,
    layout: Layout,
    without_images: bool,
    (key, now): (Option<SellerKey>, Timestamp),
) -> Result<Backup, BackupError> {
    // Once encrypted, never in plain text again.
    store_key_fingerprint(shop).await?;
    let size = store::snapshot::size(&mut *shop.db.reader().await?).await?;
    check_space(&[(&layout.home(), size)]).map_err(without_space)?;
    let path = layout.snapshot();
    let snapshot = match PrivateFile::create(&path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(BackupError::Busy),
        file => file.with_context(|| format!("create {}", path.display()))?,
    };
    store::snapshot::write(&shop.db, &path).await.map_err(damaged)?;
    let damage = store::snapshot::find_damage_of_copy(&path).await.map_err(damaged)?;
    if let Some(damage) = damage {
        return Err(BackupError::Damaged(damage));
    }
    let members = layout.list(without_images)?;
    let sizes = members.iter().map(|member| member.size);
    let plain = sizes.fold(size + Archive::overhead(&members), u64::saturating_add);
    // Armor: 65 characters for 48 bytes.
    let size = if key.is_some() { plain.saturating_add(plain / 48 * 17) } else { plain };
    let archive = Archive::new(layout, snapshot, members);
    Ok(Backup { archive, key, now, size })
}

impl Backup {
    /// What it is encrypted to.
    pub fn key(&self) -> Option<&SellerKey> {
        self.key.as_ref()
    }

    /// At most. Units: bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Writes all of it, and returns how many files it contains. Blocks.
    ///
    /// # Errors
    /// Those of the files and of `into`; that it was stopped.
    pub fn write(self, into: impl Write, stop: Stop) -> anyhow::Result<usize> {
        let mut archive = Stoppable::new(self.archive, stop);
        let mut into = BufWriter::with_capacity(BLOCK, into);
        match &self.key {
            Some(key) => {
                key.seal_stream(&mut archive, &mut into, self.now).context("encrypt the backup")?;
            }
            None => drop(io::copy(&mut archive, &mut into).context("write the backup")?),
        }
        into.flush().context("write the backup")?;
        Ok(archive.get_ref().n_files())
    }
}

/// Units: bytes that are written at once.
const BLOCK: usize = 64 << 10;

/// Removes the copy of the database that a backup left when it was killed. Blocks.
///
/// # Errors
/// The system's.
pub fn remove_old_snapshot(layout: &Layout) -> anyhow::Result<()> {
    let path = layout.snapshot();
    PrivateFile::remove_leftover(&path).with_context(|| format!("remove {}", path.display()))
}

fn damaged(error: StoreError) -> BackupError {
    if error.is_damage() { BackupError::Damaged(error.to_string()) } else { error.into() }
}

fn without_space(error: io::Error) -> BackupError {
    match error.downcast::<NoSpace>() {
        Ok(no_space) => BackupError::NoSpace(no_space),
        Err(error) => BackupError::Broken(error.into()),
    }
}
