//! `shop backup` and `shop restore`.

mod archive;

pub use archive::unpack;

use std::collections::BTreeMap;
use std::fs;
use std::fs::{File, OpenOptions};
use std::io;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::actions;
use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::infra::store::Db;
use crate::infra::{bounded, store};
use crate::interfaces::cli::backup::archive::{
    CLIENTS, DATABASE, DESK_CLIENTS, FILES, FOLDERS, KEY, MAX_OF_FILE, PICTURES, SECRET, pack,
};
use crate::interfaces::cli::output::{say, say_error};
use crate::interfaces::cli::shop_context::{folder_of, home, if_exists, make_folder, with_suffix};
use crate::interfaces::cli::{digests, shop_context};

#[derive(Args)]
pub struct BackupArgs {
    /// A new file, or `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out db/images, if the pictures are large and you have them elsewhere
    #[arg(long)]
    without_images: bool,
}

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

/// Writes a backup of the shop, encrypted to the seller's key if there is one.
pub async fn back_up(backup: BackupArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let to_stdout = backup.file == Path::new("-");
    anyhow::ensure!(
        to_stdout || fs::symlink_metadata(&backup.file).is_err(),
        "{} already exists: choose another file",
        backup.file.display()
    );
    let shop = shop_context::shop(&settings).await?;
    let now = shop_context::now();
    // If it cannot be encrypted, nothing is written in plain text instead.
    let key = shop
        .availability
        .encryption_key(now)
        .context("nothing was backed up, since it cannot be encrypted")?;
    // Once encrypted, never in plain text again.
    actions::store_key_fingerprint(&shop).await?;
    let damage = store::snapshot::find_damage(&mut *shop.db.reader().await?)
        .await
        .context("check the database")?;
    if let Some(damage) = damage {
        anyhow::bail!(
            "nothing was backed up: the database is damaged ({damage}). Keep your older backups; `shop doctor` says what to do"
        );
    }
    let database =
        store::snapshot::whole(&mut *shop.db.reader().await?).await.context("copy the database")?;
    shop.db.close().await;

    let mut files = BTreeMap::from([(DATABASE.to_owned(), database)]);
    for name in [SECRET, CLIENTS, DESK_CLIENTS, KEY].into_iter().chain(FILES) {
        if let Some(bytes) = read_if_exists(&path_of(name, &settings))? {
            files.insert(name.to_owned(), bytes);
        }
    }
    for name in FOLDERS {
        if !(backup.without_images && name == "db/images") {
            gather(&path_of(name, &settings), name, &mut files)?;
        }
    }
    let n_files = files.len();
    let archive = pack(files).context("pack the backup")?;
    let sealed = match &key {
        None => None,
        Some(key) => Some(key.seal(&archive, now).context("encrypt the backup")?),
    };
    let bytes = sealed.as_ref().map_or(archive.as_slice(), String::as_bytes);
    if to_stdout {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).context("write to standard output")?;
    } else {
        write_new(&backup.file, bytes)
            .with_context(|| format!("write {}", backup.file.display()))?;
        say(&format!(
            "{} contains {}, {}.",
            backup.file.display(),
            plural(n_files, "file", "files"),
            match &key {
                Some(key) => format!("encrypted to {}", key.fingerprint_for_people()),
                None => "not encrypted: the shop has no seller's key".to_owned(),
            }
        ));
    }
    say_error(
        "it does not contain the onion key (use `shop onion backup`) or the messages in the Maildir",
    );
    Ok(ExitCode::SUCCESS)
}

