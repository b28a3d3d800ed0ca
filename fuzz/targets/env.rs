//! `.env`: the seller's settings, written by any editor.
#![no_main]

mod printable;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shop::infra::config::Settings;

/// Must not occur in any message, whatever is around it.
const PRIVATE: &str = "correct-horse-battery";

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/shop-fuzz-env-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("make a folder in memory");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let read = |text: &[u8]| {
        fs::write(FOLDER.join(".env"), text).expect("write the file");
        Settings::read(&HashMap::new(), &FOLDER)
    };
    let first = read(rest);
    let second = read(rest);
    match (&first, &second) {
        (Ok(one), Ok(two)) => {
            assert!((1..=43_200).contains(&one.orders.payment_minutes) && 0 <= one.retention.keep_days);
            assert!(one.site.name == two.site.name && one.mail.maildir == two.mail.maildir);
            printable::check_text(&one.site.name);
        }
        (Err(one), Err(two)) => {
            assert!(!one.is_empty() && one.len() == two.len());
            one.iter().for_each(|fault| printable::check_message(&fault.to_string()));
        }
        _ => panic!("the same file is read in two ways"),
    }
    // An invalid secret is still a secret. Elsewhere the same text may be shown.
    if rest.windows(PRIVATE.len()).any(|part| part == PRIVATE.as_bytes()) {
        return;
    }
    let name = ["SECRET", "TOR_PASSWORD", "WALLET", "TOR_PROXY_URL"][usize::from(which % 4)];
    let mut with_secret = rest.to_vec();
    with_secret.extend_from_slice(format!("\n{name}={PRIVATE}\n").as_bytes());
    if let Err(faults) = read(&with_secret) {
        for fault in faults {
            let message = fault.to_string();
            printable::check_message(&message);
            assert!(!message.contains(PRIVATE), "{message}");
        }
    }
});
