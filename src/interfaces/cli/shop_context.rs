//! Opens the database, folders and secrets that commands need.

use std::fs;
use std::fs::{DirBuilder, File};
use std::io;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::rt::task::spawn_blocking;
use anyhow::Context;

use crate::actions;
use crate::actions::{
    Availability, ClockDoubted, ImageWorker, OrderQueue, PageFile, Policy, SellerFolders, Shop,
};
use crate::domain::catalog::{NotAPage, PageSlug, PageText, limits};
use crate::domain::values::byte_size;
use crate::infra::backup::Layout;
use crate::infra::config::Settings;
use crate::infra::files::DigitalFolders;
use crate::infra::mail::Maildir;
use crate::infra::pictures::{Gallery, Originals};
use crate::infra::store::{Db, StoreError};
use crate::infra::{atomic_file, bounded, store};
use crate::interfaces::http::clock;
pub use crate::interfaces::http::clock::trusted;
pub use crate::interfaces::http::now;

/// The seller's catalog file, pages and signed list of addresses, below the folder in which the shop runs.
pub const DATA: &str = "db/data.json";
pub const PAGES: &str = "db/pages";
pub const MIRRORS: &str = "db/mirrors.txt";

/// Checks that there is a shop.
///
/// # Errors
/// The path of the missing database, and what to do.
pub fn require_shop(settings: &Settings) -> anyhow::Result<()> {
    let database = &settings.storage.database;
    let path = absolute(database);
    let path = path.display();
    let fault = match fs::metadata(database) {
        Ok(file) if file.len() == 0 => "is empty",
        Ok(_) => return Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            "does not exist"
        }
        Err(error) => return Err(error).with_context(|| format!("check the database {path}")),
    };
    anyhow::bail!(
        "there is no shop here: {path} {fault}. Run this in the shop's folder, or give its database with \
         --database-url. Create a new shop with `shop init`, `shop serve` or `shop seed FILE`"
    )
}

/// Opens the shop, and creates the folders that it writes into.
///
/// # Errors
/// As [`require_shop`], and if it cannot be opened.
pub async fn shop(settings: &Settings) -> anyhow::Result<Shop> {
    require_shop(settings)?;
    with_database(Db::open(&settings.storage.database).await, settings).await
}

/// The same, but creates a shop if there is none.
pub async fn shop_or_new(settings: &Settings) -> anyhow::Result<Shop> {
    make_folder(&home(settings))?;
    with_database(Db::open_or_make(&settings.storage.database).await, settings).await
}

async fn with_database(db: Result<Db, StoreError>, settings: &Settings) -> anyhow::Result<Shop> {
    let db =
        db.with_context(|| format!("open the database {}", settings.storage.database.display()))?;
    let home = home(settings);
    let clock = store::clock::find(&mut *db.reader().await?).await;
    if let Some(clock) = clock.context("read the trusted time")? {
        clock::set_trusted(clock);
    }
    let gallery = home.join("pictures");
    let pictures = Gallery::open(gallery.clone())
        .with_context(|| format!("open the folder {}", gallery.display()))?;
    let salt = store::shop_state::find(&mut *db.reader().await?)
        .await
        .context("read the shop's state")?
        .salt;
    let shop = Shop {
        db,
        maildir: Maildir::new(settings.mail.maildir.clone()),
        pictures,
        originals: originals(&home),
        digital: DigitalFolders::new(&home),
        image_worker: ImageWorker::default(),
        policy: Policy {
            site_name: settings.site.name.clone(),
            seller: settings.mail.from.clone(),
            payment_minutes: settings.orders.payment_minutes,
            keep_days: settings.retention.keep_days,
            purge_mail: settings.retention.purge_mail,
            close_after_days: settings.orders.close_after_days,
            read_marks: settings.orders.read_marks,
            siege_orders: settings.orders.siege_orders,
            unpaid_bytes: settings.orders.unpaid_megabytes << 20,
            notify: settings.orders.notify,
            tolerance: settings.orders.tolerance,
            price_in: settings.rates.price_in,
        },
        availability: Arc::new(Availability::default()),
        order_queue: OrderQueue::new(),
        clocks: clock::reading,
        salt: salt.into(),
    };
    load_seller_key(&shop, settings).await?;
    Ok(shop)
}

/// Checks the host's clocks, and updates the trusted time.
pub async fn check_clock(shop: &Shop) -> anyhow::Result<Option<ClockDoubted>> {
    let clock = actions::check_clock(shop).await.context("check the clock")?;
    let doubt = ClockDoubted::of(&clock);
    clock::set_trusted(clock);
    Ok(doubt)
}

/// The folders of the seller's pictures: next to the catalog file or the database, and those of the ancestor; then the same
/// in the current folder.
pub fn originals(beside: &Path) -> Originals {
    let mut folders = vec![
        beside.join("images"),
        beside.join("../public/images/products"),
        beside.join("public/images/products"),
        PathBuf::from("db/images"),
        PathBuf::from("public/images/products"),
    ];
    let mut seen = Vec::new();
    folders.retain(|folder| {
        // A missing folder stays in the list, so that a message can name it.
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let is_new = !seen.contains(&real);
        seen.push(real);
        is_new
    });
    Originals::new(folders)
}

/// The folders that a catalog file names files of: pictures next to the file, and digital goods next to the database, where
/// buyers get them from.
pub fn seller_folders(beside: &Path, settings: &Settings) -> SellerFolders {
    SellerFolders { pictures: originals(beside), digital: DigitalFolders::new(&home(settings)) }
}

