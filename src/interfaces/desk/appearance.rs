//! The appearance page: name, contact, notice, accent colour.

mod logo;

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AppearanceError, LookChange};
use crate::domain::catalog::{PageText, markdown};
use crate::domain::values::{Accent, Colour, Line, Paragraph};
use crate::infra::store;
use crate::infra::store::appearance::Appearance;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::field_view::{FaultLine, FieldKind, FieldView, fault_lines};
use crate::interfaces::desk::form::number;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;

const SECTION: &str = "/look";
/// What the page says was just done.
const DONE: [(&str, &str); 3] = [
    ("saved", "Saved. The changes are live."),
    ("logo", "The logo is now shown on every page."),
    ("no-logo", "The logo was removed; pages show the name instead."),
];
/// Units: characters.
const MOST_NAME: usize = 60;
const MOST_CONTACT: usize = 120;
const MOST_NOTICE: usize = 1_000;

pub fn addresses(config: &mut ServiceConfig) {
    config.route(SECTION, web::get().to(show)).route(SECTION, web::post().to(submit));
    logo::addresses(config);
}

#[derive(Template)]
#[template(path = "desk/appearance/look.html")]
struct LookPage<'a> {
    layout: DeskLayout<'a>,
    edition: i64,
    name: FieldView,
    contact: FieldView,
    notice: FieldView,
    accent: FieldView,
    /// What stands in the picker beside the colour.
    picked: Colour,
    /// What the settings say.
    settings_name: &'a str,
    settings_contact: &'a str,
    has_own_name: bool,
    has_own_contact: bool,
    /// As buyers see it, where the colour can be read.
    colours: Option<Accent>,
    /// A colour that could be read, in the place of one that cannot.
    nearest: Option<Colour>,
    logo: Option<store::appearance::Logo>,
    was_changed: bool,
    /// The notice as buyers will see it.
    preview: Option<String>,
}

impl LookPage<'_> {
    fn faults(&self) -> Vec<FaultLine> {
        fault_lines(&[&self.name, &self.contact, &self.notice, &self.accent])
    }
}

async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let look = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let mut template = look_page(&desk, &seller, &look);
    template.layout = template.layout.told(&request, &DONE);
    page(StatusCode::OK, &template)
}

fn look_page<'a>(desk: &'a Desk, seller: &'a Seller, look: &Appearance) -> LookPage<'a> {
    let Site { name, contact } = site_of(desk, look);
    let colour = look.accent.unwrap_or(Accent::default().light);
    LookPage {
        layout: DeskLayout::new(seller, SECTION),
        edition: look.edition,
        name: FieldView::new("name", "Shop name", FieldKind::Line).value(name).most(MOST_NAME),
        contact: FieldView::new("contact", "Contact", FieldKind::Line)
            .hint("in the footer of every page; empty: none")
            .value(contact)
            .most(MOST_CONTACT),
        notice: FieldView::new("notice", "Notice on the start page", FieldKind::Area { rows: 4 })
            .hint("Markdown, a few lines; empty: none")
            .value(&look.notice)
            .most(MOST_NOTICE),
        accent: FieldView::new("accent", "Colour", FieldKind::Line)
            .hint("for example #1c5d50; empty: default")
            .value(&colour.to_string())
            .most(7),
        picked: colour,
        settings_name: &desk.site.name,
        settings_contact: &desk.site.contact,
        has_own_name: look.name.is_some(),
        has_own_contact: look.contact.is_some(),
        colours: Accent::of(colour).ok(),
        nearest: None,
        logo: look.logo.clone(),
        was_changed: false,
        preview: None,
    }
}

/// What buyers are shown.
struct Site<'a> {
    name: &'a str,
    contact: &'a str,
}

