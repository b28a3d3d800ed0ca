//! Products and their pictures at the desk, and what buyers see of them.

use std::fs;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ImageEncoder, Rgb, RgbImage};

use crate::world::{
    Answer, Buyer, DESK_PASSWORD, SellerAtDesk, World, catalog, files_below, plain,
};

/// Sends a form with files as a browser does. `files`: the field, and name and content of the chosen files.
pub fn sends_files(
    desk: &mut SellerAtDesk,
    path: &str,
    fields: &[(String, String)],
    (field, files): (&str, &[(&str, &[u8])]),
) -> Answer {
    let end = "----the-end-of-a-part";
    let mut body = Vec::new();
    let mut part = |head: &str, bytes: &[u8]| {
        body.extend_from_slice(
            format!("--{end}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    };
    for (name, value) in fields {
        part(&format!("name=\"{name}\""), value.replace('\n', "\r\n").as_bytes());
    }
    for (name, bytes) in files {
        let head = format!("name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: image/jpeg");
        part(&head, bytes);
    }
    if files.is_empty() {
        // Browsers send this if no file was chosen.
        let head =
            format!("name=\"{field}\"; filename=\"\"\r\nContent-Type: application/octet-stream");
        part(&head, b"");
    }
    body.extend_from_slice(format!("--{end}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={end}");
    desk.0.request("POST", path, &[("Content-Type", &kind)], &body)
}

/// The form of a product as in a browser.
#[derive(Clone)]
pub struct Form {
    path: String,
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The form `#product` of a page.
    #[track_caller]
    pub fn of(path: &str, answer: &Answer) -> Self {
        let text = answer.text();
        let at = text.find("id=\"product\"").unwrap_or_else(|| panic!("no form in {text}"));
        let mut rest = text[at..].split_once('>').unwrap().1.split("</form>").next().unwrap();
        let mut fields = Vec::new();
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            let (element, after) = rest.split_once('>').unwrap();
            let value_of = |name: &str| {
                let value = element.split_once(&format!(" {name}=\""))?.1;
                Some(plain(value.split('"').next().unwrap()))
            };
            let Some(name) = value_of("name") else { continue };
            if element.starts_with("textarea") {
                // The first line break belongs to the element.
                let words = after.split("</textarea>").next().unwrap();
                fields.push((name, plain(words.strip_prefix('\n').unwrap_or(words))));
            } else if element.starts_with("select") {
                let choices = after.split("</select>").next().unwrap();
                let chosen = choices.split("<option").find(|option| option.contains(" selected"));
                let value = chosen.and_then(|option| option.split("value=\"").nth(1));
                let value = value.and_then(|value| value.split('"').next()).unwrap_or_default();
                fields.push((name, plain(value)));
            } else if element.starts_with("input") {
                let is_left_out = match value_of("type").as_deref() {
                    Some("checkbox") => !element.contains(" checked"),
                    Some("file") => true,
                    _ => false,
                };
                if !is_left_out {
                    fields.push((name, value_of("value").unwrap_or_default()));
                }
            }
        }
        Self { path: path.to_owned(), fields }
    }

    #[track_caller]
    pub fn get(desk: &mut SellerAtDesk, path: &str) -> Self {
        Self::of(path, &desk.get(path))
    }

    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.fields)).1
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        let of_name = self.fields.iter().filter(|(field, _)| field == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    #[track_caller]
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.set_nth(name, 0, value)
    }

    #[track_caller]
    pub fn set_nth(&mut self, name: &str, n: usize, value: &str) -> &mut Self {
        let mut of_name = self.fields.iter_mut().filter(|(field, _)| field == name);
        of_name.nth(n).unwrap_or_else(|| panic!("no {name} {n}")).1 = value.to_owned();
        self
    }

    /// Presses a button. `files`: name and content of the chosen files.
    pub fn press(&self, desk: &mut SellerAtDesk, button: &str, files: &[(&str, &[u8])]) -> Answer {
        let mut fields = self.fields.clone();
        fields.push(("do".to_owned(), button.to_owned()));
        sends_files(desk, &self.path, &fields, ("files", files))
    }

    /// Saves, and loads the page to which the response redirects.
    #[track_caller]
    pub fn saves(&self, desk: &mut SellerAtDesk, files: &[(&str, &[u8])]) -> Answer {
        let answer = self.press(desk, "save", files);
        assert_eq!(answer.status, 303, "{}", answer.text());
        let next = answer.header("location").unwrap().to_owned();
        desk.get(&next)
    }

    /// Presses a button that does not save, and returns the form of the response.
    #[track_caller]
    pub fn goes_on(&self, desk: &mut SellerAtDesk, button: &str, files: &[(&str, &[u8])]) -> Self {
        let answer = self.press(desk, button, files);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self::of(&self.path, &answer)
    }
}

fn photograph(width: u32, height: u32, tint: u8) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, y| {
        let of = |n: u32, whole: u32| u8::try_from(n * 255 / whole.max(1)).unwrap();
        Rgb([of(x, width), of(y, height), tint])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90)
        .write_image(&pixels, width, height, image::ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

fn drawing(width: u32, height: u32) -> Vec<u8> {
    let pixels = RgbImage::from_pixel(width, height, Rgb([200, 30, 30]));
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&pixels, width, height, image::ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

const WHERE: &[u8] = b"GPS 52.516274 N 13.377704 E";

/// Adds metadata: the camera was turned, and a location.
///
/// Source: Exif 2.32, tags 274 and 34853.
fn with_exif(jpeg: &[u8]) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend_from_slice(&[0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
    tiff.extend_from_slice(&[0x25, 0x88, 4, 0, 1, 0, 0, 0, 38, 0, 0, 0]);
    tiff.extend_from_slice(&[0; 4]);
    tiff.extend_from_slice(WHERE);
    let body = [b"Exif\0\0", tiff.as_slice()].concat();
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &body, &jpeg[2..]].concat()
}

fn pictures_in(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let mut files: Vec<String> = text
        .split("/picture/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().split([' ', ',']).next().unwrap().to_owned())
        .collect();
    files.sort();
    files.dedup();
    files
}

fn products_on(answer: &Answer) -> Vec<String> {
    let text = answer.text();
    let names = text.split("class=\"name\">").skip(1);
    names.map(|rest| plain(rest.split('<').next().unwrap())).collect()
}

fn places_an_order(buyer: &mut Buyer) -> Answer {
    buyer.checks_out(&[])
}

#[test]
fn a_product_with_pictures_is_added_and_bought() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.get("/");
    let mut form = Form::get(&mut desk, "/products/new");
    form.set("name", "Black Tea")
        .set("description", "A *strong* tea.\n\n- from far away\n- <b>kept dry</b>")
        .set("stock", "5")
        .set("categories", "Tea & Co\nNew")
        .set("price.ETH", "0.0125");
    let form = form.goes_on(&mut desk, "option-add", &[]);
    let mut form = form.goes_on(&mut desk, "option-add", &[]);
    form.set_nth("option.name", 0, "50 g").set_nth("option.name", 1, "100 g");
    form.set_nth("option.stock", 1, "2").set_nth("option.price.ETH", 1, "0.02");
    let form = form.goes_on(
        &mut desk,
        "upload",
        &[("Leaves of tea.JPG", &photograph(400, 300, 9)), ("cup.png", &drawing(60, 80))],
    );
    assert_eq!(form.values("picture.file"), ["leaves-of-tea.jpg", "cup.png"]);
    let mut form = form.goes_on(&mut desk, "picture-up-1", &[]);
    assert_eq!(form.values("picture.file"), ["cup.png", "leaves-of-tea.jpg"]);
    form.set_nth("picture.alt", 0, "A cup");
    let preview = form.press(&mut desk, "preview", &[]);
    assert!(preview.text().contains("<em>strong</em>"), "{}", preview.text());
    assert!(!preview.text().contains("<b>kept"));
    assert_eq!(buyer.get("/product/black-tea").status, 404, "a preview saves nothing");
    let form = Form::of("/products/new", &preview);
    form.saves(&mut desk, &[]);
    let saved = form.saves(&mut desk, &[]);
    assert_eq!(saved.mark("done"), "The product was added.");
    let twice = desk.get("/products").text().contains("p-black-tea-2");
    assert!(!twice, "a form that is sent twice adds one product");

    let shown = buyer.get("/product/black-tea");
    assert_eq!(shown.status, 200);
    assert!(shown.text().contains("<em>strong</em>") && shown.text().contains("alt=\"A cup\""));
    for file in pictures_in(&shown) {
        assert_eq!(buyer.get(&format!("/picture/{file}")).status, 200, "{file}");
    }
    assert!(products_on(&buyer.get("/")).contains(&"Black Tea".to_owned()));
    assert!(buyer.get("/category/New").text().contains("Black Tea"));
    assert!(buyer.get("/search?q=strong").text().contains("Black Tea"));
    buyer.adds("black-tea", "100 g", "2");
    let order = places_an_order(&mut buyer);
    assert!(order.text().contains("0.04"), "{}", order.text());
    let text = desk.get("/products/black-tea").text();
    assert!(text.contains("100 g: 0 +") && text.contains("Other options: 5 +"), "{text}");
}

#[test]
fn every_error_is_shown_at_its_field_and_the_input_is_kept() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut form = Form::get(&mut desk, "/products/new");
    form.set("name", "").set("description", "Some words").set("stock", "many");
    form.set("slug", "No Such").set("price.ETH", "0,05").set("price.XMR", "0.0000000001");
    form.set("categories", &"long".repeat(20));
    let mut form = form.goes_on(&mut desk, "option-add", &[]);
    form.set("option.name", "Small").set("option.stock", "-1").set("option.price.BTC", "0");
    let answer = form.press(&mut desk, "save", &[]);
    assert_eq!(answer.status, 422);
    for field in [
        "name",
        "slug",
        "stock",
        "price-ETH",
        "price-XMR",
        "categories",
        "option-0-stock",
        "option-0-price-BTC",
    ] {
        assert_eq!(answer.attribute(field, "aria-invalid"), "true", "{field}");
        assert!(!answer.mark(&format!("{field}-error")).is_empty(), "{field}");
    }
    let kept = Form::of("/products/new", &answer);
    assert_eq!(kept.fields, form.fields);

    // The coin cannot express this price: a satoshi is 10 Gwei.
    let mut form = Form::get(&mut desk, "/products/green-tea");
    let but_its_name = |form: &Form| {
        let named = |(name, _): &&(String, String)| name != "once";
        form.fields.iter().filter(named).cloned().collect::<Vec<_>>()
    };
    let before = but_its_name(&form);
    form.set("price.BTC", "0.000000005");
    let answer = form.press(&mut desk, "save", &[]);
    assert_eq!(answer.status, 422);
    assert!(answer.mark("price-BTC-error").contains("multiple of 10"), "{}", answer.text());
    let after = but_its_name(&Form::get(&mut desk, "/products/green-tea"));
    assert_eq!(after, before, "nothing was changed");

    // Another product's slug, no price, the same option twice.
    let mut form = Form::get(&mut desk, "/products/green-tea");
    form.set("slug", "cap");
    assert!(form.press(&mut desk, "save", &[]).mark("slug-error").contains("Another product"));
    let mut form = Form::get(&mut desk, "/products/stone");
    form.set("price.XMR", "");
    assert!(form.press(&mut desk, "save", &[]).text().contains("Enter at least one price"));
    let mut form = Form::get(&mut desk, "/products/cap");
    form.set_nth("option.name", 1, "Small");
    assert!(
        form.press(&mut desk, "save", &[]).mark("option-1-name-error").contains("a different name")
    );

    // A mnemonic is not shown again.
    let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    let mut form = Form::get(&mut desk, "/products/green-tea");
    form.set("description", words);
    let answer = form.press(&mut desk, "save", &[]);
    assert_eq!(answer.status, 422);
    assert!(!answer.text().contains("abandon"), "{}", answer.text());
}

#[test]
fn of_two_sessions_neither_silently_overwrites_the_others_product() {
    let world = World::with_desk();
    let (mut one, mut other) = (world.desk(), world.desk());
    let mut first = Form::get(&mut one, "/products/green-tea");
    let mut second = Form::get(&mut other, "/products/green-tea");
    first.set("name", "Greenest Tea").set("price.ETH", "0.1");
    first.saves(&mut one, &[]);
    second.set("description", "Another text").set("price.ETH", "0.2");
    let answer = second.press(&mut other, "save", &[]);
    assert_eq!(answer.status, 409);
    assert_eq!(answer.mark("name-now"), "Saved value: Greenest Tea");
    assert_eq!(answer.mark("price-ETH-now"), "Saved value: 0.1");
    assert_eq!(answer.mark("description-now").lines().next(), Some("Saved value: A **fine** tea."));
    assert!(answer.find_mark("price-BTC-now").is_none());
    let again = Form::of("/products/green-tea", &answer);
    assert_eq!(again.value("description"), "Another text");
    let mut buyer = world.buyer();
    assert!(buyer.get("/product/green-tea").text().contains("Greenest Tea"));
    again.saves(&mut other, &[]);
    let shown = buyer.get("/product/green-tea").text();
    assert!(shown.contains("Another text") && shown.contains("Green Tea"), "{shown}");
}

#[test]
fn a_sale_between_loading_and_saving_the_form_is_not_lost() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    let mut form = Form::get(&mut desk, "/products/green-tea");
    assert_eq!(form.value("stock"), "20");
    buyer.get("/");
    buyer.adds("green-tea", "", "2");
    places_an_order(&mut buyer);
    // If the number is not changed, the current stock stays.
    let mut other = form.clone();
    other.set("price.ETH", "0.05").saves(&mut desk, &[]);
    assert_eq!(Form::get(&mut desk, "/products/green-tea").value("stock"), "18");
    form = Form::get(&mut desk, "/products/green-tea");
    buyer.adds("green-tea", "", "3");
    places_an_order(&mut buyer);
    form.set("stock", "30");
    let answer = form.press(&mut desk, "save", &[]);
    assert_eq!(answer.status, 409);
    let words = answer.mark("stock-now");
    assert!(
        words.contains("15 (it was 18") && words.contains("3 sold or removed since"),
        "{words}"
    );
    let again = Form::of("/products/green-tea", &answer);
    assert_eq!((again.value("stock"), again.value("stock_was")), ("30", "15"));
    again.saves(&mut desk, &[]);
    assert_eq!(Form::get(&mut desk, "/products/green-tea").value("stock"), "30");

    // Adding stock is correct whatever is sold meanwhile.
    let tend = "/products/green-tea/tend";
    let once = "a1".repeat(32);
    let add = |desk: &mut SellerAtDesk, add: &str| {
        let fields = [("do", "stock"), ("pool", "0"), ("add", add), ("once", once.as_str())];
        desk.post(tend, &fields)
    };
    for pieces in ["4", "-1", "4"] {
        assert_eq!(add(&mut desk, pieces).status, 303, "what is sent twice is counted once");
    }
    assert_eq!(Form::get(&mut desk, "/products/green-tea").value("stock"), "33");
    for wrong in ["-34", "1000000", "many", ""] {
        let answer = add(&mut desk, wrong);
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(!answer.mark("add-error").is_empty());
    }
}

#[test]
fn buyers_see_the_order_of_the_list() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.get("/");
    let names = |buyer: &mut Buyer| products_on(&buyer.get("/"));
    assert_eq!(names(&mut buyer), ["Green Tea", "Wool Socks", "Cap", "Stone"]);
    desk.does("/products", &[("do", "down green-tea")]);
    assert_eq!(names(&mut buyer), ["Wool Socks", "Green Tea", "Cap", "Stone"]);
    desk.does("/products", &[("do", "up cap")]);
    assert_eq!(names(&mut buyer), ["Wool Socks", "Cap", "Green Tea", "Stone"]);
    desk.does("/products/stone/tend", &[("do", "place"), ("place", "1")]);
    desk.does("/products/wool-socks/tend", &[("do", "place"), ("place", "99")]);
    assert_eq!(names(&mut buyer), ["Cap", "Green Tea", "Wool Socks", "Stone"]);
    let text = desk.get("/products").text();
    let order: Vec<usize> = ["p-stone", "p-cap", "p-green-tea", "p-wool-socks"]
        .map(|id| text.find(id).unwrap())
        .to_vec();
    assert!(order.is_sorted(), "{order:?}");
    // Nothing moves beyond either end.
    desk.does("/products", &[("do", "up stone")]);
    desk.does("/products", &[("do", "down wool-socks")]);
    assert_eq!(names(&mut buyer), ["Cap", "Green Tea", "Wool Socks", "Stone"]);
    assert_eq!(desk.post("/products", &[("do", "up no-such")]).status, 404);
}

