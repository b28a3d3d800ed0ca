//! Errors of what is tried again and again: each is logged once.

/// The last error of one such thing; by default there was none.
#[derive(Default)]
pub struct RecurringError(Option<String>);

impl RecurringError {
    /// After an attempt. Logs an error, unless it was the same before, and that it is over.
    pub fn note(&mut self, what: &str, error: Option<String>) {
        match &error {
            Some(error) if self.0.as_ref() != Some(error) => tracing::error!("{what}: {error}"),
            None if self.0.is_some() => tracing::info!("{what}: working again"),
            _ => {}
        }
        self.0 = error;
    }
}
