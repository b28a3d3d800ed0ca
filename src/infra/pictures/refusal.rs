//! Why a picture is refused.

/// Why a file of the catalog cannot be shown, in one sentence for the seller.
///
/// Shape: `name` is the file's name in the catalog; it is printed in quotes, with control characters escaped.
#[derive(Debug, thiserror::Error)]
#[error("{}{name:?} {fault}", .fault.article())]
pub struct NotAPicture {
    pub name: String,
    pub fault: PictureFault,
}

/// What is wrong with a picture. Each text follows its name.
#[derive(Debug, thiserror::Error)]
pub enum PictureFault {
    #[error("is not a valid file name: it must not be empty or contain control characters")]
    Name,
    #[error("was not found: put it into the picture folder, or correct its name in the catalog")]
    Missing,
    #[error("is outside the picture folder: use a file in that folder, for example shirts/red.jpg")]
    Outside,
    #[error("is a symbolic link or behind one: copy the file itself into the picture folder")]
    Link,
    #[error("is a folder or a device: use a file")]
    NotAFile,
    #[error("cannot be read ({0}): give the shop's user read access")]
    Unreadable(std::io::Error),
    #[error("is larger than 32 MB: save it smaller")]
    TooHeavy,
    #[error(
        "has {width} by {height} pixels: \
         save it with at most 50 megapixels (25 with 16 bits per colour) and 65535 pixels a side"
    )]
    TooManyPixels { width: u32, height: u32 },
    #[error("is {0}: save it as JPEG, PNG or WebP")]
    OtherFormat(&'static str),
    #[error(
        "is a HEIC picture, which the shop cannot read: convert it to JPEG or PNG, for example with \
         `heif-convert photo.heic photo.jpg` (Debian: libheif-examples), or let the phone save JPEG (iPhone: Settings, \
         Camera, Formats, Most Compatible)"
    )]
    Heic,
    #[error(
        "is an AVIF picture, which the shop cannot read: convert it to JPEG or PNG, for example with \
         `avifdec picture.avif picture.png` (Debian: libavif-bin)"
    )]
    Avif,
    #[error(
        "is a rare kind of JPEG (lossless, arithmetic, 12 bits or two colours): save it as an ordinary JPEG"
    )]
    RareJpeg,
    #[error("is in CMYK (print colours): save it as RGB")]
    ForPrint,
    #[error("is animated: save a single frame instead")]
    Animated,
    #[error("is damaged or truncated: copy it again from its source")]
    Damaged,
    #[error("has a colour profile that cannot be used: convert it to sRGB")]
    Profile,
    #[error(
        "is too detailed for a logo of at most 8 KB: save it with less detail or without partial transparency"
    )]
    TooDetailed,
    #[error("could not be converted: there may be too little free memory")]
    NotConverted,
}

impl PictureFault {
    /// What precedes the name.
    fn article(&self) -> &'static str {
        if matches!(self, Self::Name) { "" } else { "the picture " }
    }
}
