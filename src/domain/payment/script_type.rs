//! Script types of Bitcoin addresses.

use bitcoin::secp256k1::{PublicKey, Secp256k1, VerifyOnly};
use bitcoin::{CompressedPublicKey, Network};
use ethers_core::types::H160;
use ethers_core::utils::keccak256;

use crate::domain::payment::{Address, Coin, NotAnExtendedPubkey};

/// The type of an account's addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ScriptType {
    Ethereum,
    /// BIP-44, `1…`
    P2pkh,
    /// BIP-49, `3…`
    P2shP2wpkh,
    /// BIP-84, `bc1q…`
    P2wpkh,
    /// BIP-86, `bc1p…`
    P2tr,
}

/// Source: BIP-32.
pub const XPUB: [u8; 4] = [0x04, 0x88, 0xB2, 0x1E];
/// Source: SLIP-132, also for those below.
pub const YPUB: [u8; 4] = [0x04, 0x9D, 0x7C, 0xB2];
pub const ZPUB: [u8; 4] = [0x04, 0xB2, 0x47, 0x46];
const YPUB_OF_SEVERAL: [u8; 4] = [0x02, 0x95, 0xB4, 0x3F];
pub const ZPUB_OF_SEVERAL: [u8; 4] = [0x02, 0xAA, 0x7E, 0xD3];
/// `tpub`, `upub`, `vpub`, `Upub`, `Vpub`.
pub const OF_TEST_NETWORKS: [[u8; 4]; 5] = [
    [0x04, 0x35, 0x87, 0xCF],
    [0x04, 0x4A, 0x52, 0x62],
    [0x04, 0x5F, 0x1C, 0xF6],
    [0x02, 0x42, 0x89, 0xEF],
    [0x02, 0x57, 0x54, 0x83],
];

impl ScriptType {
    /// Reads the first four bytes of an extended public key.
    ///
    /// # Errors
    /// [`NotAnExtendedPubkey`] for every key except those of the table.
    pub fn parse(coin: &Coin, version: [u8; 4]) -> Result<Self, NotAnExtendedPubkey> {
        match (coin, version) {
            (Coin::Bitcoin, XPUB) => Ok(Self::P2pkh),
            (Coin::Bitcoin, YPUB) => Ok(Self::P2shP2wpkh),
            (Coin::Bitcoin, ZPUB) => Ok(Self::P2wpkh),
            (Coin::Ether { .. } | Coin::Token { .. }, XPUB) => Ok(Self::Ethereum),
            (Coin::Ether { .. } | Coin::Token { .. }, YPUB | ZPUB) => {
                Err(NotAnExtendedPubkey::BitcoinsOnly)
            }
            (_, YPUB_OF_SEVERAL | ZPUB_OF_SEVERAL) => Err(NotAnExtendedPubkey::OfSeveral),
            (_, version) if OF_TEST_NETWORKS.contains(&version) => {
                Err(NotAnExtendedPubkey::TestNetwork)
            }
            _ => Err(NotAnExtendedPubkey::NotExtended),
        }
    }

    /// A description for the seller to compare.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Ethereum => "as MetaMask and Trezor number their accounts (BIP-44)",
            Self::P2pkh => "addresses that begin with 1 (BIP-44)",
            Self::P2shP2wpkh => "addresses that begin with 3 (BIP-49)",
            Self::P2wpkh => "addresses that begin with bc1q (BIP-84)",
            Self::P2tr => "addresses that begin with bc1p (BIP-86)",
        }
    }

    pub fn address(self, curve: &Secp256k1<VerifyOnly>, key: &PublicKey) -> Address {
        let compressed = CompressedPublicKey(*key);
        match self {
            Self::Ethereum => {
                // An Ethereum address is the end of the hash of the public key's two coordinates, without the prefix
                // byte.
                let hash = keccak256(&key.serialize_uncompressed()[1..]);
                Address::of_ethereum(&H160::from_slice(&hash[12..]))
            }
            Self::P2pkh => {
                Address::of_bitcoin(&bitcoin::Address::p2pkh(compressed, Network::Bitcoin))
            }
            Self::P2shP2wpkh => {
                Address::of_bitcoin(&bitcoin::Address::p2shwpkh(&compressed, Network::Bitcoin))
            }
            Self::P2wpkh => {
                Address::of_bitcoin(&bitcoin::Address::p2wpkh(&compressed, Network::Bitcoin))
            }
            Self::P2tr => {
                let key = key.x_only_public_key().0;
                Address::of_bitcoin(&bitcoin::Address::p2tr(curve, key, None, Network::Bitcoin))
            }
        }
    }
}
