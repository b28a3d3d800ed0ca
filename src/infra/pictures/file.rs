//! Names of rendered files, derived from their content.

use sha2::{Digest, Sha256};

/// The name of a rendered file; it is derived from the file's bytes, so equal pictures are one file.
///
/// Shape: 32 lowercase hex digits, a dot, `webp`, `jpg` or `png`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PictureFile(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a picture file is named by 32 hex digits and .webp, .jpg or .png")]
pub struct NotAPictureFile;

impl PictureFile {
    const N_DIGITS: usize = 32;

    /// # Errors
    /// [`NotAPictureFile`] for any other shape; capital letters are refused, since each file has only one name.
    pub fn parse(text: &str) -> Result<Self, NotAPictureFile> {
        let (digits, ending) = text.split_once('.').ok_or(NotAPictureFile)?;
        let shape = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !shape || digits.len() != Self::N_DIGITS || !matches!(ending, "webp" | "jpg" | "png") {
            return Err(NotAPictureFile);
        }
        Ok(Self(text.to_owned()))
    }

    pub(super) fn of(bytes: &[u8], format: Format) -> Self {
        let digits = hex(&Sha256::digest(bytes));
        Self(format!("{}.{}", &digits[..Self::N_DIGITS], format.ending()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Source: the media types of RFC 2046, RFC 2083 and RFC 9649.
    pub fn content_type(&self) -> &'static str {
        match self.0.rsplit_once('.') {
            Some((_, "webp")) => "image/webp",
            Some((_, "png")) => "image/png",
            _ => "image/jpeg",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    WebP,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file as it is sent to the buyer: pixels and nothing else.
pub struct Rendered {
    pub file: PictureFile,
    pub bytes: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotAPictureFile>) {
        assert_eq!(
            PictureFile::parse(text).as_ref().map(PictureFile::content_type),
            expected.as_ref().copied(),
            "{text:?}"
        );
    }

    #[test]
    fn a_picture_file_is_named_by_its_content() {
        let name = PictureFile::of(b"bytes", Format::WebP);
        assert_eq!(name, PictureFile::of(b"bytes", Format::WebP));
        assert_ne!(name, PictureFile::of(b"others", Format::WebP));
        assert_eq!(PictureFile::parse(name.as_str()), Ok(name));
    }

    #[test]
    fn a_picture_file_has_one_shape() {
        let digits = "0123456789abcdef".repeat(2);
        check(&format!("{digits}.webp"), Ok("image/webp"));
        check(&format!("{digits}.jpg"), Ok("image/jpeg"));
        check(&format!("{digits}.png"), Ok("image/png"));
        for text in ["", ".webp", "../etc/passwd", "0123.webp"] {
            check(text, Err(NotAPictureFile));
        }
        for ending in ["", ".", ".gif", ".webp.", ".WEBP", ".webp/", ".webp\n", ".webp.png"] {
            check(&format!("{digits}{ending}"), Err(NotAPictureFile));
        }
        check(&format!("{}.png", digits.to_uppercase()), Err(NotAPictureFile));
        check(&format!("/{}.png", &digits[1..]), Err(NotAPictureFile));
        check(&format!("{digits}0.png"), Err(NotAPictureFile));
    }
}
