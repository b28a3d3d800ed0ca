//! PGP messages of buyers, and keys.

use data_encoding::BASE64;

use crate::flood::{ALLOWED_MB, peak_mb, resident_mb};
use crate::world::{Keyring, World};

/// An armored message of these bytes, as long as a form may bring it.
fn armored(bytes: &[u8]) -> String {
    let body = BASE64.encode(bytes);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP MESSAGE-----\n\n{}\n-----END PGP MESSAGE-----\n", lines.join("\n"))
}

#[test]
fn no_pgp_message_of_a_buyer_fills_the_memory() {
    let keyring = Keyring::new();
    let key = keyring.makes_key("Seller <seller@example.org>");
    let world = World::sealed(&keyring.exports(&key));
    let mut buyer = world.buyer();
    buyer.adds("green-tea", "", "1");
    let empty = ["recipient", "street", "city", "province", "postcode"].map(|name| (name, ""));
    let idle = resident_mb(world.pid());
    let most = 11_500;
    // Source: RFC 9580, section 4.2: lengths that are claimed and never come, and as many packets as fit in.
    let claims = |kind: u8| [&[0xC0 | kind, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0][..], &[3; 40]].concat();
    let partial = |kind: u8| [0xC0 | kind, 0xFE].repeat(most / 2);
    let mut blocks = Vec::new();
    for kind in [1, 2, 3, 4, 6, 8, 9, 10, 11, 13, 17, 18, 20, 21, 60] {
        blocks.push(claims(kind));
        blocks.push(partial(kind));
        blocks.push([0xC0 | kind, 0].repeat(most / 2));
        blocks.push(
            [&[0xC0 | kind, 10][..], &[3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]]
                .concat()
                .repeat(most / 12),
        );
    }
    // A real message whose content is four megabytes of zeros: it is not opened here.
    let zeros = vec![0; 4 << 20];
    let sealed = keyring
        .does(&["--armor", "--compress-level", "9", "--recipient", &key, "--encrypt"], &zeros);
    let mut texts: Vec<String> = blocks.iter().map(|block| armored(block)).collect();
    texts.push(sealed.clone());
    for text in &texts {
        assert!(text.len() <= 16_000, "{}", text.len());
        let fields = [&empty[..], &[("pgp", text.as_str())]].concat();
        let answer = buyer.tries_to_check_out(&fields);
        let is_taken = answer.status == 303;
        assert!(is_taken || answer.status == 422, "{}", answer.status);
        assert_eq!(is_taken, *text == sealed, "{text}");
    }
    let peak = peak_mb(world.pid());
    assert!(peak <= idle + ALLOWED_MB, "{peak} MB, {idle} MB when idle");
}
