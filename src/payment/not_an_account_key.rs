use crate::payment::secret;

/// Why no addresses are made from what stands there. No message repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAccountKey {
    #[error("{}", secret::WARNING)]
    Private,
    #[error(
        "Monero has no extended public key: an XMR wallet takes `address`, and `view_key` beside it"
    )]
    NoneForMonero,
    #[error(
        "an account key is 111 letters and digits that begin with xpub, for Bitcoin also with ypub or zpub; the place of \
         an address is `address`"
    )]
    NotExtended,
    #[error(
        "the checksum does not hold: a character was mistyped or is missing; copy the account key from the wallet again"
    )]
    Mistyped,
    #[error(
        "ypub, zpub and descriptors are Bitcoin's: the account key of a coin like Ethereum's begins with xpub"
    )]
    BitcoinsOnly,
    #[error(
        "this key is one of several that must sign together, and makes no address alone: export one wallet's own account"
    )]
    OfSeveral,
    #[error(
        "this descriptor holds scripts, and the shop makes addresses of one key alone: export an account without scripts, \
         as wpkh(KEY/0/*) or tr(KEY/0/*)"
    )]
    WithScripts,
    #[error(
        "the key begins with letters of another kind of address than the descriptor or the origin in front of it says: copy \
         both from the same account of the wallet"
    )]
    OtherPrefix,
    #[error(
        "the origin in brackets is the one of another key: it names as many steps as the key lies deep; copy both from the \
         wallet again, or leave the brackets away"
    )]
    OtherOrigin,
    #[error(
        "the origin in brackets says that this is the account of another coin: export the account of this coin"
    )]
    OtherCoin,
    #[error(
        "the origin in brackets is 8 hexadecimal digits and the steps to the account: [d34db33f/84h/0h/0h]"
    )]
    NotAnOrigin,
    #[error(
        "this key belongs to a test network, whose coins are worth nothing: export the account of the main network"
    )]
    TestNetwork,
    #[error(
        "an account key is the one of an account (depth 3, like m/84'/0'/0') or of its receiving addresses (depth 4, \
         like m/84'/0'/0'/0); this is another, of depth {depth}, whose addresses the wallet would not look at; for the key \
         of an old Electrum wallet (depth 0) write pkh(KEY/0/*)"
    )]
    Level { depth: u8 },
    #[error(
        "a descriptor is pkh(…), sh(wpkh(…)), wpkh(…) or tr(…) around one extended public key, with /0/*, /<0;1>/*, \
         /{{0,1}}/* or /** behind it: wpkh([d34db33f/84h/0h/0h]xpub…/0/*)"
    )]
    NotADescriptor,
    #[error(
        "the descriptor's checksum does not hold: a character was mistyped or is missing; copy it from the wallet again"
    )]
    MistypedDescriptor,
    #[error(
        "what stands behind the key makes other addresses than the wallet's receiving ones: behind an account's key stands \
         /0/*, /<0;1>/*, /{{0,1}}/* or /**, behind the key of its receiving addresses /*"
    )]
    NotReceiving,
    #[error(
        "a step with ' or h behind the key needs the private key, which the shop must not have: such steps stand in the \
         brackets before the key"
    )]
    HardenedStep,
}
