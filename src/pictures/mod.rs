//! What a camera made becomes what a page shows: upright, no metadata, three sizes; this room alone knows picture formats.

mod cleaned;
mod colour;
mod decode;
mod encode;
mod file;
mod gallery;
mod jpeg;
mod logo;
mod originals;
mod outline;
mod refusal;
mod render;
#[cfg(test)]
mod sample;
mod scale;
mod sheet;
mod source;

pub use cleaned::{Cleaned, Size};
pub use file::{NotAPictureFile, PictureFile};
pub use gallery::Gallery;
pub use originals::Originals;
pub use refusal::NotAPicture;
pub use render::{Picture, Rendered, Rendition};
pub use sheet::{Cell, Sheet};
pub use source::Source;
