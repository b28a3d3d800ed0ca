//! Extended public keys and the addresses derived from them.

use crate::domain::payment::Address;
use crate::domain::payment::Coin;
use crate::domain::payment::NotAnExtendedPubkey;
use crate::domain::payment::descriptor::Descriptor;
use crate::domain::payment::key_expression::KeyExpression;
use crate::domain::payment::key_expression::Steps;
use crate::domain::payment::script_type::ScriptType;
use crate::domain::payment::script_type::XPUB;
use crate::domain::payment::secret;
use bitcoin::base58;
use bitcoin::bip32::ChildNumber;
use bitcoin::bip32::Xpub;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::secp256k1::VerifyOnly;
use std::sync::LazyLock;

/// An extended public key: it makes an address for each order and can spend nothing.
///
/// Shape: 111 characters of Base58Check, of an account (depth 3; in Electrum's own wallets depth 1) or of its receiving
/// addresses (depth 4, index 0), with or without what `key_expression.rs` reads around it; for Bitcoin also a descriptor
/// around such a key, as `descriptor.rs` reads it.
/// Source: BIP-32; BIP-44 for `xpub`, BIP-49 for `ypub`, BIP-84 for `zpub`, BIP-86 for `tr(…)`; Ethereum's wallets follow
/// BIP-44.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtendedPubkey {
    text: String,
    script_type: ScriptType,
    /// Whether the text says itself which kind of address the wallet makes.
    is_kind_known: bool,
    /// The parent of the receiving addresses: change level, whatever the level of the text.
    receiving: Xpub,
}

/// Made once: to make it costs as much as many addresses.
static CURVE: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

impl ExtendedPubkey {
    /// The last index that has an address. Source: BIP-32; from 2^31 on only private keys have children.
    pub const LAST_INDEX: u32 = (1 << 31) - 1;

    /// Reads a key as wallets export it: bare, with its origin before it or its steps behind it, or in a descriptor.
    ///
    /// # Errors
    /// [`NotAnExtendedPubkey`] where the wallet that exported the key would not find what is paid to its addresses; the text
    /// itself is never repeated.
    pub fn parse(coin: &Coin, text: &str) -> Result<Self, NotAnExtendedPubkey> {
        let text = text.trim();
        if secret::looks_private(text) || secret::holds_private_beside_digits(text) {
            return Err(NotAnExtendedPubkey::Private);
        }
        if *coin == Coin::Monero {
            return Err(NotAnExtendedPubkey::NoneForMonero);
        }
        let (script_type, is_kind_known, receiving) = if text.contains('(') {
            if *coin != Coin::Bitcoin {
                return Err(NotAnExtendedPubkey::BitcoinsOnly);
            }
            of_descriptor(text)?
        } else {
            of_bare_key(coin, text)?
        };
        Ok(Self { text: text.to_owned(), script_type, is_kind_known, receiving })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// One name for the account, at whatever level and with whatever prefix it is written: under it is kept which index
    /// comes next.
    ///
    /// Shape: 130 hexadecimal digits, the public key and the chain code from which the receiving addresses are made. No
    /// text that [`ExtendedPubkey::parse`] takes looks like it.
    pub fn identity(&self) -> String {
        let key = self.receiving.public_key.serialize();
        let bytes = key.iter().chain(self.receiving.chain_code.as_bytes());
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Which addresses it makes, for the seller to compare: `addresses that begin with bc1q (BIP-84)`.
    pub fn kind(&self) -> &'static str {
        self.script_type.kind()
    }

    /// Whether a Bitcoin key was given as plain `xpub`: many wallets write that prefix for accounts of every kind.
    pub fn may_be_of_another_kind(&self) -> bool {
        !self.is_kind_known
    }

    /// The address at `index`, as the wallet itself numbers its receiving addresses.
    ///
    /// # Panics
    /// Beyond [`ExtendedPubkey::LAST_INDEX`].
    pub fn address(&self, index: u32) -> Address {
        self.script_type.address(&CURVE, &child(&self.receiving, index).public_key)
    }

    /// Whether both make their addresses from one key, at whatever level and for whatever coin they are written.
    pub(super) fn shares_keys_with(&self, other: &Self) -> bool {
        let (one, other) = (&self.receiving, &other.receiving);
        one.public_key == other.public_key && one.chain_code == other.chain_code
    }
}

/// Who sees the key sees every order's address: a log line that prints a structure does not show it.
impl std::fmt::Debug for ExtendedPubkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountKey(..)")
    }
}

