//! The seller's own pages at the desk.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::WritePageError;
use crate::domain::catalog::{NotAPage, PageSlug, PageText, markdown};
use crate::domain::values::Line;
use crate::infra::store;
use crate::infra::store::pages::StoredPage;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::field_view::{FaultLine, FieldKind, FieldView, fault_lines};
use crate::interfaces::desk::form::{Confirmation, number};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::PasswordPrompt;
use crate::interfaces::desk::session::{Seller, confirms_password};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

const SECTION: &str = "/pages";
const NOTICES: [(&str, &str); 4] = [
    ("added", "The page was added. Every page links to it in the footer."),
    ("saved", "Saved. The changes are live."),
    ("removed", "The page was removed."),
    ("moved", "The order was changed."),
];
/// Units: characters.
const MAX_TITLE: usize = 100;
const MAX_TEXT: usize = 200_000;

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/pages", web::get().to(list))
        .route("/pages/new", web::get().to(show_new))
        .route("/pages/new", web::post().to(submit_new))
        .route("/pages/order", web::post().to(swap))
        .route("/pages/{slug}/edit", web::get().to(show))
        .route("/pages/{slug}/edit", web::post().to(submit))
        .route("/pages/{slug}/remove", web::get().to(ask_removal))
        .route("/pages/{slug}/remove", web::post().to(remove));
}

#[derive(Template)]
#[template(path = "desk/pages/list.html")]
struct PagesPage<'a> {
    layout: DeskLayout<'a>,
    pages: Vec<Row>,
    /// Whether the order was changed elsewhere.
    has_other_order: bool,
}

struct Row {
    slug: String,
    title: String,
    address: String,
    origin: &'static str,
    /// The slugs of the neighbours with which it can be swapped.
    above: Option<String>,
    below: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/pages/edit.html")]
struct EditPage<'a> {
    layout: DeskLayout<'a>,
    /// `None`: a new page.
    slug: Option<String>,
    /// For buyers.
    address: String,
    edition: i64,
    /// Whether only the HTML of its text is known.
    is_text_lost: bool,
    name: FieldView,
    title: FieldView,
    text: FieldView,
    was_changed: bool,
    preview: Option<Preview>,
}

/// The page as buyers will see it.
struct Preview {
    title: String,
    html: String,
}

impl EditPage<'_> {
    fn faults(&self) -> Vec<FaultLine> {
        fault_lines(&[&self.title, &self.name, &self.text])
    }
}

async fn list(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let layout = DeskLayout::new(&seller, SECTION).with_notice(&request, &NOTICES);
    show_list(&desk, layout, false).await
}

async fn show_list(desk: &Desk, layout: DeskLayout<'_>, has_other_order: bool) -> DeskResult {
    let mut stored = store::pages::list(&mut *desk.shop.db.reader().await?).await?;
    stored.retain(|page| !page.is_gone);
    let is_policy = |page: &StoredPage| page.slug.as_str() == PageSlug::POLICY;
    // The policy always comes first.
    let slug_at = |n: Option<usize>| {
        let page = stored.get(n?).filter(|page| !is_policy(page))?;
        Some(page.slug.to_string())
    };
    let rows = stored.iter().enumerate().map(|(n, page)| Row {
        slug: page.slug.to_string(),
        title: page.title.clone(),
        address: address(&page.slug),
        origin: origin(page),
        above: slug_at(n.checked_sub(1)).filter(|_| !is_policy(page)),
        below: slug_at(n.checked_add(1)).filter(|_| !is_policy(page)),
    });
    let pages = rows.collect();
    let status = if has_other_order { StatusCode::CONFLICT } else { StatusCode::OK };
    page(status, &PagesPage { layout, pages, has_other_order })
}

/// The page's address for buyers.
fn address(slug: &PageSlug) -> String {
    if slug.as_str() == PageSlug::POLICY { "/policy".to_owned() } else { format!("/page/{slug}") }
}

