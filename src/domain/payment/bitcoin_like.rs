//! Bitcoin, and the coins whose chains work like it.

use crate::domain::payment::address_format::AddressFormat;
use crate::domain::payment::key_prefix::{DGUB, KeyPrefix, LTUB, MTUB, XPUB, YPUB, ZPUB};
use crate::domain::payment::script_type::ScriptType;

/// A coin whose chain works like Bitcoin's: an address stands for a script, wallets derive addresses as BIP-32
/// describes, and the smallest unit is 10^-8. Each is one row of [`BitcoinLike::ALL`].
#[derive(Debug, PartialEq, Eq)]
pub struct BitcoinLike {
    pub currency: &'static str,
    /// The display name.
    pub name: &'static str,
    /// The internal name of its network, and the scheme of its payment links.
    pub network: &'static str,
    /// Source: SLIP-44.
    pub coin_type: u32,
    /// The coin type of the chain that it has split from: wallets that are older than the split still use it.
    pub coin_type_before_split: Option<u32>,
    pub format: AddressFormat,
    /// What its addresses begin with, for messages.
    pub starts: &'static str,
    /// The types of its addresses that wallets derive from one key.
    pub accounts: &'static [AccountType],
    /// The smallest amount that its nodes relay. Units: 10^-8 of a coin.
    pub dust: i64,
    /// The largest total of an order. Units: whole coins.
    pub most: i64,
    /// How many small amounts tell apart the orders that share an address. Units: 10^-8 of a coin.
    pub n_tags: i64,
    /// How many confirmations a payment needs unless the seller's rules say otherwise.
    pub confirmations: u32,
    /// `None`: the shop cannot follow payments on a node.
    pub chain: Option<ChainRules>,
}

/// One type of an account's addresses.
#[derive(Debug, PartialEq, Eq)]
pub struct AccountType {
    pub script_type: ScriptType,
    /// Of its extended public keys, as wallets write them.
    pub prefixes: &'static [KeyPrefix],
    /// What its addresses begin with.
    pub starts: &'static str,
}

/// What the shop knows of a chain that it follows on a node.
#[derive(Debug, PartialEq, Eq)]
pub struct ChainRules {
    /// The hash of the first block.
    pub genesis: &'static str,
    /// Units: seconds between two blocks on average.
    pub block_seconds: i64,
    /// The chain has no explicit finality: after so many blocks, it counts as final.
    pub final_depth: u32,
}

