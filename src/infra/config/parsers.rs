//! Parsers of the settings, each of which says what it expects.

use std::path::PathBuf;

use crate::domain::payment::{Confirmations, Tolerance};
use crate::domain::values::{Country, Line, NodeUrl, NotACountry, NotAProxyUrl, Notify, ProxyUrl};

/// Why the text of a setting is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct InvalidValue {
    /// What is shown instead of the text; `None`: the text itself is shown.
    pub found: Option<String>,
    pub expected: String,
}

impl InvalidValue {
    pub fn found(found: impl Into<String>, expected: &str) -> Self {
        Self { found: Some(found.into()), expected: expected.to_owned() }
    }

    /// Without the text: an invalid secret is still a secret.
    pub fn hidden(expected: &str) -> Self {
        Self::found("an invalid value (not shown)", expected)
    }
}

impl From<&str> for InvalidValue {
    fn from(expected: &str) -> Self {
        Self { found: None, expected: expected.to_owned() }
    }
}

/// A parser that says what it expects.
pub fn expecting<T, E>(
    expected: &'static str,
    parse: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<T, InvalidValue> + Clone {
    move |text| parse(text).map_err(|_| InvalidValue::from(expected))
}

pub fn whole(
    least: i64,
    most: i64,
    expected: &'static str,
) -> impl Fn(&str) -> Result<i64, InvalidValue> + Clone {
    let is_in = move |n: &i64| (least..=most).contains(n);
    move |text| text.parse().ok().filter(is_in).ok_or_else(|| InvalidValue::from(expected))
}

/// One of two words: the first means yes.
pub fn one_of(
    yes: &'static str,
    no: &'static str,
) -> impl Fn(&str) -> Result<bool, InvalidValue> + Clone {
    move |text| match text {
        _ if text == yes => Ok(true),
        _ if text == no => Ok(false),
        _ => Err(InvalidValue::from(format!("{yes} or {no}").as_str())),
    }
}

pub fn line(
    most: usize,
    expected: &'static str,
) -> impl Fn(&str) -> Result<String, InvalidValue> + Clone {
    move |text| {
        let line = Line::parse(text, most).ok().filter(|line| !line.is_empty());
        Ok(line.ok_or(expected)?.as_str().to_owned())
    }
}

pub fn database(text: &str) -> Result<PathBuf, InvalidValue> {
    let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"));
    let path = path.and_then(|path| path.split('?').next());
    let path = path.filter(|path| !path.is_empty() && *path != ":memory:");
    Ok(path.map(PathBuf::from).ok_or("sqlite://PATH, for example sqlite://db/shop.sqlite")?)
}

pub fn secret(text: &str) -> Result<String, InvalidValue> {
    let expected = "at least 8 characters; better remove it, and the shop creates one";
    if 8 <= text.len() { Ok(text.to_owned()) } else { Err(InvalidValue::hidden(expected)) }
}

/// Shape: 32 to 256 visible ASCII characters.
pub fn metrics_token(text: &str) -> Result<String, InvalidValue> {
    let is_token =
        (32..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let expected = "32 to 256 letters and digits, for example from `openssl rand -hex 32`";
    if is_token { Ok(text.to_owned()) } else { Err(InvalidValue::hidden(expected)) }
}

/// Countries in the order in which they are listed first.
#[derive(Clone, Debug, Default)]
pub struct Countries(pub Vec<Country>);

pub fn countries(text: &str) -> Result<Countries, InvalidValue> {
    let names = text.split(',').filter(|name| !name.trim().is_empty());
    let countries: Result<Vec<Country>, NotACountry> = names.map(Country::parse).collect();
    let expected =
        "two-letter country codes or English names, separated by commas, for example DE,AT";
    countries.map(Countries).map_err(|_| InvalidValue::from(expected))
}

pub fn site_url(text: &str) -> Result<String, InvalidValue> {
    let whole = text.starts_with("https://") || text.starts_with("http://") || text == "/";
    let plain =
        text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>'));
    if whole && plain && text.len() <= 300 {
        Ok(text.to_owned())
    } else {
        Err(InvalidValue::from("a URL that starts with http:// or https://, or /"))
    }
}

pub fn onion_url(text: &str) -> Result<String, InvalidValue> {
    let text = text.trim_end_matches('/');
    let name = text.strip_prefix("http://").and_then(|text| text.strip_suffix(".onion"));
    let base_32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    if name.is_some_and(|name| name.len() == 56 && name.bytes().all(base_32)) {
        Ok(text.to_owned())
    } else {
        Err(InvalidValue::from("http://, 56 letters and digits, .onion"))
    }
}

/// Never shows the text: a path may hold the key of an account.
pub fn rates_url(text: &str) -> Result<NodeUrl, InvalidValue> {
    let expected = "http://HOST/PATH or https://HOST/PATH";
    NodeUrl::parse(text).map_err(|_| InvalidValue::hidden(expected))
}

pub fn proxy(text: &str) -> Result<ProxyUrl, InvalidValue> {
    ProxyUrl::parse(text)
        .map_err(|expected: NotAProxyUrl| InvalidValue::hidden(&expected.to_string()))
}

pub fn notify(text: &str) -> Result<Notify, InvalidValue> {
    Ok(Notify::parse(text).ok_or("placed, reported or paid")?)
}

pub fn confirmations(text: &str) -> Result<Confirmations, InvalidValue> {
    Ok(Confirmations::parse(text).ok_or(
        "rules like BTC=1 BTC>0.05=3 XMR=10 ETH=final: a number of blocks from 1 to 1000, or final; for coins other than those \
         of EVM chains also 0, if a node can track them",
    )?)
}

pub fn tolerance(text: &str) -> Result<Tolerance, InvalidValue> {
    let expected = "a percentage from 0 to 10 with at most three decimals, for example 0.5";
    Ok(Tolerance::parse(text).ok_or(expected)?)
}
