//! The page that asks before something is removed.

use askama::Template;

use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::password_prompt::Fresh;

#[derive(Template)]
#[template(path = "desk/confirmation.html")]
pub struct ConfirmationPage<'a> {
    pub layout: DeskLayout<'a>,
    /// What would be done: `Remove the code SPRING`.
    pub title: String,
    /// Where the way back leads: address and name.
    pub back: (String, String),
    /// What follows from it.
    pub consequences: Vec<String>,
    /// What has to be done before; then nothing is asked.
    pub obstacles: Option<Obstacles>,
    /// It has changed since the seller saw this page.
    pub was_changed: bool,
    /// Where the answer goes.
    pub action: String,
    pub fields: Vec<(&'static str, String)>,
    /// Whether the password is asked for.
    pub fresh: Option<Fresh>,
}

/// What hinders a removal.
pub struct Obstacles {
    pub text: String,
    pub names: Vec<String>,
}

impl<'a> ConfirmationPage<'a> {
    /// Asks by itself, without a password.
    pub fn new(layout: DeskLayout<'a>, title: String, action: String) -> Self {
        let (address, name) = (layout.section, layout.section_name());
        Self {
            layout,
            title,
            back: (address.to_owned(), name.to_owned()),
            consequences: Vec::new(),
            obstacles: None,
            was_changed: false,
            action,
            fields: Vec::new(),
            fresh: None,
        }
    }

    /// Where the way back leads.
    pub fn back(self, address: &str, name: &str) -> Self {
        Self { back: (address.to_owned(), name.to_owned()), ..self }
    }

    pub fn consequences<const N: usize>(self, texts: [&str; N]) -> Self {
        let texts = texts.into_iter().filter(|text| !text.is_empty());
        Self { consequences: texts.map(str::to_owned).collect(), ..self }
    }

    /// Asks for the password too.
    pub fn with_password(self, fresh: Fresh) -> Self {
        Self { fresh: Some(fresh), ..self }
    }
}
