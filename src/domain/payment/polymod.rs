//! The checksum of eight characters that descriptors and CashAddr have, each with its own generator.

/// Adds five bits to a sum that begins with 1. Units: 40 bits of a sum, 5 of a value.
///
/// Source: BIP-380, `descsum_polymod`; CashAddr's specification, `PolyMod`.
pub fn step(generator: &[u64; 5], sum: u64, value: u64) -> u64 {
    let top = sum >> 35;
    let next = ((sum & 0x7_ffff_ffff) << 5) ^ value;
    let bits = (0..).zip(generator).filter(|(n, _)| (top >> n) & 1 == 1);
    bits.fold(next, |sum, (_, number)| sum ^ number)
}
