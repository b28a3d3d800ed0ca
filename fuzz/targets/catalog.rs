//! `data.json`, from the seller or from others.
#![no_main]

mod printable;

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use shop::domain::catalog::CatalogFile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (file, faults) = CatalogFile::parse(text, None);
    for fault in &faults {
        printable::check_message(&fault.to_string());
    }
    for note in &file.notes {
        printable::check_message(note);
    }
    if !faults.is_empty() {
        return;
    }
    // An accepted catalog can be sold.
    let mut slugs = HashSet::new();
    let currencies: HashSet<String> =
        file.wallets.iter().map(|wallet| wallet.currency.to_string()).collect();
    assert!(currencies.len() == file.wallets.len(), "two wallets of one currency");
    for product in &file.products {
        assert!(slugs.insert(product.slug.to_string()), "two products of one name");
        printable::check_text(&product.name);
        assert!(0 <= product.quantity);
        let prices = product.options.iter().flat_map(|option| &option.prices);
        for (currency, _) in product.prices.iter().chain(prices) {
            assert!(currencies.contains(&currency.to_string()), "a price without a wallet");
        }
        for option in &product.options {
            printable::check_text(&option.name);
            assert!(option.quantity.is_none_or(|quantity| 0 <= quantity));
        }
        for image in &product.images {
            assert!(!image.file.split('/').any(|part| part == ".."), "{:?}", image.file);
        }
    }
    // The same text gives the same catalog, also after a byte-order mark.
    let (again, faults) = CatalogFile::parse(&format!("\u{feff}{text}"), None);
    assert!(faults.is_empty() && again.products == file.products && again.rates == file.rates);
});
