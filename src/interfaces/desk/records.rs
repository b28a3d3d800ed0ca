//! The pages of discounts, shipping methods and wallets: list, form, removal.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, web};

use crate::actions::{Saved, Shop};
use crate::domain::catalog::{Fault, Json};
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::infra::store::{Db, StoreError};
use crate::interfaces::desk::confirmation::{ConfirmationPage, Obstacles};
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::field_view::{FaultLine, FieldView};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{encoded, page, see_other};
use crate::interfaces::desk::parsed_form::{Faults, ParsedForm};
use crate::interfaces::desk::password_prompt::PasswordPrompt;
use crate::interfaces::desk::record_form::RecordForm;
use crate::interfaces::desk::session::{Seller, confirms_password};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::query_field;

/// What happened to a record since its form was made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    None,
    Changed,
    Removed,
}

/// The form of a record.
pub struct RecordView<'a, R> {
    pub layout: DeskLayout<'a>,
    /// Of the stored record; empty: a new one.
    pub key: &'a str,
    pub edition: i64,
    pub record: Option<&'a R>,
    /// The submitted form, if it is shown again.
    pub form: Option<&'a RecordForm>,
    fields: Vec<FieldView>,
    pub faults: Vec<FaultLine>,
    conflict: Conflict,
    pub prompt: PasswordPrompt,
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

    /// Those whose names begin so.
    pub fn amounts_of<'b>(&'b self, prefix: &'b str) -> impl Iterator<Item = &'b FieldView> {
        self.amounts().filter(move |field| field.name.starts_with(prefix))
    }
}

/// What the confirmation page of a removal says.
pub struct Removal {
    pub title: String,
    pub consequences: Vec<String>,
    pub obstacles: Option<Obstacles>,
}

/// What differs between the kinds of records.
pub trait Record: Sized + 'static {
    const SECTION: &'static str;
    /// The field of a query that names one.
    const KEY: &'static str;
    /// The texts of the list's notices: see [`DeskLayout::with_notice`].
    const NOTICES: &'static [(&'static str, &'static str)];
    /// The field of the amounts in the seller's file.
    const AMOUNTS: &'static str = "";
    /// Whether a change needs the password.
    const ASKS_PASSWORD: bool = false;

    fn key(&self) -> &str;
    fn edition(&self) -> i64;
    /// `page`: the last part of the address, for example `change`.
    fn href(&self, page: &str) -> String {
        format!("{}/{page}?{}={}", Self::SECTION, Self::KEY, encoded(self.key()))
    }

    /// The fields of the form, empty. `record`: the stored one.
    fn fields(wallets: &[Wallet], record: Option<&Self>) -> Vec<FieldView>;
    /// The stored value of a field of the form.
    fn value(&self, field: &str) -> String;
    fn parse(form: &RecordForm, wallets: &[Wallet], record: Option<&Self>) -> ParsedForm;
    fn check(fields: &[(String, Json)], wallets: &[Wallet]) -> Vec<Fault>;
    async fn show_list(desk: &Desk, layout: DeskLayout<'_>) -> DeskResult;
    fn show_form(status: StatusCode, view: RecordView<'_, Self>) -> DeskResult;
    /// The confirmation page of the removal.
    async fn removal(&self, shop: &Shop) -> anyhow::Result<Removal>;
    /// The name of the notice after saving.
    fn saved_notice(form: &RecordForm) -> &'static str {
        if form.key.is_empty() { "added" } else { "changed" }
    }
    /// The name of the notice after a removal.
    async fn removed_notice(_db: &Db) -> Result<&'static str, StoreError> {
        Ok("removed")
    }

    async fn list(db: &Db) -> Result<Vec<Self>, StoreError>;
    /// `shown`: key and edition when the form was loaded; `None`: a new record.
    async fn save(
        shop: &Shop,
        shown: Option<(&str, i64)>,
        fields: &[(String, Json)],
    ) -> anyhow::Result<Saved<Self>>;
    async fn remove(shop: &Shop, key: &str, edition: i64) -> anyhow::Result<Saved<Self>>;
}

