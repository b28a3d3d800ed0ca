//! Discount codes at the desk.

use crate::actions;
use crate::actions::Saved;
use crate::domain::catalog::CatalogFile;
use crate::domain::catalog::Discount;
use crate::domain::catalog::Json;
use crate::domain::catalog::Less;
use crate::domain::payment::Wallet;
use crate::domain::values::Timestamp;
use crate::infra::store;
use crate::infra::store::discounts::StoredDiscount;
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
use crate::interfaces::desk::fields::text;
use crate::interfaces::desk::fields::whole;
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
        .route("/discounts", web::get().to(list))
        .route("/discounts/new", web::get().to(show_new))
        .route("/discounts/change", web::get().to(show_one))
        .route("/discounts/save", web::post().to(save))
        .route("/discounts/remove", web::post().to(remove));
}

const SECTION: &str = "/discounts";
const DONE: [(&str, &str); 5] = [
    ("added-over", "The code was added, but it has already expired."),
    ("changed-over", "The code was changed, but it has already expired."),
    ("added", "The code was added."),
    ("changed", "The code was changed."),
    ("removed", "The code was removed. Orders that used it keep their discount."),
];

#[derive(Template)]
#[template(path = "desk/trade/discounts.html")]
struct DiscountsPage<'a> {
    layout: DeskLayout<'a>,
    rows: Vec<Row>,
}

struct Row {
    code: String,
    href: String,
    edition: i64,
    less: Vec<String>,
    days: String,
    uses: String,
    state: &'static str,
}

#[derive(Template)]
#[template(path = "desk/trade/discount.html")]
struct DiscountPage<'a> {
    layout: DeskLayout<'a>,
    faults: &'a Faults,
    is_stale: bool,
    is_gone: bool,
    /// The code that is changed; empty: a new one.
    was: &'a str,
    edition: i64,
    code: FieldView,
    percent: FieldView,
    amounts: Vec<FieldView>,
    days: Vec<FieldView>,
    uses: FieldView,
    /// Units: orders that use it; `None` of a new one.
    used: Option<i64>,
}

async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let discounts = store::discounts::list(&mut *desk.shop.db.reader().await?).await?;
    let now = now();
    let template = DiscountsPage {
        layout: DeskLayout::new(&seller, SECTION).told(&request, &DONE),
        rows: discounts.iter().map(|kept| row(kept, now)).collect(),
    };
    page(StatusCode::OK, &template)
}

fn row(kept: &StoredDiscount, now: Timestamp) -> Row {
    let discount = &kept.discount;
    let less = match &discount.less {
        Less::Percent(percent) => vec![format!("{percent}%")],
        Less::Amounts(amounts) => {
            amounts.iter().map(|(currency, amount)| format!("{amount} {currency}")).collect()
        }
    };
    let days = match (discount.from, discount.until) {
        (None, None) => "always".to_owned(),
        (Some(first), None) => format!("from {}", first.short_day()),
        (None, Some(last)) => format!("until {}", last.short_day()),
        (Some(first), Some(last)) => format!("{} to {}", first.short_day(), last.short_day()),
    };
    let uses = match discount.uses {
        Some(uses) => format!("{} of {uses}", kept.used),
        None => kept.used.to_string(),
    };
    Row {
        code: discount.code.clone(),
        href: format!("/discounts/change?code={}", encoded(&discount.code)),
        edition: kept.edition,
        less,
        days,
        uses,
        state: state(discount, kept.used, now),
    }
}

fn state(discount: &Discount, used: i64, now: Timestamp) -> &'static str {
    if discount.from.is_some_and(|first| now < first) {
        "not active yet"
    } else if discount.is_over(now) {
        "expired"
    } else if discount.uses.is_some_and(|uses| uses <= used) {
        "limit reached"
    } else {
        "active"
    }
}

fn asked(wallets: &[Wallet]) -> Vec<Asked> {
    let field =
        |name: &str, label: &str, hint, kind| (name.to_owned(), label.to_owned(), hint, kind);
    let mut asked = vec![
        field("code", "Code", "what buyers enter; not case-sensitive", FieldKind::Line),
        field(
            "percent",
            "Percent",
            "1 to 99, rounded down to what the coin can express",
            FieldKind::Whole,
        ),
        field("from", "First day", "UTC; empty: immediately", FieldKind::Day),
        field("until", "Last day", "UTC, inclusive; empty: no end", FieldKind::Day),
        field("uses", "Usage limit", "in orders; empty: unlimited", FieldKind::Whole),
    ];
    asked.extend(amount_fields("less", "Discount in", wallets));
    asked
}

