use crate::payment::sighting::Followed;
use crate::payment::sighting::Sighting;
use crate::values::Gwei;
use crate::values::Moment;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Number;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::str::FromStr;

/// Units: Gwei in one satoshi.
const PER_SATOSHI: i64 = 10;
/// Units: satoshi that there will ever be.
const MOST_SATOSHI: i64 = 21_000_000 * 100_000_000;
/// Units: blocks before what a miner made for himself can be spent, by him or by whom he pays.
/// Source: Bitcoin Core, `COINBASE_MATURITY`.
const MATURITY: u32 = 100;
/// Units: seconds that a block's own time may be off. Source: Bitcoin Core, `MAX_FUTURE_BLOCK_TIME`.
const CLOCKS_DIFFER: i64 = 2 * 60 * 60;

/// An invoice, with what the node is asked about it.
pub struct Asked<'a> {
    pub followed: &'a Followed,
    /// What pays to it, in hexadecimal digits.
    pub script: String,
    /// Units: confirmations.
    pub needed: u32,
}

/// An output that pays to the wallet, as the node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub transaction: String,
    output: u64,
    /// In the way of writing of the node's network.
    address: String,
    satoshi: i64,
    pub confirmations: u32,
    /// The time of its block. Units: Unix seconds.
    in_block: Option<i64>,
}

/// Source: Bitcoin Core, `listsinceblock`.
#[derive(Deserialize)]
struct Entry {
    category: String,
    address: Option<String>,
    amount: Number,
    vout: Option<u64>,
    confirmations: i64,
    txid: String,
    blocktime: Option<i64>,
    abandoned: Option<bool>,
}

/// Every output that came in and is not undone. `None` where the node's answer is no list of such.
pub fn parts(listed: &Value) -> Option<Vec<Part>> {
    let entries: Vec<Entry> = Vec::deserialize(listed.get("transactions")?).ok()?;
    let mut told = BTreeSet::new();
    let mut parts = Vec::with_capacity(entries.len());
    for entry in entries {
        // "send" is the seller's own spending, "orphan" a block that came to nothing.
        let is_coinbase = matches!(entry.category.as_str(), "generate" | "immature");
        if entry.category != "receive" && !is_coinbase {
            continue;
        }
        // Below zero: a transaction in a block contradicts it.
        let Ok(confirmations) = u32::try_from(entry.confirmations.min(i64::from(u32::MAX))) else {
            continue;
        };
        // What pays to no address pays to none of the shop's.
        let Some(address) = entry.address else { continue };
        if entry.abandoned == Some(true) {
            continue;
        }
        let output = entry.vout?;
        let satoshi = satoshi(&entry.amount)?;
        if 0 < confirmations && entry.blocktime.is_none() {
            return None;
        }
        if told.insert((entry.txid.clone(), output)) {
            parts.push(Part {
                transaction: entry.txid,
                output,
                address,
                satoshi,
                confirmations: if is_coinbase {
                    confirmations.saturating_sub(MATURITY)
                } else {
                    confirmations
                },
                in_block: entry.blocktime.filter(|_| 0 < confirmations),
            });
        }
    }
    Some(parts)
}

/// Source: Bitcoin Core writes coins with eight decimals. The shortest decimal of what the parser made of them is the same number again, to the last
/// satoshi of all (a test shows it).
fn satoshi(coins: &Number) -> Option<i64> {
    let text = coins.to_string();
    let coins = if text.contains(['e', 'E']) {
        Decimal::from_scientific(&text).ok()?
    } else {
        Decimal::from_str(&text).ok()?
    };
    let satoshi = coins.checked_mul(Decimal::from(100_000_000))?;
    let whole = i64::try_from(satoshi).ok().filter(|_| satoshi.fract().is_zero())?;
    (0..=MOST_SATOSHI).contains(&whole).then_some(whole)
}

/// `addresses`: script → address, as the node writes it.
pub fn sightings(
    asked: &[Asked<'_>],
    parts: &[Part],
    addresses: &BTreeMap<String, String>,
) -> Vec<(i64, Sighting)> {
    let mut owners: BTreeMap<&str, Vec<&Asked<'_>>> = BTreeMap::new();
    for one in asked {
        if let Some(address) = addresses.get(&one.script) {
            owners.entry(address).or_default().push(one);
        }
    }
    // An output belongs to one invoice: to the one whose amount it is, else to the one whose address it is.
    for owners in owners.values_mut() {
        owners.sort_by_key(|one| (one.followed.is_alone, one.followed.id));
    }
    let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
    for part in parts {
        let owners = owners.get(part.address.as_str()).map(Vec::as_slice).unwrap_or_default();
        if let Some(owner) = owners.iter().find(|one| one.takes(part)) {
            sums.entry(owner.followed.id).or_default().add(part, owner.needed);
        }
    }
    asked
        .iter()
        .map(|one| {
            let sum = sums.remove(&one.followed.id).unwrap_or_default();
            (one.followed.id, sum.sighting(one.needed))
        })
        .collect()
}

impl Asked<'_> {
    fn takes(&self, part: &Part) -> bool {
        self.followed.is_alone
            || (part.gwei() == self.followed.amount && part.came_after(self.followed.placed_on))
    }
}

impl Part {
    fn gwei(&self) -> Gwei {
        gwei(self.satoshi)
    }

    fn came_after(&self, placed_on: Moment) -> bool {
        self.in_block.is_none_or(|at| placed_on.day_start().get() - CLOCKS_DIFFER <= at)
    }
}

/// Units: satoshi.
#[derive(Default)]
struct Sum {
    seen: i64,
    settled: i64,
    youngest: Option<u32>,
}

impl Sum {
    fn add(&mut self, part: &Part, needed: u32) {
        self.seen = self.seen.saturating_add(part.satoshi);
        if needed <= part.confirmations {
            self.settled = self.settled.saturating_add(part.satoshi);
        }
        let youngest = self.youngest.map_or(part.confirmations, |n| n.min(part.confirmations));
        self.youngest = Some(youngest);
    }

    fn sighting(&self, needed: u32) -> Sighting {
        Sighting {
            seen: gwei(self.seen),
            settled: gwei(self.settled),
            confirmations: self.youngest.unwrap_or(0),
            needed,
            // A chain of outputs tells what came, whatever the seller spends.
            is_moved: false,
        }
    }
}

fn gwei(satoshi: i64) -> Gwei {
    Gwei::new(satoshi.saturating_mul(PER_SATOSHI)).unwrap_or_default()
}
