//! What the shop forgets, keeps safe and says of itself.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shop::infra::failpoints;
use sqlx::Connection;

use crate::crash::program_with_points;
use crate::sealing::Gpg;
use crate::world::{Answer, Buyer, World, catalog, files_below};

fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn orders(world: &World) -> Vec<Value> {
    serde_json::from_str(&world.says(&["orders", "--json"])).unwrap()
}

fn place_order(world: &World) -> (Buyer, Answer) {
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[]);
    (buyer, page)
}

#[test]
fn what_is_old_is_erased_by_itself_and_leaves_no_trace() {
    let world = World::new();
    let (_, old) = place_order(&world);
    let (_, unpaid) = place_order(&world);
    let (_, waits) = place_order(&world);
    let [old, unpaid, waits] = [old, unpaid, waits].map(|page| page.mark("order-ref"));
    world.until("three are told", || world.messages().len() == 3);
    // One was read and flagged by a mail reader.
    let (name, _) = world.messages().into_iter().find(|(name, _)| name.contains(&old)).unwrap();
    fs::rename(
        world.path("mailorders/new").join(&name),
        world.path("mailorders/cur").join(format!("{name}:2,FS")),
    )
    .unwrap();
    world.says(&["orders", "cancel", &old]);
    assert_eq!(orders(&world).len(), 3);
    world.sql("update orders set finished_at = 86400 where status = 'cancelled'");
    world.sql("update invoices set until = 1 where order_id = 2");
    let expired = "select order_ref from orders where status = 'expired'";
    world.until("it expires", || !world.find(expired).is_empty());
    world.sql("update orders set finished_at = 86400 where status = 'expired'");
    world.until("what is due is gone", || orders(&world).len() == 1);
    world.says(&["purge"]);
    for path in files_below(world.home.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for gone in [&old, &unpaid] {
            let in_name = path.to_string_lossy().contains(gone.as_str());
            assert!(!in_name && !text.contains(gone.as_str()), "{}", path.display());
        }
    }
    assert!(world.messages().iter().all(|(_, text)| text.contains(&waits)));
    assert_eq!(fs::metadata(world.path("db/shop.sqlite-wal")).map_or(0, |found| found.len()), 0);
}

#[test]
fn erasing_that_was_stopped_at_any_point_is_finished_by_the_next() {
    let world = World::new();
    for point in failpoints::PURGE {
        let (mut buyer, page) = place_order(&world);
        let order_ref = page.mark("order-ref");
        world.until("it is told", || world.messages().len() == 1);
        world.says(&["orders", "cancel", &order_ref]);
        let mut stopped = World::closed(&[("SHOP_STOP_AT", point), ("KEEP_DAYS", "0")]);
        stopped.program = program_with_points();
        for (name, path) in [("DATABASE_URL", "sqlite://db/shop.sqlite"), ("MAILDIR", "mailorders")]
        {
            let whole = path.replace("sqlite://", "");
            let path = path.replace(&whole, &world.path(&whole).display().to_string());
            stopped.settings.push((name.to_owned(), path));
        }
        assert_eq!(stopped.shop(&["purge"]).status.code(), None, "{point}");
        assert!(orders(&world).is_empty(), "{point}: nobody finds it any more");
        assert!(buyer.get("/order").find_mark("order-ref").is_none(), "{point}");
        // By the open shop, or by this.
        world.until("all of it is gone", || {
            world.says(&["purge"]);
            files_below(world.home.path()).iter().all(|path| {
                let text =
                    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
                !text.contains(&order_ref) && !path.to_string_lossy().contains(&order_ref)
            })
        });
    }
}

#[test]
fn an_order_that_nobody_paid_is_kept_for_48_hours_and_messages_as_the_seller_wants() {
    let world = World::with(&catalog(), &[("PURGE_MAIL", "no")]);
    let (_, page) = place_order(&world);
    world.until("it is told", || world.messages().len() == 1);
    world.sql("update invoices set until = unixepoch() - 48 * 3600 + 60");
    world.until("it expires", || orders(&world)[0]["state"] == "expired");
    assert!(world.says(&["purge"]).contains("0 orders"));
    world.sql("update invoices set until = unixepoch() - 48 * 3600");
    assert!(
        world.says(&["purge", "--dry-run"]).contains(&page.mark("order-ref"))
            || orders(&world).is_empty()
    );
    world.until("it is erased", || {
        world.says(&["purge"]);
        orders(&world).is_empty()
    });
    assert!(world.messages().iter().any(|(_, text)| text.contains(&page.mark("order-ref"))));
}

