//! Why a key cannot be used, in texts for the seller.

use crate::domain::values::Timestamp;

/// Why the shop cannot encrypt, in texts for the seller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    #[error(
        "the seller's key cannot be read ({0}): export it again with gpg --armor --export YOUR-KEY > db/seller.asc"
    )]
    Malformed(&'static str),
    #[error(
        "the seller's key file contains a private key, which must not be on this host. Remove the file (shred -u FILE) and export the public key with gpg --armor --export YOUR-KEY > db/seller.asc"
    )]
    PrivateKey,
    #[error(
        "the seller's key is on the curve {0}, which the shop does not support: use Curve25519, a NIST curve or RSA. Create a key with gpg --quick-gen-key YOUR-NAME ed25519 cert never and gpg --quick-add-key FINGERPRINT cv25519 encr, then gpg --armor --export FINGERPRINT > db/seller.asc"
    )]
    Curve(String),
    #[error(
        "the seller's key has an algorithm that the shop does not support: use Curve25519, a NIST curve or RSA. Create a key with gpg --quick-gen-key YOUR-NAME ed25519 cert never and gpg --quick-add-key FINGERPRINT cv25519 encr, then gpg --armor --export FINGERPRINT > db/seller.asc"
    )]
    Algorithm,
    #[error(
        "the seller's key file contains more than one key: export a single one with gpg --armor --export YOUR-KEY > db/seller.asc"
    )]
    ManyKeys,
    #[error(
        "the seller's key is not a version 4 key, which every gpg can read: create one with gpg --quick-gen-key YOUR-NAME, then gpg --armor --export YOUR-NAME > db/seller.asc"
    )]
    OtherVersion,
    #[error(
        "the seller's key expired on {}: extend it with gpg --quick-set-expire FINGERPRINT 2y, and its subkeys with gpg --quick-set-expire FINGERPRINT 2y '*', then gpg --armor --export FINGERPRINT > db/seller.asc", .0.day()
    )]
    Expired(Timestamp),
    #[error(
        "the seller's key is revoked: create a new one with gpg --quick-gen-key YOUR-NAME, then gpg --armor --export YOUR-NAME > db/seller.asc"
    )]
    Revoked,
    #[error(
        "the seller's key has no usable encryption subkey (supported: Curve25519, NIST curves and RSA): add one with gpg --quick-add-key FINGERPRINT cv25519 encr (rsa3072 for an RSA key), then gpg --armor --export FINGERPRINT > db/seller.asc"
    )]
    CannotEncrypt,
}
