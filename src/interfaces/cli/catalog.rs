//! `shop catalog`: exports the catalog.

use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::actions;
use crate::domain::catalog::PageSlug;
use crate::domain::values::plural;
use crate::infra::config::Settings;
use crate::infra::{atomic_file, store};
use crate::interfaces::cli::output::say;
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
}

pub async fn run(command: CatalogArgs, settings: Settings) -> anyhow::Result<ExitCode> {
    let Action::Export { file, pages } = command.action;
    let shop = shop_context::shop(&settings).await?;
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
