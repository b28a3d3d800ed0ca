//! The password field of forms whose effect cannot be undone.

/// Shown by `{% include "desk/password_prompt.html" %}`, with this as `prompt`.
#[derive(Clone, Copy, Default)]
pub struct PasswordPrompt {
    pub is_wrong: bool,
}

impl PasswordPrompt {
    /// Asks again after a wrong password.
    pub const WRONG: Self = Self { is_wrong: true };
}
