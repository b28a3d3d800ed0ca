//! Asks for the password again before what cannot be undone.

/// The field of a form in which the password is given once more: `{% include "desk/fresh.html" %}`, with this as `fresh`.
#[derive(Clone, Copy, Default)]
pub struct Fresh {
    pub is_refused: bool,
}

impl Fresh {
    /// As a form asks for it first.
    pub fn asked() -> Self {
        Self { is_refused: false }
    }

    pub fn refused() -> Self {
        Self { is_refused: true }
    }
}
