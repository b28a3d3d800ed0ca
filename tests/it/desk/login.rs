use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::desk::activity;
use crate::world::{Answer, Buyer, DESK_PASSWORD, World, catalog, files_below};

const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const OTHER_PASSWORD: &str = "ladder-quartz-mumble-63-fig";

/// The addresses in the source of an interface. Each parameter is replaced by `word`.
fn addresses(folder: &str, begins: &[&str]) -> Vec<String> {
    let sources = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let mut found = Vec::new();
    for source in sources.iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs")) {
        let text = fs::read_to_string(source).unwrap();
        for begin in begins {
            for rest in text.split(begin).skip(1) {
                let Some(path) = rest.trim_start().strip_prefix("\"/") else { continue };
                let path = path.split('"').next().unwrap();
                let words =
                    path.split('/').map(|part| if part.starts_with('{') { "word" } else { part });
                found.push(format!("/{}", words.collect::<Vec<_>>().join("/")));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

fn desk_addresses() -> Vec<String> {
    let mut found = addresses("src/interfaces/desk", &[".route(", "resource("]);
    // The pages of records, as `desk/records.rs` puts their addresses together.
    let records = concat!(env!("CARGO_MANIFEST_DIR"), "/src/interfaces/desk/records.rs");
    let records = fs::read_to_string(records).unwrap();
    let pages = records.split("address(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let pages: Vec<&str> = pages.chain(["move"]).collect();
    assert!(pages.contains(&"save") && pages.contains(&"remove"), "{pages:?}");
    let sections = addresses("src/interfaces/desk", &["const SECTION: &'static str ="]);
    assert_eq!(sections, ["/discounts", "/rates", "/wallets"]);
    for section in sections {
        found.extend(pages.iter().map(|page| format!("{section}/{page}")));
        found.push(section);
    }
    // Addresses that begin with a constant or a prefix.
    found.push("/look".to_owned());
    for prefix in ["/products/word", "/products/of/word"] {
        found.extend(["", "/tend", "/delete"].map(|page| format!("{prefix}{page}")));
    }
    found.sort();
    found.dedup();
    found
}

#[track_caller]
fn has_headers(answer: &Answer, what: &str) {
    for (name, value) in [
        ("content-security-policy", CSP),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}: {name}");
    }
    let date = answer.header("date").unwrap_or_default();
    assert!(date.ends_with(":00 GMT"), "{what}: {date:?}");
    for name in ["server", "etag", "last-modified"] {
        assert_eq!(answer.header(name), None, "{what}: {name}");
    }
    let cached = answer.header("cache-control").unwrap();
    let is_still = answer.status == 200 && cached == "private, max-age=31536000, immutable";
    assert!(cached == "no-store" || is_still, "{what}: {cached}");
    for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
        assert!(cookie.starts_with("__Host-"), "{what}: {cookie}");
        assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/; Secure"), "{what}: {cookie}");
    }
    for bad in ["<script", "<svg", " style=", "http://", "https://", "@import", "<iframe"] {
        assert!(!answer.text().contains(bad), "{what}: {bad}");
    }
}

/// The whole response, without the order of its headers, which is random.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    // A minute may end between two answers.
    headers.retain(|(name, _)| name != "date");
    headers.sort();
    (answer.status, headers, answer.text())
}

fn signs_in(browser: &mut Buyer, password: &str, code: &str) -> Answer {
    let token = browser.get("/login").token();
    browser.post_raw("/login", &[("token", &token), ("password", password), ("code", code)])
}

#[test]
fn nothing_of_the_desk_is_shown_before_the_password() {
    let world = World::with_desk();
    let mut stranger = world.stranger_at_desk();
    for path in desk_addresses() {
        let answer = stranger.get(&path);
        let is_open = ["/login", "/static/word"].contains(&path.as_str());
        assert!(is_open || matches!(answer.status, 303 | 404), "{path}: {}", answer.status);
        if answer.status == 303 {
            assert_eq!(answer.header("location"), Some("/login"), "{path}");
        }
        let answer = stranger.post_raw(&path, &[("token", "x"), ("password", "x")]);
        assert!(matches!(answer.status, 303 | 403 | 404), "POST {path}: {}", answer.status);
    }
    assert!(world.desk().get("/").text().contains("Today"));
}

#[test]
fn no_address_of_the_desk_exists_at_the_buyers_listener() {
    let world = World::with_desk();
    let mut buyer = world.buyer();
    // The buyer has a cookie, since otherwise each response would set another one.
    buyer.get("/cart");
    buyer.get("/nothing");
    // A session of the desk changes nothing.
    buyer.cookies.extend(world.desk().0.cookies);
    let addresses = desk_addresses();
    assert!(10 < addresses.len(), "{addresses:?}");
    let body = format!("token=x&password={DESK_PASSWORD}");
    // Both listeners have these.
    let shared = ["/", "/static/word", "/picture/word"];
    for path in addresses.iter().filter(|path| !shared.contains(&path.as_str())) {
        for (method, body) in [("GET", ""), ("POST", body.as_str()), ("HEAD", "")] {
            let unknown = buyer.request(method, "/nothing/at-all", &[FORM], body.as_bytes());
            let answer = buyer.request(method, path, &[FORM], body.as_bytes());
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_eq!(seen(&answer), seen(&unknown), "{method} {path}");
        }
    }
}

#[test]
fn no_address_of_the_buyers_pages_exists_at_the_desk_unless_both_have_it() {
    let world = World::with_desk();
    let mut desk = world.desk().0;
    let own = desk_addresses();
    let buyers = addresses("src/interfaces/web", &["only_get(", "only_post(", "get_and_post("]);
    assert!(20 < buyers.len(), "{buyers:?}");
    for path in buyers.iter().filter(|path| !own.contains(path)) {
        for method in ["GET", "POST"] {
            assert_eq!(desk.request(method, path, &[], b"").status, 404, "{method} {path}");
        }
    }
    let shared: Vec<&String> = buyers.iter().filter(|path| own.contains(path)).collect();
    assert_eq!(shared, ["/", "/picture/word", "/static/word"]);
}

#[test]
fn every_response_of_the_desk_has_the_security_headers() {
    let world = World::with_desk();
    let mut desk = world.desk().0;
    let mut stranger = world.stranger_at_desk();
    for path in desk_addresses().iter().map(String::as_str).chain(["/nothing", "/a%00b", "/..%2f"])
    {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
            for browser in [&mut stranger, &mut desk] {
                let answer = browser.request(method, path, &[], b"");
                has_headers(&answer, &format!("{method} {path}"));
                assert!(answer.status < 500, "{method} {path}");
                if method == "HEAD" {
                    assert!(answer.bytes.is_empty(), "{path}");
                }
            }
        }
    }
    let address = stranger.address.clone();
    for (bytes, status) in [
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_vec(), 400),
        ([b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 200_000], b"\r\n\r\n"].concat(), 431),
    ] {
        let mut stream = TcpStream::connect(&address).unwrap();
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = crate::world::parse_answer(&answer);
        assert!([status, 400].contains(&answer.status), "{status}: {}", answer.status);
        has_headers(&answer, &format!("{status}"));
    }
    let mut large = vec![b'a'; 2 * 1024 * 1024];
    large[..6].copy_from_slice(b"token=");
    let answer = desk.request("POST", "/account/password", &[FORM], &large);
    assert_eq!(answer.status, 413);
    has_headers(&answer, "413");
    let answer = desk.request("POST", "/account/password", &[("Content-Type", "text/plain")], b"x");
    assert_eq!(answer.status, 415);
    has_headers(&answer, "415");
}

