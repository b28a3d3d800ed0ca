//! Cancels the unpaid orders of the current filter.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::UnpaidCancellation;
use crate::domain::orders::MAX_ARGUMENT;
use crate::domain::values::Line;
use crate::domain::values::text::sentence;
use crate::infra::store;
use crate::infra::store::unpaid_orders::UnpaidQuery;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{new_idempotency_key, number, parse_idempotency_key};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::orders::filters::{Filters, TO_ANSWER};
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::PasswordPrompt;
use crate::interfaces::desk::session::{Seller, confirms_password};
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
    idempotency_key: &'a str,
    reason: &'a str,
    /// What is wrong with the reason.
    fault: String,
    prompt: PasswordPrompt,
}

impl CancelPage<'_> {
    fn is_unanswered(&self) -> bool {
        self.filters.show == TO_ANSWER
    }
}

/// The filter, and the last order that the page counted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CancelForm {
    #[serde(flatten)]
    filters: Filters,
    #[serde(deserialize_with = "number")]
    last: i64,
    once: String,
    reason: String,
    password: String,
}

/// Says how many orders would be cancelled, and asks for the password.
pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let filters = Filters::of(&request);
    if !filters.read().1.is_empty() {
        // The list says what is wrong with the filter.
        return Ok(see_other(&filters.address("")));
    }
    let once = new_idempotency_key();
    let form = CancelForm { filters, once, last: i64::MAX, ..CancelForm::default() };
    let template = cancel_page(&desk, &seller, &form).await?;
    page(StatusCode::OK, &template)
}

async fn cancel_page<'a>(
    desk: &Desk,
    seller: &'a Seller,
    form: &'a CancelForm,
) -> Result<CancelPage<'a>, DeskError> {
    let query = unpaid_query(form)?;
    let orders = store::unpaid_orders::list(&mut *desk.shop.db.reader().await?, &query).await?;
    Ok(CancelPage {
        layout: DeskLayout::new(seller, "/orders"),
        list: form.filters.address(""),
        n_orders: orders.len(),
        last: orders.iter().map(|order| order.id).max().unwrap_or(0),
        filters: &form.filters,
        idempotency_key: &form.once,
        reason: &form.reason,
        fault: String::new(),
        prompt: PasswordPrompt::default(),
    })
}

/// # Errors
/// [`FormError::ContentType`]: no page of the desk sends this filter.
fn unpaid_query(form: &CancelForm) -> Result<UnpaidQuery, DeskError> {
    let (listed, faults) = form.filters.read();
    if !faults.is_empty() {
        return Err(FormError::ContentType.into());
    }
    Ok(UnpaidQuery { listed, last: Some(form.last), ..UnpaidQuery::default() })
}

pub async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CancelForm>,
) -> DeskResult {
    parse_idempotency_key(&form.once)?;
    let query = unpaid_query(&form)?;
    let reason = match Line::parse(&form.reason, MAX_ARGUMENT) {
        Ok(reason) => reason,
        Err(fault) => {
            let mut template = cancel_page(&desk, &seller, &form).await?;
            template.fault = sentence(&fault.to_string());
            return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
        }
    };
    if !confirms_password(&desk, &form.password).await? {
        let mut template = cancel_page(&desk, &seller, &form).await?;
        template.prompt = PasswordPrompt::WRONG;
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    }
    let how = UnpaidCancellation { reason: &reason, is_at_desk: true, now: now() };
    let n_cancelled = actions::cancel_unpaid_at_desk(&desk.shop, &query, &how, &form.once).await?;
    let list = form.filters.address("");
    let separator = if list.contains('?') { '&' } else { '?' };
    Ok(see_other(&format!("{list}{separator}cancelled={n_cancelled}")))
}
