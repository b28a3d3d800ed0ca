//! Markdown to safe HTML.

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::domain::catalog::record::one_line;

/// Renders the seller's Markdown as safe HTML: HTML in it becomes text, pictures become their alt text, links go only
/// to pages of this shop, to http, https or mailto, and headings begin at the second level.
///
/// Some input expands a lot, such as thousands of `>` in a row: if the HTML would be more than `MAX_PER_BYTE` times as
/// long as the text, the text is shown as it was typed.
pub fn html(markdown: &str) -> String {
    let html = unlimited_html(markdown);
    if html.len() <= MAX_FREE + MAX_PER_BYTE * markdown.len() {
        return html;
    }
    let mut typed = String::from("<pre>");
    // A text event produces nothing but escaped text.
    pulldown_cmark::html::push_html(&mut typed, std::iter::once(Event::Text(markdown.into())));
    typed.push_str("</pre>\n");
    typed
}

/// Units: bytes of HTML. The limit is `MAX_FREE` plus this many for each byte of Markdown.
const MAX_PER_BYTE: usize = 10;
const MAX_FREE: usize = 4_096;

fn unlimited_html(markdown: &str) -> String {
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    let mut in_picture = 0_usize;
    let events = events(markdown).filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::Image { .. }) => {
            in_picture += 1;
            None
        }
        Event::End(TagEnd::Image) => {
            in_picture = in_picture.saturating_sub(1);
            None
        }
        Event::Start(Tag::Link { dest_url, link_type, .. }) => {
            let (link_type, dest_url) = match link_type {
                LinkType::Email => (LinkType::Email, dest_url),
                _ => (LinkType::Inline, harmless(dest_url)),
            };
            let (title, id) = (CowStr::Borrowed(""), CowStr::Borrowed(""));
            Some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::Start(Tag::Heading { level, .. }) => Some(Event::Start(Tag::Heading {
            level: lower(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        })),
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        // A language after the fence would become a class.
        Event::Start(Tag::CodeBlock(_)) => {
            Some(Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented)))
        }
        // A column's alignment would become an inline style, which the shop's Content-Security-Policy forbids.
        Event::Start(Tag::Table(columns)) => {
            Some(Event::Start(Tag::Table(vec![pulldown_cmark::Alignment::None; columns.len()])))
        }
        other => Some(other),
    });
    pulldown_cmark::html::push_html(&mut html, events);
    // For `&#1;` and the like: no page may contain control characters.
    html.retain(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    // Any `<` in the seller's text is `&lt;` by now, so this is a table's head.
    html.replace("<th>", "<th scope=\"col\">")
}

/// The plain text on one line, for the search and for a line under a picture.
pub fn plain_text(markdown: &str) -> String {
    let mut plain = String::new();
    for event in events(markdown) {
        match event {
            Event::Text(text) | Event::Code(text) => plain.push_str(&text),
            Event::SoftBreak | Event::HardBreak | Event::End(_) => plain.push(' '),
            _ => {}
        }
    }
    one_line(&plain)
}

/// The first heading of level one, and the rest: the title of a seller's page.
pub fn title(markdown: &str) -> Option<(&str, &str)> {
    let (first, rest) = markdown.trim_start().split_once('\n').unwrap_or((markdown.trim(), ""));
    let title = first.strip_prefix("# ")?.trim();
    if title.is_empty() { None } else { Some((title, rest)) }
}

fn events(markdown: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

fn harmless(link: CowStr<'_>) -> CowStr<'_> {
    let url = link.trim().to_ascii_lowercase();
    let is_local = url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\");
    let is_external =
        ["http://", "https://", "mailto:"].iter().any(|scheme| url.starts_with(scheme));
    if is_local || is_external { link } else { CowStr::Borrowed("/") }
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 | HeadingLevel::H2 => HeadingLevel::H2,
        HeadingLevel::H3 => HeadingLevel::H3,
        _ => HeadingLevel::H4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(markdown: &str, expected: &str) {
        assert_eq!(html(markdown).trim(), expected, "{markdown:?}");
    }

    #[test]
    fn markdown_becomes_harmless_html() {
        check("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>");
        check("# Title", "<h2>Title</h2>");
        check("a&#1;b&#x2;c\u{1}", "<p>abc</p>");
        check("[us](/page/about)", "<p><a href=\"/page/about\">us</a></p>");
        check("[x](javascript:alert(1))", "<p><a href=\"/\">x</a></p>");
        check("[x](//evil.example)", "<p><a href=\"/\">x</a></p>");
        check("[x](data:text/html,1 \"t\")", "<p><a href=\"/\">x</a></p>");
        check("![a cat](http://x/cat.png)", "<p>a cat</p>");
        check("a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>");
        check("```html\n<i>\n```", "<pre><code>&lt;i&gt;\n</code></pre>");
        assert!(!html("|a|b|\n|:-:|-:|\n|1|2|").contains("style"));
        check("a <th>", "<p>a &lt;th&gt;</p>");
        check("## Care", "<h2>Care</h2>");
    }

    #[test]
    fn words_are_for_the_search() {
        assert_eq!(plain_text("# Tea\n\n- *green*\n- black [more](/x)"), "Tea green black more");
    }

    #[test]
    fn a_page_is_named_by_its_first_heading() {
        assert_eq!(title("\n# About us\nWords"), Some(("About us", "Words")));
        assert_eq!(title("Words"), None);
    }

    #[test]
    fn no_text_becomes_much_longer_than_it_was() {
        let table = format!(
            "|{0}\n|{1}\n{2}",
            "a|".repeat(2_000),
            "-|".repeat(2_000),
            "|a\n".repeat(5_000)
        );
        let references = format!("[a]: /{}\n\n{}", "u".repeat(5_000), "[a] ".repeat(5_000));
        for (text, is_typed) in [
            (">".repeat(20_000), true),
            (format!("{}a", "- ".repeat(10_000)), true),
            (table, true),
            (references, false),
            ("*".repeat(20_000), false),
            ("[".repeat(20_000), false),
            ("<a@b>".repeat(4_000), false),
            (
                "> quoted\n>\n> - one\n> - two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".to_owned(),
                false,
            ),
        ] {
            let start: String = text.chars().take(20).collect();
            let shown = html(&text);
            assert!(shown.len() <= MAX_FREE + MAX_PER_BYTE * text.len(), "{start} {}", shown.len());
            assert_eq!(shown.starts_with("<pre>"), is_typed, "{start}");
        }
        let typed = html(&format!("{}<script>", ">".repeat(20_000)));
        assert!(typed.starts_with("<pre>&gt;&gt;") && typed.ends_with("&lt;script&gt;</pre>\n"));
    }

    proptest! {
        #[test]
        fn no_markdown_makes_an_element_that_acts(markdown in "[\\[\\]()!<>a-z\"'=:/ \n#`*|&;-]{0,200}") {
            let shown = html(&markdown);
            for bad in ["<script", "<img", "<iframe", "<svg", "<style", "style=", "onclick=\"", "\"javascript:", "\"data:"] {
                prop_assert!(!shown.contains(bad), "{shown}");
            }
        }
    }
}
