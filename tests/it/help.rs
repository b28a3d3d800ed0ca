//! What the program says of its commands and settings.

use std::collections::BTreeMap;
use std::fs;

use shop::infra::config::NAMES;

use crate::world::World;

/// The commands of a help, with those below them: `orders`, `orders paid`.
fn commands(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(above) = waiting.pop() {
        let help = help(world, &above);
        let listed = help.split("\nOptions:\n").next().unwrap();
        let listed = listed.split("\nArguments:\n").next().unwrap();
        let lines = listed.lines().filter_map(|line| line.strip_prefix("  "));
        for name in lines.filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty())
        {
            if name != "help" {
                let command = format!("{above} {name}").trim_start().to_owned();
                found.push(command.clone());
                waiting.push(command);
            }
        }
    }
    assert!(40 < found.len(), "{found:?}");
    found
}

fn help(world: &World, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
    world.says(&words)
}

#[test]
fn every_commands_help_explains_its_arguments_and_has_an_example() {
    let world = World::closed(&[]);
    for command in commands(&world) {
        let help = help(&world, &command);
        let usage = help.lines().find_map(|line| line.strip_prefix("Usage: shop ")).unwrap();
        let is_argument = |word: &&str| word.starts_with(['<', '[']) && !word.contains("OPTIONS");
        for argument in usage.split(' ').filter(is_argument) {
            let explained = help
                .lines()
                .filter_map(|line| line.strip_prefix("  ")?.trim_start().split_once("  "));
            let mut explained = explained.filter(|(_, words)| !words.trim().is_empty());
            let is_explained = explained.any(|(first, _)| first.ends_with(argument));
            assert!(is_explained || argument.contains("COMMAND"), "{command}: {argument}\n{help}");
        }
        for line in help.lines().filter(|line| line.trim_start().starts_with("--")) {
            assert!(line.trim().contains("  "), "{command}: {line}");
        }
        let (_, examples) = help.split_once("\nExample").unwrap_or_else(|| panic!("{help}"));
        assert!(examples.contains(&format!("shop {command}")), "{command}: {examples}");
        assert_eq!(
            help,
            world.says(&[&["help"], &*command.split(' ').collect::<Vec<_>>()].concat())
        );
        let Some((_, settings)) = examples.split_once("Settings:\n") else {
            assert_eq!(command, "completions");
            continue;
        };
        let (settings, _) = settings.split_once("\n\n").unwrap();
        for name in settings.split_whitespace() {
            assert!(NAMES.iter().any(|known| known == name), "{command}: {name}");
        }
    }
}

/// Each setting of `shop help settings` with what is said of it.
fn settings(world: &World) -> BTreeMap<String, String> {
    let text = world.says(&["help", "settings"]);
    let lines = text.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' '));
    lines.map(|(name, words)| (name.to_owned(), words.trim().to_owned())).collect()
}

#[test]
fn every_setting_is_listed_with_a_sentence_and_its_default() {
    let world = World::closed(&[]);
    let listed = settings(&world);
    let known: Vec<&String> =
        NAMES.iter().filter(|name| !matches!(name.as_str(), "PASSWORD" | "TOR")).collect();
    let mut names: Vec<&String> = listed.keys().collect();
    names.sort_by_key(|name| known.iter().position(|known| known == name));
    assert_eq!(names, known);
    for (name, words) in &listed {
        assert!(8 <= words.len(), "{name}: {words}");
    }
    for (name, default) in [
        ("KEEP_DAYS", "30"),
        ("LISTEN", "127.0.0.1:3000"),
        ("DATABASE_URL", "sqlite://db/shop.sqlite"),
        ("ONION_FOLDER", "tor, next to the database"),
        ("CONFIRMATIONS", "BTC=2 LTC=6 XMR=10 ETH=final"),
    ] {
        assert!(listed[name].ends_with(&format!(" [default: {default}]")), "{name}");
    }
    // It needs no settings that can be read.
    fs::write(world.path(".env"), "KEEP_DAYS=long\n").unwrap();
    assert_eq!(settings(&world), listed);
}

#[test]
fn the_example_of_settings_and_the_manual_have_the_defaults_of_the_program() {
    let listed = settings(&World::closed(&[]));
    let file =
        |path: &str| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (example, manual) = (file(".env.example"), file("docs/manual/settings.md"));
    let default = |words: &str| {
        let (_, default) = words.rsplit_once("[default: ")?;
        Some(default.trim_end_matches(']').to_owned())
    };
    for line in example.lines().filter_map(|line| line.strip_prefix('#')) {
        let Some((name, value)) = line.split_once('=') else { continue };
        let Some(default) = listed.get(name).and_then(|words| default(words)) else { continue };
        // These show what an own value looks like.
        if !["SITE_NAME", "SITE_URL", "DESK_LISTEN", "PREFERRED_CURRENCY"].contains(&name) {
            assert!(default.starts_with(value), "{name}={value}, but {default}");
        }
    }
    for name in listed.keys() {
        let row = manual.lines().find(|line| {
            line.starts_with("| `")
                && line.split(" | ").next().unwrap().contains(&format!("`{name}`"))
        });
        assert!(row.is_some(), "{name} is missing in docs/manual/settings.md");
    }
}
