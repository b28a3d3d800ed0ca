//! Discount codes at the desk.

use actix_web::http::StatusCode;
use askama::Template;

use crate::actions;
use crate::actions::{Saved, Shop};
use crate::domain::catalog::{CatalogFile, Discount, DiscountValue, Fault, Json};
use crate::domain::payment::Wallet;
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::discounts::StoredDiscount;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::amounts::{amount_fields, coins_in, read_amounts};
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::field_view::{FieldKind, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::parsed_form::ParsedForm;
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::records::{Record, RecordView, Removal};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

#[derive(Template)]
#[template(path = "desk/records/discounts.html")]
struct DiscountsPage<'a> {
    layout: DeskLayout<'a>,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    record: &'a StoredDiscount,
    reductions: Vec<String>,
    validity: String,
    uses: String,
    state: &'static str,
}

#[derive(Template)]
#[template(path = "desk/records/discount.html")]
struct DiscountPage<'a> {
    layout: DeskLayout<'a>,
    view: RecordView<'a, StoredDiscount>,
}

impl<'a> Row<'a> {
    fn new(record: &'a StoredDiscount, now: Timestamp) -> Self {
        let StoredDiscount { discount, used, .. } = record;
        Self {
            record,
            reductions: match &discount.value {
                DiscountValue::Percent(percent) => vec![format!("{percent}%")],
                DiscountValue::Amounts(amounts) => amounts
                    .iter()
                    .map(|(currency, amount)| format!("{amount} {currency}"))
                    .collect(),
            },
            validity: match (discount.from, discount.until) {
                (None, None) => "always".to_owned(),
                (Some(first), None) => format!("from {}", first.short_day()),
                (None, Some(last)) => format!("until {}", last.short_day()),
                (Some(first), Some(last)) => {
                    format!("{} to {}", first.short_day(), last.short_day())
                }
            },
            uses: match discount.uses {
                Some(most) => format!("{used} of {most}"),
                None => used.to_string(),
            },
            state: state(discount, *used, now),
        }
    }
}

fn state(discount: &Discount, used: i64, now: Timestamp) -> &'static str {
    if discount.from.is_some_and(|first| now < first) {
        "not active yet"
    } else if discount.is_over(now) {
        "expired"
    } else if discount.uses.is_some_and(|most| most <= used) {
        "limit reached"
    } else {
        "active"
    }
}

impl Record for StoredDiscount {
    const SECTION: &'static str = "/discounts";
    const KEY: &'static str = "code";
    const NOTICES: &'static [(&'static str, &'static str)] = &[
        ("added-over", "The code was added, but it has already expired."),
        ("changed-over", "The code was changed, but it has already expired."),
        ("added", "The code was added."),
        ("changed", "The code was changed."),
        ("removed", "The code was removed. Orders that used it keep their discount."),
    ];
    const AMOUNTS: &'static str = "less";

    fn key(&self) -> &str {
        &self.discount.code
    }

    fn edition(&self) -> i64 {
        self.edition
    }

    fn fields(wallets: &[Wallet], _: Option<&Self>) -> Vec<FieldView> {
        let mut fields = vec![
            FieldView::new("code", "Code", FieldKind::Line)
                .hint("what buyers enter; not case-sensitive"),
            FieldView::new("percent", "Percent", FieldKind::Whole)
                .hint("1 to 99, rounded down to what the coin can express"),
            FieldView::new("from", "First day", FieldKind::Day).hint("UTC; empty: immediately"),
            FieldView::new("until", "Last day", FieldKind::Day)
                .hint("UTC, inclusive; empty: no end"),
            FieldView::new("uses", "Usage limit", FieldKind::Whole)
                .hint("in orders; empty: unlimited"),
        ];
        fields.extend(amount_fields("less", "Discount in", wallets));
        fields
    }

    fn value(&self, field: &str) -> String {
        let discount = &self.discount;
        let day = |day: Option<Timestamp>| day.map(Timestamp::short_day).unwrap_or_default();
        match (field, &discount.value) {
            ("code", _) => discount.code.clone(),
            ("percent", DiscountValue::Percent(percent)) => percent.to_string(),
            ("from", _) => day(discount.from),
            ("until", _) => day(discount.until),
            ("uses", _) => discount.uses.map(|uses| uses.to_string()).unwrap_or_default(),
            (field, DiscountValue::Amounts(amounts)) => {
                let currency = field.strip_prefix("less-").unwrap_or_default();
                coins_in(amounts, currency)
            }
            _ => String::new(),
        }
    }

    fn parse(form: &RecordForm, wallets: &[Wallet], _: Option<&Self>) -> ParsedForm {
        let mut parsed = ParsedForm::default();
        let amounts = read_amounts(form, "less", wallets, false, &mut parsed);
        parsed.fields.push(("code".to_owned(), Json::String(form.get("code").trim().to_owned())));
        parsed.fields.extend(form.whole("percent"));
        if !parsed.amount_fields.is_empty() {
            parsed.fields.push(("less".to_owned(), amounts));
        }
        parsed.fields.extend(form.text("from"));
        parsed.fields.extend(form.text("until"));
        parsed.fields.extend(form.whole("uses"));
        parsed
    }

    fn check(fields: &[(String, Json)], wallets: &[Wallet]) -> Vec<Fault> {
        CatalogFile::parse_discount("code", fields, wallets).err().unwrap_or_default()
    }

    async fn show_list(desk: &Desk, layout: DeskLayout<'_>) -> DeskResult {
        let discounts = Self::list(&desk.shop.db).await?;
        let now = now();
        let rows = discounts.iter().map(|record| Row::new(record, now)).collect();
        page(StatusCode::OK, &DiscountsPage { layout, rows })
    }

    fn show_form(status: StatusCode, view: RecordView<'_, Self>) -> DeskResult {
        page(status, &DiscountPage { layout: view.layout, view })
    }

    async fn removal(&self, _: &Shop) -> anyhow::Result<Removal> {
        let consequences = vec![
            "Buyers can no longer use it.".to_owned(),
            format!("Orders that used it ({}) keep their discount.", self.used),
            "The count is kept if you re-add the code.".to_owned(),
        ];
        let title = format!("Remove the code {}", self.discount.code);
        Ok(Removal { title, consequences, obstacles: None })
    }

    fn saved_notice(form: &RecordForm) -> &'static str {
        let last = Timestamp::parse_day(form.get("until").trim());
        let is_over = last.is_ok_and(|last| last.plus_days(1) <= now());
        match (form.key.is_empty(), is_over) {
            (true, true) => "added-over",
            (true, false) => "added",
            (false, true) => "changed-over",
            (false, false) => "changed",
        }
    }

    async fn list(db: &Db) -> Result<Vec<Self>, StoreError> {
        store::discounts::list(&mut *db.reader().await?).await
    }

    async fn save(
        shop: &Shop,
        shown: Option<(&str, i64)>,
        fields: &[(String, Json)],
    ) -> anyhow::Result<Saved<Self>> {
        actions::save_discount(shop, shown, fields, now()).await
    }

    async fn remove(shop: &Shop, key: &str, edition: i64) -> anyhow::Result<Saved<Self>> {
        actions::remove_discount(shop, (key, edition), now()).await
    }
}
