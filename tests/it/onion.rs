//! The onion address, as far as it can be seen without Tor; `tests/tor` has the rest, with Tor.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::world::World;

/// Of a key made for this test; its checksum holds.
const OURS: &str = "feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion";
const PASSPHRASE: &str = "correct horse battery staple";

/// Runs the program with this on its standard input.
fn shop_with(world: &World, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
        .args(arguments)
        .current_dir(world.home.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What refuses at once does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn error_of(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A shop whose key was written by hand, in tor's form: a clamped scalar of ones.
fn world_with_key() -> World {
    let world = World::closed(&[]);
    fs::create_dir(world.path("db")).unwrap();
    let mut key = b"== ed25519v1-secret: type0 ==\0\0\0".to_vec();
    key.extend([8; 31]);
    key.push(0x48);
    key.extend([1; 32]);
    fs::write(world.path("db/onion.key"), key).unwrap();
    world
}

fn get_as_host(world: &World, host: &str, path: &str) -> crate::world::Answer {
    let mut buyer = world.buyer();
    buyer.host = host.to_owned();
    buyer.get(path)
}

#[track_caller]
fn assert_health(world: &World, takes_orders: bool) {
    let answer = world.buyer().get("/health");
    let expected = if takes_orders { (200, "ok") } else { (503, "no order can be taken") };
    assert_eq!((answer.status, answer.text().as_str()), expected);
    let listen = world.address().to_owned();
    let health = shop_with(world, &["health", "--listen", &listen], "");
    assert_eq!(health.status.code(), Some(i32::from(!takes_orders)), "{health:?}");
}

#[test]
fn health_succeeds_as_soon_as_a_first_start_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut world = World::closed(&[("LISTEN", &address)]);
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), crate::world::catalog().to_string()).unwrap();
    let asks = std::thread::spawn(move || {
        // Until somebody listens.
        let mut stream = loop {
            match TcpStream::connect(&address) {
                Ok(stream) => break stream,
                Err(_) => std::thread::yield_now(),
            }
        };
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    world.open();
    let answer = asks.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
}

#[test]
fn health_succeeds_while_orders_are_accepted_even_if_messages_cannot_be_delivered() {
    let world = World::new();
    assert_health(&world, true);
    fs::rename(world.path("mailorders"), world.path("away")).unwrap();
    fs::write(world.path("mailorders"), "no folder").unwrap();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.checks_out(&[]).state(), "awaiting");
    assert_health(&world, true);
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("BAD  Maildir"), "{doctor}");
    fs::remove_file(world.path("mailorders")).unwrap();
    fs::rename(world.path("away"), world.path("mailorders")).unwrap();
    assert_health(&world, true);
}

