//! Shipping methods at the desk.

use crate::actions;
use crate::actions::Saved;
use crate::domain::catalog::CatalogFile;
use crate::domain::catalog::Json;
use crate::domain::catalog::RateRecord;
use crate::domain::catalog::reach;
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::domain::values::Country;
use crate::infra::store;
use crate::infra::store::shipping::StoredRate;
use crate::interfaces::desk::fields::Asked;
use crate::interfaces::desk::fields::Faults;
use crate::interfaces::desk::fields::FieldKind;
use crate::interfaces::desk::fields::FieldView;
use crate::interfaces::desk::fields::add_faults;
use crate::interfaces::desk::fields::amount_fields;
use crate::interfaces::desk::fields::encoded;
use crate::interfaces::desk::fields::fields;
use crate::interfaces::desk::fields::in_order;
use crate::interfaces::desk::fields::read_amounts;
use crate::interfaces::desk::form::DeskForm;
use crate::interfaces::desk::form::query_field;
use crate::interfaces::desk::page::DeskError;
use crate::interfaces::desk::page::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::Payload;
use actix_web::web::ServiceConfig;
use askama::Template;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/rates", web::get().to(list))
        .route("/rates/new", web::get().to(show_new))
        .route("/rates/change", web::get().to(show_one))
        .route("/rates/save", web::post().to(save))
        .route("/rates/move", web::post().to(change_order))
        .route("/rates/remove", web::post().to(remove));
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
    href: String,
    edition: i64,
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
    faults: &'a Faults,
    is_stale: bool,
    is_gone: bool,
    /// The way of sending that is changed; empty: a new one.
    was: &'a str,
    edition: i64,
    name: FieldView,
    countries: FieldView,
    prices: Vec<FieldView>,
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
        href: format!("/rates/change?name={}", encoded(&rate.name)),
        edition: kept.edition,
        reach: reach(&rate.countries),
        countries: names.join(", "),
        prices: rate.prices.iter().map(price).collect(),
        is_first: n == 0,
        is_last: n + 1 == n_rates,
    }
}

fn asked(wallets: &[Wallet]) -> Vec<Asked> {
    let field =
        |name: &str, label: &str, hint, kind| (name.to_owned(), label.to_owned(), hint, kind);
    let mut asked = vec![
        field("name", "Name", "shown to buyers", FieldKind::Line),
        field(
            "countries",
            "Countries",
            "codes or English names, separated by commas or lines; empty: all countries",
            FieldKind::Area,
        ),
    ];
    asked.extend(amount_fields("price", "Price in", wallets));
    asked
}

/// What a kept way of sending has in each field of the form.
fn word_of(rate: &RateRecord, field: &str) -> String {
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

/// The form as it goes to the seller.
struct Shown<'a> {
    status: StatusCode,
    was: &'a str,
    edition: i64,
    faults: Faults,
    /// What is kept meanwhile, where that is not what the form showed; `Some(None)`: nothing.
    meanwhile: Option<Option<RateRecord>>,
}

impl Shown<'_> {
    fn fresh(status: StatusCode) -> Self {
        Self { status, was: "", edition: 0, faults: Faults::new(), meanwhile: None }
    }
}

fn show_form(
    seller: &Seller,
    wallets: &[Wallet],
    word: impl Fn(&str) -> String,
    shown: &Shown<'_>,
) -> Result<HttpResponse, DeskError> {
    let kept = shown.meanwhile.as_ref().and_then(Option::as_ref);
    let now_there = kept.map(|kept| move |field: &str| word_of(kept, field));
    let now_there = now_there.as_ref().map(|now| now as &dyn Fn(&str) -> String);
    let asked = asked(wallets);
    let faults = in_order(shown.faults.clone(), &asked);
    let mut views = fields(asked, word, &faults, now_there).into_iter();
    let mut next = || views.next().ok_or(DeskError::NotFound);
    let (name, countries) = (next()?, next()?);
    let template = RatePage {
        layout: DeskLayout::new(seller, SECTION),
        faults: &faults,
        is_stale: shown.meanwhile.is_some(),
        is_gone: matches!(shown.meanwhile, Some(None)),
        was: shown.was,
        edition: shown.edition,
        name,
        countries,
        prices: views.collect(),
    };
    page(shown.status, &template)
}

