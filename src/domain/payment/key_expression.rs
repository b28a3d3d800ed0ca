//! An extended key with its origin and derivation steps.

use crate::domain::payment::address_kind::AddressKind;
use crate::domain::payment::script_type::ScriptType;
use crate::domain::payment::{BitcoinLike, Coin, NotAnExtendedPubkey};

/// An extended public key with the notation that wallets add around it.
///
/// Shape: `[d34db33f/84h/0h/0h]xpub…/0/*`; the origin in brackets and the steps after the key are optional.
/// Source: BIP-380, "Key Expressions"; BIP-389 for `<0;1>`; BIP-388 for `**`; Specter's `{0,1}`.
pub struct KeyExpression<'a> {
    /// Not yet validated.
    pub key: &'a str,
    /// The depth of the key according to its origin; `None` if the origin has no steps.
    pub n_steps_of_origin: Option<usize>,
    /// The account according to the origin, if its steps are those of BIP-44.
    pub account: Option<Account>,
    /// Not yet validated.
    steps: &'a str,
}

/// The steps after the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    None,
    /// From an account's key to its receiving addresses.
    OfAccount,
    /// From the key of the receiving addresses to each of them.
    OfReceiving,
}

/// The first two steps of `84h/0h/0h`. Source: BIP-43, BIP-44, SLIP-44.
#[derive(Clone, Copy)]
pub struct Account {
    purpose: u32,
    coin: u32,
}

impl Account {
    /// The addresses that wallets make of such an account; `None` if it follows no standard.
    ///
    /// # Errors
    /// [`NotAnExtendedPubkey`] for an account of another coin, or of several signers.
    pub fn address_kind(self, coin: &Coin) -> Result<Option<AddressKind>, NotAnExtendedPubkey> {
        // BIP-45, BIP-48 and BIP-87 are for several signers.
        if matches!(self.purpose, 45 | 48 | 87) {
            return Err(NotAnExtendedPubkey::OfSeveral);
        }
        self.check_coin(coin)?;
        match (coin, self.script_type()) {
            (_, None) => Ok(None),
            (Coin::BitcoinLike(coin), Some(script_type)) => {
                AddressKind::of_script(coin, script_type).map(Some)
            }
            (_, Some(ScriptType::P2pkh)) => Ok(Some(AddressKind::Ethereum)),
            (_, Some(_)) => Err(NotAnExtendedPubkey::NotOfEvm),
        }
    }

    /// # Errors
    /// [`NotAnExtendedPubkey`] for an account of another coin, if it follows a standard.
    pub fn check_standard_coin(self, coin: &Coin) -> Result<(), NotAnExtendedPubkey> {
        if self.script_type().is_none() { Ok(()) } else { self.check_coin(coin) }
    }

    fn script_type(self) -> Option<ScriptType> {
        ScriptType::ALL.into_iter().find(|one| one.purpose() == self.purpose)
    }

    fn check_coin(self, coin: &Coin) -> Result<(), NotAnExtendedPubkey> {
        let is_of_coin = match coin {
            Coin::BitcoinLike(coin) => coin.has_coin_type(self.coin),
            // Wallets use Ethereum's number for other EVM chains, or the chain's own.
            _ => !BitcoinLike::ALL.iter().any(|other| other.coin_type == self.coin),
        };
        match self.coin {
            1 => Err(NotAnExtendedPubkey::TestNetwork),
            _ if is_of_coin => Ok(()),
            _ => Err(NotAnExtendedPubkey::OtherCoin),
        }
    }
}

impl<'a> KeyExpression<'a> {
    /// # Errors
    /// [`NotAnExtendedPubkey`] if the brackets contain no origin, or what follows is not a key.
    pub fn parse(text: &'a str) -> Result<Self, NotAnExtendedPubkey> {
        let (origin, bare) = match text.strip_prefix('[') {
            Some(rest) => {
                let (origin, bare) =
                    rest.split_once(']').ok_or(NotAnExtendedPubkey::NotAnOrigin)?;
                (read_origin(origin)?, bare)
            }
            None => (Vec::new(), text),
        };
        let (key, steps) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotAnExtendedPubkey::NotExtended);
        }
        let account = match origin.as_slice() {
            [(purpose, true), (coin, true), (_, true), ..] => {
                Some(Account { purpose: *purpose, coin: *coin })
            }
            _ => None,
        };
        let n_steps_of_origin = Some(origin.len()).filter(|n| 0 < *n);
        Ok(Self { key, n_steps_of_origin, account, steps })
    }

    /// # Errors
    /// [`NotAnExtendedPubkey`] if they lead to other addresses than the receiving ones.
    pub fn steps(&self) -> Result<Steps, NotAnExtendedPubkey> {
        match self.steps {
            "" => Ok(Steps::None),
            "/0/*" | "/<0;1>/*" | "/{0,1}/*" | "/**" => Ok(Steps::OfAccount),
            "/*" => Ok(Steps::OfReceiving),
            steps if steps.contains(HARDENED) => Err(NotAnExtendedPubkey::HardenedStep),
            _ => Err(NotAnExtendedPubkey::NotReceiving),
        }
    }
}

/// Source: BIP-380; programs write both letters and the apostrophe.
const HARDENED: [char; 3] = ['\'', 'h', 'H'];

/// The steps of an origin, and whether each is hardened.
fn read_origin(text: &str) -> Result<Vec<(u32, bool)>, NotAnExtendedPubkey> {
    let mut parts = text.split('/');
    let fingerprint = parts.next().unwrap_or_default();
    // Sparrow writes nine zeros for an unknown fingerprint.
    let is_hex = fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || !(fingerprint.len() == 8 || fingerprint == "000000000") {
        return Err(NotAnExtendedPubkey::NotAnOrigin);
    }
    let step = |part: &str| {
        let digits = part.strip_suffix(HARDENED);
        let number = digits.unwrap_or(part);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let read = is_number.then(|| number.parse::<u32>().ok()).flatten();
        read.filter(|n| *n < 1 << 31)
            .map(|n| (n, digits.is_some()))
            .ok_or(NotAnExtendedPubkey::NotAnOrigin)
    };
    parts.map(step).collect()
}
