//! The rules of `docs/ARCHITECTURE.md`, section 3, as a test of every source line.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;
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
    ("backup", &["values"]),
    ("pictures", &["values"]),
    ("plots", &[]),
    ("captcha", &[]),
    ("tor", &[]),
    ("files", &["values"]),
    ("config", &["payment", "values"]),
    ("confinement", &[]),
    ("node", &["payment", "values"]),
    (
        "actions",
        &[
            "backup", "cart", "catalog", "files", "login", "mail", "orders", "payment", "pictures",
            "store", "values",
        ],
    ),
    ("http", &["values"]),
    (
        "web",
        &[
            "actions", "captcha", "cart", "catalog", "http", "orders", "payment", "pictures",
            "store", "values",
        ],
    ),
    (
        "desk",
        &[
            "actions", "backup", "cart", "catalog", "http", "login", "orders", "payment",
            "pictures", "plots", "store", "values", "web",
        ],
    ),
    (
        "cli",
        &[
            "actions",
            "backup",
            "cart",
            "catalog",
            "config",
            "confinement",
            "desk",
            "files",
            "http",
            "login",
            "mail",
            "node",
            "orders",
            "payment",
            "pictures",
            "store",
            "tor",
            "values",
            "web",
        ],
    ),
    ("infra", &["values"]),
    ("", &["cli"]),
];