#[test]
fn the_desk_refuses_other_host_names() {
    let world = World::with_desk();
    let mut desk = world.desk().0;
    let cookies = desk.cookies.clone();
    for host in ["evil.example", "evil.example:3001", "127.0.0.1.evil.example", "10.0.0.7"] {
        desk.host = host.to_owned();
        for path in ["/", "/login", "/account", "/nothing"] {
            let answer = desk.get(path);
            assert_eq!(answer.status, 421, "{host} {path}");
            assert!(!answer.text().contains("token"), "{host} {path}");
            has_headers(&answer, host);
        }
    }
    assert_eq!(desk.cookies, cookies, "a stranger's name gets no cookie");
    desk.host = "localhost:1".to_owned();
    assert_eq!(desk.get("/").status, 200);
}

#[test]
fn a_form_of_another_session_or_of_none_changes_nothing() {
    let world = World::with_desk();
    let (mut one, mut other) = (world.desk().0, world.desk().0);
    let (mine, others) = (one.get("/account/sessions").token(), other.get("/account").token());
    assert_ne!(mine, others);
    let end = |browser: &mut Buyer, token: &str, headers: &[(&str, &str)]| {
        let body = format!("token={token}&password={DESK_PASSWORD}");
        browser.request("POST", "/account/sessions", headers, body.as_bytes())
    };
    for token in ["", "x", others.as_str(), &mine[..31]] {
        assert_eq!(end(&mut one, token, &[FORM]).status, 403, "{token:?}");
    }
    for site in ["cross-site", "same-site", "none"] {
        let headers = [FORM, ("Sec-Fetch-Site", site)];
        assert_eq!(end(&mut one, &mine, &headers).status, 403, "{site}");
    }
    // After signing out the form is replayed, also with the old cookie.
    let kept = one.clone();
    let out = one.post_raw("/logout", &[("token", &mine)]);
    assert_eq!((out.status, out.header("location")), (303, Some("/login?done=out")));
    assert!(!one.cookies.contains_key("__Host-desk"));
    for mut browser in [one, kept] {
        let answer = end(&mut browser, &mine, &[FORM]);
        assert_eq!(answer.status, 403);
        assert_eq!(answer.attribute("sign-in", "href"), "/login");
    }
    assert_eq!(other.get("/account").status, 200, "the other session is untouched");
    assert_eq!(end(&mut other, &others, &[FORM]).status, 303);
    assert_eq!(other.get("/account").status, 303, "all sessions have ended");
}

