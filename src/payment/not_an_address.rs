use crate::payment::secret;

/// Why a coin cannot be sent to what stands there. No message repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    #[error("{}", secret::WARNING)]
    Private,
    #[error("this is an account key, which makes many addresses: its place is `xpub`")]
    AccountKey,
    #[error(
        "an Ethereum address begins with 0x, and 40 hexadecimal digits (0 to 9, a to f) follow"
    )]
    NotEthereum,
    #[error("an Ethereum address is 0x and 40 hexadecimal digits; this has {n_digits}")]
    EthereumDigits { n_digits: usize },
    #[error(
        "the checksum does not hold: a character was mistyped (EIP-55); copy the address from the wallet again"
    )]
    MistypedEthereum,
    #[error(
        "the address of zeros belongs to nobody: what is sent there is lost; copy the address from the wallet"
    )]
    Zero,
    #[error(
        "this is the token's own contract: what is sent there is lost; the address is the one of the wallet"
    )]
    TokenContract,
    #[error("a Bitcoin address begins with bc1, 1 or 3, and has 26 to 62 letters and digits")]
    NotBitcoin,
    #[error(
        "the checksum does not hold: a character was mistyped or is missing; copy the Bitcoin address from the wallet again"
    )]
    MistypedBitcoin,
    #[error(
        "this address belongs to a Bitcoin test network, whose coins are worth nothing; on the main network an address \
         begins with bc1, 1 or 3"
    )]
    TestBitcoin,
    #[error(
        "no wallet makes a Bitcoin address of this kind, and what is sent there is anybody's; bc1q, bc1p, 1 and 3 are known"
    )]
    OwnerlessBitcoin,
    #[error(
        "a Monero address is 95 letters and digits that begin with 4 or 8, or 106 that begin with 4; this has {n_characters}"
    )]
    NotMonero { n_characters: usize },
    #[error(
        "the checksum does not hold: a character was mistyped; copy the Monero address from the wallet again"
    )]
    MistypedMonero,
    #[error(
        "this address belongs to a Monero test network, whose coins are worth nothing; on the main network an address \
         begins with 4 or 8"
    )]
    TestMonero,
}
