//! Updates from the databases of released versions, and what happens where the database is newer than the program.
//! `tests/fixtures/databases/make.py` makes such a database.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::world::World;

const COPY: &str = "db/shop.sqlite.before-update";

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/databases");
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "xz"));
    found.sort();
    found
}

/// A shop of another version that is not open, and its orders as `orders.json` lists them.
fn older_shop(archive: &Path) -> (World, Vec<Value>) {
    let world = World::closed(&[("KEEP_DAYS", "3650"), ("MAILDIR", "mailorders")]);
    let unpacked = Command::new("tar").arg("xJf").arg(archive).current_dir(&world.home).status();
    assert!(unpacked.unwrap().success());
    let orders = serde_json::from_slice(&fs::read(world.path("orders.json")).unwrap()).unwrap();
    (world, orders)
}

fn early_shop() -> World {
    let early = fixtures().into_iter().find(|path| path.ends_with("0.1.0-early.tar.xz"));
    older_shop(&early.unwrap()).0
}

fn doctor(world: &World) -> String {
    String::from_utf8(world.shop(&["doctor", "--deep"]).stdout).unwrap()
}

#[test]
fn a_shop_of_every_released_version_is_updated_with_all_its_orders() {
    let archives = fixtures();
    assert!(2 <= archives.len(), "{archives:?}");
    for archive in archives {
        let (mut world, orders) = older_shop(&archive);
        world.open();
        for order in &orders {
            let [code, order_ref, amount, state] =
                ["code", "ref", "amount", "state"].map(|field| order[field].as_str().unwrap());
            let mut buyer = world.buyer();
            buyer.get("/order");
            assert_eq!(buyer.post("/order", &[("code", code)]).status, 303, "{archive:?} {order}");
            let page = buyer.get("/order");
            assert_eq!(page.mark("order-ref"), order_ref);
            // The time to pay is over two hours after it was made.
            if state == "awaiting" {
                assert!(["awaiting", "expired"].contains(&page.state().as_str()));
            } else {
                assert_eq!((page.state(), page.mark("amount")), (state.into(), amount.into()));
            }
        }
        let listed: Vec<Value> =
            serde_json::from_str(&world.says(&["orders", "--all", "--json"])).unwrap();
        assert_eq!(listed.len(), orders.len());
        // It goes on selling.
        let mut buyer = world.buyer();
        buyer.get("/");
        buyer.adds("green-tea", "", "1");
        assert_eq!(buyer.checks_out(&[]).state(), "awaiting", "{archive:?}");
        assert!(doctor(&world).contains("shop.sqlite is intact"), "{archive:?}");
        assert!(world.log().lines().all(|line| !line.contains("ERROR")), "{}", world.log());
    }
}

#[test]
fn the_database_is_copied_before_an_update_and_the_copy_goes_with_what_is_erased() {
    let mut world = early_shop();
    world.open();
    let copy = world.path(COPY);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(world.log().contains(COPY), "{}", world.log());
    assert!(doctor(&world).contains(COPY));
    let (_, orders) = older_shop(&fixtures()[0]);
    // Its orders are in it, and its tables as they were.
    let bytes = fs::read(&copy).unwrap();
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains(orders[0]["ref"].as_str().unwrap()) && contains("takings"));
    // The same program again changes nothing, and copies nothing.
    let written = fs::metadata(&copy).unwrap().modified().unwrap();
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    assert_eq!(fs::metadata(&copy).unwrap().modified().unwrap(), written);

    let mut buyer = world.buyer();
    buyer.get("/order");
    buyer.post("/order", &[("code", orders[1]["code"].as_str().unwrap())]);
    assert!(copy.exists());
    assert_eq!(buyer.post("/order/erase", &[("confirm", "yes")]).status, 303);
    assert!(!copy.exists(), "it would still contain what the buyer erased");
}

#[test]
fn the_copy_is_deleted_after_a_week() {
    let mut world = early_shop();
    world.open();
    let copy = fs::File::open(world.path(COPY)).unwrap();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let now = std::time::SystemTime::now();
    copy.set_modified(now - 6 * day).unwrap();
    world.says(&["purge"]);
    assert!(world.path(COPY).exists());
    copy.set_modified(now - 8 * day).unwrap();
    world.says(&["purge"]);
    assert!(!world.path(COPY).exists());
}

#[test]
fn an_update_that_cannot_be_copied_does_not_begin() {
    let world = early_shop();
    fs::create_dir(world.path(COPY)).unwrap();
    let before = fs::read(world.path("db/shop.sqlite")).unwrap();
    let refused = world.shop(&["orders"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(COPY) && said.contains("Nothing was changed"), "{said}");
    assert!(fs::read(world.path("db/shop.sqlite")).unwrap() == before);
    assert!(!world.path(&format!("{COPY}.new")).exists());
}

#[test]
fn an_older_program_refuses_the_database_of_a_newer_one() {
    let mut world = World::new();
    assert_eq!(world.close("-TERM"), Some(0));
    world.sql(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
         values (9001, 'of the future', true, x'00', 0)",
    );
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["orders"], &["doctor"], &["purge"]]
    {
        let refused = world.shop(command);
        let said = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("newer version of shop (to 9001"), "{command:?}: {said}");
    }
    assert!(!world.path(COPY).exists());
}
