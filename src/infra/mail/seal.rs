//! Encrypts a message to the seller's OpenPGP key.

use std::io::{Read, Write};

use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, ContentTypeErr, Subject,
};
use lettre::message::{Body, Message, MessageBuilder, MultiPart, MultiPartKind, SinglePart};
use pgp::composed::{ArmorOptions, EncryptionSeipdV1, MessageBuilder as OpenPgpBuilder};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use rand::rngs::OsRng;

use crate::domain::orders::PgpBlock;
use crate::domain::values::Timestamp;
use crate::infra::mail::key_fault::KeyFault;
use crate::infra::mail::padding;
use crate::infra::mail::seller_key::{RecipientKey, SellerKey};

/// Why a message could not be encrypted. It is never sent in plain text instead.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Key(#[from] KeyFault),
    #[error("seal to the seller's key: {0}")]
    OpenPgp(Box<pgp::errors::Error>),
    #[error("a part of the sealed message: {0}")]
    Part(#[from] ContentTypeErr),
    #[error("the sealed message: {0}")]
    Message(#[from] lettre::error::Error),
}

impl From<pgp::errors::Error> for SealError {
    fn from(error: pgp::errors::Error) -> Self {
        Self::OpenPgp(Box::new(error))
    }
}

/// The same in every message: it is outside of the encrypted part and must reveal nothing.
const BOUNDARY: &str = "sealed-to-the-seller";

impl SellerKey {
    /// An armored OpenPGP message that only this key can decrypt, in the form that every gpg since 2.0 reads: AES-256,
    /// the old integrity protection (SEIPD version 1), no compression.
    ///
    /// # Errors
    /// [`SealError::Key`] if the key has expired meanwhile.
    pub fn seal(&self, plain: &[u8], now: Timestamp) -> Result<String, SealError> {
        let message = OpenPgpBuilder::from_bytes("", plain.to_vec());
        Ok(self.encrypted(message, now)?.to_armored_string(OsRng, ArmorOptions::default())?)
    }

    /// The same for a stream that need not fit into memory.
    ///
    /// # Errors
    /// As [`Self::seal`]; those of the streams.
    pub fn seal_stream(
        &self,
        plain: impl Read,
        into: impl Write,
        now: Timestamp,
    ) -> Result<(), SealError> {
        let message = OpenPgpBuilder::from_reader("", plain);
        Ok(self.encrypted(message, now)?.to_armored_writer(OsRng, ArmorOptions::default(), into)?)
    }

    fn encrypted<'a, R: Read>(
        &self,
        message: OpenPgpBuilder<'a, R>,
        now: Timestamp,
    ) -> Result<OpenPgpBuilder<'a, R, EncryptionSeipdV1>, SealError> {
        let recipient = self.recipient(now)?;
        let mut message = message.seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256);
        match &recipient.key {
            RecipientKey::Primary(key) => message.encrypt_to_key(OsRng, key)?,
            RecipientKey::Subkey(key) => message.encrypt_to_key(OsRng, key)?,
        };
        Ok(message)
    }
}

/// A message as it is stored in the Maildir: mail readers show the CR of a CRLF there as ^M.
pub fn stored(message: &Message) -> Vec<u8> {
    let mut bytes = message.formatted();
    bytes.retain(|byte| *byte != b'\r');
    bytes
}

/// A whole message (RFC 3156) around an entity that only the seller can decrypt. `outer`: the headers that anybody can
/// read; `subject`: the real one, which mail readers show after decryption; `block`: the buyer's own PGP message, besides
/// the text.
///
/// # Errors
/// [`SealError`]
pub fn sealed_message(
    outer: MessageBuilder,
    key: &SellerKey,
    subject: &str,
    text: &str,
    block: Option<&PgpBlock>,
    now: Timestamp,
) -> Result<Message, SealError> {
    let sealed = key.seal(&entity(subject, text, block)?, now)?;
    let version = SinglePart::builder()
        .header(ContentType::parse("application/pgp-encrypted")?)
        .body("Version: 1\n".to_owned());
    let data = SinglePart::builder()
        .header(ContentType::parse("application/octet-stream; name=\"message.asc\"")?)
        .header(ContentDisposition::inline_with_name("message.asc"))
        .body(sealed);
    let kind = MultiPartKind::Encrypted { protocol: "application/pgp-encrypted".to_owned() };
    let body =
        MultiPart::builder().kind(kind).boundary(BOUNDARY).singlepart(version).singlepart(data);
    Ok(outer.multipart(body)?)
}

/// The entity to encrypt: with CRLF line ends, padded.
fn entity(subject: &str, text: &str, block: Option<&PgpBlock>) -> Result<Vec<u8>, SealError> {
    let subject = Subject::from(subject.to_owned());
    let bare = match block {
        None => SinglePart::builder()
            .header(ContentType::parse("text/plain; charset=utf-8; protected-headers=\"v1\"")?)
            .header(subject)
            .body(body(text))
            .formatted(),
        Some(block) => {
            let mut boundary = "part".to_owned();
            while text.contains(&boundary) {
                boundary.push('x');
            }
            let kind =
                format!("multipart/mixed; boundary=\"{boundary}\"; protected-headers=\"v1\"");
            MultiPart::builder()
                .header(ContentType::parse(&kind)?)
                .header(subject)
                .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body(text)))
                .singlepart(
                    // mutt decrypts such a part automatically; elsewhere it is text that can be piped into gpg.
                    SinglePart::builder()
                        .header(ContentType::parse(
                            "text/plain; charset=us-ascii; x-mutt-action=pgp-encrypted",
                        )?)
                        .header(ContentDisposition::inline())
                        .body(body(block.as_str())),
                )
                .formatted()
        }
    };
    let mut entity = padding::header(bare.len()).into_bytes();
    entity.extend(bare);
    Ok(entity)
}

/// Units: bytes of a line of mail, without its line end. Source: RFC 5322, section 2.1.1.
const LONGEST_LINE: usize = 998;

/// Unencoded, so that plain gpg displays it well and a PGP block within it is found; encoded if a line is too long for
/// mail.
pub(super) fn body(text: &str) -> Body {
    if text.lines().any(|line| LONGEST_LINE < line.len()) {
        return Body::new(text.to_owned());
    }
    let ended: String = text.lines().flat_map(|line| [line, "\r\n"]).collect();
    // The library would encode lines of more than 76 bytes.
    Body::dangerous_pre_encoded(ended.into_bytes(), ContentTransferEncoding::EightBit)
}
