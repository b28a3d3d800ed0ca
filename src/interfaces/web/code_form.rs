//! The form that asks for an order's code.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::domain::orders::{Code, LookupName};
use crate::domain::values::text::without_hidden;
use crate::infra::store;
use crate::interfaces::http::see_other;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::extract::VerifiedForm;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::page::page;
use crate::interfaces::web::reasons::not_a_code;
use crate::interfaces::web::state::AppState;
use crate::interfaces::web::texts::text;
use crate::interfaces::web::visitor::{OpenOrder, Visitor};

/// The form that asks for an order's code.
#[derive(Template)]
#[template(path = "orders/code.html")]
struct CodePage<'a> {
    layout: Layout<'a>,
    asked: Asked,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CodeForm {
    code: String,
}

/// Why the form is shown.
pub enum Asked {
    New,
    /// The buyer has just erased what the shop held of them.
    Erased,
    Refused {
        typed: String,
        words: String,
    },
}

impl Asked {
    fn is_erased(&self) -> bool {
        matches!(self, Self::Erased)
    }

    fn refused(&self) -> Option<&str> {
        match self {
            Self::Refused { words, .. } => Some(words),
            Self::New | Self::Erased => None,
        }
    }

    fn typed(&self) -> &str {
        match self {
            Self::Refused { typed, .. } => typed,
            Self::New | Self::Erased => "",
        }
    }
}

pub async fn ask(
    request: &HttpRequest,
    app: &AppState,
    visitor: &Visitor,
    asked: Asked,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = app.facts().await?;
    let layout =
        Layout::new(app, &facts, app.currency_name(&facts, visitor.currency.as_deref()), "/order");
    let status = match asked {
        Asked::New | Asked::Erased => StatusCode::OK,
        Asked::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    };
    page(request, app, visitor, status, &CodePage { layout, asked })
}

/// All codes that open no order are answered alike. A text that is no code is answered by what is wrong with the text,
/// after the same look: the answer depends on no order.
pub async fn open(
    request: HttpRequest,
    app: Data<AppState>,
    posted: VerifiedForm<CodeForm>,
) -> Result<HttpResponse, PageError> {
    let VerifiedForm { form, visitor } = posted;
    let typed = form.code.as_str();
    let code = Code::parse(typed);
    let name = match &code {
        Ok(code) => code.lookup_name(&app.shop.salt),
        Err(_) => LookupName::NOBODY,
    };
    let order = store::orders::find_by_lookup(&mut *app.shop.db.reader().await?, &name).await?;
    let words = match (code, order) {
        (Ok(code), Some(order)) => {
            // Where it cannot be remembered what was seen, the order is shown all the same.
            let seen = match actions::mark_seen(&app.shop, &order.order_ref).await {
                Err(error) if error.chain().any(store::is_temporary) => 0,
                taken => taken?,
            };
            let cookie =
                visitor.order_cookie(&app.cookie_key, &OpenOrder { code, is_noted: true, seen });
            return Ok(see_other("/order", &[cookie]));
        }
        (Ok(_), None) => text("order-code-not-found").to_string(),
        (Err(why), _) => not_a_code(&why),
    };
    // A field of one line shows no line ends: words that they part would run together.
    let typed = without_hidden(typed).replace(['\r', '\n', '\t'], " ");
    ask(&request, &app, &visitor, Asked::Refused { typed, words }).await
}
