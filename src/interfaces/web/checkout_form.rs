//! The checkout's form: its fields, as they are sent and as they are shown again.

use serde::{Deserialize, Serialize};

use crate::domain::orders::{DraftForm, Refusal};
use crate::domain::values::Country;
use crate::domain::values::text::without_hidden;
use crate::interfaces::web::refusal_texts::refusal;

/// The form as the browser sends it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckoutForm {
    recipient: String,
    street: String,
    city: String,
    pub province: String,
    pub postcode: String,
    country: String,
    pgp: String,
    shipping: String,
    note: String,
    email: String,
    refund: String,
    transaction: String,
    discount: String,
}

impl CheckoutForm {
    /// The fields in the order of the page: name, longest text in characters, input.
    pub fn fields(&self) -> [(&'static str, usize, &str); 13] {
        [
            ("country", 60, &self.country),
            ("recipient", 100, &self.recipient),
            ("street", 200, &self.street),
            ("city", 100, &self.city),
            ("province", 100, &self.province),
            ("postcode", 20, &self.postcode),
            ("pgp", 16_000, &self.pgp),
            ("shipping", 80, &self.shipping),
            ("note", 2_000, &self.note),
            ("email", 120, &self.email),
            ("refund", 120, &self.refund),
            ("transaction", 100, &self.transaction),
            ("discount", 40, &self.discount),
        ]
    }

    /// The chosen country, if it is one.
    pub fn country(&self) -> Option<Country> {
        Country::parse(&without_hidden(&self.country)).ok()
    }

    pub fn draft(&self) -> DraftForm<'_> {
        DraftForm {
            recipient: &self.recipient,
            street: &self.street,
            city: &self.city,
            province: &self.province,
            country: &self.country,
            postcode: &self.postcode,
            shipping: &self.shipping,
            email: &self.email,
            note: &self.note,
            refund: &self.refund,
            transaction: &self.transaction,
            pgp: &self.pgp,
            discount: &self.discount,
        }
    }
}

/// The form as it is shown: with the buyer's input, and what is wrong with each field.
pub struct FormView {
    fields: Vec<FieldView>,
}

/// What is wrong with a field.
pub struct FieldError {
    pub field: &'static str,
    pub why: String,
}

impl FieldError {
    pub fn new(refused: &Refusal) -> Self {
        Self { field: refused.field, why: refusal(refused).to_string() }
    }
}

pub struct FieldView {
    pub name: &'static str,
    pub most: usize,
    pub value: String,
    pub error: String,
    pub is_first_refused: bool,
}

impl FormView {
    pub fn new(form: &CheckoutForm, refused: &[FieldError]) -> Self {
        let error = |name: &str| refused.iter().find(|refused| refused.field == name);
        let fields = form.fields();
        let first = fields.iter().map(|(name, ..)| *name).find(|name| error(name).is_some());
        let fields = fields.map(|(name, most, value)| FieldView {
            name,
            most,
            value: without_hidden(value),
            error: error(name).map(|refused| refused.why.clone()).unwrap_or_default(),
            is_first_refused: first == Some(name),
        });
        Self { fields: fields.into() }
    }

    pub fn field(&self, name: &str) -> &FieldView {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .expect("the template names fields of `CheckoutForm::fields`")
    }
}

impl FieldView {
    pub fn is_refused(&self) -> bool {
        !self.error.is_empty()
    }

    pub fn is_used(&self) -> bool {
        self.is_refused() || !self.value.is_empty()
    }
}