#[test]
fn health_fails_for_anything_that_prevents_orders() {
    let mut world = World::with(&crate::world::catalog(), &[("UNPAID_MEGABYTES", "1")]);
    world.says(&["close"]);
    assert_health(&world, false);
    world.says(&["open"]);
    assert_health(&world, true);
    // A key that cannot be used.
    fs::write(world.path("db/seller.asc"), "no key").unwrap();
    world.until("the key is looked at", || world.buyer().get("/health").status == 503);
    assert_health(&world, false);
    fs::remove_file(world.path("db/seller.asc")).unwrap();
    world.until("it is gone again", || world.buyer().get("/health").status == 200);
    // Unpaid orders that take more space than they may.
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    world.sql("update orders set bytes = 2000000");
    world.until("the last look is over", || world.buyer().get("/health").status == 503);
    world.says(&["orders", "cancel", &order_ref]);
    world.until("the last look is over", || world.buyer().get("/health").status == 200);
    // A database that takes nothing: its file may not grow, as on a full disk.
    world.close("-TERM");
    // Told so by an error and not by a signal.
    let program = world.path("shop");
    let script = format!("#!/bin/sh\ntrap '' XFSZ\nexec {} \"$@\"\n", world.program.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    world.program = program;
    world.open();
    let pid = world.pid().to_string();
    let limit = |limit: &str| {
        let done =
            Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:")]).status();
        assert!(done.unwrap().success());
    };
    limit("4096");
    world.until("nothing can be written", || world.buyer().get("/health").status == 503);
    assert_health(&world, false);
    let log = world.log();
    assert_eq!(log.matches("the database cannot be written").count(), 1, "said once: {log}");
    limit("unlimited");
    world.until("it can again", || world.buyer().get("/health").status == 200);
}

#[test]
fn health_reports_that_the_shop_is_not_running() {
    let world = World::closed(&[]);
    let said = error_of(&shop_with(&world, &["health", "--listen", "unix:none"], ""));
    assert!(said.contains("no shop is running at unix:none"), "{said}");
}

#[test]
fn a_foreign_host_name_gets_a_warning_and_no_shop() {
    let onion = format!("http://{OURS}");
    let world = World::with(
        &crate::world::catalog(),
        &[("ONION_URL", &onion), ("SITE_URL", "https://shop.example")],
    );
    world.until("the shop learns its address", || {
        get_as_host(&world, "evil.example", "/").status == 421
    });
    for host in [OURS, "shop.example", "localhost", "127.0.0.1:80", "[::1]"] {
        assert_eq!(get_as_host(&world, host, "/").status, 200, "{host}");
    }
    for host in ["mirror.example", &format!("{OURS}.to"), &format!("{OURS}.mirror.example:8080")] {
        for path in ["/", "/product/green-tea", "/checkout", "/nothing"] {
            let answer = get_as_host(&world, host, path);
            assert_eq!(answer.status, 421, "{host}{path}");
            let text = answer.text();
            assert!(text.contains("Open this shop in Tor Browser"), "{text}");
            for word in ["mirror", OURS, "Green Tea", "href", "<form"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
            assert!(answer.header("set-cookie").is_none());
            assert!(answer.header("content-security-policy").is_some());
        }
    }
    let mut buyer = world.buyer();
    assert_eq!(buyer.request("GET", "/", &[("X-Tor2web", "1")], b"").status, 421);
}

#[test]
fn a_shop_without_an_address_of_its_own_still_knows_a_wrapped_onion() {
    let world = World::new();
    assert_eq!(get_as_host(&world, "any.example", "/").status, 200);
    assert_eq!(get_as_host(&world, &format!("{OURS}.ly"), "/").status, 421);
}

#[test]
fn the_clearnet_name_points_to_the_onion_and_nothing_else_does() {
    let onion = format!("http://{OURS}");
    let world = World::with(
        &crate::world::catalog(),
        &[("ONION_URL", &onion), ("SITE_URL", "https://shop.example")],
    );
    world.until("the shop learns its address", || {
        get_as_host(&world, "shop.example", "/").header("onion-location").is_some()
    });
    let told = get_as_host(&world, "shop.example", "/search?q=tea%20cup");
    assert_eq!(told.header("onion-location"), Some(&*format!("{onion}/search?q=tea%20cup")));
    for (host, path) in
        [(OURS, "/"), ("localhost", "/"), ("shop.example", "/health"), ("shop.example", "/nothing")]
    {
        assert_eq!(get_as_host(&world, host, path).header("onion-location"), None, "{host}{path}");
    }
}

#[test]
fn the_signed_list_of_addresses_is_shown_as_it_is() {
    let mut world = World::new();
    assert_eq!(world.buyer().get("/mirrors.txt").status, 404);
    assert!(!world.buyer().get("/").text().contains("/mirrors.txt"));
    world.close("-TERM");
    let list = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nhttp://one.onion\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";
    fs::write(world.path("db/mirrors.txt"), list).unwrap();
    world.open();
    let answer = world.buyer().get("/mirrors.txt");
    assert_eq!(
        (answer.text().as_str(), answer.header("content-type")),
        (list, Some("text/plain; charset=utf-8"))
    );
    assert!(world.buyer().get("/").text().contains("href=\"/mirrors.txt\""));
    world.close("-TERM");
    fs::write(world.path("db/mirrors.txt"), "http://one.onion\n").unwrap();
    world.open();
    assert_eq!(world.buyer().get("/mirrors.txt").status, 404);
    assert!(world.log().contains("gpg --clearsign"));
    let doctor = shop_with(&world, &["doctor"], "");
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("BAD  mirrors"));
}

#[test]
fn an_encrypted_key_moves_to_another_host_with_its_address() {
    let world = world_with_key();
    let done = shop_with(&world, &["onion", "backup", "onion.sealed"], &format!("{PASSPHRASE}\n"));
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8(done.stdout).unwrap();
    let address = said.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned();
    let sealed = fs::read_to_string(world.path("onion.sealed")).unwrap();
    assert!(sealed.starts_with("-----BEGIN SHOP ONION KEY-----\n"));
    assert_eq!(
        fs::metadata(world.path("onion.sealed")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let again = shop_with(&world, &["onion", "backup", "onion.sealed"], &format!("{PASSPHRASE}\n"));
    assert!(error_of(&again).contains("already exists"));

    let other = World::closed(&[]);
    fs::write(other.path("onion.sealed"), &sealed).unwrap();
    let wrong = shop_with(&other, &["onion", "restore", "onion.sealed"], "another passphrase\n");
    assert!(error_of(&wrong).contains("wrong passphrase"));
    assert!(!other.path("db/onion.key").exists(), "nothing was changed");
    // As through `docker compose exec -T`: the passphrase, then the sealed key, on one standard input.
    let done = shop_with(&other, &["onion", "restore", "-"], &format!("{PASSPHRASE}\n{sealed}"));
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8(done.stdout).unwrap().starts_with(&address));
    let key = other.path("db/onion.key");
    assert_eq!(fs::read(&key).unwrap(), fs::read(world.path("db/onion.key")).unwrap());
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_restore_does_not_overwrite_another_key() {
    let world = world_with_key();
    shop_with(&world, &["onion", "backup", "onion.sealed"], &format!("{PASSPHRASE}\n"));
    let mut other = fs::read(world.path("db/onion.key")).unwrap();
    other[40] ^= 1;
    fs::write(world.path("db/onion.key"), &other).unwrap();
    let arguments = ["onion", "restore", "onion.sealed"];
    let refused = shop_with(&world, &arguments, &format!("{PASSPHRASE}\n"));
    assert!(error_of(&refused).contains("--replace"));
    assert_eq!(fs::read(world.path("db/onion.key")).unwrap(), other);
    let replaced = shop_with(
        &world,
        &["onion", "restore", "--replace", "onion.sealed"],
        &format!("{PASSPHRASE}\n"),
    );
    assert!(replaced.status.success());
    assert_ne!(fs::read(world.path("db/onion.key")).unwrap(), other);
}

#[test]
fn a_backup_that_could_not_be_written_fails() {
    let world = world_with_key();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shop"))
        .args(["onion", "backup", "-"])
        .current_dir(world.home.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(full)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSPHRASE}\n").as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_damaged_key_can_be_replaced() {
    let world = world_with_key();
    shop_with(&world, &["onion", "backup", "onion.sealed"], &format!("{PASSPHRASE}\n"));
    fs::write(world.path("db/onion.key"), "damaged").unwrap();
    let refused =
        shop_with(&world, &["onion", "restore", "onion.sealed"], &format!("{PASSPHRASE}\n"));
    assert!(error_of(&refused).contains("--replace"));
    let done = shop_with(
        &world,
        &["onion", "restore", "--replace", "onion.sealed"],
        &format!("{PASSPHRASE}\n"),
    );
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn the_client_list_is_given_to_tor_before_the_shop_opens() {
    let world = world_with_key();
    fs::write(world.path("db/onion.clients"), "nonsense\n").unwrap();
    let arguments = ["serve", "--tor", "--listen", "127.0.0.1:0", "--tor-control", "unix:none"];
    let said = error_of(&shop_with(&world, &arguments, ""));
    assert!(said.contains("access") && said.contains("line 1"), "{said}");
}

#[test]
fn circuit_ids_are_refused_for_a_service_that_the_shop_creates() {
    let world = World::closed(&[]);
    let arguments = [
        "serve",
        "--tor",
        "--listen",
        "unix:sock",
        "--circuit-id",
        "haproxy",
        "--tor-control",
        "unix:none",
    ];
    let said = error_of(&shop_with(&world, &arguments, ""));
    assert!(said.contains("CIRCUIT_ID"), "{said}");
}

#[test]
fn a_short_passphrase_is_refused_before_anything_is_written() {
    let world = world_with_key();
    let refused = shop_with(&world, &["onion", "backup", "onion.sealed"], "short\n");
    assert!(error_of(&refused).contains("12 characters"));
    assert!(!world.path("onion.sealed").exists());
}

#[test]
fn the_list_of_clients_is_stored_and_given_to_the_process_that_manages_tor() {
    let world = World::closed(&[]);
    fs::create_dir_all(world.path("db/tor")).unwrap();
    let early = shop_with(&world, &["onion", "client", "add", "alice"], "");
    assert!(error_of(&early).contains("no onion address in"));
    fs::write(world.path("db/tor/hostname"), format!("{OURS}\n")).unwrap();
    let untended = shop_with(&world, &["onion", "client", "add", "alice"], "");
    let said = String::from_utf8(untended.stdout).unwrap();
    assert!(
        said.contains("authorized_clients/alice.auth") && !said.contains("Only clients"),
        "{said}"
    );
    assert!(!world.path("db/onion.clients").exists(), "the list would be nobody's");
    // As whoever tends Tor writes it; this one has gone since.
    let status = r#"{"at":1,"tor":"","bootstrap":0,"published":0,"introduction_points":0,"effort":null,"circuits":0,"trouble":""}"#;
    fs::write(world.path("db/tor/status.json"), status).unwrap();
    let added = shop_with(&world, &["onion", "client", "add", "alice"], "");
    let said = String::from_utf8(added.stdout).unwrap();
    let private = said
        .lines()
        .map(str::trim)
        .find(|line| line.len() == 52 && line.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .unwrap();
    assert!(said.contains(&format!("{}:descriptor:x25519:{private}", &OURS[..56])));
    assert!(said.contains("from the next start on"), "{said}");
    let given = fs::read_to_string(world.path("db/tor/clients")).unwrap();
    assert!(given.starts_with("descriptor:x25519:") && given.ends_with(" alice\n"), "{given}");
    assert_eq!(given, fs::read_to_string(world.path("db/onion.clients")).unwrap());
    for file in crate::world::files_below(&world.path("db")) {
        let bytes = fs::read(file).unwrap();
        assert!(
            !String::from_utf8_lossy(&bytes).contains(private),
            "the private half is kept nowhere"
        );
    }
    for (name, words) in [("alice", "already on the list"), ("Al/ice", "1 to 32 lowercase letters")]
    {
        let refused = shop_with(&world, &["onion", "client", "add", name], "");
        assert!(error_of(&refused).contains(words), "{name}");
    }
    assert_eq!(
        String::from_utf8(shop_with(&world, &["onion", "client", "list"], "").stdout).unwrap(),
        "alice\n"
    );
    let removed = shop_with(&world, &["onion", "client", "remove", "alice"], "");
    assert!(
        String::from_utf8(removed.stdout).unwrap().contains("everyone can reach the shop again")
    );
    assert_eq!(fs::read_to_string(world.path("db/tor/clients")).unwrap(), "");
    assert!(
        error_of(&shop_with(&world, &["onion", "client", "remove", "bob"], "")).contains("bob")
    );
}

#[test]
fn without_tor_the_error_says_what_to_install_and_what_to_set() {
    let world = World::closed(&[]);
    let arguments = ["serve", "--tor", "--listen", "127.0.0.1:0", "--tor-control", "unix:none"];
    let said = error_of(&shop_with(&world, &arguments, ""));
    for words in ["apt install tor", "ControlPort 9051", "CookieAuthentication 1", "unix:none"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = error_of(&shop_with(&world, &["onion"], ""));
    assert!(said.contains("no onion address in"), "{said}");
    let as_json = shop_with(&world, &["onion", "--json"], "");
    let found: Value = serde_json::from_slice(&as_json.stdout).unwrap();
    assert_eq!((found["address"].clone(), found["reachable"].clone()), (Value::Null, Value::Null));
}
