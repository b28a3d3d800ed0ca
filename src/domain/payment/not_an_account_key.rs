//! Why a text is not a usable extended public key.

use crate::domain::payment::{BitcoinLike, secret};

/// Why no addresses can be derived from a text. No message repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnExtendedPubkey {
    #[error("{}", secret::WARNING)]
    Private,
    #[error("Monero has no extended public key: an XMR wallet takes `address` and `view_key`")]
    NoneForMonero,
    #[error(
        "an account key is 111 letters and digits starting with xpub, or ypub, zpub, Ltub, Mtub, dgub for some coins; an \
         address belongs in `address`"
    )]
    NotExtended,
    #[error(
        "the checksum does not match: a character is mistyped or missing; copy the account key from the wallet again"
    )]
    Mistyped,
    #[error(
        "ypub, zpub and descriptors are for Bitcoin and similar coins: the account key of an EVM chain starts with xpub"
    )]
    NotOfEvm,
    #[error(
        "{} has no addresses of this kind, or its wallets export other keys: its account keys start with one of: {}", .0.name,
        .0.key_prefixes()
    )]
    OtherKind(&'static BitcoinLike),
    #[error(
        "this is a multisig key, which makes no address alone: export a single-signature account"
    )]
    OfSeveral,
    #[error(
        "this descriptor contains scripts, which are not supported: export an account without scripts, such as \
         wpkh(KEY/0/*) or tr(KEY/0/*)"
    )]
    WithScripts,
    #[error(
        "the prefix of the key does not match the address type of the descriptor or the origin: copy both from the same \
         account of the wallet"
    )]
    OtherPrefix,
    #[error(
        "the origin in brackets does not match the depth of the key: copy both from the wallet again, or remove the \
         brackets"
    )]
    OtherOrigin,
    #[error("the origin in brackets belongs to another coin: export the account of this coin")]
    OtherCoin,
    #[error(
        "the origin in brackets is 8 hex characters and the path of the account: [d34db33f/84h/0h/0h]"
    )]
    NotAnOrigin,
    #[error("this is a testnet key, whose coins are worth nothing: export the mainnet account")]
    TestNetwork,
    #[error(
        "an account key is that of an account (depth 3, like m/84'/0'/0') or of its receiving addresses (depth 4, like \
         m/84'/0'/0'/0); this key has depth {depth}, whose addresses the wallet would not watch; for an old Electrum \
         wallet (depth 0) use pkh(KEY/0/*)"
    )]
    Level { depth: u8 },
    #[error(
        "a descriptor is pkh(…), sh(wpkh(…)), wpkh(…) or tr(…) with one extended public key, followed by /0/*, \
         /<0;1>/*, /{{0,1}}/* or /**: wpkh([d34db33f/84h/0h/0h]xpub…/0/*)"
    )]
    NotADescriptor,
    #[error(
        "the descriptor's checksum does not match: a character is mistyped or missing; copy it from the wallet again"
    )]
    MistypedDescriptor,
    #[error(
        "the path after the key does not lead to the wallet's receiving addresses: an account key is followed by /0/*, \
         /<0;1>/*, /{{0,1}}/* or /**, the key of its receiving addresses by /*"
    )]
    NotReceiving,
    #[error(
        "a hardened step (' or h) after the key needs the private key, which the shop must not have: such steps belong in \
         the brackets before the key"
    )]
    HardenedStep,
}
