//! Public test wallets that anybody can spend from.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::domain::payment::{Address, BitcoinLike, Coin, ExtendedPubkey};

/// Account keys of two publicly known mnemonics.
///
/// Source: BIP-39 without a passphrase, then m/44'/60'/0' for Ethereum; for Bitcoin and coins like it m/84'/N'/0',
/// m/49'/N'/0', m/44'/N'/0' and m/86'/N'/0', as far as the coin has such addresses.
/// The first mnemonic is `test test test test test test test test test test test junk`, of Hardhat and Foundry; the
/// second `abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about`, of BIP-39
/// and BIP-84.
const ETHEREUM_KEYS: [&str; 2] = [
    "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP",
    "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt",
];
/// Of each coin: the keys of the first mnemonic, then those of the second.
const KEYS_OF_SCRIPTS: &[(&str, &[&str])] = &[
    (
        "BTC",
        &[
            "zpub6qiy8cvfjiUGpweZnK5zLcKWkizhTsraN95DLyQVvvkp8aevEF8KMzSBnnLix3m9NYqeoLBLEc7G2rJVVCEj1A82gRVN2BXGiWmYosGpCAy",
            "ypub6XrWvQ4Bo6dannCrXS8VRv6s6afVdU9QBmjhArzqKvmJa8kZqDCH7e6kKUJyLvmURwP1FnY3rg577uxnF7F4QEJiMvG4fGGQkcbvDfoPyWg",
            "xpub6Cp8b4UmRiNyx3S19cpzu24DBVHf4DeujuHX8Wwjiv9FbbQZziaGh3hRcAjgjfMWfvu5SeVA2pkUEqCxWJtLHV7sEC98iZy4K1GXGzCaa8r",
            "tr(xpub6Cdsy3kk2rQDNpnymb3Q1yVkUpanMBoNXsAufU1Nmy2K9i2E1XDSp3pfgCumPEJzSXxUEFXSvXQ3LxyywaZXnHYB6qJ7nBdtVvM6hauqfVS/0/*)",
            "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs",
            "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP",
            "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj",
            "tr(xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ/0/*)",
        ],
    ),
    (
        "LTC",
        &[
            "zpub6qjiKTiSphUMdzDz7oez7eZMGVhpYfNucNXwScz8KqeVoBACZypLDMmA7im48BEjWBXDSqL2z9VC5VPqV51qaKiDJYu6ZqSLa32tWBqBzM4",
            "Mtub2sKip5tt3GGGcGF9j8dNPiQ7P5yVs5z4ndvY9TZnje38RqxuTtkghKbwKUoHoBPqE3CDxiqGV1Ac3xQ3oDn6vSrqX6rmWYvUAKLC9mqXmtt",
            "Ltub2ZjHHPSEG5U7VPfstM7yhVGKupit4R5oj8zmGmu4oPvrtLzXPbXAir2EsFqXh6YzhVSPECd588fCr4ojGxmXx2dfc69Z9AVGjUoe6njUTzV",
            "tr(xpub6CyX26RXViFTQSnNhsxiuEWq2t1t1TGaA1nudTxThdEZCe6gxLzPk32YCFfP4b2hWwpVKmpXR3VGdTP97QWCfAmV1GaRZupXZL83G3tCyDt/0/*)",
            "zpub6rPo5mF47z5coVm5rvWv7fv181awb7Vckn5Cf3xQXBVKu18kuBHDhNi1Jrb4br6vVD3ZbrnXemEsWJoR18mZwkUdzwD8TQnHDUCGxqZ6swA",
            "Mtub2rz9F1pkisRsSZX8sa4Ajon9GhPP6JymLgpuHqbYdU5JKFLBF7Qy8b1tZ3dccj2fefrAxfrPdVkpCxuWn3g72UctH2bvJRkp6iFmp8aLeRZ",
            "Ltub2YDQmP391UYeDYvLye9P1SuNJFkcRGN7SYHM8JMxaDnegcPTXHJ2BnYmvHnFnGPGKu2WMuCga6iZV3SDxDMGrRyMcrYEfSPhrpS1EPkC43E",
            "tr(xpub6D39rno4TW2oi3tGmu8RUcukFtU7wFnAkdFkYAcSpGZY9yoPNbkRgTbEUYyhkqacm7dyNfc5uK8oQ71M2hTALqqDQeE2JAQn9YDteoW2cQC/0/*)",
        ],
    ),
    (
        "DOGE",
        &[
            "dgub8sk9DL4mokh4n4oiBpzpN15JSedHUQuZ5yFBYtE5Cai1GdDuyUqALhskZNAF6vM8br5qKWNL9KoypRZLV1bYmr6wTkCmoAJ9bsPJj1zdPBL",
            "dgub8rUhDtD3YFGZTUphBfpBbzvFxSMKQXYLzg87Me2ta78r2SdVLmypBUkkxrrn9RTnchsyiJSkHZyLWxD13ibBiXtuFWktBoDaGaZjQUBLNLs",
        ],
    ),
    (
        "BCH",
        &[
            "xpub6C42CqeSwGFVqVNTZqiAjKMi5TSeRAupbRkaw1DB6oGFLu59LeEFNpPzu3GhNwTxFv32sUQhZvX8tHmd3upkuBhBdFWTnqDBxFxv3RkiQAx",
            "xpub6ByHsPNSQXTWZ7PLESMY2FufyYWtLXagSUpMQq7Un96SiThZH2iJB1X7pwviH1WtKVeDP6K8d6xxFzzoaFzF3s8BKCZx8oEDdDkNnp4owAZ",
        ],
    ),
    (
        "ZEC",
        &[
            "xpub6DE1jCM3uKqZoBj16TtEfLNaKXRefZwS3wa56pzNiD9S9a6nvv16b4v8wroMamTjG4NxnSyasiU1cpkZ8A1ginz3WEhidZ1eBE2SK1MuCEv",
            "xpub6CLX6bXDznyoBCRaHYmzfApq4dLc34UydL1gRHQTG55pNwbKSC2GvXjTQ4VS3n6P24fRd14uKz7P92xJQ3MWdRzUxGkqiftZf3riboiJLJs",
        ],
    ),
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
    let of_scripts = BitcoinLike::ALL.iter().flat_map(|coin| {
        let keys = KEYS_OF_SCRIPTS.iter().find(|(currency, _)| *currency == coin.currency);
        let keys = keys.map_or(&[][..], |(_, keys)| keys);
        keys.iter().map(|text| (Coin::BitcoinLike(coin), *text))
    });
    let keys = ethereum.into_iter().chain(of_scripts);
    keys.map(|(coin, text)| ExtendedPubkey::parse(&coin, text))
        .collect::<Result<_, _>>()
        .expect("the keys above are account keys, as a test reads")
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