/// Records whose order the seller chooses.
pub trait OrderedRecord: Record {
    /// Moves one place up or down.
    async fn reorder(shop: &Shop, key: &str, up: bool) -> anyhow::Result<()>;
}

pub fn addresses<R: Record>(config: &mut ServiceConfig) {
    let address = |page: &str| format!("{}/{page}", R::SECTION);
    config
        .route(R::SECTION, web::get().to(show_list::<R>))
        .route(&address("new"), web::get().to(show_new::<R>))
        .route(&address("change"), web::get().to(show_one::<R>))
        .route(&address("save"), web::post().to(save::<R>))
        .route(&address("remove"), web::get().to(ask_removal::<R>))
        .route(&address("remove"), web::post().to(remove::<R>));
}

pub fn ordered_addresses<R: OrderedRecord>(config: &mut ServiceConfig) {
    addresses::<R>(config);
    config.route(&format!("{}/move", R::SECTION), web::post().to(reorder::<R>));
}

pub async fn find<R: Record>(desk: &Desk, key: &str) -> Result<Option<R>, DeskError> {
    let records = R::list(&desk.shop.db).await?;
    Ok(records.into_iter().find(|record| record.key() == key))
}

async fn show_list<R: Record>(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> DeskResult {
    let layout = DeskLayout::new(&seller, R::SECTION).with_notice(&request, R::NOTICES);
    R::show_list(&desk, layout).await
}

async fn show_new<R: Record>(desk: Data<Desk>, seller: Seller) -> DeskResult {
    show_record::<R>(&desk, &seller, None).await
}

async fn show_one<R: Record>(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let record = find::<R>(&desk, &query_field(&request, R::KEY)).await?;
    show_record(&desk, &seller, Some(&record.ok_or(DeskError::NotFound)?)).await
}

/// `record`: `None` for a new one.
async fn show_record<R: Record>(desk: &Desk, seller: &Seller, record: Option<&R>) -> DeskResult {
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let mut view = new_view(seller, record, &wallets);
    if let Some(record) = record {
        (view.key, view.edition) = (record.key(), record.edition());
        view.fields.iter_mut().for_each(|field| field.fill(&record.value(&field.name)));
    }
    R::show_form(StatusCode::OK, view)
}

fn new_view<'a, R: Record>(
    seller: &'a Seller,
    record: Option<&'a R>,
    wallets: &[Wallet],
) -> RecordView<'a, R> {
    RecordView {
        layout: DeskLayout::new(seller, R::SECTION),
        key: "",
        edition: 0,
        record,
        form: None,
        fields: R::fields(wallets, record),
        faults: Vec::new(),
        conflict: Conflict::None,
        prompt: PasswordPrompt::default(),
    }
}

async fn save<R: Record>(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<RecordForm>,
) -> DeskResult {
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let record = if form.key.is_empty() { None } else { find::<R>(&desk, &form.key).await? };
    let mut view = new_view(&seller, record.as_ref(), &wallets);
    (view.key, view.edition, view.form) = (&form.key, form.edition, Some(&form));
    view.fields.iter_mut().for_each(|field| field.fill(form.get(&field.name)));
    if R::ASKS_PASSWORD && !confirms_password(&desk, &form.password).await? {
        view.prompt = PasswordPrompt::WRONG;
        let text = "Wrong password. Please enter it again.".to_owned();
        return refuse(view, vec![("password".to_owned(), text)]);
    }
    let mut parsed = R::parse(&form, &wallets, record.as_ref());
    let saved = if parsed.faults.is_empty() {
        let shown = (!form.key.is_empty()).then_some((form.key.as_str(), form.edition));
        R::save(&desk.shop, shown, &parsed.fields).await?
    } else {
        Saved::Refused(R::check(&parsed.fields, &wallets))
    };
    match saved {
        Saved::Done => Ok(see_other(&format!("{}?done={}", R::SECTION, R::saved_notice(&form)))),
        Saved::Refused(faults) => {
            parsed.add_faults(faults, R::AMOUNTS);
            refuse(view, parsed.faults)
        }
        Saved::Stale(None) => {
            (view.key, view.edition, view.conflict) = ("", 0, Conflict::Removed);
            R::show_form(StatusCode::CONFLICT, view)
        }
        Saved::Stale(Some(record)) => {
            (view.edition, view.conflict) = (record.edition(), Conflict::Changed);
            view.fields.iter_mut().for_each(|field| field.compare(&record.value(&field.name)));
            R::show_form(StatusCode::CONFLICT, view)
        }
    }
}

