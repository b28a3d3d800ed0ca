//! How coins write the scripts that are paid to.

use bech32::{Hrp, segwit};
use bitcoin::hashes::Hash;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{PubkeyHash, Script, ScriptBuf, ScriptHash, base58, opcodes};

use crate::domain::payment::cash_addr;

/// How addresses are written on the main network, and on test networks, to tell them apart.
#[derive(Debug, PartialEq, Eq)]
pub enum AddressFormat {
    /// Base58Check, by the bytes before the hash; and segwit's Bech32, by the letters before `1`.
    ///
    /// Source: BIP-13, BIP-173, BIP-350.
    Base58 {
        p2pkh: &'static [u8],
        p2sh: &'static [u8],
        segwit: Option<&'static str>,
        of_test_networks: &'static [&'static [u8]],
        segwit_of_test_networks: &'static [&'static str],
    },
    /// With or without its prefix, which is always written.
    CashAddr { prefix: &'static str, of_test_networks: &'static [&'static str] },
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatFault {
    /// It does not look like one.
    Other,
    Mistyped,
    TestNetwork,
    /// Anybody may spend outputs of undefined witness versions and "pay to anchor".
    Ownerless,
}

/// Units: bytes of the hash in an address of Base58Check.
const N_HASH: usize = 20;
/// Source: CashAddr's specification: bits for the type, and bits for the length of the hash.
const CASH_P2PKH: u8 = 0;
const CASH_P2SH: u8 = 8;
const CASH_P2SH_OF_32: u8 = CASH_P2SH + 3;

impl AddressFormat {
    /// # Errors
    /// [`FormatFault`] if it is not an address of a single kind that wallets create.
    pub fn parse(&self, text: &str) -> Result<ScriptBuf, FormatFault> {
        match self {
            Self::Base58 { segwit, segwit_of_test_networks, .. } => {
                let small = text.to_ascii_lowercase();
                let begins_with = |hrp: &&str| small.starts_with(&format!("{hrp}1"));
                if segwit_of_test_networks.iter().any(begins_with) {
                    Err(FormatFault::TestNetwork)
                } else if segwit.as_ref().is_some_and(begins_with) {
                    of_segwit(text)
                } else {
                    self.of_base58(text)
                }
            }
            Self::CashAddr { prefix, of_test_networks } => {
                of_cash_addr(prefix, of_test_networks, text)
            }
        }
    }

    /// `None` if the coin has no address for such a script.
    pub fn write(&self, script: &Script) -> Option<String> {
        let bytes = script.as_bytes();
        match self {
            Self::Base58 { p2pkh, p2sh, segwit, .. } => {
                let base58 =
                    |before: &[u8], hash: &[u8]| base58::encode_check(&[before, hash].concat());
                if script.is_p2pkh() {
                    Some(base58(p2pkh, bytes.get(3..23)?))
                } else if script.is_p2sh() {
                    Some(base58(p2sh, bytes.get(2..22)?))
                } else {
                    let hrp = Hrp::parse((*segwit)?).ok()?;
                    let version = script.witness_version()?.to_fe();
                    segwit::encode(hrp, version, bytes.get(2..)?).ok()
                }
            }
            Self::CashAddr { prefix, .. } => {
                let (first, hash) = if script.is_p2pkh() {
                    (CASH_P2PKH, bytes.get(3..23)?)
                } else if script.is_p2sh() {
                    (CASH_P2SH, bytes.get(2..22)?)
                } else if is_p2sh_of_32(script) {
                    (CASH_P2SH_OF_32, bytes.get(2..34)?)
                } else {
                    return None;
                };
                Some(cash_addr::encode(prefix, &[&[first], hash].concat()))
            }
        }
    }

    fn of_base58(&self, text: &str) -> Result<ScriptBuf, FormatFault> {
        let Self::Base58 { p2pkh, p2sh, of_test_networks, .. } = self else {
            return Err(FormatFault::Other);
        };
        // Decoding Base58 takes quadratic time.
        if !(26..=36).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(FormatFault::Other);
        }
        let bytes = base58::decode_check(text).map_err(|_| FormatFault::Mistyped)?;
        let hash = |before: &[u8]| <[u8; N_HASH]>::try_from(bytes.strip_prefix(before)?).ok();
        if let Some(hash) = hash(p2pkh) {
            Ok(ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array(hash)))
        } else if let Some(hash) = hash(p2sh) {
            Ok(ScriptBuf::new_p2sh(&ScriptHash::from_byte_array(hash)))
        } else if of_test_networks.iter().any(|before| hash(before).is_some()) {
            Err(FormatFault::TestNetwork)
        } else {
            Err(FormatFault::Other)
        }
    }
}

