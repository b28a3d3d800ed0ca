//! Tests replies as mail programs write them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::domain::values::text::is_refused;

/// The seller's keys that the fixtures were encrypted to: the primary key, and the one for encryption.
const OWN_KEYS: [u64; 2] = [0x98F8_FCAE_1F9B_67D7, 0xD071_C234_175E_DB65];

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/replies")
}

/// The result, in the notation of the fixtures: a line with the command, then the text; or the error's sentence.
fn arrives(reply: Result<Reply, ReplyError>) -> String {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return format!("refused: {error}\n"),
    };
    let command = reply.command.map(|command| match command {
        Command::Paid => "/paid\n".to_owned(),
        Command::Partial(sum) => format!("/partial {sum}\n"),
        Command::Shipped(line) => format!("/shipped {}\n", line.as_str()),
        Command::Refunded(refund) if refund.anyway => {
            format!("/refunded --anyway {}\n", refund.txid.as_str())
        }
        Command::Refunded(refund) => format!("/refunded {}\n", refund.txid.as_str()),
        Command::Cancel(line) => format!("/cancel {}\n", line.as_str()),
    });
    let words = reply.text.map(|text| format!("{}\n", text.as_str()));
    format!("{}{}", command.unwrap_or_default(), words.unwrap_or_default())
}

