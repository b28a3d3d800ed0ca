//! Turns photos into pictures for pages: upright, without metadata, in three sizes. Only this module knows picture
//! formats.

mod colour;
mod decode;
mod decoded;
mod encode;
mod file;
mod gallery;
mod image_header;
mod jpeg;
mod logo;
mod originals;
mod read_header;
mod refusal;
mod render;
mod sanitized;
mod scale;
mod shrink;
mod source;
mod sprite_sheet;
#[cfg(test)]
mod test_images;

pub use file::{NotAPictureFile, PictureFile, Rendered};
pub use gallery::Gallery;
pub use originals::Originals;
pub use refusal::{NotAPicture, PictureFault};
pub use render::{Picture, Rendition};
pub use sanitized::Sanitized;
pub use source::Source;
pub use sprite_sheet::{Cell, Sheet};
