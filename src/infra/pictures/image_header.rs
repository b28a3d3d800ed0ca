//! Format and size of a picture, before it is decoded.

use crate::infra::pictures::file::Format;
use crate::infra::pictures::refusal::PictureFault;

/// Units: pixels; with 8 bits per channel, and with 16.
const MAX_PIXELS: u64 = 50_000_000;
const MAX_DEEP_PIXELS: u64 = 25_000_000;
const LONGEST_SIDE: u32 = 65_535;

/// The properties of a picture that are known before any pixel is decoded.
///
/// Shape: `bytes` is the file for the decoder: without comments, texts and anything after its end.
pub(super) struct ImageHeader {
    pub format: Format,
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
    pub deep: bool,
    pub animated: bool,
    pub for_print: bool,
}

impl ImageHeader {
    /// Refuses a file by its header, before memory is allocated for its pixels.
    pub fn read_checked(bytes: &[u8]) -> Result<Self, PictureFault> {
        let header = Self::read(bytes)?;
        if header.animated {
            return Err(PictureFault::Animated);
        }
        if header.for_print {
            return Err(PictureFault::ForPrint);
        }
        let (width, height) = (header.width, header.height);
        let most = if header.deep { MAX_DEEP_PIXELS } else { MAX_PIXELS };
        if LONGEST_SIDE < width.max(height) || most < u64::from(width) * u64::from(height) {
            return Err(PictureFault::TooManyPixels { width, height });
        }
        Ok(header)
    }
}
