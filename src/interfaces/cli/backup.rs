//! `shop backup` and `shop restore`.

mod archive;

pub use archive::unpack;

use std::collections::BTreeMap;
use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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
    CLIENTS, DATABASE, DESK_CLIENTS, FILES, FOLDERS, KEY, MOST_OF_FILE, SECRET, pack,
};
use crate::interfaces::cli::open::home_of;
use crate::interfaces::cli::output::{say, say_error};
use crate::interfaces::cli::{digests, open};

#[derive(Args)]
pub struct Backup {
    /// A new file, or `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out db/images, if the pictures are large and you have them elsewhere
    #[arg(long)]
    without_images: bool,
}

#[derive(Args)]
pub struct Restore {
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

/// Writes a copy of the shop, sealed to the seller's key where there is one.
pub async fn back_up(backup: Backup, settings: Settings) -> anyhow::Result<ExitCode> {
    let to_stdout = backup.file == Path::new("-");
    anyhow::ensure!(
        to_stdout || fs::symlink_metadata(&backup.file).is_err(),
        "{} already exists: choose another file",
        backup.file.display()
    );
    let shop = open::shop(&settings).await?;
    let now = open::now();
    // Never in plain text instead.
    let key = shop
        .availability
        .seal(now)
        .context("nothing was backed up, since it cannot be encrypted")?;
    // Once sealed, never plain again.
    actions::remember_key(&shop).await?;
    let damage = store::snapshot::find_damage(&mut *shop.db.reader().await?)
        .await
        .context("look at the database")?;
    if let Some(damage) = damage {
        anyhow::bail!(
            "nothing was backed up: the database is damaged ({damage}). Keep your older backups; `shop doctor` says what to do"
        );
    }
    let database =
        store::snapshot::whole(&mut *shop.db.reader().await?).await.context("copy the database")?;
    shop.db.close().await;

    let mut files = BTreeMap::from([(DATABASE.to_owned(), database)]);
    let mut places = own_places(&settings);
    places.extend(FILES.map(|name| (name, PathBuf::from(name))));
    for (name, path) in places {
        if let Some(bytes) = read_if_there(&path)? {
            files.insert(name.to_owned(), bytes);
        }
    }
    for name in FOLDERS {
        if !(backup.without_images && name == "db/images") {
            gather(&folder_of(name, &settings), name, &mut files)?;
        }
    }
    let n_files = files.len();
    let copy = pack(files).context("pack the copy")?;
    let sealed = match &key {
        None => None,
        Some(key) => Some(key.seal(&copy, now).context("seal the copy")?),
    };
    let bytes = sealed.as_ref().map_or(copy.as_slice(), String::as_bytes);
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

/// Brings a copy back where there is no database yet: as a whole, or nothing at all.
pub async fn restore(restore: Restore, settings: Settings) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        fs::symlink_metadata(&settings.storage.database).is_err(),
        "{} already exists: a backup is restored only where no shop exists. Move it away with its -wal and -shm files",
        settings.storage.database.display()
    );
    for tail in ["-wal", "-shm"] {
        let beside = with_tail(&settings.storage.database, tail);
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
            .filter(|(path, bytes)| fs::symlink_metadata(path).is_ok() && !holds(path, bytes))
            .map(|(path, _)| path.display().to_string())
            .collect();
        anyhow::ensure!(
            others.is_empty(),
            "nothing was changed: {} differ from the backup. Use --replace to overwrite",
            others.join(", ")
        );
    }
    let brought = bring_back(&plan, &settings, restore.gap).await;
    if brought.is_err() {
        for (path, _) in &plan {
            remove_draft(&draft_of(path));
        }
    }
    brought?;
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

/// Every file under a name of its own first, then all into their places, the database last.
async fn bring_back(
    plan: &[(PathBuf, &[u8])],
    settings: &Settings,
    gap: u32,
) -> anyhow::Result<()> {
    for (path, bytes) in plan {
        let folder = parent_of(path);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("make the folder {}", folder.display()))?;
        let draft = draft_of(path);
        remove_draft(&draft);
        write_new(&draft, bytes).with_context(|| format!("write beside {}", path.display()))?;
    }
    let draft = draft_of(&settings.storage.database);
    prepare_database(&draft, gap).await.context("the database of the backup")?;
    for (path, _) in plan {
        fs::rename(draft_of(path), path)
            .with_context(|| format!("put {} into its place", path.display()))?;
        sync_folder(path)?;
    }
    Ok(())
}