/// Shows the form again. Its faults are listed in the order of the fields, those of the whole form first.
fn refuse<R: Record>(mut view: RecordView<'_, R>, mut faults: Faults) -> DeskResult {
    faults.sort_by_key(|(name, _)| view.fields.iter().position(|field| field.name == *name));
    for field in &mut view.fields {
        let fault = faults.iter().find(|(name, _)| *name == field.name);
        field.error = fault.map(|(_, text)| text.clone());
    }
    let line = |(id, text)| FaultLine { id, label: String::new(), text };
    view.faults = faults.into_iter().map(line).collect();
    R::show_form(StatusCode::UNPROCESSABLE_ENTITY, view)
}

async fn reorder<R: OrderedRecord>(
    desk: Data<Desk>,
    VerifiedForm { form, .. }: VerifiedForm<RecordForm>,
) -> DeskResult {
    R::reorder(&desk.shop, &form.key, form.direction == "up").await?;
    Ok(see_other(&format!("{}?done=moved", R::SECTION)))
}

async fn removal_page<'a, R: Record>(
    desk: &Desk,
    seller: &'a Seller,
    record: &R,
) -> Result<ConfirmationPage<'a>, DeskError> {
    let removal = record.removal(&desk.shop).await?;
    let layout = DeskLayout::new(seller, R::SECTION);
    let mut page = ConfirmationPage::new(layout, removal.title, format!("{}/remove", R::SECTION))
        .hidden_field("was", record.key())
        .hidden_field("edition", record.edition());
    (page.consequences, page.obstacles) = (removal.consequences, removal.obstacles);
    page.password_prompt = R::ASKS_PASSWORD.then(PasswordPrompt::default);
    Ok(page)
}

async fn ask_removal<R: Record>(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> DeskResult {
    let record = find::<R>(&desk, &query_field(&request, R::KEY)).await?;
    let record = record.ok_or(DeskError::NotFound)?;
    page(StatusCode::OK, &removal_page(&desk, &seller, &record).await?)
}

async fn remove<R: Record>(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<RecordForm>,
) -> DeskResult {
    // A form that is sent twice finds no record; the seller is told again that it was removed.
    if let Some(record) = find::<R>(&desk, &form.key).await? {
        let mut template = removal_page(&desk, &seller, &record).await?;
        if R::ASKS_PASSWORD && !confirms_password(&desk, &form.password).await? {
            template.password_prompt = Some(PasswordPrompt::WRONG);
            return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
        }
        match R::remove(&desk.shop, &form.key, form.edition).await? {
            Saved::Done | Saved::Stale(None) => {}
            // The page lists the obstacles.
            Saved::Refused(_) => return page(StatusCode::UNPROCESSABLE_ENTITY, &template),
            Saved::Stale(Some(record)) => {
                template = removal_page(&desk, &seller, &record).await?;
                template.was_changed = true;
                return page(StatusCode::CONFLICT, &template);
            }
        }
    }
    let notice = R::removed_notice(&desk.shop.db).await?;
    Ok(see_other(&format!("{}?done={notice}", R::SECTION)))
}
