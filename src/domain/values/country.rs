//! Countries, by code and name.

/// A country that a parcel can be sent to.
///
/// Shape: one of the 249 of ISO 3166-1; or `XK`: ISO leaves that code to its users, and carriers use it for Kosovo; or
/// `AC` or `TA`, which ISO reserves for Ascension and Tristan da Cunha, since both have postcodes of their own.
/// Source: `iso3166.tab` of the IANA time zone database, in the public domain, with its
/// abbreviations written out; the Universal Postal Union for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country(&'static (&'static str, &'static str));

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a country is a two-letter ISO 3166 code or an English name, for example DE or Germany")]
pub struct NotACountry;

impl Country {
    /// Reads a two-letter code or an English name, ignoring case.
    ///
    /// # Errors
    /// [`NotACountry`] if no country has that name.
    pub fn parse(text: &str) -> Result<Self, NotACountry> {
        // Codes first: stored lists of countries are read with each cart.
        let code = text.trim();
        if let Some(country) = ALL.iter().find(|(own, _)| own.eq_ignore_ascii_case(code)) {
            return Ok(Self(country));
        }
        let wanted = plain(text);
        let name = OTHER_NAMES
            .iter()
            .find(|(other, _)| *other == wanted)
            .map_or(wanted.as_str(), |(_, code)| code);
        ALL.iter()
            .find(|(code, english)| code.eq_ignore_ascii_case(name) || plain(english) == name)
            .map(Self)
            .ok_or(NotACountry)
    }

    /// All countries, in the order of their codes.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(Self)
    }

    /// Two capital letters.
    pub fn code(self) -> &'static str {
        self.0.0
    }

    pub fn name(self) -> &'static str {
        self.0.1
    }

    /// What countries are sorted by in a list.
    pub fn sort_key(self) -> String {
        self.0.1.replace('Å', "A")
    }
}

/// Lowercase with single spaces, without `&` and "the", so that `The Netherlands` is found.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('&', " and ").replace(['.', ',', '(', ')'], " ");
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "the").collect();
    words.join(" ")
}

/// Common names besides those listed below, and those of `iso3166.tab`.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("great britain", "GB"),
    ("uk", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("northern ireland", "GB"),
    ("republic of kosovo", "XK"),
    ("el", "GR"),
    ("xi", "GB"),
    ("usa", "US"),
    ("u s a", "US"),
    ("united states of america", "US"),
    ("america", "US"),
    ("deutschland", "DE"),
    ("österreich", "AT"),
    ("schweiz", "CH"),
    ("suisse", "CH"),
    ("españa", "ES"),
    ("italia", "IT"),
    ("holland", "NL"),
    ("nederland", "NL"),
    ("czechia", "CZ"),
    ("türkiye", "TR"),
    ("turkiye", "TR"),
    ("uae", "AE"),
    ("brasil", "BR"),
    ("méxico", "MX"),
    ("polska", "PL"),
    ("sverige", "SE"),
    ("norge", "NO"),
    ("danmark", "DK"),
    ("suomi", "FI"),
    ("ivory coast", "CI"),
    ("burma", "MM"),
    ("swaziland", "SZ"),
    ("viet nam", "VN"),
    ("russian federation", "RU"),
    ("samoa american", "AS"),
    ("congo dem rep", "CD"),
    ("central african rep", "CF"),
    ("congo rep", "CG"),
    ("britain uk", "GB"),
    ("korea north", "KP"),
    ("korea south", "KR"),
    ("st martin french", "MF"),
    ("myanmar burma", "MM"),
    ("st maarten dutch", "SX"),
    ("eswatini swaziland", "SZ"),
    ("french s terr", "TF"),
    ("virgin islands uk", "VG"),
    ("virgin islands us", "VI"),
    ("samoa western", "WS"),
    ("turks and caicos is", "TC"),
    ("st vincent", "VC"),
    ("st barthelemy", "BL"),
];

