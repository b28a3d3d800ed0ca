//! Checks to whom a buyer's PGP message is encrypted.

use crate::domain::orders::PgpBlock;
use crate::infra::mail::armor;
use crate::infra::mail::seller_key::SellerKey;
use pgp::packet::Packet;
use pgp::packet::PacketParser;
use pgp::packet::PublicKeyEncryptedSessionKey;
use pgp::packet::SymEncryptedProtectedData;
use pgp::types::KeyId;

/// Why a buyer's own PGP message is refused, in texts for the buyer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    #[error("the PGP message is damaged: copy it again, whole, from BEGIN to END")]
    Damaged,
    #[error(
        "this PGP message is not encrypted, anybody can read it: encrypt it to the seller's key (gpg --armor --encrypt) and paste what comes out"
    )]
    NotEncrypted,
    #[error(
        "this PGP message opens with a password, which the seller does not have: encrypt it to the seller's key, and leave out --symmetric"
    )]
    Password,
    #[error(
        "this PGP message hides whose key opens it, so the shop cannot see that it is the seller's: leave out --throw-keyids and --hidden-recipient"
    )]
    HiddenRecipient,
    #[error(
        "this PGP message is encrypted to 0x{0}, which is not the seller's key: take the key from /pgp.txt and encrypt to that"
    )]
    NotToTheSeller(String),
    #[error(
        "this PGP message is encrypted to 0x{0}, which the seller has revoked: take the key from /pgp.txt anew and encrypt to that"
    )]
    RevokedKey(String),
    #[error(
        "this PGP message is also encrypted to 0x{0}, which the seller's key does not have: encrypt it to the seller alone (with gpg, add --no-encrypt-to; elsewhere, leave out your own key)"
    )]
    AlsoToAnother(String),
    #[error(
        "this PGP message is made in an old way that shows no tampering: make it with a newer program, such as gpg 2.2"
    )]
    NoIntegrity,
    #[error(
        "this PGP message is made in a newer way than the seller's key says that it can be read: with gpg, add --rfc4880"
    )]
    TooNew,
}

impl SellerKey {
    /// Checks that the seller can decrypt it, and nobody unknown. It is not decrypted: only its recipients are read.
    ///
    /// # Errors
    /// [`BlockFault`]
    pub fn check_block(&self, block: &PgpBlock) -> Result<(), BlockFault> {
        let opened = armor::open(block.as_str(), "MESSAGE").map_err(|_| BlockFault::Damaged)?;
        let mut to = Vec::new();
        let mut is_sealed = false;
        for packet in PacketParser::new(opened.bytes.as_slice()) {
            if is_sealed {
                return Err(BlockFault::Damaged);
            }
            match packet.map_err(|_| BlockFault::Damaged)? {
                Packet::Marker(_) | Packet::Padding(_) => {}
                Packet::SymKeyEncryptedSessionKey(_) => return Err(BlockFault::Password),
                Packet::PublicKeyEncryptedSessionKey(session_key) => to.push(session_key),
                Packet::SymEncryptedProtectedData(sealed) => {
                    self.can_read(&sealed)?;
                    is_sealed = true;
                }
                Packet::GnupgAeadData(_) if self.certificate().reads_ocb => is_sealed = true,
                Packet::GnupgAeadData(_) => return Err(BlockFault::TooNew),
                Packet::SymEncryptedData(_) => return Err(BlockFault::NoIntegrity),
                Packet::OnePassSignature(_)
                | Packet::Signature(_)
                | Packet::LiteralData(_)
                | Packet::CompressedData(_) => return Err(BlockFault::NotEncrypted),
                _ => return Err(BlockFault::Damaged),
            }
        }
        if !is_sealed {
            return Err(BlockFault::Damaged);
        }
        self.are_all_the_sellers(&to)
    }

    fn can_read(&self, sealed: &SymEncryptedProtectedData) -> Result<(), BlockFault> {
        if sealed.version() == 1 || self.certificate().reads_version_2 {
            Ok(())
        } else {
            Err(BlockFault::TooNew)
        }
    }

    fn are_all_the_sellers(&self, to: &[PublicKeyEncryptedSessionKey]) -> Result<(), BlockFault> {
        let mut others = Vec::new();
        let mut is_to_the_seller = false;
        for session_key in to {
            let PublicKeyEncryptedSessionKey::V3 { id, pk_algo, .. } = session_key else {
                return Err(BlockFault::TooNew);
            };
            if id.is_wildcard() {
                return Err(BlockFault::HiddenRecipient);
            }
            let recipients = &self.certificate().recipients;
            match recipients.iter().find(|recipient| recipient.key.id() == *id) {
                Some(recipient) if recipient.is_revoked => {
                    return Err(BlockFault::RevokedKey(written(id)));
                }
                Some(recipient) if recipient.key.algorithm() != *pk_algo => {
                    return Err(BlockFault::Damaged);
                }
                Some(_) => is_to_the_seller = true,
                None => others.push(id),
            }
        }
        match others.first() {
            Some(other) if is_to_the_seller => Err(BlockFault::AlsoToAnother(written(other))),
            Some(other) => Err(BlockFault::NotToTheSeller(written(other))),
            None if is_to_the_seller => Ok(()),
            None => Err(BlockFault::Damaged),
        }
    }
}

fn written(id: &KeyId) -> String {
    data_encoding::HEXUPPER.encode(id.as_ref())
}