/// What a kept code has in each field of the form.
fn word_of(discount: &Discount, field: &str) -> String {
    let day = |day: Option<Timestamp>| day.map(Timestamp::short_day).unwrap_or_default();
    match (field, &discount.less) {
        ("code", _) => discount.code.clone(),
        ("percent", Less::Percent(percent)) => percent.to_string(),
        ("from", _) => day(discount.from),
        ("until", _) => day(discount.until),
        ("uses", _) => discount.uses.map(|uses| uses.to_string()).unwrap_or_default(),
        (field, Less::Amounts(amounts)) => {
            let of = amounts.iter().find(|(currency, _)| field == format!("less-{currency}"));
            of.map(|(_, amount)| amount.to_string()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// The form as it goes to the seller.
struct Shown<'a> {
    status: StatusCode,
    was: &'a str,
    edition: i64,
    used: Option<i64>,
    faults: Faults,
    /// What is kept meanwhile, where that is not what the form showed; `Some(None)`: nothing.
    meanwhile: Option<Option<Discount>>,
}

impl Shown<'_> {
    fn fresh(status: StatusCode) -> Self {
        Self { status, was: "", edition: 0, used: None, faults: Faults::new(), meanwhile: None }
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
    let (code, percent) = (next()?, next()?);
    let days = vec![next()?, next()?];
    let uses = next()?;
    let template = DiscountPage {
        layout: DeskLayout::new(seller, SECTION),
        faults: &faults,
        is_stale: shown.meanwhile.is_some(),
        is_gone: matches!(shown.meanwhile, Some(None)),
        was: shown.was,
        edition: shown.edition,
        code,
        percent,
        amounts: views.collect(),
        days,
        uses,
        used: shown.used,
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
    let code = query_field(&request, "code");
    let found = store::discounts::list(&mut db).await?;
    let kept = found.into_iter().find(|kept| kept.discount.code == code);
    let kept = kept.ok_or(DeskError::NotFound)?;
    let wallets = store::wallets::list(&mut db).await?;
    let shown = Shown {
        was: &code,
        edition: kept.edition,
        used: Some(kept.used),
        ..Shown::fresh(StatusCode::OK)
    };
    show_form(&seller, &wallets, |field| word_of(&kept.discount, field), &shown)
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
    let (amounts, names) = read_amounts(&form, "less", &wallets, false, &mut faults);
    let mut record = vec![("code".to_owned(), Json::Text(form.get("code").trim().to_owned()))];
    record.extend(whole(&form, "percent"));
    if !names.is_empty() {
        record.push(("less".to_owned(), amounts));
    }
    record.extend(text(&form, "from"));
    record.extend(text(&form, "until"));
    record.extend(whole(&form, "uses"));
    let was = form.get("was");
    let word = |field: &str| form.get(field).to_owned();
    let refused = |faults: Faults| Shown {
        was,
        edition: form.edition(),
        faults,
        ..Shown::fresh(StatusCode::UNPROCESSABLE_ENTITY)
    };
    if !faults.is_empty() {
        let found = CatalogFile::parse_discount("code", &record, &wallets).err();
        add_faults(&mut faults, found.unwrap_or_default(), "less", &names);
        return show_form(&seller, &wallets, word, &refused(faults));
    }
    let of = (!was.is_empty()).then(|| (was, form.edition()));
    match actions::save_discount(&desk.shop, of, &record, now()).await? {
        Saved::Done => {
            let done = if was.is_empty() { "added" } else { "changed" };
            let over = if is_over(&form, now()) { "-over" } else { "" };
            Ok(see_other(&format!("/discounts?done={done}{over}")))
        }
        Saved::Refused(found) => {
            add_faults(&mut faults, found, "less", &names);
            show_form(&seller, &wallets, word, &refused(faults))
        }
        Saved::Stale(kept) => {
            let shown = Shown {
                was: if kept.is_some() { was } else { "" },
                edition: kept.as_ref().map_or(0, |kept| kept.edition),
                used: kept.as_ref().map(|kept| kept.used),
                meanwhile: Some(kept.map(|kept| kept.discount)),
                ..Shown::fresh(StatusCode::CONFLICT)
            };
            show_form(&seller, &wallets, word, &shown)
        }
    }
}

/// Whether the last day that the form names is past.
fn is_over(form: &DeskForm, now: Timestamp) -> bool {
    let last = Timestamp::parse_day(form.get("until").trim());
    last.is_ok_and(|last| last.plus_days(1) <= now)
}

async fn remove(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    let form = DeskForm::read(&request, &seller, body).await?;
    let of = (form.get("was"), form.edition());
    match actions::remove_discount(&desk.shop, of, now()).await? {
        Saved::Done => Ok(see_other("/discounts?done=removed")),
        // What is not there any more is removed.
        Saved::Stale(None) | Saved::Refused(_) => Ok(see_other("/discounts?done=removed")),
        Saved::Stale(Some(kept)) => {
            let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
            let shown = Shown {
                was: form.get("was"),
                edition: kept.edition,
                used: Some(kept.used),
                meanwhile: Some(Some(kept.discount.clone())),
                ..Shown::fresh(StatusCode::CONFLICT)
            };
            show_form(&seller, &wallets, |field| word_of(&kept.discount, field), &shown)
        }
    }
}
