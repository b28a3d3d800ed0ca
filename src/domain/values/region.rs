//! Where something is shipped to: countries, and groups of countries by name.

use crate::domain::values::Country;

/// A country, or a group of countries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    Country(Country),
    Group(CountryGroup),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountryGroup {
    /// The member states of the European Union. Their overseas territories have codes of their own and are not in it.
    Eu,
    /// The United Nations' region Europe with Cyprus and Kosovo, so that it includes all of the EU.
    Europe,
    World,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a country is a two-letter ISO 3166 code, an English name, or the group EU, Europe or World"
)]
pub struct NotARegion;

impl Region {
    /// Reads a country or the name of a group, ignoring case.
    ///
    /// # Errors
    /// [`NotARegion`] if neither has that name.
    pub fn parse(text: &str) -> Result<Self, NotARegion> {
        let group = match text.trim().to_lowercase().as_str() {
            "eu" | "european union" => CountryGroup::Eu,
            "europe" => CountryGroup::Europe,
            "world" | "worldwide" => CountryGroup::World,
            _ => return Country::parse(text).map(Self::Country).map_err(|_| NotARegion),
        };
        Ok(Self::Group(group))
    }

    pub fn contains(self, country: Country) -> bool {
        match self {
            Self::Country(one) => one == country,
            Self::Group(CountryGroup::Eu) => EU.contains(&country.code()),
            Self::Group(CountryGroup::Europe) => {
                EU.contains(&country.code()) || OTHER_EUROPE.contains(&country.code())
            }
            Self::Group(CountryGroup::World) => true,
        }
    }

    /// `DE`, `Europe`: as [`Region::parse`] reads it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Country(country) => country.code(),
            Self::Group(group) => group.name(),
        }
    }

    /// `Germany`, `Europe`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Country(country) => country.name(),
            Self::Group(group) => group.name(),
        }
    }
}

impl CountryGroup {
    fn name(self) -> &'static str {
        match self {
            Self::Eu => "EU",
            Self::Europe => "Europe",
            Self::World => "World",
        }
    }
}

/// A list of regions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions(Vec<Region>);

impl Regions {
    pub fn new(regions: Vec<Region>) -> Self {
        Self(regions)
    }

    /// Reads what [`Regions::codes`] wrote.
    ///
    /// # Errors
    /// [`NotARegion`] if a part is none.
    pub fn parse(codes: &str) -> Result<Self, NotARegion> {
        let parts = codes.split(',').filter(|part| !part.is_empty());
        parts.map(Region::parse).collect::<Result<_, _>>().map(Self)
    }

    /// `EU,CH`; empty if there is none.
    pub fn codes(&self) -> String {
        self.iter().map(Region::code).collect::<Vec<_>>().join(",")
    }

    /// `EU, Switzerland`.
    pub fn names(&self, separator: &str) -> String {
        self.iter().map(Region::name).collect::<Vec<_>>().join(separator)
    }

    pub fn iter(&self) -> impl Iterator<Item = Region> {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn contains(&self, country: Country) -> bool {
        self.iter().any(|region| region.contains(country))
    }

    pub fn is_worldwide(&self) -> bool {
        self.0.contains(&Region::Group(CountryGroup::World))
    }
}

/// Source: europa.eu, the 27 member states since 1 February 2020; read on 30 November 2026.
const EU: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Source: United Nations M49, region 150 (Europe), less the member states of the EU; read on 30 November 2026. `XK` is not
/// in M49; Unicode CLDR counts it to Southern Europe.
const OTHER_EUROPE: [&str; 26] = [
    "AD", "AL", "AX", "BA", "BY", "CH", "FO", "GB", "GG", "GI", "IM", "IS", "JE", "LI", "MC", "MD",
    "ME", "MK", "NO", "RS", "RU", "SJ", "SM", "UA", "VA", "XK",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(region: &str, inside: &[&str], outside: &[&str]) {
        let region = Region::parse(region).unwrap();
        let contains = |code: &&str| region.contains(Country::parse(code).unwrap());
        assert!(inside.iter().all(contains), "{region:?}");
        assert!(!outside.iter().any(contains), "{region:?}");
    }

    #[test]
    fn a_group_contains_its_members() {
        check("eu", &["DE", "CY", "IE"], &["GB", "CH", "NO", "GP", "XK"]);
        check("European Union", &["SE"], &["TR"]);
        check("Europe", &["DE", "CY", "GB", "CH", "XK", "RU", "IS"], &["TR", "GE", "US", "GL"]);
        check("world", &["DE", "AQ", "XK"], &[]);
        check("Germany", &["DE"], &["AT"]);
    }

    #[test]
    fn every_member_is_a_country_and_listed_once() {
        let mut codes: Vec<&str> = EU.into_iter().chain(OTHER_EUROPE).collect();
        assert!(codes.iter().all(|code| Country::parse(code).map(Country::code) == Ok(code)));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), EU.len() + OTHER_EUROPE.len());
    }

    #[test]
    fn regions_are_read_as_they_are_written() {
        let regions = Regions::parse("EU,CH,World").unwrap();
        assert_eq!(regions.codes(), "EU,CH,World");
        assert_eq!(regions.names(" + "), "EU + Switzerland + World");
        assert!(regions.is_worldwide() && !Regions::default().is_worldwide());
        assert_eq!(Regions::parse("EU,Elbonia"), Err(NotARegion));
        assert_eq!(Regions::parse(""), Ok(Regions::default()));
    }
}
