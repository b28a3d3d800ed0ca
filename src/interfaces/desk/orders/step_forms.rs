//! The steps of an order as forms.

use crate::domain::orders::{Event, Order};
use crate::interfaces::http::hex;

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

/// A step of the seller's.
pub struct Step {
    pub name: &'static str,
    pub event: Event,
    button: &'static str,
    /// Label of what is typed with it.
    field: Option<&'static str>,
    /// What has to be ticked.
    pub tick: Option<&'static str>,
}

pub const STEPS: [Step; 5] = [
    Step::new("paid", Event::SellerSawAll, "Mark as paid"),
    Step::new("partial", Event::SellerSawPart, "Record a different amount")
        .asks("Total received so far, in coins"),
    Step::new("shipped", Event::SellerShipped, "Mark as shipped").asks("Tracking number"),
    Step::new("refunded", Event::SellerRefunded, "Mark as refunded")
        .asks("Transaction ID")
        .confirms("I have sent the refund"),
    Step::new("cancel", Event::SellerCancelled, "Cancel order")
        .asks("Reason (shown to the buyer)")
        .confirms("Yes, cancel this order"),
];

impl Step {
    const fn new(name: &'static str, event: Event, button: &'static str) -> Self {
        Self { name, event, button, field: None, tick: None }
    }

    const fn asks(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    const fn confirms(self, tick: &'static str) -> Self {
        Self { tick: Some(tick), ..self }
    }
}

const ANYWAY: &str = "The shop has seen no payment. Record the refund anyway";

/// The steps that the table of an order's life allows, and no other.
pub fn step_forms(order: &Order, random_bytes: &[u8; 32], refused: &Refused) -> Vec<StepForm> {
    STEPS
        .iter()
        .enumerate()
        .filter_map(|(n, step)| {
            let Step { name, event, button, field, tick } = step;
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
                title: button,
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
