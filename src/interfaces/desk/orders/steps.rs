//! Changes an order's status, and answers its buyer.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, web};
use serde::Deserialize;

use crate::actions;
use crate::actions::{AnswerError, ChangeAtDeskError, ChangeOrderError, OrderChange};
use crate::domain::orders::{Event, MAX_ARGUMENT, Refund, Status};
use crate::domain::values::text::sentence;
use crate::domain::values::{Amount, Line};
use crate::interfaces::desk::amounts::read_coins;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{checkbox, parse_idempotency_key};
use crate::interfaces::desk::orders::order_page;
use crate::interfaces::desk::orders::step_forms::{Refusal, STEPS, Step, Subject};
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{FormError, now};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct StepSubmission {
    step: String,
    /// The status that the page showed.
    seen: String,
    once: String,
    #[serde(rename = "word")]
    input: String,
    #[serde(deserialize_with = "checkbox")]
    sure: bool,
    #[serde(deserialize_with = "checkbox")]
    anyway: bool,
}

pub async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    order_ref: web::Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<StepSubmission>,
) -> DeskResult {
    let order = order_page::find(&desk, &seller, &order_ref).await?;
    let step = STEPS.iter().find(|step| step.name == form.step).ok_or(FormError::ContentType)?;
    let seen = Status::parse(&form.seen).map_err(|_| FormError::ContentType)?;
    let key = parse_idempotency_key(&form.once)?;
    let refusal =
        |subject, text| Refusal { form: step.name, subject, text, input: form.input.clone() };
    let change = match read_change(step, &form) {
        Ok(change) => change,
        Err((subject, text)) => {
            let (status, refusal) = (StatusCode::UNPROCESSABLE_ENTITY, refusal(subject, text));
            return order_page::show_order(&request, &desk, &seller, &order, status, &refusal)
                .await;
        }
    };
    let order_ref = &order.order_ref;
    let changed =
        actions::change_order_at_desk(&desk.shop, order_ref, &change, seen, &key, now()).await;
    let error = match changed {
        Ok(status) => {
            let done = if status == Status::Oversold { "oversold" } else { step.name };
            return Ok(see_other(&format!("/orders/{order_ref}?done={done}")));
        }
        Err(ChangeAtDeskError::Broken(error)) => return Err(error.into()),
        Err(error) => error,
    };
    let order = order_page::find(&desk, &seller, order_ref.as_str()).await?;
    let (status, refusal) = match error {
        ChangeAtDeskError::Unchanged(ChangeOrderError::NothingReceived) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            refusal(
                Subject::SecondConfirmation,
                "The shop has seen no payment for this order, and the buyer would read that a refund was sent. If you \
                 did send one, tick the second box too."
                    .to_owned(),
            ),
        ),
        ChangeAtDeskError::Unchanged(
            error @ (ChangeOrderError::NotPartial(_)
            | ChangeOrderError::NotMore(_)
            | ChangeOrderError::NoPart),
        ) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            refusal(Subject::Input, sentence(&error.to_string())),
        ),
        ChangeAtDeskError::Unchanged(error @ ChangeOrderError::TooFew { .. }) => (
            StatusCode::CONFLICT,
            refusal(Subject::Order, format!("Nothing was changed. {error}.")),
        ),
        _ => {
            let text = format!(
                "Nothing was changed: the order has changed since you opened its page. Its status is now: {}.",
                order.status.for_seller()
            );
            (StatusCode::CONFLICT, refusal(Subject::Order, text))
        }
    };
    order_page::show_order(&request, &desk, &seller, &order, status, &refusal).await
}

/// # Errors
/// What the form's error is about, and its text.
fn read_change(step: &Step, form: &StepSubmission) -> Result<OrderChange, (Subject, String)> {
    if step.confirmation.is_some() && !form.sure {
        let text = "Please tick the box to confirm: this cannot be undone.";
        return Err((Subject::Confirmation, text.to_owned()));
    }
    let line = || {
        Line::parse(&form.input, MAX_ARGUMENT)
            .map_err(|fault| (Subject::Input, sentence(&fault.to_string())))
    };
    match step.event {
        Event::SellerConfirmedFull => Ok(OrderChange::Paid),
        Event::SellerConfirmedPart => match read_coins(&form.input) {
            Ok(Amount::ZERO) => Err((Subject::Input, "Enter more than 0.".to_owned())),
            Ok(amount) => Ok(OrderChange::Partial(amount)),
            Err(text) => Err((Subject::Input, text)),
        },
        Event::SellerShipped => Ok(OrderChange::Shipped(line()?)),
        Event::SellerRefunded => {
            Ok(OrderChange::Refunded(Refund { txid: line()?, anyway: form.anyway }))
        }
        _ => Ok(OrderChange::Cancelled(line()?)),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AnswerForm {
    once: String,
    answer: String,
}

/// Sends a message to the buyer.
pub async fn answer(
    request: HttpRequest,
    desk: Data<Desk>,
    order_ref: web::Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<AnswerForm>,
) -> DeskResult {
    let order = order_page::find(&desk, &seller, &order_ref).await?;
    let key = parse_idempotency_key(&form.once)?;
    let order_ref = &order.order_ref;
    match actions::answer_buyer(&desk.shop, order_ref, &form.answer, &key, now()).await {
        Ok(()) => Ok(see_other(&format!("/orders/{order_ref}?done=answered"))),
        Err(AnswerError::Broken(error)) => Err(error.into()),
        Err(error) => {
            let refusal = Refusal {
                form: "answer",
                subject: Subject::Input,
                text: error.to_string(),
                input: form.answer,
            };
            let order = order_page::find(&desk, &seller, order_ref.as_str()).await?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            order_page::show_order(&request, &desk, &seller, &order, status, &refusal).await
        }
    }
}
