//! The forms that change an order's status.

use crate::domain::orders::{Event, Order};
use crate::interfaces::http::hex;

/// What an error text is about, and thus where the page shows it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Subject {
    /// The whole order.
    #[default]
    Order,
    Input,
    /// The box that was not ticked.
    Confirmation,
    /// The second box, of a refund for which no payment was seen.
    SecondConfirmation,
}

/// Why a form was refused.
#[derive(Default)]
pub struct Refusal {
    /// The step, or `answer`; empty: nothing was refused.
    pub form: &'static str,
    pub subject: Subject,
    pub text: String,
    pub input: String,
}

impl Refusal {
    pub fn is_about_order(&self) -> bool {
        self.subject == Subject::Order && !self.text.is_empty()
    }

    /// Whether its text is shown at that form.
    pub fn is_at(&self, form: &str) -> bool {
        self.form == form && self.subject != Subject::Order
    }
}

/// A change of the seller's.
pub struct Step {
    pub name: &'static str,
    pub event: Event,
    pub button: &'static str,
    /// The label of its input.
    pub label: Option<&'static str>,
    pub is_optional: bool,
    /// The label of the box that must be ticked.
    pub confirmation: Option<&'static str>,
}

pub const STEPS: [Step; 5] = [
    Step::new("paid", Event::SellerConfirmedFull, "Mark as paid"),
    Step {
        label: Some("Total received so far, in coins"),
        is_optional: false,
        ..Step::new("partial", Event::SellerConfirmedPart, "Record a different amount")
    },
    Step {
        label: Some("Tracking number"),
        ..Step::new("shipped", Event::SellerShipped, "Mark as shipped")
    },
    Step {
        label: Some("Transaction ID"),
        confirmation: Some("I have sent the refund"),
        ..Step::new("refunded", Event::SellerRefunded, "Mark as refunded")
    },
    Step {
        label: Some("Reason (shown to the buyer)"),
        confirmation: Some("Yes, cancel this order"),
        ..Step::new("cancel", Event::SellerCancelled, "Cancel order")
    },
];

impl Step {
    const fn new(name: &'static str, event: Event, button: &'static str) -> Self {
        Self { name, event, button, label: None, is_optional: true, confirmation: None }
    }
}

/// The form of a step that the order's status allows.
pub struct StepForm<'a> {
    pub step: &'static Step,
    pub new_status: &'static str,
    pub idempotency_key: String,
    /// The label of the second box.
    pub second_confirmation: Option<&'static str>,
    pub refusal: Option<&'a Refusal>,
}

impl StepForm<'_> {
    pub fn input(&self) -> &str {
        self.refusal.map_or("", |refusal| &refusal.input)
    }

    pub fn is_refused_for(&self, subject: Subject) -> bool {
        self.refusal.is_some_and(|refusal| refusal.subject == subject)
    }
}

pub fn step_forms<'a>(
    order: &Order,
    random_bytes: &[u8; 32],
    refusal: &'a Refusal,
) -> Vec<StepForm<'a>> {
    let form = |(n, step): (usize, &'static Step)| {
        let new_status = order.status.after(step.event).or_else(|error| match step.event {
            // A paid order can still turn out to be overpaid.
            Event::SellerConfirmedPart => order.status.after(Event::SellerConfirmedMore),
            _ => Err(error),
        });
        let is_unpaid_refund = step.event == Event::SellerRefunded && !order.has_received();
        // Each form has its own key.
        let mut key = *random_bytes;
        key[0] ^= u8::try_from(n + 1).unwrap_or(u8::MAX);
        Some(StepForm {
            step,
            new_status: new_status.ok()?.for_seller(),
            idempotency_key: hex(&key),
            second_confirmation: is_unpaid_refund
                .then_some("The shop has seen no payment. Record the refund anyway"),
            refusal: Some(refusal).filter(|refusal| refusal.is_at(step.name)),
        })
    };
    STEPS.iter().enumerate().filter_map(form).collect()
}
