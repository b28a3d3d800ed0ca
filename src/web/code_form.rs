//! The form that asks for an order's code.

use crate::actions;
use crate::orders::Code;
use crate::orders::LookupName;
use crate::store;
use crate::values::text::without_hidden;
use crate::web::catalog::currency_name;
use crate::web::fields::Fields;
use crate::web::frame::Frame;
use crate::web::page::PageError;
use crate::web::page::page;
use crate::web::page::see_other;
use crate::web::state::Front;
use crate::web::visit::OpenOrder;
use crate::web::visit::Visit;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::web::Payload;
use askama::Template;

/// The form that asks for an order's code.
#[derive(Template)]
#[template(path = "orders/code.html")]
struct CodePage<'a> {
    frame: Frame<'a>,
    asked: Asked,
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

const NOT_FOUND: &str = "We could not find an order for this code. Check spelling and word order. Orders that were finished long ago, or never paid, have been erased.";

pub async fn ask(
    request: &HttpRequest,
    front: &Front,
    visit: &Visit,
    asked: Asked,
) -> Result<HttpResponse, PageError> {
    let (facts, _) = front.facts().await?;
    let frame = Frame::new(front, &facts, currency_name(front, &facts, visit), "/order");
    let status = match asked {
        Asked::New | Asked::Erased => StatusCode::OK,
        Asked::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    };
    page(request, front, visit, status, &CodePage { frame, asked })
}

/// All codes that open no order are answered alike. A text that is no code is answered by what is wrong with the text,
/// after the same look: the answer depends on no order.
pub async fn open(
    request: HttpRequest,
    front: Data<Front>,
    body: Payload,
) -> Result<HttpResponse, PageError> {
    let (fields, visit) = Fields::read(&request, &front, body).await?;
    let typed = fields.get("code");
    let code = Code::parse(typed);
    let name = match &code {
        Ok(code) => code.lookup_name(&front.shop.salt),
        Err(_) => LookupName::NOBODY,
    };
    let order = store::orders::find_by_lookup(&front.shop.db, &name).await?;
    let words = match (code, order) {
        (Ok(code), Some(order)) => {
            // Where it cannot be remembered what was seen, the order is shown all the same.
            let seen = match actions::take_seen(&front.shop, &order.order_ref).await {
                Err(error) if error.chain().any(store::is_temporary) => 0,
                taken => taken?,
            };
            let cookie = visit.order_cookie(&front, &OpenOrder { code, is_noted: true, seen });
            return Ok(see_other("/order", &[cookie]));
        }
        (Ok(_), None) => NOT_FOUND.to_owned(),
        (Err(why), _) => why.to_string(),
    };
    // A field of one line shows no line ends: words that they part would run together.
    let typed = without_hidden(typed).replace(['\r', '\n', '\t'], " ");
    ask(&request, &front, &visit, Asked::Refused { typed, words }).await
}