#[test]
fn the_list_is_filtered() {
    let world = World::with_desk();
    let mut desk = world.desk();
    desk.does("/products", &[("do", "hide cap")]);
    for (query, expected) in [
        ("", vec!["p-green-tea", "p-wool-socks", "p-cap", "p-stone"]),
        ("?q=wool", vec!["p-wool-socks", "p-cap"]),
        ("?q=fine", vec!["p-green-tea"]),
        ("?category=Wool", vec!["p-wool-socks", "p-cap"]),
        ("?category=Tea+%26+Co", vec!["p-green-tea"]),
        ("?hidden=1", vec!["p-cap"]),
        ("?hidden=1&category=Wool", vec!["p-cap"]),
        ("?hidden=1&q=tea", vec![]),
        ("?low=1", vec!["p-wool-socks", "p-cap", "p-stone"]),
        ("?low=1&category=Wool", vec!["p-wool-socks", "p-cap"]),
        ("?low=1&q=stone", vec!["p-stone"]),
        ("?page=2", vec![]),
        ("?page=x&q=%22*(", vec!["p-green-tea", "p-wool-socks", "p-cap", "p-stone"]),
    ] {
        let text = desk.get(&format!("/products{query}")).text();
        let shown: Vec<&str> = ["p-green-tea", "p-wool-socks", "p-cap", "p-stone"]
            .into_iter()
            .filter(|id| text.contains(&format!("id=\"{id}\"")))
            .collect();
        assert_eq!(shown, expected, "{query}");
    }
}

