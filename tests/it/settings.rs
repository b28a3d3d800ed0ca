//! Faulty settings: misspelt, in another encoding, given twice.

use std::fs;

use crate::world::{World, catalog, files_below};

/// The error for this `.env`; nothing is opened.
#[track_caller]
fn error_of(env: &[u8]) -> String {
    let world = World::closed(&[]);
    fs::write(world.path(".env"), env).unwrap();
    let output = world.shop(&["serve", "--listen", "127.0.0.1:0"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(files_below(world.home.path()), [world.path(".env")], "{error}");
    error
}

/// Whether the shop reads its name from this `.env`.
#[track_caller]
fn is_read(env: &[u8]) -> bool {
    let mut world = World::closed(&[]);
    fs::write(world.path(".env"), env).unwrap();
    world.open();
    world.buyer().get("/").text().contains("The Ash Tree")
}

#[test]
fn misspelt_settings_are_reported_together_each_with_the_nearest_name() {
    let error = error_of(
        b"SITE_NAM=The Ash Tree\nKEEP_DAY=5\nexport LISTNE=unix:x\nsite_name=x\nFOO=bar\nPAYMENT_MINUTES=soon\n\
          SITE_NAME=one\nSITE_NAME=two\n",
    );
    for (line, words) in [
        ("SITE_NAM (.env, line 1)", "expected SITE_NAME"),
        ("KEEP_DAY (.env, line 2)", "expected KEEP_DAYS"),
        ("LISTNE (.env, line 3)", "expected LISTEN"),
        ("site_name (.env, line 4)", "expected SITE_NAME"),
        ("FOO (.env, line 5)", "shop help settings"),
        ("PAYMENT_MINUTES (.env, line 6)", "minutes"),
        ("SITE_NAME (.env, line 8)", "line 7"),
    ] {
        let found = error.lines().find(|told| told.contains(line));
        assert!(found.is_some_and(|told| told.contains(words)), "{line}: {error}");
    }
    assert!(error.contains("(7 errors)"), "{error}");
}

#[test]
fn a_misspelt_name_in_the_environment_is_reported_and_no_other_programs_name() {
    let usual = [
        ("PATH", "/usr/bin"),
        ("HOME", "/root"),
        ("HOST", "h"),
        ("TERM", "xterm"),
        ("TZ", "UTC"),
        ("LANG", "C"),
    ];
    for (name, nearest) in [
        ("SITE_NAM", "SITE_NAME"),
        ("KEEP_DAY", "KEEP_DAYS"),
        ("SHOP_LISTEN", "LISTEN"),
        ("Site_Url", "SITE_URL"),
    ] {
        let mut settings = usual.to_vec();
        settings.push((name, "x"));
        let world = World::closed(&settings);
        let output = world.shop(&["serve"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.contains(&format!("{name} (the environment)")) && error.contains(nearest),
            "{error}"
        );
        assert!(files_below(world.home.path()).is_empty());
    }
    let mut settings = usual.to_vec();
    // Compose gives empty values for what nobody has set.
    settings.extend([("SHOP_UID", "1000"), ("LISTEN_PID", "1"), ("SITE_NAM", "")]);
    drop(World::with(&catalog(), &settings));
    let flag = World::closed(&[]).shop(&["serve", "--site-nam", "x"]);
    assert_eq!(flag.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&flag.stderr).contains("--site-name"));
}

#[test]
fn the_settings_of_the_ancestor_and_of_compose_are_accepted() {
    assert!(is_read(
        b"#\n# For sessions\n#\nSECRET=whatsthebigsecret\n\n#\n# Your email (rigged for Gmail)\n#\nFROM=your@email.com\nPASSWORD=secret\n\
          CONTACT=questions@email.com\nPREFERRED_CURRENCY=ETH\nSITE_NAME=The Ash Tree\nSITE_URL=/\n#\n# Set value\n#\n#TOR=true\nTOR=true\n\
          WALLET=0x52908400098527886E0F7030069857D2E4169EE7\nCURRENCY=ETH\nNODE_ENV=production\nVIRTUAL_HOST=shop.example\n\
          LETSENCRYPT_HOST=shop.example\nLETSENCRYPT_EMAIL=me@shop.example\nSHOP_UID=1000\nSHOP_GID=1000\nSHOP_TAG=1.0\nCOMPOSE_PROJECT_NAME=x\n",
    ));
    let example = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example")).unwrap();
    let world = World::closed(&[]);
    let open: String = example
        .lines()
        .filter_map(|line| {
            line.strip_prefix('#').filter(|line| line.contains('=') && !line.starts_with(' '))
        })
        .filter(|line| !line.contains("RPC_URL") && !line.starts_with("CLOSE_CIRCUITS"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(world.path(".env"), open).unwrap();
    let output = world.shop(&["orders"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("there is no shop here") && !error.contains("settings"), "{error}");
}

#[test]
fn the_lines_of_every_editor_are_read() {
    for env in [
        b"\xef\xbb\xbfSITE_NAME=The Ash Tree\n".as_slice(),
        b"SITE_NAME=The Ash Tree\r\nKEEP_DAYS=5\r\n",
        b"export SITE_NAME=\"The Ash Tree\"\n",
        b"export\tSITE_NAME='The Ash Tree'\n",
        b"  SITE_NAME = The Ash Tree   # its name\n",
        b"SITE_NAME=The Ash Tree",
    ] {
        assert!(is_read(env), "{}", String::from_utf8_lossy(env));
    }
    // The first line counts, whatever stands before it.
    let error = error_of(b"\xef\xbb\xbfLISTEN=everywhere\nKEEP_DAYS=long\n");
    assert!(
        error.contains("LISTEN (the command line)") || error.contains("KEEP_DAYS (.env, line 2)"),
        "{error}"
    );
    let error = error_of(b"\xef\xbb\xbfDESK_LISTEN=everywhere\nSITE_NAME=The Ash Tree\n");
    assert!(error.contains("DESK_LISTEN (.env, line 1)"), "{error}");
}

#[test]
fn an_env_file_in_another_encoding_is_refused_by_its_name() {
    let wide = |mark: &[u8], write: fn(u16) -> [u8; 2]| {
        let text: Vec<u8> = "SITE_NAME=The Ash Tree\n".encode_utf16().flat_map(write).collect();
        [mark, &text].concat()
    };
    for env in [
        wide(b"\xff\xfe", u16::to_le_bytes),
        wide(b"\xfe\xff", u16::to_be_bytes),
        wide(b"", u16::to_le_bytes),
    ] {
        let error = error_of(&env);
        assert!(error.contains(".env") && error.contains("UTF-16"), "{error}");
    }
    let error = error_of(b"KEEP_DAYS=5\nSITE_NAME=J\xf6rg\n");
    assert!(error.contains("line 2") && error.contains("UTF-8"), "{error}");
}

#[test]
fn a_secret_in_place_of_a_name_is_not_shown() {
    for secret in [
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols",
    ] {
        let error = error_of(format!("{secret}=\n").as_bytes());
        assert!(error.contains(".env, line 1") && !error.contains(secret), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_ignored_in_every_file_of_the_seller() {
    let mark = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let list = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nhttp://a.onion\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n";
    let mut world = World::closed(&[]);
    fs::create_dir_all(world.path("db/pages")).unwrap();
    fs::write(world.path("db/data.json"), mark(&catalog().to_string())).unwrap();
    fs::write(world.path("db/pages/about.md"), mark("# About us\n\nHello.")).unwrap();
    fs::write(world.path("db/mirrors.txt"), mark(list)).unwrap();
    for arguments in [["seed", "--check", "db/data.json"], ["wallet", "check", "db/data.json"]] {
        world.says(&arguments);
    }
    world.open();
    let mut buyer = world.buyer();
    assert!(buyer.get("/page/about").text().contains("<h1>About us</h1>"));
    assert_eq!(buyer.get("/mirrors.txt").text(), list);
    assert_eq!(buyer.get("/product/green-tea").status, 200);
    world.says(&["seed", "db/data.json"]);
    let wide: Vec<u8> = catalog().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(world.path("db/wide.json"), [b"\xff\xfe".as_slice(), &wide].concat()).unwrap();
    for arguments in [
        ["seed", "--check", "db/wide.json"].as_slice(),
        &["seed", "db/wide.json"],
        &["wallet", "check", "db/wide.json"],
    ] {
        let output = world.shop(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(error.contains("db/wide.json") && error.contains("UTF-16"), "{error}");
    }
}
