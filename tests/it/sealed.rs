//! What says who a buyer is lies nowhere in the clear: every byte that the shop wrote is searched.
//!
//! Needs `gpg` and `age`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, HEXLOWER};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::world::{Answer, Keyring, World, catalog, fed, files_below};

/// A word that nobody has ever written.
fn word() -> String {
    let mut bytes = [0; 14];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// What somebody wrote, where it was written.
struct Secret {
    place: &'static str,
    words: String,
}

fn secret(place: &'static str) -> Secret {
    Secret { place, words: word() }
}

/// Every form in which words may lie in a file, apart from the case of Latin letters.
fn forms(words: &str) -> Vec<Vec<u8>> {
    let bytes = words.to_lowercase().into_bytes();
    let wide =
        |put: fn(u16) -> [u8; 2]| words.to_lowercase().encode_utf16().flat_map(put).collect();
    vec![
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
        HEXLOWER.encode(&bytes).into_bytes(),
        bytes,
    ]
}

/// Base64 of it, wherever in its threes it begins, without the letters that its neighbours share.
fn in_base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    (0..3)
        .map(|before| {
            let padded = [&vec![0; before][..], bytes].concat();
            let written = BASE64.encode(&padded).into_bytes();
            let begin = if before == 0 { 0 } else { before + 1 };
            let whole = padded.len() / 3 * 4;
            written[begin..whole].to_vec()
        })
        .collect()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    haystack.windows(needle.len()).any(|window| window[0] == first && window == needle)
}

/// The places of what lies readable in these bytes.
fn readable<'a>(bytes: &[u8], secrets: &'a [Secret]) -> Vec<&'a str> {
    // Mail turns long lines, and a word may stand across the turn.
    let unbroken: Vec<u8> =
        bytes.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let lowered = [bytes.to_ascii_lowercase(), unbroken.to_ascii_lowercase()];
    let is_readable = |secret: &&Secret| {
        let exact = in_base64(secret.words.as_bytes());
        forms(&secret.words).iter().any(|form| lowered.iter().any(|bytes| holds(bytes, form)))
            || exact.iter().any(|form| holds(bytes, form) || holds(&unbroken, form))
    };
    secrets.iter().filter(is_readable).map(|secret| secret.place).collect()
}

/// Every byte that the shop has written, by its file; names of files are bytes too.
fn written(world: &World) -> Vec<(String, Vec<u8>)> {
    let own = |path: &Path| path != world.path("db/data.json");
    files_below(world.home.path())
        .into_iter()
        .filter(|path| own(path))
        .map(|path| {
            let name = path.strip_prefix(world.home.path()).unwrap().display().to_string();
            let bytes = [name.as_bytes(), b"\n", &fs::read(&path).unwrap()].concat();
            (name, bytes)
        })
        .collect()
}

#[track_caller]
fn nothing_readable(world: &World, secrets: &[Secret], when: &str) {
    let files = written(world);
    for file in ["db/shop.sqlite", "log"] {
        assert!(files.iter().any(|(name, _)| name == file), "{when}: {file} was not looked at");
    }
    for (name, bytes) in &files {
        assert_eq!(readable(bytes, secrets), [] as [&str; 0], "{when}: {name}");
    }
}

#[test]
fn the_search_finds_what_it_is_for() {
    let secrets = [secret("here")];
    let words = &secrets[0].words;
    let base64 = |before: &str| BASE64.encode(format!("{before}{words}, and more").as_bytes());
    let wide = |put: fn(u16) -> [u8; 2]| words.encode_utf16().flat_map(put).collect::<Vec<u8>>();
    for bytes in [
        format!("a{words}b").into_bytes(),
        words.to_uppercase().into_bytes(),
        format!("{}\n{}", &words[..5], &words[5..]).into_bytes(),
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
        HEXLOWER.encode(words.as_bytes()).into_bytes(),
        HEXLOWER.encode(words.as_bytes()).to_uppercase().into_bytes(),
        base64("").into_bytes(),
        base64("a").into_bytes(),
        base64("ab").into_bytes(),
        base64("abc").into_bytes(),
    ] {
        assert_eq!(readable(&bytes, &secrets), ["here"], "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(readable(word().as_bytes(), &secrets), [] as [&str; 0]);
}

/// The identity of whoever knows the code, made as `docs/ARCHITECTURE.md` says and not by the shop's own lines.
fn age_identity(code: &str, salt: &[u8]) -> String {
    let mut secret = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), code.as_bytes())
        .expand(b"shop order reader 1", &mut secret)
        .unwrap();
    let prefix = bech32::Hrp::parse("age-secret-key-").unwrap();
    bech32::encode::<bech32::Bech32>(prefix, &secret).unwrap().to_uppercase()
}