#[test]
fn a_product_hidden_while_in_a_cart_cannot_be_ordered() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.get("/");
    buyer.adds("green-tea", "", "2");
    let hidden = desk.does("/products/green-tea/tend", &[("do", "hide")]);
    assert!(hidden.text().contains("hidden"));
    assert_eq!(buyer.get("/product/green-tea").status, 404);
    assert!(!buyer.get("/").text().contains("Green Tea"));
    assert!(!buyer.get("/search?q=tea").text().contains("/product/green-tea"));
    let cart = buyer.get("/cart");
    assert!(cart.text().contains("no longer"), "{}", cart.text());
    assert_ne!(buyer.tries_to_check_out(&[]).status, 303);
    desk.does("/products/green-tea/tend", &[("do", "show")]);
    assert_eq!(buyer.get("/product/green-tea").status, 200);
    buyer.adds("green-tea", "", "1");
    places_an_order(&mut buyer);
}

#[test]
fn a_copy_is_hidden_and_has_no_stock() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let copies = |desk: &mut SellerAtDesk, once: &str| {
        desk.does("/products/wool-socks/tend", &[("do", "copy"), ("once", &once.repeat(32))])
    };
    copies(&mut desk, "a1");
    let copy = copies(&mut desk, "a1");
    let form = Form::of("/products/wool-socks-2", &copy);
    assert_eq!(form.value("slug"), "wool-socks-2", "sent twice it makes one");
    assert_eq!(form.value("name"), "Wool Socks (copy)");
    assert_eq!(form.values("option.name"), ["Red", "Blue"]);
    assert_eq!((form.value("stock"), form.values("option.stock")), ("0", vec!["0", "0"]));
    let mut buyer = world.buyer();
    assert_eq!(buyer.get("/product/wool-socks-2").status, 404);
    let text = desk.get("/products").text();
    assert!(text.find("p-wool-socks\"") < text.find("p-wool-socks-2\""));
    assert!(text.find("p-wool-socks-2\"") < text.find("p-cap\""));
    let again = copies(&mut desk, "b2");
    assert_eq!(Form::of("/", &again).value("slug"), "wool-socks-3");
    desk.does("/products/wool-socks-2/tend", &[("do", "show")]);
    assert_eq!(buyer.get("/product/wool-socks-2").status, 200);
}

