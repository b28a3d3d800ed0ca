//! The texts of `--help` and `shop help`: commands in groups, examples, and the settings from their declarations.

use std::fmt::Write;

use clap::{Arg, Command};

use crate::infra::config;

/// The commands of `shop --help`.
const GROUPS: [(&str, &[&str]); 8] = [
    ("Shop", &["demo", "init", "serve", "watch", "close", "open"]),
    ("Catalog and wallets", &["seed", "import", "catalog", "wallet", "rate"]),
    ("Orders", &["orders"]),
    ("Mail and notifications", &["mutt", "deliver", "notify"]),
    ("Web desk", &["desk"]),
    ("Onion service", &["onion"]),
    ("Checks and maintenance", &["doctor", "health", "clock", "purge", "backup", "restore"]),
    (HELP, &["completions"]),
];
const HELP: &str = "Help";

/// The end of a command's help: its name after `shop`, examples, and the settings that it uses, by their names or the headings
/// of their groups.
type Page = (&'static str, &'static [&'static str], &'static [&'static str]);

const DATABASE: &[&str] = &["DATABASE_URL"];
/// The settings of a command that writes messages to the seller.
const MAIL: &[&str] = &["DATABASE_URL", "Mail", "SITE_NAME"];
const ONION: &[&str] = &["DATABASE_URL", "ONION_FOLDER", "ONION_KEY"];
const SELLING: &[&str] = &[
    "Shop",
    "Orders and payment",
    "PRICE_IN",
    "Retention",
    "Mail",
    "Database",
    "Listeners",
    "Tor",
];
const WATCHING: &[&str] =
    &["Nodes", "Exchange rates", "TOLERANCE", "NOTIFY_COMMAND", "DATABASE_URL", "Mail"];
const ALL: &[&str] = &[
    "Shop",
    "Orders and payment",
    "Exchange rates",
    "Retention",
    "Mail",
    "Database",
    "Listeners",
    "Tor",
    "Nodes",
];

/// How settings are given.
pub const SETTINGS: &str = "\
Every setting is a line in .env (KEEP_DAYS=30), an environment variable of the same name, and a flag
of every command (--keep-days 30). A flag takes precedence over the environment, the environment
over .env. An empty value counts as not set.";

const PAGES: &[Page] = &[
    (
        "demo",
        &["shop demo", "shop demo --listen 127.0.0.1:4000"],
        &["LISTEN", "DESK_LISTEN", "SITE_NAME"],
    ),
    (
        "init",
        &[
            "shop init",
            "shop init --yes --site-name \"The Ash Tree\" --currency BTC --xpub zpub…",
            "shop init --yes --catalog demo --desk-password-file password.txt",
        ],
        ALL,
    ),
    (
        "serve",
        &["shop serve", "shop serve --tor", "shop serve --listen unix:/run/shop/shop.sock"],
        SELLING,
    ),
    ("watch", &["shop watch", "shop watch --once"], WATCHING),
    ("close", &["shop close"], DATABASE),
    ("open", &["shop open"], &["DATABASE_URL", "CLOSE_AFTER_DAYS"]),
    (
        "seed",
        &["shop seed --check db/data.json", "shop seed db/data.json"],
        &["DATABASE_URL", "WALLET", "CURRENCY"],
    ),
    (
        "import",
        &[
            "shop import products.csv --price-in EUR --dry-run",
            "shop import products.csv --price-in EUR --pictures | curl --output-dir db/images --config -",
            "shop import products.csv --price-in EUR --wallet 0x5290… --currency ETH",
        ],
        &["PRICE_IN", "WALLET", "CURRENCY", "DATABASE_URL"],
    ),
    ("catalog", &["shop catalog export db/data.json", "shop catalog reprice --by +5%"], DATABASE),
    (
        "catalog export",
        &["shop catalog export db/data.json", "shop catalog export db/data.json --pages db/pages"],
        DATABASE,
    ),
    (
        "catalog reprice",
        &["shop catalog reprice --by +5%", "shop catalog reprice --by -12.5% --yes"],
        DATABASE,
    ),
    ("wallet", &["shop wallet check"], &["DATABASE_URL", "WALLET", "CURRENCY"]),
    (
        "wallet check",
        &["shop wallet check", "shop wallet check db/data.json"],
        &["DATABASE_URL", "WALLET", "CURRENCY"],
    ),
    (
        "wallet addresses",
        &["shop wallet addresses ETH", "shop wallet addresses BTC --first 40 --count 20 --numbers"],
        DATABASE,
    ),
    (
        "rate",
        &["shop rate", "shop rate ETH 2650 --valid 24h", "shop rate --file rates.json"],
        &["DATABASE_URL", "PRICE_IN", "RATES_FILE", "RATES_HOURS"],
    ),
    ("orders", &["shop orders --open", "shop orders --state reported --since 2026-01-31"], MAIL),
    ("orders show", &["shop orders show K3QF0W2ZD7"], MAIL),
    ("orders paid", &["shop orders paid K3QF0W2ZD7", "shop orders paid - < message"], MAIL),
    ("orders partial", &["shop orders partial K3QF0W2ZD7 0.0001"], MAIL),
    ("orders shipped", &["shop orders shipped K3QF0W2ZD7 RR123456785CH"], MAIL),
    (
        "orders cancel",
        &[
            "shop orders cancel K3QF0W2ZD7 The blanket is damaged",
            "shop orders cancel --unpaid --older 30m --product mens-mining-t",
        ],
        MAIL,
    ),
    ("orders refunded", &["shop orders refunded K3QF0W2ZD7 TXID"], MAIL),
    ("orders downloads", &["shop orders downloads K3QF0W2ZD7"], &["DATABASE_URL"]),
    (
        "orders note",
        &[
            "shop orders note K3QF0W2ZD7 \"It ships on Monday.\"",
            "shop orders note K3QF0W2ZD7 < answer.txt",
        ],
        MAIL,
    ),
    (
        "orders export",
        &["shop orders export --since 2026-01-01 --until 2026-12-31 > 2026.csv"],
        MAIL,
    ),
    ("orders digest", &["shop orders digest", "shop orders digest --since 2026-01-31"], MAIL),
    ("mutt", &["shop mutt > db/muttrc", "mutt -F db/muttrc"], &["DATABASE_URL", "MAILDIR", "FROM"]),
    ("deliver", &["shop deliver -- order+K3QF0W2ZD7@shop.invalid < answer.eml"], MAIL),
    ("notify", &["shop notify", "shop notify --test"], &["NOTIFY_COMMAND", "DATABASE_URL"]),
    (
        "desk",
        &["shop desk password", "shop desk client add me"],
        &["DATABASE_URL", "DESK_LISTEN", "Tor"],
    ),
    ("desk password", &["shop desk password"], &["DATABASE_URL", "DESK_LISTEN", "SITE_NAME"]),
    ("desk sessions", &["shop desk sessions", "shop desk sessions --end"], DATABASE),
    ("desk factor", &["shop desk factor", "shop desk factor --off"], DATABASE),
    ("desk client", &["shop desk client add me"], ONION),
    ("desk client add", &["shop desk client add me"], ONION),
    ("desk client remove", &["shop desk client remove me"], ONION),
    ("desk client list", &["shop desk client list"], ONION),
    ("onion", &["shop onion", "shop onion client add alice"], &["DATABASE_URL", "Tor"]),
    ("onion client", &["shop onion client add alice"], ONION),
    ("onion client add", &["shop onion client add alice"], ONION),
    ("onion client remove", &["shop onion client remove alice"], ONION),
    ("onion client list", &["shop onion client list"], ONION),
    ("onion backup", &["shop onion backup onion.backup"], ONION),
    ("onion restore", &["shop onion restore onion.backup"], ONION),
    ("onion health", &["shop onion health"], &["DATABASE_URL", "Tor"]),
    ("doctor", &["shop doctor", "shop doctor --deep", "shop doctor --json"], ALL),
    ("health", &["shop health"], &["LISTEN"]),
    ("clock", &["shop clock", "shop clock accept"], DATABASE),
    ("clock accept", &["shop clock accept"], DATABASE),
    (
        "purge",
        &["shop purge --dry-run", "shop purge --keep-days 0"],
        &["DATABASE_URL", "Mail", "Retention"],
    ),
    ("backup", &["shop backup shop.backup"], &["DATABASE_URL", "SELLER_KEY"]),
    (
        "restore",
        &["shop restore shop.backup", "gpg -d shop.backup | shop restore -"],
        &["DATABASE_URL", "SELLER_KEY"],
    ),
    (
        "completions",
        &[
            "shop completions bash > ~/.local/share/bash-completion/completions/shop",
            "shop completions fish > ~/.config/fish/completions/shop.fish",
            "shop completions zsh > ~/.zsh/_shop  # in .zshrc: fpath=(~/.zsh $fpath)",
        ],
        &[],
    ),
];

/// Units: columns of a help text.
const WIDTH: usize = 78;

/// Adds the help texts to the command line.
pub fn describe(shop: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}",
        commands(&shop)
    );
    shop.help_template(template)
        .mut_subcommands(|command| describe_below("", command))
        .mut_subcommand("settings", |command| command.override_help(settings()))
}

fn describe_below(above: &str, command: Command) -> Command {
    let path = format!("{above}{}", command.get_name());
    let below = format!("{path} ");
    let command = command.mut_subcommands(|command| describe_below(&below, command));
    match page_of(&path) {
        Some(page) => command.after_help(end_of_help(page)),
        None => command,
    }
}

fn commands(shop: &Command) -> String {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _ = writeln!(text, "{heading}:");
        for name in names {
            let about = shop.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name:<11} {about}");
        }
        // The last group ends with the command that clap adds.
        if heading == HELP {
            text.push_str(
                "  help        Explain a command with examples: `shop help orders`\n              \
                 List all settings: `shop help settings`\n",
            );
        }
        text.push('\n');
    }
    text
}

