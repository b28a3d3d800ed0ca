//! The buyers' texts lie in `templates/locales` alone: each is used, and none stands in a template or in code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LOCALE: &str = "templates/locales/en";
const TEMPLATES: [&str; 5] = [
    "templates/base.html",
    "templates/catalog",
    "templates/cart",
    "templates/orders",
    "templates/pages",
];
/// The whole page is one text, and is shown to people who did not reach the shop itself.
const STATIC_PAGE: &str = "foreign_host.html";

fn files(path: &str) -> Vec<(String, String)> {
    let path = Path::new(ROOT).join(path);
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        return entries.flat_map(|path| files(path.to_str().unwrap())).collect();
    }
    vec![(path.display().to_string(), fs::read_to_string(&path).unwrap())]
}

fn templates() -> Vec<(String, String)> {
    let all = TEMPLATES.iter().flat_map(|path| files(path));
    all.filter(|(name, _)| !name.ends_with(STATIC_PAGE)).collect()
}

/// The code of the buyers' pages, without its tests and comments.
fn sources() -> Vec<(String, String)> {
    let code = |text: &str| -> String {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.map(|line| format!("{line}\n")).collect()
    };
    files("src/interfaces/web").into_iter().map(|(name, text)| (name, code(&text))).collect()
}

/// Id → the text as it stands in its file.
fn texts() -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, file) in files(LOCALE) {
        let prefix = Path::new(&name).file_stem().unwrap().to_str().unwrap().to_owned() + "-";
        let mut last = String::new();
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            if let Some((id, value)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
                assert!(id.starts_with(&prefix), "{name}: {id} begins with another page's name");
                assert!(found.insert(id.to_owned(), value.to_owned()).is_none(), "{id} twice");
                last = id.to_owned();
            } else if let Some(value) = found.get_mut(&last) {
                value.push_str(line);
            }
        }
    }
    found
}

fn variables(text: &str) -> BTreeSet<&str> {
    let end = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
    text.split("{ $").skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

/// What follows the parenthesis that closes the one before `text`.
fn after_parenthesis(text: &str) -> &str {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return &text[at + 1..];
        }
    }
    ""
}

/// Each `text("id")` with the names of what is put into it in the same expression, and whether it is HTML.
fn calls(code: &str) -> Vec<(&str, BTreeSet<&str>, bool)> {
    let mut found = Vec::new();
    for (at, start) in code.match_indices("text(\"") {
        let (id, mut rest) = code[at + start.len()..].split_once('"').unwrap();
        rest = rest.strip_prefix(')').unwrap_or_default();
        let mut names = BTreeSet::new();
        while let Some(next) = [".with(", ".count("].iter().find_map(|call| {
            rest.trim_start().strip_prefix(call).map(str::trim_start)?.strip_prefix('"')
        }) {
            names.insert(next.split('"').next().unwrap());
            rest = after_parenthesis(next);
        }
        found.push((id, names, code[..at].ends_with("layout.")));
    }
    found
}

#[test]
fn every_text_that_a_page_names_exists_with_what_is_put_into_it() {
    let texts = texts();
    for (name, code) in templates().iter().chain(&sources()) {
        for (id, names, is_html) in calls(code) {
            let text = texts.get(id).unwrap_or_else(|| panic!("{name}: there is no text {id}"));
            // In code the names may follow in another expression; debug builds check them when the text is shown.
            let named = variables(text);
            let fits = if is_html { names == named } else { names.is_subset(&named) };
            assert!(fits, "{name}: {id} takes {named:?}, not {names:?}");
            let is_page = text.contains("<a href=");
            assert!(is_html || !is_page, "{name}: {id} holds a link, which plain text cannot");
            let words = text.replace("</a>", "");
            let words = words.split("<a href=\"").map(|part| part.split("\">").last().unwrap());
            let is_safe = !words.collect::<String>().contains(['<', '>', '&', '"']);
            let is_plural = text.contains("->");
            assert!(!is_html || is_safe || is_plural, "{name}: {id} would not be whole in HTML");
        }
    }
    for (name, code) in sources() {
        for literal in code.split('"').skip(1).step_by(2) {
            let is_id = literal.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            let page = literal.split('-').next().unwrap();
            let is_page = texts.keys().any(|id| id.split('-').next() == Some(page));
            let is_text = is_id && is_page && literal.contains('-');
            assert!(!is_text || texts.contains_key(literal), "{name}: there is no text {literal}");
        }
    }
}

#[test]
fn every_text_is_used() {
    let mut unused = texts();
    for (_, code) in templates().iter().chain(&sources()) {
        for part in code.split('"') {
            unused.remove(part);
        }
    }
    assert!(unused.is_empty(), "{unused:#?}");
    let loader = fs::read_to_string(format!("{ROOT}/src/interfaces/web/texts.rs")).unwrap();
    for (name, _) in files(LOCALE) {
        let file = Path::new(&name).file_name().unwrap().to_str().unwrap().to_owned();
        assert!(loader.contains(&format!("/en/{file}\"")), "{file} is not loaded");
    }
}

/// A template without its expressions and comments.
fn without_expressions(template: &str) -> String {
    let mut rest = template;
    let mut left = String::new();
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        left.push_str(&rest[..at]);
        let end = if rest[at..].starts_with("{{") { "}}" } else { "%}" };
        rest = &rest[at + rest[at..].find(end).unwrap() + 2..];
    }
    left + rest
}

#[test]
fn no_template_holds_words_of_its_own() {
    for (name, template) in templates() {
        let template = without_expressions(&template);
        let mut words = String::new();
        for (n, part) in template.split('<').enumerate() {
            let (tag, after) = part.split_once('>').unwrap_or(("", part));
            words.push_str(after);
            for attribute in ["aria-label=\"", "alt=\"", "placeholder=\"", "title=\""] {
                let mut values = tag.split(attribute).skip(usize::from(0 < n));
                words.extend(values.next().and_then(|value| value.split('"').next()));
            }
        }
        let found: String = words.chars().filter(|c| c.is_alphabetic()).collect();
        assert!(found.is_empty(), "{name}: {found:?} belongs into {LOCALE}");
    }
}

#[test]
fn no_code_of_the_pages_holds_a_sentence() {
    for (name, code) in sources() {
        for line in code.lines() {
            let is_for_the_log =
                ["tracing::", "#[error(", "expect("].iter().any(|start| line.contains(start));
            let is_of_the_system = line.contains("\"Max open files\"");
            let is_text = line.split('"').skip(1).step_by(2).any(|literal| {
                let mut letters = literal.chars();
                letters.next().is_some_and(|c| c.is_ascii_uppercase())
                    && letters.next().is_some_and(|c| c.is_ascii_lowercase())
                    && literal.contains(' ')
            });
            assert!(!is_text || is_for_the_log || is_of_the_system, "{name}: {line}");
        }
    }
}
