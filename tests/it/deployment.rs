//! The files that open a shop elsewhere: Compose and systemd.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use shop::infra::config::NAMES;

use crate::world::{World, connect, parse_answer};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What only `watch` is told: addresses of nodes, which may hold passwords, and the seller's own program.
const OF_NODES: [&str; 6] =
    ["ETH_RPC_URL", "BTC_RPC_URL", "LTC_RPC_URL", "XMR_RPC_URL", "TOR_PROXY_URL", "NOTIFY_COMMAND"];
/// What only Tor's container is told.
const OF_TOR: [&str; 3] = ["ONION_KEY", "TOR_CONTROL", "TOR_PASSWORD"];

/// Every setting that the program knows, but those that mean nothing any more.
fn settings() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(String::as_str).filter(|name| !matches!(*name, "PASSWORD" | "TOR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// The lines of a block that begins with this line, without that line.
fn block<'a>(text: &'a str, first: &str) -> Vec<&'a str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let lines =
        text.lines().skip_while(|line| *line != first && !line.starts_with(&format!("{first} &")));
    let is_inside = |line: &&str| line.is_empty() || depth(first) < depth(line);
    lines.skip(1).take_while(is_inside).collect()
}

/// Names in the block `environment:` of a service.
fn environment(service: &[&str]) -> Vec<String> {
    let text = service.join("\n");
    let lines = block(&text, "    environment:");
    let names = lines.iter().filter_map(|line| line.trim().split_once(':'));
    names.map(|(name, _)| name.to_owned()).filter(|name| !name.starts_with('#')).collect()
}

fn compose_files() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from(ROOT), Path::new(ROOT).join("docs")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && folder.starts_with(Path::new(ROOT).join("docs")) {
                folders.push(path);
            } else if name.contains("compose") && name.ends_with(".yml") {
                found.push(path);
            }
        }
    }
    found.retain(|path| !path.ends_with("docker-compose.settings.yml"));
    assert_eq!(found.len(), 2, "{found:?}");
    found
}

/// The names of a file's services, in whose lines `words` stand.
fn services_with(text: &str, words: &str) -> Vec<String> {
    let services = block(text, "services:");
    let names = services.iter().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter(|line| !line.trim().starts_with('#'));
    let names = names.filter_map(|line| line.trim().strip_suffix(':'));
    let has_words = |name: &&str| block(text, &format!("  {name}:")).join("\n").contains(words);
    names.filter(has_words).map(str::to_owned).collect()
}

#[test]
fn every_setting_reaches_every_service_that_needs_it_in_every_compose_file() {
    let shared = environment(&block(&read("docker-compose.settings.yml"), "  settings:"));
    for path in compose_files() {
        let text = fs::read_to_string(&path).unwrap();
        let services = services_with(&text, "image: \"shop:$");
        assert!(services.contains(&"shop".to_owned()), "{}: {services:?}", path.display());
        for service in services {
            let lines = block(&text, &format!("  {service}:"));
            let extends = lines.iter().any(|line| line.ends_with("docker-compose.settings.yml"));
            assert!(extends, "{service} of {} has a list of its own", path.display());
            let told = environment(&lines);
            for name in settings() {
                let is_needed = match name {
                    name if OF_TOR.contains(&name) => continue,
                    name if OF_NODES.contains(&name) => service == "watch",
                    // Whoever only looks for payments knows nothing of Tor's folder.
                    "ONION_FOLDER" => service == "shop",
                    _ => true,
                };
                let is_delivered =
                    [&told, &shared].iter().any(|list| list.iter().any(|one| one == name));
                assert_eq!(is_delivered, is_needed, "{name} for {service} in {}", path.display());
            }
        }
        for service in services_with(&text, "ONION_FOLDER: ").iter().filter(|name| *name != "shop")
        {
            let lines = block(&text, &format!("  {service}:")).join("\n");
            assert!(lines.contains("DESK_LISTEN:"), "{service} in {}", path.display());
        }
    }
}

#[test]
fn the_example_of_settings_names_what_the_program_knows_and_what_the_containers_take() {
    let example = read(".env.example");
    let shared = environment(&block(&read("docker-compose.settings.yml"), "  settings:"));
    let named: Vec<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name)
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    for name in &named {
        assert!(settings().any(|setting| setting == *name), "{name}");
    }
    for name in shared {
        let is_fixed = ["LISTEN", "CIRCUIT_ID", "DATABASE_URL", "MAILDIR", "RUN_AS_OWNER_OF"]
            .contains(&name.as_str());
        assert!(is_fixed || named.contains(&name.as_str()), "{name} is missing in .env.example");
    }
}

#[test]
fn an_image_that_is_built_here_is_not_pulled_from_a_registry() {
    for path in compose_files() {
        let text = fs::read_to_string(&path).unwrap();
        for name in services_with(&text, "") {
            let lines = block(&text, &format!("  {name}:")).join("\n");
            let has_policy = lines.contains("pull_policy: never");
            // `small` and whatever is made of it say it for their services.
            let is_small = ["*small", "*back"].iter().any(|anchor| lines.contains(anchor));
            assert!(has_policy || is_small, "{name} in {}", path.display());
        }
        assert!(text.contains("pull_policy: never"));
    }
}

/// A shop that gets these sockets as from systemd; at most two.
struct SystemdShop {
    world: World,
    child: Child,
    listeners: Vec<UnixListener>,
}