#[test]
fn options_and_addresses_change_under_carts_and_orders() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.get("/");
    buyer.adds("wool-socks", "Red", "1");
    buyer.adds("cap", "Large", "1");
    let form = Form::get(&mut desk, "/products/wool-socks");
    let mut form = form.goes_on(&mut desk, "option-down-0", &[]);
    assert_eq!(form.values("option.name"), ["Blue", "Red"]);
    // The names are swapped: each option keeps its stock.
    form.set_nth("option.name", 0, "Red").set_nth("option.name", 1, "Blue");
    form.set("slug", "warm-socks").set("name", "Warm Socks");
    form.saves(&mut desk, &[]);
    assert_eq!(buyer.get("/product/wool-socks").status, 404);
    let cart = buyer.get("/cart").text();
    assert!(cart.contains("Warm Socks") && cart.contains("Blue"), "{cart}");
    // A removed option cannot be ordered; one that is added again with its name is the same option.
    let form = Form::get(&mut desk, "/products/cap");
    form.goes_on(&mut desk, "option-remove-1", &[]).saves(&mut desk, &[]);
    assert!(buyer.get("/cart").text().contains("no longer"));
    let mut form = Form::get(&mut desk, "/products/cap").goes_on(&mut desk, "option-add", &[]);
    form.set_nth("option.name", 1, "Large").saves(&mut desk, &[]);
    buyer.adds("cap", "Large", "1");
    let order = places_an_order(&mut buyer);
    assert!(order.text().contains("Cap"), "{}", order.text());
    // Orders keep the old name.
    let mut form = Form::get(&mut desk, "/products/cap");
    form.set("name", "Hat").saves(&mut desk, &[]);
    let order = buyer.get("/order").text();
    assert!(order.contains("Cap") && !order.contains("Hat"), "{order}");
}