#[test]
fn a_session_that_ends_while_the_seller_types_loses_no_input() {
    let world = World::with_desk();
    let mut browser = world.desk().0;
    let token = browser.get("/pages").token();
    let (words, secret) = ("Sent within <3> days & whole.", "x".repeat(60));
    let fields = [("token", &*token), ("text", words), ("title", &secret), ("password", &secret)];
    world.sql("delete from desk_sessions");
    // Without a session no input is shown, and the page can be reloaded to send it again.
    let out = browser.post_raw("/pages/new", &fields);
    assert_eq!(out.status, 403);
    assert!(out.text().contains("You were signed out") && !out.text().contains("days"));
    assert_eq!(out.attribute("sign-in", "target"), "_blank");
    let empty = browser.request("POST", "/pages/new", &[], b"");
    assert_eq!((empty.status, empty.header("location")), (303, Some("/login")));

    let mut again = world.desk().0;
    let old = again.post_raw("/pages/new", &fields);
    assert_eq!(old.status, 403);
    assert!(old.text().contains("Your input, to copy"), "{}", old.text());
    assert_eq!(old.mark("typed-1"), words);
    assert_eq!(old.mark("typed-2"), secret);
    assert!(old.find_mark("typed-3").is_none() && !old.text().contains(&token));
    // Input that another site sends is not shown.
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [FORM, ("Sec-Fetch-Site", "cross-site")];
    let foreign = again.request("POST", "/pages/new", &headers, body.as_bytes());
    assert!(foreign.status == 403 && foreign.find_mark("typed-1").is_none());
}

#[test]
fn a_session_is_new_at_each_sign_in_and_stored_as_a_hash() {
    let world = World::with_desk();
    let mut browser = world.desk().0;
    let first = browser.cookies["__Host-desk"].clone();
    let earlier = browser.clone();
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, "").status, 303);
    let second = browser.cookies["__Host-desk"].clone();
    assert!(first != second && first.len() == 64);
    assert_eq!(earlier.clone().get("/account").status, 303, "the earlier one has ended");
    // An id that somebody else chose is no session.
    let mut fixed = world.stranger_at_desk();
    fixed.cookies.insert("__Host-desk".to_owned(), "7".repeat(64));
    assert_eq!(signs_in(&mut fixed, DESK_PASSWORD, "").status, 303);
    assert_ne!(fixed.cookies["__Host-desk"], "7".repeat(64));
    let hex = |text: &str| {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>()
    };
    for file in files_below(&world.path("db")).iter().chain([&world.path("log")]) {
        let bytes = fs::read(file).unwrap();
        for secret in [second.as_bytes(), &hex(&second), DESK_PASSWORD.as_bytes()] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!is_there, "{}", file.display());
        }
    }
}