/// What Debian's `age` makes of it; `None` where the identity opens nothing.
fn age_opens(folder: &Path, identity: &str, sealed: &[u8]) -> Option<String> {
    let file = folder.join("identity");
    fs::write(&file, format!("{identity}\n")).unwrap();
    let done = fed(Command::new("age").args(["--decrypt", "-i"]).arg(&file), sealed);
    done.status.success().then(|| String::from_utf8(done.stdout).unwrap())
}

/// The salt of the house, the readers' names, and all that is sealed.
fn ciphertexts(world: &World) -> Vec<Vec<u8>> {
    let mut found = world.find("select sealed from messages where sealed is not null");
    found.extend(
        world.find("select cast(recipient as blob) from orders where recipient is not null"),
    );
    found.extend(world.find("select lookup_name from orders"));
    for (_, message) in world.messages() {
        let armored = message.lines().filter(|line| line.len() == 64);
        found.extend(armored.map(|line| line.as_bytes().to_vec()));
    }
    found
}

/// Pieces of it: a long one may lie across two pages of a file, and begins as all of its kind do.
fn pieces(sealed: &[u8]) -> Vec<&[u8]> {
    let from = if sealed.starts_with(b"age-encryption.org") { 80 } else { 0 };
    sealed[from..].chunks_exact(24).collect()
}

