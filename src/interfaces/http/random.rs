//! Random bytes.

/// From the operating system's generator.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("a host without a source of chance cannot keep a shop");
    bytes
}
