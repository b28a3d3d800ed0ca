//! The appearance page: name, contact, notice, accent colour.

mod logo;

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{AppearanceError, LookChange};
use crate::domain::catalog::{PageText, markdown};
use crate::domain::values::{Accent, Colour, Line, Paragraph};
use crate::infra::store;
use crate::infra::store::appearance::Appearance;
use crate::interfaces::desk::error::DeskResult;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::field_view::{FaultLine, FieldKind, FieldView, fault_lines};
use crate::interfaces::desk::form::number;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::now;
use crate::interfaces::web::Site;

const SECTION: &str = "/look";
const NOTICES: [(&str, &str); 3] = [
    ("saved", "Saved. The changes are live."),
    ("logo", "The logo is now shown on every page."),
    ("no-logo", "The logo was removed; pages show the name instead."),
];
/// Units: characters.
const MAX_NAME: usize = 60;
const MAX_CONTACT: usize = 120;
const MAX_NOTICE: usize = 1_000;

pub fn addresses(config: &mut ServiceConfig) {
    config.route(SECTION, web::get().to(show)).route(SECTION, web::post().to(submit));
    logo::addresses(config);
}

#[derive(Template)]
#[template(path = "desk/appearance/edit.html")]
struct AppearancePage<'a> {
    layout: DeskLayout<'a>,
    edition: i64,
    name: FieldView,
    contact: FieldView,
    notice: FieldView,
    accent: FieldView,
    /// The value of the colour picker.
    picked: Colour,
    configured_name: &'a str,
    configured_contact: &'a str,
    has_own_name: bool,
    has_own_contact: bool,
    /// `None` if the colour is not readable.
    colours: Option<Accent>,
    /// The nearest readable colour, if the chosen one is not readable.
    nearest: Option<Colour>,
    logo: Option<store::appearance::Logo>,
    was_changed: bool,
    /// The notice as HTML.
    preview: Option<String>,
}

impl AppearancePage<'_> {
    fn faults(&self) -> Vec<FaultLine> {
        fault_lines(&[&self.name, &self.contact, &self.notice, &self.accent])
    }
}

async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let appearance = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let mut template = appearance_page(&desk, &seller, &appearance);
    template.layout = template.layout.with_notice(&request, &NOTICES);
    page(StatusCode::OK, &template)
}