/// Restores a backup where no database exists: all of it, or nothing.
pub async fn restore(restore: RestoreArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        fs::symlink_metadata(&settings.storage.database).is_err(),
        "{} already exists: a backup is restored only where no shop exists. Move it away with its -wal and -shm files",
        settings.storage.database.display()
    );
    for suffix in ["-wal", "-shm"] {
        let beside = with_suffix(&settings.storage.database, suffix);
        anyhow::ensure!(
            fs::symlink_metadata(&beside).is_err(),
            "{} belongs to a missing database: move it away",
            beside.display()
        );
    }
    let mut copy: Box<dyn BufRead> = if restore.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&restore.file)
            .with_context(|| format!("open {}", restore.file.display()))?;
        Box::new(BufReader::new(file))
    };
    let start = copy.fill_buf().with_context(|| format!("read {}", restore.file.display()))?;
    if start.starts_with(b"-----BEGIN PGP MESSAGE") {
        anyhow::bail!(
            "it is encrypted to your key, which this host does not have. Decrypt it where the key is: gpg -d {} | shop restore -",
            if restore.file == Path::new("-") {
                "BACKUP".into()
            } else {
                restore.file.display().to_string()
            }
        );
    }
    let mut files = unpack(copy)?;
    let is_listed =
        digests::verify(&mut files).context("nothing was changed: the backup is damaged")?;
    anyhow::ensure!(
        files.contains_key(DATABASE),
        "it is not a backup of a shop: it contains no database"
    );
    let plan: Vec<(PathBuf, &[u8])> = plan(&files, &settings);
    if !restore.replace {
        let others: Vec<String> = plan
            .iter()
            .filter(|(path, bytes)| fs::symlink_metadata(path).is_ok() && !has_content(path, bytes))
            .map(|(path, _)| path.display().to_string())
            .collect();
        anyhow::ensure!(
            others.is_empty(),
            "nothing was changed: {} differ from the backup. Use --replace to overwrite",
            others.join(", ")
        );
    }
    let restored = restore_files(&plan, &settings, restore.gap).await;
    if restored.is_err() {
        for (path, _) in &plan {
            remove_draft(&draft_of(path));
        }
    }
    restored?;
    say(&format!("Restored {}.", plural(plan.len(), "file", "files")));
    if !is_listed {
        say(
            "note: the backup has no list of its files, since an older version made it. Its database is intact; the other files could not be verified.",
        );
    }
    say(&format!(
        "Each extended key skips {} addresses, so that none is used twice: raise your wallet's gap limit accordingly.",
        restore.gap
    ));
    say(
        "The desk's password, 2FA and recovery codes are those of the backup; nobody is signed in.",
    );
    say(
        "Next: `shop doctor`, the onion key (`shop onion restore`), and `shop serve`. Orders placed after the backup are only in your mail.",
    );
    Ok(ExitCode::SUCCESS)
}

/// Writes every file under a draft name, then renames all of them, the database last.
async fn restore_files(
    plan: &[(PathBuf, &[u8])],
    settings: &Settings,
    gap: u32,
) -> anyhow::Result<()> {
    for (path, bytes) in plan {
        make_folder(&folder_of(path))?;
        let draft = draft_of(path);
        remove_draft(&draft);
        write_new(&draft, bytes).with_context(|| format!("write a draft of {}", path.display()))?;
    }
    let draft = draft_of(&settings.storage.database);
    prepare_database(&draft, gap).await.context("the database of the backup")?;
    for (path, _) in plan {
        fs::rename(draft_of(path), path)
            .with_context(|| format!("rename the draft of {}", path.display()))?;
        sync_folder(path)?;
    }
    Ok(())
}

/// Migrates the database, and makes sure that no address is given out again.
async fn prepare_database(file: &Path, gap: u32) -> anyhow::Result<()> {
    let db = Db::open(file).await?;
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

/// Where the file or folder with this name in a backup belongs.
fn path_of(name: &str, settings: &Settings) -> PathBuf {
    match name {
        DATABASE => settings.storage.database.clone(),
        SECRET => shop_context::secret_file(settings),
        CLIENTS => home(settings).join("onion.clients"),
        DESK_CLIENTS => home(settings).join("desk.clients"),
        KEY => shop_context::seller_key_file(settings),
        // The rendered pictures are next to the database.
        PICTURES => home(settings).join("pictures"),
        _ => match name.strip_prefix(PICTURES).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => home(settings).join("pictures").join(rest),
            None => PathBuf::from(name),
        },
    }
}

/// The path of each file of a backup, the database last.
fn plan<'a>(files: &'a BTreeMap<String, Vec<u8>>, settings: &Settings) -> Vec<(PathBuf, &'a [u8])> {
    let mut plan: Vec<(PathBuf, &[u8])> =
        files.iter().map(|(name, bytes)| (path_of(name, settings), bytes.as_slice())).collect();
    plan.sort_by_key(|(path, _)| *path == settings.storage.database);
    plan
}

/// All regular files below a folder. Links are not followed: they may lead anywhere.
fn gather(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let entries = if_exists(fs::read_dir(folder))
        .with_context(|| format!("read the folder {}", folder.display()))?;
    for entry in entries.into_iter().flatten() {
        let entry = entry?;
        let Ok(own) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{name}/{own}"));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            gather(&path, &name, files)?;
        } else if kind.is_file()
            && let Some(bytes) = read_if_exists(&path)?
        {
            files.insert(name, bytes);
        }
    }
    Ok(())
}

fn read_if_exists(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    if_exists(bounded::read_file(path, MAX_OF_FILE))
        .with_context(|| format!("read {}", path.display()))
}

fn has_content(path: &Path, bytes: &[u8]) -> bool {
    bounded::read_file(path, bytes.len() as u64).is_ok_and(|found| found == bytes)
}

/// Writes a new file, readable only by its owner; it is on the disk when this returns.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
        return written;
    }
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// A draft name next to the file, always the same: what a power failure leaves behind, the next attempt removes.
fn draft_of(path: &Path) -> PathBuf {
    with_suffix(path, ".restored")
}

fn remove_draft(draft: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(with_suffix(draft, suffix));
    }
}
