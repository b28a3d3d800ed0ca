//! The page that asks before something is removed.

use askama::Template;

use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::password_prompt::PasswordPrompt;

#[derive(Template)]
#[template(path = "desk/confirmation.html")]
pub struct ConfirmationPage<'a> {
    layout: DeskLayout<'a>,
    /// The question without its question mark: `Remove the code SPRING`.
    title: String,
    /// The address that the form is sent to.
    action: String,
    /// Address and name.
    back_link: (String, String),
    hidden_fields: Vec<(&'static str, String)>,
    pub consequences: Vec<String>,
    /// If set, the page has no form.
    pub obstacles: Option<Obstacles>,
    /// Whether it has changed since the seller saw this page.
    pub was_changed: bool,
    pub password_prompt: Option<PasswordPrompt>,
}

/// What has to be done before the removal.
pub struct Obstacles {
    pub text: String,
    pub names: Vec<String>,
}

impl<'a> ConfirmationPage<'a> {
    pub fn new(layout: DeskLayout<'a>, title: String, action: String) -> Self {
        let (address, name) = (layout.section, layout.section_name());
        Self {
            layout,
            title,
            action,
            back_link: (address.to_owned(), name.to_owned()),
            hidden_fields: Vec::new(),
            consequences: Vec::new(),
            obstacles: None,
            was_changed: false,
            password_prompt: None,
        }
    }

    /// Leads back to a page other than the section's first.
    pub fn back_to(self, address: &str, name: &str) -> Self {
        Self { back_link: (address.to_owned(), name.to_owned()), ..self }
    }

    pub fn hidden_field(mut self, name: &'static str, value: impl ToString) -> Self {
        self.hidden_fields.push((name, value.to_string()));
        self
    }

    /// Empty texts are left out.
    pub fn consequences<const N: usize>(self, texts: [&str; N]) -> Self {
        let texts = texts.into_iter().filter(|text| !text.is_empty());
        Self { consequences: texts.map(str::to_owned).collect(), ..self }
    }

    pub fn with_password(self, prompt: PasswordPrompt) -> Self {
        Self { password_prompt: Some(prompt), ..self }
    }
}
