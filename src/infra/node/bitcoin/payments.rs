//! Payments as a Bitcoin node reports them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::domain::payment::BitcoinLike;
use crate::domain::payment::observation::{Observation, WatchedInvoice};
use crate::domain::values::{Amount, Timestamp};

/// Units: Gwei in one satoshi.
const PER_SATOSHI: i64 = 10;
/// Units: satoshi in one coin.
const PER_COIN: i64 = 100_000_000;
/// Units: blocks before the output of a coinbase transaction can be spent.
/// Source: Bitcoin Core, `COINBASE_MATURITY`.
const MATURITY: u32 = 100;
/// Units: seconds that a block's time may be wrong. Source: Bitcoin Core, `MAX_FUTURE_BLOCK_TIME`.
const CLOCKS_DIFFER: i64 = 2 * 60 * 60;

/// An invoice and the script that pays to its address.
pub struct WatchedScript<'a> {
    pub invoice: &'a WatchedInvoice,
    /// Shape: the script in hexadecimal digits.
    pub hex: String,
    /// Units: confirmations; 0: it counts in the mempool.
    pub needed: u32,
}

/// An output that pays to the wallet, as the node reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub txid: String,
    /// `None`: it leaves Litecoin's extension block, and will be an output of the block's own transaction.
    vout: Option<u64>,
    /// In the node's notation.
    address: String,
    satoshi: i64,
    pub confirmations: u32,
    /// The time of its block. Units: Unix seconds.
    pub block_time: Option<i64>,
}

/// Source: Bitcoin Core, `listsinceblock`; Litecoin Core for `mweb_out` and the category `hogex`.
#[derive(Deserialize)]
struct Entry {
    category: String,
    address: Option<String>,
    amount: Number,
    vout: Option<u64>,
    mweb_out: Option<String>,
    generated: Option<bool>,
    confirmations: i64,
    txid: String,
    blocktime: Option<i64>,
    abandoned: Option<bool>,
}

/// Every output received and not reversed, of a coin of which there are not more. `None` if the node's answer has another form.
pub fn parse_outputs(listed: &Value, coin: &BitcoinLike) -> Option<Vec<Output>> {
    let entries: Vec<Entry> = Vec::deserialize(listed.get("transactions")?).ok()?;
    let mut reported = BTreeSet::new();
    let mut outputs = Vec::with_capacity(entries.len());
    for entry in entries {
        // "send" is the seller's own spending, "orphan" a coinbase of an abandoned block. "hogex" is the transaction of a
        // block that pays what leaves its extension block; for six blocks it is "immature".
        if !matches!(entry.category.as_str(), "receive" | "generate" | "immature" | "hogex") {
            continue;
        }
        let is_coinbase = entry.generated == Some(true);
        // Negative: it conflicts with a transaction in a block.
        let Ok(confirmations) = u32::try_from(entry.confirmations.min(i64::from(u32::MAX))) else {
            continue;
        };
        // An output without an address pays to none of the shop's.
        let Some(address) = entry.address else { continue };
        if entry.abandoned == Some(true) {
            continue;
        }
        if entry.vout.is_none() && entry.mweb_out.is_none() {
            return None;
        }
        // Once in a block it is listed twice: here, and as an output of the block's own transaction, which counts.
        if entry.vout.is_none() && 0 < confirmations {
            continue;
        }
        let satoshi = satoshi(&entry.amount, coin.most)?;
        if 0 < confirmations && entry.blocktime.is_none() {
            return None;
        }
        if reported.insert((entry.txid.clone(), entry.vout, address.clone())) {
            outputs.push(Output {
                txid: entry.txid,
                vout: entry.vout,
                address,
                satoshi,
                confirmations: if is_coinbase {
                    confirmations.saturating_sub(MATURITY)
                } else {
                    confirmations
                },
                block_time: entry.blocktime.filter(|_| 0 < confirmations),
            });
        }
    }
    Some(outputs)
}

/// `most`: all coins there will be.
///
/// Source: Bitcoin Core writes coins with eight decimals. The shortest decimal form of the parsed float is the same
/// number again, exact to the satoshi (a test shows it).
fn satoshi(coins: &Number, most: i64) -> Option<i64> {
    let text = coins.to_string();
    let coins = if text.contains(['e', 'E']) {
        Decimal::from_scientific(&text).ok()?
    } else {
        Decimal::from_str(&text).ok()?
    };
    let satoshi = coins.checked_mul(Decimal::from(PER_COIN))?;
    let whole = i64::try_from(satoshi).ok().filter(|_| satoshi.fract().is_zero())?;
    (0..=most.saturating_mul(PER_COIN)).contains(&whole).then_some(whole)
}

