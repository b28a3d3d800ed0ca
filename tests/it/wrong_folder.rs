//! A command in a folder without a shop makes none, and says where it looked.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use crate::world::{World, catalog};

/// Every command, with arguments that would do something where a shop is. Those that may make one are tried below.
const COMMANDS: [&str; 55] = [
    "catalog export",
    "catalog export copy.json --pages pages",
    "orders",
    "orders --json",
    "orders show K3QF0W2ZD7",
    "orders paid K3QF0W2ZD7",
    "orders partial K3QF0W2ZD7 0.1",
    "orders shipped K3QF0W2ZD7",
    "orders cancel K3QF0W2ZD7",
    "orders refunded K3QF0W2ZD7 --anyway",
    "orders note K3QF0W2ZD7 words",
    "orders export",
    "orders export --json",
    "orders digest",
    "deliver -- order+K3QF0W2ZD7@shop.invalid",
    "mutt",
    "mutt --folder /shop --command shop",
    "wallet check",
    "wallet check --json",
    "wallet addresses ETH",
    "watch",
    "watch --once",
    "watch --stop",
    "watch --forget",
    "watch --once --eth-rpc-url http://127.0.0.1:9",
    "onion",
    "onion --json",
    "onion client list",
    "onion client add alice",
    "onion client remove alice",
    "onion backup sealed",
    "onion health",
    "desk password",
    "desk sessions",
    "desk sessions --end",
    "desk factor",
    "desk factor --off",
    "desk client list",
    "desk client add alice",
    "desk client remove alice",
    "purge",
    "purge --dry-run",
    "clock",
    "clock accept",
    "close",
    "open",
    "backup copy.tar",
    "backup -",
    "rate",
    "rate ETH 2650",
    "catalog reprice --by +5%",
    "doctor",
    "doctor --json",
    "notify",
    "notify --test",
];

fn everything_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn run_command(world: &World, command: &str) -> Output {
    let arguments: Vec<&str> = command.split(' ').collect();
    world.told(&arguments, b"cinder-otter-velvet-28-plum\ncinder-otter-velvet-28-plum\n")
}

#[test]
fn no_command_creates_a_shop_in_the_wrong_folder() {
    for command in COMMANDS {
        let world = World::closed(&[]);
        let output = run_command(&world, command);
        let code = if command.starts_with("deliver") { 78 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{command}: {}", error_text(&output));
        assert_eq!(everything_in(world.home.path()), [""; 0], "{command}");
        let words = error_text(&output);
        // Of Tor's own part it is said what Tor does not do.
        if command != "onion health" && command != "onion --json" {
            let place = world.home.path().canonicalize().unwrap();
            assert!(words.contains(place.to_str().unwrap()), "{command}: {words}");
        }
        if !command.starts_with("onion") {
            assert!(words.contains("db/shop.sqlite") && words.contains("shop serve"), "{words}");
        }
    }
}

#[test]
fn every_command_of_the_help_is_tried() {
    let help = World::closed(&[]).says(&["--help"]);
    let (commands, _) = help.split_once("\nOptions:\n").unwrap();
    let lines = commands.lines().filter_map(|line| line.strip_prefix("  "));
    let listed: BTreeSet<&str> = lines
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let tried: BTreeSet<&str> =
        COMMANDS.iter().map(|command| command.split(' ').next().unwrap()).collect();
    // Those that make a shop or its catalog file; the one that asks an open shop by its address; and words about the program itself.
    let others = BTreeSet::from([
        "serve",
        "seed",
        "import",
        "restore",
        "demo",
        "init",
        "health",
        "completions",
        "help",
    ]);
    let expected: BTreeSet<&str> = tried.union(&others).copied().collect();
    assert_eq!(listed, expected);
}

#[test]
fn the_database_is_looked_for_where_the_settings_say() {
    let world = World::closed(&[]);
    let elsewhere = tempfile::tempdir().unwrap();
    let place = elsewhere.path().join("deep/er/my.sqlite");
    let output =
        world.shop(&["orders", "--database-url", &format!("sqlite://{}", place.display())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error_text(&output).contains(place.to_str().unwrap()), "{}", error_text(&output));
    assert_eq!(everything_in(elsewhere.path()), [""; 0]);
    // A folder where a file is meant.
    fs::write(world.path("db"), "a file").unwrap();
    let output = world.shop(&["orders"]);
    assert!(error_text(&output).contains("there is no shop here"), "{}", error_text(&output));
}

#[test]
fn an_empty_file_and_another_programs_database_are_no_shop() {
    let world = World::closed(&[]);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/shop.sqlite"), "").unwrap();
    let output = world.shop(&["orders"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error_text(&output).contains("is empty"), "{}", error_text(&output));
    world.sql("create table songs (title text); ");
    let before = fs::read(world.path("db/shop.sqlite")).unwrap();
    for command in ["orders", "seed data.json", "serve --listen 127.0.0.1:0", "doctor"] {
        fs::write(world.path("data.json"), catalog().to_string()).unwrap();
        let output = run_command(&world, command);
        let words = format!("{}{}", error_text(&output), String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.status.code(), Some(1), "{command}: {words}");
        assert!(words.contains("not of a shop"), "{command}: {words}");
        assert_eq!(fs::read(world.path("db/shop.sqlite")).unwrap(), before, "{command}");
    }
}

#[test]
fn an_invalid_catalog_creates_no_shop() {
    let world = World::closed(&[]);
    fs::write(world.path("bad.json"), "{\"products\": {\"_model\": \"Product\", \"a\": {}}}")
        .unwrap();
    fs::write(world.path("torn.json"), "{").unwrap();
    let mut missing = catalog();
    missing["products"]["tea"]["images"] = serde_json::json!(["none.jpg"]);
    fs::write(world.path("missing.json"), missing.to_string()).unwrap();
    let before = everything_in(world.home.path());
    for command in [
        "seed none.json",
        "seed bad.json",
        "seed torn.json",
        "seed missing.json",
        "seed --check none.json",
        "seed --check bad.json",
        "wallet check none.json",
        "restore none.tar",
        "restore bad.json",
    ] {
        let output = run_command(&world, command);
        assert_eq!(output.status.code(), Some(1), "{command}: {}", error_text(&output));
        assert_eq!(everything_in(world.home.path()).len(), before.len(), "{command}");
    }
    // What needs no shop needs none.
    fs::write(world.path("data.json"), catalog().to_string()).unwrap();
    for command in
        ["seed --check data.json", "wallet check data.json", "--version", "help", "help orders"]
    {
        assert!(run_command(&world, command).status.success(), "{command}");
    }
    assert_eq!(everything_in(world.home.path()).len(), before.len() + 1);
    assert!(run_command(&world, "seed data.json").status.success());
    assert!(world.says(&["orders"]).contains("No orders yet"));
    // The doctor looks, and makes nothing.
    assert!(!world.path("db/shop.secret").exists());
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("created at the first start"), "{doctor}");
    assert!(!world.path("db/shop.secret").exists());
}

#[test]
fn health_reports_that_there_is_no_shop_here() {
    let world = World::closed(&[("LISTEN", "unix:door")]);
    let output = world.shop(&["health"]);
    assert_eq!(output.status.code(), Some(1));
    let words = error_text(&output);
    assert!(words.contains("unix:door") && words.contains("there is no shop here"), "{words}");
    assert_eq!(everything_in(world.home.path()), [""; 0]);
}
