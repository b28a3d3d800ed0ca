//! The text of `.env`: every setting with its purpose, and the chosen ones with their values.

use std::fmt::Write;

use crate::infra::config;
use crate::infra::config::Flags;

const HEAD: &str = "\
# The shop's settings, written by `shop init`. A line without # in front counts; an empty value counts as not set.
# `shop help settings` lists them, docs/manual/settings.md explains them.
";

/// `.env` with these settings; all others are comments.
pub fn text(chosen: &Flags) -> String {
    let mut text = HEAD.to_owned();
    let mut heading = String::new();
    for setting in config::declared() {
        let of_setting = setting.get_help_heading().unwrap_or_default();
        if heading != of_setting {
            heading = of_setting.to_owned();
            let _ = write!(text, "\n### {heading}\n");
        }
        let name = config::name_of(&setting);
        let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "\n# {help}");
        let default = setting.get_default_values().first().and_then(|default| default.to_str());
        let _ = match chosen.get(&name) {
            Some(value) => writeln!(text, "{name}={}", quoted(value)),
            None => writeln!(text, "#{name}={}", default.map(quoted).unwrap_or_default()),
        };
    }
    text
}

/// The value as the shop reads it back; for a shell and for Compose as well, unless it contains an apostrophe.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.,:/@+=-".contains(c);
    if value.chars().all(is_plain) {
        value.to_owned()
    } else if value.contains('\'') {
        format!("\"{value}\"")
    } else {
        format!("'{value}'")
    }
}