#[test]
fn a_session_ends_after_inactivity_and_after_twelve_hours() {
    let world = World::with_desk();
    let mut idle = world.desk().0;
    assert_eq!(idle.get("/account").status, 200);
    world.sql("update desk_sessions set seen_at = seen_at - 29 * 60");
    assert_eq!(idle.get("/account").status, 200);
    world.sql("update desk_sessions set seen_at = seen_at - 30 * 60");
    assert_eq!(idle.get("/account").status, 303, "30 minutes without a page");
    let mut long = world.desk().0;
    world.sql("update desk_sessions set begun_at = begun_at - 12 * 60 * 60");
    assert_eq!(long.get("/account").status, 303, "12 hours");
}

#[test]
fn a_session_is_written_at_most_once_a_minute() {
    let world = World::with_desk();
    let mut desk = world.desk().0;
    world.sql("update desk_sessions set seen_at = seen_at - 60");
    desk.get("/account");
    let marks = || world.find("select cast(seen_at % 60 as text) from desk_sessions");
    assert_eq!(marks(), [b"0".to_vec()]);
    // The write-ahead log grows only if something is written.
    let wal = || fs::metadata(world.path("db/shop.sqlite-wal")).unwrap().len();
    world.until("the minute is young", || {
        let before = wal();
        (0..20).for_each(|_| assert_eq!(desk.clone().get("/account").status, 200));
        before == wal()
    });
}

#[test]
fn all_wrong_passwords_and_codes_get_the_same_response() {
    let world = World::with_desk();
    let mut browser = world.stranger_at_desk();
    let wrong = signs_in(&mut browser, "cinder-otter-velvet-28-plus", "");
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("Wrong password"));
    for password in ["", "x", &"x".repeat(1_000), "\u{202e}cinder", "cinder-otter-velvet-28-plum "]
    {
        let answer = signs_in(&mut browser, password, "");
        if password.ends_with(' ') {
            assert_eq!(answer.status, 303, "a space behind it is no part of it");
        } else {
            assert!(seen(&answer) == seen(&wrong), "{password:?}");
        }
    }
    // With a second factor, a wrong code with the right password gets the same response too.
    world.sql("update desk_login set factor = zeroblob(20), factor_step = 0");
    let mut browser = world.stranger_at_desk();
    let wrong = signs_in(&mut browser, "x", "123456");
    for (password, code) in [(DESK_PASSWORD, ""), (DESK_PASSWORD, "12345x"), ("x", "")] {
        let answer = signs_in(&mut browser, password, code);
        assert_eq!(answer.status, 422);
        assert!(seen(&answer) == seen(&wrong), "{password:?} {code:?}");
    }
    world.sql("update desk_login set factor = null, password = null");
    let mut browser = world.stranger_at_desk();
    assert!(browser.get("/login").text().contains("shop desk password"));
    let unset = signs_in(&mut browser, DESK_PASSWORD, "");
    assert_eq!(unset.status, 422);
    assert!(seen(&unset) == seen(&signs_in(&mut browser, "", "")));
}

#[test]
fn wrong_passwords_are_answered_late_and_the_right_one_is_not() {
    let world = World::with_desk();
    let mut guesser = world.stranger_at_desk();
    let mut times = Vec::new();
    for _ in 0..6 {
        let began = Instant::now();
        assert_eq!(signs_in(&mut guesser, "wrong", "").status, 422);
        times.push(began.elapsed());
    }
    // 250, 500 and 1000 milliseconds, after three attempts without delay.
    assert!(Duration::from_millis(990) < times[5], "{times:?}");
    let began = Instant::now();
    world.desk();
    assert!(began.elapsed() < Duration::from_millis(990), "{:?}", began.elapsed());
}

