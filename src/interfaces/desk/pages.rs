//! The seller's own pages at the desk.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::WritePageError;
use crate::domain::catalog::{NotAPage, PageSlug, PageText, markdown};
use crate::domain::values::Line;
use crate::infra::store;
use crate::infra::store::pages::StoredPage;
use crate::interfaces::desk::confirmation::ConfirmationPage;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::field_view::{FaultLine, FieldKind, FieldView, fault_lines};
use crate::interfaces::desk::form::{Confirmation, number};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

const SECTION: &str = "/pages";
/// What a page of the list says was just done.
const DONE: [(&str, &str); 4] = [
    ("added", "The page was added. Every page links to it in the footer."),
    ("saved", "Saved. The changes are live."),
    ("removed", "The page was removed."),
    ("moved", "The order was changed."),
];
/// Units: characters.
const MOST_TITLE: usize = 100;
const MOST_TEXT: usize = 200_000;

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
    pages: Vec<PageLine>,
    has_other_order: bool,
}

/// A page in the list.
struct PageLine {
    slug: String,
    title: String,
    address: String,
    origin: &'static str,
    /// The slugs of the neighbours it may change places with.
    above: Option<String>,
    below: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/pages/edit.html")]
struct EditPage<'a> {
    layout: DeskLayout<'a>,
    /// `None`: a new page.
    slug: Option<String>,
    /// Where buyers find it.
    address: String,
    edition: i64,
    /// The page's text is known only as buyers see it.
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

async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let layout = DeskLayout::new(&seller, SECTION).told(&request, &DONE);
    show_list(&desk, layout, false).await
}

async fn show_list(
    desk: &Desk,
    layout: DeskLayout<'_>,
    has_other_order: bool,
) -> Result<HttpResponse, DeskError> {
    let mut kept = store::pages::list(&mut *desk.shop.db.reader().await?).await?;
    kept.retain(|page| !page.is_gone);
    let slug_at = |at: Option<usize>| {
        let slug = &kept.get(at?)?.slug;
        (slug.as_str() != PageSlug::POLICY).then(|| slug.to_string())
    };
    let lines = kept.iter().enumerate().map(|(n, page)| {
        let is_policy = page.slug.as_str() == PageSlug::POLICY;
        let moves = |at| if is_policy { None } else { slug_at(at) };
        PageLine {
            slug: page.slug.to_string(),
            title: page.title.clone(),
            address: address_of(&page.slug),
            origin: origin(page),
            above: moves(n.checked_sub(1)),
            below: moves(n.checked_add(1)),
        }
    });
    let pages = lines.collect();
    let status = if has_other_order { StatusCode::CONFLICT } else { StatusCode::OK };
    page(status, &PagesPage { layout, pages, has_other_order })
}

/// Where buyers find it.
fn address_of(slug: &PageSlug) -> String {
    if slug.as_str() == PageSlug::POLICY { "/policy".to_owned() } else { format!("/page/{slug}") }
}

fn origin(page: &StoredPage) -> &'static str {
    match page.file_markdown {
        None => "desk",
        Some(_) if page.is_of_desk() => "file, edited at the desk",
        Some(_) => "file",
    }
}

async fn show_new(seller: Seller) -> Result<HttpResponse, DeskError> {
    page(StatusCode::OK, &edit_page(&seller, None, &PageForm::default()))
}