/// Brings the tables up to date, and sees to it that no address is given out again.
async fn prepare_database(file: &Path, gap: u32) -> anyhow::Result<()> {
    let db = Db::open(file).await?;
    let prepared = async {
        let damage = store::snapshot::find_damage(&mut *db.reader().await?).await?;
        if let Some(damage) = damage {
            anyhow::bail!("it is damaged: {damage}");
        }
        let mut tx = db.write().await?;
        store::accounts::leave_gap(&mut tx, gap).await.context("leave the gap")?;
        // A session that was ended since the copy was made would be open again.
        store::login::delete_sessions(&mut tx).await.context("end the desk's sessions")?;
        tx.commit().await.context("commit the gap")?;
        anyhow::ensure!(store::journal::empty_journal(&db).await?, "its journal cannot be emptied");
        anyhow::Ok(())
    };
    let prepared = prepared.await;
    db.close().await;
    for tail in ["-wal", "-shm"] {
        let _ = fs::remove_file(with_tail(file, tail));
    }
    prepared?;
    File::open(file)?.sync_all().context("sync it")
}

/// Files that the settings may have put elsewhere.
fn own_places(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    let key = settings.mail.seller_key.clone().unwrap_or_else(|| PathBuf::from(KEY));
    vec![
        (SECRET, open::secret_file(settings)),
        (CLIENTS, home_of(&settings.storage.database).join("onion.clients")),
        (DESK_CLIENTS, home_of(&settings.storage.database).join("desk.clients")),
        (KEY, key),
    ]
}

fn folder_of(name: &str, settings: &Settings) -> PathBuf {
    // The rendered pictures lie beside the database.
    if name == "db/pictures" {
        home_of(&settings.storage.database).join("pictures")
    } else {
        PathBuf::from(name)
    }
}

/// Where each file of a copy goes, the database last.
fn plan<'a>(files: &'a BTreeMap<String, Vec<u8>>, settings: &Settings) -> Vec<(PathBuf, &'a [u8])> {
    let own = own_places(settings);
    let place = |name: &str| {
        if name == DATABASE {
            return settings.storage.database.clone();
        }
        if let Some((_, path)) = own.iter().find(|(own, _)| *own == name) {
            return path.clone();
        }
        let folder = FOLDERS.iter().find_map(|folder| {
            Some(folder_of(folder, settings).join(name.strip_prefix(folder)?.strip_prefix('/')?))
        });
        folder.unwrap_or_else(|| PathBuf::from(name))
    };
    let mut plan: Vec<(PathBuf, &[u8])> =
        files.iter().map(|(name, bytes)| (place(name), bytes.as_slice())).collect();
    plan.sort_by_key(|(path, _)| *path == settings.storage.database);
    plan
}

/// All plain files below a folder. Links are not followed: what they lead to may be anything.
fn gather(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("read the folder {}", folder.display()));
        }
    };
    for entry in entries {
        let entry = entry?;
        let Ok(own) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{name}/{own}"));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            gather(&path, &name, files)?;
        } else if kind.is_file()
            && let Some(bytes) = read_if_there(&path)?
        {
            files.insert(name, bytes);
        }
    }
    Ok(())
}

fn read_if_there(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match bounded::read_file(path, MOST_OF_FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    bounded::read_file(path, bytes.len() as u64).is_ok_and(|found| found == bytes)
}

/// A file that was not there before, readable by its owner alone, and on the disk when this returns.
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
    File::open(parent_of(path))?.sync_all()
}

fn parent_of(path: &Path) -> PathBuf {
    home_of(path)
}

/// A name of its own beside its place, always the same: what a power cut leaves, the next try removes.
fn draft_of(path: &Path) -> PathBuf {
    with_tail(path, ".restored")
}

fn with_tail(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    PathBuf::from(name)
}

fn remove_draft(draft: &Path) {
    for tail in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(with_tail(draft, tail));
    }
}
