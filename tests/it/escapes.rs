//! Whatever somebody else wrote, nothing of it steers the seller's terminal or forges a line: tried with every command.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::world::{World, catalog};

/// Colours, a cleared screen, both ways to begin such a sequence, a direction, a line of its own, a title, a bell.
const EVIL: &str = "x\u{1b}[2J\u{1b}[31m\u{9b}1m\u{202e}\u{2066}\rshop: all is well\nFORGED line\u{1b}]0;title\u{7}\u{2028}\u{85}y";
/// The same where a file's name is meant.
const EVIL_NAME: &str = "x\u{1b}[2J\u{9b}1m\u{202e}\nFORGED line\u{7}y";

#[track_caller]
fn assert_tame(what: &str, bytes: &[u8]) {
    let text = String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| panic!("{what}: no UTF-8"));
    let bad = text.chars().find(|c| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    });
    assert_eq!(bad, None, "{what}: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{what}: {text}");
}

/// Runs a command; what it says in both places must be tame, and must show that the words have come through.
#[track_caller]
fn tame(world: &World, arguments: &[&str], words: &[u8], hears: &str) {
    let output = world.told(arguments, words);
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    assert_tame(&format!("{arguments:?}"), &all);
    let text = String::from_utf8(all).unwrap();
    assert!(text.contains(hears), "{arguments:?}: {hears} is not in {text}");
}

#[test]
fn the_command_line_and_the_settings_do_nothing_to_the_terminal() {
    let world = World::new();
    for arguments in [
        [EVIL].as_slice(),
        &["orders", "--state", EVIL],
        &["orders", "show", EVIL],
        &["orders", "partial", "K3QF0W2ZD7", EVIL],
        &["orders", "cancel", "K3QF0W2ZD7", EVIL],
        &["orders", "refunded", "K3QF0W2ZD7", EVIL],
        &["orders", "export", "--since", EVIL],
        &["wallet", "addresses", EVIL],
        &["wallet", "check", EVIL_NAME],
        &["seed", EVIL_NAME],
        &["seed", "--check", EVIL_NAME],
        &["restore", EVIL_NAME],
        &["catalog", "export", "missing/x\u{1b}[2J\u{9b}y"],
        &["deliver", "--", EVIL],
        &["deliver", EVIL],
        &["mutt", "--folder", EVIL],
        &["onion", "client", "add", EVIL],
        &["onion", "client", "remove", EVIL],
        &["onion", "restore", EVIL_NAME],
        &["desk", "client", "add", EVIL],
        &["purge", EVIL],
        &["close", EVIL],
        &["doctor", EVIL],
        &["health", "--listen", "unix:x\u{1b}[2J\u{9b}\u{202e}\nFORGED line"],
        &["orders", "--database-url", "sqlite://x\u{1b}[2J\u{9b}\u{202e}\nFORGED line"],
        &["watch", "--eth-rpc-url", EVIL],
        &["backup", "missing/x\u{1b}[2J\u{9b}y"],
        &["serve", "--listen", EVIL],
        &["serve", "--site-name", EVIL],
    ] {
        let output = world.told(arguments, b"a long enough passphrase\n");
        assert_tame(&format!("{arguments:?}"), &output.stdout);
        // What stands on the command line is the caller's own, and may break the usage message into lines.
        let said = String::from_utf8(output.stderr).unwrap();
        let said = if output.status.code() == Some(2) { said.replace('\n', " ") } else { said };
        assert_tame(&format!("{arguments:?}"), said.as_bytes());
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
    }
    let env = |text: &str| {
        let world = World::closed(&[]);
        fs::write(world.path(".env"), text).unwrap();
        tame(&world, &["orders"], b"", ".env");
    };
    let line = EVIL.replace(['\n', '\r'], "");
    for name in
        ["LISTEN", "KEEP_DAYS", "SITE_NAME", "FROM", "ETH_RPC_URL", "CONFIRMATIONS", "CURRENCY"]
    {
        env(&format!("WALLET=x\n{name}={line}\n"));
    }
    env(&format!("{line}=x\n"));
    env(&format!("SITE_NAM{line}=x\n"));
    env(&format!("{line}\n"));
    for name in ["KEEP_DAYS", "DATABASE_URL", "TOR_CONTROL", "CONTACT"] {
        tame(&World::closed(&[(name, EVIL)]), &["orders"], b"", name);
    }
}