#[test]
fn too_many_sign_ins_at_once_are_refused_and_the_right_password_is_not_locked_out() {
    let world = World::with_desk();
    let mut first = world.stranger_at_desk();
    let token = first.get("/login").token();
    let mut known = world.desk().0;
    // Fewer than the connection limit, so that none is closed for another.
    let threads: Vec<_> = (0..28)
        .map(|_| {
            let (mut browser, token) = (first.clone(), token.clone());
            std::thread::spawn(move || {
                let answer =
                    browser.post_raw("/login", &[("token", &token), ("password", "wrong")]);
                if answer.status == 503 {
                    has_headers(&answer, "503");
                    assert!(answer.header("retry-after").is_some());
                    assert!(answer.bytes.len() < 4_096, "{}", answer.bytes.len());
                }
                answer.status
            })
        })
        .collect();
    let meanwhile = signs_in(&mut known, DESK_PASSWORD, "");
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(statuses.iter().all(|status| matches!(status, 422 | 503)), "{statuses:?}");
    assert!(statuses.contains(&503) && statuses.contains(&422), "{statuses:?}");
    assert_eq!(meanwhile.status, 303, "a browser that was let in before has a line of its own");
    world.desk();
}

#[test]
fn a_password_is_set_on_the_command_line_and_a_weak_one_is_refused_with_a_reason() {
    let world = World::with_desk();
    let mut desk = world.desk().0;
    for (words, reason) in [
        ("password1\npassword1\n", "common"),
        ("short\nshort\n", "at least 10 characters"),
        ("Shop Shop Shop\nShop Shop Shop\n", "too weak"),
        ("", "at least 10 characters"),
        ("ladder-quartz-mumble-63-fig\nladder-quartz-mumble-63-pig\n", "do not match"),
    ] {
        let done = world.told(&["desk", "password"], words.as_bytes());
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.code() == Some(1) && said.contains(reason), "{words:?}: {said}");
        assert!(!said.contains("mumble"), "{said}");
    }
    assert_eq!(desk.get("/account").status, 200, "nothing was changed");
    let words = format!("{OTHER_PASSWORD}\r\n{OTHER_PASSWORD}\r\n");
    assert!(world.told(&["desk", "password"], words.as_bytes()).status.success());
    assert_eq!(desk.get("/account").status, 303, "every session has ended");
    let mut browser = world.stranger_at_desk();
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, "").status, 422);
    assert_eq!(signs_in(&mut browser, OTHER_PASSWORD, "").status, 303);
    assert!(world.says(&["desk", "sessions"]).starts_with("signed in "));
    assert!(world.says(&["desk", "sessions", "--end"]).contains("1 session ended"));
    assert_eq!(browser.get("/account").status, 303);
    assert!(world.says(&["desk", "sessions"]).contains("Nobody"));
}

#[test]
fn a_password_is_changed_at_the_desk_and_all_sessions_end() {
    let world = World::with_desk();
    let (mut desk, mut other) = (world.desk(), world.desk());
    let change = |desk: &mut crate::world::SellerAtDesk, password, new, again| {
        desk.post("/account/password", &[("password", password), ("new", new), ("again", again)])
    };
    let weak = change(&mut desk, DESK_PASSWORD, "password1", "password2");
    assert_eq!(weak.status, 422);
    assert_eq!(weak.attribute("new", "aria-invalid"), "true");
    assert_eq!(weak.attribute("again", "aria-invalid"), "true", "all faults at once");
    assert!(weak.text().contains("common"), "{}", weak.text());
    let wrong = change(&mut desk, "x", OTHER_PASSWORD, OTHER_PASSWORD);
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.attribute("password", "aria-invalid"), "true");
    let done = change(&mut desk, DESK_PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD);
    assert_eq!((done.status, done.header("location")), (303, Some("/login?done=password")));
    for browser in [&mut desk, &mut other] {
        assert_eq!(browser.0.get("/account").status, 303);
    }
    assert_eq!(signs_in(&mut desk.0, DESK_PASSWORD, "").status, 422);
    assert_eq!(signs_in(&mut desk.0, OTHER_PASSWORD, "").status, 303);
}

