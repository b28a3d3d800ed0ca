//! Smaller parsers of untrusted text; the first byte selects one.
#![no_main]

use std::collections::HashMap;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use shop::domain::cart::Basket;
use shop::domain::catalog::CatalogFile;
use shop::domain::catalog::markdown::html;
use shop::domain::orders::{Code, Command, Draft, DraftForm, OrderRef, PgpBlock};
use shop::domain::payment::Coin;
use shop::domain::values::text::is_refused;
use shop::domain::values::{Amount, Country, Currency, Line, Mailbox, Paragraph, Quantity};
use shop::infra::config::{NAMES, Settings};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match which % 14 {
        0 => drop(Basket::parse(text)),
        1 => {
            if let Ok(sum) = Amount::parse_coins(text) {
                assert!(Amount::parse_coins(&sum.to_string()) == Ok(sum));
            }
        }
        2 => {
            if let Ok(block) = PgpBlock::parse(text) {
                assert!(PgpBlock::parse(block.as_str()) == Ok(block));
            }
        }
        3 => {
            if let Ok(code) = Code::parse(text) {
                assert!(Code::parse(&code.words()) == Ok(code));
            }
        }
        4 => drop(Command::parse(text)),
        5 => drop(OrderRef::parse(text)),
        6 => drop((Currency::parse(text), Country::parse(text), Quantity::parse(text))),
        7 => {
            if let Ok(line) = Line::parse(text, 300) {
                assert!(!line.as_str().chars().any(is_refused));
                assert!(Line::parse(line.as_str(), 900) == Ok(line));
            }
        }
        8 => {
            if let Ok(paragraph) = Paragraph::parse(text, 4_000) {
                assert!(!paragraph.as_str().chars().any(|c| c != '\n' && is_refused(c)));
                assert!(Paragraph::parse(paragraph.as_str(), 12_000) == Ok(paragraph));
            }
        }
        9 => drop(Mailbox::parse(text)),
        10 => drop(CatalogFile::parse(text, None)),
        11 => drop(checkout(text)),
        12 => drop(settings(text)),
        _ => drop(html(text)),
    }
});

/// A checkout form, one field per line.
fn checkout(text: &str) {
    let mut fields = text.split('\n');
    let mut next = || fields.next().unwrap_or_default();
    let form = DraftForm {
        recipient: next(),
        street: next(),
        city: next(),
        province: next(),
        country: next(),
        postcode: next(),
        shipping: next(),
        email: next(),
        note: next(),
        refund: next(),
        transaction: next(),
        pgp: next(),
        discount: next(),
    };
    for currency in ["BTC", "LTC", "BCH", "ZEC", "XMR", "ETH"] {
        let currency = Currency::parse(currency).expect("it is one");
        let coin = Coin::parse(&currency, None, None, None).expect("it is known");
        let _ = Draft::parse(&form, &coin, text.len().is_multiple_of(2));
    }
}

/// Settings as on the command line, `NAME value`, one per line.
fn settings(text: &str) {
    let mut flags = HashMap::new();
    for line in text.lines() {
        let (name, value) = line.split_once(' ').unwrap_or_default();
        if NAMES.iter().any(|known| known == name) {
            flags.insert(name.to_owned(), value.to_owned());
        }
    }
    let _ = Settings::read(&flags, Path::new("/nonexistent"));
}
