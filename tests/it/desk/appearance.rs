use std::fs;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use crate::desk::{activity, edition};
use crate::world::{Answer, SellerAtDesk, World, catalog};

/// Submits the appearance form as it was loaded, with other values in some fields.
fn look_form(desk: &mut SellerAtDesk, other: &[(&str, &str)]) -> Answer {
    let page = desk.get("/look");
    let mut fields: Vec<(String, String)> = Vec::new();
    for name in ["name", "contact", "accent"] {
        fields.push((name.into(), page.attribute(name, "value")));
    }
    fields.push(("notice".into(), page.mark("notice")));
    fields.push(("edition".into(), edition(&page)));
    let picked = page.attribute("picked", "value");
    fields.push(("accent-was".into(), page.attribute("accent", "value")));
    fields.push(("picked-was".into(), picked.clone()));
    fields.push(("picked".into(), picked));
    fields.retain(|(name, _)| !other.iter().any(|(other, _)| other == name));
    let mut all: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.extend(other);
    desk.post("/look", &all)
}

#[track_caller]
fn looks(desk: &mut SellerAtDesk, other: &[(&str, &str)]) {
    let answer = look_form(desk, other);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/look?done=saved")),
        "{}",
        answer.text()
    );
}

fn writes(world: &World, slug: &str, markdown: &str) {
    fs::create_dir_all(world.path("db/pages")).unwrap();
    fs::write(world.path(&format!("db/pages/{slug}.md")), markdown).unwrap();
}

#[track_caller]
fn changes_page(desk: &mut SellerAtDesk, slug: &str, title: &str, text: &str) {
    let path = format!("/pages/{slug}/edit");
    let edition = edition(&desk.get(&path));
    desk.does(&path, &[("edition", &edition), ("title", title), ("text", text)]);
}

