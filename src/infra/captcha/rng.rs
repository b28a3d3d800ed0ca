//! Numbers that follow from a seed.

use sha2::{Digest, Sha256};

/// Everything in a picture is derived from it. Whoever has it can read the picture.
///
/// Shape: 16 random bytes.
pub type Seed = [u8; 16];

/// Numbers that follow from a seed, and from what they are used for.
///
/// Source: SHA-256 in counter mode.
pub struct Stream {
    base: Sha256,
    n_blocks: u64,
    /// What is left of the last block.
    words: Vec<u32>,
}

impl Stream {
    /// `label`: so that the picture does not follow from numbers that the text is made of.
    pub fn new(seed: &Seed, label: &str) -> Self {
        let base = Sha256::new().chain_update("shop captcha 1 ").chain_update(label);
        Self { base: base.chain_update(seed), n_blocks: 0, words: Vec::new() }
    }

    fn word(&mut self) -> u32 {
        if let Some(word) = self.words.pop() {
            return word;
        }
        let block = self.base.clone().chain_update(self.n_blocks.to_le_bytes()).finalize();
        self.n_blocks += 1;
        let words =
            block.chunks_exact(4).map(|four| four.iter().fold(0, |n, b| n << 8 | u32::from(*b)));
        self.words = words.collect();
        self.words.pop().expect("a block has eight words")
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        // The remainder favours no number by more than 2^-20: the ranges are short.
        let n = i64::from(self.word()) % (i64::from(high) - i64::from(low) + 1);
        low + i32::try_from(n).expect("it is below the length of the range")
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let last = i32::try_from(from.len()).expect("a short list") - 1;
        &from[usize::try_from(self.between(0, last)).expect("it is not negative")]
    }
}