#[test]
fn nothing_of_a_buyer_is_readable_in_any_file_and_after_a_purge_not_even_its_seal_is_left() {
    let keyring = Keyring::new();
    let key = keyring.exports(&keyring.makes_key("seller"));
    let mut world = World::closed(&[]);
    // What the shop or a library of it puts aside comes to lie where it is searched.
    let aside = world.path("aside");
    fs::create_dir(&aside).unwrap();
    for name in ["TMPDIR", "SQLITE_TMPDIR", "HOME"] {
        world.settings.push((name.to_owned(), aside.display().to_string()));
    }
    // There is no setting that makes the log say more; what other programs take for one has to do nothing.
    for (name, value) in [("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")] {
        world.settings.push((name.to_owned(), value.to_owned()));
    }
    fs::create_dir(world.path("db")).unwrap();
    fs::write(world.path("db/data.json"), catalog().to_string()).unwrap();
    fs::write(world.path("db/seller.asc"), key).unwrap();
    world.open();

    let fields = ["recipient", "street", "city", "province", "postcode", "note"].map(secret);
    let mut more: Vec<(&str, String)> =
        fields.iter().map(|secret| (secret.place, secret.words.clone())).collect();
    let (mailbox, domain) = (secret("email"), secret("email's host"));
    more.push(("email", format!("{}@{}.example", mailbox.words, domain.words)));
    let mut refund = [0; 20];
    getrandom::fill(&mut refund).unwrap();
    let refund = Secret { place: "refund", words: HEXLOWER.encode(&refund) };
    more.push(("refund", format!("0x{}", refund.words)));
    let more: Vec<(&str, &str)> =
        more.iter().map(|(name, words)| (*name, words.as_str())).collect();
    let [message, answer, tracking, reason, refused, wrong] =
        ["message", "answer", "tracking", "reason", "refused form", "refused answer"].map(secret);

    // A form that is refused leaves no trace.
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let answered = buyer.tries_to_check_out(&[("recipient", &refused.words), ("city", "")]);
    assert_eq!(answered.status, 422);
    let page = buyer.checks_out(&more);
    let (order_ref, code) = (page.mark("order-ref"), page.mark("code"));
    assert_eq!(buyer.post("/order/message", &[("message", &message.words)]).status, 303);
    world.answers(&order_ref, "1", &format!("/paid\nThank you, {}.", answer.words));
    assert_eq!(
        world.replies(&[&order_ref], "2", &format!("/cancelled {}", wrong.words)).status.code(),
        Some(65)
    );
    world.answers(&order_ref, "3", &format!("/shipped {}", tracking.words));
    let mut other = world.buyer();
    other.adds("cap", "Large", "1");
    let other_page = other.checks_out(&[]);
    let other_ref = other_page.mark("order-ref");
    world.says(&["orders", "cancel", &other_ref, &reason.words]);
    world.says(&["backup", "copy"]);

    let mut secrets: Vec<Secret> = fields.into();
    secrets.extend([mailbox, domain, refund, message, answer, tracking, reason, refused, wrong]);
    for code in [&code, &other_page.mark("code")] {
        secrets.push(Secret { place: "code", words: code.clone() });
    }
    nothing_readable(&world, &secrets, "while the shop is open");
    assert!(world.path("db/shop.sqlite-wal").exists(), "the journal was looked at too");

    // The seller reads it all, but for what was refused, and for the code.
    let told: Vec<u8> =
        world_mail(&world).iter().flat_map(|text| keyring.opens(text).into_bytes()).collect();
    let unknown = ["refused form", "refused answer", "code"];
    let read = readable(&told, &secrets);
    for secret in &secrets {
        // An answer stands on the buyer's page; the seller has it in front of them.
        let expected = !unknown.contains(&secret.place) && secret.place != "answer";
        assert_eq!(read.contains(&secret.place), expected, "{}", secret.place);
    }

    // So does whoever has the code, in a browser that knows nothing.
    let mut back = world.buyer();
    assert_eq!(back.post("/order", &[("code", &code)]).status, 303);
    let shown = [back.get("/order").bytes, back.get("/order/receipt.txt").bytes];
    let on_page = readable(&shown[0], &secrets);
    for place in [
        "recipient",
        "street",
        "city",
        "postcode",
        "note",
        "email",
        "refund",
        "message",
        "answer",
        "tracking",
    ] {
        assert!(on_page.contains(&place), "{place} on the page");
    }
    for place in ["recipient", "street", "city", "postcode", "note", "email", "refund"] {
        assert!(readable(&shown[1], &secrets).contains(&place), "{place} on the receipt");
    }
    let mut words: Vec<&str> = code.split(' ').collect();
    words.swap(0, 6);
    let wrong_code: Answer = world.buyer().post("/order", &[("code", &words.join(" "))]);
    assert_eq!(wrong_code.status, 422);
    assert_eq!(readable(&wrong_code.bytes, &secrets), [] as [&str; 0]);

    // Another program opens what is sealed to the code, and the codes of other orders do not.
    let salt = world.find("select salt from shop_state").remove(0);
    let sealed = world.find("select sealed from messages where sealed is not null order by id");
    assert_eq!(sealed.len(), 6);
    let folder = tempfile::tempdir().unwrap();
    let opened = |code: &str| -> Vec<String> {
        let identity = age_identity(code, &salt);
        let open = |sealed: &Vec<u8>| age_opens(folder.path(), &identity, sealed);
        sealed.iter().filter_map(open).collect()
    };
    let mine = opened(&code);
    assert_eq!(mine.len(), 4, "receipt, message, answer, tracking");
    assert!(mine.iter().all(|words| words.len() % 256 == 0), "padded");
    let mine = readable(mine.join("\n").as_bytes(), &secrets);
    assert!(
        ["recipient", "message", "answer", "tracking"].iter().all(|place| mine.contains(place))
    );
    let theirs = opened(&other_page.mark("code"));
    assert_eq!(theirs.len(), 2, "receipt and reason");
    assert_eq!(readable(theirs.join("\n").as_bytes(), &secrets), ["reason"]);
    assert_eq!(opened(&words.join(" ")).len(), 0);

    // Both are finished; nothing of them is kept, and the copy is the seller's own to keep or not.
    fs::remove_file(world.path("copy")).unwrap();
    let seals = ciphertexts(&world);
    let still_there = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files
            .iter()
            .filter(|(_, bytes)| {
                seals.iter().any(|sealed| pieces(sealed).iter().any(|piece| holds(bytes, piece)))
            })
            .map(|(name, _)| name.clone())
            .collect()
    };
    assert!(still_there(&written(&world)).iter().any(|name| name.starts_with("db/shop.sqlite")));
    let purged = world.says(&["purge", "--keep-days", "0"]);
    assert!(purged.contains("2 orders"), "{purged}");
    let gone = |when: &str| {
        for reference in [&order_ref, &other_ref] {
            let reference = [Secret { place: "reference", words: reference.clone() }];
            nothing_readable(&world, &reference, when);
        }
        nothing_readable(&world, &secrets, when);
        assert_eq!(still_there(&written(&world)), [] as [String; 0], "{when}");
    };
    gone("after the purge");
    assert_eq!(back.get("/order").attribute("code", "name"), "code");
    assert_eq!(world.messages().len(), 0);
    world.close("-TERM");
    world.open();
    nothing_readable(&world, &secrets, "after a restart");
    assert_eq!(still_there(&written(&world)), [] as [String; 0], "after a restart");
}