fn png(image: DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// 52° 31'.
const LATITUDE: [u8; 16] = [52, 0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 1, 0, 0, 0];

/// A JPEG with a GPS location.
///
/// Source: Exif 2.32, section 4.6.6: the tags of GPS.
fn with_place(jpeg: &[u8]) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
    // One tag refers to the GPS tags, which begin at 26: the hemisphere, and three fractions at 56.
    exif.extend([1, 0, 0x25, 0x88, 4, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend([2, 0, 1, 0, 2, 0, 2, 0, 0, 0, b'N', 0, 0, 0]);
    exif.extend([2, 0, 5, 0, 3, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(LATITUDE);
    exif.extend([7, 0, 0, 0, 1, 0, 0, 0]);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

fn holds(bytes: &[u8], some: &[u8]) -> bool {
    bytes.windows(some.len()).any(|window| window == some)
}

/// A banner with this amount of red.
fn banner(red: u8) -> Vec<u8> {
    png(RgbImage::from_pixel(600, 120, image::Rgb([red, 60, 200])).into())
}

fn uploads(desk: &mut SellerAtDesk, edition: &str, name: &str, bytes: &[u8]) -> Answer {
    let token = desk.0.get("/look/logo").token();
    let mut body = Vec::new();
    for (name, value) in [("token", token.as_str()), ("edition", edition)] {
        body.extend_from_slice(
            format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .as_bytes(),
        );
    }
    body.extend_from_slice(
        format!("--edge\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n")
            .as_bytes(),
    );
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    let kind = ("Content-Type", "multipart/form-data; boundary=edge");
    desk.0.request("POST", "/look/logo", &[kind], &body)
}

/// The buyers' stylesheet.
fn style(page: &Answer) -> String {
    let text = page.whole_text();
    let rest = text.split_once("<style>").unwrap().1;
    rest.split("</style>").next().unwrap().to_owned()
}

#[test]
fn name_and_contact_of_the_desk_override_the_settings_at_once_and_after_a_restart() {
    let settings = [("SITE_NAME", "Settings' Shop"), ("CONTACT", "settings@example.org")];
    let mut world = World::with_desk_and(&catalog(), &settings);
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    assert!(desk.get("/look").text().contains("SITE_NAME"));
    // These pages are cached before the change, and must not be served after it.
    for path in ["/", "/product", "/product/green-tea"] {
        assert!(buyer.get(path).text().contains("Settings&#39; Shop"), "{path}");
    }
    looks(&mut desk, &[("name", "Tea & Wool"), ("contact", "")]);
    for path in ["/", "/product", "/product/green-tea", "/order", "/nowhere"] {
        let text = buyer.get(path).text();
        assert!(text.contains("Tea &#38; Wool") && !text.contains("settings"), "{path}: {text}");
    }
    let page = desk.get("/look");
    assert!(page.text().contains("Use the configured name"));
    assert!(page.text().contains("Tea &#38; Wool <span class=\"hint\">desk"));

    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    assert!(buyer.get("/order/receipt.txt").text().starts_with("Tea & Wool\n"));
    let (_, message) = world.messages().pop().unwrap();
    assert!(message.contains("Tea & Wool") && !message.contains("Settings' Shop"), "{message}");

    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    assert!(buyer.get("/").text().contains("Tea &#38; Wool"));
    looks(&mut desk, &[("act", "settings-name"), ("contact", "wool@example.org")]);
    let text = buyer.get("/").text();
    assert!(text.contains("Settings&#39; Shop") && text.contains("wool@example.org"), "{text}");
    looks(&mut desk, &[("act", "settings-contact")]);
    assert!(buyer.get("/").text().contains("settings@example.org"));
    let entries = activity(&world);
    assert!(entries.contains(&"Changed the shop's name, the contact".to_owned()), "{entries:?}");
}

#[test]
fn an_invalid_name_is_refused_and_the_input_is_shown_again() {
    let world = World::with_desk();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    let before = buyer.get("/").text();
    let long = "x".repeat(121);
    let answer =
        look_form(&mut desk, &[("name", " "), ("contact", &long), ("notice", "Back *soon*")]);
    assert_eq!(answer.status, 422);
    for id in ["name", "contact"] {
        assert_eq!(answer.attribute(id, "aria-invalid"), "true");
        assert_eq!(answer.attribute(id, "aria-describedby"), format!("{id}-error"));
    }
    assert_eq!(answer.attribute("contact", "value"), long);
    assert_eq!(answer.mark("notice"), "Back *soon*");
    assert_eq!(buyer.get("/").text(), before);
    let answer = look_form(&mut desk, &[("notice", &"1f".repeat(32))]);
    assert!(answer.status == 422 && answer.mark("notice-error").contains("PRIVATE"));
}

#[test]
fn a_notice_is_shown_on_the_start_page_only_and_holds_no_active_content() {
    let world = World::with_desk();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    let notice = "We are back on **Monday**.\r\n\r\n<script>alert(1)</script>\r\n\r\n![x](http://evil.example/x.png) [y](javascript:alert(1))";
    let preview = look_form(&mut desk, &[("notice", notice), ("act", "preview")]);
    assert_eq!(preview.status, 200);
    assert!(preview.text().contains("<strong>Monday</strong>"));
    assert!(preview.text().contains("&lt;script&gt;alert(1)"));
    assert!(!buyer.get("/").text().contains("Monday"));
    looks(&mut desk, &[("notice", notice)]);
    let text = buyer.get("/").text();
    assert!(text.contains("id=\"notice\"") && text.contains("<strong>Monday</strong>"), "{text}");
    for bad in ["<script", "<img src=\"http", "javascript:"] {
        assert!(!text.contains(bad), "{bad}");
    }
    assert!(!buyer.get("/product").text().contains("Monday"));
    looks(&mut desk, &[("notice", "")]);
    assert!(!buyer.get("/").text().contains("id=\"notice\""));
}

#[test]
fn a_readable_colour_is_saved_and_for_any_other_the_nearest_readable_one_is_offered() {
    let mut world = World::with_desk();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    let first = style(&buyer.get("/"));
    assert!(first.contains("--accent:#1c5d50") && first.len() < 14_336);
    for (wrong, why) in [("red", "six digits"), ("#12345", "six digits"), ("#ffd500", "contrast")] {
        let answer = look_form(&mut desk, &[("accent", wrong)]);
        assert_eq!((answer.status, answer.attribute("accent", "value")), (422, wrong.to_owned()));
        assert!(answer.mark("accent-error").contains(why), "{}", answer.text());
    }
    assert_eq!(style(&buyer.get("/")), first);
    let answer = look_form(&mut desk, &[("accent", "#ffd500"), ("name", "Kept")]);
    assert!(answer.text().contains("name=\"take\" value=\"#806b00\""), "{}", answer.text());
    looks(&mut desk, &[("accent", "#ffd500"), ("take", "#806b00"), ("name", "Kept")]);
    let page = buyer.get("/");
    let second = style(&page);
    assert!(second != first && page.text().contains("Kept"));
    assert!(second.contains("--accent:#806b00") && !second.contains("#1c5d50"));

    // The picked colour counts if the text beside it was not changed.
    looks(&mut desk, &[("picked", "#8a1538")]);
    let third = style(&buyer.get("/"));
    assert!(third.contains("--accent:#8a1538"));
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    assert_eq!(style(&buyer.get("/")), third);
    looks(&mut desk, &[("accent", "")]);
    assert_eq!(style(&buyer.get("/")), first);
}

#[test]
fn of_two_sessions_neither_silently_overwrites_the_others_appearance() {
    let world = World::with_desk();
    let (mut one, mut two) = (world.desk(), world.desk());
    let old = edition(&two.get("/look"));
    looks(&mut one, &[("name", "First"), ("accent", "#8a1538")]);
    let answer = look_form(&mut two, &[("edition", &old), ("name", "Second"), ("notice", "Hello")]);
    assert_eq!(answer.status, 409);
    assert_eq!(answer.attribute("name", "value"), "Second");
    assert_eq!(answer.attribute("name", "aria-describedby"), "name-now");
    assert!(answer.text().contains("id=\"name-now\"") && answer.text().contains("First"));
    assert_eq!(answer.mark("notice"), "Hello");
    assert!(world.buyer().get("/").text().contains("First"));
    let now = answer.text();
    let now = now.split_once("name=\"edition\" value=\"").unwrap().1.split('"').next().unwrap();
    assert_ne!(now, old);
    looks(&mut two, &[("edition", now), ("name", "Second"), ("notice", "Hello")]);
    assert!(world.buyer().get("/").text().contains("Second"));
}

#[test]
fn a_logo_replaces_the_name_on_every_page_until_it_is_removed() {
    let mut world = World::with_desk_and(&catalog(), &[("SITE_NAME", "Tea & Wool")]);
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    buyer.get("/");
    let first = edition(&desk.get("/look/logo"));
    let answer = uploads(&mut desk, &first, "banner.png", &banner(30));
    assert_eq!(answer.header("location"), Some("/look?done=logo"), "{}", answer.text());
    let logo = |text: &str| {
        let brand = text.split_once("class=\"brand\"").unwrap().1.split_once("</a>").unwrap().0;
        let file = brand.split_once("srcset=\"").map(|(_, rest)| rest.split('"').next().unwrap());
        (brand.to_owned(), file.map(str::to_owned))
    };
    let (brand, file) = logo(&buyer.get("/").text());
    assert!(brand.contains("alt=\"Tea &#38; Wool\" width=\"240\" height=\"48\""), "{brand}");
    let file = file.unwrap();
    let bytes = buyer.get(&file).bytes;
    assert!(!bytes.is_empty() && bytes.len() <= 8_000);
    assert!(logo(&buyer.get("/nowhere").text()).1.is_some());
    assert!(!buyer.get("/").text().contains("url("));
    assert_eq!(desk.get(&file).bytes, bytes);

    // An import deletes unused pictures; the logo is used.
    world.says(&["seed", "db/data.json"]);
    assert_eq!(buyer.get(&file).status, 200);
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    assert_eq!(logo(&buyer.get("/").text()).1.as_ref(), Some(&file));

    let answer = uploads(&mut desk, &first, "banner.png", &banner(99));
    assert_eq!(answer.status, 409);
    assert_eq!(logo(&buyer.get("/").text()).1.as_ref(), Some(&file));
    let now = edition(&desk.get("/look/logo"));
    assert_eq!(uploads(&mut desk, &now, "banner.png", &banner(99)).status, 303);
    let other = logo(&buyer.get("/").text()).1.unwrap();
    assert_ne!(other, file);
    assert_eq!(buyer.get(&file).status, 404, "the old logo is not on the disk any more");
    let now = edition(&desk.get("/look/logo"));
    let question = desk.get("/look/logo/remove");
    assert!(question.text().contains("Remove the logo?"), "{}", question.text());
    desk.does("/look/logo/remove", &[("edition", &now)]);
    let (brand, file) = logo(&buyer.get("/").text());
    assert!(brand.contains("Tea &#38; Wool") && file.is_none());
    assert_eq!(buyer.get(&other).status, 404);
}

#[test]
fn a_file_that_is_no_picture_becomes_no_logo_and_metadata_is_removed() {
    let world = World::with_desk();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    let before = buyer.get("/").text();
    let now = edition(&desk.get("/look/logo"));
    let whole = banner(30);
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec();
    let noise = |n: u32| {
        n.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519).to_be_bytes()
    };
    let busy = image::RgbaImage::from_fn(480, 128, |x, y| image::Rgba(noise(y * 480 + x)));
    for (name, bytes, why) in [
        ("logo.svg", svg, "JPEG, PNG or WebP"),
        ("logo.png", whole[..whole.len() / 2].to_vec(), "damaged or truncated"),
        ("logo.png", b"hello".to_vec(), "JPEG, PNG or WebP"),
        ("<b>.png", vec![0; 33 * 1024 * 1024], "32 MB"),
        ("busy.png", png(busy.into()), "too detailed"),
    ] {
        let answer = uploads(&mut desk, &now, name, &bytes);
        assert_eq!(answer.status, 422, "{name}");
        assert_eq!(answer.attribute("picture", "aria-invalid"), "true");
        assert!(answer.mark("picture-error").contains(why), "{}", answer.text());
        assert!(!answer.text().contains("<b>"));
    }
    assert_eq!(buyer.get("/").text(), before);

    let photo = with_place(&jpeg(&RgbImage::from_pixel(400, 100, image::Rgb([30, 60, 200]))));
    assert!(holds(&photo, &LATITUDE));
    let answer = uploads(&mut desk, &now, "photo.jpg", &photo);
    assert_eq!(answer.status, 303, "{}", answer.text());
    for file in crate::world::files_below(&world.path("db")) {
        let bytes = fs::read(&file).unwrap();
        assert!(!holds(&bytes, b"Exif") && !holds(&bytes, &LATITUDE), "{}", file.display());
    }
}

#[test]
fn a_page_is_previewed_saved_moved_and_removed() {
    let mut world = World::with_desk();
    writes(&world, "policy", "# Our policy\n\nNo returns.");
    world.says(&["seed", "db/data.json"]);
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    buyer.get("/");
    let text = "Wool from *our* sheep.\r\n\r\n## Where\r\n\r\n<script>alert(1)</script>\r\n\r\n[x](//evil.example) ![cat](http://evil.example/cat.png)";
    let fields = [("title", "About us & you"), ("name", ""), ("text", text)];
    let preview = desk.post("/pages/new", &[&fields[..], &[("act", "preview")]].concat());
    assert_eq!(preview.status, 200);
    assert!(preview.text().contains("<h1>About us &#38; you</h1>"));
    assert!(preview.text().contains("<em>our</em>") && !preview.text().contains("<script"));
    assert_eq!(preview.attribute("title", "value"), "About us & you");
    assert_eq!(preview.mark("text").replace("\r\n", "\n"), text.replace("\r\n", "\n"));
    assert_eq!(buyer.get("/page/about-us--you").status, 404);

    desk.does("/pages/new", &fields);
    let shown = buyer.get("/page/about-us--you").text();
    for words in [
        "<h1>About us &#38; you</h1>",
        "<em>our</em> sheep",
        "<h2>Where</h2>",
        "&lt;script&gt;",
        "<a href=\"/\">x</a>",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("<script") && !shown.contains("<img"));
    for path in ["/", "/product", "/order"] {
        assert!(buyer.get(path).text().contains("href=\"/page/about-us--you\""), "{path}");
    }
    desk.does("/pages/new", &[("title", "Care"), ("name", "care"), ("text", "Wash cold.")]);
    let at = |text: &str, slug: &str| text.find(&format!("href=\"/page/{slug}\"")).unwrap();
    let window = buyer.get("/").text();
    assert!(at(&window, "about-us--you") < at(&window, "care"));
    desk.does("/pages/order", &[("upper", "about-us--you"), ("lower", "care")]);
    let window = buyer.get("/").text();
    assert!(at(&window, "care") < at(&window, "about-us--you"));
    // A form with the old order moves nothing, and nothing moves above the policy.
    for (upper, lower) in [("about-us--you", "care"), ("policy", "care")] {
        let answer = desk.post("/pages/order", &[("upper", upper), ("lower", lower)]);
        assert_eq!(answer.status, 409);
    }
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    let (mut desk, mut buyer) = (world.desk(), world.buyer());
    let window = buyer.get("/").text();
    assert!(at(&window, "care") < at(&window, "about-us--you"));

    let now = edition(&desk.get("/pages/care/remove"));
    for password in ["", "wrong"] {
        let fields = [("edition", now.as_str()), ("password", password)];
        let answer = desk.post("/pages/care/remove", &fields);
        assert_eq!(
            (answer.status, answer.attribute("password", "aria-invalid")),
            (422, "true".into())
        );
    }
    assert_eq!(buyer.get("/page/care").status, 200);
    let fields = [("edition", now.as_str()), ("password", crate::world::DESK_PASSWORD)];
    desk.does("/pages/care/remove", &fields);
    assert_eq!(buyer.get("/page/care").status, 404);
    assert!(!buyer.get("/").text().contains("href=\"/page/care\""));
}

#[test]
fn an_invalid_page_is_refused_with_all_errors_at_once() {
    let world = World::with_desk();
    let mut desk = world.desk();
    desk.does("/pages/new", &[("title", "About"), ("text", "Hello.")]);
    let key = "1f".repeat(32);
    for (title, name, text, faults) in [
        ("", "", "x", &["title"][..]),
        ("", "Bad Name", "a\u{1}b", &["title", "name", "text"]),
        ("About", "", "again", &["name"]),
        ("東京", "", "x", &["name"]),
        (
            "Key",
            "",
            &format!("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ {key}"),
            &["text"],
        ),
        ("Long", "", &"x".repeat(200_001), &["text"]),
        (&"x".repeat(101), "", "x", &["title"]),
    ] {
        let answer = desk.post("/pages/new", &[("title", title), ("name", name), ("text", text)]);
        assert_eq!(answer.status, 422, "{title:?}");
        for id in ["title", "name", "text"] {
            let is_refused = answer.find_mark(&format!("{id}-error")).is_some();
            assert_eq!(is_refused, faults.contains(&id), "{id} of {title:?}: {}", answer.text());
        }
        assert_eq!(answer.attribute("title", "value"), title);
    }
    let pages = world.find("select slug from pages");
    assert_eq!(pages, [b"about".to_vec()]);
}

#[test]
fn of_two_sessions_neither_silently_overwrites_the_others_page() {
    let world = World::with_desk();
    let (mut one, mut two) = (world.desk(), world.desk());
    one.does("/pages/new", &[("title", "About"), ("text", "Hello.")]);
    let old = edition(&two.get("/pages/about/edit"));
    changes_page(&mut one, "about", "About", "Hello from one.");
    let fields = [("edition", old.as_str()), ("title", "About"), ("text", "Hello from two.")];
    let answer = two.post("/pages/about/edit", &fields);
    assert_eq!(answer.status, 409);
    assert_eq!(answer.mark("text"), "Hello from two.");
    assert!(answer.text().contains("id=\"text-now\"") && answer.text().contains("Hello from one."));
    assert!(!answer.text().contains("id=\"title-now\""));
    assert!(world.buyer().get("/page/about").text().contains("Hello from one."));
    let removal = [("edition", old.as_str()), ("password", crate::world::DESK_PASSWORD)];
    assert_eq!(two.post("/pages/about/remove", &removal).status, 409);
    assert_eq!(world.buyer().get("/page/about").status, 200);
}

#[test]
fn a_page_file_replaces_the_desks_text_only_after_the_file_has_changed() {
    let mut world = World::with_desk();
    for slug in ["one", "two", "three", "four", "five"] {
        writes(&world, slug, &format!("# {slug}\n\nfrom the file"));
    }
    world.says(&["seed", "db/data.json"]);
    let mut desk = world.desk();
    for slug in ["two", "four", "five"] {
        changes_page(&mut desk, slug, slug, "from the desk");
    }
    assert!(desk.get("/pages").text().contains("file, edited at the desk"));
    let shows = |buyer: &mut crate::world::Buyer, expected: [&str; 5]| {
        for (slug, words) in ["one", "two", "three", "four", "five"].iter().zip(expected) {
            let text = buyer.get(&format!("/page/{slug}")).text();
            assert!(text.contains(words), "{slug}: {text}");
        }
    };
    writes(&world, "three", "# three\n\nfrom the new file");
    writes(&world, "four", "# four\n\nfrom the new file");
    fs::remove_file(world.path("db/pages/five.md")).unwrap();
    assert_eq!(world.close("-TERM"), Some(0));
    world.open();
    let (mut desk, mut buyer_now) = (world.desk(), world.buyer());
    shows(
        &mut buyer_now,
        [
            "from the file",
            "from the desk",
            "from the new file",
            "from the new file",
            "from the desk",
        ],
    );
    let log = world.log();
    assert!(log.contains("db/pages/four.md has changed"), "{log}");
    for quiet in ["one.md", "two.md", "three.md"] {
        assert!(!log.contains(quiet), "{log}");
    }
    // An import refuses this and changes nothing.
    changes_page(&mut desk, "three", "three", "from the desk");
    writes(&world, "three", "# three\n\nfrom the newest file");
    let refused = world.shop(&["seed", "db/data.json"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("db/pages/three.md") && said.contains("--over-desk"), "{said}");
    assert!(buyer_now.get("/page/three").text().contains("from the desk"));
    // An export contains the desk's text, and importing it again changes nothing.
    world.says(&["catalog", "export", "out.json", "--pages", "out"]);
    let written = fs::read_to_string(world.path("out/three.md")).unwrap();
    assert_eq!(written, "# three\n\nfrom the desk\n");
    world.says(&["seed", "db/data.json", "--over-desk"]);
    assert!(buyer_now.get("/page/three").text().contains("from the newest file"));
    for slug in ["one", "two", "three", "four", "five"] {
        fs::copy(world.path(&format!("out/{slug}.md")), world.path(&format!("db/pages/{slug}.md")))
            .unwrap();
    }
    world.says(&["seed", "db/data.json"]);
    assert!(buyer_now.get("/page/three").text().contains("from the desk"));
    assert!(buyer_now.get("/page/five").text().contains("from the desk"));
    // A removed page stays removed as long as its file does not change.
    let now = edition(&desk.get("/pages/two/remove"));
    let fields = [("edition", now.as_str()), ("password", crate::world::DESK_PASSWORD)];
    desk.does("/pages/two/remove", &fields);
    world.says(&["seed", "db/data.json"]);
    assert_eq!(buyer_now.get("/page/two").status, 404);
    fs::remove_file(world.path("db/pages/one.md")).unwrap();
    world.says(&["seed", "db/data.json"]);
    assert_eq!(buyer_now.get("/page/one").status, 404);
}
