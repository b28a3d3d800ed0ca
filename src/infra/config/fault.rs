//! What is wrong in the settings, and where.

/// One thing that is wrong in the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} ({place}): found {found}; expected {expected}")]
pub struct SettingFault {
    pub name: String,
    /// `the command line`, `the environment` or `.env, line 3`.
    pub place: String,
    pub found: String,
    pub expected: String,
}

/// A setting's text and where it stood.
pub type Found = (String, String);
