//! Public test wallets that anybody can spend from.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::domain::payment::{Address, Coin, ExtendedPubkey};

/// Account keys of two publicly known mnemonics.
///
/// Source: BIP-39 without a passphrase, then m/44'/60'/0' for Ethereum and m/84'/0'/0', m/49'/0'/0', m/44'/0'/0',
/// m/86'/0'/0' for Bitcoin.
/// The first mnemonic is `test test test test test test test test test test test junk`, of Hardhat and Foundry; the
/// second `abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about`, of BIP-39
/// and BIP-84.
const ETHEREUM_KEYS: [&str; 2] = [
    "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP",
    "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt",
];
const BITCOIN_KEYS: [&str; 8] = [
    "zpub6qiy8cvfjiUGpweZnK5zLcKWkizhTsraN95DLyQVvvkp8aevEF8KMzSBnnLix3m9NYqeoLBLEc7G2rJVVCEj1A82gRVN2BXGiWmYosGpCAy",
    "ypub6XrWvQ4Bo6dannCrXS8VRv6s6afVdU9QBmjhArzqKvmJa8kZqDCH7e6kKUJyLvmURwP1FnY3rg577uxnF7F4QEJiMvG4fGGQkcbvDfoPyWg",
    "xpub6Cp8b4UmRiNyx3S19cpzu24DBVHf4DeujuHX8Wwjiv9FbbQZziaGh3hRcAjgjfMWfvu5SeVA2pkUEqCxWJtLHV7sEC98iZy4K1GXGzCaa8r",
    "tr(xpub6Cdsy3kk2rQDNpnymb3Q1yVkUpanMBoNXsAufU1Nmy2K9i2E1XDSp3pfgCumPEJzSXxUEFXSvXQ3LxyywaZXnHYB6qJ7nBdtVvM6hauqfVS/0/*)",
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs",
    "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP",
    "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj",
    "tr(xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ/0/*)",
];

/// A Monero address whose keys anybody can compute, for demonstrations: anything sent there is lost.
///
/// Source: the private spend key is sc_reduce(Keccak-256) of the 59 bytes
/// `test test test test test test test test test test test junk`, the private view key sc_reduce(Keccak-256) of the
/// spend key, as in every deterministic Monero wallet; this is the primary address, account 0.
const MONERO_ADDRESS: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";

/// How many receiving addresses of each account count as public: as many as Hardhat funds.
const N_ADDRESSES: u32 = 20;

static KEYS: LazyLock<Vec<ExtendedPubkey>> = LazyLock::new(|| {
    let ethereum = ETHEREUM_KEYS.map(|text| (Coin::Ether { chain: 1 }, text));
    let bitcoin = BITCOIN_KEYS.map(|text| (Coin::Bitcoin, text));
    let keys =
        ethereum.iter().chain(&bitcoin).map(|(coin, text)| ExtendedPubkey::parse(coin, text));
    keys.collect::<Result<_, _>>().expect("the keys above are account keys, as a test reads")
});

static ADDRESSES: LazyLock<BTreeSet<Address>> = LazyLock::new(|| {
    let monero = Address::parse(&Coin::Monero, MONERO_ADDRESS)
        .expect("the address above is one, as a test reads");
    let derived = KEYS.iter().flat_map(|key| (0..N_ADDRESSES).map(|index| key.address(index)));
    derived.chain([monero]).collect()
});

pub fn has_address(address: &Address) -> bool {
    ADDRESSES.contains(address)
}

pub fn has_account(key: &ExtendedPubkey) -> bool {
    KEYS.iter().any(|known| known.shares_keys_with(key))
}