fn site_of<'a>(desk: &'a Desk, look: &'a Appearance) -> Site<'a> {
    Site {
        name: look.name.as_deref().unwrap_or(&desk.site.name),
        contact: look.contact.as_deref().unwrap_or(&desk.site.contact),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LookForm {
    act: String,
    #[serde(deserialize_with = "number")]
    edition: i64,
    name: String,
    contact: String,
    notice: String,
    accent: String,
    #[serde(rename = "accent-was")]
    accent_was: String,
    picked: String,
    #[serde(rename = "picked-was")]
    picked_was: String,
    take: String,
}

async fn submit(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<LookForm>,
) -> Result<HttpResponse, DeskError> {
    let look = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let mut again = look_page(&desk, &seller, &look);
    let change = read_change(&form, &desk, &look, &mut again);
    again.edition = form.edition;
    let Some(change) = change else {
        // A colour that cannot be read hinders nobody from looking at the notice.
        let notice = Paragraph::parse(&again.notice.value, MOST_NOTICE);
        if let (Ok(notice), "preview", false) =
            (notice, form.act.as_str(), again.notice.is_refused())
        {
            again.preview = Some(markdown::html(notice.as_str()));
        }
        return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
    };
    if form.act == "preview" {
        again.preview = Some(markdown::html(change.notice.as_str()));
        return page(StatusCode::OK, &again);
    }
    match actions::change_appearance(&desk.shop, form.edition, change, now()).await {
        Err(AppearanceError::Broken(error)) => Err(error.into()),
        Err(AppearanceError::Changed(look)) => {
            let site = site_of(&desk, &look);
            again.name.compare(site.name);
            again.contact.compare(site.contact);
            again.notice.compare(&look.notice);
            again.accent.compare(&look.accent.unwrap_or(Accent::default().light).to_string());
            (again.edition, again.was_changed) = (look.edition, true);
            page(StatusCode::CONFLICT, &again)
        }
        _ => Ok(see_other("/look?done=saved")),
    }
}

/// What the form says; `None` where a field was refused. `again`: the form as it is shown if it is shown again.
fn read_change(
    form: &LookForm,
    desk: &Desk,
    look: &Appearance,
    again: &mut LookPage<'_>,
) -> Option<LookChange> {
    let act = &form.act;
    let name = read_line(&form.name, &mut again.name).filter(|name| {
        if name.is_empty() {
            again.name.refuse("enter a name for the shop");
        }
        !name.is_empty()
    });
    let contact = read_line(&form.contact, &mut again.contact);
    let notice = read_notice(&form.notice, &mut again.notice);
    let accent = read_accent(form, again);
    let (name, contact, notice, accent) = (name?, contact?, notice?, accent?);
    // What was left as the settings say it goes on following them.
    let follows = |act_of: &str, own: &Option<String>, said: &Line, settings: &str| {
        act == act_of || own.is_none() && said.as_str() == settings
    };
    let follows_name = follows("settings-name", &look.name, &name, &desk.site.name);
    let follows_contact = follows("settings-contact", &look.contact, &contact, &desk.site.contact);
    Some(LookChange {
        name: (!follows_name).then_some(name),
        contact: (!follows_contact).then_some(contact),
        notice,
        accent: Some(accent.light).filter(|colour| *colour != Accent::default().light),
    })
}

fn read_line(typed: &str, field: &mut FieldView) -> Option<Line> {
    typed.clone_into(&mut field.value);
    Line::parse(&field.value, field.most).map_err(|why| field.refuse(why)).ok()
}

fn read_notice(typed: &str, field: &mut FieldView) -> Option<Paragraph> {
    typed.clone_into(&mut field.value);
    let notice =
        Paragraph::parse(&field.value, field.most).map_err(|why| field.refuse(why)).ok()?;
    PageText::parse(notice.as_str()).map_err(|why| field.refuse(why)).ok()?;
    Some(notice)
}

/// The colour that was typed, or else the one that was picked: whichever was changed.
fn read_accent(form: &LookForm, again: &mut LookPage<'_>) -> Option<Accent> {
    let typed = form.accent.trim();
    let picked = &form.picked;
    let is_picked = typed == form.accent_was && form.picked != form.picked_was;
    let wanted = match form.take.as_str() {
        "" if typed.is_empty() && !is_picked => Ok(Accent::default().light),
        "" if is_picked => Colour::parse(picked),
        "" => Colour::parse(typed),
        // The nearest that can be read, which the form offered.
        offered => Colour::parse(offered),
    };
    let wanted = match wanted {
        Ok(colour) => colour,
        Err(why) => {
            typed.clone_into(&mut again.accent.value);
            again.picked = Colour::parse(picked).unwrap_or(again.picked);
            again.colours = None;
            again.accent.refuse(why);
            return None;
        }
    };
    (again.accent.value, again.picked) = (wanted.to_string(), wanted);
    match Accent::of(wanted) {
        Ok(accent) => {
            again.colours = Some(accent);
            Some(accent)
        }
        Err(pale) => {
            (again.colours, again.nearest) = (None, Some(pale.nearest));
            again.accent.refuse(pale);
            None
        }
    }
}
