//! Lists, their orders, the search, and what is shown below a product.

use serde_json::{Value, json};

use crate::world::{Answer, World, catalog};

/// Shape: name, description, price for ETH in millionths of a coin, or for XMR where it is negative.
fn catalog_of(products: &[(&str, &str, i64)]) -> Value {
    let mut catalog = catalog();
    catalog["products"] = json!({"_model": "Product"});
    for (n, (name, description, price)) in products.iter().enumerate() {
        let wallet = if *price < 0 { "->wallets.xmr" } else { "->wallets.eth" };
        catalog["products"][format!("p{n}")] = json!({"slug": format!("p{n}"), "name": name,
            "prices": [{"price": price.abs() * 1_000, "wallet": wallet}], "categories": ["Things"]});
        if !description.is_empty() {
            catalog["products"][format!("p{n}")]["description"] = json!(description);
        }
    }
    catalog
}

/// The products of a page, in their order.
fn slugs(page: &Answer) -> Vec<String> {
    let text = page.text();
    let cards = text.split("<li class=\"card").skip(1);
    let slug = |card: &str| {
        let rest = card.split_once("href=\"/product/").unwrap().1;
        rest.split('"').next().unwrap().to_owned()
    };
    cards.map(slug).collect()
}

#[test]
fn a_product_without_a_price_in_the_currency_is_listed_last_with_a_switch() {
    let world = World::new();
    let mut buyer = world.buyer();
    for path in ["/", "/product", "/product?sort=name", "/product?sort=price", "/search?q=stone"] {
        let page = buyer.get(path);
        assert_eq!(slugs(&page).last().map(String::as_str), Some("stone"), "{path}");
        let card = page.text().split("/product/stone\"").nth(1).unwrap().to_owned();
        assert!(card.contains(">XMR only<") && !card.contains("class=\"price\""), "{card}");
        assert!(
            card.contains("<form class=\"switch no-print\" method=\"post\" action=\"/currency\">")
        );
        assert!(card.contains("<button name=\"currency\" value=\"XMR\">Switch to XMR</button>"));
    }
    let page = buyer.get("/product/stone").text();
    assert!(page.contains("Not available in ETH.") && page.contains("Switch to XMR"), "{page}");
    let back = [("currency", "XMR"), ("back", "/product?sort=name&page=1")];
    let answer = buyer.post("/currency", &back);
    assert_eq!(answer.header("location"), Some("/product?sort=name&page=1"));
    let page = buyer.get("/product?sort=name&page=1");
    assert_eq!(slugs(&page), ["cap", "green-tea", "stone", "wool-socks"]);
    assert!(page.text().contains("1.23 XMR") && !page.text().contains("Switch to"));
}

#[test]
fn pages_of_a_list_go_on_with_what_is_sold_only_in_other_currencies() {
    let mut products: Vec<(String, i64)> = (0..20).map(|n| (format!("Coin {n:02}"), 5)).collect();
    products.extend((0..10).map(|n| (format!("Other {n:02}"), -5)));
    // In the file, they come one after the other.
    products.sort_by_key(|(name, _)| name[name.len() - 2..].to_owned());
    let products: Vec<(&str, &str, i64)> =
        products.iter().map(|(name, price)| (name.as_str(), "", *price)).collect();
    let world = World::with(&catalog_of(&products), &[]);
    let mut buyer = world.buyer();
    for list in ["/product?", "/category/Things?", "/product?sort=name&", "/product?sort=newest&"] {
        let first = buyer.get(&format!("{list}page=1"));
        assert!(first.text().contains("30 products") && first.text().contains("Page 1 of 2"));
        let second = buyer.get(&format!("{list}page=2"));
        let texts = [first.text(), second.text()];
        assert_eq!(texts.each_ref().map(|text| text.matches("XMR only").count()), [4, 6], "{list}");
        let mut all = [slugs(&first), slugs(&second)].concat();
        assert_eq!(all.len(), 30);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 30, "{list}: each once");
    }
    assert!(buyer.get("/").text().contains("<span class=\"count\">30</span>"), "of the category");
    buyer.chooses("BTC");
    assert_eq!(buyer.get("/").text().matches("Switch to ETH").count(), 12 - 6);
}

