//! `shop onion client` and `shop desk client`, in each way to be behind Tor: what is said to be done is done, and what
//! is not is not said. `tests/tor` and `tests/docker` have the rest, with Tor.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::world::{World, catalog};

/// An address with a valid checksum, made for these tests.
const OURS: &str = "feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion";

fn output_text(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("\\n"), "each line stands by itself: {text}");
    text
}

/// A private key in the output: 52 letters and digits.
fn private_key(text: &str) -> &str {
    let is_key = |line: &&str| {
        line.len() == 52
            && line.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    text.lines().map(str::trim).find(is_key).unwrap()
}

/// A shop that is not open.
fn closed(settings: &[(&str, &str)]) -> World {
    let world = World::closed(settings);
    fs::create_dir(world.path("db")).unwrap();
    world.seed(&catalog());
    world
}

/// A shop that knows the addresses of Tor's own services, without a process that manages Tor.
fn behind_torrc(addresses: &[(&str, &str)]) -> World {
    let world = closed(&[]);
    for (folder, address) in addresses {
        fs::create_dir_all(world.path(folder)).unwrap();
        fs::write(world.path(folder).join("hostname"), format!("{address}\n")).unwrap();
    }
    world
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The status file of the process that manages Tor. `at`: Unix seconds.
fn status(at: u64, clients: Option<&str>) -> String {
    json!({"at": at, "tor": "0.4.9", "bootstrap": 100, "published": 2, "introduction_points": 3, "effort": null,
        "circuits": 0, "trouble": "", "clients": clients})
    .to_string()
}

/// Plays the process that manages Tor: confirms each list that the shop gives out, up to the one that is `last`.
fn follow(
    folder: PathBuf,
    prefix: &'static str,
    last: impl Fn(&str) -> bool + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        loop {
            let list =
                fs::read_to_string(folder.join(format!("{prefix}clients"))).unwrap_or_default();
            let draft = folder.join("draft");
            fs::write(&draft, status(now(), Some(&list))).unwrap();
            fs::rename(draft, folder.join(format!("{prefix}status.json"))).unwrap();
            if last(&list) {
                return;
            }
            thread::yield_now();
        }
    })
}

#[test]
fn with_a_torrc_of_its_own_the_commands_say_what_to_do_and_claim_nothing() {
    let world = behind_torrc(&[("db/tor", OURS), ("db/desk-tor", OURS)]);
    for (command, folder) in [("onion", "shop"), ("desk", "desk")] {
        let file = format!("/var/lib/tor/{folder}/authorized_clients/ann.auth");
        let added = world.shop(&[command, "client", "add", "ann"]);
        let text = output_text(&added);
        assert_eq!(added.status.code(), Some(1), "{text}");
        assert!(
            text.contains(&file) && text.contains("reload") && text.contains("descriptor:x25519:"),
            "{text}"
        );
        let private = private_key(&text);
        assert!(text.contains(&format!("{}:descriptor:x25519:{private}", &OURS[..56])), "{text}");
        assert!(!text.contains("from now on") && !text.contains("next start"), "{text}");

        let removed = world.shop(&[command, "client", "remove", "ann"]);
        let text = output_text(&removed);
        assert_eq!(removed.status.code(), Some(1), "{text}");
        assert!(text.contains(&format!("rm {file}")) && text.contains("reload"), "{text}");
        assert!(text.contains("KEY STILL WORKS") && !text.contains("no longer"), "{text}");

        let listed = world.shop(&[command, "client", "list"]);
        assert_eq!(
            (listed.status.code(), listed.stdout.len()),
            (Some(1), 0),
            "{}",
            output_text(&listed)
        );
        assert!(
            output_text(&listed).contains(&format!("/var/lib/tor/{folder}/authorized_clients"))
        );
        assert!(
            !world.path(&format!("db/{command}.clients")).exists(),
            "the list would be nobody's"
        );
    }
}

#[test]
fn the_folder_of_the_torrc_is_named_if_the_settings_know_it() {
    let world = behind_torrc(&[("db/tor", OURS)]);
    let key = "/srv/tor/mine/hs_ed25519_secret_key";
    let removed = world.shop(&["onion", "client", "remove", "ann", "--onion-key", key]);
    let text = output_text(&removed);
    assert!(text.contains("rm /srv/tor/mine/authorized_clients/ann.auth"), "{text}");
}

#[test]
fn no_address_is_invented_for_the_desk_of_a_torrc() {
    let world = behind_torrc(&[]);
    let added = world.shop(&["desk", "client", "add", "ann"]);
    let text = output_text(&added);
    assert_eq!(added.status.code(), Some(1), "{text}");
    private_key(&text);
    assert!(!text.contains(".onion") && !text.contains("auth_private"), "{text}");
    assert!(text.contains("sudo cat /var/lib/tor/desk/hostname >db/desk-tor/hostname"), "{text}");
    assert!(!world.path("db/desk.key").exists(), "no key of a service that nobody makes");
}