#[test]
fn neither_a_delivered_code_nor_a_review_without_an_order_is_readable() {
    let keyring = Keyring::new();
    let [code, other] = ["delivered code", "code that is left"].map(secret);
    let mut goods = catalog();
    goods["products"]["key"] = serde_json::json!({"name": "Key", "kind": "digital", "codes": "keys.txt",
        "prices": [{"price": 4_000_000, "wallet": "->wallets.eth"}]});
    let mut world = World::closed(&[]);
    fs::create_dir_all(world.path("db/codes")).unwrap();
    fs::write(world.path("db/data.json"), goods.to_string()).unwrap();
    fs::write(world.path("db/codes/keys.txt"), format!("{}\n{}\n", code.words, other.words))
        .unwrap();
    fs::write(world.path("db/seller.asc"), keyring.exports(&keyring.makes_key("seller"))).unwrap();
    world.open();
    fs::remove_file(world.path("db/codes/keys.txt")).unwrap();

    let reviewed = ["recipient", "street", "city", "note"].map(secret);
    let fields: Vec<(&str, &str)> =
        reviewed.iter().map(|secret| (secret.place, secret.words.as_str())).collect();
    let mut undecided = world.buyer();
    undecided.adds("green-tea", "", "1");
    let review = undecided.reviews(&fields);
    assert!(review.status == 200 && review.text().contains(&reviewed[0].words));
    nothing_readable(&world, &reviewed, "after a review");

    let mut buyer = world.buyer();
    buyer.adds("key", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    world.says(&["orders", "paid", &order_ref]);
    assert!(buyer.get("/order").text().contains(&code.words));
    // Empties the journal, where the code was before it was sold.
    world.says(&["purge"]);
    nothing_readable(&world, &[code], "after the delivery");
    nothing_readable(&world, &reviewed, "after the delivery");
    let left = written(&world);
    let is_found = left.iter().any(|(_, bytes)| holds(bytes, other.words.as_bytes()));
    assert!(is_found, "the search finds a code that is not sold yet");
}

/// All messages, read and unread.
fn world_mail(world: &World) -> Vec<String> {
    let folders = [world.path("mailorders/new"), world.path("mailorders/cur")];
    folders
        .iter()
        .flat_map(|folder| files_below(folder))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn what_a_buyer_erases_leaves_no_seal_behind_that_the_code_would_open() {
    let keyring = Keyring::new();
    let world = World::sealed(&keyring.exports(&keyring.makes_key("seller")));
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let page = buyer.checks_out(&[]);
    world.answers(&page.mark("order-ref"), "1", "Sent today.");
    let sealed = world.find("select sealed from messages where sealed is not null");
    assert_eq!(sealed.len(), 2);
    assert_eq!(buyer.post("/order/erase", &[("confirm", "yes")]).status, 303);
    for (name, bytes) in written(&world) {
        let left =
            sealed.iter().any(|sealed| pieces(sealed).iter().any(|piece| holds(&bytes, piece)));
        assert!(!left, "{name}");
    }
}

#[test]
fn an_accident_leaves_no_image_of_the_memory() {
    let mut world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    buyer.checks_out(&[]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", world.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    let before = files_below(world.home.path());
    world.close("-ABRT");
    let after = files_below(world.home.path());
    assert!(after.iter().all(|path| before.contains(path)), "{after:?}");
}

#[test]
fn messages_of_different_orders_are_of_one_size() {
    let keyring = Keyring::new();
    let world = World::sealed(&keyring.exports(&keyring.makes_key("seller")));
    let note = "Please leave it with the neighbour. ".repeat(20);
    for (product, option, note) in [("green-tea", "", ""), ("cap", "Large", note.trim())] {
        let mut buyer = world.buyer();
        buyer.adds(product, option, "1");
        buyer.checks_out(&[("note", note)]);
    }
    let messages = world.messages();
    assert_eq!(messages.len(), 2);
    // The amount stands in the head for all to see, and so does its length.
    let size = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("X-Shop-Amount: "))
            .map(str::len)
            .sum::<usize>()
    };
    assert_eq!(size(&messages[0].1), size(&messages[1].1));
    assert_eq!(messages[0].0.len(), messages[1].0.len());
    for (_, text) in &messages {
        let subject = text.lines().find(|line| line.starts_with("Subject: ")).unwrap();
        assert!(!subject.contains("Tea") && !subject.contains("Cap"), "{subject}");
        assert!(!text.contains("not encrypted"));
    }
}

/// A key of seven kinds that nobody can seal to.
fn faulty_keys(keyring: &Keyring, usual: &str) -> Vec<(&'static str, Option<String>)> {
    let expired = ["--faked-system-time", "20200101T000000!"];
    keyring.does(
        &[&expired[..], &["--quick-gen-key", "expired", "future-default", "default", "10d"]]
            .concat(),
        b"",
    );
    keyring.does(&["--quick-gen-key", "signing", "ed25519", "sign,cert", "never"], b"");
    keyring.makes_key("revoked");
    let revoke = ["--command-fd", "0", "--expert", "--edit-key", "=revoked"];
    keyring.tries(&revoke, b"revkey\ny\n0\n\ny\nsave\n");
    let private = keyring.does(&["--armor", "--export-secret-keys", usual], b"");
    let cut: String =
        keyring.exports(usual).lines().take(6).map(|line| format!("{line}\n")).collect();
    vec![
        ("gone", None),
        ("empty", Some(String::new())),
        ("malformed", Some(cut)),
        ("expired", Some(keyring.exports("=expired"))),
        ("revoked", Some(keyring.exports("=revoked"))),
        ("signs only", Some(keyring.exports("=signing"))),
        ("private", Some(private)),
    ]
}

#[test]
fn a_key_that_cannot_seal_closes_the_checkout_alone_until_it_is_mended() {
    let keyring = Keyring::new();
    let usual = keyring.makes_key("seller");
    let good = keyring.exports(&usual);
    let faulty = faulty_keys(&keyring, &usual);
    // Each in a shop of its own and all at once, since an open shop looks at the key every ten seconds.
    std::thread::scope(|scope| {
        for (what, key) in &faulty {
            let good = &good;
            scope.spawn(move || closes_and_opens(what, key.as_deref(), good));
        }
    });
}

fn closes_and_opens(what: &str, faulty: Option<&str>, good: &str) {
    let mut world = World::sealed(good);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order = buyer.checks_out(&[]);
    buyer.adds("cap", "Large", "1");
    assert_eq!(buyer.get("/checkout").status, 200, "{what}");
    let path = world.path("db/seller.asc");
    match faulty {
        Some(key) => fs::write(&path, key).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let until = |status: u16| {
        let started = Instant::now();
        while buyer.clone().get("/checkout").status != status {
            assert!(
                started.elapsed() < Duration::from_secs(40),
                "{what}: checkout is not {status}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    until(503);
    is_closed(&world, &mut buyer.clone(), what);
    // Orders that were placed before stay open to their buyers.
    assert_eq!(buyer.get("/order").mark("order-ref"), order.mark("order-ref"), "{what}");
    let written = buyer.post("/order/message", &[("message", "When will it come?")]);
    assert_eq!(written.status, 503, "{what}: nothing is written that nobody can seal");
    assert!(
        written.text().contains("When will it come?"),
        "{what}: the words are kept in the form"
    );
    assert_eq!(world.find("select 1 from messages where kind = 'question'").len(), 0, "{what}");

    // A buyer's wish to be forgotten does not wait for the seller's key.
    let code = order.mark("code");
    let mut forgetful = world.buyer();
    forgetful.post("/order", &[("code", &code)]);
    assert_eq!(forgetful.post("/order/erase", &[("confirm", "yes")]).status, 303, "{what}");
    assert_eq!(world.find("select 1 from messages where sealed is not null").len(), 0, "{what}");
    assert!(!world.log().contains(&order.mark("order-ref")), "{what}");

    // The same after a restart, which begins with the faulty key.
    world.close("-TERM");
    world.open();
    buyer.address = world.address().to_owned();
    buyer.host = world.address().to_owned();
    is_closed(&world, &mut buyer.clone(), what);
    fs::write(&path, good).unwrap();
    let started = Instant::now();
    while buyer.clone().get("/checkout").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(40), "{what}: it does not open again");
        std::thread::sleep(Duration::from_millis(200));
    }
    let page = buyer.checks_out(&[("note", "The blue gate.")]);
    let new = page.mark("order-ref");
    let message = world.messages().into_iter().find(|(name, _)| name.contains(&new)).unwrap().1;
    assert!(message.contains("multipart/encrypted") && !message.contains("blue gate"), "{what}");
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    assert!(
        doctor.contains("ok   seller's key") && doctor.contains("ok   open"),
        "{what}: {doctor}"
    );
}

/// The window is open, the checkout is not, nothing is written, and the seller can know why.
fn is_closed(world: &World, buyer: &mut crate::world::Buyer, what: &str) {
    let before = (world.says(&["orders", "--json"]), world.messages().len());
    let window = buyer.get("/");
    assert_eq!(window.status, 200, "{what}");
    assert!(
        window.text().contains("Green Tea") && window.text().contains("currently closed"),
        "{what}"
    );
    assert_eq!(buyer.get("/product/green-tea").status, 200, "{what}");
    let refused = buyer.get("/checkout");
    assert_eq!(refused.status, 503, "{what}");
    assert!(refused.text().contains("orders cannot be encrypted"), "{what}: {}", refused.text());
    let refused = buyer.tries_to_check_out(&[("note", "The red gate.")]);
    assert_eq!(refused.status, 503, "{what}");
    assert!(refused.header("retry-after").is_some(), "{what}");
    let text = refused.text();
    for words in ["orders cannot be encrypted", "was not placed", "The red gate."] {
        assert!(text.contains(words), "{what}: {words}: {text}");
    }
    assert_eq!((world.says(&["orders", "--json"]), world.messages().len()), before, "{what}");
    let doctor = world.shop(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert_eq!(doctor.status.code(), Some(1), "{what}: {said}");
    let line = said
        .lines()
        .find(|line| line.contains("BAD  seller's key"))
        .unwrap_or_else(|| panic!("{what}: {said}"));
    assert!(line.contains("accepts no orders"), "{what}: {line}");
    let log = world.log();
    let line = log
        .lines()
        .find(|line| line.contains("orders are not accepted:"))
        .unwrap_or_else(|| panic!("{what}: {log}"));
    assert!(line.contains("gpg ") && line.contains("seller.asc"), "{what} says what to do: {line}");
    // A private key that lies there by mistake is repeated nowhere.
    if what == "private" {
        let key = fs::read_to_string(world.path("db/seller.asc")).unwrap();
        let lines: Vec<&str> = key.lines().filter(|line| 40 < line.len()).collect();
        for text in [&log, &said, &refused.text()] {
            assert!(lines.iter().all(|line| !text.contains(line)));
        }
    }
    assert_eq!(buyer.get("/pgp.txt").status, 404, "{what}");
    // No command makes it plain text instead.
    let refused = world.shop(&["backup", "copy"]);
    assert_eq!((refused.status.code(), world.path("copy").exists()), (Some(1), false), "{what}");
}

#[test]
fn a_shop_that_never_had_a_key_says_so_wherever_it_matters() {
    let mut world = World::new();
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let checkout = buyer.get("/checkout").text();
    assert!(
        checkout.contains("has not published a PGP key")
            && checkout.contains("does not encrypt orders")
    );
    buyer.checks_out(&[("note", "The blue gate.")]);
    let message = &world.messages()[0].1;
    assert!(
        message.contains("The blue gate.") && message.contains("This message is not encrypted")
    );
    let doctor = String::from_utf8(world.shop(&["doctor"]).stdout).unwrap();
    let line = doctor.lines().find(|line| line.contains("seller's key")).unwrap();
    assert!(line.contains("plain text"), "{line}");
    assert_eq!(buyer.get("/pgp.txt").status, 404);
    world.close("-TERM");
    let said = world.opening_words();
    assert!(said.contains("plain text") && said.contains("gpg --armor --export"), "{said}");

    // From the first key on there is no way back.
    let keyring = Keyring::new();
    fs::write(world.path("db/seller.asc"), keyring.exports(&keyring.makes_key("seller"))).unwrap();
    let said = world.opening_words();
    assert!(said.contains("encrypted to your key") && !said.contains("plain text"), "{said}");
    fs::remove_file(world.path("db/seller.asc")).unwrap();
    world.open();
    buyer.address = world.address().to_owned();
    buyer.host = world.address().to_owned();
    buyer.adds("green-tea", "", "1");
    assert_eq!(buyer.get("/checkout").status, 503);
}

#[test]
fn a_buyers_own_seal_goes_through_as_it_came_and_only_to_the_seller() {
    let keyring = Keyring::new();
    let (seller, other) = (keyring.makes_key("seller"), keyring.makes_key("other"));
    let world = World::sealed(&keyring.exports(&seller));
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let seal = |to: &str, words: &str| {
        keyring.does(&["--armor", "--no-encrypt-to", "--encrypt", "-r", to], words.as_bytes())
    };
    let empty = ["recipient", "street", "city", "province", "postcode"].map(|name| (name, ""));

    // From the shop's own page into a keyring that knows nothing of the seller.
    let page = buyer.get("/pgp.txt");
    let fingerprint: String = page.text().split_whitespace().collect();
    assert!(
        fingerprint.contains(&seller)
            && page.header("content-type").unwrap().starts_with("text/plain")
    );
    let buyers = Keyring::new();
    buyers.does(&["--import"], &page.bytes);
    let listed = buyers.does(&["--with-colons", "--fingerprint"], b"");
    assert!(listed.contains(&seller), "{listed}");
    let block = buyers.does(&["--armor", "--encrypt", "-r", &seller], b"Ada Byron, Ockham Park");

    let before = world.messages().len();
    for (block, words) in [
        (seal(&other, "Ada"), "not the seller"),
        (keyring.does(&["--armor", "--encrypt", "-r", &seller, "-r", &other], b"Ada"), "also"),
        (keyring.does(&["--armor", "--passphrase", "tea", "--symmetric"], b"Ada"), "password"),
        (keyring.does(&["--clearsign", "-u", &other], b"Ada"), ""),
        ("Ada Byron, Ockham Park".to_owned(), ""),
    ] {
        let fields = [&empty[..], &[("pgp", block.as_str())]].concat();
        let refused = buyer.tries_to_check_out(&fields);
        assert_eq!(
            (refused.status, refused.attribute("pgp", "aria-invalid").as_str()),
            (422, "true")
        );
        let error = refused.mark("pgp-error");
        assert!(
            error.contains(words) && error.starts_with(char::is_uppercase) && error.ends_with('.'),
            "{words}: {error}"
        );
        assert_eq!(world.messages().len(), before);
    }
    let fields = [&empty[..], &[("pgp", block.as_str())]].concat();
    let order = buyer.checks_out(&fields);
    let opened = keyring.opens(&world.messages()[before].1).replace("\r\n", "\n");
    let inner = opened.find("-----BEGIN PGP MESSAGE").unwrap_or_else(|| panic!("{opened}"));
    assert!(opened.contains(block.trim()), "as it came");
    assert_eq!(keyring.does(&["--decrypt"], &opened.as_bytes()[inner..]), "Ada Byron, Ockham Park");
    assert!(order.text().contains("Encrypted address"));

    // The same for what is written later.
    let refused = buyer.post("/order/message", &[("message", ""), ("pgp", &seal(&other, "When?"))]);
    assert_eq!((refused.status, refused.attribute("pgp", "aria-invalid").as_str()), (422, "true"));
    assert_eq!(world.messages().len(), before + 1);
    let block = seal(&seller, "When will it come?");
    assert_eq!(buyer.post("/order/message", &[("message", ""), ("pgp", &block)]).status, 303);
    let messages = world.messages();
    let opened = keyring.opens(&messages[before + 1].1).replace("\r\n", "\n");
    assert!(opened.contains(block.trim()), "{opened}");
}

#[test]
fn a_key_that_cannot_be_used_hinders_no_deed_of_the_sellers_and_their_messages_come_with_the_next_key()
 {
    let keyring = Keyring::new();
    let good = keyring.exports(&keyring.makes_key("seller"));
    let world = World::sealed(&good);
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let order_ref = buyer.checks_out(&[]).mark("order-ref");
    let path = world.path("db/seller.asc");
    fs::write(&path, "no key").unwrap();
    world.until("the checkout closes", || {
        let mut other = world.buyer();
        other.adds("green-tea", "", "1");
        other.get("/checkout").status == 503
    });
    world.says(&["orders"]);
    world.says(&["orders", "paid", &order_ref]);
    world.says(&["orders", "shipped", &order_ref, "RB5"]);
    world.says(&["orders", "note", &order_ref, "It is on its way."]);
    let page = buyer.get("/order");
    assert_eq!(page.state(), "shipped");
    assert!(page.text().contains("RB5") && page.text().contains("It is on its way."));
    let read = || {
        let cur = fs::read_dir(world.path("mailorders/cur")).unwrap();
        cur.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    assert!(read().is_empty(), "nothing is written that nobody can seal");
    fs::write(&path, good).unwrap();
    world.until("they are told", || read().len() == 2);
    for message in read() {
        assert!(message.contains("multipart/encrypted") && !message.contains("RB5"), "{message}");
        assert!(message.contains(&format!("Subject: Payment for order {order_ref}: shipped")));
    }
}

#[test]
fn looking_at_a_key_binds_the_shop_to_nothing() {
    let keyring = Keyring::new();
    let world = World::new();
    let key = world.path("try.asc");
    fs::write(&key, keyring.exports(&keyring.makes_key("somebody"))).unwrap();
    let key = key.display().to_string();
    world.shop(&["doctor", "--seller-key", &key]);
    world.shop(&["orders", "--seller-key", &key]);
    assert_eq!(world.find("select 1 from shop_state where fingerprint is not null").len(), 0);
    // Once the shop itself has sealed to one, no order goes through in plain text, not even for a moment.
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    world.sql("update shop_state set fingerprint = 'A KEY'");
    assert_eq!(buyer.tries_to_check_out(&[]).status, 503);
    assert_eq!((orders_of(&world), world.messages().len()), (0, 0));
}

fn orders_of(world: &World) -> usize {
    world.find("select 1 from orders").len()
}
