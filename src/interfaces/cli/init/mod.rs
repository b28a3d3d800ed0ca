//! `shop init`: sets up a shop in the current folder, with questions on the terminal or by flags.

mod answers;
mod arguments;
mod dialogue;
mod env_file;
mod files;
mod key_answer;
mod questions;
mod wallet_answer;

pub use crate::interfaces::cli::init::arguments::InitArgs;

use std::io;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::actions;
use crate::actions::{Authenticator, Shop};
use crate::domain::catalog::CatalogFile;
use crate::domain::values::plural;
use crate::infra::config::{Flags, ListenAddress, Settings};
use crate::infra::store;
use crate::interfaces::cli::doctor::DoctorArgs;
use crate::interfaces::cli::init::answers::{Answers, Given};
use crate::interfaces::cli::init::arguments::Kept;
use crate::interfaces::cli::init::files::{NewFile, exists, write_all};
use crate::interfaces::cli::output::{say, say_error};
use crate::interfaces::cli::seed::SeedArgs;
use crate::interfaces::cli::shop_context::{DATA, PAGES};
use crate::interfaces::cli::{demo_catalog, doctor, onion, seed, shop_context, wallet};

const ENV: &str = ".env";
const KEY: &str = "db/seller.asc";
const POLICY: &str = include_str!("../../../../static/init/policy.md");

pub async fn run(args: InitArgs, flags: Flags) -> anyhow::Result<ExitCode> {
    let asks = !args.yes && io::stdin().is_terminal();
    let kept = find_kept(&args, &flags, asks).await?;
    let mut given = Given::of_flags(&args, &flags);
    if asks {
        questions::complete(&mut given, &kept)?;
    }
    let checked = match (given.check(&kept), check_kept_catalog(&given, &kept)) {
        (Ok(answers), faults) if faults.is_empty() => Ok(answers),
        (checked, faults) => Err([checked.err().unwrap_or_default(), faults].concat()),
    };
    let answers = match checked {
        Ok(answers) => answers,
        Err(faults) => {
            let errors = plural(faults.len(), "error", "errors");
            say_error(&format!("{errors}; nothing was written:"));
            faults.iter().for_each(|fault| say_error(&format!("  {fault}")));
            return Ok(ExitCode::FAILURE);
        }
    };
    let files = new_files(&given.flags, &answers, &kept);
    if !kept.catalog
        && !asks
        && let Some(wallet) = &answers.wallet
    {
        wallet::show(&[(wallet.clone(), None)], false)?;
    }
    if asks
        && !files.is_empty()
        && !dialogue::ask_yes(&format!("Write {}?", names(&files).join(", ")))?
    {
        say_error("nothing was written");
        return Ok(ExitCode::FAILURE);
    }
    write_all(&files)?;
    names(&files).iter().for_each(|name| say(&format!("Wrote {name}")));
    if kept.env && !given.flags.is_empty() {
        say(
            "note: .env was kept, so the settings on the command line are not in it; --force overwrites it",
        );
    }
    let settings = Settings::read(&flags_of_files(&flags), Path::new(""));
    let settings = settings.map_err(|faults| anyhow::anyhow!("{}", faults[0]))?;
    if !fill_shop(&settings, answers, &kept).await? {
        return Ok(ExitCode::FAILURE);
    }
    say("");
    say("Checks, as by `shop doctor`:");
    doctor::run(DoctorArgs::default(), settings.clone()).await?;
    show_next(&settings, &kept);
    Ok(ExitCode::SUCCESS)
}

/// What is wrong in a catalog file that is kept, and that the new shop is to import.
fn check_kept_catalog(given: &Given, kept: &Kept) -> Vec<String> {
    if !kept.catalog || kept.has_products {
        return Vec::new();
    }
    // Faults of the settings are reported already.
    let wallet = given.settings(kept).ok().and_then(|settings| settings.orders.wallet);
    match shop_context::open_catalog(DATA.as_ref()) {
        Ok(file) => {
            let (_, faults) = CatalogFile::read_without_products(file, wallet);
            faults.iter().map(|fault| format!("{DATA}: {fault}")).collect()
        }
        Err(error) => vec![format!("{error:#}")],
    }
}

/// The wallet is in the catalog now.
fn flags_of_files(flags: &Flags) -> Flags {
    let mut flags = flags.clone();
    flags.retain(|name, _| !["WALLET", "CURRENCY"].contains(&name.as_str()));
    flags
}

