//! Tests of what the writer writes: the reader reads it back.

use proptest::prelude::*;

use super::*;
use crate::domain::catalog::{ImageRecord, OptionRecord, ProductKind};
use crate::domain::payment::{Address, ExtendedPubkey, ViewKey};
use crate::domain::values::{Amount, Currency, FiatCurrency, FileName, Timestamp};

/// Source: `payment/demo.rs`, wallets that are publicly known.
const XMR: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";
const VIEW: &str = "2f85eb3c2a3ffcede6ca9404f7a3de21c48bd4e85858ce68c19452f1098d140d";
const ZPUB: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
const XPUB: &str = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP";
const CONTRACT: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const ADDRESS: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

fn currency(name: &str) -> Currency {
    Currency::parse(name).unwrap()
}

/// One of each kind.
fn wallets() -> Vec<Wallet> {
    let account =
        |coin: &Coin, text| Destination::Account(ExtendedPubkey::parse(coin, text).unwrap());
    let one = |coin: &Coin, text| Destination::of_address(Address::parse(coin, text).unwrap());
    let token = |chain, decimals| Coin::Token { chain, contract: CONTRACT.into(), decimals };
    let primary = Address::parse(&Coin::Monero, XMR).unwrap();
    [
        ("ETH", Coin::Ether { chain: 1 }),
        ("ETC", Coin::Ether { chain: 61 }),
        ("BTC", Coin::BITCOIN),
        ("XMR", Coin::Monero),
        ("USDC", token(1, 6)),
        ("DAI", token(137, 18)),
    ]
    .map(|(name, coin)| {
        let receives = match name {
            "BTC" => account(&coin, ZPUB),
            "XMR" => Destination::View(ViewKey::parse(&primary, VIEW).unwrap()),
            "ETC" | "USDC" => one(&coin, ADDRESS),
            _ => account(&coin, XPUB),
        };
        Wallet { currency: currency(name), name: format!("my {name}"), coin, receives }
    })
    .to_vec()
}

fn words(most: usize) -> impl Strategy<Value = String> {
    // As the parser leaves them: trimmed, single spaces, nothing that looks like program code.
    proptest::string::string_regex(&format!("[a-zé\"\\\\/<>ß東]([ ]?[^\\s\\p{{C}}]){{0,{most}}}"))
        .unwrap()
        .prop_map(|text| crate::domain::catalog::record::one_line(&text))
        .prop_filter("hidden characters, or letters in another form", move |text| {
            crate::domain::values::Line::parse(text, 2 * most + 1)
                .is_ok_and(|line| line.as_str() == text)
        })
}

fn prices(least: i64) -> impl Strategy<Value = Prices> {
    let all = wallets();
    proptest::collection::vec(least..1_000_000_000_i64, all.len()).prop_flat_map(move |amounts| {
        let rows: Prices = all
            .iter()
            .zip(amounts)
            .map(|(wallet, n)| {
                let grain = wallet.coin.grain().get();
                let n = if n == 0 { 0 } else { (n / grain).max(1) * grain };
                (wallet.currency.clone(), Amount::new(n).unwrap())
            })
            .collect();
        let n = rows.len();
        proptest::sample::subsequence(rows, 1..=n)
    })
}

fn product() -> impl Strategy<Value = ProductRecord> {
    let options = proptest::collection::vec(
        (
            words(20),
            proptest::option::of(0..1_000_i64),
            proptest::option::of(prices(1)),
            (fiat(), weight()),
        ),
        0..4,
    );
    let images = proptest::collection::vec(
        ("[a-z]{1,9}\\.png", prop_oneof![words(9), Just(String::new())]),
        0..4,
    );
    let text =
        ("[a-z*#][^\\p{C}=]{0,200}[a-z]", 0..1_000_000_i64, any::<bool>(), weight(), regions());
    (
        words(60),
        text,
        (prices(1), fiat()),
        options,
        images,
        proptest::collection::vec(words(20), 0..4),
    )
        .prop_map(|(name, text, (prices, fiat), options, images, kinds)| {
            let (description, quantity, hidden, weight, excluded_countries) = text;
            let mut categories: Vec<String> = Vec::new();
            for kind in kinds {
                if !categories.contains(&kind) {
                    categories.push(kind);
                }
            }
            let mut all: Vec<OptionRecord> = Vec::new();
            for (name, quantity, prices, (fiat, weight)) in options {
                if all.iter().all(|other| other.name != name) {
                    let prices = prices.unwrap_or_default();
                    all.push(OptionRecord { name, quantity, prices, fiat, weight });
                }
            }
            ProductRecord {
                place: String::new(),
                record: String::new(),
                slug: Slug::parse("x").unwrap(),
                name,
                description,
                kind: ProductKind::Shipped,
                content: DigitalContent::default(),
                quantity,
                prices,
                fiat,
                images: images.into_iter().map(|(file, alt)| ImageRecord { file, alt }).collect(),
                options: all,
                categories,
                hidden,
                weight,
                excluded_countries,
            }
        })
}

