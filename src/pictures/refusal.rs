/// Why a file that the catalog names cannot be shown, in one sentence for the seller.
///
/// Shape: `name` is the file's name as the catalog gives it; it is printed in quotes, with control characters escaped.
#[derive(Debug, thiserror::Error)]
pub enum NotAPicture {
    #[error(
        "{name:?} is not the name of a picture: write a name that is not empty and has no control characters"
    )]
    Name { name: String },
    #[error(
        "the picture {name:?} is not there: put it into the picture folder, or correct its name in the catalog"
    )]
    Missing { name: String },
    #[error(
        "the picture {name:?} lies outside the picture folder: name a file inside that folder, for example shirts/red.jpg"
    )]
    Outside { name: String },
    #[error(
        "the picture {name:?} is a symbolic link, or lies behind one: copy the file itself into the picture folder"
    )]
    Link { name: String },
    #[error("the picture {name:?} is a folder or a device: name a file")]
    NotAFile { name: String },
    #[error("the picture {name:?} cannot be read ({why}): let the user that runs the shop read it")]
    Unreadable { name: String, why: std::io::Error },
    #[error("the picture {name:?} is larger than 32 MB: save it smaller")]
    TooHeavy { name: String },
    #[error(
        "the picture {name:?} measures {width} by {height} pixels: \
         save it with at most 50 megapixels (25 where a colour has 16 bits) and 65535 pixels a side"
    )]
    TooManyPixels { name: String, width: u32, height: u32 },
    #[error("the picture {name:?} is {found}: save it as JPEG, PNG or WebP")]
    OtherFormat { name: String, found: &'static str },
    #[error(
        "the picture {name:?} is a rare kind of JPEG (lossless, arithmetic, 12 bits or two colours): save it as an ordinary JPEG"
    )]
    RareJpeg { name: String },
    #[error("the picture {name:?} is in CMYK, the colours of printing: save it as RGB")]
    ForPrint { name: String },
    #[error("the picture {name:?} moves: save one of its frames as a picture of its own")]
    Animated { name: String },
    #[error("the picture {name:?} is damaged or cut short: copy it again from where it came")]
    Damaged { name: String },
    #[error("the picture {name:?} has a colour profile that cannot be used: convert it to sRGB")]
    Profile { name: String },
    #[error(
        "the picture {name:?} is too busy for a logo, which may weigh 8 KB: save it with fewer details or without shades of transparency"
    )]
    TooBusy { name: String },
    #[error(
        "the picture {name:?} could not be written for the page: there may be too little memory free"
    )]
    Unwritten { name: String },
}
