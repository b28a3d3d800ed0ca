//! The forms that change an order's status.

use crate::actions;
use crate::actions::AddPictureError;
use crate::actions::OrderChange;
use crate::actions::Unchanged;
use crate::domain::orders::Event;
use crate::domain::orders::MOST_ARGUMENT;
use crate::domain::orders::Order;
use crate::domain::orders::Refund;
use crate::domain::orders::Status;
use crate::domain::orders::draft::sentence;
use crate::domain::values::Amount;
use crate::domain::values::Line;
use crate::interfaces::desk::amounts::read_coins;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::Once;
use crate::interfaces::desk::form::ticked;
use crate::interfaces::desk::orders::one;
use crate::interfaces::desk::page::see_other;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::FormError;
use crate::interfaces::http::hex;
use crate::interfaces::http::now;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use actix_web::web::Data;
use serde::Deserialize;

/// What was not done, and what was typed.
#[derive(Default)]
pub struct Refused {
    /// The step, or `answer`; empty: nothing was refused.
    pub what: String,
    pub words: String,
    pub typed: String,
    /// Whether the words stand above the page, since they are about no field.
    pub is_about_order: bool,
    /// Whether they are about the box that was not ticked.
    pub is_about_tick: bool,
    /// Whether they are about the box beside it, for an order that nobody has paid.
    pub is_about_anyway: bool,
}

impl Refused {
    pub fn is(&self, what: &str) -> bool {
        self.what == what && !self.is_about_order
    }
}

/// A step that the order's state allows, as a form.
pub struct StepForm {
    pub name: &'static str,
    pub title: &'static str,
    /// Where the order stands then.
    pub then: &'static str,
    /// Label of what is typed with it.
    pub field: Option<&'static str>,
    pub is_optional: bool,
    /// What has to be ticked.
    pub tick: Option<&'static str>,
    /// What has to be ticked too, since the shop knows of no payment.
    pub anyway: Option<&'static str>,
    pub once: String,
    pub typed: String,
    pub fault: String,
    /// Whether the box was not ticked.
    pub is_unsure: bool,
    /// The same of the one beside it.
    pub is_unsure_anyway: bool,
}

impl StepForm {
    pub fn is_word_faulty(&self) -> bool {
        !self.fault.is_empty() && !self.is_unsure && !self.is_unsure_anyway
    }
}

/// Every step of the seller's: its name, what happens, the button, the field, what has to be ticked.
type Step = (&'static str, Event, &'static str, Option<&'static str>, Option<&'static str>);
const STEPS: [Step; 5] = [
    ("paid", Event::SellerSawAll, "Mark as paid", None, None),
    (
        "partial",
        Event::SellerSawPart,
        "Record a different amount",
        Some("Total received so far, in coins"),
        None,
    ),
    ("shipped", Event::SellerShipped, "Mark as shipped", Some("Tracking number"), None),
    (
        "refunded",
        Event::SellerRefunded,
        "Mark as refunded",
        Some("Transaction ID"),
        Some("I have sent the refund"),
    ),
    (
        "cancel",
        Event::SellerCancelled,
        "Cancel order",
        Some("Reason (shown to the buyer)"),
        Some("Yes, cancel this order"),
    ),
];

const ANYWAY: &str = "The shop has seen no payment. Record the refund anyway";

