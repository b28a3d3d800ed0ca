//! The form that asks for an order's code.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::domain::orders::{Code, LookupName};
use crate::domain::values::text::without_hidden;
use crate::infra::store;
use crate::interfaces::http::see_other;
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::refusal_texts::not_a_code;
use crate::interfaces::web::texts::text;
use crate::interfaces::web::visitor::OpenOrder;

#[derive(Template)]
#[template(path = "orders/code.html")]
struct CodePage<'a> {
    layout: Layout<'a>,
    /// Whether the buyer has just erased their data.
    is_erased: bool,
    typed: String,
    /// Why the code was refused.
    refused: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CodeForm {
    code: String,
}

/// `is_erased`: the buyer has just erased their data.
pub fn show(context: &RequestContext, is_erased: bool) -> Result<HttpResponse, PageError> {
    let layout = Layout::new(context, "/order");
    let template = CodePage { layout, is_erased, typed: String::new(), refused: None };
    context.render(StatusCode::OK, &template)
}

/// All codes that open no order get the same response. A text that is no code is looked up all the same before the
/// response says what is wrong with it, so that the response time depends on no order.
pub async fn open(posted: VerifiedForm<CodeForm>) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, context } = posted;
    let RequestContext { app, visitor, .. } = &context;
    let code = Code::parse(&form.code);
    let name = match &code {
        Ok(code) => code.lookup_name(&app.shop.salt),
        Err(_) => LookupName::NOBODY,
    };
    let order = store::orders::find_by_lookup(&mut *app.shop.db.reader().await?, &name).await?;
    let why = match (code, order) {
        (Ok(code), Some(order)) => {
            // If the read position cannot be stored now, the order is shown all the same.
            let last_seen = match actions::mark_seen(&app.shop, &order.order_ref).await {
                Err(error) if error.chain().any(store::is_temporary) => 0,
                last_seen => last_seen?,
            };
            let order = OpenOrder { code, is_code_saved: true, last_seen };
            return Ok(see_other("/order", &[visitor.order_cookie(&app.cookie_key, &order)]));
        }
        (Ok(_), None) => text("order-code-not-found").to_string(),
        (Err(why), _) => not_a_code(&why),
    };
    // A field of one line shows no line ends: the words around them would run together.
    let typed = without_hidden(&form.code).replace(['\r', '\n', '\t'], " ");
    let layout = Layout::new(&context, "/order");
    let template = CodePage { layout, is_erased: false, typed, refused: Some(why) };
    context.render(StatusCode::UNPROCESSABLE_ENTITY, &template)
}
