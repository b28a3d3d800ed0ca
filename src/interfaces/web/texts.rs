//! The texts that buyers read: looked up by id in `templates/locales`, with their arguments filled in.

use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use askama::filters;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::domain::values::Timestamp;

type Language = FluentBundle<FluentResource>;

const ENGLISH_FILES: [&str; 7] = [
    include_str!("../../../templates/locales/en/layout.ftl"),
    include_str!("../../../templates/locales/en/catalog.ftl"),
    include_str!("../../../templates/locales/en/cart.ftl"),
    include_str!("../../../templates/locales/en/checkout.ftl"),
    include_str!("../../../templates/locales/en/order.ftl"),
    include_str!("../../../templates/locales/en/refusal.ftl"),
    include_str!("../../../templates/locales/en/error.ftl"),
];

static ENGLISH: LazyLock<Language> = LazyLock::new(|| {
    let mut language = Language::new_concurrent(vec!["en".parse().expect("a language tag")]);
    // Isolation marks around arguments would be copied along with addresses and amounts.
    language.set_use_isolating(false);
    for file in ENGLISH_FILES {
        let texts = FluentResource::try_new(file.to_owned()).expect("a test reads every file");
        language.add_resource(texts).expect("a test compares the ids of all files");
    }
    language
});

/// The language of the pages. A choice by visitor belongs here.
fn language() -> &'static Language {
    &ENGLISH
}

/// The text with this id, as plain text.
pub fn text(id: &str) -> Text<'_> {
    Text { id, values: FluentArgs::new() }
}

/// `21 November 2026`.
pub fn day(at: Timestamp) -> Text<'static> {
    dated("layout-day", at)
}

/// `21 November 2026, 14:05 UTC`.
pub fn moment(at: Timestamp) -> Text<'static> {
    dated("layout-moment", at).with("time", &at.rfc_3339()[11..16])
}

/// `21 November`.
pub fn day_and_month(at: Timestamp) -> Text<'static> {
    dated("layout-day-and-month", at)
}

fn dated(id: &'static str, at: Timestamp) -> Text<'static> {
    let written = at.short_day();
    let part = |range: Range<usize>| written[range].trim_start_matches('0').to_owned();
    let month = text("layout-month").count("n", part(5..7));
    text(id).with("day", part(8..10)).with("month", month).with("year", part(0..4))
}

/// A text for code and plain-text files. Printed in an HTML template, it is escaped there.
pub struct Text<'a> {
    id: &'a str,
    values: FluentArgs<'a>,
}

impl<'a> Text<'a> {
    pub fn with(mut self, name: &'a str, value: impl fmt::Display) -> Self {
        self.values.set(name, value.to_string());
        self
    }

    /// A number that selects singular or plural.
    pub fn count(mut self, name: &'a str, n: impl fmt::Display) -> Self {
        let n = n.to_string().parse().map_or(FluentValue::Error, FluentValue::Number);
        self.values.set(name, n);
        self
    }

    /// For an HTML template.
    pub fn html(self) -> Html<'a> {
        Html(self)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = language().get_message(self.id).and_then(|message| message.value());
        debug_assert!(found.is_some(), "there is no text {:?}", self.id);
        let Some(pattern) = found else { return f.write_str(self.id) };
        let mut faults = Vec::new();
        language().write_pattern(f, pattern, Some(&self.values), &mut faults)?;
        debug_assert!(faults.is_empty(), "{}: {faults:?}", self.id);
        Ok(())
    }
}

/// A text for an HTML template: the text itself is not escaped, since it may contain links; its arguments are.
pub struct Html<'a>(Text<'a>);

impl<'a> Html<'a> {
    pub fn with(self, name: &'a str, value: impl fmt::Display) -> Self {
        let escaped: Result<_, Infallible> = filters::escape(&value, filters::Html);
        let Ok(escaped) = escaped;
        Self(self.0.with(name, escaped))
    }

    pub fn count(self, name: &'a str, n: impl fmt::Display) -> Self {
        Self(self.0.count(name, n))
    }
}

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl filters::HtmlSafe for Html<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_escaped_once() {
        let name = "<b>Tea & \"Co\"</b>";
        let plain = text("layout-contact").with("contact", name);
        assert_eq!(plain.to_string(), "Contact: <b>Tea & \"Co\"</b>");
        let html = "Contact: &#60;b&#62;Tea &#38; &#34;Co&#34;&#60;/b&#62;";
        assert_eq!(text("layout-contact").html().with("contact", name).to_string(), html);
        let nested = text("layout-closed").html().with("why", plain);
        assert!(nested.to_string().starts_with(html));
    }

    #[test]
    fn a_date_is_written_as_the_seller_reads_it() {
        for seconds in [0, 951_782_400, 1_795_267_500, 4_102_444_799] {
            let at = Timestamp::new(seconds).unwrap();
            assert_eq!(day(at).to_string(), at.day());
            assert_eq!(moment(at).to_string(), at.for_people());
        }
        for month in 1..=12 {
            let at = Timestamp::parse_day(&format!("2026-{month:02}-09")).unwrap();
            assert_eq!(day(at).to_string(), at.day());
        }
    }

    #[test]
    fn a_count_selects_the_plural() {
        for (n, words) in [
            (0, "0 products"),
            (1, "1 product"),
            (2, "2 products"),
            (1_000_000, "1000000 products"),
        ] {
            assert_eq!(text("catalog-products").count("total", n).to_string(), words);
        }
    }
}