#[test]
fn after_a_shop_was_down_for_days_a_buyer_who_has_paid_meanwhile_can_still_say_so() {
    let mut world = World::new();
    let (mut buyer, page) = place_order(&world);
    world.until("it is told", || world.messages().len() == 1);
    world.close("-TERM");
    world.sql("update invoices set until = unixepoch() - 3 * 86400");
    world.open();
    buyer.address = world.address().to_owned();
    buyer.host = world.address().to_owned();
    let expired = "select order_ref from orders where status = 'expired'";
    world.until("it expires", || !world.find(expired).is_empty());
    // It is told that it expired after what would have been erased was.
    world
        .until("that is told", || fs::read_dir(world.path("mailorders/cur")).unwrap().count() == 1);
    let transaction = format!("0x{}", "5a".repeat(32));
    assert_eq!(buyer.post("/order/transaction", &[("transaction", &transaction)]).status, 303);
    let again = buyer.get("/order");
    assert_eq!((again.mark("order-ref"), again.state()), (page.mark("order-ref"), "late".into()));
}

#[test]
fn what_the_seller_was_not_told_is_never_erased() {
    let world = World::with(&catalog(), &[("KEEP_DAYS", "0")]);
    fs::rename(world.path("mailorders"), world.path("away")).unwrap();
    fs::write(world.path("mailorders"), "in the way").unwrap();
    let (_, page) = place_order(&world);
    let order_ref = page.mark("order-ref");
    world.says(&["orders", "cancel", &order_ref]);
    assert!(world.says(&["purge"]).contains("0 orders"));
    assert_eq!(orders(&world).len(), 1);
    fs::remove_file(world.path("mailorders")).unwrap();
    fs::rename(world.path("away"), world.path("mailorders")).unwrap();
    world.until("it is told and then erased", || {
        world.says(&["purge"]).contains(&order_ref) || orders(&world).is_empty()
    });
}

#[test]
fn while_somebody_reads_the_database_purge_says_that_the_journal_is_not_empty() {
    let mut world = World::new();
    let (_, page) = place_order(&world);
    world.until("it is told", || world.messages().len() == 1);
    world.says(&["orders", "cancel", &page.mark("order-ref")]);
    assert_eq!(world.close("-TERM"), Some(0));
    let path = world.path("db/shop.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut reader = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("begin").execute(&mut reader).await.unwrap();
        sqlx::query("select * from orders").fetch_all(&mut reader).await.unwrap();
        let output = world.shop(&["purge", "--keep-days", "0"]);
        assert_eq!(output.status.code(), Some(1), "{}", error_text(&output));
        assert!(
            error_text(&output).contains("journal could not be emptied"),
            "{}",
            error_text(&output)
        );
        sqlx::query("rollback").execute(&mut reader).await.unwrap();
        reader.close().await.unwrap();
    });
    assert!(world.says(&["purge"]).contains("0 orders"));
    assert!(orders(&world).is_empty());
}

#[test]
fn a_closed_shop_shows_its_window_and_orders_pages_and_takes_no_orders() {
    let world = World::new();
    let (mut known, _) = place_order(&world);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    assert!(!buyer.get("/").text().contains("id=\"closed\""));
    assert!(world.says(&["close"]).contains("The shop is closed"));
    world.says(&["close"]);
    for page in
        ["/", "/product", "/product/green-tea", "/search?q=tea", "/cart", "/order", "/nowhere"]
    {
        let words = buyer.get(page).mark("closed");
        assert!(words.contains("does not accept new orders"), "{page}: {words}");
    }
    let checkout = buyer.get("/checkout");
    assert_eq!(checkout.status, 503);
    assert!(!checkout.text().contains("name=\"street\""), "{}", checkout.text());
    assert_eq!(buyer.tries_to_check_out(&[]).status, 503);
    assert_eq!(known.get("/order").state(), "awaiting");
    assert_eq!(orders(&world).len(), 1);
    assert!(world.says(&["open"]).contains("The shop is open"));
    assert!(buyer.get("/").find_mark("closed").is_none());
    assert_eq!(buyer.get("/cart").text().matches("Green Tea").count().min(1), 1, "the cart stayed");
    buyer.checks_out(&[]);
}

