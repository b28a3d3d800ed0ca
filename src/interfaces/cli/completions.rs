//! `shop completions`: prints a completion script for a shell.

use std::io;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command, ValueEnum};
use clap_complete::generate;
use clap_complete::shells;

use crate::interfaces::cli::help;
use crate::interfaces::cli::output::allow_closed_pipe;

#[derive(Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub fn run(completions: &CompletionsArgs, shop: &Command) -> anyhow::Result<ExitCode> {
    let mut shop = completed(shop);
    // In memory first: the generators panic if they cannot write.
    let mut script = Vec::new();
    match completions.shell {
        Shell::Bash => generate(shells::Bash, &mut shop, "shop", &mut script),
        Shell::Zsh => generate(shells::Zsh, &mut shop, "shop", &mut script),
        Shell::Fish => generate(shells::Fish, &mut shop, "shop", &mut script),
    }
    allow_closed_pipe(io::stdout().write_all(&script).context("print the script"))?;
    Ok(ExitCode::SUCCESS)
}

/// What is completed: the visible commands, each with its own flags and the settings that it uses. All settings for every
/// command would be sixty flags, most of them without effect.
fn completed(shop: &Command) -> Command {
    let visible = shop.get_subcommands().filter(|command| !command.is_hide_set());
    let visible = visible.map(|command| with_settings("", command.clone()));
    let about = shop.get_about().cloned().unwrap_or_default();
    let shop = Command::new("shop").version(env!("CARGO_PKG_VERSION")).about(about);
    let topics = help::topics().map(Command::new);
    // Clap's own `help` has a command `help` itself, which hides all others from fish.
    let help = Command::new("help").about("Explain a command with examples").subcommands(topics);
    shop.subcommands(visible).disable_help_subcommand(true).subcommand(help)
}

fn with_settings(above: &str, command: Command) -> Command {
    let path = format!("{above}{}", command.get_name());
    let below = format!("{path} ");
    command
        .disable_help_subcommand(true)
        .args(help::settings_of(&path))
        .mut_subcommands(|command| with_settings(&below, command))
}
