//! Checks to whom a buyer's PGP message is encrypted.

use pgp::packet::{Packet, PacketParser, PublicKeyEncryptedSessionKey};
use pgp::types::KeyId;

use crate::domain::orders::{NotAPgpBlock, PgpBlock};
use crate::infra::mail::armor;
use crate::infra::mail::seller_key::SellerKey;

impl SellerKey {
    /// Checks that the seller can decrypt it, and nobody unknown. It is not decrypted: only its recipients are read.
    ///
    /// # Errors
    /// [`NotAPgpBlock`]
    pub fn check_block(&self, block: &PgpBlock) -> Result<(), NotAPgpBlock> {
        let opened =
            armor::open(block.as_str(), "MESSAGE").map_err(|_| NotAPgpBlock::DamagedInside)?;
        let mut to = Vec::new();
        let mut has_data = false;
        for packet in PacketParser::new(opened.bytes.as_slice()) {
            if has_data {
                return Err(NotAPgpBlock::DamagedInside);
            }
            match packet.map_err(|_| NotAPgpBlock::DamagedInside)? {
                Packet::Marker(_) | Packet::Padding(_) => {}
                Packet::SymKeyEncryptedSessionKey(_) => return Err(NotAPgpBlock::Password),
                Packet::PublicKeyEncryptedSessionKey(session_key) => to.push(session_key),
                Packet::SymEncryptedProtectedData(data)
                    if data.version() == 1 || self.certificate().reads_version_2 =>
                {
                    has_data = true;
                }
                Packet::GnupgAeadData(_) if self.certificate().reads_ocb => has_data = true,
                Packet::SymEncryptedProtectedData(_) | Packet::GnupgAeadData(_) => {
                    return Err(NotAPgpBlock::TooNew);
                }
                Packet::SymEncryptedData(_) => return Err(NotAPgpBlock::NoIntegrity),
                Packet::OnePassSignature(_)
                | Packet::Signature(_)
                | Packet::LiteralData(_)
                | Packet::CompressedData(_) => return Err(NotAPgpBlock::NotEncrypted),
                _ => return Err(NotAPgpBlock::DamagedInside),
            }
        }
        if !has_data {
            return Err(NotAPgpBlock::DamagedInside);
        }
        self.check_recipients(&to)
    }

    fn check_recipients(&self, to: &[PublicKeyEncryptedSessionKey]) -> Result<(), NotAPgpBlock> {
        let mut others = Vec::new();
        let mut is_to_the_seller = false;
        for session_key in to {
            let PublicKeyEncryptedSessionKey::V3 { id, pk_algo, .. } = session_key else {
                return Err(NotAPgpBlock::TooNew);
            };
            if id.is_wildcard() {
                return Err(NotAPgpBlock::HiddenRecipient);
            }
            let recipients = &self.certificate().recipients;
            match recipients.iter().find(|recipient| recipient.key.id() == *id) {
                Some(recipient) if recipient.is_revoked => {
                    return Err(NotAPgpBlock::RevokedKey(hex_id(id)));
                }
                Some(recipient) if recipient.key.algorithm() != *pk_algo => {
                    return Err(NotAPgpBlock::DamagedInside);
                }
                Some(_) => is_to_the_seller = true,
                None => others.push(id),
            }
        }
        match others.first() {
            Some(other) if is_to_the_seller => Err(NotAPgpBlock::AlsoToAnother(hex_id(other))),
            Some(other) => Err(NotAPgpBlock::NotToTheSeller(hex_id(other))),
            None if is_to_the_seller => Ok(()),
            None => Err(NotAPgpBlock::DamagedInside),
        }
    }
}

fn hex_id(id: &KeyId) -> String {
    data_encoding::HEXUPPER.encode(id.as_ref())
}
