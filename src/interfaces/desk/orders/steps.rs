//! The forms that change an order's status.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::actions;
use crate::actions::{AnswerError, ChangeAtDeskError, ChangeOrderError, OrderChange};
use crate::domain::orders::draft::sentence;
use crate::domain::orders::{Event, MOST_ARGUMENT, Refund, Status};
use crate::domain::values::{Amount, Line};
use crate::interfaces::desk::amounts::read_coins;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::{Once, ticked};
use crate::interfaces::desk::orders::one;
use crate::interfaces::desk::orders::step_forms::{Refused, STEPS, Step};
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{FormError, now};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct StepSubmission {
    step: String,
    seen: String,
    once: Once,
    word: String,
    #[serde(deserialize_with = "ticked")]
    sure: bool,
    #[serde(deserialize_with = "ticked")]
    anyway: bool,
}

pub async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    order_ref: web::Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<StepSubmission>,
) -> Result<HttpResponse, DeskError> {
    let order = one::find(&desk, &seller, &order_ref).await?;
    let name = &form.step;
    let step = STEPS.iter().find(|step| step.name == form.step).ok_or(FormError::ContentType)?;
    let seen = Status::parse(&form.seen).map_err(|_| FormError::ContentType)?;
    let once = form.once.bytes()?;
    let typed = form.word.clone();
    let mut refused = Refused { what: name.clone(), typed: typed.clone(), ..Refused::default() };
    let change = match change(step, &form, &typed) {
        Ok(change) => change,
        Err(words) => {
            refused.words = words;
            refused.is_about_tick = is_unsure(step, &form);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return one::show_order(&request, &desk, &seller, &order, status, &refused).await;
        }
    };
    let order_ref = &order.order_ref;
    let untaken =
        match actions::change_order_at_desk(&desk.shop, order_ref, &change, seen, &once, now())
            .await
        {
            Ok(status) => {
                let done = if status == Status::Oversold { "oversold" } else { name };
                return Ok(see_other(&format!("/orders/{order_ref}?done={done}")));
            }
            Err(ChangeAtDeskError::Broken(error)) => return Err(error.into()),
            Err(untaken) => untaken,
        };
    refused.is_about_order = true;
    let status = match untaken {
        ChangeAtDeskError::Unchanged(ChangeOrderError::NothingReceived) => {
            (refused.is_about_order, refused.is_about_anyway) = (false, true);
            refused.words = "The shop has seen no payment for this order, and the buyer would read that a refund was sent. If you \
                             did send one, tick the second box too."
                .to_owned();
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ChangeAtDeskError::Unchanged(
            unchanged @ (ChangeOrderError::NotPartial(_)
            | ChangeOrderError::NotMore(_)
            | ChangeOrderError::NoPart),
        ) => {
            refused.is_about_order = false;
            refused.words = sentence(&unchanged.to_string());
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ChangeAtDeskError::Unchanged(unchanged @ ChangeOrderError::TooFew { .. }) => {
            refused.words = format!("Nothing was changed. {unchanged}.");
            StatusCode::CONFLICT
        }
        _ => StatusCode::CONFLICT,
    };
    let order = one::find(&desk, &seller, order_ref.as_str()).await?;
    if refused.words.is_empty() {
        refused.words = format!(
            "Nothing was changed: the order has changed since you opened its page. Its status is now: {}.",
            order.status.for_seller()
        );
    }
    one::show_order(&request, &desk, &seller, &order, status, &refused).await
}

/// Whether what has to be ticked was not.
fn is_unsure(step: &Step, form: &StepSubmission) -> bool {
    step.tick.is_some() && !form.sure
}

fn change(step: &Step, form: &StepSubmission, typed: &str) -> Result<OrderChange, String> {
    let line = || Line::parse(typed, MOST_ARGUMENT).map_err(|fault| sentence(&fault.to_string()));
    if is_unsure(step, form) {
        return Err("Please tick the box to confirm: this cannot be undone.".to_owned());
    }
    match step.event {
        Event::SellerSawAll => Ok(OrderChange::Paid),
        Event::SellerSawPart => match read_coins(typed) {
            Ok(Amount::ZERO) => Err("Enter more than 0.".to_owned()),
            Ok(sum) => Ok(OrderChange::Partial(sum)),
            Err(words) => Err(words),
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
    once: Once,
    answer: String,
}

/// Words for the buyer: these alone, since each step has a form of its own.
pub async fn answer(
    request: HttpRequest,
    desk: Data<Desk>,
    order_ref: web::Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<AnswerForm>,
) -> Result<HttpResponse, DeskError> {
    let order = one::find(&desk, &seller, &order_ref).await?;
    let (once, typed) = (form.once.bytes()?, &form.answer);
    let order_ref = &order.order_ref;
    match actions::answer_buyer(&desk.shop, order_ref, typed, &once, now()).await {
        Ok(()) => Ok(see_other(&format!("/orders/{order_ref}?done=answered"))),
        Err(AnswerError::Broken(error)) => Err(error.into()),
        Err(unanswered) => {
            let refused = Refused {
                what: "answer".to_owned(),
                words: unanswered.to_string(),
                typed: typed.clone(),
                ..Refused::default()
            };
            let order = one::find(&desk, &seller, order_ref.as_str()).await?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            one::show_order(&request, &desk, &seller, &order, status, &refused).await
        }
    }
}
