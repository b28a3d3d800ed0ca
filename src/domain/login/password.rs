//! Passwords: strength by zxcvbn, hashes by Argon2id.

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use zxcvbn::{Score, zxcvbn};

use crate::domain::values::text::{is_joiner, sentence};
use crate::domain::values::{Line, NotText};

/// A password as typed, normalised: the same letters from a terminal, a phone and a browser are the same password.
///
/// Shape: a [`Line`] of at most 256 characters. Empty if it is invalid: then it matches nothing.
#[derive(Clone)]
pub struct TypedPassword(Line);

/// A password that is strong enough for the desk.
pub struct NewPassword(TypedPassword);

/// Why a password is too weak, in sentences for the seller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join(" "))]
pub struct WeakPassword(pub Vec<String>);

/// A password as stored: it cannot be recovered, and each guess costs time and memory.
///
/// Shape: a PHC string, Argon2id with salt and parameters. Source: RFC 9106; the PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword(String);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Argon2id hash in the PHC format")]
pub struct NotAStoredPassword;

/// The memory for hashing one password at a time, reused for the next one: so the total is bounded by the number of
/// these, whatever the allocator keeps.
#[derive(Default)]
pub struct Argon2Memory(Vec<Block>);

/// Units: random bytes. Source: RFC 9106, section 3.1.
pub const PASSWORD_SALT_BYTES: usize = 16;

/// Units: characters. Passwords from a password manager, and passphrases that anybody still types, are shorter.
const MAX_CHARACTERS: usize = 256;
/// Units: characters. Below this even a random password is too weak.
const LEAST_CHARACTERS: usize = 10;
/// Of zxcvbn's 0 to 4: finding it takes more than 10^8 guesses, and this shop hashes some dozens per second.
const LEAST_SCORE: Score = Score::Three;
/// Units: memory in KiB, iterations, lanes.
/// Source: OWASP Password Storage Cheat Sheet, "Argon2id" (19 MiB, 2, 1), which are the defaults of argon2 0.6.
const PARAMS: Params = Params::DEFAULT;
/// Units: KiB. A hash that needs more was not made here, and would exhaust the host's memory.
const MAX_MEMORY: u32 = 256 * 1024;

impl TypedPassword {
    /// An invalid password becomes the empty one, which is always wrong: it costs the same work.
    pub fn of(text: &str) -> Self {
        Self(typed_line(text).unwrap_or_default())
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_str().as_bytes()
    }
}

/// Joiners have never been part of a password: one that was set before texts could contain them must remain valid.
fn typed_line(text: &str) -> Result<Line, NotText> {
    let typed: String = text.chars().filter(|c| !is_joiner(*c)).collect();
    Line::parse(&typed, MAX_CHARACTERS)
}

impl NewPassword {
    /// `about`: words related to this shop, such as its name, which an attacker tries first.
    ///
    /// # Errors
    /// [`WeakPassword`] with every reason, and what would be better.
    pub fn parse(text: &str, about: &[&str]) -> Result<Self, WeakPassword> {
        let line = match typed_line(text) {
            Ok(line) => line,
            Err(refused) => return Err(WeakPassword(vec![sentence(&refused.to_string())])),
        };
        let n_characters = line.as_str().chars().count();
        let mut reasons = Vec::new();
        if n_characters < LEAST_CHARACTERS {
            reasons.push(format!("Use at least {LEAST_CHARACTERS} characters."));
        }
        let own = ["shop", "desk", "seller", "password", "onion"];
        let run_together: Vec<String> = about.iter().map(|words| words.replace(' ', "")).collect();
        let known: Vec<&str> = about
            .iter()
            .flat_map(|words| words.split_whitespace())
            .chain(run_together.iter().map(String::as_str))
            .chain(about.iter().copied())
            .chain(own)
            .collect();
        let estimate = zxcvbn(line.as_str(), &known);
        if estimate.score() < LEAST_SCORE {
            if let Some(feedback) = estimate.feedback() {
                reasons.extend(feedback.warning().map(|warning| warning.to_string()));
                reasons.extend(feedback.suggestions().iter().map(ToString::to_string));
            }
            if reasons.is_empty() {
                reasons.push("It is too easy to guess.".to_owned());
            }
            reasons.push("Use five unrelated words.".to_owned());
        }
        if reasons.is_empty() { Ok(Self(TypedPassword(line))) } else { Err(WeakPassword(reasons)) }
    }

