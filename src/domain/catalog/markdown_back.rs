//! Converts HTML of an older version back to Markdown.

use crate::domain::catalog::markdown;

/// The Markdown from which [`markdown::html`] makes this HTML again. It reads what the shop itself once made of a
/// seller's text, which an older version did not keep.
///
/// Shape: `None` for HTML that the shop never made; then only its plain text can be recovered.
pub fn markdown_of(html: &str) -> Option<String> {
    // Most texts need no backslash escapes; if one is missing, the comparison shows it.
    [false, true].into_iter().find_map(|is_careful| {
        let markdown = Reader { rest: html, is_careful, ..Reader::default() }.read()?;
        (markdown::html(&markdown) == html).then_some(markdown)
    })
}

/// The plain text of HTML that has no Markdown, paragraph by paragraph.
pub fn words_of(html: &str) -> String {
    let mut words = String::new();
    let mut rest = html;
    while let Some((text, tag, after)) = next_tag(rest) {
        words.push_str(&letters(text));
        if matches!(tag, "/p" | "/li" | "/h2" | "/h3" | "/h4" | "/tr" | "/pre" | "br /") {
            words.push_str("\n\n");
        }
        rest = after;
    }
    words.push_str(&letters(rest));
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.into_iter().map(|line| escaped(line, true)).collect::<Vec<_>>().join("\n\n")
}

#[derive(Default)]
struct Reader<'a> {
    rest: &'a str,
    is_careful: bool,
    /// The prefix of each line, such as a list within a quote within a list.
    before: Vec<Before>,
    out: String,
    line: String,
    /// The targets of the open links.
    links: Vec<String>,
    cells: Vec<String>,
}

enum Before {
    Quote,
    /// The number of the next item; `None`: a dash, or the first line is already written.
    Item {
        width: usize,
        mark: Option<String>,
    },
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Option<String> {
        let mut lists: Vec<Option<u64>> = Vec::new();
        while let Some((text, tag, after)) = next_tag(self.rest) {
            self.rest = after;
            self.say(text);
            match tag {
                "p" => {}
                "/p" | "/h2" | "/h3" | "/h4" => self.end_block(),
                "h2" => self.line.push_str("## "),
                "h3" => self.line.push_str("### "),
                "h4" => self.line.push_str("#### "),
                "strong" | "/strong" => self.line.push_str("**"),
                "em" | "/em" => self.line.push('*'),
                "del" | "/del" => self.line.push_str("~~"),
                "br /" => {
                    self.line.push('\\');
                }
                "hr /" => {
                    self.line.push_str("***");
                    self.end_block();
                }
                "code" => {
                    let (code, after) = self.rest.split_once("</code>")?;
                    self.rest = after;
                    let code = letters(code);
                    let monotonic_now = "`".repeat(longest_run(&code, '`') + 1);
                    let room = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
                    self.line
                        .push_str(&format!("{monotonic_now}{room}{code}{room}{monotonic_now}"));
                }
                "pre" => {
                    let (code, after) =
                        self.rest.strip_prefix("<code>")?.split_once("</code></pre>")?;
                    self.rest = after;
                    let code = letters(code);
                    let fence = "`".repeat(longest_run(&code, '`').max(2) + 1);
                    self.line = format!("{fence}\n{code}{fence}");
                    self.end_block();
                }
                "blockquote" => {
                    self.end_line();
                    self.before.push(Before::Quote);
                }
                "/blockquote" | "/li" => {
                    self.end_line();
                    self.before.pop();
                    if tag == "/blockquote" {
                        self.gap();
                    }
                }
                "ul" => {
                    self.end_line();
                    lists.push(None);
                }
                "ol" => {
                    self.end_line();
                    lists.push(Some(1));
                }
                "/ul" | "/ol" => {
                    lists.pop();
                    // Within an item, an empty line would make the outer list a loose one.
                    if lists.is_empty() {
                        self.gap();
                    }
                }
                "li" => {
                    let mark = match lists.last_mut()? {
                        Some(n) => {
                            *n += 1;
                            format!("{}. ", *n - 1)
                        }
                        None => "- ".to_owned(),
                    };
                    self.before.push(Before::Item { width: mark.len(), mark: Some(mark) });
                }
                "/a" => {
                    let link = self.links.pop()?;
                    self.line.push_str(&format!("](<{link}>)"));
                }
                "table" | "thead" | "/thead" | "tbody" | "/tbody" => {}
                "tr" => self.cells.clear(),
                "th scope=\"col\"" | "td" => self.line.clear(),
                "/th" | "/td" => self.cells.push(std::mem::take(&mut self.line).trim().to_owned()),
                "/tr" => {
                    let is_head = self.rest.trim_start().starts_with("</thead>");
                    self.line = format!("|{}|", self.cells.join("|"));
                    self.end_line();
                    if is_head {
                        self.line = format!("|{}", "---|".repeat(self.cells.len()));
                        self.end_line();
                    }
                }
                "/table" => self.gap(),
                _ => {
                    if let Some(start) = tag.strip_prefix("ol start=\"") {
                        self.end_line();
                        lists.push(Some(start.strip_suffix('"')?.parse().ok()?));
                    } else {
                        let link = tag.strip_prefix("a href=\"")?.strip_suffix('"')?;
                        self.links.push(letters(link));
                        self.line.push('[');
                    }
                }
            }
        }
        self.say(self.rest);
        self.end_line();
        Some(self.out.trim_end().to_owned())
    }