/// What `shop help` explains.
pub fn topics() -> impl Iterator<Item = &'static str> {
    GROUPS.into_iter().flat_map(|(_, names)| names).copied().chain(["settings"])
}

/// Examples of the command with this name after `shop`.
pub fn examples_of(command: &str) -> &'static [&'static str] {
    page_of(command).map(|(_, examples, _)| *examples).unwrap_or_default()
}

/// The settings that the command with this name after `shop` uses.
pub fn settings_of(command: &str) -> Vec<Arg> {
    let known = page_of(command).map(|(.., settings)| *settings).unwrap_or_default();
    let is_used = |setting: &Arg| {
        known.contains(&config::name_of(setting).as_str()) || known.contains(&heading_of(setting))
    };
    config::declared().into_iter().filter(is_used).collect()
}

fn page_of(command: &str) -> Option<&'static Page> {
    PAGES.iter().find(|(of, ..)| *of == command)
}

fn end_of_help((command, examples, _): &Page) -> String {
    let title = if examples.len() == 1 { "Example" } else { "Examples" };
    let mut text = format!("{title}:\n  {}", examples.join("\n  "));
    let settings = settings_of(command);
    if settings.is_empty() {
        return text;
    }
    text.push_str("\n\nSettings:");
    let mut column = WIDTH;
    for name in settings.iter().map(config::name_of) {
        if WIDTH < column + 1 + name.len() {
            text.push_str("\n ");
            column = 1;
        }
        let _ = write!(text, " {name}");
        column += 1 + name.len();
    }
    text + "\n\n`shop help settings` explains them."
}

