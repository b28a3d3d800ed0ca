//! Cancels the unpaid orders of the current filter.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::UnpaidCancellation;
use crate::domain::orders::MOST_ARGUMENT;
use crate::domain::orders::draft::sentence;
use crate::domain::values::Line;
use crate::infra::store;
use crate::infra::store::unpaid_orders::UnpaidQuery;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{Once, fresh_once, number};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::filters::{Filters, TO_ANSWER};
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{FormError, now};

#[derive(Template)]
#[template(path = "desk/orders/cancel_unpaid.html")]
struct CancelPage<'a> {
    layout: DeskLayout<'a>,
    filters: &'a Filters,
    list: String,
    n_orders: usize,
    last: i64,
    once: &'a str,
    reason: &'a str,
    /// What is wrong with the reason.
    fault: String,
    fresh: Fresh,
}

impl CancelPage<'_> {
    fn is_unanswered(&self) -> bool {
        self.filters.show == TO_ANSWER
    }
}

/// What the seller confirms: the filter, and the last order that the page counted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CancelForm {
    show: String,
    currency: String,
    since: String,
    before: String,
    part: String,
    #[serde(deserialize_with = "number")]
    last: i64,
    once: Once,
    reason: String,
    password: String,
}

/// Says how many orders would be cancelled, and asks for the password.
pub async fn ask(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let filters = Filters::of(&request);
    if !filters.read().1.is_empty() {
        // The list says what is wrong with the filter.
        return Ok(see_other(&filters.address("")));
    }
    let form =
        CancelForm { once: Once::new(&fresh_once()), last: i64::MAX, ..CancelForm::default() };
    show(&desk, &seller, StatusCode::OK, &filters, &form, (String::new(), Fresh::asked())).await
}

async fn show(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    filters: &Filters,
    form: &CancelForm,
    (fault, fresh): (String, Fresh),
) -> Result<HttpResponse, DeskError> {
    let query = query(filters, form.last)?;
    let found = store::unpaid_orders::list(&mut *desk.shop.db.reader().await?, &query).await?;
    let template = CancelPage {
        layout: DeskLayout::new(seller, "/orders"),
        list: filters.address(""),
        n_orders: found.len(),
        last: found.iter().map(|order| order.id).max().unwrap_or(0),
        filters,
        once: form.once.as_str(),
        reason: &form.reason,
        fault,
        fresh,
    };
    page(status, &template)
}

/// # Errors
/// [`FormError::ContentType`]: no page of the desk sends this filter.
fn query(filters: &Filters, last: i64) -> Result<UnpaidQuery, DeskError> {
    let (listed, faults) = filters.read();
    if !faults.is_empty() {
        return Err(FormError::ContentType.into());
    }
    Ok(UnpaidQuery { listed, last: Some(last), ..UnpaidQuery::default() })
}

/// Cannot be undone, so that the password is asked for again.
pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CancelForm>,
) -> Result<HttpResponse, DeskError> {
    form.once.bytes()?;
    let filters = form.filters();
    let query = query(&filters, form.last)?;
    let refuse = StatusCode::UNPROCESSABLE_ENTITY;
    let reason = match Line::parse(&form.reason, MOST_ARGUMENT) {
        Ok(reason) => reason,
        Err(fault) => {
            let refused = (sentence(&fault.to_string()), Fresh::asked());
            return show(&desk, &seller, refuse, &filters, &form, refused).await;
        }
    };
    if let Some(fresh) = seller.fresh_password(&desk, &form.password).await? {
        return show(&desk, &seller, refuse, &filters, &form, (String::new(), fresh)).await;
    }
    let how = UnpaidCancellation { reason: &reason, is_at_desk: true, now: now() };
    let once = form.once.as_str();
    let n_cancelled = actions::cancel_unpaid_at_desk(&desk.shop, &query, &how, once).await?;
    let list = filters.address("");
    let mark = if list.contains('?') { '&' } else { '?' };
    Ok(see_other(&format!("{list}{mark}cancelled={n_cancelled}")))
}

impl CancelForm {
    fn filters(&self) -> Filters {
        Filters {
            show: self.show.clone(),
            currency: self.currency.clone(),
            since: self.since.clone(),
            before: self.before.clone(),
            part: self.part.clone(),
            ..Filters::default()
        }
    }
}
