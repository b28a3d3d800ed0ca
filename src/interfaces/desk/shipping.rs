//! Shipping methods at the desk.

use actix_web::http::StatusCode;
use askama::Template;

use crate::actions;
use crate::actions::{Saved, Shop};
use crate::domain::catalog::shipping_rate::amounts_text;
use crate::domain::catalog::{CatalogFile, Fault, Json, RateStep, StepLimit, reach};
use crate::domain::payment::Wallet;
use crate::domain::values::Amount;
use crate::infra::store;
use crate::infra::store::shipping::StoredRate;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::amounts::{amount_fields, coins_in, read_amounts};
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::field_view::{FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::parsed_form::ParsedForm;
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::records::{OrderedRecord, Record, RecordView, Removal};
use crate::interfaces::desk::regions::{self, read_regions};
use crate::interfaces::desk::shipping_steps;
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
        let mut prices: Vec<String> = match rate.flat_prices() {
            Some(prices) => prices.iter().map(price).collect(),
            None => rate.steps.iter().map(step_text).collect(),
        };
        if !rate.free_from.is_empty() {
            prices.push(format!("free from {}", amounts_text(&rate.free_from)));
        }
        let (countries, excluded) = (&rate.countries, &rate.excluded_countries);
        let all = if countries.is_empty() { "worldwide".to_owned() } else { countries.names(", ") };
        let except = if excluded.is_empty() { "" } else { " except " };
        let countries = format!("{all}{except}{}", excluded.names(", "));
        Self { record, reach: reach(rate), countries, prices }
    }
}

/// `up to 500 g: 0.0015 ETH`.
fn step_text(step: &RateStep) -> String {
    match step.up_to {
        StepLimit::None => step.to_string(),
        _ => format!("up to {step}"),
    }
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
                .hint(regions::HINT),
            FieldView::new("excluded_countries", "Excluded countries", FieldKind::Area { rows: 2 })
                .hint(regions::EXCLUDED_HINT),
            FieldView::new("steps", "Steps", FieldKind::Area { rows: 4 }),
        ];
        fields.extend(amount_fields("price", "Price in", wallets));
        fields.extend(amount_fields("free", "Free from, in", wallets));
        fields
    }

    fn value(&self, field: &str) -> String {
        let rate = &self.rate;
        match field {
            "name" => rate.name.clone(),
            "countries" => regions::shown(&rate.countries),
            "excluded_countries" => regions::shown(&rate.excluded_countries),
            "steps" => shipping_steps::shown(rate),
            field => match (field.split_once('-'), rate.flat_prices()) {
                (Some(("free", currency)), _) => coins_in(&rate.free_from, currency),
                (Some((_, currency)), Some(prices)) => coins_in(prices, currency),
                _ => String::new(),
            },
        }
    }

    fn parse(form: &RecordForm, wallets: &[Wallet], _: Option<&Self>) -> ParsedForm {
        let (mut parsed, mut free) = (ParsedForm::default(), ParsedForm::default());
        let prices = read_amounts(form, "price", wallets, true, &mut parsed);
        let free_from = read_amounts(form, "free", wallets, false, &mut free);
        parsed.faults.append(&mut free.faults);
        let mut fields = vec![
            ("name".to_owned(), Json::String(form.get("name").trim().to_owned())),
            ("free_from".to_owned(), free_from),
        ];
        for name in ["countries", "excluded_countries"] {
            match read_regions(form.get(name)) {
                Ok(list) => fields.push((name.to_owned(), list)),
                Err(why) => parsed.faults.push((name.to_owned(), why)),
            }
        }
        let steps = shipping_steps::read_steps(form.get("steps"), wallets);
        let has_price = prices != Json::Array(Vec::new());
        match steps {
            Err(why) => parsed.faults.push(("steps".to_owned(), why)),
            Ok(steps) if steps.is_empty() => fields.push(("prices".to_owned(), prices)),
            Ok(_) if has_price => {
                let why = "Enter either a price or steps, not both.";
                parsed.faults.push(("steps".to_owned(), why.to_owned()));
            }
            Ok(steps) => fields.push(("steps".to_owned(), Json::Array(steps))),
        }
        ParsedForm { fields, ..parsed }
    }

    fn check(fields: &[(String, Json)], wallets: &[Wallet]) -> Vec<Fault> {
        CatalogFile::parse_rate("rate", fields, wallets).err().unwrap_or_default()
    }

    async fn show_list(desk: &Desk, layout: DeskLayout<'_>) -> DeskResult {
        let mut db = desk.shop.db.reader().await?;
        let rates = store::shipping::list_stored(&mut db).await?;
        let wallets = store::wallets::list(&mut db).await?;
        let has_price =
            |wallet: &Wallet| rates.iter().any(|stored| stored.rate.has_price_in(&wallet.currency));
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
        store::shipping::list_stored(&mut *db.reader().await?).await
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
