//! Parses and validates the seller's OpenPGP key.

use std::sync::Arc;

use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::Error;
use pgp::packet::{
    KeyFlags, Packet, PacketParser, PublicKey, PublicSubkey, Signature, SignatureType,
    SubpacketData, UserId,
};
use pgp::types::{KeyDetails, KeyId, KeyVersion, PublicParams, Tag};

use crate::domain::values::Timestamp;
use crate::infra::mail::armor::NotArmor;
use crate::infra::mail::key_fault::KeyFault;
use crate::infra::mail::{armor, key_file};

/// The seller's OpenPGP certificate, as far as the shop needs it: for encryption, and to know which keys can decrypt.
///
/// Shape: one public key of version 4, armored, with at least one key that can encrypt.
/// Source: RFC 9580, section 10.1; the encryption key is chosen as gpg chooses it.
#[derive(Clone)]
pub struct SellerKey(Arc<Certificate>);

pub(super) struct Certificate {
    armored: String,
    fingerprint: String,
    /// When the certificate as a whole expires.
    until: Option<Timestamp>,
    /// Newest first; the primary key, if it can encrypt, comes last.
    pub(super) recipients: Vec<Recipient>,
    /// Whether the seller's program declares support for OCB, which not every program has.
    pub(super) reads_ocb: bool,
    pub(super) reads_version_2: bool,
}

/// A key of the certificate that is meant for encryption.
pub(super) struct Recipient {
    pub(super) key: RecipientKey,
    pub(super) is_revoked: bool,
    until: Option<Timestamp>,
}

pub(super) enum RecipientKey {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

impl SellerKey {
    /// Reads the content of the key file.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn read(file: &[u8], now: Timestamp) -> Result<Self, KeyFault> {
        Self::parse(&key_file::text_of(file)?, now)
    }

    /// # Errors
    /// [`KeyFault`] if this key cannot be encrypted to now. The error never contains anything of the file.
    pub fn parse(armored: &str, now: Timestamp) -> Result<Self, KeyFault> {
        let armored = armored.trim_start_matches('\u{FEFF}');
        if armored.contains("PRIVATE KEY") {
            return Err(KeyFault::PrivateKey);
        }
        let opened = armor::open(armored, "PUBLIC KEY BLOCK").map_err(|fault| match fault {
            NotArmor::Missing => key_file::unarmored_fault(armored),
            NotArmor::Several => KeyFault::ManyKeys,
            NotArmor::Damaged => KeyFault::Malformed("it is truncated or damaged"),
        })?;
        let key = Self(Arc::new(Parts::read(&opened.bytes)?.certificate(opened.text, now)?));
        key.check(now)?;
        Ok(key)
    }

    /// Whether the key can be used now: it may expire while the shop is running.
    ///
    /// # Errors
    /// [`KeyFault::Expired`], [`KeyFault::CannotEncrypt`].
    pub fn check(&self, now: Timestamp) -> Result<(), KeyFault> {
        self.recipient(now).map(|_| ())
    }

    /// The key to encrypt to: the newest valid one, as gpg chooses.
    pub(super) fn recipient(&self, now: Timestamp) -> Result<&Recipient, KeyFault> {
        if let Some(until) = self.0.until.filter(|until| *until <= now) {
            return Err(KeyFault::Expired(until));
        }
        let good = self.0.recipients.iter().filter(|recipient| !recipient.is_revoked);
        match good.clone().find(|recipient| recipient.until.is_none_or(|until| now < until)) {
            Some(recipient) => Ok(recipient),
            None => Err(good
                .filter_map(|recipient| recipient.until)
                .max()
                .map_or(KeyFault::CannotEncrypt, KeyFault::Expired)),
        }
    }

    pub(super) fn certificate(&self) -> &Certificate {
        &self.0
    }

    /// Shape: 40 hexadecimal digits, uppercase.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint.clone()
    }

    /// In groups of four, for comparing by eye.
    pub fn fingerprint_for_people(&self) -> String {
        let mut grouped = String::new();
        for (n, digit) in self.0.fingerprint.chars().enumerate() {
            if 0 < n && n % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(digit);
        }
        grouped
    }

    /// When the last usable key expires; `None` if it never does.
    pub fn usable_until(&self) -> Option<Timestamp> {
        let good = self.0.recipients.iter().filter(|recipient| !recipient.is_revoked);
        let ends: Option<Vec<Timestamp>> = good.map(|recipient| recipient.until).collect();
        let parts_end = ends.and_then(|ends| ends.into_iter().max());
        self.0.until.into_iter().chain(parts_end).min()
    }

    /// The ids by which a message encrypted to this key is recognised.
    pub fn key_ids(&self) -> Vec<u64> {
        let as_number = |recipient: &Recipient| {
            let bytes = recipient.key.id().as_ref().try_into().ok()?;
            Some(u64::from_be_bytes(bytes))
        };
        self.0.recipients.iter().filter_map(as_number).collect()
    }

    /// The public key for others, without comments.
    pub fn armored(&self) -> &str {
        &self.0.armored
    }
}

