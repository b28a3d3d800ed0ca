//! What is sealed to the seller, with the programs that sellers and buyers have: gpg and sq.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use proptest::prelude::ProptestConfig;
use proptest::proptest;
use shop::domain::orders::{NotAPgpBlock, PgpBlock};
use shop::domain::values::Timestamp;
use shop::infra::mail::{KeyFault, SellerKey, sealed_message};

/// 1 June 2026: the keys of these tests are made around it, by gpg's own faked clock.
const NOW: i64 = 1_780_272_000;
const DAY: i64 = 24 * 60 * 60;

fn now() -> Timestamp {
    Timestamp::new(NOW).unwrap()
}

/// gpg with a home of its own, and its agent ended with it.
pub struct Gpg {
    home: tempfile::TempDir,
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", self.home.path())
            .status();
    }
}

impl Gpg {
    pub fn new() -> Self {
        // The path of the agent's socket has to be short.
        let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self { home }
    }

    pub fn tries(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new("gpg")
            .args(["--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback"])
            .args(["--passphrase", "", "--trust-model", "always"])
            .args(arguments)
            .env("GNUPGHOME", self.home.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg: run scripts/install-test-tools");
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // gpg may have refused before it has read all.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    #[track_caller]
    fn does(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.tries(arguments, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "gpg {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A key without subkeys, made so many days before now; its fingerprint.
    #[track_caller]
    fn makes_key(&self, name: &str, kind: &str, usage: &str, days_ago: i64, ends: &str) -> String {
        let clock = clock(days_ago);
        self.does(
            &["--faked-system-time", &clock, "--quick-gen-key", name, kind, usage, ends],
            b"",
        );
        let listed = self.does(&["--with-colons", "--list-keys", &format!("={name}")], b"");
        field(&listed, "fpr:", 9).pop().unwrap()
    }

    #[track_caller]
    fn adds_subkey(&self, key: &str, kind: &str, usage: &str, days_ago: i64, ends: &str) {
        let clock = clock(days_ago);
        self.does(&["--faked-system-time", &clock, "--quick-add-key", key, kind, usage, ends], b"");
    }

    /// A key as most sellers have it.
    pub fn usual_key(&self, name: &str) -> String {
        let key = self.makes_key(name, "ed25519", "sign,cert", 30, "never");
        self.adds_subkey(&key, "cv25519", "encr", 30, "never");
        key
    }

    pub fn exports(&self, key: &str) -> String {
        self.does(&["--armor", "--export", key], b"")
    }

    /// Types at `--edit-key`, at the time of the tests.
    fn edits(&self, key: &str, words: &str) {
        let clock = clock(0);
        let arguments =
            ["--faked-system-time", &clock, "--command-fd", "0", "--expert", "--edit-key", key];
        self.does(&arguments, words.as_bytes());
    }

    /// The key ids that a message is encrypted to.
    fn recipients(&self, message: &str) -> Vec<String> {
        let output = self.tries(&["--list-packets"], message.as_bytes());
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        listed
            .lines()
            .filter(|line| line.starts_with(":pubkey enc packet:"))
            .map(|line| line.split("keyid ").nth(1).unwrap().to_owned())
            .collect()
    }

    /// A message as a buyer makes it.
    #[track_caller]
    fn block(&self, arguments: &[&str]) -> PgpBlock {
        let clock = clock(0);
        let all = [&["--faked-system-time", &clock, "--armor"], arguments].concat();
        PgpBlock::parse(&self.does(&all, b"Ada Byron, 12 St James's Square")).unwrap()
    }
}

fn clock(days_ago: i64) -> String {
    format!("{}!", NOW - days_ago * DAY)
}

/// Of gpg's lines for machines.
fn field(listed: &str, begin: &str, n: usize) -> Vec<String> {
    let lines = listed.lines().filter(|line| line.starts_with(begin));
    lines.map(|line| line.split(':').nth(n).unwrap().to_owned()).collect()
}

fn parse(armored: &str) -> Result<SellerKey, KeyFault> {
    SellerKey::parse(armored, now())
}

const TEXT: &str = "New order for Käthe\n\n  | 12 St James's Square\n  | 東京\n";

#[test]
fn gpg_and_sq_open_what_is_sealed_to_each_kind_of_key() {
    for (kind, part) in [
        ("rsa3072", "rsa3072"),
        ("ed25519", "cv25519"),
        ("nistp256", "nistp256"),
        ("nistp384", "nistp521"),
    ] {
        let gpg = Gpg::new();
        let id = gpg.makes_key(kind, kind, "sign,cert", 30, "never");
        gpg.adds_subkey(&id, part, "encr", 30, "never");
        let key = parse(&gpg.exports(&id)).unwrap();
        assert_eq!(key.fingerprint(), id);
        assert_eq!(key.fingerprint_for_people().replace(' ', ""), id);
        assert_eq!(key.fingerprint_for_people().len(), 49);
        assert_eq!(key.usable_until(), None);
        for length in [0, 1, 4_000, 70_000] {
            let plain = "ä".repeat(length);
            let sealed = key.seal(plain.as_bytes(), now()).unwrap();
            assert!(sealed.starts_with("-----BEGIN PGP MESSAGE-----\n"));
            let output = gpg.tries(&["--status-fd", "2", "--decrypt"], sealed.as_bytes());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && output.stdout == plain.as_bytes(), "{kind}: {said}");
            for mark in ["DECRYPTION_OKAY", "GOODMDC", "DECRYPTION_INFO 2 9"] {
                assert!(said.contains(mark), "{kind}: {said}");
            }
        }
        let secret = gpg.home.path().join("secret.asc");
        fs::write(&secret, gpg.does(&["--armor", "--export-secret-keys", &id], b"")).unwrap();
        let message = gpg.home.path().join("message.asc");
        fs::write(&message, key.seal(TEXT.as_bytes(), now()).unwrap()).unwrap();
        let opened = sq(
            &["decrypt", "--recipient-key", secret.to_str().unwrap(), message.to_str().unwrap()],
            b"",
        );
        assert_eq!(opened, TEXT.as_bytes(), "{kind}");
    }
}

fn letter(key: &SellerKey, text: &str, block: Option<&PgpBlock>) -> String {
    let outer = lettre::Message::builder()
        .from("order+AB12@shop.invalid".parse().unwrap())
        .to("root@localhost".parse().unwrap())
        .header(lettre::message::header::MIME_VERSION_1_0)
        .subject("New order AB12")
        .date(std::time::UNIX_EPOCH);
    let message = sealed_message(outer, key, "New order AB12: tea", text, block, now()).unwrap();
    String::from_utf8(message.formatted()).unwrap().replace('\r', "")
}

#[test]
fn a_message_is_mime_that_python_and_gpg_read() {
    let gpg = Gpg::new();
    let id = gpg.usual_key("seller");
    let key = parse(&gpg.exports(&id)).unwrap();
    let block = gpg.block(&["--encrypt", "-r", &id]);
    let script = r#"
import email, email.policy, subprocess, sys
m = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
assert m.get_content_type() == "multipart/encrypted", m.get_content_type()
assert m.get_param("protocol") == "application/pgp-encrypted"
first, second = m.iter_parts()
assert first.get_content_type() == "application/pgp-encrypted" and first.get_payload().strip() == "Version: 1"
assert second.get_content_type() == "application/octet-stream" and second.get_filename() == "message.asc"
assert second.get_content_disposition() == "inline"
plain = subprocess.run(["gpg", "--batch", "--quiet", "--decrypt"], input=second.get_payload(decode=True), capture_output=True, check=True).stdout
assert b"\n" not in plain.replace(b"\r\n", b""), "lines end by CRLF under the seal"
e = email.message_from_bytes(plain, policy=email.policy.default)
assert e["Subject"] == "New order AB12: tea" and e.get_param("protected-headers") == "v1", e["Content-Type"]
parts = list(e.iter_parts()) if e.is_multipart() else [e]
print(len(plain), len(parts), "".join(part.get_content() for part in parts).replace("\r\n", "\n"))
"#;
    let long = format!("{}\n", "ß".repeat(2_400));
    for (text, block, n_parts, length) in [
        (TEXT, None, 1, 4_096),
        (TEXT, Some(&block), 2, 4_096),
        (&long, None, 1, 8_192),
        ("part\npartx\n", Some(&block), 2, 4_096),
        (&TEXT.repeat(80), None, 1, 8_192),
    ] {
        let letter = letter(&key, text, block);
        assert!(!letter.contains(": tea") && !letter.contains("Square"));
        let mut child = Command::new("python3")
            .args(["-c", script])
            .env("GNUPGHOME", gpg.home.path())
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(letter.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{letter}");
        let read = String::from_utf8(output.stdout).unwrap();
        let expected = format!("{length} {n_parts} {text}");
        assert!(read.starts_with(&expected), "{expected:.60}: {read:.2000}");
        assert_eq!(block.is_some(), read.contains("-----BEGIN PGP MESSAGE-----"));
    }
}

#[test]
fn the_length_tells_nothing_and_no_header_tells_when_or_where() {
    let gpg = Gpg::new();
    let key = parse(&gpg.exports(&gpg.usual_key("seller"))).unwrap();
    let (short, longer) = (letter(&key, "Tea.\n", None), letter(&key, &TEXT.repeat(40), None));
    assert_eq!(short.len(), longer.len());
    assert!(short.len() + 4_000 < letter(&key, &TEXT.repeat(80), None).len());
    // All that differs between two messages of one order is under the seal.
    let head = |letter: &str| letter.split("-----BEGIN PGP").next().unwrap().to_owned();
    assert_eq!(head(&short), head(&longer));
    assert_ne!(short, letter(&key, "Tea.\n", None), "sealed anew each time");
}

/// The part that the shop encrypts to is the one that gpg takes.
#[track_caller]
fn chooses_as_gpg(gpg: &Gpg, id: &str) {
    let key = parse(&gpg.exports(id)).unwrap();
    let ours = gpg.recipients(&key.seal(b"x", now()).unwrap());
    let theirs = gpg.recipients(gpg.block(&["--encrypt", "-r", id]).as_str());
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 1);
}

#[test]
fn the_part_to_encrypt_to_is_chosen_as_gpg_chooses() {
    let gpg = Gpg::new();
    let id = gpg.usual_key("of several");
    gpg.adds_subkey(&id, "nistp256", "encr", 20, "never");
    gpg.adds_subkey(&id, "ed25519", "sign", 10, "never");
    chooses_as_gpg(&gpg, &id);
    assert_eq!(parse(&gpg.exports(&id)).unwrap().usable_until(), None);

    let id = gpg.usual_key("newest has ended");
    gpg.adds_subkey(&id, "cv25519", "encr", 20, "5d");
    chooses_as_gpg(&gpg, &id);

    let id = gpg.usual_key("newest is revoked");
    gpg.adds_subkey(&id, "cv25519", "encr", 20, "never");
    gpg.edits(&id, "key 2\nrevkey\ny\n0\n\ny\nsave\n");
    chooses_as_gpg(&gpg, &id);
    let key = parse(&gpg.exports(&id)).unwrap();
    let revoked = field(&gpg.does(&["--with-colons", "--list-keys", &id], b""), "sub:", 4);
    assert_eq!(revoked.len(), 2);
    assert!(!gpg.recipients(&key.seal(b"x", now()).unwrap()).contains(&revoked[1]));

    let id = gpg.makes_key("primary alone", "rsa2048", "sign,cert,encr", 30, "never");
    chooses_as_gpg(&gpg, &id);
    gpg.adds_subkey(&id, "rsa2048", "encr", 20, "never");
    chooses_as_gpg(&gpg, &id);
}

#[test]
fn a_key_ends_while_the_shop_is_open() {
    let gpg = Gpg::new();
    let id = gpg.usual_key("seller");
    gpg.adds_subkey(&id, "cv25519", "encr", 20, "30d");
    let key = parse(&gpg.exports(&id)).unwrap();
    let newest = gpg.recipients(&key.seal(b"x", now()).unwrap());
    let later = now().plus_days(11);
    assert_ne!(newest, gpg.recipients(&key.seal(b"x", later).unwrap()), "the older one is left");
    assert_eq!(key.usable_until(), None);

    let id = gpg.makes_key("ending", "ed25519", "sign,cert", 30, "40d");
    gpg.adds_subkey(&id, "cv25519", "encr", 30, "never");
    let key = parse(&gpg.exports(&id)).unwrap();
    let end = key.usable_until().unwrap();
    assert_eq!(end, now().plus_days(10));
    assert_eq!(key.check(Timestamp::new(end.get() - 1).unwrap()), Ok(()));
    assert_eq!(key.check(end), Err(KeyFault::Expired(end)));
    assert!(key.seal(b"x", end).is_err());
    // Extended, as the fault says.
    gpg.does(&["--faked-system-time", &clock(-1), "--quick-set-expire", &id, "2y"], b"");
    let key = parse(&gpg.exports(&id)).unwrap();
    assert!(now().plus_days(700) < key.usable_until().unwrap());

    let id = gpg.usual_key("part ends");
    let part = field(&gpg.does(&["--with-colons", "--list-keys", &id], b""), "fpr:", 9).pop();
    gpg.does(
        &["--faked-system-time", &clock(0), "--quick-set-expire", &id, "7d", &part.unwrap()],
        b"",
    );
    let end = now().plus_days(7);
    let key = parse(&gpg.exports(&id)).unwrap();
    assert_eq!(key.usable_until(), Some(end));
    assert_eq!(key.check(end), Err(KeyFault::Expired(end)));
}

#[test]
fn a_key_that_cannot_seal_is_refused_and_says_what_to_do() {
    let gpg = Gpg::new();
    let usual = gpg.usual_key("seller");
    let usual_key = gpg.exports(&usual);

    let expired = gpg.makes_key("expired", "ed25519", "sign,cert", 30, "10d");
    gpg.adds_subkey(&expired, "cv25519", "encr", 30, "never");
    let end = now().plus_days(-20);
    assert_eq!(parse(&gpg.exports(&expired)).unwrap_err(), KeyFault::Expired(end));

    let signing = gpg.makes_key("sign only", "ed25519", "sign,cert", 30, "never");
    assert_eq!(parse(&gpg.exports(&signing)).unwrap_err(), KeyFault::CannotEncrypt);

    let revoked = gpg.usual_key("revoked");
    gpg.edits(&revoked, "revkey\ny\n0\n\ny\nsave\n");
    assert_eq!(parse(&gpg.exports(&revoked)).unwrap_err(), KeyFault::Revoked);

    let part_revoked = gpg.usual_key("part revoked");
    gpg.edits(&part_revoked, "key 1\nrevkey\ny\n0\n\ny\nsave\n");
    assert_eq!(parse(&gpg.exports(&part_revoked)).unwrap_err(), KeyFault::CannotEncrypt);

    let secret = gpg.does(&["--armor", "--export-secret-keys", &usual], b"");
    let disguised = secret.replace("PRIVATE", "PUBLIC");
    for text in [&secret, &disguised, &format!("{usual_key}{secret}")] {
        let fault = parse(text).unwrap_err();
        assert_eq!(fault, KeyFault::PrivateKey);
        assert!(
            secret
                .lines()
                .filter(|line| 20 < line.len())
                .all(|line| !fault.to_string().contains(line))
        );
    }

    let both = gpg.does(&["--armor", "--export", &usual, &signing], b"");
    for text in [both, format!("{usual_key}{}", gpg.exports(&signing))] {
        assert_eq!(parse(&text).unwrap_err(), KeyFault::ManyKeys);
    }

    let half: String = usual_key.lines().take(6).map(|line| format!("{line}\n")).collect();
    let cut = format!("{half}-----END PGP PUBLIC KEY BLOCK-----\n");
    let message = gpg.block(&["--encrypt", "-r", &usual]);
    for text in ["", "hello", &half, &cut, message.as_str(), &usual_key.replace("PUBLIC", "PUBIC")]
    {
        let fault = parse(text).unwrap_err();
        assert!(matches!(fault, KeyFault::Malformed(_)), "{fault:?}: {text}");
        assert!(fault.to_string().contains("gpg --armor --export YOUR-KEY > db/seller.asc"));
    }
    // What others wrote around it does no harm.
    let commented = usual_key.replacen("\n\n", "\nComment: mine\n\n", 1);
    let key = parse(&format!("my key:\r\n{}", commented.replace('\n', "\r\n"))).unwrap();
    assert_eq!(key.armored(), usual_key);
}

/// Another's subkey moved under the seller's key: nothing but its signature tells.
#[test]
fn a_part_that_the_key_has_not_signed_is_passed_over() {
    let gpg = Gpg::new();
    let (seller, thief) = (gpg.usual_key("seller"), gpg.usual_key("thief"));
    let folder = gpg.home.path();
    let raw = |id: &str| gpg.tries(&["--export", id], b"").stdout;
    // The parts of a key, as gpg splits them: 1 key, 2 name, 3 signature, 4 subkey, 5 its signature.
    let split = |id: &str, name: &str| -> Vec<Vec<u8>> {
        let place = folder.join(name);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("key"), raw(id)).unwrap();
        let done = Command::new("gpgsplit").arg("key").current_dir(&place).status().unwrap();
        assert!(done.success());
        fs::remove_file(place.join("key")).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names.into_iter().map(|path| fs::read(path).unwrap()).collect()
    };
    let (ours, theirs) = (split(&seller, "ours"), split(&thief, "theirs"));
    assert_eq!((ours.len(), theirs.len()), (5, 5));
    let armored = |bytes: Vec<u8>| {
        let armor = gpg.tries(&["--enarmor"], &bytes).stdout;
        String::from_utf8(armor).unwrap().replace("ARMORED FILE", "PUBLIC KEY BLOCK")
    };
    let with = armored([ours.concat(), theirs[3].clone(), theirs[4].clone()].concat());
    let key = parse(&with).unwrap();
    let to = gpg.recipients(&key.seal(b"x", now()).unwrap());
    assert_eq!(
        to,
        gpg.recipients(&parse(&gpg.exports(&seller)).unwrap().seal(b"x", now()).unwrap())
    );

    let only = armored([&ours[..3], &theirs[3..]].concat().concat());
    assert_eq!(parse(&only).unwrap_err(), KeyFault::CannotEncrypt);
    let unsigned = armored([&ours[..2], &theirs[2..3], &ours[3..]].concat().concat());
    assert!(matches!(parse(&unsigned).unwrap_err(), KeyFault::Malformed(_)));
}

#[test]
fn a_buyers_block_is_for_the_seller_and_for_nobody_unknown() {
    let gpg = Gpg::new();
    let (id, other) = (gpg.usual_key("seller"), gpg.usual_key("buyer"));
    gpg.adds_subkey(&id, "rsa2048", "encr", 20, "never");
    let key = parse(&gpg.exports(&id)).unwrap();
    let parts = field(&gpg.does(&["--with-colons", "--list-keys", &id], b""), "sub:", 4);
    let their_part = field(&gpg.does(&["--with-colons", "--list-keys", &other], b""), "sub:", 4);
    let their_part = their_part[0].clone();
    let check = |arguments: &[&str]| key.check_block(&gpg.block(arguments));

    assert_eq!(check(&["--encrypt", "-r", &id]), Ok(()));
    assert_eq!(check(&["--encrypt", "-r", &format!("{}!", parts[0])]), Ok(()), "the older part");
    assert_eq!(check(&["--encrypt", "--sign", "-u", &other, "-r", &id]), Ok(()), "signed inside");
    assert_eq!(check(&["--encrypt", "-r", &id, "--compress-algo", "none"]), Ok(()));

    let also = Err(NotAPgpBlock::AlsoToAnother(their_part.clone()));
    assert_eq!(check(&["--encrypt", "-r", &id, "-r", &other]), also);
    assert_eq!(check(&["--encrypt", "-r", &other, "-r", &id]), also);
    assert_eq!(
        check(&["--encrypt", "-r", &other]),
        Err(NotAPgpBlock::NotToTheSeller(their_part.clone()))
    );
    for hidden in [
        &["--encrypt", "-R", &id][..],
        &["--encrypt", "--throw-keyids", "-r", &id],
        &["--encrypt", "-r", &id, "-R", &other],
    ] {
        assert_eq!(check(hidden), Err(NotAPgpBlock::HiddenRecipient), "{hidden:?}");
    }
    assert_eq!(check(&["--passphrase", "tea", "--symmetric"]), Err(NotAPgpBlock::Password));
    assert_eq!(
        check(&["--passphrase", "tea", "--symmetric", "--encrypt", "-r", &id]),
        Err(NotAPgpBlock::Password)
    );
    assert_eq!(check(&["--sign", "-u", &other]), Err(NotAPgpBlock::NotEncrypted));
    assert_eq!(
        check(&["--sign", "-u", &other, "--compress-algo", "none"]),
        Err(NotAPgpBlock::NotEncrypted)
    );
    assert_eq!(check(&["--store"]), Err(NotAPgpBlock::NotEncrypted));
    let good = gpg.block(&["--encrypt", "-r", &id]);
    let lines: Vec<&str> = good.as_str().lines().collect();
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat().join("\n");
    for damaged in [without(3), good.as_str().replacen(lines[4], &lines[4].to_lowercase(), 1)] {
        let block = PgpBlock::parse(&damaged).unwrap();
        assert_eq!(key.check_block(&block), Err(NotAPgpBlock::DamagedInside), "{damaged}");
    }

    // gpg 2.2 makes neither the old form any more nor the new ones yet: its own message, with another packet's head.
    let sealed_to_curve = gpg.block(&["--encrypt", "-r", &format!("{}!", parts[0])]);
    let headed = |head: &[u8]| {
        let mut bytes = bytes_of(sealed_to_curve.as_str());
        assert_eq!(bytes[0], 0x84, "a session key, its length in one byte");
        let at = usize::from(bytes[1]) + 2;
        assert_eq!(bytes[at], 0xD2, "SEIPD");
        bytes[at] = head[0];
        bytes[at + 2..at + 1 + head.len()].copy_from_slice(&head[1..]);
        PgpBlock::parse(&around(&bytes, "MESSAGE")).unwrap()
    };
    assert_eq!(key.check_block(&headed(&[0xD2, 1])), Ok(()));
    assert_eq!(key.check_block(&headed(&[0xC9])), Err(NotAPgpBlock::NoIntegrity));
    assert_eq!(key.check_block(&headed(&[0xD2, 2, 9, 2, 6])), Err(NotAPgpBlock::TooNew));
    assert_eq!(key.check_block(&headed(&[0xD4, 1, 9, 2, 6])), Err(NotAPgpBlock::TooNew));
    assert_eq!(key.check_block(&headed(&[0xCB, b'b', 0])), Err(NotAPgpBlock::NotEncrypted));

    gpg.edits(&id, "key 2\nrevkey\ny\n0\n\ny\nsave\n");
    let renewed = parse(&gpg.exports(&id)).unwrap();
    assert_eq!(renewed.check_block(&good), Err(NotAPgpBlock::RevokedKey(parts[1].clone())));
}

fn sq(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("sq")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sq: run scripts/install-test-tools");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn keys_and_blocks_of_another_program_are_read_too() {
    let gpg = Gpg::new();
    let path = |name: &str| gpg.home.path().join(name).to_str().unwrap().to_owned();
    let armored = gpg.exports(&gpg.usual_key("seller"));
    fs::write(path("gpg.asc"), &armored).unwrap();
    let key = parse(&armored).unwrap();
    let made = sq(&["encrypt", "--recipient-cert", &path("gpg.asc")], b"Ada Byron");
    let block = PgpBlock::parse(&String::from_utf8(made).unwrap()).unwrap();
    assert_eq!(key.check_block(&block), Ok(()));

    // sq says what a key may do in another place than gpg does.
    for kind in ["cv25519", "rsa3k"] {
        let secret = path(kind);
        sq(&["key", "generate", "--userid", "seller", "-c", kind, "--export", &secret], b"");
        let public = String::from_utf8(sq(&["key", "extract-cert", &secret], b"")).unwrap();
        let key = parse(&public).unwrap();
        assert!(now().plus_days(365) < key.usable_until().unwrap());
        let sealed = key.seal(TEXT.as_bytes(), now()).unwrap();
        assert_eq!(
            sq(&["decrypt", "--recipient-key", &secret], sealed.as_bytes()),
            TEXT.as_bytes()
        );
        fs::write(path("public"), &public).unwrap();
        let made = sq(&["encrypt", "--recipient-cert", &path("public")], b"Ada Byron");
        let block = PgpBlock::parse(&String::from_utf8(made).unwrap()).unwrap();
        assert_eq!(key.check_block(&block), Ok(()));
        assert!(matches!(parse(&fs::read_to_string(&secret).unwrap()), Err(KeyFault::PrivateKey)));
    }
}

fn bytes_of(armored: &str) -> Vec<u8> {
    let lines = armored.lines().skip(2).take_while(|line| !line.starts_with(['=', '-']));
    data_encoding::BASE64.decode(lines.collect::<String>().as_bytes()).unwrap()
}

fn around(bytes: &[u8], label: &str) -> String {
    let body = data_encoding::BASE64.encode(bytes);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP {label}-----\n\n{}\n-----END PGP {label}-----\n", lines.join("\n"))
}

#[test]
fn no_bytes_make_the_reader_fall_over() {
    let gpg = Gpg::new();
    let id = gpg.usual_key("seller");
    let armored = gpg.exports(&id);
    let key = parse(&armored).unwrap();
    let block = gpg.block(&["--encrypt", "-r", &id]);
    let (of_block, of_key) = (bytes_of(block.as_str()), bytes_of(&armored));
    proptest!(ProptestConfig::with_cases(10_000), |(at in 0_usize..2_000, value: u8, cut in 0_usize..2_000)| {
        for (of, label) in [(&of_block, "MESSAGE"), (&of_key, "PUBLIC KEY BLOCK")] {
            let mut bytes = of.clone();
            let length = bytes.len();
            bytes[at % length] = value;
            if cut < length {
                bytes.truncate(cut);
            }
            let text = around(&bytes, label);
            let _ = parse(&text);
            if let Ok(block) = PgpBlock::parse(&text) {
                let _ = key.check_block(&block);
            }
        }
    });
}

#[test]
fn what_is_wrong_with_a_key_file_is_said_as_it_is() {
    let gpg = Gpg::new();
    let usual = gpg.usual_key("seller");
    let armored = gpg.exports(&usual);
    for curve in ["brainpoolP256r1", "secp256k1"] {
        let id = gpg.makes_key(curve, curve, "sign,cert", 30, "never");
        gpg.adds_subkey(&id, curve, "encr", 30, "never");
        let fault = parse(&gpg.exports(&id)).unwrap_err();
        assert_eq!(fault, KeyFault::Curve(curve.to_owned()));
        assert!(fault.to_string().contains("cv25519 encr"), "{fault}");
    }
    // A good key with a part that the shop cannot encrypt to; then with one besides that it can.
    let mixed = gpg.makes_key("mixed", "ed25519", "sign,cert", 30, "never");
    gpg.adds_subkey(&mixed, "brainpoolP384r1", "encr", 20, "never");
    let fault = parse(&gpg.exports(&mixed)).unwrap_err();
    assert_eq!(fault, KeyFault::Curve("brainpoolP384r1".to_owned()));
    gpg.adds_subkey(&mixed, "cv25519", "encr", 30, "never");
    parse(&gpg.exports(&mixed)).unwrap().seal(b"x", now()).unwrap();

    let read = |bytes: &[u8]| SellerKey::read(bytes, now()).map(|key| key.armored().to_owned());
    let utf_16: Vec<u8> =
        std::iter::once(0xFEFF).chain(armored.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for bytes in [format!("\u{FEFF}{armored}").as_bytes(), &utf_16] {
        assert_eq!(read(bytes).as_ref(), Ok(&armored));
    }
    parse(&format!("\u{FEFF}{armored}")).unwrap();
    let binary = gpg.tries(&["--export", &usual], b"").stdout;
    assert!(read(&binary).unwrap_err().to_string().contains("without --armor"));
    let secret = gpg.tries(&["--export-secret-keys", &usual], b"").stdout;
    let fault = read(&secret).unwrap_err();
    assert_eq!(fault, KeyFault::PrivateKey);
    assert!(fault.to_string().contains("contains a private key"), "{fault}");
    assert_eq!(read(b""), Err(KeyFault::Malformed("the file is empty")));
}
