//! `shop import`: makes a catalog file of another shop program's product export.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, value_parser};

use crate::domain::catalog::csv_import::{
    Export, ImportRules, LeftOut, NewCatalog, Picture, curl_list,
};
use crate::domain::catalog::{CatalogFile, Fault};
use crate::domain::values::{FileName, plural};
use crate::infra::config::Settings;
use crate::infra::files::DigitalFolders;
use crate::infra::pictures::Originals;
use crate::infra::{atomic_file, bounded};
use crate::interfaces::cli::output::{say, say_error, say_text};
use crate::interfaces::cli::shop_context;
use crate::interfaces::cli::shop_context::folder_of;

#[derive(Args)]
pub struct ImportArgs {
    /// The export: a CSV file of WooCommerce or Shopify
    file: PathBuf,
    /// Only say what would be taken over; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a list for `curl --config -` that fetches the missing pictures; write nothing
    #[arg(long, conflicts_with = "dry_run")]
    pictures: bool,
    /// Catalog file to write; its wallets, shipping methods and discounts stay
    #[arg(long, value_name = "FILE", default_value = shop_context::DATA)]
    output: PathBuf,
    /// Replace the products of the catalog file
    #[arg(long)]
    replace: bool,
    /// Stock of products whose stock is not counted there
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    #[arg(value_parser = value_parser!(i64).range(0..=1_000_000))]
    stock: i64,
    /// Make categories of tags, too
    #[arg(long)]
    tags: bool,
}

/// Units: bytes. An export of 100,000 products has about 100 MB.
const MAX_BYTES: u64 = 256 << 20;

pub fn run(import: &ImportArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = import.file.display();
    let currency = settings.rates.price_in.context(
        "the export does not say in which currency its prices are: add --price-in EUR, or PRICE_IN=EUR to .env",
    )?;
    let rules = ImportRules { currency, uncounted: import.stock, with_tags: import.tags };
    let bytes =
        bounded::read_file(&import.file, MAX_BYTES).with_context(|| format!("read {path}"))?;
    let export = match Export::read(&bytes, rules) {
        Ok(export) => export,
        Err(faults) => return Ok(refuse(&import.file, &faults)),
    };
    let folder = folder_of(&import.output);
    let pictures = present_pictures(&export, &shop_context::originals(&folder));
    if import.pictures {
        let missing =
            export.pictures().into_iter().filter(|picture| !pictures.contains(&picture.file));
        say_text(&curl_list(missing));
        return Ok(ExitCode::SUCCESS);
    }
    let base = match base(import, settings)? {
        Ok(base) => base,
        Err(faults) => return Ok(refuse(&import.output, &faults)),
    };
    let digital = DigitalFolders::new(&shop_context::home(settings));
    let has_file = |name: &FileName| digital.size(name).is_ok();
    let new = match export.catalog(base, &|file| pictures.contains(file), &has_file) {
        Ok(new) => new,
        Err(faults) => return Ok(refuse(&import.file, &faults)),
    };
    show(import, &export, &new, &pictures);
    if import.dry_run {
        say("Nothing was written.");
        return Ok(ExitCode::SUCCESS);
    }
    shop_context::make_folder(&folder)?;
    let output = import.output.display();
    // Private, since it may contain a view key.
    atomic_file::write(&import.output, new.file.write().as_bytes(), 0o600)
        .with_context(|| format!("write {output}"))?;
    let products = plural(new.file.products.len(), "product", "products");
    say(&format!("Wrote {products} to {output}. To import them: shop seed {output}"));
    say(&format!(
        "Prices are in {currency}, which needs PRICE_IN={currency} in .env and a rate for each coin: shop rate"
    ));
    Ok(ExitCode::SUCCESS)
}

fn refuse(file: &Path, faults: &[Fault]) -> ExitCode {
    let errors = plural(faults.len(), "error", "errors");
    say_error(&format!("{}: {errors}; nothing was written", file.display()));
    faults.iter().for_each(|fault| say_error(&format!("  {fault}")));
    ExitCode::FAILURE
}

/// Which of the export's pictures the seller has already.
fn present_pictures(export: &Export, originals: &Originals) -> HashSet<String> {
    let is_here = |picture: &&Picture| originals.find(&picture.file).is_ok();
    export.pictures().into_iter().filter(is_here).map(|picture| picture.file.clone()).collect()
}

/// What the new file has beside its products: all of the old one, or the wallet of the settings.
fn base(
    import: &ImportArgs,
    settings: &Settings,
) -> anyhow::Result<Result<CatalogFile, Vec<Fault>>> {
    let wallet = settings.orders.wallet.clone();
    let output = import.output.display();
    if import.output.try_exists().with_context(|| format!("find {output}"))? {
        let file = shop_context::open_catalog(&import.output)?;
        let (mut base, faults) = CatalogFile::read(file, wallet.clone());
        if !faults.is_empty() {
            return Ok(Err(faults));
        }
        anyhow::ensure!(
            base.products.is_empty() || import.replace || import.dry_run,
            "{output} has {} already: --replace replaces them and keeps its wallets, shipping methods and discounts. \
             Nothing was written",
            plural(base.products.len(), "product", "products")
        );
        base.products.clear();
        base.wallets =
            if base.wallets.is_empty() { wallet.into_iter().collect() } else { base.wallets };
        anyhow::ensure!(!base.wallets.is_empty(), "{output} has no wallet: {WALLET}");
        return Ok(Ok(base));
    }
    if shop_context::require_shop(settings).is_ok() {
        anyhow::bail!(
            "this shop has no file {output}: write its catalog first, with shop catalog export {output}"
        );
    }
    let wallet = wallet.with_context(|| format!("there is no file {output}: {WALLET}"))?;
    Ok(Ok(CatalogFile { wallets: vec![wallet], ..CatalogFile::default() }))
}

const WALLET: &str = "add a wallet, for example --wallet 0x5290… --currency ETH, or write the file first (shop init)";

fn show(import: &ImportArgs, export: &Export, new: &NewCatalog, pictures: &HashSet<String>) {
    let file = &new.file;
    new.left_out.iter().for_each(|left: &LeftOut| say(&format!("not taken over: {left}")));
    file.notes.iter().for_each(|note| say(&format!("note: {note}")));
    let n_options = file.products.iter().map(|product| product.options.len()).sum::<usize>();
    let missing = export.pictures().len() - pictures.len();
    say(&format!(
        "{} ({}): {}, {}, {}.",
        import.file.display(),
        export.source,
        plural(file.products.len(), "product", "products"),
        plural(n_options, "option", "options"),
        plural(pictures.len(), "picture", "pictures"),
    ));
    if 0 < missing {
        let pictures = plural(missing, "picture is", "pictures are");
        say_text(&format!(
            "{pictures} not in db/images. The shop fetches nothing. To fetch them, run this again with\n  \
             --pictures | curl --create-dirs --output-dir db/images --config -\n\
             and then without."
        ));
    }
}
