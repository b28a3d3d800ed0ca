//! `shop seed`: imports the catalog file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::actions;
use crate::actions::{CheckedFile, ImportError, Stocked, Stocking};
use crate::domain::catalog::limits::MAX_BYTES;
use crate::domain::catalog::{Difference, Fault, PageSlug};
use crate::domain::values::{FileName, byte_size, plural};
use crate::infra::config::Settings;
use crate::infra::store;
use crate::infra::store::Db;
use crate::interfaces::cli::output::{say, say_error, say_json};
use crate::interfaces::cli::shop_context;
use crate::interfaces::cli::shop_context::{PAGES, folder_of};

#[derive(Args)]
pub struct SeedArgs {
    /// The catalog file, for example db/data.json
    file: PathBuf,
    /// Only validate the file; change nothing
    #[arg(long)]
    check: bool,
    /// With --check: print the result as JSON
    #[arg(long, requires = "check")]
    json: bool,
    /// Reset every quantity to the file's, even where the file has not changed
    #[arg(long, conflicts_with = "check")]
    restock: bool,
    /// Overwrite changes made at the desk that differ from the file
    #[arg(long, conflicts_with = "check")]
    over_desk: bool,
}

impl SeedArgs {
    /// The import of a file into a new shop.
    pub fn of_file(file: PathBuf) -> Self {
        Self { file, check: false, json: false, restock: false, over_desk: false }
    }
}

pub async fn run(seed: SeedArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let path = seed.file.display().to_string();
    let file = match shop_context::open_catalog(&seed.file) {
        Err(error) if seed.json => {
            let expected = format!("a regular file in UTF-8 of at most {}", byte_size(MAX_BYTES));
            let fault = Fault::new("", "", format!("{error:#}"), expected);
            return show_json(Err(ImportError::Faults(vec![fault])), &[]);
        }
        file => file?,
    };
    let folders = shop_context::seller_folders(&folder_of(&seed.file), &settings);
    // Drawn only on a terminal.
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{msg:10} {bar:40} {pos}/{len}  {eta} left") {
        bar.set_style(style);
    }
    let progress = |what: &str, done: usize, all: usize| {
        if bar.message() != what {
            bar.set_message(what.to_owned());
            bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
            bar.reset();
        }
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    };
    let wallet = settings.orders.wallet.clone();
    let mut changes = Vec::new();
    if seed.check {
        changes = list_changes(&settings, &file).await?;
    }
    let pools = list_pools(&settings).await?;
    let checked = CheckedFile::read(&file, wallet.clone(), &folders, &pools)
        .map_err(|fault| ImportError::Faults(vec![fault]));
    // No shop is created for an invalid file.
    let is_refused = shop_context::require_shop(&settings).is_err()
        && checked.as_ref().map_or(true, CheckedFile::has_faults);
    let outcome = if seed.check || is_refused {
        let validate = |checked| {
            actions::validate_catalog(checked, &folders, progress).map_err(ImportError::Faults)
        };
        checked.and_then(validate)
    } else {
        let pages = match shop_context::page_files(&folder_of(&seed.file).join("pages"))? {
            Some(files) => Some(files),
            None => shop_context::page_files(Path::new(PAGES))?,
        };
        let shop = shop_context::shop_or_new(&settings).await?;
        if !seed.over_desk
            && let Some(files) = &pages
        {
            let over = actions::list_pages_over_desk(&shop, files).await?;
            if !over.is_empty() {
                let changes = actions::list_changes(&shop.db, &file, wallet).await?;
                shop.db.close().await;
                return refuse_pages(&over, &changes, &seed);
            }
        }
        let (count_anew, over_desk) = (seed.restock, seed.over_desk);
        let stocking = Stocking { count_anew, over_desk, now: shop_context::now(), action: None };
        let stocked = match checked {
            Ok(checked) => {
                actions::import_catalog(&shop, checked, &folders, stocking, progress).await
            }
            Err(refused) => Err(refused),
        };
        if stocked.is_ok()
            && let Some(files) = &pages
        {
            actions::sync_pages(&shop, files).await?;
        }
        shop.db.close().await;
        stocked
    };
    bar.finish_and_clear();
    if seed.json {
        return show_json(outcome, &changes);
    }
    show_outcome(outcome, &changes, &path, seed.check)
}

