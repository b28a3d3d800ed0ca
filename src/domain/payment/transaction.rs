//! Transaction identifiers that buyers report.

use crate::domain::payment::Coin;

/// The transaction that a buyer reports: a claim, until the seller or a node has checked it.
///
/// Shape: 64 hexadecimal digits in lowercase, after `0x` for Ethereum and similar chains.
/// Source: Ethereum's JSON-RPC, "DATA, 32 bytes"; Bitcoin Core's, its forks' and Monero's RPC, `txid`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(String);

/// Of which coin it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotATransactionId {
    Ethereum,
    /// Of a coin whose transactions are named by their digits alone. Shape: the coin's display name.
    Digits(&'static str),
}

impl TransactionId {
    /// # Errors
    /// [`NotATransactionId`], which describes the coin's form; it never contains the text.
    pub fn parse(coin: &Coin, text: &str) -> Result<Self, NotATransactionId> {
        let (prefix, refusal) = match coin {
            Coin::BitcoinLike(coin) => ("", NotATransactionId::Digits(coin.name)),
            Coin::Monero => ("", NotATransactionId::Digits("Monero")),
            Coin::Ether { .. } | Coin::Token { .. } => ("0x", NotATransactionId::Ethereum),
        };
        let small = text.trim().to_ascii_lowercase();
        let digits = small.strip_prefix(prefix).ok_or(refusal)?;
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refusal);
        }
        Ok(Self(small))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 digits, without any prefix.
    pub fn digits(&self) -> &str {
        self.0.strip_prefix("0x").unwrap_or(&self.0)
    }
}

impl std::fmt::Display for TransactionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// It links an order to its buyer's wallet, so it must not appear in logs.
impl std::fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TransactionId(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Source: Ethereum's first transaction; the digits alone are used for the others.
    const DIGITS: &str = "5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060";

    #[track_caller]
    fn check(coin: &Coin, text: &str, expected: Result<&str, NotATransactionId>) {
        let read = TransactionId::parse(coin, text).map(|id| id.to_string());
        assert_eq!(read, expected.map(str::to_owned), "{coin:?} {text:?}");
    }

    #[test]
    fn a_transaction_is_named_as_its_coin_names_it() {
        let prefixed = format!("0x{DIGITS}");
        let ether = Coin::Ether { chain: 1 };
        check(&ether, &prefixed, Ok(&prefixed));
        check(&ether, &format!(" {}\n", prefixed.to_uppercase()), Ok(&prefixed));
        check(&Coin::BITCOIN, DIGITS, Ok(DIGITS));
        check(&Coin::Monero, &DIGITS.to_uppercase(), Ok(DIGITS));
        for (coin, text) in [(ether, prefixed.as_str()), (Coin::BITCOIN, DIGITS)] {
            assert_eq!(TransactionId::parse(&coin, text).unwrap().digits(), DIGITS);
        }
    }

    #[test]
    fn another_form_is_refused_with_the_right_one() {
        let ether = Coin::Ether { chain: 1 };
        let token = Coin::Token { chain: 1, contract: String::new(), decimals: 18 };
        check(&ether, DIGITS, Err(NotATransactionId::Ethereum));
        check(&token, DIGITS, Err(NotATransactionId::Ethereum));
        check(&Coin::BITCOIN, &format!("0x{DIGITS}"), Err(NotATransactionId::Digits("Bitcoin")));
        check(&Coin::Monero, &format!("0x{DIGITS}"), Err(NotATransactionId::Digits("Monero")));
        for text in [
            "",
            "0x",
            &DIGITS[1..],
            &format!("{DIGITS}0"),
            &DIGITS.replace('5', "g"),
            &"é".repeat(32),
        ] {
            check(&Coin::BITCOIN, text, Err(NotATransactionId::Digits("Bitcoin")));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            for coin in [Coin::BITCOIN, Coin::Monero, Coin::Ether { chain: 1 }] {
                let _ = TransactionId::parse(&coin, &text);
            }
        }
    }
}
