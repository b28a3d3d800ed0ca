//! Writes JSON as a seller would: indented, with short values on one line.

use crate::domain::catalog::Json;

/// Units: characters up to which an array or an object is written on one line.
const LINE: usize = 100;

/// The text, ending in a line break.
pub fn json_text(value: &Json) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text.push('\n');
    text
}

/// The text on one line.
pub fn short_text(value: &Json) -> String {
    let mut text = String::new();
    write_short(&mut text, value);
    text
}

/// Indented by two spaces per level; short values are written on one line.
fn write(out: &mut String, value: &Json, depth: usize) {
    let mut short = String::new();
    write_short(&mut short, value);
    // Collections and their records are always written on several lines.
    let is_open = depth < 3 && matches!(value, Json::Object(_));
    if !is_open && 2 * depth + short.chars().count() <= LINE {
        out.push_str(&short);
        return;
    }
    let (begin, end) = if matches!(value, Json::Array(_)) { ('[', ']') } else { ('{', '}') };
    let write_item = |out: &mut String, n: usize, name: Option<&str>, item: &Json| {
        out.push_str(if n == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(depth + 1));
        if let Some(name) = name {
            out.push_str(&format!("{}: ", quoted(name)));
        }
        write(out, item, depth + 1);
    };
    match value {
        Json::Array(items) => {
            out.push(begin);
            for (n, item) in items.iter().enumerate() {
                write_item(out, n, None, item);
            }
        }
        Json::Object(fields) => {
            out.push(begin);
            for (n, (name, item)) in fields.iter().enumerate() {
                write_item(out, n, Some(name), item);
            }
        }
        // A long text stays on one line: JSON has no other form.
        _ => {
            out.push_str(&short);
            return;
        }
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(end);
}

fn write_short(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(truth) => out.push_str(&truth.to_string()),
        Json::Integer(n) => out.push_str(&n.to_string()),
        Json::Number(text) => out.push_str(text),
        Json::String(text) => out.push_str(&quoted(text)),
        Json::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                write_short(out, item);
            }
            out.push(']');
        }
        Json::Object(fields) if fields.is_empty() => out.push_str("{}"),
        Json::Object(fields) => {
            out.push_str("{ ");
            for (n, (name, item)) in fields.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                out.push_str(&format!("{}: ", quoted(name)));
                write_short(out, item);
            }
            out.push_str(" }");
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