    pub fn typed(&self) -> &TypedPassword {
        &self.0
    }
}

impl StoredPassword {
    /// # Errors
    /// [`NotAStoredPassword`] for anything but what [`StoredPassword::as_str`] gives.
    pub fn parse(text: &str) -> Result<Self, NotAStoredPassword> {
        take_apart(text).map(|_| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `salt`: random bytes.
    pub fn make(
        password: &TypedPassword,
        salt: [u8; PASSWORD_SALT_BYTES],
        memory: &mut Argon2Memory,
    ) -> Self {
        let output = memory.hash(&PARAMS, Version::V0x13, password, &salt);
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&PARAMS).expect("the defaults can be written"),
            salt: Some(Salt::new(&salt).expect("16 bytes are a salt")),
            hash: Some(output.expect("the defaults are within the limits")),
        };
        Self(hash.to_string())
    }

    /// A password that matches nothing: it is checked if none is set, so that every failure costs the same.
    pub fn nobodys() -> Self {
        const TEXT: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2hvcCBkZXNrIG5vYm9keQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        Self(TEXT.to_owned())
    }

    /// Takes the same time for every wrong password. The empty one never matches.
    pub fn is(&self, password: &TypedPassword, memory: &mut Argon2Memory) -> bool {
        let Ok((hash, params, version)) = take_apart(&self.0) else { return false };
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return false };
        // The comparison takes constant time.
        let found = memory.hash(&params, version, password, salt);
        found.is_some_and(|found| found == *expected) && !password.0.is_empty()
    }

    /// Whether its parameters differ from those of new ones.
    pub fn needs_upgrade(&self) -> bool {
        take_apart(&self.0).is_ok_and(|(_, params, version)| {
            let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
            cost(&params) != cost(&PARAMS) || version != Version::V0x13
        })
    }
}

/// Hides the hash, so that it is not logged by mistake.
impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StoredPassword")
    }
}

impl Argon2Memory {
    fn hash(
        &mut self,
        params: &Params,
        version: Version,
        password: &TypedPassword,
        salt: &[u8],
    ) -> Option<Output> {
        // No more memory than needed: what an older hash required is freed.
        self.0.resize(params.block_count(), Block::default());
        self.0.shrink_to_fit();
        let mut bytes = [0; Params::DEFAULT_OUTPUT_LEN];
        Argon2::new(Algorithm::Argon2id, version, params.clone())
            .hash_password_into_with_memory(password.bytes(), salt, &mut bytes, &mut self.0)
            .ok()?;
        Output::new(&bytes).ok()
    }
}