#[test]
fn a_category_is_renamed_and_removed_in_all_products() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.get("/");
    desk.does("/products/categories", &[("category", "Wool"), ("name", "Tea & Co")]);
    assert_eq!(Form::get(&mut desk, "/products/cap").value("categories"), "Tea & Co");
    let window = buyer.get("/").text();
    assert!(!window.contains("Wool<") && window.contains("Tea &#38; Co"), "{window}");
    let question = desk.get("/products/categories?remove=Tea+%26+Co");
    assert!(question.text().contains("name=\"category\" value=\"Tea &#38; Co\""));
    assert_eq!(Form::get(&mut desk, "/products/cap").value("categories"), "Tea & Co");
    desk.does("/products/categories", &[("category", "Tea & Co"), ("do", "remove")]);
    assert!(!buyer.get("/").text().contains("Tea &#38; Co"));
    assert_eq!(Form::get(&mut desk, "/products/green-tea").value("categories"), "Warm/Dry");
    let answer = desk.post("/products/categories", &[("category", "Warm/Dry"), ("name", " ")]);
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("aria-invalid"));
}

#[test]
fn an_unusable_picture_is_refused_by_name_and_the_input_is_kept() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut bomb = drawing(4, 4);
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let cut = &photograph(400, 300, 1)[..3000];
    let heavy = vec![0xff; 32 * 1024 * 1024 + 1];
    let mut form = Form::get(&mut desk, "/products/cap");
    form.set("description", "Words that must stay");
    for (name, bytes, why) in [
        ("bomb.png", bomb.as_slice(), "60000 by 60000 pixels"),
        (
            "drawing.svg",
            b"<?xml version=\"1.0\"?><svg xmlns='http://www.w3.org/2000/svg'/>",
            "an SVG",
        ),
        ("moves.gif", b"GIF89a\x01\0\x01\0\0\0\0;", "a GIF"),
        ("phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heif-convert photo.heic photo.jpg"),
        ("page.png", b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1", "avifdec picture.avif picture.png"),
        ("words.jpg", b"Just words, called a picture", "of an unsupported kind"),
        ("page.jpg", b"<!DOCTYPE html><script>alert(1)</script>", "of an unsupported kind"),
        ("cut.jpg", cut, "damaged or truncated"),
        ("empty.jpg", b"", "empty"),
        ("heavy.jpg", &heavy, "larger than 32 MB"),
    ] {
        let good = photograph(40, 30, 77);
        let answer = form.press(&mut desk, "save", &[("good.jpg", &good), (name, bytes)]);
        assert_eq!(answer.status, 422, "{name}");
        let words = answer.mark("files-error");
        assert!(words.contains(name) && words.contains(why), "{name}: {words}");
        let again = Form::of("/products/cap", &answer);
        assert_eq!(again.value("description"), "Words that must stay");
        assert_eq!(again.values("picture.file"), ["good.jpg"], "the good one is not lost");
    }
    assert!(Form::get(&mut desk, "/products/cap").value("description").is_empty());
    assert_eq!(fs::read_dir(world.path("db/images")).unwrap().count(), 1);
    // Without the token no file is read.
    form.set("token", "0");
    assert_eq!(form.press(&mut desk, "upload", &[("a.jpg", &photograph(9, 9, 9))]).status, 403);
    assert_eq!(fs::read_dir(world.path("db/images")).unwrap().count(), 1);
}