const ALL: &[(&str, &str)] = &[
    ("AC", "Ascension Island"),
    ("AD", "Andorra"),
    ("AE", "United Arab Emirates"),
    ("AF", "Afghanistan"),
    ("AG", "Antigua & Barbuda"),
    ("AI", "Anguilla"),
    ("AL", "Albania"),
    ("AM", "Armenia"),
    ("AO", "Angola"),
    ("AQ", "Antarctica"),
    ("AR", "Argentina"),
    ("AS", "American Samoa"),
    ("AT", "Austria"),
    ("AU", "Australia"),
    ("AW", "Aruba"),
    ("AX", "Åland Islands"),
    ("AZ", "Azerbaijan"),
    ("BA", "Bosnia & Herzegovina"),
    ("BB", "Barbados"),
    ("BD", "Bangladesh"),
    ("BE", "Belgium"),
    ("BF", "Burkina Faso"),
    ("BG", "Bulgaria"),
    ("BH", "Bahrain"),
    ("BI", "Burundi"),
    ("BJ", "Benin"),
    ("BL", "St Barthélemy"),
    ("BM", "Bermuda"),
    ("BN", "Brunei"),
    ("BO", "Bolivia"),
    ("BQ", "Caribbean NL"),
    ("BR", "Brazil"),
    ("BS", "Bahamas"),
    ("BT", "Bhutan"),
    ("BV", "Bouvet Island"),
    ("BW", "Botswana"),
    ("BY", "Belarus"),
    ("BZ", "Belize"),
    ("CA", "Canada"),
    ("CC", "Cocos (Keeling) Islands"),
    ("CD", "Congo (Democratic Republic)"),
    ("CF", "Central African Republic"),
    ("CG", "Congo (Republic)"),
    ("CH", "Switzerland"),
    ("CI", "Côte d'Ivoire"),
    ("CK", "Cook Islands"),
    ("CL", "Chile"),
    ("CM", "Cameroon"),
    ("CN", "China"),
    ("CO", "Colombia"),
    ("CR", "Costa Rica"),
    ("CU", "Cuba"),
    ("CV", "Cape Verde"),
    ("CW", "Curaçao"),
    ("CX", "Christmas Island"),
    ("CY", "Cyprus"),
    ("CZ", "Czech Republic"),
    ("DE", "Germany"),
    ("DJ", "Djibouti"),
    ("DK", "Denmark"),
    ("DM", "Dominica"),
    ("DO", "Dominican Republic"),
    ("DZ", "Algeria"),
    ("EC", "Ecuador"),
    ("EE", "Estonia"),
    ("EG", "Egypt"),
    ("EH", "Western Sahara"),
    ("ER", "Eritrea"),
    ("ES", "Spain"),
    ("ET", "Ethiopia"),
    ("FI", "Finland"),
    ("FJ", "Fiji"),
    ("FK", "Falkland Islands"),
    ("FM", "Micronesia"),
    ("FO", "Faroe Islands"),
    ("FR", "France"),
    ("GA", "Gabon"),
    ("GB", "United Kingdom"),
    ("GD", "Grenada"),
    ("GE", "Georgia"),
    ("GF", "French Guiana"),
    ("GG", "Guernsey"),
    ("GH", "Ghana"),
    ("GI", "Gibraltar"),
    ("GL", "Greenland"),
    ("GM", "Gambia"),
    ("GN", "Guinea"),
    ("GP", "Guadeloupe"),
    ("GQ", "Equatorial Guinea"),
    ("GR", "Greece"),
    ("GS", "South Georgia & the South Sandwich Islands"),
    ("GT", "Guatemala"),
    ("GU", "Guam"),
    ("GW", "Guinea-Bissau"),
    ("GY", "Guyana"),
    ("HK", "Hong Kong"),
    ("HM", "Heard Island & McDonald Islands"),
    ("HN", "Honduras"),
    ("HR", "Croatia"),
    ("HT", "Haiti"),
    ("HU", "Hungary"),
    ("ID", "Indonesia"),
    ("IE", "Ireland"),
    ("IL", "Israel"),
    ("IM", "Isle of Man"),
    ("IN", "India"),
    ("IO", "British Indian Ocean Territory"),
    ("IQ", "Iraq"),
    ("IR", "Iran"),
    ("IS", "Iceland"),
    ("IT", "Italy"),
    ("JE", "Jersey"),
    ("JM", "Jamaica"),
    ("JO", "Jordan"),
    ("JP", "Japan"),
    ("KE", "Kenya"),
    ("KG", "Kyrgyzstan"),
    ("KH", "Cambodia"),
    ("KI", "Kiribati"),
    ("KM", "Comoros"),
    ("KN", "St Kitts & Nevis"),
    ("KP", "North Korea"),
    ("KR", "South Korea"),
    ("KW", "Kuwait"),
    ("KY", "Cayman Islands"),
    ("KZ", "Kazakhstan"),
    ("LA", "Laos"),
    ("LB", "Lebanon"),
    ("LC", "St Lucia"),
    ("LI", "Liechtenstein"),
    ("LK", "Sri Lanka"),
    ("LR", "Liberia"),
    ("LS", "Lesotho"),
    ("LT", "Lithuania"),
    ("LU", "Luxembourg"),
    ("LV", "Latvia"),
    ("LY", "Libya"),
    ("MA", "Morocco"),
    ("MC", "Monaco"),
    ("MD", "Moldova"),
    ("ME", "Montenegro"),
    ("MF", "St Martin (French part)"),
    ("MG", "Madagascar"),
    ("MH", "Marshall Islands"),
    ("MK", "North Macedonia"),
    ("ML", "Mali"),
    ("MM", "Myanmar"),
    ("MN", "Mongolia"),
    ("MO", "Macau"),
    ("MP", "Northern Mariana Islands"),
    ("MQ", "Martinique"),
    ("MR", "Mauritania"),
    ("MS", "Montserrat"),
    ("MT", "Malta"),
    ("MU", "Mauritius"),
    ("MV", "Maldives"),
    ("MW", "Malawi"),
    ("MX", "Mexico"),
    ("MY", "Malaysia"),
    ("MZ", "Mozambique"),
    ("NA", "Namibia"),
    ("NC", "New Caledonia"),
    ("NE", "Niger"),
    ("NF", "Norfolk Island"),
    ("NG", "Nigeria"),
    ("NI", "Nicaragua"),
    ("NL", "Netherlands"),
    ("NO", "Norway"),
    ("NP", "Nepal"),
    ("NR", "Nauru"),
    ("NU", "Niue"),
    ("NZ", "New Zealand"),
    ("OM", "Oman"),
    ("PA", "Panama"),
    ("PE", "Peru"),
    ("PF", "French Polynesia"),
    ("PG", "Papua New Guinea"),
    ("PH", "Philippines"),
    ("PK", "Pakistan"),
    ("PL", "Poland"),
    ("PM", "St Pierre & Miquelon"),
    ("PN", "Pitcairn"),
    ("PR", "Puerto Rico"),
    ("PS", "Palestine"),
    ("PT", "Portugal"),
    ("PW", "Palau"),
    ("PY", "Paraguay"),
    ("QA", "Qatar"),
    ("RE", "Réunion"),
    ("RO", "Romania"),
    ("RS", "Serbia"),
    ("RU", "Russia"),
    ("RW", "Rwanda"),
    ("SA", "Saudi Arabia"),
    ("SB", "Solomon Islands"),
    ("SC", "Seychelles"),
    ("SD", "Sudan"),
    ("SE", "Sweden"),
    ("SG", "Singapore"),
    ("SH", "St Helena"),
    ("SI", "Slovenia"),
    ("SJ", "Svalbard & Jan Mayen"),
    ("SK", "Slovakia"),
    ("SL", "Sierra Leone"),
    ("SM", "San Marino"),
    ("SN", "Senegal"),
    ("SO", "Somalia"),
    ("SR", "Suriname"),
    ("SS", "South Sudan"),
    ("ST", "Sao Tome & Principe"),
    ("SV", "El Salvador"),
    ("SX", "St Maarten (Dutch part)"),
    ("SY", "Syria"),
    ("SZ", "Eswatini"),
    ("TA", "Tristan da Cunha"),
    ("TC", "Turks & Caicos Islands"),
    ("TD", "Chad"),
    ("TF", "French Southern Territories"),
    ("TG", "Togo"),
    ("TH", "Thailand"),
    ("TJ", "Tajikistan"),
    ("TK", "Tokelau"),
    ("TL", "East Timor"),
    ("TM", "Turkmenistan"),
    ("TN", "Tunisia"),
    ("TO", "Tonga"),
    ("TR", "Turkey"),
    ("TT", "Trinidad & Tobago"),
    ("TV", "Tuvalu"),
    ("TW", "Taiwan"),
    ("TZ", "Tanzania"),
    ("UA", "Ukraine"),
    ("UG", "Uganda"),
    ("UM", "US minor outlying islands"),
    ("US", "United States"),
    ("UY", "Uruguay"),
    ("UZ", "Uzbekistan"),
    ("VA", "Vatican City"),
    ("VC", "St Vincent & the Grenadines"),
    ("VE", "Venezuela"),
    ("VG", "British Virgin Islands"),
    ("VI", "US Virgin Islands"),
    ("VN", "Vietnam"),
    ("VU", "Vanuatu"),
    ("WF", "Wallis & Futuna"),
    ("WS", "Samoa"),
    ("XK", "Kosovo"),
    ("YE", "Yemen"),
    ("YT", "Mayotte"),
    ("ZA", "South Africa"),
    ("ZM", "Zambia"),
    ("ZW", "Zimbabwe"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotACountry>) {
        assert_eq!(Country::parse(text).map(Country::code), expected, "{text:?}");
    }

    #[test]
    fn a_country_is_found_by_letters_and_by_name() {
        for text in ["de", "DE", "Germany", " germany ", "Deutschland"] {
            check(text, Ok("DE"));
        }
        check("The Netherlands", Ok("NL"));
        check("United States", Ok("US"));
        check("U.S.A.", Ok("US"));
        check("Trinidad and Tobago", Ok("TT"));
        check("xk", Ok("XK"));
        check("Republic of Kosovo", Ok("XK"));
        // The European Union's codes of Greece and Northern Ireland.
        check("EL", Ok("GR"));
        check("XI", Ok("GB"));
        check("Tristan da Cunha", Ok("TA"));
        check("Elbonia", Err(NotACountry));
        check("", Err(NotACountry));
    }

    #[test]
    fn every_country_is_found_by_its_own_name_and_letters() {
        for (code, english) in ALL {
            check(code, Ok(code));
            check(english, Ok(code));
        }
    }
}
