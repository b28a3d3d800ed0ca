//! Kinds of products, their files and codes, at the desk.

use std::fs;

use crate::desk::activity;
use crate::desk::products::{Form, sends_files};
use crate::digital::{buys, goods, purchased_codes, shop_of};
use crate::world::{SellerAtDesk, World, plain};

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
    for (show, is_listed) in [("send", false), ("done", true), ("confirmed", true)] {
        let list = desk.get(&format!("/orders?show={show}")).text();
        let export = desk.get(&format!("/orders/export?show={show}")).text();
        let found = [list, export].map(|text| text.contains(&order_ref));
        assert_eq!(found, [is_listed; 2], "{show}: in the list, in the export");
    }
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
    assert!(text.contains("Key: 3 codes left to sell") && !text.contains("BAD  digital"), "{text}");
    fs::remove_file(world.path("db/files/guide.pdf")).unwrap();
    let text = said();
    assert!(text.contains("BAD  digital") && text.contains("cannot download guide.pdf"), "{text}");
    assert!(text.contains("Key: 3 codes left to sell"), "{text}");
}

#[test]
fn files_are_uploaded_replaced_and_deleted() {
    const FILES: &str = "/products/files";
    let world = shop();
    let mut desk = world.desk();
    let n_files = || fs::read_dir(world.path("db/files")).unwrap().count();
    let n_at_first = n_files();
    let page = desk.get(FILES).text();
    assert!(page.contains("guide.pdf") && page.contains("Delete guide.pdf"), "{page}");
    let sends = |desk: &mut SellerAtDesk, more: &[&str], files: &[(&str, &[u8])]| {
        let mut fields = vec![("token".to_owned(), desk.get(FILES).token())];
        fields.extend(more.iter().map(|name| ((*name).to_owned(), "1".to_owned())));
        sends_files(desk, FILES, &fields, ("file", files))
    };
    let large = vec![7; 3_000_000];
    let answer = sends(&mut desk, &[], &[("song one.flac", &large), ("empty.txt", b"")]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(fs::read(world.path("db/files/song one.flac")).unwrap(), large);
    assert_eq!(fs::read(world.path("db/files/empty.txt")).unwrap(), b"");
    assert!(desk.get("/products/new").text().contains("value=\"song one.flac\""));

    // Each refused file is named; the others are added.
    let guide = fs::read(world.path("db/files/guide.pdf")).unwrap();
    let files: &[(&str, &[u8])] = &[
        ("guide.pdf", b"new"),
        (".hidden", b"x"),
        ("../shop.sqlite", b"x"),
        ("more.txt", b"more"),
    ];
    let refused = sends(&mut desk, &[], files);
    let text = plain(&refused.text());
    assert_eq!(refused.status, 422);
    assert!(text.contains("guide.pdf: A file of this name is there already"), "{text}");
    assert!(text.contains(".hidden: Please rename the file"), "{text}");
    assert!(text.contains("../shop.sqlite: Please rename the file"), "{text}");
    assert!(text.contains("Uploaded: more.txt"), "{text}");
    assert_eq!(fs::read(world.path("db/files/guide.pdf")).unwrap(), guide);
    assert!(sends(&mut desk, &[], &[]).text().contains("Please choose a file."));
    assert_eq!(sends(&mut desk, &["replace"], &[("guide.pdf", b"new")]).status, 303);
    assert_eq!(fs::read(world.path("db/files/guide.pdf")).unwrap(), b"new");
    // Nothing else is left, of refused files neither.
    assert_eq!(n_files(), n_at_first + 3);

    // Without the session's token nothing is written.
    let fields = [("token".to_owned(), "0".repeat(64))];
    assert_eq!(sends_files(&mut desk, FILES, &fields, ("file", &[("a.txt", b"a")])).status, 403);
    assert!(!world.path("db/files/a.txt").exists());

    // A file that a product delivers is kept.
    let question = desk.get("/products/files?delete=guide.pdf");
    assert!(question.text().contains("Products deliver this file"), "{}", question.text());
    assert_eq!(desk.post("/products/files/delete", &[("file", "guide.pdf")]).status, 409);
    let question = desk.get("/products/files?delete=more.txt");
    assert!(question.text().contains("This cannot be undone"));
    assert_eq!(desk.post("/products/files/delete", &[("file", "more.txt")]).status, 303);
    assert!(!world.path("db/files/more.txt").exists());
    for name in ["more.txt", "../shop.sqlite", ".hidden"] {
        assert_eq!(desk.post("/products/files/delete", &[("file", name)]).status, 404);
    }
    assert!(activity(&world).iter().any(|entry| entry == "Uploaded the file song one.flac"));
    assert!(activity(&world).iter().any(|entry| entry == "Deleted the file more.txt"));
}
