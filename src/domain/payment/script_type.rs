//! Types of the scripts that wallets derive from one key.

use bitcoin::ScriptBuf;
use bitcoin::key::CompressedPublicKey;
use bitcoin::secp256k1::{PublicKey, Secp256k1, VerifyOnly};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptType {
    P2pkh,
    P2shP2wpkh,
    P2wpkh,
    P2tr,
}

impl ScriptType {
    pub const ALL: [Self; 4] = [Self::P2pkh, Self::P2shP2wpkh, Self::P2wpkh, Self::P2tr];

    /// The first step of an account's path, `m/84'`, and the number of the standard that defines it.
    ///
    /// Source: BIP-44, BIP-49, BIP-84, BIP-86.
    pub fn purpose(self) -> u32 {
        match self {
            Self::P2pkh => 44,
            Self::P2shP2wpkh => 49,
            Self::P2wpkh => 84,
            Self::P2tr => 86,
        }
    }

    pub fn script(self, curve: &Secp256k1<VerifyOnly>, key: &PublicKey) -> ScriptBuf {
        let compressed = CompressedPublicKey(*key);
        match self {
            Self::P2pkh => ScriptBuf::new_p2pkh(&compressed.pubkey_hash()),
            Self::P2shP2wpkh => ScriptBuf::new_p2sh(
                &ScriptBuf::new_p2wpkh(&compressed.wpubkey_hash()).script_hash(),
            ),
            Self::P2wpkh => ScriptBuf::new_p2wpkh(&compressed.wpubkey_hash()),
            Self::P2tr => ScriptBuf::new_p2tr(curve, key.x_only_public_key().0, None),
        }
    }
}
