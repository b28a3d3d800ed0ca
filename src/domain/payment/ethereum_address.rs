//! Ethereum addresses and their checksum.

use ethers_core::types::H160;
use ethers_core::utils::to_checksum;

use crate::domain::payment::NotAnAddress;

/// Shape of the result: `0x` and 40 hexadecimal digits in EIP-55's mixed case.
///
/// # Errors
/// [`NotAnAddress`] if digits are missing, the checksum is wrong, or it is the zero address.
pub fn parse(text: &str) -> Result<String, NotAnAddress> {
    let digits = text.strip_prefix("0x").ok_or(NotAnAddress::NotEthereum)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(NotAnAddress::NotEthereum);
    }
    if digits.len() != 40 {
        return Err(NotAnAddress::EthereumDigits { n_digits: digits.len() });
    }
    let bytes: H160 = digits.parse().map_err(|_| NotAnAddress::NotEthereum)?;
    if bytes.is_zero() {
        return Err(NotAnAddress::Zero);
    }
    let address = to_checksum(&bytes, None);
    // EIP-55: an address in a single case carries no checksum.
    let has_checksum =
        digits != digits.to_ascii_lowercase() && digits != digits.to_ascii_uppercase();
    if has_checksum && address != text {
        return Err(NotAnAddress::MistypedEthereum);
    }
    Ok(address)
}
