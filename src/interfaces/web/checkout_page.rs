//! The checkout's first page: address, shipping and what else an order needs.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use crate::domain::cart::{OfferedRate, PricedCart, offered, reachable};
use crate::domain::catalog::ShippingRate;
use crate::domain::values::{AddressFormat, AddressPart, Amount, Country};
use crate::infra::store;
use crate::interfaces::web::cart::{LineView, update_basket};
use crate::interfaces::web::checkout_form::{CheckoutForm, FieldError, FormView};
use crate::interfaces::web::context::RequestContext;
use crate::interfaces::web::error::PageError;
use crate::interfaces::web::layout::Layout;
use crate::interfaces::web::refusal_texts::{contested, notice};
use crate::interfaces::web::siege;
use crate::interfaces::web::siege::ProofView;
use crate::interfaces::web::texts::{Text, text};

#[derive(Template)]
#[template(path = "orders/checkout.html")]
struct CheckoutPage<'a> {
    layout: Layout<'a>,
    form: FormView,
    refused: Vec<FieldError>,
    /// Why no order can be placed now, though the form is valid.
    unavailable: Option<Text<'static>>,
    notices: Vec<Text<'static>>,
    /// Items that are also in other unpaid orders.
    contested: Vec<Text<'static>>,
    lines: Vec<LineView>,
    total: Amount,
    /// Code, name, and whether it is chosen.
    countries: Vec<(&'static str, &'static str, bool)>,
    province: PartView,
    postcode: PartView,
    /// Whether anything is shipped, and needs an address.
    is_shipped: bool,
    charges_shipping: bool,
    rates: Vec<RateView>,
    has_discounts: bool,
    keep_days: i64,
    /// In siege mode.
    proof: Option<ProofView>,
}

impl CheckoutPage<'_> {
    fn refund_hint(&self) -> &'static str {
        if self.contested.is_empty() { "checkout-refund-hint" } else { "checkout-refund-needed" }
    }
}

/// A state or a postal code, as the chosen country asks for it.
struct PartView {
    is_shown: bool,
    label: Text<'static>,
    /// The id of a text; empty: none.
    hint: &'static str,
}

impl PartView {
    /// `names`: what texts of its labels begin with. Without a country it is not known whether it is needed.
    fn new(names: &'static str, part: Option<AddressPart>, is_filled: bool) -> Self {
        let Some(part) = part else {
            let hint = "checkout-if-used";
            return Self { is_shown: true, label: text(names), hint };
        };
        Self {
            is_shown: part.is_used || is_filled,
            label: part_label(part.name),
            hint: if part.is_required { "" } else { "checkout-optional-part" },
        }
    }
}

/// What a country calls its states or its postal codes. `name`: of [`AddressPart`].
fn part_label(name: &str) -> Text<'static> {
    text(match name {
        "area" => "checkout-area",
        "county" => "checkout-county",
        "department" => "checkout-department",
        "district" => "checkout-district",
        "do_si" | "oblast" => "checkout-region",
        "eircode" => "checkout-eircode",
        "emirate" => "checkout-emirate",
        "island" => "checkout-island",
        "parish" => "checkout-parish",
        "pin" => "checkout-pin",
        "postal" => "checkout-postcode",
        "prefecture" => "checkout-prefecture",
        "province" => "checkout-province-only",
        "state" => "checkout-state",
        _ => "checkout-zip",
    })
}

struct RateView {
    name: String,
    reach: String,
    price: Amount,
}

/// What the page shows.
pub struct Checkout {
    pub status: StatusCode,
    pub cart: PricedCart,
    pub form: CheckoutForm,
    pub refused: Vec<FieldError>,
    pub unavailable: Option<Unavailable>,
    /// The id of a text, if the buyer has to begin again.
    pub notice: Option<&'static str>,
}

/// Why no order can be placed now, though the form is valid: hence no 422.
pub struct Unavailable {
    pub status: StatusCode,
    /// The id of a text.
    pub text: &'static str,
    /// Units: seconds.
    pub retry_after: u64,
}

