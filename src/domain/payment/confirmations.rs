//! How many confirmations a payment needs.

use crate::domain::payment::{Coin, Depth};
use crate::domain::values::{Amount, Currency};

/// How many confirmations payments need, by currency and amount.
///
/// Shape: rules separated by spaces, `CURRENCY=DEPTH` or `CURRENCY>AMOUNT=DEPTH`; a depth is a number of blocks, 0 to
/// 1000, or `final`. `BTC=1 BTC>0.05=3 ETH=final`. 0, a payment that is in no block yet, is only for the coins whose
/// nodes report such payments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmations(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    currency: Currency,
    /// It applies only to larger amounts.
    above: Amount,
    depth: Depth,
}

impl Confirmations {
    /// Source: ten blocks of Monero unlock an output (Monero's consensus rules). Ethereum has explicit finality.
    const OF_MONERO: Depth = Depth::Blocks(10);

    pub fn parse(text: &str) -> Option<Self> {
        text.split_whitespace().map(Rule::parse).collect::<Option<_>>().map(Self)
    }

    /// The currencies in which a payment may count before it is in a block, in the order of the rules.
    pub fn zero_confirmation(&self) -> Vec<&Currency> {
        let mut found = Vec::new();
        for rule in self.0.iter().filter(|rule| rule.depth == Depth::Blocks(0)) {
            if !found.contains(&&rule.currency) {
                found.push(&rule.currency);
            }
        }
        found
    }

    /// The rule with the largest amount that this one exceeds; without one, the coin's default.
    pub fn depth(&self, currency: &Currency, coin: &Coin, amount: Amount) -> Depth {
        let holding =
            self.0.iter().filter(|rule| rule.currency == *currency && rule.above < amount);
        holding.max_by_key(|rule| rule.above).map_or(
            match coin {
                Coin::BitcoinLike(coin) => Depth::Blocks(coin.confirmations),
                Coin::Monero => Self::OF_MONERO,
                Coin::Ether { .. } | Coin::Token { .. } => Depth::Final,
            },
            |rule| rule.depth,
        )
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let (what, depth) = text.split_once('=')?;
        let (currency, above) = match what.split_once('>') {
            Some((currency, above)) => (currency, Amount::parse_coins(above).ok()?),
            None => (what, Amount::ZERO),
        };
        let currency = Currency::parse(currency).ok()?;
        let least = u32::from(!reports_mempool(&currency));
        let depth = match depth {
            "final" => Depth::Final,
            _ => Depth::Blocks(depth.parse().ok().filter(|n| (least..=1_000).contains(n))?),
        };
        Some(Self { currency, above, depth })
    }
}

/// Whether the coin's node reports payments that are in no block yet: on EVM chains only balances are read.
fn reports_mempool(currency: &Currency) -> bool {
    match Coin::parse(currency, None, None, None) {
        Ok(Coin::BitcoinLike(coin)) => coin.chain.is_some(),
        Ok(Coin::Monero) => true,
        Ok(Coin::Ether { .. } | Coin::Token { .. }) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &str, currency: &str, amount: &str, expected: Depth) {
        let rules = Confirmations::parse(rules).unwrap();
        let currency = Currency::parse(currency).unwrap();
        let coin = Coin::parse(&currency, None, None, None).unwrap();
        let amount = Amount::parse_coins(amount).unwrap();
        assert_eq!(rules.depth(&currency, &coin, amount), expected, "{currency} {amount}");
    }

    #[test]
    fn without_a_rule_each_coin_has_its_own_depth() {
        check("", "BTC", "1", Depth::Blocks(2));
        check("", "LTC", "1", Depth::Blocks(6));
        check("", "XMR", "1", Depth::Blocks(10));
        check("BTC=6", "ETH", "1", Depth::Final);
    }

    #[test]
    fn larger_amounts_may_have_to_lie_deeper() {
        let rules = "BTC=1 BTC>0.05=3 BTC>1=6 ETH=12 eth>5=final";
        check(rules, "BTC", "0.01", Depth::Blocks(1));
        check(rules, "BTC", "0.05", Depth::Blocks(1));
        check(rules, "BTC", "0.051", Depth::Blocks(3));
        check(rules, "BTC", "20", Depth::Blocks(6));
        check(rules, "ETH", "5", Depth::Blocks(12));
        check(rules, "ETH", "6", Depth::Final);
        // A rule for large amounts does not change small ones.
        check("BTC>1=6", "BTC", "0.5", Depth::Blocks(2));
    }

    #[test]
    fn a_payment_in_no_block_may_count_where_nodes_report_it() {
        let rules = "XMR=0 BTC>0.001=1 BTC=0 BTC>0.01=3";
        check(rules, "XMR", "5", Depth::Blocks(0));
        check(rules, "BTC", "0.001", Depth::Blocks(0));
        check(rules, "BTC", "0.002", Depth::Blocks(1));
        check(rules, "BTC", "1", Depth::Blocks(3));
        let names = |rules: &str| {
            let rules = Confirmations::parse(rules).unwrap();
            rules
                .zero_confirmation()
                .iter()
                .map(|currency| currency.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(rules), ["XMR", "BTC"]);
        assert_eq!(names("XMR=0 XMR>2=0"), ["XMR"]);
        assert!(names("XMR=10 BTC=1").is_empty());
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused() {
        for text in [
            "BTC",
            "ETH=0",
            "DOGE=0",
            "USDC=0",
            "POL>1=0",
            "BTC=-1",
            "BTC=1001",
            "BTC=six",
            "=1",
            "BTC>=2",
            "BTC>x=2",
            "ETH=Final",
        ] {
            assert_eq!(Confirmations::parse(text), None, "{text}");
        }
    }
}
