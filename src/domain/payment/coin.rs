//! Coins: units, precision and largest amount.

use crate::domain::payment::{BitcoinLike, KnownToken, NotAnAddress, ethereum_address};
use crate::domain::values::{Amount, Currency};

/// What a buyer pays with.
///
/// Source: chain ids are those of EIP-155, tokens implement ERC-20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coin {
    BitcoinLike(&'static BitcoinLike),
    Monero,
    /// The native coin of an EVM chain. Shape: 1 or more; 1 is Ethereum itself.
    Ether {
        chain: u64,
    },
    /// Shape: `contract` in its EIP-55 form; `decimals` 0 to 36.
    Token {
        chain: u64,
        contract: String,
        decimals: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACoin {
    #[error(
        "supported are {names}, the coin of another EVM chain with its `chain` ID, and a token with its contract address in \
         `token`", names = Coin::names()
    )]
    Unknown,
    #[error("BTC and XMR take no `chain`, `token` or `decimals`")]
    StandsAlone,
    #[error("`chain` is the ID of an EVM chain, 1 or more; 1 is Ethereum mainnet (EIP-155)")]
    Chain,
    #[error("`decimals` is only for tokens: use it together with `token`")]
    DecimalsOfACoin,
    #[error(
        "`decimals` is a whole number from 0 to 36, as in the token contract; the default is 18"
    )]
    Decimals,
    #[error("`token` is {names}, or the address of the token contract: {0}", names = KnownToken::NAMES)]
    Contract(NotAnAddress),
    #[error(
        "{0} is known by this name on Ethereum mainnet (chain 1) only: on another chain give the address of its contract \
         and its `decimals`"
    )]
    KnownElsewhere(&'static str),
    #[error("{symbol} on Ethereum mainnet has {decimals} decimals: leave `decimals` out")]
    KnownDecimals { symbol: &'static str, decimals: u8 },
}

impl Coin {
    pub const BITCOIN: Self = Self::BitcoinLike(&BitcoinLike::ALL[0]);
    const ETHEREUM: u64 = 1;
    /// Units: Gwei in 10^-8 of a coin.
    const PER_SATOSHI: i64 = 10;
    /// Source: ERC-20 leaves it open; 18 is Ethereum's own and nearly every token's.
    const USUAL_DECIMALS: u64 = 18;

    /// # Errors
    /// [`NotACoin`] if the four values do not identify one coin.
    pub fn parse(
        currency: &Currency,
        chain: Option<u64>,
        token: Option<&str>,
        decimals: Option<u64>,
    ) -> Result<Self, NotACoin> {
        match (currency.as_str(), chain, token, decimals) {
            (name, None, None, None) if let Some(coin) = BitcoinLike::of_currency(name) => {
                Ok(Self::BitcoinLike(coin))
            }
            ("XMR", None, None, None) => Ok(Self::Monero),
            ("BTC" | "XMR", ..) => Err(NotACoin::StandsAlone),
            (_, Some(0), ..) => Err(NotACoin::Chain),
            (_, chain, Some(contract), decimals) => Self::token(chain, contract, decimals),
            (_, _, None, Some(_)) => Err(NotACoin::DecimalsOfACoin),
            (_, Some(chain), None, None) => Ok(Self::Ether { chain }),
            ("ETH", None, None, None) => Ok(Self::Ether { chain: Self::ETHEREUM }),
            (_, None, None, None) => Err(NotACoin::Unknown),
        }
    }

    /// The currencies that are known without a chain or a token: `BTC, LTC, XMR, ETH`.
    pub fn names() -> String {
        let names = BitcoinLike::ALL.iter().map(|coin| coin.currency);
        names.chain(["XMR", "ETH"]).collect::<Vec<_>>().join(", ")
    }

    fn token(chain: Option<u64>, contract: &str, decimals: Option<u64>) -> Result<Self, NotACoin> {
        if let Some(KnownToken { symbol, contract, decimals: known }) = KnownToken::find(contract) {
            if chain.is_some_and(|chain| chain != Self::ETHEREUM) {
                return Err(NotACoin::KnownElsewhere(symbol));
            }
            if decimals.is_some_and(|decimals| decimals != u64::from(*known)) {
                return Err(NotACoin::KnownDecimals { symbol, decimals: *known });
            }
            let contract = (*contract).to_owned();
            return Ok(Self::Token { chain: Self::ETHEREUM, contract, decimals: *known });
        }
        let decimals = match u8::try_from(decimals.unwrap_or(Self::USUAL_DECIMALS)) {
            Ok(decimals @ 0..=36) => decimals,
            _ => return Err(NotACoin::Decimals),
        };
        let chain = chain.unwrap_or(Self::ETHEREUM);
        let contract = ethereum_address::parse(contract).map_err(NotACoin::Contract)?;
        Ok(Self::Token { chain, contract, decimals })
    }

    /// Whether it is paid on an EVM chain.
    pub fn is_evm(&self) -> bool {
        matches!(self, Self::Ether { .. } | Self::Token { .. })
    }

    /// The smallest step of a price in this coin: every amount due is a multiple of it.
    ///
    /// Units: Gwei. Bitcoin and coins like it divide into 10^8, a token into 10^decimals of its units.
    pub fn grain(&self) -> Amount {
        match self {
            Self::BitcoinLike(_) => gwei(Self::PER_SATOSHI),
            Self::Token { decimals, .. } => {
                gwei(10_i64.pow(9_u32.saturating_sub(u32::from(*decimals))))
            }
            Self::Monero | Self::Ether { .. } => gwei(1),
        }
    }

    /// The smallest amount that can be paid at all; a multiple of [`Coin::grain`].
    ///
    /// Units: Gwei.
    pub fn least(&self) -> Amount {
        match self {
            Self::BitcoinLike(coin) => gwei(coin.dust * Self::PER_SATOSHI),
            Self::Monero | Self::Ether { .. } | Self::Token { .. } => self.grain(),
        }
    }

    /// The largest total of an order in this coin; a multiple of [`Coin::grain`].
    ///
    /// Units: Gwei.
    /// Source: there will be fewer than 100 million Monero in this century. From 10^21 units on (1000 coins of 18
    /// decimals), the usual parser of EIP-681 links formats a number as `9.00e+24`, which wallets cannot read.
    pub fn most(&self) -> Amount {
        match self {
            Self::BitcoinLike(coin) => gwei(coin.most * Amount::PER_COIN),
            Self::Monero => gwei(100_000_000 * Amount::PER_COIN),
            Self::Ether { .. } => gwei(1_000 * Amount::PER_COIN - 1),
            Self::Token { decimals, .. } => {
                let more = 10_i64.pow(18_u32.saturating_sub(u32::from(*decimals)).min(5));
                gwei(1_000 * more * Amount::PER_COIN - self.grain().get())
            }
        }
    }

    /// The internal name of its network: `bitcoin`, `monero`, `chain:1`.
    pub fn network(&self) -> String {
        match self {
            Self::BitcoinLike(coin) => coin.network.to_owned(),
            Self::Monero => "monero".to_owned(),
            Self::Ether { chain } | Self::Token { chain, .. } => format!("chain:{chain}"),
        }
    }

    /// The display name of what is paid on a network.
    pub fn name_of_network(network: &str) -> String {
        let chain = network.split_once(':').and_then(|(_, chain)| chain.parse().ok());
        match (chain, BitcoinLike::of_network(network)) {
            (Some(chain), _) => Self::Ether { chain }.name(),
            (None, Some(coin)) => coin.name.to_owned(),
            (None, None) => Self::Monero.name(),
        }
    }

    /// The display name: `Bitcoin`, `Ethereum mainnet`.
    pub fn name(&self) -> String {
        match self {
            Self::BitcoinLike(coin) => coin.name.to_owned(),
            Self::Monero => "Monero".to_owned(),
            Self::Ether { chain: Self::ETHEREUM } => "Ethereum mainnet".to_owned(),
            Self::Ether { chain } => format!("EVM chain {chain}"),
            Self::Token { chain: Self::ETHEREUM, .. } => "token on Ethereum mainnet".to_owned(),
            Self::Token { chain, .. } => format!("token on EVM chain {chain}"),
        }
    }
}

fn gwei(n: i64) -> Amount {
    Amount::new(n).expect("no number in this file is below zero")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

    type Words<'a> = (&'a str, Option<u64>, Option<&'a str>, Option<u64>);

    fn parse((currency, chain, token, decimals): Words<'_>) -> Result<Coin, NotACoin> {
        Coin::parse(&Currency::parse(currency).unwrap(), chain, token, decimals)
    }

    #[track_caller]
    fn check(words: Words<'_>, expected: Result<Coin, NotACoin>) {
        assert_eq!(parse(words), expected, "{words:?}");
    }

    fn token(decimals: u8) -> Coin {
        Coin::Token { chain: 1, contract: USDC.to_owned(), decimals }
    }

    #[test]
    fn a_coin_is_known_by_its_currency_chain_and_contract() {
        check(("BTC", None, None, None), Ok(Coin::BITCOIN));
        check(("DOGE", None, None, None), Ok(Coin::BitcoinLike(&BitcoinLike::ALL[2])));
        // Of an EVM chain, whatever its name.
        check(("DOGE", Some(2_000), None, None), Ok(Coin::Ether { chain: 2_000 }));
        check(("XMR", None, None, None), Ok(Coin::Monero));
        check(("ETH", None, None, None), Ok(Coin::Ether { chain: 1 }));
        check(("ETH", Some(31337), None, None), Ok(Coin::Ether { chain: 31337 }));
        check(("POL", Some(137), None, None), Ok(Coin::Ether { chain: 137 }));
        check(("USDC", None, Some(USDC), Some(6)), Ok(token(6)));
        check(("USDC", Some(1), Some(&USDC.to_lowercase()), None), Ok(token(18)));
    }

    #[test]
    fn a_known_token_needs_only_its_name() {
        check(("USDC", None, Some("USDC"), None), Ok(token(6)));
        check(("USDC", Some(1), Some("usdc"), Some(6)), Ok(token(6)));
        let dai = "0x6B175474E89094C44Da98b954EedeAC495271d0F".to_owned();
        let dai = Coin::Token { chain: 1, contract: dai, decimals: 18 };
        check(("DAI", None, Some("DAI"), None), Ok(dai));
        let usdt = "0xdAC17F958D2ee523a2206206994597C13D831ec7".to_owned();
        let usdt = Coin::Token { chain: 1, contract: usdt, decimals: 6 };
        check(("USDT", None, Some("USDT"), None), Ok(usdt));
        check(("USDC", Some(137), Some("USDC"), None), Err(NotACoin::KnownElsewhere("USDC")));
        let wrong = NotACoin::KnownDecimals { symbol: "DAI", decimals: 18 };
        check(("DAI", None, Some("DAI"), Some(6)), Err(wrong));
        let unknown = NotACoin::Contract(NotAnAddress::NotEthereum);
        assert!(unknown.to_string().contains("USDT, USDC or DAI"));
        check(("EURC", None, Some("EURC"), None), Err(unknown));
    }

    #[test]
    fn what_is_not_one_coin_is_refused_with_what_is_known() {
        check(("DASH", None, None, None), Err(NotACoin::Unknown));
        check(("BTC", Some(1), None, None), Err(NotACoin::StandsAlone));
        check(("XMR", None, Some(USDC), None), Err(NotACoin::StandsAlone));
        check(("BTC", None, None, Some(8)), Err(NotACoin::StandsAlone));
        check(("ETH", Some(0), None, None), Err(NotACoin::Chain));
        check(("ETH", None, None, Some(18)), Err(NotACoin::DecimalsOfACoin));
        for decimals in [37, 256, u64::MAX] {
            check(("USDC", None, Some(USDC), Some(decimals)), Err(NotACoin::Decimals));
        }
        let short = NotACoin::Contract(NotAnAddress::EthereumDigits { n_digits: 6 });
        check(("USDC", None, Some("0x123abc"), None), Err(short));
        for word in ["BTC", "LTC", "DOGE", "BCH", "ZEC", "XMR", "ETH", "`chain`", "`token`"] {
            assert!(NotACoin::Unknown.to_string().contains(word), "{word}");
        }
    }

    #[test]
    fn a_price_has_no_smaller_step_than_the_coin() {
        let grain = |coin: &Coin| coin.grain().get();
        assert_eq!(grain(&Coin::BITCOIN), 10);
        assert_eq!(grain(&Coin::Monero), 1);
        assert_eq!(grain(&Coin::Ether { chain: 1 }), 1);
        assert_eq!(
            [0, 6, 8, 9, 18, 36].map(|decimals| grain(&token(decimals))),
            [1_000_000_000, 1_000, 10, 1, 1, 1]
        );
    }

    #[test]
    fn an_order_costs_less_than_1000_coins_where_links_cannot_say_more() {
        assert_eq!(Coin::Ether { chain: 1 }.most().to_string(), "999.999999999");
        assert_eq!(token(6).most().to_string(), "99999999.999999");
        assert_eq!(token(0).most().to_string(), "99999999");
        let like = BitcoinLike::ALL.iter().map(Coin::BitcoinLike);
        let others = [Coin::Monero, Coin::Ether { chain: 1 }, token(6), token(36)];
        for coin in like.chain(others) {
            assert!(coin.grain() <= coin.least() && coin.least() < coin.most(), "{coin:?}");
            assert_eq!(coin.most().get() % coin.grain().get(), 0, "{coin:?}");
        }
    }

    proptest! {
        #[test]
        fn no_words_panic(chain: Option<u64>, token in proptest::option::of(".*"), decimals: Option<u64>) {
            for currency in ["ETH", "BTC", "DAI"] {
                let _ = parse((currency, chain, token.as_deref(), decimals));
            }
        }
    }
}