fn heading_of(setting: &Arg) -> &str {
    setting.get_help_heading().unwrap_or_default()
}

/// All settings in their groups.
pub fn settings_by_heading() -> Vec<(String, Vec<Arg>)> {
    let mut groups: Vec<(String, Vec<Arg>)> = Vec::new();
    for setting in config::declared() {
        match groups.last_mut().filter(|(heading, _)| heading == heading_of(&setting)) {
            Some((_, settings)) => settings.push(setting),
            None => groups.push((heading_of(&setting).to_owned(), vec![setting])),
        }
    }
    groups
}

/// A setting's name, and its purpose with its default.
pub fn setting_line(setting: &Arg) -> (String, String) {
    let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
    let default = setting.get_default_values().first().and_then(|default| default.to_str());
    let default = default.filter(|_| !setting.is_hide_default_value_set());
    let default = default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
    (config::name_of(setting), format!("{help}{default}"))
}

/// Every setting: its name, purpose and default.
pub fn settings() -> String {
    let mut text = format!("{SETTINGS}\n");
    for (heading, settings) in settings_by_heading() {
        let _ = writeln!(text, "\n{heading}:");
        for (name, words) in settings.iter().map(setting_line) {
            let _ = writeln!(text, "  {name:<19} {words}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(above: &str, command: &Command, found: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            let path = format!("{above}{}", below.get_name());
            paths(&format!("{path} "), below, found);
            found.push(path);
        }
    }

    #[test]
    fn every_command_has_a_page_and_every_page_a_command() {
        let mut commands = Vec::new();
        paths("", &super::super::command_line(), &mut commands);
        let mut pages: Vec<&str> = PAGES.iter().map(|(command, ..)| *command).collect();
        commands.sort();
        pages.sort_unstable();
        assert_eq!(commands, pages);
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        grouped.sort_unstable();
        commands.retain(|path| !path.contains(' '));
        assert_eq!(commands, grouped);
    }

    #[test]
    fn a_page_names_settings_and_groups_that_exist() {
        let declared = config::declared();
        for known in PAGES.iter().flat_map(|(.., settings)| *settings) {
            let is_declared =
                |setting: &Arg| config::name_of(setting) == *known || heading_of(setting) == *known;
            assert!(declared.iter().any(is_declared), "{known}");
        }
    }
}