/// The time of the scan: never later than now, and not after the day of an order that was left out with no payment
/// seen. It is unknown whether that one was paid, so it must not expire.
pub fn scan_time(deep: Timestamp, now: Timestamp, skipped: &[WatchedScript<'_>]) -> Timestamp {
    let unseen = skipped
        .iter()
        .filter(|script| script.invoice.last.is_none_or(|last| last.seen == Amount::ZERO))
        .map(|script| script.invoice.placed_on);
    unseen.fold(deep.min(now), Timestamp::min)
}

/// `addresses`: script → address in the node's notation.
pub fn observations(
    scripts: &[WatchedScript<'_>],
    outputs: &[Output],
    addresses: &BTreeMap<String, String>,
) -> Vec<(i64, Observation)> {
    let mut owners: BTreeMap<&str, Vec<&WatchedScript<'_>>> = BTreeMap::new();
    for script in scripts {
        if let Some(address) = addresses.get(&script.hex) {
            owners.entry(address).or_default().push(script);
        }
    }
    // An output belongs to one invoice: the one with its exact amount, otherwise the one that owns the address.
    for owners in owners.values_mut() {
        owners.sort_by_key(|script| (script.invoice.has_own_address, script.invoice.id));
    }
    let mut received: BTreeMap<i64, Vec<&Output>> = BTreeMap::new();
    for output in outputs {
        let owners = owners.get(output.address.as_str()).map(Vec::as_slice).unwrap_or_default();
        if let Some(owner) = owners.iter().find(|script| script.is_paid_by(output)) {
            received.entry(owner.invoice.id).or_default().push(output);
        }
    }
    scripts
        .iter()
        .map(|script| {
            let outputs = received.remove(&script.invoice.id).unwrap_or_default();
            (script.invoice.id, observation(&outputs, script.needed))
        })
        .collect()
}

/// `needed`: confirmations; 0: outputs in the mempool count.
fn observation(outputs: &[&Output], needed: u32) -> Observation {
    let sum = |least: u32| {
        let counted = outputs.iter().filter(|output| least <= output.confirmations);
        gwei(counted.fold(0, |sum, output| sum.saturating_add(output.satoshi)))
    };
    Observation {
        seen: sum(0),
        settled: sum(needed),
        confirmations: outputs.iter().map(|output| output.confirmations).min().unwrap_or(0),
        needed,
        // The outputs show what was received, whatever the seller spends.
        is_moved: false,
    }
}

impl WatchedScript<'_> {
    fn is_paid_by(&self, output: &Output) -> bool {
        output.is_since(self.invoice.placed_on)
            && (self.invoice.has_own_address || gwei(output.satoshi) == self.invoice.amount)
    }
}

impl Output {
    fn is_since(&self, placed_on: Timestamp) -> bool {
        let first = placed_on.day_start().get().saturating_sub(CLOCKS_DIFFER);
        self.block_time.is_none_or(|at| first <= at)
    }
}

fn gwei(satoshi: i64) -> Amount {
    Amount::new(satoshi.saturating_mul(PER_SATOSHI)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::payment::observation::Depth;
    use crate::domain::payment::{Address, Coin};

    const DAY: i64 = 1_795_219_200;
    const BITCOIN: &BitcoinLike = &BitcoinLike::ALL[0];
    /// Of which there will be the most.
    const LITECOIN: &BitcoinLike = &BitcoinLike::ALL[1];
    const MAX_SATOSHI: i64 = LITECOIN.most * PER_COIN;

    /// In the node's notation: eight decimals.
    fn coins(satoshi: i64) -> Value {
        let (whole, rest) = (satoshi / 100_000_000, satoshi % 100_000_000);
        serde_json::from_str(&format!("{whole}.{rest:08}")).unwrap()
    }

    fn entry(id: &str, address: &str, satoshi: i64, confirmations: i64) -> Value {
        let mut entry = json!({
            "category": "receive", "address": address, "amount": coins(satoshi), "vout": 0, "txid": id,
            "confirmations": confirmations, "walletconflicts": [], "time": DAY,
        });
        if 0 < confirmations {
            entry["blocktime"] = json!(DAY);
        }
        entry
    }

    fn with(mut entry: Value, name: &str, value: Value) -> Value {
        entry[name] = value;
        entry
    }

    fn read(entries: Vec<Value>) -> Option<Vec<Output>> {
        parse_outputs(&json!({"transactions": entries, "lastblock": "00"}), BITCOIN)
    }

    fn invoice(id: i64, amount: i64, has_own_address: bool) -> WatchedInvoice {
        WatchedInvoice {
            id,
            coin: Coin::BITCOIN,
            address: Address::parse(&Coin::BITCOIN, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")
                .unwrap(),
            amount: gwei(amount),
            has_own_address,
            depth: Depth::Blocks(2),
            placed_on: Timestamp::new(DAY).unwrap(),
            last: None,
        }
    }

    /// The invoices have the scripts "0", "1", …, and the node calls their addresses "a0", "a1", ….
    #[track_caller]
    fn check(
        invoices: &[(WatchedInvoice, &str)],
        entries: Vec<Value>,
        expected: &[(i64, i64, i64, u32)],
    ) {
        let scripts: Vec<WatchedScript<'_>> = invoices
            .iter()
            .map(|(invoice, script)| WatchedScript {
                invoice,
                hex: (*script).to_owned(),
                needed: 2,
            })
            .collect();
        let addresses = invoices
            .iter()
            .map(|(_, script)| ((*script).to_owned(), format!("a{script}")))
            .collect();
        let seen: Vec<(i64, i64, i64, u32)> =
            observations(&scripts, &read(entries).unwrap(), &addresses)
                .iter()
                .map(|(id, seen)| {
                    assert_eq!((seen.needed, seen.is_moved), (2, false));
                    (*id, seen.seen.get() / 10, seen.settled.get() / 10, seen.confirmations)
                })
                .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn outputs_count_by_their_confirmations() {
        let one = [(invoice(7, 1000, true), "0")];
        check(&one, vec![], &[(7, 0, 0, 0)]);
        check(&one, vec![entry("x", "a0", 1000, 0)], &[(7, 1000, 0, 0)]);
        check(&one, vec![entry("x", "a0", 1000, 1)], &[(7, 1000, 0, 1)]);
        check(&one, vec![entry("x", "a0", 1000, 2)], &[(7, 1000, 1000, 2)]);
        check(&one, vec![entry("x", "a0", 400, 9), entry("y", "a0", 600, 1)], &[(7, 1000, 400, 1)]);
        check(&one, vec![entry("x", "a9", 1000, 3)], &[(7, 0, 0, 0)]);
    }

    #[test]
    fn an_output_from_before_the_orders_day_does_not_count() {
        let one = [(invoice(7, 1000, true), "0")];
        let at = |time: i64| with(entry("x", "a0", 1000, 300), "blocktime", json!(time));
        check(&one, vec![at(DAY - 7201)], &[(7, 0, 0, 0)]);
        check(&one, vec![at(DAY - 7200)], &[(7, 1000, 1000, 300)]);
    }

    #[test]
    fn the_time_waits_for_a_skipped_order_and_is_never_in_the_future() {
        let at = |time: i64| Timestamp::new(time).unwrap();
        let (now, seen) = (at(DAY + 900), Observation { seen: gwei(1), ..Observation::NOTHING });
        let with_last = |last| WatchedInvoice { last, ..invoice(7, 1000, true) };
        for (last, deep, expected) in [
            (None, DAY + 600, DAY),
            (Some(Observation::NOTHING), DAY + 600, DAY),
            (Some(seen), DAY + 600, DAY + 600),
            (Some(seen), DAY + 9000, DAY + 900),
            (None, DAY - 600, DAY - 600),
        ] {
            let invoice = with_last(last);
            let skipped = [WatchedScript { invoice: &invoice, hex: "0".to_owned(), needed: 2 }];
            assert_eq!(scan_time(at(deep), now, &skipped), at(expected), "{last:?} {deep}");
        }
        assert_eq!(scan_time(at(DAY + 9000), now, &[]), now);
    }

    #[test]
    fn reversed_outputs_do_not_count() {
        let one = [(invoice(7, 1000, true), "0")];
        for undone in [
            entry("x", "a0", 1000, -1),
            with(entry("x", "a0", 1000, 0), "abandoned", json!(true)),
            with(entry("x", "a0", 1000, 3), "category", json!("orphan")),
        ] {
            check(&one, vec![undone], &[(7, 0, 0, 0)]);
        }
        // The seller spends it: the received amount stays. An output reported twice counts once.
        let spent = with(entry("z", "a5", 0, 4), "category", json!("send"));
        let spent = with(spent, "amount", json!(-0.001));
        let came = entry("x", "a0", 1000, 5);
        check(&one, vec![came.clone(), spent, came], &[(7, 1000, 1000, 5)]);
    }

    #[test]
    fn a_coinbase_output_counts_once_it_can_be_spent() {
        let one = [(invoice(7, 1000, true), "0")];
        let immature = |n: i64| {
            let made = with(entry("x", "a0", 1000, n), "generated", json!(true));
            with(made, "category", json!("immature"))
        };
        check(&one, vec![immature(9)], &[(7, 1000, 0, 0)]);
        check(
            &one,
            vec![with(immature(102), "category", json!("generate"))],
            &[(7, 1000, 1000, 2)],
        );
    }

    #[test]
    fn what_leaves_an_extension_block_counts_once() {
        let one = [(invoice(7, 1000, true), "0")];
        // As litecoind 0.21.2 lists a payment from its extension block: before the block, and in it.
        let leaving = |n: i64| {
            let mut leaving = with(entry("x", "a0", 1000, n), "mweb_out", json!("00".repeat(32)));
            leaving.as_object_mut().unwrap().remove("vout");
            leaving
        };
        let arrived = |n: i64, category: &str| {
            with(entry("block's own", "a0", 1000, n), "category", json!(category))
        };
        check(&one, vec![leaving(0)], &[(7, 1000, 0, 0)]);
        check(&one, vec![leaving(1), arrived(1, "immature")], &[(7, 1000, 0, 1)]);
        check(&one, vec![leaving(2), arrived(2, "immature")], &[(7, 1000, 1000, 2)]);
        check(&one, vec![leaving(7), arrived(7, "hogex")], &[(7, 1000, 1000, 7)]);
        // One transaction that leaves it to two orders.
        let two = [(invoice(7, 1000, true), "0"), (invoice(8, 1000, true), "1")];
        let other = with(leaving(0), "address", json!("a1"));
        check(&two, vec![leaving(0), other], &[(7, 1000, 0, 0), (8, 1000, 0, 0)]);
    }

    #[test]
    fn at_a_shared_address_the_exact_amount_identifies_the_invoice() {
        let both = [(invoice(7, 1000, false), "0"), (invoice(8, 1001, false), "0")];
        check(
            &both,
            vec![entry("x", "a0", 1001, 3), entry("y", "a0", 999, 3), entry("z", "a0", 2001, 3)],
            &[(7, 0, 0, 0), (8, 1001, 1001, 3)],
        );
        // Two with the same amount: no output counts for both.
        let twins = [(invoice(9, 1000, false), "0"), (invoice(8, 1000, false), "0")];
        check(&twins, vec![entry("x", "a0", 1000, 3)], &[(9, 0, 0, 0), (8, 1000, 1000, 3)]);
        // A payment made before the order was placed is not for it.
        let earlier = with(entry("x", "a0", 1000, 300), "blocktime", json!(DAY - 7201));
        check(&both, vec![earlier], &[(7, 0, 0, 0), (8, 0, 0, 0)]);
    }

    #[test]
    fn an_unexpected_answer_is_refused() {
        let good = || entry("x", "a0", 1000, 1);
        assert!(read(vec![good()]).is_some());
        let without = |name: &str| {
            let mut entry = good();
            entry.as_object_mut().unwrap().remove(name);
            entry
        };
        for (name, value) in [
            ("amount", json!("0.1")),
            ("amount", json!(-0.1)),
            ("amount", json!(0.123_456_789)),
            ("amount", json!(21_000_001)),
            ("amount", json!(1e300)),
            ("vout", json!(-1)),
            ("confirmations", json!(1.5)),
            ("confirmations", json!(u64::MAX)),
            ("txid", json!(7)),
            ("blocktime", json!("now")),
        ] {
            assert_eq!(read(vec![with(good(), name, value.clone())]), None, "{name} {value}");
        }
        for name in ["category", "amount", "vout", "confirmations", "txid", "blocktime"] {
            assert_eq!(read(vec![without(name)]), None, "{name}");
        }
        for listed in [json!(null), json!([]), json!({}), json!({"transactions": {}})] {
            assert_eq!(parse_outputs(&listed, BITCOIN), None, "{listed}");
        }
        assert_eq!(read(vec![without("address")]), Some(Vec::new()));
        let deep = read(vec![with(good(), "confirmations", json!(i64::MAX))]).unwrap();
        assert_eq!(deep[0].confirmations, u32::MAX);
    }

    #[test]
    fn an_amount_is_read_to_the_last_satoshi() {
        for n in
            [0, 1, 10, 99_999_999, 100_000_001, 123_456_789_012_345, MAX_SATOSHI - 1, MAX_SATOSHI]
        {
            assert_eq!(satoshi(coins(n).as_number().unwrap(), LITECOIN.most), Some(n));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_amount_is_read_to_the_last_satoshi(n in 0..=MAX_SATOSHI, below in 0..=100_000_i64) {
            for n in [n, MAX_SATOSHI - below, below] {
                prop_assert_eq!(satoshi(coins(n).as_number().unwrap(), LITECOIN.most), Some(n));
            }
        }
    }
}
