//! `shop restore`.

use std::fs;
use std::fs::File;
use std::io;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::domain::values::plural;
use crate::infra::atomic_file::with_suffix;
use crate::infra::backup::{DATABASE, Drafts, Layout, Stop, Stoppable, Unpacked, unpack};
use crate::infra::config::Settings;
use crate::infra::store;
use crate::infra::store::Db;
use crate::interfaces::cli::output::say;
use crate::interfaces::cli::shop_context::layout;
use crate::interfaces::cli::stoppable::{until_stopped, work_until_stopped};

#[derive(Args)]
pub struct RestoreArgs {
    /// The decrypted backup: `gpg -d BACKUP | shop restore -` if it was encrypted to your key
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Overwrite files that differ from the backup; never a database
    #[arg(long)]
    replace: bool,
    /// How many addresses to skip per extended key, since some may have been used after the backup
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    gap: u32,
}

/// Restores a backup where no database exists: all of it, or nothing.
pub async fn run(restore: RestoreArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let layout = layout(&settings);
    refuse_existing(&layout.database)?;
    let RestoreArgs { file, replace, gap } = restore;
    let (drafts, Unpacked { names, is_listed }) =
        work_until_stopped(move |stop| read_backup(&file, layout, replace, stop)).await?;
    until_stopped(prepare_database(&drafts.path_of(DATABASE), gap))
        .await?
        .context("the database of the backup")?;
    // Its name comes last: if the database exists, the restore was complete.
    for name in names.iter().filter(|name| *name != DATABASE) {
        drafts.keep(name)?;
    }
    drafts.keep(DATABASE)?;
    drafts.finish();
    say(&format!("Restored {}.", plural(names.len(), "file", "files")));
    if !is_listed {
        say(
            "note: the backup has no list of its files, since an older version made it. Its database is intact; the other files could not be verified.",
        );
    }
    say(&format!(
        "Each extended key skips {gap} addresses, so that none is used twice: raise your wallet's gap limit accordingly.",
    ));
    say(
        "The desk's password, 2FA and recovery codes are those of the backup; nobody is signed in.",
    );
    say(
        "Next: `shop doctor`, the onion key (`shop onion restore`), and `shop serve`. Orders placed after the backup are only in your mail.",
    );
    Ok(ExitCode::SUCCESS)
}

fn refuse_existing(database: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        fs::symlink_metadata(database).is_err(),
        "{} already exists: a backup is restored only where no shop exists. Move it away with its -wal and -shm files",
        database.display()
    );
    for suffix in ["-wal", "-shm"] {
        let beside = with_suffix(database, suffix);
        anyhow::ensure!(
            fs::symlink_metadata(&beside).is_err(),
            "{} belongs to a missing database: move it away",
            beside.display()
        );
    }
    Ok(())
}

/// Writes each file under a draft name, and verifies all of them. If this fails, no draft remains.
fn read_backup(
    file: &Path,
    layout: Layout,
    replace: bool,
    stop: Stop,
) -> anyhow::Result<(Drafts, Unpacked)> {
    let mut copy: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(file).with_context(|| format!("open {}", file.display()))?;
        Box::new(BufReader::new(opened))
    };
    let start = copy.fill_buf().with_context(|| format!("read {}", file.display()))?;
    if start.starts_with(b"-----BEGIN PGP MESSAGE") {
        anyhow::bail!(
            "it is encrypted to your key, which this host does not have. Decrypt it where the key is: gpg -d {} | shop restore -",
            if file == Path::new("-") { "BACKUP".into() } else { file.display().to_string() }
        );
    }
    let mut drafts = Drafts::begin(layout)?;
    let unpacked = unpack(Stoppable::new(copy, stop), |name, size, content| {
        drafts.write(name, size, content)
    })?;
    anyhow::ensure!(
        unpacked.names.iter().any(|name| name == DATABASE),
        "it is not a backup of a shop: it contains no database"
    );
    if !replace {
        let others = unpacked.names.iter().filter_map(|name| drafts.find_conflict(name));
        let others: Vec<String> = others.map(|path| path.display().to_string()).collect();
        anyhow::ensure!(
            others.is_empty(),
            "nothing was changed: {} differ from the backup. Use --replace to overwrite",
            others.join(", ")
        );
    }
    Ok((drafts, unpacked))
}

/// Migrates the database, and makes sure that no address is given out again.
async fn prepare_database(file: &Path, gap: u32) -> anyhow::Result<()> {
    let db = Db::open_copy(file).await?;
    let prepared = async {
        let damage = store::snapshot::find_damage(&mut *db.reader().await?).await?;
        if let Some(damage) = damage {
            anyhow::bail!("it is damaged: {damage}");
        }
        let mut tx = db.write().await?;
        store::address_indexes::leave_gap(&mut tx, gap).await.context("skip addresses")?;
        // A session that was ended after the backup would be open again.
        store::login::delete_sessions(&mut tx).await.context("end the desk's sessions")?;
        tx.commit().await.context("commit the skipped addresses")?;
        anyhow::ensure!(store::journal::empty_journal(&db).await?, "its journal cannot be emptied");
        anyhow::Ok(())
    };
    let prepared = prepared.await;
    db.close().await;
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(with_suffix(file, suffix));
    }
    prepared?;
    File::open(file)?.sync_all().context("sync it")
}
