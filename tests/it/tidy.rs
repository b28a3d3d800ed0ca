//! The two tables of `docs/ARCHITECTURE.md`, section 3, as a test of every source line.

use std::fs;
use std::path::Path;

/// Room → the rooms it may import.
const MAY_IMPORT: [(&str, &[&str]); 18] = [
    ("values", &[]),
    ("payment", &["values"]),
    ("catalog", &["payment", "values"]),
    ("cart", &["catalog", "values"]),
    ("login", &["values"]),
    ("orders", &["cart", "catalog", "payment", "values"]),
    ("store", &["cart", "catalog", "login", "orders", "payment", "values"]),
    ("mail", &["catalog", "orders", "payment", "values"]),
    ("pictures", &["values"]),
    ("plots", &[]),
    ("tor", &[]),
    ("config", &["payment", "values"]),
    ("node", &["payment", "values"]),
    (
        "actions",
        &["cart", "catalog", "login", "mail", "orders", "payment", "pictures", "store", "values"],
    ),
    ("web", &["actions", "cart", "catalog", "orders", "payment", "pictures", "store", "values"]),
    (
        "desk",
        &[
            "actions", "cart", "catalog", "login", "orders", "payment", "pictures", "plots",
            "store", "values", "web",
        ],
    ),
    (
        "cli",
        &[
            "actions", "cart", "catalog", "config", "desk", "login", "mail", "node", "orders",
            "payment", "pictures", "store", "tor", "values", "web",
        ],
    ),
    ("", &["cli", "values"]),
];

/// What a line may only say in these rooms, or in these files.
const POWERS: &[(&str, &[&str])] = &[
    ("sqlx::", &["store"]),
    ("inotify::", &["store"]),
    ("lettre::", &["mail"]),
    ("pgp::", &["mail"]),
    ("rand::", &["mail/seal.rs"]),
    ("mailparse::", &["mail"]),
    ("unicode_width::", &["mail/layout.rs"]),
    ("unicode_segmentation::", &["mail/layout.rs"]),
    ("actix_web::", &["web", "desk", "cli"]),
    ("actix_http::", &["web"]),
    ("httparse::", &["web/request_gate.rs"]),
    ("actix_multipart::", &["desk/upload.rs"]),
    ("actix_server::", &["web"]),
    ("flate2::", &["web"]),
    ("askama::", &["web", "desk", "mail"]),
    ("clap::", &["cli"]),
    ("indicatif::", &["cli"]),
    ("tracing_subscriber::", &["cli"]),
    ("println!", &[]),
    // failpoints.rs: where a test wants the shop to end; in no program that is given out.
    (
        "std::env",
        &[
            "config",
            "cli/image_worker.rs",
            "cli/serve.rs",
            "cli/onion/sidecar.rs",
            "cli/mutt.rs",
            "failpoints.rs",
        ],
    ),
    ("SystemTime", &["web/clock.rs"]),
    ("Instant::now", &["web/clock.rs"]),
    ("getrandom::", &["web/state.rs", "cli/open.rs"]),
    ("image::", &["pictures"]),
    ("webp::", &["pictures"]),
    ("moxcms::", &["pictures"]),
    ("zune_jpeg::", &["pictures"]),
    ("png::", &["pictures", "payment/qr.rs", "web/orders.rs", "plots"]),
    ("qrcode::", &["payment"]),
    ("bitcoin::", &["payment"]),
    ("bip39::", &["payment"]),
    ("monero::", &["payment"]),
    ("ethers_core::", &["payment"]),
    // What others control is read up to a limit: `bounded::read_file`. These are the kernel's own files, and a test's.
    ("fs::read(", &["mail/reply/tests.rs"]),
    ("fs::read_to_string(", &["mail/reply/tests.rs", "web/serve.rs", "cli/doctor/host.rs"]),
    (
        "std::fs",
        &[
            "bounded.rs",
            "mail",
            "pictures",
            "tor",
            "config",
            "cli",
            "store/mod.rs",
            "store/journal.rs",
            "web/serve.rs",
            "web/socket.rs",
        ],
    ),
    ("TcpStream", &["web/serve.rs", "tor/control.rs", "cli/health.rs", "node/rpc_client.rs"]),
    ("hyper::", &["node/rpc_client.rs"]),
    ("hyper_util::", &["node/rpc_client.rs"]),
    ("http_body_util::", &["node/rpc_client.rs"]),
    ("tokio_rustls::", &["node/rpc_client.rs"]),
    ("tokio_socks::", &["node/rpc_client.rs"]),
    ("rustls_native_certs::", &["node/rpc_client.rs"]),
    ("argon2::", &["tor/sealed.rs", "login/password.rs"]),
    ("zxcvbn::", &["login/password.rs"]),
    ("sha1::", &["login/factor.rs"]),
    ("aes_gcm::", &["tor/sealed.rs"]),
    ("curve25519_dalek::", &["tor"]),
    ("rpassword::", &["cli"]),
    ("listenfd::", &["web/handed_over.rs"]),
    (
        "rustix::",
        &[
            "cli/process_hardening.rs",
            "cli/doctor/host.rs",
            "cli/doctor/keeping.rs",
            "web/clock.rs",
        ],
    ),
    ("strsim::", &["config/unknown.rs"]),
    ("tar::", &["cli/backup.rs", "cli/backup/hostile.rs"]),
    ("async fn", &["node", "store", "actions", "web", "desk", "cli"]),
    ("unsafe ", &[]),
    ("f64", &["catalog/json.rs", "pictures"]),
];

const MOST_LINES: usize = 760;

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
                .unwrap()
                .display()
                .to_string();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_line_sits_in_its_room() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(60 < files.len());
    let mut complaints = Vec::new();
    for (name, text) in &files {
        let room = name.split_once('/').map_or("", |(room, _)| room);
        let Some((_, may)) = MAY_IMPORT.iter().find(|(known, _)| *known == room) else {
            complaints.push(format!("{name}: '{room}' is no room of the table"));
            continue;
        };
        if MOST_LINES < text.lines().count() {
            complaints.push(format!("{name}: more than {MOST_LINES} lines"));
        }
        // Tests may make what they need.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (n, line) in code.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            let at = format!("{name}:{}", n + 1);
            for other in line
                .split("crate::")
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            {
                if other != room
                    && !may.contains(&other)
                    && MAY_IMPORT.iter().any(|(known, _)| *known == other)
                {
                    complaints.push(format!("{at}: '{room}' may not import '{other}'"));
                }
            }
            for (power, homes) in POWERS {
                let says = line.match_indices(power).any(|(at, _)| {
                    // `qr::png(…)` is a call and `crate::…::image::` a path of ours.
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if says && !homes.iter().any(|home| room == *home || name == home) {
                    complaints.push(format!("{at}: '{power}' lives in {homes:?}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn no_template_holds_a_script_a_style_or_a_foreign_address() {
    fn check(folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                check(&path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for bad in ["<script", "<svg", "style=\"", "http://", "https://", "onclick", "onload"] {
                assert!(!text.contains(bad), "{}: {bad}", path.display());
            }
        }
    }
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"));
    let style =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/static/style.css")).unwrap();
    assert!(
        style.len() < 10_240 && !style.contains("url(") && !style.contains("@import"),
        "{}",
        style.len()
    );
}