#[test]
fn of_two_files_in_one_only_the_picture_is_stored() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let page = b"<html><script>alert('polyglot')</script>";
    let archive = b"PK\x03\x04polyglot.zipPK\x05\x06";
    let png = [drawing(60, 40), page.to_vec(), archive.to_vec()].concat();
    let jpeg = [photograph(60, 40, 3), page.to_vec(), archive.to_vec()].concat();
    let form = Form::get(&mut desk, "/products/cap");
    form.saves(&mut desk, &[("../../../polyglot.png", &png), ("polyglot.html", &jpeg)]);
    let form = Form::get(&mut desk, "/products/cap");
    assert_eq!(form.values("picture.file"), ["polyglot.png", "polyglot.jpg"]);
    for file in files_below(world.home.path()) {
        let bytes = fs::read(&file).unwrap();
        for words in [b"alert('polyglot')".as_slice(), b"PK\x03\x04", b"polyglot.zip"] {
            let holds = bytes.windows(words.len()).any(|here| here == words);
            assert!(!holds, "{}", file.display());
        }
    }
}

#[test]
fn the_location_of_a_picture_is_nowhere_on_the_disk() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let jpeg = with_exif(&photograph(400, 300, 9));
    assert!(jpeg.windows(WHERE.len()).any(|here| here == WHERE));
    let form = Form::get(&mut desk, "/products/cap");
    form.saves(&mut desk, &[("holiday.jpg", &jpeg)]);
    let kept = fs::read(world.path("db/images/holiday.jpg")).unwrap();
    let size = image::load_from_memory(&kept).unwrap();
    assert_eq!((size.width(), size.height()), (300, 400), "upright");
    for file in files_below(world.home.path()) {
        let bytes = fs::read(&file).unwrap();
        for words in [WHERE, b"Exif\0\0"] {
            let holds = bytes.windows(words.len()).any(|here| here == words);
            assert!(!holds, "{}", file.display());
        }
    }
    // A catalog file with the stored name finds the picture again, and nothing is rendered.
    let mut file = catalog();
    file["products"]["cap"]["images"] = serde_json::json!(["holiday.jpg"]);
    fs::write(world.path("db/again.json"), file.to_string()).unwrap();
    let said = world.says(&["seed", "db/again.json"]);
    assert!(said.contains("1 picture (0 new)"), "{said}");
}

