//! How far ahead a seller's wallet program looks for payments.

use crate::domain::payment::Coin;

/// Units: addresses. Wallet programs stop looking after this many unused addresses.
/// Source: BIP-44's gap limit, which Electrum, Sparrow, Ledger and Trezor have kept; Monero's wallets look 200 ahead.
const USUAL: i64 = 20;
const OF_MONERO: i64 = 200;

/// How far the addresses that were given out are beyond the last one that was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReach {
    Near,
    /// More than half of the gap limit.
    Far,
    /// A wallet program does not detect payments to the next address.
    Beyond,
}

/// How many unused addresses a wallet program of this coin looks ahead.
pub fn gap_limit(coin: &Coin) -> i64 {
    if *coin == Coin::Monero { OF_MONERO } else { USUAL }
}

pub fn gap_reach(coin: &Coin, n_since_paid: i64) -> GapReach {
    match gap_limit(coin) {
        limit if limit <= n_since_paid => GapReach::Beyond,
        limit if limit < 2 * n_since_paid => GapReach::Far,
        _ => GapReach::Near,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(coin: &Coin, n_since_paid: i64, expected: GapReach) {
        assert_eq!(gap_reach(coin, n_since_paid), expected, "{n_since_paid}");
    }

    #[test]
    fn the_seller_is_told_before_the_wallet_stops_looking() {
        check(&Coin::BITCOIN, 10, GapReach::Near);
        check(&Coin::BITCOIN, 11, GapReach::Far);
        check(&Coin::BITCOIN, 19, GapReach::Far);
        check(&Coin::BITCOIN, 20, GapReach::Beyond);
        check(&Coin::Monero, 100, GapReach::Near);
        check(&Coin::Monero, 101, GapReach::Far);
        check(&Coin::Monero, 200, GapReach::Beyond);
    }
}
