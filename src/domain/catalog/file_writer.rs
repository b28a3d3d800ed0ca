//! Writes the catalog as a file.

use std::collections::HashSet;

use crate::domain::catalog::form_record::record_of_wallet;
use crate::domain::catalog::json_text::json_text;
use crate::domain::catalog::{
    CatalogFile, DigitalContent, Discount, DiscountValue, Json, Prices, ProductRecord, RateStep,
    ShippingRate, Slug, StepLimit, wallet_reference,
};
use crate::domain::payment::{Coin, Destination, Wallet};
use crate::domain::values::Regions;

impl CatalogFile {
    /// The catalog as the seller's file, which [`CatalogFile::parse`] reads back as the same catalog.
    pub fn write(&self) -> String {
        let mut collections = Vec::new();
        let mut taken = HashSet::new();
        let wallets = self
            .wallets
            .iter()
            .map(|wallet| (record_of_wallet(&wallet.currency), wallet_of(wallet)));
        collections.extend(collection("wallets", "Wallet", wallets.collect()));
        let products =
            self.products.iter().map(|product| (product.record.clone(), product_of(product)));
        collections.extend(collection("products", "Product", products.collect()));
        let rates = self
            .rates
            .iter()
            .enumerate()
            .map(|(n, rate)| (record_name(&rate.name, "rate", n, &mut taken), rate_of(rate)));
        collections.extend(collection("shipping", "ShippingRate", rates.collect()));
        taken = HashSet::new();
        let discounts = self.discounts.iter().enumerate().map(|(n, discount)| {
            (record_name(&discount.code, "code", n, &mut taken), discount_of(discount))
        });
        collections.extend(collection("discounts", "Discount", discounts.collect()));
        json_text(&Json::Object(collections))
    }
}

/// An empty collection is left out.
fn collection(name: &str, model: &str, records: Vec<(String, Json)>) -> Option<(String, Json)> {
    if records.is_empty() {
        return None;
    }
    let mut fields = vec![("_model".to_owned(), text(model))];
    fields.extend(records);
    Some((name.to_owned(), Json::Object(fields)))
}

/// A descriptive name for a record: the database has none for shipping methods and codes.
fn record_name(name: &str, kind: &str, n: usize, taken: &mut HashSet<String>) -> String {
    let of_name = Slug::of_name(name).ok().map(|slug| slug.to_string());
    let numbered = format!("{kind}-{}", n + 1);
    // A name that begins with `_` is reserved.
    let found =
        of_name.filter(|slug| !slug.starts_with('_') && !taken.contains(slug)).unwrap_or(numbered);
    let mut free = found.clone();
    let mut more = 1;
    while taken.contains(&free) {
        more += 1;
        free = format!("{found}-{more}");
    }
    taken.insert(free.clone());
    free
}

fn wallet_of(wallet: &Wallet) -> Json {
    let mut fields = vec![field("currency", text(wallet.currency.as_str()))];
    fields.push(field("name", text(&wallet.name)));
    let number =
        |n: u64| i64::try_from(n).map_or_else(|_| Json::Number(n.to_string()), Json::Integer);
    match &wallet.coin {
        Coin::Bitcoin | Coin::Monero => {}
        Coin::Ether { chain: 1 } if wallet.currency.as_str() == "ETH" => {}
        Coin::Ether { chain } => fields.push(field("chain", number(*chain))),
        Coin::Token { chain, contract, decimals } => {
            if *chain != 1 {
                fields.push(field("chain", number(*chain)));
            }
            let token = vec![
                field("contract", text(contract)),
                field("decimals", Json::Integer(i64::from(*decimals))),
            ];
            fields.push(field("token", Json::Object(token)));
        }
    }
    match &wallet.receives {
        Destination::Address(address) | Destination::Integrated(address) => {
            fields.push(field("address", text(address.as_str())));
        }
        Destination::Account(key) => fields.push(field("xpub", text(key.as_str()))),
        Destination::View(key) => {
            fields.push(field("address", text(key.primary().as_str())));
            fields.push(field("view_key", text(key.as_str())));
        }
    }
    Json::Object(fields)
}

