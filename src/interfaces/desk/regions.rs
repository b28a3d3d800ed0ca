//! Countries and groups of countries in the desk's forms.

use crate::domain::catalog::Json;
use crate::domain::values::{Region, Regions};
use crate::interfaces::desk::field_view::quoted;

/// Hints of fields.
pub const HINT: &str = "codes, English names, or the groups EU, Europe and World; separated by commas or lines; empty: all countries";
pub const EXCLUDED_HINT: &str = "countries or groups (EU, Europe), separated by commas or lines";

/// A list as in the seller's file, each region once.
///
/// # Errors
/// The unknown ones, as a sentence.
pub fn read_regions(text: &str) -> Result<Json, String> {
    let mut regions: Vec<Region> = Vec::new();
    let mut unknown = Vec::new();
    for word in text.split([',', ';', '\n']).map(str::trim).filter(|word| !word.is_empty()) {
        match Region::parse(word) {
            Ok(region) if regions.contains(&region) => {}
            Ok(region) => regions.push(region),
            Err(_) => unknown.push(quoted(word)),
        }
    }
    if unknown.is_empty() {
        let code = |region: &Region| Json::String(region.code().to_owned());
        return Ok(Json::Array(regions.iter().map(code).collect()));
    }
    unknown.truncate(5);
    Err(format!(
        "Unknown country {}: use a two-letter ISO 3166 code or an English name, for example DE or Germany, or the group EU, Europe or World.",
        unknown.join(", ")
    ))
}

/// As the form shows them: one per line.
pub fn shown(regions: &Regions) -> String {
    regions.names("\n")
}
