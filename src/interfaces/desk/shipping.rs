//! Shipping methods at the desk.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::actions;
use crate::actions::{Saved, Shop};
use crate::domain::catalog::{CatalogFile, Fault, Json, reach};
use crate::domain::payment::Wallet;
use crate::domain::values::{Amount, Country};
use crate::infra::store;
use crate::infra::store::shipping::StoredRate;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::amounts::{amount_fields, read_amounts};
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::field_view::{FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{encoded, page};
use crate::interfaces::desk::record_faults::Faults;
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::records;
use crate::interfaces::desk::records::{OrderedRecord, Question, Record, RecordView, Written};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route(SECTION, web::get().to(list))
        .route("/rates/move", web::post().to(records::shift::<StoredRate>));
    records::addresses::<StoredRate>(config);
}

const SECTION: &str = "/rates";
const DONE: [(&str, &str); 5] = [
    (
        "removed-last",
        "The last shipping method was removed: shipping is now free to all countries. Existing orders keep their method.",
    ),
    ("added", "The shipping method was added."),
    ("changed", "The shipping method was changed."),
    ("moved", "The order was changed."),
    ("removed", "The shipping method was removed. Existing orders keep it."),
];

#[derive(Template)]
#[template(path = "desk/trade/rates.html")]
struct RatesPage<'a> {
    layout: DeskLayout<'a>,
    rows: Vec<Row>,
    /// Currencies in which nothing can be ordered, since no way of sending has a price in them.
    without: Vec<String>,
}

struct Row {
    name: String,
    /// Names it in an address.
    query: String,
    /// As the buyer reads it at the checkout.
    reach: String,
    countries: String,
    prices: Vec<String>,
    is_first: bool,
    is_last: bool,
}

#[derive(Template)]
#[template(path = "desk/trade/rate.html")]
struct RatePage<'a> {
    layout: DeskLayout<'a>,
    view: RecordView<'a, StoredRate>,
}

async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let mut db = desk.shop.db.reader().await?;
    let rates = store::shipping::list(&mut db).await?;
    let wallets = store::wallets::list(&mut db).await?;
    let has_price = |wallet: &&Wallet| {
        let mut prices = rates.iter().flat_map(|kept| &kept.rate.prices);
        prices.any(|(currency, _)| *currency == wallet.currency)
    };
    let without = wallets.iter().filter(|wallet| !has_price(wallet));
    let template = RatesPage {
        layout: DeskLayout::new(&seller, SECTION).told(&request, &DONE),
        without: if rates.is_empty() {
            Vec::new()
        } else {
            without.map(|wallet| wallet.currency.to_string()).collect()
        },
        rows: rates.iter().enumerate().map(|(n, kept)| row(kept, n, rates.len())).collect(),
    };
    page(StatusCode::OK, &template)
}

fn row(kept: &StoredRate, n: usize, n_rates: usize) -> Row {
    let rate = &kept.rate;
    let names: Vec<&str> = rate.countries.iter().map(|country| country.name()).collect();
    let price = |(currency, price): &(_, Amount)| {
        if *price == Amount::ZERO {
            format!("free in {currency}")
        } else {
            format!("{price} {currency}")
        }
    };
    Row {
        name: rate.name.clone(),
        query: format!("name={}", encoded(&rate.name)),
        reach: reach(&rate.countries),
        countries: names.join(", "),
        prices: rate.prices.iter().map(price).collect(),
        is_first: n == 0,
        is_last: n + 1 == n_rates,
    }
}

/// The countries of the form, each once; what is none is a fault.
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
        let words = format!(
            "Unknown country {}: use a two-letter ISO 3166 code or an English name, for example DE or Germany.",
            unknown.join(", ")
        );
        faults.push(("countries".to_owned(), words));
    }
    Json::List(countries.iter().map(|country| Json::Text(country.code().to_owned())).collect())
}

impl Record for StoredRate {
    const SECTION: &'static str = SECTION;
    const KEY: &'static str = "name";
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
            "countries" => {
                rate.countries.iter().map(|country| country.name()).collect::<Vec<_>>().join("\n")
            }
            field => {
                let mut prices = rate.prices.iter();
                let of = prices.find(|(currency, _)| field == format!("price-{currency}"));
                of.map(|(_, price)| price.to_string()).unwrap_or_default()
            }
        }
    }

    fn write(form: &RecordForm, wallets: &[Wallet], _: Option<&Self>) -> Written {
        let mut faults = Faults::new();
        let (prices, amounts) = read_amounts(form, "price", wallets, true, &mut faults);
        let countries = read_countries(form.get("countries"), &mut faults);
        let fields = vec![
            ("name".to_owned(), Json::Text(form.get("name").trim().to_owned())),
            ("countries".to_owned(), countries),
            ("prices".to_owned(), prices),
        ];
        Written { fields, amounts, faults }
    }

    fn check(fields: &[(String, Json)], wallets: &[Wallet]) -> Vec<Fault> {
        CatalogFile::parse_rate("rate", fields, wallets).err().unwrap_or_default()
    }

    fn show(status: StatusCode, view: RecordView<'_, Self>) -> Result<HttpResponse, DeskError> {
        page(status, &RatePage { layout: view.layout, view })
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

    async fn done_removed(db: &Db) -> Result<&'static str, StoreError> {
        let is_last = store::shipping::list(&mut *db.reader().await?).await?.is_empty();
        Ok(if is_last { "removed-last" } else { "removed" })
    }

    async fn question(&self, shop: &Shop) -> anyhow::Result<Question> {
        let name = &self.rate.name;
        let is_last = store::shipping::list(&mut *shop.db.reader().await?).await?.len() < 2;
        let consequences = vec![
            if is_last {
                "It is the last one: shipping will be free to all countries.".to_owned()
            } else {
                "Buyers can no longer choose it.".to_owned()
            },
            "Existing orders keep it.".to_owned(),
        ];
        Ok(Question { title: format!("Remove the method {name}"), consequences, obstacles: None })
    }
}

impl OrderedRecord for StoredRate {
    async fn shift(shop: &Shop, key: &str, up: bool) -> anyhow::Result<()> {
        actions::move_rate(shop, key, up, now()).await
    }
}
