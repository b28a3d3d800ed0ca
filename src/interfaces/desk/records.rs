//! Records of the catalog that the desk lists, adds, changes, orders and removes: what their pages share.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::actions::{Saved, Shop};
use crate::domain::catalog::{Fault, Json};
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::confirmation::{ConfirmationPage, Obstacles};
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::field_view::{FaultLine, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::record_faults::{Faults, add_faults};
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::query_field;

/// A form as a record of the seller's file.
#[derive(Default)]
pub struct Written {
    pub fields: Vec<(String, Json)>,
    /// The form's field of each amount, in the order of the record's list.
    pub amounts: Vec<String>,
    /// What the form itself finds wrong.
    pub faults: Faults,
}

/// What happened to a record since its form was made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    None,
    Changed,
    Removed,
}

/// A form as it is shown.
pub struct RecordView<'a, R> {
    pub layout: DeskLayout<'a>,
    pub was: &'a str,
    pub edition: i64,
    /// The record that is changed, as far as it is known.
    pub record: Option<&'a R>,
    /// What was sent, where the form is shown again.
    pub form: Option<&'a RecordForm>,
    fields: Vec<FieldView>,
    pub faults: Vec<FaultLine>,
    conflict: Conflict,
    pub fresh: Fresh,
}

impl<R> RecordView<'_, R> {
    pub fn was_changed(&self) -> bool {
        self.conflict == Conflict::Changed
    }

    pub fn was_removed(&self) -> bool {
        self.conflict == Conflict::Removed
    }

    pub fn fields<'b>(&'b self, names: &'b [&str]) -> impl Iterator<Item = &'b FieldView> {
        self.fields.iter().filter(|field| names.contains(&field.name.as_str()))
    }

    /// The fields of the amounts: one for each currency.
    pub fn amounts(&self) -> impl Iterator<Item = &FieldView> {
        self.fields.iter().filter(|field| field.name.contains('-'))
    }
}

/// What is asked before a removal.
pub struct Question {
    /// What would be done: `Remove the code SPRING`.
    pub title: String,
    /// What follows from it.
    pub consequences: Vec<String>,
    pub obstacles: Option<Obstacles>,
}

/// What differs between the kinds of records.
pub trait Record: Sized + 'static {
    const SECTION: &'static str;
    /// The field of the address that names one.
    const KEY: &'static str;
    /// The file's field of the amounts.
    const AMOUNTS: &'static str = "";
    /// Whether a change asks for the password.
    const ASKS_PASSWORD: bool = false;

    fn key(&self) -> &str;
    fn edition(&self) -> i64;
    /// The fields of the form, empty. `record`: the one that is changed.
    fn fields(wallets: &[Wallet], record: Option<&Self>) -> Vec<FieldView>;
    /// What is saved in a field of the form.
    fn value(&self, field: &str) -> String;
    fn write(form: &RecordForm, wallets: &[Wallet], record: Option<&Self>) -> Written;
    /// What the rules of the file find wrong.
    fn check(fields: &[(String, Json)], wallets: &[Wallet]) -> Vec<Fault>;
    /// What the list says was just done.
    fn done(form: &RecordForm) -> &'static str {
        if form.was.is_empty() { "added" } else { "changed" }
    }
    fn show(status: StatusCode, view: RecordView<'_, Self>) -> Result<HttpResponse, DeskError>;

    async fn list(db: &Db) -> Result<Vec<Self>, StoreError>;
    async fn save(
        shop: &Shop,
        shown: Option<(&str, i64)>,
        fields: &[(String, Json)],
    ) -> anyhow::Result<Saved<Self>>;
    async fn remove(shop: &Shop, key: &str, edition: i64) -> anyhow::Result<Saved<Self>>;
    /// What the list says after a removal.
    async fn done_removed(_db: &Db) -> Result<&'static str, StoreError> {
        Ok("removed")
    }
    /// The page that asks before a removal.
    async fn question(&self, shop: &Shop) -> anyhow::Result<Question>;
}

/// Records that the seller puts in an order.
pub trait OrderedRecord: Record {
    /// Moves one place up or down.
    async fn shift(shop: &Shop, key: &str, up: bool) -> anyhow::Result<()>;
}

pub fn addresses<R: Record>(config: &mut ServiceConfig) {
    let at = |what: &str| format!("{}/{what}", R::SECTION);
    config
        .route(&at("new"), web::get().to(show_new::<R>))
        .route(&at("change"), web::get().to(show_one::<R>))
        .route(&at("save"), web::post().to(save::<R>))
        .route(&at("remove"), web::get().to(ask_removal::<R>))
        .route(&at("remove"), web::post().to(remove::<R>));
}

pub async fn find<R: Record>(desk: &Desk, key: &str) -> Result<Option<R>, DeskError> {
    let records = R::list(&desk.shop.db).await?;
    Ok(records.into_iter().find(|record| record.key() == key))
}

/// The form of a record, or of a new one.
async fn show_record<R: Record>(
    desk: &Desk,
    seller: &Seller,
    record: Option<&R>,
) -> Result<HttpResponse, DeskError> {
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let mut view = new_view(seller, record, &wallets);
    if let Some(record) = record {
        (view.was, view.edition) = (record.key(), record.edition());
        view.fields.iter_mut().for_each(|field| field.fill(&record.value(&field.name)));
    }
    R::show(StatusCode::OK, view)
}