#[test]
fn a_list_is_sorted_by_its_links() {
    let world = World::with(
        &catalog_of(&[
            ("pear", "", 30),
            ("Äpfel", "", 20),
            ("Zest", "", 10),
            ("apple", "", 40),
            ("Quince", "", -1),
        ]),
        &[],
    );
    let mut buyer = world.buyer();
    let lists = ["/product", "/category/Things", "/search?q=p"];
    for (list, order, expected) in [
        (0, "", ["p0", "p1", "p2", "p3", "p4"]),
        (0, "newest", ["p3", "p2", "p1", "p0", "p4"]),
        (1, "price", ["p2", "p1", "p0", "p3", "p4"]),
        (1, "name", ["p1", "p3", "p0", "p2", "p4"]),
        (1, "nothing", ["p0", "p1", "p2", "p3", "p4"]),
    ] {
        let page = buyer.get(&format!("{}?sort={order}", lists[list]));
        assert_eq!(slugs(&page), expected, "{order}");
    }
    let text = buyer.get("/product?sort=price").text();
    assert!(
        text.contains("<a href=\"/product?sort=price\" aria-current=\"true\">Price</a>"),
        "{text}"
    );
    assert!(text.contains("<a href=\"/product\">Featured</a>"), "{text}");
    let found = buyer.get("/search?q=thin&sort=price");
    assert_eq!(slugs(&found), ["p2", "p1", "p0", "p3", "p4"]);
    assert!(found.text().contains("<a href=\"/search?q=thin\">Best match</a>"));

    // The desk's and the file's changes are sorted in at once.
    let mut other = catalog_of(&[("pear", "", 5), ("Xylem", "", 20), ("Zest", "", 10)]);
    other["products"]["p9"] = json!({"slug": "p9", "name": "Bun", "prices": [{"price": 7_000, "wallet": "->wallets.eth"}]});
    world.seed(&other);
    assert_eq!(slugs(&buyer.get("/product?sort=price")), ["p0", "p9", "p2", "p1"]);
    assert_eq!(slugs(&buyer.get("/product?sort=name")), ["p9", "p0", "p1", "p2"]);
    assert_eq!(slugs(&buyer.get("/product?sort=newest")), ["p9", "p2", "p1", "p0"]);
}

#[test]
fn the_search_forgives_endings_accents_and_typing_mistakes() {
    let world = World::with(
        &catalog_of(&[
            ("Linen Notebook", "Ruled, with a [pocket](/page/about)", 10),
            ("Beeswax candles", "Three of them", 10),
            ("Bio-Käse aus der Straße", "", 10),
            ("Ёлка", "", 10),
            ("Lantern", "For a candle of any size", 10),
            ("Teapot", "", -10),
        ]),
        &[],
    );
    let mut buyer = world.buyer();
    for (query, expected) in [
        ("notebooks", &["p0"][..]),
        ("NOTEB", &["p0"]),
        ("candle", &["p1", "p4"]),
        ("candles", &["p1", "p4"]),
        ("kaese", &["p2"]),
        ("k%C3%A4se+strasse", &["p2"]),
        ("kase", &["p2"]),
        ("%D0%B5%D0%BB%D0%BA%D0%B0", &["p3"]),
        ("teapots", &["p5"]),
        ("linen+pocket", &["p0"]),
    ] {
        let page = buyer.get(&format!("/search?q={query}"));
        assert_eq!(slugs(&page), expected, "{query}");
        assert!(!page.text().contains("No results"), "{query}");
        assert!(page.text().contains("<mark>"), "{query}: {}", page.text());
    }
    let text = buyer.get("/search?q=candle").text();
    assert!(text.contains("Beeswax <mark>candles</mark>"), "{text}");
    assert!(text.contains("For a <mark>candle</mark> of any size"), "{text}");

    for (query, shown, instead, expected) in [
        ("notebok", "notebok", "notebook", &["p0"][..]),
        ("linnen+notebok", "linnen notebok", "linen notebook", &["p0"]),
        ("kandles", "kandles", "candles", &["p1", "p4"]),
        ("kaeze", "kaeze", "käse", &["p2"]),
        ("taepot", "taepot", "teapot", &["p5"]),
    ] {
        let page = buyer.get(&format!("/search?q={query}"));
        assert_eq!(slugs(&page), expected, "{query}");
        let text = page.text();
        assert!(text.contains(&format!("No results for “{shown}”. Showing results for")), "{text}");
        assert!(text.contains(&format!(">{instead}</a>.")), "{text}");
        assert!(text.contains(&format!("value=\"{shown}\"")), "{text}");
    }
}

