//! Extended public keys and the addresses derived from them.

use std::sync::LazyLock;

use bitcoin::base58;
use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::secp256k1::{Secp256k1, VerifyOnly};

use crate::domain::payment::address_kind::AddressKind;
use crate::domain::payment::descriptor::Descriptor;
use crate::domain::payment::key_expression::{KeyExpression, Steps};
use crate::domain::payment::key_prefix::XPUB;
use crate::domain::payment::script_type::ScriptType;
use crate::domain::payment::{Address, BitcoinLike, Coin, NotAnExtendedPubkey, secret};

/// An extended public key: an address for each order is derived from it, and it cannot spend anything.
///
/// Shape: 111 characters of Base58Check, of an account (depth 3; in Electrum's own wallets depth 1) or of its receiving
/// addresses (depth 4, index 0), with or without the notation that `key_expression.rs` parses around it; for Bitcoin
/// and coins like it also a descriptor of such a key, as `descriptor.rs` parses it.
/// Source: BIP-32; BIP-44 for `xpub`, BIP-49 for `ypub`, BIP-84 for `zpub`, BIP-86 for `tr(…)`; SLIP-132 for `Ltub` and
/// `Mtub`; Ethereum's wallets follow BIP-44.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtendedPubkey {
    text: String,
    kind: AddressKind,
    /// Whether the text itself states which type of address the wallet uses.
    is_kind_known: bool,
    /// The parent of the receiving addresses: the key at the change level, whatever the level of the text.
    receiving: Xpub,
}

/// Created once, since that costs as much as deriving many addresses.
static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

impl ExtendedPubkey {
    /// The last index with an address. Source: BIP-32; from 2^31 on only private keys have children.
    pub const LAST_INDEX: u32 = (1 << 31) - 1;

    /// Parses a key as wallets export it: bare, with its origin before it or its steps after it, or in a descriptor.
    ///
    /// # Errors
    /// [`NotAnExtendedPubkey`] if the wallet that exported the key would not find payments to its addresses; the error
    /// never contains the text.
    pub fn parse(coin: &Coin, text: &str) -> Result<Self, NotAnExtendedPubkey> {
        let text = text.trim();
        if secret::looks_private(text) || secret::holds_private_beside_digits(text) {
            return Err(NotAnExtendedPubkey::Private);
        }
        if *coin == Coin::Monero {
            return Err(NotAnExtendedPubkey::NoneForMonero);
        }
        let (kind, is_kind_known, receiving) = match coin {
            Coin::BitcoinLike(coin) if text.contains('(') => of_descriptor(coin, text)?,
            _ if text.contains('(') => return Err(NotAnExtendedPubkey::NotOfEvm),
            _ => of_bare_key(coin, text)?,
        };
        Ok(Self { text: text.to_owned(), kind, is_kind_known, receiving })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A unique name for the account, at whatever level and with whatever prefix it is written; the next index is
    /// stored under it.
    ///
    /// Shape: 130 hexadecimal digits, the public key and the chain code from which the receiving addresses are derived.
    /// No text that [`ExtendedPubkey::parse`] accepts looks like it.
    pub fn identity(&self) -> String {
        let key = self.receiving.public_key.serialize();
        let bytes = key.iter().chain(self.receiving.chain_code.as_bytes());
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Which addresses it makes, for the seller to compare: `addresses that begin with bc1q (BIP-84)`.
    pub fn kind(&self) -> String {
        self.kind.description()
    }

    /// Whether a key was given as plain `xpub`: many wallets use that prefix for accounts of every type.
    pub fn may_be_of_another_kind(&self) -> bool {
        !self.is_kind_known
    }

    /// The address at `index`, as the wallet itself numbers its receiving addresses.
    ///
    /// # Panics
    /// Beyond [`ExtendedPubkey::LAST_INDEX`].
    pub fn address(&self, index: u32) -> Address {
        self.kind.address(&CURVE, &child(&self.receiving, index).public_key)
    }

    /// Whether both derive their addresses from one key, at whatever level and for whatever coin they are written.
    pub(super) fn shares_keys_with(&self, other: &Self) -> bool {
        let (one, other) = (&self.receiving, &other.receiving);
        one.public_key == other.public_key && one.chain_code == other.chain_code
    }
}

/// The key reveals every order's address, so it must not appear in logs.
impl std::fmt::Debug for ExtendedPubkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExtendedPubkey(..)")
    }
}

/// The type of its addresses, whether the text states it, and the parent of the receiving addresses.
type Read = (AddressKind, bool, Xpub);