#[test]
fn catalogs_pictures_and_pages_do_nothing_to_the_terminal() {
    let mut world = World::new();
    let mut evil = catalog();
    for (n, field) in [
        "name",
        "description",
        "quantity",
        "prices",
        "images",
        "options",
        "categories",
        "slug",
        "kind",
        EVIL,
    ]
    .into_iter()
    .enumerate()
    {
        evil["products"][format!("{n}{EVIL}")] = json!({"name": "Tea", "price": 5, field: [EVIL]});
        evil["products"][format!("{n} {EVIL}")] = json!({"name": "Tea", "price": 5, field: EVIL});
    }
    evil["wallets"][EVIL] = json!({"currency": EVIL, "address": EVIL, "xpub": EVIL, "chain": EVIL});
    evil[EVIL] = json!({"_model": EVIL});
    fs::write(world.path("evil.json"), evil.to_string()).unwrap();
    for arguments in [
        ["seed", "evil.json"].as_slice(),
        &["seed", "--check", "evil.json"],
        &["seed", "--check", "--json", "evil.json"],
        &["wallet", "check", "evil.json"],
    ] {
        tame(&world, arguments, b"", "\\u001b");
    }
    fs::write(world.path("torn.json"), format!("{{\"{EVIL}")).unwrap();
    tame(&world, &["seed", "torn.json"], b"", "torn.json");
    fs::create_dir_all(world.path("db/images")).unwrap();
    fs::write(world.path("db/images").join(EVIL_NAME), "no picture").unwrap();
    let mut picture = catalog();
    picture["products"]["tea"]["images"] = json!([EVIL_NAME]);
    fs::write(world.path("picture.json"), picture.to_string()).unwrap();
    tame(&world, &["seed", "--check", "picture.json"], b"", "images[0]");
    fs::create_dir_all(world.path("db/pages")).unwrap();
    fs::write(world.path("db/pages").join(format!("{EVIL_NAME}.md")), "# x").unwrap();
    tame(&world, &["seed", "db/data.json"], b"", "\\u001b");
    tame(&world, &["doctor"], b"", "\\u001b");
    world.close("-TERM");
    tame(&world, &["serve", "--listen", "127.0.0.1:0"], b"", "\\u001b");
}

