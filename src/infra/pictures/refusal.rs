//! Why a picture is refused.

/// Why a file of the catalog cannot be shown, in one sentence for the seller.
///
/// Shape: `name` is the file's name in the catalog; it is printed in quotes, with control characters escaped.
#[derive(Debug, thiserror::Error)]
pub enum NotAPicture {
    #[error(
        "{name:?} is not a valid file name: it must not be empty or contain control characters"
    )]
    Name { name: String },
    #[error(
        "the picture {name:?} was not found: put it into the picture folder, or correct its name in the catalog"
    )]
    Missing { name: String },
    #[error(
        "the picture {name:?} is outside the picture folder: use a file in that folder, for example shirts/red.jpg"
    )]
    Outside { name: String },
    #[error(
        "the picture {name:?} is a symbolic link or behind one: copy the file itself into the picture folder"
    )]
    Link { name: String },
    #[error("the picture {name:?} is a folder or a device: use a file")]
    NotAFile { name: String },
    #[error("the picture {name:?} cannot be read ({why}): give the shop's user read access")]
    Unreadable { name: String, why: std::io::Error },
    #[error("the picture {name:?} is larger than 32 MB: save it smaller")]
    TooHeavy { name: String },
    #[error(
        "the picture {name:?} has {width} by {height} pixels: \
         save it with at most 50 megapixels (25 with 16 bits per colour) and 65535 pixels a side"
    )]
    TooManyPixels { name: String, width: u32, height: u32 },
    #[error("the picture {name:?} is {found}: save it as JPEG, PNG or WebP")]
    OtherFormat { name: String, found: &'static str },
    #[error(
        "the picture {name:?} is a rare kind of JPEG (lossless, arithmetic, 12 bits or two colours): save it as an ordinary JPEG"
    )]
    RareJpeg { name: String },
    #[error("the picture {name:?} is in CMYK (print colours): save it as RGB")]
    ForPrint { name: String },
    #[error("the picture {name:?} is animated: save a single frame instead")]
    Animated { name: String },
    #[error("the picture {name:?} is damaged or truncated: copy it again from its source")]
    Damaged { name: String },
    #[error("the picture {name:?} has a colour profile that cannot be used: convert it to sRGB")]
    Profile { name: String },
    #[error(
        "the picture {name:?} is too detailed for a logo of at most 8 KB: save it with less detail or without partial transparency"
    )]
    TooBusy { name: String },
    #[error("the picture {name:?} could not be converted: there may be too little free memory")]
    Unwritten { name: String },
}