/// Loads the seller's key. Returns why it cannot be used, which closes the shop's checkout.
pub async fn load_seller_key(shop: &Shop, settings: &Settings) -> anyhow::Result<Option<String>> {
    let file = seller_key_file(settings);
    let path = file.clone();
    let read = spawn_blocking(move || bounded::read_file(&path, MAX_OF_KEY));
    let key = match read.await.context("read the seller's key")? {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound && settings.mail.seller_key.is_none() => {
            None
        }
        // An unreadable key is not the same as no key.
        Err(error) => {
            let fault = format!("{} cannot be read ({error})", file.display());
            actions::refuse_key(shop, fault.clone());
            return Ok(Some(fault));
        }
    };
    actions::load_seller_key(shop, key.as_deref(), now()).await
}

pub fn seller_key_file(settings: &Settings) -> PathBuf {
    settings.mail.seller_key.clone().unwrap_or_else(|| PathBuf::from("db/seller.asc"))
}

/// Units: bytes. A key with a dozen signatures has 20 KB.
pub const MAX_OF_KEY: u64 = 512 << 10;
const MAX_OF_SECRET: u64 = 4 << 10;
const MAX_OF_MIRRORS: u64 = 64 << 10;
/// Units: files of pages, and bytes of all of them: a running shop holds all pages in memory.
const MAX_PAGES: usize = 200;
const MAX_OF_PAGES: usize = 4 << 20;

/// Opens the seller's catalog file, which is text.
pub fn open_catalog(file: &Path) -> anyhow::Result<File> {
    bounded::open_text(file, limits::MAX_BYTES).map_err(|error| {
        let path = file.display();
        match error.kind() {
            ErrorKind::FileTooLarge => anyhow::anyhow!("{path}: {error}. {}", limits::SHORTEN),
            _ => anyhow::Error::new(error).context(format!("read {path}")),
        }
    })
}

/// Bytes from the operating system's random number generator.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .expect("a host without a random number generator cannot run a shop");
    bytes
}

pub fn secret_file(settings: &Settings) -> PathBuf {
    home(settings).join("shop.secret")
}

/// The secret of the settings, or the one next to the database, which is created if it is missing.
pub fn secret(settings: &Settings) -> anyhow::Result<Vec<u8>> {
    if let Some(secret) = &settings.storage.secret {
        return Ok(secret.clone().into_bytes());
    }
    let path = secret_file(settings);
    let stored = if_exists(bounded::read_file(&path, MAX_OF_SECRET))
        .with_context(|| format!("read the secret {}", path.display()))?;
    if let Some(secret) = stored {
        anyhow::ensure!(
            32 <= secret.len(),
            "{}: the secret is truncated; remove the file and a new one is created",
            path.display()
        );
        return Ok(secret);
    }
    let secret = random_bytes::<32>();
    atomic_file::write(&path, &secret, 0o600)
        .with_context(|| format!("store the secret {}", path.display()))?;
    Ok(secret.to_vec())
}

/// The Markdown files of a folder, `policy` first; `None` if there is no such folder.
pub fn page_files(folder: &Path) -> anyhow::Result<Option<Vec<PageFile>>> {
    let entries = if_exists(fs::read_dir(folder))
        .with_context(|| format!("read the folder {}", folder.display()))?;
    let Some(entries) = entries else { return Ok(None) };
    let mut files = Vec::new();
    let mut n_bytes = 0;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let refused = |why: NotAPage| anyhow::anyhow!("{}: {why}", path.display());
        let slug = PageSlug::parse(&name).map_err(refused)?;
        // Line ends may take two bytes in the file.
        let markdown = bounded::read_text(&path, 2 * PageText::MAX_BYTES as u64)
            .with_context(|| format!("read the page {}", path.display()))?;
        let text = PageText::parse(&markdown).map_err(refused)?;
        text.check_title().map_err(refused)?;
        n_bytes += markdown.len();
        files.push(PageFile { slug, text });
        anyhow::ensure!(
            files.len() <= MAX_PAGES && n_bytes <= MAX_OF_PAGES,
            "{} has too many pages: at most {MAX_PAGES} files (*.md) and {} in total. Remove or shorten some",
            folder.display(),
            byte_size(MAX_OF_PAGES as u64)
        );
    }
    files.sort_by_key(|file| (file.slug.as_str() != PageSlug::POLICY, file.slug.clone()));
    Ok(Some(files))
}

/// The seller's signed list of the shop's addresses; `None` if there is none.
pub fn mirrors(path: &Path) -> anyhow::Result<Option<String>> {
    let text = if_exists(bounded::read_text(path, MAX_OF_MIRRORS))
        .with_context(|| format!("read {}", path.display()))?;
    let Some(text) = text else { return Ok(None) };
    let is_signed = text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----")
        && text.trim_end().ends_with("-----END PGP SIGNATURE-----");
    anyhow::ensure!(
        is_signed,
        "{}: expected a clear-signed list of at most 64 KB: create it with gpg --clearsign on another computer",
        path.display()
    );
    Ok(Some(text))
}

/// The folder of the database, which also holds the secret and the rendered pictures.
pub fn home(settings: &Settings) -> PathBuf {
    folder_of(&settings.storage.database)
}

/// Where the files are that a backup contains.
pub fn layout(settings: &Settings) -> Layout {
    Layout { database: settings.storage.database.clone(), seller_key: seller_key_file(settings) }
}

/// The folder of a file; `.` for a bare file name.
pub fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// For messages, so that they show which folder is meant.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The content of a file or folder; `None` if it does not exist.
pub fn if_exists<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Creates a folder that only the shop's user can open.
pub fn make_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("create the folder {}", path.display()))
}
