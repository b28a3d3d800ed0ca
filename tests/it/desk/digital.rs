//! Kinds of products, their files and codes, at the desk.

use std::fs;

use crate::desk::activity;
use crate::desk::products::Form;
use crate::digital::{buys, goods, purchased_codes, shop_of};
use crate::world::World;

fn shop() -> World {
    let world = shop_of(&goods(), &[("DESK_LISTEN", "127.0.0.1:0")]);
    world.sets_desk_password();
    world
}

#[test]
fn a_digital_product_is_made_with_files_codes_a_text_and_limits() {
    let world = shop();
    let mut desk = world.desk();
    let page = desk.get("/products/new");
    assert!(page.text().contains("value=\"guide.pdf\"") && !page.text().contains("keys.txt"));
    let mut form = Form::of("/products/new", &page);
    assert_eq!(form.value("kind"), "shipped");
    form.set("name", "New Game").set("price.ETH", "0.004").set("kind", "digital");
    let refused = form.press(&mut desk, "save", &[]);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("id=\"kind-error\""), "{}", refused.text());
    form.fields.push(("file".to_owned(), "none.pdf".to_owned()));
    let refused = form.press(&mut desk, "save", &[]);
    assert!(refused.status == 422 && refused.text().contains("no regular file none.pdf"));
    form.fields.pop();
    form.fields.push(("file".to_owned(), "guide.pdf".to_owned()));
    form.set("new_codes", "GAME-1\nGAME-2\n").set("text", "Have fun").set("downloads", "3");
    let page = form.saves(&mut desk, &[]);
    let text = page.text();
    assert!(text.contains("Codes left: 2") && text.contains("new-game.txt"), "{text}");
    assert!(world.buyer().get("/product/new-game").text().contains("2 left"));

    // Saving it again changes nothing, and adds no code twice.
    let path = "/products/new-game";
    let mut form = Form::get(&mut desk, path);
    assert_eq!((form.value("kind"), form.value("downloads")), ("digital", "3"));
    assert_eq!(form.values("file"), ["guide.pdf"]);
    assert!(form.saves(&mut desk, &[]).text().contains("No changes to save."));
    let (mut buyer, order_ref) = buys(&world, &["new-game"]);
    form.set("new_codes", "GAME-1\nGAME-3");
    assert!(form.saves(&mut desk, &[]).text().contains("Codes left: 3"));
    world.says(&["orders", "paid", &order_ref]);
    let page = buyer.get("/order").text();
    assert_eq!(purchased_codes(&page), ["GAME-1"]);
    assert!(page.contains("Have fun") && page.contains("3 downloads left"), "{page}");
    let text = desk.get(path).text();
    assert!(text.contains("Codes left: 2") && text.contains("not in an order: 2"), "{text}");
    assert!(activity(&world).iter().any(|entry| entry == "Changed the codes of New Game"));

    // The order is done, and is not among those that are to be shipped.
    let text = desk.get(&format!("/orders/{order_ref}")).text();
    assert!(text.contains("id=\"delivered\"") && text.contains("New Game [digital]"), "{text}");
    assert!(desk.get("/").text().contains("id=\"to-send\">0<"));
    assert!(!desk.get("/orders?show=send").text().contains(&order_ref));
    assert!(desk.get("/orders?show=done").text().contains(&order_ref));

    // What was made here survives an export.
    world.says(&["catalog", "export", "db/export.json"]);
    world.says(&["seed", "db/export.json"]);
    assert!(world.buyer().get("/product/new-game").text().contains("2 left"));
}

#[test]
fn the_doctor_misses_files_and_counts_codes() {
    let world = shop();
    let said = || String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    let text = said();
    assert!(
        text.contains("2 files are there") || text.contains("Key: 3 codes left to sell"),
        "{text}"
    );
    fs::remove_file(world.path("db/files/guide.pdf")).unwrap();
    let text = said();
    assert!(text.contains("BAD  digital") && text.contains("cannot download guide.pdf"), "{text}");
    assert!(text.contains("Key: 3 codes left to sell"), "{text}");
}
