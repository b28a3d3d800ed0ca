//! Sizes of files and memory in messages.

/// A number of bytes for people: rounded up, so that a size above a limit never looks as if it fitted.
pub fn byte_size(n_bytes: u64) -> String {
    match n_bytes {
        1 => "1 byte".to_owned(),
        0..1_024 => format!("{n_bytes} bytes"),
        1_024..1_048_576 => format!("{} KB", n_bytes.div_ceil(1_024)),
        _ => format!("{} MB", n_bytes.div_ceil(1_048_576)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_rounded_up() {
        let shown = [0, 1, 1_023, 1_024, 1_025, 1_048_576, 67_108_865].map(byte_size);
        assert_eq!(shown, ["0 bytes", "1 byte", "1023 bytes", "1 KB", "2 KB", "1 MB", "65 MB"]);
    }
}
