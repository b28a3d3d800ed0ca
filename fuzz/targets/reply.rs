//! A message from the seller's mail program: any bytes, to an order's address and to those in the header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shop::domain::values::text::is_refused;
use shop::infra::mail::{Reply, reply};

const OWN_KEYS: [u64; 2] = [0x98F8_FCAE_1F9B_67D7, 0xD071_C234_175E_DB65];

fuzz_target!(|message: &[u8]| {
    let envelope = ["order+K3QF0W2ZD7@shop.invalid".to_owned()];
    for recipients in [envelope.as_slice(), &[]] {
        match Reply::parse(message, recipients, &OWN_KEYS) {
            Ok(reply) => {
                assert!(!reply.order_refs.is_empty());
                assert!(reply.command.is_some() || reply.text.is_some());
                if let Some(words) = &reply.text {
                    let words = words.as_str();
                    assert!(!words.is_empty());
                    assert!(words.chars().count() <= reply::MAX_PGP_CHARACTERS);
                    assert!(!words.chars().any(|c| c != '\n' && is_refused(c)));
                    // An accepted text is accepted again, unchanged.
                    assert!(reply::parse_text(words).is_ok_and(|again| again.as_str() == words));
                }
            }
            Err(error) => {
                let sentence = error.to_string();
                assert!(!sentence.chars().any(is_refused) && sentence.chars().count() < 400);
            }
        }
    }
    let _ = reply::addressed(message);
});