async fn show_new(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    show_form(&seller, &wallets, |_| String::new(), &Shown::fresh(StatusCode::OK))
}

async fn show_one(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let mut db = desk.shop.db.reader().await?;
    let name = query_field(&request, "name");
    let found = store::shipping::list(&mut db).await?;
    let kept = found.into_iter().find(|kept| kept.rate.name == name).ok_or(DeskError::NotFound)?;
    let wallets = store::wallets::list(&mut db).await?;
    let shown = Shown { was: &name, edition: kept.edition, ..Shown::fresh(StatusCode::OK) };
    show_form(&seller, &wallets, |field| word_of(&kept.rate, field), &shown)
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

async fn save(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let mut faults = Faults::new();
    let (prices, names) = read_amounts(&form, "price", &wallets, true, &mut faults);
    let countries = read_countries(form.get("countries"), &mut faults);
    let record = [
        ("name".to_owned(), Json::Text(form.get("name").trim().to_owned())),
        ("countries".to_owned(), countries),
        ("prices".to_owned(), prices),
    ];
    let was = form.get("was");
    let word = |field: &str| form.get(field).to_owned();
    let refused = |faults: Faults| Shown {
        was,
        edition: form.edition(),
        faults,
        ..Shown::fresh(StatusCode::UNPROCESSABLE_ENTITY)
    };
    if !faults.is_empty() {
        let found = CatalogFile::parse_rate("rate", &record, &wallets).err();
        add_faults(&mut faults, found.unwrap_or_default(), "prices", &names);
        return show_form(&seller, &wallets, word, &refused(faults));
    }
    let of = (!was.is_empty()).then(|| (was, form.edition()));
    match actions::save_rate(&desk.shop, of, &record, now()).await? {
        Saved::Done if was.is_empty() => Ok(see_other("/rates?done=added")),
        Saved::Done => Ok(see_other("/rates?done=changed")),
        Saved::Refused(found) => {
            add_faults(&mut faults, found, "prices", &names);
            show_form(&seller, &wallets, word, &refused(faults))
        }
        Saved::Stale(kept) => {
            let shown = Shown {
                was: if kept.is_some() { was } else { "" },
                edition: kept.as_ref().map_or(0, |kept| kept.edition),
                meanwhile: Some(kept.map(|kept| kept.rate)),
                ..Shown::fresh(StatusCode::CONFLICT)
            };
            show_form(&seller, &wallets, word, &shown)
        }
    }
}

async fn change_order(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    actions::move_rate(&desk.shop, form.get("was"), form.get("to") == "up", now()).await?;
    Ok(see_other("/rates?done=moved"))
}

async fn remove(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    let of = (form.get("was"), form.edition());
    match actions::remove_rate(&desk.shop, of, now()).await? {
        // What is not there any more is removed.
        Saved::Done | Saved::Stale(None) | Saved::Refused(_) => {
            let is_last =
                store::shipping::list(&mut *desk.shop.db.reader().await?).await?.is_empty();
            Ok(see_other(if is_last { "/rates?done=removed-last" } else { "/rates?done=removed" }))
        }
        Saved::Stale(Some(kept)) => {
            let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
            let shown = Shown {
                was: form.get("was"),
                edition: kept.edition,
                meanwhile: Some(Some(kept.rate.clone())),
                ..Shown::fresh(StatusCode::CONFLICT)
            };
            show_form(&seller, &wallets, |field| word_of(&kept.rate, field), &shown)
        }
    }
}
