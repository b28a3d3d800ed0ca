//! Files and forms at the desk.

use std::io::{Read, Write};

use crate::flood::{ALLOWED_MB, peak_mb, resident_mb};
use crate::world::{SellerAtDesk, World};

/// A seller at the desk: the token of the forms, and what the open shop held before anybody came. Units: MB.
fn signed_in() -> (World, SellerAtDesk, String, u64) {
    let world = World::with_desk();
    let idle = resident_mb(world.pid());
    let mut desk = world.desk();
    let token = desk.get("/look/logo").token();
    (world, desk, token, idle)
}

#[track_caller]
fn stays_within(world: &World, idle: u64) {
    let peak = peak_mb(world.pid());
    eprintln!("{peak} MB at most, {idle} MB when idle");
    assert!(peak <= idle + ALLOWED_MB, "{peak} MB, {idle} MB when idle");
}

/// A form with files whose bodies are made while they are sent: `name="…"` and how many bytes of what.
fn sends(desk: &SellerAtDesk, path: &str, parts: &[(&str, &[u8], usize)]) -> String {
    let head = |name: &str| format!("--edge\r\nContent-Disposition: form-data; {name}\r\n\r\n");
    let length: usize =
        parts.iter().map(|(name, bytes, n)| head(name).len() + bytes.len() * n + 2).sum::<usize>()
            + "--edge--\r\n".len();
    let cookies: Vec<String> =
        desk.0.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut stream = crate::world::connect(&desk.0.address);
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\nContent-Type: multipart/form-data; boundary=edge\r\nContent-Length: {length}\r\n\r\n",
        desk.0.host,
        cookies.join("; ")
    );
    // A desk that has heard enough may close before all was sent.
    let mut send = || -> std::io::Result<()> {
        stream.write_all(request.as_bytes())?;
        for (name, bytes, n) in parts {
            stream.write_all(head(name).as_bytes())?;
            for _ in 0..*n {
                stream.write_all(bytes)?;
            }
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"--edge--\r\n")
    };
    let _ = send();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).chars().skip("HTTP/1.1 ".len()).take(3).collect()
}

/// A megabyte that is no picture.
fn block() -> Vec<u8> {
    (0..1_048_576_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect()
}

#[test]
fn several_uploads_at_once_share_one_budget() {
    let (world, desk, token, idle) = signed_in();
    let block = block();
    let token_field = ("name=\"token\"", token.as_bytes(), 1);
    let once = ("name=\"once\"", &[b'a'; 64][..], 1);
    let picture = "name=\"picture\"; filename=\"a.png\"";
    let files = "name=\"files\"; filename=\"a.png\"";
    let answers: Vec<String> = std::thread::scope(|scope| {
        let (desk, block) = (&desk, block.as_slice());
        let upload = |path, name, n| {
            scope.spawn(move || sends(desk, path, &[token_field, once, (name, block, n)]))
        };
        let under_way: Vec<_> = (0..6)
            .flat_map(|_| [upload("/look/logo", picture, 31), upload("/products/new", files, 31)])
            .collect();
        under_way.into_iter().map(|one| one.join().unwrap()).collect()
    });
    stays_within(&world, idle);
    // Each was looked at and refused as no picture, or sent away until there is room.
    assert!(answers.iter().all(|status| status == "422" || status == "503"), "{answers:?}");
    assert!(answers.iter().any(|status| status == "422"), "{answers:?}");
    // Afterwards all is as before.
    assert_eq!(sends(&desk, "/look/logo", &[token_field, (picture, &block, 1)]), "422");
}

#[test]
fn no_form_with_files_takes_more_than_its_share() {
    let (world, desk, token, idle) = signed_in();
    let block = block();
    let token_field = ("name=\"token\"", token.as_bytes(), 1);
    let picture = "name=\"picture\"; filename=\"a.png\"";
    let other = "name=\"other\"; filename=\"a.png\"";
    let long = format!("name=\"{}\"", "n".repeat(1 << 20));
    for (parts, status) in [
        // Files that nobody asked for are dropped.
        ([vec![token_field], vec![(other, block.as_slice(), 30); 3]].concat(), "422"),
        // One that is larger than any picture.
        (vec![token_field, (picture, block.as_slice(), 300)], "422"),
        // A field and a head of a part that never end.
        (vec![token_field, ("name=\"text\"", block.as_slice(), 300)], "413"),
        (vec![token_field, (long.as_str(), b"x", 1)], "415"),
        (vec![("name=\"a\"", b"a", 1); 5_000], "413"),
    ] {
        let names: Vec<usize> = parts.iter().map(|(name, ..)| name.len()).take(3).collect();
        assert_eq!(sends(&desk, "/look/logo", &parts), status, "{names:?}");
        stays_within(&world, idle);
    }
}

#[test]
fn many_large_forms_at_once_share_one_budget() {
    let (world, desk, token, idle) = signed_in();
    let texts = [
        ">".repeat(190_000),
        "- ".repeat(95_000),
        "*".repeat(190_000),
        format!("|{0}\n|{1}\n{2}", "a|".repeat(9_000), "-|".repeat(9_000), "|a\n".repeat(40_000)),
        "\"".repeat(300_000),
    ];
    std::thread::scope(|scope| {
        for text in &texts {
            for _ in 0..5 {
                let (mut desk, token) = (desk.clone(), token.as_str());
                scope.spawn(move || {
                    let fields = [
                        ("token", token),
                        ("title", "A page"),
                        ("name", "a-page"),
                        ("text", text.as_str()),
                        ("act", "preview"),
                    ];
                    let answer = desk.0.post_raw("/pages/new", &fields);
                    assert!(matches!(answer.status, 200 | 422 | 503), "{}", answer.status);
                });
            }
        }
    });
    stays_within(&world, idle);
}

#[test]
fn a_stranger_at_the_desk_has_little_to_say() {
    let world = World::with_desk();
    let mut stranger = world.stranger_at_desk();
    let token = stranger.get("/login").token();
    let long = "a".repeat(20_000);
    let answer = stranger.post_raw("/login", &[("token", &token), ("password", &long)]);
    assert_eq!(answer.status, 413);
}
