//! What an import of the catalog file writes, and what it leaves to others meanwhile.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use shop::infra::failpoints;

use crate::crash::program_with_points;
use crate::world::{World, catalog};

/// The four products of every test and many others.
fn large(n_products: usize) -> Value {
    let mut large = catalog();
    let products = large["products"].as_object_mut().unwrap();
    for n in 0..n_products {
        products.insert(
            format!("thing-{n}"),
            json!({"name": format!("Thing number {n}"), "description": "An **ordinary** thing.", "quantity": 5,
                "prices": [{"price": 1_000_000 + n * 10, "wallet": "->wallets.eth"}], "categories": [format!("Kind {}", n % 7)]}),
        );
    }
    large
}

fn number(world: &World, question: &str) -> i64 {
    let found = world.find(&format!("select cast(({question}) as text)"));
    String::from_utf8(found[0].clone()).unwrap().parse().unwrap()
}

/// The lists of buyers, in all orders.
fn lists(world: &World) -> Vec<Vec<u8>> {
    world.find(
        r#"
        select currency || '/' || category || '/' || listing.position || '/' || slug
        from listing join products on products.id = product_id
        union all select 'size/' || currency || '/' || category || '/' || products from listing_sizes
        union all select 'sorted/' || currency || '/' || category || '/' || slug || '/' || coalesce(price, '-') || '/' || sorted_listing.name
        from sorted_listing join products on products.id = product_id
        order by 1
        "#,
    )
}

#[test]
fn a_file_that_has_not_changed_writes_nothing() {
    let mut world = World::new();
    world.buyer().adds("green-tea", "", "2");
    let mut buyer = world.buyer();
    buyer.adds("cap", "Small", "1");
    buyer.checks_out(&[]);
    let version = number(&world, "select version + seeding from catalog_state");
    world.seed(&catalog());
    assert_eq!(number(&world, "select version + seeding from catalog_state"), version);
    // Where nobody else writes, the file itself stays as it is.
    world.close("-TERM");
    world.seed(&catalog());
    let before = fs::read(world.path("db/shop.sqlite")).unwrap();
    world.seed(&catalog());
    assert!(fs::read(world.path("db/shop.sqlite")).unwrap() == before, "something was written");
    assert!(!world.path("db/shop.sqlite-wal").exists());
    // Nor does one that says the same in other words.
    let mut same = catalog();
    same["products"]["tea"]["categories"] = json!(["Tea & Co", "Warm/Dry", "Tea & Co"]);
    same["products"]["tea"]["slug"] = json!("green-tea");
    world.seed(&same);
    assert!(fs::read(world.path("db/shop.sqlite")).unwrap() == before, "something was written");
}

#[test]
fn only_products_that_differ_are_written() {
    let mut world = World::with(&large(600), &[]);
    world.close("-TERM");
    let mut other = large(600);
    let products = other["products"].as_object_mut().unwrap();
    products["thing-7"]["prices"][0]["price"] = json!(77);
    products["thing-8"]["description"] = json!("Another thing.");
    products["thing-9"]["hidden"] = json!(true);
    products.shift_remove("thing-300");
    let mut turned = Map::new();
    let mut all: Vec<_> = products.clone().into_iter().collect();
    // The last one comes second, after `_model` and the tea; a new one is among the others.
    let last = all.pop().unwrap();
    all.insert(2, last);
    all.insert(
        400,
        (
            "new".to_owned(),
            json!({"name": "New", "prices": [{"price": 10, "wallet": "->wallets.xmr"}]}),
        ),
    );
    turned.extend(all);
    other["products"] = Value::Object(turned);
    world.seed(&other);
    assert_eq!(number(&world, "select count(*) from products where 1 < edition"), 4);
    assert_eq!(number(&world, "select count(*) from imported_products"), 0);
    assert_eq!(number(&world, "select count(*) from catalog_import"), 0);
    // A shop that knows no other catalog has the same lists and the same file.
    let mut fresh = World::with(&other, &[]);
    fresh.close("-TERM");
    assert_eq!(lists(&world), lists(&fresh));
    assert_eq!(world.says(&["catalog", "export"]), fresh.says(&["catalog", "export"]));
    world.seed(&large(600));
    let mut fresh = World::with(&large(600), &[]);
    fresh.close("-TERM");
    assert_eq!(lists(&world), lists(&fresh));
    assert_eq!(world.says(&["catalog", "export"]), fresh.says(&["catalog", "export"]));
}

#[test]
fn orders_are_placed_while_many_products_are_imported() {
    let world = World::new();
    let n_products = 5_000;
    fs::write(world.path("other.json"), large(n_products).to_string()).unwrap();
    let version = number(&world, "select version from catalog_state");
    let is_done = AtomicBool::new(false);
    let mut n_orders = 0;
    std::thread::scope(|scope| {
        let seeding = scope.spawn(|| {
            let said = world.says(&["seed", "other.json"]);
            is_done.store(true, Ordering::Release);
            said
        });
        let mut buyer = world.buyer();
        while !is_done.load(Ordering::Acquire) && n_orders < 18 {
            buyer.adds("green-tea", "", "1");
            buyer.checks_out(&[]);
            n_orders += 1;
        }
        assert!(seeding.join().unwrap().contains("5004 products"));
    });
    assert!(0 < n_orders);
    let orders: Vec<Value> = serde_json::from_str(&world.says(&["orders", "--json"])).unwrap();
    assert_eq!(orders.len(), n_orders);
    // No transaction changes more products than a few hundred: each counts as one version.
    let n_versions = number(&world, "select version from catalog_state") - version;
    assert!(i64::try_from(n_products / 500).unwrap() < n_versions, "{n_versions}");
    let mut buyer = world.buyer();
    assert!(buyer.get("/product/thing-number-4711").text().contains("5 left"));
    assert!(buyer.get("/search?q=4711").text().contains("thing-number-4711"));
}

#[test]
fn an_import_stopped_at_any_point_is_done_completely_or_not_at_all() {
    let (old, new) = (large(0), {
        let mut new = large(600);
        new["products"].as_object_mut().unwrap().shift_remove("socks");
        new["products"]["tea"]["name"] = json!("Black Tea");
        new
    });
    let expected = |catalog: &Value| {
        let mut fresh = World::with(catalog, &[]);
        fresh.close("-TERM");
        (fresh.says(&["catalog", "export"]), lists(&fresh))
    };
    let (before, after) = (expected(&old), expected(&new));
    let begun = failpoints::IMPORT.iter().position(|name| *name == "import-begun").unwrap();
    for (n, point) in failpoints::IMPORT.iter().enumerate() {
        let mut world = World::with(&old, &[]);
        world.close("-TERM");
        fs::write(world.path("db/data.json"), new.to_string()).unwrap();
        let program = std::mem::replace(&mut world.program, program_with_points());
        world.settings.push(("SHOP_STOP_AT".to_owned(), (*point).to_owned()));
        assert!(!world.shop(&["seed", "db/data.json"]).status.success(), "{point}");
        world.settings.clear();
        world.program = program;
        if n < begun {
            assert_eq!((world.says(&["catalog", "export"]), lists(&world)), before, "{point}");
        } else {
            // The shop completes it by itself.
            world.open();
            world.until(point, || number(&world, "select count(*) from catalog_import") == 0);
            world.close("-TERM");
            assert_eq!((world.says(&["catalog", "export"]), lists(&world)), after, "{point}");
        }
        world.seed(&new);
        assert_eq!((world.says(&["catalog", "export"]), lists(&world)), after, "{point}");
        assert_eq!(number(&world, "select count(*) from imported_products"), 0, "{point}");
    }
}
