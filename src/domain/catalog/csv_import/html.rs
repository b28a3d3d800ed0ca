//! HTML of other shop programs as Markdown: paragraphs, headings, lists, emphasis and links. Everything else becomes its text.

use std::collections::BTreeSet;

use crate::domain::catalog::csv_import::html_tag::{Tag, decoded};
use crate::domain::catalog::markdown::plain_text;

/// What line breaks in the HTML mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineBreaks {
    /// Spaces, as in any HTML.
    Spaces,
    /// Line breaks, and empty lines paragraphs. Source: WordPress, `wpautop`.
    Paragraphs,
}

/// The text, and the elements that it had and Markdown has not.
#[derive(Debug, Default)]
pub struct Converted {
    pub markdown: String,
    pub removed: BTreeSet<String>,
}

/// Elements whose content is no text.
const SKIPPED: [&str; 9] =
    ["script", "style", "iframe", "object", "svg", "video", "audio", "template", "noscript"];
/// Elements without content that Markdown cannot show.
const SHOWN_BY_NOTHING: [&str; 4] = ["img", "embed", "input", "form"];
const BLOCKS: [&str; 18] = [
    "p",
    "div",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "aside",
    "figure",
    "figcaption",
    "table",
    "dl",
    "dt",
    "dd",
    "pre",
    "address",
    "fieldset",
    "hr",
];
/// Units: elements of emphasis in each other.
const MAX_MARKS: usize = 20;
/// Units: characters of the address of a link.
const MAX_URL: usize = 500;

/// Converts HTML. What it gives is text and marks of Markdown; no character of the HTML's text is a mark by accident.
pub fn markdown(html: &str, breaks: LineBreaks) -> Converted {
    let mut writer = Writer::default();
    // No tag ends after the last `>`: there many beginnings of tags would each be read to the end.
    let (mut rest, text_only) = html.split_at(html.rfind('>').map_or(0, |end| end + 1));
    let mut skipped: Option<String> = None;
    while let Some(start) = rest.find('<') {
        let (text, from_tag) = rest.split_at(start);
        if skipped.is_none() {
            writer.html_text(text, breaks);
        }
        let Some((tag, after)) = Tag::parse(from_tag) else {
            if skipped.is_none() {
                writer.text("<");
            }
            rest = &from_tag[1..];
            continue;
        };
        rest = after;
        match &skipped {
            Some(name) => {
                if tag.is_end && tag.name == *name {
                    skipped = None;
                }
            }
            None if SKIPPED.contains(&tag.name.as_str()) => {
                writer.removed.insert(tag.name.clone());
                skipped = (!tag.is_end && !tag.is_empty).then_some(tag.name);
            }
            None => writer.tag(&tag),
        }
    }
    if skipped.is_none() {
        writer.html_text(rest, breaks);
        writer.html_text(text_only, breaks);
    }
    writer.end_block();
    Converted { markdown: writer.out, removed: writer.removed }
}

/// The text of HTML on one line, for names.
pub fn line(html: &str) -> String {
    plain_text(&markdown(html, LineBreaks::Spaces).markdown)
}

/// A mark of emphasis: written before its first text, so that no space follows it.
struct Mark {
    text: &'static str,
    is_written: bool,
}

struct Link {
    /// Where its text begins in the line.
    start: usize,
    url: Option<String>,
}

#[derive(Default)]
struct Writer {
    out: String,
    /// The block that is being written.
    line: String,
    /// Before the block, for example `## ` or `- `.
    prefix: String,
    marks: Vec<Mark>,
    link: Option<Link>,
    /// For each open list the number of its next item; `None`: without numbers.
    lists: Vec<Option<u32>>,
    n_cells: usize,
    follows_item: bool,
    is_quote: bool,
    removed: BTreeSet<String>,
}

