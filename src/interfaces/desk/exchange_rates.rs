//! Exchange rates at the desk.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::NewRates;
use crate::domain::catalog::{CoinValue, ExchangeRate, RateSource, RateValidity};
use crate::domain::values::{Currency, FiatCurrency, Timestamp};
use crate::infra::store;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::field_view::{FaultLine, FieldKind, FieldView, fault_lines};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

const SECTION: &str = "/wallets";
const NOTICES: [(&str, &str); 2] = [
    ("set", "The rate was set. Buyers see it with their next page."),
    ("removed", "The rate was removed."),
];

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/wallets/rates", web::get().to(show))
        .route("/wallets/rates", web::post().to(submit))
        .route("/wallets/rates/remove", web::post().to(remove));
}

#[derive(Template)]
#[template(path = "desk/records/exchange_rates.html")]
struct ExchangeRatesPage<'a> {
    layout: DeskLayout<'a>,
    price_in: Option<FiatCurrency>,
    rows: Vec<RateRow>,
}

/// A wallet, its rate, and the form that sets it.
struct RateRow {
    currency: Currency,
    rate: Option<ExchangeRate>,
    is_valid: bool,
    value: FieldView,
    valid: FieldView,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RateForm {
    currency: String,
    rate: String,
    valid: String,
}

impl ExchangeRatesPage<'_> {
    fn faults(&self) -> Vec<FaultLine> {
        let fields: Vec<_> = self.rows.iter().flat_map(|row| [&row.value, &row.valid]).collect();
        fault_lines(&fields)
    }
}

async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let layout = DeskLayout::new(&seller, SECTION).with_notice(&request, &NOTICES);
    let price_in = desk.shop.policy.price_in;
    let rows = list_rows(&desk, now()).await?;
    page(StatusCode::OK, &ExchangeRatesPage { layout, price_in, rows })
}

/// A row for each wallet.
async fn list_rows(desk: &Desk, now: Timestamp) -> Result<Vec<RateRow>, DeskError> {
    let mut db = desk.shop.db.reader().await?;
    let rates = store::exchange_rates::list(&mut db).await?;
    let price_in = desk.shop.policy.price_in;
    let row = |currency: Currency| {
        let rate =
            rates.iter().find(|rate| rate.currency == currency && Some(rate.price_in) == price_in);
        let field = |name: &str, label: String, value: &str| FieldView {
            id: format!("{name}-{currency}"),
            ..FieldView::new(name, &label, FieldKind::Fiat).most(30).value(value)
        };
        let value = rate.map(|rate| rate.value.to_string()).unwrap_or_default();
        let unit = price_in.map(|currency| currency.to_string()).unwrap_or_default();
        RateRow {
            value: field("rate", format!("{unit} for 1 {currency}"), &value),
            valid: FieldView {
                kind: FieldKind::Line,
                hint: "30m, 24h or 7d",
                ..field("valid", "Valid for".to_owned(), "24h")
            },
            is_valid: rate.is_some_and(|rate| rate.is_valid(now)),
            rate: rate.cloned(),
            currency,
        }
    };
    let wallets = store::wallets::list(&mut db).await?;
    Ok(wallets.into_iter().map(|wallet| row(wallet.currency)).collect())
}

async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<RateForm>,
) -> DeskResult {
    let now = now();
    let price_in = desk.shop.policy.price_in.ok_or(DeskError::NotFound)?;
    let mut rows = list_rows(&desk, now).await?;
    let row = rows.iter_mut().find(|row| row.currency.as_str() == form.currency);
    let row = row.ok_or(DeskError::NotFound)?;
    row.value.fill(form.rate.trim());
    row.valid.fill(form.valid.trim());
    let value = row.value.check(CoinValue::parse(&row.value.value));
    let valid = row.valid.check(RateValidity::parse(&row.valid.value));
    let (Some(value), Some(valid)) = (value, valid) else {
        let layout = DeskLayout::new(&seller, SECTION);
        let template = ExchangeRatesPage { layout, price_in: Some(price_in), rows };
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    };
    let new = NewRates {
        values: vec![(row.currency.clone(), value)],
        at: now,
        valid_until: now.plus_minutes(valid.minutes()),
        source: RateSource::Seller,
    };
    let set = actions::set_exchange_rates(&desk.shop, new, Some(now)).await;
    set.map_err(anyhow::Error::from)?;
    Ok(see_other("/wallets/rates?done=set"))
}

async fn remove(desk: Data<Desk>, VerifiedForm { form, .. }: VerifiedForm<RateForm>) -> DeskResult {
    let currency = Currency::parse(&form.currency).map_err(|_| DeskError::NotFound)?;
    actions::remove_exchange_rate(&desk.shop, &currency, now()).await?;
    Ok(see_other("/wallets/rates?done=removed"))
}
