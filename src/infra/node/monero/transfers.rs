//! Transfers as a Monero wallet reports them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::domain::payment::{Depth, Observation, WatchedInvoice};
use crate::domain::values::{Amount, Timestamp};

/// Units: piconero in a Gwei of the shop; 1 XMR = 10^12 piconero.
const PICONERO: u128 = 1_000;
/// A block's time may be this much earlier than its creation. Source: Monero accepts blocks up to two hours off.
const BLOCK_TIME_MINUTES: i64 = 120;

/// An amount that one transaction paid to one address. Source: Monero's wallet RPC, `get_transfers`.
#[derive(Clone, Debug, Deserialize)]
pub struct Transfer {
    pub txid: String,
    /// The receiving subaddress, or the primary address.
    pub address: String,
    /// Shape: 16 hexadecimal digits; zeros if there is none.
    pub payment_id: String,
    /// Units: piconero.
    pub amount: u64,
    /// Units: Unix seconds; of its block, or of its arrival in the pool.
    pub timestamp: i64,
    /// A block number or Unix seconds: until then the receiver cannot spend it. 0: no limit.
    pub unlock_time: u64,
    pub locked: bool,
    pub double_spend_seen: bool,
    /// Absent while it is in no block.
    #[serde(default)]
    pub confirmations: u64,
}

#[derive(Debug, Default, Deserialize)]
pub struct Transfers {
    #[serde(default, rename = "in")]
    pub in_blocks: Vec<Transfer>,
    #[serde(default)]
    pub pool: Vec<Transfer>,
}

impl Transfers {
    /// The observation of each invoice. `paid`: transaction → invoice, for addresses that several share; new matches
    /// are added, so that a transaction stays with the order it was counted for.
    pub fn observations(
        &self,
        invoices: &[WatchedInvoice],
        paid: &mut BTreeMap<String, i64>,
    ) -> Vec<(i64, Observation)> {
        paid.retain(|_, id| invoices.iter().any(|invoice| invoice.id == *id));
        let mut alone: BTreeMap<String, &WatchedInvoice> = BTreeMap::new();
        let mut shared: BTreeMap<String, Vec<&WatchedInvoice>> = BTreeMap::new();
        for invoice in invoices {
            if invoice.has_own_address {
                alone.insert(destination_of(invoice), invoice);
            } else {
                shared.entry(destination_of(invoice)).or_default().push(invoice);
            }
        }

        let mut received: BTreeMap<i64, Vec<&Transfer>> = BTreeMap::new();
        let mut counted = BTreeSet::new();
        // Blocks first: a transfer that has just been mined may be in both lists.
        for transfer in self.in_blocks.iter().chain(&self.pool) {
            let destination = transfer.destination();
            if transfer.double_spend_seen || !counted.insert((&transfer.txid, destination.clone()))
            {
                continue;
            }
            let invoice = match (alone.get(&destination), shared.get(&destination)) {
                (Some(invoice), _) => transfer.is_after_order(invoice).then_some(invoice.id),
                (None, Some(invoices)) => transfer.match_exact_amount(invoices, paid),
                (None, None) => None,
            };
            if let Some(id) = invoice {
                received.entry(id).or_default().push(transfer);
            }
        }
        let none = Vec::new();
        invoices
            .iter()
            .map(|invoice| {
                (invoice.id, observation(invoice, received.get(&invoice.id).unwrap_or(&none)))
            })
            .collect()
    }
}

impl Transfer {
    /// The destination, in the form of [`destination_of`].
    fn destination(&self) -> String {
        if self.payment_id.len() == 16 && self.payment_id.bytes().any(|byte| byte != b'0') {
            // Subaddresses have no payment ids: one that a sender adds is ignored.
            if self.address.starts_with('4') {
                return self.payment_id.to_ascii_lowercase();
            }
        }
        self.address.clone()
    }