#[test]
fn a_shop_whose_seller_does_not_look_closes_itself_until_the_seller_does() {
    let mut world = World::with(&catalog(), &[("CLOSE_AFTER_DAYS", "3")]);
    let (_, page) = place_order(&world);
    world.until("it is told", || world.messages().len() == 1);
    assert_eq!(world.close("-TERM"), Some(0));
    let name = world.messages()[0].0.clone();
    let (_, rest) = name.split_once('.').unwrap();
    let new = world.path("mailorders/new");
    fs::rename(new.join(&name), new.join(format!("1700000000.{rest}"))).unwrap();
    world.open();
    let mut buyer = world.buyer();
    world.until("it closes itself", || world.buyer().get("/").find_mark("closed").is_some());
    assert!(buyer.get("/").mark("closed").contains("has been away for a while"));
    assert_eq!(world.log().matches("CLOSE_AFTER_DAYS").count(), 1);
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.tries_to_check_out(&[]).status, 503);
    fs::rename(
        new.join(format!("1700000000.{rest}")),
        world.path("mailorders/cur").join(format!("1700000000.{rest}:2,S")),
    )
    .unwrap();
    let started = Instant::now();
    while world.buyer().get("/").find_mark("closed").is_some() {
        assert!(started.elapsed() < Duration::from_secs(100), "it opens within a minute");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(world.log().contains("accepts orders again"));
    buyer.checks_out(&[]);
    assert_eq!(orders(&world).len(), 2);
    assert!(page.status == 200);
}

/// Names that a copy must not hold, one in each.
fn foreign_copies(folder: &Path) -> Vec<std::path::PathBuf> {
    let make = folder.join("make.py");
    fs::write(
        &make,
        r#"
import io, sys, tarfile
def copy(file, *members):
    with tarfile.open(file, "w") as tar:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            content = b"evil" if kind == tarfile.REGTYPE else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
REG, SYM, LNK, DIR, FIFO = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE
database = ("db/shop.sqlite", REG, "")
copy("up.tar", database, ("../evil", REG, ""))
copy("root.tar", database, ("/tmp/shop-evil", REG, ""))
copy("deep.tar", database, ("db/pages/../../../evil", REG, ""))
copy("link.tar", database, ("db/pages", SYM, "/tmp"), ("db/pages/evil.md", REG, ""))
copy("hard.tar", database, ("db/pages/passwd.md", LNK, "/etc/passwd"))
copy("pipe.tar", database, ("db/data.json", FIFO, ""))
copy("other.tar", database, ("db/onion.key", REG, ""))
copy("twice.tar", database, ("db/data.json", REG, ""), ("db/data.json", REG, ""))
copy("none.tar", ("db/data.json", REG, ""))
copy("bad.tar", database, ("db/data.json", REG, ""))
"#,
    )
    .unwrap();
    assert!(Command::new("python3").arg(&make).current_dir(folder).status().unwrap().success());
    let copies = ["up", "root", "deep", "link", "hard", "pipe", "other", "twice", "none", "bad"];
    copies.iter().map(|name| folder.join(format!("{name}.tar"))).collect()
}