#[test]
fn replies_arrive_as_they_were_meant() {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(corpus()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "eml") {
            names.insert(path);
        }
    }
    assert!(40 <= names.len(), "{}", names.len());
    let mut wrong = Vec::new();
    for path in names {
        let message = fs::read(&path).unwrap();
        // The envelope names the order only if there is no header.
        let recipients = if message.starts_with(b"/PAID") {
            vec!["order+K3QF0W2ZD7@shop.invalid".to_owned()]
        } else {
            Vec::new()
        };
        let got = arrives(Reply::parse(&message, &recipients, &OWN_KEYS));
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if got != expected {
            let name = path.file_name().unwrap().display().to_string();
            wrong.push(format!("=== {name}\n{got}--- expected\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const TO: &str = "To: order+K3QF0W2ZD7@shop.invalid\n";

fn read(message: impl AsRef<[u8]>) -> Result<Reply, ReplyError> {
    Reply::parse(message.as_ref(), &[], &OWN_KEYS)
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(arrives(read(format!("{TO}\n{body}"))), expected, "{body:?}");
}

fn refs(recipients: &[&str]) -> Result<Vec<String>, ReplyError> {
    let recipients: Vec<String> = recipients.iter().map(|one| (*one).to_owned()).collect();
    let reply = Reply::parse(b"To: friend@example.org\n\nHello\n", &recipients, &[])?;
    Ok(reply.order_refs.iter().map(ToString::to_string).collect())
}

#[test]
fn each_order_is_named_once_and_nobody_else() {
    let (one, other) = ("order+K3QF0W2ZD7@shop.invalid", "order+K3QF0W2ZD8@shop.invalid");
    assert_eq!(refs(&[one]), Ok(vec!["K3QF0W2ZD7".to_owned()]));
    assert_eq!(refs(&[one, "<Order+k3qfow2zd7@SHOP.INVALID>", other]).unwrap().len(), 2);
    assert_eq!(refs(&[&format!("{one}, Käthe <{other}>")]).unwrap().len(), 2);
    for foreign in [
        "friend@example.org",
        "order+K3QF0W2ZD7@shop.example",
        "order@shop.invalid",
        "me",
        "",
        "@",
        "a\u{1b}[1m@b",
        "order+K3QF0W2ZD7@shop.invalid@example.org",
        "orde\u{2028}",
    ] {
        assert!(
            matches!(refs(&[one, foreign]), Err(ReplyError::Foreign(_))) || foreign.is_empty(),
            "{foreign:?}"
        );
    }
    let wrong = "order+K3QF@shop.invalid".to_owned();
    assert_eq!(refs(&[one, &wrong]), Err(ReplyError::NotAnOrder(wrong)));
    let foreign = refs(&["a\u{1b}[1m\u{202e}@b"]).unwrap_err().to_string();
    assert!(!foreign.chars().any(is_refused), "{foreign}");
}

#[test]
fn without_an_envelope_the_header_says_whom_it_is_for() {
    let two =
        format!("{TO}bcc: order+K3QF0W2ZD8@shop.invalid\nCc: undisclosed-recipients:;\n\nHello");
    assert_eq!(read(&two).unwrap_or_else(|error| panic!("{error}")).order_refs.len(), 2);
    assert_eq!(addressed(two.as_bytes()).unwrap().len(), 2);
    let nobody = "From: seller@example.org\n\nHello";
    assert_eq!(read(nobody).err(), Some(ReplyError::NoOrder));
    assert_eq!(read(format!("To: <\n{TO}\nHello")).err(), Some(ReplyError::Addresses));
}

#[test]
fn a_message_that_comes_twice_has_one_id() {
    let id = |header: &str, body: &str| {
        read(format!("{TO}{header}\n{body}")).unwrap_or_else(|error| panic!("{error}")).message_id
    };
    assert!(
        id("Message-ID: <a@b>\n", "Hello") == id("message-id:   <a@b>\nDate: today\n", "Hello")
    );
    assert!(id("Message-ID: <a@b>\n", "Hello") != id("Message-ID: <a@c>\n", "Hello"));
    assert!(id("", "Hello") == id("", "Hello"));
    assert!(id("", "Hello") != id("", "Hello!"));
}

#[test]
fn what_is_too_large_is_refused() {
    let most = |n: usize| format!("{TO}\n{}", ">\n".repeat(n / 2));
    assert_eq!(read(most(MAX_BYTES + 2)).err(), Some(ReplyError::TooBig));
    assert_eq!(read(most(MAX_BYTES - 100)).err(), Some(ReplyError::Empty));
    check(&"\n".repeat(MAX_BYTES - 100), &format!("refused: {}\n", ReplyError::Empty));
    check(&"a".repeat(4_000), &format!("{}\n", "a".repeat(4_000)));
    assert_eq!(
        read(format!("{TO}\n{}", "a".repeat(4_001))).err(),
        Some(ReplyError::TooLong { most: 4_000 })
    );
}

#[test]
fn only_the_sellers_first_line_is_a_command() {
    check("\n\n  /paid \n\n\nThank you\n", "/paid\nThank you\n");
    check("Thank you\n/paid\n", "Thank you\n/paid\n");
    check("> /paid\nNot yet\n", "Not yet\n");
    check("/\u{200b}pa\u{ad}id\n", "/paid\n");
    check("/shipped\n", "/shipped \n");
    check("-- \n/paid\n", &format!("refused: {}\n", ReplyError::Empty));
}

#[test]
fn quotes_and_signatures_are_left_out_and_own_words_are_not() {
    check("one\n> two\n>> three\n\n\nfour\n", "one\n\nfour\n");
    check("Two things:\n- tea\n-- cups\n---\nBye\n", "Two things:\n- tea\n-- cups\n---\nBye\n");
    check("My words\n-- \nMe\n\nOn 1 May, a@b wrote:\n> quoted\nBelow\n", "My words\n\nBelow\n");
    check(
        "On 20 November,\nA. Buyer <order+K3QF0W2ZD7@shop.invalid>\nwrote:\n> x\n\nYes.\n",
        "Yes.\n",
    );
    check("I wrote:\n> x\n", "I wrote:\n");
    check("3 people wrote it on the 4th: yes\n> x\n", "3 people wrote it on the 4th: yes\n");
    check("a\n\n\nb\n", "a\n\n\nb\n");
    check("From: the shop\nwith love\n", "From: the shop\nwith love\n");
}

#[test]
fn a_signed_text_is_kept_and_its_signature_is_not() {
    let signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- -- \n- -dash\nHello: you\n-----BEGIN PGP SIGNATURE-----\n\nabc=\n-----END PGP SIGNATURE-----\n";
    check(&signed.replace("- -- \n", ""), "-dash\nHello: you\n");
    check(signed, &format!("refused: {}\n", ReplyError::Empty));
}

#[test]
fn a_message_to_the_seller_alone_is_refused_and_one_to_the_buyer_is_not() {
    let one = |name: &str| fs::read_to_string(corpus().join(name)).unwrap();
    let to_myself = one("16-mutt-pgp-inline-to-myself.eml");
    assert_eq!(read(&to_myself).err(), Some(ReplyError::ToYourself));
    // If the seller's keys are unknown, it may be the buyer's.
    assert!(Reply::parse(to_myself.as_bytes(), &[], &[]).is_ok());
    assert!(Reply::parse(to_myself.as_bytes(), &[], &OWN_KEYS[..1]).is_ok());
}

#[test]
fn a_pgp_message_may_be_longer_than_words() {
    let armor = |n: usize| {
        let lines = format!("{}\n", "A".repeat(64)).repeat(n);
        format!("-----BEGIN PGP MESSAGE-----\n\n{lines}=abcd\n-----END PGP MESSAGE-----\n")
    };
    assert!(read(format!("{TO}\n{}", armor(200))).is_ok());
    assert_eq!(
        read(format!("{TO}\n{}", armor(300))).err(),
        Some(ReplyError::TooLong { most: MAX_PGP_CHARACTERS })
    );
}

/// Text that cannot be mistaken for a quote, a command or a header.
fn plain_words() -> impl Strategy<Value = String> {
    let line = "[A-Za-zäöüß€☕東][A-Za-z0-9äöüß€☕東京 .,!=?]{0,90}[a-z.]";
    proptest::collection::vec(line, 1..8).prop_map(|lines| lines.join("\n"))
}

/// Source: RFC 2045, section 6.7.
fn quoted_printable(text: &str) -> String {
    let mut coded = String::new();
    let mut width = 0;
    for byte in text.bytes() {
        if 70 < width && byte != b'\n' {
            coded.push_str("=\n");
            width = 0;
        }
        match byte {
            b'\n' => {
                coded.push('\n');
                width = 0;
            }
            b' '..=b'<' | b'>'..=b'~' => {
                coded.push(char::from(byte));
                width += 1;
            }
            _ => {
                coded.push_str(&format!("={byte:02X}"));
                width += 3;
            }
        }
    }
    coded
}

/// Source: RFC 3676, section 4.2.
fn flowed(text: &str, del_sp: bool) -> String {
    let mut coded = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_inclusive(' ').collect();
        for (n, chunk) in words.chunks(5).enumerate() {
            let chunk = chunk.concat();
            let is_last = (n + 1) * 5 >= words.len();
            coded.push_str(if chunk.starts_with([' ', '>']) || chunk.starts_with("From ") {
                " "
            } else {
                ""
            });
            coded.push_str(&chunk);
            coded.push_str(if is_last {
                "\n"
            } else if del_sp {
                " \n"
            } else {
                "\n"
            });
        }
    }
    coded
}

proptest! {
    #[test]
    fn own_words_survive_every_transfer_encoding(words in plain_words(), crlf: bool, is_nested: bool) {
        let kind = "Content-Type: text/plain; charset=utf-8";
        let coded = [
            (String::new(), words.clone()),
            ("\nContent-Transfer-Encoding: quoted-printable".to_owned(), quoted_printable(&words)),
            ("\nContent-Transfer-Encoding: BASE64".to_owned(), data_encoding::BASE64_MIME.encode(words.as_bytes())),
            ("; format=flowed".to_owned(), flowed(&words, false)),
            ("; format=Flowed; DelSp=Yes".to_owned(), flowed(&words, true)),
            (String::new(), format!("> before\n\n{words}\n\n> after\n-- \nMe\n")),
        ];
        for (how, body) in coded {
            let mut part = format!("{kind}{how}\n\n{body}\n");
            if is_nested {
                part = format!("Content-Type: multipart/alternative; boundary=\"a b\"\n\n--a b\n{part}\n--a b\nContent-Type: text/html\n\n<p>x\n--a b--\n");
            }
            let mut message = format!("{TO}MIME-Version: 1.0\n{part}");
            if crlf {
                message = message.replace("\r\n", "\n").replace('\n', "\r\n");
            }
            prop_assert_eq!(arrives(read(&message)), format!("{words}\n"), "{}", how);
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, recipient in ".*") {
        let _ = read(&bytes);
        let _ = read([TO.as_bytes(), &bytes].concat());
        let _ = Reply::parse(&bytes, &[recipient], &[]);
        let _ = addressed(&bytes);
        let _ = parse_text(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_damage_to_a_reply_panics_and_what_arrives_can_be_seen(
        which: prop::sample::Index, at: prop::sample::Index, put: Vec<u8>, n_cut in 0..40_usize
    ) {
        let mut files: Vec<_> = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        let mut message = fs::read(which.get(&files)).unwrap();
        let at = at.index(message.len());
        let end = message.len().min(at + n_cut);
        message.splice(at..end, put);
        if let Ok(Reply { text: Some(words), .. }) = read(&message) {
            prop_assert!(!words.as_str().chars().any(|c| c != '\n' && is_refused(c)));
        }
    }
}

#[test]
fn typed_words_stay_whole_and_are_no_command() {
    let typed = |text: &str| {
        let order_ref = OrderRef::parse("K3QF0W2ZD7").unwrap();
        arrives(Reply::typed(order_ref, text, [1; 32], &OWN_KEYS))
    };
    let words = "> quoted\nOn Monday Ada wrote:\n> more\n\n--\nthe shop\n/home is no command";
    assert_eq!(typed(&words.replace('\n', "\r\n")), format!("{words}\n"));
    for line in ["/cancel", "/cancel late", "/refunded 0xab", "/PAID", "/partial", "/shipped RR"] {
        for text in [line.to_owned(), format!("\u{200b}{line}\nwords"), format!("words\n  {line}")]
        {
            assert!(typed(&text).contains("looks like a command"), "{text}");
        }
    }
    assert!(typed("/payed\nwords").contains("looks like a command"));
    assert!(typed(" \r\n").starts_with("refused: The reply has no text"));
    assert!(typed(&"x".repeat(MAX_CHARACTERS + 1)).contains("longer than 4000"));
    assert!(typed("-----BEGIN PGP PRIVATE KEY BLOCK-----").contains("private key"));
}

#[test]
fn an_order_mail_is_recognised_by_its_headings_of_this_version_and_of_older_ones() {
    for heading in [
        "SHIP TO",
        "BUYER'S NOTE",
        "ACTIONS",
        "Lines after a bar ( | ) were written by the buyer, or by you.",
        "SEND TO",
        "THE BUYER'S NOTE",
        "WHAT YOU CAN DO",
        "Lines behind a bar ( | ) are the buyer's words, or yours to them.",
    ] {
        let refused = format!("refused: {}\n", ReplyError::Forwarded);
        check(&format!("Hello\n\n{heading}\n"), &refused);
    }
}