    fn match_exact_amount(
        &self,
        invoices: &[&WatchedInvoice],
        paid: &mut BTreeMap<String, i64>,
    ) -> Option<i64> {
        let fits = |invoice: &WatchedInvoice| {
            let due = u128::from(invoice.amount.get().unsigned_abs()) * PICONERO;
            u128::from(self.amount) == due && self.is_after_order(invoice)
        };
        let fitting: Vec<i64> =
            invoices.iter().filter(|invoice| fits(invoice)).map(|invoice| invoice.id).collect();
        if let Some(id) = paid.get(&self.txid)
            && fitting.contains(id)
        {
            return Some(*id);
        }
        // No two open orders have the same amount; among those watched less closely, one that awaits payment is
        // preferred to one that was paid.
        let waiting = fitting.iter().find(|id| !paid.values().any(|other| other == *id));
        let id = *waiting.or(fitting.first())?;
        paid.insert(self.txid.clone(), id);
        Some(id)
    }

    /// An earlier transfer is for something else: an older order with this amount, or the seller's own, at a subaddress
    /// that was used before the shop had it.
    fn is_after_order(&self, invoice: &WatchedInvoice) -> bool {
        Timestamp::new(self.timestamp)
            .is_ok_and(|at| invoice.placed_on <= at.plus_minutes(BLOCK_TIME_MINUTES))
    }

    fn is_settled(&self, needed: u32) -> bool {
        // A sender can lock a transfer for years: it counts once it can be spent.
        u64::from(needed) <= self.confirmations && (self.unlock_time == 0 || !self.locked)
    }
}

/// A payment id, or the address if there is none: a transfer to an integrated address reports the two separately.
fn destination_of(invoice: &WatchedInvoice) -> String {
    match invoice.address.payment_id() {
        Some(id) => data_encoding::HEXLOWER.encode(&id),
        None => invoice.address.as_str().to_owned(),
    }
}

fn observation(invoice: &WatchedInvoice, received: &[&Transfer]) -> Observation {
    let needed = needed(invoice.depth);
    let settled = received.iter().filter(|transfer| transfer.is_settled(needed));
    let confirmations = received
        .iter()
        .map(|transfer| {
            let n = u32::try_from(transfer.confirmations).unwrap_or(u32::MAX);
            // A locked transfer has enough confirmations but does not count: it is shown with one too few.
            if transfer.is_settled(needed) { n } else { n.min(needed.saturating_sub(1)) }
        })
        .min();
    Observation {
        seen: sum(received.iter().copied()),
        settled: sum(settled.copied()),
        confirmations: confirmations.unwrap_or(0),
        needed,
        // The wallet reports what was received, whatever was spent since.
        is_moved: false,
    }
}

fn sum<'a>(received: impl Iterator<Item = &'a Transfer>) -> Amount {
    let piconero: u128 = received.map(|transfer| u128::from(transfer.amount)).sum();
    let gwei = i64::try_from(piconero / PICONERO).unwrap_or(i64::MAX);
    Amount::new(gwei).expect("a sum of amounts is not below zero")
}

/// Monero has no final blocks: this is how long wallets wait before they spend. Source: Monero's consensus rules.
pub const USUAL_DEPTH: u32 = 10;