fn appearance_page<'a>(
    desk: &'a Desk,
    seller: &'a Seller,
    appearance: &Appearance,
) -> AppearancePage<'a> {
    let site = &desk.site;
    let colour = appearance.accent.unwrap_or(Accent::default().light);
    AppearancePage {
        layout: DeskLayout::new(seller, SECTION),
        edition: appearance.edition,
        name: FieldView::new("name", "Shop name", FieldKind::Line)
            .value(appearance.name.as_ref().unwrap_or(&site.name))
            .most(MAX_NAME),
        contact: FieldView::new("contact", "Contact", FieldKind::Line)
            .hint("in the footer of every page; empty: none")
            .value(appearance.contact.as_ref().unwrap_or(&site.contact))
            .most(MAX_CONTACT),
        notice: FieldView::new("notice", "Notice on the start page", FieldKind::Area { rows: 4 })
            .hint("Markdown, a few lines; empty: none")
            .value(&appearance.notice)
            .most(MAX_NOTICE),
        accent: FieldView::new("accent", "Colour", FieldKind::Line)
            .hint("for example #1c5d50; empty: default")
            .value(&colour.to_string())
            .most(7),
        picked: colour,
        configured_name: &site.name,
        configured_contact: &site.contact,
        has_own_name: appearance.name.is_some(),
        has_own_contact: appearance.contact.is_some(),
        colours: Accent::of(colour).ok(),
        nearest: None,
        logo: appearance.logo.clone(),
        was_changed: false,
        preview: None,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AppearanceForm {
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
    VerifiedForm { form, seller, .. }: VerifiedForm<AppearanceForm>,
) -> DeskResult {
    let appearance = store::appearance::find(&mut *desk.shop.db.reader().await?).await?;
    let mut template = appearance_page(&desk, &seller, &appearance);
    template.edition = form.edition;
    let Some(change) = read_change(&form, &desk.site, &appearance, &mut template) else {
        // The notice is previewed even if another field has an error.
        let notice = Paragraph::parse(&template.notice.value, MAX_NOTICE).ok();
        let notice = notice.filter(|_| form.act == "preview" && !template.notice.is_refused());
        template.preview = notice.map(|notice| markdown::html(notice.as_str()));
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    };
    if form.act == "preview" {
        template.preview = Some(markdown::html(change.notice.as_str()));
        return page(StatusCode::OK, &template);
    }
    match actions::change_appearance(&desk.shop, form.edition, change, now()).await {
        Err(AppearanceError::Broken(error)) => Err(error.into()),
        Err(AppearanceError::Changed(saved)) => {
            let saved = appearance_page(&desk, &seller, &saved);
            template.name.compare(&saved.name.value);
            template.contact.compare(&saved.contact.value);
            template.notice.compare(&saved.notice.value);
            template.accent.compare(&saved.accent.value);
            (template.edition, template.was_changed) = (saved.edition, true);
            page(StatusCode::CONFLICT, &template)
        }
        _ => Ok(see_other("/look?done=saved")),
    }
}

/// `None` if a field was refused, which is noted in `template`.
fn read_change(
    form: &AppearanceForm,
    site: &Site,
    appearance: &Appearance,
    template: &mut AppearancePage<'_>,
) -> Option<LookChange> {
    template.name.value.clone_from(&form.name);
    template.contact.value.clone_from(&form.contact);
    template.notice.value.clone_from(&form.notice);
    let name = template.name.required_line("enter a name for the shop");
    let contact = template.contact.check(Line::parse(&form.contact, MAX_CONTACT));
    let notice = read_notice(&form.notice, &mut template.notice);
    let accent = read_accent(form, template);
    let (name, contact, notice, accent) = (name?, contact?, notice?, accent?);
    // A value that was left as configured keeps following the configuration.
    let is_configured = |act: &str, own: &Option<String>, line: &Line, configured: &str| {
        form.act == act || own.is_none() && line.as_str() == configured
    };
    let has_configured_name = is_configured("settings-name", &appearance.name, &name, &site.name);
    let has_configured_contact =
        is_configured("settings-contact", &appearance.contact, &contact, &site.contact);
    Some(LookChange {
        name: (!has_configured_name).then_some(name),
        contact: (!has_configured_contact).then_some(contact),
        notice,
        accent: Some(accent.light).filter(|colour| *colour != Accent::default().light),
    })
}

fn read_notice(input: &str, field: &mut FieldView) -> Option<Paragraph> {
    let notice = field.check(Paragraph::parse(input, MAX_NOTICE))?;
    field.check(PageText::parse(notice.as_str()))?;
    Some(notice)
}

/// The colour of the text field, or of the picker if only that was changed.
fn read_accent(form: &AppearanceForm, template: &mut AppearancePage<'_>) -> Option<Accent> {
    let typed = form.accent.trim();
    let is_picked = typed == form.accent_was && form.picked != form.picked_was;
    let colour = match form.take.as_str() {
        "" if typed.is_empty() && !is_picked => Ok(Accent::default().light),
        "" if is_picked => Colour::parse(&form.picked),
        "" => Colour::parse(typed),
        // The nearest readable colour, which the form offered.
        nearest => Colour::parse(nearest),
    };
    let colour = match colour {
        Ok(colour) => colour,
        Err(why) => {
            typed.clone_into(&mut template.accent.value);
            template.picked = Colour::parse(&form.picked).unwrap_or(template.picked);
            template.colours = None;
            template.accent.refuse(why);
            return None;
        }
    };
    (template.accent.value, template.picked) = (colour.to_string(), colour);
    match Accent::of(colour) {
        Ok(accent) => {
            template.colours = Some(accent);
            Some(accent)
        }
        Err(unreadable) => {
            (template.colours, template.nearest) = (None, Some(unreadable.nearest));
            template.accent.refuse(unreadable);
            None
        }
    }
}
