//! Shipping methods at the desk.

use actix_web::http::StatusCode;
use askama::Template;

use crate::actions;
use crate::actions::{Saved, Shop};
use crate::domain::catalog::{CatalogFile, Fault, Json, reach};
use crate::domain::payment::Wallet;
use crate::domain::values::{Amount, Country};
use crate::infra::store;
use crate::infra::store::shipping::StoredRate;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::amounts::{amount_fields, coins_in, read_amounts};
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::field_view::{FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::parsed_form::{Faults, ParsedForm};
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::records::{OrderedRecord, Record, RecordView, Removal};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

#[derive(Template)]
#[template(path = "desk/records/rates.html")]
struct RatesPage<'a> {
    layout: DeskLayout<'a>,
    rows: Vec<Row<'a>>,
    /// The currencies in which no method has a price, so that nothing can be ordered.
    unpriced: Vec<String>,
}

struct Row<'a> {
    record: &'a StoredRate,
    /// As shown to buyers at checkout.
    reach: String,
    countries: String,
    prices: Vec<String>,
}

#[derive(Template)]
#[template(path = "desk/records/rate.html")]
struct RatePage<'a> {
    layout: DeskLayout<'a>,
    view: RecordView<'a, StoredRate>,
}

impl<'a> Row<'a> {
    fn new(record: &'a StoredRate) -> Self {
        let rate = &record.rate;
        let price = |(currency, price): &(_, Amount)| {
            if *price == Amount::ZERO {
                format!("free in {currency}")
            } else {
                format!("{price} {currency}")
            }
        };
        Self {
            record,
            reach: reach(&rate.countries),
            countries: country_names(&rate.countries, ", "),
            prices: rate.prices.iter().map(price).collect(),
        }
    }
}

fn country_names(countries: &[Country], separator: &str) -> String {
    countries.iter().map(|country| country.name()).collect::<Vec<_>>().join(separator)
}

/// Each country once. Unknown ones are a fault.
fn read_countries(text: &str, faults: &mut Faults) -> Json {
    let mut countries: Vec<Country> = Vec::new();
    let mut unknown = Vec::new();
    for word in text.split([',', ';', '\n']).map(str::trim).filter(|word| !word.is_empty()) {
        match Country::parse(word) {
            Ok(country) if countries.contains(&country) => {}
            Ok(country) => countries.push(country),
            Err(_) => unknown.push(format!("“{}”", word.chars().take(40).collect::<String>())),
        }
    }
    if !unknown.is_empty() {
        unknown.truncate(5);
        let text = format!(
            "Unknown country {}: use a two-letter ISO 3166 code or an English name, for example DE or Germany.",
            unknown.join(", ")
        );
        faults.push(("countries".to_owned(), text));
    }
    Json::Array(countries.iter().map(|country| Json::String(country.code().to_owned())).collect())
}

impl Record for StoredRate {
    const SECTION: &'static str = "/rates";
    const KEY: &'static str = "name";
    const NOTICES: &'static [(&'static str, &'static str)] = &[
        (
            "removed-last",
            "The last shipping method was removed: shipping is now free to all countries. Existing orders keep their method.",
        ),
        ("added", "The shipping method was added."),
        ("changed", "The shipping method was changed."),
        ("moved", "The order was changed."),
        ("removed", "The shipping method was removed. Existing orders keep it."),
    ];
    const AMOUNTS: &'static str = "prices";

    fn key(&self) -> &str {
        &self.rate.name
    }

    fn edition(&self) -> i64 {
        self.edition
    }

    fn fields(wallets: &[Wallet], _: Option<&Self>) -> Vec<FieldView> {
        let mut fields = vec![
            FieldView::new("name", "Name", FieldKind::Line).hint("shown to buyers"),
            FieldView::new("countries", "Countries", FieldKind::Area { rows: 3 })
                .hint("codes or English names, separated by commas or lines; empty: all countries"),
        ];
        fields.extend(amount_fields("price", "Price in", wallets));
        fields
    }

    fn value(&self, field: &str) -> String {
        let rate = &self.rate;
        match field {
            "name" => rate.name.clone(),
            "countries" => country_names(&rate.countries, "\n"),
            field => {
                let currency = field.strip_prefix("price-").unwrap_or_default();
                coins_in(&rate.prices, currency)
            }
        }
    }

    fn parse(form: &RecordForm, wallets: &[Wallet], _: Option<&Self>) -> ParsedForm {
        let mut parsed = ParsedForm::default();
        let prices = read_amounts(form, "price", wallets, true, &mut parsed);
        let countries = read_countries(form.get("countries"), &mut parsed.faults);
        parsed.fields = vec![
            ("name".to_owned(), Json::String(form.get("name").trim().to_owned())),
            ("countries".to_owned(), countries),
            ("prices".to_owned(), prices),
        ];
        parsed
    }

    fn check(fields: &[(String, Json)], wallets: &[Wallet]) -> Vec<Fault> {
        CatalogFile::parse_rate("rate", fields, wallets).err().unwrap_or_default()
    }

    async fn show_list(desk: &Desk, layout: DeskLayout<'_>) -> DeskResult {
        let mut db = desk.shop.db.reader().await?;
        let rates = store::shipping::list(&mut db).await?;
        let wallets = store::wallets::list(&mut db).await?;
        let has_price = |wallet: &Wallet| {
            let mut prices = rates.iter().flat_map(|record| &record.rate.prices);
            prices.any(|(currency, _)| *currency == wallet.currency)
        };
        let unpriced = wallets.iter().filter(|wallet| !rates.is_empty() && !has_price(wallet));
        let template = RatesPage {
            layout,
            rows: rates.iter().map(Row::new).collect(),
            unpriced: unpriced.map(|wallet| wallet.currency.to_string()).collect(),
        };
        page(StatusCode::OK, &template)
    }

    fn show_form(status: StatusCode, view: RecordView<'_, Self>) -> DeskResult {
        page(status, &RatePage { layout: view.layout, view })
    }

    async fn removal(&self, shop: &Shop) -> anyhow::Result<Removal> {
        let is_last = Self::list(&shop.db).await?.len() < 2;
        let consequence = if is_last {
            "It is the last one: shipping will be free to all countries."
        } else {
            "Buyers can no longer choose it."
        };
        let consequences = vec![consequence.to_owned(), "Existing orders keep it.".to_owned()];
        let title = format!("Remove the method {}", self.rate.name);
        Ok(Removal { title, consequences, obstacles: None })
    }

    async fn removed_notice(db: &Db) -> Result<&'static str, StoreError> {
        Ok(if Self::list(db).await?.is_empty() { "removed-last" } else { "removed" })
    }

    async fn list(db: &Db) -> Result<Vec<Self>, StoreError> {
        store::shipping::list(&mut *db.reader().await?).await
    }

    async fn save(
        shop: &Shop,
        shown: Option<(&str, i64)>,
        fields: &[(String, Json)],
    ) -> anyhow::Result<Saved<Self>> {
        actions::save_rate(shop, shown, fields, now()).await
    }

    async fn remove(shop: &Shop, key: &str, edition: i64) -> anyhow::Result<Saved<Self>> {
        actions::remove_rate(shop, (key, edition), now()).await
    }
}

impl OrderedRecord for StoredRate {
    async fn reorder(shop: &Shop, key: &str, up: bool) -> anyhow::Result<()> {
        actions::move_rate(shop, key, up, now()).await
    }
}
