//! The seven words of an order, as a buyer types them.
#![no_main]

mod printable;

use libfuzzer_sys::fuzz_target;
use shop::domain::orders::{Code, NotACode};

fuzz_target!(|bytes: &[u8]| {
    // Random codes: written and parsed in several ways.
    if let Some((which, rest)) = bytes.split_first()
        && let Some(random_bytes) = rest.first_chunk::<16>()
    {
        let code = Code::from_random(*random_bytes);
        let words = code.words();
        let typed = match which % 5 {
            0 => words.clone(),
            1 => words.to_uppercase(),
            2 => words.replace(' ', ", "),
            3 => format!("\n\t{}.\n", words.replace(' ', "\n")),
            _ => words.replace(' ', "\u{a0}"),
        };
        assert!(Code::parse(&typed).is_ok_and(|read| read == code), "{typed:?}");
        // The code is removed from the text.
        let text = format!("Hello 1 {words} 2 there");
        let cut = Code::without_code(&text).expect("it holds a code");
        assert!(!cut.contains(&words));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Code::parse(text) {
        Ok(code) => {
            let again = Code::parse(&code.words());
            assert!(again.is_ok_and(|again| again == code));
            assert!(code.words().split(' ').count() == 7);
        }
        Err(NotACode::Words { unknown, .. }) => {
            unknown.iter().for_each(|word| printable::check_message(&word.typed));
        }
        Err(NotACode::Empty | NotACode::TooLong) => {}
    }
    if let Some(cut) = Code::without_code(text) {
        assert!(cut.len() < text.len());
        assert!(Code::without_code(&cut).is_none_or(|more| more.len() < cut.len()));
    } else {
        // A text that parses as a code is also removed from text.
        assert!(Code::parse(text).is_err(), "{text:?} is a code and stays in a text");
    }
});