impl Unavailable {
    pub fn new(text: &'static str, retry_after: u64) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text, retry_after }
    }

    /// Says when to try again.
    pub fn mark(&self, response: &mut HttpResponse) {
        response.headers_mut().insert(header::RETRY_AFTER, self.retry_after.into());
    }
}

impl Checkout {
    /// An empty form.
    pub fn new(cart: PricedCart) -> Self {
        Self {
            status: StatusCode::OK,
            cart,
            form: CheckoutForm::default(),
            refused: Vec::new(),
            unavailable: None,
            notice: None,
        }
    }
}

pub async fn show_checkout(
    mut context: RequestContext,
    checkout: Checkout,
) -> Result<HttpResponse, PageError> {
    let Checkout { status, cart, form, mut refused, unavailable, notice: why } = checkout;
    let fields = form.fields();
    refused.sort_by_key(|refused| fields.iter().position(|(name, ..)| *name == refused.field));
    let shop = &context.app.shop;
    let mut db = shop.db.reader().await?;
    let rates = store::shipping::list(&mut db).await?;
    let has_discounts = store::discounts::has_any(&mut db).await?;
    drop(db);
    let country = form.country();
    let format = country.map(AddressFormat::of);
    let proof = siege::proof_view(&context, siege::Answer::default()).await?;
    let template = CheckoutPage {
        layout: Layout::new(&context, "/checkout"),
        unavailable: unavailable.as_ref().map(|why| text(why.text)),
        notices: cart.notices.iter().map(notice).chain(why.map(text)).collect(),
        contested: cart.contested.iter().map(contested).collect(),
        lines: cart.lines.iter().map(LineView::new).collect(),
        total: cart.total.unwrap_or(Amount::ZERO),
        countries: list_countries(
            reachable(&rates, &cart),
            &context.app.site.preferred_countries,
            country,
        ),
        province: PartView::new(
            "checkout-province",
            format.map(|format| format.state),
            !form.province.is_empty(),
        ),
        postcode: PartView::new(
            "checkout-postcode",
            format.map(|format| format.postcode),
            !form.postcode.is_empty(),
        ),
        form: FormView::new(&form, &refused),
        refused,
        is_shipped: cart.is_shipped(),
        charges_shipping: !rates.is_empty(),
        rates: offered(&rates, &cart).iter().map(RateView::new).collect(),
        has_discounts,
        keep_days: shop.policy.keep_days,
        proof,
    };
    let html = template.render()?;
    let cookie = update_basket(&mut context, &cart);
    let mut response = context.respond(status, &html, cookie);
    if let Some(why) = unavailable {
        why.mark(&mut response);
    }
    Ok(response)
}

impl RateView {
    fn new(offered: &OfferedRate<'_>) -> Self {
        let OfferedRate { rate, price } = offered;
        Self { name: rate.name.clone(), reach: reach(rate), price: *price }
    }
}

/// The countries of a shipping method.
fn reach(rate: &ShippingRate) -> String {
    let n = Country::all().filter(|country| rate.reaches(Some(*country))).count();
    match rate.countries.len() {
        _ if n == Country::all().count() => text("checkout-worldwide").to_string(),
        1..=4 if rate.excluded_countries.is_empty() => rate.countries.names(", "),
        _ => text("checkout-countries").count("n", n).to_string(),
    }
}

/// The countries that a shipping method reaches: the preferred ones, then the others by name.
fn list_countries(
    mut countries: Vec<Country>,
    preferred: &[Country],
    chosen: Option<Country>,
) -> Vec<(&'static str, &'static str, bool)> {
    let place = |country: &Country| {
        preferred.iter().position(|other| other == country).unwrap_or(preferred.len())
    };
    countries.sort_by_cached_key(|country| (place(country), country.sort_key()));
    let chosen = chosen.or(match countries.as_slice() {
        [only] => Some(*only),
        _ => None,
    });
    let view = |country: Country| (country.code(), country.name(), chosen == Some(country));
    countries.into_iter().map(view).collect()
}
