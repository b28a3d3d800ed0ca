//! `shop init`: a new shop by flags and by questions, which is never half written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};

use crate::terminal::on_a_terminal;
use crate::world::{
    BTC_ZPUB, DESK_PASSWORD, Keyring, World, XMR_ADDRESS, catalog, files_below, plain,
};

const ETH_ADDRESS: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
/// Of `abandon … about`, as BIP-84 lists them.
const BTC_ADDRESSES: [&str; 3] = [
    "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
    "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
    "bc1qp59yckz4ae5c4efgw2s5wfyvrz0ala7rgvuz8z",
];

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Everything that the seller owns in a folder: the shop's own files change by themselves.
fn own_files(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_own = |path: &PathBuf| {
        let name = path.strip_prefix(world.home.path()).unwrap().display().to_string();
        !name.starts_with("db/shop.") && !name.starts_with("mailorders") && name != "log"
    };
    let files = files_below(world.home.path()).into_iter().filter(is_own);
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[track_caller]
fn inits(world: &World, arguments: &[&str]) -> String {
    world.says(&[&["init", "--yes"], arguments].concat())
}

#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> String {
    let output = world.shop(&[&["init", "--yes"], arguments].concat());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_shop_from_flags_opens_and_takes_an_order() {
    let mut world = World::closed(&[]);
    let name = "Tom's & \"Co\" $HOME #1";
    fs::write(world.path("password"), format!("{DESK_PASSWORD}\n")).unwrap();
    let keys = Keyring::new();
    let key = keys.makes_key("Ada <ada@example.org>");
    fs::write(world.path("key.asc"), keys.exports(&key)).unwrap();
    let text = inits(
        &world,
        &[
            "--site-name",
            name,
            "--currency",
            "btc",
            "--xpub",
            BTC_ZPUB,
            "--catalog",
            "demo",
            "--key",
            "key.asc",
            "--desk-password-file",
            "password",
            "--desk-listen",
            "127.0.0.1:0",
        ],
    );
    for words in BTC_ADDRESSES {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("10 products and 15 pictures"), "{text}");
    let (_, next) = text.split_once("\nNext:\n").unwrap();
    assert_eq!(next.lines().filter(|line| line.starts_with("  shop ")).count(), 3, "{next}");
    assert!(text.contains("ok   seller's key"), "the doctor's checks: {text}");
    let env = fs::read_to_string(world.path(".env")).unwrap();
    assert!(
        env.contains("\n# How long finished orders are kept, in days\n#KEEP_DAYS=30\n"),
        "{env}"
    );
    assert!(!env.contains(DESK_PASSWORD));
    for path in [".env", "db/data.json", "db/seller.asc", "db/pages/policy.md"] {
        let mode = fs::metadata(world.path(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    world.open();
    assert!(!world.log().contains("error"), "{}", world.log());
    let mut buyer = world.buyer();
    assert!(plain(&buyer.get("/").text()).contains(name), "{}", buyer.get("/").text());
    buyer.adds("linen-notebook", "Plain", "1");
    let order = buyer.checks_out(&[]);
    assert_eq!((order.state().as_str(), order.mark("currency").as_str()), ("awaiting", "BTC"));
    assert_eq!(order.mark("address"), BTC_ADDRESSES[0]);
    world.until("the message", || !world.messages().is_empty());
    assert!(world.messages()[0].1.contains("-----BEGIN PGP MESSAGE"));
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("password, no 2FA"), "{doctor}");
}

#[test]
fn an_invalid_wallet_is_refused_and_nothing_is_written() {
    for (arguments, words) in [
        (&["--currency", "ETH", "--wallet", "0x123abc"][..], "0x123abc"),
        (&["--currency", "ETH", "--wallet", &ETH_ADDRESS.replace("5aA", "5AA")], "checksum"),
        (&["--currency", "BTC", "--xpub", &BTC_ZPUB[..100]], "xpub"),
        (&["--currency", "BTC", "--xpub", BTC_ZPUB, "--wallet", BTC_ADDRESSES[0]], "only one"),
        (&["--currency", "ABC", "--wallet", ETH_ADDRESS], "supported are"),
        (&["--currency", "BTC"], "xpub"),
        (&[], "a wallet: found none"),
        (
            &[
                "--currency",
                "LTC",
                "--catalog",
                "demo",
                "--wallet",
                "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ",
            ],
            "ETH, BTC, XMR",
        ),
    ] {
        let world = World::closed(&[]);
        let error = refused(&world, arguments);
        assert!(
            error.contains(words) && error.contains("nothing was written"),
            "{arguments:?}: {error}"
        );
        assert_eq!(files_below(world.home.path()), [""; 0].map(PathBuf::from), "{arguments:?}");
    }
}

#[test]
fn all_errors_of_the_flags_are_reported_together_and_no_secret_is_shown() {
    let world = World::closed(&[]);
    let mnemonic = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    fs::write(world.path("weak"), "letmein\n").unwrap();
    fs::write(world.path("no.asc"), "no key").unwrap();
    let error = refused(
        &world,
        &[
            "--keep-days",
            "long",
            "--site-url",
            "shop",
            "--currency",
            "BTC",
            "--xpub",
            mnemonic,
            "--catalog",
            "full",
            "--key",
            "no.asc",
            "--desk-password-file",
            "weak",
        ],
    );
    assert!(error.starts_with("shop: 6 errors; nothing was written:"), "{error}");
    for words in ["KEEP_DAYS", "SITE_URL", "PRIVATE", "--catalog", "no.asc", "too weak"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert!(!error.contains("abandon") && !error.contains("letmein"), "{error}");
    assert_eq!(own_files(&world).len(), 2);
}

#[test]
fn a_second_run_changes_nothing_and_only_force_overwrites() {
    let world = World::closed(&[]);
    fs::create_dir_all(world.path("db/images")).unwrap();
    fs::write(world.path("db/images/candle.webp"), "the seller's own").unwrap();
    inits(&world, &["--site-name", "One", "--currency", "ETH", "--wallet", ETH_ADDRESS]);
    let before = own_files(&world);
    for arguments in [
        &[][..],
        &["--site-name", "Two", "--currency", "BTC", "--xpub", BTC_ZPUB],
        &["--catalog", "demo"],
    ] {
        let text = inits(&world, arguments);
        for path in [".env", "db/data.json", "db/pages/policy.md"] {
            assert!(text.contains(&format!("{path} exists, and is kept")), "{path}: {text}");
        }
        assert!(!text.contains("Wrote"), "{text}");
        assert!(own_files(&world) == before, "{arguments:?}");
    }
    assert!(world.says(&["wallet", "check"]).contains(ETH_ADDRESS));
    let text =
        inits(&world, &["--force", "--site-name", "Two", "--currency", "BTC", "--xpub", BTC_ZPUB]);
    assert!(text.contains("Wrote .env") && text.contains("Wrote db/data.json"), "{text}");
    assert!(fs::read_to_string(world.path(".env")).unwrap().contains("\nSITE_NAME=Two\n"));
    assert!(world.says(&["wallet", "check"]).contains(BTC_ADDRESSES[2]));
    assert_eq!(fs::read(world.path("db/images/candle.webp")).unwrap(), b"the seller's own");
}

#[test]
fn a_catalog_in_the_database_is_never_replaced() {
    let world = World::new();
    fs::remove_file(world.path("db/data.json")).unwrap();
    let text = inits(&world, &[]);
    assert!(text.contains("The catalog in the database exists, and is kept"), "{text}");
    assert!(!world.path("db/data.json").exists());
    let arguments = ["--force", "--currency", "ETH", "--wallet", ETH_ADDRESS];
    let text = inits(&world, &arguments);
    assert!(text.contains("Wrote db/data.json"), "{text}");
    assert!(text.contains("Next:\n  shop seed db/data.json"), "the seller imports it: {text}");
    assert!(world.buyer().get("/product/green-tea").text().contains("0.09199"));
}

#[test]
fn a_catalog_file_that_is_kept_is_imported_or_nothing_is_written() {
    let world = World::closed(&[]);
    fs::create_dir(world.path("db")).unwrap();
    let mut own = catalog();
    own["wallets"]["eth"]["xpub"] = json!("xpub");
    fs::write(world.path("db/data.json"), own.to_string()).unwrap();
    let before = own_files(&world);
    let error = refused(&world, &["--site-name", ""]);
    assert!(error.contains("db/data.json: wallets \"eth\""), "{error}");
    assert!(own_files(&world) == before);
    fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
    let text = inits(&world, &[]);
    assert!(text.contains("The catalog now has 4 products"), "{text}");
    assert_eq!(fs::read_to_string(world.path("db/data.json")).unwrap(), catalog().to_string());
}

#[test]
fn a_monero_wallet_takes_its_view_key_from_a_file_or_standard_input() {
    // Of a public test wallet.
    let view_key = "2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d\n";
    let wallet = ["--currency", "XMR", "--wallet", XMR_ADDRESS, "--view-key-file"];
    for file in ["view", "-"] {
        let world = World::closed(&[]);
        fs::write(world.path("view"), view_key).unwrap();
        let arguments = [&["init", "--yes"], &wallet[..], &[file]].concat();
        let output = world.told(&arguments, view_key.as_bytes());
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("a separate subaddress"), "{}", said(&output));
    }
    let world = World::closed(&[]);
    let both = [&wallet[..], &["-", "--desk-password-file", "-"]].concat();
    assert!(refused(&world, &both).contains("standard input twice"));
}

#[test]
fn a_key_of_gpgs_keyring_is_exported() {
    let keys = Keyring::new();
    let key = keys.makes_key("Ada <ada@example.org>");
    let path = ("PATH", std::env::var("PATH").unwrap());
    let home = ("GNUPGHOME", keys.home().display().to_string());
    let world = World::closed(&[(path.0, &path.1), (home.0, &home.1)]);
    let wallet = ["--currency", "ETH", "--wallet", ETH_ADDRESS, "--gpg-key"];
    let error = refused(&world, &[&wallet[..], &["bob@example.org"]].concat());
    assert!(error.contains("bob@example.org"), "{error}");
    inits(&world, &[&wallet[..], &["ada@example.org"]].concat());
    let stored = fs::read_to_string(world.path("db/seller.asc")).unwrap();
    assert_eq!(stored, keys.exports(&key));
}

fn asked(world: &World, keys: &Keyring, dialogue: &Value) -> (Option<i32>, String) {
    let home = keys.home().display().to_string();
    let arguments = ["init", "--tor-control", "unix:none"];
    let home = [("GNUPGHOME", home.as_str())];
    let (code, text) = on_a_terminal(world, &arguments, &home, dialogue, Some(DESK_PASSWORD));
    (code, text.replace("\r\n", "\n"))
}

#[test]
fn on_a_terminal_each_answer_is_checked_and_existing_files_are_asked_about() {
    let world = World::closed(&[]);
    let keys = Keyring::new();
    keys.makes_key("Ada <ada@example.org>");
    let dialogue = json!([
        ["Name of the shop [Shop]: ", "The Ash Tree"],
        ["Contact that buyers see (empty: none): ", ""],
        ["[BTC]: ", "BTC"],
        ["(empty: a demo): ", "0x123abc"],
        ["[BTC]: ", "btc"],
        ["(empty: a demo): ", BTC_ZPUB],
        ["Is this your wallet? [Y/n]: ", ""],
        ["as an example to replace? [y/N]: ", ""],
        ["a file with it (empty: none): ", "none.asc"],
        ["a file with it (empty: none): ", "1"],
        ["in your browser? [Y/n]: ", ""],
        ["set it later): ", "letmein"],
        ["set it later): ", DESK_PASSWORD],
        ["Confirm it: ", DESK_PASSWORD],
        ["Write .env, db/seller.asc, db/pages/policy.md, db/data.json? [Y/n]: ", ""],
    ]);
    let (code, text) = asked(&world, &keys, &dialogue);
    assert_eq!(code, Some(0), "{text}");
    let words = [
        "a Bitcoin address starts with",
        "Ada <ada@example.org>",
        "apt install tor",
        "too weak",
        "Next:",
    ];
    for words in words.iter().chain(&BTC_ADDRESSES) {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains(DESK_PASSWORD), "it is typed unseen: {text}");
    let env = fs::read_to_string(world.path(".env")).unwrap();
    for line in ["SITE_NAME='The Ash Tree'", "CONNECT_TOR=no", "DESK_LISTEN=127.0.0.1:3001"] {
        assert!(env.lines().any(|known| known == line), "{line}: {env}");
    }
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("at http://127.0.0.1:3001; password, no 2FA"), "{doctor}");
    // Again: everything is asked about, and kept.
    let before = own_files(&world);
    let again = json!([
        [".env exists. Overwrite it? [y/N]: ", ""],
        ["db/data.json exists. Overwrite it? [y/N]: ", "n"],
        ["db/seller.asc exists. Overwrite it? [y/N]: ", "no"],
        ["db/pages/policy.md exists. Overwrite it? [y/N]: ", ""],
        ["The desk's password exists. Overwrite it? [y/N]: ", ""],
    ]);
    let (code, text) = asked(&world, &keys, &again);
    assert_eq!(code, Some(0), "{text}");
    assert!(own_files(&world) == before, "{text}");
}

#[test]
fn who_does_not_confirm_has_written_nothing() {
    let world = World::closed(&[]);
    let dialogue = json!([
        ["Name of the shop [Shop]: ", ""],
        ["Contact that buyers see (empty: none): ", ""],
        ["[BTC]: ", "ETH"],
        ["(empty: a demo): ", ""],
        ["public key (empty: none): ", ""],
        ["in your browser? [Y/n]: ", "n"],
        ["17 pictures in db/images? [Y/n]: ", "n"],
    ]);
    let (code, text) = asked(&world, &Keyring::new(), &dialogue);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nothing was written"), "{text}");
    assert_eq!(files_below(world.home.path()), [""; 0].map(PathBuf::from));
}