fn product_of(product: &ProductRecord) -> Json {
    let mut fields = vec![field("name", text(&product.name))];
    fields.push(field("slug", text(product.slug.as_str())));
    if !product.description.is_empty() {
        fields.push(field("description", text(&product.description)));
    }
    fields.extend(kind_of(product));
    // The stock of a product with codes is the number of codes.
    if product.content.codes.is_none() {
        fields.push(field("quantity", Json::Integer(product.quantity)));
    }
    if !product.prices.is_empty() {
        fields.push(field("prices", prices_of(&product.prices)));
    }
    if !product.images.is_empty() {
        let files = product.images.iter().map(|image| text(&image.file)).collect();
        fields.push(field("images", Json::Array(files)));
        // An alt text between two others cannot be left out; those at the end can.
        let n_alts = product.images.iter().rposition(|image| !image.alt.is_empty());
        let alts = product.images.iter().take(n_alts.map_or(0, |n| n + 1));
        let alts: Vec<Json> = alts.map(|image| text(&image.alt)).collect();
        if !alts.is_empty() {
            fields.push(field("alt", Json::Array(alts)));
        }
    }
    if !product.options.is_empty() {
        let options = product.options.iter().map(|option| {
            if option.quantity.is_none() && option.prices.is_empty() && option.weight.is_none() {
                return text(&option.name);
            }
            let mut fields = vec![field("name", text(&option.name))];
            fields.extend(option.quantity.map(|n| field("quantity", Json::Integer(n))));
            if !option.prices.is_empty() {
                fields.push(field("prices", prices_of(&option.prices)));
            }
            fields.extend(option.weight.map(|n| field("weight", Json::Integer(n))));
            Json::Object(fields)
        });
        fields.push(field("options", Json::Array(options.collect())));
    }
    if !product.categories.is_empty() {
        let categories = product.categories.iter().map(|category| text(category)).collect();
        fields.push(field("categories", Json::Array(categories)));
    }
    fields.extend(product.weight.map(|n| field("weight", Json::Integer(n))));
    fields.extend(regions_of("excluded_countries", &product.excluded_countries));
    if product.hidden {
        fields.push(field("hidden", Json::Bool(true)));
    }
    Json::Object(fields)
}

/// A shipped product needs no field.
fn kind_of(product: &ProductRecord) -> Vec<(String, Json)> {
    let DigitalContent { files, codes, text: words, downloads, download_days } = &product.content;
    let mut fields = Vec::new();
    if !product.kind.is_shipped() {
        fields.push(field("kind", text(product.kind.as_str())));
    }
    if !files.is_empty() {
        let files = files.iter().map(|file| text(file.as_str())).collect();
        fields.push(field("files", Json::Array(files)));
    }
    fields.extend(codes.as_ref().map(|codes| field("codes", text(codes.as_str()))));
    if !words.is_empty() {
        fields.push(field("text", text(words)));
    }
    for (name, n) in [("downloads", downloads), ("download_days", download_days)] {
        fields.extend(n.map(|n| field(name, Json::Integer(n))));
    }
    fields
}

fn rate_of(rate: &ShippingRate) -> Json {
    let mut fields = vec![field("name", text(&rate.name))];
    fields.extend(regions_of("countries", &rate.countries));
    fields.extend(regions_of("excluded_countries", &rate.excluded_countries));
    match rate.flat_prices() {
        Some(prices) if prices.is_empty() => {}
        Some(prices) => fields.push(field("prices", prices_of(prices))),
        None => {
            fields.push(field("steps", Json::Array(rate.steps.iter().map(step_of).collect())));
        }
    }
    if !rate.free_from.is_empty() {
        fields.push(field("free_from", prices_of(&rate.free_from)));
    }
    Json::Object(fields)
}