#[test]
fn of_ten_pictures_uploaded_at_once_none_overwrites_another() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let photographs: Vec<Vec<u8>> = (0..10).map(|n| photograph(1000, 750, n * 20)).collect();
    let files: Vec<(&str, &[u8])> =
        photographs.iter().map(|bytes| ("IMG.jpg", bytes.as_slice())).collect();
    let mut form = Form::get(&mut desk, "/products/cap");
    form.set("name", "Much shown cap");
    form.saves(&mut desk, &files);
    let form = Form::get(&mut desk, "/products/cap");
    let mut names = form.values("picture.file");
    names.sort_unstable();
    let mut expected: Vec<String> = (2..=10).map(|n| format!("img-{n}.jpg")).collect();
    expected.push("img.jpg".to_owned());
    expected.sort_unstable();
    assert_eq!(names, expected);
    let mut buyer = world.buyer();
    buyer.get("/");
    let shown = buyer.get("/product/cap");
    assert!(shown.text().contains("Much shown cap"));
    let files = pictures_in(&shown);
    assert!(20 <= files.len(), "{files:?}");
    for file in &files {
        assert_eq!(buyer.get(&format!("/picture/{file}")).status, 200);
    }
    // Removed pictures are no longer served.
    let mut form = form.clone();
    for _ in 0..10 {
        form = form.goes_on(&mut desk, "picture-remove-0", &[]);
    }
    form.saves(&mut desk, &[]);
    for file in &files {
        assert_eq!(buyer.get(&format!("/picture/{file}")).status, 404, "{file}");
    }
}

#[test]
fn the_start_page_shows_new_pictures_in_its_sprite_sheet() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.get("/");
    for (n, slug) in (1_u8..).zip(["green-tea", "wool-socks", "cap"]) {
        let form = Form::get(&mut desk, &format!("/products/{slug}"));
        form.saves(&mut desk, &[(slug, &photograph(200, 200, n * 60))]);
    }
    let window = buyer.get("/");
    assert_eq!(window.text().matches("class=\"cell").count(), 3, "{}", window.text());
    for file in pictures_in(&window) {
        assert_eq!(buyer.get(&format!("/picture/{file}")).status, 200);
    }
    // A removed picture disappears from the start page too.
    let form = Form::get(&mut desk, "/products/cap");
    form.goes_on(&mut desk, "picture-remove-0", &[]).saves(&mut desk, &[]);
    let window = buyer.get("/");
    assert_eq!(window.text().matches("class=\"cell").count(), 2, "{}", window.text());
    for file in pictures_in(&window) {
        assert_eq!(buyer.get(&format!("/picture/{file}")).status, 200);
    }
}