impl std::fmt::Debug for SellerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SellerKey({})", self.0.fingerprint)
    }
}

impl RecipientKey {
    pub(super) fn id(&self) -> KeyId {
        match self {
            Self::Primary(key) => key.legacy_key_id(),
            Self::Subkey(key) => key.legacy_key_id(),
        }
    }

    pub(super) fn algorithm(&self) -> PublicKeyAlgorithm {
        match self {
            Self::Primary(key) => key.algorithm(),
            Self::Subkey(key) => key.algorithm(),
        }
    }
}

/// The packets of one certificate, sorted by what they refer to, not yet verified.
struct Parts {
    primary: PublicKey,
    on_primary: Vec<Signature>,
    users: Vec<(UserId, Vec<Signature>)>,
    subkeys: Vec<(PublicSubkey, Vec<Signature>)>,
}

/// The content of the self-signature of a key.
struct Statement {
    made: u32,
    /// Units: seconds after the key was created; 0: no expiry.
    lasts: Option<u32>,
    flags: Option<KeyFlags>,
    features: u8,
}

impl Parts {
    fn read(bytes: &[u8]) -> Result<Self, KeyFault> {
        enum Last {
            Primary,
            User,
            Subkey,
            Other,
        }
        let damaged = KeyFault::Malformed("it is truncated or damaged");
        let mut packets = PacketParser::new(bytes);
        let primary = match packets.next() {
            Some(Ok(Packet::PublicKey(key))) => key,
            Some(Ok(Packet::SecretKey(_))) => return Err(KeyFault::PrivateKey),
            _ => {
                return Err(match key_file::first_version(bytes) {
                    Some(2 | 3 | 5 | 6) => KeyFault::OtherVersion,
                    _ => KeyFault::Malformed("it does not start with a public key"),
                });
            }
        };
        let mut parts = Self { primary, on_primary: vec![], users: vec![], subkeys: vec![] };
        let mut last = Last::Primary;
        for packet in packets {
            match packet {
                Ok(Packet::SecretKey(_) | Packet::SecretSubkey(_)) => {
                    return Err(KeyFault::PrivateKey);
                }
                Ok(Packet::PublicKey(_)) => return Err(KeyFault::ManyKeys),
                Ok(Packet::PublicSubkey(key)) => {
                    parts.subkeys.push((key, vec![]));
                    last = Last::Subkey;
                }
                Ok(Packet::UserId(id)) => {
                    parts.users.push((id, vec![]));
                    last = Last::User;
                }
                Ok(Packet::UserAttribute(_)) => last = Last::Other,
                Ok(Packet::Signature(signature)) => {
                    let about = match last {
                        Last::Primary => Some(&mut parts.on_primary),
                        Last::User => parts.users.last_mut().map(|(_, about)| about),
                        Last::Subkey => parts.subkeys.last_mut().map(|(_, about)| about),
                        Last::Other => None,
                    };
                    about.into_iter().for_each(|about| about.push(signature.clone()));
                }
                Ok(Packet::Marker(_) | Packet::Trust(_) | Packet::Padding(_)) => {}
                Ok(_) => return Err(damaged),
                // An unsupported packet is ignored. The signatures after it are assigned to the packet before, where
                // none of them verifies.
                Err(Error::Unsupported { .. } | Error::InvalidPacketContent { .. }) => {}
                Err(_) => return Err(damaged),
            }
        }
        Ok(parts)
    }

    fn certificate(self, armored: String, now: Timestamp) -> Result<Certificate, KeyFault> {
        let Self { primary, on_primary, users, subkeys } = self;
        if primary.version() != KeyVersion::V4 {
            return Err(KeyFault::OtherVersion);
        }
        supports(primary.public_params())?;
        let holds = |signature: &Signature| signature.verify_key(&primary).is_ok();
        let is_of = |signature: &&Signature, kind| signature.typ() == Some(kind);
        if on_primary.iter().filter(|s| is_of(s, SignatureType::KeyRevocation)).any(holds) {
            return Err(KeyFault::Revoked);
        }
        let direct = newest(
            on_primary.iter().filter(|s| is_of(s, SignatureType::Key)).filter(|s| holds(s)),
            now,
        );
        let mut of_users: Vec<Statement> = users
            .iter()
            .filter_map(|(id, about)| {
                let own = about.iter().filter(|signature| {
                    signature.is_certification()
                        && !is_of(signature, SignatureType::CertRevocation)
                        && signature.verify_certification(&primary, Tag::UserId, id).is_ok()
                });
                newest(own, now)
            })
            .collect();
        of_users.sort_by_key(|statement| std::cmp::Reverse(statement.made));
        let statements: Vec<Statement> = direct.into_iter().chain(of_users).collect();
        if statements.is_empty() {
            return Err(KeyFault::Malformed("nothing in it is signed by the key itself"));
        }
        let features = statements.iter().fold(0, |all, statement| all | statement.features);
        let lasts = statements.iter().find_map(|said| said.lasts.filter(|seconds| 0 < *seconds));
        let flags = statements.iter().find_map(|said| said.flags.clone());

        let unsupported = subkeys.iter().find_map(|(key, _)| supports(key.public_params()).err());
        let mut recipients: Vec<Recipient> = subkeys
            .into_iter()
            .filter_map(|(key, about)| subkey(key, &about, &primary, now))
            .collect();
        recipients.sort_by_key(|recipient| std::cmp::Reverse(recipient.made()));
        let until = end(&primary, lasts);
        let fingerprint = format!("{:X}", primary.fingerprint());
        if can_encrypt(primary.algorithm(), flags.as_ref()) {
            let key = RecipientKey::Primary(primary);
            recipients.push(Recipient { key, is_revoked: false, until });
        }
        if let Some(fault) = unsupported.filter(|_| recipients.is_empty()) {
            return Err(fault);
        }
        Ok(Certificate {
            armored,
            fingerprint,
            until,
            recipients,
            reads_ocb: features & 0x02 != 0,
            reads_version_2: features & 0x08 != 0,
        })
    }
}

