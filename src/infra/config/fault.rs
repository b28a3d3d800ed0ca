//! What is wrong in the settings, and where.

/// One thing that is wrong in the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} ({origin}): found {found}; expected {expected}")]
pub struct SettingFault {
    pub name: String,
    /// `the command line`, `the environment` or `.env, line 3`.
    pub origin: String,
    pub found: String,
    pub expected: String,
}

/// The text of a setting.
#[derive(Clone, Debug, Default)]
pub struct SettingText {
    pub text: String,
    /// As [`SettingFault::origin`].
    pub origin: String,
}
