use std::io::{Read, Write};
use std::net::TcpStream;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use crate::world::{Answer, Buyer, World, files_below};

/// The policy of a page. `styles`: the source of its stylesheet.
fn policy(styles: &str) -> String {
    format!(
        "default-src 'none'; style-src {styles}; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

const ADDRESSES: [&str; 33] = [
    "/",
    "/product",
    "/product/green-tea",
    "/product/none",
    "/category/Wool",
    "/category/None",
    "/search?q=tea",
    "/picture/none.webp",
    "/picture/..%2f..%2fshop.secret",
    "/cart",
    "/cart/change",
    "/currency",
    "/checkout",
    "/checkout/edit",
    "/checkout/place",
    "/checkout/challenge.png",
    "/checkout/wait",
    "/order",
    "/order/noted",
    "/order/transaction",
    "/order/close",
    "/order/again",
    "/order/download/0",
    "/order/qr.png",
    "/order/address.png",
    "/order/receipt.txt",
    "/feed.xml",
    "/policy",
    "/page/none",
    "/pgp.txt",
    "/mirrors.txt",
    "/health",
    "/nothing",
];

/// Whether the page shows the same to everybody who has no cart.
fn is_catalog(what: &str) -> bool {
    let address = what.split(' ').nth(1).unwrap_or_default();
    ["/", "/product", "/product/green-tea", "/category/Wool"].contains(&address)
}

#[track_caller]
fn check(answer: &Answer, what: &str) {
    for (name, value) in [
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}: {name}");
    }
    assert!(
        answer.header("date").is_some_and(|date| date.ends_with(":00 GMT")),
        "{what}: {:?}",
        answer.header("date")
    );
    for name in ["server", "etag", "last-modified", "x-powered-by"] {
        assert_eq!(answer.header(name), None, "{what}: {name}");
    }
    let cached = answer.header("cache-control").unwrap();
    assert!(
        cached == "no-store"
            || (is_catalog(what) && cached == "private, no-cache")
            || (answer.status == 200 && cached == "public, max-age=31536000, immutable"),
        "{what}: {cached}"
    );
    for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
        assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/"), "{what}: {cookie}");
    }
    let text = answer.whole_text();
    check_policy(answer, &text, what);
    // A feed names its elements by a URL, and the shop's pages by theirs.
    let is_feed = answer.header("content-type").is_some_and(|kind| kind.contains("atom"));
    let text = if is_feed { text.replace("http://", "") } else { text };
    for bad in [
        "<script",
        "<svg",
        " style=",
        "http://",
        "https://",
        "@import",
        "<iframe",
        "<link rel=\"preload",
    ] {
        assert!(!text.contains(bad), "{what}: {bad}");
    }
}

/// A page allows its own stylesheet alone.
#[track_caller]
fn check_policy(answer: &Answer, text: &str, what: &str) {
    let styles: Vec<&str> = text.split("<style>").skip(1).collect();
    let source = match styles[..] {
        [style] => {
            let hash = Sha256::digest(style.split("</style>").next().unwrap());
            format!("'sha256-{}'", BASE64.encode(&hash))
        }
        // Of a response to HEAD, or of something that has no stylesheet.
        [] if answer.header("content-type").is_some_and(|kind| kind.contains("html")) => {
            let found = answer.header("content-security-policy").unwrap();
            let source = found.split("style-src ").nth(1).unwrap().split(';').next().unwrap();
            assert!(text.is_empty() && source.starts_with("'sha256-"), "{what}: {found}");
            return;
        }
        [] => "'self'".to_owned(),
        _ => panic!("{what}: two stylesheets"),
    };
    assert_eq!(answer.header("content-security-policy"), Some(policy(&source).as_str()), "{what}");
}

#[test]
fn every_response_of_every_address_has_the_headers() {
    let world = World::new();
    let mut buyer = world.buyer();
    for address in ADDRESSES {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = buyer.request(method, address, &[], b"");
            check(&answer, &format!("{method} {address}"));
            assert!(answer.status < 500, "{method} {address}");
            if method == "HEAD" {
                assert!(answer.bytes.is_empty());
            }
            if ["PUT", "DELETE"].contains(&method) && address != "/nothing" {
                assert_eq!(answer.status, 405, "{method} {address}");
                assert!(answer.header("allow").is_some());
            }
        }
    }
}

#[test]
fn every_error_has_a_page_of_the_shop() {
    let world = World::new();
    let mut buyer = world.buyer();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let no_cookie =
        world.buyer().request("POST", "/cart", &form, b"token=x&product=green-tea&quantity=1");
    assert_eq!(no_cookie.status, 403);
    let words = no_cookie.text();
    assert!(words.contains("Cookies are blocked"));
    assert!(words.contains("Allow cookies for this site") && words.contains("reload the page"));
    let large = buyer.request("POST", "/checkout", &form, &[b'a'; 100_000]);
    assert_eq!(large.status, 413);
    let token = buyer.get("/cart").token();
    let foreign = buyer.request(
        "POST",
        "/cart",
        &[form[0], ("Sec-Fetch-Site", "cross-site")],
        format!("token={token}&product=green-tea&quantity=1").as_bytes(),
    );
    let wrong = buyer.post_raw(
        "/cart",
        &[
            ("token", "0123456789abcdef0123456789abcdef"),
            ("product", "green-tea"),
            ("quantity", "1"),
        ],
    );
    let stolen = world.buyer().get("/cart").token();
    let others =
        buyer.post_raw("/cart", &[("token", &stolen), ("product", "green-tea"), ("quantity", "1")]);
    let kind = buyer.request("POST", "/cart", &[("Content-Type", "multipart/form-data")], b"x");
    for (answer, status) in [
        (&no_cookie, 403),
        (&large, 413),
        (&foreign, 403),
        (&wrong, 403),
        (&others, 403),
        (&kind, 415),
        (&buyer.get("/nothing"), 404),
    ] {
        assert_eq!(answer.status, status);
        check(answer, &status.to_string());
        assert!(answer.text().contains("<h1>") && answer.text().contains("href=\"/\""), "{status}");
    }
    assert!(buyer.get("/cart").text().contains("Your cart is empty"), "nothing was changed");
}