#[test]
fn a_deleted_product_stays_in_its_orders() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let mut buyer = world.buyer();
    buyer.get("/");
    buyer.adds("green-tea", "", "2");
    places_an_order(&mut buyer);
    buyer.adds("green-tea", "", "1");
    let edition = |desk: &mut SellerAtDesk| {
        desk.get("/products/green-tea/delete")
            .text()
            .split_once("name=\"edition\" value=\"")
            .unwrap()
            .1
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    };
    let delete = |desk: &mut SellerAtDesk, edition: &str, password: &str| {
        let fields = [("edition", edition), ("password", password)];
        desk.post("/products/green-tea/delete", &fields)
    };
    let seen = edition(&mut desk);
    assert_eq!(delete(&mut desk, &seen, "not mine").status, 422);
    assert_eq!(buyer.get("/product/green-tea").status, 200);
    // It was changed in another session meanwhile.
    let mut form = Form::get(&mut desk, "/products/green-tea");
    form.set("price.ETH", "0.2").saves(&mut desk, &[]);
    let stale = delete(&mut desk, &seen, DESK_PASSWORD);
    assert_eq!(stale.status, 409);
    assert!(stale.text().contains("has changed since"), "{}", stale.text());
    let now = edition(&mut desk);
    assert_ne!(now, seen);
    assert_eq!(delete(&mut desk, &now, DESK_PASSWORD).status, 303);
    assert_eq!(buyer.get("/product/green-tea").status, 404);
    assert!(!desk.get("/products").text().contains("Green Tea"));
    assert!(buyer.get("/cart").text().contains("no longer"));
    assert!(buyer.get("/order").text().contains("2 × Green Tea"));
    // A new product may have the same name and slug, and is not the one in the cart.
    let mut form = Form::get(&mut desk, "/products/new");
    form.set("name", "Green Tea").set("price.ETH", "0.01").set("stock", "7");
    form.saves(&mut desk, &[]);
    assert_eq!(buyer.get("/product/green-tea").status, 200);
    assert!(buyer.get("/cart").text().contains("no longer"));
    let entries = desk.get("/deeds").text();
    assert!(
        entries.contains("Deleted Green Tea") && entries.contains("Added Green Tea"),
        "{entries}"
    );
}

#[test]
fn returned_items_go_to_the_stock_that_their_option_has_by_then() {
    let world = World::with_desk();
    let mut desk = world.desk();
    let order = || {
        let mut buyer = world.buyer();
        buyer.adds("wool-socks", "Red", "2");
        buyer.checks_out(&[]).mark("order-ref")
    };
    let stocks = |desk: &mut SellerAtDesk| {
        let form = Form::get(desk, "/products/wool-socks");
        let options = form.values("option.stock").into_iter().map(str::to_owned);
        (form.value("stock").to_owned(), options.collect::<Vec<_>>())
    };
    let of =
        |shared: &str, options: [&str; 2]| (shared.to_owned(), options.map(str::to_owned).to_vec());
    // Red starts to share the product's stock while an order holds two of its own three.
    let first = order();
    let mut form = Form::get(&mut desk, "/products/wool-socks");
    form.set("stock", "5").set_nth("option.stock", 0, "");
    form.saves(&mut desk, &[]);
    world.says(&["orders", "cancel", &first]);
    assert_eq!(stocks(&mut desk), of("7", ["", "0"]));
    // It gets its own stock while an order holds two of the product's.
    let second = order();
    assert_eq!(stocks(&mut desk), of("5", ["", "0"]));
    let mut form = Form::get(&mut desk, "/products/wool-socks");
    form.set_nth("option.stock", 0, "10");
    form.saves(&mut desk, &[]);
    let text = world.says(&["catalog", "export"]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let socks = &value["products"]["socks"];
    assert_eq!((&socks["quantity"], &socks["options"][0]["quantity"]), (&5.into(), &12.into()));
    world.says(&["orders", "cancel", &second]);
    assert_eq!(stocks(&mut desk), of("5", ["12", "0"]));
}

#[test]
fn the_largest_stock_can_be_exported_and_imported_again() {
    let world = World::with_desk();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "2");
    buyer.checks_out(&[]);
    let mut desk = world.desk();
    let mut form = Form::get(&mut desk, "/products/green-tea");
    form.set("stock", "1000000").saves(&mut desk, &[]);
    let text = world.says(&["catalog", "export"]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["products"]["tea"]["quantity"], 1_000_000);
    fs::write(world.path("db/data.json"), &text).unwrap();
    let check = world.says(&["seed", "--check", "db/data.json"]);
    assert!(!check.contains("would change"), "{check}");
}
