//! Tokens that a wallet may name instead of their contract.

/// A token known by its name.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownToken {
    pub symbol: &'static str,
    /// Shape: EIP-55.
    pub contract: &'static str,
    pub decimals: u8,
}

/// All on Ethereum mainnet; a token of the same name on another chain is another contract, which has to be given.
///
/// Source: the issuers' lists: tether.io, "Supported protocols"; Circle's developer documentation, "USDC contract
/// addresses"; Sky's (MakerDAO's) chainlog, `MCD_DAI`. Decimals: each contract's `decimals()`.
const KNOWN: [KnownToken; 3] = [
    KnownToken {
        symbol: "USDT",
        contract: "0xdAC17F958D2ee523a2206206994597C13D831ec7",
        decimals: 6,
    },
    KnownToken {
        symbol: "USDC",
        contract: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
        decimals: 6,
    },
    KnownToken {
        symbol: "DAI",
        contract: "0x6B175474E89094C44Da98b954EedeAC495271d0F",
        decimals: 18,
    },
];

impl KnownToken {
    /// The names, for messages.
    pub const NAMES: &'static str = "USDT, USDC or DAI";

    /// By its name, in capitals or not.
    pub fn find(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|token| token.symbol.eq_ignore_ascii_case(name.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::ethereum_address;

    #[test]
    fn a_known_token_is_found_by_its_name_and_its_contract_has_a_valid_checksum() {
        for (name, decimals) in [("USDT", 6), ("usdc", 6), (" Dai ", 18)] {
            assert_eq!(KnownToken::find(name).unwrap().decimals, decimals, "{name}");
        }
        for name in ["", "USD", "USDT.e", "0xdAC17F958D2ee523a2206206994597C13D831ec7"] {
            assert_eq!(KnownToken::find(name), None, "{name}");
        }
        for token in &KNOWN {
            // An address in mixed case is accepted only with its checksum.
            assert_eq!(ethereum_address::parse(token.contract).as_deref(), Ok(token.contract));
            assert!(KnownToken::NAMES.contains(token.symbol));
        }
    }
}