/// What kind of address it makes, whether the text says so itself, and the parent of the receiving addresses.
type Read = (ScriptType, bool, Xpub);

fn of_descriptor(text: &str) -> Result<Read, NotAnExtendedPubkey> {
    let Descriptor { script_type, key: expression } = Descriptor::parse(text)?;
    let (version, key) = read_key(expression.key)?;
    // Says what is wrong with a key of several or of a test network.
    let prefixed = ScriptType::parse(&Coin::Bitcoin, version)?;
    if version != XPUB && prefixed != script_type {
        return Err(NotAnExtendedPubkey::OtherPrefix);
    }
    let receiving = match (expression.steps()?, key.child_number) {
        (Steps::OfAccount, _) if key.depth <= 3 => child(&key, 0),
        (Steps::OfReceiving, ChildNumber::Normal { index: 0 }) if 0 < key.depth => key,
        _ => return Err(NotAnExtendedPubkey::NotReceiving),
    };
    Ok((script_type, true, receiving))
}

fn of_bare_key(coin: &Coin, text: &str) -> Result<Read, NotAnExtendedPubkey> {
    let expression = KeyExpression::parse(text)?;
    let (version, key) = read_key(expression.key)?;
    let prefixed = ScriptType::parse(coin, version)?;
    if expression.n_steps_of_origin.is_some_and(|n| n != usize::from(key.depth)) {
        return Err(NotAnExtendedPubkey::OtherOrigin);
    }
    let from_origin =
        expression.account.map(|account| account.script_type(coin)).transpose()?.flatten();
    let script_type = match from_origin {
        None => prefixed,
        // Many programs write xpub for accounts of every kind: the origin says which.
        Some(script_type) if version == XPUB || script_type == prefixed => script_type,
        Some(_) => return Err(NotAnExtendedPubkey::OtherPrefix),
    };
    let steps = expression.steps()?;
    let is_account = match (key.depth, key.child_number) {
        (3, ChildNumber::Hardened { .. }) => true,
        (4, ChildNumber::Normal { index: 0 }) => false,
        // Electrum's own words make wallets whose account is m/0'. Source: Electrum's keystore.py.
        (1, ChildNumber::Hardened { index: 0 }) if script_type == ScriptType::P2wpkh => true,
        (depth, _) => return Err(NotAnExtendedPubkey::Level { depth }),
    };
    let receiving = match (is_account, steps) {
        (true, Steps::None | Steps::OfAccount) => child(&key, 0),
        (false, Steps::None | Steps::OfReceiving) => key,
        _ => return Err(NotAnExtendedPubkey::NotReceiving),
    };
    Ok((script_type, from_origin.is_some() || script_type != ScriptType::P2pkh, receiving))
}

/// The four bytes of its prefix, and the key behind them.
fn read_key(text: &str) -> Result<([u8; 4], Xpub), NotAnExtendedPubkey> {
    let mut bytes = bytes_of(text)?;
    let version = [bytes[0], bytes[1], bytes[2], bytes[3]];
    // The library reads BIP-32 alone; ypub and zpub differ from it in these four bytes only.
    bytes[..4].copy_from_slice(&XPUB);
    let key = Xpub::decode(&bytes).map_err(|_| NotAnExtendedPubkey::NotExtended)?;
    Ok((version, key))
}

fn bytes_of(text: &str) -> Result<[u8; 78], NotAnExtendedPubkey> {
    // Reading Base58 takes the square of its length.
    if 120 < text.len() {
        return Err(NotAnExtendedPubkey::NotExtended);
    }
    let is_key = text.get(1..4) == Some("pub");
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
mod tests;
