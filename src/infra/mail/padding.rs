//! Pads encrypted messages to a few sizes.

/// Units: bytes before encryption. Longer messages are padded to a multiple of the last step.
const STEPS: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
const NAME: &str = "X-Padding:";
const SHORTEST: usize = NAME.len() + " x\r\n".len();

/// A folded header that no mail reader shows, which pads an entity of `n_bytes` to the next step, so that the length of
/// the ciphertext reveals nothing.
pub fn header(n_bytes: usize) -> String {
    let least = n_bytes + SHORTEST;
    let last = STEPS[STEPS.len() - 1];
    let wanted = STEPS
        .into_iter()
        .find(|step| least <= *step)
        .unwrap_or_else(|| least.div_ceil(last) * last);
    let mut header = format!("{NAME} ");
    let mut rest = wanted - n_bytes - NAME.len() - " \r\n".len();
    while 80 < rest {
        header.push_str(&"x".repeat(70));
        header.push_str("\r\n ");
        rest -= 73;
    }
    header.push_str(&"x".repeat(rest));
    header.push_str("\r\n");
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_padded_to_the_next_step() {
        for n_bytes in (0..9_000).chain([32_754, 32_755, 65_522, 65_523, 200_000]) {
            let header = header(n_bytes);
            let length = n_bytes + header.len();
            assert!(
                STEPS.contains(&length) || length.is_multiple_of(64 << 10),
                "{n_bytes}: {length}"
            );
            assert!(header.ends_with("x\r\n"));
            assert!(header.split("\r\n").all(|line| line.len() <= 92));
            assert!(
                header.split("\r\n").skip(1).all(|line| line.is_empty() || line.starts_with(" x"))
            );
        }
        assert_eq!(header(100).len(), header(3_000).len() + 2_900);
    }
}
