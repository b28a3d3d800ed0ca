//! Decodes the values of an Ethereum node. Source: the Ethereum JSON-RPC specification, "hex value encoding".

use serde_json::Value;

use crate::domain::values::Amount;

/// Shape: `0x` and 64 lowercase hexadecimal digits.
pub type Hash = String;

/// The fields that are read of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub number: u64,
    pub hash: Hash,
    pub parent: Hash,
    /// Units: Unix seconds.
    pub time: i64,
}

pub fn block(value: &Value) -> Option<Block> {
    Some(Block {
        number: number(&value["number"])?,
        hash: hash(&value["hash"])?,
        parent: hash(&value["parentHash"])?,
        time: i64::try_from(number(&value["timestamp"])?).ok()?,
    })
}

pub fn number(value: &Value) -> Option<u64> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    is_hex(digits).then(|| u64::from_str_radix(digits, 16).ok())?
}

/// A number of up to 256 bits; from 2^128 on it is capped at the maximum, which no coin reaches.
pub fn units(value: &Value) -> Option<u128> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    is_hex(digits).then(|| units_of(digits.trim_start_matches('0')))
}

/// All 32-byte words of a call's result.
pub fn units_list(value: &Value) -> Option<Vec<u128>> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    let is_whole = is_hex(digits) && digits.len() % 64 == 0;
    let words = || digits.as_bytes().chunks(64).map(|word| std::str::from_utf8(word).ok());
    let word = |word: Option<&str>| word.map(|word| units_of(word.trim_start_matches('0')));
    if is_whole { words().map(word).collect() } else { None }
}

pub fn hash(value: &Value) -> Option<Hash> {
    let text = value.as_str()?;
    let digits = text.strip_prefix("0x")?;
    (digits.len() == 64 && is_hex(digits)).then(|| text.to_ascii_lowercase())
}

pub fn hex(n: u64) -> String {
    format!("0x{n:x}")
}

/// Rounded down, never up, and capped at the maximum.
pub fn gwei(units: u128, decimals: u8) -> Amount {
    let gwei = match decimals.checked_sub(9) {
        Some(more) => 10_u128.checked_pow(more.into()).map_or(0, |step| units / step),
        None => units.saturating_mul(10_u128.pow(u32::from(9 - decimals))),
    };
    let gwei = i64::try_from(gwei).unwrap_or(i64::MAX);
    Amount::new(gwei).expect("it is cut off at both ends")
}

/// The units that are exactly this amount; `None` if it is not a multiple of the unit.
pub fn exact_units(amount: Amount, decimals: u8) -> Option<u128> {
    let amount = u128::try_from(amount.get()).ok()?;
    match decimals.checked_sub(9) {
        Some(more) => 10_u128.checked_pow(more.into())?.checked_mul(amount),
        None => {
            let step = 10_u128.pow(u32::from(9 - decimals));
            (amount % step == 0).then_some(amount / step)
        }
    }
}

fn units_of(digits: &str) -> u128 {
    if digits.is_empty() { 0 } else { u128::from_str_radix(digits, 16).unwrap_or(u128::MAX) }
}

fn is_hex(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_hexadecimal_texts() {
        assert_eq!(number(&json!("0x1f")), Some(31));
        for bad in [
            json!("0x"),
            json!("1f"),
            json!(31),
            json!("0x+1"),
            json!("0x10000000000000000"),
            json!(null),
        ] {
            assert_eq!(number(&bad), None, "{bad}");
        }
        assert_eq!(units(&json!("0xde0b6b3a7640000")), Some(1_000_000_000_000_000_000));
        assert_eq!(units(&json!(format!("0x{}", "f".repeat(64)))), Some(u128::MAX));
        assert_eq!(units(&json!(format!("0x{}1", "0".repeat(80)))), Some(1));
        assert_eq!(units_list(&json!(format!("0x{:064x}{:064x}", 7, 9))), Some(vec![7, 9]));
        assert_eq!(units_list(&json!("0x00")), None);
        assert_eq!(units_list(&json!("0x")), None);
    }

    #[test]
    fn amounts_are_cut_down_to_gwei() {
        #[track_caller]
        fn check(units: u128, decimals: u8, expected: i64) {
            assert_eq!(gwei(units, decimals).get(), expected, "{units} {decimals}");
        }
        check(1_999_999_999, 18, 1);
        check(1_000_000, 6, 1_000_000_000);
        check(7, 0, 7_000_000_000);
        check(5, 9, 5);
        check(u128::MAX, 18, i64::MAX);
        check(u128::MAX, 0, i64::MAX);
        check(u128::MAX, 36, 340_282_366_920);
    }

    #[test]
    fn an_exact_amount_has_its_units() {
        let amount = Amount::new(1_500_000_000).unwrap();
        assert_eq!(exact_units(amount, 18), Some(1_500_000_000_000_000_000));
        assert_eq!(exact_units(amount, 6), Some(1_500_000));
        assert_eq!(exact_units(amount, 0), None);
        assert_eq!(exact_units(Amount::new(i64::MAX).unwrap(), 36), None);
    }
}