fn new_view<'a, R: Record>(
    seller: &'a Seller,
    record: Option<&'a R>,
    wallets: &[Wallet],
) -> RecordView<'a, R> {
    RecordView {
        layout: DeskLayout::new(seller, R::SECTION),
        was: "",
        edition: 0,
        record,
        form: None,
        fields: R::fields(wallets, record),
        faults: Vec::new(),
        conflict: Conflict::None,
        fresh: Fresh::asked(),
    }
}

async fn show_new<R: Record>(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    show_record::<R>(&desk, &seller, None).await
}

async fn show_one<R: Record>(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let found = find::<R>(&desk, &query_field(&request, R::KEY)).await?;
    show_record(&desk, &seller, Some(&found.ok_or(DeskError::NotFound)?)).await
}

async fn save<R: Record>(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<RecordForm>,
) -> Result<HttpResponse, DeskError> {
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let record = if form.was.is_empty() { None } else { find::<R>(&desk, &form.was).await? };
    let mut view = new_view(&seller, record.as_ref(), &wallets);
    (view.was, view.edition, view.form) = (&form.was, form.edition, Some(&form));
    view.fields.iter_mut().for_each(|field| field.fill(form.get(&field.name)));
    if R::ASKS_PASSWORD
        && let Some(fresh) = seller.fresh_password(&desk, &form.password).await?
    {
        view.fresh = fresh;
        let text = "Wrong password. Please enter it again.".to_owned();
        return refuse(view, vec![("password".to_owned(), text)]);
    }
    let Written { fields, amounts, mut faults } = R::write(&form, &wallets, record.as_ref());
    let saved = if faults.is_empty() {
        let shown = (!form.was.is_empty()).then_some((form.was.as_str(), form.edition));
        R::save(&desk.shop, shown, &fields).await?
    } else {
        Saved::Refused(R::check(&fields, &wallets))
    };
    match saved {
        Saved::Done => Ok(see_other(&format!("{}?done={}", R::SECTION, R::done(&form)))),
        Saved::Refused(found) => {
            add_faults(&mut faults, found, R::AMOUNTS, &amounts);
            refuse(view, faults)
        }
        Saved::Stale(None) => {
            (view.was, view.edition, view.conflict) = ("", 0, Conflict::Removed);
            R::show(StatusCode::CONFLICT, view)
        }
        Saved::Stale(Some(record)) => {
            (view.edition, view.conflict) = (record.edition(), Conflict::Changed);
            view.fields.iter_mut().for_each(|field| field.compare(&record.value(&field.name)));
            R::show(StatusCode::CONFLICT, view)
        }
    }
}

/// The form again, with what is wrong at each field; what is of none of them is said first.
fn refuse<R: Record>(
    mut view: RecordView<'_, R>,
    mut faults: Faults,
) -> Result<HttpResponse, DeskError> {
    let place = |name: &str| view.fields.iter().position(|field| field.name == name);
    faults.sort_by_key(|(name, _)| place(name));
    for field in &mut view.fields {
        let fault = faults.iter().find(|(name, _)| *name == field.name);
        field.error = fault.map(|(_, text)| text.clone());
    }
    let line = |(id, text)| FaultLine { id, label: String::new(), text };
    view.faults = faults.into_iter().map(line).collect();
    R::show(StatusCode::UNPROCESSABLE_ENTITY, view)
}

pub async fn shift<R: OrderedRecord>(
    desk: Data<Desk>,
    VerifiedForm { form, .. }: VerifiedForm<RecordForm>,
) -> Result<HttpResponse, DeskError> {
    R::shift(&desk.shop, &form.was, form.to == "up").await?;
    Ok(see_other(&format!("{}?done=moved", R::SECTION)))
}

/// The page that asks before a record is removed.
async fn question<'a, R: Record>(
    desk: &Desk,
    seller: &'a Seller,
    record: &R,
) -> Result<ConfirmationPage<'a>, DeskError> {
    let question = record.question(&desk.shop).await?;
    let layout = DeskLayout::new(seller, R::SECTION);
    let mut page = ConfirmationPage::new(layout, question.title, format!("{}/remove", R::SECTION));
    (page.consequences, page.obstacles) = (question.consequences, question.obstacles);
    page.fields = vec![("was", record.key().to_owned()), ("edition", record.edition().to_string())];
    page.fresh = R::ASKS_PASSWORD.then(Fresh::asked);
    Ok(page)
}

async fn ask_removal<R: Record>(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let found = find::<R>(&desk, &query_field(&request, R::KEY)).await?;
    let found = found.ok_or(DeskError::NotFound)?;
    page(StatusCode::OK, &question(&desk, &seller, &found).await?)
}

async fn remove<R: Record>(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<RecordForm>,
) -> Result<HttpResponse, DeskError> {
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    // What is not there any more is removed.
    if let Some(record) = find::<R>(&desk, &form.was).await? {
        let mut again = question(&desk, &seller, &record).await?;
        if R::ASKS_PASSWORD
            && let Some(fresh) = seller.fresh_password(&desk, &form.password).await?
        {
            again.fresh = Some(fresh);
            return page(refused, &again);
        }
        match R::remove(&desk.shop, &form.was, form.edition).await? {
            Saved::Done | Saved::Stale(None) => {}
            // The page says what hinders it.
            Saved::Refused(_) => return page(refused, &again),
            Saved::Stale(Some(record)) => {
                again = question(&desk, &seller, &record).await?;
                again.was_changed = true;
                return page(StatusCode::CONFLICT, &again);
            }
        }
    }
    let done = R::done_removed(&desk.shop.db).await?;
    Ok(see_other(&format!("{}?done={done}", R::SECTION)))
}