/// The steps that the table of an order's life allows, and no other.
pub fn step_forms(order: &Order, random_bytes: &[u8; 32], refused: &Refused) -> Vec<StepForm> {
    STEPS
        .iter()
        .enumerate()
        .filter_map(|(n, (name, event, title, field, tick))| {
            // What is paid already can still turn out to be more than was due.
            let then = order.status.after(*event).or_else(|misstep| match event {
                Event::SellerSawPart => order.status.after(Event::SellerSawMore),
                _ => Err(misstep),
            });
            let then = then.ok()?;
            let is_unreceived = *event == Event::SellerRefunded && !order.has_received();
            // Each form is known by a name of its own.
            let mut once = *random_bytes;
            once[0] ^= u8::try_from(n + 1).unwrap_or(u8::MAX);
            let is_refused = refused.is(name);
            Some(StepForm {
                name,
                title,
                then: then.for_seller(),
                field: *field,
                is_optional: *name != "partial",
                tick: *tick,
                anyway: is_unreceived.then_some(ANYWAY),
                once: hex(&once),
                typed: if is_refused { refused.typed.clone() } else { String::new() },
                fault: if is_refused { refused.words.clone() } else { String::new() },
                is_unsure: is_refused && refused.is_about_tick,
                is_unsure_anyway: is_refused && refused.is_about_anyway,
            })
        })
        .collect()
}

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
    let order = match one::find(&desk, &seller, &order_ref).await? {
        Ok(order) => order,
        Err(none) => return Ok(none),
    };
    let name = &form.step;
    let step =
        STEPS.iter().find(|(known, ..)| *known == form.step).ok_or(FormError::ContentType)?;
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
        match actions::take_step(&desk.shop, order_ref, &change, seen, &once, now()).await? {
            Ok(_) => return Ok(see_other(&format!("/orders/{order_ref}?done={name}"))),
            Err(untaken) => untaken,
        };
    refused.is_about_order = true;
    let status = match untaken {
        AddPictureError::Unchanged(Unchanged::NothingReceived) => {
            (refused.is_about_order, refused.is_about_anyway) = (false, true);
            refused.words = "The shop has seen no payment for this order, and the buyer would read that a refund was sent. If you \
                             did send one, tick the second box too."
                .to_owned();
            StatusCode::UNPROCESSABLE_ENTITY
        }
        AddPictureError::Unchanged(
            unchanged @ (Unchanged::NotPartial(_) | Unchanged::NotMore(_) | Unchanged::NoPart),
        ) => {
            refused.is_about_order = false;
            refused.words = sentence(&unchanged.to_string());
            StatusCode::UNPROCESSABLE_ENTITY
        }
        AddPictureError::Unchanged(unchanged @ Unchanged::TooFew { .. }) => {
            refused.words = format!("Nothing was changed. {unchanged}.");
            StatusCode::CONFLICT
        }
        AddPictureError::NoOrder | AddPictureError::Moved(_) | AddPictureError::Unchanged(_) => {
            StatusCode::CONFLICT
        }
    };
    let order = match one::find(&desk, &seller, order_ref.as_str()).await? {
        Ok(order) => order,
        Err(none) => return Ok(none),
    };
    if refused.words.is_empty() {
        refused.words = format!(
            "Nothing was changed: the order has changed since you opened its page. Its status is now: {}.",
            order.status.for_seller()
        );
    }
    one::show_order(&request, &desk, &seller, &order, status, &refused).await
}

/// Whether what has to be ticked was not.
fn is_unsure((.., tick): &Step, form: &StepSubmission) -> bool {
    tick.is_some() && !form.sure
}

fn change(step: &Step, form: &StepSubmission, typed: &str) -> Result<OrderChange, String> {
    let (_, event, ..) = step;
    let line = || Line::parse(typed, MOST_ARGUMENT).map_err(|fault| sentence(&fault.to_string()));
    if is_unsure(step, form) {
        return Err("Please tick the box to confirm: this cannot be undone.".to_owned());
    }
    match event {
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
    let order = match one::find(&desk, &seller, &order_ref).await? {
        Ok(order) => order,
        Err(none) => return Ok(none),
    };
    let (once, typed) = (form.once.bytes()?, &form.answer);
    let order_ref = &order.order_ref;
    match actions::answer_buyer(&desk.shop, order_ref, typed, &once, now()).await? {
        Ok(()) => Ok(see_other(&format!("/orders/{order_ref}?done=answered"))),
        Err(unanswered) => {
            let refused = Refused {
                what: "answer".to_owned(),
                words: unanswered.to_string(),
                typed: typed.clone(),
                ..Refused::default()
            };
            let order = match one::find(&desk, &seller, order_ref.as_str()).await? {
                Ok(order) => order,
                Err(none) => return Ok(none),
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            one::show_order(&request, &desk, &seller, &order, status, &refused).await
        }
    }
}
