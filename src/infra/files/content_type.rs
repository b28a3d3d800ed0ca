//! The type of a file, by its first bytes: browsers are told nothing that the name pretends.

/// Units: bytes that [`of`] looks at.
pub const NEEDED: u64 = 12;

/// A type that no browser executes; anything unknown, and every text, is `application/octet-stream`.
pub fn of(begin: &[u8]) -> &'static str {
    const BEGINNINGS: [(&[u8], &str); 10] = [
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"ID3", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
    ];
    if begin.get(4..8) == Some(b"ftyp") {
        return "video/mp4";
    }
    let known = BEGINNINGS.iter().find(|(bytes, _)| begin.starts_with(bytes));
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_or_a_script_is_never_called_one() {
        for (begin, expected) in [
            (&b"%PDF-1.7"[..], "application/pdf"),
            (b"PK\x03\x04....", "application/zip"),
            (b"\0\0\0\x18ftypmp42", "video/mp4"),
            (b"<html><scri", "application/octet-stream"),
            (b"<svg xmlns=", "application/octet-stream"),
            (b"GIF89a", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(of(begin), expected);
        }
    }
}
