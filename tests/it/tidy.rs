//! The rules of `docs/ARCHITECTURE.md`, section 3, as a test of every source line.

use std::fs;
use std::path::Path;

/// Module → the modules it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
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
    ("infra", &["values"]),
    ("", &["cli"]),
];

/// What a line may only say in these modules, or in these files.
const POWERS: &[(&str, &[&str])] = &[
    ("sqlx::", &["infra/store"]),
    ("inotify::", &["infra/store"]),
    ("lettre::", &["infra/mail"]),
    ("pgp::", &["infra/mail"]),
    ("rand::", &["infra/mail/seal.rs"]),
    ("mailparse::", &["infra/mail"]),
    ("unicode_width::", &["infra/mail/layout.rs"]),
    ("unicode_segmentation::", &["infra/mail/layout.rs"]),
    ("actix_web::", &["interfaces/web", "interfaces/desk", "interfaces/cli"]),
    ("actix_http::", &["interfaces/web"]),
    ("httparse::", &["interfaces/web/request_gate.rs"]),
    ("actix_multipart::", &["interfaces/desk/upload.rs"]),
    ("actix_server::", &["interfaces/web"]),
    ("flate2::", &["interfaces/web"]),
    ("askama::", &["interfaces/web", "interfaces/desk", "infra/mail"]),
    ("clap::", &["interfaces/cli", "infra/config"]),
    ("indicatif::", &["interfaces/cli"]),
    ("tracing_subscriber::", &["interfaces/cli"]),
    ("println!", &[]),
    // failpoints.rs: where a test wants the shop to end; in no program that is given out.
    (
        "std::env",
        &[
            "infra/config",
            "interfaces/cli/image_worker.rs",
            "interfaces/cli/serve.rs",
            "interfaces/cli/onion/sidecar.rs",
            "interfaces/cli/mutt.rs",
            "infra/failpoints.rs",
        ],
    ),
    ("SystemTime", &["interfaces/web/clock.rs"]),
    ("Instant::now", &["interfaces/web/clock.rs"]),
    ("getrandom::", &["interfaces/web/state.rs", "interfaces/cli/open.rs"]),
    ("image::", &["infra/pictures"]),
    ("webp::", &["infra/pictures"]),
    ("moxcms::", &["infra/pictures"]),
    ("zune_jpeg::", &["infra/pictures"]),
    (
        "png::",
        &["infra/pictures", "domain/payment/qr.rs", "interfaces/web/orders.rs", "infra/plots"],
    ),
    ("qrcode::", &["domain/payment"]),
    ("bitcoin::", &["domain/payment"]),
    ("bip39::", &["domain/payment"]),
    ("monero::", &["domain/payment"]),
    ("ethers_core::", &["domain/payment"]),
    // What others control is read up to a limit: `bounded::read_file`. These are the kernel's own files, and a test's.
    ("fs::read(", &["infra/mail/reply/tests.rs"]),
    (
        "fs::read_to_string(",
        &["infra/mail/reply/tests.rs", "interfaces/web/serve.rs", "interfaces/cli/doctor/host.rs"],
    ),
    (
        "std::fs",
        &[
            "infra/bounded.rs",
            "infra/mail",
            "infra/pictures",
            "infra/tor",
            "infra/config",
            "interfaces/cli",
            "infra/store/mod.rs",
            "infra/store/journal.rs",
            "interfaces/web/serve.rs",
            "interfaces/web/socket.rs",
        ],
    ),
    (
        "TcpStream",
        &[
            "interfaces/web/serve.rs",
            "infra/tor/control.rs",
            "interfaces/cli/health.rs",
            "infra/node/rpc_client.rs",
        ],
    ),
    ("hyper::", &["infra/node/rpc_client.rs"]),
    ("hyper_util::", &["infra/node/rpc_client.rs"]),
    ("http_body_util::", &["infra/node/rpc_client.rs"]),
    ("tokio_rustls::", &["infra/node/rpc_client.rs"]),
    ("tokio_socks::", &["infra/node/rpc_client.rs"]),
    ("rustls_native_certs::", &["infra/node/rpc_client.rs"]),
    ("argon2::", &["infra/tor/sealed.rs", "domain/login/password.rs"]),
    ("zxcvbn::", &["domain/login/password.rs"]),
    ("sha1::", &["domain/login/factor.rs"]),
    ("aes_gcm::", &["infra/tor/sealed.rs"]),
    ("curve25519_dalek::", &["infra/tor"]),
    ("rpassword::", &["interfaces/cli"]),
    ("listenfd::", &["interfaces/web/handed_over.rs"]),
    (
        "rustix::",
        &[
            "interfaces/cli/process_hardening.rs",
            "interfaces/cli/doctor/host.rs",
            "interfaces/cli/doctor/keeping.rs",
            "interfaces/web/clock.rs",
        ],
    ),
    ("strsim::", &["infra/config/unknown.rs"]),
    ("percent_encoding::", &["domain/values/node_url.rs", "domain/login/factor.rs"]),
    ("subtle::", &["interfaces/desk/form.rs"]),
    (
        "parking_lot::",
        &[
            "infra/store",
            "actions",
            "interfaces/http",
            "interfaces/web",
            "interfaces/desk",
            "interfaces/cli",
        ],
    ),
    ("tar::", &["interfaces/cli/backup/archive.rs", "interfaces/cli/backup/archive/hostile.rs"]),
    (
        "async fn",
        &[
            "infra/node",
            "infra/store",
            "actions",
            "interfaces/web",
            "interfaces/desk",
            "interfaces/cli",
        ],
    ),
    ("unsafe ", &[]),
    ("f64", &["domain/catalog/json.rs", "infra/pictures"]),
];

const MOST_LINES: usize = 760;

/// The modules of each layer's folder; `actions` is both.
const LAYERS: [&str; 3] = ["domain", "infra", "interfaces"];

/// `infra/store` of `infra/store/mod.rs`; `actions` of `actions/sign_in.rs`; empty for `main.rs`.
fn module_of(file: &str) -> &str {
    let mut slashes = file.match_indices('/').map(|(at, _)| at);
    let first = slashes.next().unwrap_or(0);
    let has_layer = LAYERS.contains(&&file[..first]);
    &file[..if has_layer { slashes.next().unwrap_or(first) } else { first }]
}

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
fn every_line_stands_in_its_module() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(60 < files.len());
    let mut complaints = Vec::new();
    for (name, text) in &files {
        let module = module_of(name);
        let own = module.rsplit('/').next().unwrap();
        let may = MAY_IMPORT.iter().find(|(known, _)| *known == own).map_or(&[][..], |row| row.1);
        if own != "" && !MAY_IMPORT.iter().any(|(known, _)| *known == own) && !LAYERS.contains(&own)
        {
            complaints.push(format!("{name}: '{own}' is no module of the table"));
        }
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
            for path in line.split("crate::").skip(1) {
                let mut names = path.split(|c: char| !c.is_alphanumeric() && c != '_');
                let first = names.next().unwrap();
                let other = if LAYERS.contains(&first) { names.nth(1).unwrap() } else { first };
                let is_module = MAY_IMPORT.iter().any(|(known, _)| *known == other);
                if is_module && other != own && !may.contains(&other) {
                    complaints.push(format!("{at}: '{own}' may not import '{other}'"));
                }
            }
            for (power, homes) in POWERS {
                let says = line.match_indices(power).any(|(at, _)| {
                    // `qr::png(…)` is a call and `crate::…::image::` a path of ours.
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if says && !homes.iter().any(|home| module == *home || name == home) {
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