fn of_segwit(text: &str) -> Result<ScriptBuf, FormatFault> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(FormatFault::Other);
    }
    let (_, version, program) = segwit::decode(text).map_err(|_| FormatFault::Mistyped)?;
    let version = bitcoin::WitnessVersion::try_from(version).map_err(|_| FormatFault::Mistyped)?;
    let program =
        bitcoin::WitnessProgram::new(version, &program).map_err(|_| FormatFault::Mistyped)?;
    if program.is_p2wpkh() || program.is_p2wsh() || program.is_p2tr() {
        Ok(ScriptBuf::new_witness_program(&program))
    } else {
        Err(FormatFault::Ownerless)
    }
}

fn of_cash_addr(
    main: &str,
    of_test_networks: &[&str],
    text: &str,
) -> Result<ScriptBuf, FormatFault> {
    let small = text.to_ascii_lowercase();
    let is_mixed = small != text && text.to_ascii_uppercase() != text;
    let (prefix, payload) = match small.split_once(':') {
        Some((prefix, payload)) => (Some(prefix), payload),
        None => (None, small.as_str()),
    };
    let is_alone = payload.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let looks_like_one = (40..=62).contains(&payload.len()) && payload.starts_with(['q', 'p']);
    if !is_alone || prefix.is_none() && !looks_like_one {
        return Err(FormatFault::Other);
    }
    let is_of_test = |one: &&str| match prefix {
        Some(prefix) => prefix == *one,
        None => cash_addr::decode(one, payload).is_some(),
    };
    if of_test_networks.iter().any(is_of_test) {
        return Err(FormatFault::TestNetwork);
    }
    if prefix.is_some_and(|prefix| prefix != main) {
        return Err(FormatFault::Other);
    }
    if is_mixed {
        return Err(FormatFault::Mistyped);
    }
    let bytes = cash_addr::decode(main, payload).ok_or(FormatFault::Mistyped)?;
    match bytes.split_first() {
        Some((&CASH_P2PKH, hash)) => <[u8; N_HASH]>::try_from(hash)
            .map(|hash| ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array(hash)))
            .map_err(|_| FormatFault::Other),
        Some((&CASH_P2SH, hash)) => <[u8; N_HASH]>::try_from(hash)
            .map(|hash| ScriptBuf::new_p2sh(&ScriptHash::from_byte_array(hash)))
            .map_err(|_| FormatFault::Other),
        Some((&CASH_P2SH_OF_32, hash)) => p2sh_of_32(hash).ok_or(FormatFault::Other),
        _ => Err(FormatFault::Other),
    }
}

/// Source: Bitcoin Cash, CHIP-2022-05 "Pay-to-Script-Hash-32".
fn p2sh_of_32(hash: &[u8]) -> Option<ScriptBuf> {
    let hash = PushBytesBuf::try_from(hash.to_vec()).ok().filter(|hash| hash.len() == 32)?;
    let builder = Builder::new().push_opcode(opcodes::all::OP_HASH256).push_slice(hash);
    Some(builder.push_opcode(opcodes::all::OP_EQUAL).into_script())
}

fn is_p2sh_of_32(script: &Script) -> bool {
    let bytes = script.as_bytes();
    bytes.get(2..34).and_then(p2sh_of_32).is_some_and(|same| same.as_bytes() == bytes)
}