impl BitcoinLike {
    /// Sources: each coin's `chainparams.cpp` for the bytes of addresses, the first block and the time between blocks;
    /// SLIP-44 and SLIP-132 for accounts and their keys.
    ///
    /// Confirmations: two blocks of Bitcoin are rarely reversed; a quarter of an hour of Litecoin. The others are those
    /// that exchanges require of deposits: Kraken for Dogecoin and Bitcoin Cash, another for Zcash. Final: Bitcoin's six are usual, Litecoin's twelve those of Coinbase and Kraken.
    ///
    /// Dust: `GetDustThreshold`, in Bitcoin's, Litecoin's and Bitcoin Cash's nodes for an output to the oldest address
    /// type; Dogecoin Core's `DEFAULT_DUST_LIMIT`; zcashd's `ONE_THIRD_DUST_THRESHOLD_RATE`.
    ///
    /// Most: all coins there will be. Of Litecoin 84 million, but a node writes amounts as numbers of which only those up to
    /// 2^26 have exactly eight decimals. Dogecoin has no such limit; an [`Amount`] holds 9 * 10^9 coins.
    ///
    /// [`Amount`]: crate::domain::values::Amount
    pub const ALL: &[Self] = &[
        Self {
            currency: "BTC",
            name: "Bitcoin",
            network: "bitcoin",
            coin_type: 0,
            coin_type_before_split: None,
            format: AddressFormat::Base58 {
                p2pkh: &[0x00],
                p2sh: &[0x05],
                segwit: Some("bc"),
                of_test_networks: &[&[0x6F], &[0xC4]],
                segwit_of_test_networks: &["tb", "bcrt"],
            },
            starts: "bc1, 1, 3",
            accounts: &[
                AccountType::new(ScriptType::P2pkh, &[XPUB], "1"),
                AccountType::new(ScriptType::P2shP2wpkh, &[YPUB], "3"),
                AccountType::new(ScriptType::P2wpkh, &[ZPUB], "bc1q"),
                AccountType::new(ScriptType::P2tr, &[], "bc1p"),
            ],
            dust: 546,
            most: 21_000_000,
            n_tags: 7,
            confirmations: 2,
            chain: Some(ChainRules {
                genesis: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
                block_seconds: 600,
                final_depth: 6,
            }),
        },
        Self {
            currency: "LTC",
            name: "Litecoin",
            network: "litecoin",
            coin_type: 2,
            coin_type_before_split: None,
            format: AddressFormat::Base58 {
                p2pkh: &[0x30],
                // The older 3… is also Bitcoin's, and wallets have not shown it since 2018.
                p2sh: &[0x32],
                segwit: Some("ltc"),
                of_test_networks: &[&[0x6F], &[0xC4], &[0x3A]],
                segwit_of_test_networks: &["tltc", "rltc"],
            },
            starts: "ltc1, L, M",
            accounts: &[
                AccountType::new(ScriptType::P2pkh, &[LTUB, XPUB], "L"),
                AccountType::new(ScriptType::P2shP2wpkh, &[MTUB, YPUB], "M"),
                AccountType::new(ScriptType::P2wpkh, &[ZPUB], "ltc1q"),
                AccountType::new(ScriptType::P2tr, &[], "ltc1p"),
            ],
            dust: 5_460,
            most: 67_000_000,
            n_tags: 999,
            confirmations: 6,
            chain: Some(ChainRules {
                genesis: "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2",
                block_seconds: 150,
                final_depth: 12,
            }),
        },
        Self {
            currency: "DOGE",
            name: "Dogecoin",
            network: "dogecoin",
            coin_type: 3,
            coin_type_before_split: None,
            format: AddressFormat::Base58 {
                p2pkh: &[0x1E],
                p2sh: &[0x16],
                segwit: None,
                of_test_networks: &[&[0x71], &[0xC4], &[0x6F]],
                segwit_of_test_networks: &[],
            },
            starts: "D, 9, A",
            accounts: &[AccountType::new(ScriptType::P2pkh, &[DGUB, XPUB], "D")],
            dust: 1_000_000,
            most: 1_000_000_000,
            n_tags: 999,
            confirmations: 40,
            chain: None,
        },
        Self {
            currency: "BCH",
            name: "Bitcoin Cash",
            network: "bitcoincash",
            coin_type: 145,
            coin_type_before_split: Some(0),
            format: AddressFormat::CashAddr {
                prefix: "bitcoincash",
                of_test_networks: &["bchtest", "bchreg"],
            },
            starts: "bitcoincash:q, bitcoincash:p",
            accounts: &[AccountType::new(ScriptType::P2pkh, &[XPUB], "bitcoincash:q")],
            dust: 546,
            most: 21_000_000,
            n_tags: 150,
            confirmations: 15,
            chain: None,
        },
        Self {
            currency: "ZEC",
            name: "Zcash",
            network: "zcash",
            coin_type: 133,
            coin_type_before_split: None,
            // Only transparent addresses: there is no private key in the shop that could see shielded payments.
            format: AddressFormat::Base58 {
                p2pkh: &[0x1C, 0xB8],
                p2sh: &[0x1C, 0xBD],
                segwit: None,
                of_test_networks: &[&[0x1D, 0x25], &[0x1C, 0xBA]],
                segwit_of_test_networks: &[],
            },
            starts: "t1, t3",
            accounts: &[AccountType::new(ScriptType::P2pkh, &[XPUB], "t1")],
            dust: 54,
            most: 21_000_000,
            n_tags: 150,
            confirmations: 24,
            chain: None,
        },
    ];

    pub fn of_currency(currency: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|coin| coin.currency == currency)
    }

    pub fn of_network(network: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|coin| coin.network == network)
    }

    pub fn has_coin_type(&self, coin_type: u32) -> bool {
        coin_type == self.coin_type || Some(coin_type) == self.coin_type_before_split
    }

    pub fn account(&self, script_type: ScriptType) -> Option<&AccountType> {
        self.accounts.iter().find(|account| account.script_type == script_type)
    }

    /// Which keys wallets export for it, for messages: `Ltub, xpub, Mtub, ypub, zpub`.
    pub fn key_prefixes(&self) -> String {
        let prefixes = self.accounts.iter().flat_map(|account| account.prefixes);
        prefixes.map(|prefix| prefix.text).collect::<Vec<_>>().join(", ")
    }
}

impl AccountType {
    const fn new(
        script_type: ScriptType,
        prefixes: &'static [KeyPrefix],
        starts: &'static str,
    ) -> Self {
        Self { script_type, prefixes, starts }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_rows_of_the_table_can_be_taken_for_each_other() {
        let n_distinct = |key: &dyn Fn(&'static BitcoinLike) -> String| {
            BitcoinLike::ALL.iter().map(key).collect::<BTreeSet<_>>().len()
        };
        let n = BitcoinLike::ALL.len();
        assert_eq!(n_distinct(&|coin| coin.currency.to_owned()), n);
        assert_eq!(n_distinct(&|coin| coin.name.to_owned()), n);
        assert_eq!(n_distinct(&|coin| coin.network.to_owned()), n);
        assert_eq!(n_distinct(&|coin| coin.coin_type.to_string()), n);
        assert_eq!(n_distinct(&|coin| format!("{:?}", coin.format)), n);
        for coin in BitcoinLike::ALL {
            assert_eq!(BitcoinLike::of_currency(coin.currency), Some(coin));
            assert_eq!(BitcoinLike::of_network(coin.network), Some(coin));
            for account in coin.accounts {
                let is_listed =
                    coin.starts.split(", ").any(|start| account.starts.starts_with(start));
                assert!(is_listed, "{}: {}", coin.name, account.starts);
            }
        }
        assert_eq!(BitcoinLike::of_currency("XMR"), None);
    }
}