#[test]
fn unreadable_requests_get_a_response_with_the_headers() {
    let world = World::new();
    for request in [
        b"GARBAGE\r\n\r\n".to_vec(),
        [b"GET / HTTP/1.1\r\nHost: x\r\nX: ".to_vec(), vec![b'a'; 200_000], b"\r\n\r\n".to_vec()]
            .concat(),
    ] {
        let mut stream = TcpStream::connect(world.address()).unwrap();
        let _ = stream.write_all(&request);
        let mut bytes = vec![0; 4_000];
        let n = stream.read(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
        assert!(
            text.starts_with("HTTP/1.1 4")
                && text.contains("default-src 'none'; style-src ")
                && text.contains(":00 GMT")
                && text.contains("<h1>"),
            "{text}"
        );
    }
}

fn on_onion(world: &World, fetch_site: Option<&'static str>) -> Buyer {
    Buyer { host: format!("{}.onion", "a".repeat(56)), fetch_site, ..world.buyer() }
}

#[track_caller]
fn set_cookies(answer: &Answer) -> Vec<&str> {
    let lines = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    lines.map(|(_, line)| line.as_str()).collect()
}

#[test]
fn on_an_onion_the_cookies_are_secure_if_the_browser_accepts_that() {
    let world = World::new();
    for (site, is_marked) in [(Some("same-origin"), true), (None, false)] {
        let mut buyer = on_onion(&world, site);
        buyer.adds("green-tea", "", "1");
        let answer = buyer.post("/cart", &[("product", "green-tea"), ("quantity", "1")]);
        assert!(!set_cookies(&answer).is_empty());
        for line in set_cookies(&answer) {
            assert_eq!(
                line.starts_with("__Host-") && line.contains("; Secure"),
                is_marked,
                "{line}"
            );
            assert_eq!(line.contains("; Secure"), is_marked, "{line}");
            assert!(line.contains("; HttpOnly; SameSite=Strict; Path=/"), "{line}");
        }
        assert!(buyer.cookies.keys().all(|name| name.starts_with("__Host-") == is_marked));
        // From the cart to the order's page and out again.
        let code = buyer.checks_out(&[]).mark("code");
        let closed = buyer.post("/order/close", &[]);
        let removed = set_cookies(&closed);
        assert!(removed.iter().any(|line| line.starts_with("__Host-order=;")), "{removed:?}");
        assert!(removed.iter().any(|line| line.starts_with("order=;")), "{removed:?}");
        assert!(removed.iter().all(|line| line.contains("Max-Age=0")), "{removed:?}");
        assert!(!buyer.get("/order").text().contains(&code));
    }
    let mut elsewhere = world.buyer();
    elsewhere.fetch_site = Some("same-origin");
    elsewhere.adds("green-tea", "", "1");
    assert!(elsewhere.cookies.keys().all(|name| !name.starts_with("__Host-")));
}

#[test]
fn a_planted_cookie_is_ignored_beside_one_with_the_prefix() {
    let world = World::new();
    let mut stranger = on_onion(&world, None);
    stranger.adds("green-tea", "", "1");
    stranger.checks_out(&[]);
    let planted = stranger.cookies.clone();
    for site in [Some("same-origin"), None] {
        let mut buyer = on_onion(&world, Some("same-origin"));
        buyer.adds("cap", "Large", "1");
        let token = buyer.get("/cart").token();
        buyer.cookies.extend(planted.clone());
        buyer.fetch_site = site;
        assert_eq!(buyer.get("/cart").token(), token, "the visitor is the same");
        assert!(buyer.get("/cart").text().contains("Cap"));
        assert_eq!(buyer.get("/order").find_mark("order-ref"), None);
    }
    let mut fresh = on_onion(&world, Some("none"));
    fresh.cookies = planted;
    assert_eq!(fresh.get("/order").find_mark("order-ref"), None);
    assert!(fresh.cookies.contains_key("__Host-visitor"), "it gets cookies of its own");
}

#[test]
fn nothing_is_stored_about_a_visitor_who_does_not_order() {
    let world = World::new();
    let state = || -> Vec<(std::path::PathBuf, Vec<u8>)> {
        files_below(world.home.path())
            .into_iter()
            .filter(|path| !path.ends_with("shop.sqlite-shm"))
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect()
    };
    let before = state();
    let mut buyer = world.buyer();
    for address in ADDRESSES {
        buyer.get(address);
    }
    buyer.adds("green-tea", "", "1");
    buyer.get("/cart");
    buyer.get("/checkout");
    buyer.post("/checkout", &[("recipient", "Ada")]);
    buyer.post("/order", &[("code", "a b c d e f g")]);
    assert!(before == state(), "a file has changed");
}

#[test]
fn a_page_is_the_same_compressed_and_plain() {
    let world = World::new();
    let mut buyer = world.buyer();
    buyer.get("/");
    let plain = buyer.get("/product/green-tea");
    let packed =
        buyer.request("GET", "/product/green-tea", &[("Accept-Encoding", "gzip, deflate")], b"");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.bytes[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.whole_text());
    assert!(packed.bytes.len() * 10 < plain.bytes.len() * 7);
}
