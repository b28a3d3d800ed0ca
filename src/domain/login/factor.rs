//! Time-based one-time passwords (RFC 6238).

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;

use crate::domain::login::recovery::{RecoveryCode, RecoveryHash, in_groups};
use crate::domain::values::Timestamp;

/// The secret that the seller's phone and the shop share; both compute the code of each half minute from it.
///
/// Shape: 20 random bytes. Source: RFC 4226, section 4 ("160 bits").
#[derive(Clone, PartialEq, Eq)]
pub struct FactorSecret([u8; FACTOR_SECRET_BYTES]);

pub const FACTOR_SECRET_BYTES: usize = 20;

/// All but what RFC 3986, section 2.3, calls unreserved.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Shape: 6 decimal digits, as every authenticator app shows them.
pub const CODE_DIGITS: usize = 6;

/// Units: seconds that a code is valid. Source: RFC 6238, section 4.1.
const STEP: i64 = 30;
/// Units: steps that a phone's clock may be off, either way. Source: RFC 6238, section 5.2 ("at most one").
const SKEW: i64 = 1;

/// The second factor as stored: the secret, the last step whose code was used, the remaining recovery codes.
#[derive(Clone)]
pub struct SecondFactor {
    pub secret: FactorSecret,
    pub last_step: i64,
    pub recovery: Vec<RecoveryHash>,
}

/// Proof of possession of the second factor. It works once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorProof {
    /// The code of this step, which uses up its own code and all earlier ones.
    Step(i64),
    Recovery(RecoveryHash),
}

impl FactorSecret {
    /// `random_bytes`: secret random bytes.
    pub fn new(random_bytes: [u8; FACTOR_SECRET_BYTES]) -> Self {
        Self(random_bytes)
    }

    pub fn bytes(&self) -> &[u8; FACTOR_SECRET_BYTES] {
        &self.0
    }

    /// For typing it into an authenticator app. Shape: 8 groups of 4 base32 characters.
    pub fn text(&self) -> String {
        in_groups(&self.0, " ")
    }

    /// For an authenticator app to scan as a QR code.
    ///
    /// Source: the Key URI Format of Google Authenticator, which all apps read.
    pub fn uri(&self, shop: &str) -> String {
        let name = utf8_percent_encode(shop, &ENCODED);
        let secret = BASE32_NOPAD.encode(&self.0);
        format!(
            "otpauth://totp/{name}:desk?secret={secret}&issuer={name}&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The step of this code, if it may be used now: not used before, and none before one that was used.
    ///
    /// The usual library for this (totp-rs) adds another hmac and sha1, reads the clock itself, and returns only a
    /// boolean: the step, which makes a code valid only once, would have to be computed here anyway.
    pub fn step_of(&self, code: &str, last_step: i64, now: Timestamp) -> Option<i64> {
        let typed: u32 = digits(code).map_or(Some(u32::MAX), |digits| digits.parse().ok())?;
        let step = now.get() / STEP;
        // All of them are compared, whichever matches, so that the time is the same.
        (step - SKEW..=step + SKEW).fold(None, |found, step| {
            let is_it = self.code(step) == typed && last_step < step;
            if is_it { Some(step) } else { found }
        })
    }

    /// Whether it has the shape of a code, rather than of a recovery code or anything else.
    pub fn is_code(text: &str) -> bool {
        digits(text).is_some()
    }

    /// Source: RFC 4226, section 5.3, with the step of RFC 6238 as its counter.
    fn code(&self, step: i64) -> u32 {
        let mut mac =
            Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let at = usize::from(hash[19] & 15);
        let word = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
        (word & 0x7fff_ffff) % 10_u32.pow(CODE_DIGITS as u32)
    }
}

impl SecondFactor {
    /// Whether the input of the code field is valid: a current code, or an unused recovery code.
    pub fn proof(&self, typed: &str, now: Timestamp) -> Option<FactorProof> {
        let step = self.secret.step_of(typed, self.last_step, now).map(FactorProof::Step);
        let recovery = RecoveryCode::parse(typed).map(|code| code.hash());
        let recovery = recovery.filter(|hash| self.recovery.contains(hash));
        step.or(recovery.map(FactorProof::Recovery))
    }
}

/// The digits of a code as people type it.
fn digits(text: &str) -> Option<String> {
    let typed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = typed.len() == CODE_DIGITS && typed.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then_some(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: RFC 6238, appendix B, the SHA-1 rows; the last six of their eight digits.
    const OF_THE_RFC: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn secret() -> FactorSecret {
        FactorSecret::new(*b"12345678901234567890")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds).unwrap()
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (seconds, code) in OF_THE_RFC {
            assert_eq!(secret().step_of(code, 0, at(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_phones_clock_may_be_half_a_minute_off_and_no_more() {
        let (seconds, code) = OF_THE_RFC[3];
        let step = seconds / 30;
        for (later, expected) in
            [(-60, None), (-30, Some(step)), (0, Some(step)), (30, Some(step)), (60, None)]
        {
            assert_eq!(secret().step_of(code, 0, at(seconds + later)), expected, "{later}");
        }
    }

    #[test]
    fn a_code_counts_once_and_none_before_it() {
        let (seconds, code) = OF_THE_RFC[3];
        let step = seconds / 30;
        assert_eq!(secret().step_of(code, step - 1, at(seconds)), Some(step));
        assert_eq!(secret().step_of(code, step, at(seconds)), None);
        assert_eq!(secret().step_of(code, step + 1, at(seconds)), None);
        assert_eq!(secret().step_of(" 005 924 ", 0, at(seconds)), Some(step));
        for wrong in ["", "5924", "005925", "0059240", "00592x", "٠٠٥٩٢٤", "-05924", "+05924"]
        {
            assert_eq!(secret().step_of(wrong, 0, at(seconds)), None, "{wrong}");
        }
    }

    #[test]
    fn a_recovery_code_proves_it_too() {
        let codes = [RecoveryCode::from_random([1; 10]), RecoveryCode::from_random([2; 10])];
        let factor =
            SecondFactor { secret: secret(), last_step: 0, recovery: vec![codes[0].hash()] };
        let now = at(1_234_567_890);
        let proof = factor.proof(&codes[0].text().to_lowercase(), now);
        assert_eq!(proof, Some(FactorProof::Recovery(codes[0].hash())));
        assert_eq!(factor.proof(&codes[1].text(), now), None);
        assert_eq!(factor.proof("005924", now), Some(FactorProof::Step(now.get() / 30)));
    }

    #[test]
    fn it_is_written_for_hands_and_for_phones() {
        assert_eq!(secret().text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            secret().uri("Ada & Söhne"),
            "otpauth://totp/Ada%20%26%20S%C3%B6hne:desk?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Ada%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
        );
    }
}