/// How many confirmations a payment needs; 0: it counts in the pool.
pub fn needed(depth: Depth) -> u32 {
    match depth {
        Depth::Blocks(n) => n,
        Depth::Final => USUAL_DEPTH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::{Address, Coin, Depth};

    const PRIMARY: &str = "46BN3P4tsCMNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTJmDHf39";
    const SUBADDRESS: &str = "87TTHe2tAJ5gnm1mS3PYekQegxTrf2Kg1Nt4mMg2neWybKb7eKfvS4ZBoHB6zfSeoPGmaZfVTRjVx9QeoUA4Dg9xMB3R6Nn";
    /// With the payment id 0102030405060708.
    const INTEGRATED: &str = "4Ft34BtPUTsNSdumyuqRQmcnSkET7uetA2vAMGcKMxPphrHM5JgFg3UHF8PPqr4493ZyNd2VAAn7FbuwYNtzm1dTTG8pfi7yVdp1xxL437";
    const NO_ID: &str = "0000000000000000";
    const DAY: i64 = 1_795_219_200;

    fn invoice(id: i64, address: &str, amount: i64, has_own_address: bool) -> WatchedInvoice {
        WatchedInvoice {
            id,
            coin: Coin::Monero,
            address: Address::parse(&Coin::Monero, address).unwrap(),
            amount: Amount::new(amount).unwrap(),
            has_own_address,
            depth: Depth::Blocks(10),
            placed_on: Timestamp::new(DAY).unwrap(),
            last: None,
        }
    }

    fn transfer(txid: &str, address: &str, amount: u64, confirmations: u64) -> Transfer {
        Transfer {
            txid: txid.to_owned(),
            address: address.to_owned(),
            payment_id: NO_ID.to_owned(),
            amount,
            timestamp: DAY + 3_600,
            unlock_time: 0,
            locked: confirmations < 10,
            double_spend_seen: false,
            confirmations,
        }
    }

    /// Seen, settled, confirmations of each invoice.
    fn scan(
        invoices: &[WatchedInvoice],
        in_blocks: &[Transfer],
        pool: &[Transfer],
    ) -> Vec<(i64, i64, i64, u32)> {
        let transfers = Transfers { in_blocks: in_blocks.to_vec(), pool: pool.to_vec() };
        let observations = transfers.observations(invoices, &mut BTreeMap::new());
        let figures = |(id, observation): (i64, Observation)| {
            (id, observation.seen.get(), observation.settled.get(), observation.confirmations)
        };
        observations.into_iter().map(figures).collect()
    }

    #[test]
    fn parts_are_added_up_and_the_youngest_tells_how_deep() {
        let order = [invoice(7, SUBADDRESS, 1_000, true)];
        assert_eq!(scan(&order, &[], &[]), [(7, 0, 0, 0)]);
        let (old, young) =
            (transfer("a", SUBADDRESS, 600_999, 12), transfer("b", SUBADDRESS, 400_001, 3));
        assert_eq!(scan(&order, std::slice::from_ref(&old), &[]), [(7, 600, 600, 12)]);
        // Fractions are cut off from the sum only.
        assert_eq!(scan(&order, &[old.clone(), young.clone()], &[]), [(7, 1_001, 600, 3)]);
        assert_eq!(
            scan(&order, &[old], &[transfer("b", SUBADDRESS, 400_001, 0)]),
            [(7, 1_001, 600, 0)]
        );
    }

    #[test]
    fn a_transfer_from_before_the_order_does_not_count() {
        let order = [invoice(7, SUBADDRESS, 1_000, true)];
        let old = Transfer { timestamp: DAY - 86_400, ..transfer("a", SUBADDRESS, 1_000_000, 700) };
        assert_eq!(scan(&order, &[old], &[]), [(7, 0, 0, 0)]);
        // A block's time is inexact.
        let early = Transfer { timestamp: DAY - 3_600, ..transfer("a", SUBADDRESS, 1_000_000, 10) };
        assert_eq!(scan(&order, &[early], &[]), [(7, 1_000, 1_000, 10)]);
    }

    #[test]
    fn a_transaction_in_both_lists_counts_once() {
        let order = [invoice(7, SUBADDRESS, 1_000, true)];
        let mined = transfer("a", SUBADDRESS, 1_000_000, 1);
        let seen = transfer("a", SUBADDRESS, 1_000_000, 0);
        assert_eq!(scan(&order, &[mined], &[seen]), [(7, 1_000, 0, 1)]);
    }

    #[test]
    fn double_spent_and_locked_transfers_do_not_count() {
        let order = [invoice(7, SUBADDRESS, 1_000, true)];
        let twice = Transfer { double_spend_seen: true, ..transfer("a", SUBADDRESS, 1_000_000, 0) };
        assert_eq!(scan(&order, &[], &[twice]), [(7, 0, 0, 0)]);
        let locked = Transfer {
            unlock_time: 9_999_999,
            locked: true,
            ..transfer("a", SUBADDRESS, 1_000_000, 50)
        };
        assert_eq!(scan(&order, std::slice::from_ref(&locked), &[]), [(7, 1_000, 0, 9)]);
        let free = Transfer { locked: false, ..locked };
        assert_eq!(scan(&order, &[free], &[]), [(7, 1_000, 1_000, 50)]);
    }

    #[test]
    fn one_confirmation_is_enough_where_one_is_asked_for() {
        // The wallet reports everything with less than ten confirmations as locked.
        let order =
            [WatchedInvoice { depth: Depth::Blocks(1), ..invoice(7, SUBADDRESS, 1_000, true) }];
        let young = transfer("a", SUBADDRESS, 1_000_000, 1);
        assert_eq!(scan(&order, &[young], &[]), [(7, 1_000, 1_000, 1)]);
    }

    #[test]
    fn a_payment_id_a_subaddress_and_the_primary_address_are_three_destinations() {
        let orders = [
            invoice(1, INTEGRATED, 1_000, true),
            invoice(2, SUBADDRESS, 1_000, true),
            invoice(3, PRIMARY, 1_000, false),
        ];
        let with_id = Transfer {
            payment_id: "0102030405060708".to_owned(),
            ..transfer("a", PRIMARY, 1_000_000, 10)
        };
        assert_eq!(
            scan(&orders, std::slice::from_ref(&with_id), &[]),
            [(1, 1_000, 1_000, 10), (2, 0, 0, 0), (3, 0, 0, 0)]
        );
        let other_id = Transfer { payment_id: "f102030405060708".to_owned(), ..with_id.clone() };
        assert_eq!(scan(&orders, &[other_id], &[]), [(1, 0, 0, 0), (2, 0, 0, 0), (3, 0, 0, 0)]);
        let to_subaddress = Transfer { address: SUBADDRESS.to_owned(), ..with_id };
        assert_eq!(
            scan(&orders, &[to_subaddress], &[]),
            [(1, 0, 0, 0), (2, 1_000, 1_000, 10), (3, 0, 0, 0)]
        );
    }

    #[test]
    fn a_shared_address_is_paid_by_the_exact_amount_alone() {
        let orders = [invoice(1, PRIMARY, 1_000, false), invoice(2, PRIMARY, 1_001, false)];
        let first = transfer("a", PRIMARY, 1_000_000, 10);
        let second = transfer("b", PRIMARY, 1_001_000, 2);
        let neither = transfer("c", PRIMARY, 1_000_001, 10);
        let old = Transfer { timestamp: DAY - 86_400, ..transfer("d", PRIMARY, 1_000_000, 90) };
        assert_eq!(
            scan(&orders, &[first, second, neither, old], &[]),
            [(1, 1_000, 1_000, 10), (2, 1_001, 0, 2)]
        );
    }

    #[test]
    fn a_transaction_stays_with_the_order_that_it_was_counted_for() {
        let (first, second) =
            (invoice(1, PRIMARY, 1_000, false), invoice(2, PRIMARY, 1_000, false));
        let pays = |txid| transfer(txid, PRIMARY, 1_000_000, 10);
        let mut paid = BTreeMap::from([("b".to_owned(), 2)]);
        let transfers = Transfers { in_blocks: vec![pays("a"), pays("b")], pool: Vec::new() };
        let observations = transfers.observations(&[first.clone(), second.clone()], &mut paid);
        let seen: Vec<i64> =
            observations.iter().map(|(_, observation)| observation.seen.get()).collect();
        assert_eq!(seen, [1_000, 1_000]);
        assert_eq!(paid, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
        // Invoices that are no longer watched are forgotten.
        Transfers::default().observations(&[second], &mut paid);
        assert_eq!(paid, BTreeMap::from([("b".to_owned(), 2)]));
    }

    #[test]
    fn amounts_are_capped_at_the_maximum() {
        let order = [invoice(7, SUBADDRESS, 1_000, true)];
        let received: Vec<Transfer> =
            (0..2_000).map(|n| transfer(&n.to_string(), SUBADDRESS, u64::MAX, 10)).collect();
        assert_eq!(scan(&order, &received, &[]), [(7, i64::MAX, i64::MAX, 10)]);
    }
}