fn edit_page<'a>(seller: &'a Seller, kept: Option<&StoredPage>, typed: &PageForm) -> EditPage<'a> {
    let PageForm { name, title, text, .. } = typed;
    EditPage {
        layout: DeskLayout::new(seller, SECTION),
        slug: kept.map(|page| page.slug.to_string()),
        address: kept.map(|page| address_of(&page.slug)).unwrap_or_default(),
        edition: kept.map_or(0, |page| page.edition),
        is_text_lost: kept.is_some_and(|page| page.markdown.is_none()),
        name: FieldView::new("name", "URL slug", FieldKind::Line)
            .hint("for example about-us; empty: made from the title; policy for the policy page")
            .value(name.trim())
            .most(60),
        title: FieldView::new("title", "Title", FieldKind::Line).value(title).most(MOST_TITLE),
        text: FieldView::new("text", "Text", FieldKind::Area { rows: 16 })
            .hint("Markdown")
            .value(text)
            .most(MOST_TEXT),
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
) -> Result<HttpResponse, DeskError> {
    let (name, title) = (form.name.trim(), &form.title);
    let mut again = edit_page(&seller, None, &form);
    let text = read_text(&form, &mut again, None);
    let slug = match (name, title.trim()) {
        ("", "") => None,
        ("", title) => PageSlug::of_title(title)
            .map_err(|_| again.name.refuse("no slug can be made from this title: please enter one"))
            .ok(),
        (name, _) => PageSlug::parse(name).map_err(|_| again.name.refuse(NAME)).ok(),
    };
    let (Some(text), Some(slug)) = (text, slug) else {
        return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
    };
    if form.act == "preview" {
        again.preview = Some(preview(&slug, &text));
        return page(StatusCode::OK, &again);
    }
    match actions::add_page(&desk.shop, &slug, &text, now()).await {
        Ok(()) => Ok(see_other("/pages?done=added")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(_) => {
            again.name.refuse(format!("another page already uses {}", address_of(&slug)));
            page(StatusCode::UNPROCESSABLE_ENTITY, &again)
        }
    }
}

const NAME: &str = "enter 1 to 60 lowercase letters a-z, digits and `-`, for example about-us";

/// The text of the form, as it would be kept. Where neither title nor text were touched, it is the text that is kept.
fn read_text(
    form: &PageForm,
    again: &mut EditPage<'_>,
    kept: Option<&StoredPage>,
) -> Option<PageText> {
    let title = match Line::parse(&form.title, MOST_TITLE) {
        Ok(title) if title.is_empty() => {
            again.title.refuse("enter a title");
            None
        }
        Ok(title) => Some(title),
        Err(why) => {
            again.title.refuse(why);
            None
        }
    };
    let words = form.text.replace("\r\n", "\n");
    let kept_text = kept.and_then(|page| PageText::parse(page.markdown.as_deref()?).ok());
    if let (Some(title), Some(kept), Some(text)) = (&title, kept, &kept_text) {
        let (old_title, old_words) = text.parts(kept.slug.as_str());
        if title.as_str() == old_title && words.trim() == old_words.trim() {
            return kept_text;
        }
    }
    let title = title.as_ref().map_or("", Line::as_str);
    match PageText::of_parts(title, &words) {
        Ok(text) if !title.is_empty() => Some(text),
        Ok(_) | Err(NotAPage::Slug) => None,
        Err(why) => {
            again.text.refuse(why);
            None
        }
    }
}

fn preview(slug: &PageSlug, text: &PageText) -> Preview {
    let (title, words) = text.parts(slug.as_str());
    Preview { title: title.to_owned(), html: markdown::html(words) }
}

async fn show(
    desk: Data<Desk>,
    seller: Seller,
    slug: Path<String>,
) -> Result<HttpResponse, DeskError> {
    let kept = find(&desk, &slug).await?;
    let (title, text) = parts(&kept);
    let typed = PageForm { title, text, ..PageForm::default() };
    page(StatusCode::OK, &edit_page(&seller, Some(&kept), &typed))
}

async fn find(desk: &Desk, slug: &str) -> Result<StoredPage, DeskError> {
    let slug = PageSlug::parse(slug).map_err(|_| DeskError::NotFound)?;
    store::pages::find(&mut *desk.shop.db.reader().await?, &slug).await?.ok_or(DeskError::NotFound)
}

/// Title and words as the form shows them.
fn parts(kept: &StoredPage) -> (String, String) {
    match kept.markdown.as_deref().map(PageText::parse) {
        Some(Ok(text)) => {
            let (title, words) = text.parts(kept.slug.as_str());
            (title.to_owned(), words.trim().to_owned())
        }
        _ => (kept.title.clone(), String::new()),
    }
}

async fn submit(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<PageForm>,
) -> Result<HttpResponse, DeskError> {
    let kept = find(&desk, &slug).await?;
    let mut again = edit_page(&seller, Some(&kept), &form);
    again.edition = form.edition;
    let Some(text) = read_text(&form, &mut again, Some(&kept)) else {
        return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
    };
    if form.act == "preview" {
        again.preview = Some(preview(&kept.slug, &text));
        return page(StatusCode::OK, &again);
    }
    match actions::change_page(&desk.shop, &kept.slug, form.edition, &text, now()).await {
        Ok(()) => Ok(see_other("/pages?done=saved")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(WritePageError::Changed(kept)) => {
            let (title, words) = parts(&kept);
            again.edition = kept.edition;
            again.title.compare(&title);
            again.text.compare(&words);
            again.was_changed = true;
            page(StatusCode::CONFLICT, &again)
        }
        Err(_) => Err(DeskError::NotFound),
    }
}

async fn ask_removal(
    desk: Data<Desk>,
    seller: Seller,
    slug: Path<String>,
) -> Result<HttpResponse, DeskError> {
    let kept = find(&desk, &slug).await?;
    show_removal(&seller, &kept, StatusCode::OK, Fresh::asked())
}

fn show_removal(
    seller: &Seller,
    kept: &StoredPage,
    status: StatusCode,
    fresh: Fresh,
) -> Result<HttpResponse, DeskError> {
    let address = format!("/pages/{}", kept.slug);
    let layout = DeskLayout::new(seller, SECTION);
    let title = format!("Remove “{}”", kept.title);
    let file = if kept.file_markdown.is_some() {
        "Its file in db/pages is kept; the page comes back only if that file changes."
    } else {
        ""
    };
    let question = ConfirmationPage {
        fields: vec![("edition", kept.edition.to_string())],
        was_changed: status == StatusCode::CONFLICT,
        ..ConfirmationPage::new(layout, title, format!("{address}/remove"))
            .back(&format!("{address}/edit"), &kept.title)
            .consequences(["This cannot be undone.", "Links to the page stop working.", file])
            .with_password(fresh)
    };
    page(status, &question)
}

async fn remove(
    desk: Data<Desk>,
    slug: Path<String>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> Result<HttpResponse, DeskError> {
    let kept = find(&desk, &slug).await?;
    if let Some(fresh) = seller.fresh_password(&desk, &form.password).await? {
        return show_removal(&seller, &kept, StatusCode::UNPROCESSABLE_ENTITY, fresh);
    }
    match actions::remove_page(&desk.shop, &kept.slug, form.edition, now()).await {
        Ok(()) => Ok(see_other("/pages?done=removed")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(WritePageError::Changed(kept)) => {
            show_removal(&seller, &kept, StatusCode::CONFLICT, Fresh::asked())
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
) -> Result<HttpResponse, DeskError> {
    let slug = |text: &str| PageSlug::parse(text).map_err(|_| DeskError::NotFound);
    match actions::swap_pages(&desk.shop, &slug(&form.upper)?, &slug(&form.lower)?, now()).await {
        Ok(()) => Ok(see_other("/pages?done=moved")),
        Err(WritePageError::Broken(error)) => Err(error.into()),
        Err(_) => show_list(&desk, DeskLayout::new(&seller, SECTION), true).await,
    }
}
