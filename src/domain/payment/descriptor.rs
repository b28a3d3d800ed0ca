//! Output descriptors.

use crate::domain::payment::NotAnExtendedPubkey;
use crate::domain::payment::key_expression::KeyExpression;
use crate::domain::payment::polymod;
use crate::domain::payment::script_type::ScriptType;

/// An output descriptor with one extended public key, as wallets export it for watching an account.
///
/// Shape: `wpkh([d34db33f/84h/0h/0h]xpub…/0/*)#checksum`; or `pkh(…)`, `sh(wpkh(…))`, `tr(…)`; the checksum is
/// optional.
/// Source: BIP-380 to BIP-386.
pub struct Descriptor<'a> {
    pub script_type: ScriptType,
    pub key: KeyExpression<'a>,
}

impl<'a> Descriptor<'a> {
    /// # Errors
    /// [`NotAnExtendedPubkey`] if it contains anything but one key, or its checksum is wrong.
    pub fn parse(text: &'a str) -> Result<Self, NotAnExtendedPubkey> {
        let body = match text.rsplit_once('#') {
            Some((body, written)) if has_checksum(body, written) => body,
            Some(_) => return Err(NotAnExtendedPubkey::MistypedDescriptor),
            None => text,
        };
        if ["multi(", "multi_a(", "musig("].iter().any(|several| body.contains(several)) {
            return Err(NotAnExtendedPubkey::OfSeveral);
        }
        if ["wsh(", "sh(wsh("].iter().any(|script| body.starts_with(script)) {
            return Err(NotAnExtendedPubkey::WithScripts);
        }
        let within = |before: &str, after: &str| body.strip_prefix(before)?.strip_suffix(after);
        let forms = [
            (ScriptType::P2pkh, within("pkh(", ")")),
            (ScriptType::P2shP2wpkh, within("sh(wpkh(", "))")),
            (ScriptType::P2wpkh, within("wpkh(", ")")),
            (ScriptType::P2tr, within("tr(", ")")),
        ];
        let form = forms.into_iter().find_map(|(script_type, inside)| Some((script_type, inside?)));
        let (script_type, inside) = form.ok_or(NotAnExtendedPubkey::NotADescriptor)?;
        // Scripts would follow the comma; a comma in `{0,1}` belongs to the key.
        if script_type == ScriptType::P2tr && without_alternatives(inside).contains(',') {
            return Err(NotAnExtendedPubkey::WithScripts);
        }
        if inside.contains(['(', ')']) {
            return Err(NotAnExtendedPubkey::NotADescriptor);
        }
        let key = KeyExpression::parse(inside).map_err(|refused| match refused {
            NotAnExtendedPubkey::NotExtended => NotAnExtendedPubkey::NotADescriptor,
            other => other,
        })?;
        Ok(Self { script_type, key })
    }
}

/// The same without a first step in braces, `/{0,1}`.
fn without_alternatives(inside: &str) -> String {
    let (before, rest) = inside.split_once("/{").unwrap_or((inside, ""));
    let after = rest.split_once('}').map_or(rest, |(_, after)| after);
    format!("{before}{after}")
}

/// Whether these are the eight characters after `#`. Some programs compute it with one mark of hardened steps and show
/// another.
fn has_checksum(body: &str, written: &str) -> bool {
    let (origin, rest) = body.split_at(body.find(']').unwrap_or(0));
    ['h', '\'', 'H'].iter().any(|sign| {
        let signed = origin.replace("h/", "'/").replace("H/", "'/");
        let last = signed.strip_suffix(['h', 'H', '\'']).map(|rest| format!("{rest}'"));
        let origin = last.unwrap_or(signed).replace('\'', &sign.to_string());
        checksum(&format!("{origin}{rest}")).as_deref() == Some(written)
    }) || checksum(body).as_deref() == Some(written)
}

/// Source: BIP-380, also for the constants below.
const LETTERS: &str = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const LETTERS_OF_CHECKSUM: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u64; 5] =
    [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];

/// The eight characters after `#`; `None` if the text has characters that cannot be in a descriptor.
pub fn checksum(text: &str) -> Option<String> {
    let mut sum = 1;
    let mut groups = 0;
    let mut n_groups = 0;
    for letter in text.chars() {
        let place = u64::try_from(LETTERS.find(letter)?).ok()?;
        sum = polymod::step(&GENERATOR, sum, place & 31);
        groups = groups * 3 + (place >> 5);
        n_groups += 1;
        if n_groups == 3 {
            sum = polymod::step(&GENERATOR, sum, groups);
            (groups, n_groups) = (0, 0);
        }
    }
    if 0 < n_groups {
        sum = polymod::step(&GENERATOR, sum, groups);
    }
    for _ in 0..8 {
        sum = polymod::step(&GENERATOR, sum, 0);
    }
    sum ^= 1;
    let letter = |n: u32| {
        let place = usize::try_from((sum >> (5 * (7 - n))) & 31).expect("31 fits");
        char::from(LETTERS_OF_CHECKSUM[place])
    };
    Some((0..8).map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_the_one_that_wallets_write() {
        // Source: BIP-380.
        assert_eq!(checksum("raw(deadbeef)").as_deref(), Some("89f8spxm"));
        assert_eq!(checksum("raw(Ü)"), None);
        assert_ne!(checksum("raw(deedbeef)").as_deref(), Some("89f8spxm"));
    }
}