impl Writer {
    fn html_text(&mut self, html: &str, breaks: LineBreaks) {
        if breaks == LineBreaks::Spaces {
            self.text(&decoded(html));
            return;
        }
        let html = html.replace("\r\n", "\n");
        for (n, paragraph) in html.split("\n\n").enumerate() {
            if 0 < n {
                self.end_block();
            }
            for (n, line) in paragraph.split('\n').enumerate() {
                if 0 < n {
                    self.line_break();
                }
                self.text(&decoded(line));
            }
        }
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                let is_start = self.line.is_empty() || self.line.ends_with([' ', '\n']);
                if !is_start {
                    self.line.push(' ');
                }
            } else if !c.is_control() {
                self.character(c);
            }
        }
    }

    fn character(&mut self, c: char) {
        for mark in self.marks.iter_mut().filter(|mark| !mark.is_written) {
            self.line.push_str(mark.text);
            mark.is_written = true;
        }
        let is_mark = match c {
            '\\' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '~' | '|' | '&' => true,
            '#' | '-' | '+' | '=' => self.begun_line().is_empty(),
            '.' | ')' => {
                let begun = self.begun_line();
                !begun.is_empty() && begun.bytes().all(|b| b.is_ascii_digit())
            }
            _ => false,
        };
        if is_mark {
            self.line.push('\\');
        }
        self.line.push(c);
    }

    /// What was written since the last line break, without emphasis at its beginning.
    fn begun_line(&self) -> &str {
        self.line.rsplit('\n').next().unwrap_or_default().trim_start_matches('*')
    }

    fn tag(&mut self, tag: &Tag) {
        match (tag.name.as_str(), tag.is_end) {
            ("br", _) => self.line_break(),
            ("b" | "strong", false) => self.begin_mark("**"),
            ("b" | "strong", true) => self.end_mark("**"),
            ("i" | "em", false) => self.begin_mark("*"),
            ("i" | "em", true) => self.end_mark("*"),
            ("a", false) => self.begin_link(tag),
            ("a", true) => self.end_link(),
            ("ul" | "ol", is_end) => {
                self.end_block();
                if is_end {
                    self.lists.pop();
                } else {
                    self.lists.push((tag.name == "ol").then_some(1));
                }
            }
            ("li", false) => self.begin_item(),
            ("tr", false) => {
                self.begin_item();
                self.n_cells = 0;
            }
            ("li" | "tr", true) => self.end_block(),
            ("td" | "th", false) => {
                let between = [": ", ", "][usize::from(1 < self.n_cells)];
                if 0 < self.n_cells && !self.line.is_empty() {
                    self.line.truncate(self.line.trim_end().len());
                    self.line.push_str(between);
                }
                self.n_cells += 1;
            }
            ("h1" | "h2", false) => self.begin_heading("## "),
            ("h3" | "h4" | "h5" | "h6", false) => self.begin_heading("### "),
            ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", true) => self.end_block(),
            ("blockquote", is_end) => {
                self.end_block();
                self.is_quote = !is_end;
            }
            (name, _) if BLOCKS.contains(&name) => self.end_block(),
            (name, false) if SHOWN_BY_NOTHING.contains(&name) => {
                self.removed.insert(name.to_owned());
            }
            _ => {}
        }
    }

    fn line_break(&mut self) {
        self.line.truncate(self.line.trim_end_matches(' ').len());
        // In a heading or an item it would end it.
        if !self.prefix.is_empty() {
            self.line.push(' ');
        } else if !self.line.is_empty() && !self.line.ends_with('\n') {
            self.line.push_str("\\\n");
        }
    }

    fn begin_heading(&mut self, prefix: &str) {
        self.end_block();
        prefix.clone_into(&mut self.prefix);
    }

    fn begin_item(&mut self) {
        self.end_block();
        let depth = self.lists.len().saturating_sub(1).min(3);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number = number.saturating_add(1);
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        };
        self.prefix = format!("{}{mark}", "   ".repeat(depth));
    }

    fn begin_mark(&mut self, text: &'static str) {
        if self.marks.len() == MAX_MARKS {
            return;
        }
        // Twice the same would end it.
        let is_open = self.marks.iter().any(|mark| mark.text == text);
        self.marks.push(Mark { text: if is_open { "" } else { text }, is_written: is_open });
    }

    fn end_mark(&mut self, text: &'static str) {
        let Some(at) = self.marks.iter().rposition(|mark| mark.text == text) else { return };
        for mark in self.marks.split_off(at).iter().rev() {
            self.close(mark);
        }
    }

    fn close(&mut self, mark: &Mark) {
        if mark.is_written && !mark.text.is_empty() {
            let words = self.line.trim_end_matches([' ', '\n', '\\']).len();
            // A backslash before the mark would take away its meaning; it belongs to a character or a line break.
            let end = if self.line[words..].contains('\n') {
                words
            } else {
                self.line.trim_end_matches(' ').len()
            };
            let had_space = end < self.line.len();
            self.line.truncate(end);
            self.line.push_str(mark.text);
            if had_space {
                self.line.push(' ');
            }
        }
    }

    fn begin_link(&mut self, tag: &Tag) {
        self.end_link();
        let address = tag.attribute("href").unwrap_or_default();
        let url = harmless(address.trim());
        if url.is_none() && !address.trim().is_empty() {
            self.removed.insert("a link that does not begin with http, https or mailto".to_owned());
        }
        self.link = Some(Link { start: self.line.len(), url });
    }

    fn end_link(&mut self) {
        let Some(Link { start, url: Some(url) }) = self.link.take() else { return };
        // Marks may have been closed before it, without their spaces.
        let start = start.min(self.line.len());
        if self.line.is_char_boundary(start) && !self.line[start..].trim().is_empty() {
            let text = self.line.split_off(start);
            let (before, words) = (text.len() - text.trim_start().len(), text.trim());
            self.line.push_str(&text[..before]);
            self.line.push_str(&format!("[{words}]({url})"));
            if text.ends_with(' ') {
                self.line.push(' ');
            }
        }
    }

    /// Ends a paragraph, heading or item. Emphasis that is open goes on in the next one.
    fn end_block(&mut self) {
        self.end_link();
        let open = std::mem::take(&mut self.marks);
        for mark in open.iter().rev() {
            self.close(mark);
        }
        let again = |mark: Mark| Mark { is_written: mark.text.is_empty(), ..mark };
        self.marks = open.into_iter().map(again).collect();
        let line = std::mem::take(&mut self.line);
        let line = line.trim_end_matches(['\n', ' ']);
        // The backslash of a line break at the end; one that belongs to a backslash stays.
        let n_backslashes = line.len() - line.trim_end_matches('\\').len();
        let line = if n_backslashes % 2 == 1 { &line[..line.len() - 1] } else { line };
        let line = line.trim();
        let prefix = std::mem::take(&mut self.prefix);
        if line.is_empty() {
            return;
        }
        let is_item = prefix.trim_end().ends_with(['-', '.']);
        if !self.out.is_empty() {
            self.out.push_str(if is_item && self.follows_item { "\n" } else { "\n\n" });
        }
        self.follows_item = is_item;
        let quote = if self.is_quote { "> " } else { "" };
        let line = format!("{prefix}{line}").replace('\n', &format!("\n{quote}"));
        self.out.push_str(quote);
        self.out.push_str(&line);
    }
}