/// What a line may only say in these modules, or in these files.
const CAPABILITIES: &[(&str, &[&str])] = &[
    ("sqlx::", &["infra/store"]),
    ("inotify::", &["infra/store"]),
    ("landlock::", &["infra/confinement"]),
    ("seccompiler::", &["infra/confinement"]),
    ("lettre::", &["infra/mail"]),
    ("pgp::", &["infra/mail"]),
    ("rand::", &["infra/mail/seal.rs"]),
    ("mailparse::", &["infra/mail"]),
    ("unicode_width::", &["infra/mail/layout.rs"]),
    ("unicode_segmentation::", &["infra/mail/layout.rs"]),
    ("actix_web::", &["interfaces/http", "interfaces/web", "interfaces/desk", "interfaces/cli"]),
    ("actix_http::", &["interfaces/http"]),
    ("httparse::", &["interfaces/http/request_gate.rs"]),
    ("actix_multipart::", &["interfaces/desk/upload.rs"]),
    ("actix_server::", &["interfaces/http"]),
    ("flate2::", &["interfaces/web"]),
    ("zlib_rs::", &["interfaces/web"]),
    ("fluent_bundle::", &["interfaces/web/texts.rs"]),
    ("askama::", &["interfaces/web", "interfaces/desk", "infra/mail"]),
    ("clap::", &["interfaces/cli", "infra/config"]),
    ("csv::", &["domain/catalog/csv_import/table.rs"]),
    ("clap_complete::", &["interfaces/cli"]),
    ("clap_mangen::", &["interfaces/cli"]),
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
            "interfaces/cli/run_as_owner.rs",
            "infra/failpoints.rs",
            // The name of the processor's architecture.
            "infra/confinement/calls.rs",
        ],
    ),
    ("SystemTime", &["interfaces/http/clock.rs"]),
    ("Instant::now", &["interfaces/http/clock.rs"]),
    ("getrandom::", &["interfaces/http/random.rs", "interfaces/cli/shop_context.rs"]),
    ("image::", &["infra/pictures"]),
    ("webp::", &["infra/pictures"]),
    ("moxcms::", &["infra/pictures"]),
    ("jpeg_decoder::", &["infra/pictures"]),
    ("pic_scale_safe::", &["infra/pictures"]),
    (
        "png::",
        &[
            "infra/pictures",
            "domain/payment/qr.rs",
            "interfaces/web/orders.rs",
            "infra/plots",
            "infra/captcha",
        ],
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
            "infra/atomic_file.rs",
            "infra/backup",
            "infra/bounded.rs",
            "infra/erased_file.rs",
            "infra/file_sync.rs",
            "infra/mail",
            "infra/pictures",
            "infra/tor",
            "infra/config",
            "infra/files",
            "interfaces/cli",
            "infra/store/mod.rs",
            "infra/store/journal.rs",
            "infra/store/update.rs",
            "interfaces/web/serve.rs",
            "interfaces/http/listener.rs",
            "interfaces/http/socket.rs",
        ],
    ),
    (
        "TcpStream",
        &[
            "interfaces/http/server.rs",
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
    ("argon2::", &["infra/tor/key_backup.rs", "domain/login/password.rs"]),
    ("zxcvbn::", &["domain/login/password.rs"]),
    ("sha1::", &["domain/login/factor.rs"]),
    ("aes_gcm::", &["infra/tor/key_backup.rs"]),
    ("curve25519_dalek::", &["infra/tor"]),
    ("rpassword::", &["interfaces/cli"]),
    ("listenfd::", &["interfaces/http/socket_activation.rs"]),
    (
        "rustix::",
        &[
            "infra/backup/space.rs",
            "infra/file_sync.rs",
            "interfaces/cli/process_hardening.rs",
            "interfaces/cli/notify.rs",
            "interfaces/cli/run_as_owner.rs",
            "interfaces/cli/demo.rs",
            "interfaces/cli/doctor/host.rs",
            "interfaces/cli/doctor/storage.rs",
            "interfaces/http/clock.rs",
        ],
    ),
    (
        "tokio::process",
        &[
            "interfaces/cli/image_worker.rs",
            "interfaces/cli/serve.rs",
            "interfaces/cli/notify.rs",
            "interfaces/cli/demo.rs",
        ],
    ),
    ("strsim::", &["infra/config/unknown.rs", "domain/catalog/search_text.rs"]),
    ("percent_encoding::", &["domain/values/node_url.rs", "domain/login/factor.rs"]),
    (
        "parking_lot::",
        &["infra/store", "actions", "interfaces/http", "interfaces/web", "interfaces/desk"],
    ),
    ("tar::", &["infra/backup"]),
    (
        "async fn",
        &[
            "interfaces/http",
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

const MAX_LINES: usize = 500;

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
        if !own.is_empty()
            && !MAY_IMPORT.iter().any(|(known, _)| *known == own)
            && !LAYERS.contains(&own)
        {
            complaints.push(format!("{name}: '{own}' is no module of the table"));
        }
        if MAX_LINES < text.lines().count() {
            complaints.push(format!("{name}: more than {MAX_LINES} lines"));
        }
        // Tests may make what they need.
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for path in paths(&lines.collect::<Vec<_>>().join("\n"), "crate::") {
            let mut names = path.split('/');
            let first = names.next().unwrap();
            let other = if LAYERS.contains(&first) { names.next().unwrap_or(first) } else { first };
            let is_module = MAY_IMPORT.iter().any(|(known, _)| *known == other);
            if name.starts_with("domain/") && first != "domain" {
                complaints.push(format!("{name}: the domain imports nothing of '{first}'"));
            }
            if is_module && other != own && !may.contains(&other) {
                complaints.push(format!("{name}: '{own}' may not import '{other}'"));
            }
        }
        for (n, line) in code.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            let at = format!("{name}:{}", n + 1);
            for (capability, homes) in CAPABILITIES {
                let says = line.match_indices(capability).any(|(at, _)| {
                    // `qr::png(…)` is a call and `crate::…::image::` a path of ours.
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if says && !homes.iter().any(|home| module == *home || name == home) {
                    complaints.push(format!("{at}: '{capability}' may only stand in {homes:?}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Units: lines of one function, without comments and blank lines.
const MAX_LINES_OF_FUNCTION: usize = 80;

/// Name and length of each function; rustfmt has put its end at the indentation of its beginning.
fn functions(code: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.trim().is_empty()).collect();
    let mut found = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let Some((before, rest)) = line.split_once("fn ") else { continue };
        let is_function = before
            .split_whitespace()
            .all(|word| word.chars().all(|c| c.is_ascii_lowercase() || "()".contains(c)));
        let name = rest.split(['(', '<']).next().unwrap();
        if is_function && rest.contains(['(', '<']) {
            let end = format!("{indent}}}");
            let length = lines[n..].iter().position(|line| *line == end).unwrap_or(0);
            found.push((name, length + 1));
        }
    }
    found
}

#[test]
fn no_function_is_long() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut complaints = Vec::new();
    let mut n_functions = 0;
    for (file, text) in &files {
        let found = functions(text.split("#[cfg(test)]").next().unwrap());
        n_functions += found.len();
        for (name, length) in
            found.into_iter().filter(|(_, length)| MAX_LINES_OF_FUNCTION < *length)
        {
            complaints.push(format!("{file}: {name} has {length} lines"));
        }
    }
    assert!(2_000 < n_functions, "{n_functions}");
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Where a name is written: `pub use` in one module of a name from another counts as the other.
type Exports = HashMap<(String, String), String>;

/// Module of a file: `infra/store` of `infra/store/mod.rs`, `actions/sign_in` of `actions/sign_in.rs`.
fn path_of(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap();
    path.strip_suffix("/mod").unwrap_or(path).to_owned()
}

/// The paths that begin with `start` in some code, groups written out: `a::{b, c::d}` is `a/b` and `a/c/d`.
fn paths(code: &str, start: &str) -> Vec<String> {
    fn read(rest: &str, so_far: &str, found: &mut Vec<String>) -> usize {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let mut at = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let path = format!("{so_far}{}", &rest[..at]);
        if rest[at..].starts_with("::{") {
            at += 3;
            while !rest[at..].starts_with('}') {
                if rest[at..].starts_with(is_name) {
                    at += read(&rest[at..], &format!("{path}/"), found);
                } else {
                    at += 1;
                }
            }
            return at + 1;
        }
        if rest[at..].starts_with("::") && rest[at + 2..].starts_with(is_name) {
            return at + 2 + read(&rest[at + 2..], &format!("{path}/"), found);
        }
        found.push(path);
        at
    }
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        read(&code[at + start.len()..], "", &mut found);
    }
    found
}

/// A module also names its own modules without their whole path.
fn paths_of_children(code: &str, module: &str) -> Vec<String> {
    let declared = code.lines().map(|line| line.trim_start_matches("pub "));
    let children = declared.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let mut found = Vec::new();
    for child in children {
        let start = format!("{child}::");
        for (at, _) in code.match_indices(&start) {
            if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                let path = paths(&code[at..at + code[at..].find('\n').unwrap()], &start);
                found.push(format!("{module}/{child}/{}", path[0]));
            }
        }
    }
    found
}

/// The module in which the name at the end of a path is written.
fn resolve(path: &str, modules: &HashSet<String>, exports: &Exports) -> Option<String> {
    let mut module = path;
    while !modules.contains(module) {
        module = &module[..module.rfind('/')?];
    }
    let name = path[module.len()..].trim_start_matches('/').split('/').next().unwrap();
    match exports.get(&(module.to_owned(), name.to_owned())) {
        Some(other) => resolve(&format!("{other}/{name}"), modules, exports),
        None => Some(module.to_owned()),
    }
}

fn exports(module: &str, code: &str, modules: &HashSet<String>, all: &mut Exports) {
    for line in code.split("pub use ").skip(1) {
        let line = line.split(';').next().unwrap();
        let full = match line.strip_prefix("crate::") {
            Some(_) => line.to_owned(),
            None => format!("crate::{}::{}", module.replace('/', "::"), line),
        };
        for path in paths(&full, "crate::") {
            let (from, name) = path.rsplit_once('/').unwrap();
            if modules.contains(from) && from != module {
                all.insert((module.to_owned(), name.to_owned()), from.to_owned());
            }
        }
    }
}

fn reach<'a>(
    from: &'a String,
    imports: &'a HashMap<String, HashSet<String>>,
) -> HashSet<&'a String> {
    let mut found = HashSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        next.extend(imports[module].iter().filter(|other| found.insert(*other)));
    }
    found
}

#[test]
fn no_file_imports_a_file_that_leads_back_to_it() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.retain(|(name, _)| name != "lib.rs" && name != "main.rs" && !name.ends_with("tests.rs"));
    let modules: HashSet<String> = files.iter().map(|(name, _)| path_of(name)).collect();
    let code = |text: &str| -> String {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let mut all = Exports::new();
    for (name, text) in &files {
        exports(&path_of(name), &code(text), &modules, &mut all);
    }
    let mut imports: HashMap<String, HashSet<String>> = HashMap::new();
    for (name, text) in &files {
        let module = path_of(name);
        let code = code(text);
        let own: String =
            code.split_inclusive(';').filter(|part| !part.contains("pub use ")).collect();
        let mut others = paths(&own, "crate::");
        others.extend(paths_of_children(&own, &module));
        let others = others.iter().filter_map(|path| resolve(path, &modules, &all));
        let others = others.filter(|other| *other != module).collect();
        imports.insert(module, others);
    }
    // Of each circle the imports that tie it.
    let reached: HashMap<&String, HashSet<&String>> =
        imports.keys().map(|module| (module, reach(module, &imports))).collect();
    let mut circles = BTreeSet::new();
    for (module, others) in &imports {
        for other in others.iter().filter(|other| reached[*other].contains(module)) {
            circles.insert(format!("{module} imports {other}"));
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

/// The two tables, as `docs/ARCHITECTURE.md` shows them.
fn tables() -> String {
    let code = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let mut text = "| module | may import |\n|---|---|\n".to_owned();
    for (module, may) in MAY_IMPORT.iter().filter(|(module, _)| !module.is_empty()) {
        writeln!(text, "| `{module}` | {} |", code(may)).unwrap();
    }
    text += "\n| only in | allowed |\n|---|---|\n";
    for (places, capabilities) in by_place() {
        writeln!(text, "| {} | {} |", code(&places), code(&capabilities)).unwrap();
    }
    text
}

/// Where something may stand → what. What may stand nowhere comes last.
fn by_place() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let mut found: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for (capability, places) in CAPABILITIES {
        let name = capability.trim_end_matches("::").trim_end_matches('(').trim();
        match found.iter_mut().find(|(known, _)| known == places) {
            Some((_, names)) => names.push(name),
            None => found.push((places.to_vec(), vec![name])),
        }
    }
    found.sort_by_key(|(places, _)| places.is_empty());
    for (places, _) in &mut found {
        if places.is_empty() {
            places.push("nowhere");
        }
    }
    found
}

/// `UPDATE_DOCS=1 cargo test --test it tidy` writes them anew.
#[test]
fn the_architecture_shows_the_tables_of_this_test() {
    const BEGIN: &str = "<!-- tests/it/tidy.rs writes from here -->\n";
    const END: &str = "<!-- to here -->";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{}{END}{after}", tables())).unwrap();
    } else {
        assert!(shown == tables(), "UPDATE_DOCS=1 cargo test --test it tidy");
    }
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
        style.len() < 14_336 && !style.contains("url(") && !style.contains("@import"),
        "{}",
        style.len()
    );
}