impl Recipient {
    fn made(&self) -> u32 {
        match &self.key {
            RecipientKey::Primary(key) => key.created_at().as_secs(),
            RecipientKey::Subkey(key) => key.created_at().as_secs(),
        }
    }
}

/// A subkey for encryption that is bound by the primary key.
fn subkey(
    key: PublicSubkey,
    about: &[Signature],
    primary: &PublicKey,
    now: Timestamp,
) -> Option<Recipient> {
    let own = |kind| about.iter().filter(move |signature| signature.typ() == Some(kind));
    let holds = |signature: &&Signature| signature.verify_subkey_binding(primary, &key).is_ok();
    let said = newest(own(SignatureType::SubkeyBinding).filter(holds), now)?;
    if key.version() != KeyVersion::V4 || supports(key.public_params()).is_err() {
        return None;
    }
    if !can_encrypt(key.algorithm(), said.flags.as_ref()) {
        return None;
    }
    // As in gpg: whatever the dates of revocation and binding, a revoked subkey stays revoked.
    let is_revoked = own(SignatureType::SubkeyRevocation).any(|signature| holds(&signature));
    let until = end(&key, said.lasts);
    Some(Recipient { key: RecipientKey::Subkey(key), is_revoked, until })
}

/// The newest of these signatures that has not expired itself.
fn newest<'a>(
    signatures: impl Iterator<Item = &'a Signature>,
    now: Timestamp,
) -> Option<Statement> {
    signatures
        .filter_map(|signature| {
            let made = signature.created()?.as_secs();
            let lasts = signature.signature_expiration_time().map_or(0, |time| time.as_secs());
            let is_over = 0 < lasts && i64::from(made) + i64::from(lasts) <= now.get();
            (!is_over).then_some((made, signature))
        })
        .max_by_key(|(made, _)| *made)
        .map(|(made, signature)| {
            let flags = signature.config().and_then(|config| {
                config.hashed_subpackets().find_map(|part| match &part.data {
                    SubpacketData::KeyFlags(flags) => Some(flags.clone()),
                    _ => None,
                })
            });
            let features = signature.features().and_then(|all| Vec::from(all).first().copied());
            Statement {
                made,
                lasts: signature.key_expiration_time().map(|time| time.as_secs()),
                flags,
                features: features.unwrap_or(0),
            }
        })
}

/// Whether the library can encrypt to a key: support for parsing it is not enough.
fn supports(part: &PublicParams) -> Result<(), KeyFault> {
    let curve = match part {
        PublicParams::ECDSA(part) => part.curve(),
        PublicParams::ECDH(part) => part.curve(),
        PublicParams::EdDSALegacy(part) => part.curve(),
        PublicParams::Unknown { .. } => return Err(KeyFault::Algorithm),
        _ => return Ok(()),
    };
    match curve {
        ECCCurve::Curve25519Legacy
        | ECCCurve::Ed25519Legacy
        | ECCCurve::P256
        | ECCCurve::P384
        | ECCCurve::P521 => Ok(()),
        ECCCurve::Unknown(_) => Err(KeyFault::Algorithm),
        curve => Err(KeyFault::Curve(curve.name().to_owned())),
    }
}

/// Keys from before there were key flags may do what their algorithm can.
fn can_encrypt(algorithm: PublicKeyAlgorithm, flags: Option<&KeyFlags>) -> bool {
    matches!(
        algorithm,
        PublicKeyAlgorithm::RSA
            | PublicKeyAlgorithm::RSAEncrypt
            | PublicKeyAlgorithm::ECDH
            | PublicKeyAlgorithm::X25519
            | PublicKeyAlgorithm::X448
    ) && flags.is_none_or(|flags| flags.encrypt_comms() || flags.encrypt_storage())
}

fn end(key: &impl KeyDetails, lasts: Option<u32>) -> Option<Timestamp> {
    let lasts = lasts.filter(|seconds| 0 < *seconds)?;
    Timestamp::new(i64::from(key.created_at().as_secs()) + i64::from(lasts)).ok()
}