/// Finds what exists, shows it, and asks whether to overwrite it.
async fn find_kept(args: &InitArgs, flags: &Flags, asks: bool) -> anyhow::Result<Kept> {
    let keeps = |what: &str, is_there: bool| -> anyhow::Result<bool> {
        if !is_there || args.force {
            return Ok(false);
        }
        if asks {
            return Ok(!dialogue::ask_no(&format!("{what} exists. Overwrite it?"))?);
        }
        say(&format!("{what} exists, and is kept: --force overwrites it."));
        Ok(true)
    };
    let env = keeps(ENV, exists(ENV.as_ref()))?;
    let flags = flags_of_files(flags);
    let settings = if env {
        Settings::read(&flags, Path::new(""))
    } else {
        Settings::read_without_file(&flags)
    };
    // Faults of the settings are reported later, with all others.
    let (mut has_products, mut password) = (false, false);
    if let Ok(settings) = settings
        && shop_context::require_shop(&settings).is_ok()
    {
        let shop = shop_context::shop(&settings).await?;
        let mut db = shop.db.reader().await?;
        has_products = !store::catalog_state::is_empty(&mut db).await?;
        password = store::login::find_credentials(&mut db).await?.password.is_some();
        drop(db);
        close(shop).await;
    }
    let catalog = if exists(DATA.as_ref()) {
        keeps(DATA, true)?
    } else {
        keeps("The catalog in the database", has_products)?
    };
    Ok(Kept {
        others: !args.force,
        env,
        catalog,
        has_products,
        key: keeps(KEY, exists(KEY.as_ref()))?,
        policy: keeps("db/pages/policy.md", exists(&Path::new(PAGES).join("policy.md")))?,
        password: keeps("The desk's password", password)?,
    })
}

fn new_files(flags: &Flags, answers: &Answers, kept: &Kept) -> Vec<NewFile> {
    let mut files = Vec::new();
    let mut add = |path: PathBuf, content: &[u8]| {
        files.push(NewFile { path, content: content.to_vec() });
    };
    if !kept.env {
        add(ENV.into(), env_file::text(flags).as_bytes());
    }
    if let Some(key) = answers.key.as_ref().filter(|_| !kept.key) {
        add(KEY.into(), &key.armored);
    }
    let is_demo = answers.is_demo && !kept.catalog;
    if !kept.policy && !is_demo {
        add(Path::new(PAGES).join("policy.md"), POLICY.as_bytes());
    }
    if is_demo {
        let db = shop_context::folder_of(Path::new(DATA));
        let paths = demo_catalog::FILES.iter().map(|(name, content)| (db.join(name), content));
        let is_kept = |path: &Path| {
            if path.ends_with("policy.md") { kept.policy } else { kept.others && exists(path) }
        };
        paths.filter(|(path, _)| !is_kept(path)).for_each(|(path, content)| add(path, content));
    }
    // Last: what it names exists.
    if !kept.catalog {
        add(DATA.into(), answers.catalog.as_bytes());
    }
    files
}

/// The files for people, pictures as one.
fn names(files: &[NewFile]) -> Vec<String> {
    let is_picture = |file: &&NewFile| file.path.starts_with("db/images");
    let others = files.iter().filter(|file| !is_picture(file));
    let mut names: Vec<String> = others.map(|file| file.path.display().to_string()).collect();
    let n_pictures = files.iter().filter(is_picture).count();
    if 0 < n_pictures {
        names.push(format!("{} in db/images", plural(n_pictures, "picture", "pictures")));
    }
    names
}

/// Creates the shop, imports its catalog if it has none yet, and sets the desk's password. Returns whether all of it was done.
async fn fill_shop(settings: &Settings, answers: Answers, kept: &Kept) -> anyhow::Result<bool> {
    let is_new = shop_context::require_shop(settings).is_err();
    close(shop_context::shop_or_new(settings).await?).await;
    if exists(DATA.as_ref()) && (is_new || !kept.catalog && !kept.has_products) {
        let code = seed::run(SeedArgs::of_file(DATA.into()), settings.clone()).await?;
        if code != ExitCode::SUCCESS {
            return Ok(false);
        }
    }
    let Some(password) = answers.password.filter(|_| !kept.password) else { return Ok(true) };
    let shop = shop_context::shop(settings).await?;
    let authenticator = Authenticator::new(1);
    let (salt, now) = (shop_context::random_bytes(), shop_context::now());
    actions::set_password(&shop, &authenticator, &password, salt, now)
        .await
        .context("set the desk's password")?;
    close(shop).await;
    say("The desk password was set.");
    Ok(true)
}

async fn close(shop: Shop) {
    shop.db.close().await;
}

/// The next three commands.
fn show_next(settings: &Settings, kept: &Kept) {
    let open = match &settings.listeners.shop.address {
        ListenAddress::Tcp(address) => format!("opens the shop at http://{address}"),
        ListenAddress::Unix(path) => format!("opens the shop at unix:{}", path.display()),
        ListenAddress::Systemd => "is started by systemd".to_owned(),
    };
    let import = ("shop seed db/data.json", "imports the catalog, after every change of the file");
    let serve = ("shop serve", open.as_str());
    let next = if settings.tor.connects {
        let address = ("shop onion", "shows its onion address, once it is open");
        [serve, address, ("shop onion backup onion.backup", "backs up the key of that address")]
    } else {
        [serve, import, ("shop orders digest", "shows what needs your attention")]
    };
    let next = if kept.has_products && !kept.catalog { [import, next[0], next[1]] } else { next };
    say("");
    say("Next:");
    for (command, what) in next {
        say(&format!("  {command:<31} {what}"));
    }
    if !settings.tor.connects && onion::address(settings).is_none() {
        say("Only this host can reach the shop. An onion address: CONNECT_TOR=yes in .env.");
    }
}