#[test]
fn a_search_without_results_shows_the_nearest_products_and_the_categories() {
    let world = World::with(
        &catalog_of(&[("Linen Notebook", "", 10), ("Candle", "", 10), ("Teapot", "", -10)]),
        &[],
    );
    let mut buyer = world.buyer();
    for (query, expected) in [
        ("linen+xylophone", &["p0"][..]),
        ("notebok+xylophone", &["p0"]),
        ("candle+notebook", &["p0", "p1"]),
        ("xylophone", &["p0", "p1", "p2"]),
        ("%22%29%28", &["p0", "p1", "p2"]),
    ] {
        let page = buyer.get(&format!("/search?q={query}"));
        assert_eq!(
            (page.status, slugs(&page)),
            (200, expected.iter().map(|s| s.to_string()).collect()),
            "{query}"
        );
        let text = page.text();
        assert!(text.contains("No results for") && text.contains("You may also like"), "{text}");
        assert!(text.contains("href=\"/category/Things\""), "{text}");
        assert_eq!(buyer.get(&format!("/search?q={query}&page=2")).status, 404);
    }
    // What is hidden is not suggested.
    let mut other = catalog_of(&[("Linen Notebook", "", 10), ("Candle", "", 10)]);
    other["products"]["p1"]["hidden"] = json!(true);
    world.seed(&other);
    let text = buyer.get("/search?q=candel").text();
    assert!(text.contains("No results") && !text.to_lowercase().contains("candle"), "{text}");
}

#[test]
fn related_products_follow_in_the_category_and_never_the_product_itself() {
    let mut products: Vec<(String, i64)> = (0..7).map(|n| (format!("Thing {n}"), 5)).collect();
    products.push(("Other".into(), -5));
    let products: Vec<(&str, &str, i64)> =
        products.iter().map(|(name, price)| (name.as_str(), "", *price)).collect();
    let mut catalog = catalog_of(&products);
    catalog["products"]["alone"] = json!({"slug": "alone", "name": "Alone", "prices": [{"price": 5, "wallet": "->wallets.eth"}], "categories": ["Single"]});
    let world = World::with(&catalog, &[]);
    let mut buyer = world.buyer();
    let mut related = |slug: &str| slugs(&buyer.get(&format!("/product/{slug}")));
    assert_eq!(related("p0"), ["p1", "p2", "p3", "p4"]);
    assert_eq!(related("p5"), ["p6", "p0", "p1", "p2"]);
    assert_eq!(related("p7"), ["p0", "p1", "p2", "p3"], "it is sold for other coins");
    assert_eq!(related("alone"), [""; 0]);
    buyer.chooses("XMR");
    let mut related = |slug: &str| slugs(&buyer.get(&format!("/product/{slug}")));
    assert_eq!(related("p7"), [""; 0]);
    assert_eq!(related("p3"), ["p7"]);
}
