//! The feed of new products.

use serde_json::json;

use crate::world::{Answer, World, catalog};

const ONION: &str = "http://feclorj4bzfwwwiavisd6wg3zm62t5uybnnmopnahujs5y2tu6ff44ad.onion";

/// That every element is closed in turn, and that texts and attributes hold no mark-up: the names of all elements.
#[track_caller]
fn elements(xml: &str) -> Vec<String> {
    let rest =
        xml.strip_prefix("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n").expect("a declaration");
    let (mut open, mut names) = (Vec::new(), Vec::new());
    for part in rest.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("no end: {part}"));
        for escaped in [tag, text].iter().flat_map(|text| text.split('&').skip(1)) {
            let entity = escaped.split_once(';').unwrap_or_else(|| panic!("& in {part}")).0;
            assert!(
                entity.starts_with('#') || ["lt", "gt", "amp", "quot"].contains(&entity),
                "{part}"
            );
        }
        let name = tag.split(' ').next().unwrap().trim_end_matches('/').to_owned();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name), "{part}"),
            None => {
                assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
                if !tag.ends_with('/') {
                    open.push(name.clone());
                }
                names.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    names
}

#[track_caller]
fn feed(world: &World) -> Answer {
    let answer = world.buyer().get("/feed.xml");
    assert_eq!(answer.header("content-type"), Some("application/atom+xml; charset=utf-8"));
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
    answer
}

#[test]
fn the_feed_lists_new_products_with_absolute_links_and_no_time_of_day() {
    let mut catalog = catalog();
    catalog["products"]["tea"]["name"] = json!("Tea <&> \"more\"");
    catalog["products"]["tea"]["slug"] = json!("green-tea");
    catalog["products"]["stone"]["hidden"] = json!(true);
    let world = World::with(&catalog, &[("ONION_URL", ONION)]);
    let xml = feed(&world).text();
    let names = elements(&xml);
    assert_eq!(names.iter().filter(|name| *name == "entry").count(), 3);
    for name in ["id", "title", "updated"] {
        assert_eq!(
            names.iter().filter(|other| *other == name).count(),
            4,
            "{name}: of all and of each"
        );
    }
    assert!(xml.contains("<title>Tea &#60;&#38;&#62; &#34;more&#34;</title>"), "{xml}");
    assert!(xml.contains("&#60;strong&#62;fine&#60;/strong&#62;"), "{xml}");
    let newest = xml.find("/product/cap\"").unwrap();
    assert!(newest < xml.find("/product/green-tea\"").unwrap() && !xml.contains("/product/stone"));
    let links: Vec<&str> =
        xml.split(" href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.iter().all(|link| link.starts_with(&format!("{ONION}/"))), "{links:?}");
    let times: Vec<&str> = xml.split("<updated>").skip(1).map(|rest| &rest[..20]).collect();
    assert!(times.iter().all(|time| time.ends_with("T00:00:00Z") && *time > "2026"), "{times:?}");

    let page = world.buyer().get("/").text();
    assert!(
        page.contains("<link rel=\"alternate\" href=\"/feed.xml\" type=\"application/atom+xml\"")
    );
    assert_eq!(feed(&world).text(), xml);
    catalog["products"]["new"] =
        json!({"name": "New", "prices": [{"price": 5, "wallet": "->wallets.eth"}]});
    world.seed(&catalog);
    let xml = feed(&world).text();
    elements(&xml);
    assert!(xml.find("/product/new\"").unwrap() < xml.find("/product/cap\"").unwrap(), "{xml}");
}

#[test]
fn a_copied_product_is_new_once_it_is_shown() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let once = "0123456789abcdef".repeat(4);
    desk.does("/products/green-tea/tend", &[("do", "copy"), ("once", &once)]);
    assert!(!feed(&world).text().contains("/product/green-tea-2\""));
    desk.does("/products/green-tea-2/tend", &[("do", "show")]);
    let xml = feed(&world).text();
    let copy = xml.find("/product/green-tea-2\"");
    assert!(copy.is_some_and(|copy| copy < xml.find("/product/cap\"").unwrap()), "{xml}");
}

#[test]
fn a_catalog_without_products_has_an_empty_feed() {
    let world = World::with(&json!({}), &[("SITE_URL", "https://shop.example/start")]);
    let xml = feed(&world).text();
    assert!(!elements(&xml).contains(&"entry".to_owned()));
    assert!(xml.contains("<id>https://shop.example/feed.xml</id>"), "{xml}");
}