fn origin(page: &StoredPage) -> &'static str {
    match page.file_markdown {
        None => "desk",
        Some(_) if page.is_of_desk() => "file, edited at the desk",
        Some(_) => "file",
    }
}

async fn show_new(seller: Seller) -> DeskResult {
    page(StatusCode::OK, &edit_page(&seller, None, &PageForm::default()))
}

fn edit_page<'a>(seller: &'a Seller, stored: Option<&StoredPage>, form: &PageForm) -> EditPage<'a> {
    EditPage {
        layout: DeskLayout::new(seller, SECTION),
        slug: stored.map(|page| page.slug.to_string()),
        address: stored.map(|page| address(&page.slug)).unwrap_or_default(),
        edition: stored.map_or(0, |page| page.edition),
        is_text_lost: stored.is_some_and(|page| page.markdown.is_none()),
        name: FieldView::new("name", "URL slug", FieldKind::Line)
            .hint("for example about-us; empty: made from the title; policy for the policy page")
            .value(form.name.trim())
            .most(60),
        title: FieldView::new("title", "Title", FieldKind::Line).value(&form.title).most(MAX_TITLE),
        text: FieldView::new("text", "Text", FieldKind::Area { rows: 16 })
            .hint("Markdown")
            .value(&form.text)
            .most(MAX_TEXT),
        was_changed: false,
        preview: None,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageForm {
    act: String,
    #[serde(deserialize_with = "number")]
    edition: i64,
    name: String,
    title: String,
    text: String,
}

async fn submit_new(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<PageForm>,
) -> DeskResult {
    let mut template = edit_page(&seller, None, &form);
    let text = read_text(&form, &mut template, None);
    let slug = match (form.name.trim(), form.title.trim()) {
        ("", "") => None,
        ("", title) => {
            let error = "no slug can be made from this title: please enter one";
            template.name.check(PageSlug::of_title(title).map_err(|_| error))
        }
        (name, _) => {
            let error = "enter 1 to 60 lowercase letters a-z, digits and `-`, for example about-us";
            template.name.check(PageSlug::parse(name).map_err(|_| error))
        }
    };
    let (Some(text), Some(slug)) = (text, slug) else {
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    };
    if form.act == "preview" {
        return show_preview(template, &slug, &text);
    }
    match actions::add_page(&desk.shop, &slug, &text, now()).await {
        Ok(()) => Ok(see_other("/pages?done=added")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(_) => {
            template.name.refuse(format!("another page already uses {}", address(&slug)));
            page(StatusCode::UNPROCESSABLE_ENTITY, &template)
        }
    }
}

/// The text of the form, or the stored one if neither title nor body were changed. Errors are noted in `template`.
fn read_text(
    form: &PageForm,
    template: &mut EditPage<'_>,
    stored: Option<&StoredPage>,
) -> Option<PageText> {
    let title = template.title.required_line("enter a title");
    let body = form.text.replace("\r\n", "\n");
    let stored_text = stored.and_then(|page| PageText::parse(page.markdown.as_deref()?).ok());
    if let (Some(title), Some(stored), Some(text)) = (&title, stored, &stored_text) {
        let (stored_title, stored_body) = text.parts(stored.slug.as_str());
        if title.as_str() == stored_title && body.trim() == stored_body.trim() {
            return stored_text;
        }
    }
    let title = title.as_ref().map_or("", Line::as_str);
    match PageText::of_parts(title, &body) {
        Ok(text) if !title.is_empty() => Some(text),
        Ok(_) | Err(NotAPage::Slug) => None,
        Err(why) => {
            template.text.refuse(why);
            None
        }
    }
}

fn show_preview(template: EditPage<'_>, slug: &PageSlug, text: &PageText) -> DeskResult {
    let (title, body) = text.parts(slug.as_str());
    let preview = Preview { title: title.to_owned(), html: markdown::html(body) };
    page(StatusCode::OK, &EditPage { preview: Some(preview), ..template })
}

async fn show(desk: Data<Desk>, seller: Seller, slug: Path<String>) -> DeskResult {
    let stored = find(&desk, &slug).await?;
    let (title, text) = parts(&stored);
    let form = PageForm { title, text, ..PageForm::default() };
    page(StatusCode::OK, &edit_page(&seller, Some(&stored), &form))
}

async fn find(desk: &Desk, slug: &str) -> Result<StoredPage, DeskError> {
    let slug = PageSlug::parse(slug).map_err(|_| DeskError::NotFound)?;
    store::pages::find(&mut *desk.shop.db.reader().await?, &slug).await?.ok_or(DeskError::NotFound)
}

/// Title and body as the form shows them.
fn parts(stored: &StoredPage) -> (String, String) {
    match stored.markdown.as_deref().map(PageText::parse) {
        Some(Ok(text)) => {
            let (title, body) = text.parts(stored.slug.as_str());
            (title.to_owned(), body.trim().to_owned())
        }
        _ => (stored.title.clone(), String::new()),
    }
}

async fn submit(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<PageForm>,
) -> DeskResult {
    let stored = find(&desk, &slug).await?;
    let mut template = edit_page(&seller, Some(&stored), &form);
    template.edition = form.edition;
    let Some(text) = read_text(&form, &mut template, Some(&stored)) else {
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    };
    if form.act == "preview" {
        return show_preview(template, &stored.slug, &text);
    }
    match actions::change_page(&desk.shop, &stored.slug, form.edition, &text, now()).await {
        Ok(()) => Ok(see_other("/pages?done=saved")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(WritePageError::Changed(stored)) => {
            let (title, body) = parts(&stored);
            template.edition = stored.edition;
            template.title.compare(&title);
            template.text.compare(&body);
            template.was_changed = true;
            page(StatusCode::CONFLICT, &template)
        }
        Err(_) => Err(DeskError::NotFound),
    }
}

async fn ask_removal(desk: Data<Desk>, seller: Seller, slug: Path<String>) -> DeskResult {
    let stored = find(&desk, &slug).await?;
    page(StatusCode::OK, &removal_page(&seller, &stored, PasswordPrompt::default()))
}

fn removal_page<'a>(
    seller: &'a Seller,
    stored: &StoredPage,
    prompt: PasswordPrompt,
) -> ConfirmationPage<'a> {
    let address = format!("/pages/{}", stored.slug);
    let layout = DeskLayout::new(seller, SECTION);
    let file = if stored.file_markdown.is_some() {
        "Its file in db/pages is kept; the page comes back only if that file changes."
    } else {
        ""
    };
    ConfirmationPage::new(layout, format!("Remove “{}”", stored.title), format!("{address}/remove"))
        .hidden_field("edition", stored.edition)
        .back_to(&format!("{address}/edit"), &stored.title)
        .consequences(["This cannot be undone.", "Links to the page stop working.", file])
        .with_password(prompt)
}

async fn remove(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> DeskResult {
    let stored = find(&desk, &slug).await?;
    if !confirms_password(&desk, &form.password).await? {
        let template = removal_page(&seller, &stored, PasswordPrompt::WRONG);
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    }
    match actions::remove_page(&desk.shop, &stored.slug, form.edition, now()).await {
        Ok(()) => Ok(see_other("/pages?done=removed")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(WritePageError::Changed(stored)) => {
            let mut template = removal_page(&seller, &stored, PasswordPrompt::default());
            template.was_changed = true;
            page(StatusCode::CONFLICT, &template)
        }
        Err(_) => Err(DeskError::NotFound),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SwapForm {
    upper: String,
    lower: String,
}

async fn swap(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<SwapForm>,
) -> DeskResult {
    let slug = |text: &str| PageSlug::parse(text).map_err(|_| DeskError::NotFound);
    match actions::swap_pages(&desk.shop, &slug(&form.upper)?, &slug(&form.lower)?, now()).await {
        Ok(()) => Ok(see_other("/pages?done=moved")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(_) => show_list(&desk, DeskLayout::new(&seller, SECTION), true).await,
    }
}
