//! An order's pages.

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use serde::Deserialize;

use crate::actions;
use crate::actions::{AskSellerError, Question, ReportPaymentError, UnfitMessage};
use crate::domain::orders::{LookupName, Order, Refusal};
use crate::domain::payment::qr;
use crate::domain::values::Amount;
use crate::domain::values::text::without_hidden;
use crate::interfaces::http::{now, random_bytes, see_other};
use crate::interfaces::web::code_form;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::error_page::RETRY_SECONDS;
use crate::interfaces::web::extract::{VerifiedForm, VerifiedVisitor};
use crate::interfaces::web::open_order::{find_open, lookup_name};
use crate::interfaces::web::order_page::{OrderFormError, show_order};
use crate::interfaces::web::refusal_texts::refusal;
use crate::interfaces::web::texts::text;
use crate::interfaces::web::visitor::{OpenOrder, Visitor};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TransactionForm {
    transaction: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct MessageForm {
    message: String,
    pgp: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct EraseForm {
    confirm: String,
}

/// In the URL after the buyer has erased everything: it identifies nobody.
const ERASED: &str = "erased";

pub async fn show(context: RequestContext) -> Result<HttpResponse, PageError> {
    match find_open(&context).await {
        Err(PageError::NoOrderOpen) => {
            code_form::show(&context, context.request.query_string() == ERASED)
        }
        order => show_order(context, &order?, OrderFormError::default()).await,
    }
}

pub async fn mark_code_saved(posted: VerifiedVisitor) -> Result<HttpResponse, PageError> {
    let VerifiedVisitor { app, mut visitor } = posted;
    let mut cookies = Vec::new();
    if let Some(order) = visitor.open_order.take() {
        cookies.push(
            visitor.order_cookie(&app.cookie_key, &OpenOrder { is_code_saved: true, ..order }),
        );
    }
    Ok(see_other("/order", &cookies))
}

pub async fn report(posted: VerifiedForm<TransactionForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let (shop, name) = (&context.app.shop, lookup_name(&context)?);
    let refused = match actions::report_payment(shop, &name, &form.transaction, now()).await {
        Ok(()) => return Ok(see_other("/order", &[])),
        Err(ReportPaymentError::NoOrder) => return Err(PageError::NoOrderOpen),
        Err(ReportPaymentError::Refused(why)) => {
            OrderFormError::invalid("transaction", refusal(&Refusal::new("transaction", why)))
        }
        Err(ReportPaymentError::Broken(error)) => {
            OrderFormError::unavailable("transaction", error)?
        }
    };
    refuse(context, refused.with_input(vec![("transaction", form.transaction)])).await
}

pub async fn ask(posted: VerifiedForm<MessageForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form: MessageForm { message, pgp }, context } = posted;
    let open = context.visitor.open_order.as_ref().ok_or(PageError::NoOrderOpen)?;
    let once = open.code.message_hash(&format!("{message}\n{pgp}"), now());
    let pgp_shown = text("order-message-encrypted").to_string();
    let question = Question { message: &message, pgp: &pgp, pgp_shown: &pgp_shown, once };
    let (shop, name) = (&context.app.shop, lookup_name(&context)?);
    let (refused, left) = match actions::ask_seller(shop, &name, &question, now()).await {
        Ok(()) => return Ok(see_other("/order#messages", &[])),
        Err(AskSellerError::NoOrder) => return Err(PageError::NoOrderOpen),
        Err(AskSellerError::Refused(UnfitMessage { refusal: why, left })) => {
            (OrderFormError::invalid(why.field, refusal(&why)), left)
        }
        Err(AskSellerError::Broken(error)) => {
            let field = if pgp.trim().is_empty() { "message" } else { "pgp" };
            (OrderFormError::unavailable(field, error)?, None)
        }
    };
    let message = left.unwrap_or_else(|| without_hidden(&message));
    let typed = vec![("message", message), ("pgp", pgp)];
    refuse(context, refused.with_input(typed)).await
}

pub async fn erase(posted: VerifiedForm<EraseForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let (shop, name) = (&context.app.shop, lookup_name(&context)?);
    if form.confirm.is_empty() {
        let refused = OrderFormError::invalid("confirm", text("refusal-erase-unconfirmed"));
        return refuse(context, refused).await;
    }
    match actions::erase_buyer(shop, &name, LookupName(random_bytes()), now()).await {
        Ok(true) => Ok(clear_order(&context.visitor, &format!("/order?{ERASED}"))),
        Ok(false) => Err(PageError::NoOrderOpen),
        Err(error) => refuse(context, OrderFormError::unavailable("confirm", error)?).await,
    }
}

pub async fn close(posted: VerifiedVisitor) -> Result<HttpResponse, PageError> {
    Ok(clear_order(&posted.visitor, "/order"))
}

/// Makes the browser forget the order.
fn clear_order(visitor: &Visitor, next: &str) -> HttpResponse {
    let mut response = see_other(next, &visitor.remove_order_cookies());
    let cleared = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), cleared);
    response
}

pub async fn show_link_qr(context: RequestContext) -> Result<HttpResponse, PageError> {
    let (order, due) = find_payable(&context).await?;
    show_qr(&order.invoice.link(due))
}

pub async fn show_address_qr(context: RequestContext) -> Result<HttpResponse, PageError> {
    let (order, _) = find_payable(&context).await?;
    show_qr(order.invoice.address.as_str())
}

fn show_qr(text: &str) -> Result<HttpResponse, PageError> {
    let picture = qr::png(text).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(picture))
}

/// The order, and the amount that is due now.
async fn find_payable(context: &RequestContext) -> Result<(Order, Amount), PageError> {
    let order = find_open(context).await?;
    let tolerance = context.app.shop.policy.tolerance;
    let due = order.amount_to_pay(tolerance, context.app.trusted_now().await?);
    Ok((order, due.ok_or(PageError::NotFound)?))
}

/// The order's page again, with the input and why it was refused.
async fn refuse(
    context: RequestContext,
    refused: OrderFormError,
) -> Result<HttpResponse, PageError> {
    let is_temporary = refused.status == StatusCode::SERVICE_UNAVAILABLE;
    let order = find_open(&context).await?;
    let mut response = show_order(context, &order, refused).await?;
    if is_temporary {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_SECONDS.into());
    }
    Ok(response)
}