fn of_descriptor(coin: &'static BitcoinLike, text: &str) -> Result<Read, NotAnExtendedPubkey> {
    let Descriptor { script_type, key: expression } = Descriptor::parse(text)?;
    let (version, key) = read_key(expression.key)?;
    // Reports keys of several signers and of test networks.
    let prefixed = AddressKind::parse(&Coin::BitcoinLike(coin), version)?;
    let kind = AddressKind::of_script(coin, script_type)?;
    if !prefixed.is_default() && prefixed != kind {
        return Err(NotAnExtendedPubkey::OtherPrefix);
    }
    if let Some(account) = expression.account {
        account.check_standard_coin(&Coin::BitcoinLike(coin))?;
    }
    let receiving = match (expression.steps()?, key.child_number) {
        (Steps::OfAccount, _) if key.depth <= 3 => child(&key, 0),
        (Steps::OfReceiving, ChildNumber::Normal { index: 0 }) if 0 < key.depth => key,
        _ => return Err(NotAnExtendedPubkey::NotReceiving),
    };
    Ok((kind, true, receiving))
}

fn of_bare_key(coin: &Coin, text: &str) -> Result<Read, NotAnExtendedPubkey> {
    let expression = KeyExpression::parse(text)?;
    let (version, key) = read_key(expression.key)?;
    let prefixed = AddressKind::parse(coin, version)?;
    if expression.n_steps_of_origin.is_some_and(|n| n != usize::from(key.depth)) {
        return Err(NotAnExtendedPubkey::OtherOrigin);
    }
    let from_origin =
        expression.account.map(|account| account.address_kind(coin)).transpose()?.flatten();
    let kind = match from_origin {
        None => prefixed,
        // Many programs use xpub (Ledger's Litecoin: Ltub) for accounts of every type: the origin tells which.
        Some(kind) if prefixed.is_default() || kind == prefixed => kind,
        Some(_) => return Err(NotAnExtendedPubkey::OtherPrefix),
    };
    let steps = expression.steps()?;
    let is_account = match (key.depth, key.child_number) {
        (3, ChildNumber::Hardened { .. }) => true,
        (4, ChildNumber::Normal { index: 0 }) => false,
        // Wallets from Electrum's own seed words have the account m/0'. Source: Electrum's keystore.py.
        (1, ChildNumber::Hardened { index: 0 })
            if matches!(kind, AddressKind::Script(_, ScriptType::P2wpkh)) =>
        {
            true
        }
        (depth, _) => return Err(NotAnExtendedPubkey::Level { depth }),
    };
    let receiving = match (is_account, steps) {
        (true, Steps::None | Steps::OfAccount) => child(&key, 0),
        (false, Steps::None | Steps::OfReceiving) => key,
        _ => return Err(NotAnExtendedPubkey::NotReceiving),
    };
    Ok((kind, from_origin.is_some() || !kind.is_ambiguous(), receiving))
}

/// The four bytes of its prefix, and the key after them.
fn read_key(text: &str) -> Result<([u8; 4], Xpub), NotAnExtendedPubkey> {
    let mut bytes = bytes_of(text)?;
    let version = [bytes[0], bytes[1], bytes[2], bytes[3]];
    // The library only reads BIP-32; other prefixes differ from it only in these four bytes.
    bytes[..4].copy_from_slice(&XPUB.version);
    let key = Xpub::decode(&bytes).map_err(|_| NotAnExtendedPubkey::NotExtended)?;
    Ok((version, key))
}

fn bytes_of(text: &str) -> Result<[u8; 78], NotAnExtendedPubkey> {
    // Decoding Base58 takes quadratic time.
    if 120 < text.len() {
        return Err(NotAnExtendedPubkey::NotExtended);
    }
    let is_key = matches!(text.get(1..4), Some("pub" | "tub" | "gub"));
    let fault =
        if is_key { NotAnExtendedPubkey::Mistyped } else { NotAnExtendedPubkey::NotExtended };
    let bytes = base58::decode_check(text).map_err(|_| fault)?;
    <[u8; 78]>::try_from(bytes).map_err(|_| NotAnExtendedPubkey::NotExtended)
}

fn child(key: &Xpub, index: u32) -> Xpub {
    let number = ChildNumber::from_normal_idx(index).expect("an address has an index below 2^31");
    key.ckd_pub(&CURVE, number).expect(
        "no index is known, and none will be met, whose key does not exist (chance: 2^-127)",
    )
}

#[cfg(test)]
mod coins_tests;
#[cfg(test)]
mod tests;