    fn say(&mut self, html: &str) {
        // A line end between blocks comes from the renderer, one within a paragraph from the seller.
        if html.trim().is_empty() && self.line.trim().is_empty() {
            return;
        }
        self.line.push_str(&escaped(&letters(html), self.is_careful));
    }

    fn end_block(&mut self) {
        self.end_line();
        self.gap();
    }

    fn end_line(&mut self) {
        let text = std::mem::take(&mut self.line);
        if text.trim().is_empty() {
            return;
        }
        for line in text.trim_end_matches('\n').split('\n') {
            for before in &mut self.before {
                match before {
                    Before::Quote => self.out.push_str("> "),
                    Before::Item { width, mark } => match mark.take() {
                        Some(mark) => self.out.push_str(&mark),
                        None => self.out.push_str(&" ".repeat(*width)),
                    },
                }
            }
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    fn gap(&mut self) {
        for before in &self.before {
            match before {
                Before::Quote => self.out.push('>'),
                Before::Item { .. } => {}
            }
        }
        self.out.push('\n');
    }
}

/// The text before the next tag, the tag without its brackets, and the rest.
fn next_tag(html: &str) -> Option<(&str, &str, &str)> {
    let (text, rest) = html.split_once('<')?;
    let (tag, after) = rest.split_once('>')?;
    Some((text, tag, after))
}

fn letters(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&amp;", "&")
}

fn escaped(text: &str, is_careful: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        let means_something = if is_careful {
            c.is_ascii_punctuation()
        } else {
            matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '&' | '~' | '|')
        };
        if means_something {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(markdown: &str) {
        let html = markdown::html(markdown);
        let back = markdown_of(&html);
        assert!(back.is_some(), "{html}");
        assert_eq!(markdown::html(&back.unwrap()), html);
    }

    #[test]
    fn what_sellers_write_is_read_back() {
        for text in [
            "",
            "A fine tea.",
            "Two lines\nof one paragraph.\n\nAnother one: 5 * 3 = 15, a_b, [x], <b>, &amp; & \\.",
            "# Care\n\n**Wash** at *30* degrees, `code` and ~~gone~~.\n\nA line\\\nbroken.",
            "- one\n- two\n  - within\n- three",
            "- one\n\n- two, loosely\n\n  with a second paragraph",
            "3. three\n4. four",
            "> A word\n> of praise\n>\n> by somebody",
            "[us](/page/about) and <https://example.org/a?b=c&d=e>",
            "| Size | cm |\n|---|---|\n| S | 40 |\n| **L** | 60 \\| 61 |",
            "```\nlet x = `a`;\n\n  indented\n```\n\nafter",
            "above\n\n---\n\nbelow",
            "# not - a + list\n\n1\\. no list\n\n\\# no title\n\n\\- no dash",
            "\"Quoted\" 'words' it's",
        ] {
            check(text);
        }
    }

    #[test]
    fn of_anything_the_words_can_be_had() {
        assert_eq!(markdown_of("<p onclick=x>a</p>"), None);
        assert_eq!(words_of("<p>a <i>b</i> &amp; c</p>\n<p>d</p>"), "a b \\& c\n\nd");
    }

    proptest! {
        #[test]
        fn plain_words_are_always_read_back(text in "[a-zA-Z0-9 .,;:!?'()*_#>&<|~`\\[\\]-]{0,80}(\n\n?[a-zA-Z0-9 .,*_#>-]{1,40}){0,4}") {
            let html = markdown::html(&text);
            if let Some(back) = markdown_of(&html) {
                prop_assert_eq!(markdown::html(&back), html);
            } else {
                let _ = words_of(&html);
            }
        }

        #[test]
        fn nothing_panics(html in ".{0,200}") {
            let _ = markdown_of(&html);
            let _ = words_of(&html);
        }
    }
}
