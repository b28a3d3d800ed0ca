//! Payment links (BIP-21, EIP-681, Monero).

use crate::domain::payment::{Address, Coin};
use crate::domain::values::Amount;

/// The link that opens a wallet with address and amount filled in.
///
/// Units: whole wei, or whole units of a token; decimal Bitcoin, and coins like it, without trailing zeros; Monero with its 12 decimals. An
/// amount that is not a multiple of [`Coin::grain`] is rounded up to one, so that nobody pays too little.
/// Source: EIP-681; BIP-21, ZIP-321 and CashAddr's specification, whose addresses begin with the scheme; Monero's URI scheme, `tx_amount`.
pub fn payment_uri(coin: &Coin, address: &Address, amount: Amount) -> String {
    match coin {
        Coin::BitcoinLike(coin) => {
            let scheme = format!("{}:", coin.network);
            let bare = address.as_str().strip_prefix(&scheme).unwrap_or(address.as_str());
            format!("{scheme}{bare}?amount={}", eight_decimals(amount))
        }
        Coin::Monero => {
            let (whole, rest) = (amount.get() / Amount::PER_COIN, amount.get() % Amount::PER_COIN);
            format!("monero:{address}?tx_amount={whole}.{rest:09}000")
        }
        Coin::Ether { chain } => format!("ethereum:{address}@{chain}?value={}", units(amount, 18)),
        Coin::Token { chain, contract, decimals } => {
            let units = units(amount, *decimals);
            format!("ethereum:{contract}@{chain}/transfer?address={address}&uint256={units}")
        }
    }
}

fn eight_decimals(amount: Amount) -> String {
    let satoshi = amount.get().unsigned_abs().div_ceil(10);
    let text = format!("{}.{:08}", satoshi / 100_000_000, satoshi % 100_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Units: 10^-`decimals` of a coin.
fn units(amount: Amount, decimals: u8) -> String {
    let gwei = amount.get().unsigned_abs();
    match decimals.checked_sub(9) {
        None => gwei.div_ceil(10_u64.pow(9 - u32::from(decimals))).to_string(),
        Some(_) if gwei == 0 => "0".to_owned(),
        // Appending zeros as text cannot overflow: with 36 decimals the number exceeds 128 bits.
        Some(n_zeros) => format!("{gwei}{}", "0".repeat(usize::from(n_zeros))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::payment::BitcoinLike;

    const CONTRACT: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
    const ETHEREUM: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    const BITCOIN: &str = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
    const MONERO: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";

    fn token(decimals: u8) -> Coin {
        Coin::Token { chain: 1, contract: CONTRACT.to_owned(), decimals }
    }

    fn uri(coin: &Coin, amount: i64) -> String {
        let address = match coin {
            Coin::BitcoinLike(_) => BITCOIN,
            Coin::Monero => MONERO,
            Coin::Ether { .. } | Coin::Token { .. } => ETHEREUM,
        };
        payment_uri(coin, &Address::parse(coin, address).unwrap(), Amount::new(amount).unwrap())
    }

    #[track_caller]
    fn check(coin: &Coin, amount: i64, expected: &str) {
        assert_eq!(uri(coin, amount), expected, "{coin:?}");
    }

    #[test]
    fn a_link_names_address_and_amount_as_the_coins_wallets_read_it() {
        check(
            &Coin::Ether { chain: 1 },
            91_990_000,
            &format!("ethereum:{ETHEREUM}@1?value=91990000000000000"),
        );
        check(&Coin::Ether { chain: 31337 }, 0, &format!("ethereum:{ETHEREUM}@31337?value=0"));
        check(&Coin::BITCOIN, 6_199_000, &format!("bitcoin:{BITCOIN}?amount=0.006199"));
        check(&Coin::BITCOIN, 20_000_000_000, &format!("bitcoin:{BITCOIN}?amount=20"));
        check(&Coin::BITCOIN, 10, &format!("bitcoin:{BITCOIN}?amount=0.00000001"));
        check(&Coin::Monero, 1_230_000_000, &format!("monero:{MONERO}?tx_amount=1.230000000000"));
        check(&Coin::Monero, 1, &format!("monero:{MONERO}?tx_amount=0.000000001000"));
    }

    #[test]
    fn a_link_of_a_coin_like_bitcoin_has_its_own_scheme() {
        // Source: BIP-84's mnemonic at m/84'/2'/0'/0/0 and m/44'/N'/0'/0/0, as `extended_pubkey/coins_tests.rs` derives them.
        for (currency, address, expected) in [
            (
                "LTC",
                "ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",
                "litecoin:ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",
            ),
            (
                "DOGE",
                "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC",
                "dogecoin:DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC",
            ),
            (
                "BCH",
                "qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6",
                "bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6",
            ),
            (
                "ZEC",
                "t1XVXWCvpMgBvUaed4XDqWtgQgJSu1Ghz7F",
                "zcash:t1XVXWCvpMgBvUaed4XDqWtgQgJSu1Ghz7F",
            ),
        ] {
            let coin = Coin::BitcoinLike(BitcoinLike::of_currency(currency).unwrap());
            let address = Address::parse(&coin, address).unwrap();
            let amount = Amount::new(1_234_500_000).unwrap();
            assert_eq!(payment_uri(&coin, &address, amount), format!("{expected}?amount=1.2345"));
        }
    }

    #[test]
    fn a_token_is_asked_for_in_its_own_units() {
        let check = |decimals, units: &str| {
            let link = format!("ethereum:{CONTRACT}@1/transfer?address={ETHEREUM}&uint256={units}");
            check(&token(decimals), 12_000_000_000, &link);
        };
        check(0, "12");
        check(6, "12000000");
        check(9, "12000000000");
        check(18, "12000000000000000000");
        check(36, "12000000000000000000000000000000000000");
    }

    #[test]
    fn what_the_coin_cannot_divide_is_rounded_up() {
        check(&Coin::BITCOIN, 11, &format!("bitcoin:{BITCOIN}?amount=0.00000002"));
        assert!(uri(&token(0), 1).ends_with("uint256=1"));
    }

    proptest! {
        #[test]
        fn the_amount_can_be_read_back(decimals in 0_u8..=36, steps in 0..=i64::MAX) {
            for coin in [Coin::BITCOIN, Coin::Monero, Coin::Ether { chain: 1 }, token(decimals)] {
                let grain = coin.grain().get();
                let amount = steps / grain * grain;
                let link = uri(&coin, amount);
                let written = link.rsplit('=').next().unwrap();
                let gwei = match &coin {
                    Coin::BitcoinLike(_) => Amount::parse_coins(written).unwrap().get(),
                    Coin::Monero => Amount::parse_coins(written.strip_suffix("000").unwrap()).unwrap().get(),
                    Coin::Ether { .. } => in_gwei(written, 18),
                    Coin::Token { decimals, .. } => in_gwei(written, usize::from(*decimals)),
                };
                prop_assert_eq!(gwei, amount, "{}", link);
            }
        }
    }

    /// Moves the decimal point as text, since the numbers exceed 128 bits.
    fn in_gwei(units: &str, decimals: usize) -> i64 {
        let padded = format!("{units:0>width$}{}", "0".repeat(9), width = decimals + 1);
        let (gwei, rest) = padded.split_at(padded.len() - decimals);
        assert!(rest.bytes().all(|digit| digit == b'0'));
        gwei.parse().unwrap()
    }
}
