//! Why a text is not a usable address.

use crate::domain::payment::secret;

/// Why a coin cannot be sent to an address. No message repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    #[error("{}", secret::WARNING)]
    Private,
    #[error("this is an account key, not an address: it belongs in `xpub`")]
    AccountKey,
    #[error("an Ethereum address is 0x followed by 40 hex characters (0-9, a-f)")]
    NotEthereum,
    #[error("an Ethereum address is 0x followed by 40 hex characters; this one has {n_digits}")]
    EthereumDigits { n_digits: usize },
    #[error(
        "the checksum does not match (EIP-55): a character is mistyped; copy the address from the wallet again"
    )]
    MistypedEthereum,
    #[error(
        "the zero address belongs to nobody: anything sent there is lost; copy the address from the wallet"
    )]
    Zero,
    #[error(
        "this is the token contract: anything sent there is lost; use the address of the wallet"
    )]
    TokenContract,
    #[error("a Bitcoin address starts with bc1, 1 or 3 and has 26 to 62 letters and digits")]
    NotBitcoin,
    #[error(
        "the checksum does not match: a character is mistyped or missing; copy the Bitcoin address from the wallet again"
    )]
    MistypedBitcoin,
    #[error(
        "this is a Bitcoin testnet address, whose coins are worth nothing; a mainnet address starts with bc1, 1 or 3"
    )]
    TestBitcoin,
    #[error(
        "no wallet creates Bitcoin addresses of this kind, and anyone could take what is sent there; use one that starts with bc1q, bc1p, 1 or 3"
    )]
    OwnerlessBitcoin,
    #[error(
        "a Monero address is 95 letters and digits starting with 4 or 8, or 106 starting with 4; this one has {n_characters}"
    )]
    NotMonero { n_characters: usize },
    #[error(
        "the checksum does not match: a character is mistyped; copy the Monero address from the wallet again"
    )]
    MistypedMonero,
    #[error(
        "this is a Monero testnet address, whose coins are worth nothing; a mainnet address starts with 4 or 8"
    )]
    TestMonero,
}
