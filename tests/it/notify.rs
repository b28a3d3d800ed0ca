//! The seller's own program, `NOTIFY_COMMAND`: what it is told, and when it runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::watch::Watch;
use crate::world::{Buyer, World, catalog};

const MESSAGE: &str = "Is the tea fresh? I live at 12 Harbour Lane.";

/// A shop with this script as the seller's program.
fn shop_with(script: &str) -> World {
    let world = World::with(&catalog(), &[("NOTIFY_COMMAND", "./program")]);
    let program = world.path("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    world
}

/// Writes what it is told into files: its input as a line of `told`, its environment to `environment`.
const TELLS: &str = "cat >>told; env >environment; echo \"$SHOP_TEXT\" >>texts";

fn told(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.path("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn texts(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("texts")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn place_order(world: &World) -> (Buyer, String) {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[("note", MESSAGE)]);
    let order_ref = page.mark("order-ref");
    (buyer, order_ref)
}

#[test]
fn the_program_runs_when_something_has_changed_and_is_told_counts_alone() {
    let world = shop_with(TELLS);
    // Nothing to do: it does not run.
    assert_eq!(world.says(&["notify"]).trim(), "Nothing has changed.");
    world.says(&["notify", "--test"]);
    assert_eq!(texts(&world), ["nothing to do"]);

    let (mut buyer, first) = place_order(&world);
    world.says(&["notify"]);
    assert_eq!(texts(&world).last().unwrap(), "1 new message, 1 awaiting payment");
    assert_eq!(world.says(&["notify"]).trim(), "Nothing has changed.");

    buyer.post("/order/message", &[("message", MESSAGE)]);
    world.says(&["orders", "paid", &first]);
    world.says(&["notify"]);
    let last = told(&world).pop().unwrap();
    assert_eq!((&last["to_ship"], &last["to_answer"]), (&1.into(), &1.into()), "{last}");
    assert_eq!(last["new_messages"], 1, "{last}");

    // The counts are the same, but it is another order that is to be shipped.
    let (_, second) = place_order(&world);
    world.says(&["orders", "shipped", &first]);
    world.says(&["orders", "paid", &second]);
    world.says(&["notify"]);
    let last = told(&world).pop().unwrap();
    assert_eq!((&last["to_ship"], &last["new_messages"]), (&1.into(), &1.into()), "{last}");

    world.says(&["close"]);
    world.says(&["notify"]);
    assert!(texts(&world).last().unwrap().ends_with("the shop accepts no orders"));
    assert_eq!(told(&world).len(), 5);

    // Nothing of an order or a buyer, and nothing of the shop's own settings.
    let all =
        ["told", "texts", "environment"].map(|name| fs::read_to_string(world.path(name)).unwrap());
    for text in all {
        for secret in [&first, &second, "Harbour", "0x", "tea", "SECRET", "NOTIFY_COMMAND"] {
            assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{secret}: {text}");
        }
    }
    let state = fs::metadata(world.path("db/notified.json")).unwrap();
    assert_eq!(state.permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_environment_holds_the_same_as_the_input() {
    let world = shop_with(TELLS);
    place_order(&world);
    world.says(&["notify"]);
    let environment = fs::read_to_string(world.path("environment")).unwrap();
    let told = told(&world).pop().unwrap();
    for (name, value) in told.as_object().unwrap() {
        let value = match value {
            Value::Bool(is_on) => u8::from(*is_on).to_string(),
            value => value.to_string(),
        };
        let line = format!("SHOP_{}={value}", name.to_uppercase());
        assert!(environment.lines().any(|one| one == line), "{line}: {environment}");
    }
    assert!(environment.lines().any(|line| line.starts_with("PATH=/usr/local/sbin:")));
}

#[test]
fn watch_runs_the_program_without_a_node_and_the_open_shop_never_does() {
    let world = shop_with(TELLS);
    place_order(&world);
    // The open shop has the setting, too: it delivers messages and runs nothing.
    world.until("the message is in the Maildir", || world.messages().len() == 1);
    assert!(told(&world).is_empty());
    assert!(world.says(&["watch", "--once"]).contains("payments are not tracked"));
    assert_eq!(told(&world).len(), 1);
    world.says(&["watch", "--once"]);
    assert_eq!(told(&world).len(), 1);
    let _watch = Watch::start(&world, &["--notify-command", "./program"]);
    place_order(&world);
    world.until("it is told of the second order", || told(&world).len() == 2);
    assert_eq!(told(&world)[1]["new_messages"], 1);
}

#[test]
fn a_program_that_fails_is_run_again_and_none_is_an_error() {
    let world = shop_with("echo >>runs; test -e works");
    place_order(&world);
    let run = || world.shop(&["notify"]);
    let failed = run();
    assert_eq!(failed.status.code(), Some(1));
    let error = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(error.contains("NOTIFY_COMMAND failed: exit status: 1"), "{error}");
    assert_eq!(world.shop(&["watch", "--once"]).status.code(), Some(1));
    fs::write(world.path("works"), "").unwrap();
    assert!(run().status.success());
    assert!(run().status.success());
    assert_eq!(fs::read_to_string(world.path("runs")).unwrap().lines().count(), 3);

    let world = World::new();
    let error = world.shop(&["notify"]);
    assert_eq!(error.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&error.stderr).contains("no program is set"));
    let missing = world.shop(&["notify", "--test", "--notify-command", "/nowhere/program"]);
    assert!(
        String::from_utf8_lossy(&missing.stderr).contains("run NOTIFY_COMMAND (/nowhere/program)")
    );
    let shell = world.shop(&["notify", "--notify-command", "echo | mail"]);
    assert!(String::from_utf8_lossy(&shell.stderr).contains("belong in a script"));
}

#[test]
fn a_program_that_hangs_is_ended_with_everything_it_has_started() {
    let world = shop_with("sleep 4141 & sleep 4141");
    place_order(&world);
    let began = Instant::now();
    let done = world.shop(&["notify"]);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(done.status.code(), Some(1));
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(error.contains("took longer than 30 seconds"), "{error}");
    let left = Command::new("pgrep").args(["-f", "sleep 4141"]).output().unwrap();
    assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
    // Nothing of it was kept: it is told again.
    assert!(fs::read(world.path("db/notified.json")).unwrap().is_empty());
}