#[test]
fn a_password_hash_with_older_parameters_is_replaced_at_sign_in() {
    let world = World::with_desk();
    // Made by argon2(1): `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -e`.
    let older =
        b"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    world.sql_with("update desk_login set password = cast(? as text)", &[older]);
    let mut browser = world.stranger_at_desk();
    assert_eq!(signs_in(&mut browser, "passwort", "").status, 422);
    assert_eq!(world.find("select password from desk_login"), [older.to_vec()]);
    assert_eq!(signs_in(&mut browser, "password", "").status, 303);
    let kept = String::from_utf8(world.find("select password from desk_login").remove(0)).unwrap();
    assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
    assert_eq!(signs_in(&mut browser, "password", "").status, 303);
}

/// The code of a secret, made by another program.
pub(super) fn oathtool(secret: &str, when: &str) -> String {
    let secret = secret.replace(' ', "");
    let made = Command::new("oathtool").args(["--totp", "-b", "-N", when, &secret]).output();
    let made = made.expect("oathtool: run scripts/install-test-tools");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

#[track_caller]
pub(super) fn recovery_codes(shown: &Answer) -> Vec<String> {
    assert_eq!(shown.status, 200, "{}", shown.text());
    let text = shown.text();
    let codes = text.split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
    let codes: Vec<String> = codes.collect();
    assert_eq!(codes.len(), 10);
    codes
}

#[test]
fn a_second_factor_is_required_once_a_code_has_confirmed_it() {
    let world = World::with_desk();
    let mut desk = world.desk();
    assert_eq!(desk.0.get("/account/factor.png").status, 404);
    let page = desk.does("/account/factor", &[]);
    let secret = page.mark("secret");
    assert_eq!(desk.get("/account/factor.png").bytes[..8], *b"\x89PNG\r\n\x1a\n");
    // It is not active yet.
    world.desk();
    // The QR code holds the secret that is shown beside it.
    let png = desk.get("/account/factor.png").bytes;
    fs::write(world.path("factor.png"), png).unwrap();
    let read = Command::new("zbarimg").args(["-q", "--raw"]).arg(world.path("factor.png")).output();
    let read =
        String::from_utf8(read.expect("zbarimg: scripts/install-test-tools").stdout).unwrap();
    assert!(
        read.starts_with("otpauth://totp/") && read.contains(&secret.replace(' ', "")),
        "{read}"
    );

    let refused = desk.post("/account/factor/confirm", &[("code", "000000"), ("password", "x")]);
    assert_eq!(refused.attribute("password", "aria-invalid"), "true");
    let refused =
        desk.post("/account/factor/confirm", &[("code", "x"), ("password", DESK_PASSWORD)]);
    assert_eq!((refused.status, refused.attribute("code", "aria-invalid").as_str()), (422, "true"));
    let code = oathtool(&secret, "now");
    let shown =
        desk.post("/account/factor/confirm", &[("code", &code), ("password", DESK_PASSWORD)]);
    let codes = recovery_codes(&shown);
    assert_eq!(desk.0.get("/account/factor.png").status, 404, "it is not shown again");
    let bytes = files_below(&world.path("db"))
        .iter()
        .flat_map(|file| fs::read(file).unwrap())
        .collect::<Vec<u8>>();
    assert!(!String::from_utf8_lossy(&bytes).contains(&codes[0]), "codes are kept hashed");

    let mut browser = world.stranger_at_desk();
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, "").status, 422);
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, &code).status, 422, "a code counts once");
    assert_eq!(signs_in(&mut browser, "wrong", &oathtool(&secret, "now + 30 seconds")).status, 422);
    // The phone's clock is half a minute ahead.
    let next = oathtool(&secret, "now + 30 seconds");
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, &next).status, 303);
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, &next).status, 422, "a code counts once");
    // The phone is lost.
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, &codes[3].to_lowercase()).status, 303);
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, &codes[3]).status, 422, "and so does this");
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, &codes[4]).status, 303);
    assert!(browser.get("/account").text().contains("8 recovery codes left"));

    // New recovery codes need password and code.
    let mut desk = crate::world::SellerAtDesk(browser);
    for (password, code) in [(DESK_PASSWORD, ""), (DESK_PASSWORD, &codes[3]), ("x", &codes[5])] {
        let given = [("password", password), ("code", code)];
        let refused = desk.post("/account/factor/recovery", &given);
        assert_eq!(refused.status, 422, "{password:?} {code:?}");
        assert_eq!(refused.attribute("recovery-code", "aria-invalid"), "true");
        assert_eq!(refused.text().matches("<code>").count(), 0);
    }
    assert!(desk.get("/account").text().contains("8 recovery codes left"));
    let given = [("password", DESK_PASSWORD), ("code", codes[5].as_str())];
    let codes = recovery_codes(&desk.post("/account/factor/recovery", &given));

    // Turning it off needs password and code.
    let off = desk.post("/account/factor/off", &[("password", DESK_PASSWORD), ("code", "12345x")]);
    assert_eq!(off.status, 422);
    let off = desk.does("/account/factor/off", &[("password", DESK_PASSWORD), ("code", &codes[0])]);
    assert_eq!(off.mark("factor"), "Off.");
    world.desk();
}

