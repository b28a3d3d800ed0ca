//! `shop man`: writes the man pages, for packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::PossibleValue;
use clap::{Arg, Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::interfaces::cli::help;

#[derive(Args)]
pub struct ManArgs {
    /// Folder for the pages; created if it is missing
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Date at the end of each page: YYYY-MM-DD
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true)]
    date: String,
}

/// The files and folders of a shop, and what they are.
const FILES: &[(&str, &str)] = &[
    (".env", "Settings."),
    ("db/data.json", "The catalog: wallets, products, shipping, discounts."),
    ("db/images/", "Your pictures of products."),
    ("db/files/", "Files that digital products deliver."),
    ("db/codes/", "Codes that digital products deliver."),
    ("db/pages/", "Your own pages, as Markdown."),
    ("db/seller.asc", "Your OpenPGP public key, unless SELLER_KEY names another file."),
    ("db/mirrors.txt", "Your signed list of addresses."),
    (
        "db/shop.sqlite",
        "The database, unless DATABASE_URL names another file. It has two companions while it is open.",
    ),
    ("db/import.lock", "Empty; locked during an import."),
    ("db/shop.secret", "Encrypts cookies."),
    ("db/pictures/", "Rendered pictures, without metadata."),
    ("db/onion.key", "The key of the onion service, if the shop created it."),
    ("db/tor/", "The folder that the shop shares with Tor, unless ONION_FOLDER names another one."),
    ("mailorders/", "The Maildir that orders are written to, unless MAILDIR names another one."),
];

const EXIT_CODES: [(&str, &str); 3] = [
    ("0", "Done."),
    (
        "1",
        "Failed, or refused; the reason is on standard error. `shop deliver` has the codes of sysexits.h.",
    ),
    ("2", "The command line is wrong."),
];

pub fn run(man: &ManArgs, shop: Command) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&man.folder).with_context(|| format!("create {}", man.folder.display()))?;
    let mut shop = prepared(shop.disable_help_subcommand(true));
    shop.build();
    write_pages(&man.folder, &man.date, &shop, "")?;
    Ok(ExitCode::SUCCESS)
}

fn prepared(command: Command) -> Command {
    command
        .subcommand_help_heading("COMMANDS")
        .subcommand_value_name("COMMAND")
        .mut_args(with_values)
        .mut_subcommands(prepared)
}

/// Possible values as in `--help`, on the line of the text. Where clap_mangen writes them as a list, `mandoc` warns.
fn with_values(argument: Arg) -> Arg {
    let values = argument.get_possible_values();
    let is_list = argument.get_action().takes_values() && !values.is_empty();
    if !is_list || argument.is_hide_possible_values_set() {
        return argument;
    }
    let names: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let help = format!("{help} [possible values: {}]", names.join(", "));
    argument.help(help).hide_possible_values(true)
}

/// Writes a command's page and those of the commands below it. `path`: its name, without `shop`.
fn write_pages(folder: &Path, date: &str, command: &Command, path: &str) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or("shop").to_owned();
    let page = Man::new(command.clone())
        .title(name.to_uppercase())
        .date(date)
        .source(concat!("shop ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    let mut below = command.get_subcommands().filter(|command| !command.is_hide_set()).peekable();
    if below.peek().is_some() {
        page.render_subcommands_section(&mut text)?;
    }
    own_sections(path).to_writer(&mut text)?;
    let file = folder.join(format!("{name}.1"));
    fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
    for command in below {
        let path = format!("{path} {}", command.get_name());
        write_pages(folder, date, command, path.trim_start())?;
    }
    Ok(())
}

fn own_sections(path: &str) -> Roff {
    let mut page = Roff::default();
    if path.is_empty() {
        all_settings(&mut page);
        page.control("SH", ["FILES"]);
        page.text([roman(
            "All paths are relative to the shop's folder, in which every command is run.",
        )]);
        list(&mut page, FILES.iter().copied());
        page.control("SH", ["EXIT STATUS"]);
        list(&mut page, EXIT_CODES);
        return page;
    }
    let settings = help::settings_of(path);
    if !settings.is_empty() {
        page.control("SH", ["ENVIRONMENT"]);
        page.text([
            roman("Each is also a flag of this command, and a line in "),
            italic(".env"),
            roman(": see "),
            bold("shop"),
            roman("(1)."),
        ]);
        list(&mut page, settings.iter().map(help::setting_line));
    }
    let examples = help::examples_of(path);
    if !examples.is_empty() {
        page.control("SH", ["EXAMPLES"]);
        page.control("EX", []);
        for example in examples {
            page.text([roman(*example)]);
        }
        page.control("EE", []);
    }
    page.control("SH", ["SEE ALSO"]);
    let mut above = vec![bold("shop"), roman("(1)")];
    if let Some((command, _)) = path.rsplit_once(' ') {
        let command = command.replace(' ', "-");
        above.extend([roman(", "), bold(format!("shop-{command}")), roman("(1)")]);
    }
    page.text(above);
    page
}

fn all_settings(page: &mut Roff) {
    page.control("SH", ["ENVIRONMENT"]);
    page.text([roman(help::SETTINGS.replace('\n', " "))]);
    for (heading, settings) in help::settings_by_heading() {
        page.control("SS", [heading.as_str()]);
        list(page, settings.iter().map(help::setting_line));
    }
}

/// A list of names, each with its explanation.
fn list<Name: AsRef<str>, Words: AsRef<str>>(
    page: &mut Roff,
    items: impl IntoIterator<Item = (Name, Words)>,
) {
    for (name, words) in items {
        page.control("TP", []);
        page.text([bold(name.as_ref())]);
        page.text([roman(words.as_ref())]);
    }
}
