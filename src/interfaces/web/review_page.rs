//! The checkout's second page: the whole order, before it is placed.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::actions;
use crate::actions::OrderPreview;
use crate::domain::orders::Draft;
use crate::domain::values::Amount;
use crate::interfaces::web::cart::update_basket;
use crate::interfaces::web::checkout_form::CheckoutForm;
use crate::interfaces::web::checkout_page::Unavailable;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::open_order::{BillLine, adjustments, item};
use crate::interfaces::web::receipt::write_receipt;
use crate::interfaces::web::refusal_texts::{contested, notice};
use crate::interfaces::web::sealed_draft::SealedDraft;
use crate::interfaces::web::siege;
use crate::interfaces::web::siege::{Answer, ProofView};
use crate::interfaces::web::texts::{Text, text};

#[derive(Template)]
#[template(path = "orders/review.html")]
struct ReviewPage<'a> {
    layout: Layout<'a>,
    /// Why no order can be placed now.
    unavailable: Option<Text<'static>>,
    notices: Vec<Text<'static>>,
    contested: Vec<Text<'static>>,
    bill: Vec<BillLine>,
    total: Amount,
    /// Address, note and the rest, as the order's page will show them.
    receipt: String,
    keep_days: i64,
    /// How long the price is guaranteed.
    payment_time: Text<'static>,
    draft: String,
    /// In siege mode.
    proof: Option<ProofView>,
    /// What the buyer read in the picture, and what is wrong with it.
    answer: String,
    answer_error: Option<String>,
}

/// What the page shows.
pub struct Review {
    pub status: StatusCode,
    pub preview: OrderPreview,
    pub draft: Draft,
    pub form: CheckoutForm,
    /// Whether the buyer reviewed another order than this one.
    pub is_outdated: bool,
    pub unavailable: Option<Unavailable>,
    /// In siege mode: the picture that was answered, and why the answer is refused.
    pub challenge: String,
    pub answer: String,
    pub answer_error: Option<String>,
}

pub async fn show_review(
    mut context: RequestContext,
    review: Review,
) -> Result<HttpResponse, PageError> {
    let OrderPreview { cart, quote } = review.preview;
    let shop = &context.app.shop;
    let sent = Answer { challenge: &review.challenge, typed: &review.answer };
    let proof = siege::proof_view(&context, sent).await?;
    let mut notices: Vec<_> = cart.notices.iter().map(notice).collect();
    if review.is_outdated && notices.is_empty() {
        notices.push(text("checkout-total-changed"));
    }
    let items = cart.lines.iter().filter_map(|line| {
        let sum = line.sum?;
        Some(item(line.quantity, &line.offer.full_name(), sum))
    });
    let basket = context.visitor.basket.id;
    let sealed = SealedDraft::new(basket, &cart.currency, quote.total, review.form);
    let template = ReviewPage {
        layout: Layout::new(&context, "/checkout"),
        unavailable: review.unavailable.as_ref().map(|why| text(why.text)),
        notices,
        contested: cart.contested.iter().map(contested).collect(),
        bill: items.chain(adjustments(quote.discount.as_ref(), quote.shipping.as_ref())).collect(),
        total: quote.total,
        receipt: write_receipt(&review.draft.buyer),
        keep_days: shop.policy.keep_days,
        payment_time: duration(actions::minutes_to_pay(shop, proof.is_some())),
        draft: sealed.seal(&context.app.cookie_key),
        proof,
        answer: review.answer,
        answer_error: review.answer_error,
    };
    let html = template.render()?;
    let cookie = update_basket(&mut context, &cart);
    let mut response = context.respond(review.status, &html, cookie);
    if let Some(why) = review.unavailable {
        why.mark(&mut response);
    }
    Ok(response)
}

/// `2 hours`, or `90 minutes` if it is not whole hours.
fn duration(minutes: i64) -> Text<'static> {
    match minutes % 60 {
        0 => text("checkout-hours").count("n", minutes / 60),
        _ => text("checkout-minutes").count("n", minutes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_whole_hours_if_possible() {
        for (minutes, expected) in [
            (1, "1 minute"),
            (45, "45 minutes"),
            (60, "1 hour"),
            (90, "90 minutes"),
            (120, "2 hours"),
        ] {
            assert_eq!(duration(minutes).to_string(), expected);
        }
    }
}