#[test]
fn a_shop_name_set_at_the_desk_is_used_everywhere_at_the_desk() {
    let world = World::with_desk();
    world.sql("update appearance set name = 'Quibbleworth Zanderhoof'");
    let mut stranger = world.stranger_at_desk();
    assert!(stranger.get("/login").text().contains("· Quibbleworth Zanderhoof desk</title>"));
    assert!(
        signs_in(&mut stranger, "x", "").text().contains("· Quibbleworth Zanderhoof desk</title>")
    );
    let words = "Quibbleworth Zanderhoof\nQuibbleworth Zanderhoof\n";
    assert!(!world.told(&["desk", "password"], words.as_bytes()).status.success());
    let mut desk = world.desk();
    let new = "quibbleworth zanderhoof";
    let given = [("password", DESK_PASSWORD), ("new", new), ("again", new)];
    assert_eq!(desk.post("/account/password", &given).attribute("new", "aria-invalid"), "true");
    desk.does("/account/factor", &[]);
    fs::write(world.path("factor.png"), desk.get("/account/factor.png").bytes).unwrap();
    let read = Command::new("zbarimg").args(["-q", "--raw"]).arg(world.path("factor.png")).output();
    let read = String::from_utf8(read.unwrap().stdout).unwrap();
    assert!(read.contains("issuer=Quibbleworth%20Zanderhoof&"), "{read}");
}

#[test]
fn who_knows_the_password_cannot_guess_the_code() {
    let world = World::with_desk();
    let mut inside = world.desk();
    let secret = inside.does("/account/factor", &[]).mark("secret");
    let given = [("code", &*oathtool(&secret, "now")), ("password", DESK_PASSWORD)];
    let codes = recovery_codes(&inside.post("/account/factor/confirm", &given));
    let mut stranger = world.stranger_at_desk();
    let mut known = inside.0.clone();
    known.cookies.remove("__Host-desk");
    assert!(inside.get("/").find_mark("wrong-codes").is_none());

    let right = oathtool(&secret, "now + 30 seconds");
    let near = ["now - 30 seconds", "now", "now + 60 seconds", "now + 90 seconds"];
    let near: Vec<String> = near.iter().map(|when| oathtool(&secret, when)).collect();
    let wrong = (0..9).map(|digit| digit.to_string().repeat(6));
    let wrong = wrong.into_iter().find(|code| *code != right && !near.contains(code)).unwrap();
    let guesses = |stranger: &mut Buyer, inside: &mut crate::world::SellerAtDesk, n_before: i32| {
        for n in 1..=10 {
            assert_eq!(signs_in(stranger, DESK_PASSWORD, &wrong).status, 422);
            let n = (n_before + n).to_string().into_bytes();
            world.until("it is counted", || {
                world.find("select cast(wrong_codes as text) from desk_login") == [n.clone()]
            });
            // The password alone ends the delays; the wrong codes stay counted.
            let confirmed = [("code", "x"), ("password", DESK_PASSWORD)];
            assert_eq!(inside.post("/account/factor/confirm", &confirmed).status, 303);
        }
    };
    guesses(&mut stranger, &mut inside, 0);
    let refused = signs_in(&mut stranger, DESK_PASSWORD, &wrong);
    let unheard = signs_in(&mut stranger, DESK_PASSWORD, &right);
    assert_eq!(unheard.status, 422, "no code is looked at");
    assert!(seen(&refused) == seen(&unheard));
    assert_eq!(
        signs_in(&mut known, DESK_PASSWORD, &right).status,
        303,
        "who was in before goes on"
    );
    let told = inside.get("/").text();
    assert!(told.contains("Correct password with a wrong code</strong> 10 times since"));
    let entries =
        "select what from audit_log where what = 'Rejected the correct password with a wrong code'";
    assert_eq!(world.find(entries).len(), 10);

    // The right code has reset the count. Ten more wrong ones lock codes again, but not recovery codes.
    guesses(&mut stranger, &mut inside, 10);
    assert_eq!(signs_in(&mut stranger, DESK_PASSWORD, &codes[0]).status, 303);
    inside.does("/today/codes", &[]);
    assert!(inside.get("/").find_mark("wrong-codes").is_none());
}