fn take_apart(text: &str) -> Result<(PasswordHash, Params, Version), NotAStoredPassword> {
    let hash = PasswordHash::new(text).map_err(|_| NotAStoredPassword)?;
    let params = Params::try_from(&hash).map_err(|_| NotAStoredPassword)?;
    let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from);
    let version = version.map_err(|_| NotAStoredPassword)?;
    let is_ours = hash.algorithm == Algorithm::Argon2id.ident()
        && hash.salt.is_some()
        && hash.hash.as_ref().is_some_and(|hash| hash.len() == Params::DEFAULT_OUTPUT_LEN)
        && params.m_cost() <= MAX_MEMORY;
    if is_ours { Ok((hash, params, version)) } else { Err(NotAStoredPassword) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        NewPassword::parse(text, &["The Mining King"]).err().expect(text).to_string()
    }

    #[test]
    fn a_password_is_right_with_and_without_what_keyboards_add_unseen() {
        let plain = TypedPassword::of("کتاب👩👧 cinder");
        let joined = TypedPassword::of("\u{200e}کتا\u{200c}ب👩\u{200d}👧\u{fe0f} cinder");
        assert_eq!(joined.bytes(), plain.bytes());
    }

    #[test]
    fn a_password_that_is_guessed_is_refused_with_reasons() {
        for (text, word) in [
            ("", "at least 10"),
            ("password", "common"),
            ("password1234", "common"),
            ("qwertyuiop", "common"),
            ("1234567890", "common"),
            ("aaaaaaaaaaaaaaaa", "Repeat"),
            ("theminingking1", "words"),
            ("17.05.1984", "ate"),
            ("P@ssw0rd!!", "common"),
            ("xK7$q", "at least 10"),
            ("a\u{202e}bcdefghijkl", "hidden character"),
            (&"x y".repeat(100), "longer than 256"),
        ] {
            let reasons = refused(text);
            assert!(reasons.to_lowercase().contains(&word.to_lowercase()), "{text:?}: {reasons}");
        }
        for text in
            ["correct horse battery staple", "fhjw8-Qkd02-mmzp", "Über sieben Brücken mußt du gehn"]
        {
            assert!(NewPassword::parse(text, &[]).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_kept_password_knows_its_own_alone() {
        let mut memory = Argon2Memory::default();
        let good = TypedPassword::of("correct horse battery staple");
        let kept = StoredPassword::make(&good, [7; PASSWORD_SALT_BYTES], &mut memory);
        assert!(kept.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.as_str());
        let kept = StoredPassword::parse(kept.as_str()).unwrap();
        assert!(kept.is(&good, &mut memory) && !kept.needs_upgrade());
        // Typed with a decomposed letter and a trailing space, it is the same.
        let accent =
            StoredPassword::make(&TypedPassword::of("B\u{fc}cherwurm 9"), [1; 16], &mut memory);
        assert!(accent.is(&TypedPassword::of("Bu\u{308}cherwurm 9 "), &mut memory));
        for wrong in ["", "correct horse battery stapl", "Correct horse battery staple"] {
            assert!(!kept.is(&TypedPassword::of(wrong), &mut memory), "{wrong}");
        }
        let nobody = StoredPassword::parse(StoredPassword::nobodys().as_str()).unwrap();
        assert!(!nobody.is(&good, &mut memory) && !nobody.is(&TypedPassword::of(""), &mut memory));
        assert!(!nobody.needs_upgrade(), "nobody's costs as much as a password of today");
        assert_eq!(format!("{kept:?}"), "StoredPassword");
    }

    #[test]
    fn what_other_programs_made_of_the_same_parameters_is_understood() {
        // Source: argon2(1) of Debian 12: `echo -n password | argon2 somesalt -id -t 2 -k 19456 -p 1 -e`, and with
        // weaker parameters.
        let mut memory = Argon2Memory::default();
        let weaker = StoredPassword::parse(
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        )
        .unwrap();
        assert!(weaker.is(&TypedPassword::of("password"), &mut memory));
        assert!(!weaker.is(&TypedPassword::of("passwort"), &mut memory));
        assert!(weaker.needs_upgrade());
        // The memory shrinks to what today's parameters need.
        let _ = StoredPassword::make(&TypedPassword::of("x"), [0; 16], &mut memory);
        assert_eq!((memory.0.len(), memory.0.capacity()), (19 * 1024, 19 * 1024));
    }

    #[test]
    fn what_is_no_hash_of_ours_is_refused() {
        for text in [
            "",
            "hunter2",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert_eq!(StoredPassword::parse(text), Err(NotAStoredPassword), "{text}");
        }
    }
}