#[test]
fn in_docker_a_change_is_reported_once_the_helper_confirms_it() {
    let world = closed(&[("ONION_FOLDER", "shared")]);
    let shared = world.path("shared");
    fs::create_dir(&shared).unwrap();
    for (command, prefix) in [("onion", ""), ("desk", "desk-")] {
        fs::write(shared.join(format!("{prefix}hostname")), format!("{OURS}\n")).unwrap();
        fs::write(shared.join(format!("{prefix}status.json")), status(now(), None)).unwrap();
        let helper = follow(shared.clone(), prefix, |list| list.ends_with(" ann\n"));
        let added = world.shop(&[command, "client", "add", "ann"]);
        let text = output_text(&added);
        assert_eq!(added.status.code(), Some(0), "{text}");
        assert!(text.contains(&format!(
            "{}:descriptor:x25519:{}",
            &OURS[..56],
            private_key(&text)
        )));
        assert!(text.contains("from now on"), "{text}");
        helper.join().unwrap();

        let helper = follow(shared.clone(), prefix, str::is_empty);
        let removed = world.shop(&[command, "client", "remove", "ann"]);
        assert_eq!(removed.status.code(), Some(0), "{}", output_text(&removed));
        assert!(
            output_text(&removed).contains("ann can no longer come"),
            "{}",
            output_text(&removed)
        );
        helper.join().unwrap();
    }
}

#[test]
fn in_docker_without_the_helper_no_change_is_reported() {
    let world = closed(&[("ONION_FOLDER", "shared")]);
    fs::create_dir(world.path("shared")).unwrap();
    let added = world.shop(&["desk", "client", "add", "ann"]);
    assert_eq!(added.status.code(), Some(1));
    assert!(
        output_text(&added).contains("DESK_LISTEN=unix:/run/shop/desk.sock"),
        "{}",
        output_text(&added)
    );
    assert!(!output_text(&added).contains("descriptor:x25519"), "a key for no address");
    for command in ["onion", "desk"] {
        let list = format!("descriptor:x25519:{} ann\n", "A".repeat(51) + "Q");
        fs::write(world.path(&format!("db/{command}.clients")), list).unwrap();
        let removed = world.shop(&[command, "client", "remove", "ann"]);
        let text = output_text(&removed);
        assert_eq!(removed.status.code(), Some(1), "{text}");
        assert!(text.contains("may still open") && !text.contains("no longer"), "{text}");
    }
}

#[test]
fn a_shop_that_created_its_onion_before_says_when_a_change_takes_effect() {
    let world = closed(&[]);
    for (command, folder) in [("onion", "db/tor"), ("desk", "db/desk-tor")] {
        fs::create_dir_all(world.path(folder)).unwrap();
        fs::write(world.path(folder).join("hostname"), format!("{OURS}\n")).unwrap();
        let old = status(1, None);
        fs::write(world.path(folder).join("status.json"), old).unwrap();
        assert!(
            output_text(&world.shop(&[command, "client", "add", "ann"]))
                .contains("from the next start on")
        );
        let removed = world.shop(&[command, "client", "remove", "ann"]);
        let text = output_text(&removed);
        assert_eq!(removed.status.code(), Some(0), "{text}");
        assert!(
            text.contains("from the next start on") && text.contains("authorized_clients/ann.auth"),
            "{text}"
        );
        assert!(!text.contains("from now on"), "{text}");
    }
}

#[test]
fn a_restored_key_removes_the_old_address_from_the_shared_folder() {
    let world = closed(&[("ONION_FOLDER", "shared"), ("ONION_KEY", "tor/hs_ed25519_secret_key")]);
    for folder in ["shared", "tor"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    let mut key = b"== ed25519v1-secret: type0 ==\0\0\0".to_vec();
    key.extend([8; 31]);
    key.push(0x48);
    key.extend([1; 32]);
    fs::write(world.path("tor/hs_ed25519_secret_key"), &key).unwrap();
    let passphrase = b"correct horse battery staple\n";
    assert!(world.told(&["onion", "backup", "sealed"], passphrase).status.success());
    // Another Tor has made another key since, and told its address.
    key[40] ^= 1;
    fs::write(world.path("tor/hs_ed25519_secret_key"), &key).unwrap();
    fs::write(world.path("shared/hostname"), format!("{OURS}\n")).unwrap();
    let done = world.told(&["onion", "restore", "--replace", "sealed"], passphrase);
    assert!(done.status.success(), "{}", output_text(&done));
    let told = world.shop(&["onion"]);
    assert_eq!(told.status.code(), Some(1), "{}", output_text(&told));
    assert!(!output_text(&told).contains(OURS), "{}", output_text(&told));
}