fn show_outcome(
    outcome: Result<Stocked, ImportError>,
    changes: &[Difference],
    path: &str,
    is_check: bool,
) -> anyhow::Result<ExitCode> {
    match outcome {
        Ok(stocked) => {
            show_imported(&stocked, path, is_check);
            if !changes.is_empty() {
                say(&format!(
                    "The catalog was changed at the desk. Importing {path} would change:"
                ));
                changes.iter().for_each(|change| show_change(change, say));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(ImportError::OverDesk(changes)) => {
            say_error(&format!(
                "{path}: the catalog was changed at the desk since the last import, and this file differs"
            ));
            for change in &changes {
                show_change(change, say_error);
            }
            say_error("Nothing was changed.");
            say_error(&format!(
                "To keep the changes made at the desk, export them first: shop catalog export {path}"
            ));
            say_error(&format!("To overwrite them with the file: shop seed {path} --over-desk"));
            Ok(ExitCode::FAILURE)
        }
        Err(ImportError::Broken(error)) => Err(error),
        Err(ImportError::Faults(faults)) => {
            let n = faults.len();
            let errors = plural(n, "error", "errors");
            say_error(&format!("{path}: {errors}; the catalog was not changed"));
            for fault in faults {
                say_error(&format!("  {fault}"));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Page files would overwrite changes made at the desk: nothing is imported. Changes of the catalog are shown too, since one
/// flag overwrites both.
fn refuse_pages(
    over: &[PageSlug],
    changes: &[Difference],
    seed: &SeedArgs,
) -> anyhow::Result<ExitCode> {
    say_error("these pages were changed both at the desk and in their files:");
    over.iter().for_each(|slug| say_error(&format!("  db/pages/{slug}.md")));
    if !changes.is_empty() {
        say_error("the catalog was changed at the desk, and this file differs:");
        changes.iter().for_each(|change| show_change(change, say_error));
    }
    let path = seed.file.display();
    say_error("Nothing was changed.");
    say_error(&format!(
        "To keep the changes made at the desk, export them first: shop catalog export {path} --pages db/pages"
    ));
    say_error(&format!("To overwrite them with the files: shop seed {path} --over-desk"));
    Ok(ExitCode::FAILURE)
}

/// Prints a change, which may have several lines.
fn show_change(change: &Difference, print: impl Fn(&str)) {
    change.to_string().lines().for_each(|line| print(&format!("  {line}")));
}

/// What the import would change at the desk; a check creates no shop.
async fn list_changes(settings: &Settings, file: &File) -> anyhow::Result<Vec<Difference>> {
    if shop_context::require_shop(settings).is_err() {
        return Ok(Vec::new());
    }
    let db = Db::open(&settings.storage.database).await.context("open the database")?;
    let changes = actions::list_changes(&db, file, settings.orders.wallet.clone()).await?;
    db.close().await;
    Ok(changes)
}

/// The shop's pools of codes, if there is a shop.
async fn list_pools(settings: &Settings) -> anyhow::Result<Vec<FileName>> {
    if shop_context::require_shop(settings).is_err() {
        return Ok(Vec::new());
    }
    let db = Db::open(&settings.storage.database).await.context("open the database")?;
    let pools = store::codes::list_pools(&mut *db.reader().await?).await?;
    db.close().await;
    Ok(pools)
}

fn show_imported(stocked: &Stocked, file: &str, is_check: bool) {
    for note in &stocked.notes {
        say(&format!("note: {note}"));
    }
    let products = plural(stocked.n_products, "product", "products");
    let pictures = plural(stocked.n_pictures, "picture", "pictures");
    if is_check {
        say(&format!("{file} is valid: {products}, {pictures}. Nothing was changed."));
        return;
    }
    say(&format!("The catalog now has {products} and {pictures} ({} new).", stocked.n_rendered));
    if 0 < stocked.n_codes {
        say(&format!("{} added.", plural(stocked.n_codes, "code was", "codes were")));
    }
    if 0 < stocked.n_sold_since {
        let products = plural(stocked.n_sold_since, "product has", "products have");
        say(&format!(
            "note: {products} less stock than the file, since some was sold; --restock resets the stock, minus what open orders reserve"
        ));
    }
}

fn show_json(
    outcome: Result<Stocked, ImportError>,
    changes: &[Difference],
) -> anyhow::Result<ExitCode> {
    let is_ok = outcome.is_ok();
    let json = match outcome {
        Err(ImportError::Broken(error)) => return Err(error),
        Ok(stocked) => serde_json::json!({
            "ok": true, "products": stocked.n_products, "pictures": stocked.n_pictures, "notes": stocked.notes, "errors": [],
            "changes": changes,
        }),
        Err(ImportError::Faults(faults)) => serde_json::json!({ "ok": false, "errors": faults }),
        Err(ImportError::OverDesk(changes)) => {
            serde_json::json!({ "ok": false, "errors": [], "changes": changes })
        }
    };
    say_json(&json)?;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
