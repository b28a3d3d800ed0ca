//! The addresses that an account's keys make.

use bitcoin::secp256k1::{PublicKey, Secp256k1, VerifyOnly};
use ethers_core::types::H160;
use ethers_core::utils::keccak256;

use crate::domain::payment::bitcoin_like::BitcoinLike;
use crate::domain::payment::key_prefix::{OF_ONE, OF_SEVERAL, OF_TEST_NETWORKS, XPUB};
use crate::domain::payment::script_type::ScriptType;
use crate::domain::payment::{Address, Coin, NotAnExtendedPubkey};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    Ethereum,
    Script(&'static BitcoinLike, ScriptType),
}

impl AddressKind {
    /// Reads the first four bytes of an extended public key.
    ///
    /// # Errors
    /// [`NotAnExtendedPubkey`] if the coin's wallets export no such key.
    pub fn parse(coin: &Coin, version: [u8; 4]) -> Result<Self, NotAnExtendedPubkey> {
        let found = match coin {
            Coin::BitcoinLike(coin) => coin
                .accounts
                .iter()
                .find(|account| account.prefixes.iter().any(|prefix| prefix.version == version))
                .map(|account| Self::Script(coin, account.script_type)),
            Coin::Ether { .. } | Coin::Token { .. } => {
                (version == XPUB.version).then_some(Self::Ethereum)
            }
            Coin::Monero => None,
        };
        match (found, coin) {
            (Some(kind), _) => Ok(kind),
            _ if OF_SEVERAL.contains(&version) => Err(NotAnExtendedPubkey::OfSeveral),
            _ if OF_TEST_NETWORKS.contains(&version) => Err(NotAnExtendedPubkey::TestNetwork),
            _ if !OF_ONE.iter().any(|prefix| prefix.version == version) => {
                Err(NotAnExtendedPubkey::NotExtended)
            }
            (None, Coin::BitcoinLike(coin)) => Err(NotAnExtendedPubkey::OtherKind(coin)),
            (None, _) => Err(NotAnExtendedPubkey::NotOfEvm),
        }
    }

    /// # Errors
    /// [`NotAnExtendedPubkey::OtherKind`] if the coin has no such addresses.
    pub fn of_script(
        coin: &'static BitcoinLike,
        script_type: ScriptType,
    ) -> Result<Self, NotAnExtendedPubkey> {
        let account = coin.account(script_type).ok_or(NotAnExtendedPubkey::OtherKind(coin))?;
        Ok(Self::Script(coin, account.script_type))
    }

    /// Whether many wallets use the prefix of such an account for accounts of every type.
    pub fn is_default(self) -> bool {
        matches!(self, Self::Ethereum | Self::Script(_, ScriptType::P2pkh))
    }

    /// Whether there are other types that such a prefix may stand for.
    pub fn is_ambiguous(self) -> bool {
        matches!(self, Self::Script(coin, ScriptType::P2pkh) if 1 < coin.accounts.len())
    }

    /// A description for the seller to compare: `addresses that begin with bc1q (BIP-84)`.
    pub fn description(self) -> String {
        match self {
            Self::Ethereum => "as MetaMask and Trezor number their accounts (BIP-44)".to_owned(),
            Self::Script(coin, script_type) => {
                let starts =
                    coin.account(script_type).map_or(coin.starts, |account| account.starts);
                format!("addresses that begin with {starts} (BIP-{})", script_type.purpose())
            }
        }
    }

    pub fn address(self, curve: &Secp256k1<VerifyOnly>, key: &PublicKey) -> Address {
        match self {
            Self::Ethereum => {
                // An Ethereum address is the end of the hash of the public key's two coordinates, without the prefix
                // byte.
                let hash = keccak256(&key.serialize_uncompressed()[1..]);
                Address::of_ethereum(&H160::from_slice(&hash[12..]))
            }
            Self::Script(coin, script_type) => {
                Address::of_script(coin, &script_type.script(curve, key))
            }
        }
    }
}