/// The address of a link, as Markdown takes it between parentheses.
fn harmless(url: &str) -> Option<String> {
    let lower = url.to_ascii_lowercase();
    let is_known =
        ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme));
    if !is_known || MAX_URL < url.len() || url.contains(char::is_control) {
        return None;
    }
    let mut safe = String::new();
    for c in url.chars() {
        match c {
            '(' | ')' | '<' | '>' | '\\' | '*' | '`' | '[' | ']' | ' ' => {
                safe.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c if c.is_whitespace() => return None,
            c => safe.push(c),
        }
    }
    Some(safe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::catalog::markdown as shown;

    #[track_caller]
    fn check(html: &str, expected: &str) {
        assert_eq!(markdown(html, LineBreaks::Spaces).markdown, expected, "{html:?}");
    }

    #[test]
    fn html_becomes_the_shops_markdown() {
        check("<p>A <b>bold </b>word.</p><p>Next</p>", "A **bold** word.\n\nNext");
        check("<h1>Care</h1>Wash<br>cold<br/>", "## Care\n\nWash\\\ncold");
        check("<ul><li>one</li><li><i>two</i></li></ul>After", "- one\n- *two*\n\nAfter");
        check("<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>", "1. a\n   - b\n2. c");
        check(
            "<a href=\"https://x.example/a(1)\">here</a>!",
            "[here](https://x.example/a%281%29)!",
        );
        check("<a href='javascript:alert(1)'>x</a>", "x");
        check("<table><tr><th>Size</th><td>L</td><td>XL</td></tr></table>", "- Size: L, XL");
        check("<blockquote>said</blockquote>", "> said");
        check(
            "K&auml;se &amp; Brot &#8211; 5 &lt; 6 &nope; AT&T",
            "Käse \\& Brot – 5 \\< 6 \\&nope; AT\\&T",
        );
        check("1 < 2 and <3", "1 \\< 2 and \\<3");
        check("<b><p>one</p><p>two</p></b>", "**one**\n\n**two**");
        check(
            "<p># no heading</p><p>- no item</p><p>1. none</p>",
            "\\# no heading\n\n\\- no item\n\n1\\. none",
        );
        check("<!-- gone --><script>alert('<b>')</script>ok", "ok");
        let removed = markdown("<img src=a><iframe src=b></iframe>", LineBreaks::Spaces).removed;
        assert_eq!(removed.into_iter().collect::<Vec<_>>(), ["iframe", "img"]);
    }

    #[test]
    fn line_breaks_of_wordpress_are_paragraphs() {
        let text = markdown("One\nline\n\nTwo", LineBreaks::Paragraphs).markdown;
        assert_eq!(text, "One\\\nline\n\nTwo");
        assert_eq!(line("Tea &amp; <b>Co</b>"), "Tea & Co");
    }

    #[test]
    fn a_long_description_of_any_kind_takes_no_longer_than_others() {
        for part in [
            "<",
            "<a ",
            "<a '",
            "<a \">",
            "<!--",
            "<b>x",
            "<b><i>",
            "-",
            "1.",
            "<ul><li>",
            "&",
            "</b>",
            "\\",
            "<a href='",
        ] {
            for breaks in [LineBreaks::Spaces, LineBreaks::Paragraphs] {
                let text = markdown(&part.repeat((256 << 10) / part.len()), breaks);
                assert!(text.markdown.len() < 4 << 20, "{part}");
            }
        }
    }

    /// Text as HTML, without meaning.
    fn as_html(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    }

    proptest! {
        #[test]
        fn text_stays_text(text in "[ -~äß–]{0,80}") {
            let words: Vec<&str> = text.split_whitespace().collect();
            let markdown = markdown(&as_html(&text), LineBreaks::Spaces).markdown;
            prop_assert_eq!(shown::plain_text(&markdown), words.join(" "), "{}", markdown);
            prop_assert!(shown::html(&markdown).matches('<').count() <= 2, "{}", markdown);
        }

        #[test]
        fn no_html_is_too_strange(html in "[<>/a-z\"'= &;#!\\-\n\\\\*]{0,200}|(<(/?)(b|i|p|a href='http://x'|li|ul|ol|h2|td|tr|br|blockquote)>|x| |\n|\\\\){0,40}") {
            for breaks in [LineBreaks::Spaces, LineBreaks::Paragraphs] {
                let markdown = markdown(&html, breaks).markdown;
                let shown = shown::html(&markdown);
                for bad in ["<script", "<img", "<iframe", "style=", "\"javascript:"] {
                    prop_assert!(!shown.contains(bad), "{}", shown);
                }
            }
        }
    }
}
