//! A form field with what was typed into it.

/// A field of a form of words, as the seller filled it.
pub struct Filled {
    pub name: &'static str,
    pub label: &'static str,
    pub value: String,
    /// Units: characters.
    pub most: usize,
    /// Why it was refused.
    pub error: Option<String>,
    /// What stands there now, where another desk has changed it meanwhile.
    pub now: Option<String>,
}

impl Filled {
    pub fn new(name: &'static str, label: &'static str, value: &str, most: usize) -> Self {
        Self { name, label, value: value.to_owned(), most, error: None, now: None }
    }

    pub fn refuse(&mut self, why: impl std::fmt::Display) {
        self.error.get_or_insert_with(|| sentence(&why.to_string()));
    }

    pub fn is_refused(&self) -> bool {
        self.error.is_some()
    }

    /// Says what stands there now, where that is something else.
    pub fn compare(&mut self, kept: &str) {
        if self.value.replace("\r\n", "\n").trim() != kept.trim() {
            self.now = Some(kept.to_owned());
        }
    }

    /// The elements that say more about the field.
    pub fn described_by(&self) -> String {
        let parts = [(self.is_refused(), "error"), (self.now.is_some(), "now")];
        let ids = parts.iter().filter(|(is_there, _)| *is_there);
        ids.map(|(_, what)| format!("{}-{what}", self.name)).collect::<Vec<_>>().join(" ")
    }
}

/// What a page says above its form of the fields that were refused.
///
/// Shape: name, label, why.
pub fn faults<'a>(fields: &[&'a Filled]) -> Vec<(&'static str, &'static str, &'a str)> {
    let refused = |field: &&'a Filled| Some((field.name, field.label, field.error.as_deref()?));
    fields.iter().filter_map(refused).collect()
}

/// The bad news of a rule as a sentence of its own.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(letters).collect();
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}