/// A kind, and what a product of it may deliver.
fn content() -> impl Strategy<Value = (ProductKind, DigitalContent)> {
    let name = || "[a-z][a-z0-9_]{0,9}\\.txt".prop_map(|name| FileName::parse(&name).unwrap());
    let files = proptest::collection::btree_set(name(), 0..4);
    let limit = || proptest::option::of(1..1_000_i64);
    let digital = (files, proptest::option::of(name()), words(20), limit(), limit()).prop_map(
        |(files, codes, text, downloads, download_days)| {
            let files = files.into_iter().collect();
            let content = DigitalContent { files, codes, text, downloads, download_days };
            (ProductKind::Digital, content)
        },
    );
    let pickup = words(20).prop_map(|text| {
        (ProductKind::Pickup, DigitalContent { text, ..DigitalContent::default() })
    });
    prop_oneof![digital, pickup, Just((ProductKind::Shipped, DigitalContent::default()))]
}

fn fiat() -> impl Strategy<Value = Option<FiatPrice>> {
    let price = |minor| FiatPrice { currency: FiatCurrency::parse("EUR").unwrap(), minor };
    proptest::option::of((1..=FiatPrice::MOST).prop_map(price))
}

fn weight() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(1..1_000_000_i64)
}

fn regions() -> impl Strategy<Value = Regions> {
    let all = ["EU", "Europe", "World", "DE", "XK"].to_vec();
    proptest::sample::subsequence(all, 0..=5)
        .prop_map(|codes| Regions::parse(&codes.join(",")).unwrap())
}

/// All steps have the prices of the first, and limits that grow.
fn rate() -> impl Strategy<Value = ShippingRate> {
    let limits = proptest::collection::btree_set(1..999_i64, 0..4);
    (limits, any::<[bool; 3]>(), prices(0), regions(), regions()).prop_map(
        |(limits, [is_by_weight, has_last, is_free_from], prices, countries, excluded)| {
            let all = |n: i64| -> Prices {
                let amount = Amount::new(n * 1_000_000_000).unwrap();
                prices.iter().map(|(currency, _)| (currency.clone(), amount)).collect()
            };
            let limit = |n: i64| match is_by_weight {
                true => StepLimit::Grams(n),
                false => StepLimit::Subtotals(all(n)),
            };
            let limits = limits.into_iter().map(limit);
            let mut limits: Vec<StepLimit> = limits.collect();
            if has_last || limits.is_empty() {
                limits.push(StepLimit::None);
            }
            let step = |up_to| RateStep { up_to, prices: prices.clone() };
            ShippingRate {
                name: String::new(),
                countries,
                excluded_countries: excluded,
                steps: limits.into_iter().map(step).collect(),
                free_from: if is_free_from { all(1) } else { Vec::new() },
            }
        },
    )
}

fn discount() -> impl Strategy<Value = Discount> {
    let value = prop_oneof![
        (1..=99_i64).prop_map(DiscountValue::Percent),
        prices(1).prop_map(DiscountValue::Amounts)
    ];
    let days = (proptest::option::of(0..20_000_i64), proptest::option::of(20_000..40_000_i64));
    (value, days, proptest::option::of(1..1_000_000_i64)).prop_map(
        |(value, (from, until), uses)| {
            let day = |n: i64| Timestamp::new(n * 86_400).unwrap();
            Discount {
                code: String::new(),
                value,
                from: from.map(day),
                until: until.map(day),
                uses,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_written_is_read_again(
        mut products in proptest::collection::vec(product(), 1..5), kinds in proptest::collection::vec(content(), 5),
        names in proptest::collection::btree_set(words(30), 0..5), rates in proptest::collection::vec(rate(), 5),
        codes in proptest::collection::btree_set("[A-Z0-9_]{1,12}", 0..5), found in proptest::collection::vec(discount(), 5),
    ) {
        for (n, product) in products.iter_mut().enumerate() {
            product.record = format!("thing {n}");
            product.place = format!("products {:?}", product.record);
            product.slug = Slug::parse(&format!("thing-{n}")).unwrap();
            let (kind, content) = &kinds[n];
            product.kind = *kind;
            product.content = content.clone();
            // Its stock is counted in the database, and options have none of it.
            if let Some(pool) = &mut product.content.codes {
                *pool = FileName::parse(&format!("{n}{}", pool.as_str())).unwrap();
                (product.quantity, product.options) = (0, Vec::new());
            }
        }
        let rates = names.into_iter().zip(rates).map(|(name, rate)| ShippingRate { name, ..rate });
        let discounts = codes.into_iter().zip(found).map(|(code, discount)| Discount { code, ..discount });
        let file = CatalogFile { wallets: wallets(), products, rates: rates.collect(), discounts: discounts.collect(), notes: Vec::new() };
        let text = file.write();
        let (read, faults) = CatalogFile::parse(&text, None);
        prop_assert!(faults.is_empty(), "{faults:?}\n{text}");
        prop_assert_eq!(&read.wallets, &file.wallets);
        prop_assert_eq!(&read.products, &file.products);
        prop_assert_eq!(&read.rates, &file.rates);
        prop_assert_eq!(&read.discounts, &file.discounts);
        prop_assert!(read.notes.is_empty(), "{:?}", read.notes);
        prop_assert_eq!(read.write(), text);
        for product in &file.products {
            let restored = ProductRecord::restore(&file.wallets, &product.record, &product.text());
            prop_assert_eq!(restored.as_ref(), Some(product));
        }
    }
}
