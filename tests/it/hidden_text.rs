//! Invisible characters: removed where they do no harm, refused and named otherwise.

use std::fs;

use serde_json::json;

use crate::world::{World, catalog};

#[test]
fn invisible_characters_pasted_with_an_address_are_removed() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[
        ("recipient", "\u{200e}Ada \u{200f}Byron\u{200b}"),
        ("street", "\u{feff}12 St Jam\u{ad}es's\u{61c} Square\u{200e}"),
        ("city", "\u{2060}London\u{200e}"),
        ("country", "\u{200f}United Kingdom"),
        ("note", "می\u{200c}خواهم क्\u{200d}ष 👩\u{200d}👧 \u{200e}te\u{200d}a"),
    ]);
    let receipt = buyer.get("/order/receipt.txt").text();
    for words in [
        "Ada Byron\n",
        "12 St James's Square",
        "London",
        "می\u{200c}خواهم क्\u{200d}ष 👩\u{200d}👧 tea",
    ] {
        assert!(receipt.contains(words), "{words}: {receipt}");
    }
    assert_eq!(page.state(), "awaiting");
}

#[test]
fn bidirectional_controls_are_named_and_removed_from_the_form() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    for hidden in ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{7}'] {
        let refused = buyer.tries_to_check_out(&[("city", &format!("Lon{hidden}don"))]);
        assert_eq!(refused.status, 422);
        let words = refused.mark("city-error");
        let named = format!("U+{:04X}, which has been removed", u32::from(hidden));
        assert!(words.contains(&named) && !words.contains("type it again"), "{words}");
        assert_eq!(refused.attribute("city", "value"), "London");
    }
    for blank in ["\u{3164}", "\u{200b}\u{200c}\u{200d}", "\u{2800}", "\u{e0041}\u{fe0f}\u{ad}"] {
        let refused = buyer.tries_to_check_out(&[("recipient", blank), ("street", blank)]);
        assert_eq!(refused.mark("recipient-error"), "Enter the recipient's name.");
        assert_eq!(refused.mark("street-error"), "Enter a street address or PO box.");
    }
    assert!(world.messages().is_empty());
}

#[test]
fn names_of_a_catalog_hide_nothing() {
    let world = World::new();
    let names = [
        ("products", "tea", "/products/tea/name", "name"),
        ("products", "socks", "/products/socks/options/0/name", "options[0].name"),
        ("products", "cap", "/products/cap/options/1", "options[1]"),
        ("products", "tea", "/products/tea/categories/0", "categories[0]"),
        ("products", "tea", "/products/tea/alt/0", "alt[0]"),
        ("wallets", "eth", "/wallets/eth/name", "name"),
        ("rates", "letter", "/rates/letter/name", "name"),
        ("codes", "spring", "/codes/spring/code", "code"),
    ];
    let with = |path: &str, text: &str| {
        let mut file = catalog();
        file["products"]["tea"]["images"] = json!(["tea.jpg"]);
        file["products"]["tea"]["alt"] = json!(["a cup"]);
        file["wallets"]["eth"]["name"] = json!("Ether");
        file["rates"] = json!({"_model": "ShippingRate", "letter": {"name": "Letter",
            "prices": [{"price": 0, "wallet": "->wallets.eth"}]}});
        file["codes"] = json!({"_model": "Discount", "spring": {"code": "SPRING", "percent": 10}});
        *file.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")) = json!(text);
        fs::write(world.path("names.json"), file.to_string()).unwrap();
        String::from_utf8(world.shop(&["seed", "--check", "names.json"]).stderr).unwrap()
    };
    for (collection, record, path, field) in names {
        for (text, expected) in [
            ("a\u{202e}b", "without the hidden character U+202E"),
            ("\u{2066}a", "without the hidden character U+2066"),
            ("\u{3164}", "visible characters"),
            ("\u{200b}\u{2800} \u{ad}", "visible characters"),
        ] {
            let said = with(path, text);
            let field = if path.contains("options/0") { "`name`" } else { field };
            let lines =
                said.lines().filter(|line| line.contains(&format!("{collection} \"{record}\"")));
            let mut lines = lines.filter(|line| line.contains(field));
            assert!(lines.any(|line| line.contains(expected)), "{path} {text:?}: {said}");
            assert!(!said.contains(text), "it is shown escaped: {said}");
        }
        let said = with(path, "\u{200e}Te\u{200b}a");
        assert!(!said.contains(&format!("{collection} \"{record}\", field `{field}`")), "{said}");
    }
    // The name is the record's own where it has none.
    let mut file = catalog();
    file["rates"] = json!({"_model": "ShippingRate", "a\u{202e}b": {"prices": []}});
    fs::write(world.path("names.json"), file.to_string()).unwrap();
    let said = String::from_utf8(world.shop(&["seed", "--check", "names.json"]).stderr).unwrap();
    assert!(said.contains("U+202E") && !said.contains('\u{202e}'), "{said}");
}

#[test]
fn names_that_are_given_at_the_desk_hide_nothing() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let edition = |page: &str| {
        page.split_once("name=\"edition\" value=\"")
            .unwrap()
            .1
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    };
    for (typed, expected) in [("a\u{202e}b", "U+202E"), ("\u{3164}\u{200b}", "")] {
        let rate = desk.post("/rates/save", &[("name", typed), ("price-ETH", "0.003")]);
        let code = desk.post("/discounts/save", &[("code", typed), ("percent", "5")]);
        let look = edition(&desk.get("/look").text());
        let look = [("edition", look.as_str()), ("name", typed), ("contact", ""), ("notice", "")];
        let look = desk.post("/look", &look);
        let page = desk.post("/pages/new", &[("title", typed), ("text", "words"), ("name", "x")]);
        for (answer, field) in [(&rate, "name"), (&code, "code"), (&look, "name"), (&page, "title")]
        {
            assert_eq!(answer.status, 422, "{}", answer.text());
            assert_eq!(answer.attribute(field, "aria-invalid"), "true");
            let words = answer.mark(&format!("{field}-error"));
            assert!(!words.is_empty() && words.contains(expected), "{field}: {words}");
        }
    }
}

#[test]
fn pages_and_settings_hide_nothing_in_their_names() {
    let mut world = World::new();
    world.close("-TERM");
    fs::create_dir_all(world.path("db/pages")).unwrap();
    for (title, expected) in [("a\u{202e}b", "U+202E"), ("\u{3164}", "no visible characters")] {
        fs::write(world.path("db/pages/about.md"), format!("# {title}\n\nwords\n")).unwrap();
        let said = String::from_utf8(world.shop(&["seed", "db/data.json"]).stderr).unwrap();
        assert!(said.contains("about.md") && said.contains(expected), "{said}");
    }
    fs::remove_file(world.path("db/pages/about.md")).unwrap();
    for name in ["SITE_NAME", "CONTACT"] {
        for value in ["a\u{202e}b", "\u{3164}"] {
            let closed = World::closed(&[(name, value)]).shop(&["serve"]);
            let said = String::from_utf8(closed.stderr).unwrap();
            assert!(
                said.contains(name) && said.contains("visible characters on one line"),
                "{said}"
            );
        }
    }
}