#[test]
fn a_file_that_is_no_backup_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for copy in foreign_copies(folder.path()) {
        let world = World::closed(&[]);
        let output = world.shop(&["restore", copy.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{}", copy.display());
        assert!(
            files_below(world.home.path()).is_empty(),
            "{}: {}",
            copy.display(),
            error_text(&output)
        );
        assert!(!world.home.path().parent().unwrap().join("evil").exists());
        assert!(!Path::new("/tmp/shop-evil").exists());
    }
}

#[test]
fn a_backup_made_while_orders_are_placed_is_a_complete_shop() {
    let mut many = catalog();
    many["products"]["tea"]["quantity"] = json!(1000);
    let world = World::with(&many, &[("SECRET", ""), ("SIEGE_ORDERS", "1000000")]);
    fs::create_dir(world.path("db/pages")).unwrap();
    fs::write(world.path("db/pages/about.md"), "# About\n\nA page.").unwrap();
    fs::write(world.path(".env"), "SITE_NAME=The Copied\n").unwrap();
    fs::write(world.path("db/onion.key"), "not to be copied").unwrap();
    let (_, first) = place_order(&world);
    world.sql("insert into desk_sessions values (zeroblob(32), unixepoch(), unixepoch())");
    let copy = world.path("copy.tar");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Fewer than the stock, and than the addresses that a restored shop skips.
                for _ in 0..200 {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    place_order(&world);
                }
            });
        }
        world.until("some are placed", || 4 <= orders(&world).len());
        let output = world.shop(&["backup", copy.to_str().unwrap()]);
        is_over.store(true, Ordering::Relaxed);
        assert!(output.status.success(), "{}", error_text(&output));
        assert!(
            error_text(&output).contains("it does not contain the onion key"),
            "{}",
            error_text(&output)
        );
    });
    let again = world.shop(&["backup", copy.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "nothing is written over");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let listed = Command::new("tar").arg("tf").arg(&copy).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in [".env", "db/shop.sqlite", "db/shop.secret", "db/data.json", "db/pages/about.md"] {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
    assert!(!listed.contains("onion.key"));

    let mut restored = World::closed(&[]);
    let told = restored.says(&["restore", copy.to_str().unwrap()]);
    assert!(told.contains("Restored ") && told.contains("nobody is signed in"), "{told}");
    assert!(restored.says(&["desk", "sessions"]).contains("Nobody is signed in"));
    for path in files_below(restored.home.path()) {
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o077,
            0,
            "{}",
            path.display()
        );
    }
    let before = orders(&world);
    let brought = orders(&restored);
    assert!(4 <= brought.len() && brought.len() <= before.len());
    let secret = |world: &World| fs::read(world.path("db/shop.secret")).unwrap();
    assert_eq!(secret(&world), secret(&restored));
    restored.open();
    let mut buyer = restored.buyer();
    assert!(buyer.get("/").text().contains("The Copied"));
    assert_eq!(buyer.post("/order", &[("code", &first.mark("code"))]).status, 303);
    assert_eq!(buyer.get("/order").mark("order-ref"), first.mark("order-ref"));
    assert!(buyer.get("/page/about").text().contains("A page."));
    restored.says(&["seed", "db/data.json"]);
    // Pieces that were sold stay sold.
    let stock = 1000 - brought.len();
    let rest: Value = serde_json::from_slice(&restored.shop(&["orders", "--json"]).stdout).unwrap();
    assert_eq!(rest.as_array().unwrap().len(), 1000 - stock);

    // No address of either shop is one of the other's.
    let address = |order: &Value, world: &World| {
        let order_ref = order["ref"].as_str().unwrap();
        let shown: Value =
            serde_json::from_str(&world.says(&["orders", "show", order_ref, "--json"])).unwrap();
        shown["address"].as_str().unwrap().to_owned()
    };
    let mut known: HashSet<String> = before.iter().map(|order| address(order, &world)).collect();
    assert_eq!(known.len(), before.len());
    let mut next = restored.buyer();
    for currency in ["ETH", "BTC"] {
        next.chooses(currency);
        next.adds("green-tea", "", "1");
        let page = next.checks_out(&[]);
        assert!(known.insert(page.mark("address")), "{currency}");
        // Nobody had ordered in BTC when the copy was made: others may have since.
        let listed = restored.says(&["wallet", "addresses", currency, "--count", "1002"]);
        let place = listed.lines().position(|line| line == page.mark("address")).unwrap_or(9_999);
        assert!(1_000 <= place, "{currency}: {place}");
    }
    let output = restored.shop(&["restore", copy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(error_text(&output).contains("already exists"), "{}", error_text(&output));
}

#[test]
fn files_that_differ_are_overwritten_only_with_replace() {
    let world = World::new();
    let copy = world.path("copy.tar");
    world.says(&["backup", copy.to_str().unwrap()]);
    let other = World::closed(&[]);
    fs::create_dir(other.path("db")).unwrap();
    fs::write(other.path("db/data.json"), "{}").unwrap();
    let output = other.shop(&["restore", copy.to_str().unwrap()]);
    assert!(
        !output.status.success() && error_text(&output).contains("db/data.json"),
        "{}",
        error_text(&output)
    );
    assert_eq!(files_below(other.home.path()).len(), 1);
    other.says(&["restore", "--replace", copy.to_str().unwrap()]);
    assert_ne!(fs::read_to_string(other.path("db/data.json")).unwrap(), "{}");
    assert!(other.says(&["orders"]).contains("No orders yet"));
    let left = files_below(other.home.path());
    assert!(!left.iter().any(|path| path.to_string_lossy().contains(".restored")), "{left:?}");
}

#[test]
fn a_backup_is_encrypted_to_the_sellers_key_and_restored_with_gpg() {
    let gpg = Gpg::new();
    let key = gpg.usual_key("Seller <seller@shop.example>");
    let world = World::new();
    fs::write(world.path("db/seller.asc"), gpg.exports(&key)).unwrap();
    let output = world.shop(&["backup", "-"]);
    assert!(output.status.success(), "{}", error_text(&output));
    assert!(output.stdout.starts_with(b"-----BEGIN PGP MESSAGE-----"));
    let refused = |bytes: &[u8]| {
        let other = World::closed(&[]);
        fs::write(other.path("copy"), bytes).unwrap();
        let output = other.shop(&["restore", "copy"]);
        assert_eq!(output.status.code(), Some(1));
        error_text(&output)
    };
    assert!(refused(&output.stdout).contains("gpg -d"));
    let opened = gpg.tries(&["--decrypt"], &output.stdout);
    assert!(opened.status.success(), "{}", error_text(&opened));

    let restored = World::closed(&[]);
    let mut child = Command::new(&restored.program)
        .args(["restore", "-"])
        .current_dir(restored.home.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&opened.stdout).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(restored.path("db/seller.asc").exists());

    // A key that is gone: nothing is copied in plain text instead.
    fs::remove_file(world.path("db/seller.asc")).unwrap();
    let output = world.shop(&["backup", "plain.tar"]);
    assert_eq!(output.status.code(), Some(1), "{}", error_text(&output));
    assert!(!world.path("plain.tar").exists());
    let doctor = world.shop(&["doctor"]);
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(told.contains("BAD  seller's key") && told.contains("is missing"), "{told}");
}

fn examine(world: &World) -> (Option<i32>, Value) {
    let output = world.shop(&["doctor", "--json"]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn state(found: &Value, check: &str) -> String {
    let checks = found["checks"].as_array().unwrap();
    let found = checks.iter().find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}"))["state"].as_str().unwrap().to_owned()
}

#[test]
fn the_doctor_distinguishes_faults_from_notes() {
    let mut real = catalog();
    real["wallets"] = json!({"_model": "Wallet", "eth": {"currency": "ETH", "address": "0x52908400098527886E0F7030069857D2E4169EE7"}});
    for product in ["tea", "socks", "cap"] {
        real["products"][product]["prices"] =
            json!([{"price": 5_000_000, "wallet": "->wallets.eth"}]);
    }
    real["products"].as_object_mut().unwrap().remove("stone");
    let world = World::with(&real, &[]);
    let (code, found) = examine(&world);
    assert_eq!((code, &found["ok"]), (Some(0), &json!(true)), "{found:#}");
    for (check, expected) in [
        ("settings", "ok"),
        ("database", "ok"),
        ("seller's key", "note"),
        ("open", "ok"),
        ("wallets", "ok"),
        ("messages", "ok"),
        ("Maildir", "ok"),
        ("permissions", "ok"),
        ("space", "ok"),
        ("clock", "ok"),
        ("pages", "ok"),
        ("process", "ok"),
    ] {
        assert_eq!(state(&found, check), expected, "{check}: {found:#}");
    }
    assert!(["ok", "note"].contains(&state(&found, "network").as_str()));
    world.says(&["close"]);
    assert_eq!(state(&examine(&world).1, "open"), "note");

    fs::set_permissions(world.path("db/shop.sqlite"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(world.path("db/pages")).unwrap();
    fs::write(world.path("db/pages/Bad Name.md"), "x").unwrap();
    fs::write(world.path("db/seller.asc"), "-----BEGIN PGP PUBLIC KEY BLOCK-----\nnonsense")
        .unwrap();
    let (code, found) = examine(&world);
    assert_eq!((code, &found["ok"]), (Some(1), &json!(false)));
    for check in ["permissions", "pages", "seller's key", "open"] {
        assert_eq!(state(&found, check), "bad", "{check}: {found:#}");
    }
    for bad in found["checks"].as_array().unwrap().iter().filter(|found| found["state"] == "bad") {
        assert!(!bad["words"].as_str().unwrap().is_empty());
    }
}

#[test]
fn whatever_the_umask_the_shop_writes_for_its_own_user_only() {
    let world = World::closed(&[]);
    let output = Command::new("sh")
        .args(["-c", "umask 000; ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh"])
        .arg(&world.program)
        .args(["doctor", "--json"])
        .current_dir(world.home.path())
        .env_clear()
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(state(&found, "process"), "ok", "{found:#}");
    for path in files_below(world.home.path()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}