fn step_of(step: &RateStep) -> Json {
    let mut fields = match &step.up_to {
        StepLimit::None => Vec::new(),
        StepLimit::Grams(grams) => vec![field("up_to_grams", Json::Integer(*grams))],
        StepLimit::Subtotals(amounts) => vec![field("up_to", prices_of(amounts))],
    };
    fields.push(field("prices", prices_of(&step.prices)));
    Json::Object(fields)
}

/// An empty list is left out.
fn regions_of(name: &str, regions: &Regions) -> Option<(String, Json)> {
    let codes = || regions.iter().map(|region| text(region.code())).collect();
    (!regions.is_empty()).then(|| field(name, Json::Array(codes())))
}

fn discount_of(discount: &Discount) -> Json {
    let mut fields = vec![field("code", text(&discount.code))];
    match &discount.value {
        DiscountValue::Percent(percent) => fields.push(field("percent", Json::Integer(*percent))),
        DiscountValue::Amounts(amounts) => fields.push(field("less", prices_of(amounts))),
    }
    for (name, day) in [("from", discount.from), ("until", discount.until)] {
        fields.extend(day.map(|day| field(name, text(&day.short_day()))));
    }
    fields.extend(discount.uses.map(|uses| field("uses", Json::Integer(uses))));
    Json::Object(fields)
}

fn prices_of(prices: &Prices) -> Json {
    let rows = prices.iter().map(|(currency, price)| {
        let reference = wallet_reference(currency);
        Json::Object(vec![
            field("price", Json::Integer(price.get())),
            field("wallet", text(&reference)),
        ])
    });
    Json::Array(rows.collect())
}

fn field(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn text(words: &str) -> Json {
    Json::String(words.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::catalog::{ImageRecord, OptionRecord, ProductKind};
    use crate::domain::payment::{Address, ExtendedPubkey, ViewKey};
    use crate::domain::values::{Amount, Currency, FileName, Timestamp};

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
            ("BTC", Coin::Bitcoin),
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
        proptest::string::string_regex(&format!(
            "[a-zé\"\\\\/<>ß東]([ ]?[^\\s\\p{{C}}]){{0,{most}}}"
        ))
        .unwrap()
        .prop_map(|text| crate::domain::catalog::record::one_line(&text))
        .prop_filter("hidden characters, or letters in another form", move |text| {
            crate::domain::values::Line::parse(text, 2 * most + 1)
                .is_ok_and(|line| line.as_str() == text)
        })
    }

    fn prices(least: i64) -> impl Strategy<Value = Prices> {
        let all = wallets();
        proptest::collection::vec(least..1_000_000_000_i64, all.len()).prop_flat_map(
            move |amounts| {
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
            },
        )
    }

    fn product() -> impl Strategy<Value = ProductRecord> {
        let options = proptest::collection::vec(
            (
                words(20),
                proptest::option::of(0..1_000_i64),
                proptest::option::of(prices(1)),
                weight(),
            ),
            0..4,
        );
        let images = proptest::collection::vec(
            ("[a-z]{1,9}\\.png", prop_oneof![words(9), Just(String::new())]),
            0..4,
        );
        let text =
            ("[a-z*#][^\\p{C}=]{0,200}[a-z]", 0..1_000_000_i64, any::<bool>(), weight(), regions());
        (words(60), text, prices(1), options, images, proptest::collection::vec(words(20), 0..4))
            .prop_map(|(name, text, prices, options, images, kinds)| {
                let (description, quantity, hidden, weight, excluded_countries) = text;
                let mut categories: Vec<String> = Vec::new();
                for kind in kinds {
                    if !categories.contains(&kind) {
                        categories.push(kind);
                    }
                }
                let mut all: Vec<OptionRecord> = Vec::new();
                for (name, quantity, prices, weight) in options {
                    if all.iter().all(|other| other.name != name) {
                        let prices = prices.unwrap_or_default();
                        all.push(OptionRecord { name, quantity, prices, weight });
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
                    images: images
                        .into_iter()
                        .map(|(file, alt)| ImageRecord { file, alt })
                        .collect(),
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
        }
    }
}
