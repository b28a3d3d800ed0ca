//! `shop catalog`: exports the catalog, and changes all prices.

use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::actions;
use crate::domain::catalog::PageSlug;
use crate::domain::catalog::reprice::PriceChange;
use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::infra::{atomic_file, store};
use crate::interfaces::cli::output::{ask, say, say_text};
use crate::interfaces::cli::shop_context;

#[derive(Args)]
pub struct CatalogArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Export the catalog as a file that `shop seed` imports: `shop catalog export db/data.json`
    Export {
        /// Output file [default: standard output]
        file: Option<PathBuf>,
        /// Also export your pages as Markdown files to this folder: `--pages db/pages`
        #[arg(long, value_name = "FOLDER")]
        pages: Option<PathBuf>,
    },
    /// Change all prices of products by a percentage; shows every change first, and asks
    Reprice {
        /// By how much: +5% or -12.5%
        #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
        by: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub async fn run(command: CatalogArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    match command.action {
        Action::Export { file, pages } => export(file, pages, settings).await,
        Action::Reprice { by, yes } => reprice(&by, yes, settings).await,
    }
}

async fn reprice(by: &str, is_sure: bool, settings: Settings) -> anyhow::Result<ExitCode> {
    let change = PriceChange::parse(by).with_context(|| format!("--by {by}"))?;
    let shop = shop_context::shop(&settings).await?;
    let changes = actions::list_price_changes(&shop, change).await?;
    for change in &changes {
        say_text(&change.to_string());
    }
    let products = plural(changes.len(), "product", "products");
    if changes.is_empty() {
        say("No price would change.");
        return Ok(ExitCode::SUCCESS);
    }
    let question = format!("Change the prices of {products} by {change}?");
    if !is_sure && let Some(code) = ask(&question, "nothing was changed")? {
        return Ok(code);
    }
    let is_done = actions::reprice(&shop, change, &changes, shop_context::now()).await?;
    shop.db.close().await;
    anyhow::ensure!(
        is_done,
        "the catalog has changed meanwhile: run this again; nothing was changed"
    );
    say(&format!(
        "Changed the prices of {products} by {change}. The catalog file is older now: `shop catalog export db/data.json` writes it again."
    ));
    Ok(ExitCode::SUCCESS)
}

async fn export(
    file: Option<PathBuf>,
    pages: Option<PathBuf>,
    settings: Settings,
) -> anyhow::Result<ExitCode> {
    let shop = shop_context::shop(&settings).await?;
    actions::await_import(&shop).await.context("complete the catalog import")?;
    actions::name_pictures(&shop).await.context("find the names of the pictures")?;
    let catalog = store::catalog_export::read(&mut *shop.db.reader().await?)
        .await
        .context("read the catalog")?;
    let texts = actions::list_page_texts(&shop).await?;
    shop.db.close().await;
    if let Some(first) = catalog.incomplete.first() {
        anyhow::bail!(
            "the texts or picture names of {}, for example {first:?}, are incomplete: an older version of the shop did not store them. \
             Import the catalog once from its file (shop seed db/data.json), then export it. Nothing was written",
            plural(catalog.incomplete.len(), "product", "products")
        );
    }
    if let Some(folder) = &pages {
        write_pages(folder, &texts)?;
        // Otherwise standard output is the catalog.
        if file.is_some() {
            say(&format!(
                "Wrote {} to {}.",
                plural(texts.len(), "page", "pages"),
                folder.display()
            ));
        }
    }
    let text = catalog.file.write();
    match file {
        None => {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).context("write the catalog")?;
            out.flush().context("write the catalog")?;
        }
        Some(file) => {
            let shown = file.display();
            // Atomically, so that a full disk destroys no catalog; private, since it may contain a view key.
            atomic_file::write(&file, text.as_bytes(), 0o600)
                .with_context(|| format!("write {shown}"))?;
            let n = catalog.file.products.len();
            say(&format!("Wrote {} to {shown}.", plural(n, "product", "products")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Files of pages that were removed at the desk stay: what is in the folder is the seller's to remove.
fn write_pages(folder: &Path, texts: &[(PageSlug, String)]) -> anyhow::Result<()> {
    shop_context::make_folder(folder)?;
    for (slug, text) in texts {
        let path = folder.join(format!("{slug}.md"));
        atomic_file::write(&path, text.as_bytes(), 0o600)
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