impl Drop for SystemdShop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl SystemdShop {
    fn open(names: &[&str], settings: &[(&str, &str)]) -> Self {
        let world = World::closed(settings);
        let bind = |name: &&str| UnixListener::bind(world.path(&format!("{name}.sock"))).unwrap();
        let listeners: Vec<UnixListener> = names.iter().map(bind).collect();
        let mut fds = listeners.iter().map(|one| OwnedFd::from(one.try_clone().unwrap()));
        let mut give = || fds.next().map_or_else(Stdio::null, Stdio::from);
        let (first, second) = (give(), give());
        let log = fs::File::create(world.path("log")).unwrap();
        // Only the shell that becomes the shop knows the process id.
        let script = "exec 3<&0 4<&1 0</dev/null 1>&2; LISTEN_PID=$$ exec \"$@\"";
        let child = Command::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_shop"), "serve"])
            .current_dir(world.home.path())
            .env_clear()
            .envs(settings.iter().copied())
            .env("LISTEN_FDS", names.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .stdin(first)
            .stdout(second)
            .stderr(log)
            .spawn()
            .unwrap();
        Self { world, child, listeners }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.world.path("log")).unwrap()
    }

    fn get(&self, name: &str, path: &str) -> (u16, String) {
        let address = format!("unix:{}", self.world.path(&format!("{name}.sock")).display());
        let mut stream = connect(&address);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let answer = parse_answer(&bytes);
        (answer.status, answer.text())
    }
}

#[test]
fn the_two_sockets_from_systemd_are_used_by_their_names() {
    let both = [("LISTEN", "systemd"), ("DESK_LISTEN", "systemd")];
    for names in [["shop", "desk"], ["desk", "shop"], ["shop.socket", "shop-desk.socket"]] {
        let shop = SystemdShop::open(&names, &both);
        let of_desk = |name: &&&str| name.contains("desk");
        let desk = names.iter().find(of_desk).unwrap();
        let buyers = names.iter().find(|name| !of_desk(name)).unwrap();
        assert_eq!(shop.get(buyers, "/health").0, 200, "{}", shop.log());
        assert_eq!(shop.get(desk, "/login").0, 200, "{}", shop.log());
        assert_eq!(shop.get(buyers, "/login").0, 404, "the desk is not at the buyers' door");
    }
}

#[test]
fn without_its_own_socket_from_systemd_the_shop_says_which_unit_is_missing() {
    let both = [("LISTEN", "systemd"), ("DESK_LISTEN", "systemd")];
    for (names, settings) in [(&["desk"][..], &both[..1]), (&[][..], &both[..])] {
        let mut shop = SystemdShop::open(names, settings);
        assert_eq!(shop.child.wait().unwrap().code(), Some(1), "{names:?}");
        assert!(shop.log().contains("no socket of shop.socket"), "{names:?}: {}", shop.log());
    }
}

#[test]
fn a_desk_that_cannot_be_opened_under_systemd_leaves_the_shop_open_and_the_log_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (desk, why) in [("systemd", "shop-desk.socket"), (taken.as_str(), "in use")] {
        let shop = SystemdShop::open(&["shop"], &[("LISTEN", "systemd"), ("DESK_LISTEN", desk)]);
        assert_eq!(shop.get("shop", "/health").0, 200, "{}", shop.log());
        let log = shop.log();
        assert!(log.contains("open without its desk") && log.contains(why), "{log}");
        assert!(!log.contains("Your desk is at"), "{log}");
    }
}

#[test]
fn a_socket_for_a_desk_that_is_off_leaves_the_shop_open() {
    let shop = SystemdShop::open(&["desk", "shop"], &[("LISTEN", "systemd")]);
    assert_eq!(shop.get("shop", "/health").0, 200, "{}", shop.log());
    assert!(shop.log().contains("DESK_LISTEN=systemd"), "{}", shop.log());
    assert_eq!(shop.listeners.len(), 2);
}

#[test]
fn a_unit_that_fails_again_and_again_stays_alive_and_so_do_its_sockets() {
    let service = read("docs/systemd/shop.service");
    assert!(
        service.contains("\nStartLimitIntervalSec=0\n") && service.contains("\nRestart=always\n")
    );
    for (unit, name, path) in [
        ("shop.socket", "shop", "/run/shop/shop.sock"),
        ("shop-desk.socket", "desk", "/run/shop/desk.sock"),
    ] {
        let text = read(&format!("docs/systemd/{unit}"));
        for line in [
            format!("FileDescriptorName={name}"),
            format!("ListenStream={path}"),
            "Service=shop.service".to_owned(),
            "TriggerLimitIntervalSec=0".to_owned(),
            "SocketMode=0660".to_owned(),
        ] {
            assert!(text.lines().any(|known| known == line), "{unit}: {line}");
        }
    }
}

/// As `scripts/rustc-without-paths` has it, which cargo calls unless a `RUSTC_WRAPPER` of one's own takes its place.
#[test]
fn the_program_reveals_nothing_about_the_host_that_built_it() {
    let program = fs::read(env!("CARGO_BIN_EXE_shop")).unwrap();
    let program = String::from_utf8_lossy(&program);
    let home = std::env::var("HOME").unwrap();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    for folder in [home, cargo, ROOT.to_owned()] {
        let folder = format!("{folder}/");
        let found = program.match_indices(&folder).map(|(at, _)| {
            let text = &program[at..];
            text.split(|letter: char| !letter.is_ascii_graphic()).next().unwrap()
        });
        // A build for debuggers tells them where C was compiled.
        let found = found.filter(|text| !cfg!(debug_assertions) || text.contains(".rs"));
        let found: Vec<&str> = found.take(9).collect();
        assert!(found.is_empty(), "compiled without scripts/rustc-without-paths? {found:?}");
    }
}
