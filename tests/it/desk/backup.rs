//! Backups that the desk sends.

use std::fs;
use std::io::Read;

use super::activity;
use super::login::{oathtool, recovery_codes};
use crate::flood::peak_mb;
use crate::sealing::Gpg;
use crate::world::{DESK_PASSWORD, World};

/// What the shop may use more while it sends a backup. Units: MB.
const ALLOWED_MB: u64 = 48;

fn shop_with_key(gpg: &Gpg) -> World {
    let mut world = World::with_desk();
    let key = gpg.usual_key("Seller <seller@shop.example>");
    fs::write(world.path("db/seller.asc"), gpg.exports(&key)).unwrap();
    world.close("-TERM");
    world.open();
    world
}

#[test]
fn a_backup_from_the_desk_is_encrypted_and_restored_elsewhere() {
    let gpg = Gpg::new();
    let world = shop_with_key(&gpg);
    fs::create_dir_all(world.path("db/files")).unwrap();
    let film = fs::File::create(world.path("db/files/film.mkv")).unwrap();
    film.set_len(64 << 20).unwrap();
    let mut desk = world.desk();
    assert!(desk.get("/account").text().contains("/account/backup"));
    let page = desk.get("/account/backup");
    assert_eq!(page.mark("key").replace(|c: char| !c.is_ascii_hexdigit(), "").len(), 40);
    assert!(!page.text().contains("name=\"code\""));
    let wrong = desk.post("/account/backup", &[("password", "wrong"), ("without_images", "yes")]);
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.attribute("password", "aria-invalid"), "true");
    assert!(wrong.text().contains("value=\"yes\" checked"));

    let before = peak_mb(world.pid());
    let sent = desk.post("/account/backup", &[("password", DESK_PASSWORD)]);
    assert_eq!(sent.status, 200, "{}", sent.text());
    let name = sent.header("content-disposition").unwrap();
    assert!(name.starts_with("attachment; filename=\"shop-backup-2"), "{name}");
    assert!(sent.bytes.starts_with(b"-----BEGIN PGP MESSAGE-----"));
    let peak = peak_mb(world.pid());
    assert!(peak <= before + ALLOWED_MB, "{before} MB before, {peak} MB at most");
    assert!(activity(&world).contains(&"Downloaded a backup".to_owned()));
    world.until("the copy is removed", || !world.path("db/shop.sqlite.snapshot").exists());

    let opened = gpg.tries(&["--decrypt"], &sent.bytes);
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let other = World::closed(&[]);
    fs::write(other.path("copy.tar"), opened.stdout).unwrap();
    other.says(&["restore", "copy.tar"]);
    assert_eq!(fs::metadata(other.path("db/files/film.mkv")).unwrap().len(), 64 << 20);
    assert!(other.says(&["orders"]).contains("No orders yet"));
}

#[test]
fn a_backup_is_sent_neither_in_plain_text_nor_without_the_second_factor() {
    let world = World::with_desk();
    let mut desk = world.desk();
    assert!(desk.get("/account/backup").text().contains("this shop has no key"));
    let refused = desk.post("/account/backup", &[("password", DESK_PASSWORD)]);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(!world.path("db/shop.sqlite.snapshot").exists());

    let gpg = Gpg::new();
    let world = shop_with_key(&gpg);
    let mut desk = world.desk();
    let secret = desk.does("/account/factor", &[]).mark("secret");
    let code = oathtool(&secret, "now");
    let given = [("code", code.as_str()), ("password", DESK_PASSWORD)];
    let codes = recovery_codes(&desk.post("/account/factor/confirm", &given));
    assert!(desk.get("/account/backup").text().contains("name=\"code\""));
    for code in ["", "123456", &code] {
        let refused = desk.post("/account/backup", &[("password", DESK_PASSWORD), ("code", code)]);
        assert_eq!(refused.status, 422, "{code}");
        assert!(refused.text().contains("Wrong password or code"), "{code}");
    }
    let sent = desk.post("/account/backup", &[("password", DESK_PASSWORD), ("code", &codes[0])]);
    assert_eq!(sent.status, 200);
    // A key that is gone: nothing is sent in plain text instead.
    fs::remove_file(world.path("db/seller.asc")).unwrap();
    world.until("the shop has noticed", || {
        desk.clone().get("/account/backup").text().contains("your key cannot be used")
    });
    let refused = desk.post("/account/backup", &[("password", DESK_PASSWORD), ("code", &codes[1])]);
    assert_eq!(refused.status, 422, "{}", refused.text());
}

#[test]
fn there_is_one_backup_at_a_time_and_one_that_nobody_reads_leaves_nothing() {
    let gpg = Gpg::new();
    let world = shop_with_key(&gpg);
    fs::create_dir_all(world.path("db/files")).unwrap();
    let film = fs::File::create(world.path("db/files/film.mkv")).unwrap();
    film.set_len(64 << 20).unwrap();
    let mut desk = world.desk();
    let snapshot = world.path("db/shop.sqlite.snapshot");
    let token = desk.get("/").token();
    let body = format!("token={token}&password={DESK_PASSWORD}");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let mut reading = desk.0.begins("POST", "/account/backup", &form, body.as_bytes());
    let mut part = [0; 1_000];
    reading.read_exact(&mut part).unwrap();
    assert!(part.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&part));
    assert!(snapshot.exists());
    let second = desk.post("/account/backup", &[("password", DESK_PASSWORD)]);
    assert_eq!(second.status, 422);
    assert!(second.text().contains("another backup is being made"), "{}", second.text());
    drop(reading);
    world.until("the copy is removed", || !snapshot.exists());
    assert_eq!(desk.post("/account/backup", &[("password", DESK_PASSWORD)]).status, 200);
}
