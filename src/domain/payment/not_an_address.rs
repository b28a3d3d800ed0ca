//! Why a text is not a usable address.

use crate::domain::payment::{BitcoinLike, secret};

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
    #[error("a {} address starts with one of: {}", .0.name, .0.starts)]
    Other(&'static BitcoinLike),
    #[error(
        "the checksum does not match: a character is mistyped or missing; copy the {} address from the wallet again", .0.name
    )]
    Mistyped(&'static BitcoinLike),
    #[error(
        "this is a {} testnet address, whose coins are worth nothing; a mainnet address starts with one of: {}", .0.name,
        .0.starts
    )]
    TestNetwork(&'static BitcoinLike),
    #[error(
        "no wallet creates {} addresses of this kind, and anyone could take what is sent there; copy another one from the \
         wallet", .0.name
    )]
    Ownerless(&'static BitcoinLike),
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
