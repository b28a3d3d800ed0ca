//! What one check of the doctor found.

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// Worth knowing, and no fault.
    Note,
    Bad,
}

#[derive(serde::Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub state: State,
    pub words: String,
    /// Empty where nothing need be done.
    pub to_do: String,
}

pub fn well(check: &'static str, words: impl Into<String>) -> Finding {
    Finding { check, state: State::Ok, words: words.into(), to_do: String::new() }
}

pub fn note(check: &'static str, words: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { check, state: State::Note, words: words.into(), to_do: to_do.into() }
}

pub fn ill(check: &'static str, words: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { check, state: State::Bad, words: words.into(), to_do: to_do.into() }
}
