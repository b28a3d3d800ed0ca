//! `shop seed`: imports the catalog file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use crate::actions;
use crate::actions::{ImportError, Stocked, Stocking};
use crate::domain::catalog::limits::MOST_BYTES;
use crate::domain::catalog::{Difference, Fault, PageSlug};
use crate::domain::values::{byte_size, plural};
use crate::infra::config::Settings;
use crate::infra::store::Db;
use crate::interfaces::cli::open;
use crate::interfaces::cli::open::folder_of;
use crate::interfaces::cli::output::{say, say_error, say_json};

#[derive(Args)]
pub struct Seed {
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

pub async fn run(seed: Seed, settings: Settings) -> anyhow::Result<ExitCode> {
    let shown = seed.file.display().to_string();
    let text = match open::catalog_text(&seed.file) {
        Err(error) if seed.json => {
            let expected = format!("a regular file in UTF-8 of at most {}", byte_size(MOST_BYTES));
            let fault = Fault::new("", "", format!("{error:#}"), expected);
            return say_outcome(Err(ImportError::Faults(vec![fault])), &[]);
        }
        text => text?,
    };
    let folders = open::originals(&folder_of(&seed.file));
    let bar = Bar::default();
    let progress = |what: &str, done: usize, all: usize| bar.show(what, done, all);
    let wallet = settings.orders.wallet.clone();
    let mut changes = Vec::new();
    let outcome = if seed.check {
        changes = changes_of(&settings, &text).await?;
        actions::validate_catalog(&text, wallet, &folders, progress).map_err(ImportError::Faults)
    } else if open::require_shop(&settings).is_err()
        && actions::has_faults(&text, wallet.clone(), &folders)
    {
        // No shop is made for a file that cannot fill it.
        actions::validate_catalog(&text, wallet, &folders, progress).map_err(ImportError::Faults)
    } else {
        let pages = pages_of(&seed.file)?;
        let shop = open::shop_or_new(&settings).await?;
        if !seed.over_desk
            && let Some(files) = &pages
        {
            let over = actions::list_pages_over_desk(&shop, files).await?;
            if !over.is_empty() {
                let changes = actions::list_changes(&shop.db, &text, wallet).await?;
                shop.db.close().await;
                return refuse_pages(&over, &changes, &seed);
            }
        }
        let stocking =
            Stocking { count_anew: seed.restock, over_desk: seed.over_desk, action: None };
        let stocked =
            actions::import_catalog(&shop, &text, wallet, &folders, stocking, progress).await;
        if stocked.is_ok()
            && let Some(files) = &pages
        {
            actions::sync_pages(&shop, files).await?;
        }
        shop.db.close().await;
        stocked
    };
    bar.clear();
    if seed.json {
        return say_outcome(outcome, &changes);
    }
    tell_outcome(outcome, &changes, &shown, seed.check)
}

fn tell_outcome(
    outcome: Result<Stocked, ImportError>,
    changes: &[Difference],
    shown: &str,
    is_check: bool,
) -> anyhow::Result<ExitCode> {
    match outcome {
        Ok(stocked) => {
            tell(&stocked, shown, is_check);
            if !changes.is_empty() {
                say(&format!(
                    "The catalog was changed at the desk. Importing {shown} would change:"
                ));
                changes.iter().for_each(|change| tell_change(change, say));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(ImportError::OverDesk(changes)) => {
            say_error(&format!(
                "{shown}: the catalog was changed at the desk since the last import, and this file differs"
            ));
            for change in &changes {
                tell_change(change, say_error);
            }
            say_error("Nothing was changed.");
            say_error(&format!(
                "To keep the changes made at the desk, export them first: shop catalog export {shown}"
            ));
            say_error(&format!("To overwrite them with the file: shop seed {shown} --over-desk"));
            Ok(ExitCode::FAILURE)
        }
        Err(ImportError::Broken(error)) => Err(error),
        Err(ImportError::Faults(faults)) => {
            let n = faults.len();
            let errors = plural(n, "error", "errors");
            say_error(&format!("{shown}: {errors}; the catalog was not changed"));
            for fault in faults {
                say_error(&format!("  {fault}"));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Files of pages would take the place of what was done at the desk: nothing is seeded. What the catalog would lose is
/// said in the same breath, since one flag stands for both.
fn refuse_pages(
    over: &[PageSlug],
    changes: &[Difference],
    seed: &Seed,
) -> anyhow::Result<ExitCode> {
    say_error("these pages were changed both at the desk and in their files:");
    over.iter().for_each(|slug| say_error(&format!("  db/pages/{slug}.md")));
    if !changes.is_empty() {
        say_error("the catalog was changed at the desk, and this file differs:");
        changes.iter().for_each(|change| tell_change(change, say_error));
    }
    let shown = seed.file.display();
    say_error("Nothing was changed.");
    say_error(&format!(
        "To keep the changes made at the desk, export them first: shop catalog export {shown} --pages db/pages"
    ));
    say_error(&format!("To overwrite them with the files: shop seed {shown} --over-desk"));
    Ok(ExitCode::FAILURE)
}

/// A change may need several lines; `say`: what becomes of each.
fn tell_change(change: &Difference, say: impl Fn(&str)) {
    change.to_string().lines().for_each(|line| say(&format!("  {line}")));
}

/// What a check can say of what the desk did; a shop that is not there yet is not made for it.
async fn changes_of(settings: &Settings, text: &str) -> anyhow::Result<Vec<Difference>> {
    if open::require_shop(settings).is_err() {
        return Ok(Vec::new());
    }
    let db = Db::open(&settings.storage.database).await.context("open the database")?;
    let changes = actions::list_changes(&db, text, settings.orders.wallet.clone()).await?;
    db.close().await;
    Ok(changes)
}

fn tell(stocked: &Stocked, file: &str, only_checked: bool) {
    for note in &stocked.notes {
        say(&format!("note: {note}"));
    }
    let products = plural(stocked.n_products, "product", "products");
    let pictures = plural(stocked.n_pictures, "picture", "pictures");
    if only_checked {
        say(&format!("{file} is valid: {products}, {pictures}. Nothing was changed."));
        return;
    }
    say(&format!("The catalog now has {products} and {pictures} ({} new).", stocked.n_rendered));
    if 0 < stocked.n_sold_since {
        let products = plural(stocked.n_sold_since, "product has", "products have");
        say(&format!(
            "note: {products} less stock than the file, since some was sold; --restock resets the stock, minus what open orders reserve"
        ));
    }
}

fn say_outcome(
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

fn pages_of(file: &Path) -> anyhow::Result<Option<Vec<actions::PageFile>>> {
    match open::page_files(&folder_of(file).join("pages"))? {
        Some(files) => Ok(Some(files)),
        None => open::page_files(Path::new("db/pages")),
    }
}

/// Progress on a terminal; silence elsewhere.
#[derive(Default)]
struct Bar(Mutex<Option<(String, ProgressBar)>>);

impl Bar {
    fn show(&self, what: &str, done: usize, all: usize) {
        let mut shown = self.0.lock();
        if shown.as_ref().is_none_or(|(name, _)| name != what) {
            if let Some((_, bar)) = shown.take() {
                bar.finish_and_clear();
            }
            let bar = ProgressBar::new(u64::try_from(all).unwrap_or(u64::MAX));
            if let Ok(style) =
                ProgressStyle::with_template("{msg:10} {bar:40} {pos}/{len}  {eta} left")
            {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            *shown = Some((what.to_owned(), bar));
        }
        if let Some((_, bar)) = shown.as_ref() {
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        }
    }

    fn clear(&self) {
        if let Some((_, bar)) = self.0.lock().take() {
            bar.finish_and_clear();
        }
    }
}