#[test]
fn the_second_factor_can_be_turned_off_on_the_command_line() {
    let world = World::with_desk();
    assert!(world.says(&["desk", "factor", "--off"]).contains("2FA was not on"));
    world.sql("update desk_login set factor = zeroblob(20)");
    let mut browser = world.stranger_at_desk();
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, "").status, 422);
    assert!(world.says(&["desk", "factor"]).contains("is on"));
    assert!(world.says(&["desk", "factor", "--off"]).contains("is off"));
    assert_eq!(signs_in(&mut browser, DESK_PASSWORD, "").status, 303);
}

#[test]
fn the_desk_listens_where_its_setting_says_and_by_default_only_on_this_host() {
    for (address, words) in [
        ("0.0.0.0:3001", "twice"),
        ("192.168.1.5:3001", "twice"),
        ("3001", "HOST:PORT"),
        ("systemd:desk", "HOST:PORT"),
    ] {
        let refused = World::closed(&[("DESK_LISTEN", address)]).shop(&["serve"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("DESK_LISTEN") && said.contains(words), "{address}: {said}");
    }
    let both = [("LISTEN", "unix:door"), ("DESK_LISTEN", "unix:door")];
    let said = String::from_utf8(World::closed(&both).shop(&["serve"]).stderr).unwrap();
    assert!(said.contains("DESK_LISTEN") && said.contains("which is for buyers"), "{said}");
    // The same path in another spelling is noticed when the second listener is opened.
    let both = [("LISTEN", "unix:door"), ("DESK_LISTEN", "unix:./door")];
    let said = String::from_utf8(World::closed(&both).shop(&["serve"]).stderr).unwrap();
    assert!(said.contains("the same socket"), "{said}");
    let mut world = World::with(&catalog(), &[("DESK_LISTEN", "0.0.0.0:0 0.0.0.0:0")]);
    assert!(world.log().contains("other hosts can reach"), "{}", world.log());
    world.close("-TERM");
    let world = World::with(&catalog(), &[("DESK_LISTEN", "unix:desk.sock")]);
    let mut desk =
        Buyer { address: format!("unix:{}", world.path("desk.sock").display()), ..world.buyer() };
    desk.host = "localhost".to_owned();
    assert_eq!(desk.get("/login").status, 200);
    // The doctor also complains about the public test wallets of this catalog.
    let told = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(told.contains("nobody can sign in"), "{told}");
}

#[test]
fn signing_in_and_out_is_recorded_in_the_activity_log() {
    let world = World::with_desk();
    let mut desk = world.desk();
    desk.does("/logout", &[]);
    let expected = ["Set the desk password from the command line", "Signed in", "Signed out"];
    assert_eq!(activity(&world), expected);
}