#[test]
fn copies_letters_and_tors_files_do_nothing_to_the_terminal() {
    let world = World::new();
    // A copy whose names are meant for the terminal.
    let script = r#"
import io, sys, tarfile
for n, name in enumerate([sys.argv[1], 'db/pages/' + sys.argv[1], 'db/../' + sys.argv[1], 'db/images/' + sys.argv[1]]):
    with tarfile.open('evil%d.tar' % n, 'w') as archive:
        for name in (name, name) if n == 3 else (name,):
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b'x'))
"#;
    let made = Command::new("python3")
        .args(["-c", script, EVIL_NAME])
        .current_dir(world.home.path())
        .status()
        .unwrap();
    assert!(made.success());
    for n in 0..4 {
        let other = World::closed(&[]);
        let copy = world.path(&format!("evil{n}.tar"));
        tame(&other, &["restore", copy.to_str().unwrap()], b"", "shop: ");
    }
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    let to = format!("order+{order_ref}@shop.invalid");
    let line = EVIL.replace(['\n', '\r'], " ");
    for letter in [
        format!("To: {to}\nSubject: {line}\nMessage-ID: <{line}>\n\n/{line}\n"),
        format!("To: {to}\nContent-Type: {line}\n\n/partial {line}\n"),
        format!("To: {to}\nContent-Type: text/plain; charset={line}\n\nwords\n"),
        format!("To: {to}\nContent-Transfer-Encoding: {line}\n\n/cancel {line}\n"),
        format!("To: {line}@shop.invalid\n\n/paid\n"),
    ] {
        tame(&world, &["deliver", "-t"], letter.as_bytes(), "");
        tame(&world, &["deliver", "--", &to], letter.as_bytes(), "");
    }
    tame(&world, &["orders", "note", &order_ref], EVIL.as_bytes(), "");
    tame(&world, &["orders", "show", "-"], format!("X-Shop-Order: {line}\n\n").as_bytes(), "");

    fs::create_dir_all(world.path("db/tor")).unwrap();
    let status = json!({
        "trouble": EVIL, "bootstrap": 100, "published": 1, "introduction_points": 1, "effort": null, "circuits": 1,
        "tor": EVIL, "at": SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
    });
    fs::write(world.path("db/tor/status.json"), status.to_string()).unwrap();
    fs::write(world.path("db/tor/hostname"), EVIL).unwrap();
    fs::write(world.path("db/onion.clients"), EVIL).unwrap();
    fs::write(world.path("db/desk.clients"), EVIL).unwrap();
    fs::write(world.path("db/onion.key"), EVIL).unwrap();
    fs::write(world.path("sealed"), EVIL).unwrap();
    fs::write(world.path("db/mirrors.txt"), EVIL).unwrap();
    for arguments in [
        ["onion"].as_slice(),
        &["onion", "--json"],
        &["onion", "client", "list"],
        &["onion", "client", "add", "alice"],
        &["onion", "backup", "-"],
        &["onion", "restore", "sealed"],
        &["onion", "health", "--tor-control", "unix:x\u{1b}[2J\nFORGED line"],
        &["desk", "client", "list"],
        &["doctor"],
        &["doctor", "--json"],
    ] {
        tame(&world, arguments, b"a long enough passphrase\na long enough passphrase\n", "");
    }
    fs::write(world.path("db/seller.asc"), format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n{EVIL}"))
        .unwrap();
    tame(&world, &["doctor"], b"", "seller's key");
    tame(&world, &["backup", "-"], b"", "");
}

#[test]
fn names_that_came_into_the_database_do_nothing_to_the_terminal() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    // As an older version or another program may have written them.
    world.sql_with("update order_lines set name = cast(? as text)", &[EVIL.as_bytes()]);
    world.sql_with("update products set name = cast(? as text)", &[EVIL.as_bytes()]);
    world.sql_with("update wallets set name = cast(? as text)", &[EVIL.as_bytes()]);
    for arguments in [
        ["orders"].as_slice(),
        &["orders", "--json"],
        &["orders", "show", &order_ref],
        &["orders", "show", &order_ref, "--json"],
        &["orders", "export", "--json"],
        &["orders", "digest"],
        &["wallet", "check"],
        &["wallet", "check", "--json"],
        &["doctor"],
        &["seed", "db/data.json"],
    ] {
        let output = world.shop(arguments);
        assert_tame(&format!("{arguments:?}"), &[output.stdout, output.stderr].concat());
    }
    assert_tame("the log", world.log().as_bytes());
}

/// A node that answers everything with such words, and ends with this test.
fn evil_node() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut head = [0; 8_192];
            let _ = stream.read(&mut head);
            let error = json!({"code": -32000, "message": EVIL, "data": EVIL});
            let body = match n % 3 {
                0 => json!({"jsonrpc": "2.0", "id": 1, "error": error}).to_string(),
                1 => json!({"jsonrpc": "2.0", "id": 1, "result": EVIL}).to_string(),
                _ => EVIL.to_owned(),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ =
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    format!("http://{address}")
}

#[test]
fn a_nodes_answers_do_nothing_to_the_terminal() {
    let world = World::new();
    let url = evil_node();
    for setting in ["--eth-rpc-url", "--btc-rpc-url", "--ltc-rpc-url", "--xmr-rpc-url"] {
        for _ in 0..3 {
            let output = world.shop(&["watch", "--once", setting, &url]);
            assert_eq!(output.status.code(), Some(1), "{setting}");
            assert_tame(setting, &[output.stdout, output.stderr].concat());
        }
    }
    let output = world.shop(&["doctor"]);
    assert_tame("doctor", &output.stdout);
    assert!(!Path::new(&world.path("FORGED line")).exists());
}
