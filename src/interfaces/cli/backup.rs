//! `shop backup`.

use std::fs;
use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::actions;
use crate::actions::Backup;
use crate::domain::values::plural;
use crate::infra::backup::{NewFile, check_space};
use crate::infra::config::Settings;
use crate::interfaces::cli::output::{say, say_error};
use crate::interfaces::cli::shop_context;
use crate::interfaces::cli::shop_context::{folder_of, layout};
use crate::interfaces::cli::stoppable::{until_stopped, work_until_stopped};

#[derive(Args)]
pub struct BackupArgs {
    /// A new file, or `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out db/images, if the pictures are large and you have them elsewhere
    #[arg(long)]
    without_images: bool,
}

/// Writes a backup of the shop, encrypted to the seller's key if there is one.
pub async fn run(backup: BackupArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let to_stdout = backup.file == Path::new("-");
    anyhow::ensure!(
        to_stdout || fs::symlink_metadata(&backup.file).is_err(),
        "{} already exists: choose another file",
        backup.file.display()
    );
    let shop = shop_context::shop(&settings).await?;
    let layout = layout(&settings);
    let made =
        until_stopped(actions::back_up(&shop, layout, backup.without_images, shop_context::now()));
    let made = made.await?.context("nothing was backed up")?;
    shop.db.close().await;
    let encrypted_to = made.key().map(|key| key.fingerprint_for_people());
    if to_stdout {
        work_until_stopped(move |stop| made.write(io::stdout().lock(), stop)).await?;
    } else {
        let n_files = write_file(&backup.file, made).await?;
        say(&format!(
            "{} contains {}, {}.",
            backup.file.display(),
            plural(n_files, "file", "files"),
            match encrypted_to {
                Some(key) => format!("encrypted to {key}"),
                None => "not encrypted: the shop has no seller's key".to_owned(),
            }
        ));
    }
    say_error(
        "it does not contain the onion key (use `shop onion backup`) or the messages in the Maildir",
    );
    Ok(ExitCode::SUCCESS)
}

async fn write_file(path: &Path, made: Backup) -> anyhow::Result<usize> {
    let path = path.to_owned();
    let writing = move |stop| {
        let wrote = || format!("write {}", path.display());
        check_space(&[(&folder_of(&path), made.size())]).context("nothing was backed up")?;
        let mut file = match NewFile::create(&path) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                anyhow::bail!("another backup is being written to {}", path.display())
            }
            file => file.with_context(wrote)?,
        };
        let n_files = made.write(&mut file, stop).with_context(wrote)?;
        file.finish().with_context(wrote)?;
        Ok(n_files)
    };
    work_until_stopped(writing).await
}
